#include "version/object.h"

#include "history.h"
#include "version/object_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HISTORIES = 3000, STEPS = 90 };

static const uint64_t SEED = UINT64_C(0x6772616d6d650001);

static struct value string_value(const char *text) {
    struct value value = {.type = VALUE_STRING, .format = VALUE_FORMAT, .bytes = view_of_string(text)};
    value.hash = hash128(value.bytes);
    return value;
}

static struct stamp stamp_of(uint64_t actor, uint64_t n, uint64_t time, uint64_t mark) {
    return (struct stamp){{actor, n}, {time}, mark};
}

static void assert_algebra(struct history *history) {
    struct copy a = history_pick(history);
    struct copy b = history_pick(history);
    struct copy c = history_pick(history);
    struct copy nothing = {.object = object_empty()};
    struct copy ab = history_merge(history, &a, &b);
    struct copy ba = history_merge(history, &b, &a);
    struct copy bc = history_merge(history, &b, &c);
    struct copy ab_c = history_merge(history, &ab, &c);
    struct copy a_bc = history_merge(history, &a, &bc);
    struct copy aa = history_merge(history, &a, &a);
    struct copy ab_b = history_merge(history, &ab, &b);
    struct copy a_nothing = history_merge(history, &a, &nothing);
    struct copy nothing_a = history_merge(history, &nothing, &a);
    history_check(history, &ab);
    history_check(history, &ab_c);
    assert_true(same_bytes(&ab.object, &ba.object));
    assert_true(object_equal(&ab.object, &ba.object));
    assert_true(same_bytes(&ab_c.object, &a_bc.object));
    assert_true(same_bytes(&aa.object, &a.object));
    assert_true(same_bytes(&ab_b.object, &ab.object));
    assert_true(same_bytes(&a_nothing.object, &a.object));
    assert_true(same_bytes(&nothing_a.object, &a.object));
}

/* An outline that could be filled is as good as the object; one that could not lacks a value that would be kept. True
 * when it was filled. */
static bool assert_outline(struct history *history) {
    struct copy a = history_pick(history);
    struct copy b = history_pick(history);
    struct object outline = object_outline(&b.object, &history->arena);
    struct object filled;
    if (!object_fill(&outline, &a.object, &history->arena, &filled)) {
        assert_true(object_uncovered_count(&b.object, &a.object.context) > 0);
        return false;
    }
    struct object merged = object_merge(&a.object, &filled, history->rule, &history->arena);
    assert_true(object_is_whole(&filled));
    struct copy whole = history_merge(history, &a, &b);
    assert_true(same_bytes(&merged, &whole.object));
    return true;
}

/* Values among which `lww` chooses. */
static uint32_t competing_count(const struct object *object) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        count += object->values[i].type != VALUE_COUNTER ? 1 : 0;
    }
    return count;
}

/* All replicas and messages, merged in two random orders. */
static void assert_convergence(struct history *history) {
    struct copy merged[2];
    for (size_t round = 0; round < 2; round++) {
        merged[round] = (struct copy){.object = object_empty()};
        uint32_t start = (uint32_t)rng_below(&history->rng, HISTORY_REPLICAS);
        uint32_t stride = 1 + (uint32_t)rng_below(&history->rng, HISTORY_REPLICAS - 1);
        for (uint32_t i = 0; i < HISTORY_REPLICAS; i++) {
            const struct copy *next = &history->replicas[(start + i * stride) % HISTORY_REPLICAS];
            merged[round] = round == 0 ? history_merge(history, &merged[round], next)
                                       : history_merge(history, next, &merged[round]);
        }
        history_check(history, &merged[round]);
    }
    assert_true(same_bytes(&merged[0].object, &merged[1].object));
}

static void run_histories(enum conflict_rule rule) {
    static struct history history;
    printf("seed 0x%" PRIx64 ", %d histories of %d steps\n", SEED, HISTORIES, STEPS);
    uint64_t siblings = 0;
    uint64_t detached = 0;
    uint64_t filled = 0;
    uint64_t unfilled = 0;
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_init(&history, SEED + i, rule);
        for (int step = 0; step < STEPS; step++) {
            history_step(&history);
            if (step % 10 == 9) {
                assert_algebra(&history);
                bool is_filled = assert_outline(&history);
                filled += is_filled;
                unfilled += !is_filled;
            }
        }
        assert_convergence(&history);
        for (size_t replica = 0; replica < HISTORY_REPLICAS; replica++) {
            siblings += competing_count(&history.replicas[replica].object) > 1;
            detached += history.replicas[replica].object.context.detached_count > 0;
        }
        history_release(&history);
    }
    /* A history that never meets what it is there for proves nothing. */
    assert_true(detached > HISTORIES / 10 && filled > HISTORIES / 10 && unfilled > HISTORIES / 10);
    assert_true(rule == CONFLICT_LWW ? siblings == 0 : siblings > HISTORIES / 10);
}

