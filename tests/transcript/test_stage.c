/* What operators prepare is known to all first shards, the later list wins, and only what was seen is committed
 * (core/stage.h). */
#include "core/shard_state.h"
#include "core_harness.h"
#include "wire/stage_message.h"

#define ID_A "41000000000000000000000000000000"
#define ID_B "42000000000000000000000000000000"
#define ID_Z "5a000000000000000000000000000000"

static size_t staged(const struct rig *rig) {
    return rig->shard->stage.list.count;
}

static void what_is_staged_is_told_to_all(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.MEMBERS STAGE LEAVE " ID_B " WEIGHT " ID_A " 3");
    says(rig, "B: stage of 2", "C: stage of 2", "client: OK");
    client(rig, "GRAMME.MEMBERS STAGE WEIGHT " ID_A " 4");
    says(rig, "B: stage of 2", "C: stage of 2", "client: OK");
    assert_int_equal(staged(rig), 2);
    client(rig, "GRAMME.MEMBERS UNSTAGE " ID_B);
    says(rig, "B: stage of 1", "C: stage of 1", "client: OK");
    client(rig, "GRAMME.MEMBERS UNSTAGE ALL");
    says(rig, "B: stage of 0", "C: stage of 0", "client: OK");
    pass_ms(rig, 300);
    says_nothing(rig);
    rig_free(rig);
}

static void a_change_of_one_node_takes_the_place_of_the_last_one(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.MEMBERS STAGE DEAD " ID_B " LEAVE " ID_B);
    assert_int_equal(staged(rig), 2); /* who is declared dead also leaves */
    client(rig, "GRAMME.MEMBERS STAGE WEIGHT " ID_B " 2");
    assert_int_equal(staged(rig), 2);
    assert_int_equal(rig->shard->stage.list.events[0].kind, MEMBERSHIP_WEIGHT);
    rig_free(rig);
}

static void there_is_one_number_of_replicas(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.MEMBERS STAGE REPLICAS 2");
    client(rig, "GRAMME.MEMBERS STAGE REPLICAS 4 WEIGHT " ID_A " 3");
    assert_int_equal(staged(rig), 2);
    assert_int_equal(rig->shard->stage.list.events[1].kind, MEMBERSHIP_REPLICAS);
    assert_int_equal(rig->shard->stage.list.events[1].replica_count, 4);
    rig_free(rig);
}

static void who_comes_back_is_told_again(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.MEMBERS STAGE LEAVE " ID_B);
    peer_dies(rig, 'C');
    rig_forget(rig);
    peer_returns(rig, 'C');
    pass_ms(rig, 1200);
    says(rig, "C: stage of 1");
    rig_free(rig);
}

static void hear_list(struct rig *rig, char peer, uint64_t time, bool is_empty) {
    struct membership list;
    struct buffer events;
    struct buffer frames;
    struct membership_event event = {.kind = MEMBERSHIP_LEAVE, .member.id = {{'C'}}};
    buffer_init(&events);
    buffer_init(&frames);
    membership_init(&list);
    stage_placeholder(&event);
    assert_int_equal(membership_add(&list, &event), MEMBERSHIP_ADDED);
    if (!is_empty) {
        membership_encode(&events, &list, 0);
    }
    message_encode_stage(
        &frames, &(struct message_stage){.time = {time}, .by = {{(uint8_t)peer}}, .events = buffer_view(&events)});
    peer_sends(rig, peer, 0, false, &frames);
    membership_release(&list);
    buffer_release(&events);
    buffer_release(&frames);
}

static void the_later_list_wins(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    uint64_t future = hybrid_time_of_wall(rig->moment.wall).value + (UINT64_C(60000) << 16);
    hear_list(rig, 'B', 5, false);
    says(rig, "C: stage of 1"); /* who may not have had it */
    assert_int_equal(staged(rig), 1);
    hear_list(rig, 'C', 4, true);
    assert_int_equal(staged(rig), 1);
    hear_list(rig, 'C', 5, true); /* of two of one time that of the greater id */
    assert_int_equal(staged(rig), 0);
    hear_list(rig, 'B', future, false);
    rig_forget(rig);
    client(rig, "GRAMME.MEMBERS UNSTAGE ALL"); /* later than what it replaces, whatever the clock says */
    says(rig, "B: stage of 0", "C: stage of 0", "client: OK");
    hear_list(rig, 'B', future, false);
    assert_int_equal(staged(rig), 0);
    rig_free(rig);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.MEMBERS STAGE LEAVE " ID_Z);
    says(rig, "client: -ERR no such member");
    client(rig, "GRAMME.MEMBERS STAGE JOIN " ID_B " zone 1 10.0.0.9:7000 10.0.0.9:17000");
    says(rig, "client: -ERR a node of that id is a member already");
    client(rig, "GRAMME.MEMBERS STAGE ABORT");
    says(rig, "client: -ERR these are no changes that can be staged");
    client(rig, "GRAMME.MEMBERS STAGE WEIGHT " ID_B " 0");
    says(rig, "client: -ERR a weight is a number from 1 to 1000");
    client(rig, "GRAMME.MEMBERS STAGE REPLICAS 8");
    says(rig, "client: -ERR replicas are a number from 1 to 7");
    client(rig, "GRAMME.MEMBERS STAGE REPLICAS 3");
    says(rig, "client: -ERR that is so already");
    client(rig, "GRAMME.MEMBERS STAGE JOIN " ID_Z " zone");
    says(rig, "client: -ERR too few words...");
    client(rig, "GRAMME.MEMBERS UNSTAGE ALL");
    says(rig, "client: -ERR nothing is staged");
    client(rig, "GRAMME.MEMBERS UNSTAGE " ID_B);
    says(rig, "client: -ERR nothing is staged of that node");
    client(rig, "GRAMME.MEMBERS COMMIT");
    says(rig, "client: -ERR nothing is staged");
    client(rig, "GRAMME.MEMBERS COMMIT 12");
    says(rig, "client: -ERR a digest is 16 hexadecimal digits...");
    rig_free(rig);
}

