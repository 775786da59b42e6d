/* Random histories of one key: replicas that write, merge, forget and restart, messages that arrive late, clients that
 * hold on to contexts. Beside each object stands a model that knows nothing of dots and vectors: plain sets of events,
 * and for each event the set of those that its writer had been shown. Each step ends in a comparison of the two. */
#ifndef GRAMME_TESTS_VERSION_HISTORY_H
#define GRAMME_TESTS_VERSION_HISTORY_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/rng.h"
#include "version/object.h"

enum { HISTORY_EVENTS_MOST = 96, HISTORY_REPLICAS = 5, HISTORY_CONTEXTS = 6, HISTORY_MESSAGES = 6 };

struct event_set {
    uint64_t words[(HISTORY_EVENTS_MOST + 63) / 64];
};

struct event {
    struct dot dot;
    struct hybrid_time time;
    struct event_set past; /* what its writer had been shown: the events that it supersedes */
    bool is_addition;      /* it supersedes only its actor's additions, which it goes on from */
    int64_t addend;
    uint8_t bytes[8];
};

/* An object and what the model thinks of it. */
struct copy {
    struct object object;
    struct event_set seen;
    struct event_set held;
    struct expiry expiry[HISTORY_EVENTS_MOST];
    uint64_t mark;
};

struct reader_context {
    struct context context;
    struct event_set events;
};

struct history {
    struct rng rng;
    struct arena arena;
    enum conflict_rule rule;
    bool small_actors;
    struct event events[HISTORY_EVENTS_MOST];
    uint32_t event_count;
    uint64_t actors_drawn;
    struct dot actors[HISTORY_REPLICAS]; /* n: issued so far */
    struct copy replicas[HISTORY_REPLICAS];
    struct copy messages[HISTORY_MESSAGES];
    struct reader_context contexts[HISTORY_CONTEXTS];
};

void history_init(struct history *history, uint64_t seed, enum conflict_rule rule);
void history_release(struct history *history);
/* One random step, checked. */
void history_step(struct history *history);
/* Any replica, message in flight, or now and then an absent object. */
struct copy history_pick(struct history *history);
struct copy history_merge(struct history *history, const struct copy *a, const struct copy *b);
/* Fails the test where object and model differ. */
void history_check(const struct history *history, const struct copy *copy);

/* The encodings are the same bytes. */
bool same_bytes(const struct object *a, const struct object *b);

#endif
