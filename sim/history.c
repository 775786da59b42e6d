#include "sim/history.h"

#include "base/ensure.h"

#include <stdlib.h>

static void *grow(void *array, size_t *capacity, size_t wanted, size_t item_bytes) {
    if (wanted <= *capacity) {
        return array;
    }
    size_t larger = *capacity == 0 ? 64 : *capacity * 2;
    larger = larger < wanted ? wanted : larger;
    void *moved = realloc(array, larger * item_bytes);
    ENSURE(moved != NULL);
    *capacity = larger;
    return moved;
}

void history_init(struct history *history) {
    memset(history, 0, sizeof(*history));
}

void history_release(struct history *history) {
    for (size_t index = 0; index < history->count; index++) {
        free(history->operations[index].shown);
        free(history->operations[index].read);
    }
    free(history->operations);
    free(history->writer_of);
    free(history->keys);
}

uint32_t history_add_key(struct history *history, const struct key_record *key) {
    struct key_record *moved = realloc(history->keys, sizeof(*key) * (history->key_count + 1));
    ENSURE(moved != NULL);
    history->keys = moved;
    history->keys[history->key_count] = *key;
    return history->key_count++;
}

struct key_record *history_find_key(const struct history *history, struct view name) {
    for (uint32_t index = 0; index < history->key_count; index++) {
        if (view_equal(view_of_string(history->keys[index].name), name)) {
            return &history->keys[index];
        }
    }
    return NULL;
}

bool operation_writes_value(enum operation_name name) {
    return name == OP_SET || name == OP_PUT || name == OP_SET_IF_ABSENT || name == OP_FORGERY || name == OP_ADD ||
           name == OP_NUMBER;
}

const char *operation_text(enum operation_name name) {
    static const char *const texts[OP_NAMES] = {"SET",      "PUT",      "DEL",    "DEL+context", "GET",
                                                "READ",     "SET NX",   "EXPIRE", "PERSIST",     "FORGERY",
                                                "FLUSHALL", "KEYSPACE", "INCRBY", "GET counter", "SET counter"};
    return texts[name];
}

size_t history_begin(struct history *history, enum operation_name name, uint32_t client, uint32_t key,
                     struct instant now) {
    history->operations =
        grow(history->operations, &history->capacity, history->count + 1, sizeof(*history->operations));
    struct op_record *operation = &history->operations[history->count];
    *operation = (struct op_record){.name = name, .client = client, .key = key, .start = now, .end = now};
    if (operation_writes_value(name)) {
        operation->value_id = ++history->value_count;
        history->writer_of =
            grow(history->writer_of, &history->value_capacity, history->value_count + 1, sizeof(*history->writer_of));
        history->writer_of[operation->value_id] = (uint32_t)history->count;
    }
    return history->count++;
}

void history_end(struct history *history, size_t index, enum op_outcome outcome, struct instant now) {
    struct op_record *operation = &history->operations[index];
    operation->outcome = outcome;
    operation->end = now;
    history->outcomes[operation->name][outcome]++;
}

void history_set_shown(struct history *history, size_t index, const uint32_t *ids, uint32_t count) {
    struct op_record *operation = &history->operations[index];
    if (count == 0) {
        return;
    }
    operation->shown = malloc(sizeof(*ids) * count);
    ENSURE(operation->shown != NULL);
    memcpy(operation->shown, ids, sizeof(*ids) * count);
    operation->shown_count = count;
}

void history_add_read(struct history *history, size_t index, uint32_t id) {
    struct op_record *operation = &history->operations[index];
    uint32_t *moved = realloc(operation->read, sizeof(id) * (operation->read_count + 1));
    ENSURE(moved != NULL);
    operation->read = moved;
    operation->read[operation->read_count++] = id;
}

uint32_t value_id_of(struct view bytes) {
    uint64_t id = 0;
    size_t end = 3;
    if (bytes.size < 5 || memcmp(bytes.data, "id:", 3) != 0) {
        return 0;
    }
    while (end < bytes.size && bytes.data[end] != ':') {
        end++;
    }
    return view_to_uint64(view_slice(bytes, 3, end - 3), &id) && id <= UINT32_MAX ? (uint32_t)id : 0;
}
