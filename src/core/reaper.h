/* The reaper: gives back what deleted keys still take, and prunes the vectors of living ones. A tombstone must outlive
 * everything that it covers, wherever that hides (Riak and Cassandra reap by a timer, and the deleted comes back), so
 * no timer takes part:
 *
 *      the first owner finds a bare tombstone     --> PROVE to the other owners: do you hold exactly this?
 *      each that does, once it is fsynced there   --> PROVEN, with the greatest fence that it has heard of, p
 *      all have: nothing in their stores is older, and what is elsewhere is labelled p + 1 at most (fence.h)
 *      fence p + 2 has passed                     --> CONFIRM, to itself and the others: is it still so?
 *      each that is in the same run, has lost nothing since it proved, and holds it still, or nothing, refuses
 *      whatever is older from now on                                                                 --> CONFIRMED
 *      all have                                   --> REAP: each lets the key go if its object is the proven one
 *
 * What has expired goes the same way, some time after: every owner holds the same value with the same expiry, and each
 * finds by its own clock that it has expired, longer ago than clocks may differ. No replica discards bytes on its own
 * clock alone, and an EXPIRE that was on its way would have been of before the fence.
 *
 * An entry of a living key's vector whose actor has ended (its process runs no more) goes by the same steps. What each
 * owner proves of it stays true whatever is written meanwhile, unless the owner loses its copy: that it covers all of
 * the entry, that no value bears any of it, and that the actor isn't its own; so after the fence a value of that actor
 * is nowhere, and nothing needs to cover one. Exchange with an owner that hasn't pruned yet brings the entry back, and
 * a client's old context may: it is proved and pruned again, after a pause. An entry with detached dots of its actor
 * beside it stays: what lies between them is covered by nobody, so no proof of it would last. (Such a pair takes a
 * client that goes on with an old context of its own over a restart of its coordinator.)
 *
 * A word that is lost costs time: an owner that was not told still holds the tombstone, exchange brings it back to the
 * others, and all begins anew. What holds: no owner reaps before all of them held the same durably, a fence that began
 * after that has passed, and then none holds anything else, nor will take it. (The second look: an owner lost its copy
 * after it had proved it, and took an old hint in its place; found by a seed. It compares runs and losses too: that
 * owner may have sent the old on, under a present label, before the proven one came back to it.) Source: Dynamo leaves
 * deletion open; the proof from all replicas is Riak's `keep` without its timer (riak_kv#1094). */
#ifndef GRAMME_CORE_REAPER_H
#define GRAMME_CORE_REAPER_H

#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "core/storage.h"
#include "version/object.h"

struct shard;
struct source;

enum {
    REAPER_CANDIDATES_MOST = 4096, /* of a shard: tombstones on their way out */
    REAPER_PROOF_MS = 3000,        /* a proof that is not complete by then begins anew */
    REAPER_SCAN_BYTES = 1024 * 1024,
    REAPER_SCANS_A_BEAT = 16,
    REAPER_TOMBSTONES_MS = 5000, /* until a partition that holds something to reap or prune is looked through ... */
    REAPER_EXPIRED_MS =
        60000, /* ... and one in which values expired, or will: at all times, where everything expires */
    REAPER_MARGIN_MS = 2 * 60000, /* after an expiry: twice what a clock may be off and still coordinate */
};

struct reaper {
    struct map candidates; /* by hash of key */
    struct list waiting;   /* the same, oldest first */
    struct pool candidate_pool;
    uint64_t *due_ms;    /* by partition, monotonic: when it may hold something that this shard is to reap; 0: never */
    uint64_t *oldest_ms; /* by partition, civil time: of the oldest tombstone to reap that is known; 0: none */
    uint32_t scanning;
    uint64_t next_hash;
    bool is_midway;        /* of `scanning` */
    bool is_scanning;      /* storage owes an answer */
    uint32_t scans_left;   /* in this heartbeat */
    uint64_t found_due_ms; /* in this pass over the partition */
    uint64_t found_oldest_ms;
    uint64_t *runs; /* a bit for each tag of a present run of a member */
    uint64_t proofs, reaped, pruned, changed;
};

void reaper_init(struct shard *shard);
void reaper_release(struct shard *shard);
void reaper_beat(struct shard *shard);
/* An object of this shard's partitions was written. */
void reaper_stored(struct shard *shard, struct partition partition, const struct object *object);
/* A member was met in another run: actors have ended. */
void reaper_runs_changed(struct shard *shard);
/* The partition's data is not what was written: what a pass found, or did not find, says nothing. */
void reaper_look_again(struct shard *shard, struct partition partition);
/* For those who look: partitions in which there may be something to reap for this shard, the age of the oldest
 * tombstone in them (it grows while a member is away, since nothing is reaped without it), and how long ago the first
 * of those under way began a step. */
uint32_t reaper_partitions_left(const struct shard *shard);
uint64_t reaper_oldest_ms(const struct shard *shard);
uint64_t reaper_under_way_ms(const struct shard *shard);
/* All of wire/fence_message.h but FENCE. */
void reaper_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
void reaper_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                       uint32_t count, bool is_end, uint64_t next_hash);

#endif
