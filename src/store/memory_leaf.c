#include "store/memory_leaf.h"

#include "base/heap.h"
#include "base/list.h"
#include "store/memory_table.h"

struct memory_leaf {
    enum memory_leaf_kind kind;
    struct memory_table tables[LEAF_FAMILY_COUNT];
    struct list ports;
    struct list unsynced; /* struct applied, in order of submission */
    size_t unsynced_count;
    uint64_t next_id;
    bool failed;
};

/* What takes a batch back that the disk may not have: the values before it, one entry for each of the batch's. */
struct applied {
    struct list_node link;
    uint64_t id;
    struct leaf_batch undo;
};

struct operation {
    struct list_node link;
    uint64_t id;
    uint64_t token;
    enum leaf_completion_kind kind;
    enum durability durability;
    enum leaf_family family;
    enum leaf_status status;
    size_t bytes;
    struct buffer key;   /* get; scan: from */
    struct buffer value; /* get; scan: to */
    struct leaf_run run; /* scan */
};

struct memory_port {
    struct leaf_port port; /* first: the two are cast into each other */
    struct memory_leaf *leaf;
    struct list_node link;
    struct list untold;
    struct list told;
    struct list completed;
    struct operation *taken; /* whose views are lent */
};

static struct memory_port *port_of(struct leaf_port *port) {
    return CONTAINER_OF(port, struct memory_port, port);
}

static void apply_entry(struct memory_leaf *leaf, const struct leaf_entry *entry) {
    if (entry->is_delete) {
        memory_table_delete(&leaf->tables[entry->family], entry->key);
    } else {
        memory_table_put(&leaf->tables[entry->family], entry->key, entry->value);
    }
}

static void note_undo(const struct memory_leaf *leaf, struct leaf_batch *undo, const struct leaf_entry *entry) {
    struct view before;
    if (memory_table_get(&leaf->tables[entry->family], entry->key, &before)) {
        leaf_batch_put(undo, entry->family, entry->key, before);
    } else {
        leaf_batch_delete(undo, entry->family, entry->key);
    }
}

static void applied_free(struct memory_leaf *leaf, struct applied *applied) {
    list_remove(&applied->link);
    leaf->unsynced_count--;
    leaf_batch_release(&applied->undo);
    heap_give(applied);
}

/* Backwards, since a batch may have written a key twice. */
static void take_back(struct memory_leaf *leaf, struct applied *applied) {
    struct leaf_entry *entries = heap_take((applied->undo.count + 1) * sizeof(*entries));
    size_t position = 0;
    size_t count = 0;
    while (leaf_batch_next(&applied->undo, &position, &entries[count])) {
        count++;
    }
    while (count > 0) {
        apply_entry(leaf, &entries[--count]);
    }
    heap_give(entries);
    applied_free(leaf, applied);
}

static void make_durable(struct memory_leaf *leaf, uint64_t up_to_id) {
    for (struct list_node *node = list_first(&leaf->unsynced); node != NULL; node = list_first(&leaf->unsynced)) {
        struct applied *applied = CONTAINER_OF(node, struct applied, link);
        if (applied->id > up_to_id) {
            return;
        }
        applied_free(leaf, applied);
    }
}

static struct operation *operation_new(struct memory_port *port, enum leaf_completion_kind kind, uint64_t token) {
    struct operation *operation = heap_take_zeroed(sizeof(*operation));
    operation->id = ++port->leaf->next_id;
    operation->token = token;
    operation->kind = kind;
    list_push_back(&port->untold, &operation->link);
    return operation;
}

static void operation_free(struct operation *operation) {
    if (operation != NULL) {
        buffer_release(&operation->key);
        buffer_release(&operation->value);
        leaf_run_release(&operation->run);
        heap_give(operation);
    }
}

static void finish(struct memory_port *port, struct operation *operation, enum leaf_status status) {
    operation->status = status;
    list_remove(&operation->link);
    list_push_back(&port->completed, &operation->link);
}

