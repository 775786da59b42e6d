/* A shard's store: the object buffer (Dynamo, section 6.1) with a byte budget, and group commit, above a leaf port. All
 * writes of a turn go down as one batch at store_end_turn(); acknowledgements leave when their batch is as durable as
 * the keyspace asks. Every record rests with an XXH3-64 checksum that is verified when it comes up from the leaf.
 *
 * Leaf keys are partition (2 bytes, big-endian) | hash64(key) (8 bytes, big-endian) | key, so that a partition, and any
 * range of its hashes, is one contiguous run. */
#ifndef GRAMME_STORE_STORE_H
#define GRAMME_STORE_STORE_H

#include "core/storage.h"
#include "version/lineage.h"
#include "store/leaf.h"

struct store;

/* A disk that hangs without failing must not fill the memory: the others' quorums go on sending writes to it. While a
 * batch this large waits behind those under way, writes of objects are refused before anything is done; not the clock's
 * bound, which is small and lets the node go on at once afterwards. */
enum { STORE_BACKLOG_BYTES_MOST = 128 * 1024 * 1024 };

struct store_options {
    size_t buffer_bytes; /* budget of clean records kept in memory; dirty ones are kept beyond it */
    uint64_t hash_seed;  /* of the cluster: the place of a key within its partition */
    uint32_t shard_index;
};

enum store_event_kind { STORE_EVENT_READ, STORE_EVENT_WRITTEN, STORE_EVENT_SCANNED };

struct store_event {
    enum store_event_kind kind;
    enum storage_status status; /* READ: FOUND, ABSENT, ERROR; WRITTEN, SCANNED: FOUND or ERROR */
    uint64_t token;             /* WRITTEN, SCANNED */
    struct partition partition; /* READ */
    struct view key;            /* READ; valid until the next call */
    /* SCANNED; valid until the next call. */
    const struct storage_scanned *records;
    uint32_t record_count;
    bool is_end;
    uint64_t next_hash;
};

struct store *store_new(struct leaf_port *port, struct store_options options);
void store_free(struct store *store);

/* The functions of core/storage.h, bound to this store. */
struct storage store_storage(struct store *store);

/* Takes completions from the leaf and hands out, one by one, the events they cause; false when there is none. Between
 * two calls the caller steps the core with the event: a key whose READ was just handed out answers read() at once. */
bool store_next_event(struct store *store, struct store_event *ret_event);

/* Ends a turn: submits what was written as one batch, forgets answers held for the turn, brings the buffer back to its
 * budget. Durability `interval` and `none` of a batch: the strongest asked by any of its writes. */
void store_end_turn(struct store *store);

/* Writes that wait for a completion. */
bool store_is_idle(const struct store *store);
bool store_has_failed(const struct store *store);

struct store_statistics {
    uint64_t hits, misses, batches, batched_writes, evictions, corrupt_records;
    uint64_t refusals; /* writes, of a disk too far behind */
    size_t buffer_bytes, buffer_records, dirty_records;
};
void store_statistics(const struct store *store, struct store_statistics *ret_statistics);

/* Node-wide metadata, blocking, at start and clean stop: the clock bound to begin above, the clean-stop mark (present
 * only after a clean stop; start removes it, and the trees that were kept with it, before it returns), the format. */
struct store_birth {
    struct hybrid_time clock_floor;  /* greatest bound that any shard remembered */
    struct keyspace_table keyspaces; /* the latest that any shard remembered; version 0: none */
    struct hybrid_time flush_floor;  /* greatest floor of a flush that any shard remembered; 0: none */
    uint64_t fence_floor;            /* greatest fence that any shard remembered; 0: none */
    bool is_new;                     /* nothing was ever stored here */
    bool was_clean;                  /* the last run stopped cleanly */
    bool doubts_all;                 /* new, or not filled since it was: any record may be missing */
    bool doubts_unsynced;            /* so may what was not synced: the last stop was not clean, or an earlier one */
    bool is_rolled_back;             /* found so by an earlier process, and not accepted since: refuse */
    bool is_foreign;                 /* belongs to another node or cluster: refuse */
    struct lineage lineage;          /* the processes that ran on it, this one the last */
    struct buffer witnessed;         /* what its shards remembered of others' stores (core/witness.h); owned */
    struct buffer membership;        /* the log (ring/membership.h); empty: none was kept yet; owned */
    struct buffer promise;           /* of this node as an acceptor (core/consensus.h); owned */
    struct buffer trees; /* the list of a clean stop that left no doubt (core/kept_trees.h); owned: release it */
};
/* Whose store it should be, and who opens it. */
struct store_opening {
    struct node_id node;
    struct cluster_id cluster;
    uint64_t run;
    uint32_t shard_count;
    bool accepts_older_data; /* it may be a rolled-back one: all of it is in doubt */
};
enum leaf_status store_open_metadata(struct leaf_port *port, const struct store_opening *opening,
                                     struct store_birth *ret_birth);
void store_birth_release(struct store_birth *birth);
/* Nothing may be written afterwards. `stop` is a number that no other stop has, not 0; `trees` is the list of what the
 * shards keep (shard_keep_trees()). */
enum leaf_status store_mark_clean_stop(struct leaf_port *port, uint64_t stop, struct view trees);

#endif
