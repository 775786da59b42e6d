/* Random turns, faults and crashes. A model knows every write in order; after a crash the store must hold what some
 * prefix of the writes made, and that prefix must contain everything acknowledged as synced. */
#include "store/memory_leaf.h"
#include "store/store.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEYS = 24, WRITES_MOST = 4000, RUNS = 200, LIVES = 6, TURNS = 60, NEVER = 0 };

struct written {
    uint32_t key;
    enum durability durability;
};

struct model {
    struct rng rng;
    struct memory_leaf *leaf;
    struct leaf_port *port;
    struct store *store;
    struct storage storage;
    struct written writes[WRITES_MOST + 1]; /* by number; number 0 is none */
    uint32_t write_count;
    uint32_t latest[KEYS]; /* number of the latest write: what a read must show */
    uint32_t synced;   /* every write up to this one was acknowledged as synced, or must be there for another reason */
    uint32_t expected; /* the next token to come */
    bool asked[KEYS];  /* a read event is due */
    bool failed[KEYS]; /* an error holds for the turn */
    uint64_t operations[64];
    size_t operation_count;
    size_t record_padding;
};

static struct partition partition_of(uint32_t key) {
    return (struct partition){(uint16_t)(key % 3)};
}

static struct view key_of(const uint32_t *key) {
    return view_of(key, sizeof(*key));
}

static size_t record_of(const struct model *model, uint32_t number, uint8_t to[600]) {
    size_t size = 4 + (number * 37u) % model->record_padding;
    memset(to, (int)number, size);
    memcpy(to, &number, 4);
    return size;
}

static void check_read(struct model *model, uint32_t key, bool after_event) {
    struct view record = {NULL, 0};
    switch (model->storage.read(model->storage.self, STORAGE_OBJECTS, partition_of(key), key_of(&key), &record)) {
    case STORAGE_FOUND: {
        uint8_t bytes[600];
        assert_int_not_equal(model->latest[key], NEVER);
        size_t size = record_of(model, model->latest[key], bytes);
        assert_true(view_equal(record, view_of(bytes, size)));
        break;
    }
    case STORAGE_ABSENT:
        assert_int_equal(model->latest[key], NEVER);
        break;
    case STORAGE_PENDING:
        assert_false(after_event);
        model->asked[key] = true;
        break;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        assert_true(after_event || model->failed[key]);
        model->failed[key] = true;
        break;
    }
}

static void write_one(struct model *model) {
    if (model->write_count == WRITES_MOST) {
        return;
    }
    uint32_t number = ++model->write_count;
    uint32_t key = (uint32_t)rng_below(&model->rng, KEYS);
    enum durability durability = (enum durability)rng_below(&model->rng, 3);
    uint8_t bytes[600];
    size_t size = record_of(model, number, bytes);
    enum storage_status status = model->storage.write(model->storage.self, STORAGE_OBJECTS, partition_of(key),
                                                      key_of(&key), view_of(bytes, size), durability, number);
    if (store_has_failed(model->store)) {
        assert_int_equal(status, STORAGE_ERROR);
        model->write_count--;
        return;
    }
    assert_int_equal(status, durability == DURABILITY_NONE ? STORAGE_FOUND : STORAGE_PENDING);
    model->writes[number] = (struct written){key, durability};
    model->latest[key] = number;
}

static void complete_some(struct model *model) {
    struct memory_leaf_operation operation;
    while (model->operation_count < 64 && memory_leaf_next_operation(model->port, &operation)) {
        model->operations[model->operation_count++] = operation.id;
    }
    size_t left = 0;
    for (size_t i = 0; i < model->operation_count; i++) {
        if (rng_chance(&model->rng, 300000)) {
            bool fails = rng_chance(&model->rng, 4000);
            memory_leaf_complete(model->port, model->operations[i], fails ? LEAF_FAILED : LEAF_DONE);
        } else {
            model->operations[left++] = model->operations[i];
        }
    }
    model->operation_count = left;
    if (rng_chance(&model->rng, 20000)) {
        memory_leaf_sync(model->leaf);
    }
}

