/* N that changes: what a list gains and loses, and that nothing else follows from it. */
#include "ring/placement.h"
#include "ring/plan.h"
#include "ring/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ensure.h"
#include "histories.h"

enum { Q = 128, BORN_WITH = 3 };

static struct membership_event make_replicas(uint64_t lamport, uint32_t count) {
    struct membership_event event = {
        .lamport = lamport, .issuer = make_id(1), .kind = MEMBERSHIP_REPLICAS, .replica_count = count};
    event.member.id = make_id(1);
    return event;
}

static struct membership_event make_marker(uint64_t lamport, enum membership_kind kind) {
    struct membership_event event = {.lamport = lamport, .issuer = make_id(1), .kind = kind};
    event.member.id = make_id(1);
    return event;
}

static struct ring *fold(const struct membership *log) {
    struct ring *ring = NULL;
    assert_int_equal(ring_new(log, (struct ring_options){Q, BORN_WITH}, &ring), RING_OK);
    return ring;
}

static void begin(struct membership *log, uint32_t count) {
    membership_init(log);
    for (uint32_t number = 1; number <= count; number++) {
        add_event(log, make_join(number, number, "z", 1));
    }
}

static bool zone_is_new(const struct ring *ring, const struct member_index *list, uint32_t place) {
    for (uint32_t earlier = 0; earlier < place; earlier++) {
        if (strcmp(ring_member(ring, list[earlier])->zone, ring_member(ring, list[place])->zone) == 0) {
            return false;
        }
    }
    return true;
}

/* Distinct nodes, and as many zones as there can be, under every N; `least` leading owners are those of `before`. */
static void lists_are_right(const struct ring *before, const struct ring *after) {
    uint32_t count = ring_replica_count(after);
    uint32_t same = ring_replica_count(before) < count ? ring_replica_count(before) : count;
    for (uint16_t i = 0; i < Q; i++) {
        const struct member_index *old = ring_preference(before, (struct partition){i});
        const struct member_index *list = ring_preference(after, (struct partition){i});
        uint32_t zones = 0;
        for (uint32_t place = 0; place < count; place++) {
            zones += zone_is_new(after, list, place) ? 1 : 0;
            for (uint32_t other = 0; other < place; other++) {
                assert_false(member_index_equal(list[place], list[other]));
            }
            assert_true(place >= same ||
                        node_id_equal(ring_member(before, old[place])->id, ring_member(after, list[place])->id));
        }
        size_t possible = count < ring_zone_count(after) ? count : ring_zone_count(after);
        assert_int_equal(zones, possible);
    }
    assert_int_equal(ring_zone_violation_count(after), 0);
}

static void test_a_list_gains_and_loses_at_its_end(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 8);
    struct ring *before = fold(&log);
    uint64_t lamport = 9;
    static const uint32_t counts[] = {4, 5, 3, 2, 1, 7, 3};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        add_event(&log, make_replicas(lamport++, counts[i]));
        struct ring *after = fold(&log);
        assert_int_equal(ring_replica_count(after), counts[i]);
        assert_int_equal(ring_configured_replica_count(after), counts[i]);
        assert_int_equal(ring_options_at_birth(after).replica_count, BORN_WITH);
        lists_are_right(before, after);
        ring_free(before);
        before = after;
    }
    ring_free(before);
    membership_release(&log);
}

/* A move: each partition has owners to come, and every one of these is an owner that is there or the one that is new.
 */
static void test_more_replicas_are_a_move_of_every_partition(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 6);
    add_event(&log, make_replicas(7, 4));
    add_event(&log, make_marker(7, MEMBERSHIP_MOVE));
    struct ring *ring = fold(&log);
    assert_int_equal(ring_phase(ring), RING_GATHERING);
    assert_int_equal(ring_replica_count(ring), 3);
    ring_free(ring);
    add_event(&log, make_marker(8, MEMBERSHIP_JOINT));
    ring = fold(&log);
    assert_int_equal(ring_replica_count(ring), 3);
    for (uint16_t i = 0; i < Q; i++) {
        uint32_t count;
        struct member_index holders[HOLDERS_MOST];
        assert_non_null(ring_other_owners(ring, (struct partition){i}, &count));
        assert_int_equal(count, 4);
        assert_int_equal(ring_holders(ring, (struct partition){i}, holders), 4);
        assert_int_equal(ring_placement_mark(ring, (struct partition){i}), 8);
    }
    ring_free(ring);
    add_event(&log, make_marker(9, MEMBERSHIP_COMMIT));
    ring = fold(&log);
    assert_int_equal(ring_replica_count(ring), 4);
    uint32_t before_count;
    assert_non_null(ring_other_owners(ring, (struct partition){0}, &before_count));
    assert_int_equal(before_count, 3);
    ring_free(ring);
    add_event(&log, make_marker(10, MEMBERSHIP_DONE));
    add_event(&log, make_marker(11, MEMBERSHIP_SETTLED));
    ring = fold(&log);
    assert_int_equal(ring_phase(ring), RING_REST);
    assert_null(ring_other_owners(ring, (struct partition){0}, &before_count));
    ring_free(ring);
    membership_release(&log);
}

