#include "base/histogram.h"

#include <string.h>

/*
 * With b the position of the highest bit, a value of 64 or more is kept as (b, the six bits below
 * it). Values below 64 are their own index; the octave [64, 128) continues at index 64 with buckets
 * one wide, so indexes run on without a gap.
 */
static size_t bucket_of(uint64_t value) {
    if (value < HISTOGRAM_OCTAVE_BUCKETS) {
        return (size_t)value;
    }
    unsigned highest = 63U - (unsigned)__builtin_clzll(value);
    unsigned shift = highest - HISTOGRAM_OCTAVE_BITS;
    return ((size_t)(shift + 1) << HISTOGRAM_OCTAVE_BITS) + (size_t)((value >> shift) - HISTOGRAM_OCTAVE_BUCKETS);
}

static uint64_t bucket_middle(size_t index) {
    if (index < HISTOGRAM_OCTAVE_BUCKETS) {
        return (uint64_t)index;
    }
    unsigned shift = (unsigned)(index >> HISTOGRAM_OCTAVE_BITS) - 1U;
    uint64_t place = (uint64_t)(index & (HISTOGRAM_OCTAVE_BUCKETS - 1));
    uint64_t lowest = (HISTOGRAM_OCTAVE_BUCKETS + place) << shift;
    return lowest + (((uint64_t)1 << shift) - 1) / 2;
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most) {
    if (value < least) {
        return least;
    }
    return value > most ? most : value;
}

void histogram_init(struct histogram *histogram) {
    memset(histogram, 0, sizeof *histogram);
    histogram->least = UINT64_MAX;
}

void histogram_record(struct histogram *histogram, uint64_t value) {
    histogram_record_many(histogram, value, 1);
}

void histogram_record_many(struct histogram *histogram, uint64_t value, uint64_t times) {
    if (times == 0) {
        return;
    }
    histogram->count += times;
    histogram->sum += value * times;
    histogram->buckets[bucket_of(value)] += times;
    if (value < histogram->least) {
        histogram->least = value;
    }
    if (value > histogram->most) {
        histogram->most = value;
    }
}

void histogram_merge(struct histogram *histogram, const struct histogram *other) {
    histogram->count += other->count;
    histogram->sum += other->sum;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->buckets[i] += other->buckets[i];
    }
    if (other->least < histogram->least) {
        histogram->least = other->least;
    }
    if (other->most > histogram->most) {
        histogram->most = other->most;
    }
}

uint64_t histogram_count(const struct histogram *histogram) {
    return histogram->count;
}

uint64_t histogram_least(const struct histogram *histogram) {
    return histogram->count == 0 ? 0 : histogram->least;
}

uint64_t histogram_most(const struct histogram *histogram) {
    return histogram->most;
}

double histogram_mean(const struct histogram *histogram) {
    if (histogram->count == 0) {
        return 0.0;
    }
    return (double)histogram->sum / (double)histogram->count;
}

/* The rank, from 1, of the value that answers a percentile: the nearest-rank definition. */
static uint64_t rank_of(uint64_t count, double percent) {
    double exact = (double)count * percent / 100.0;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact) {
        rank++;
    }
    return clamp(rank, 1, count);
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    if (histogram->count == 0) {
        return 0;
    }
    if (!(percent > 0.0)) {
        return histogram->least;
    }
    if (percent >= 100.0) {
        return histogram->most;
    }
    uint64_t rank = rank_of(histogram->count, percent);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank) {
            return clamp(bucket_middle(i), histogram->least, histogram->most);
        }
    }
    return histogram->most;
}

uint64_t histogram_count_to(const struct histogram *histogram, uint64_t value) {
    size_t last = bucket_of(value);
    uint64_t seen = 0;
    for (size_t i = 0; i <= last; i++) {
        seen += histogram->buckets[i];
    }
    return seen;
}
