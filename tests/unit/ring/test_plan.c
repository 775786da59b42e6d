/* Plans by hand, and against a plain recount over random histories. */
#include "ring/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "histories.h"
#include "ring_check.h"

#include <stdio.h>

static struct plan *compare(const struct ring *before, const struct ring *after, const uint64_t *bytes) {
    struct plan *plan = NULL;
    assert_int_equal(plan_new(before, after, bytes, &plan), PLAN_OK);
    return plan;
}

/* A log of `count` joins of weight 1, member i in zone (i - 1) % zones. */
static void grow(struct membership *log, uint32_t count, uint32_t zones) {
    membership_init(log);
    for (uint32_t i = 1; i <= count; i++) {
        char zone[16];
        snprintf(zone, sizeof(zone), "z%u", (i - 1) % zones);
        add_event(log, make_join(i, i, zone, 1));
    }
}

static void test_nothing(void **state) {
    (void)state;
    struct membership log;
    grow(&log, 5, 3);
    struct ring *ring = fold(&log, 64, 3);
    struct plan *plan = compare(ring, ring, NULL);
    assert_true(plan_is_empty(plan));
    assert_int_equal(plan->member_count, 5);
    assert_int_equal(plan->move_count, 0);
    assert_int_equal(plan->first_owned_moved + plan->replicas_moved + plan->replicas_dropped, 0);
    assert_int_equal(plan->first_owned_least + plan->replicas_least, 0);
    assert_false(plan->bytes_known);
    assert_int_equal(plan->after.problems[PLAN_FEW_MEMBERS], 0);
    assert_int_equal(plan->after.problems[PLAN_FEW_ZONES], 0);
    assert_int_equal(plan->after.problems[PLAN_ZONES_MISSED], 0);
    assert_int_equal(plan->members[0].after.share_ppm, 200000);
    assert_null(plan_find(plan, make_id(6)));
    plan_free(plan);
    plan_free(NULL);
    ring_free(ring);
    membership_release(&log);
}

static void test_other_partitions(void **state) {
    (void)state;
    struct membership log;
    grow(&log, 3, 1);
    struct ring *a = fold(&log, 64, 3);
    struct ring *b = fold(&log, 32, 3);
    struct plan *plan = NULL;
    assert_int_equal(plan_new(a, b, NULL, &plan), PLAN_OTHER_PARTITIONS);
    assert_null(plan);
    ring_free(a);
    ring_free(b);
    membership_release(&log);
}

/* Three members that own everything, and a fourth: it gets a quarter of the first owners and three quarters of the
 * partitions, and each of those leaves one of the three. */
static void test_join(void **state) {
    (void)state;
    struct membership log;
    grow(&log, 3, 3);
    struct ring *before = fold(&log, 64, 3);
    add_event(&log, make_join(4, 4, "z0", 1));
    struct ring *after = fold(&log, 64, 3);
    uint64_t bytes[64];
    for (uint32_t i = 0; i < 64; i++) {
        bytes[i] = 100;
    }
    struct plan *plan = compare(before, after, bytes);
    const struct plan_member *newcomer = plan_find(plan, make_id(4));
    assert_non_null(newcomer);
    assert_false(newcomer->before.present);
    assert_true(newcomer->after.present);
    assert_int_equal(newcomer->after.share_ppm, 250000);
    assert_int_equal(newcomer->first_owned_gained, 16);
    assert_int_equal(newcomer->replicas_lost, 0);
    assert_int_equal(newcomer->replicas_gained, newcomer->after.replicas);
    assert_int_equal(newcomer->bytes_gained, 100 * newcomer->replicas_gained);
    assert_int_equal(plan->first_owned_moved, 16);
    assert_int_equal(plan->first_owned_least, 16);
    assert_int_equal(plan->replicas_moved, plan->replicas_dropped);
    assert_int_equal(plan->replicas_moved, newcomer->replicas_gained);
    assert_int_equal(plan->replicas_least, newcomer->replicas_gained);
    assert_true(plan->bytes_known);
    assert_int_equal(plan->bytes_moved, 100 * plan->replicas_moved);
    assert_int_equal(plan->before.first_owned.most.count, 22);
    assert_int_equal(plan->after.first_owned.least.count, 16);
    assert_int_equal(plan->after.first_owned.most.count, 16);
    assert_false(plan_is_empty(plan));
    plan_free(plan);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
}

