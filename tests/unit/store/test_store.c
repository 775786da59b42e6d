/* The store above a simulated disk: single rules first, then random turns, faults and crashes against a model. */
#include "base/limits.h"
#include "store/memory_leaf.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct partition somewhere = {5};

struct rig {
    struct memory_leaf *leaf;
    struct leaf_port *port;
    struct store *store;
    struct storage storage;
};

static struct rig rig_new(enum memory_leaf_kind kind, size_t buffer_bytes) {
    struct rig rig = {.leaf = memory_leaf_new(kind)};
    rig.port = memory_leaf_open_port(rig.leaf);
    rig.store = store_new(rig.port, (struct store_options){.buffer_bytes = buffer_bytes, .hash_seed = 42});
    rig.storage = store_storage(rig.store);
    return rig;
}

static void rig_free(struct rig *rig) {
    store_free(rig->store);
    memory_leaf_free(rig->leaf);
}

static enum storage_status write_at(struct rig *rig, struct view key, struct view record, enum durability durability,
                                    uint64_t token) {
    return rig->storage.write(rig->storage.self, STORAGE_OBJECTS, somewhere, key, record, durability, token);
}

static enum storage_status read_at(struct rig *rig, struct view key, struct view *ret_record) {
    return rig->storage.read(rig->storage.self, STORAGE_OBJECTS, somewhere, key, ret_record);
}

static void reads_as(struct rig *rig, struct view key, struct view record) {
    struct view found = {NULL, 0};
    assert_int_equal(read_at(rig, key, &found), STORAGE_FOUND);
    assert_true(view_equal(found, record));
}

static void gives(struct rig *rig, enum storage_status status, uint64_t token) {
    struct store_event event;
    assert_true(store_next_event(rig->store, &event));
    assert_int_equal(event.kind, STORE_EVENT_WRITTEN);
    assert_int_equal(event.status, status);
    assert_int_equal(event.token, token);
}

static void gives_read(struct rig *rig, enum storage_status status, struct view key) {
    struct store_event event;
    assert_true(store_next_event(rig->store, &event));
    assert_int_equal(event.kind, STORE_EVENT_READ);
    assert_int_equal(event.status, status);
    assert_int_equal(event.partition.value, somewhere.value);
    assert_true(view_equal(event.key, key));
}

static void gives_nothing(struct rig *rig) {
    struct store_event event;
    assert_false(store_next_event(rig->store, &event));
}

/* The key of the only object in the leaf. */
static bool copy_key(void *self, struct view key, struct view value) {
    (void)value;
    buffer_append_view(self, key);
    return false;
}

static void rot_the_only_object(struct rig *rig) {
    struct buffer key;
    buffer_init(&key);
    memory_leaf_each(rig->leaf, LEAF_OBJECTS, copy_key, &key);
    memory_leaf_corrupt(rig->leaf, LEAF_OBJECTS, buffer_view(&key), 100);
    buffer_release(&key);
}

static void a_write_is_read_at_once_and_acknowledged_when_durable(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    assert_int_equal(write_at(&rig, VIEW("k"), VIEW("v1"), DURABILITY_SYNC, 1), STORAGE_PENDING);
    assert_int_equal(write_at(&rig, VIEW("k"), VIEW("v22"), DURABILITY_SYNC, 2), STORAGE_PENDING);
    reads_as(&rig, VIEW("k"), VIEW("v22"));
    store_end_turn(rig.store);
    gives_nothing(&rig);
    reads_as(&rig, VIEW("k"), VIEW("v22"));
    assert_false(store_is_idle(rig.store));
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 1);
    gives(&rig, STORAGE_FOUND, 2);
    gives_nothing(&rig);
    assert_true(store_is_idle(rig.store));
    rig_free(&rig);
}

static void durability_none_asks_for_no_event(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    assert_int_equal(write_at(&rig, VIEW("k"), VIEW("v"), DURABILITY_NONE, 1), STORAGE_FOUND);
    store_end_turn(rig.store);
    /* Not in the leaf yet, so it stays in the buffer whatever the budget. */
    reads_as(&rig, VIEW("k"), VIEW("v"));
    memory_leaf_complete_all(rig.leaf);
    gives_nothing(&rig);
    store_end_turn(rig.store);
    struct view none;
    assert_int_equal(read_at(&rig, VIEW("k"), &none), STORAGE_PENDING);
    rig_free(&rig);
}

