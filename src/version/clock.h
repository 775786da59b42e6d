/* Hybrid logical clock (Kulkarni et al., 2014): 48 bits of civil milliseconds, 16 of counter. Merged on every message;
 * its bound is persisted before times up to it are issued, and a restart begins above it. Pure: told the civil time. */
#ifndef GRAMME_VERSION_CLOCK_H
#define GRAMME_VERSION_CLOCK_H

#include "base/identity.h"

/* Ordered as a plain integer. 0: never. */
struct hybrid_time {
    uint64_t value;
};

enum { CLOCK_SKEW_LIMIT_MS = 60000 };

struct hybrid_clock {
    struct hybrid_time last;
    struct hybrid_time bound; /* persisted: times at or above it may not be issued yet */
};

static inline struct hybrid_time hybrid_time_of_wall(struct wall_time wall) {
    return (struct hybrid_time){wall.ms << 16};
}

static inline struct wall_time hybrid_time_wall(struct hybrid_time time) {
    return (struct wall_time){time.value >> 16};
}

/* Begins at or above `floor`, the bound that the run before persisted (0 at birth). */
void clock_init(struct hybrid_clock *clock, struct hybrid_time floor);
/* A peer's time; merged unless it is more than CLOCK_SKEW_LIMIT_MS ahead of the civil time (then it is ignored here: a
 * stamped object is never refused for its time, but does not drag our clock along either). */
void clock_observe(struct hybrid_clock *clock, struct wall_time now, struct hybrid_time remote);
/* A new time above everything issued or merged and above `above` (the greatest time that the new value replaces).
 * False when that needs a time at or above the bound: extend the bound and retry. `above` may exceed the bound (a
 * replaced value from a far future): then the result is above + 1, allowed, since no restart can issue it twice on that
 * key without having read `above` again. */
bool clock_stamp(struct hybrid_clock *clock, struct wall_time now, struct hybrid_time above, struct hybrid_time *ret);
/* True, with the bound to persist, when less than half of `lease_ms` is left before the bound. clock_extend() once it
 * is durable. */
bool clock_wants_bound(const struct hybrid_clock *clock, struct wall_time now, uint64_t lease_ms,
                       struct hybrid_time *ret_bound);
void clock_extend(struct hybrid_clock *clock, struct hybrid_time bound);

#endif
