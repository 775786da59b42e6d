/* Removing and scanning: random writes, removals, turns and completions in both families, against a model; at every
 * moment a scan in pieces shows what the model holds. */
#include "store/memory_leaf.h"
#include "store/store.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { KEYS = 60, STEPS = 6000, PARTITIONS = 2, HASH_SEED = 42 };

struct model {
    struct rng rng;
    struct memory_leaf *leaf;
    struct leaf_port *port;
    struct store *store;
    struct storage storage;
    bool is_slow;
    uint32_t values[2][KEYS]; /* by family; 0: absent */
    uint32_t next_value;
    uint64_t checked;
};

static struct view key_name(uint32_t key, char text[16]) {
    return view_of(text, (size_t)snprintf(text, 16, "key%u", key));
}

static struct partition partition_of(uint32_t key) {
    return (struct partition){(uint16_t)(key % PARTITIONS)};
}

static void complete_some(struct model *model, bool all) {
    struct memory_leaf_operation operation;
    while (model->is_slow && (all || rng_chance(&model->rng, 600000)) &&
           memory_leaf_next_operation(model->port, &operation)) {
        memory_leaf_complete(model->port, operation.id, LEAF_DONE);
    }
}

/* False when nothing happened. */
static bool take_event(struct model *model, struct store_event *ret_event) {
    return store_next_event(model->store, ret_event);
}

static void drain(struct model *model) {
    struct store_event event;
    while (take_event(model, &event)) {
        assert_int_not_equal(event.kind, STORE_EVENT_SCANNED);
    }
}

static void change(struct model *model) {
    char text[16];
    uint32_t key = (uint32_t)rng_below(&model->rng, KEYS);
    enum storage_family family = (enum storage_family)rng_below(&model->rng, 2);
    enum storage_status status;
    if (rng_chance(&model->rng, 400000)) {
        model->values[family][key] = 0;
        status = model->storage.remove(model->storage.self, family, partition_of(key), key_name(key, text),
                                       DURABILITY_SYNC, 0);
    } else {
        uint32_t value = ++model->next_value;
        model->values[family][key] = value;
        status = model->storage.write(model->storage.self, family, partition_of(key), key_name(key, text),
                                      view_of(&value, sizeof(value)), DURABILITY_SYNC, 0);
    }
    assert_int_not_equal(status, STORAGE_ERROR);
}

static void read_one(struct model *model) {
    char text[16];
    struct view record;
    uint32_t key = (uint32_t)rng_below(&model->rng, KEYS);
    enum storage_family family = (enum storage_family)rng_below(&model->rng, 2);
    uint32_t value = model->values[family][key];
    switch (model->storage.read(model->storage.self, family, partition_of(key), key_name(key, text), &record)) {
    case STORAGE_FOUND:
        assert_true(value != 0 && view_equal(record, view_of(&value, sizeof(value))));
        break;
    case STORAGE_ABSENT:
        assert_int_equal(value, 0);
        break;
    case STORAGE_PENDING:
        break;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        fail_msg("nothing failed");
    }
}

static void count_record(struct model *model, enum storage_family family, struct partition partition,
                         const struct storage_scanned *record, bool seen[KEYS], uint64_t *last_hash) {
    char text[16];
    for (uint32_t key = 0; key < KEYS; key++) {
        if (!view_equal(record->key, key_name(key, text))) {
            continue;
        }
        uint32_t value = model->values[family][key];
        assert_int_equal(partition_of(key).value, partition.value);
        assert_true(record->hash == hash64(record->key, HASH_SEED) && record->hash >= *last_hash);
        assert_false(seen[key]);
        assert_int_equal(record->status, STORAGE_FOUND);
        assert_true(value != 0 && view_equal(record->record, view_of(&value, sizeof(value))));
        seen[key] = true;
        *last_hash = record->hash;
        return;
    }
    fail_msg("a key that nobody wrote");
}

