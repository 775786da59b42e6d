/* How a ring goes from one placement to the next: ring/membership.h draws the phases. */
#include "ring/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ensure.h"
#include "histories.h"

enum { Q = 64, N = 3 };

static struct membership_event make_event(uint64_t lamport, enum membership_kind kind, uint32_t subject) {
    struct membership_event event = {.lamport = lamport, .issuer = make_id(1), .kind = kind};
    event.member.id = make_id(subject);
    return event;
}

static struct ring *fold(const struct membership *log) {
    struct ring *ring = NULL;
    assert_int_equal(ring_new(log, (struct ring_options){Q, N}, &ring), RING_OK);
    return ring;
}

static struct ring *successor(struct ring *base, const struct membership *log) {
    struct ring *ring = NULL;
    assert_int_equal(ring_successor(base, log, &ring), RING_OK);
    ring_free(base);
    return ring;
}

/* Members 1 to `count`, there from the beginning. */
static void begin(struct membership *log, uint32_t count) {
    membership_init(log);
    for (uint32_t number = 1; number <= count; number++) {
        add_event(log, make_join(number, number, "z", 1));
    }
}

static void move_to(struct membership *log, uint64_t lamport, struct membership_event change) {
    change.lamport = lamport;
    change.issuer = make_id(1);
    add_event(log, make_event(lamport, MEMBERSHIP_MOVE, 1));
    add_event(log, change);
}

static struct member_index index_of(const struct ring *ring, uint32_t number) {
    struct member_index index;
    assert_true(ring_find_member(ring, make_id(number), &index));
    return index;
}

static void same_owners(const struct ring *a, const struct ring *b) {
    assert_int_equal(ring_replica_count(a), ring_replica_count(b));
    for (uint16_t i = 0; i < Q; i++) {
        const struct member_index *left = ring_preference(a, (struct partition){i});
        const struct member_index *right = ring_preference(b, (struct partition){i});
        for (uint32_t place = 0; place < ring_replica_count(a); place++) {
            assert_true(node_id_equal(ring_member(a, left[place])->id, ring_member(b, right[place])->id));
        }
    }
}

/* Reads go by `read`; where it and `other` differ, writes need the owners of both. */
static void is_between(const struct ring *ring, const struct ring *read, const struct ring *other) {
    uint32_t moving = 0;
    same_owners(ring, read);
    for (uint16_t i = 0; i < Q; i++) {
        struct partition partition = {i};
        uint32_t count;
        const struct member_index *others = ring_other_owners(ring, partition, &count);
        const struct member_index *wanted = ring_preference(other, partition);
        moving += count > 0 ? 1 : 0;
        for (uint32_t place = 0; place < count; place++) {
            assert_true(node_id_equal(ring_member(ring, others[place])->id, ring_member(other, wanted[place])->id));
            assert_true(ring_is_holder(ring, partition, others[place]));
        }
        struct member_index holders[HOLDERS_MOST];
        uint32_t held = ring_holders(ring, partition, holders);
        assert_true(held >= ring_replica_count(ring) && held <= ring_replica_count(ring) + count);
    }
    assert_true(moving > 0 && moving < Q);
}

static void test_a_join_goes_through_its_phases(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 4);
    struct ring *before = fold(&log);
    struct membership after_log;
    membership_init(&after_log);
    membership_merge(&after_log, &log);
    add_event(&after_log, make_join(5, 5, "z", 1));
    struct ring *after = fold(&after_log);

    move_to(&log, 5, make_join(5, 5, "z", 1));
    struct ring *ring = successor(fold(&log), &log);
    assert_int_equal(ring_phase(ring), RING_GATHERING);
    assert_int_equal(ring_version(ring), 5);
    same_owners(ring, before);
    assert_true(ring_is_present(ring, index_of(ring, 5)));
    uint32_t others;
    assert_null(ring_other_owners(ring, (struct partition){0}, &others));
    add_event(&log, make_event(6, MEMBERSHIP_JOINT, 1));
    ring = successor(ring, &log);
    assert_int_equal(ring_phase(ring), RING_JOINT);
    is_between(ring, before, after);
    assert_false(ring_is_voter(ring, index_of(ring, 5)));
    add_event(&log, make_event(7, MEMBERSHIP_COMMIT, 1));
    ring = successor(ring, &log);
    assert_int_equal(ring_phase(ring), RING_COMMITTED);
    is_between(ring, after, before);
    add_event(&log, make_event(8, MEMBERSHIP_DONE, 1));
    ring = successor(ring, &log);
    assert_int_equal(ring_phase(ring), RING_SETTLING);
    same_owners(ring, after);
    assert_true(ring_is_voter(ring, index_of(ring, 5)));
    uint32_t count;
    assert_null(ring_other_owners(ring, (struct partition){0}, &count));
    ring_free(ring);
    ring_free(before);
    ring_free(after);
    membership_release(&log);
    membership_release(&after_log);
}

