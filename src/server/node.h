/* What the loops of one node share. Laid out before their threads start and read-only from then on, but for the
 * atomics. */
#ifndef GRAMME_SERVER_NODE_H
#define GRAMME_SERVER_NODE_H

#include "base/identity.h"
#include "ring/ring.h"
#include "server/config.h"
#include "server/mail.h"
#include "store/leaf.h"

#include <stdatomic.h>

struct loop;
struct node_leaf;

/* To the operator of a node whose data is older than other nodes remember (core/witness.h). */
#define ROLLED_BACK_ADVICE                                                                                             \
    "move the data folder away: the node begins empty and the other owners fill it. Or, to use this older data all "   \
    "the "                                                                                                             \
    "same, set 'accept-older-data yes-i-know' for one start: what was deleted since may come back"

/* A node stops in two steps: it takes no more requests and answers those it has; when all its loops have, they end. */
enum node_phase { NODE_RUNNING, NODE_QUIETENING, NODE_ENDING };

struct node {
    const struct config *config;
    struct node_leaf *leaf;
    struct mail *mail;
    struct loop *_Atomic loops; /* shard_count of them; NULL before they are made and after they are gone */
    uint32_t shard_count;
    struct instant started;
    int64_t clock_offset_ms; /* added to the civil time: tests let nodes disagree about it */
    uint64_t run;
    uint32_t max_clients; /* as configured, or as many as the limit on descriptors allows */

    _Atomic uint32_t phase;        /* enum node_phase */
    _Atomic uint32_t clients;      /* connections of clients, in all loops */
    _Atomic uint32_t ready_shards; /* said once by each */
    _Atomic uint32_t quiet_loops;  /* in phase QUIETENING: have nothing under way */
    _Atomic uint32_t ended_loops;
    _Atomic bool failed;         /* a loop saw its store fail */
    _Atomic bool is_rolled_back; /* a loop heard so of the data: the node stops */
    _Atomic bool is_backing_up;
    _Atomic uint32_t backups;     /* that were begun */
    _Atomic uint32_t standing;    /* enum shard_standing, as the first loop's shard has found it */
    _Atomic bool memory_is_short; /* the first loop saw it at its limit */
};

static inline enum node_phase node_phase(const struct node *node) {
    return (enum node_phase)atomic_load_explicit(&node->phase, memory_order_acquire);
}

#endif