static void an_entry_stays_dirty_until_its_latest_version_rests(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    write_at(&rig, VIEW("k"), VIEW("v1"), DURABILITY_SYNC, 1);
    store_end_turn(rig.store);
    write_at(&rig, VIEW("k"), VIEW("v2"), DURABILITY_SYNC, 2);
    store_end_turn(rig.store);
    struct memory_leaf_operation first;
    assert_true(memory_leaf_next_operation(rig.port, &first));
    memory_leaf_complete(rig.port, first.id, LEAF_DONE);
    gives(&rig, STORAGE_FOUND, 1);
    gives_nothing(&rig);
    store_end_turn(rig.store);
    reads_as(&rig, VIEW("k"), VIEW("v2"));
    struct store_statistics statistics;
    store_statistics(rig.store, &statistics);
    assert_int_equal(statistics.dirty_records, 1);
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 2);
    store_end_turn(rig.store);
    store_statistics(rig.store, &statistics);
    assert_int_equal(statistics.buffer_records, 0);
    assert_int_equal(statistics.buffer_bytes, 0);
    rig_free(&rig);
}

static void at_most_two_batches_are_under_way(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    for (uint64_t token = 1; token <= 5; token++) {
        write_at(&rig, VIEW("k"), VIEW("v"), DURABILITY_SYNC, token);
        store_end_turn(rig.store);
    }
    assert_int_equal(memory_leaf_unsynced_count(rig.leaf), 2);
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 1);
    gives(&rig, STORAGE_FOUND, 2);
    gives_nothing(&rig);
    store_end_turn(rig.store);
    memory_leaf_complete_all(rig.leaf);
    for (uint64_t token = 3; token <= 5; token++) {
        gives(&rig, STORAGE_FOUND, token);
    }
    assert_true(store_is_idle(rig.store));
    struct store_statistics statistics;
    store_statistics(rig.store, &statistics);
    assert_int_equal(statistics.batches, 3);
    assert_int_equal(statistics.batched_writes, 5);
    rig_free(&rig);
}

static void a_disk_that_hangs_fills_no_memory(void **state) {
    (void)state;
    enum { VALUE_BYTES = 1024 * 1024, WRITES = 2 * STORE_BACKLOG_BYTES_MOST / VALUE_BYTES };
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    struct buffer value;
    buffer_init(&value);
    memset(buffer_reserve(&value, VALUE_BYTES), 'v', VALUE_BYTES);
    buffer_commit(&value, VALUE_BYTES);
    uint64_t taken = 0;
    for (uint32_t i = 0; i < WRITES; i++) {
        enum storage_status status =
            write_at(&rig, view_of(&i, sizeof(i)), buffer_view(&value), DURABILITY_SYNC, taken + 1);
        taken += status == STORAGE_PENDING ? 1 : 0;
        store_end_turn(rig.store);
    }
    assert_in_range(taken, STORE_BACKLOG_BYTES_MOST / VALUE_BYTES, STORE_BACKLOG_BYTES_MOST / VALUE_BYTES + 3);
    assert_false(store_has_failed(rig.store));
    /* The clock's bound is let through, and everything is once the disk goes on. */
    assert_int_equal(rig.storage.remember_clock(rig.storage.self, (struct hybrid_time){7}, taken + 1), STORAGE_PENDING);
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 1);
    gives(&rig, STORAGE_FOUND, 2);
    store_end_turn(rig.store);
    assert_int_equal(write_at(&rig, VIEW("k"), buffer_view(&value), DURABILITY_SYNC, taken + 2), STORAGE_PENDING);
    store_end_turn(rig.store);
    memory_leaf_complete_all(rig.leaf);
    for (uint64_t token = 3; token <= taken + 2; token++) {
        gives(&rig, STORAGE_FOUND, token);
    }
    buffer_release(&value);
    rig_free(&rig);
}

static void reads_of_a_key_are_joined(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 4096);
    struct view record;
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    store_end_turn(rig.store);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    memory_leaf_complete_all(rig.leaf);
    gives_read(&rig, STORAGE_ABSENT, VIEW("k"));
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_ABSENT);
    gives_nothing(&rig);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_ABSENT);
    store_end_turn(rig.store);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    rig_free(&rig);
}

static void a_write_overtakes_a_read_that_is_under_way(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    struct view record;
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    write_at(&rig, VIEW("k"), VIEW("new"), DURABILITY_SYNC, 1);
    store_end_turn(rig.store);
    struct memory_leaf_operation get;
    struct memory_leaf_operation batch;
    assert_true(memory_leaf_next_operation(rig.port, &get) && get.is_get);
    assert_true(memory_leaf_next_operation(rig.port, &batch) && !batch.is_get);
    memory_leaf_complete(rig.port, batch.id, LEAF_DONE);
    gives(&rig, STORAGE_FOUND, 1);
    store_end_turn(rig.store);
    reads_as(&rig, VIEW("k"), VIEW("new"));
    memory_leaf_complete(rig.port, get.id, LEAF_FAILED);
    gives_read(&rig, STORAGE_FOUND, VIEW("k"));
    reads_as(&rig, VIEW("k"), VIEW("new"));
    store_end_turn(rig.store);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    rig_free(&rig);
}

