/* How an owner that has little of a partition gets it from another, parcel by parcel, and how it serves one
 * (core/filling.h). */
#include "core/shard_state.h"
#include "core_harness.h"

enum { MANY_SEGMENTS = 20, NEXT_PLACE = 500 };

static struct rig *rig_at_rest(void) {
    struct rig *rig = rig_new((struct rig_options){.exchange_period_ms = 3600000});
    pass_ms(rig, 4000); /* all trees are known, and this store would have been judged */
    rig_forget(rig);
    return rig;
}

/* The tree of one that has something in that many segments. */
static void tree_from(struct rig *rig, char peer, struct partition partition, uint32_t segments) {
    struct message_tree tree = {.partition = partition};
    struct buffer frames;
    for (uint32_t segment = 0; segment < segments; segment++) {
        tree.segments[segment] = 7;
    }
    buffer_init(&frames);
    message_encode_tree(&frames, &tree);
    peer_sends(rig, peer, 0, false, &frames);
    buffer_release(&frames);
}

static void parcel_from(struct rig *rig, char peer, const char *key, const char *object, uint64_t pull, bool is_end) {
    struct compressor compressor;
    struct buffer list;
    struct buffer frames;
    compressor_init(&compressor);
    buffer_init(&list);
    buffer_init(&frames);
    parcel_add(&list, &(struct parcel_object){rig_key_name(rig, key), notation_object_bytes(&rig->notation, object)});
    struct message_parcel parcel = {
        .partition = rig_partition(rig, key),
        .pull = pull,
        .placement_mark = ring_placement_mark(rig->ring, rig_partition(rig, key)),
        .fence = FENCE_FIRST,
        .is_end = is_end,
        .place_next = is_end ? UINT64_MAX : NEXT_PLACE,
        .list = buffer_view(&list),
    };
    assert_true(message_encode_parcel(&frames, &parcel, &compressor));
    peer_sends(rig, peer, 0, false, &frames);
    buffer_release(&frames);
    buffer_release(&list);
    compressor_release(&compressor);
}

static void fill_from(struct rig *rig, char peer, const char *key) {
    struct buffer frames;
    buffer_init(&frames);
    message_encode_fill(&frames, &(struct message_fill){.partition = rig_partition(rig, key), .pull = 5});
    peer_sends(rig, peer, 0, false, &frames);
    buffer_release(&frames);
}

static void who_lacks_much_asks_on_when_a_parcel_is_durable(void **state) {
    (void)state;
    struct rig *rig = rig_at_rest();
    tree_from(rig, 'B', rig_partition(rig, "k"), MANY_SEGMENTS);
    says_nothing(rig); /* no keys are compared */
    assert_true(filling_is_wanted(rig->shard, rig_partition(rig, "k")));
    tree_from(rig, 'C', rig_partition(rig, "k"), 1);
    says_nothing(rig); /* nor with another one, while it is filled */
    pass_ms(rig, 100);
    says(rig, "B: fill, from 0 on");
    parcel_from(rig, 'B', "k", "b1=v", rig->last_pull + 1, false);
    parcel_from(rig, 'C', "k", "b1=v", rig->last_pull, false);
    says_nothing(rig); /* another pull's, and another peer's */
    parcel_from(rig, 'B', "k", "b1=v", rig->last_pull, false);
    says(rig, "disk: write k b1=v");
    disk_done(rig);
    says(rig, "B: fill, from 500 on");
    parcel_from(rig, 'B', "k", "b1=v", rig->last_pull, true);
    disk_done(rig);
    assert_false(filling_is_wanted(rig->shard, rig_partition(rig, "k")));
    rig_free(rig);
}

static void a_parcel_that_does_not_come_leaves_the_rest_to_exchange(void **state) {
    (void)state;
    struct rig *rig = rig_at_rest();
    tree_from(rig, 'B', rig_partition(rig, "k"), MANY_SEGMENTS);
    pass_ms(rig, FILLING_PATIENCE_MS - 100);
    assert_true(filling_is_wanted(rig->shard, rig_partition(rig, "k")));
    pass_ms(rig, 300);
    assert_false(filling_is_wanted(rig->shard, rig_partition(rig, "k")));
    assert_true(filling_is_idle(&rig->shard->filling));
    rig_free(rig);
}

static void few_differences_are_compared_key_by_key(void **state) {
    (void)state;
    struct rig *rig = rig_at_rest();
    tree_from(rig, 'B', rig_partition(rig, "k"), EXCHANGE_SEGMENTS_APART);
    assert_true(filling_is_idle(&rig->shard->filling));
    assert_int_equal(rig->shard->exchange.job_count, EXCHANGE_SEGMENTS_APART);
    rig_free(rig);
}

static void an_owner_serves_what_it_has_but_not_just_after_its_start(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.exchange_period_ms = 3600000});
    peer_puts(rig, 'B', "k", "b1=v", PUT_REPAIR);
    disk_done(rig);
    rig_forget(rig);
    fill_from(rig, 'B', "k");
    pass_ms(rig, FILLING_JUDGED_MS - 100);
    says_nothing(rig); /* whoever remembers this store has that long to say that it was rolled back */
    pass_ms(rig, 200);
    says(rig, "B bulk: parcel of 1, the last");
    fill_from(rig, 'B', "k");
    pass_ms(rig, 100);
    says(rig, "B bulk: parcel of 1, the last");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_lacks_much_asks_on_when_a_parcel_is_durable),
        cmocka_unit_test(a_parcel_that_does_not_come_leaves_the_rest_to_exchange),
        cmocka_unit_test(few_differences_are_compared_key_by_key),
        cmocka_unit_test(an_owner_serves_what_it_has_but_not_just_after_its_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
