/* The members' records: reports, addresses, and the log that gossip finds to differ (core/records.h). Members are at
 * 10.0.0.N:7000 and :17000 as the log has it. */
#include "core_harness.h"

#include "core/shard_state.h"

#include <stdio.h>

enum { RUN_OF_B = 1001, RUN_OF_C = 1002, LATER_RUN = 5000 };

static struct member_record record_at(const char *client, const char *peer, uint64_t run) {
    struct member_record record = {.report = {.run = run, .drained = 3, .filled = 3, .clean = 2}};
    (void)snprintf(record.addresses.client, sizeof(record.addresses.client), "%s", client);
    (void)snprintf(record.addresses.peer, sizeof(record.addresses.peer), "%s", peer);
    return record;
}

static struct member_record record_of_c(uint64_t run) {
    return record_at("10.0.0.3:7000", "10.0.0.3:17000", run);
}

static struct message_report report_of_c(const struct rig *rig) {
    return records_report_of(rig->shard, (struct member_index){2});
}

static void peer_wants(struct rig *rig, char peer, char of) {
    struct buffer list;
    struct buffer frames;
    struct gossip_record record = {.id = rig->ids[of - 'A']};
    buffer_init(&list);
    buffer_init(&frames);
    gossip_list_add(&list, MESSAGE_GOSSIP_WANT, &record);
    struct gossip_word word = {.kind = MESSAGE_GOSSIP_WANT, .list = buffer_view(&list)};
    message_encode_gossip(&frames, &word);
    peer_sends(rig, peer, 0, false, &frames);
    buffer_release(&frames);
    buffer_release(&list);
}

static struct view list_of(struct buffer *list, char member, const char *client, const char *peer) {
    struct node_id id = {{(uint8_t)member}};
    struct member_record record = record_at(client, peer, 1);
    addresses_list_add(list, id, &record.addresses);
    return buffer_view(list);
}

static bool nodes_show(struct rig *rig, const char *address) {
    rig_forget(rig);
    client(rig, "CLUSTER NODES");
    buffer_append_byte(&rig->log, 0);
    bool is_there = strstr((const char *)buffer_view(&rig->log).data, address) != NULL;
    rig_forget(rig);
    return is_there;
}

/* ---- reports ---- */

static void a_record_tells_where_its_member_is_and_how_far(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    pass_ms(rig, 200);
    peer_wants(rig, 'B', 'A');
    assert_string_equal(rig->last_record.addresses.client, "10.0.0.1:7000");
    assert_string_equal(rig->last_record.addresses.peer, "10.0.0.1:17000");
    assert_int_equal(rig->last_record.report.run, 7);
    assert_int_equal(rig->last_record.report.drained, 3);
    struct gossip_stamp stamp = rig->last_stamp;
    pass_ms(rig, 3000);
    peer_wants(rig, 'B', 'A');
    assert_memory_equal(&stamp, &rig->last_stamp, sizeof(stamp)); /* nothing new, no new record */
    rig_free(rig);
}

static void a_later_run_has_a_later_generation_though_its_clock_was_set_back(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_wants(rig, 'B', 'A');
    uint64_t generation = rig->last_stamp.generation;
    struct hybrid_time bound = hybrid_time_of_wall((struct wall_time){rig->moment.wall.ms + 10000});
    rig_free(rig);
    rig = rig_new((struct rig_options){.clock_floor = bound});
    peer_wants(rig, 'B', 'A');
    assert_true(rig->last_stamp.generation > generation + (UINT64_C(10000) << 12));
    rig_free(rig);
}

static void a_report_counts_whoever_brings_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    assert_int_equal(report_of_c(rig).drained, 0);
    struct member_record record = record_of_c(RUN_OF_C);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    assert_int_equal(report_of_c(rig).drained, 3);
    assert_int_equal(report_of_c(rig).filled, 3);
    pass_ms(rig, 200);
    assert_int_equal(rig->shard->moves.of[2].filled, 3);
    record.report.drained = 2;
    peer_tells_record(rig, 'B', 'C', 9, &record); /* late */
    assert_int_equal(report_of_c(rig).drained, 3);
    rig_free(rig);
}

