/* Snapshots by hand: refusals, records, marks, and every small ring there is. */
#include "ring/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "histories.h"
#include "ring_check.h"

#include <stdio.h>

static enum ring_status try_fold(const struct membership *log, uint32_t partitions, uint32_t replicas) {
    struct ring *ring = NULL;
    enum ring_status status = ring_new(log, (struct ring_options){partitions, replicas}, &ring);
    assert_true((status == RING_OK) == (ring != NULL));
    ring_free(ring);
    return status;
}

static void test_refusals(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    assert_int_equal(try_fold(&log, 16, 3), RING_NO_MEMBERS);
    add_event(&log, make_join(1, 1, "a", 1));
    assert_int_equal(try_fold(&log, 16, 3), RING_OK);
    assert_int_equal(try_fold(&log, 8, 3), RING_BAD_OPTIONS);
    assert_int_equal(try_fold(&log, 48, 3), RING_BAD_OPTIONS);
    assert_int_equal(try_fold(&log, 32768, 3), RING_BAD_OPTIONS);
    assert_int_equal(try_fold(&log, 16, 0), RING_BAD_OPTIONS);
    assert_int_equal(try_fold(&log, 16, LIMIT_REPLICAS + 1), RING_BAD_OPTIONS);
    struct membership_event copy = make_join(2, 2, "a", 1);
    snprintf(copy.member.peer_address, sizeof(copy.member.peer_address), "node1:7000");
    add_event(&log, copy);
    assert_int_equal(try_fold(&log, 16, 3), RING_DUPLICATE_ADDRESS);
    add_event(&log, make_leave(3, 2));
    assert_int_equal(try_fold(&log, 16, 3), RING_OK);
    add_event(&log, make_leave(4, 1));
    assert_int_equal(try_fold(&log, 16, 3), RING_NO_MEMBERS);
    membership_release(&log);
    for (int status = RING_OK; status <= RING_DUPLICATE_ADDRESS; status++) {
        assert_true(strlen(ring_status_text((enum ring_status)status)) > 1);
    }
}

static void test_too_many_members(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    for (uint32_t i = 1; i <= LIMIT_MEMBERS; i++) {
        add_event(&log, make_join(i, i, "a", 1));
    }
    assert_int_equal(try_fold(&log, 16, 1), RING_OK);
    add_event(&log, make_join(LIMIT_MEMBERS + 1, LIMIT_MEMBERS + 1, "a", 1));
    assert_int_equal(try_fold(&log, 16, 1), RING_TOO_MANY_MEMBERS);
    membership_release(&log);
}

static void test_records(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    add_event(&log, make_join(1, 1, "a", 3));
    add_event(&log, make_join(2, 2, "b", 1));
    add_event(&log, make_join(3, 2, "c", 1)); /* the same member in another zone */
    add_event(&log, make_leave(4, 9));        /* never there */
    add_event(&log, make_weight(5, 8, 3));
    struct ring *ring = fold(&log, 16, 3);
    assert_int_equal(ring_member_count(ring), 2);
    assert_int_equal(ring_zone_count(ring), 2);
    assert_int_equal(ring_partition_count(ring), 16);
    assert_int_equal(ring_replica_count(ring), 2);
    assert_int_equal(ring_configured_replica_count(ring), 3);
    struct member_index member;
    assert_true(ring_find_member(ring, make_id(2), &member));
    assert_string_equal(ring_member(ring, member)->zone, "c");
    assert_int_equal(ring_first_owned_count(ring, member), 4);
    assert_int_equal(ring_replica_owned_count(ring, member), 16);
    assert_false(ring_find_member(ring, make_id(9), &member));
    assert_int_equal(ring_partition_of_key(ring, VIEW("foo")).value, 12182 / 1024);
    check_ring(ring);

    struct ring *same = ring_retain(ring);
    ring_free(ring);
    assert_int_equal(ring_member_count(same), 2);
    ring_free(same);
    ring_free(NULL);
    membership_release(&log);
}

static void test_digest(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    add_event(&log, make_join(1, 1, "a", 3));
    struct ring *a = fold(&log, 16, 3);
    struct ring *b = fold(&log, 16, 2);
    struct ring *c = fold(&log, 32, 3);
    struct ring *d = fold(&log, 16, 3);
    assert_true(digest_equal(ring_digest(a), ring_digest(d)));
    assert_false(digest_equal(ring_digest(a), ring_digest(b)));
    assert_false(digest_equal(ring_digest(a), ring_digest(c)));
    ring_free(a);
    ring_free(b);
    ring_free(c);
    ring_free(d);
    membership_release(&log);
}

/* Q much smaller than the number of members, and a weight that takes everything: those who first-own nothing still are
 * owners when the others don't suffice, and fallbacks in any case. */
static void test_members_without_partitions(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    add_event(&log, make_join(1, 1, "a", 1000));
    add_event(&log, make_join(2, 2, "b", 1));
    add_event(&log, make_join(3, 3, "a", 1));
    struct ring *ring = fold(&log, 16, 3);
    check_ring(ring);
    ring_free(ring);
    for (uint32_t i = 4; i <= 40; i++) {
        add_event(&log, make_join(i, i, i % 2 == 0 ? "a" : "b", 1));
        ring = fold(&log, 16, 3);
        check_ring(ring);
        ring_free(ring);
    }
    membership_release(&log);
}

/* Every assignment of up to three zones and three weights to up to four members, each N, and each member leaving. */
static void check_small(uint32_t members, uint32_t code, uint32_t replicas) {
    static const char *zones[] = {"a", "b", "c"};
    static const uint32_t weights[] = {1, 2, 5};
    struct membership log;
    membership_init(&log);
    for (uint32_t i = 1; i <= members; i++, code /= 9) {
        add_event(&log, make_join(i, i, zones[code % 3], weights[code / 3 % 3]));
        struct ring *ring = fold(&log, 16, replicas);
        check_ring(ring);
        ring_free(ring);
    }
    for (uint32_t i = 1; members > 1 && i <= members; i++) {
        struct membership shorter;
        membership_init(&shorter);
        membership_merge(&shorter, &log);
        add_event(&shorter, make_leave(100, i));
        struct ring *ring = fold(&shorter, 16, replicas);
        check_ring(ring);
        ring_free(ring);
        membership_release(&shorter);
    }
    membership_release(&log);
}

static void test_every_small_ring(void **state) {
    (void)state;
    uint32_t codes = 1;
    for (uint32_t members = 1; members <= 4; members++) {
        codes *= 9;
        for (uint32_t code = 0; code < codes; code++) {
            check_small(members, code, 1 + code % 4);
        }
    }
}

/* Every Q, every N, one to twenty members: all windows, the wrap among them. */
static void test_every_shape(void **state) {
    (void)state;
    for (uint32_t partitions = 16; partitions <= 256; partitions *= 2) {
        for (uint32_t replicas = 1; replicas <= LIMIT_REPLICAS; replicas++) {
            struct membership log;
            membership_init(&log);
            for (uint32_t i = 1; i <= 20; i++) {
                char zone[8];
                snprintf(zone, sizeof(zone), "z%u", i % 4);
                add_event(&log, make_join(i, i, zone, 1));
                struct ring *ring = fold(&log, partitions, replicas);
                check_ring(ring);
                ring_free(ring);
            }
            membership_release(&log);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_many_members),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_members_without_partitions),
        cmocka_unit_test(test_every_small_ring),
        cmocka_unit_test(test_every_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