/* Changes go on between the pieces, so each piece is compared with what the model holds when it is told. */
static void scan_all(struct model *model) {
    enum storage_family family = (enum storage_family)rng_below(&model->rng, 2);
    struct partition partition = {(uint16_t)rng_below(&model->rng, PARTITIONS)};
    uint64_t from = 0;
    for (bool is_end = false; !is_end;) {
        bool seen[KEYS] = {false};
        struct store_event event = {0};
        uint32_t most = 1 + (uint32_t)rng_below(&model->rng, 9);
        assert_int_equal(model->storage.scan(model->storage.self, family, partition, from, UINT64_MAX, most, 1000, 7),
                         STORAGE_PENDING);
        for (uint32_t changes = (uint32_t)rng_below(&model->rng, 4); changes > 0; changes--) {
            change(model);
            store_end_turn(model->store);
        }
        while (event.kind != STORE_EVENT_SCANNED) {
            complete_some(model, true);
            event.kind = STORE_EVENT_READ;
            if (!take_event(model, &event)) {
                store_end_turn(model->store);
            }
        }
        assert_int_equal(event.token, 7);
        uint64_t to = event.is_end ? UINT64_MAX : event.next_hash - 1;
        uint64_t last_hash = from;
        for (uint32_t i = 0; i < event.record_count; i++) {
            count_record(model, family, partition, &event.records[i], seen, &last_hash);
        }
        for (uint32_t key = 0; key < KEYS; key++) {
            char text[16];
            uint64_t hash = hash64(key_name(key, text), HASH_SEED);
            bool belongs = partition_of(key).value == partition.value && hash >= from && hash <= to;
            assert_true(seen[key] == (belongs && model->values[family][key] != 0));
            model->checked += seen[key] ? 1 : 0;
        }
        from = event.next_hash;
        is_end = event.is_end;
    }
}

static void run(enum memory_leaf_kind kind, size_t buffer_bytes, uint64_t seed) {
    struct model model = {.leaf = memory_leaf_new(kind), .is_slow = kind != MEMORY_LEAF_SYNCHRONOUS};
    rng_init(&model.rng, seed);
    model.port = memory_leaf_open_port(model.leaf);
    model.store = store_new(model.port, (struct store_options){.buffer_bytes = buffer_bytes, .hash_seed = HASH_SEED});
    model.storage = store_storage(model.store);
    for (int step = 0; step < STEPS; step++) {
        switch (rng_below(&model.rng, 8)) {
        case 0:
            store_end_turn(model.store);
            complete_some(&model, false);
            drain(&model);
            break;
        case 1:
            read_one(&model);
            break;
        case 2:
            if (step % 5 == 0) {
                scan_all(&model);
            }
            break;
        default:
            change(&model);
        }
    }
    assert_true(model.checked > 1000);
    store_free(model.store);
    memory_leaf_free(model.leaf);
}

static void test_slow_leaf(void **state) {
    (void)state;
    run(MEMORY_LEAF_SIMULATED, 0, 1);
    run(MEMORY_LEAF_SIMULATED, 2000, 2);
    run(MEMORY_LEAF_SIMULATED, 1000000, 3);
}

static void test_fast_leaf(void **state) {
    (void)state;
    run(MEMORY_LEAF_SIMULATED_FAST, 0, 4);
    run(MEMORY_LEAF_SIMULATED_FAST, 1000000, 5);
}

static void test_synchronous_leaf(void **state) {
    (void)state;
    run(MEMORY_LEAF_SYNCHRONOUS, 0, 6);
}

static bool take_key(void *self, struct view key, struct view value) {
    (void)value;
    buffer_append_view(self, key);
    return true;
}

