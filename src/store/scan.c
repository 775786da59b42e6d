#include "store/scan.h"

#include "base/heap.h"
#include "store/seal.h"

struct scan {
    struct list_node waiting;
    uint64_t id;
    uint64_t token;
    enum leaf_family family;
    struct partition partition;
    uint64_t hash_from;
    uint64_t hash_last;
    uint32_t records_most;
    size_t bytes_most;
    bool is_disturbed;
};

void scans_init(struct scans *scans, struct leaf_port *port, struct object_buffer *objects) {
    *scans = (struct scans){.port = port, .objects = objects};
    list_init(&scans->waiting);
    leaf_run_init(&scans->direct, LEAF_OBJECTS, 0, 0);
    buffer_init(&scans->records);
}

static void scan_free(struct scan *scan) {
    list_remove(&scan->waiting);
    heap_give(scan);
}

void scans_release(struct scans *scans) {
    struct list_node *node;
    while ((node = list_first(&scans->waiting)) != NULL) {
        scan_free(CONTAINER_OF(node, struct scan, waiting));
    }
    leaf_run_release(&scans->direct);
    buffer_release(&scans->records);
}

/* The leaf keys that bound the scan; the end lies behind every key of the last place, since keys are longer. */
static void scan_bounds(const struct scan *scan, uint8_t from[PLACE_BYTES], uint8_t to[PLACE_BYTES]) {
    object_place_write(from, scan->partition, scan->hash_from);
    if (scan->hash_last == UINT64_MAX) {
        object_place_write(to, (struct partition){(uint16_t)(scan->partition.value + 1)}, 0);
    } else {
        object_place_write(to, scan->partition, scan->hash_last + 1);
    }
}

static void scan_submit(struct scans *scans, struct scan *scan) {
    uint8_t from[PLACE_BYTES];
    uint8_t to[PLACE_BYTES];
    scan->is_disturbed = false;
    scan_bounds(scan, from, to);
    enum leaf_status status =
        scans->port->operations->scan_some(scans->port, scan->family, view_of(from, PLACE_BYTES),
                                           view_of(to, PLACE_BYTES), scan->records_most, scan->bytes_most, scan->id);
    ENSURE(status == LEAF_PENDING);
}

void scans_begin(struct scans *scans, enum leaf_family family, struct partition partition, uint64_t hash_from,
                 uint64_t hash_last, uint32_t records_most, size_t bytes_most, uint64_t token) {
    ENSURE(hash_from <= hash_last && records_most > 0);
    struct scan *scan = heap_take_zeroed(sizeof(*scan));
    *scan = (struct scan){
        .id = ++scans->next_id,
        .token = token,
        .family = family,
        .partition = partition,
        .hash_from = hash_from,
        .hash_last = hash_last,
        .records_most = records_most,
        .bytes_most = bytes_most,
    };
    list_push_back(&scans->waiting, &scan->waiting);
    if (!scans->port->synchronous) {
        scan_submit(scans, scan);
    }
}

void scans_disturb(struct scans *scans, enum leaf_family family, struct partition partition, uint64_t hash) {
    for (struct list_node *node = list_first(&scans->waiting); node != NULL; node = list_next(&scans->waiting, node)) {
        struct scan *scan = CONTAINER_OF(node, struct scan, waiting);
        bool is_in_range = scan->family == family && scan->partition.value == partition.value &&
                           hash >= scan->hash_from && hash <= scan->hash_last;
        scan->is_disturbed = scan->is_disturbed || is_in_range;
    }
}

/* ---- the answer ---- */

static struct storage_scanned *records_of(const struct scans *scans, size_t *ret_count) {
    struct view bytes = buffer_view(&scans->records);
    *ret_count = bytes.size / sizeof(struct storage_scanned);
    return (void *)(uintptr_t)bytes.data;
}

static void add_record(struct scans *scans, const struct storage_scanned *record) {
    buffer_append(&scans->records, record, sizeof(*record));
}

/* One record of the leaf, as the buffer knows it if it does. */
static void take_entry(struct scans *scans, const struct leaf_entry *entry, bool is_sealed) {
    struct partition partition;
    struct storage_scanned record = {.status = STORAGE_FOUND, .record = entry->value};
    bool is_place = object_place_read(entry->key, &partition, &record.hash, &record.key);
    ENSURE(is_place);
    const struct object_entry *buffered =
        is_sealed ? object_buffer_find(scans->objects, entry->family, partition, record.key, record.hash) : NULL;
    if (buffered != NULL && buffered->state == OBJECT_ABSENT) {
        return;
    }
    bool is_whole = !is_sealed || seal_open(entry->value, record.hash, &record.record);
    if (buffered != NULL && buffered->state == OBJECT_FOUND) {
        record.record = blob_view(&buffered->record);
        record.is_bad_on_disk = !is_whole;
    } else if (!is_whole) {
        record.status = STORAGE_DAMAGED;
        record.record = (struct view){0};
    }
    add_record(scans, &record);
}