static void what_an_ended_run_has_filled_does_not_count(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member_record record = record_of_c(LATER_RUN);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    assert_int_equal(report_of_c(rig).filled, 0); /* it is linked, and says that it is another one */
    assert_int_equal(report_of_c(rig).drained, 3);
    assert_int_equal(report_of_c(rig).clean, 2);
    peer_dies(rig, 'C');
    assert_int_equal(report_of_c(rig).filled, 3); /* the later one, it seems, heard of by others */
    rig_free(rig);
}

static void what_a_run_has_filled_counts_no_more_when_the_next_one_greets(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member_record record = record_of_c(RUN_OF_C);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    peer_dies(rig, 'C');
    assert_int_equal(report_of_c(rig).filled, 3);
    pass_ms(rig, 60);
    struct fake_link *link = link_connects(rig, 'C');
    struct message_hello hello = rig_hello(rig, 'C', 0, false);
    hello.run = LATER_RUN;
    link_sends_hello(rig, link, &hello);
    assert_int_equal(report_of_c(rig).filled, 0);
    assert_int_equal(report_of_c(rig).drained, 3);
    link_breaks(rig, link);
    assert_int_equal(report_of_c(rig).filled, 0); /* that one is known to have ended */
    record.report.run = LATER_RUN;
    peer_tells_record(rig, 'B', 'C', 11, &record);
    assert_int_equal(report_of_c(rig).filled, 3);
    rig_free(rig);
}

static void one_whose_log_is_shorter_than_it_was_has_drained_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member_record record = record_of_c(RUN_OF_C);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    peer_dies(rig, 'C');
    pass_ms(rig, 60);
    struct message_hello hello = rig_hello(rig, 'C', 0, false);
    hello.run = LATER_RUN;
    hello.membership = 1;
    link_sends_hello(rig, link_connects(rig, 'C'), &hello);
    assert_int_equal(report_of_c(rig).drained, 1);
    rig_free(rig);
}

/* ---- the log ---- */

static void one_that_is_behind_is_told_and_one_that_is_ahead_is_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    pass_ms(rig, 3000);
    rig_forget(rig);
    rig->shows_gossip = true;
    peer_summary(rig, 'B', 2);
    says(rig, "B: membership 3");
    peer_summary(rig, 'B', 3);
    says_nothing(rig);
    peer_summary(rig, 'B', 4);
    says(rig, "B: gossip summary as an answer of version 3");
    rig_free(rig);
}

/* The next entry: that one is dead. */
static void frame_excuse(struct rig *rig, struct buffer *frames, char member) {
    struct membership log;
    struct membership entry;
    struct ring *ring;
    struct membership_event event = {.lamport = 4, .issuer = rig->ids[1], .kind = MEMBERSHIP_EXCUSE};
    struct buffer events;
    event.member.id = rig->ids[member - 'A'];
    membership_init(&log);
    membership_init(&entry);
    buffer_init(&events);
    (void)membership_merge(&log, &rig->birth);
    assert_int_equal(membership_add(&log, &event), MEMBERSHIP_ADDED);
    assert_int_equal(membership_add(&entry, &event), MEMBERSHIP_ADDED);
    assert_int_equal(ring_successor(rig->ring, &log, &ring), RING_OK);
    membership_encode(&events, &entry, 0);
    struct message_membership message = {.version = 4, .ring = ring_digest(ring), .events = buffer_view(&events)};
    message_encode_membership(frames, &message);
    buffer_release(&events);
    membership_release(&entry);
    membership_release(&log);
    ring_free(rig->ring);
    rig->ring = ring;
}

static void a_removed_member_stays_out(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member_record record = record_of_c(RUN_OF_C);
    struct gossip_record found;
    struct buffer frames;
    buffer_init(&frames);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    assert_true(gossip_record(&rig->shard->records.gossip, (struct member_index){2}, &found));
    frame_excuse(rig, &frames, 'C');
    peer_sends(rig, 'B', 0, false, &frames);
    assert_int_equal(shard_membership_version(rig->shard), 4);
    assert_false(gossip_record(&rig->shard->records.gossip, (struct member_index){2}, &found));
    peer_tells_record(rig, 'B', 'C', 11, &record);
    assert_false(gossip_record(&rig->shard->records.gossip, (struct member_index){2}, &found));
    assert_int_equal(report_of_c(rig).drained, 0);
    buffer_release(&frames);
    rig_free(rig);
}

