/*
 * A log-linear histogram of unsigned 64-bit values, usually nanoseconds.
 *
 * Every power of two above 64 is cut into 64 equal buckets, so a bucket is at most 1/64 as wide as
 * its smallest value; a percentile is answered with its bucket's middle and is off by less than
 * 0.8 % (values below 128 are exact). This is the layout that HdrHistogram made known.
 *
 * Memory is fixed (about 30 KiB), recording is a handful of instructions, and merging adds counts,
 * so a histogram per thread and one merge at reading time needs no lock.
 */
#ifndef GRAMME_BASE_HISTOGRAM_H
#define GRAMME_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_OCTAVE_BITS = 6,
    HISTOGRAM_OCTAVE_BUCKETS = 1 << HISTOGRAM_OCTAVE_BITS,
    /* One run of exact values below 64, then 58 octaves up to 2^64 - 1. */
    HISTOGRAM_BUCKETS = HISTOGRAM_OCTAVE_BUCKETS * (64 - HISTOGRAM_OCTAVE_BITS + 1),
};

/* Embedded by its owner; holds no pointer, so it may be copied and compared as bytes. */
struct histogram {
    uint64_t count;
    uint64_t sum; /* wraps past 2^64 - 1: about 584 years of nanoseconds */
    uint64_t least;
    uint64_t most;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Empties the histogram. Must be called before any other function. */
void histogram_init(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* Records `value` as often as `times` says. */
void histogram_record_many(struct histogram *histogram, uint64_t value, uint64_t times);

/* Adds everything that `other` recorded. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

uint64_t histogram_count(const struct histogram *histogram);

/* The smallest and greatest values recorded, exact; 0 when there is none. */
uint64_t histogram_least(const struct histogram *histogram);
uint64_t histogram_most(const struct histogram *histogram);

/* The mean of the values recorded; 0 when there is none. */
double histogram_mean(const struct histogram *histogram);

/*
 * The value at or below which `percent` of the recorded values lie, within 0.8 %; never outside
 * [least, most]. `percent` is in [0, 100], clamped: 0 gives the least, 100 the greatest. 0 when
 * nothing was recorded.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/*
 * How many recorded values are at or below `value`, counting the whole bucket that `value` falls
 * in: what a cumulative bucket of Prometheus' text format asks for.
 */
uint64_t histogram_count_to(const struct histogram *histogram, uint64_t value);

#endif
