#include "version/counter.h"

#include "version/object_codec.h"
#include "version/shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Additions, resets and merges in all orders are in history.c; here is what clients are shown. */

struct fixture {
    struct arena arena;
    struct wall_time now;
    uint64_t time;
};

static int setup(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.now = {1000}, .time = 100};
    arena_init(&fixture.arena);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    return 0;
}

static struct stamp stamp_of(struct fixture *fixture, uint64_t actor, uint64_t n) {
    return (struct stamp){{actor, n}, {++fixture->time}, 0};
}

static struct object add_as(struct fixture *fixture, const struct object *object, uint64_t actor, uint64_t n,
                            int64_t addend) {
    struct stamp stamp = stamp_of(fixture, actor, n);
    return counter_add(object, &stamp, addend, fixture->now, CONFLICT_SIBLINGS, &fixture->arena);
}

static struct object set_as(struct fixture *fixture, const struct object *object, uint64_t actor, uint64_t n,
                            const char *text) {
    struct stamp stamp = stamp_of(fixture, actor, n);
    struct context past = object_past(object, &fixture->arena);
    struct value value = {.format = VALUE_FORMAT, .bytes = view_of_string(text)};
    value.hash = hash128(value.bytes);
    return object_put(object, &past, &stamp, &value, CONFLICT_SIBLINGS, &fixture->arena);
}

static struct object merged(struct fixture *fixture, const struct object *a, const struct object *b) {
    struct object ab = object_merge(a, b, CONFLICT_SIBLINGS, &fixture->arena);
    struct object ba = object_merge(b, a, CONFLICT_SIBLINGS, &fixture->arena);
    assert_true(object_equal(&ab, &ba));
    assert_true(object_is_valid(&ab));
    return ab;
}

static void assert_shows(struct fixture *fixture, const struct object *object, const char *text) {
    const struct value *shown = object_shown(object, fixture->now, &fixture->arena);
    if (text == NULL) {
        assert_null(shown);
        return;
    }
    assert_non_null(shown);
    assert_true(view_equal(shown->bytes, view_of_string(text)));
    assert_int_equal(shown->type, VALUE_STRING);
    assert_true(digest_equal(shown->hash, hash128(shown->bytes)));
}

static void test_additions_count_on_top_of_an_integer(void **state) {
    struct fixture *fixture = *state;
    struct object object = object_empty();
    object = set_as(fixture, &object, 1, 1, "100");
    struct object a = add_as(fixture, &object, 2, 1, 5);
    struct object b = add_as(fixture, &object, 3, 1, -7);
    struct object both = merged(fixture, &a, &b);
    assert_shows(fixture, &a, "105");
    assert_shows(fixture, &b, "93");
    assert_shows(fixture, &both, "98");
    assert_int_equal(both.value_count, 3);
    both = add_as(fixture, &both, 2, 2, -200);
    assert_shows(fixture, &both, "-102");
    assert_int_equal(both.value_count, 3);
}

static void test_a_string_hides_counters(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object word = set_as(fixture, &nothing, 1, 1, "word");
    struct object count = add_as(fixture, &nothing, 2, 1, 5);
    struct object both = merged(fixture, &word, &count);
    assert_shows(fixture, &both, "word");
    struct object siblings = object_siblings(&both, fixture->now, &fixture->arena);
    assert_int_equal(siblings.value_count, 2);
    assert_true(view_equal(siblings.values[0].bytes, VIEW("word")));
    assert_true(view_equal(siblings.values[1].bytes, VIEW("5")));
}

static void test_siblings_each_have_the_count(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object first = set_as(fixture, &nothing, 1, 1, "100");
    struct object second = set_as(fixture, &nothing, 2, 1, "200");
    struct object both = merged(fixture, &first, &second);
    both = add_as(fixture, &both, 3, 1, 3);
    struct object siblings = object_siblings(&both, fixture->now, &fixture->arena);
    assert_int_equal(siblings.value_count, 2);
    assert_true(view_equal(siblings.values[0].bytes, VIEW("103")));
    assert_true(view_equal(siblings.values[1].bytes, VIEW("203")));
    assert_shows(fixture, &both, "203");
}

static void test_what_replaces_leaves_what_it_has_not_seen(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object early = add_as(fixture, &nothing, 1, 1, 40);
    struct object late = add_as(fixture, &early, 1, 2, 1);
    struct object set = set_as(fixture, &early, 2, 1, "7");
    struct object both = merged(fixture, &set, &late);
    assert_shows(fixture, &set, "7");
    assert_shows(fixture, &both, "8");
    struct object again = set_as(fixture, &both, 3, 1, "0");
    assert_shows(fixture, &again, "0");
    struct object old = merged(fixture, &again, &early);
    assert_true(object_equal(&old, &again));
    struct object more = add_as(fixture, &late, 1, 3, 10); /* knows of no SET */
    more = merged(fixture, &again, &more);
    assert_shows(fixture, &more, "10");
}

static void test_it_wraps_and_says_so(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object a = add_as(fixture, &nothing, 1, 1, INT64_MAX);
    struct object b = add_as(fixture, &nothing, 2, 1, 1);
    struct object both = merged(fixture, &a, &b);
    assert_shows(fixture, &both, "-9223372036854775808");
    both = add_as(fixture, &both, 1, 2, INT64_MAX);
    assert_shows(fixture, &both, "-1");
}

