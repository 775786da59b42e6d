/* Hash trees over a clean stop: written when nothing else is written any more, taken up at the next start, so that this
 * node takes part in exchange at once.
 *
 *      stopping: the last write is durable -> trees that are not in doubt, number of the stop -> "clean", same number
 *      starting: "clean" and trees of its number are read -> one durable batch removes all of them -> the first write
 *
 * What holds: a tree that is taken up is the sum of its partition's records as this node left them. Only a write by the
 * node could make it stale: it says nothing of who owns the partition, under how many shards, by which keyspaces. And
 * no write comes between: "clean" is the last one before the stop, durable only after everything else, and it is gone
 * for good before the first one after the start. Trees without it, or beside one of another number (a stop that was cut
 * short, a crash, a build that doesn't know of trees, a removal that failed), are taken up by nobody. Nor are those of
 * a store that is in any doubt, has failed, or wasn't found whole. A copy of a stopped store has the trees of its data.
 *
 * What does not hold: that the records are still what they were. The disk may have lost some while nobody looked, or
 * somebody edited them; so each partition is read soon after the start and held to its tree (core/trees.h).
 *
 * A list of trees is one run of bytes; the store carries it over and knows no more of it than this. */
#ifndef GRAMME_CORE_KEPT_TREES_H
#define GRAMME_CORE_KEPT_TREES_H

#include "base/codec.h"
#include "core/hash_tree.h"

/* The format changes with all that goes into a tree: what an entry is, and which records have one. */
enum { KEPT_TREE_FORMAT = 2 };

/* What trees are made under: of another seed, or another number of partitions, they are no trees. */
struct kept_tree_shape {
    uint64_t seed;
    uint32_t partition_count;
};

struct kept_tree {
    struct partition partition;
    struct view bytes;
};

/* Appends a tree to a list. */
void kept_trees_add(struct buffer *list, struct kept_tree_shape shape, struct partition partition,
                    const struct hash_tree *tree);
/* The same of one that was encoded before. */
void kept_trees_carry(struct buffer *list, const struct kept_tree *kept);
/* The next of a list that kept_trees_add() or kept_trees_carry() made; false at its end. */
bool kept_trees_next(struct reader *list, struct kept_tree *ret_kept);

/* False, with *ret_tree as it was, when these are not the bytes of a tree of this format and shape. */
bool kept_tree_open(struct view bytes, struct kept_tree_shape shape, struct hash_tree *ret_tree);

#endif