/* Four members become two: fewer than N, and nothing to copy but what the leavers alone had. */
static void test_too_few(void **state) {
    (void)state;
    struct membership log;
    grow(&log, 4, 4);
    struct ring *before = fold(&log, 32, 3);
    add_event(&log, make_leave(5, 1));
    add_event(&log, make_leave(6, 2));
    struct ring *after = fold(&log, 32, 3);
    struct plan *plan = compare(before, after, NULL);
    assert_int_equal(plan->member_count, 4);
    assert_int_equal(plan->before.problems[PLAN_FEW_MEMBERS], 0);
    assert_int_equal(plan->after.problems[PLAN_FEW_MEMBERS], 32);
    /* Two members in two zones: nothing is wrong with those. */
    assert_int_equal(plan->after.problems[PLAN_FEW_ZONES], 0);
    assert_int_equal(plan->after.problems[PLAN_ZONES_MISSED], 0);
    assert_int_equal(plan->after.replicas_wanted, 3);
    assert_int_equal(plan->after.replica_count, 2);
    /* 96 places before, 64 after: all that the two have now, less what they had. */
    assert_int_equal(plan->replicas_dropped - plan->replicas_moved, 32);
    assert_int_equal(plan->replicas_moved, plan->replicas_least);
    const struct plan_member *left = plan_find(plan, make_id(1));
    assert_false(left->after.present);
    assert_int_equal(left->replicas_lost, left->before.replicas);
    assert_int_equal(left->first_owned_lost, 8);
    plan_free(plan);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
    for (int problem = 0; problem < PLAN_PROBLEM_COUNT; problem++) {
        assert_true(strlen(plan_problem_text((enum plan_problem)problem)) > 10);
    }
}

/* Six members in two zones: N distinct nodes, but two of three replicas in one zone. */
static void test_few_zones(void **state) {
    (void)state;
    struct membership log;
    grow(&log, 6, 3);
    struct ring *before = fold(&log, 32, 3);
    add_event(&log, make_leave(7, 3));
    add_event(&log, make_leave(8, 6));
    struct ring *after = fold(&log, 32, 3);
    struct plan *plan = compare(before, after, NULL);
    assert_int_equal(plan->before.zone_count, 3);
    assert_int_equal(plan->after.zone_count, 2);
    assert_int_equal(plan->before.problems[PLAN_FEW_ZONES], 0);
    assert_int_equal(plan->after.problems[PLAN_FEW_ZONES], 32);
    assert_int_equal(plan->after.problems[PLAN_FEW_MEMBERS], 0);
    assert_int_equal(plan->after.problems[PLAN_ZONES_MISSED], 0);
    plan_free(plan);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
}

static void test_weight(void **state) {
    (void)state;
    struct membership log;
    grow(&log, 4, 1);
    struct ring *before = fold(&log, 64, 1);
    add_event(&log, make_weight(5, 2, 5));
    struct ring *after = fold(&log, 64, 1);
    struct plan *plan = compare(before, after, NULL);
    const struct plan_member *heavy = plan_find(plan, make_id(2));
    assert_int_equal(heavy->before.weight, 1);
    assert_int_equal(heavy->after.weight, 5);
    assert_int_equal(heavy->record.weight, 5);
    assert_int_equal(heavy->after.share_ppm, 625000);
    assert_int_equal(heavy->after.first_owned, 40);
    assert_int_equal(plan->first_owned_moved, 24);
    assert_int_equal(plan->replicas_moved, 24);
    assert_int_equal(plan->after.weight, 8);
    assert_int_equal(plan_load_compare(plan->after.first_owned.least, plan->after.first_owned.most), 0);
    plan_free(plan);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
    /* Another weight of a lone member moves nothing, and is a change all the same. */
    grow(&log, 1, 1);
    before = fold(&log, 16, 1);
    add_event(&log, make_weight(5, 1, 5));
    after = fold(&log, 16, 1);
    plan = compare(before, after, NULL);
    assert_int_equal(plan->move_count, 0);
    assert_false(plan_is_empty(plan));
    plan_free(plan);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
}

/* --- Against a plain recount ------------------------------------------------------------------------------------ */

static bool owns(const struct ring *ring, uint32_t partition, struct node_id id) {
    struct member_index member;
    return ring_find_member(ring, id, &member) && ring_is_owner(ring, (struct partition){(uint16_t)partition}, member);
}

static bool heads(const struct ring *ring, uint32_t partition, struct node_id id) {
    const struct member_index *list = ring_preference(ring, (struct partition){(uint16_t)partition});
    return node_id_equal(ring_member(ring, list[0])->id, id);
}

static void check_member(const struct plan *plan, const struct ring *before, const struct ring *after, size_t place,
                         const uint64_t *bytes) {
    struct plan_member want = {.record = plan->members[place].record};
    struct node_id id = want.record.id;
    for (uint32_t i = 0; i < plan->partition_count; i++) {
        bool had = owns(before, i, id);
        bool has = owns(after, i, id);
        want.before.replicas += had;
        want.after.replicas += has;
        want.replicas_gained += has && !had;
        want.replicas_lost += had && !has;
        want.bytes_gained += has && !had ? bytes[i] : 0;
        want.bytes_lost += had && !has ? bytes[i] : 0;
        want.before.first_owned += heads(before, i, id);
        want.after.first_owned += heads(after, i, id);
        want.first_owned_gained += heads(after, i, id) && !heads(before, i, id);
        want.first_owned_lost += heads(before, i, id) && !heads(after, i, id);
    }
    struct member_index member;
    want.before.present = ring_find_member(before, id, &member);
    want.before.weight = want.before.present ? ring_member(before, member)->weight : 0;
    want.before.share_ppm = plan->members[place].before.share_ppm;
    want.after.present = ring_find_member(after, id, &member);
    want.after.weight = want.after.present ? ring_member(after, member)->weight : 0;
    want.after.share_ppm = plan->members[place].after.share_ppm;
    const struct plan_member *is = &plan->members[place];
    assert_int_equal(is->before.present, want.before.present);
    assert_int_equal(is->after.present, want.after.present);
    assert_int_equal(is->before.weight, want.before.weight);
    assert_int_equal(is->after.weight, want.after.weight);
    assert_int_equal(is->before.first_owned, want.before.first_owned);
    assert_int_equal(is->after.first_owned, want.after.first_owned);
    assert_int_equal(is->before.replicas, want.before.replicas);
    assert_int_equal(is->after.replicas, want.after.replicas);
    assert_int_equal(is->first_owned_gained, want.first_owned_gained);
    assert_int_equal(is->first_owned_lost, want.first_owned_lost);
    assert_int_equal(is->replicas_gained, want.replicas_gained);
    assert_int_equal(is->replicas_lost, want.replicas_lost);
    assert_int_equal(is->bytes_gained, want.bytes_gained);
    assert_int_equal(is->bytes_lost, want.bytes_lost);
}

