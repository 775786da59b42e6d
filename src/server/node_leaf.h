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
/* The stores above are gone. False when something failed, now or earlier. */
bool node_leaf_close(struct node_leaf *leaf);

/* All that was written before it was opened is there, as far as the leaf knows. */
bool node_leaf_is_whole(const struct node_leaf *leaf);

struct leaf_port *node_leaf_port(struct node_leaf *leaf, uint32_t shard);

struct node_leaf_usage {
    uint64_t memory_bytes; /* memtables, block cache, filters and indexes */
    uint64_t file_bytes;
    uint64_t objects_about; /* records, an estimate */
    uint64_t groups;        /* of batches that were written together */
    uint64_t syncs;
    uint64_t memory_reads;
    uint64_t disk_reads;
    bool is_stalled; /* writes wait for compaction */
};
/* False when there is nothing to tell. From any thread. */
bool node_leaf_usage(struct node_leaf *leaf, struct node_leaf_usage *ret_usage);

enum { NODE_LEAF_TEXT_SIZE = 512 };
/* Copies it into a new folder, of hard links where it can be. Blocking, from any thread. False with a sentence; what is
 * kept in memory can't be copied. */
bool node_leaf_copy(struct node_leaf *leaf, const char *path, char ret_text[NODE_LEAF_TEXT_SIZE]);
bool node_leaf_can_be_copied(const struct node_leaf *leaf);

/* What made the leaf fail; empty when nothing did. From any thread. */
void node_leaf_failure(struct node_leaf *leaf, char ret_text[NODE_LEAF_TEXT_SIZE]);

#endif
