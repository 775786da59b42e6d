/* A shard: one thread's share of a node, and the whole of the protocol for the partitions it owns. Sans I/O: events
 * come in through the functions below, each of them one step; what the shard wants leaves as output buffers and as
 * calls on `struct shard_driver` and `struct storage`, which return at once and never call back. Two drivers run it:
 * the server for real, the simulator for virtual time.
 *
 *      sessions --bytes--> front --operations--> router --+--> coordinator --+--> replica --> storage
 *      (RESP)                                             |                  |
 *                                                         +---- lanes -------+---> other shards and nodes
 *
 * Every step is told the time. A turn is some steps and then shard outputs flushed: outputs of a turn leave together.
 */
#ifndef GRAMME_CORE_SHARD_H
#define GRAMME_CORE_SHARD_H

#include "base/buffer.h"
#include "base/identity.h"
#include "core/front.h"
#include "core/storage.h"
#include "core/trace.h"
#include "ring/keyspace.h"
#include "ring/ring.h"
#include "version/lineage.h"
#include "version/token.h"

struct shard;
struct link;

/* Which of a node's shards a partition belongs to: the order of the partitions is scattered (Knuth's multiplicative
 * hash) and cut into pieces. The ring deals partitions out in turns, and taking the remainder would fall into step. */
static inline uint32_t partition_shard(struct partition partition, uint32_t shard_count) {
    uint32_t scattered = partition.value * UINT32_C(2654435769);
    return (uint32_t)((uint64_t)scattered * shard_count >> 32);
}

struct moment {
    struct instant now;
    struct wall_time wall;
};

/* What the shard asks of its driver. */
struct shard_driver {
    void *self;
    /* The session has output, or wants to be closed: flush by the end of the turn. */
    void (*session_wake)(void *self, struct session *session);
    /* Connect to a peer's address, which is valid during the call: answered by shard_link_connected() or
     * shard_link_closed(). */
    void (*link_dial)(void *self, struct link *link, const char *address);
    /* The link has output: flush by the end of the turn. */
    void (*link_wake)(void *self, struct link *link);
    /* Close the connection (or stop dialing) now: the link is gone when this returns, no event may follow. */
    void (*link_close)(void *self, struct link *link);
    /* There is mail for another shard of this node: deliver by the end of the turn. */
    void (*mail_wake)(void *self, uint32_t to_shard);
    /* CONFIG GET: see front_port. NULL: nothing to tell. */
    void (*configuration)(void *self, void (*emit)(void *context, struct view name, struct view value), void *context);
    /* CONFIG REWRITE: see front_port. NULL: there is no file. */
    const char *(*rewrite)(void *self, struct view settings);
    /* DEBUG SLEEP: this thread does nothing for so long. NULL: it cannot. */
    void (*sleep)(void *self, uint64_t ms);
    /* Appends "name:value\r\n" lines that only the driver knows (memory, cpu, uptime) to INFO's section. NULL: none. */
    void (*information)(void *self, struct view section, struct buffer *text);
    /* Begin to copy the node's store into that new folder: answered by shard_backup_done() in a later step. Not NULL:
     * why not, an error line. NULL: the driver has nothing to copy. */
    const char *(*backup)(void *self, struct view path, uint64_t token);
    /* What happened, for checkers and people (core/trace.h). NULL: nobody listens. */
    void (*trace)(void *self, const struct trace_record *record);
    /* Records of single keys (stamped, stored, repaired, second round) are wanted too, not only those of peers. */
    bool trace_keys;
};

struct shard_options {
    struct ring *ring;            /* retained */
    const struct membership *log; /* that the ring is of: lent for shard_new() alone */
    bool log_is_kept;             /* the store has it */
    uint32_t member_capacity;     /* members that may come and go while this process lives; 0: LIMIT_MEMBERS */
    struct member_index self;
    uint32_t shard_index;
    uint32_t shard_count;                   /* of this node; peers may differ */
    const struct keyspace_table *keyspaces; /* borrowed for the shard's life: of the configuration, or a later one */
    struct token_secrets secrets;
    uint64_t seed;                  /* secret and random: actors are drawn from it */
    uint16_t protocol;              /* the latest version spoken (wire/message.h); 0: PROTOCOL_VERSION */
    uint64_t run;                   /* random id of this run of the process, the same in all its shards; not 0 */
    struct hybrid_time clock_floor; /* store_birth.clock_floor */
    struct lineage lineage;         /* store_birth.lineage */
    struct view witnessed;          /* store_birth.witnessed: lent for shard_new() alone */
    bool is_rolled_back;            /* store_birth.is_rolled_back */
    uint64_t fence_floor;           /* store_birth.fence_floor */
    struct hybrid_time flush_floor; /* store_birth.flush_floor */
    bool was_cleaned;               /* and what it held of partitions that it is no owner of any more is gone */
    bool was_clean;                 /* the last run stopped cleanly, or there was none: for INFO */
    bool may_lack_unsynced;         /* store_birth.doubts_unsynced */
    bool is_refilling;     /* store_birth.doubts_all: no absence here may be believed until exchange has filled it */
    struct view addresses; /* that the store has (roster_read()): lent for shard_new() alone */
    /* The same of the configuration, this node's own among them; what it does not name is where the log says. Lent for
     * shard_new() alone. */
    struct view configured_addresses;
    struct view promise;    /* store_birth.promise: lent for shard_new() alone */
    struct view kept_trees; /* store_birth.trees: lent for shard_new() alone */
    uint64_t place_seed;    /* the store's, of the whole cluster: a key's place within its partition */
    uint32_t exchange_period_ms;
    uint64_t scrub_period_ms; /* in which every partition is read anew */
    uint32_t outline_bytes;   /* objects of so many are compared by outline; the same on all nodes */
    uint32_t scan_records;    /* that background work reads at once */
    uint32_t deadline_ms;
    uint32_t max_pipelined;
    uint32_t moved_port_offset; /* front_options */
    int64_t slow_us;            /* the same */
    uint32_t slow_most;
    uint32_t latency_threshold_ms;
    bool debug_commands;
    uint32_t max_requests;          /* operations under way at once; past it, BUSY (core/load.h) */
    uint64_t prune_pause_ms;        /* between passes over a partition for the sake of vectors */
    uint32_t background_latency_ms; /* see core/load.h */
    struct storage storage;
    struct shard_driver driver;
};

