/* A context: exactly the events that its holder was shown. A version vector plus detached dots (events known without
 * all of their actor's earlier ones), plus the greatest time seen.
 *
 * Canonical form, kept by every function: both arrays sorted by dot_compare; no detached dot is covered by the vector
 * or extends it by one (then it is folded in); at most one vector entry per actor with n >= 1. Two contexts of the same
 * events are equal member by member. The greatest time is that of the events: a join takes the greater, and whoever
 * adds an event raises it to the event's time. Arrays are borrowed: from the arena of the step, or from encoded bytes
 * decoded into it.
 *
 * Of counters (counter.h) a context also says from which sum on their actors count: `resets`, at most one an actor,
 * sorted by it, each at an event that the vector covers. A join takes the later one. */
#ifndef GRAMME_VERSION_CONTEXT_H
#define GRAMME_VERSION_CONTEXT_H

#include "base/arena.h"
#include "version/clock.h"
#include "version/dot.h"

/* What the actor had added by that event is not counted: a write that had seen it replaced it. */
struct reset {
    struct dot dot;
    uint64_t sum; /* modulo 2^64 */
};

struct context {
    const struct dot *vector;
    const struct dot *detached;
    const struct reset *resets;
    uint32_t vector_count;
    uint32_t detached_count;
    uint32_t reset_count;
    struct hybrid_time greatest;
};

static inline struct context context_empty(void) {
    return (struct context){0};
}

/* In canonical form: what every function here keeps and a decoder demands. */
bool context_is_valid(const struct context *context);
bool context_contains(const struct context *context, struct dot dot);
/* Contains it and all that its actor did before. */
bool context_vector_covers(const struct context *context, struct dot dot);
bool context_is_empty(const struct context *context); /* no events; time aside */
/* a's events all in b. */
bool context_covered_by(const struct context *a, const struct context *b);
/* Same events and resets (greatest time aside). */
bool context_equal(const struct context *a, const struct context *b);
/* May share arrays with a and b: they stay valid as long as the result is used. */
struct context context_join(const struct context *a, const struct context *b, struct arena *arena);
/* The context with one event more; folded into the vector when it is the actor's next, and with it the detached dots
 * that it joins up. The greatest time is left for the caller to raise. */
struct context context_add(const struct context *context, struct dot dot, struct arena *arena);
/* Canonical form out of arrays in any order with repetitions. Entries whose n is 0 say nothing and are dropped. */
struct context context_normalise(const struct dot *vector, uint32_t vector_count, const struct dot *detached,
                                 uint32_t detached_count, struct hybrid_time greatest, struct arena *arena);
/* The context's reset of that actor, or NULL. */
const struct reset *context_reset_of(const struct context *context, uint64_t actor);
/* The context with these resets as well, sorted as its own are; their events are its own. */
struct context context_reset(const struct context *context, const struct reset *resets, uint32_t count,
                             struct arena *arena);
/* Without what the dot's actor did after it, and a reset at that. */
struct context context_until(const struct context *context, struct dot dot, struct arena *arena);
/* Without the actor's vector entry and reset. */
struct context context_forget(const struct context *context, uint64_t actor, struct arena *arena);

#endif
