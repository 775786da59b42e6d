/* What clients are told of the ring: CLUSTER SLOTS, SHARDS, NODES, INFO, MYID, KEYSLOT, and INFO's section, with all
 * peers there and with some down (Redis command reference; core/cluster_view.h). */
#include "core_harness.h"

#include "wire/resp_reader.h"

#include <stdio.h>
#include <string.h>

/* The only line written down, without its "client: ", as a string. */
static const char *reply(struct rig *rig, const char *command) {
    rig_forget(rig);
    client(rig, "%s", command);
    struct view text = buffer_view(&rig->log);
    char *copy = arena_take(&rig->notation.arena, text.size + 1);
    assert_true(text.size > 8);
    memcpy(copy, text.data + 8, text.size - 8);
    copy[text.size - 8] = '\0';
    rig_forget(rig);
    return copy;
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

/* Slots of each host 10.0.0.(i + 1) in a reply of CLUSTER SLOTS; every slot once, in order. */
static unsigned slots_by_host(const char *text, unsigned slots[RIG_MEMBERS]) {
    unsigned total = 0;
    unsigned next = 0;
    const char *at = text[0] == '[' ? text + 1 : text;
    memset(slots, 0, sizeof(unsigned) * RIG_MEMBERS);
    while ((at = strstr(at, "[:")) != NULL) {
        unsigned first, last, host, port;
        assert_int_equal(sscanf(at, "[:%u, :%u, [10.0.0.%u, :%u, ", &first, &last, &host, &port), 4);
        assert_true(first >= next && last >= first && last < SLOT_COUNT && host >= 1 && host <= RIG_MEMBERS);
        assert_int_equal(port, 7000);
        slots[host - 1] += last - first + 1;
        total += last - first + 1;
        next = last + 1;
        at += 2;
    }
    return total;
}

static void slots_list_every_slot_once_at_its_first_owner(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    unsigned slots[RIG_MEMBERS];
    const char *text = reply(rig, "CLUSTER SLOTS");
    assert_int_equal(slots_by_host(text, slots), SLOT_COUNT);
    for (uint16_t i = 0; i < 3; i++) {
        uint32_t owned = ring_first_owned_count(rig->ring, (struct member_index){i});
        assert_int_equal(slots[i], owned * (SLOT_COUNT / ring_partition_count(rig->ring)));
    }
    assert_non_null(strstr(text, "4100000000000000000000000000000000000000")); /* A's id, and eight zeros */
    rig_free(rig);
}

static void slots_of_a_peer_that_is_down_move_to_the_next_owner(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    unsigned slots[RIG_MEMBERS];
    peer_dies(rig, 'B');
    const char *text = reply(rig, "CLUSTER SLOTS");
    assert_int_equal(slots_by_host(text, slots), SLOT_COUNT);
    assert_int_equal(slots[1], 0);
    assert_int_equal(count(text, "10.0.0.2"), 0);
    peer_dies(rig, 'C');
    text = reply(rig, "CLUSTER SLOTS");
    assert_int_equal(slots_by_host(text, slots), SLOT_COUNT);
    assert_int_equal(slots[0], SLOT_COUNT);
    assert_int_equal(count(text, "[:"), 1); /* neighbours of one primary are one range */
    rig_free(rig);
}

static void slots_that_nobody_serves_are_left_out(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    unsigned slots[RIG_MEMBERS];
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    peer_dies(rig, 'D');
    unsigned total = slots_by_host(reply(rig, "CLUSTER SLOTS"), slots);
    uint32_t owned = ring_replica_owned_count(rig->ring, (struct member_index){0});
    assert_int_equal(total, owned * (SLOT_COUNT / ring_partition_count(rig->ring)));
    assert_true(total < SLOT_COUNT);
    const char *text = reply(rig, "CLUSTER INFO");
    char line[64];
    (void)snprintf(line, sizeof(line), "cluster_slots_ok:%u\r\n", total);
    assert_non_null(strstr(text, "cluster_state:fail\r\n"));
    assert_non_null(strstr(text, line));
    (void)snprintf(line, sizeof(line), "cluster_slots_pfail:%u\r\n", SLOT_COUNT - total);
    assert_non_null(strstr(text, line));
    rig_free(rig);
}

static void a_silent_peer_is_not_listed_until_it_is_heard(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->is_silent[1] = true;
    pass_ms(rig, 800);
    assert_int_equal(count(reply(rig, "CLUSTER SLOTS"), "10.0.0.2"), 0);
    peer_pings(rig, 'B');
    assert_true(count(reply(rig, "CLUSTER SLOTS"), "10.0.0.2") > 0);
    rig_free(rig);
}

static void info_is_well_while_every_slot_has_an_owner_in_reach(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'B');
    const char *text = reply(rig, "CLUSTER INFO");
    assert_non_null(strstr(text, "cluster_state:ok\r\n"));
    assert_non_null(strstr(text, "cluster_slots_assigned:16384\r\n"));
    assert_non_null(strstr(text, "cluster_slots_ok:16384\r\n"));
    assert_non_null(strstr(text, "cluster_known_nodes:3\r\n"));
    assert_non_null(strstr(text, "cluster_size:3\r\n"));
    rig_free(rig);
}

