/* Objects of one size from slabs with a free list: no malloc once warm. */
#ifndef GRAMME_BASE_POOL_H
#define GRAMME_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool_slab;
struct pool_free;

struct pool {
    size_t object_bytes;
    uint32_t objects_per_slab;
    uint32_t in_use;
    struct pool_slab *slabs;
    struct pool_free *free;
};

void pool_init(struct pool *pool, size_t object_bytes, uint32_t objects_per_slab);
void pool_release(struct pool *pool);
void *pool_take(struct pool *pool); /* zeroed, 16-byte aligned, never NULL */
void pool_give(struct pool *pool, void *object);

#endif
