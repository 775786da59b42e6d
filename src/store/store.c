#include "store/store.h"

#include "base/heap.h"
#include "store/group_commit.h"
#include "store/metadata.h"
#include "store/object_buffer.h"
#include "store/scan.h"
#include "store/seal.h"

struct store {
    struct leaf_port *port;
    struct store_options options;
    struct object_buffer objects;
    struct group_commit group;
    struct scans scans;
    struct buffer leaf_key; /* scratch */
    uint64_t hits;
    uint64_t misses;
    uint64_t corrupt_records;
    uint64_t refusals;
};

struct store *store_new(struct leaf_port *port, struct store_options options) {
    struct store *store = heap_take_zeroed(sizeof(*store));
    store->port = port;
    store->options = options;
    object_buffer_init(&store->objects, port->synchronous ? 0 : options.buffer_bytes);
    group_commit_init(&store->group, port);
    scans_init(&store->scans, port, &store->objects);
    buffer_init(&store->leaf_key);
    return store;
}

void store_free(struct store *store) {
    if (store == NULL) {
        return;
    }
    object_buffer_release(&store->objects);
    group_commit_release(&store->group);
    scans_release(&store->scans);
    buffer_release(&store->leaf_key);
    heap_give(store);
}

static enum leaf_family leaf_family_of(enum storage_family family) {
    return family == STORAGE_HINTS ? LEAF_HINTS : LEAF_OBJECTS;
}

static struct view leaf_key_of(struct store *store, struct partition partition, struct view key, uint64_t hash) {
    buffer_clear(&store->leaf_key);
    object_place_write(buffer_reserve(&store->leaf_key, PLACE_BYTES), partition, hash);
    buffer_commit(&store->leaf_key, PLACE_BYTES);
    buffer_append_view(&store->leaf_key, key);
    return buffer_view(&store->leaf_key);
}

/* What the leaf answered about an entry in READING. Bytes that aren't what was sealed are never an absence: the key was
 * there. */
static void resolve(struct store *store, struct object_entry *entry, enum leaf_status status, struct view value) {
    struct view record;
    if (status == LEAF_ABSENT) {
        object_buffer_hold(&store->objects, entry, OBJECT_ABSENT);
    } else if (status == LEAF_DONE && seal_open(value, entry->node.hash, &record)) {
        object_buffer_fill(&store->objects, entry, record);
    } else {
        bool is_damaged = status == LEAF_DONE || status == LEAF_DAMAGED;
        store->corrupt_records += is_damaged ? 1 : 0;
        object_buffer_hold(&store->objects, entry, is_damaged ? OBJECT_DAMAGED : OBJECT_ERROR);
    }
}

static enum storage_status answer(struct object_entry *entry, struct view *ret_record) {
    switch ((enum object_state)entry->state) {
    case OBJECT_FOUND:
        *ret_record = blob_view(&entry->record);
        return STORAGE_FOUND;
    case OBJECT_ABSENT:
        return STORAGE_ABSENT;
    case OBJECT_DAMAGED:
        return STORAGE_DAMAGED;
    case OBJECT_ERROR:
        return STORAGE_ERROR;
    case OBJECT_READING:
        return STORAGE_PENDING;
    }
    ENSURE(false);
    return STORAGE_ERROR;
}

/* The token of a get is the family, which its completion does not tell otherwise. */
static enum storage_status read_missing(struct store *store, enum leaf_family family, struct partition partition,
                                        struct view key, uint64_t hash, struct view *ret_record) {
    store->misses++;
    struct object_entry *entry = object_buffer_add(&store->objects, family, partition, key, hash);
    struct view value = {NULL, 0};
    enum leaf_status status =
        store->port->operations->get(store->port, family, object_entry_leaf_key(entry), family, &value);
    if (status == LEAF_PENDING) {
        entry->reading = true;
    } else {
        resolve(store, entry, status, value);
    }
    return answer(entry, ret_record);
}

static enum storage_status read_record(void *self, enum storage_family of, struct partition partition, struct view key,
                                       struct view *ret_record) {
    struct store *store = self;
    enum leaf_family family = leaf_family_of(of);
    uint64_t hash = hash64(key, store->options.hash_seed);
    struct object_entry *entry = object_buffer_find(&store->objects, family, partition, key, hash);
    if (entry == NULL) {
        return read_missing(store, family, partition, key, hash, ret_record);
    }
    store->hits++;
    entry->used = true;
    return answer(entry, ret_record);
}

