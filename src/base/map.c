#include "base/map.h"

#include "base/ensure.h"

#include <stdlib.h>

enum { BUCKETS_LEAST = 8 };

/* Multiplied first, so that hashes which differ in few bits (numbers in sequence, say) still spread. */
static size_t bucket_of(const struct map *map, uint64_t hash) {
    unsigned bits = (unsigned)__builtin_ctzll((unsigned long long)map->bucket_count);
    return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

static struct map_node **buckets_new(size_t count) {
    struct map_node **buckets = calloc(count, sizeof(struct map_node *));
    ENSURE(buckets != NULL);
    return buckets;
}

void map_init(struct map *map, size_t expected) {
    size_t count = BUCKETS_LEAST;
    while (count < expected) {
        count *= 2;
    }
    *map = (struct map){.buckets = buckets_new(count), .bucket_count = count};
}

void map_release(struct map *map) {
    free((void *)map->buckets);
    *map = (struct map){.buckets = NULL};
}

/* Each chain splits in two and keeps its order. */
static void map_grow(struct map *map) {
    struct map grown = {
        .buckets = buckets_new(map->bucket_count * 2), .bucket_count = map->bucket_count * 2, .size = map->size};
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_node **tails[2] = {&grown.buckets[2 * i], &grown.buckets[2 * i + 1]};
        for (struct map_node *node = map->buckets[i], *next = NULL; node != NULL; node = next) {
            next = node->next;
            size_t half = bucket_of(&grown, node->hash) - 2 * i;
            ENSURE(half < 2);
            node->next = NULL;
            *tails[half] = node;
            tails[half] = &node->next;
        }
    }
    free((void *)map->buckets);
    *map = grown;
}

void map_insert(struct map *map, struct map_node *node, uint64_t hash) {
    if (map->size >= map->bucket_count) {
        map_grow(map);
    }
    struct map_node **bucket = &map->buckets[bucket_of(map, hash)];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    map->size++;
}

void map_remove(struct map *map, struct map_node *node) {
    struct map_node **link = &map->buckets[bucket_of(map, node->hash)];
    while (*link != node) {
        ENSURE(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->size--;
}

static struct map_node *find(struct map_node *node, uint64_t hash) {
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct map_node *map_first(const struct map *map, uint64_t hash) {
    return find(map->buckets[bucket_of(map, hash)], hash);
}

struct map_node *map_next(const struct map_node *node) {
    return find(node->next, node->hash);
}

struct map_node *map_each(const struct map *map, struct map_cursor *cursor) {
    struct map_node *node = cursor->following;
    while (node == NULL) {
        if (cursor->bucket == map->bucket_count) {
            return NULL;
        }
        node = map->buckets[cursor->bucket++];
    }
    cursor->following = node->next;
    return node;
}
