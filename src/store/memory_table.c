#include "store/memory_table.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/heap.h"

enum { SEGMENT_BUCKETS = 512, BUCKETS_FIRST = 8, SEGMENTS_FIRST = 4 };

/* next, varint length of the key, varint length of the value, key, value */
struct memory_record {
    struct memory_record *next;
    uint8_t bytes[];
};

struct parts {
    struct view key;
    struct view value;
    size_t bytes; /* of the whole record */
};

static size_t load_length(const uint8_t **from) {
    size_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*from)++;
        value |= (size_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

static struct parts parts_of(const struct memory_record *record) {
    const uint8_t *from = record->bytes;
    size_t key_bytes = load_length(&from);
    size_t value_bytes = load_length(&from);
    return (struct parts){
        .key = view_of(from, key_bytes),
        .value = view_of(from + key_bytes, value_bytes),
        .bytes = (size_t)(from - (const uint8_t *)record) + key_bytes + value_bytes,
    };
}

static uint64_t hash_of(struct view key) {
    return hash64(key, 0);
}

static struct memory_record **bucket_at(const struct memory_table *table, size_t index) {
    return &table->segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS];
}

/* Buckets from bucket_count to 2 * level - 1 aren't split off yet: their records lie in the lower half. */
static size_t bucket_index(const struct memory_table *table, uint64_t hash) {
    size_t index = (size_t)hash & (2 * table->level - 1);
    return index < table->bucket_count ? index : (size_t)hash & (table->level - 1);
}

static void add_segment(struct memory_table *table) {
    if (table->segment_count == table->segment_capacity) {
        size_t capacity = table->segment_capacity == 0 ? SEGMENTS_FIRST : 2 * table->segment_capacity;
        struct memory_record ***segments = heap_take(capacity * sizeof(*segments));
        if (table->segment_count > 0) {
            memcpy((void *)segments, (const void *)table->segments, table->segment_count * sizeof(*segments));
        }
        heap_give((void *)table->segments);
        table->segments = segments;
        table->segment_capacity = capacity;
    }
    table->segments[table->segment_count++] = heap_take_zeroed(SEGMENT_BUCKETS * sizeof(struct memory_record *));
}

void memory_table_init(struct memory_table *table) {
    *table = (struct memory_table){.bucket_count = BUCKETS_FIRST, .level = BUCKETS_FIRST};
    add_segment(table);
}

void memory_table_release(struct memory_table *table) {
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct memory_record *record = *bucket_at(table, i), *next = NULL; record != NULL; record = next) {
            next = record->next;
            heap_give(record);
        }
    }
    for (size_t i = 0; i < table->segment_count; i++) {
        heap_give((void *)table->segments[i]);
    }
    heap_give((void *)table->segments);
    *table = (struct memory_table){.segments = NULL};
}

static void split_one(struct memory_table *table) {
    size_t upper = table->bucket_count++;
    struct memory_record **from = bucket_at(table, upper - table->level);
    if (upper / SEGMENT_BUCKETS == table->segment_count) {
        add_segment(table);
    }
    struct memory_record **to = bucket_at(table, upper);
    while (*from != NULL) {
        struct memory_record *record = *from;
        if (((size_t)hash_of(parts_of(record).key) & (2 * table->level - 1)) == upper) {
            *from = record->next;
            record->next = *to;
            *to = record;
        } else {
            from = &record->next;
        }
    }
    if (table->bucket_count == 2 * table->level) {
        table->level *= 2;
    }
}

/* Where the record hangs, or the end of its bucket. */
static struct memory_record **find(const struct memory_table *table, struct view key) {
    struct memory_record **link = bucket_at(table, bucket_index(table, hash_of(key)));
    while (*link != NULL && !view_equal(parts_of(*link).key, key)) {
        link = &(*link)->next;
    }
    return link;
}

bool memory_table_get(const struct memory_table *table, struct view key, struct view *ret_value) {
    const struct memory_record *record = *find(table, key);
    if (record == NULL) {
        return false;
    }
    *ret_value = parts_of(record).value;
    return true;
}

static void copy_in(struct memory_record *record, const uint8_t *lengths, size_t length_bytes, struct view key,
                    struct view value) {
    memcpy(record->bytes, lengths, length_bytes);
    if (key.size > 0) {
        memcpy(record->bytes + length_bytes, key.data, key.size);
    }
    if (value.size > 0) {
        memcpy(record->bytes + length_bytes + key.size, value.data, value.size);
    }
}

void memory_table_put(struct memory_table *table, struct view key, struct view value) {
    uint8_t lengths[2 * VARINT_BYTES_MOST];
    size_t length_bytes = (size_t)(varint_store(varint_store(lengths, key.size), value.size) - lengths);
    size_t bytes = sizeof(struct memory_record) + length_bytes + key.size + value.size;
    struct memory_record **link = find(table, key);
    struct memory_record *old = *link;
    size_t old_bytes = old == NULL ? 0 : parts_of(old).bytes;
    if (old != NULL && old_bytes == bytes) {
        copy_in(old, lengths, length_bytes, key, value);
        return;
    }
    struct memory_record *record = heap_take(bytes);
    copy_in(record, lengths, length_bytes, key, value);
    record->next = old == NULL ? NULL : old->next;
    *link = record;
    heap_give(old);
    table->bytes = table->bytes - old_bytes + bytes;
    if (old == NULL && ++table->size > table->bucket_count) {
        split_one(table);
    }
}

bool memory_table_delete(struct memory_table *table, struct view key) {
    struct memory_record **link = find(table, key);
    struct memory_record *record = *link;
    if (record == NULL) {
        return false;
    }
    *link = record->next;
    table->size--;
    table->bytes -= parts_of(record).bytes;
    heap_give(record);
    return true;
}

static bool sorts_before(const struct memory_record *a, const struct memory_record *b) {
    return view_compare(parts_of(a).key, parts_of(b).key) < 0;
}

static void sift_down(const struct memory_record **records, size_t root, size_t count) {
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && sorts_before(records[child], records[child + 1])) {
            child++;
        }
        if (!sorts_before(records[root], records[child])) {
            return;
        }
        const struct memory_record *other = records[root];
        records[root] = records[child];
        records[child] = other;
        root = child;
    }
}

static void heap_sort(const struct memory_record **records, size_t count) {
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(records, root, count);
    }
    for (size_t last = count; last-- > 1;) {
        const struct memory_record *greatest = records[0];
        records[0] = records[last];
        records[last] = greatest;
        sift_down(records, 0, last);
    }
}

void memory_table_scan(const struct memory_table *table, struct view from, const struct view *to,
                       bool (*visit)(void *self, struct view key, struct view value), void *self) {
    const struct memory_record **found = heap_take((table->size + 1) * sizeof(struct memory_record *));
    size_t count = 0;
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (const struct memory_record *record = *bucket_at(table, i); record != NULL; record = record->next) {
            struct view key = parts_of(record).key;
            if (view_compare(key, from) >= 0 && (to == NULL || view_compare(key, *to) < 0)) {
                found[count++] = record;
            }
        }
    }
    heap_sort(found, count);
    for (size_t i = 0; i < count; i++) {
        struct parts parts = parts_of(found[i]);
        if (!visit(self, parts.key, parts.value)) {
            break;
        }
    }
    heap_give((void *)found);
}