/* The entry that is about to change, or NULL when the store takes no changes. */
static struct object_entry *entry_to_change(struct store *store, enum storage_family of, struct partition partition,
                                            struct view key) {
    enum leaf_family family = leaf_family_of(of);
    if (store->group.failed) {
        return NULL;
    }
    if (group_commit_backlog(&store->group) > STORE_BACKLOG_BYTES_MOST) {
        store->refusals++;
        return NULL;
    }
    uint64_t hash = hash64(key, store->options.hash_seed);
    scans_disturb(&store->scans, family, partition, hash);
    struct object_entry *entry = object_buffer_find(&store->objects, family, partition, key, hash);
    return entry != NULL ? entry : object_buffer_add(&store->objects, family, partition, key, hash);
}

static enum storage_status write_record(void *self, enum storage_family of, struct partition partition, struct view key,
                                        struct view record, enum durability durability, uint64_t token) {
    struct store *store = self;
    struct object_entry *entry = entry_to_change(store, of, partition, key);
    if (entry == NULL) {
        return STORAGE_ERROR;
    }
    uint8_t *to = group_commit_put(&store->group, leaf_family_of(of), object_entry_leaf_key(entry),
                                   SEAL_BYTES + record.size, durability);
    seal_write(to, record, entry->node.hash);
    object_buffer_write(&store->objects, entry, record, store->group.number);
    return group_commit_ask(&store->group, durability, token);
}

static enum storage_status remove_record(void *self, enum storage_family of, struct partition partition,
                                         struct view key, enum durability durability, uint64_t token) {
    struct store *store = self;
    struct object_entry *entry = entry_to_change(store, of, partition, key);
    if (entry == NULL) {
        return STORAGE_ERROR;
    }
    group_commit_delete(&store->group, leaf_family_of(of), object_entry_leaf_key(entry), durability);
    object_buffer_remove(&store->objects, entry, store->group.number);
    return group_commit_ask(&store->group, durability, token);
}

static void write_again(void *self, enum storage_family of, struct partition partition) {
    struct store *store = self;
    struct list_node *next;
    for (struct list_node *node = list_first(&store->objects.clean); node != NULL; node = next) {
        struct object_entry *entry = CONTAINER_OF(node, struct object_entry, link);
        struct partition at;
        uint64_t hash;
        struct view key;
        next = list_next(&store->objects.clean, node);
        bool is_place = object_place_read(object_entry_leaf_key(entry), &at, &hash, &key);
        ENSURE(is_place);
        if (at.value == partition.value && entry->family == leaf_family_of(of)) {
            write_record(store, of, partition, key, blob_view(&entry->record), DURABILITY_SYNC, 0);
        }
    }
}

static void forget(void *self, enum storage_family of, const bool *is_forgotten) {
    struct store *store = self;
    object_buffer_forget(&store->objects, leaf_family_of(of), is_forgotten);
}

static enum storage_status scan(void *self, enum storage_family of, struct partition partition, uint64_t hash_from,
                                uint64_t hash_last, uint32_t records_most, size_t bytes_most, uint64_t token) {
    struct store *store = self;
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    scans_begin(&store->scans, leaf_family_of(of), partition, hash_from, hash_last, records_most, bytes_most, token);
    return STORAGE_PENDING;
}

static enum storage_status barrier(void *self, enum durability durability, uint64_t token) {
    struct store *store = self;
    return group_commit_barrier(&store->group, durability, token);
}

static enum storage_status remember(struct store *store, const struct metadata_number *number, uint64_t token) {
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    uint8_t *to = group_commit_put(&store->group, LEAF_METADATA, metadata_number_key(number), sizeof(number->value),
                                   DURABILITY_SYNC);
    memcpy(to, number->value, sizeof(number->value));
    return group_commit_ask(&store->group, DURABILITY_SYNC, token);
}

static enum storage_status remember_clock(void *self, struct hybrid_time bound, uint64_t token) {
    struct store *store = self;
    struct metadata_number clock;
    metadata_clock_write(&clock, store->options.shard_index, bound);
    return remember(store, &clock, token);
}

static enum storage_status remember_fence(void *self, uint64_t number, uint64_t token) {
    struct store *store = self;
    struct metadata_number fence;
    metadata_fence_write(&fence, store->options.shard_index, number);
    return remember(store, &fence, token);
}

