#include "server/node_leaf.h"

#include "base/ensure.h"
#include "server/log.h"
#include "store/memory_leaf.h"

#include <stdlib.h>

struct node_leaf {
    uint32_t shard_count;
    struct leaf_port *ports[LIMIT_SHARDS];
    struct memory_leaf *memory[LIMIT_SHARDS];
};

static void open_memory(struct node_leaf *leaf) {
    for (uint32_t index = 0; index < leaf->shard_count; index++) {
        leaf->memory[index] = memory_leaf_new(MEMORY_LEAF_SYNCHRONOUS);
        leaf->ports[index] = memory_leaf_open_port(leaf->memory[index]);
    }
}

struct node_leaf *node_leaf_open(const struct config *config, uint32_t shard_count,
                                 void (*wake)(void *self, uint32_t shard), void *self) {
    (void)wake;
    (void)self;
    struct node_leaf *leaf = calloc(1, sizeof(*leaf));
    ENSURE(leaf != NULL);
    leaf->shard_count = shard_count;
    (void)config;
    open_memory(leaf);
    return leaf;
}

void node_leaf_close(struct node_leaf *leaf) {
    for (uint32_t index = 0; index < leaf->shard_count; index++) {
        memory_leaf_close_port(leaf->ports[index]);
        memory_leaf_free(leaf->memory[index]);
    }
    free(leaf);
}

struct leaf_port *node_leaf_port(struct node_leaf *leaf, uint32_t shard) {
    ENSURE(shard < leaf->shard_count);
    return leaf->ports[shard];
}

bool node_leaf_usage(struct node_leaf *leaf, struct node_leaf_usage *ret_usage) {
    (void)leaf;
    (void)ret_usage;
    return false;
}
