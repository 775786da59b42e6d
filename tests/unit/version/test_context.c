#include "version/context.h"

#include "base/rng.h"
#include "version/object_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

enum { ACTORS = 5, MOST = 12, ROUNDS = 20000 };

static const uint64_t SEED = UINT64_C(0x6772616d6d650002);

/* The model: which of MOST events of each actor are known. */
struct events {
    bool known[ACTORS][MOST + 1];
};

static uint64_t actor_of(uint32_t index) {
    return index + 1 == ACTORS ? UINT64_MAX : (uint64_t)index * 3 + 1;
}

static struct events random_events(struct rng *rng) {
    struct events events = {0};
    uint32_t density = (uint32_t)rng_below(rng, 1000000);
    for (uint32_t actor = 0; actor < ACTORS; actor++) {
        uint64_t prefix = rng_below(rng, 3) == 0 ? 0 : rng_below(rng, MOST + 1);
        for (uint32_t n = 1; n <= MOST; n++) {
            events.known[actor][n] = n <= prefix || rng_chance(rng, density);
        }
    }
    return events;
}

static struct events union_of(const struct events *a, const struct events *b) {
    struct events both = *a;
    for (uint32_t actor = 0; actor < ACTORS; actor++) {
        for (uint32_t n = 1; n <= MOST; n++) {
            both.known[actor][n] |= b->known[actor][n];
        }
    }
    return both;
}

static bool subset_of(const struct events *a, const struct events *b) {
    for (uint32_t actor = 0; actor < ACTORS; actor++) {
        for (uint32_t n = 1; n <= MOST; n++) {
            if (a->known[actor][n] && !b->known[actor][n]) {
                return false;
            }
        }
    }
    return true;
}

static uint32_t list_of(const struct events *events, struct dot *dots) {
    uint32_t count = 0;
    for (uint32_t actor = 0; actor < ACTORS; actor++) {
        for (uint32_t n = 1; n <= MOST; n++) {
            if (events->known[actor][n]) {
                dots[count++] = (struct dot){actor_of(actor), n};
            }
        }
    }
    return count;
}

static void shuffle(struct rng *rng, struct dot *dots, uint32_t count) {
    for (uint32_t left = count; left > 1; left--) {
        uint32_t other = (uint32_t)rng_below(rng, left);
        struct dot swap = dots[left - 1];
        dots[left - 1] = dots[other];
        dots[other] = swap;
    }
}

/* One event after the other, in any order. */
static struct context context_by_adding(struct rng *rng, const struct events *events, struct arena *arena) {
    struct dot dots[ACTORS * MOST];
    uint32_t count = list_of(events, dots);
    shuffle(rng, dots, count);
    struct context context = context_empty();
    for (uint32_t i = 0; i < count; i++) {
        context = context_add(&context, dots[i], arena);
    }
    return context;
}

/* All at once, with repetitions, and what is a prefix partly told as entries. */
static struct context context_by_normalising(struct rng *rng, const struct events *events, struct arena *arena) {
    struct dot dots[2 * ACTORS * MOST];
    struct dot entries[2 * ACTORS];
    uint32_t count = list_of(events, dots);
    memcpy(dots + count, dots, sizeof(dots[0]) * count);
    shuffle(rng, dots, 2 * count);
    uint32_t entry_count = 0;
    for (uint32_t actor = 0; actor < ACTORS; actor++) {
        uint64_t prefix = 0;
        while (prefix < MOST && events->known[actor][prefix + 1]) {
            prefix++;
        }
        entries[entry_count++] = (struct dot){actor_of(actor), rng_between(rng, 0, prefix)};
        entries[entry_count++] = (struct dot){actor_of(actor), rng_between(rng, 0, prefix)};
    }
    shuffle(rng, entries, entry_count);
    return context_normalise(entries, entry_count, dots, 2 * count, (struct hybrid_time){0}, arena);
}

