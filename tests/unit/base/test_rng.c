#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The first outputs of the reference xoshiro256** from the state 1, 2, 3, 4. */
static void test_known_outputs(void **state) {
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(rng_next(&rng) == expected[i]);
    }
}

/* The reference splitmix64 from 1234567. */
static void test_known_seeding(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 1234567);
    assert_true(rng.state[0] == UINT64_C(6457827717110365317));
    assert_true(rng.state[1] == UINT64_C(3203168211198807973));
    assert_true(rng.state[2] == UINT64_C(9817491932198370423));
    assert_true(rng.state[3] == UINT64_C(4593380528125082431));
}

static void test_bounds(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    unsigned seen[6] = {0};
    for (int i = 0; i < 60000; i++) {
        seen[rng_below(&rng, 6)]++;
    }
    for (size_t i = 0; i < 6; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_below(&rng, 1) == 0);
        uint64_t value = rng_between(&rng, 10, 12);
        assert_true(value >= 10 && value <= 12);
        assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
        assert_true(rng_between(&rng, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
        (void)rng_between(&rng, 0, UINT64_MAX);
        assert_true(rng_chance(&rng, 1000000));
        assert_false(rng_chance(&rng, 0));
    }
}

static void test_split_and_fill(void **state) {
    (void)state;
    struct rng a;
    struct rng b;
    rng_init(&a, 5);
    rng_init(&b, 5);
    struct rng child_a = rng_split(&a);
    struct rng child_b = rng_split(&b);
    for (int i = 0; i < 10; i++) {
        uint64_t drawn = rng_next(&child_a);
        assert_true(drawn == rng_next(&child_b));
        assert_true(drawn != rng_next(&a));
    }
    uint8_t bytes[21] = {0};
    rng_fill(&child_a, bytes, 19);
    assert_int_equal(bytes[19], 0);
    assert_int_equal(bytes[20], 0);
    rng_fill(&child_a, bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_outputs),
        cmocka_unit_test(test_known_seeding),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_split_and_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
