/* Deterministic random numbers (xoshiro256**, seeded through splitmix64). Not for secrets: those come from the driver.
 */
#ifndef GRAMME_BASE_RNG_H
#define GRAMME_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound);                /* uniform in [0, bound), bound > 0 */
uint64_t rng_between(struct rng *rng, uint64_t low, uint64_t high); /* inclusive */
bool rng_chance(struct rng *rng, uint32_t per_million);
void rng_fill(struct rng *rng, void *data, size_t bytes);
/* An independent stream: one per subsystem, so that one more draw in one does not shift the others. */
struct rng rng_split(struct rng *rng);

#endif
