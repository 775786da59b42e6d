/* Deadlines: a heap of embedded timers, ties broken by the order of scheduling. Pure: somebody else knows the time. */
#ifndef GRAMME_BASE_TIMERS_H
#define GRAMME_BASE_TIMERS_H

#include "base/identity.h"

#include <stddef.h>

struct timer {
    struct instant due;
    uint64_t sequence;
    size_t position; /* 1-based place in the heap; 0: not scheduled */
};

struct timers {
    struct timer **heap;
    size_t size;
    size_t capacity;
    uint64_t next_sequence;
};

void timers_init(struct timers *timers);
void timers_release(struct timers *timers);
void timers_schedule(struct timers *timers, struct timer *timer, struct instant due); /* moves it if scheduled */
void timers_cancel(struct timers *timers, struct timer *timer);                       /* harmless if not scheduled */
static inline bool timer_is_scheduled(const struct timer *timer) {
    return timer->position != 0;
}
/* The earliest deadline; false when there is none. */
bool timers_next(const struct timers *timers, struct instant *ret_due);
/* Removes and returns the earliest timer that is due at `now`, or NULL. */
struct timer *timers_expire(struct timers *timers, struct instant now);

#endif
