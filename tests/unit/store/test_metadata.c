/* What a node finds out about its store when it starts. */
#include "store/memory_leaf.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct node_id node = {{1, 2, 3}};
static const struct node_id other_node = {{1, 2, 4}};
static const struct cluster_id cluster = {{9}};
static const struct cluster_id other_cluster = {{8}};

static struct store_birth open_as(struct memory_leaf *leaf, struct node_id as_node, struct cluster_id as_cluster) {
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct store_birth birth;
    assert_int_equal(store_open_metadata(port, as_node, as_cluster, 2, &birth), LEAF_DONE);
    memory_leaf_close_port(port);
    return birth;
}

static void a_clean_stop_is_believed_once(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct store_birth birth = open_as(leaf, node, cluster);
    assert_true(birth.is_new && !birth.was_clean && !birth.is_foreign && birth.clock_floor.value == 0);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    assert_int_equal(store_mark_clean_stop(port), LEAF_DONE);
    memory_leaf_close_port(port);
    birth = open_as(leaf, node, cluster);
    assert_true(!birth.is_new && birth.was_clean);
    memory_leaf_crash(leaf, 0);
    birth = open_as(leaf, node, cluster);
    assert_true(!birth.is_new && !birth.was_clean);
    memory_leaf_free(leaf);
}

static void settle(struct memory_leaf *leaf, uint32_t shard_index) {
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct store *store = store_new(port, (struct store_options){.shard_index = shard_index});
    struct storage storage = store_storage(store);
    assert_int_equal(storage.settle_doubt(storage.self), STORAGE_PENDING);
    store_end_turn(store);
    memory_leaf_complete_all(leaf);
    store_free(store);
    memory_leaf_close_port(port);
}

static void clean_stop(struct memory_leaf *leaf) {
    struct leaf_port *port = memory_leaf_open_port(leaf);
    assert_int_equal(store_mark_clean_stop(port), LEAF_DONE);
    memory_leaf_close_port(port);
}

/* A new store lacks whatever its node had: until every shard was filled, whatever stops come between. */
static void doubt_outlives_stops_until_all_shards_settled_it(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct store_birth birth = open_as(leaf, node, cluster);
    assert_true(birth.doubts_all && birth.doubts_unsynced);
    settle(leaf, 0);
    clean_stop(leaf);
    birth = open_as(leaf, node, cluster); /* shard 1 had not settled */
    assert_true(birth.was_clean && birth.doubts_all);
    settle(leaf, 0);
    settle(leaf, 1);
    clean_stop(leaf);
    birth = open_as(leaf, node, cluster);
    assert_true(!birth.doubts_all && !birth.doubts_unsynced);
    memory_leaf_crash(leaf, 0);
    birth = open_as(leaf, node, cluster);
    assert_true(!birth.doubts_all && birth.doubts_unsynced);
    clean_stop(leaf);
    birth = open_as(leaf, node, cluster); /* a clean stop does not bring back what the crash before it took */
    assert_true(birth.was_clean && birth.doubts_unsynced);
    memory_leaf_wipe(leaf);
    assert_true(open_as(leaf, node, cluster).doubts_all);
    memory_leaf_free(leaf);
}

static void the_greatest_clock_bound_is_the_floor(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    open_as(leaf, node, cluster);
    const uint64_t bounds[] = {70000, 900000000, 3};
    for (uint32_t i = 0; i < 3; i++) {
        struct leaf_port *port = memory_leaf_open_port(leaf);
        struct store *store = store_new(port, (struct store_options){.shard_index = i});
        struct storage storage = store_storage(store);
        enum storage_status status = storage.remember_clock(storage.self, (struct hybrid_time){bounds[i]}, 77);
        assert_int_equal(status, STORAGE_PENDING);
        store_end_turn(store);
        memory_leaf_complete_all(leaf);
        struct store_event event;
        assert_true(store_next_event(store, &event));
        assert_int_equal(event.token, 77);
        assert_int_equal(event.status, STORAGE_FOUND);
        store_free(store);
    }
    memory_leaf_crash(leaf, 0);
    assert_int_equal(open_as(leaf, node, cluster).clock_floor.value, 900000000);
    memory_leaf_free(leaf);
}

static void anothers_data_is_refused(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    open_as(leaf, node, cluster);
    assert_true(open_as(leaf, other_node, cluster).is_foreign);
    assert_true(open_as(leaf, node, other_cluster).is_foreign);
    assert_false(open_as(leaf, node, cluster).is_foreign);
    memory_leaf_free(leaf);
}

static void damaged_or_lost_metadata_is_refused(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    open_as(leaf, node, cluster);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct store_birth birth;
    memory_leaf_corrupt(leaf, LEAF_METADATA, VIEW("identity"), 99);
    assert_int_equal(store_open_metadata(port, node, cluster, 2, &birth), LEAF_FAILED);
    memory_leaf_corrupt(leaf, LEAF_METADATA, VIEW("identity"), 99);
    assert_int_equal(store_open_metadata(port, node, cluster, 2, &birth), LEAF_DONE);
    struct leaf_batch batch;
    leaf_batch_init(&batch);
    leaf_batch_put(&batch, LEAF_OBJECTS, VIEW("some object"), VIEW("of somebody"));
    port->operations->submit(port, &batch, DURABILITY_SYNC, 0);
    leaf_batch_release(&batch);
    memory_leaf_forget(leaf, LEAF_METADATA, VIEW("identity"));
    assert_int_equal(store_open_metadata(port, node, cluster, 2, &birth), LEAF_FAILED);
    memory_leaf_free(leaf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_stop_is_believed_once),
        cmocka_unit_test(doubt_outlives_stops_until_all_shards_settled_it),
        cmocka_unit_test(the_greatest_clock_bound_is_the_floor),
        cmocka_unit_test(anothers_data_is_refused),
        cmocka_unit_test(damaged_or_lost_metadata_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
