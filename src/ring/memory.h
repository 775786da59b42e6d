/* Zeroed memory that is always there. */
#ifndef GRAMME_RING_MEMORY_H
#define GRAMME_RING_MEMORY_H

#include "base/ensure.h"

#include <stdlib.h>

static inline void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count == 0 ? 1 : count, bytes);
    ENSURE(memory != NULL);
    return memory;
}

#define ZEROED(type, count) ((type *)zeroed((count), sizeof(type)))

#endif
