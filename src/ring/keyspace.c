#include "ring/keyspace.h"

#include "base/codec.h"
#include "base/ensure.h"

static struct view keyspace_prefix(const struct keyspace *keyspace) {
    return view_of(keyspace->prefix, keyspace->prefix_bytes);
}

void keyspace_table_init(struct keyspace_table *table) {
    memset(table, 0, sizeof(*table));
    table->keyspaces[0] = (struct keyspace){
        .read_quorum = 2, .write_quorum = 2, .conflict = CONFLICT_SIBLINGS, .durability = DURABILITY_SYNC};
    table->count = 1;
}

bool keyspace_table_add(struct keyspace_table *table, const struct keyspace *keyspace) {
    if (table->count == LIMIT_KEYSPACES || keyspace->prefix_bytes > KEYSPACE_PREFIX_SIZE) {
        return false;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (view_equal(keyspace_prefix(&table->keyspaces[i]), keyspace_prefix(keyspace))) {
            return false;
        }
    }
    table->keyspaces[table->count++] = *keyspace;
    return true;
}

const struct keyspace *keyspace_of_key(const struct keyspace_table *table, struct view key) {
    ENSURE(table->count > 0 && table->keyspaces[0].prefix_bytes == 0);
    const struct keyspace *best = &table->keyspaces[0];
    for (size_t i = 1; i < table->count; i++) {
        const struct keyspace *candidate = &table->keyspaces[i];
        if (candidate->prefix_bytes > best->prefix_bytes && view_starts_with(key, keyspace_prefix(candidate))) {
            best = candidate;
        }
    }
    return best;
}

static void sort_by_prefix(const struct keyspace_table *table, const struct keyspace **sorted) {
    for (size_t i = 0; i < table->count; i++) {
        size_t at = i;
        struct view prefix = keyspace_prefix(&table->keyspaces[i]);
        for (; at > 0 && view_compare(keyspace_prefix(sorted[at - 1]), prefix) > 0; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &table->keyspaces[i];
    }
}

struct digest keyspace_table_digest(const struct keyspace_table *table) {
    const struct keyspace *sorted[LIMIT_KEYSPACES];
    sort_by_prefix(table, sorted);

    struct buffer text;
    buffer_init(&text);
    write_varint(&text, table->count);
    for (size_t i = 0; i < table->count; i++) {
        write_sized(&text, keyspace_prefix(sorted[i]));
        write_u8(&text, sorted[i]->read_quorum);
        write_u8(&text, sorted[i]->write_quorum);
        write_u8(&text, sorted[i]->primary_read_quorum);
        write_u8(&text, sorted[i]->primary_write_quorum);
        write_u8(&text, (uint8_t)sorted[i]->conflict);
        write_u8(&text, (uint8_t)sorted[i]->durability);
    }
    struct digest digest = hash128(buffer_view(&text));
    buffer_release(&text);
    return digest;
}
