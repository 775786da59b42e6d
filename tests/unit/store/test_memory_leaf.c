/* The simulated disk: what is visible when, what a crash takes, and what failing means. */
#include "store/memory_leaf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void put(struct leaf_port *port, struct view key, struct view value, enum durability durability,
                uint64_t token) {
    struct leaf_batch batch;
    leaf_batch_init(&batch);
    leaf_batch_put(&batch, LEAF_OBJECTS, key, value);
    enum leaf_status status = port->operations->submit(port, &batch, durability, token);
    assert_int_equal(status, port->synchronous ? LEAF_DONE : LEAF_PENDING);
    assert_int_equal(batch.count, 0);
    leaf_batch_release(&batch);
}

static uint64_t told(struct leaf_port *port) {
    struct memory_leaf_operation operation;
    assert_true(memory_leaf_next_operation(port, &operation));
    return operation.id;
}

static void completes(struct leaf_port *port, uint64_t token, enum leaf_status status) {
    struct leaf_completion completion;
    assert_true(port->operations->take(port, &completion));
    assert_int_equal(completion.token, token);
    assert_int_equal(completion.status, status);
}

static void completes_nothing(struct leaf_port *port) {
    struct leaf_completion completion;
    assert_false(port->operations->take(port, &completion));
}

static void holds(struct leaf_port *port, struct view key, struct view value) {
    struct view found;
    assert_int_equal(port->operations->get(port, LEAF_OBJECTS, key, 0, &found), LEAF_DONE);
    assert_true(view_equal(found, value));
}

static void lacks(struct leaf_port *port, struct view key) {
    struct view found;
    assert_int_equal(port->operations->get(port, LEAF_OBJECTS, key, 0, &found), LEAF_ABSENT);
}

static void synchronous_answers_at_once(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SYNCHRONOUS);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    lacks(port, VIEW("a"));
    put(port, VIEW("a"), VIEW("1"), DURABILITY_SYNC, 1);
    holds(port, VIEW("a"), VIEW("1"));
    struct leaf_batch batch;
    leaf_batch_init(&batch);
    leaf_batch_delete(&batch, LEAF_OBJECTS, VIEW("a"));
    assert_int_equal(port->operations->submit(port, &batch, DURABILITY_SYNC, 2), LEAF_DONE);
    leaf_batch_release(&batch);
    lacks(port, VIEW("a"));
    completes_nothing(port);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_OBJECTS), 0);
    memory_leaf_free(leaf);
}

static void a_crash_keeps_a_prefix_of_whole_batches(void **state) {
    (void)state;
    for (size_t keep = 0; keep <= 3; keep++) {
        struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED_FAST);
        struct leaf_port *port = memory_leaf_open_port(leaf);
        put(port, VIEW("a"), VIEW("durable"), DURABILITY_SYNC, 1);
        memory_leaf_complete(port, told(port), LEAF_DONE);
        assert_int_equal(memory_leaf_unsynced_count(leaf), 0);
        put(port, VIEW("a"), VIEW("first"), DURABILITY_SYNC, 2);
        struct leaf_batch batch;
        leaf_batch_init(&batch);
        leaf_batch_put(&batch, LEAF_OBJECTS, VIEW("a"), VIEW("second"));
        leaf_batch_delete(&batch, LEAF_OBJECTS, VIEW("a"));
        leaf_batch_put(&batch, LEAF_OBJECTS, VIEW("b"), VIEW("second"));
        port->operations->submit(port, &batch, DURABILITY_INTERVAL, 3);
        leaf_batch_release(&batch);
        put(port, VIEW("a"), VIEW("third"), DURABILITY_NONE, 4);
        holds(port, VIEW("a"), VIEW("third"));
        assert_int_equal(memory_leaf_unsynced_count(leaf), 3);
        memory_leaf_crash(leaf, keep);
        port = memory_leaf_open_port(leaf);
        if (keep == 2) {
            lacks(port, VIEW("a"));
        } else {
            holds(port, VIEW("a"), keep == 0 ? VIEW("durable") : keep == 1 ? VIEW("first") : VIEW("third"));
        }
        if (keep < 2) {
            lacks(port, VIEW("b"));
        } else {
            holds(port, VIEW("b"), VIEW("second"));
        }
        completes_nothing(port);
        memory_leaf_free(leaf);
    }
}