static void what_was_not_seen_is_not_committed(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.MEMBERS STAGE LEAVE " ID_B);
    rig_forget(rig);
    uint64_t seen = stage_digest(rig->shard);
    client(rig, "GRAMME.MEMBERS STAGE WEIGHT " ID_A " 2");
    rig_forget(rig);
    assert_true(stage_digest(rig->shard) != seen);
    client(rig, "GRAMME.MEMBERS COMMIT 0000000000000000");
    says(rig, "client: -STALE...");
    assert_int_equal(staged(rig), 2);
    rig_free(rig);
}

static void seek(struct rig *rig) {
    client(rig, "GRAMME.MEMBERS SEEK " ID_A " " ID_A " " ID_Z " zone 1 10.0.0.9:7000 10.0.0.9:17000");
}

static void a_stranger_is_told_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    seek(rig);
    says(rig, "client: -WRONGCLUSTER...");
    assert_int_equal(rig->shard->stage.seeker_count, 0);
    rig_free(rig);
}

static void who_waits_to_join_is_forgotten_when_silent(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member member = {.id = {{'Z'}}, .zone = "zone", .weight = 1, .client_address = "a:1", .peer_address = "a:2"};
    struct members_seeker seeker = {.member = member};
    struct buffer frames;
    buffer_init(&frames);
    size_t begun = frame_begin(&frames, MESSAGE_SEEKER);
    members_write_seeker(&frames, &seeker);
    frame_end(&frames, begun);
    peer_sends(rig, 'B', 0, false, &frames);
    buffer_release(&frames);
    assert_int_equal(rig->shard->stage.seeker_count, 1);
    assert_string_equal(rig->shard->stage.seekers[0].member.client_address, "a:1");
    pass_ms(rig, 9000);
    assert_int_equal(rig->shard->stage.seeker_count, 1);
    pass_ms(rig, 1200);
    assert_int_equal(rig->shard->stage.seeker_count, 0);
    rig_free(rig);
}

static void what_seekers_say_is_read_strictly(void **state) {
    (void)state;
    struct members_seeker seeker = {.member = {.zone = "z", .client_address = "a:1", .peer_address = "a:2"}};
    struct members_seeker read;
    struct buffer bytes;
    buffer_init(&bytes);
    members_write_seeker(&bytes, &seeker);
    for (size_t size = 0; size <= buffer_size(&bytes); size++) {
        struct reader reader = reader_of(view_slice(buffer_view(&bytes), 0, size));
        assert_int_equal(members_read_seeker(&reader, &read), size == buffer_size(&bytes));
    }
    struct members_found found = {.shape = {64, 3}, .is_staged = true, .events = VIEW("events")};
    struct members_found answer;
    buffer_clear(&bytes);
    members_write_found(&bytes, &found);
    assert_true(members_read_found(buffer_view(&bytes), &answer));
    assert_int_equal(answer.shape.partition_count, 64);
    assert_true(answer.is_staged && view_equal(answer.events, found.events));
    assert_false(members_read_found(view_slice(buffer_view(&bytes), 0, buffer_size(&bytes) - 1), &answer));
    buffer_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_staged_is_told_to_all),
        cmocka_unit_test(a_change_of_one_node_takes_the_place_of_the_last_one),
        cmocka_unit_test(there_is_one_number_of_replicas),
        cmocka_unit_test(who_comes_back_is_told_again),
        cmocka_unit_test(the_later_list_wins),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(what_was_not_seen_is_not_committed),
        cmocka_unit_test(a_stranger_is_told_nothing),
        cmocka_unit_test(who_waits_to_join_is_forgotten_when_silent),
        cmocka_unit_test(what_seekers_say_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
