#include "base/blobs.h"

#include "base/ensure.h"
#include "base/poison.h"

#include <stdlib.h>

enum {
    SMALLEST_BITS = 5,
    SLAB_BYTES = 64 * 1024, /* the largest class, and as many of a smaller one as fit */
};

struct slab {
    struct slab *next;
    uint64_t unused; /* keeps what follows at a multiple of 16 */
};

struct large {
    struct large *next;
    struct large *previous;
};

struct free_blob {
    struct free_blob *next;
};

static size_t class_bytes(uint32_t class_index) {
    return (size_t)1 << (class_index + SMALLEST_BITS);
}

static uint32_t class_of(size_t size) {
    if (size <= (size_t)1 << SMALLEST_BITS) {
        return 0;
    }
    return (uint32_t)(64 - __builtin_clzll((unsigned long long)size - 1)) - SMALLEST_BITS;
}

void blobs_init(struct blobs *blobs) {
    memset(blobs, 0, sizeof(*blobs));
}

void blobs_release(struct blobs *blobs) {
    for (struct slab *slab = blobs->slabs; slab != NULL;) {
        struct slab *next = slab->next;
        memory_unpoison(slab + 1, SLAB_BYTES);
        free(slab);
        slab = next;
    }
    for (struct large *large = blobs->large; large != NULL;) {
        struct large *next = large->next;
        free(large);
        large = next;
    }
    blobs_init(blobs);
}

static void blobs_grow(struct blobs *blobs, uint32_t class_index) {
    struct slab *slab = malloc(sizeof(struct slab) + SLAB_BYTES);
    ENSURE(slab != NULL);
    slab->next = blobs->slabs;
    slab->unused = 0;
    blobs->slabs = slab;
    uint8_t *data = (uint8_t *)(slab + 1);
    size_t bytes = class_bytes(class_index);
    for (size_t end = SLAB_BYTES; end > 0; end -= bytes) {
        struct free_blob *blob = (void *)(data + end - bytes);
        blob->next = blobs->free[class_index];
        blobs->free[class_index] = blob;
        memory_poison(blob, bytes);
    }
}

static uint8_t *take_large(struct blobs *blobs, size_t size) {
    struct large *large = malloc(sizeof(struct large) + size);
    ENSURE(large != NULL);
    large->next = blobs->large;
    large->previous = NULL;
    if (large->next != NULL) {
        large->next->previous = large;
    }
    blobs->large = large;
    return (uint8_t *)(large + 1);
}

static void give_large(struct blobs *blobs, uint8_t *data) {
    struct large *large = (struct large *)(void *)data - 1;
    if (large->previous != NULL) {
        large->previous->next = large->next;
    } else {
        ENSURE(blobs->large == large);
        blobs->large = large->next;
    }
    if (large->next != NULL) {
        large->next->previous = large->previous;
    }
    free(large);
}

struct blob blob_take(struct blobs *blobs, size_t size) {
    ENSURE(size <= UINT32_MAX);
    if (size == 0) {
        return (struct blob){NULL, 0, 0};
    }
    uint32_t class_index = class_of(size);
    if (class_index >= BLOB_CLASSES) {
        blobs->bytes_in_use += size;
        return (struct blob){take_large(blobs, size), (uint32_t)size, class_index};
    }
    if (blobs->free[class_index] == NULL) {
        blobs_grow(blobs, class_index);
    }
    struct free_blob *blob = blobs->free[class_index];
    memory_unpoison(blob, class_bytes(class_index));
    blobs->free[class_index] = blob->next;
    memory_poison((uint8_t *)blob + size, class_bytes(class_index) - size);
    blobs->bytes_in_use += class_bytes(class_index);
    return (struct blob){(uint8_t *)blob, (uint32_t)size, class_index};
}

struct blob blob_copy(struct blobs *blobs, struct view view) {
    struct blob blob = blob_take(blobs, view.size);
    if (view.size > 0) {
        memcpy(blob.data, view.data, view.size);
    }
    return blob;
}

void blob_give(struct blobs *blobs, struct blob *blob) {
    if (blob->data == NULL) {
        return;
    }
    if (blob->class_index >= BLOB_CLASSES) {
        blobs->bytes_in_use -= blob->size;
        give_large(blobs, blob->data);
    } else {
        struct free_blob *given = (void *)blob->data;
        memory_unpoison(given, class_bytes(blob->class_index));
        given->next = blobs->free[blob->class_index];
        blobs->free[blob->class_index] = given;
        blobs->bytes_in_use -= class_bytes(blob->class_index);
        memory_poison(given, class_bytes(blob->class_index));
    }
    *blob = (struct blob){NULL, 0, 0};
}
