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

static void write_keyspace(struct buffer *buffer, const struct keyspace *keyspace) {
    write_sized(buffer, keyspace_prefix(keyspace));
    write_u8(buffer, keyspace->read_quorum);
    write_u8(buffer, keyspace->write_quorum);
    write_u8(buffer, keyspace->primary_read_quorum);
    write_u8(buffer, keyspace->primary_write_quorum);
    write_u8(buffer, (uint8_t)keyspace->conflict);
    write_u8(buffer, (uint8_t)keyspace->durability);
}

static bool read_keyspace(struct reader *reader, struct keyspace *ret_keyspace) {
    struct keyspace keyspace = {0};
    struct view prefix = read_sized(reader);
    keyspace.read_quorum = read_u8(reader);
    keyspace.write_quorum = read_u8(reader);
    keyspace.primary_read_quorum = read_u8(reader);
    keyspace.primary_write_quorum = read_u8(reader);
    keyspace.conflict = (enum conflict_rule)read_u8(reader);
    keyspace.durability = (enum durability)read_u8(reader);
    if (reader->failed || prefix.size > KEYSPACE_PREFIX_SIZE) {
        return false;
    }
    if (prefix.size > 0) {
        memcpy(keyspace.prefix, prefix.data, prefix.size);
    }
    keyspace.prefix_bytes = (uint8_t)prefix.size;
    *ret_keyspace = keyspace;
    return true;
}

static bool is_legal(const struct keyspace *keyspace) {
    return keyspace->read_quorum >= 1 && keyspace->read_quorum <= LIMIT_REPLICAS && keyspace->write_quorum >= 1 &&
           keyspace->write_quorum <= LIMIT_REPLICAS && keyspace->primary_read_quorum <= keyspace->read_quorum &&
           keyspace->primary_write_quorum <= keyspace->write_quorum &&
           (keyspace->conflict == CONFLICT_SIBLINGS || keyspace->conflict == CONFLICT_LWW) &&
           (keyspace->durability == DURABILITY_SYNC || keyspace->durability == DURABILITY_INTERVAL ||
            keyspace->durability == DURABILITY_NONE);
}

void keyspace_table_encode(struct buffer *buffer, const struct keyspace_table *table) {
    write_varint(buffer, table->version);
    write_varint(buffer, table->count);
    for (size_t i = 0; i < table->count; i++) {
        write_keyspace(buffer, &table->keyspaces[i]);
    }
}

bool keyspace_table_decode(struct view bytes, struct keyspace_table *ret_table) {
    struct reader reader = reader_of(bytes);
    struct keyspace_table table = {.version = read_varint(&reader)};
    uint64_t count = read_varint(&reader);
    for (uint64_t i = 0; i < count; i++) {
        struct keyspace keyspace;
        bool is_default = i == 0;
        if (!read_keyspace(&reader, &keyspace) || !is_legal(&keyspace) || is_default != (keyspace.prefix_bytes == 0) ||
            !keyspace_table_add(&table, &keyspace)) {
            return false;
        }
    }
    if (!reader_finished(&reader) || count == 0) {
        return false;
    }
    *ret_table = table;
    return true;
}

/* ---- changes ---- */

void keyspace_change_encode(struct buffer *buffer, const struct keyspace_change *change) {
    write_u8(buffer, change->removes ? 1 : 0);
    write_keyspace(buffer, &change->keyspace);
}

bool keyspace_change_decode(struct view bytes, struct keyspace_change *ret_change) {
    struct reader reader = reader_of(bytes);
    struct keyspace_change change = {.removes = read_u8(&reader) == 1};
    if (!read_keyspace(&reader, &change.keyspace) || !reader_finished(&reader)) {
        return false;
    }
    *ret_change = change;
    return true;
}

static struct keyspace *find(struct keyspace_table *table, struct view prefix) {
    for (size_t i = 0; i < table->count; i++) {
        if (view_equal(keyspace_prefix(&table->keyspaces[i]), prefix)) {
            return &table->keyspaces[i];
        }
    }
    return NULL;
}

static void take_number(uint8_t *number, uint8_t said) {
    *number = said == KEYSPACE_UNCHANGED ? *number : said;
}

static const char *set(struct keyspace_table *table, const struct keyspace *said, uint32_t replicas) {
    struct keyspace *keyspace = find(table, keyspace_prefix(said));
    if (keyspace == NULL) {
        if (table->count == LIMIT_KEYSPACES) {
            return "ERR there are as many keyspaces as there can be";
        }
        keyspace = &table->keyspaces[table->count++];
        *keyspace = table->keyspaces[0];
        memcpy(keyspace->prefix, said->prefix, sizeof(keyspace->prefix));
        keyspace->prefix_bytes = said->prefix_bytes;
    }
    take_number(&keyspace->read_quorum, said->read_quorum);
    take_number(&keyspace->write_quorum, said->write_quorum);
    take_number(&keyspace->primary_read_quorum, said->primary_read_quorum);
    take_number(&keyspace->primary_write_quorum, said->primary_write_quorum);
    keyspace->conflict = (uint8_t)said->conflict == KEYSPACE_UNCHANGED ? keyspace->conflict : said->conflict;
    keyspace->durability = (uint8_t)said->durability == KEYSPACE_UNCHANGED ? keyspace->durability : said->durability;
    if (keyspace->read_quorum > replicas || keyspace->write_quorum > replicas) {
        return "ERR a quorum can't be above the number of replicas";
    }
    if (keyspace->primary_read_quorum > keyspace->read_quorum ||
        keyspace->primary_write_quorum > keyspace->write_quorum) {
        return "ERR a primary quorum can't be above its quorum";
    }
    return is_legal(keyspace) ? NULL : "ERR these settings of a keyspace make no sense together";
}

static const char *remove_one(struct keyspace_table *table, struct view prefix) {
    struct keyspace *keyspace = find(table, prefix);
    if (prefix.size == 0) {
        return "ERR the default keyspace can be changed, not removed";
    }
    if (keyspace == NULL) {
        return "ERR there is no keyspace with that prefix";
    }
    size_t at = (size_t)(keyspace - table->keyspaces);
    memmove(keyspace, keyspace + 1, sizeof(*keyspace) * (table->count - at - 1));
    table->count--;
    return NULL;
}

const char *keyspace_table_change(struct keyspace_table *table, const struct keyspace_change *change,
                                  uint32_t replicas) {
    return change->removes ? remove_one(table, keyspace_prefix(&change->keyspace))
                           : set(table, &change->keyspace, replicas);
}

struct digest keyspace_table_digest(const struct keyspace_table *table) {
    const struct keyspace *sorted[LIMIT_KEYSPACES];
    sort_by_prefix(table, sorted);

    struct buffer text;
    buffer_init(&text);
    write_varint(&text, table->count);
    for (size_t i = 0; i < table->count; i++) {
        write_keyspace(&text, sorted[i]);
    }
    struct digest digest = hash128(buffer_view(&text));
    buffer_release(&text);
    return digest;
}
