#include "placement/keys.h"

#include "base/ensure.h"
#include "base/hash.h"
#include "ring/slot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ZIPF_EXPONENT 0.99

enum { SLOT_BITS = 14 };

struct key {
    uint64_t position;
    size_t rank;
};

static int compare_keys(const void *left, const void *right) {
    const struct key *a = left;
    const struct key *b = right;
    return (a->position > b->position) - (a->position < b->position);
}

static uint64_t position_of(size_t rank) {
    char text[32];
    int length = snprintf(text, sizeof(text), "cart:%zu", rank);
    struct view key = view_of(text, (size_t)length);
    return ((uint64_t)slot_of_key(key).value << (64 - SLOT_BITS)) | (hash64(key, 0) >> SLOT_BITS);
}

static double weight_of(enum popularity popularity, size_t rank, size_t count) {
    switch (popularity) {
    case POPULARITY_PARETO:
        return rank < count / 5 ? 16 : 1;
    case POPULARITY_ZIPF:
        return pow((double)(rank + 1), -ZIPF_EXPONENT);
    default:
        return 1;
    }
}

void keys_init(struct keys *keys, size_t count) {
    struct key *all = calloc(count, sizeof(*all));
    ENSURE(all != NULL);
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct key){position_of(i), i};
    }
    qsort(all, count, sizeof(*all), compare_keys);
    *keys = (struct keys){.count = count, .positions = calloc(count, sizeof(uint64_t))};
    ENSURE(keys->positions != NULL);
    for (size_t i = 0; i < count; i++) {
        keys->positions[i] = all[i].position;
    }
    for (int kind = 0; kind < POPULARITY_KINDS; kind++) {
        double *sums = calloc(count + 1, sizeof(double));
        ENSURE(sums != NULL);
        for (size_t i = 0; i < count; i++) {
            sums[i + 1] = sums[i] + weight_of((enum popularity)kind, all[i].rank, count);
        }
        for (size_t i = 0; i < count; i++) {
            sums[i] /= sums[count];
        }
        sums[count] = 1;
        keys->sums[kind] = sums;
    }
    free(all);
}

void keys_release(struct keys *keys) {
    free(keys->positions);
    for (int kind = 0; kind < POPULARITY_KINDS; kind++) {
        free(keys->sums[kind]);
    }
    *keys = (struct keys){0};
}

size_t keys_until(const struct keys *keys, uint64_t position) {
    size_t low = 0;
    size_t high = keys->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys->positions[middle] <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