static void a_stale_restart_is_brought_up_to_date_before_anything_else(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true});
    struct buffer frames;
    buffer_init(&frames);
    frame_excuse(rig, &frames, 'C'); /* and the peers know it */
    rig->shows_links = true;
    struct fake_link *link = link_connects(rig, 'B');
    says(rig, "B: hello");
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    assert_int_equal(hello.membership, 4);
    link_sends_hello(rig, link, &hello);
    says_nothing(rig); /* not up: the log comes first */
    assert_int_equal(shard_membership_version(rig->shard), 3);
    link_sends(rig, link, buffer_view(&frames));
    says(rig, "up B small");
    assert_int_equal(shard_membership_version(rig->shard), 4);
    buffer_release(&frames);
    rig_free(rig);
}

/* ---- addresses ---- */

static void a_member_is_dialed_and_shown_where_it_says_that_it_is(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member_record record = record_at("10.0.1.3:7000", "10.0.1.3:17000", LATER_RUN);
    assert_true(nodes_show(rig, "10.0.0.3:7000@17000"));
    peer_dies(rig, 'C');
    pass_ms(rig, 500);
    rig->moved_to[2] = "10.0.1.3:17000";
    rig->shows_links = true;
    rig_forget(rig);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    pass_ms(rig, 3000);
    says_nothing(rig); /* what was dialed before is still under way */
    for (size_t i = 0; i < RIG_LINKS; i++) {
        if (rig->links[i].state == FAKE_DIALING) {
            link_breaks(rig, &rig->links[i]);
        }
    }
    rig_forget(rig);
    pass_ms(rig, 60);
    says(rig, "dials C", "dials C");
    assert_true(nodes_show(rig, "10.0.1.3:7000@17000"));
    assert_false(nodes_show(rig, "10.0.0.3:7000"));
    rig_free(rig);
}

static void the_node_s_other_shards_are_told_where_a_member_is(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.shard_count = 2});
    struct member_record record = record_at("10.0.1.3:7000", "10.0.1.3:17000", RUN_OF_C);
    rig_forget(rig);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    says(rig, "shard 1: addresses of C: 10.0.1.3:7000 10.0.1.3:17000");
    peer_tells_record(rig, 'B', 'C', 11, &record);
    says_nothing(rig);
    rig_free(rig);
}

static void a_restart_knows_where_members_were_last(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct member_record record = record_at("10.0.1.3:7000", "10.0.1.3:17000", RUN_OF_C);
    peer_tells_record(rig, 'B', 'C', 10, &record);
    pass_ms(rig, 200);
    struct membership log;
    struct roster_kept found;
    struct buffer kept;
    buffer_init(&kept);
    buffer_append_view(&kept, buffer_view(&rig->disk.membership));
    rig_free(rig);
    membership_init(&log);
    assert_true(roster_read(buffer_view(&kept), &log, &found));
    assert_int_equal(log.count, 3);
    membership_release(&log);
    rig = rig_new((struct rig_options){.addresses = found.addresses});
    assert_string_equal(shard_peer_address(rig->shard, (struct member_index){2}), "10.0.1.3:17000");
    assert_true(nodes_show(rig, "10.0.1.3:7000@17000"));
    record = record_at("10.0.1.2:7000", "10.0.1.2:17000", RUN_OF_B);
    peer_tells_record(rig, 'B', 'B', 10, &record);
    pass_ms(rig, 200); /* and it keeps them on, beside others */
    struct roster_kept again;
    struct node_id id;
    struct member_addresses addresses;
    membership_init(&log);
    assert_true(roster_read(buffer_view(&rig->disk.membership), &log, &again));
    membership_release(&log);
    struct reader list = reader_of(again.addresses);
    bool has_both[2] = {false, false};
    while (addresses_list_next(&list, &id, &addresses)) {
        has_both[0] = has_both[0] || strcmp(addresses.peer, "10.0.1.2:17000") == 0;
        has_both[1] = has_both[1] || strcmp(addresses.peer, "10.0.1.3:17000") == 0;
    }
    assert_true(has_both[0] && has_both[1]);
    buffer_release(&kept);
    rig_free(rig);
}

