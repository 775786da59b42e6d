#include "base/pool.h"

#include "base/ensure.h"
#include "base/poison.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16 };

struct pool_slab {
    struct pool_slab *next;
    alignas(ALIGNMENT) uint8_t data[];
};

struct pool_free {
    struct pool_free *next;
};

void pool_init(struct pool *pool, size_t object_bytes, uint32_t objects_per_slab) {
    ENSURE(object_bytes > 0 && objects_per_slab > 0);
    *pool = (struct pool){
        .object_bytes = (object_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1),
        .objects_per_slab = objects_per_slab,
    };
}

void pool_release(struct pool *pool) {
    while (pool->slabs != NULL) {
        struct pool_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        memory_unpoison(slab->data, pool->object_bytes * pool->objects_per_slab);
        free(slab);
    }
    pool->free = NULL;
    pool->in_use = 0;
}

static void pool_grow(struct pool *pool) {
    struct pool_slab *slab = malloc(sizeof(struct pool_slab) + pool->object_bytes * pool->objects_per_slab);
    ENSURE(slab != NULL);
    slab->next = pool->slabs;
    pool->slabs = slab;
    /* Backwards, so that objects are lent in the order of their addresses. */
    for (size_t i = pool->objects_per_slab; i > 0; i--) {
        struct pool_free *object = (void *)(slab->data + (i - 1) * pool->object_bytes);
        object->next = pool->free;
        pool->free = object;
        memory_poison(object, pool->object_bytes);
    }
}

void *pool_take(struct pool *pool) {
    if (pool->free == NULL) {
        pool_grow(pool);
    }
    struct pool_free *object = pool->free;
    memory_unpoison(object, pool->object_bytes);
    pool->free = object->next;
    pool->in_use++;
    memset(object, 0, pool->object_bytes);
    return object;
}

void pool_give(struct pool *pool, void *object) {
    ENSURE(object != NULL && pool->in_use > 0);
    struct pool_free *given = object;
    given->next = pool->free;
    pool->free = given;
    pool->in_use--;
    memory_poison(object, pool->object_bytes);
}
