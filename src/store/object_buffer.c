#include "store/object_buffer.h"

#include "base/ensure.h"

/* What a record with its key is reckoned to take, when the table is made large enough for the budget at once: growing
 * it later would stop the shard for as long as it takes. */
enum { RECORD_BYTES_GUESS = 512 };

void object_buffer_init(struct object_buffer *buffer, size_t budget_bytes) {
    *buffer = (struct object_buffer){.budget_bytes = budget_bytes};
    map_init(&buffer->map, budget_bytes / RECORD_BYTES_GUESS);
    blobs_init(&buffer->blobs);
    list_init(&buffer->clean);
    list_init(&buffer->dirty);
    list_init(&buffer->held);
}

void object_buffer_release(struct object_buffer *buffer) {
    blobs_release(&buffer->blobs);
    map_release(&buffer->map);
}

void object_place_write(uint8_t to[PLACE_BYTES], struct partition partition, uint64_t hash) {
    to[0] = (uint8_t)(partition.value >> 8);
    to[1] = (uint8_t)partition.value;
    for (unsigned i = 0; i < 8; i++) {
        to[2 + i] = (uint8_t)(hash >> (56 - 8 * i));
    }
}

bool object_place_read(struct view leaf_key, struct partition *ret_partition, uint64_t *ret_hash,
                       struct view *ret_key) {
    if (leaf_key.size < PLACE_BYTES) {
        return false;
    }
    uint64_t hash = 0;
    for (unsigned i = 0; i < 8; i++) {
        hash = hash << 8 | leaf_key.data[2 + i];
    }
    ret_partition->value = (uint16_t)(leaf_key.data[0] << 8 | leaf_key.data[1]);
    *ret_hash = hash;
    *ret_key = view_slice(leaf_key, PLACE_BYTES, leaf_key.size - PLACE_BYTES);
    return true;
}

struct object_entry *object_buffer_find(const struct object_buffer *buffer, enum leaf_family family,
                                        struct partition partition, struct view key, uint64_t hash) {
    for (struct map_node *node = map_first(&buffer->map, hash); node != NULL; node = map_next(node)) {
        struct object_entry *entry = CONTAINER_OF(node, struct object_entry, node);
        if (view_equal(object_entry_key(entry), key) && entry->family == family &&
            (entry->leaf_key[0] << 8 | entry->leaf_key[1]) == partition.value) {
            return entry;
        }
    }
    return NULL;
}

struct object_entry *object_buffer_add(struct object_buffer *buffer, enum leaf_family family,
                                       struct partition partition, struct view key, uint64_t hash) {
    size_t leaf_bytes = PLACE_BYTES + key.size;
    struct blob self = blob_take(&buffer->blobs, sizeof(struct object_entry) + leaf_bytes);
    struct object_entry *entry = (void *)self.data;
    *entry = (struct object_entry){
        .self = self, .leaf_bytes = (uint32_t)leaf_bytes, .state = OBJECT_READING, .family = (uint8_t)family};
    object_place_write(entry->leaf_key, partition, hash);
    if (key.size > 0) {
        memcpy(entry->leaf_key + PLACE_BYTES, key.data, key.size);
    }
    map_insert(&buffer->map, &entry->node, hash);
    return entry;
}

/* What the blob takes, not what it holds: classes are powers of two from 32 bytes on. */
static size_t blob_cost(const struct blob *blob) {
    if (blob->data == NULL) {
        return 0;
    }
    return blob->class_index < BLOB_CLASSES ? (size_t)32 << blob->class_index : blob->size;
}

static size_t entry_bytes(const struct object_entry *entry) {
    return blob_cost(&entry->self) + blob_cost(&entry->record);
}

static void unlink_entry(struct object_buffer *buffer, struct object_entry *entry) {
    if (!list_node_linked(&entry->link)) {
        return;
    }
    if (entry->state == OBJECT_FOUND && !entry->dirty) {
        buffer->clean_bytes -= entry_bytes(entry);
    }
    list_remove(&entry->link);
}

static void link_clean(struct object_buffer *buffer, struct object_entry *entry) {
    ENSURE(entry->state == OBJECT_FOUND && !entry->dirty && !entry->reading);
    list_push_back(&buffer->clean, &entry->link);
    buffer->clean_bytes += entry_bytes(entry);
}

static void drop_entry(struct object_buffer *buffer, struct object_entry *entry) {
    ENSURE(!entry->dirty && !entry->reading);
    unlink_entry(buffer, entry);
    map_remove(&buffer->map, &entry->node);
    blob_give(&buffer->blobs, &entry->record);
    struct blob self = entry->self;
    blob_give(&buffer->blobs, &self);
}