/* The moves are exactly the differences, each once and in order, and the sums are theirs. */
static void check_moves(const struct plan *plan, const struct ring *before, const struct ring *after) {
    uint32_t gained = 0;
    for (size_t i = 0; i < plan->move_count; i++) {
        const struct plan_move *move = &plan->moves[i];
        struct node_id id = plan->members[move->member].record.id;
        assert_int_equal(owns(before, move->partition.value, id), !move->gained);
        assert_int_equal(owns(after, move->partition.value, id), move->gained);
        gained += move->gained;
        if (i > 0) {
            const struct plan_move *last = &plan->moves[i - 1];
            uint64_t order[2] = {((uint64_t)last->partition.value << 32) | (uint64_t)!last->gained << 16 | last->member,
                                 ((uint64_t)move->partition.value << 32) | (uint64_t)!move->gained << 16 |
                                     move->member};
            assert_true(order[0] < order[1]);
        }
    }
    assert_int_equal(gained, plan->replicas_moved);
    assert_int_equal(plan->move_count - gained, plan->replicas_dropped);
}

static void check_sums(const struct plan *plan) {
    uint64_t gained = 0;
    uint64_t lost = 0;
    uint64_t first = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->member_count; i++) {
        const struct plan_member *member = &plan->members[i];
        gained += member->replicas_gained;
        lost += member->replicas_lost;
        first += member->first_owned_gained;
        bytes += member->bytes_gained;
        assert_true(i == 0 || node_id_compare(plan->members[i - 1].record.id, member->record.id) < 0);
        if (member->after.present) {
            struct plan_load load = {member->after.replicas, member->after.weight, (uint16_t)i};
            assert_true(plan_load_compare(plan->after.replicas.least, load) <= 0);
            assert_true(plan_load_compare(plan->after.replicas.most, load) >= 0);
        }
    }
    assert_int_equal(gained, plan->replicas_moved);
    assert_int_equal(lost, plan->replicas_dropped);
    assert_int_equal(first, plan->first_owned_moved);
    assert_int_equal(bytes, plan->bytes_moved);
}

static void test_recount(void **state) {
    (void)state;
    for (uint64_t seed = 501; seed <= 530; seed++) {
        uint32_t partitions = (uint32_t)16 << seed % 4;
        uint32_t replicas = 1 + (uint32_t)seed % LIMIT_REPLICAS;
        struct history history;
        history_init(&history, seed, 3 + seed % 14, 1 + (uint32_t)seed % 4, seed % 2 == 0 ? 1 : 9);
        uint64_t bytes[128];
        for (uint32_t i = 0; i < partitions; i++) {
            bytes[i] = rng_below(&history.rng, 1000000);
        }
        struct membership log;
        membership_init(&log);
        add_event(&log, history_next(&history));
        struct ring *before = fold(&log, partitions, replicas);
        for (int step = 0; step < 30; step++) {
            uint64_t events = 1 + rng_below(&history.rng, 3);
            for (uint64_t i = 0; i < events; i++) {
                add_event(&log, history_next(&history));
            }
            struct ring *after = fold(&log, partitions, replicas);
            struct plan *plan = compare(before, after, bytes);
            for (size_t place = 0; place < plan->member_count; place++) {
                check_member(plan, before, after, place, bytes);
            }
            check_moves(plan, before, after);
            check_sums(plan);
            /* One event moves the least; of several, one may undo what another did. */
            assert_true(plan->first_owned_moved >= plan->first_owned_least);
            assert_true(events > 1 || plan->first_owned_moved == plan->first_owned_least);
            assert_int_equal(plan->after.problems[PLAN_ZONES_MISSED], 0);
            plan_free(plan);
            ring_free(before);
            before = after;
        }
        ring_free(before);
        membership_release(&log);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_other_partitions), cmocka_unit_test(test_join),
        cmocka_unit_test(test_too_few), cmocka_unit_test(test_few_zones),        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_recount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
