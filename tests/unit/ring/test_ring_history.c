/* The properties of ring.h over long random histories, and what placement costs: how much moves, how even the
 * replicas are, how well neighbours mix, how long a fold takes. */
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
#include <stdlib.h>
#include <time.h>

struct movement {
    uint64_t first;    /* partitions whose first owner changed */
    uint64_t replicas; /* (partition, member) pairs that are new */
    uint64_t excess;   /* first-owner changes beyond what the subject gained or lost */
    uint64_t most_excess;
    uint64_t events;
};

static struct node_id id_at(const struct ring *ring, uint32_t partition, size_t place) {
    return ring_member(ring, ring_preference(ring, (struct partition){(uint16_t)partition})[place])->id;
}

static int64_t first_owned_by(const struct ring *ring, struct node_id id) {
    struct member_index member;
    return ring_find_member(ring, id, &member) ? ring_first_owned_count(ring, member) : 0;
}

static bool owns(const struct ring *ring, uint32_t partition, struct node_id id) {
    struct member_index member;
    return ring_find_member(ring, id, &member) && ring_is_owner(ring, (struct partition){(uint16_t)partition}, member);
}

static void measure_movement(struct movement *sum, const struct ring *before, const struct ring *after,
                             const struct membership_event *event) {
    uint64_t first = 0;
    for (uint32_t i = 0; i < ring_partition_count(after); i++) {
        first += !node_id_equal(id_at(before, i, 0), id_at(after, i, 0));
        for (size_t place = 0; place < ring_replica_count(after); place++) {
            sum->replicas += !owns(before, i, id_at(after, i, place));
        }
    }
    int64_t change = first_owned_by(after, event->member.id) - first_owned_by(before, event->member.id);
    uint64_t needed = (uint64_t)(change < 0 ? -change : change);
    assert_true(first >= needed);
    sum->first += first;
    sum->excess += first - needed;
    sum->most_excess = first - needed > sum->most_excess ? first - needed : sum->most_excess;
    sum->events++;
}

/* A partition's mark is the Lamport time of the event exactly when its owners, or their order, changed. */
static void check_marks(const struct ring *before, const struct ring *after, uint64_t lamport) {
    for (uint32_t i = 0; i < ring_partition_count(after); i++) {
        struct partition partition = {(uint16_t)i};
        bool changed = ring_replica_count(before) != ring_replica_count(after);
        for (size_t place = 0; !changed && place < ring_replica_count(after); place++) {
            changed = !node_id_equal(id_at(before, i, place), id_at(after, i, place));
        }
        assert_int_equal(ring_placement_mark(after, partition),
                         changed ? lamport : ring_placement_mark(before, partition));
    }
}

struct plan {
    uint64_t seed;
    size_t events;
    size_t most_members;
    uint32_t zones;
    uint32_t weight_most;
    uint32_t partitions;
    uint32_t replicas;
};

static struct movement follow(struct plan plan) {
    struct movement movement = {0};
    struct history history;
    history_init(&history, plan.seed, plan.most_members, plan.zones, plan.weight_most);
    struct membership log;
    membership_init(&log);
    struct ring *ring = NULL;
    for (size_t i = 0; i < plan.events; i++) {
        struct membership_event event = history_next(&history);
        add_event(&log, event);
        struct ring *next = fold(&log, plan.partitions, plan.replicas);
        check_ring(next);
        if (ring != NULL) {
            measure_movement(&movement, ring, next, &event);
            check_marks(ring, next, event.lamport);
        }
        ring_free(ring);
        ring = next;
    }
    ring_free(ring);
    membership_release(&log);
    return movement;
}

/* With equal weights a step moves exactly what the newcomer gets or the leaver had. */
static void test_equal_weights(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct plan plan = {.seed = seed,
                            .events = 60,
                            .most_members = 4 + seed % 20,
                            .zones = 1 + (uint32_t)seed % 5,
                            .weight_most = 1,
                            .partitions = (uint32_t)16 << seed % 5,
                            .replicas = 1 + (uint32_t)seed % LIMIT_REPLICAS};
        struct movement movement = follow(plan);
        assert_int_equal(movement.excess, 0);
    }
}

