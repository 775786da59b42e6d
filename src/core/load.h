/* Load: what a shard takes on, and how much of its time is for itself.
 *
 * Admission. So many operations, and so many bytes of them, may be under way; beyond that, an operation is answered
 * BUSY before anything is done for it. From half of that on, a session that has something under way waits for it before
 * it begins the next, so that one that pipelines slows down instead. What is admitted then ends well within its
 * deadline: without a bound a burst would turn into writes whose fate nobody knows, and last until the last of it was
 * worked off. When the node's memory is at its limit, values are refused, from clients and from other nodes; deletions
 * and hints on their way home are not.
 *
 * Background work (exchange, scrubs, reaping, hints on their way home) has budgets for each heartbeat. Their share is
 * halved when, of the operations that ended in a second, one in a hundred was slow, and doubled when not, down to a
 * sixteenth: a cluster that is always slow must still mend itself. Slow is what took longer than
 * `background-latency-ms`, or half as long again as one in a hundred takes while nothing moves.
 *
 * What goes on by itself, step by step, has no budget but rests after each step, for some times as long as the step
 * took: longer when its share is less, and filling not at all while no client asks this node for anything. Source:
 * Dynamo, section 6.5, "Balancing background vs. foreground tasks".
 */
#ifndef GRAMME_CORE_LOAD_H
#define GRAMME_CORE_LOAD_H

#include "base/identity.h"
#include "wire/operation.h"

struct shard;

enum {
    LOAD_BYTES_MOST = 128 * 1024 * 1024, /* of operations under way; one alone may have more */
    LOAD_SHARE_WHOLE = 16,
    LOAD_REST_MOST_MS = 500, /* a step that took very long waited for a disk or a peer */
    LOAD_WINDOW_MS = 1000,
    LOAD_USUAL_MS = 10, /* taken for what one in a hundred takes, until it was seen */
};

/* A step takes one in so many parts of the time, its rest the others. */
enum load_steps {
    LOAD_SERVING = 1, /* parcels to others: they rest */
    LOAD_FAREWELL = 3,
    LOAD_FILLING = 8,
};

struct load {
    uint64_t bytes;       /* of operations under way */
    bool memory_is_short; /* of the node, as its driver says */
    uint64_t turned_away; /* operations */
    uint64_t refused;     /* other nodes' puts */
    uint32_t share;       /* of background work, in sixteenths */
    uint32_t ended;       /* operations, in this window */
    uint32_t slow;        /* of these */
    uint32_t asked;       /* by clients, here or by way of another node, in this window */
    bool is_idle;         /* nobody asked in the last one */
    uint32_t quiet;       /* windows in a row in which nothing went on by itself, here */
    uint64_t usual_ns;    /* one operation in a hundred takes longer in such windows, an estimate */
    struct instant window_ends;
};

void load_init(struct shard *shard);
/* False: answer BUSY. */
bool load_admits(struct shard *shard, const struct operation *operation);
/* Half of what may be: clients that pipeline are slowed down, so that few of those that don't are turned away. */
bool load_is_crowded(const struct shard *shard);
/* A put from elsewhere would bring values here. */
bool load_takes_put(struct shard *shard);
void load_began(struct shard *shard, size_t bytes);
void load_ended(struct shard *shard, size_t bytes);
/* Another node asked something on behalf of a client. */
void load_asked(struct shard *shard);
/* An operation that was coordinated here took so long. */
void load_measured(struct shard *shard, uint64_t ns);
void load_beat(struct shard *shard);
/* What is left of a budget of background work; at least 1. */
uint32_t load_share(const struct shard *shard, uint32_t budget);
/* How long work that goes on by itself rests after a step that took so long. */
uint64_t load_rest_ns(struct shard *shard, enum load_steps steps, uint64_t took_ns);

#endif
