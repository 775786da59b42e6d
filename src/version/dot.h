/* A dot names one write event on one key: (actor, n). An actor is drawn at random by a replica for a key the first time
 * it coordinates that key in this run of the process during the key's present stay in the replica; n counts its events
 * on that key 1, 2, 3 without gaps. So a vector entry {actor: n} means exactly those n events, and no restart,
 * forgotten key or delivered hint can make it cover an event that its holder never saw. After Preguica et al., "Dotted
 * Version Vectors" (2010), with actors per key and stay instead of per server. */
#ifndef GRAMME_VERSION_DOT_H
#define GRAMME_VERSION_DOT_H

#include <stdbool.h>
#include <stdint.h>

struct dot {
    uint64_t actor; /* never 0 */
    uint64_t n;     /* from 1 */
};

/* The first 16 bits of an actor are drawn from the run of the process that drew it, so that whoever knows the runs of
 * all members can guess which actors have ended. A guess only: two runs may share these bits. */
static inline uint64_t actor_of_run(uint16_t run_tag, uint64_t random) {
    return (uint64_t)run_tag << 48 | random >> 16;
}

static inline uint16_t actor_run_tag(uint64_t actor) {
    return (uint16_t)(actor >> 48);
}

static inline bool dot_equal(struct dot a, struct dot b) {
    return a.actor == b.actor && a.n == b.n;
}

static inline int dot_compare(struct dot a, struct dot b) {
    if (a.actor != b.actor) {
        return a.actor < b.actor ? -1 : 1;
    }
    return (a.n > b.n) - (a.n < b.n);
}

#endif