/* With weights the rounding of others may flip from floor to ceiling and back: at most one partition for every other
 * member, and on average far less. */
static void test_weights(void **state) {
    (void)state;
    struct movement all = {0};
    for (uint64_t seed = 101; seed <= 124; seed++) {
        struct plan plan = {.seed = seed,
                            .events = 60,
                            .most_members = 4 + seed % 20,
                            .zones = 1 + (uint32_t)seed % 5,
                            .weight_most = seed % 2 == 0 ? 5 : 1000,
                            .partitions = (uint32_t)16 << seed % 5,
                            .replicas = 1 + (uint32_t)seed % LIMIT_REPLICAS};
        struct movement movement = follow(plan);
        assert_true(movement.most_excess < plan.most_members);
        all.first += movement.first;
        all.excess += movement.excess;
        all.most_excess = movement.most_excess > all.most_excess ? movement.most_excess : all.most_excess;
        all.events += movement.events;
    }
    print_message("weights: %llu events moved %llu, %llu of them beyond the subject's own, at most %llu at once\n",
                  (unsigned long long)all.events, (unsigned long long)all.first, (unsigned long long)all.excess,
                  (unsigned long long)all.most_excess);
    assert_true(all.excess * 50 <= all.first);
}

/* Concurrent events in any order of arrival: the same ring. */
static void test_order_of_arrival(void **state) {
    (void)state;
    for (uint64_t seed = 201; seed <= 220; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct history history;
        history_init(&history, seed, 20, 3, 4);
        struct membership_event events[80];
        size_t count = sizeof(events) / sizeof(events[0]);
        struct membership sorted;
        struct membership shuffled;
        membership_init(&sorted);
        membership_init(&shuffled);
        for (size_t i = 0; i < count; i++) {
            events[i] = history_next(&history);
            events[i].issuer = make_id(1000 + (uint32_t)i);
            events[i].lamport = 1 + events[i].lamport / 4;
            add_event(&sorted, events[i]);
        }
        for (size_t i = count; i-- > 0;) {
            size_t at = rng_below(&rng, i + 1);
            add_event(&shuffled, events[at]);
            events[at] = events[i];
        }
        struct ring *a = fold(&sorted, 256, 3);
        struct ring *b = fold(&shuffled, 256, 3);
        check_same(a, b);
        check_ring(a);
        ring_free(a);
        ring_free(b);
        membership_release(&sorted);
        membership_release(&shuffled);
    }
}

struct evenness {
    uint32_t least_replicas;
    uint32_t most_replicas;
    uint32_t most_followed;  /* the most partitions of one member whose second owner is one other member */
    uint32_t least_partners; /* the fewest distinct members that share a partition with one member */
};

static struct evenness measure_evenness(const struct ring *ring) {
    size_t members = ring_member_count(ring);
    struct evenness even = {UINT32_MAX, 0, 0, UINT32_MAX};
    uint32_t *second = calloc(members * members, sizeof(uint32_t));
    uint32_t *shared = calloc(members * members, sizeof(uint32_t));
    assert_true(second != NULL && shared != NULL);
    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct member_index *list = ring_preference(ring, (struct partition){(uint16_t)p});
        uint32_t times = ++second[list[0].value * members + list[1].value];
        even.most_followed = times > even.most_followed ? times : even.most_followed;
        for (uint32_t i = 0; i < ring_replica_count(ring); i++) {
            for (uint32_t j = 0; j < ring_replica_count(ring); j++) {
                shared[list[i].value * members + list[j].value]++;
            }
        }
    }
    for (uint16_t i = 0; i < members; i++) {
        uint32_t owned = ring_replica_owned_count(ring, (struct member_index){i});
        uint32_t partners = 0;
        for (size_t j = 0; j < members; j++) {
            partners += j != i && shared[i * members + j] > 0;
        }
        even.least_replicas = owned < even.least_replicas ? owned : even.least_replicas;
        even.most_replicas = owned > even.most_replicas ? owned : even.most_replicas;
        even.least_partners = partners < even.least_partners ? partners : even.least_partners;
    }
    free(second);
    free(shared);
    return even;
}

