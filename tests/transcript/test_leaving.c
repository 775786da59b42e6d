/* Leaving (core/leaving.h): what a stopping node says, what its peers make of it. */
#include "core_harness.h"

static void peer_says(struct rig *rig, char peer, bool is_bulk, enum message_kind kind) {
    struct buffer frames;
    struct message_ping ping = {.wall = rig->moment.wall, .now = rig->moment.now};
    buffer_init(&frames);
    if (kind == MESSAGE_LEAVING) {
        message_encode_leaving(&frames);
    } else {
        message_encode_ping(&frames, kind, &ping, PROTOCOL_VERSION);
    }
    peer_sends(rig, peer, 0, is_bulk, &frames);
    buffer_release(&frames);
}

static void leave(struct rig *rig) {
    step_begin(rig);
    shard_leave(rig->shard, rig->moment);
    step_end(rig);
}

/* ---- of a peer ---- */

static void nothing_new_is_asked_of_one_that_leaves(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "BCD");
    peer_says(rig, 'B', false, MESSAGE_LEAVING);
    assert_int_equal(shard_reachable_members(rig->shard), 3);
    client(rig, "SET k v"); /* A, B and C own it: D stands in */
    says(rig, "disk: write k a1=v", "C: put k a1=v, name what you keep", "D: hint k a1=v, for B, name what you keep");
    disk_done(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    client(rig, "GET j");
    says(rig, "C: operation get j, hopped");
    rig_free(rig);
}

static void its_answers_still_count(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "BCD");
    client_of(rig, 0, "SET j v");
    client_of(rig, 1, "SET k v");
    says(rig, "B: operation set j v, hopped", "disk: write k a1=v", "B: put k a1=v, name what you keep",
         "C: put k a1=v, name what you keep");
    peer_says(rig, 'B', false, MESSAGE_LEAVING);
    says_nothing(rig); /* nobody is asked instead */
    disk_done(rig);
    answer(rig, 'B', "done");
    says(rig, "client: OK");
    answer(rig, 'B', "stored");
    says(rig, "client 1: OK");
    rig_free(rig);
}

static void what_it_asks_is_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_says(rig, 'B', false, MESSAGE_LEAVING);
    peer_puts(rig, 'B', "k", "b1=x", 0);
    says(rig, "disk: write k b1=x");
    disk_done(rig);
    says(rig, "B: stored");
    rig_free(rig);
}

static void its_next_process_is_asked_again(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    peer_says(rig, 'A', true, MESSAGE_LEAVING);
    assert_int_equal(shard_reachable_members(rig->shard), 2);
    struct fake_link *late = rig_link(rig, 'A', 0, true); /* a link of the process that left */
    link_breaks(rig, rig_link(rig, 'A', 0, false));
    struct fake_link *link = link_accepts(rig, 'A', 0, false);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    hello.run++;
    link_sends_hello(rig, link, &hello);
    assert_int_equal(shard_reachable_members(rig->shard), 3);
    struct buffer frames;
    buffer_init(&frames);
    message_encode_leaving(&frames);
    link_sends(rig, late, buffer_view(&frames)); /* says nothing of this one */
    buffer_release(&frames);
    assert_int_equal(shard_reachable_members(rig->shard), 3);
    rig_free(rig);
}

/* ---- of this node ---- */

static void a_node_has_left_when_every_link_has_heard_it_and_all_is_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    rig_key(rig, "j", "AB");
    client(rig, "SET k v");
    peer_puts(rig, 'B', "j", "b1=x", 0);
    rig_forget(rig);
    assert_false(shard_has_left(rig->shard));
    leave(rig);
    says(rig, "B: leaving", "B bulk: leaving");
    assert_false(shard_has_left(rig->shard));
    peer_says(rig, 'B', true, MESSAGE_PONG);
    peer_says(rig, 'B', false, MESSAGE_PONG);
    assert_false(shard_has_left(rig->shard)); /* a SET is under way, an answer is owed */
    disk_done(rig);
    says(rig, "B: stored");
    assert_false(shard_has_left(rig->shard));
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    assert_true(shard_has_left(rig->shard));
    leave(rig);
    says_nothing(rig);                                        /* said once */
    assert_int_equal(shard_reachable_members(rig->shard), 1); /* clients that ask it are told of the others alone */
    rig_free(rig);
}

/* The pong of a ping from before says nothing. */
static void pongs_that_were_owed_do_not_count(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    rig->is_silent[1] = true;
    pass_ms(rig, 250);
    assert_int_equal(rig->pings[1], 2); /* on the bulk link: the small one has gossip to carry */
    leave(rig);
    says(rig, "B: leaving", "B bulk: leaving");
    for (int link = 0; link < 2; link++) {
        peer_says(rig, 'B', link == 0, MESSAGE_PONG);
    }
    assert_false(shard_has_left(rig->shard));
    for (int pongs = 0; pongs < 2; pongs++) {
        assert_false(shard_has_left(rig->shard));
        peer_says(rig, 'B', true, MESSAGE_PONG);
    }
    assert_true(shard_has_left(rig->shard));
    rig_free(rig);
}

static void a_silent_peer_is_not_waited_for(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    leave(rig);
    rig_forget(rig);
    rig->is_silent[1] = true;
    assert_false(shard_has_left(rig->shard));
    pass_ms(rig, 700);
    assert_true(shard_has_left(rig->shard));
    rig_free(rig);
}

static void a_request_that_comes_all_the_same_is_served(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    leave(rig);
    rig_forget(rig);
    peer_operates(rig, 'B', true, "set k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    assert_false(shard_has_left(rig->shard));
    rig_free(rig);
}

static void a_link_that_comes_up_is_told(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    leave(rig);
    rig_forget(rig);
    link_breaks(rig, rig_link(rig, 'B', 0, false));
    pass_ms(rig, 60);
    says(rig, "B: leaving");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_new_is_asked_of_one_that_leaves),
        cmocka_unit_test(its_answers_still_count),
        cmocka_unit_test(what_it_asks_is_answered),
        cmocka_unit_test(its_next_process_is_asked_again),
        cmocka_unit_test(a_node_has_left_when_every_link_has_heard_it_and_all_is_answered),
        cmocka_unit_test(pongs_that_were_owed_do_not_count),
        cmocka_unit_test(a_silent_peer_is_not_waited_for),
        cmocka_unit_test(a_request_that_comes_all_the_same_is_served),
        cmocka_unit_test(a_link_that_comes_up_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