static void nodes_name_all_and_mark_who_is_down(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    const char *text = reply(rig, "CLUSTER NODES");
    assert_int_equal(count(text, "\n"), 3 + 1); /* a line each, and the end of the reply */
    assert_non_null(strstr(text, "4100000000000000000000000000000000000000 10.0.0.1:7000@17000 myself,master - 0 0 "));
    assert_non_null(strstr(text, "4200000000000000000000000000000000000000 10.0.0.2:7000@17000 master - 0 0 "));
    assert_int_equal(count(text, " connected"), 3);
    peer_dies(rig, 'B');
    text = reply(rig, "CLUSTER NODES");
    assert_int_equal(count(text, "\n"), 3 + 1);
    const char *line = strstr(text, "10.0.0.2:7000@17000 master,fail? - 0 0 ");
    assert_non_null(line);
    const char *state_of_b = strstr(line, "disconnected");
    assert_true(state_of_b != NULL && state_of_b[strlen("disconnected")] == '\n'); /* and it has no slots */
    assert_int_equal(count(text, " connected"), 2);
    rig_free(rig);
}

static void shards_list_the_living(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    const char *text = reply(rig, "CLUSTER SHARDS");
    assert_int_equal(count(text, "[slots, "), 3);
    assert_int_equal(count(text, "role, master"), 3);
    assert_int_equal(count(text, "health, online"), 3);
    assert_non_null(strstr(text, "endpoint, 10.0.0.3"));
    peer_dies(rig, 'C');
    text = reply(rig, "CLUSTER SHARDS");
    assert_int_equal(count(text, "[slots, "), 2);
    assert_int_equal(count(text, "10.0.0.3"), 0);
    rig_free(rig);
}

static void shards_list_every_slot_range_as_a_pair(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 1});
    assert_non_null(strstr(reply(rig, "CLUSTER SHARDS"), "[slots, [:0, :16383], nodes, ["));
    rig_free(rig);
}

static void myid_and_keyslot(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "CLUSTER MYID");
    says(rig, "client: 4100000000000000000000000000000000000000");
    client(rig, "CLUSTER KEYSLOT somekey");
    says(rig, "client: :11058"); /* Redis' documentation */
    client(rig, "cluster keyslot foo{hash_tag}");
    says(rig, "client: :2515");
    client(rig, "CLUSTER FORGET x");
    says(rig, "client: -ERR...");
    rig_free(rig);
}

static void information_tells_of_members_quorums_and_outcomes(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    disk_done(rig);
    answer(rig, 'B', "stored");
    client(rig, "GET k");
    answer_nth(rig, 'B', 1, "same");
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "SET k w");
    client(rig, "GET k");
    const char *text = reply(rig, "INFO cluster");
    assert_non_null(strstr(text, "cluster_enabled:1\r\n"));
    assert_non_null(strstr(text, "gramme_members:3\r\n"));
    assert_non_null(strstr(text, "gramme_members_reachable:1\r\n"));
    assert_non_null(strstr(text, "gramme_replicas_effective:3\r\n"));
    assert_non_null(strstr(text, "gramme_coordinated_writes:1\r\n"));
    assert_non_null(strstr(text, "gramme_coordinated_reads:1\r\n"));
    assert_non_null(strstr(text, "gramme_error_noreplicas:1\r\n"));
    assert_non_null(strstr(text, "gramme_error_noquorum:1\r\n"));
    assert_null(strstr(text, "gramme_warning"));
    rig_free(rig);
}

static void information_warns_of_fewer_members_than_replicas(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    assert_non_null(strstr(reply(rig, "INFO cluster"), "gramme_warning:fewer members than replicas"));
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_list_every_slot_once_at_its_first_owner),
        cmocka_unit_test(slots_of_a_peer_that_is_down_move_to_the_next_owner),
        cmocka_unit_test(slots_that_nobody_serves_are_left_out),
        cmocka_unit_test(a_silent_peer_is_not_listed_until_it_is_heard),
        cmocka_unit_test(info_is_well_while_every_slot_has_an_owner_in_reach),
        cmocka_unit_test(nodes_name_all_and_mark_who_is_down),
        cmocka_unit_test(shards_list_the_living),
        cmocka_unit_test(shards_list_every_slot_range_as_a_pair),
        cmocka_unit_test(myid_and_keyslot),
        cmocka_unit_test(information_tells_of_members_quorums_and_outcomes),
        cmocka_unit_test(information_warns_of_fewer_members_than_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