static void assert_is(const struct context *context, const struct events *events) {
    assert_true(context_is_valid(context));
    bool empty = true;
    for (uint32_t actor = 0; actor < ACTORS; actor++) {
        for (uint32_t n = 1; n <= MOST; n++) {
            assert_int_equal(context_contains(context, (struct dot){actor_of(actor), n}), events->known[actor][n]);
            empty = empty && !events->known[actor][n];
        }
        assert_false(context_contains(context, (struct dot){actor_of(actor), MOST + 1}));
        assert_false(context_contains(context, (struct dot){actor_of(actor) - 1, 1}));
    }
    assert_int_equal(context_is_empty(context), empty);
}

static void test_against_sets(void **state) {
    (void)state;
    printf("seed 0x%" PRIx64 ", %d rounds\n", SEED, ROUNDS);
    struct rng rng;
    rng_init(&rng, SEED);
    struct arena arena;
    arena_init(&arena);
    uint32_t covered = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct events a_events = random_events(&rng);
        struct events b_events = random_events(&rng);
        if (rng_below(&rng, 4) == 0) {
            b_events = union_of(&a_events, &b_events);
        }
        struct events both = union_of(&a_events, &b_events);
        struct context a = context_by_adding(&rng, &a_events, &arena);
        struct context b = context_by_normalising(&rng, &b_events, &arena);
        assert_is(&a, &a_events);
        assert_is(&b, &b_events);

        struct context joined = context_join(&a, &b, &arena);
        struct context reversed = context_join(&b, &a, &arena);
        struct context direct = context_by_adding(&rng, &both, &arena);
        assert_is(&joined, &both);
        assert_true(context_equal(&joined, &reversed));
        assert_true(context_equal(&joined, &direct));
        assert_int_equal(context_covered_by(&a, &b), subset_of(&a_events, &b_events));
        assert_int_equal(context_covered_by(&b, &a), subset_of(&b_events, &a_events));
        assert_int_equal(context_equal(&a, &b), subset_of(&a_events, &b_events) && subset_of(&b_events, &a_events));
        covered += context_covered_by(&a, &b);
        arena_reset(&arena);
    }
    assert_true(covered > ROUNDS / 8);
    arena_release(&arena);
}

static void test_a_row_of_detached_dots_folds_at_once(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct context context = context_empty();
    for (uint64_t n = 6; n >= 2; n--) {
        context = context_add(&context, (struct dot){4, n}, &arena);
        assert_int_equal(context.vector_count, 0);
        assert_int_equal(context.detached_count, 7 - n);
    }
    context = context_add(&context, (struct dot){4, 9}, &arena);
    context = context_add(&context, (struct dot){4, 1}, &arena);
    assert_int_equal(context.vector_count, 1);
    assert_int_equal(context.vector[0].n, 6);
    assert_int_equal(context.detached_count, 1);
    assert_int_equal(context.detached[0].n, 9);
    arena_release(&arena);
}

static void test_join_takes_the_greater_time(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct context a = context_empty();
    struct context b = context_empty();
    a = context_add(&a, (struct dot){1, 1}, &arena);
    a.greatest.value = 5;
    b.greatest.value = 7;
    assert_int_equal(context_join(&a, &b, &arena).greatest.value, 7);
    b = a;
    b.greatest.value = 4;
    assert_int_equal(context_join(&a, &b, &arena).greatest.value, 5);
    b = context_add(&b, (struct dot){2, 4}, &arena);
    assert_int_equal(b.greatest.value, 4);
    assert_int_equal(context_join(&b, &a, &arena).greatest.value, 5);
    arena_release(&arena);
}