static void put_record(struct store *store, const uint8_t key[METADATA_SHARD_KEY_BYTES], struct view record) {
    struct view name = view_of(key, METADATA_SHARD_KEY_BYTES);
    uint8_t *to = group_commit_put(&store->group, LEAF_METADATA, name, SEAL_BYTES + record.size, DURABILITY_SYNC);
    seal_write(to, record, hash64(name, 0));
}

static enum storage_status remember_keyspaces(void *self, struct view table, uint64_t token) {
    struct store *store = self;
    uint8_t key[METADATA_SHARD_KEY_BYTES];
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    metadata_keyspaces_key(key, store->options.shard_index);
    put_record(store, key, table);
    return group_commit_ask(&store->group, DURABILITY_SYNC, token);
}

static enum storage_status remember_membership(void *self, enum storage_membership which, struct view record,
                                               uint64_t token) {
    struct store *store = self;
    struct view name = metadata_membership_key(which);
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    uint8_t *to = group_commit_put(&store->group, LEAF_METADATA, name, SEAL_BYTES + record.size, DURABILITY_SYNC);
    seal_write(to, record, hash64(name, 0));
    return group_commit_ask(&store->group, DURABILITY_SYNC, token);
}

static enum storage_status condemn(void *self) {
    struct store *store = self;
    struct view name = metadata_rolled_back_key();
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    uint8_t *to = group_commit_put(&store->group, LEAF_METADATA, name, SEAL_BYTES, DURABILITY_SYNC);
    seal_write(to, (struct view){0}, hash64(name, 0));
    return group_commit_ask(&store->group, DURABILITY_SYNC, 0);
}

static enum storage_status remember_witness(void *self, struct view list) {
    struct store *store = self;
    uint8_t key[METADATA_SHARD_KEY_BYTES];
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    metadata_witness_key(key, store->options.shard_index);
    put_record(store, key, list);
    return group_commit_ask(&store->group, DURABILITY_SYNC, 0);
}

static enum storage_status remember_flush(void *self, struct hybrid_time floor, uint64_t token) {
    struct store *store = self;
    struct metadata_number flush;
    metadata_flush_write(&flush, store->options.shard_index, floor);
    return remember(store, &flush, token);
}

static enum storage_status raise_doubt(void *self) {
    struct store *store = self;
    struct metadata_doubt doubt;
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    metadata_doubt_raise(&doubt, store->options.shard_index);
    uint8_t *to = group_commit_put(&store->group, LEAF_METADATA, metadata_doubt_key(&doubt), sizeof(doubt.value),
                                   DURABILITY_SYNC);
    memcpy(to, doubt.value, sizeof(doubt.value));
    return STORAGE_PENDING;
}

static enum storage_status settle_doubt(void *self) {
    struct store *store = self;
    struct metadata_doubt doubt;
    if (store->group.failed) {
        return STORAGE_ERROR;
    }
    metadata_doubt_write(&doubt, store->options.shard_index);
    group_commit_delete(&store->group, LEAF_METADATA, metadata_doubt_key(&doubt), DURABILITY_SYNC);
    return STORAGE_PENDING;
}

/* Above a synchronous leaf there is nothing to buffer, to seal against a disk, or to wait for: records rest in the leaf
 * as they are, once. */

static enum storage_status read_direct(void *self, enum storage_family family, struct partition partition,
                                       struct view key, struct view *ret_record) {
    struct store *store = self;
    struct view leaf_key = leaf_key_of(store, partition, key, hash64(key, store->options.hash_seed));
    switch (store->port->operations->get(store->port, leaf_family_of(family), leaf_key, 0, ret_record)) {
    case LEAF_DONE:
        store->hits++;
        return STORAGE_FOUND;
    case LEAF_ABSENT:
        store->misses++;
        return STORAGE_ABSENT;
    case LEAF_DAMAGED:
        return STORAGE_DAMAGED;
    case LEAF_PENDING:
    case LEAF_FAILED:
        break;
    }
    return STORAGE_ERROR;
}

static enum storage_status submit_direct(struct store *store, enum durability durability) {
    store->group.batches++;
    enum leaf_status status =
        store->port->operations->submit(store->port, &store->group.batch, durability, store->group.number++);
    ENSURE(status != LEAF_PENDING);
    store->group.failed = store->group.failed || status != LEAF_DONE;
    return store->group.failed ? STORAGE_ERROR : STORAGE_FOUND;
}

