/* A Merkle tree over the keys of one partition (Dynamo, section 4.7), two levels deep:
 *
 *                      root: hash of the segments
 *          _____________/      |        \_____________
 *     segment 0            segment 1   ...        segment 255      by the top eight bits of a key's place
 *     = the sum of its entries, one for each key
 *
 * An entry is a keyed hash of a key and its object, the object's mark aside, so that nothing in it depends on a clock
 * or on the way by which the object came. Sums commute: adding and taking away an entry costs the same whatever the
 * size, and a tree that was kept up by each write equals the one built from the data. Beside its
 * hashes it counts the keys that have a value; that goes into no root. */
#ifndef GRAMME_CORE_HASH_TREE_H
#define GRAMME_CORE_HASH_TREE_H

#include "base/hash.h"

enum { HASH_TREE_SEGMENTS = 256 };

struct hash_tree {
    struct digest segments[HASH_TREE_SEGMENTS];
    uint64_t keys; /* object_is_key() */
};

/* `object_bytes`: canonical encoding (version/object_codec.h), not empty. The seed is the cluster's. */
struct digest hash_tree_entry(uint64_t seed, struct view key, struct view object_bytes);

static inline uint32_t hash_tree_segment(uint64_t place) {
    return (uint32_t)(place >> 56);
}
/* The places of a segment: from the first to the last, both included. */
static inline uint64_t hash_tree_first_place(uint32_t segment) {
    return (uint64_t)segment << 56;
}
static inline uint64_t hash_tree_last_place(uint32_t segment) {
    return hash_tree_first_place(segment) | UINT64_MAX >> 8;
}

void hash_tree_add(struct hash_tree *tree, uint64_t place, struct digest entry);
void hash_tree_subtract(struct hash_tree *tree, uint64_t place, struct digest entry);
struct digest hash_tree_root(const struct hash_tree *tree);

#endif