/* Replicas within a fifth of the mean on either side; everybody shares partitions with at least half of the others; and
 * no second owner stands behind more than two thirds of a member's partitions. */
static void check_evenness(const struct ring *ring) {
    struct evenness even = measure_evenness(ring);
    uint32_t members = (uint32_t)ring_member_count(ring);
    uint32_t first = (ring_partition_count(ring) + members - 1) / members;
    uint32_t mean = ring_partition_count(ring) * ring_replica_count(ring) / members;
    print_message("%2zu zones %2u members: replicas %u to %u (mean %u), second owner at most %u of %u, partners at "
                  "least %u\n",
                  ring_zone_count(ring), members, even.least_replicas, even.most_replicas, mean, even.most_followed,
                  first, even.least_partners);
    assert_true(even.least_replicas * 5 >= mean * 4);
    assert_true(even.most_replicas * 5 <= mean * 6);
    assert_true(even.least_partners * 2 >= members - 1);
    assert_true(even.most_followed * 3 <= first * 2);
}

/* Clusters that grew one member at a time, and then had as many members replaced. */
static void test_evenness(void **state) {
    (void)state;
    static const uint32_t sizes[] = {4, 5, 6, 8, 10, 16, 32, 64};
    for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t members = sizes[i / 4];
        uint32_t zones = 1U << i % 4;
        if (members % zones != 0) {
            continue;
        }
        struct membership log;
        membership_init(&log);
        for (uint32_t member = 1; member <= 2 * members; member++) {
            char zone[8];
            snprintf(zone, sizeof(zone), "z%u", member % zones);
            add_event(&log, make_join(2 * member, member, zone, 1));
            if (member == members) {
                struct ring *grown = fold(&log, 1024, 3);
                check_evenness(grown);
                ring_free(grown);
            } else if (member > members) {
                add_event(&log, make_leave(2 * member + 1, member - members));
            }
        }
        struct ring *replaced = fold(&log, 1024, 3);
        check_evenness(replaced);
        ring_free(replaced);
        membership_release(&log);
    }
}

/* What a join or a leave copies: N replicas for each partition that it moves, and little beside. */
static void test_copies(void **state) {
    (void)state;
    for (uint32_t zones = 1; zones <= 4; zones++) {
        struct plan plan = {.seed = 300 + zones,
                            .events = 80,
                            .most_members = 24,
                            .zones = zones,
                            .weight_most = 1,
                            .partitions = 512,
                            .replicas = 3};
        struct movement movement = follow(plan);
        print_message("%u zones: %llu events moved %llu partitions and copied %llu replicas\n", zones,
                      (unsigned long long)movement.events, (unsigned long long)movement.first,
                      (unsigned long long)movement.replicas);
        assert_true(movement.replicas * 2 <= movement.first * 3 * 3);
    }
}

static double seconds_of_fold(const struct membership *log, uint32_t partitions) {
    struct timespec begin;
    struct timespec end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    struct ring *ring = fold(log, partitions, 3);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    ring_free(ring);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

static void test_duration(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    for (uint32_t i = 1; i <= 500; i++) {
        char zone[8];
        snprintf(zone, sizeof(zone), "z%u", i % 5);
        add_event(&log, make_join(i, i, zone, 1 + i % 3));
    }
    double small = seconds_of_fold(&log, 1024);
    print_message("500 joins: %.3f s at Q 1024\n", small);
    for (uint32_t i = 1; i <= 500; i++) {
        add_event(&log, i % 2 == 0 ? make_weight(500 + i, i, 2 + i % 7) : make_leave(500 + i, i));
    }
    print_message("500 joins, 250 leaves, 250 weights: %.3f s at Q 1024, %.3f s at Q 16384\n",
                  seconds_of_fold(&log, 1024), seconds_of_fold(&log, 16384));
    membership_release(&log);
    /* A second in what is shipped; sanitizers and -O0 are given more. */
    assert_true(small < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_weights), cmocka_unit_test(test_weights), cmocka_unit_test(test_order_of_arrival),
        cmocka_unit_test(test_evenness),      cmocka_unit_test(test_copies),  cmocka_unit_test(test_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
