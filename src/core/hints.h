/* Hints (Dynamo, section 4.6): what this shard keeps for owners that were out of reach, and how it gets home.
 *
 *      stored --- owner in reach ---> under way --- owner: durable, and it is still what was sent ---> owner struck off
 *        ^                               |                                                                 |
 *        |                               +-- link lost, refused, time over, or it grew meanwhile           | last one
 *        +-------------------------------+                                                                 v
 *                                                                                         deleted, durably
 *
 * When the ring has changed, the owners are others: a hint for a node that is none any more, or was declared dead, goes
 * to all those there are; and of a partition that this node holds now, the hints become its own data.
 *
 * A sweep goes round the partitions that this node does not own and may hold hints of, a few records at a time, and
 * sends what an owner in reach is still to have. The first sweep after a start counts them, so a restart forgets none.
 * What holds: a hint leaves only when every owner in its set said that it has, fsynced, the very object that lies here
 * (the digest of what was sent is compared); counts are exact once a partition was swept undisturbed. */
#ifndef GRAMME_CORE_HINTS_H
#define GRAMME_CORE_HINTS_H

#include "base/map.h"
#include "base/pool.h"
#include "core/lane.h"
#include "core/replica.h"

enum {
    HINT_DELIVERIES_MOST = 64, /* under way at once, of a shard */
    HINT_SCAN_BYTES = 4 * 1024 * 1024,
    HINT_SWEEPS_A_BEAT = 64, /* of partitions; answers go on with it, but don't hurry it */
    HINT_DELIVERY_MS = 5000, /* then it is tried again */
    HINT_REFUSED_MS = 1000,  /* an owner that refused a hint is left in peace for so long */
};

/* Of one partition that this node does not own. */
struct hint_partition {
    uint32_t held;    /* exact if is_counted */
    uint32_t changes; /* written or deleted: a sweep that was disturbed concludes nothing */
    uint8_t wanted;   /* bit i: a hint may be for the i-th owner */
    bool may_be_old;  /* may hold hints labelled below `expected` */
    bool is_counted;
};

struct hints {
    struct hint_partition *partitions; /* Q of them */
    uint64_t held;                     /* in the partitions that were counted */
    uint32_t uncounted;                /* partitions */
    uint32_t sweeping;                 /* the partition whose turn it is */
    uint64_t next_hash;
    uint32_t sweeps_left; /* in this heartbeat */
    bool is_midway;       /* of that partition */
    bool is_scanning;     /* storage owes an answer */
    uint32_t found;       /* in this sweep of the partition */
    uint8_t found_wanted;
    bool found_old;          /* a label below `swept_below`, or none that could be read */
    uint64_t swept_below;    /* `expected` when this sweep of the partition began */
    uint64_t expected;       /* none that is labelled below comes any more */
    uint32_t old_partitions; /* those that may hold some */
    uint32_t changes_before;
    struct map deliveries; /* struct hint_delivery by id */
    struct list under_way; /* the same, oldest first */
    struct pool delivery_pool;
    struct instant *refused_until; /* by member */
    uint64_t held_most;            /* bound; past it, hints are refused */
    uint64_t stored, delivered, refused, retried, lost;
};

void hints_init(struct shard *shard);
void hints_release(struct shard *shard);

/* No hint labelled below that number will be stored from now on. */
void hints_expect_below(struct shard *shard, uint64_t number);
/* Nor is one left: each partition that held any was swept since without finding one. What a fence waits for. */
bool hints_below_are_gone(const struct shard *shard, uint64_t number);
/* None is here, and that is sure. */
bool hints_are_gone(const struct shard *shard);
/* A flush took it. */
void hints_dropped(struct shard *shard, struct partition partition);
/* The replica gives up the damaged hint of a key. */
void hints_lost(struct shard *shard, struct partition partition);

/* False when this node keeps as many hints as it may: it says "not stored", and the next fallback is tried. */
bool hints_have_room(const struct shard *shard);
/* The replica wrote a hint: for whom, and whether there was none of its key. */
void hints_stored(struct shard *shard, struct partition partition, const struct hint_owners *owners, bool is_new);

/* Each heartbeat: gives up what is not answered, and goes on with the sweep. */
void hints_beat(struct shard *shard);
void hints_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                      uint32_t count, bool is_end, uint64_t next_hash);
void hints_on_answer(struct shard *shard, const struct source *source, const struct message_put_answer *answer);
/* The answer to what this node brought to itself. */
void hints_on_absorbed(struct shard *shard, uint64_t request, enum answer_status status);
/* The ring changed: others are owners now. */
void hints_adopt(struct shard *shard);
/* This node became a holder of the partition, or is none any more: hints of it that lie here are to be looked at. */
void hints_role_changed(struct shard *shard, struct partition partition);
void hints_resume(struct shard *shard, uint64_t delivery);
void hints_peer_lost(struct shard *shard, struct member_index member);

/* Request ids of deliveries are told from those of requests by the two lowest bits, where those have their round. */
enum { HINT_WIRE_ROUND = 3 };
static inline bool wire_id_is_delivery(uint64_t wire_id) {
    return (wire_id & 3) == HINT_WIRE_ROUND;
}

#endif
