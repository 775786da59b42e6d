#include "ring/membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "histories.h"

#include <stdio.h>

static void test_add_keeps_the_order(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    assert_int_equal(membership_lamport(&log), 0);
    add_event(&log, make_join(7, 1, "a", 1));
    add_event(&log, make_join(3, 2, "a", 1));
    add_event(&log, make_leave(5, 2));
    add_event(&log, make_weight(5, 1, 9));
    assert_int_equal(log.count, 4);
    for (size_t i = 1; i < log.count; i++) {
        assert_true(log.events[i - 1].lamport <= log.events[i].lamport);
    }
    assert_int_equal(membership_lamport(&log), 7);
    struct membership_event again = make_leave(5, 2);
    again.member.weight = 77; /* not a part of a leave */
    assert_int_equal(membership_add(&log, &again), MEMBERSHIP_KNOWN);
    assert_int_equal(log.count, 4);
    membership_release(&log);
    assert_int_equal(log.count, 0);
}

static void test_two_events_of_one_issuer_at_one_time(void **state) {
    (void)state;
    struct membership a;
    struct membership b;
    membership_init(&a);
    membership_init(&b);
    add_event(&a, make_join(1, 1, "a", 1));
    add_event(&a, make_join(1, 1, "b", 1));
    add_event(&b, make_join(1, 1, "b", 1));
    add_event(&b, make_join(1, 1, "a", 1));
    assert_true(digest_equal(membership_digest(&a), membership_digest(&b)));
    membership_release(&a);
    membership_release(&b);
}

static void refuse(struct membership_event event) {
    struct membership log;
    membership_init(&log);
    assert_int_equal(membership_add(&log, &event), MEMBERSHIP_INVALID);
    assert_int_equal(log.count, 0);
    membership_release(&log);
}

static void refuse_client_address(const char *address) {
    struct membership_event event = make_join(1, 1, "a", 1);
    snprintf(event.member.client_address, sizeof(event.member.client_address), "%s", address);
    refuse(event);
}

static void test_impossible_events(void **state) {
    (void)state;
    struct membership_event legal = make_join(1, 1, "a", 1);
    refuse(make_join(0, 1, "a", 1));
    refuse(make_join(UINT64_MAX, 1, "a", 1));
    refuse(make_join(1, 1, "a", 0));
    refuse(make_join(1, 1, "a", 1001));
    refuse(make_weight(1, 1, 0));
    refuse(make_join(1, 1, "", 1));
    refuse(make_join(1, 1, "a b", 1));
    struct membership_event event = legal;
    event.kind = (enum membership_kind)0;
    refuse(event);
    event.kind = (enum membership_kind)11;
    refuse(event);
    event = legal;
    event.issuer = (struct node_id){{0}};
    refuse(event);
    event = legal;
    event.member.id = (struct node_id){{0}};
    refuse(event);
    event = legal;
    memset(event.member.zone, 'z', sizeof(event.member.zone));
    refuse(event);
    event = legal;
    memset(event.member.peer_address, '1', sizeof(event.member.peer_address));
    refuse(event);
    refuse_client_address("");
    refuse_client_address("host");
    refuse_client_address(":7000");
    refuse_client_address("host:");
    refuse_client_address("host:0");
    refuse_client_address("host:65536");
    refuse_client_address("host:07000");
    refuse_client_address("ho st:7000");
}

static void test_bytes_behind_the_zero_do_not_count(void **state) {
    (void)state;
    struct membership a;
    membership_init(&a);
    struct membership_event event = make_join(1, 1, "a", 1);
    add_event(&a, event);
    memset(event.member.zone + 2, 'x', sizeof(event.member.zone) - 2);
    assert_int_equal(membership_add(&a, &event), MEMBERSHIP_KNOWN);
    membership_release(&a);
}

/* Any way of dealing the events to logs and merging those gives the same log. */
static void merge_at_random(uint64_t seed) {
    enum { EVENTS = 60, LOGS = 4 };
    struct rng rng;
    rng_init(&rng, seed);
    struct history history;
    history_init(&history, seed, 12, 3, 5);
    struct membership all;
    struct membership logs[LOGS];
    membership_init(&all);
    for (size_t i = 0; i < LOGS; i++) {
        membership_init(&logs[i]);
    }
    for (size_t i = 0; i < EVENTS; i++) {
        struct membership_event event = history_next(&history);
        event.issuer = make_id(1000 + (uint32_t)i);
        event.lamport = (event.lamport + 2) / 3; /* concurrent events */
        add_event(&all, event);
        add_event(&logs[rng_below(&rng, LOGS)], event);
        membership_add(&logs[rng_below(&rng, LOGS)], &event);
    }
    for (size_t target = 0; target < LOGS; target++) {
        struct membership merged;
        membership_init(&merged);
        size_t start = rng_below(&rng, LOGS);
        for (size_t i = 0; i < 2 * LOGS; i++) {
            size_t before = merged.count;
            size_t added = membership_merge(&merged, &logs[(start + i * 3) % LOGS]);
            assert_int_equal(merged.count, before + added);
        }
        assert_int_equal(merged.count, EVENTS);
        assert_true(digest_equal(membership_digest(&merged), membership_digest(&all)));
        assert_memory_equal(merged.events, all.events, EVENTS * sizeof(*all.events));
        membership_release(&merged);
    }
    for (size_t i = 0; i < LOGS; i++) {
        assert_int_equal(membership_merge(&all, &logs[i]), 0);
        membership_release(&logs[i]);
    }
    membership_release(&all);
}

static void test_merge_is_set_union(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        merge_at_random(seed);
    }
}

static void test_digest_tells_logs_apart(void **state) {
    (void)state;
    struct membership a;
    struct membership b;
    membership_init(&a);
    membership_init(&b);
    assert_true(digest_equal(membership_digest(&a), membership_digest(&b)));
    add_event(&a, make_join(1, 1, "a", 1));
    assert_false(digest_equal(membership_digest(&a), membership_digest(&b)));
    add_event(&b, make_join(1, 1, "a", 2));
    assert_false(digest_equal(membership_digest(&a), membership_digest(&b)));
    membership_release(&a);
    membership_release(&b);
}

static void test_placement_digest_is_blind_to_addresses(void **state) {
    (void)state;
    struct membership a;
    struct membership b;
    membership_init(&a);
    membership_init(&b);
    struct membership_event event = make_join(1, 1, "a", 1);
    add_event(&a, event);
    snprintf(event.member.peer_address, sizeof(event.member.peer_address), "elsewhere:17001");
    add_event(&b, event);
    assert_false(digest_equal(membership_digest(&a), membership_digest(&b)));
    assert_true(digest_equal(membership_placement_digest(&a), membership_placement_digest(&b)));
    add_event(&b, make_join(2, 2, "b", 1));
    assert_false(digest_equal(membership_placement_digest(&a), membership_placement_digest(&b)));
    membership_release(&a);
    membership_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placement_digest_is_blind_to_addresses),
        cmocka_unit_test(test_add_keeps_the_order),
        cmocka_unit_test(test_two_events_of_one_issuer_at_one_time),
        cmocka_unit_test(test_impossible_events),
        cmocka_unit_test(test_bytes_behind_the_zero_do_not_count),
        cmocka_unit_test(test_merge_is_set_union),
        cmocka_unit_test(test_digest_tells_logs_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
