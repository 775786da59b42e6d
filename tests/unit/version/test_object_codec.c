#include "version/object_codec.h"

#include "history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

static const uint64_t SEED = UINT64_C(0x6772616d6d650005);

/* Whatever is accepted has this one spelling and keeps every invariant. */
static bool accepted(struct view bytes, struct arena *arena) {
    struct object object = {.mark = 77};
    if (!object_decode(bytes, arena, &object)) {
        assert_int_equal(object.mark, 77);
        assert_int_equal(object.value_count, 0);
        return false;
    }
    assert_true(object_is_valid(&object));
    struct buffer again;
    buffer_init(&again);
    object_encode(&again, &object);
    assert_true(view_equal(buffer_view(&again), bytes));
    buffer_release(&again);
    return true;
}

static void assert_bytes(struct view bytes, bool valid) {
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(accepted(bytes, &arena), valid);
    arena_release(&arena);
}

/* Changed, cut, grown and spliced encodings of objects that histories lead to. */
static void test_mutations(void **state) {
    (void)state;
    enum { HISTORIES = 300, MUTATIONS = 100 };
    printf("seed 0x%" PRIx64 ", %d histories\n", SEED, HISTORIES);
    static struct history history;
    static uint8_t mutant[65536];
    uint64_t let_through = 0;
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_init(&history, SEED + i, CONFLICT_SIBLINGS);
        for (int step = 0; step < 60; step++) {
            history_step(&history);
        }
        struct copy copy = history_pick(&history);
        struct buffer buffer;
        buffer_init(&buffer);
        object_encode(&buffer, &copy.object);
        struct view bytes = buffer_view(&buffer);
        assert_true(bytes.size + 1 <= sizeof(mutant));
        assert_true(accepted(bytes, &history.arena));
        for (size_t size = 0; size < bytes.size; size++) {
            assert_false(accepted(view_slice(bytes, 0, size), &history.arena));
        }
        memcpy(mutant, bytes.data, bytes.size);
        mutant[bytes.size] = 0;
        assert_false(accepted(view_of(mutant, bytes.size + 1), &history.arena));
        for (int j = 0; j < MUTATIONS; j++) {
            memcpy(mutant, bytes.data, bytes.size);
            for (uint64_t changes = rng_between(&history.rng, 1, 3); changes > 0; changes--) {
                size_t at = (size_t)rng_below(&history.rng, bytes.size);
                mutant[at] = rng_chance(&history.rng, 500000)
                                 ? (uint8_t)(mutant[at] + rng_between(&history.rng, 0, 2) - 1)
                                 : (uint8_t)rng_next(&history.rng);
            }
            let_through += accepted(view_of(mutant, bytes.size), &history.arena);
        }
        buffer_release(&buffer);
        history_release(&history);
    }
    assert_true(let_through > 0);
}

/* An object of one value, told byte by byte, with one part at a time not as it should be. */
struct spelling {
    uint8_t format;
    uint64_t mark;
    uint64_t greatest;
    uint64_t vector_count;
    struct dot entry;
    uint64_t value_count;
    uint64_t place;
    uint64_t behind;
    uint64_t older;
    uint8_t type;
    uint8_t value_format;
    uint64_t at;
    uint64_t stamp;
    uint64_t size;
    bool has_resets;
    uint64_t reset_count;
    uint64_t reset_place;
    uint64_t reset_behind;
};

