/* The fold of a membership log into what a ring is made of (membership.h draws the phases). Internal to this layer. */
#ifndef GRAMME_RING_FOLD_H
#define GRAMME_RING_FOLD_H

#include "ring/placement.h"
#include "ring/ring.h"

/* Owners of each partition, by fold.names; none where a list has no owners of its own. */
struct fold_lists {
    uint16_t *names; /* fold.replicas_most for each partition */
    uint8_t *counts; /* by partition */
};

struct fold {
    struct ring_options options;
    uint32_t replicas_most; /* the greatest N that there ever was */
    enum ring_phase phase;
    uint64_t joint; /* versions of the last JOINT and the last COMMIT */
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

enum ring_status fold_log(struct fold *fold, struct ring_options options, const struct membership *log);
void fold_release(struct fold *fold);

#endif
