/* The replica: this shard's own copies; of a partition that this node does not own, its hints. It answers other
 * coordinators' puts and reads, and gives the coordinators of this shard the object of a key. What storage cannot
 * answer at once is parked and run again when the answer is there; per key, in the order of arrival, so that nothing
 * that changes a key comes between its read and its write. */
#ifndef GRAMME_CORE_REPLICA_H
#define GRAMME_CORE_REPLICA_H

#include "base/blobs.h"
#include "base/map.h"
#include "base/pool.h"
#include "core/hint_record.h"
#include "core/lane.h"
#include "version/object_codec.h"

struct request;

/* What a partition is to this shard. */
enum replica_role {
    ROLE_FALLBACK, /* it may keep hints of it */
    ROLE_HOLDER,   /* this node is an owner, in the placement that reads ask or in the other */
    ROLE_FORMER,   /* it was one, and holds what it held until the owners have it (core/farewell.h) */
    ROLE_NONE,     /* another shard's */
};

struct replica {
    enum replica_role *roles; /* by partition */
    uint32_t held;            /* partitions of which it is a holder */
    uint32_t former;
    bool *is_filling;  /* by partition: an owner to come, that holds less than reads need */
    struct map parked; /* struct parked by hash of key */
    struct pool parked_pool;
    struct pool write_pool;
    bool *is_lost;    /* by partition: lacks some of what it held, until it has met all other owners again */
    uint32_t *losses; /* by partition: how often it lost something in this run: what was read before is not known now */
    uint64_t *refreshed;   /* by partition: the round of exchange in which its disk was last written from memory */
    uint32_t answers_owed; /* for writes on their way to the disk */
    uint64_t puts, reads, merges, refusals, damaged;
};

void replica_init(struct shard *shard);
void replica_release(struct shard *shard);

/* A key's copy as it is now. Object and record are borrowed until the key is written or the step ends. */
struct copy {
    struct record record;
    struct object object;
    struct hint_owners hint_for; /* a hint: who is still to have it */
    struct view stored; /* the encoded object as it lies there: more than `object` has, where a flush is under way */
    bool is_flushed;    /* it is more */
    bool was_key;       /* of what is stored: object_is_key() */
};

/* What stands for an object when copies are compared: of a large one its outline (version/object.h), with the values'
 * hashes in place of their bytes, so that comparing megabytes costs what comparing bytes does. Its data is the object's
 * own if that is not large. */
struct view replica_compared(struct shard *shard, struct view object_bytes);
struct digest replica_digest(struct shard *shard, struct view object_bytes);

/* FOUND, ABSENT (an empty copy), PENDING or ERROR (unreadable for now, or undecodable). A damaged copy is discarded and
 * then ABSENT. */
enum storage_status replica_load(struct shard *shard, struct partition partition, struct view key,
                                 struct copy *ret_copy);

/* After replica_load() said PENDING: request_resume() for that request once the answer is there. */
void replica_park_request(struct shard *shard, struct view key, uint64_t request);

/* The same for another node's answer to a read: coordinator_on_read_answer() gets it again. */
void replica_park_answer(struct shard *shard, struct view key, const struct source *source, struct view body);

/* The ring changed from that version: roles follow. */
void replica_adopt(struct shard *shard, uint64_t before);
enum replica_role replica_role(const struct shard *shard, struct partition partition);
bool replica_is_filling(const struct shard *shard, struct partition partition);
uint32_t replica_former_count(const struct shard *shard);
/* All that a former owner held is with the owners, and deleted here. */
void replica_leave(struct shard *shard, struct partition partition);

/* Objects of the partitions that this node holds or held; hints of all others. */
enum storage_family replica_family(const struct shard *shard, struct partition partition);

/* Writes an object over the copy just loaded, with the local actor and the owners of a hint that `copy` has. With a
 * request that is not 0, request_stored() follows once it is as durable as the keyspace asks, unless FOUND says that it
 * is so already. */
enum storage_status replica_write(struct shard *shard, struct partition partition, struct view key,
                                  const struct copy *copy, const struct object *object, uint64_t request,
                                  uint32_t round);

/* Merges an object from elsewhere into the copy (read repair of this node itself). FOUND: merged, or nothing was new;
 * ERROR: the copy is unreadable or the store has stopped. Only for a key whose copy is at hand. A fallback keeps it for
 * the owner `hint_for`. */
enum storage_status replica_merge(struct shard *shard, struct partition partition, struct view key,
                                  const struct object *object, struct node_id hint_for);

