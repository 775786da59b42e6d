#include "version/clock.h"

#include "base/mutant.h"

static struct hybrid_time later(struct hybrid_time a, struct hybrid_time b) {
    return a.value >= b.value ? a : b;
}

static struct hybrid_time next(struct hybrid_time time) {
    return (struct hybrid_time){time.value == UINT64_MAX ? UINT64_MAX : time.value + 1};
}

void clock_init(struct hybrid_clock *clock, struct hybrid_time floor) {
    *clock = (struct hybrid_clock){.last = {MUTANT(CLOCK_BELOW_BOUND) ? 0 : floor.value}, .bound = floor};
}

void clock_observe(struct hybrid_clock *clock, struct wall_time now, struct hybrid_time remote) {
    if (hybrid_time_wall(remote).ms > now.ms + CLOCK_SKEW_LIMIT_MS) {
        return;
    }
    clock->last = later(clock->last, remote);
}

bool clock_stamp(struct hybrid_clock *clock, struct wall_time now, struct hybrid_time above, struct hybrid_time *ret) {
    struct hybrid_time own = later(next(clock->last), hybrid_time_of_wall(now));
    above.value = MUTANT(STAMP_NOT_ABOVE) ? 0 : above.value;
    struct hybrid_time needed = later(own, next(above));
    if (needed.value < clock->bound.value) {
        clock->last = needed;
        *ret = needed;
        return true;
    }
    if (above.value >= own.value) {
        /* One key's far future; taking it over would drag every other key's times, and the bound, after it. */
        *ret = needed;
        return true;
    }
    return false;
}

bool clock_wants_bound(const struct hybrid_clock *clock, struct wall_time now, uint64_t lease_ms,
                       struct hybrid_time *ret_bound) {
    struct hybrid_time present = later(clock->last, hybrid_time_of_wall(now));
    uint64_t lease = lease_ms << 16;
    if (clock->bound.value >= present.value && clock->bound.value - present.value >= lease / 2) {
        return false;
    }
    ret_bound->value = present.value + lease;
    return true;
}

void clock_extend(struct hybrid_clock *clock, struct hybrid_time bound) {
    clock->bound = later(clock->bound, bound);
}
