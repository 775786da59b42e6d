/* What a node finds out about its store when it starts. */
#include "core/kept_trees.h"
#include "store/memory_leaf.h"
#include "store/seal.h"
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
    assert_int_equal(store_open_metadata(port, &(struct store_opening){as_node, as_cluster, 7, 2, false}, &birth),
                     LEAF_DONE);
    memory_leaf_close_port(port);
    return birth;
}

static void a_clean_stop_is_believed_once(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct store_birth birth = open_as(leaf, node, cluster);
    assert_true(birth.is_new && !birth.was_clean && !birth.is_foreign && birth.clock_floor.value == 0);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    assert_int_equal(store_mark_clean_stop(port, 1, view_of(NULL, 0)), LEAF_DONE);
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
    assert_int_equal(store_mark_clean_stop(port, 1, view_of(NULL, 0)), LEAF_DONE);
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
    assert_int_equal(store_open_metadata(port, &(struct store_opening){node, cluster, 7, 2, false}, &birth),
                     LEAF_FAILED);
    memory_leaf_corrupt(leaf, LEAF_METADATA, VIEW("identity"), 99);
    assert_int_equal(store_open_metadata(port, &(struct store_opening){node, cluster, 7, 2, false}, &birth), LEAF_DONE);
    struct leaf_batch batch;
    leaf_batch_init(&batch);
    leaf_batch_put(&batch, LEAF_OBJECTS, VIEW("some object"), VIEW("of somebody"));
    port->operations->submit(port, &batch, DURABILITY_SYNC, 0);
    leaf_batch_release(&batch);
    memory_leaf_forget(leaf, LEAF_METADATA, VIEW("identity"));
    assert_int_equal(store_open_metadata(port, &(struct store_opening){node, cluster, 7, 2, false}, &birth),
                     LEAF_FAILED);
    memory_leaf_free(leaf);
}

/* ---- trees ---- */

static const struct kept_tree_shape shape = {.seed = 3, .partition_count = 16384};

/* The trees of the first so many partitions. */
static struct buffer some_trees(uint32_t count, uint64_t low) {
    struct buffer list;
    struct hash_tree tree = {0};
    buffer_init(&list);
    for (uint32_t index = 0; index < count; index++) {
        for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
            tree.segments[segment] = (struct digest){low + index, segment};
        }
        kept_trees_add(&list, shape, (struct partition){(uint16_t)index}, &tree);
    }
    return list;
}

static void stop_with(struct memory_leaf *leaf, uint64_t stop, const struct buffer *list) {
    struct leaf_port *port = memory_leaf_open_port(leaf);
    assert_int_equal(store_mark_clean_stop(port, stop, buffer_view(list)), LEAF_DONE);
    memory_leaf_close_port(port);
    memory_leaf_crash(leaf, 0); /* what is not synced is no help */
}

static size_t count_trees(const struct buffer *list) {
    struct reader reader = reader_of(buffer_view(list));
    struct kept_tree kept;
    size_t count = 0;
    while (kept_trees_next(&reader, &kept)) {
        count++;
    }
    return count;
}

/* How many it gives, this once. */
static size_t trees_given(struct memory_leaf *leaf) {
    struct store_birth birth = open_as(leaf, node, cluster);
    size_t count = count_trees(&birth.trees);
    store_birth_release(&birth);
    return count;
}

/* A store that its node has filled: in no doubt. */
static struct memory_leaf *settled_leaf(void) {
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    open_as(leaf, node, cluster);
    settle(leaf, 0);
    settle(leaf, 1);
    return leaf;
}

static void trees_of_a_clean_stop_are_given_once(void **state) {
    (void)state;
    struct memory_leaf *leaf = settled_leaf();
    struct buffer list = some_trees(600, 7); /* more than one batch */
    size_t records = memory_leaf_record_count(leaf, LEAF_METADATA);
    stop_with(leaf, 5, &list);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_METADATA), records + 600 + 1);
    struct store_birth birth = open_as(leaf, node, cluster);
    assert_true(view_equal(buffer_view(&birth.trees), buffer_view(&list)));
    store_birth_release(&birth);
    /* They went with the mark, durably, before anybody could write. */
    memory_leaf_crash(leaf, 0);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_METADATA), records);
    assert_int_equal(trees_given(leaf), 0);
    buffer_release(&list);
    memory_leaf_free(leaf);
}

