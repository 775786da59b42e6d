/* Hash trees over a clean stop (core/kept_trees.h): known at once, read soon, given up where the data changed. */
#include "core/kept_trees.h"
#include "core/shard_state.h"
#include "core_harness.h"

enum { SURELY_READ_MS = 2000 }; /* all 256 partitions */

static void stop(struct rig *rig, struct buffer *list) {
    buffer_init(list);
    shard_keep_trees(rig->shard, list);
    rig_free(rig);
}

/* The trees of a shard that holds k, and the other one at that. */
static struct buffer trees_of_k(const char *object) {
    struct buffer list;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", object);
    pass_ms(rig, SURELY_READ_MS);
    assert_int_equal(rig->shard->trees.built, rig->shard->trees.owned);
    stop(rig, &list);
    return list;
}

static struct rig *start(struct buffer *list) {
    struct rig *rig = rig_new((struct rig_options){.kept_trees = buffer_view(list), .holds_scans = true});
    buffer_release(list); /* it was lent for the start */
    return rig;
}

static void read_all(struct rig *rig) {
    rig->holds_scans = false;
    pass_ms(rig, SURELY_READ_MS);
}

static void kept_trees_are_known_at_once_and_read_soon(void **state) {
    (void)state;
    struct buffer list = trees_of_k("b1=x");
    struct rig *rig = start(&list);
    const struct trees *trees = &rig->shard->trees;
    disk_holds(rig, "k", "b1=x");
    assert_int_equal(trees->kept, trees->owned);
    assert_int_equal(trees->count[TREE_KEPT], trees->owned);
    for (uint16_t index = 0; index < trees->owned; index++) {
        assert_non_null(trees_known(rig->shard, (struct partition){index}));
    }
    read_all(rig);
    assert_int_equal(trees->count[TREE_BUILT], trees->owned);
    assert_int_equal(trees->scrubbed, trees->owned);
    assert_int_equal(trees->built, 0);
    assert_int_equal(trees->divergences, 0);
    assert_int_equal(trees->kept, trees->owned);
    rig_free(rig);
}

static void they_take_part_in_exchange_before_anything_is_read(void **state) {
    (void)state;
    struct buffer list = trees_of_k("b1=x");
    struct rig *rig = rig_new(
        (struct rig_options){.kept_trees = buffer_view(&list), .holds_scans = true, .exchange_period_ms = 1000});
    pass_ms(rig, 250);
    says(rig, "C: summary");
    assert_int_equal(rig->shard->trees.scrubbed, 0);
    rig_free(rig);
    rig = rig_new((struct rig_options){.exchange_period_ms = 1000, .holds_scans = true});
    pass_ms(rig, 2000);
    says_nothing(rig); /* in doubt, it has none */
    rig_free(rig);
    buffer_release(&list);
}

static void what_is_written_before_the_look_goes_into_a_kept_tree(void **state) {
    (void)state;
    struct buffer list = trees_of_k("b1=x");
    struct rig *rig = start(&list);
    rig->disk.writes_at_once = true;
    disk_holds(rig, "k", "b1=x");
    client(rig, "SET k v");
    client(rig, "SET j w");
    read_all(rig);
    assert_int_equal(rig->shard->trees.divergences, 0);
    rig_free(rig);
}

static void what_changed_while_it_was_stopped_is_found(void **state) {
    (void)state;
    static const char *const now[] = {"b1=y", NULL}; /* another object, none */
    for (size_t index = 0; index < 2; index++) {
        struct buffer list = trees_of_k("b1=x");
        struct rig *rig = start(&list);
        const struct trees *trees = &rig->shard->trees;
        struct partition partition = rig_partition(rig, "k");
        if (now[index] != NULL) {
            disk_holds(rig, "k", now[index]);
        }
        read_all(rig);
        assert_int_equal(trees->divergences, 1);
        assert_int_equal(rig->disk.doubts, 1); /* durably: what it holds is believed no more */
        assert_true(rig->shard->replica.is_lost[partition.value]);
        assert_int_equal(trees->built, 1);
        assert_int_equal(trees->count[TREE_BUILT], trees->owned);
        rig_free(rig);
    }
}

static void a_tree_not_read_yet_is_kept_again_and_one_in_doubt_is_not(void **state) {
    (void)state;
    struct buffer list = trees_of_k("b1=x");
    struct rig *rig = start(&list);
    struct partition lost = rig_partition(rig, "k");
    uint32_t owned = rig->shard->trees.owned;
    trees_doubt(rig->shard, lost);
    assert_null(trees_known(rig->shard, lost));
    stop(rig, &list);
    rig = start(&list);
    assert_int_equal(rig->shard->trees.kept, owned - 1);
    assert_int_equal(rig->shard->trees.count[TREE_IN_DOUBT], 1);
    assert_null(trees_known(rig->shard, lost));
    read_all(rig);
    assert_int_equal(rig->shard->trees.built, 1);
    rig_free(rig);
}

static void only_what_the_shard_owns_is_taken(void **state) {
    (void)state;
    struct buffer list = trees_of_k("b1=x");
    struct rig *rig = rig_new((struct rig_options){.shard_count = 2, .kept_trees = buffer_view(&list)});
    const struct trees *trees = &rig->shard->trees;
    assert_in_range(trees->owned, 100, 156);
    assert_int_equal(trees->kept, trees->owned); /* under whatever number of shards they were made */
    rig_free(rig);
    buffer_release(&list);
}

static void trees_of_another_shape_leave_it_in_doubt(void **state) {
    (void)state;
    struct buffer list;
    struct hash_tree tree = {0};
    buffer_init(&list);
    kept_trees_add(&list, (struct kept_tree_shape){.seed = 0, .partition_count = 512}, (struct partition){3}, &tree);
    kept_trees_add(&list, (struct kept_tree_shape){.seed = 1, .partition_count = 256}, (struct partition){4}, &tree);
    kept_trees_add(&list, (struct kept_tree_shape){.seed = 0, .partition_count = 256}, (struct partition){300}, &tree);
    kept_trees_add(&list, (struct kept_tree_shape){.seed = 0, .partition_count = 256}, (struct partition){5}, &tree);
    struct rig *rig = start(&list);
    assert_int_equal(rig->shard->trees.kept, 1);
    assert_non_null(trees_known(rig->shard, (struct partition){5}));
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_trees_are_known_at_once_and_read_soon),
        cmocka_unit_test(they_take_part_in_exchange_before_anything_is_read),
        cmocka_unit_test(what_is_written_before_the_look_goes_into_a_kept_tree),
        cmocka_unit_test(what_changed_while_it_was_stopped_is_found),
        cmocka_unit_test(a_tree_not_read_yet_is_kept_again_and_one_in_doubt_is_not),
        cmocka_unit_test(only_what_the_shard_owns_is_taken),
        cmocka_unit_test(trees_of_another_shape_leave_it_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