static void for_itself_a_node_goes_by_its_configuration(void **state) {
    (void)state;
    struct buffer list;
    buffer_init(&list);
    (void)list_of(&list, 'A', "10.0.2.1:7000", "10.0.2.1:17000");
    struct rig *rig = rig_new((struct rig_options){.configured_addresses = buffer_view(&list)});
    assert_true(nodes_show(rig, "10.0.2.1:7000@17000 myself"));
    peer_wants(rig, 'B', 'A');
    assert_string_equal(rig->last_record.addresses.peer, "10.0.2.1:17000");
    buffer_release(&list);
    rig_free(rig);
}

static void one_that_is_not_where_it_was_is_looked_for_where_the_configuration_says(void **state) {
    (void)state;
    struct buffer list;
    buffer_init(&list);
    (void)list_of(&list, 'B', "10.0.2.2:7000", "10.0.2.2:17000");
    struct rig *rig =
        rig_new((struct rig_options){.members = 2, .configured_addresses = buffer_view(&list), .stays_alone = true});
    rig->shows_links = true;
    for (size_t i = 0; i < 2; i++) {
        link_breaks(rig, &rig->links[i]);
    }
    pass_ms(rig, 60);
    says(rig, "dials 10.0.2.2:17000", "dials 10.0.2.2:17000");
    assert_true(nodes_show(rig, "10.0.0.2:7000")); /* it has not said so itself */
    buffer_release(&list);
    rig_free(rig);
}

/* ---- knocking ---- */

static void one_that_is_not_dialed_knocks(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2, .self = 1, .stays_alone = true});
    rig->shows_links = true;
    pass_ms(rig, 900);
    says_nothing(rig);
    pass_ms(rig, 200);
    says(rig, "dials A");
    struct fake_link *link = link_connects(rig, 'A');
    says(rig, "A: knock");
    assert_string_equal(rig->last_record.addresses.peer, "10.0.0.2:17000");
    link_breaks(rig, link); /* A hangs up */
    pass_ms(rig, 1000);
    says(rig, "dials A");
    peer_dials(rig, 'A');
    says(rig, "up A small", "A: hello", "up A bulk", "A bulk: hello");
    link_breaks(rig, link_connects(rig, 'A')); /* the second knock */
    rig->is_away[0] = false;
    rig_forget(rig);
    pass_ms(rig, 3000);
    says_nothing(rig);
    rig_free(rig);
}

typedef void spoil_hello(struct message_hello *hello);

static void knock(struct rig *rig, spoil_hello *spoil, const struct member_record *record) {
    struct fake_link *link = link_accepts(rig, 'B', 0, false);
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    struct buffer frames;
    buffer_init(&frames);
    hello.is_knock = true;
    if (spoil != NULL) {
        spoil(&hello);
    }
    message_encode_hello(&frames, &hello);
    record_frame(rig, &frames, 'B', 10, record);
    link_sends(rig, link, buffer_view(&frames));
    buffer_release(&frames);
}

static struct rig *looking_for_b(void) {
    struct rig *rig = rig_new((struct rig_options){.members = 2, .stays_alone = true});
    rig->moved_to[1] = "10.0.1.2:17000";
    rig->shows_links = true;
    for (size_t i = 0; i < 2; i++) {
        link_breaks(rig, &rig->links[i]);
    }
    rig_forget(rig);
    return rig;
}

static void one_that_knocks_is_dialed_where_it_is(void **state) {
    (void)state;
    struct rig *rig = looking_for_b();
    struct member_record record = record_at("10.0.1.2:7000", "10.0.1.2:17000", LATER_RUN);
    knock(rig, NULL, &record);
    says(rig, "closes B");
    pass_ms(rig, 0);
    says(rig, "dials B", "dials B");
    assert_string_equal(shard_peer_address(rig->shard, (struct member_index){1}), "10.0.1.2:17000");
    rig_free(rig);
}

static void a_knock_of_one_that_forgot_what_it_told_is_contradicted(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 3, .stays_alone = false});
    struct member_record before = record_at("10.0.0.2:7000", "10.0.0.2:17000", 1001);
    struct member_record record = record_at("10.0.1.2:7000", "10.0.1.2:17000", LATER_RUN);
    peer_tells_record(rig, 'C', 'B', 20, &before);
    peer_dies(rig, 'B');
    rig->shows_gossip = true;
    rig_forget(rig);
    knock(rig, NULL, &record);
    says(rig, "B: gossip records B");
    assert_string_equal(shard_peer_address(rig->shard, (struct member_index){1}), "10.0.0.2:17000");
    rig_free(rig);
}