static enum leaf_status port_get(struct leaf_port *port, enum leaf_family family, struct view key, uint64_t token,
                                 struct view *ret_value) {
    struct memory_port *self = port_of(port);
    if (self->leaf->kind != MEMORY_LEAF_SIMULATED) {
        return memory_table_get(&self->leaf->tables[family], key, ret_value) ? LEAF_DONE : LEAF_ABSENT;
    }
    struct operation *operation = operation_new(self, LEAF_COMPLETION_GET, token);
    operation->family = family;
    buffer_append_view(&operation->key, key);
    return LEAF_PENDING;
}

static void apply_simulated(struct memory_leaf *leaf, const struct leaf_batch *batch, uint64_t id) {
    struct applied *applied = heap_take_zeroed(sizeof(*applied));
    applied->id = id;
    leaf_batch_init(&applied->undo);
    struct leaf_entry entry;
    for (size_t position = 0; leaf_batch_next(batch, &position, &entry);) {
        note_undo(leaf, &applied->undo, &entry);
        apply_entry(leaf, &entry);
    }
    list_push_back(&leaf->unsynced, &applied->link);
    leaf->unsynced_count++;
}

static enum leaf_status port_submit(struct leaf_port *port, struct leaf_batch *batch, enum durability durability,
                                    uint64_t token) {
    struct memory_port *self = port_of(port);
    struct memory_leaf *leaf = self->leaf;
    if (leaf->kind == MEMORY_LEAF_SYNCHRONOUS) {
        struct leaf_entry entry;
        for (size_t position = 0; leaf_batch_next(batch, &position, &entry);) {
            apply_entry(leaf, &entry);
        }
        leaf_batch_clear(batch);
        return LEAF_DONE;
    }
    struct operation *operation = operation_new(self, LEAF_COMPLETION_BATCH, token);
    operation->durability = durability;
    operation->bytes = buffer_size(&batch->entries);
    if (leaf->failed) {
        finish(self, operation, LEAF_FAILED);
    } else {
        apply_simulated(leaf, batch, operation->id);
    }
    leaf_batch_clear(batch);
    return LEAF_PENDING;
}

static bool port_take(struct leaf_port *port, struct leaf_completion *ret_completion) {
    struct memory_port *self = port_of(port);
    operation_free(self->taken);
    self->taken = NULL;
    struct list_node *node = list_take_first(&self->completed);
    if (node == NULL) {
        return false;
    }
    struct operation *operation = CONTAINER_OF(node, struct operation, link);
    self->taken = operation;
    *ret_completion = (struct leaf_completion){
        .kind = operation->kind,
        .status = operation->status,
        .token = operation->token,
        .key = buffer_view(&operation->key),
        .value = buffer_view(&operation->value),
        .run = &operation->run,
    };
    return true;
}

bool memory_leaf_next_operation(struct leaf_port *port, struct memory_leaf_operation *ret_operation) {
    struct memory_port *self = port_of(port);
    struct list_node *node = list_take_first(&self->untold);
    if (node == NULL) {
        return false;
    }
    list_push_back(&self->told, node);
    const struct operation *operation = CONTAINER_OF(node, struct operation, link);
    *ret_operation = (struct memory_leaf_operation){
        .id = operation->id,
        .is_get = operation->kind != LEAF_COMPLETION_BATCH,
        .durability = operation->durability,
        .bytes = operation->bytes,
    };
    return true;
}

static void complete_get(struct memory_port *port, struct operation *operation, enum leaf_status status) {
    struct view value;
    if (status == LEAF_DONE &&
        memory_table_get(&port->leaf->tables[operation->family], buffer_view(&operation->key), &value)) {
        buffer_append_view(&operation->value, value);
    } else if (status == LEAF_DONE) {
        status = LEAF_ABSENT;
    }
    finish(port, operation, status);
}

static void complete_scan(struct memory_port *port, struct operation *operation, enum leaf_status status) {
    struct view to = buffer_view(&operation->value);
    if (status == LEAF_DONE) {
        memory_table_scan(&port->leaf->tables[operation->family], buffer_view(&operation->key), &to, leaf_run_visit,
                          &operation->run);
    }
    finish(port, operation, status);
}

