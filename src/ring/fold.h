/* The fold of a membership log into what a ring is made of (membership.h draws the phases). Internal to this layer.
 *
 * A fold goes on where it was: of a later version of its log it takes the new entries only. So an entry is not
 * the dearer for being a late one, but for what is read through of the log. */
#ifndef GRAMME_RING_FOLD_H
#define GRAMME_RING_FOLD_H

#include "ring/placement.h"
#include "ring/ring.h"

/* Owners of each partition, by fold.names; none where a list has no owners of its own. */
struct fold_lists {
    uint16_t *names; /* LIMIT_REPLICAS for each partition */
    uint8_t *counts; /* by partition */
};

struct fold {
    struct ring_options options;
    enum ring_phase phase;
    uint64_t version; /* up to which the log was folded */
    bool has_moved;   /* there ever was a MOVE */
    uint64_t joint;   /* versions of the last JOINT and the last COMMIT */
    uint64_t committed;
    struct placement read;  /* whom reads ask */
    struct placement other; /* GATHERING, JOINT: who comes; COMMITTED: who goes; else none */
    struct member *leaving; /* records of those who were there before the last move, and are not any more */
    size_t leaving_count;
    struct node_id *excused;
    size_t excused_count;
    struct node_id *names; /* in the order of their joins, and never forgotten */
    size_t name_count;
    struct fold_lists read_owners;
    struct fold_lists other_owners; /* only where they are not the same */
    uint64_t *marks;                /* by partition */
};

/* Of no entry yet. */
void fold_init(struct fold *fold, struct ring_options options);
void fold_copy(struct fold *to, const struct fold *from); /* `to` is uninitialised */
/* The entries after its version. After a failure it is good for nothing but fold_release(). */
enum ring_status fold_on(struct fold *fold, const struct membership *log);
void fold_release(struct fold *fold);

#endif
