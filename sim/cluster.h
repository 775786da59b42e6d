/* The simulated cluster: nodes that run the shipped shards and stores on a simulated disk and network. A node is a
 * driver of shards, as the server is: every event is a step of a shard, then the turn ends, and outputs go out
 * together. */
#ifndef GRAMME_SIM_CLUSTER_H
#define GRAMME_SIM_CLUSTER_H

#include "core/shard.h"
#include "sim/network.h"
#include "sim/world.h"
#include "store/memory_leaf.h"
#include "store/store.h"
#include "wire/member_record.h"

enum { SIM_SHARDS_MOST = 4 };

struct node;

/* A client's connection to a node, as the simulator's clients see it. */
struct sim_session {
    struct node *node; /* NULL once the connection is gone */
    uint32_t shard;
    struct session *session;
    bool is_dirty;
    struct list_node dirty;
    struct list_node all; /* of its shard */
    /* The client's side: bytes that the node sent; the connection's end. Neither may call back into the node: what a
     * client does next is an event of its own. */
    void (*received)(struct sim_session *session, struct view bytes);
    void (*ended)(struct sim_session *session);
    void *client;
};

struct sim_shard {
    struct node *node;
    uint32_t index;
    struct shard *shard;
    struct store *store;
    struct leaf_port *port;
    struct world_event tick;
    struct world_event mail;
    struct list dirty_links;    /* struct link_handle */
    struct list dirty_sessions; /* struct sim_session */
    struct list sessions;
};

struct disk_faults {
    uint64_t sync_least_ns;
    uint64_t sync_spread_ns;
    uint32_t slow_per_million; /* of operations: a hundred times slower */
    uint64_t read_spread_ns;
    uint32_t read_error_per_million; /* a read fails, once */
};

/* A spare one may become a member, one that is out was one and never will be again. Who found so at its start has
 * ended, and waits for the steward to see it. */
enum node_standing { NODE_IN, NODE_SPARE, NODE_ENDED, NODE_OUT };

struct node {
    struct cluster *cluster;
    enum node_standing standing;
    struct membership welcome; /* the log that it joined with; empty: that of the cluster's birth */
    uint32_t index;
    struct node_id id;
    struct member_addresses addresses; /* that its configuration gives it */
    uint32_t shard_count;
    struct keyspace_table birth_keyspaces; /* version 0: none was kept */
    bool is_up;
    bool is_paused;
    bool memory_is_short;
    struct instant started; /* last */
    struct instant resumed; /* when its last pause ended */
    uint64_t run;
    uint64_t runs;     /* times it was started */
    uint16_t protocol; /* the latest that it speaks, since then */
    struct memory_leaf *leaf;
    struct sim_shard shards[SIM_SHARDS_MOST];
    int64_t clock_offset_ms;
    int64_t clock_drift_ppm;
    uint64_t now_last_ns;
    bool was_clean;
    struct rng disk_rng;
    struct world_event fsync; /* of each second, for what is not `sync` */
    bool fails_next_sync;     /* EIO once: sticky until restart */
};

struct cluster_options {
    uint32_t node_count;  /* at birth */
    uint32_t spare_count; /* that may join */
    uint32_t shard_count;
    uint32_t replica_count;
    uint32_t partition_count;
    uint32_t deadline_ms;
    uint32_t max_requests; /* of a shard */
    uint64_t buffer_bytes;
    uint32_t exchange_period_ms;
    uint32_t outline_bytes;
    uint32_t scan_records;
    bool slow_reads; /* gets take time too */
};

struct cluster {
    struct world *world;
    struct cluster_options options;
    struct network network;
    struct membership birth; /* the members that the configuration of each node names */
    uint32_t places;         /* given out: addresses are not used again */
    struct ring *ring;       /* of the latest version that any shard has adopted */
    struct keyspace_table keyspaces;
    struct token_secrets secrets;
    struct rng rng;
    struct rng protocol_rng; /* of its own: it came later than others, whose draws it must not move */
    bool mixes_protocols;    /* nodes are upgraded and downgraded as they start */
    struct disk_faults disk;
    struct pool handle_pool;
    struct pool operation_pool;
    uint32_t node_count;
    struct node nodes[SIM_PLACES];
    /* Every trace record of every shard, for the checkers. */
    void (*watch)(void *watcher, struct sim_shard *shard, const struct trace_record *record);
    void *watcher;
};

void cluster_init(struct cluster *cluster, struct world *world, struct cluster_options options,
                  const struct keyspace_table *keyspaces, struct rng rng);
void cluster_release(struct cluster *cluster);

static inline bool node_takes_part(const struct node *node) {
    return node->standing == NODE_IN;
}

/* NULL: no node has this id. */
struct node *cluster_node_of(struct cluster *cluster, struct node_id id);
/* The node that listens for peers there, up or not. NULL: nobody does. */
struct node *cluster_node_at(struct cluster *cluster, const char *peer_address);
/* The same of a member of the latest ring. */
struct node *cluster_node_of_member(struct cluster *cluster, struct member_index member);
void cluster_note_ring(struct cluster *cluster, struct ring *ring);

void node_start(struct node *node);
/* Everything that was not durable is gone but for the oldest `keep` of the unsynced batches. */
void node_crash(struct node *node, size_t keep);
/* Tells its peers that it takes no more requests; node_stop() follows. */
void node_leave(struct node *node);
bool node_has_left(const struct node *node);
/* Stops cleanly: what was written is durable, and the next start knows. */
void node_stop(struct node *node);
/* While it is down: it starts elsewhere, and nobody is told. */
void node_move(struct node *node);
void node_pause(struct node *node, bool is_paused);
/* Short: it takes no values, also after a restart. */
void node_set_memory(struct node *node, bool is_short);
void node_set_clock(struct node *node, int64_t offset_ms, int64_t drift_ppm);
struct wall_time node_wall(struct node *node);
bool node_is_ready(const struct node *node);
/* Its store has stopped after a failed write, for good. */
bool node_has_failed(const struct node *node);

/* The greatest of its shards' bounds; 0 when it is down. */
struct hybrid_time node_clock_bound(const struct node *node);
/* It is up, and its shards that ever heard of the other node heard of such a bound. */
bool node_remembers(const struct node *node, const struct node *other, struct hybrid_time bound);
bool node_is_rolled_back(const struct node *node);

/* Memory of what node.c keeps per link and per disk operation. */
void node_pools_init(struct cluster *cluster);

/* ---- clients ---- */

/* False when the node is down. */
bool node_session_open(struct node *node, uint32_t shard, struct sim_session *session);
void node_session_send(struct sim_session *session, struct view bytes);
void node_session_close(struct sim_session *session);

/* ---- from the network ---- */

struct link *node_link_accept(struct node *node, uint32_t shard, struct connection *connection);
void node_link_connected(struct node *node, uint32_t shard, struct link *link, struct connection *connection);
void node_link_input(struct node *node, uint32_t shard, struct link *link, struct view bytes);
void node_link_closed(struct node *node, uint32_t shard, struct link *link);

#endif