static void test_the_ends_of_the_numbers(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct dot entry = {9, UINT64_MAX - 1};
    struct context context = context_normalise(&entry, 1, NULL, 0, (struct hybrid_time){UINT64_MAX}, &arena);
    assert_true(context_contains(&context, (struct dot){9, UINT64_MAX - 1}));
    assert_false(context_contains(&context, (struct dot){9, UINT64_MAX}));
    context = context_add(&context, (struct dot){9, UINT64_MAX}, &arena);
    assert_int_equal(context.detached_count, 0);
    assert_true(context_is_valid(&context));
    context = context_add(&context, (struct dot){9, 3}, &arena);
    assert_true(context.vector[0].n == UINT64_MAX);
    arena_release(&arena);
}

static void test_forms_that_are_not_canonical(void **state) {
    (void)state;
    struct {
        struct dot vector[2];
        struct dot detached[2];
        uint32_t vector_count;
        uint32_t detached_count;
        bool valid;
    } cases[] = {
        {{{1, 1}, {2, 1}}, {{1, 3}, {2, 3}}, 2, 2, true},
        {{{2, 1}, {1, 1}}, {{0}}, 2, 0, false},
        {{{1, 1}, {1, 2}}, {{0}}, 2, 0, false},
        {{{0, 1}}, {{0}}, 1, 0, false},
        {{{1, 0}}, {{0}}, 1, 0, false},
        {{{0}}, {{1, 2}, {1, 3}}, 0, 2, true},
        {{{0}}, {{1, 1}}, 0, 1, false},
        {{{0}}, {{1, 0}}, 0, 1, false},
        {{{0}}, {{0, 2}}, 0, 1, false},
        {{{0}}, {{1, 3}, {1, 2}}, 0, 2, false},
        {{{0}}, {{1, 3}, {1, 3}}, 0, 2, false},
        {{{1, 4}}, {{1, 4}}, 1, 1, false},
        {{{1, 4}}, {{1, 5}}, 1, 1, false},
        {{{1, 4}}, {{1, 6}, {2, 1}}, 1, 2, false},
        {{{1, UINT64_MAX}}, {{1, 1}}, 1, 1, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct context context = {.vector = cases[i].vector,
                                  .detached = cases[i].detached,
                                  .vector_count = cases[i].vector_count,
                                  .detached_count = cases[i].detached_count};
        assert_int_equal(context_is_valid(&context), cases[i].valid);
        /* A decoder lets through the canonical ones and no other. */
        struct buffer buffer;
        buffer_init(&buffer);
        struct arena arena;
        arena_init(&arena);
        context_encode(&buffer, &context);
        assert_true(buffer_size(&buffer) <= context_encoded_most(&context));
        struct reader reader = reader_of(buffer_view(&buffer));
        struct context read = {.vector_count = 77};
        assert_int_equal(context_decode(&reader, &arena, &read), cases[i].valid);
        assert_int_equal(reader.failed, !cases[i].valid);
        assert_int_equal(read.vector_count, cases[i].valid ? cases[i].vector_count : 77);
        arena_release(&arena);
        buffer_release(&buffer);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED + 1);
    struct arena arena;
    arena_init(&arena);
    struct buffer buffer;
    buffer_init(&buffer);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct events events = random_events(&rng);
        struct context context = context_by_normalising(&rng, &events, &arena);
        context.greatest.value = rng_next(&rng);
        buffer_clear(&buffer);
        context_encode(&buffer, &context);
        write_u8(&buffer, 42);
        assert_true(buffer_size(&buffer) <= context_encoded_most(&context) + 1);
        struct reader reader = reader_of(buffer_view(&buffer));
        struct context read;
        assert_true(context_decode(&reader, &arena, &read));
        assert_true(context_equal(&read, &context));
        assert_true(read.greatest.value == context.greatest.value);
        assert_int_equal(read_u8(&reader), 42);
        assert_true(reader_finished(&reader));
        arena_reset(&arena);
    }
    buffer_release(&buffer);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_sets),
        cmocka_unit_test(test_a_row_of_detached_dots_folds_at_once),
        cmocka_unit_test(test_join_takes_the_greater_time),
        cmocka_unit_test(test_the_ends_of_the_numbers),
        cmocka_unit_test(test_forms_that_are_not_canonical),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