static void test_an_abort_leaves_all_as_it_was(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 4);
    struct ring *before = fold(&log);
    move_to(&log, 5, make_join(5, 5, "z", 1));
    add_event(&log, make_event(6, MEMBERSHIP_ABORT, 1));
    struct ring *ring = fold(&log);
    assert_int_equal(ring_phase(ring), RING_SETTLING);
    same_owners(ring, before);
    assert_true(ring_is_leaving(ring, index_of(ring, 5)));
    /* Too late, and so nothing. */
    add_event(&log, make_event(7, MEMBERSHIP_COMMIT, 1));
    add_event(&log, make_event(8, MEMBERSHIP_DONE, 1));
    ring = successor(ring, &log);
    same_owners(ring, before);
    ring_free(ring);
    ring_free(before);
    membership_release(&log);
}

static void test_who_leaves_stays_until_all_is_settled(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 5);
    struct ring *ring = fold(&log);
    struct member_index five = index_of(ring, 5);
    move_to(&log, 6, make_leave(6, 5));
    add_event(&log, make_event(7, MEMBERSHIP_JOINT, 1));
    ring = successor(ring, &log);
    assert_false(ring_is_leaving(ring, five));
    add_event(&log, make_event(8, MEMBERSHIP_COMMIT, 1));
    add_event(&log, make_event(9, MEMBERSHIP_DONE, 1));
    ring = successor(ring, &log);
    assert_true(ring_is_leaving(ring, five));
    assert_true(ring_is_awaited(ring, five));
    assert_int_equal(ring_preference_length(ring), 4);
    add_event(&log, make_event(10, MEMBERSHIP_SETTLED, 1));
    move_to(&log, 11, make_join(11, 6, "z", 1));
    ring = successor(ring, &log);
    assert_false(ring_is_present(ring, five));
    assert_int_equal(ring_member_count(ring), 6); /* positions keep their meaning */
    assert_int_equal(ring_present_count(ring), 5);
    ring_free(ring);
    membership_release(&log);
}

static void test_a_replacement_takes_just_that_place(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 5);
    struct ring *before = fold(&log);
    struct membership_event replacement = make_join(6, 6, "z", 1);
    replacement.replaces = make_id(3);
    move_to(&log, 6, replacement);
    add_event(&log, make_event(7, MEMBERSHIP_JOINT, 1));
    add_event(&log, make_event(8, MEMBERSHIP_COMMIT, 1));
    add_event(&log, make_event(9, MEMBERSHIP_DONE, 1));
    struct ring *ring = fold(&log);
    for (uint16_t i = 0; i < Q; i++) {
        const struct member_index *old = ring_preference(before, (struct partition){i});
        const struct member_index *now = ring_preference(ring, (struct partition){i});
        for (uint32_t place = 0; place < N; place++) {
            struct node_id id = ring_member(before, old[place])->id;
            id = node_id_equal(id, make_id(3)) ? make_id(6) : id;
            assert_true(node_id_equal(ring_member(ring, now[place])->id, id));
        }
    }
    ring_free(ring);
    ring_free(before);
    membership_release(&log);
}

static void test_excused_members_are_not_awaited(void **state) {
    (void)state;
    struct membership log;
    begin(&log, 4);
    add_event(&log, make_event(5, MEMBERSHIP_EXCUSE, 2));
    struct ring *ring = fold(&log);
    struct member_index two = index_of(ring, 2);
    assert_true(ring_is_excused(ring, two) && ring_is_present(ring, two));
    assert_false(ring_is_awaited(ring, two));
    assert_false(ring_is_voter(ring, two));
    assert_int_equal(ring_preference_length(ring), 4); /* it is an owner still, until a move sees to that */
    ring_free(ring);
    membership_release(&log);
}

