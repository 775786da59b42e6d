#include "core/hash_tree.h"

#include "base/codec.h"

/* The encoding begins with a format byte and the mark. */
static struct view without_mark(struct view object_bytes) {
    struct reader reader = reader_of(object_bytes);
    read_u8(&reader);
    read_varint(&reader);
    return view_slice(object_bytes, reader.position, reader_left(&reader));
}

struct digest hash_tree_entry(uint64_t seed, struct view key, struct view object_bytes) {
    struct digest object = hash128(without_mark(object_bytes));
    return (struct digest){hash64(key, seed ^ object.low), hash64(key, seed + object.high)};
}

void hash_tree_add(struct hash_tree *tree, uint64_t place, struct digest entry) {
    struct digest *segment = &tree->segments[hash_tree_segment(place)];
    segment->low += entry.low;
    segment->high += entry.high;
}

void hash_tree_subtract(struct hash_tree *tree, uint64_t place, struct digest entry) {
    struct digest *segment = &tree->segments[hash_tree_segment(place)];
    segment->low -= entry.low;
    segment->high -= entry.high;
}

struct digest hash_tree_root(const struct hash_tree *tree) {
    return hash128(view_of(tree->segments, sizeof(tree->segments)));
}