static void test_random_histories_with_siblings(void **state) {
    (void)state;
    run_histories(CONFLICT_SIBLINGS);
}

static void test_random_histories_with_lww(void **state) {
    (void)state;
    run_histories(CONFLICT_LWW);
}

struct fixture {
    struct arena arena;
    struct context nothing;
};

static int fixture_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    arena_init(&fixture->arena);
    *state = fixture;
    return fixture == NULL ? -1 : 0;
}

static int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static struct object put(struct fixture *fixture, const struct object *object, const struct context *past,
                         struct stamp stamp, const char *text) {
    struct value value = string_value(text);
    return object_put(object, past, &stamp, &value, CONFLICT_SIBLINGS, &fixture->arena);
}

static void test_absent(void **state) {
    (void)state;
    struct object nothing = object_empty();
    assert_true(object_is_absent(&nothing));
    assert_true(object_is_valid(&nothing));
    assert_null(object_latest(&nothing));
    assert_false(object_has_live(&nothing, (struct wall_time){1}));
    assert_int_equal(object_greatest_time(&nothing).value, 0);
    nothing.mark = 1;
    assert_false(object_is_valid(&nothing));
}

static void test_writers_who_saw_each_other_leave_one_value(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object first = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 3), "one");
    assert_int_equal(first.context.vector_count, 1);
    assert_int_equal(first.context.detached_count, 0);
    struct object second = put(fixture, &first, &first.context, stamp_of(9, 1, 11, 5), "two");
    assert_int_equal(second.value_count, 1);
    assert_int_equal(second.mark, 3);
    struct object merged = object_merge(&second, &first, CONFLICT_SIBLINGS, &fixture->arena);
    assert_true(object_equal(&merged, &second));
    assert_true(view_equal(object_latest(&merged)->bytes, VIEW("two")));
}

/* Two clients who saw nothing write through one replica: the answer to the first must not let it erase the second. */
static void test_an_answer_covers_no_unseen_sibling(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object first = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "one");
    struct object both = put(fixture, &first, &fixture->nothing, stamp_of(7, 2, 11, 0), "two");
    assert_int_equal(both.value_count, 2);
    struct context answer = context_add(&fixture->nothing, (struct dot){7, 2}, &fixture->arena);
    assert_int_equal(answer.vector_count, 0);
    assert_int_equal(answer.detached_count, 1);
    assert_int_equal(object_uncovered_count(&both, &answer), 1);
    struct object third = put(fixture, &both, &answer, stamp_of(7, 3, 12, 0), "three");
    assert_int_equal(third.value_count, 2);
    assert_non_null(object_find(&third, (struct dot){7, 1}));
    assert_null(object_find(&third, (struct dot){7, 2}));
    assert_non_null(object_find(&third, (struct dot){7, 3}));
    assert_int_equal(third.context.vector_count, 1);
    assert_int_equal(third.context.vector[0].n, 3);
}

static void test_a_value_seen_and_not_held_is_dropped(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object old = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "old");
    struct object replaced = put(fixture, &old, &old.context, stamp_of(8, 1, 12, 0), "new");
    struct object beside = put(fixture, &old, &fixture->nothing, stamp_of(9, 1, 11, 0), "beside");
    struct object merged = object_merge(&beside, &replaced, CONFLICT_SIBLINGS, &fixture->arena);
    assert_int_equal(merged.value_count, 2);
    assert_null(object_find(&merged, (struct dot){7, 1}));
    struct object ruled = object_merge(&beside, &replaced, CONFLICT_LWW, &fixture->arena);
    assert_int_equal(ruled.value_count, 1);
    assert_true(view_equal(ruled.values[0].bytes, VIEW("new")));
    assert_true(context_equal(&ruled.context, &merged.context));
}

/* Of an actor whose values nothing bears, the entry may go; a copy that has it still brings it back, and no more. */
static void test_pruning(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object old = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "old");
    struct object other = put(fixture, &old, &fixture->nothing, stamp_of(9, 1, 11, 0), "other");
    struct object object = put(fixture, &other, &other.context, stamp_of(8, 1, 12, 0), "new");
    struct dot entry = {7, 1};
    assert_false(object_may_prune(&old, entry));                 /* a value bears it */
    assert_false(object_may_prune(&object, (struct dot){7, 2})); /* it covers less */
    assert_false(object_may_prune(&object, (struct dot){8, 1})); /* its own */
    assert_false(object_may_prune(&nothing, entry));             /* nothing is there */
    assert_true(object_may_prune(&object, entry));
    struct object pruned = object_prune(&object, entry, &fixture->arena);
    assert_true(object_is_valid(&pruned));
    assert_int_equal(pruned.context.vector_count, 2);
    assert_false(object_may_prune(&pruned, entry));
    struct object merged = object_merge(&pruned, &object, CONFLICT_SIBLINGS, &fixture->arena);
    assert_true(object_equal(&merged, &object));
    struct object later = put(fixture, &pruned, &pruned.context, stamp_of(8, 2, 13, 0), "later");
    merged = object_merge(&later, &object, CONFLICT_SIBLINGS, &fixture->arena);
    assert_int_equal(merged.value_count, 1);
    assert_true(view_equal(merged.values[0].bytes, VIEW("later")));
}