/* Together with joins and leaves: who comes is placed by the N that is to be, whatever the order of the kinds. */
static void histories_hold(uint64_t seed) {
    struct history history;
    struct membership log;
    struct rng rng;
    rng_init(&rng, seed);
    membership_init(&log);
    history_init(&history, seed, 12, 1 + (uint32_t)(seed % 4), seed % 2 == 0 ? 1 : 3);
    add_event(&log, history_next(&history));
    for (int i = 0; i < 30; i++) {
        uint32_t replicas = (uint32_t)rng_between(&rng, 1, LIMIT_REPLICAS);
        struct membership_event event = history_next(&history);
        if (rng_chance(&rng, 300000)) {
            add_event(&log, make_replicas(event.lamport, replicas));
        }
        add_event(&log, event);
        struct ring *ring = fold(&log);
        lists_are_right(ring, ring);
        ring_free(ring);
    }
    membership_release(&log);
}

static void test_histories_hold(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        histories_hold(seed);
    }
}

/* What the counts of pairs are for: a newcomer after another N is placed by the new distances, so replicas stay even.
 */
static void test_replicas_stay_even(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 8);
    add_event(&log, make_replicas(9, 5));
    for (uint32_t number = 9; number <= 16; number++) {
        add_event(&log, make_join(number + 1, number, "z", 1));
    }
    struct ring *ring = fold(&log);
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    for (size_t nth = 0; nth < ring_present_count(ring); nth++) {
        uint32_t owned = ring_replica_owned_count(ring, ring_nth_by_id(ring, nth));
        least = owned < least ? owned : least;
        most = owned > most ? owned : most;
    }
    print_message("%u partitions, N = 5, 16 members: from %u to %u replicas, 40 on average\n", Q, least, most);
    assert_true(least >= 36 && most <= 44);
    ring_free(ring);
    membership_release(&log);
}

/* Each pair of seats, less than N apart, counted one by one. */
static void pairs_are_right(const struct placement *placement) {
    size_t seats = placement->seat_count;
    uint32_t *pairs = calloc(seats * seats, sizeof(*pairs));
    assert_non_null(pairs);
    for (uint32_t i = 0; i < Q; i++) {
        for (uint32_t distance = 1; distance < placement->replica_count; distance++) {
            uint16_t a = placement->owners[i];
            uint16_t b = placement->owners[(i + distance) % Q];
            pairs[a * seats + b] += a != b ? 1 : 0;
            pairs[b * seats + a] += a != b ? 1 : 0;
        }
    }
    assert_memory_equal(pairs, placement->pairs, seats * seats * sizeof(*pairs));
    free(pairs);
}

static void test_pairs_are_counted_by_the_new_distance(void **state) {
    (void)state;
    static const uint32_t counts[] = {5, 2, 7, 1, 3};
    struct placement placement;
    placement_init(&placement, Q, BORN_WITH, 16);
    uint32_t number = 1;
    for (; number <= 6; number++) {
        struct membership_event join = make_join(number, number, "z", 1);
        assert_true(placement_apply(&placement, &join));
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++, number++) {
        struct membership_event replicas = make_replicas(number, counts[i]);
        struct membership_event join = make_join(number, number, "z", 1);
        assert_true(placement_apply(&placement, &replicas));
        pairs_are_right(&placement);
        assert_true(placement_apply(&placement, &join)); /* by those counts, and it keeps them up */
        pairs_are_right(&placement);
    }
    placement_release(&placement);
}

static void test_a_plan_tells_of_another_number(void **state) {
    (void)state;
    struct membership log;
    struct plan *plan = NULL;
    begin(&log, 3);
    struct ring *before = fold(&log);
    add_event(&log, make_replicas(4, 5));
    struct ring *after = fold(&log);
    assert_int_equal(plan_new(before, after, NULL, &plan), PLAN_OK);
    assert_int_equal(plan->replicas_moved, 0); /* there are not so many members yet */
    assert_false(plan_is_empty(plan));
    assert_int_equal(plan->after.problems[PLAN_FEW_MEMBERS], Q);
    plan_free(plan);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
}

static void test_impossible_numbers_are_invalid(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 3);
    struct membership_event none = make_replicas(4, 0);
    struct membership_event many = make_replicas(4, LIMIT_REPLICAS + 1);
    assert_int_equal(membership_add(&log, &none), MEMBERSHIP_INVALID);
    assert_int_equal(membership_add(&log, &many), MEMBERSHIP_INVALID);
    add_event(&log, make_replicas(4, 4));
    struct buffer bytes;
    struct membership read;
    buffer_init(&bytes);
    membership_init(&read);
    membership_encode(&bytes, &log, 0);
    assert_true(membership_decode(buffer_view(&bytes), &read));
    assert_int_equal(read.events[3].replica_count, 4);
    assert_true(digest_equal(membership_digest(&log), membership_digest(&read)));
    buffer_release(&bytes);
    membership_release(&read);
    membership_release(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_gains_and_loses_at_its_end),
        cmocka_unit_test(test_more_replicas_are_a_move_of_every_partition),
        cmocka_unit_test(test_histories_hold),
        cmocka_unit_test(test_replicas_stay_even),
        cmocka_unit_test(test_pairs_are_counted_by_the_new_distance),
        cmocka_unit_test(test_a_plan_tells_of_another_number),
        cmocka_unit_test(test_impossible_numbers_are_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