static int compare(const struct storage_scanned *a, const struct storage_scanned *b) {
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return view_compare(a->key, b->key);
}

/* A record that only the buffer has: to its place among the others, unless it is there. */
static void insert_record(struct scans *scans, const struct storage_scanned *record) {
    size_t count;
    const struct storage_scanned *records = records_of(scans, &count);
    size_t at = count;
    while (at > 0 && compare(&records[at - 1], record) > 0) {
        at--;
    }
    if (at > 0 && compare(&records[at - 1], record) == 0) {
        return;
    }
    add_record(scans, record);
    struct storage_scanned *moved = records_of(scans, &count);
    memmove(&moved[at + 1], &moved[at], (count - 1 - at) * sizeof(*moved));
    moved[at] = *record;
}

static void overlay(struct scans *scans, const struct scan *scan, uint64_t hash_last) {
    const struct list *dirty = &scans->objects->dirty;
    for (struct list_node *node = list_first(dirty); node != NULL; node = list_next(dirty, node)) {
        const struct object_entry *entry = CONTAINER_OF(node, struct object_entry, link);
        struct partition partition;
        struct storage_scanned record = {.status = STORAGE_FOUND};
        bool is_place = object_place_read(object_entry_leaf_key(entry), &partition, &record.hash, &record.key);
        ENSURE(is_place);
        bool belongs = entry->state == OBJECT_FOUND && entry->family == scan->family &&
                       partition.value == scan->partition.value && record.hash >= scan->hash_from &&
                       record.hash <= hash_last;
        if (belongs) {
            record.record = blob_view(&entry->record);
            insert_record(scans, &record);
        }
    }
}

static uint64_t run_last_hash(const struct leaf_run *run) {
    struct partition partition;
    uint64_t hash;
    struct view key;
    bool is_place = object_place_read(view_of(run->last_place, LEAF_PLACE_BYTES), &partition, &hash, &key);
    ENSURE(is_place);
    return hash;
}

static void answer(struct scans *scans, struct scan *scan, enum leaf_status status, const struct leaf_run *run,
                   struct scan_result *ret_result) {
    struct leaf_entry entry;
    bool is_sealed = !scans->port->synchronous;
    *ret_result = (struct scan_result){.token = scan->token, .status = STORAGE_ERROR, .is_end = true};
    buffer_clear(&scans->records);
    if (status == LEAF_DONE) {
        uint64_t hash_last = run->is_full ? run_last_hash(run) : scan->hash_last;
        for (size_t position = 0; leaf_batch_next(&run->entries, &position, &entry);) {
            take_entry(scans, &entry, is_sealed);
        }
        if (is_sealed) {
            overlay(scans, scan, hash_last);
        }
        size_t count;
        ret_result->status = STORAGE_FOUND;
        ret_result->is_end = hash_last == scan->hash_last;
        ret_result->next_hash = hash_last + 1;
        ret_result->records = records_of(scans, &count);
        ret_result->count = (uint32_t)count;
    }
    scan_free(scan);
}

bool scans_complete(struct scans *scans, const struct leaf_completion *completion, struct scan_result *ret_result) {
    struct list_node *node = list_first(&scans->waiting);
    while (node != NULL && CONTAINER_OF(node, struct scan, waiting)->id != completion->token) {
        node = list_next(&scans->waiting, node);
    }
    ENSURE(node != NULL);
    struct scan *scan = CONTAINER_OF(node, struct scan, waiting);
    if (scan->is_disturbed && completion->status == LEAF_DONE) {
        scan_submit(scans, scan);
        return false;
    }
    answer(scans, scan, completion->status, completion->run, ret_result);
    return true;
}

bool scans_direct(struct scans *scans, struct scan_result *ret_result) {
    struct list_node *node = scans->port->synchronous ? list_first(&scans->waiting) : NULL;
    if (node == NULL) {
        return false;
    }
    struct scan *scan = CONTAINER_OF(node, struct scan, waiting);
    uint8_t from[PLACE_BYTES];
    uint8_t to[PLACE_BYTES];
    scan_bounds(scan, from, to);
    leaf_run_release(&scans->direct);
    leaf_run_init(&scans->direct, scan->family, scan->records_most, scan->bytes_most);
    enum leaf_status status = scans->port->operations->scan(scans->port, scan->family, view_of(from, PLACE_BYTES),
                                                            view_of(to, PLACE_BYTES), leaf_run_visit, &scans->direct);
    answer(scans, scan, status, &scans->direct, ret_result);
    return true;
}
