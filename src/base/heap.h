/* Memory one piece at a time, for the layers that may not name malloc: long-lived structures, and records that are best
 * packed by the allocator itself. Running out of memory is fatal (limits are checked before). */
#ifndef GRAMME_BASE_HEAP_H
#define GRAMME_BASE_HEAP_H

#include <stddef.h>

void *heap_take(size_t bytes);        /* uninitialised, 16-byte aligned, never NULL */
void *heap_take_zeroed(size_t bytes); /* pages that are never touched cost nothing */
void heap_give(void *memory);         /* NULL does nothing */

#endif