static void damage_is_told_of_and_never_an_absence(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED_FAST, 0);
    write_at(&rig, VIEW("k"), VIEW("a record of some length"), DURABILITY_SYNC, 1);
    store_end_turn(rig.store);
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 1);
    store_end_turn(rig.store);
    struct view record;
    rot_the_only_object(&rig);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_DAMAGED);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_DAMAGED);
    store_end_turn(rig.store);
    rot_the_only_object(&rig);
    reads_as(&rig, VIEW("k"), VIEW("a record of some length"));
    struct store_statistics statistics;
    store_statistics(rig.store, &statistics);
    assert_int_equal(statistics.corrupt_records, 1);
    rig_free(&rig);
}

static void a_failed_read_is_an_error_until_asked_again(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 4096);
    struct view record;
    struct memory_leaf_operation get;
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    assert_true(memory_leaf_next_operation(rig.port, &get));
    memory_leaf_complete(rig.port, get.id, LEAF_FAILED);
    gives_read(&rig, STORAGE_ERROR, VIEW("k"));
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_ERROR);
    store_end_turn(rig.store);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    memory_leaf_complete_all(rig.leaf);
    gives_read(&rig, STORAGE_ABSENT, VIEW("k"));
    assert_false(store_has_failed(rig.store));
    rig_free(&rig);
}

static void a_failed_batch_ends_acknowledgements_for_good(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    for (uint64_t token = 1; token <= 3; token++) {
        write_at(&rig, VIEW("k"), VIEW("v"), DURABILITY_SYNC, token);
        store_end_turn(rig.store);
    }
    struct memory_leaf_operation first;
    assert_true(memory_leaf_next_operation(rig.port, &first));
    memory_leaf_complete(rig.port, first.id, LEAF_FAILED);
    for (uint64_t token = 1; token <= 3; token++) {
        gives(&rig, STORAGE_ERROR, token);
    }
    gives_nothing(&rig);
    assert_true(store_has_failed(rig.store));
    assert_int_equal(write_at(&rig, VIEW("k"), VIEW("w"), DURABILITY_SYNC, 4), STORAGE_ERROR);
    assert_int_equal(write_at(&rig, VIEW("k"), VIEW("w"), DURABILITY_NONE, 5), STORAGE_ERROR);
    assert_int_equal(rig.storage.barrier(rig.storage.self, DURABILITY_SYNC, 6), STORAGE_ERROR);
    assert_int_equal(rig.storage.remember_clock(rig.storage.self, (struct hybrid_time){1}, 7), STORAGE_ERROR);
    reads_as(&rig, VIEW("k"), VIEW("v"));
    struct view record;
    assert_int_equal(read_at(&rig, VIEW("other"), &record), STORAGE_PENDING);
    store_end_turn(rig.store);
    memory_leaf_complete_all(rig.leaf);
    gives_read(&rig, STORAGE_ABSENT, VIEW("other"));
    gives_nothing(&rig);
    rig_free(&rig);
}

static void a_barrier_waits_for_what_lags(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 0);
    struct storage *storage = &rig.storage;
    assert_int_equal(storage->barrier(storage->self, DURABILITY_SYNC, 1), STORAGE_FOUND);
    write_at(&rig, VIEW("k"), VIEW("v"), DURABILITY_INTERVAL, 2);
    store_end_turn(rig.store);
    assert_int_equal(storage->barrier(storage->self, DURABILITY_INTERVAL, 3), STORAGE_PENDING);
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 2);
    gives(&rig, STORAGE_FOUND, 3);
    store_end_turn(rig.store);
    assert_int_equal(storage->barrier(storage->self, DURABILITY_INTERVAL, 4), STORAGE_FOUND);
    assert_int_equal(storage->barrier(storage->self, DURABILITY_SYNC, 5), STORAGE_PENDING);
    store_end_turn(rig.store);
    assert_int_equal(memory_leaf_unsynced_count(rig.leaf), 2);
    memory_leaf_complete_all(rig.leaf);
    assert_int_equal(memory_leaf_unsynced_count(rig.leaf), 0);
    gives(&rig, STORAGE_FOUND, 5);
    assert_int_equal(storage->barrier(storage->self, DURABILITY_SYNC, 6), STORAGE_FOUND);
    rig_free(&rig);
}