static void contradicted_it_goes_above_what_it_told_and_knocks_again(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2, .self = 1, .stays_alone = true});
    struct member_record before = record_at("10.0.9.2:7000", "10.0.9.2:17000", 6);
    struct buffer frames;
    buffer_init(&frames);
    pass_ms(rig, 1100);
    struct fake_link *link = link_connects(rig, 'A');
    uint64_t generation = rig->last_stamp.generation + 1000;
    record_frame(rig, &frames, 'B', generation, &before);
    rig->shows_links = true;
    rig_forget(rig);
    link_sends(rig, link, buffer_view(&frames));
    says(rig, "closes A");
    pass_ms(rig, 100);
    says(rig, "dials A");
    (void)link_connects(rig, 'A');
    says(rig, "A: knock");
    assert_true(rig->last_stamp.generation > generation);
    assert_string_equal(rig->last_record.addresses.peer, "10.0.0.2:17000");
    buffer_release(&frames);
    rig_free(rig);
}

static void from_another_cluster(struct message_hello *hello) {
    hello->cluster.bytes[3] ^= 1;
}

static void from_no_member(struct message_hello *hello) {
    hello->node.bytes[5] = 9;
}

static void for_another_node(struct message_hello *hello) {
    hello->to.bytes[0] = 'C';
}

static void a_knock_of_a_stranger_changes_nothing(void **state) {
    (void)state;
    static const struct {
        spoil_hello *spoil;
        const char *refusal;
    } cases[] = {
        {from_another_cluster, "refused: the other end belongs to another cluster..."},
        {from_no_member, "refused: the other end is no member of this cluster..."},
        {for_another_node, "refused: the other end looks for another node..."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig *rig = looking_for_b();
        struct member_record record = record_at("10.0.1.2:7000", "10.0.1.2:17000", LATER_RUN);
        knock(rig, cases[i].spoil, &record);
        says(rig, cases[i].refusal, "closes B");
        assert_string_equal(shard_peer_address(rig->shard, (struct member_index){1}), "10.0.0.2:17000");
        rig_free(rig);
    }
}

static void a_knock_takes_no_lane(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    struct member_record record = record_at("10.0.0.2:7000", "10.0.0.2:17000", 1001);
    rig->shows_links = true;
    knock(rig, NULL, &record);
    says(rig, "closes B"); /* and the link that is up is the same */
    assert_int_equal(shard_reachable_members(rig->shard), 2);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_tells_where_its_member_is_and_how_far),
        cmocka_unit_test(a_later_run_has_a_later_generation_though_its_clock_was_set_back),
        cmocka_unit_test(a_report_counts_whoever_brings_it),
        cmocka_unit_test(what_an_ended_run_has_filled_does_not_count),
        cmocka_unit_test(what_a_run_has_filled_counts_no_more_when_the_next_one_greets),
        cmocka_unit_test(one_whose_log_is_shorter_than_it_was_has_drained_nothing),
        cmocka_unit_test(one_that_is_behind_is_told_and_one_that_is_ahead_is_answered),
        cmocka_unit_test(a_removed_member_stays_out),
        cmocka_unit_test(a_stale_restart_is_brought_up_to_date_before_anything_else),
        cmocka_unit_test(a_member_is_dialed_and_shown_where_it_says_that_it_is),
        cmocka_unit_test(the_node_s_other_shards_are_told_where_a_member_is),
        cmocka_unit_test(a_restart_knows_where_members_were_last),
        cmocka_unit_test(for_itself_a_node_goes_by_its_configuration),
        cmocka_unit_test(one_that_is_not_where_it_was_is_looked_for_where_the_configuration_says),
        cmocka_unit_test(one_that_is_not_dialed_knocks),
        cmocka_unit_test(one_that_knocks_is_dialed_where_it_is),
        cmocka_unit_test(a_knock_of_a_stranger_changes_nothing),
        cmocka_unit_test(a_knock_of_one_that_forgot_what_it_told_is_contradicted),
        cmocka_unit_test(contradicted_it_goes_above_what_it_told_and_knocks_again),
        cmocka_unit_test(a_knock_takes_no_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
