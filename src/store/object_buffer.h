/* The object buffer (Dynamo, section 6.1): the records of a shard that are in memory, found by key.
 *
 *                 filled                    written
 *      READING ------------> FOUND, clean <---------> FOUND, dirty     written also from READING, ABSENT, ERROR
 *         |                       |         settled        ^ |
 *         | held                  | over the budget,       | | removed (from any)
 *         v                       v not used lately        | v
 *      ABSENT, ERROR ---------> gone <-----------------ABSENT, dirty
 *                   end of turn             settled
 *
 * READING: the leaf was asked; asked again, the same answer is waited for. Clean: the leaf has it; may leave at the end
 * of a turn. Dirty: the leaf may not have it yet; stays whatever the budget, until the batch with its latest version is
 * settled. Entries leave in the order in which they came, but for those used since, which get another round (CLOCK).
 * An entry whose read is under way never leaves: its completion looks for it. */
#ifndef GRAMME_STORE_OBJECT_BUFFER_H
#define GRAMME_STORE_OBJECT_BUFFER_H

#include "base/blobs.h"
#include "base/identity.h"
#include "base/list.h"
#include "base/map.h"
#include "store/leaf.h"

enum { PLACE_BYTES = LEAF_PLACE_BYTES };

enum object_state { OBJECT_READING, OBJECT_FOUND, OBJECT_ABSENT, OBJECT_DAMAGED, OBJECT_ERROR };

struct object_entry {
    struct map_node node; /* hash: of the key, its place within the partition */
    struct list_node link;
    struct blob record;
    struct blob self;    /* this entry's memory */
    uint64_t batch;      /* dirty: the latest batch that carries it */
    uint32_t leaf_bytes; /* of leaf_key */
    uint8_t state;       /* enum object_state */
    uint8_t family;      /* enum leaf_family */
    bool dirty;
    bool used;    /* since the clock's hand passed */
    bool reading; /* a completion will come */
    uint8_t leaf_key[];
};

struct object_buffer {
    struct map map;
    struct blobs blobs;
    struct list clean;
    struct list dirty; /* ordered by batch */
    struct list held;  /* answers that hold for the turn alone */
    size_t budget_bytes;
    size_t clean_bytes;
    size_t dirty_count;
    uint64_t evictions;
};

void object_buffer_init(struct object_buffer *buffer, size_t budget_bytes);
void object_buffer_release(struct object_buffer *buffer);

struct object_entry *object_buffer_find(const struct object_buffer *buffer, enum leaf_family family,
                                        struct partition partition, struct view key, uint64_t hash);
/* A new entry, in READING; the key must not be there. */
struct object_entry *object_buffer_add(struct object_buffer *buffer, enum leaf_family family,
                                       struct partition partition, struct view key, uint64_t hash);
/* READING -> FOUND, clean. Copies the record. */
void object_buffer_fill(struct object_buffer *buffer, struct object_entry *entry, struct view record);
/* READING -> ABSENT or ERROR. */
void object_buffer_hold(struct object_buffer *buffer, struct object_entry *entry, enum object_state state);
/* Any -> FOUND, dirty until `batch` is settled. Batches only grow. Copies the record, which may be the entry's own. */
void object_buffer_write(struct object_buffer *buffer, struct object_entry *entry, struct view record, uint64_t batch);
/* Any -> ABSENT, dirty until `batch` is settled: what the leaf still has does not count. */
void object_buffer_remove(struct object_buffer *buffer, struct object_entry *entry, uint64_t batch);
/* The completion that `reading` announced has come. */
void object_buffer_read_over(struct object_buffer *buffer, struct object_entry *entry);
/* All batches up to this one rest in the leaf. */
void object_buffer_settle(struct object_buffer *buffer, uint64_t batch);
/* Clean entries of the partitions that are named are gone. */
void object_buffer_forget(struct object_buffer *buffer, enum leaf_family family, const bool *is_forgotten);
void object_buffer_end_turn(struct object_buffer *buffer);

static inline struct view object_entry_leaf_key(const struct object_entry *entry) {
    return view_of(entry->leaf_key, entry->leaf_bytes);
}

static inline struct view object_entry_key(const struct object_entry *entry) {
    return view_of(entry->leaf_key + PLACE_BYTES, entry->leaf_bytes - PLACE_BYTES);
}

/* The place as it stands before the key in the leaf. */
void object_place_write(uint8_t to[PLACE_BYTES], struct partition partition, uint64_t hash);
/* False when the bytes are too short to be a leaf key. */
bool object_place_read(struct view leaf_key, struct partition *ret_partition, uint64_t *ret_hash, struct view *ret_key);

#endif