/* An absence or a copy here may be taken for all that was acknowledged. It may not in a new or wiped store, nor after a
 * record was lost, nor, in a keyspace that is not `sync`, after an unclean stop, until exchange found this partition
 * equal to that of every other owner at some time since: then it had all that they had. (Amnesia: Riak's kv679 began
 * with an absence believed.) */
bool replica_is_informed(const struct shard *shard, const struct keyspace *keyspace, struct partition partition);

/* Partitions that this shard owns and may lack data of, in one keyspace or another. */
uint32_t replica_uninformed_count(const struct shard *shard);

/* After replica_load() said PENDING of a hint: hints_resume() for that delivery once the answer is there. */
void replica_park_delivery(struct shard *shard, struct view key, uint64_t delivery);

/* Some of what this owner held of the partition is gone: from now on it is uninformed, durably, until it was filled. */
void replica_lost(struct shard *shard, struct partition partition);

/* Writes what memory has of a partition, because the disk has something else. */
void replica_write_again(struct shard *shard, struct partition partition);

/* Gives up a record of that family whose bytes are not what was written: kept, it could be neither served nor merged
 * with, and what the others have could not come back. An owner knows from now on that it lacks something, a fallback
 * counts. */
void replica_discard(struct shard *shard, enum storage_family family, struct partition partition, struct view key);

/* After replica_load() said PENDING of a key to prove or to reap: reaper_receive() gets this message then. */
void replica_park_proof(struct shard *shard, struct view key, const struct source *source, uint8_t kind,
                        struct view body);
/* Sends a whole frame once everything written so far is fsynced. */
void replica_answer_durably(struct shard *shard, const struct source *source, struct view answer);
/* Lets the copy just loaded go, or an entry of its vector: see reaper.h. False: the store has failed. */
bool replica_reap(struct shard *shard, struct partition partition, struct view key, const struct copy *copy);
bool replica_prune(struct shard *shard, struct partition partition, struct view key, const struct copy *copy,
                   struct dot entry);

/* Of a record as it lies in the store, and is in no tree's way: drops it when nothing of it is above the floor of a
 * flush, writes it without what is below. False: the store takes no writes just now. */
bool replica_drop_flushed(struct shard *shard, enum storage_family family, struct partition partition, struct view key,
                          struct view record);

void replica_on_put(struct shard *shard, const struct source *source, struct view body);
/* The same, decoded: `put` is borrowed until this returns. */
void replica_put(struct shard *shard, const struct source *source, const struct message_put *put);
void replica_on_read(struct shard *shard, const struct source *source, struct view body);
void replica_on_storage_read(struct shard *shard, struct partition partition, struct view key);
void replica_on_storage_written(struct shard *shard, uint64_t token, enum storage_status status);

/* ---- between the replica's own files ---- */

/* A write on its way to the disk, and what is owed when it is there: an answer to a coordinator elsewhere, or a word to
 * one of ours. Its address is the token of the write. */
struct waiting_write {
    bool is_own;
    bool is_proof; /* `kept` is the whole answer, owed when it is durable */
    struct source source;
    uint64_t request;
    uint32_t round;
    bool informed;
    struct blob kept;
};

struct waiting_write *waiting_write_new(struct shard *shard, uint64_t request);
void waiting_write_free(struct shard *shard, struct waiting_write *waiting);
/* A record of that family as it lies in storage; false when it is none. */
bool replica_copy_open(enum storage_family family, struct view bytes, struct copy *copy);
/* Writes the object over the copy; `waiting` (or NULL) is the token. */
enum storage_status replica_store(struct shard *shard, struct partition partition, struct view key,
                                  const struct copy *copy, const struct object *object, enum durability durability,
                                  struct waiting_write *waiting);
enum durability replica_durability(const struct shard *shard, struct view key);
void replica_trace_stored(struct shard *shard, struct view key, const struct object *object);
/* The object after merging; false when the copy has everything already. The caller asks whether it context_fits(). */
bool replica_merged(struct shard *shard, struct view key, const struct copy *copy, const struct object *incoming,
                    struct object *ret_merged);
void replica_parking_init(struct shard *shard);
void replica_parking_release(struct shard *shard);
/* replica_on_put() and replica_on_read() get the message again. */
void replica_park_put(struct shard *shard, const struct source *source, const struct message_put *put);
void replica_park_read(struct shard *shard, struct view key, const struct source *source, struct view body);

#endif