static void one_sync_serves_all_before_it(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED_FAST);
    struct leaf_port *one = memory_leaf_open_port(leaf);
    struct leaf_port *other = memory_leaf_open_port(leaf);
    put(other, VIEW("o"), VIEW("1"), DURABILITY_INTERVAL, 1);
    put(one, VIEW("a"), VIEW("1"), DURABILITY_INTERVAL, 2);
    put(one, VIEW("a"), VIEW("2"), DURABILITY_SYNC, 3);
    put(one, VIEW("a"), VIEW("3"), DURABILITY_INTERVAL, 4);
    uint64_t weak = told(one);
    uint64_t strong = told(one);
    memory_leaf_complete(one, strong, LEAF_DONE);
    memory_leaf_complete(one, weak, LEAF_DONE); /* long over */
    completes(one, 2, LEAF_DONE);
    completes(one, 3, LEAF_DONE);
    completes_nothing(one);
    completes_nothing(other);
    assert_int_equal(memory_leaf_unsynced_count(leaf), 1);
    memory_leaf_crash(leaf, 0);
    one = memory_leaf_open_port(leaf);
    holds(one, VIEW("o"), VIEW("1"));
    holds(one, VIEW("a"), VIEW("2"));
    memory_leaf_free(leaf);
}

static void failing_is_for_good(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED_FAST);
    struct leaf_port *one = memory_leaf_open_port(leaf);
    struct leaf_port *other = memory_leaf_open_port(leaf);
    put(other, VIEW("o"), VIEW("1"), DURABILITY_SYNC, 1);
    put(one, VIEW("a"), VIEW("1"), DURABILITY_SYNC, 2);
    put(one, VIEW("b"), VIEW("1"), DURABILITY_SYNC, 3);
    memory_leaf_complete(one, told(one), LEAF_FAILED);
    completes(one, 2, LEAF_FAILED);
    completes_nothing(one);
    memory_leaf_complete_all(leaf);
    completes(one, 3, LEAF_FAILED);
    completes(other, 1, LEAF_FAILED);
    put(other, VIEW("o"), VIEW("2"), DURABILITY_SYNC, 4);
    completes(other, 4, LEAF_FAILED);
    holds(other, VIEW("o"), VIEW("1"));
    memory_leaf_crash(leaf, 1);
    one = memory_leaf_open_port(leaf);
    holds(one, VIEW("o"), VIEW("1"));
    lacks(one, VIEW("a"));
    put(one, VIEW("a"), VIEW("2"), DURABILITY_SYNC, 5);
    assert_true(one->operations->wait(one));
    completes(one, 5, LEAF_DONE);
    memory_leaf_free(leaf);
}

static void gets_complete_when_told(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    put(port, VIEW("a"), VIEW("1"), DURABILITY_SYNC, 1);
    struct view none;
    assert_int_equal(port->operations->get(port, LEAF_OBJECTS, VIEW("a"), 2, &none), LEAF_PENDING);
    assert_int_equal(port->operations->get(port, LEAF_OBJECTS, VIEW("b"), 3, &none), LEAF_PENDING);
    assert_int_equal(port->operations->get(port, LEAF_OBJECTS, VIEW("a"), 4, &none), LEAF_PENDING);
    told(port);
    uint64_t first = told(port);
    uint64_t second = told(port);
    uint64_t third = told(port);
    memory_leaf_complete(port, third, LEAF_FAILED);
    memory_leaf_complete(port, second, LEAF_DONE);
    completes(port, 4, LEAF_FAILED);
    completes(port, 3, LEAF_ABSENT);
    memory_leaf_complete(port, first, LEAF_DONE);
    struct leaf_completion completion;
    assert_true(port->operations->take(port, &completion));
    assert_true(view_equal(completion.key, VIEW("a")) && view_equal(completion.value, VIEW("1")));
    memory_leaf_free(leaf);
}

static void bytes_rot_and_keys_are_forgotten(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED_FAST);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    put(port, VIEW("a"), VIEW("0"), DURABILITY_SYNC, 1);
    memory_leaf_corrupt(leaf, LEAF_OBJECTS, VIEW("a"), 8);
    holds(port, VIEW("a"), VIEW("1"));
    memory_leaf_forget(leaf, LEAF_OBJECTS, VIEW("a"));
    lacks(port, VIEW("a"));
    put(port, VIEW("a"), VIEW("0"), DURABILITY_SYNC, 1);
    memory_leaf_sync(leaf);
    memory_leaf_wipe(leaf);
    port = memory_leaf_open_port(leaf);
    lacks(port, VIEW("a"));
    memory_leaf_free(leaf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synchronous_answers_at_once),   cmocka_unit_test(a_crash_keeps_a_prefix_of_whole_batches),
        cmocka_unit_test(one_sync_serves_all_before_it), cmocka_unit_test(failing_is_for_good),
        cmocka_unit_test(gets_complete_when_told),       cmocka_unit_test(bytes_rot_and_keys_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
