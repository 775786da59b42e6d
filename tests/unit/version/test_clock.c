#include "version/clock.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

enum { LEASE_MS = 2000 };

static const uint64_t SEED = UINT64_C(0x6772616d6d650003);
static const struct hybrid_time NEVER = {0};

static struct wall_time wall(uint64_t ms) {
    return (struct wall_time){ms};
}

static struct hybrid_time time_of(uint64_t ms) {
    return hybrid_time_of_wall(wall(ms));
}

/* As a driver does: persist, then extend. */
static void keep_bound(struct hybrid_clock *clock, struct wall_time now, struct hybrid_time *persisted) {
    struct hybrid_time bound;
    if (clock_wants_bound(clock, now, LEASE_MS, &bound)) {
        *persisted = bound;
        clock_extend(clock, bound);
    }
}

static void test_nothing_is_issued_at_or_above_the_bound(void **state) {
    (void)state;
    struct hybrid_clock clock;
    struct hybrid_time time = {77};
    clock_init(&clock, NEVER);
    assert_false(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, 77);

    struct hybrid_time bound;
    assert_true(clock_wants_bound(&clock, wall(1000), LEASE_MS, &bound));
    assert_int_equal(hybrid_time_wall(bound).ms, 1000 + LEASE_MS);
    clock_extend(&clock, bound);
    assert_false(clock_wants_bound(&clock, wall(1000), LEASE_MS, &bound));
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1000).value);
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1000).value + 1);

    assert_false(clock_wants_bound(&clock, wall(1000 + LEASE_MS / 2), LEASE_MS, &bound));
    assert_true(clock_wants_bound(&clock, wall(1001 + LEASE_MS / 2), LEASE_MS, &bound));
    assert_true(clock_stamp(&clock, wall(999 + LEASE_MS), NEVER, &time));
    assert_false(clock_stamp(&clock, wall(1000 + LEASE_MS), NEVER, &time));
    clock_extend(&clock, (struct hybrid_time){1}); /* late: never lowers it */
    assert_true(clock_stamp(&clock, wall(999 + LEASE_MS), NEVER, &time));
}

static void test_the_counter_runs_up_to_the_bound(void **state) {
    (void)state;
    struct hybrid_clock clock;
    struct hybrid_time time = NEVER;
    clock_init(&clock, time_of(50));
    clock_extend(&clock, (struct hybrid_time){time_of(50).value + 4});
    for (uint64_t i = 1; i < 4; i++) {
        assert_true(clock_stamp(&clock, wall(1), NEVER, &time));
        assert_int_equal(time.value, time_of(50).value + i);
    }
    assert_false(clock_stamp(&clock, wall(1), NEVER, &time));
}

static void test_a_new_time_exceeds_what_it_replaces(void **state) {
    (void)state;
    struct hybrid_clock clock;
    struct hybrid_time time = NEVER;
    clock_init(&clock, NEVER);
    clock_extend(&clock, time_of(2000));
    assert_true(clock_stamp(&clock, wall(1000), time_of(1500), &time));
    assert_int_equal(time.value, time_of(1500).value + 1);
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1500).value + 2);
}

static void test_a_far_future_moves_one_key_and_not_the_clock(void **state) {
    (void)state;
    struct hybrid_clock clock;
    struct hybrid_time time = NEVER;
    clock_init(&clock, NEVER);
    clock_extend(&clock, time_of(2000));
    assert_true(clock_stamp(&clock, wall(1000), time_of(999999999), &time));
    assert_int_equal(time.value, time_of(999999999).value + 1);
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1000).value);
    assert_true(clock_stamp(&clock, wall(1000), (struct hybrid_time){UINT64_MAX}, &time));
    assert_true(time.value == UINT64_MAX); /* there is no greater: the dot decides */
}