/* However much of the log was folded at a time. */
static void same_state(const struct ring *a, const struct ring *b) {
    assert_int_equal(ring_version(a), ring_version(b));
    assert_int_equal(ring_phase(a), ring_phase(b));
    assert_int_equal(ring_joint(a), ring_joint(b));
    assert_int_equal(ring_committed(a), ring_committed(b));
    assert_int_equal(ring_present_count(a), ring_present_count(b));
    for (uint16_t i = 0; i < Q; i++) {
        struct partition partition = {i};
        struct member_index holders[HOLDERS_MOST];
        struct member_index others[HOLDERS_MOST];
        uint32_t count = ring_holders(a, partition, holders);
        assert_int_equal(ring_placement_mark(a, partition), ring_placement_mark(b, partition));
        assert_int_equal(count, ring_holders(b, partition, others));
        for (uint32_t place = 0; place < count; place++) {
            assert_true(node_id_equal(ring_member(a, holders[place])->id, ring_member(b, others[place])->id));
        }
    }
}

/* Whatever versions a process saw on the way, a position means the same member; and marks tell of every change. */
static void positions_hold(uint64_t seed) {
    struct history history;
    struct membership log;
    struct rng rng;
    rng_init(&rng, seed);
    membership_init(&log);
    history_init(&history, seed, 9, 2, 3);
    for (int i = 0; i < 4; i++) {
        add_event(&log, history_next(&history));
    }
    struct ring *often = fold(&log);
    struct ring *seldom = ring_retain(often);
    for (int i = 0; i < 12; i++) {
        struct membership_event change = history_next(&history);
        uint64_t version = membership_lamport(&log);
        move_to(&log, version + 1, change);
        often = successor(often, &log);
        uint64_t ends = rng_below(&rng, 4); /* aborted at once, or when it is joint; or done */
        if (ends > 0) {
            add_event(&log, make_event(version + 2, MEMBERSHIP_JOINT, 1));
        }
        if (ends > 1) {
            add_event(&log, make_event(version + 3, MEMBERSHIP_COMMIT, 1));
            add_event(&log, make_event(version + 4, MEMBERSHIP_DONE, 1));
        } else {
            add_event(&log, make_event(version + 2 + ends, MEMBERSHIP_ABORT, 1));
        }
        add_event(&log, make_event(membership_lamport(&log) + 1, MEMBERSHIP_SETTLED, 1));
        struct ring *later = NULL;
        assert_int_equal(ring_successor(often, &log, &later), RING_OK);
        same_owners(later, later);
        ring_free(often);
        often = later;
    }
    seldom = successor(seldom, &log);
    assert_int_equal(ring_member_count(often), ring_member_count(seldom));
    for (uint16_t i = 0; i < ring_member_count(often); i++) {
        struct member_index index = {i};
        assert_true(node_id_equal(ring_member(often, index)->id, ring_member(seldom, index)->id));
        assert_int_equal(ring_is_present(often, index), ring_is_present(seldom, index));
    }
    same_owners(often, seldom);
    struct ring *anew = fold(&log);
    same_owners(often, anew);
    same_state(often, anew);
    same_state(seldom, anew);
    assert_true(digest_equal(ring_digest(often), ring_digest(anew)));
    ring_free(often);
    ring_free(seldom);
    ring_free(anew);
    membership_release(&log);
}

static void test_positions_hold(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        positions_hold(seed);
    }
}

static void test_a_log_travels(void **state) {
    (void)state;
    struct membership log;
    struct membership other;
    begin(&log, 5);
    struct membership_event replacement = make_join(6, 6, "zone-b", 7);
    replacement.replaces = make_id(3);
    move_to(&log, 6, replacement);
    add_event(&log, make_event(7, MEMBERSHIP_EXCUSE, 2));
    begin(&other, 5);
    struct buffer bytes;
    buffer_init(&bytes);
    membership_encode(&bytes, &log, 5);
    assert_true(membership_decode(buffer_view(&bytes), &other));
    assert_true(digest_equal(membership_digest(&log), membership_digest(&other)));
    for (size_t cut = 1; cut < buffer_size(&bytes); cut++) {
        struct membership rest;
        membership_init(&rest);
        struct view part = view_of(buffer_view(&bytes).data, buffer_size(&bytes) - cut);
        bool is_whole = membership_decode(part, &rest);
        assert_true(is_whole ? rest.count < 3 : rest.count == 0);
        membership_release(&rest);
    }
    buffer_release(&bytes);
    membership_release(&log);
    membership_release(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_join_goes_through_its_phases),
        cmocka_unit_test(test_an_abort_leaves_all_as_it_was),
        cmocka_unit_test(test_who_leaves_stays_until_all_is_settled),
        cmocka_unit_test(test_a_replacement_takes_just_that_place),
        cmocka_unit_test(test_excused_members_are_not_awaited),
        cmocka_unit_test(test_positions_hold),
        cmocka_unit_test(test_a_log_travels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
