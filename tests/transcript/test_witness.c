/* A node hears from others what they remember of its store, and stops where that can't be (core/witness.h). The rig's
 * store is named 5; process 5 left the bound 1000 behind, process 7 is the present one. */
#include "core/shard_state.h"
#include "core_harness.h"
#include "wire/witness_message.h"

/* Peer B dials in, or is dialed, once more, and remembers that. */
static struct rig *rig_remembered_as(struct witnessed remembered) {
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    peer_dies(rig, 'B');
    rig_forget(rig);
    rig->bounds_told[1] = 0;
    rig->hello_remembered = remembered;
    peer_returns(rig, 'B');
    pass_ms(rig, 100); /* it is dialed again */
    return rig;
}

static void assert_accepts(struct witnessed remembered) {
    struct rig *rig = rig_remembered_as(remembered);
    assert_false(shard_is_rolled_back(rig->shard));
    assert_int_equal(rig->bounds_told[1], 1); /* B remembers this process from now on */
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "B: object b1=x");
    rig_free(rig);
}

static void assert_stops(struct witnessed remembered) {
    struct rig *rig = rig_remembered_as(remembered);
    assert_true(shard_is_rolled_back(rig->shard));
    assert_true(rig->disk.is_condemned); /* to start it once more will not do */
    assert_int_equal(rig->bounds_told[1], 0);
    pass_ms(rig, 200);
    assert_null(rig_link(rig, 'C', 0, false)); /* C remembers nothing, and gets nothing either */
    rig_forget(rig);
    client(rig, "SET k v");
    says(rig, "client: -NOREPLICAS...");
    client(rig, "GRAMME.GET k R 1");
    says(rig, "client: -NOQUORUM...");
    disk_has(rig, "k", "b1=x");
    rig_free(rig);
}

static void what_is_in_the_lineage_is_accepted(void **state) {
    (void)state;
    assert_accepts((struct witnessed){0});
    assert_accepts((struct witnessed){.store = 5, .run = 5, .bound = {1000}});
    assert_accepts((struct witnessed){.store = 5, .run = 7, .bound = {UINT64_MAX}});
    assert_accepts(
        (struct witnessed){.store = 4, .run = 4, .bound = {5000}, .retired = {3, 2}}); /* the folder is new */
}

static void what_is_not_stops_the_node(void **state) {
    (void)state;
    assert_stops((struct witnessed){.store = 5, .run = 5, .bound = {1001}}); /* the copy is of the midst of that run */
    assert_stops((struct witnessed){.store = 5, .run = 6, .bound = {900}});  /* of before that process */
    assert_stops((struct witnessed){.store = 9, .run = 9, .bound = {1}, .retired = {8, 5}}); /* of an earlier folder */
}

static void what_others_tell_of_theirs_is_told_back(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    uint64_t run = rig_hello(rig, 'B', 0, false).run;
    struct message_bound bound = {.store = 11, .run = run, .bound = {13}};
    struct buffer frames;
    buffer_init(&frames);
    message_encode_bound(&frames, &bound);
    peer_sends(rig, 'B', 0, false, &frames);
    buffer_release(&frames);
    peer_dies(rig, 'B');
    rig_forget(rig);
    peer_returns(rig, 'B');
    pass_ms(rig, 100);
    assert_int_equal(rig->last_hello.remembered.store, 11);
    assert_int_equal(rig->last_hello.remembered.run, run);
    assert_int_equal(rig->last_hello.remembered.bound.value, 13);
    rig_free(rig);
}

/* A member that joined since has never heard of the store that this node had before; this node tells it what others
 * remember. */
static void stores_that_others_remember_are_told_to_all(void **state) {
    (void)state;
    struct rig *rig = rig_remembered_as((struct witnessed){.store = 4, .run = 4, .bound = {5000}, .retired = {3}});
    uint64_t before[WITNESS_RETIRED] = {4, 3};
    assert_memory_equal(rig->shard->witness.own.retired, before, sizeof(before));
    struct buffer frames;
    buffer_init(&frames);
    message_encode_stores_before(&frames, before);
    peer_sends(rig, 'B', 0, false, &frames);
    buffer_release(&frames);
    peer_dies(rig, 'B');
    rig_forget(rig);
    peer_returns(rig, 'B');
    pass_ms(rig, 100);
    assert_memory_equal(rig->last_hello.remembered.retired, before, sizeof(before));
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_the_lineage_is_accepted),
        cmocka_unit_test(what_is_not_stops_the_node),
        cmocka_unit_test(what_others_tell_of_theirs_is_told_back),
        cmocka_unit_test(stores_that_others_remember_are_told_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