static enum storage_status write_direct(void *self, enum storage_family family, struct partition partition,
                                        struct view key, struct view record, enum durability durability,
                                        uint64_t token) {
    (void)token;
    struct store *store = self;
    struct view leaf_key = leaf_key_of(store, partition, key, hash64(key, store->options.hash_seed));
    leaf_batch_put(&store->group.batch, leaf_family_of(family), leaf_key, record);
    store->group.writes++;
    return submit_direct(store, durability);
}

static enum storage_status remove_direct(void *self, enum storage_family family, struct partition partition,
                                         struct view key, enum durability durability, uint64_t token) {
    (void)token;
    struct store *store = self;
    struct view leaf_key = leaf_key_of(store, partition, key, hash64(key, store->options.hash_seed));
    leaf_batch_delete(&store->group.batch, leaf_family_of(family), leaf_key);
    store->group.writes++;
    return submit_direct(store, durability);
}

static enum storage_status barrier_direct(void *self, enum durability durability, uint64_t token) {
    (void)durability;
    (void)token;
    struct store *store = self;
    return store->group.failed ? STORAGE_ERROR : STORAGE_FOUND;
}

static enum storage_status remember_direct(struct store *store, const struct metadata_number *number) {
    leaf_batch_put(&store->group.batch, LEAF_METADATA, metadata_number_key(number),
                   view_of(number->value, sizeof(number->value)));
    return submit_direct(store, DURABILITY_SYNC);
}

static enum storage_status remember_clock_direct(void *self, struct hybrid_time bound, uint64_t token) {
    (void)token;
    struct store *store = self;
    struct metadata_number clock;
    metadata_clock_write(&clock, store->options.shard_index, bound);
    return remember_direct(store, &clock);
}

static enum storage_status remember_fence_direct(void *self, uint64_t number, uint64_t token) {
    (void)token;
    struct store *store = self;
    struct metadata_number fence;
    metadata_fence_write(&fence, store->options.shard_index, number);
    return remember_direct(store, &fence);
}

static enum storage_status remember_flush_direct(void *self, struct hybrid_time floor, uint64_t token) {
    (void)token;
    struct store *store = self;
    struct metadata_number flush;
    metadata_flush_write(&flush, store->options.shard_index, floor);
    return remember_direct(store, &flush);
}

/* Memory that is the leaf ends with the process. */
static enum storage_status remember_keyspaces_direct(void *self, struct view table, uint64_t token) {
    (void)self;
    (void)table;
    (void)token;
    return STORAGE_FOUND;
}

static enum storage_status remember_membership_direct(void *self, enum storage_membership which, struct view record,
                                                      uint64_t token) {
    (void)self;
    (void)which;
    (void)record;
    (void)token;
    return STORAGE_FOUND;
}

static enum storage_status condemn_direct(void *self) {
    (void)self;
    return STORAGE_FOUND;
}

static enum storage_status remember_witness_direct(void *self, struct view list) {
    (void)self;
    (void)list;
    return STORAGE_FOUND;
}

static void write_again_direct(void *self, enum storage_family family, struct partition partition) {
    (void)self;
    (void)family;
    (void)partition;
}

static void forget_direct(void *self, enum storage_family family, const bool *is_forgotten) {
    (void)self;
    (void)family;
    (void)is_forgotten;
}

/* What lies in memory alone is new at each start. */
static enum storage_status raise_doubt_direct(void *self) {
    (void)self;
    return STORAGE_FOUND;
}

static enum storage_status settle_doubt_direct(void *self) {
    (void)self;
    return STORAGE_FOUND;
}

struct storage store_storage(struct store *store) {
    struct storage storage = {
        .self = store,
        .read = read_record,
        .write = write_record,
        .remove = remove_record,
        .write_again = write_again,
        .forget = forget,
        .scan = scan,
        .barrier = barrier,
        .raise_doubt = raise_doubt,
        .settle_doubt = settle_doubt,
        .remember_fence = remember_fence,
        .remember_flush = remember_flush,
        .remember_keyspaces = remember_keyspaces,
        .remember_membership = remember_membership,
        .condemn = condemn,
        .remember_witness = remember_witness,
        .remember_clock = remember_clock,
    };
    if (store->port->synchronous) {
        storage.read = read_direct;
        storage.write = write_direct;
        storage.remove = remove_direct;
        storage.write_again = write_again_direct;
        storage.forget = forget_direct;
        storage.barrier = barrier_direct;
        storage.raise_doubt = raise_doubt_direct;
        storage.settle_doubt = settle_doubt_direct;
        storage.remember_fence = remember_fence_direct;
        storage.remember_flush = remember_flush_direct;
        storage.remember_keyspaces = remember_keyspaces_direct;
        storage.remember_membership = remember_membership_direct;
        storage.condemn = condemn_direct;
        storage.remember_witness = remember_witness_direct;
        storage.remember_clock = remember_clock_direct;
    }
    return storage;
}

