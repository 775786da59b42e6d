/* Virtual time. Everything that happens in a simulation is an event at an instant; ties are broken by the order of
 * scheduling, randomness comes from one stream per subsystem, so a seed replays to the identical trace. */
#ifndef GRAMME_SIM_WORLD_H
#define GRAMME_SIM_WORLD_H

#include "base/arena.h"
#include "base/blobs.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/timers.h"
#include "base/view.h"

struct world;

/* Something that will happen: embed it, or let world_after() make one. */
struct world_event {
    struct timer timer;
    void (*happen)(struct world *world, struct world_event *event);
};

struct world {
    struct instant now;
    struct timers timers;
    uint64_t trace_hash; /* over everything that happened, in order */
    uint64_t event_count;
    struct blobs blobs;
    struct arena scratch; /* of one event */
    bool failed;
    void *trace_file; /* FILE of the readable trace, or NULL */
};

/* Civil time at instant 0, for a clock that is right. */
#define WORLD_EPOCH_MS UINT64_C(1767225600000)

void world_init(struct world *world);
void world_release(struct world *world);

void world_schedule(struct world *world, struct world_event *event, uint64_t delay_ns);
void world_cancel(struct world *world, struct world_event *event);
/* Runs events until `until`; the time is `until` afterwards. Stops early when the world has failed. */
void world_run(struct world *world, struct instant until);

/* Mixes what happened into the trace's hash. */
void world_note(struct world *world, const char *what, uint64_t a, uint64_t b, struct view bytes);
bool world_traces(const struct world *world);
/* One line of the readable trace, with the time in front. */
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