static void test_latest_takes_ties_by_dot(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object a = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "a");
    struct object b = put(fixture, &nothing, &fixture->nothing, stamp_of(8, 1, 10, 0), "b");
    struct object merged = object_merge(&b, &a, CONFLICT_SIBLINGS, &fixture->arena);
    assert_true(view_equal(object_latest(&merged)->bytes, VIEW("b")));
}

/* Broken copies of one dot still merge the same way round. */
static void test_copies_that_differ_merge_alike(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object a = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "a");
    struct object b = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "b");
    struct object ab = object_merge(&a, &b, CONFLICT_SIBLINGS, &fixture->arena);
    struct object ba = object_merge(&b, &a, CONFLICT_SIBLINGS, &fixture->arena);
    assert_int_equal(ab.value_count, 1);
    assert_true(object_equal(&ab, &ba));
}

static void test_expiry(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object live = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "a");
    assert_true(object_has_live(&live, (struct wall_time){UINT64_MAX}));
    struct expiry expiry = {{1000}, {20}};
    struct object dying = object_expire(&live, expiry, (struct wall_time){0}, &fixture->arena);
    assert_true(context_equal(&dying.context, &live.context));
    assert_true(object_has_live(&dying, (struct wall_time){999}));
    assert_false(object_has_live(&dying, (struct wall_time){1000}));
    assert_int_equal(object_greatest_time(&dying).value, 20);
    struct expiry stale = {{5000}, {19}};
    struct object same = object_expire(&dying, stale, (struct wall_time){0}, &fixture->arena);
    assert_true(object_equal(&same, &dying));
    struct expiry persist = {{0}, {21}};
    struct object persisted = object_expire(&dying, persist, (struct wall_time){0}, &fixture->arena);
    struct object merged = object_merge(&dying, &persisted, CONFLICT_SIBLINGS, &fixture->arena);
    assert_true(object_equal(&merged, &persisted));
    assert_true(object_has_live(&merged, (struct wall_time){1000}));
}

static void test_tombstones_are_not_live_and_do_not_expire(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct value tombstone = {.type = VALUE_TOMBSTONE, .format = VALUE_FORMAT};
    struct stamp stamp = stamp_of(7, 1, 10, 0);
    struct object deleted =
        object_put(&nothing, &fixture->nothing, &stamp, &tombstone, CONFLICT_SIBLINGS, &fixture->arena);
    assert_false(object_is_absent(&deleted));
    assert_false(object_has_live(&deleted, (struct wall_time){0}));
    struct expiry expiry = {{1000}, {20}};
    struct object same = object_expire(&deleted, expiry, (struct wall_time){0}, &fixture->arena);
    assert_true(object_equal(&same, &deleted));
}

static void test_invalid_objects_are_told(void **state) {
    struct fixture *fixture = *state;
    struct object nothing = object_empty();
    struct object one = put(fixture, &nothing, &fixture->nothing, stamp_of(7, 1, 10, 0), "a");
    struct object two = put(fixture, &one, &fixture->nothing, stamp_of(8, 1, 10, 0), "b");
    assert_true(object_is_valid(&two));

    struct value values[2] = {two.values[1], two.values[0]};
    struct object wrong = two;
    wrong.values = values;
    assert_false(object_is_valid(&wrong)); /* unsorted */
    values[1] = values[0];
    assert_false(object_is_valid(&wrong)); /* twice */
    memcpy(values, two.values, sizeof(values));
    assert_true(object_is_valid(&wrong));
    values[1].dot.n = 2;
    assert_false(object_is_valid(&wrong)); /* not in the context */
    values[1].dot.n = 0;
    assert_false(object_is_valid(&wrong)); /* no dot at all */
    values[1].dot.n = 1;
    values[1].time.value = 11;
    assert_false(object_is_valid(&wrong)); /* newer than the greatest */
    values[1].time.value = 10;
    values[1].format = VALUE_FORMAT + 1;
    assert_false(object_is_valid(&wrong));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_absent, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_writers_who_saw_each_other_leave_one_value, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_covers_no_unseen_sibling, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_value_seen_and_not_held_is_dropped, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_pruning, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_latest_takes_ties_by_dot, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_copies_that_differ_merge_alike, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_expiry, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_tombstones_are_not_live_and_do_not_expire, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_invalid_objects_are_told, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_random_histories_with_siblings),
        cmocka_unit_test(test_random_histories_with_lww),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
