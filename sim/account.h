/* The causal account: every stamp that any coordinator made, and what it may rightly have replaced, kept apart from the
 * code under test (it shares only the decoders). From it, at the end:
 *
 *   G1  every acknowledged put is in the final set of its key, or an ancestor of it through rightful replacement;
 *   G2  nothing in the final set was replaced by an acknowledged put;
 *   G6  what a reaped tombstone covered is held by nobody ever again;
 *   G4  no dot is used twice; no context contains an event that was never stamped, or, at the end, one that is neither
 * in the final set nor an ancestor of it: an event that its holder's past never saw.
 *
 * A put with a context rightly replaces what its client was shown with that context. A plain write replaces what its
 * coordinator held; its second stamp also what any owner held since the first. */
#ifndef GRAMME_SIM_ACCOUNT_H
#define GRAMME_SIM_ACCOUNT_H

#include "base/map.h"
#include "core/trace.h"
#include "sim/cluster.h"
#include "sim/history.h"

struct stamp_record;
struct account_key;

enum { FLUSHES_KEPT = 64 };

struct flush_answered {
    struct instant time;
    struct hybrid_time floor;
};

struct account {
    struct world *world;
    struct history *history;
    struct map keys;
    struct hybrid_time newest[SIM_NODES_MOST][SIM_SHARDS_MOST];   /* stamp of the shard, of its own clock */
    struct hybrid_time floor_of[SIM_NODES_MOST][SIM_SHARDS_MOST]; /* of a flush, since the shard's start */
    struct hybrid_time floor;                                     /* the greatest that any shard kept */
    struct flush_answered flushes[FLUSHES_KEPT];
    uint32_t flush_count;
    struct hybrid_time latest; /* of all stamps */
    struct instant loss_found; /* by a scrub, the last one; 0: none */
    uint64_t let_go;           /* tombstones that were reaped, and entries pruned */
    uint64_t stamps;
    bool has_violation;
    char violation[512];
};

void account_init(struct account *account, struct world *world, struct history *history);
void account_release(struct account *account);
/* The cluster's watch. */
/* FLUSHALL was answered OK: what had been acknowledged before it began is gone. `floor`: the least that a shard keeps.
 */
void account_flush_answered(struct account *account, const struct op_record *flush, struct hybrid_time floor);
bool account_value_is_flushed(const struct account *account, struct view key, uint32_t value_id, struct instant time);
/* Some flush may have taken it, answered or not. */
bool account_value_is_below(const struct account *account, struct view key, uint32_t value_id);
/* Nothing of it is above the floor. */
bool account_is_flushed(const struct account *account, const struct object *object);

void account_watch(struct account *account, uint32_t node, uint32_t shard, struct wall_time wall,
                   const struct trace_record *record);
/* Stores may have lost what was not durable: what the node holds is looked up anew. */
void account_forget_node(struct account *account, uint32_t node);
/* It holds no copy of the key, whatever became of the one that it had. */
void account_left(struct account *account, uint32_t node, struct view key);
/* The record of a key was damaged on its disk, or vanished, which nobody noticed so far. */
void account_lose_record(struct account *account, uint32_t node, struct view key, bool is_forgotten);
/* At any time of the run. */
bool account_has_lost(struct account *account, uint32_t node, struct view key);
/* The object's tombstones were let go by some owner: nobody is to keep them any more. */
bool account_was_reaped(struct account *account, struct view key, const struct object *object);
/* It lost its disk, and with it the bound of its clock. */
void account_wipe_node(struct account *account, uint32_t node);
void account_recall(struct account *account, uint32_t node, bool is_hint, struct view key, const struct object *object);
/* The object holds or covers some stamp of the value. */
bool account_is_covered(struct account *account, struct view key, uint32_t value_id, const struct object *object);
/* The final set of a key, the same on all its owners. */
void account_check_final(struct account *account, struct view key, const struct object *object);
/* What a client read of a counter then. */
void account_check_count(struct account *account, const struct op_record *read);

#endif
