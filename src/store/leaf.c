#include "store/leaf.h"

#include "base/codec.h"

enum { DELETE_FLAG = 0x80 };

void leaf_batch_init(struct leaf_batch *batch) {
    buffer_init(&batch->entries);
    batch->count = 0;
}

void leaf_batch_release(struct leaf_batch *batch) {
    buffer_release(&batch->entries);
    batch->count = 0;
}

void leaf_batch_clear(struct leaf_batch *batch) {
    buffer_clear(&batch->entries);
    batch->count = 0;
}

uint8_t *leaf_batch_put_room(struct leaf_batch *batch, enum leaf_family family, struct view key, size_t value_bytes) {
    ENSURE(key.size > 0);
    uint8_t *from = buffer_reserve(&batch->entries, 1 + 2 * VARINT_BYTES_MOST + key.size + value_bytes);
    uint8_t *to = from;
    *to++ = (uint8_t)family;
    to = varint_store(to, key.size);
    memcpy(to, key.data, key.size);
    to = varint_store(to + key.size, value_bytes);
    buffer_commit(&batch->entries, (size_t)(to - from) + value_bytes);
    batch->count++;
    return to;
}

void leaf_batch_put(struct leaf_batch *batch, enum leaf_family family, struct view key, struct view value) {
    uint8_t *to = leaf_batch_put_room(batch, family, key, value.size);
    if (value.size > 0) {
        memcpy(to, value.data, value.size);
    }
}

void leaf_batch_delete(struct leaf_batch *batch, enum leaf_family family, struct view key) {
    write_u8(&batch->entries, (uint8_t)((unsigned)family | DELETE_FLAG));
    write_sized(&batch->entries, key);
    batch->count++;
}

bool leaf_batch_next(const struct leaf_batch *batch, size_t *position, struct leaf_entry *ret_entry) {
    struct reader reader = reader_of(buffer_view(&batch->entries));
    if (*position == reader.bytes.size) {
        return false;
    }
    reader.position = *position;
    uint8_t head = read_u8(&reader);
    *ret_entry = (struct leaf_entry){
        .family = (enum leaf_family)(head & ~DELETE_FLAG),
        .is_delete = (head & DELETE_FLAG) != 0,
        .key = read_sized(&reader),
    };
    if (!ret_entry->is_delete) {
        ret_entry->value = read_sized(&reader);
    }
    /* Only leaf_batch_put() and leaf_batch_delete() make these bytes. */
    ENSURE(!reader.failed && ret_entry->family < LEAF_FAMILY_COUNT);
    *position = reader.position;
    return true;
}

void leaf_run_init(struct leaf_run *run, enum leaf_family family, uint32_t records_most, size_t bytes_most) {
    *run = (struct leaf_run){.family = family, .records_most = records_most, .bytes_most = bytes_most};
    leaf_batch_init(&run->entries);
}

void leaf_run_release(struct leaf_run *run) {
    leaf_batch_release(&run->entries);
}

bool leaf_run_visit(void *self, struct view key, struct view value) {
    struct leaf_run *run = self;
    bool has_enough = run->entries.count >= run->records_most || buffer_size(&run->entries.entries) >= run->bytes_most;
    bool is_short = key.size < LEAF_PLACE_BYTES; /* no key of ours */
    if (has_enough && (is_short || memcmp(key.data, run->last_place, LEAF_PLACE_BYTES) != 0)) {
        run->is_full = true;
        return false;
    }
    if (!is_short) {
        memcpy(run->last_place, key.data, LEAF_PLACE_BYTES);
        leaf_batch_put(&run->entries, run->family, key, value);
    }
    return true;
}