struct shard *shard_new(const struct shard_options *options, struct moment moment);
void shard_free(struct shard *shard);

/* At a clean stop, between the last step and shard_free(), when all that was written is down: appends the trees of this
 * shard's partitions, for the next start's `kept_trees` (core/kept_trees.h). */
void shard_keep_trees(const struct shard *shard, struct buffer *list);

/* The node stops: tells its peers that it takes no new requests. What is under way goes on (core/leaving.h). */
void shard_leave(struct shard *shard, struct moment moment);
/* All of it is answered, and no peer in reach can send more. */
bool shard_has_left(const struct shard *shard);
uint32_t shard_requests_under_way(const struct shard *shard);

/* Timers that are due. Call at or after shard_next_deadline(); early is harmless. */
void shard_tick(struct shard *shard, struct moment moment);
struct instant shard_next_deadline(const struct shard *shard);

struct session *shard_session_open(struct shard *shard, void *handle, const char *address, struct moment moment);
void shard_session_input(struct shard *shard, struct session *session, struct view bytes, struct moment moment);
void shard_session_resume(struct shard *shard, struct session *session, struct moment moment);
void shard_session_closed(struct shard *shard, struct session *session, struct moment moment);

/* `text` is what was written (core/front.h), or an error line. */
void shard_backup_done(struct shard *shard, uint64_t token, bool is_made, struct view text, struct moment moment);

/* A peer connected to us and its first bytes name this shard (hello_target() in wire/message.h says which shard): the
 * whole input from its first byte follows through shard_link_input(). */
struct link *shard_link_accept(struct shard *shard, void *handle, struct moment moment);
void shard_link_connected(struct shard *shard, struct link *link, void *handle, struct moment moment);
void shard_link_input(struct shard *shard, struct link *link, struct view bytes, struct moment moment);
/* The dial failed or the connection broke; the link is gone when this returns. */
void shard_link_closed(struct shard *shard, struct link *link, struct moment moment);
void *link_handle(const struct link *link);
struct buffer *link_output(struct link *link);

/* Mail between the shards of a node: the driver takes what is in the output (consumes or swaps it) and gives it to the
 * other shard as it is. Any cut is fine, order per pair of shards is kept. */
struct buffer *shard_mail_output(struct shard *shard, uint32_t to_shard);
void shard_mail_input(struct shard *shard, uint32_t from_shard, struct view bytes, struct moment moment);

void shard_storage_read(struct shard *shard, struct partition partition, struct view key, enum storage_status status,
                        struct moment moment);
/* What storage->scan() found; `next_hash` is where to go on, unless it is the end. The views are valid for the step. */
void shard_storage_scanned(struct shard *shard, uint64_t token, enum storage_status status,
                           const struct storage_scanned *records, uint32_t count, bool is_end, uint64_t next_hash,
                           struct moment moment);
void shard_storage_written(struct shard *shard, uint64_t token, enum storage_status status, struct moment moment);

/* The node's memory is at its limit: no values are taken until it is not. */
void shard_memory_short(struct shard *shard, bool is_short);

/* Can stamp, and is linked with every peer that can be reached at all: said once after start. */
bool shard_is_ready(const struct shard *shard);
/* Members that fences and moves wait for; and those of them with a link that is up and not silent, self included. */
uint32_t shard_awaited_members(const struct shard *shard);
uint32_t shard_reachable_members(const struct shard *shard);
/* False: writes go to other coordinators, since its clock is off or its store has failed. */
bool shard_may_stamp(const struct shard *shard);
/* What was stamped at or below it is gone (core/flush.h); 0: nothing was flushed. */
struct hybrid_time shard_flush_floor(const struct shard *shard);
/* Another node remembers later data of this one: it must stop at once, and not as if all were well (core/witness.h). */
bool shard_is_rolled_back(const struct shard *shard);
/* The table that this shard goes by. */
const struct keyspace_table *shard_keyspaces(const struct shard *shard);
/* What needs every member: proofs, fences. */
bool shard_all_are_reachable(const struct shard *shard);

/* What the log says of this node. Whoever is no member any more stops: nobody listens to it, and it holds nothing that
 * others have not got, unless it was declared dead. */
enum shard_standing { SHARD_IS_MEMBER, SHARD_HAS_LEFT, SHARD_IS_DEAD };
enum shard_standing shard_standing(const struct shard *shard);

/* The version of the membership log that this shard has adopted. */
uint64_t shard_membership_version(const struct shard *shard);
/* That version's; to keep it, retain it. */
struct ring *shard_ring(const struct shard *shard);
/* A member as this shard knows it now, but for its addresses, and where it is dialed. */
const struct member *shard_member(const struct shard *shard, struct member_index member);
const char *shard_peer_address(const struct shard *shard, struct member_index member);

#endif
