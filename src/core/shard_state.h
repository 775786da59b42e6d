/* The state of a shard, for the files that are the shard. Nothing outside core includes this. */
#ifndef GRAMME_CORE_SHARD_STATE_H
#define GRAMME_CORE_SHARD_STATE_H

#include "base/arena.h"
#include "base/blobs.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/timers.h"
#include "core/cluster_view.h"
#include "core/coordinator.h"
#include "core/council.h"
#include "core/exchange.h"
#include "core/farewell.h"
#include "core/filling.h"
#include "core/fence.h"
#include "core/everyone.h"
#include "core/flush.h"
#include "core/hints.h"
#include "core/detection.h"
#include "core/keyspaces.h"
#include "core/listing.h"
#include "core/lane.h"
#include "core/load.h"
#include "core/moves.h"
#include "core/publish.h"
#include "core/reaper.h"
#include "core/records.h"
#include "core/replica.h"
#include "core/roster.h"
#include "core/router.h"
#include "core/shard.h"
#include "core/stage.h"
#include "core/witness.h"
#include "version/clock.h"

struct mailbox {
    struct buffer output;
    struct frame_reader reader; /* of what that shard sends us */
    bool awake;
};

struct shard {
    struct shard_options options;
    struct ring *ring; /* of the version that it has adopted */
    struct roster roster;
    struct council council; /* first shard */
    struct records records;
    struct moves moves;
    struct farewell farewell;
    struct member_index self;
    struct moment moment;  /* of this step */
    struct arena scratch;  /* of this step */
    struct buffer encoded; /* of the object being written in this step */
    struct buffer record;
    struct arena permanent;
    struct blobs blobs;
    struct rng rng;
    struct timers timers;
    struct hybrid_clock clock;
    bool bound_pending; /* a new clock bound is on its way to the disk */
    struct hybrid_time bound_wanted;
    bool is_leaving; /* see leaving.h */
    struct alarm heartbeat;
    struct instant last_heartbeat;
    uint64_t next_request;
    uint16_t run_tag; /* of the actors that are drawn here */

    struct front *front;
    struct mailbox mailboxes[LIMIT_SHARDS];

    struct peer *peers; /* by member, this node's own unused */
    struct pool lane_pool;
    struct pool link_pool;
    struct list lanes;
    struct list links;

    struct router router;
    struct coordinator coordinator;
    struct replica replica;
    struct hints hints;
    struct trees trees;
    struct exchange exchange;
    struct filling filling;
    struct listing listing;
    struct publish publish;
    struct detection detection;
    struct fence fence;
    bool has_failed_store; /* it could stamp the same dot again: writes go to other coordinators */
    struct reaper reaper;
    struct load load;
    struct everyone everyone;
    struct flush flush;
    struct keyspaces keyspaces;
    struct witness witness;
    struct stage stage;
};

static inline struct instant shard_now(const struct shard *shard) {
    return shard->moment.now;
}

static inline struct wall_time shard_wall(const struct shard *shard) {
    return shard->moment.wall;
}

/* What this clock stamps from now on is later. */
static inline struct hybrid_time shard_time(const struct shard *shard) {
    struct hybrid_time wall = hybrid_time_of_wall(shard_wall(shard));
    return shard->clock.last.value > wall.value ? shard->clock.last : wall;
}

/* Room for what there is one of for each member, however many come. */
static inline size_t shard_member_capacity(const struct shard *shard) {
    return shard->options.member_capacity == 0 ? LIMIT_MEMBERS : shard->options.member_capacity;
}

/* The latest that this node speaks. */
static inline uint16_t shard_protocol(const struct shard *shard) {
    return shard->options.protocol != 0 ? shard->options.protocol : PROTOCOL_VERSION;
}

/* Which shard of this node a partition belongs to. */
static inline uint32_t shard_of_partition(const struct shard *shard, struct partition partition) {
    return partition_shard(partition, shard->options.shard_count);
}

/* What a node does once, whatever its shards (the detector, fences, questions to everyone), is done by this one. */
static inline bool shard_is_first(const struct shard *shard) {
    return shard->options.shard_index == 0;
}

/* Somebody listens to what becomes of single keys. */
static inline bool shard_traces_keys(const struct shard *shard) {
    return shard->options.driver.trace != NULL && shard->options.driver.trace_keys;
}

/* Tells the time and ends what the step before borrowed. */
void shard_step_begin(struct shard *shard, struct moment moment);
/* Takes over the ring, a successor of the present one, with all that follows from it. */
void shard_adopt(struct shard *shard, struct ring *ring);
void shard_trace(struct shard *shard, const struct trace_record *record);
void shard_trace_peer(struct shard *shard, enum trace_kind kind, struct member_index peer, const char *text);

/* A message of a link or a mailbox, its frame checked. */
void shard_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
/* A link of a peer ended or fell silent: those whose answers came by it wait for them no longer. */
void shard_peer_lost(struct shard *shard, struct member_index member);
/* Asks storage for a later clock bound when the present one comes near. */
void shard_keep_clock_bound(struct shard *shard);

#endif
