/* Intrusive chained hash table. The caller embeds a map_node, brings the hash, and compares keys itself:
 *
 *     for (struct map_node *node = map_first(&map, hash); node != NULL; node = map_next(node)) { ... compare ... }
 *
 * Iteration order is never exposed in pointer order: map_each() walks buckets, and buckets depend only on hashes and on
 * the order of insertion, so the same history gives the same walk. */
#ifndef GRAMME_BASE_MAP_H
#define GRAMME_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t size;
};

void map_init(struct map *map, size_t expected);                        /* room for `expected` without growing */
void map_release(struct map *map);                                      /* frees the buckets, not the nodes */
void map_insert(struct map *map, struct map_node *node, uint64_t hash); /* duplicates are the caller's business */
void map_remove(struct map *map, struct map_node *node);                /* must be in the map */

/* The nodes with exactly this hash: first, then the next after one. NULL at the end. */
struct map_node *map_first(const struct map *map, uint64_t hash);
struct map_node *map_next(const struct map_node *node);

/* Every node, in a deterministic order. Start with cursor {0}; NULL at the end. The node just returned may be removed.
 */
struct map_cursor {
    size_t bucket;
    struct map_node *following;
};
struct map_node *map_each(const struct map *map, struct map_cursor *cursor);

#endif