/* Tokens come in the order in which the writes were made; those of durability `none` don't come. */
static void check_token(struct model *model, const struct store_event *event) {
    uint32_t number = (uint32_t)event->token;
    assert_true(number > model->expected && number <= model->write_count);
    for (uint32_t between = model->expected + 1; between < number; between++) {
        assert_int_equal(model->writes[between].durability, DURABILITY_NONE);
    }
    model->expected = number;
    if (event->status == STORAGE_FOUND && model->writes[number].durability == DURABILITY_SYNC) {
        model->synced = number;
    }
    assert_true(event->status == STORAGE_FOUND || store_has_failed(model->store));
}

static void turn(struct model *model) {
    struct store_event event;
    while (store_next_event(model->store, &event)) {
        if (event.kind == STORE_EVENT_WRITTEN) {
            check_token(model, &event);
            continue;
        }
        uint32_t key;
        assert_int_equal(event.key.size, sizeof(key));
        memcpy(&key, event.key.data, sizeof(key));
        assert_int_equal(event.partition.value, partition_of(key).value);
        assert_true(model->asked[key]);
        model->asked[key] = false;
        check_read(model, key, true);
        if (rng_chance(&model->rng, 300000)) {
            write_one(model);
        }
    }
    for (uint64_t left = rng_below(&model->rng, 5); left > 0; left--) {
        write_one(model);
    }
    for (uint64_t left = rng_below(&model->rng, 6); left > 0; left--) {
        check_read(model, (uint32_t)rng_below(&model->rng, KEYS), false);
    }
    store_end_turn(model->store);
    memset(model->failed, 0, sizeof(model->failed));
    complete_some(model);
}

static void open_store(struct model *model) {
    model->port = memory_leaf_open_port(model->leaf);
    struct store_options options = {.hash_seed = 5, .buffer_bytes = rng_below(&model->rng, 3) * 2048};
    model->store = store_new(model->port, options);
    model->storage = store_storage(model->store);
    model->operation_count = 0;
    memset(model->asked, 0, sizeof(model->asked));
}

static uint32_t stored_number(struct model *model, uint32_t key) {
    struct view record;
    enum storage_status status =
        model->storage.read(model->storage.self, STORAGE_OBJECTS, partition_of(key), key_of(&key), &record);
    if (status == STORAGE_PENDING) {
        memory_leaf_complete_all(model->leaf);
        struct store_event event;
        assert_true(store_next_event(model->store, &event));
        status = model->storage.read(model->storage.self, STORAGE_OBJECTS, partition_of(key), key_of(&key), &record);
    }
    if (status == STORAGE_ABSENT) {
        return NEVER;
    }
    assert_int_equal(status, STORAGE_FOUND);
    uint32_t number;
    memcpy(&number, record.data, sizeof(number));
    return number;
}

static void crash(struct model *model) {
    store_free(model->store);
    memory_leaf_crash(model->leaf, rng_below(&model->rng, memory_leaf_unsynced_count(model->leaf) + 1));
    open_store(model);
    uint32_t survivors[KEYS];
    uint32_t last = model->synced;
    for (uint32_t key = 0; key < KEYS; key++) {
        survivors[key] = stored_number(model, key);
        last = survivors[key] > last ? survivors[key] : last;
    }
    store_end_turn(model->store);
    uint32_t replayed[KEYS] = {NEVER};
    for (uint32_t number = 1; number <= last; number++) {
        replayed[model->writes[number].key] = number;
    }
    assert_memory_equal(survivors, replayed, sizeof(survivors));
    memcpy(model->latest, survivors, sizeof(survivors));
    model->write_count = last;
    model->synced = last;
    model->expected = last;
}

static void random_lives(void **state) {
    (void)state;
    static struct model model;
    print_message("seeds 1 to %d\n", RUNS);
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        memset(&model, 0, sizeof(model));
        rng_init(&model.rng, seed);
        model.record_padding = 1 + (size_t)rng_below(&model.rng, 590);
        model.leaf =
            memory_leaf_new(rng_below(&model.rng, 2) == 0 ? MEMORY_LEAF_SIMULATED : MEMORY_LEAF_SIMULATED_FAST);
        open_store(&model);
        for (int life = 0; life < LIVES; life++) {
            for (uint64_t left = rng_below(&model.rng, TURNS); left > 0; left--) {
                turn(&model);
            }
            crash(&model);
        }
        store_free(model.store);
        memory_leaf_free(model.leaf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_lives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
