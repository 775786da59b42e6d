/* What a fallback keeps: bytes and back, and the set of owners. */
#include "core/hint_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct node_id id_of(uint8_t byte) {
    struct node_id id;
    memset(id.bytes, byte, sizeof(id.bytes));
    return id;
}

static struct object one_value(struct arena *arena, const char *text) {
    struct stamp stamp = {.dot = {7, 1}, .time = {1000}, .mark = 1};
    struct value value = {.format = VALUE_FORMAT, .hash = hash128(view_of_string(text)), .bytes = view_of_string(text)};
    struct object empty = object_empty();
    return object_put(&empty, &empty.context, &stamp, &value, CONFLICT_SIBLINGS, arena);
}

static void the_set_holds_each_owner_once(void **state) {
    (void)state;
    struct hint_owners owners = {0};
    assert_true(hint_owners_add(&owners, id_of(1)));
    assert_true(hint_owners_add(&owners, id_of(2)));
    assert_true(hint_owners_add(&owners, id_of(1)));
    assert_int_equal(owners.count, 2);
    hint_owners_remove(&owners, id_of(1));
    hint_owners_remove(&owners, id_of(9));
    assert_int_equal(owners.count, 1);
    assert_false(hint_owners_contain(&owners, id_of(1)));
    assert_true(hint_owners_contain(&owners, id_of(2)));
    for (uint8_t byte = 10; owners.count < LIMIT_REPLICAS; byte++) {
        assert_true(hint_owners_add(&owners, id_of(byte)));
    }
    assert_false(hint_owners_add(&owners, id_of(99)));
    assert_true(hint_owners_add(&owners, id_of(2)));
}

static void a_record_comes_back_as_it_was(void **state) {
    (void)state;
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena);
    buffer_init(&bytes);
    struct object object = one_value(&arena, "apples");
    struct hint_owners owners = {.count = 2, .ids = {id_of(3), id_of(4)}};
    struct local_actor local = {.run = 5, .actor = 7, .n = 1};
    hint_record_encode(&bytes, &owners, &local, &object);

    struct hint_owners read_owners;
    struct record record;
    struct object read_object;
    assert_true(hint_record_decode(buffer_view(&bytes), &read_owners, &record));
    assert_int_equal(read_owners.count, 2);
    assert_true(hint_owners_contain(&read_owners, id_of(3)) && hint_owners_contain(&read_owners, id_of(4)));
    assert_int_equal(record.local.n, 1);
    assert_true(object_decode(record.object_bytes, &arena, &read_object));
    assert_true(object_equal(&read_object, &object));
    buffer_release(&bytes);
    arena_release(&arena);
}

static void other_bytes_are_refused(void **state) {
    (void)state;
    struct arena arena;
    struct buffer bytes;
    struct hint_owners owners = {.count = 1, .ids = {id_of(3)}};
    struct local_actor local = {0};
    struct record record;
    arena_init(&arena);
    buffer_init(&bytes);
    struct object object = one_value(&arena, "apples");
    hint_record_encode(&bytes, &owners, &local, &object);
    struct view whole = buffer_view(&bytes);
    for (size_t size = 0; size < 20; size++) { /* up to the first byte of the record's object */
        assert_false(hint_record_decode(view_slice(whole, 0, size), &owners, &record));
    }
    uint8_t *first = arena_take(&arena, whole.size);
    memcpy(first, whole.data, whole.size);
    first[0]++; /* the format */
    assert_false(hint_record_decode(view_of(first, whole.size), &owners, &record));
    first[0]--;
    first[1] = 0; /* for nobody */
    assert_false(hint_record_decode(view_of(first, whole.size), &owners, &record));
    first[1] = LIMIT_REPLICAS + 1;
    assert_false(hint_record_decode(view_of(first, whole.size), &owners, &record));
    buffer_release(&bytes);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_holds_each_owner_once),
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(other_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