static void the_buffer_keeps_to_its_budget_and_keeps_what_is_used(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED_FAST, 16 * 1024);
    for (uint32_t i = 0; i < 2000; i++) {
        uint8_t key[4];
        memcpy(key, &i, sizeof(i));
        static const uint8_t record[100];
        write_at(&rig, view_of(key, sizeof(key)), view_of(record, sizeof(record)), DURABILITY_SYNC, 0);
        write_at(&rig, VIEW("hot"), VIEW("v"), DURABILITY_SYNC, 0);
        store_end_turn(rig.store);
        memory_leaf_complete_all(rig.leaf);
        gives_nothing(&rig);
        store_end_turn(rig.store);
        struct store_statistics statistics;
        store_statistics(rig.store, &statistics);
        assert_true(statistics.buffer_bytes <= 16 * 1024);
    }
    struct store_statistics before;
    store_statistics(rig.store, &before);
    assert_true(before.evictions > 1800);
    reads_as(&rig, VIEW("hot"), VIEW("v"));
    struct store_statistics after;
    store_statistics(rig.store, &after);
    assert_int_equal(after.misses, before.misses);
    rig_free(&rig);
}

/* What is dirty is to go to the disk, and stays. */
static void what_is_forgotten_is_read_from_the_disk_again(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SIMULATED, 1 << 20);
    static bool is_forgotten[PARTITION_COUNT_DEFAULT];
    struct view record;
    write_at(&rig, VIEW("k"), VIEW("v1"), DURABILITY_SYNC, 1);
    store_end_turn(rig.store);
    rig.storage.forget(rig.storage.self, STORAGE_OBJECTS, is_forgotten);
    is_forgotten[somewhere.value] = true;
    rig.storage.forget(rig.storage.self, STORAGE_OBJECTS, is_forgotten);
    reads_as(&rig, VIEW("k"), VIEW("v1"));
    memory_leaf_complete_all(rig.leaf);
    gives(&rig, STORAGE_FOUND, 1);
    store_end_turn(rig.store);
    reads_as(&rig, VIEW("k"), VIEW("v1"));
    rig.storage.forget(rig.storage.self, STORAGE_HINTS, is_forgotten);
    reads_as(&rig, VIEW("k"), VIEW("v1"));
    rig.storage.forget(rig.storage.self, STORAGE_OBJECTS, is_forgotten);
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_PENDING);
    rig_free(&rig);
}

static void above_a_synchronous_leaf_everything_is_done_at_once(void **state) {
    (void)state;
    struct rig rig = rig_new(MEMORY_LEAF_SYNCHRONOUS, 1 << 20);
    struct storage *storage = &rig.storage;
    struct view record;
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_ABSENT);
    assert_int_equal(write_at(&rig, VIEW("k"), VIEW("v"), DURABILITY_SYNC, 1), STORAGE_FOUND);
    reads_as(&rig, VIEW("k"), VIEW("v"));
    assert_int_equal(storage->barrier(storage->self, DURABILITY_SYNC, 2), STORAGE_FOUND);
    assert_int_equal(storage->remember_clock(storage->self, (struct hybrid_time){9}, 3), STORAGE_FOUND);
    gives_nothing(&rig);
    store_end_turn(rig.store);
    assert_true(store_is_idle(rig.store));
    struct store_statistics statistics;
    store_statistics(rig.store, &statistics);
    assert_int_equal(statistics.buffer_records, 0);
    /* A record may be written over with bytes of its own. */
    assert_int_equal(read_at(&rig, VIEW("k"), &record), STORAGE_FOUND);
    assert_int_equal(write_at(&rig, VIEW("k"), record, DURABILITY_SYNC, 1), STORAGE_FOUND);
    reads_as(&rig, VIEW("k"), VIEW("v"));
    rig_free(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_read_at_once_and_acknowledged_when_durable),
        cmocka_unit_test(durability_none_asks_for_no_event),
        cmocka_unit_test(an_entry_stays_dirty_until_its_latest_version_rests),
        cmocka_unit_test(at_most_two_batches_are_under_way),
        cmocka_unit_test(a_disk_that_hangs_fills_no_memory),
        cmocka_unit_test(reads_of_a_key_are_joined),
        cmocka_unit_test(a_write_overtakes_a_read_that_is_under_way),
        cmocka_unit_test(damage_is_told_of_and_never_an_absence),
        cmocka_unit_test(a_failed_read_is_an_error_until_asked_again),
        cmocka_unit_test(a_failed_batch_ends_acknowledgements_for_good),
        cmocka_unit_test(a_barrier_waits_for_what_lags),
        cmocka_unit_test(the_buffer_keeps_to_its_budget_and_keeps_what_is_used),
        cmocka_unit_test(what_is_forgotten_is_read_from_the_disk_again),
        cmocka_unit_test(above_a_synchronous_leaf_everything_is_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