static void test_it_expires_as_what_is_shown_and_begins_anew(void **state) {
    struct fixture *fixture = *state;
    struct object object = object_empty();
    object = add_as(fixture, &object, 1, 1, 5);
    object = object_expire(&object, (struct expiry){{2000}, {++fixture->time}}, fixture->now, &fixture->arena);
    object = add_as(fixture, &object, 2, 1, 6);
    const struct value *shown = object_shown(&object, fixture->now, &fixture->arena);
    assert_int_equal(shown->expiry.at.ms, 2000);
    assert_shows(fixture, &object, "11");
    fixture->now.ms = 2000;
    assert_shows(fixture, &object, NULL);
    object = add_as(fixture, &object, 1, 2, 1);
    assert_shows(fixture, &object, "1");
    assert_int_equal(object.value_count, 2); /* the other actor's, which has expired */
    shown = object_shown(&object, fixture->now, &fixture->arena);
    assert_int_equal(shown->expiry.at.ms, 0);
    object = object_expire(&object, (struct expiry){{5000}, {++fixture->time}}, fixture->now, &fixture->arena);
    assert_shows(fixture, &object, "1"); /* and stays so */
}

/* An addition that read a key that never expires is not to go with a part of it that does. */
static void test_what_is_added_stays_as_long_as_the_key(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object count = add_as(fixture, &nothing, 1, 1, 1);
    count = object_expire(&count, (struct expiry){{2000}, {++fixture->time}}, fixture->now, &fixture->arena);
    struct object set = set_as(fixture, &nothing, 2, 1, "5");
    struct object both = merged(fixture, &count, &set);
    both = add_as(fixture, &both, 3, 1, 1000);
    assert_shows(fixture, &both, "1006");
    const struct value *shown = object_shown(&both, fixture->now, &fixture->arena);
    assert_int_equal(shown->expiry.at.ms, 0);
    fixture->now.ms = 2000;
    assert_shows(fixture, &both, "1005");
}

static void test_an_addition_replaces_nothing_but_its_own(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct stamp stamp = stamp_of(fixture, 1, 1);
    struct value tombstone = {.type = VALUE_TOMBSTONE, .format = VALUE_FORMAT, .hash = hash128((struct view){0})};
    struct context none = context_empty();
    struct object object = object_put(&nothing, &none, &stamp, &tombstone, CONFLICT_SIBLINGS, &fixture->arena);
    object = add_as(fixture, &object, 1, 2, 3);
    object = add_as(fixture, &object, 1, 3, 4);
    assert_int_equal(object.value_count, 2);
    assert_shows(fixture, &object, "7");
}

static void test_lww_keeps_every_counter(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object a = add_as(fixture, &nothing, 1, 1, 5);
    struct object b = add_as(fixture, &nothing, 2, 1, 6);
    struct object one = set_as(fixture, &nothing, 3, 1, "100");
    struct object two = set_as(fixture, &nothing, 4, 1, "200");
    struct object all = object_merge(&a, &b, CONFLICT_LWW, &fixture->arena);
    all = object_merge(&all, &two, CONFLICT_LWW, &fixture->arena);
    all = object_merge(&all, &one, CONFLICT_LWW, &fixture->arena);
    assert_shows(fixture, &all, "211");
    assert_int_equal(all.value_count, 3);
}

static void test_a_floor_resets_what_was_below_it(void **state) {
    struct fixture *fixture = *state;
    struct object object = object_empty();
    object = add_as(fixture, &object, 1, 1, 5);
    struct hybrid_time floor = {fixture->time};
    object = add_as(fixture, &object, 2, 1, 6);
    object = object_above(&object, floor, &fixture->arena);
    assert_shows(fixture, &object, "6");
    object = add_as(fixture, &object, 1, 2, 1);
    assert_shows(fixture, &object, "7");
}

static void test_pruning_takes_the_reset_too(void **state) {
    struct fixture *fixture = *state;
    struct object object = object_empty();
    object = add_as(fixture, &object, 1, 1, 5);
    assert_false(object_may_prune(&object, (struct dot){1, 1}));
    object = set_as(fixture, &object, 2, 1, "x");
    assert_int_equal(object.context.reset_count, 1);
    assert_true(object_may_prune(&object, (struct dot){1, 1}));
    object = object_prune(&object, (struct dot){1, 1}, &fixture->arena);
    assert_int_equal(object.context.reset_count, 0);
    assert_true(object_is_valid(&object));
}

static void test_a_counter_has_eight_bytes(void **state) {
    struct fixture *fixture = *state;
    struct object object = object_empty();
    object = add_as(fixture, &object, 1, 1, 5);
    assert_true(object_is_whole(&object));
    struct value value = object.values[0];
    value.bytes = VIEW("seven b");
    value.hash = hash128(value.bytes);
    object.values = &value;
    assert_false(object_is_whole(&object));
    assert_shows(fixture, &object, "0"); /* and nothing is read that is not there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_additions_count_on_top_of_an_integer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_string_hides_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_siblings_each_have_the_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_replaces_leaves_what_it_has_not_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_wraps_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_expires_as_what_is_shown_and_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_added_stays_as_long_as_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_addition_replaces_nothing_but_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lww_keeps_every_counter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_floor_resets_what_was_below_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pruning_takes_the_reset_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_counter_has_eight_bytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