/* The batches of a port are told of in order, so those before this one are in `told` before it. */
static void complete_batches(struct memory_port *port, uint64_t id, enum leaf_status status) {
    struct memory_leaf *leaf = port->leaf;
    leaf->failed = leaf->failed || status != LEAF_DONE;
    enum durability strongest = DURABILITY_NONE;
    for (struct list_node *node = list_first(&port->told), *next = NULL; node != NULL; node = next) {
        next = list_next(&port->told, node);
        struct operation *operation = CONTAINER_OF(node, struct operation, link);
        if (operation->id > id) {
            break;
        }
        if (operation->kind == LEAF_COMPLETION_BATCH) {
            strongest = operation->durability < strongest ? operation->durability : strongest;
            finish(port, operation, leaf->failed ? LEAF_FAILED : LEAF_DONE);
        }
    }
    if (!leaf->failed && strongest == DURABILITY_SYNC) {
        make_durable(leaf, id);
    }
}

void memory_leaf_complete(struct leaf_port *port, uint64_t id, enum leaf_status status) {
    struct memory_port *self = port_of(port);
    for (struct list_node *node = list_first(&self->told); node != NULL; node = list_next(&self->told, node)) {
        struct operation *operation = CONTAINER_OF(node, struct operation, link);
        if (operation->id == id) {
            if (operation->kind == LEAF_COMPLETION_GET) {
                complete_get(self, operation, status);
            } else if (operation->kind == LEAF_COMPLETION_SCAN) {
                complete_scan(self, operation, status);
            } else {
                complete_batches(self, id, status);
            }
            return;
        }
    }
}

static void complete_port(struct memory_port *self) {
    struct memory_leaf_operation operation;
    while (memory_leaf_next_operation(&self->port, &operation)) {
    }
    for (struct list_node *node = list_first(&self->told); node != NULL; node = list_first(&self->told)) {
        memory_leaf_complete(&self->port, CONTAINER_OF(node, struct operation, link)->id, LEAF_DONE);
    }
}

void memory_leaf_complete_all(struct memory_leaf *leaf) {
    for (struct list_node *node = list_first(&leaf->ports); node != NULL; node = list_next(&leaf->ports, node)) {
        complete_port(CONTAINER_OF(node, struct memory_port, link));
    }
}

static bool port_wait(struct leaf_port *port) {
    struct memory_port *self = port_of(port);
    complete_port(self);
    return !list_empty(&self->completed);
}

static enum leaf_status port_scan(struct leaf_port *port, enum leaf_family family, struct view from, struct view to,
                                  bool (*visit)(void *self, struct view key, struct view value), void *self) {
    memory_table_scan(&port_of(port)->leaf->tables[family], from, &to, visit, self);
    return LEAF_DONE;
}

static enum leaf_status port_scan_some(struct leaf_port *port, enum leaf_family family, struct view from,
                                       struct view to, uint32_t records_most, size_t bytes_most, uint64_t token) {
    struct operation *operation = operation_new(port_of(port), LEAF_COMPLETION_SCAN, token);
    operation->family = family;
    buffer_append_view(&operation->key, from);
    buffer_append_view(&operation->value, to);
    leaf_run_init(&operation->run, family, records_most, bytes_most);
    return LEAF_PENDING;
}

static const struct leaf_port_operations operations = {port_get,  port_submit, port_take,
                                                       port_wait, port_scan,   port_scan_some};

struct memory_leaf *memory_leaf_new(enum memory_leaf_kind kind) {
    struct memory_leaf *leaf = heap_take_zeroed(sizeof(*leaf));
    leaf->kind = kind;
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        memory_table_init(&leaf->tables[i]);
    }
    list_init(&leaf->ports);
    list_init(&leaf->unsynced);
    return leaf;
}

struct leaf_port *memory_leaf_open_port(struct memory_leaf *leaf) {
    ENSURE(leaf->kind != MEMORY_LEAF_SYNCHRONOUS || list_empty(&leaf->ports));
    struct memory_port *port = heap_take_zeroed(sizeof(*port));
    port->port.operations = &operations;
    port->port.synchronous = leaf->kind == MEMORY_LEAF_SYNCHRONOUS;
    port->leaf = leaf;
    list_init(&port->untold);
    list_init(&port->told);
    list_init(&port->completed);
    list_push_back(&leaf->ports, &port->link);
    return &port->port;
}