static void assert_spelling(const struct spelling *spelling, bool valid) {
    struct buffer buffer;
    buffer_init(&buffer);
    write_u8(&buffer, spelling->format);
    write_varint(&buffer, spelling->mark);
    write_u64(&buffer, spelling->greatest);
    write_varint(&buffer, spelling->vector_count | (spelling->has_resets ? UINT64_C(1) << 20 : 0));
    write_varint(&buffer, 0);
    if (spelling->vector_count > 0) {
        write_u64(&buffer, spelling->entry.actor);
        write_varint(&buffer, spelling->entry.n);
    }
    if (spelling->has_resets) {
        write_varint(&buffer, spelling->reset_count);
        write_varint(&buffer, spelling->reset_place);
        write_varint(&buffer, spelling->reset_behind);
        write_u64(&buffer, 17);
    }
    write_varint(&buffer, spelling->value_count);
    if (spelling->value_count > 0) {
        write_varint(&buffer, spelling->place);
        write_varint(&buffer, spelling->behind);
        write_varint(&buffer, spelling->older);
        write_u8(&buffer, spelling->type);
        write_u8(&buffer, spelling->value_format);
        if ((spelling->type & 0x80) != 0) {
            write_varint(&buffer, spelling->at);
            write_varint(&buffer, spelling->stamp);
        }
        write_digest(&buffer, hash128(VIEW("abc")));
        write_varint(&buffer, spelling->size);
        write_bytes(&buffer, VIEW("abc"));
    }
    assert_bytes(buffer_view(&buffer), valid);
    buffer_release(&buffer);
}

static void test_spellings_that_are_not_canonical(void **state) {
    (void)state;
    const struct spelling good = {1, 5, 1000, 1,     {9, 300}, 1, 0, 2, 10, VALUE_STRING, VALUE_FORMAT,
                                  0, 0, 3,    false, 1,        0, 5};
    struct spelling bad = good;
    assert_spelling(&good, true);

#define EXPECT(field, value, valid)                                                                                    \
    bad = good;                                                                                                        \
    bad.field = (value);                                                                                               \
    assert_spelling(&bad, valid)

    EXPECT(format, 0, false);
    EXPECT(format, 2, false);
    EXPECT(mark, UINT64_MAX, true);
    EXPECT(greatest, 10, true);
    EXPECT(greatest, 9, false); /* older than time began */
    EXPECT(vector_count, 2, false);
    EXPECT(vector_count, UINT64_MAX, false);
    EXPECT(entry.actor, 0, false);
    EXPECT(entry.n, 0, false);
    EXPECT(entry.n, 2, false); /* the value is the event before the first */
    EXPECT(entry.n, 3, true);
    EXPECT(value_count, 2, false);
    EXPECT(value_count, UINT64_MAX, false);
    EXPECT(place, 1, false);
    EXPECT(place, UINT64_MAX, false);
    EXPECT(behind, 299, true);
    EXPECT(behind, 300, false);
    EXPECT(older, 1000, true);
    EXPECT(older, UINT64_MAX, false);
    EXPECT(type, VALUE_TOMBSTONE, true);
    EXPECT(type, VALUE_COUNTER, true);
    EXPECT(type, VALUE_COUNTER + 1, false);
    EXPECT(type, 0x40, false);
    EXPECT(type, 0x80, false); /* a register that says nothing */
    EXPECT(value_format, 0, false);
    EXPECT(value_format, VALUE_FORMAT + 1, false);
    EXPECT(size, 2, false);
    EXPECT(size, 4, false);
    EXPECT(size, UINT64_MAX, false);
#undef EXPECT

    bad = good;
    bad.type = 0x80;
    bad.at = 1;
    assert_spelling(&bad, true);
    bad.at = 0;
    bad.stamp = 1;
    assert_spelling(&bad, true);
}

static void test_spellings_of_resets(void **state) {
    (void)state;
    const struct spelling good = {1, 5, 1000, 1,    {9, 300}, 1, 0, 2, 10, VALUE_COUNTER, VALUE_FORMAT,
                                  0, 0, 3,    true, 1,        0, 5};
    struct spelling bad = good;
    assert_spelling(&good, true);
    bad.reset_count = 0; /* nothing to say has one spelling */
    assert_spelling(&bad, false);
    bad.reset_count = 2;
    assert_spelling(&bad, false);
    bad.reset_count = UINT64_MAX;
    assert_spelling(&bad, false);
    bad = good;
    bad.reset_place = 1;
    assert_spelling(&bad, false);
    bad = good;
    bad.reset_behind = 299;
    assert_spelling(&bad, true);
    bad.reset_behind = 300;
    assert_spelling(&bad, false);
    bad.reset_behind = 2; /* the counter itself: who replaced it does not hold it */
    assert_spelling(&bad, false);
    bad.type = VALUE_STRING;
    assert_spelling(&bad, true);
}

