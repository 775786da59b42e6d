/* The leaf of a node, of the kind its configuration names: one RocksDB that all shards share, or a memory leaf for
 * each. */
#ifndef GRAMME_SERVER_NODE_LEAF_H
#define GRAMME_SERVER_NODE_LEAF_H

#include "server/config.h"
#include "store/leaf.h"

struct node_leaf;

/* Opens or makes it, with a port for each shard; NULL after a failure that has been logged. `wake` is called on any
 * thread when a shard's port has completions. */
struct node_leaf *node_leaf_open(const struct config *config, uint32_t shard_count,
                                 void (*wake)(void *self, uint32_t shard), void *self);
/* The stores above are gone. */
void node_leaf_close(struct node_leaf *leaf);

struct leaf_port *node_leaf_port(struct node_leaf *leaf, uint32_t shard);

struct node_leaf_usage {
    uint64_t memory_bytes;
    uint64_t disk_bytes;
};
/* False when there is nothing to tell. From any thread. */
bool node_leaf_usage(struct node_leaf *leaf, struct node_leaf_usage *ret_usage);

#endif