static void a_store_in_doubt_gives_no_trees(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct buffer list = some_trees(3, 7);
    open_as(leaf, node, cluster);
    settle(leaf, 0);
    size_t records = memory_leaf_record_count(leaf, LEAF_METADATA);
    stop_with(leaf, 5, &list); /* the other shard has not settled */
    assert_int_equal(trees_given(leaf), 0);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_METADATA), records + 1); /* a doubt for each shard */
    settle(leaf, 0);
    settle(leaf, 1);
    stop_with(leaf, 6, &list);
    assert_int_equal(trees_given(leaf), 3);
    stop_with(leaf, 7, &list);
    assert_true(open_as(leaf, other_node, cluster).is_foreign); /* gives nothing, and takes nothing away */
    assert_int_equal(trees_given(leaf), 3);
    buffer_release(&list);
    memory_leaf_free(leaf);
}

/* Nothing of a store may believe them that has been written to since, by whomever. */
static void trees_without_the_mark_of_their_stop_are_worth_nothing(void **state) {
    (void)state;
    struct memory_leaf *leaf = settled_leaf();
    struct buffer list = some_trees(3, 7);
    stop_with(leaf, 5, &list);
    memory_leaf_forget(leaf, LEAF_METADATA, VIEW("clean"));
    assert_int_equal(trees_given(leaf), 0);
    settle(leaf, 0);
    settle(leaf, 1);
    static const struct view marks[] = {{NULL, 0}, {(const uint8_t *)"\6\0\0\0\0\0\0\0", 8}};
    for (size_t index = 0; index < 2; index++) {
        stop_with(leaf, 5, &list);
        /* A build that knows nothing of trees came between: it removed the mark, wrote, and left its own. Or the trees
         * of an earlier stop could not be removed. */
        uint8_t sealed[SEAL_BYTES + 8];
        struct leaf_port *port = memory_leaf_open_port(leaf);
        struct leaf_batch batch;
        leaf_batch_init(&batch);
        seal_write(sealed, marks[index], hash64(VIEW("clean"), 0));
        leaf_batch_put(&batch, LEAF_METADATA, VIEW("clean"), view_of(sealed, SEAL_BYTES + marks[index].size));
        port->operations->submit(port, &batch, DURABILITY_SYNC, 0);
        leaf_batch_release(&batch);
        memory_leaf_close_port(port);
        struct store_birth birth = open_as(leaf, node, cluster);
        assert_true(birth.was_clean);
        assert_int_equal(buffer_size(&birth.trees), 0);
        store_birth_release(&birth);
    }
    buffer_release(&list);
    memory_leaf_free(leaf);
}

static void a_damaged_tree_is_as_good_as_none(void **state) {
    (void)state;
    struct memory_leaf *leaf = settled_leaf();
    struct buffer list = some_trees(3, 7);
    size_t records = memory_leaf_record_count(leaf, LEAF_METADATA);
    stop_with(leaf, 5, &list);
    memory_leaf_corrupt(leaf, LEAF_METADATA, VIEW("tree\0\1"), 999);
    struct store_birth birth = open_as(leaf, node, cluster);
    assert_int_equal(count_trees(&birth.trees), 2);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_METADATA), records);
    store_birth_release(&birth);
    buffer_release(&list);
    memory_leaf_free(leaf);
}

static const struct leaf_port_operations *real_operations;

static enum leaf_status scan_no_trees(struct leaf_port *port, enum leaf_family family, struct view from, struct view to,
                                      bool (*visit)(void *self, struct view key, struct view value), void *self) {
    enum leaf_status status = real_operations->scan(port, family, from, to, visit, self);
    return view_equal(from, VIEW("tree")) ? LEAF_FAILED : status;
}

/* The few records beside them are what a node cannot start without. */
static void trees_that_cannot_be_read_keep_no_node_from_starting(void **state) {
    (void)state;
    struct memory_leaf *leaf = settled_leaf();
    struct buffer list = some_trees(3, 7);
    struct store_birth birth;
    stop_with(leaf, 5, &list);
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct leaf_port_operations operations = *port->operations;
    real_operations = port->operations;
    operations.scan = scan_no_trees;
    port->operations = &operations;
    assert_int_equal(store_open_metadata(port, &(struct store_opening){node, cluster, 7, 2, false}, &birth), LEAF_DONE);
    assert_true(birth.was_clean);
    assert_int_equal(buffer_size(&birth.trees), 0);
    buffer_release(&list);
    memory_leaf_free(leaf);
}

/* ---- a stop that is cut short ---- */

static uint32_t submits_left;

