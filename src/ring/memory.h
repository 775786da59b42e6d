/* Memory that is always there, zeroed where nothing else is in it. */
#ifndef GRAMME_RING_MEMORY_H
#define GRAMME_RING_MEMORY_H

#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>

static inline void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count == 0 ? 1 : count, bytes);
    ENSURE(memory != NULL);
    return memory;
}

static inline void *copy_of(const void *from, size_t count, size_t bytes) {
    void *copy = zeroed(count, bytes);
    if (count > 0) {
        memcpy(copy, from, count * bytes);
    }
    return copy;
}

static inline void *grown(void *from, size_t before, size_t after, size_t bytes) {
    ENSURE(before <= after);
    void *copy = zeroed(after, bytes);
    if (before > 0) {
        memcpy(copy, from, before * bytes);
    }
    free(from);
    return copy;
}

#define ZEROED(type, count)              ((type *)zeroed((count), sizeof(type)))
#define COPY_OF(type, from, count)       ((type *)copy_of((from), (count), sizeof(type)))
#define GROWN(type, from, before, after) ((type *)grown((from), (before), (after), sizeof(type)))

#endif
