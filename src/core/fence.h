/* The fence: how a cluster comes to know that nothing old is left anywhere but in its owners' stores, so that what only
 * served to outlive the old may be destroyed (core/reaper.h). "Creation needs anyone; destruction needs everyone": a
 * fence waits for every member, and serving waits for none.
 *
 * Fences are numbered. What a shard takes from its owner's store and sends, it labels with the greatest number that it
 * knows of and has made durable; a hint keeps the label it came under, the least when several are merged.
 *
 *      somebody wants the next one  --> HEARD  gossip, greetings and labels carry the number to every shard
 *      a shard that heard it        --> LABELS with it, once that is durable
 *      its older requests are over, older hints are gone, and that is durable  --> DRAINED
 *      a member has seen that every shard of every member has drained it       --> AGREED
 *      every member agrees                                                     --> PASSED, which gossip carries too
 *
 * AGREED is there for a member that drained, stopped and came back with an empty store: its old word still counts where
 * its end was not noticed, but it must agree itself, in the run in which it drained.
 *
 * A shard that finds no number in its store doesn't know what its labels are worth: one of an early number would lie in
 * some fallback for good, refused by every owner. So it stamps nothing and takes no hint until it has learnt the
 * number: from a member that knows it, or, at a cluster's birth, from a majority of members that don't know it either.
 * (Should a majority lose its stores at once, hints that it makes before it meets one of the others may be refused.)
 *
 * What holds: once a shard knows that fence f has passed, there is nothing labelled below f but bytes that lie in some
 * socket, and it refuses those; a shard that has drained f takes no hint labelled below f. The next fence begins only
 * when the last one has passed, so labels in use are at most two numbers apart.
 *
 * So if all owners of a key held the same object at a time when the greatest number heard by any of them was p,
 * whatever else there was of the key outside their stores is labelled p + 1 at most (one number may have begun
 * elsewhere), and is gone when p + 2 has passed.
 *
 * Shards report to the node's first shard, and first shards of nodes to each other. Source: Chandy and Lamport's
 * markers; F1's schema changes ("a change is safe once no server can be two states behind"). */
#ifndef GRAMME_CORE_FENCE_H
#define GRAMME_CORE_FENCE_H

#include "base/identity.h"
#include "base/limits.h"
#include "ring/ring.h"
#include "version/clock.h"

struct shard;
struct source;

enum {
    FENCE_UNKNOWN = 0,
    FENCE_FIRST = 1,       /* the label of everything before there was a fence */
    FENCE_IDLE_MS = 2000,  /* between two words when nothing is under way */
    FENCE_MARGIN = 2,      /* see above */
    FENCE_LEAST_MS = 1000, /* between the beginnings of two fences */
    /* Of writes: tokens of others are addresses. */
    FENCE_LABEL_TOKEN = 2,
    FENCE_DRAIN_TOKEN = 3,
};

struct fence_state {
    uint64_t heard;
    uint64_t drained;
    uint64_t agreed; /* first shard */
    uint64_t passed;
    uint64_t wanted;
};

struct fence {
    struct hybrid_time time; /* of what was proved here, or elsewhere: this clock is beyond it */
    struct fence_state own;  /* of this shard; passed: as far as it knows */
    uint64_t label;          /* what it takes from its store now is labelled so: durable, but for the first */
    uint64_t durable;        /* the greatest number that its store remembers */
    uint64_t label_wanted;   /* on its way to the disk; 0: none */
    uint64_t hint_floor;     /* hints below it are refused */
    uint64_t draining;       /* will be drained when all that was written is durable; 0: none */
    struct instant spoke;
    struct instant begun;                       /* first shard: the last fence that it began */
    struct fence_state of_shards[LIMIT_SHARDS]; /* first shard: this node's */
    uint64_t *drained_by;                       /* first shard: by member, in the run that it is in now */
    uint64_t *agreed_by;                        /* the same */
    bool *has_greeted;                          /* by member */
    uint64_t fences;                            /* passed in this run */
};

void fence_init(struct shard *shard);
void fence_beat(struct shard *shard);
void fence_receive(struct shard *shard, const struct source *source, struct view body);
void fence_on_label_durable(struct shard *shard, bool is_durable);
void fence_on_drain_durable(struct shard *shard, bool is_durable);

/* A member's greeting, with the number that it knows of. */
void fence_greeted(struct shard *shard, struct member_index member, uint64_t number, bool is_new_run);
/* This shard may stamp, and take hints. */
bool fence_is_learnt(const struct shard *shard);

/* A number that somebody knows of: from a word. */
void fence_hear(struct shard *shard, uint64_t number);
/* There is that number, at least: it tells nothing to a shard that knows none, since an old hint's may be long past. */
void fence_hear_label(struct shard *shard, uint64_t label);
/* A fact, from whoever knows it. */
void fence_hear_passed(struct shard *shard, uint64_t number);
/* The reaper waits for this one; 0: for none. `time`: of what it proved, which no clock may be behind by then. */
void fence_want(struct shard *shard, uint64_t number, struct hybrid_time time);

/* The label of what is taken now from this node's store: an owner's own, or a hint with this mark. */
uint64_t fence_label(const struct shard *shard, struct partition partition, uint64_t mark);
/* What came under that label is from before a fence that has passed; as a hint: from before one that this shard
 * drained.
 */
bool fence_refuses(const struct shard *shard, uint64_t label, bool is_hint);

/* First shard: the member that the fence under way waits for; false when there is none under way or none is known. */
bool fence_waits_for(const struct shard *shard, struct member_index *ret_member);

#endif
