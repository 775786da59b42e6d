#include "core/kept_trees.h"

enum { SHAPE_BYTES = 8, KEYS_BYTES = 8, SEGMENT_BYTES = 16, MAP_BYTES = HASH_TREE_SEGMENTS / 8 };

static uint64_t shape_hash(struct kept_tree_shape shape) {
    uint32_t count = htole32(shape.partition_count);
    return hash64(view_of(&count, sizeof(count)), shape.seed);
}

static bool is_zero(struct digest digest) {
    return digest.low == 0 && digest.high == 0;
}

/* A tree: the format (1 byte), a hash of the shape (8), the number of keys (8), a bit for each segment that is not zero
 * (32), these segments (16 each). Most segments of a small store are zero. */
void kept_trees_add(struct buffer *list, struct kept_tree_shape shape, struct partition partition,
                    const struct hash_tree *tree) {
    uint8_t map[MAP_BYTES] = {0};
    size_t count = 0;
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        if (!is_zero(tree->segments[segment])) {
            map[segment / 8] = (uint8_t)(map[segment / 8] | 1u << segment % 8);
            count++;
        }
    }
    write_u16(list, partition.value);
    write_varint(list, 1 + SHAPE_BYTES + KEYS_BYTES + MAP_BYTES + count * SEGMENT_BYTES);
    write_u8(list, KEPT_TREE_FORMAT);
    write_u64(list, shape_hash(shape));
    write_u64(list, tree->keys);
    buffer_append(list, map, sizeof(map));
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        if (!is_zero(tree->segments[segment])) {
            write_digest(list, tree->segments[segment]);
        }
    }
}

void kept_trees_carry(struct buffer *list, const struct kept_tree *kept) {
    write_u16(list, kept->partition.value);
    write_sized(list, kept->bytes);
}

bool kept_trees_next(struct reader *list, struct kept_tree *ret_kept) {
    if (reader_left(list) == 0) {
        return false;
    }
    ret_kept->partition = (struct partition){read_u16(list)};
    ret_kept->bytes = read_sized(list);
    ENSURE(!list->failed); /* it was made here */
    return true;
}

bool kept_tree_open(struct view bytes, struct kept_tree_shape shape, struct hash_tree *ret_tree) {
    struct reader reader = reader_of(bytes);
    struct hash_tree tree = {0};
    uint8_t map[MAP_BYTES];
    bool fits = read_u8(&reader) == KEPT_TREE_FORMAT;
    fits = read_u64(&reader) == shape_hash(shape) && fits;
    tree.keys = read_u64(&reader);
    read_into(&reader, map, sizeof(map));
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        if ((map[segment / 8] >> segment % 8 & 1u) != 0) {
            tree.segments[segment] = read_digest(&reader);
        }
    }
    if (!fits || !reader_finished(&reader)) {
        return false;
    }
    *ret_tree = tree;
    return true;
}
