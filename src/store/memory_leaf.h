/* A leaf in memory, of one of two kinds.
 *
 * Synchronous: for `storage memory`. Answers everything at once and keeps each record once; a leaf for each shard, used
 * by its thread alone. Nothing outlives the process.
 *
 * Simulated: a disk for the simulator, shared by the shards of a node. Batches apply in order of submission to an image
 * that gets are answered from; whoever drives it decides when each operation completes and how, which batches a crash
 * leaves behind, and which bytes rot. */
#ifndef GRAMME_STORE_MEMORY_LEAF_H
#define GRAMME_STORE_MEMORY_LEAF_H

#include "store/leaf.h"

struct memory_leaf;

enum memory_leaf_kind {
    MEMORY_LEAF_SYNCHRONOUS,
    MEMORY_LEAF_SIMULATED,
    MEMORY_LEAF_SIMULATED_FAST, /* gets are answered at once, as from a cache */
};

struct memory_leaf *memory_leaf_new(enum memory_leaf_kind kind);
/* Ends its ports too; stores above them may be freed before or after. */
void memory_leaf_free(struct memory_leaf *leaf);

struct leaf_port *memory_leaf_open_port(struct memory_leaf *leaf);
void memory_leaf_close_port(struct leaf_port *port);

size_t memory_leaf_record_count(const struct memory_leaf *leaf, enum leaf_family family);
size_t memory_leaf_bytes(const struct memory_leaf *leaf);

/* The rest is for simulated leaves. */

struct memory_leaf_operation {
    uint64_t id;                /* grows with each operation of the leaf */
    bool is_get;                /* or a scan: it reads */
    enum durability durability; /* of a batch */
    size_t bytes;               /* of a batch */
};

/* Tells of each get and batch under way on the port once, in the order of their submission; false when there is no more
 * to tell of. */
bool memory_leaf_next_operation(struct leaf_port *port, struct memory_leaf_operation *ret_operation);

/* The operation completes, DONE or FAILED. A get answers what is there now. A batch that is done completes those that
 * the port submitted before it, and makes durable whatever was submitted to the leaf up to it if it or one of those
 * asked to be synced. A batch that fails makes the leaf fail: all that completes or is submitted later fails too.
 * Nothing happens when the operation has completed already. */
void memory_leaf_complete(struct leaf_port *port, uint64_t id, enum leaf_status status);
void memory_leaf_complete_all(struct memory_leaf *leaf);

/* Batches that a crash may take, oldest first. */
size_t memory_leaf_unsynced_count(const struct memory_leaf *leaf);
/* The value that a crash would leave if it took every batch that it may; false when it would leave none. Valid until
 * the leaf changes. */
bool memory_leaf_durable(const struct memory_leaf *leaf, enum leaf_family family, struct view key,
                         struct view *ret_value);
/* Makes durable all that was submitted: the fsync of each second. */
void memory_leaf_sync(struct memory_leaf *leaf);
/* Of the unsynced batches the first `keep` survive, whole, and the others leave no trace. Ends the ports: open new
 * ones. A leaf that had failed works again. */
void memory_leaf_crash(struct memory_leaf *leaf, size_t keep);
/* As a crash after which the disk is empty. */
void memory_leaf_wipe(struct memory_leaf *leaf);
/* As a crash after which the disk holds what that leaf holds, of which nothing is unsynced. */
void memory_leaf_copy(struct memory_leaf *leaf, const struct memory_leaf *from);

/* Flips one bit of the value, which must be there; `bit` is taken modulo its bits. */
void memory_leaf_corrupt(struct memory_leaf *leaf, enum leaf_family family, struct view key, uint64_t bit);
void memory_leaf_forget(struct memory_leaf *leaf, enum leaf_family family, struct view key);
/* Every record, in the order of keys, until `visit` says false. */
void memory_leaf_each(const struct memory_leaf *leaf, enum leaf_family family,
                      bool (*visit)(void *self, struct view key, struct view value), void *self);

#endif
