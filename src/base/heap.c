#include "base/heap.h"

#include "base/ensure.h"

#include <stdlib.h>

void *heap_take(size_t bytes) {
    void *memory = malloc(bytes);
    ENSURE(memory != NULL);
    return memory;
}

void *heap_take_zeroed(size_t bytes) {
    void *memory = calloc(1, bytes);
    ENSURE(memory != NULL);
    return memory;
}

void heap_give(void *memory) {
    free(memory);
}
