/* The table of keyspaces is changed at one place, kept by all before it is answered, and told before anything else
 * (core/keyspaces.h). */
#include "core/shard_state.h"
#include "core_harness.h"

static uint8_t write_quorum_of(const struct rig *rig, const char *key) {
    return keyspace_of_key(rig->shard->options.keyspaces, view_of_string(key))->write_quorum;
}

static void a_change_is_kept_by_all_before_it_is_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.KEYSPACE SET cart: write-quorum 3 conflict lww");
    says(rig, "B: keyspaces", "C: keyspaces");
    assert_int_equal(rig->disk.keyspaces_kept, 1);
    assert_int_equal(write_quorum_of(rig, "cart:1"), 3);
    assert_int_equal(write_quorum_of(rig, "other"), 2);
    peer_responds(rig, 'B', QUESTION_KEYSPACES, 0);
    says_nothing(rig);
    peer_responds(rig, 'C', QUESTION_KEYSPACES, 0);
    says(rig, "client: OK");
    client(rig, "GRAMME.KEYSPACE DEL cart:");
    peer_responds(rig, 'B', QUESTION_KEYSPACES, 0);
    peer_responds(rig, 'C', QUESTION_KEYSPACES, 0);
    says(rig, "B: keyspaces", "C: keyspaces", "client: OK");
    assert_int_equal(write_quorum_of(rig, "cart:1"), 2);
    assert_int_equal(rig->shard->keyspaces.version, 2);
    rig_free(rig);
}

static void the_first_member_makes_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    client(rig, "GRAMME.KEYSPACE SET cart: durability none");
    says(rig, "A: operation keyspaces , hopped");
    answer(rig, 'A', "done");
    says(rig, "client: OK");
    peer_dies(rig, 'A');
    client(rig, "GRAMME.KEYSPACE SET cart: durability sync");
    says(rig, "client: -NOREPLICAS...");
    rig_free(rig);
}

static void without_every_member_nothing_changes(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'C');
    client(rig, "GRAMME.KEYSPACE SET cart: write-quorum 3");
    says(rig, "client: -NOREPLICAS this needs every...");
    assert_int_equal(rig->shard->keyspaces.version, 0);
    rig_free(rig);
}

static void one_at_a_time(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client_of(rig, 0, "GRAMME.KEYSPACE SET a write-quorum 3");
    rig_forget(rig);
    client_of(rig, 1, "GRAMME.KEYSPACE SET b write-quorum 3");
    says(rig, "client 1: -BUSY another...");
    pass_ms(rig, 1000);
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void what_makes_no_sense_is_said(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.KEYSPACE SET a write-quorum 4");
    says(rig, "client: -ERR a quorum can't be above the number of replicas");
    client(rig, "GRAMME.KEYSPACE SET a primary-write-quorum 3");
    says(rig, "client: -ERR a primary quorum can't be above its quorum");
    client(rig, "GRAMME.KEYSPACE SET a write-quorum");
    says(rig, "client: -ERR syntax error");
    client(rig, "GRAMME.KEYSPACE SET a conflict newest");
    says(rig, "client: -ERR conflict must be siblings or lww");
    client(rig, "GRAMME.KEYSPACE DEL a");
    says(rig, "client: -ERR there is no keyspace with that prefix");
    rig_free(rig);
}

static void who_is_behind_is_told_before_anything_else(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.KEYSPACE SET cart: write-quorum 3");
    peer_responds(rig, 'B', QUESTION_KEYSPACES, 0);
    peer_responds(rig, 'C', QUESTION_KEYSPACES, 0);
    peer_dies(rig, 'C');
    rig_forget(rig);
    peer_returns(rig, 'C');
    pass_ms(rig, 1100);
    says(rig, "C: keyspaces of a later version", "C bulk: keyspaces of a later version");
    peer_fence_flushed(rig, 'B', 0); /* a word that tells of version 0 */
    says(rig, "B: keyspaces of a later version");
    rig_free(rig);
}

static void hear_table(struct rig *rig, char peer, bool is_bulk, uint64_t version, uint8_t write_quorum) {
    struct keyspace_table table = rig->keyspaces;
    struct buffer bytes;
    struct buffer frames;
    buffer_init(&bytes);
    buffer_init(&frames);
    table.version = version;
    table.keyspaces[0].write_quorum = write_quorum;
    keyspace_table_encode(&bytes, &table);
    message_encode_question(&frames, MESSAGE_KEYSPACES,
                            &(struct message_question){.question = QUESTION_KEYSPACES, .payload = buffer_view(&bytes)});
    peer_sends(rig, peer, 0, is_bulk, &frames);
    buffer_release(&bytes);
    buffer_release(&frames);
}

static void who_is_ahead_is_heard_first(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'C');
    rig->hello_keyspaces = 5;
    rig->is_silent['C' - 'A'] = true;
    peer_returns(rig, 'C');
    pass_ms(rig, 1100);
    rig_forget(rig);
    assert_int_equal(shard_reachable_members(rig->shard), 2); /* nothing is said to it yet */
    hear_table(rig, 'C', false, 5, 3);
    hear_table(rig, 'C', true, 5, 3);
    assert_int_equal(shard_reachable_members(rig->shard), 3);
    assert_int_equal(rig->shard->keyspaces.version, 5);
    assert_int_equal(write_quorum_of(rig, "k"), 3);
    rig_free(rig);
}

/* Of two tables of one version all go by the one of the greater digest, in whichever order they come. */
static void what_came_meanwhile_is_kept_too(void **state) {
    (void)state;
    for (uint8_t first = 1; first <= 3; first += 2) {
        struct rig *rig = rig_new((struct rig_options){0});
        rig->disk.holds_keyspaces = true;
        hear_table(rig, 'B', false, 5, first);
        assert_int_equal(rig->disk.keyspaces_kept, 1);
        hear_table(rig, 'C', false, 5, (uint8_t)(4 - first));
        bool has_changed = write_quorum_of(rig, "k") != first;
        disk_done(rig);
        assert_int_equal(rig->disk.keyspaces_kept, has_changed ? 2 : 1);
        assert_int_equal(rig->shard->keyspaces.durable, has_changed ? 0 : 5);
        if (has_changed) {
            disk_done(rig);
        }
        assert_int_equal(rig->shard->keyspaces.durable, 5);
        rig_free(rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_kept_by_all_before_it_is_answered),
        cmocka_unit_test(the_first_member_makes_it),
        cmocka_unit_test(without_every_member_nothing_changes),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(what_makes_no_sense_is_said),
        cmocka_unit_test(who_is_behind_is_told_before_anything_else),
        cmocka_unit_test(who_is_ahead_is_heard_first),
        cmocka_unit_test(what_came_meanwhile_is_kept_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
