/* Byte strings by key, packed: a record is one piece of memory with a pointer and two short lengths in front of its
 * bytes, and a bucket beside it, 18 to 20 bytes beyond key and value before the allocator rounds up. Hashes aren't
 * kept.
 *
 * The table grows by linear hashing (Litwin, 1980): each insertion beyond one record per bucket splits a single bucket,
 * so no write ever waits for a whole table to be rebuilt. */
#ifndef GRAMME_STORE_MEMORY_TABLE_H
#define GRAMME_STORE_MEMORY_TABLE_H

#include "base/buffer.h"

struct memory_record;

struct memory_table {
    struct memory_record ***segments;
    size_t segment_count;
    size_t segment_capacity;
    size_t bucket_count;
    size_t level; /* the greatest power of two that is at most bucket_count */
    size_t size;  /* records */
    size_t bytes; /* of their memory, buckets and the allocator's rounding aside */
};

void memory_table_init(struct memory_table *table);
void memory_table_release(struct memory_table *table);

/* The value is valid until the key is put or deleted. */
bool memory_table_get(const struct memory_table *table, struct view key, struct view *ret_value);
/* The views may be borrowed from other records, not from this one. */
void memory_table_put(struct memory_table *table, struct view key, struct view value);
bool memory_table_delete(struct memory_table *table, struct view key); /* false: wasn't there */

/* Visits keys in [from, to) in order until `visit` says false, which must not change the table. `to` NULL: no end.
 * Sorts what it visits: not for a hot path. */
void memory_table_scan(const struct memory_table *table, struct view from, const struct view *to,
                       bool (*visit)(void *self, struct view key, struct view value), void *self);

#endif
