#include "base/arena.h"

#include "base/ensure.h"
#include "base/poison.h"

#include <stdalign.h>
#include <stdlib.h>

enum {
    ALIGNMENT = 16,
    CHUNK_BYTES = 64 * 1024,
    KEPT_BYTES = 1024 * 1024,
};

struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity;
    alignas(ALIGNMENT) uint8_t data[];
};

static struct arena_chunk *chunk_new(size_t capacity) {
    ENSURE(capacity <= SIZE_MAX - sizeof(struct arena_chunk));
    struct arena_chunk *chunk = malloc(sizeof(struct arena_chunk) + capacity);
    ENSURE(chunk != NULL);
    chunk->next = NULL;
    chunk->capacity = capacity;
    memory_poison(chunk->data, capacity);
    return chunk;
}

static void chunk_free(struct arena_chunk *chunk) {
    memory_unpoison(chunk->data, chunk->capacity);
    free(chunk);
}

static void chunks_free(struct arena_chunk *chunk) {
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        chunk_free(chunk);
        chunk = next;
    }
}

void arena_init(struct arena *arena) {
    *arena = (struct arena){NULL, NULL, 0};
}

void arena_release(struct arena *arena) {
    chunks_free(arena->first);
    arena_init(arena);
}

void arena_reset(struct arena *arena) {
    if (arena->first == NULL) {
        return;
    }
    size_t further = 0;
    for (struct arena_chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next) {
        further += chunk == arena->first ? 0 : chunk->capacity;
        memory_poison(chunk->data, chunk->capacity);
    }
    if (further > KEPT_BYTES) {
        chunks_free(arena->first->next);
        arena->first->next = NULL;
    }
    arena->current = arena->first;
    arena->used = 0;
}

/* Goes on in the next chunk if that has the room; otherwise a new one is put before it, which keeps it for later. The
 * first chunk always has the common size, since it is the one never freed. */
static void arena_turn(struct arena *arena, size_t bytes) {
    if (arena->first == NULL) {
        arena->first = chunk_new(CHUNK_BYTES);
        arena->current = arena->first;
        arena->used = 0;
        if (bytes <= CHUNK_BYTES) {
            return;
        }
    }
    struct arena_chunk *next = arena->current->next;
    if (next == NULL || next->capacity < bytes) {
        struct arena_chunk *chunk = chunk_new(bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES);
        chunk->next = next;
        arena->current->next = chunk;
        next = chunk;
    }
    arena->current = next;
    arena->used = 0;
}

void *arena_take(struct arena *arena, size_t bytes) {
    ENSURE(bytes <= SIZE_MAX / 2);
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (arena->current == NULL || arena->current->capacity - arena->used < rounded) {
        arena_turn(arena, rounded);
    }
    uint8_t *memory = arena->current->data + arena->used;
    arena->used += rounded;
    memory_unpoison(memory, bytes);
    return memory;
}

struct view arena_copy(struct arena *arena, struct view view) {
    if (view.size == 0) {
        return view_of(NULL, 0);
    }
    void *memory = arena_take(arena, view.size);
    memcpy(memory, view.data, view.size);
    return view_of(memory, view.size);
}
