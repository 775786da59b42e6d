/* What a shard tells Redis clients of the ring: the functions of struct front_port that need to know it. */
#ifndef GRAMME_CORE_CLUSTER_VIEW_H
#define GRAMME_CORE_CLUSTER_VIEW_H

#include "base/buffer.h"
#include "core/placement.h"

struct shard;

/* This node is named for the partition's slots: it is the first of its owners in reach. */
bool cluster_view_shows(const struct shard *shard, struct partition partition);
/* CLUSTER SLOTS, SHARDS, NODES, INFO, MYID, KEYSLOT; false, nothing written, for anything else. */
bool cluster_view_command(void *shard, const struct view *arguments, size_t count, uint32_t port_offset, int protocol,
                          struct buffer *reply);
/* Where the key lies instead, "slot host:port", when this node is no owner of it and some owner is in reach. */
bool cluster_view_moved(void *shard, struct view key, uint32_t port_offset, struct buffer *text);
/* Lines of one section of INFO. */
void cluster_view_information(void *shard, struct view section, struct buffer *text);
/* Returns how many replicas it told of. */
size_t cluster_view_placement(void *shard, struct view key, struct placement *ret_placement);

#endif
