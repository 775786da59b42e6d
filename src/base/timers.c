#include "base/timers.h"

#include "base/ensure.h"

#include <stdlib.h>

/* A heap of four children each: half as deep as one of two, and four pointers are half a cache line. Places count from
 * 1, so that 0 can mean "not scheduled"; the parent of place p is (p + 2) / 4. */
enum { CHILDREN = 4, CAPACITY_LEAST = 16 };

static bool earlier(const struct timer *a, const struct timer *b) {
    return a->due.ns != b->due.ns ? a->due.ns < b->due.ns : a->sequence < b->sequence;
}

static void put(struct timers *timers, size_t position, struct timer *timer) {
    timers->heap[position - 1] = timer;
    timer->position = position;
}

static struct timer *at(const struct timers *timers, size_t position) {
    return timers->heap[position - 1];
}

static void rise(struct timers *timers, size_t position, struct timer *timer) {
    while (position > 1) {
        size_t parent = (position + CHILDREN - 2) / CHILDREN;
        if (!earlier(timer, at(timers, parent))) {
            break;
        }
        put(timers, position, at(timers, parent));
        position = parent;
    }
    put(timers, position, timer);
}

static void sink(struct timers *timers, size_t position, struct timer *timer) {
    for (;;) {
        size_t first = CHILDREN * (position - 1) + 2;
        size_t end = first + CHILDREN <= timers->size + 1 ? first + CHILDREN : timers->size + 1;
        struct timer *least = timer;
        for (size_t child = first; child < end; child++) {
            if (earlier(at(timers, child), least)) {
                least = at(timers, child);
            }
        }
        if (least == timer) {
            break;
        }
        size_t taken = least->position;
        put(timers, position, least);
        position = taken;
    }
    put(timers, position, timer);
}

/* Finds the place of a timer that now holds a position which may be too high or too low for it. */
static void settle(struct timers *timers, size_t position, struct timer *timer) {
    rise(timers, position, timer);
    if (timer->position == position) {
        sink(timers, position, timer);
    }
}

void timers_init(struct timers *timers) {
    *timers = (struct timers){.heap = NULL};
}

void timers_release(struct timers *timers) {
    free((void *)timers->heap);
    timers_init(timers);
}

void timers_schedule(struct timers *timers, struct timer *timer, struct instant due) {
    timer->due = due;
    timer->sequence = timers->next_sequence++;
    if (timer->position != 0) {
        ENSURE(timer->position <= timers->size && at(timers, timer->position) == timer);
        settle(timers, timer->position, timer);
        return;
    }
    if (timers->size == timers->capacity) {
        size_t capacity = timers->capacity == 0 ? CAPACITY_LEAST : timers->capacity * 2;
        struct timer **heap = realloc((void *)timers->heap, capacity * sizeof(struct timer *));
        ENSURE(heap != NULL);
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timers->size++;
    rise(timers, timers->size, timer);
}

void timers_cancel(struct timers *timers, struct timer *timer) {
    size_t position = timer->position;
    if (position == 0) {
        return;
    }
    ENSURE(position <= timers->size && at(timers, position) == timer);
    timer->position = 0;
    struct timer *last = at(timers, timers->size);
    timers->size--;
    if (last != timer) {
        settle(timers, position, last);
    }
}

bool timers_next(const struct timers *timers, struct instant *ret_due) {
    if (timers->size == 0) {
        return false;
    }
    *ret_due = timers->heap[0]->due;
    return true;
}

struct timer *timers_expire(struct timers *timers, struct instant now) {
    if (timers->size == 0 || timers->heap[0]->due.ns > now.ns) {
        return NULL;
    }
    struct timer *timer = timers->heap[0];
    timers_cancel(timers, timer);
    return timer;
}