/* A scan under way may have looked before the batch was in the leaf, and answers after it has left the dirty ones: it
 * is asked again, or it would miss these writes. */
static void disturb_by_settling(struct store *store, uint64_t batch) {
    const struct list *dirty = &store->objects.dirty;
    for (struct list_node *node = list_first(dirty); node != NULL; node = list_next(dirty, node)) {
        const struct object_entry *entry = CONTAINER_OF(node, struct object_entry, link);
        struct partition partition;
        uint64_t hash;
        struct view key;
        bool is_place = object_place_read(object_entry_leaf_key(entry), &partition, &hash, &key);
        ENSURE(is_place);
        if (entry->batch > batch) {
            return;
        }
        scans_disturb(&store->scans, (enum leaf_family)entry->family, partition, hash);
    }
}

static void settle(struct store *store, uint64_t batch) {
    if (batch != 0) {
        if (scans_are_waiting(&store->scans)) {
            disturb_by_settling(store, batch);
        }
        object_buffer_settle(&store->objects, batch);
    }
}

static bool take_read(struct store *store, const struct leaf_completion *completion, struct store_event *ret_event) {
    struct partition partition;
    uint64_t hash;
    struct view key;
    bool is_place = object_place_read(completion->key, &partition, &hash, &key);
    ENSURE(is_place);
    struct object_entry *entry =
        object_buffer_find(&store->objects, (enum leaf_family)completion->token, partition, key, hash);
    ENSURE(entry != NULL);
    object_buffer_read_over(&store->objects, entry);
    if (entry->state == OBJECT_READING) {
        resolve(store, entry, completion->status, completion->value);
    }
    struct view record;
    *ret_event = (struct store_event){
        .kind = STORE_EVENT_READ,
        .status = answer(entry, &record),
        .partition = partition,
        .key = object_entry_key(entry),
    };
    return true;
}

static bool tell_scan(const struct scan_result *result, struct store_event *ret_event) {
    *ret_event = (struct store_event){
        .kind = STORE_EVENT_SCANNED,
        .status = result->status,
        .token = result->token,
        .records = result->records,
        .record_count = result->count,
        .is_end = result->is_end,
        .next_hash = result->next_hash,
    };
    return true;
}

bool store_next_event(struct store *store, struct store_event *ret_event) {
    struct scan_result scanned;
    if (scans_direct(&store->scans, &scanned)) {
        return tell_scan(&scanned, ret_event);
    }
    for (;;) {
        uint64_t token;
        enum storage_status status;
        if (group_commit_next(&store->group, &token, &status)) {
            *ret_event = (struct store_event){.kind = STORE_EVENT_WRITTEN, .status = status, .token = token};
            return true;
        }
        struct leaf_completion completion;
        if (!store->port->operations->take(store->port, &completion)) {
            return false;
        }
        if (completion.kind == LEAF_COMPLETION_GET) {
            return take_read(store, &completion, ret_event);
        }
        if (completion.kind == LEAF_COMPLETION_SCAN) {
            if (scans_complete(&store->scans, &completion, &scanned)) {
                return tell_scan(&scanned, ret_event);
            }
            continue; /* it was disturbed, and is asked again */
        }
        settle(store, group_commit_complete(&store->group, completion.token, completion.status));
    }
}

void store_end_turn(struct store *store) {
    settle(store, group_commit_end_turn(&store->group));
    object_buffer_end_turn(&store->objects);
}

bool store_is_idle(const struct store *store) {
    return group_commit_is_idle(&store->group);
}

bool store_has_failed(const struct store *store) {
    return store->group.failed;
}

void store_statistics(const struct store *store, struct store_statistics *ret_statistics) {
    *ret_statistics = (struct store_statistics){
        .hits = store->hits,
        .misses = store->misses,
        .batches = store->group.batches,
        .batched_writes = store->group.writes,
        .evictions = store->objects.evictions,
        .corrupt_records = store->corrupt_records,
        .refusals = store->refusals,
        .buffer_bytes = store->objects.blobs.bytes_in_use,
        .buffer_records = store->objects.map.size,
        .dirty_records = store->objects.dirty_count,
    };
}
