/* Keys on the ring, with how often each is asked for: sums over stretches of the ring.
 *
 * A position is 64 bits: the key's slot in the upper 14, and below it a hash of the key, which strategies that cut the
 * ring anywhere need. So one set of keys serves all strategies, and partitions of slots are stretches of it. */
#ifndef GRAMME_BENCH_PLACEMENT_KEYS_H
#define GRAMME_BENCH_PLACEMENT_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum popularity {
    POPULARITY_EVEN,   /* all keys alike */
    POPULARITY_PARETO, /* a fifth of the keys gets four fifths of the requests, alike within either part */
    POPULARITY_ZIPF,   /* the key of rank i gets i^-0.99 of what the first gets (YCSB's default) */
    POPULARITY_KINDS,
};

struct keys {
    size_t count;
    uint64_t *positions;            /* ascending */
    double *sums[POPULARITY_KINDS]; /* of the keys before each, as parts of all requests; count + 1 entries */
};

void keys_init(struct keys *keys, size_t count);
void keys_release(struct keys *keys);

/* How many keys lie at or before this position. */
size_t keys_until(const struct keys *keys, uint64_t position);

#endif