static void free_operations(struct list *list) {
    for (struct list_node *node = list_take_first(list); node != NULL; node = list_take_first(list)) {
        operation_free(CONTAINER_OF(node, struct operation, link));
    }
}

void memory_leaf_close_port(struct leaf_port *port) {
    struct memory_port *self = port_of(port);
    free_operations(&self->untold);
    free_operations(&self->told);
    free_operations(&self->completed);
    operation_free(self->taken);
    list_remove(&self->link);
    heap_give(self);
}

void memory_leaf_crash(struct memory_leaf *leaf, size_t keep) {
    for (struct list_node *node = list_first(&leaf->ports); node != NULL; node = list_first(&leaf->ports)) {
        memory_leaf_close_port(&CONTAINER_OF(node, struct memory_port, link)->port);
    }
    while (leaf->unsynced_count > keep) {
        take_back(leaf, CONTAINER_OF(leaf->unsynced.head.previous, struct applied, link));
    }
    make_durable(leaf, leaf->next_id);
    leaf->failed = false;
}

void memory_leaf_wipe(struct memory_leaf *leaf) {
    memory_leaf_crash(leaf, 0);
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        memory_table_release(&leaf->tables[i]);
        memory_table_init(&leaf->tables[i]);
    }
}

static bool copy_record(void *self, struct view key, struct view value) {
    memory_table_put(self, key, value);
    return true;
}

void memory_leaf_copy(struct memory_leaf *leaf, const struct memory_leaf *from) {
    ENSURE(from->unsynced_count == 0);
    memory_leaf_wipe(leaf);
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        memory_table_scan(&from->tables[i], (struct view){0}, NULL, copy_record, &leaf->tables[i]);
    }
}

void memory_leaf_free(struct memory_leaf *leaf) {
    if (leaf == NULL) {
        return;
    }
    memory_leaf_crash(leaf, SIZE_MAX);
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        memory_table_release(&leaf->tables[i]);
    }
    heap_give(leaf);
}

size_t memory_leaf_record_count(const struct memory_leaf *leaf, enum leaf_family family) {
    return leaf->tables[family].size;
}

size_t memory_leaf_bytes(const struct memory_leaf *leaf) {
    size_t bytes = 0;
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        bytes += leaf->tables[i].bytes + leaf->tables[i].bucket_count * sizeof(void *);
    }
    return bytes;
}

bool memory_leaf_durable(const struct memory_leaf *leaf, enum leaf_family family, struct view key,
                         struct view *ret_value) {
    for (struct list_node *node = list_first(&leaf->unsynced); node != NULL; node = list_next(&leaf->unsynced, node)) {
        const struct applied *applied = CONTAINER_OF(node, struct applied, link);
        struct leaf_entry entry;
        size_t position = 0;
        while (leaf_batch_next(&applied->undo, &position, &entry)) {
            if (entry.family == family && view_equal(entry.key, key)) {
                *ret_value = entry.value;
                return !entry.is_delete;
            }
        }
    }
    return memory_table_get(&leaf->tables[family], key, ret_value);
}

size_t memory_leaf_unsynced_count(const struct memory_leaf *leaf) {
    return leaf->unsynced_count;
}

void memory_leaf_sync(struct memory_leaf *leaf) {
    if (!leaf->failed) {
        make_durable(leaf, leaf->next_id);
    }
}

void memory_leaf_corrupt(struct memory_leaf *leaf, enum leaf_family family, struct view key, uint64_t bit) {
    struct view value;
    bool found = memory_table_get(&leaf->tables[family], key, &value);
    ENSURE(found && value.size > 0);
    struct buffer damaged;
    buffer_init(&damaged);
    buffer_append_view(&damaged, value);
    bit %= 8 * value.size;
    damaged.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    memory_table_put(&leaf->tables[family], key, buffer_view(&damaged));
    buffer_release(&damaged);
}

void memory_leaf_forget(struct memory_leaf *leaf, enum leaf_family family, struct view key) {
    memory_table_delete(&leaf->tables[family], key);
}

void memory_leaf_each(const struct memory_leaf *leaf, enum leaf_family family,
                      bool (*visit)(void *self, struct view key, struct view value), void *self) {
    memory_table_scan(&leaf->tables[family], view_of(NULL, 0), NULL, visit, self);
}
