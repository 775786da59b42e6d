#include "base/rng.h"

#include "base/ensure.h"

#include <string.h>

__extension__ typedef unsigned __int128 uint128;

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

void rng_init(struct rng *rng, uint64_t seed) {
    for (size_t i = 0; i < 4; i++) {
        rng->state[i] = splitmix64(&seed);
    }
}

uint64_t rng_next(struct rng *rng) {
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The high half of a product is uniform once the few low halves that would favour some results are drawn again
 * (Lemire, Fast Random Integer Generation in an Interval, 2019). */
uint64_t rng_below(struct rng *rng, uint64_t bound) {
    ENSURE(bound > 0);
    uint128 product = (uint128)rng_next(rng) * bound;
    if ((uint64_t)product < bound) {
        uint64_t refused = (0 - bound) % bound;
        while ((uint64_t)product < refused) {
            product = (uint128)rng_next(rng) * bound;
        }
    }
    return (uint64_t)(product >> 64);
}

uint64_t rng_between(struct rng *rng, uint64_t low, uint64_t high) {
    ENSURE(low <= high);
    uint64_t span = high - low;
    return span == UINT64_MAX ? rng_next(rng) : low + rng_below(rng, span + 1);
}

bool rng_chance(struct rng *rng, uint32_t per_million) {
    return rng_below(rng, 1000000) < per_million;
}

void rng_fill(struct rng *rng, void *data, size_t bytes) {
    uint8_t *to = data;
    while (bytes > 0) {
        uint64_t word = rng_next(rng);
        size_t part = bytes < sizeof(word) ? bytes : sizeof(word);
        memcpy(to, &word, part);
        to += part;
        bytes -= part;
    }
}

struct rng rng_split(struct rng *rng) {
    struct rng other;
    rng_init(&other, rng_next(rng));
    return other;
}