static void test_absent_objects_have_one_spelling(void **state) {
    (void)state;
    struct spelling absent = {.format = 1};
    assert_spelling(&absent, true);
    absent.mark = 1;
    assert_spelling(&absent, false);
    absent.mark = 0;
    absent.greatest = 1;
    assert_spelling(&absent, false);
}

static void test_a_usual_object_is_compact(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct object nothing = object_empty();
    struct context past = context_empty();
    struct stamp stamp = {{UINT64_C(0xfedcba9876543210), 1}, {UINT64_C(1700000000000) << 16}, 12};
    struct value value = {.format = VALUE_FORMAT, .hash = hash128(VIEW("value")), .bytes = VIEW("value")};
    struct object object = object_put(&nothing, &past, &stamp, &value, CONFLICT_SIBLINGS, &arena);
    struct buffer buffer;
    buffer_init(&buffer);
    object_encode(&buffer, &object);
    assert_int_equal(buffer_size(&buffer), 44 + 5);
    buffer_release(&buffer);
    arena_release(&arena);
}

static void test_hashes(void **state) {
    (void)state;
    struct dot dot = {1, 1};
    struct value values[2] = {
        {.dot = {1, 1}, .format = VALUE_FORMAT, .hash = hash128(VIEW("a")), .bytes = VIEW("a")},
        {.dot = {2, 1}, .format = VALUE_FORMAT, .hash = hash128(VIEW("")), .bytes = VIEW("")},
    };
    struct object object = {.context = {.vector = &dot, .vector_count = 1}, .values = values, .value_count = 2};
    assert_true(object_is_whole(&object));
    values[1].hash.low ^= 1;
    assert_false(object_is_whole(&object));
    object.value_count = 1;
    assert_true(object_is_whole(&object));
    values[0].bytes = VIEW("b");
    assert_false(object_is_whole(&object));
}

static void test_records(void **state) {
    (void)state;
    static struct history history;
    struct buffer buffer;
    struct buffer plain;
    buffer_init(&buffer);
    buffer_init(&plain);
    for (uint64_t i = 0; i < 100; i++) {
        history_init(&history, SEED + i, CONFLICT_SIBLINGS);
        for (int step = 0; step < 30; step++) {
            history_step(&history);
        }
        struct copy copy = history_pick(&history);
        struct local_actor local = {0, 0, 0};
        if (i % 3 != 0) {
            local = (struct local_actor){rng_next(&history.rng) | 1, rng_next(&history.rng) | 1, i};
        }
        buffer_clear(&buffer);
        buffer_clear(&plain);
        record_encode(&buffer, &local, &copy.object);
        object_encode(&plain, &copy.object);
        struct record record;
        assert_true(record_decode(buffer_view(&buffer), &record));
        assert_true(record.local.run == local.run && record.local.actor == local.actor && record.local.n == local.n);
        assert_true(view_equal(record.object_bytes, buffer_view(&plain)));
        size_t head = buffer_size(&buffer) - buffer_size(&plain);
        for (size_t size = 0; size <= head; size++) {
            assert_false(record_decode(view_slice(buffer_view(&buffer), 0, size), &record));
        }
        history_release(&history);
    }
    const uint8_t wrong[][20] = {
        {0, 0, 9}, {2, 0, 9}, {1, 2, 9}, {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct record record;
        assert_false(record_decode(view_of(wrong[i], sizeof(wrong[i])), &record));
    }
    buffer_release(&buffer);
    buffer_release(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_spellings_that_are_not_canonical),
        cmocka_unit_test(test_spellings_of_resets),
        cmocka_unit_test(test_absent_objects_have_one_spelling),
        cmocka_unit_test(test_a_usual_object_is_compact),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
