#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The test's own generator, so that a fault in a shared one cannot hide a fault here. */
static uint64_t random_next(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15ULL;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static int compare_values(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void assert_within_one_percent(uint64_t measured, uint64_t exact) {
    uint64_t difference = measured > exact ? measured - exact : exact - measured;
    if (difference > exact / 100 + (exact < 100 ? 0 : 1)) {
        fail_msg("%" PRIu64 " is more than 1 %% off %" PRIu64, measured, exact);
    }
}

static void test_empty(void **state) {
    (void)state;
    static struct histogram histogram;
    histogram_init(&histogram);
    assert_int_equal(histogram_count(&histogram), 0);
    assert_int_equal(histogram_least(&histogram), 0);
    assert_int_equal(histogram_most(&histogram), 0);
    assert_int_equal(histogram_percentile(&histogram, 50.0), 0);
    assert_true(histogram_mean(&histogram) == 0.0);
    assert_int_equal(histogram_count_to(&histogram, UINT64_MAX), 0);
}

static void test_small_values_are_exact(void **state) {
    (void)state;
    static struct histogram histogram;
    for (uint64_t value = 0; value < 128; value++) {
        histogram_init(&histogram);
        histogram_record_many(&histogram, 0, 1);
        histogram_record_many(&histogram, value, 2);
        histogram_record_many(&histogram, 1000, 1);
        assert_int_equal(histogram_percentile(&histogram, 75.0), value);
    }
}

/* One value between two far ones: the middle percentile shows its bucket, not a clamp. */
static void test_every_octave_is_within_one_percent(void **state) {
    (void)state;
    static struct histogram histogram;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t base = (uint64_t)1 << bit;
        const uint64_t values[] = {base - 1, base, base + 1, base + base / 2, base + (base - 1)};
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            histogram_init(&histogram);
            histogram_record(&histogram, 0);
            histogram_record(&histogram, values[i]);
            histogram_record(&histogram, UINT64_MAX);
            assert_within_one_percent(histogram_percentile(&histogram, 60.0), values[i]);
        }
    }
}

static void test_ends_are_exact(void **state) {
    (void)state;
    static struct histogram histogram;
    histogram_init(&histogram);
    histogram_record(&histogram, 123456789);
    histogram_record(&histogram, 987654321);
    assert_int_equal(histogram_percentile(&histogram, -1.0), 123456789);
    assert_int_equal(histogram_percentile(&histogram, 0.0), 123456789);
    assert_int_equal(histogram_percentile(&histogram, 100.0), 987654321);
    assert_int_equal(histogram_percentile(&histogram, 200.0), 987654321);
    assert_int_equal(histogram_least(&histogram), 123456789);
    assert_int_equal(histogram_most(&histogram), 987654321);
    assert_true(histogram_mean(&histogram) == 555555555.0);
}

static void test_percentiles_match_sorted_values(void **state) {
    (void)state;
    enum { VALUES = 20000 };
    static uint64_t values[VALUES];
    static struct histogram histogram;
    const double percents[] = {1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        printf("seed %" PRIu64 "\n", seed);
        uint64_t random = seed;
        histogram_init(&histogram);
        for (size_t i = 0; i < VALUES; i++) {
            uint64_t shift = random_next(&random) % 64;
            values[i] = random_next(&random) >> shift;
            histogram_record(&histogram, values[i]);
        }
        qsort(values, VALUES, sizeof values[0], compare_values);
        for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
            double exact_rank = VALUES * percents[i] / 100.0;
            size_t rank = (size_t)exact_rank;
            if ((double)rank < exact_rank) {
                rank++;
            }
            assert_within_one_percent(histogram_percentile(&histogram, percents[i]), values[rank - 1]);
        }
    }
}

static void test_merge_equals_recording_together(void **state) {
    (void)state;
    static struct histogram left;
    static struct histogram right;
    static struct histogram both;
    histogram_init(&left);
    histogram_init(&right);
    histogram_init(&both);
    uint64_t random = 42;
    printf("seed 42\n");
    for (size_t i = 0; i < 10000; i++) {
        uint64_t value = random_next(&random) >> (random_next(&random) % 64);
        histogram_record(i % 3 == 0 ? &left : &right, value);
        histogram_record(&both, value);
    }
    histogram_merge(&left, &right);
    assert_memory_equal(&left, &both, sizeof both);

    static struct histogram empty;
    histogram_init(&empty);
    histogram_merge(&left, &empty);
    assert_memory_equal(&left, &both, sizeof both);
    histogram_merge(&empty, &both);
    assert_memory_equal(&empty, &both, sizeof both);
}

static void test_count_to(void **state) {
    (void)state;
    static struct histogram histogram;
    histogram_init(&histogram);
    histogram_record_many(&histogram, 10, 3);
    histogram_record_many(&histogram, 5000, 4);
    histogram_record_many(&histogram, UINT64_MAX, 5);
    histogram_record_many(&histogram, 7, 0);
    assert_int_equal(histogram_count_to(&histogram, 9), 0);
    assert_int_equal(histogram_count_to(&histogram, 10), 3);
    assert_int_equal(histogram_count_to(&histogram, 4000), 3);
    assert_int_equal(histogram_count_to(&histogram, 5000), 7);
    assert_int_equal(histogram_count_to(&histogram, UINT64_MAX), 12);
    assert_int_equal(histogram_count(&histogram), 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_every_octave_is_within_one_percent),
        cmocka_unit_test(test_ends_are_exact),
        cmocka_unit_test(test_percentiles_match_sorted_values),
        cmocka_unit_test(test_merge_equals_recording_together),
        cmocka_unit_test(test_count_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