static void test_peers_are_followed_within_the_limit(void **state) {
    (void)state;
    struct hybrid_clock clock;
    struct hybrid_time time = NEVER;
    clock_init(&clock, NEVER);
    clock_extend(&clock, time_of(10 * CLOCK_SKEW_LIMIT_MS));
    clock_observe(&clock, wall(1000), time_of(1000 + CLOCK_SKEW_LIMIT_MS + 1));
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1000).value);
    clock_observe(&clock, wall(1000), time_of(1000 + CLOCK_SKEW_LIMIT_MS));
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1000 + CLOCK_SKEW_LIMIT_MS).value + 1);
    clock_observe(&clock, wall(1000), time_of(3));
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(1000 + CLOCK_SKEW_LIMIT_MS).value + 2);
}

/* A peer ahead of the bound: the clock asks for a bound above it, and goes on when it has one. */
static void test_a_peer_ahead_of_the_bound(void **state) {
    (void)state;
    struct hybrid_clock clock;
    struct hybrid_time time = NEVER;
    struct hybrid_time bound = NEVER;
    clock_init(&clock, NEVER);
    clock_extend(&clock, time_of(1000 + LEASE_MS));
    clock_observe(&clock, wall(1000), time_of(30000));
    assert_false(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_true(clock_wants_bound(&clock, wall(1000), LEASE_MS, &bound));
    assert_int_equal(bound.value, time_of(30000 + LEASE_MS).value);
    clock_extend(&clock, bound);
    assert_true(clock_stamp(&clock, wall(1000), NEVER, &time));
    assert_int_equal(time.value, time_of(30000).value + 1);
}

/* A civil clock that jumps, peers that are ahead or absurd, restarts at any moment: what the clock issues of itself
 * only grows, over restarts too, and stays below what was persisted. */
static void test_monotone_over_random_lives(void **state) {
    (void)state;
    printf("seed 0x%" PRIx64 "\n", SEED);
    struct rng rng;
    rng_init(&rng, SEED);
    for (uint32_t life = 0; life < 500; life++) {
        struct hybrid_time persisted = NEVER;
        struct hybrid_time last = NEVER;
        struct hybrid_clock clock;
        clock_init(&clock, persisted);
        uint64_t now = 1000000;
        uint32_t issued = 0;
        for (uint32_t step = 0; step < 400; step++) {
            now += rng_below(&rng, 20) == 0 ? rng_below(&rng, 90000) : rng_below(&rng, 30);
            now -= rng_below(&rng, 20) == 0 ? rng_below(&rng, now < 90000 ? now : 90000) : 0;
            if (rng_below(&rng, 3) != 0) {
                keep_bound(&clock, wall(now), &persisted);
            }
            if (rng_below(&rng, 5) == 0) {
                clock_observe(&clock, wall(now), time_of(now + rng_below(&rng, 120000)));
            }
            if (rng_below(&rng, 40) == 0) {
                clock_init(&clock, persisted);
            }
            struct hybrid_time above = {rng_below(&rng, 3) == 0 ? time_of(now + rng_below(&rng, 200000)).value : 0};
            struct hybrid_time time = NEVER;
            if (!clock_stamp(&clock, wall(now), above, &time)) {
                continue;
            }
            assert_true(time.value > above.value);
            if (time.value == above.value + 1 && time.value >= persisted.value) {
                continue;
            }
            assert_true(time.value > last.value);
            assert_true(time.value < persisted.value);
            last = time;
            issued++;
        }
        assert_true(issued > 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_issued_at_or_above_the_bound),
        cmocka_unit_test(test_the_counter_runs_up_to_the_bound),
        cmocka_unit_test(test_a_new_time_exceeds_what_it_replaces),
        cmocka_unit_test(test_a_far_future_moves_one_key_and_not_the_clock),
        cmocka_unit_test(test_peers_are_followed_within_the_limit),
        cmocka_unit_test(test_a_peer_ahead_of_the_bound),
        cmocka_unit_test(test_monotone_over_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