static enum leaf_status submit_some(struct leaf_port *port, struct leaf_batch *batch, enum durability durability,
                                    uint64_t token) {
    return submits_left-- == 0 ? LEAF_FAILED : real_operations->submit(port, batch, durability, token);
}

static void a_stop_that_was_cut_short_leaves_no_tree_that_is_believed(void **state) {
    (void)state;
    struct buffer list = some_trees(600, 7);
    for (uint32_t done = 0; done < 3; done++) {
        for (size_t kept = 0; kept <= done; kept++) {
            struct memory_leaf *leaf = settled_leaf();
            size_t records = memory_leaf_record_count(leaf, LEAF_METADATA);
            struct leaf_port *port = memory_leaf_open_port(leaf);
            struct leaf_port_operations operations = *port->operations;
            real_operations = port->operations;
            operations.submit = submit_some;
            port->operations = &operations;
            submits_left = done;
            memory_leaf_sync(leaf);
            assert_int_equal(store_mark_clean_stop(port, 5, buffer_view(&list)), LEAF_FAILED);
            memory_leaf_crash(leaf, kept);
            struct store_birth birth = open_as(leaf, node, cluster);
            assert_true(!birth.was_clean && birth.doubts_unsynced);
            assert_int_equal(buffer_size(&birth.trees), 0);
            assert_int_equal(memory_leaf_record_count(leaf, LEAF_METADATA), records + 2); /* two doubts, no tree */
            memory_leaf_free(leaf);
        }
    }
    buffer_release(&list);
}

static void write_both_families_and_condemn(struct memory_leaf *leaf) {
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct store *store = store_new(port, (struct store_options){.buffer_bytes = 1024});
    struct storage storage = store_storage(store);
    for (int family = STORAGE_OBJECTS; family <= STORAGE_HINTS; family++) {
        assert_int_equal(storage.write(storage.self, (enum storage_family)family, (struct partition){3}, VIEW("k"),
                                       VIEW("record"), DURABILITY_SYNC, 0),
                         STORAGE_PENDING);
    }
    assert_int_equal(storage.condemn(storage.self), STORAGE_PENDING);
    store_end_turn(store);
    memory_leaf_complete_all(leaf);
    store_free(store);
    memory_leaf_close_port(port);
}

/* Accepted, it is another store, of which nobody remembers anything; its hints are of before fences that passed. */
static void a_rolled_back_store_stays_one_until_it_is_accepted(void **state) {
    (void)state;
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    struct store_birth birth = open_as(leaf, node, cluster);
    assert_false(birth.is_rolled_back);
    write_both_families_and_condemn(leaf);
    clean_stop(leaf);
    for (int start = 0; start < 2; start++) {
        birth = open_as(leaf, node, cluster);
        assert_true(birth.is_rolled_back && birth.lineage.store == 7);
        store_birth_release(&birth);
    }
    struct leaf_port *port = memory_leaf_open_port(leaf);
    struct store_opening opening = {node, cluster, 8, 2, true};
    assert_int_equal(store_open_metadata(port, &opening, &birth), LEAF_DONE);
    memory_leaf_close_port(port);
    assert_true(!birth.is_rolled_back && birth.doubts_all);
    assert_true(birth.lineage.store == 8 && birth.lineage.count == 1);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_OBJECTS), 1);
    assert_int_equal(memory_leaf_record_count(leaf, LEAF_HINTS), 0);
    store_birth_release(&birth);
    birth = open_as(leaf, node, cluster);
    assert_true(!birth.is_rolled_back && birth.lineage.store == 8);
    store_birth_release(&birth);
    memory_leaf_free(leaf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_stop_is_believed_once),
        cmocka_unit_test(doubt_outlives_stops_until_all_shards_settled_it),
        cmocka_unit_test(the_greatest_clock_bound_is_the_floor),
        cmocka_unit_test(anothers_data_is_refused),
        cmocka_unit_test(damaged_or_lost_metadata_is_refused),
        cmocka_unit_test(a_rolled_back_store_stays_one_until_it_is_accepted),
        cmocka_unit_test(trees_of_a_clean_stop_are_given_once),
        cmocka_unit_test(a_store_in_doubt_gives_no_trees),
        cmocka_unit_test(trees_without_the_mark_of_their_stop_are_worth_nothing),
        cmocka_unit_test(a_damaged_tree_is_as_good_as_none),
        cmocka_unit_test(trees_that_cannot_be_read_keep_no_node_from_starting),
        cmocka_unit_test(a_stop_that_was_cut_short_leaves_no_tree_that_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
