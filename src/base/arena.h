/* Scratch memory for one step: allocations are a pointer bump, and all of them end together with arena_reset(). The
 * chunks are kept from step to step, so a warm arena never calls malloc. */
#ifndef GRAMME_BASE_ARENA_H
#define GRAMME_BASE_ARENA_H

#include "base/view.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
    size_t used; /* of current */
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);
/* Ends every allocation; frees chunks beyond the first when they grew past 1 MiB in all. */
void arena_reset(struct arena *arena);
/* 16-byte aligned, uninitialised, never NULL. */
void *arena_take(struct arena *arena, size_t bytes);
struct view arena_copy(struct arena *arena, struct view view);

#define ARENA_ARRAY(arena, type, count) ((type *)arena_take((arena), sizeof(type) * (count)))

#endif
