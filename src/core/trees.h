/* The hash trees of a shard, one for each partition that it owns.
 *
 *      IN DOUBT --------- scanned to its end --------> BUILT --- scrub: scanned once more, compared ---> BUILT
 *      (after a start)                                   ^       not the same ---> IN DOUBT
 *                                                        |
 *      KEPT ---- scanned to its end, compared -----------+
 *      (after a start that followed a clean stop)        not the same ---> IN DOUBT
 *
 * BUILT and KEPT trees are kept up by each write and compared with others'; trees in doubt are neither. A KEPT tree is
 * that of the last stop (kept_trees.h): exact, unless the disk changed while nobody looked. So those partitions are
 * read as soon after the start, and as fast, as if their trees had to be built, not within a scrub's period.
 *
 * One partition is scanned at a time, some records a heartbeat, into a tree of its own; a write whose place lies behind
 * the scan's cursor goes into that one too, and a scan shows what is there when it is told, so the new tree is exact. A
 * scrub that finds another tree than the one kept up, or damaged records, has found that the data changed behind our
 * backs: the replica counts as uninformed (replica.h), and exchange mends the rest. */
#ifndef GRAMME_CORE_TREES_H
#define GRAMME_CORE_TREES_H

#include "core/hash_tree.h"
#include "core/storage.h"

struct shard;

enum {
    TREE_SCAN_BYTES = 4 * 1024 * 1024,
    TREE_SCANS_A_BEAT = 64, /* while there are partitions that were not read since the start, or are in doubt */
};

enum tree_state { TREE_IN_DOUBT, TREE_KEPT, TREE_BUILT, TREE_STATES };

struct trees {
    struct hash_tree **of;       /* by partition; NULL: this shard holds nothing of it */
    struct hash_tree **room;     /* by partition: for when it does; NULL: not needed yet */
    enum tree_state *states;     /* by partition */
    struct instant *changed;     /* by partition: when it was last written */
    uint32_t owned;              /* trees that there are */
    uint32_t count[TREE_STATES]; /* of those owned */
    uint32_t turns;              /* how often one became known, or unknown */
    uint32_t kept;               /* taken from the last stop */
    struct hash_tree next;       /* the tree that is being built */
    bool is_building;            /* of `building`, up to `cursor` */
    bool is_scanning;            /* storage owes an answer */
    uint32_t building;           /* partition */
    uint64_t cursor;             /* places below it are in `next` */
    uint32_t scans_left;         /* in this heartbeat */
    struct instant scrub_due;    /* of the next partition */
    uint64_t built, scrubbed, divergences;
};

void trees_init(struct shard *shard);

uint64_t trees_place(const struct shard *shard, struct view key);
/* What stands for the key's object in a tree; zero for none (empty bytes). */
struct digest trees_entry(const struct shard *shard, struct view key, struct view object_bytes);
struct tree_change {
    struct digest before;
    struct digest after;
    bool was_key; /* object_is_key() */
    bool is_key;
};
/* The replica has written one over the other. */
void trees_changed(struct shard *shard, struct partition partition, struct view key, const struct tree_change *change);
/* NULL: in doubt, or not this shard's. */
const struct hash_tree *trees_known(const struct shard *shard, struct partition partition);

/* This node is to hold it from now on: its tree is built from what lies there. */
void trees_hold(struct shard *shard, struct partition partition);
/* It holds nothing of it any more. */
void trees_let_go(struct shard *shard, struct partition partition);

/* Data of the partition was lost: its tree is built anew, before the others. */
void trees_doubt(struct shard *shard, struct partition partition);

void trees_beat(struct shard *shard);
void trees_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                      uint32_t count, bool is_end, uint64_t next_hash);

#endif