void object_buffer_fill(struct object_buffer *buffer, struct object_entry *entry, struct view record) {
    ENSURE(entry->state == OBJECT_READING && !entry->reading);
    entry->record = blob_copy(&buffer->blobs, record);
    entry->state = OBJECT_FOUND;
    link_clean(buffer, entry);
}

void object_buffer_hold(struct object_buffer *buffer, struct object_entry *entry, enum object_state state) {
    ENSURE(entry->state == OBJECT_READING && !entry->reading);
    ENSURE(state == OBJECT_ABSENT || state == OBJECT_DAMAGED || state == OBJECT_ERROR);
    entry->state = (uint8_t)state;
    list_push_back(&buffer->held, &entry->link);
}

static void mark_dirty(struct object_buffer *buffer, struct object_entry *entry, enum object_state state,
                       uint64_t batch) {
    buffer->dirty_count += entry->dirty ? 0 : 1;
    entry->state = (uint8_t)state;
    entry->dirty = true;
    entry->used = true;
    entry->batch = batch;
    list_push_back(&buffer->dirty, &entry->link);
}

void object_buffer_remove(struct object_buffer *buffer, struct object_entry *entry, uint64_t batch) {
    ENSURE(batch >= entry->batch);
    unlink_entry(buffer, entry);
    blob_give(&buffer->blobs, &entry->record);
    mark_dirty(buffer, entry, OBJECT_ABSENT, batch);
}

void object_buffer_write(struct object_buffer *buffer, struct object_entry *entry, struct view record, uint64_t batch) {
    ENSURE(batch >= entry->batch);
    unlink_entry(buffer, entry);
    if (record.size > 0 && record.size == entry->record.size) {
        memmove(entry->record.data, record.data, record.size);
    } else {
        struct blob written = blob_copy(&buffer->blobs, record);
        blob_give(&buffer->blobs, &entry->record);
        entry->record = written;
    }
    mark_dirty(buffer, entry, OBJECT_FOUND, batch);
}

/* Neither dirty nor read: a removed one goes at the end of the turn, so that its last reader is answered. */
static void link_settled(struct object_buffer *buffer, struct object_entry *entry) {
    if (entry->state == OBJECT_FOUND) {
        link_clean(buffer, entry);
    } else {
        list_push_back(&buffer->held, &entry->link);
    }
}

void object_buffer_read_over(struct object_buffer *buffer, struct object_entry *entry) {
    ENSURE(entry->reading);
    entry->reading = false;
    if (entry->state != OBJECT_READING && !entry->dirty) {
        link_settled(buffer, entry);
    }
}

void object_buffer_settle(struct object_buffer *buffer, uint64_t batch) {
    for (struct list_node *node = list_first(&buffer->dirty); node != NULL; node = list_first(&buffer->dirty)) {
        struct object_entry *entry = CONTAINER_OF(node, struct object_entry, link);
        if (entry->batch > batch) {
            return;
        }
        list_remove(node);
        entry->dirty = false;
        buffer->dirty_count--;
        if (!entry->reading) {
            link_settled(buffer, entry);
        }
    }
}

void object_buffer_forget(struct object_buffer *buffer, enum leaf_family family, const bool *is_forgotten) {
    struct list_node *next;
    for (struct list_node *node = list_first(&buffer->clean); node != NULL; node = next) {
        struct object_entry *entry = CONTAINER_OF(node, struct object_entry, link);
        struct partition partition;
        uint64_t hash;
        struct view key;
        next = list_next(&buffer->clean, node);
        bool is_place = object_place_read(object_entry_leaf_key(entry), &partition, &hash, &key);
        ENSURE(is_place);
        if (entry->family == family && is_forgotten[partition.value]) {
            drop_entry(buffer, entry);
        }
    }
}

void object_buffer_end_turn(struct object_buffer *buffer) {
    for (struct list_node *node = list_first(&buffer->held); node != NULL; node = list_first(&buffer->held)) {
        drop_entry(buffer, CONTAINER_OF(node, struct object_entry, link));
    }
    /* Ends: each pass over an entry either drops it or takes away the mark that saved it. */
    while (buffer->clean_bytes > buffer->budget_bytes) {
        struct object_entry *entry = CONTAINER_OF(list_first(&buffer->clean), struct object_entry, link);
        if (entry->used) {
            entry->used = false;
            list_remove(&entry->link);
            list_push_back(&buffer->clean, &entry->link);
        } else {
            drop_entry(buffer, entry);
            buffer->evictions++;
        }
    }
}