static void test_a_damaged_record_is_told_of(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct store *store = store_new(port, (struct store_options){.hash_seed = HASH_SEED});
    struct storage storage = store_storage(store);
    struct store_event event;
    struct buffer key;
    buffer_init(&key);
    storage.write(storage.self, STORAGE_OBJECTS, (struct partition){1}, VIEW("k"), VIEW("value"), DURABILITY_SYNC, 0);
    store_end_turn(store);
    memory_leaf_complete_all(leaf);
    assert_false(store_next_event(store, &event));
    store_end_turn(store);
    memory_leaf_each(leaf, LEAF_OBJECTS, take_key, &key);
    memory_leaf_corrupt(leaf, LEAF_OBJECTS, buffer_view(&key), 80);
    storage.scan(storage.self, STORAGE_OBJECTS, (struct partition){1}, 0, UINT64_MAX, 10, 1000, 9);
    memory_leaf_complete_all(leaf);
    assert_true(store_next_event(store, &event));
    assert_int_equal(event.kind, STORE_EVENT_SCANNED);
    assert_int_equal(event.record_count, 1);
    assert_int_equal(event.records[0].status, STORAGE_DAMAGED);
    assert_true(view_equal(event.records[0].key, VIEW("k")));
    assert_true(event.is_end);
    buffer_release(&key);
    store_free(store);
    memory_leaf_free(leaf);
}

/* ---- a leaf whose scans look before what was submitted is there, as RocksDB's may: its threads run side by side ----
 */

struct early_leaf {
    struct leaf_port port;
    struct leaf_run run; /* empty: what every scan sees */
    uint64_t batch;
    uint64_t scan;
    uint32_t scans;
    bool has_batch, has_scan; /* to be completed by take() */
};

static enum leaf_status early_submit(struct leaf_port *port, struct leaf_batch *batch, enum durability durability,
                                     uint64_t token) {
    (void)durability;
    ((struct early_leaf *)port)->batch = token;
    leaf_batch_clear(batch);
    return LEAF_PENDING;
}

static enum leaf_status early_scan_some(struct leaf_port *port, enum leaf_family family, struct view from,
                                        struct view to, uint32_t records_most, size_t bytes_most, uint64_t token) {
    struct early_leaf *leaf = (struct early_leaf *)port;
    (void)family;
    (void)from;
    (void)to;
    (void)records_most;
    (void)bytes_most;
    leaf->scan = token;
    leaf->scans++;
    return LEAF_PENDING;
}

static bool early_take(struct leaf_port *port, struct leaf_completion *ret_completion) {
    struct early_leaf *leaf = (struct early_leaf *)port;
    if (leaf->has_batch) {
        leaf->has_batch = false;
        *ret_completion =
            (struct leaf_completion){.kind = LEAF_COMPLETION_BATCH, .status = LEAF_DONE, .token = leaf->batch};
        return true;
    }
    if (leaf->has_scan) {
        leaf->has_scan = false;
        *ret_completion = (struct leaf_completion){
            .kind = LEAF_COMPLETION_SCAN, .status = LEAF_DONE, .token = leaf->scan, .run = &leaf->run};
        return true;
    }
    return false;
}

static void test_a_write_that_settles_under_a_scan_is_not_missed(void **state) {
    (void)state;
    static const struct leaf_port_operations operations = {
        .submit = early_submit, .take = early_take, .scan_some = early_scan_some};
    struct early_leaf leaf = {.port.operations = &operations};
    leaf_run_init(&leaf.run, LEAF_OBJECTS, 10, 1000);
    struct store *store =
        store_new(&leaf.port, (struct store_options){.hash_seed = HASH_SEED, .buffer_bytes = 1 << 20});
    struct storage storage = store_storage(store);
    struct store_event event;
    storage.write(storage.self, STORAGE_OBJECTS, (struct partition){1}, VIEW("k"), VIEW("value"), DURABILITY_SYNC, 0);
    store_end_turn(store);
    storage.scan(storage.self, STORAGE_OBJECTS, (struct partition){1}, 0, UINT64_MAX, 10, 1000, 9);
    leaf.has_batch = true;
    assert_false(store_next_event(store, &event));
    leaf.has_scan = true; /* it looked before the batch was there */
    assert_false(store_next_event(store, &event));
    assert_int_equal(leaf.scans, 2);
    leaf_run_release(&leaf.run);
    store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_leaf),
        cmocka_unit_test(test_fast_leaf),
        cmocka_unit_test(test_synchronous_leaf),
        cmocka_unit_test(test_a_damaged_record_is_told_of),
        cmocka_unit_test(test_a_write_that_settles_under_a_scan_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
