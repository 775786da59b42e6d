/* What may go wrong while the ring changes, each once found by an adversary. */
#include "core_harness.h"

#include "core/shard_state.h"

#include <stdio.h>

enum { Q = 256 };

/* The rig's shard is not lent the log that its ring is of. */
static void lend_log(struct rig *rig) {
    for (uint32_t i = 0; i < rig->options.members; i++) {
        struct membership_event event = {.lamport = i + 1, .kind = MEMBERSHIP_JOIN};
        event.issuer = rig->ids[i];
        event.member = *ring_member(rig->ring, (struct member_index){(uint16_t)i});
        (void)membership_add(&rig->shard->roster.log, &event);
    }
}

struct chain {
    struct membership log;
    uint64_t version;
};

static void then(struct rig *rig, struct chain *chain, const struct membership_event *events, size_t count) {
    if (chain->version == 0) {
        membership_init(&chain->log);
        chain->version = roster_version(rig->shard);
    }
    chain->version++;
    for (size_t i = 0; i < count; i++) {
        struct membership_event event = events[i];
        event.lamport = chain->version;
        event.issuer = rig->ids[1];
        if (event.kind >= MEMBERSHIP_MOVE && event.kind != MEMBERSHIP_EXCUSE) {
            event.member.id = event.issuer;
        }
        assert_int_equal(membership_add(&chain->log, &event), MEMBERSHIP_ADDED);
    }
}

static void then_one(struct rig *rig, struct chain *chain, enum membership_kind kind) {
    then(rig, chain, &(struct membership_event){.kind = kind}, 1);
}

/* The shard learns all that is in the chain, at once. */
static void adopts(struct rig *rig, struct chain *chain) {
    struct buffer events;
    buffer_init(&events);
    membership_encode(&events, &chain->log, roster_version(rig->shard));
    step_begin(rig);
    assert_true(roster_chosen(rig->shard, buffer_view(&events)));
    step_end(rig);
    buffer_release(&events);
    membership_release(&chain->log);
    chain->version = 0;
}

/* The change, its move and the phases up to that one, learned at once. */
static void adopts_move(struct rig *rig, struct chain *chain, struct membership_event change,
                        enum membership_kind last) {
    static const enum membership_kind phases[] = {MEMBERSHIP_JOINT, MEMBERSHIP_COMMIT, MEMBERSHIP_DONE,
                                                  MEMBERSHIP_SETTLED};
    struct membership_event move[2] = {change, {.kind = MEMBERSHIP_MOVE}};
    size_t next = 0;
    then(rig, chain, move, 2);
    do {
        then_one(rig, chain, phases[next]);
    } while (phases[next++] != last);
    adopts(rig, chain);
}

static struct membership_event weight(const struct rig *rig, char who, uint32_t weight) {
    struct membership_event event = {.kind = MEMBERSHIP_WEIGHT};
    event.member.id = rig->ids[who - 'A'];
    event.member.weight = weight;
    return event;
}

static struct membership_event leave(const struct rig *rig, char who) {
    struct membership_event event = {.kind = MEMBERSHIP_LEAVE};
    event.member.id = rig->ids[who - 'A'];
    return event;
}

static void all_have_drained(struct rig *rig) {
    static uint64_t generation = 10;
    generation++;
    for (uint16_t i = 0; i < rig->options.members; i++) {
        if (i == rig->options.self) {
            continue;
        }
        struct member_record record = {
            .report = {.run = rig->shard->peers[i].run, .drained = roster_version(rig->shard)}};
        const struct member *member = ring_member(rig->shard->ring, (struct member_index){i});
        (void)snprintf(record.addresses.client, sizeof(record.addresses.client), "%s", member->client_address);
        (void)snprintf(record.addresses.peer, sizeof(record.addresses.peer), "%s", member->peer_address);
        peer_tells_record(rig, 'B', (char)('A' + i), generation, &record);
    }
    pass_ms(rig, 500);
}

static uint32_t count_role(const struct rig *rig, enum replica_role role) {
    uint32_t count = 0;
    for (uint16_t i = 0; i < Q; i++) {
        count += replica_role(rig->shard, (struct partition){i}) == role ? 1 : 0;
    }
    return count;
}

/* A key of a partition that has that role here now. */
static void key_of_role(struct rig *rig, const char *alias, enum replica_role role) {
    struct rig_key *key = &rig->keys[rig->key_count++];
    (void)snprintf(key->alias, sizeof(key->alias), "%s", alias);
    for (int number = 0; number < 100000; number++) {
        (void)snprintf(key->name, sizeof(key->name), "%s%d", alias, number);
        if (replica_role(rig->shard, ring_partition_of_key(rig->shard->ring, view_of_string(key->name))) == role) {
            return;
        }
    }
    fail_msg("no partition of that role");
}

/* ---- 1: a wiped node that learns of a whole move at once takes its empty partitions for filled ---- */

static void a_wiped_node_is_not_informed_by_learning_of_a_move_that_is_over(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .was_unclean = true});
    struct chain chain = {0};
    lend_log(rig);
    rig->shard->options.is_refilling = true; /* its store is new */
    bool was_holder[Q];
    for (uint16_t i = 0; i < Q; i++) {
        was_holder[i] = replica_role(rig->shard, (struct partition){i}) == ROLE_HOLDER;
    }
    adopts_move(rig, &chain, leave(rig, 'E'), MEMBERSHIP_SETTLED);
    assert_int_equal(ring_phase(rig->shard->ring), RING_REST);
    uint32_t gained = 0;
    uint32_t believed = 0;
    for (uint16_t i = 0; i < Q; i++) {
        struct partition partition = {i};
        bool is_new = !was_holder[i] && replica_role(rig->shard, partition) == ROLE_HOLDER;
        gained += is_new ? 1 : 0;
        believed += is_new && replica_is_informed(rig->shard, &rig->keyspaces.keyspaces[0], partition) ? 1 : 0;
    }
    assert_true(gained > 0);
    assert_int_equal(believed, 0); /* it has met nobody, and holds nothing */
    rig_free(rig);
}

/* ---- 2: records lost after `filled` was told, before COMMIT is adopted ---- */

static void what_was_lost_before_the_commit_stays_lost(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, weight(rig, 'A', 50), MEMBERSHIP_JOINT);
    struct partition partition = {0};
    while (!replica_is_filling(rig->shard, partition)) {
        partition.value++;
        assert_true(partition.value < Q);
    }
    step_begin(rig);
    replica_lost(rig->shard, partition); /* it was filled, and said so; now a record is found damaged */
    step_end(rig);
    assert_true(rig->shard->replica.is_lost[partition.value]);
    then_one(rig, &chain, MEMBERSHIP_COMMIT); /* chosen on the word of before */
    adopts(rig, &chain);
    assert_false(replica_is_informed(rig->shard, &rig->keyspaces.keyspaces[0], partition));
    rig_free(rig);
}

/* ---- 3: a former owner for ever ---- */

static void nobody_is_a_former_owner_at_rest(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .read_quorum = 3, .write_quorum = 1});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, weight(rig, 'B', 50),
                MEMBERSHIP_SETTLED); /* a wiped one, or one that crashed before it noted that it was clean */
    all_have_drained(rig);
    pass_ms(rig, 60000);
    assert_int_equal(count_role(rig, ROLE_FORMER), 0);
    rig_free(rig);
}

static void a_fallback_at_rest_keeps_a_hint(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .read_quorum = 3, .write_quorum = 1});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, weight(rig, 'B', 50), MEMBERSHIP_SETTLED);
    all_have_drained(rig);
    pass_ms(rig, 10000);
    key_of_role(rig, "f", ROLE_FALLBACK);
    for (char peer = 'B'; peer <= 'E'; peer++) {
        peer_dies(rig, peer);
    }
    rig_forget(rig);
    client(rig, "SET f v");
    disk_done(rig);
    /* OK is said. It must lie among the hints, and go home. */
    assert_int_equal(disk_record(&rig->disk, rig_key_name(rig, "f"))->family, STORAGE_HINTS);
    rig_free(rig);
}

/* ---- fewer replicas: with W = 2 of 3 the one that stays may be the one that lacks a value ---- */

static void who_is_to_be_the_only_owner_must_have_met_the_others(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 3});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, (struct membership_event){.kind = MEMBERSHIP_REPLICAS, .replica_count = 1},
                MEMBERSHIP_JOINT);
    all_have_drained(rig);
    uint32_t owned = 0;
    for (uint16_t i = 0; i < Q; i++) {
        uint32_t count;
        const struct member_index *others = ring_other_owners(rig->shard->ring, (struct partition){i}, &count);
        assert_int_equal(count, 1);
        owned += member_index_equal(others[0], rig->shard->self) ? 1 : 0;
    }
    assert_true(owned > 0);
    assert_int_equal(rig->shard->moves.to_fill, owned);
    assert_int_equal(rig->shard->moves.filled,
                     0); /* nobody has told what he has since nobody writes to the old alone */
    assert_true(rig->shard->moves.own.filled < roster_version(rig->shard));
    rig_free(rig);
}

/* ---- 4: what a former owner coordinates while it deletes ---- */

static void a_former_owner_deletes_nothing_that_it_acknowledged_since(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .read_quorum = 3, .write_quorum = 1});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, weight(rig, 'B', 50), MEMBERSHIP_DONE);
    rig->holds_scans = true;
    all_have_drained(rig); /* nothing is held: it begins to delete at once */
    assert_int_equal(rig->shard->farewell.state, FAREWELL_DELETING);
    struct partition partition = rig->shard->farewell.partition;
    struct rig_key *key = &rig->keys[rig->key_count++];
    (void)snprintf(key->alias, sizeof(key->alias), "f");
    for (int number = 0;; number++) {
        (void)snprintf(key->name, sizeof(key->name), "f%d", number);
        if (ring_partition_of_key(rig->ring, view_of_string(key->name)).value == partition.value) {
            break;
        }
    }
    for (char peer = 'B'; peer <= 'E'; peer++) {
        peer_dies(rig, peer); /* as the shard sees it */
    }
    rig_forget(rig);
    client(rig, "SET f v");
    disk_done(rig);
    /* It stands in for nobody: what it took now it would delete. */
    says(rig, "client: -NOREPLICAS too few of the key's owners are in reach; nothing was done");
    rig_free(rig);
}

/* ---- 5: EXCUSE while a former owner deletes ---- */

static void another_version_does_not_end_a_farewell_for_ever(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, weight(rig, 'B', 50), MEMBERSHIP_DONE);
    rig->holds_scans = true;
    all_have_drained(rig);
    assert_int_equal(rig->shard->farewell.state, FAREWELL_DELETING);
    struct membership_event excuse = {.kind = MEMBERSHIP_EXCUSE};
    excuse.member.id = rig->ids['E' - 'A'];
    then(rig, &chain, &excuse, 1);
    adopts(rig, &chain);
    rig->holds_scans = false;
    scan_answers(rig, false, true);
    all_have_drained(rig);
    for (int round = 0; round < 100; round++) {
        all_have_drained(rig);
    }
    assert_int_equal(count_role(rig, ROLE_FORMER), 0);
    rig_free(rig);
}

/* ---- 6: a hint on its way when this node becomes an owner ---- */

/* D keeps a hint of "h" for B and C, of which it becomes an owner to come. */
static void keep_a_hint_and_become_an_owner(struct rig *rig, struct chain *chain) {
    lend_log(rig);
    pass_ms(rig, 4000);
    struct membership_event move[2] = {weight(rig, 'D', 50), {.kind = MEMBERSHIP_MOVE}};
    /* A key of A, B, C that D is to own. */
    struct membership log;
    struct ring *joint;
    membership_init(&log);
    (void)membership_merge(&log, &rig->shard->roster.log);
    for (int i = 0; i < 2; i++) {
        struct membership_event event = move[i];
        event.lamport = roster_version(rig->shard) + 1;
        event.issuer = rig->ids[1];
        event.member.id = event.kind == MEMBERSHIP_MOVE ? event.issuer : event.member.id;
        (void)membership_add(&log, &event);
    }
    struct membership_event begins = {
        .lamport = roster_version(rig->shard) + 2, .issuer = rig->ids[1], .kind = MEMBERSHIP_JOINT};
    begins.member.id = rig->ids[1];
    (void)membership_add(&log, &begins);
    assert_int_equal(ring_successor(rig->ring, &log, &joint), RING_OK);
    membership_release(&log);
    struct rig_key *key = &rig->keys[rig->key_count++];
    (void)snprintf(key->alias, sizeof(key->alias), "h");
    for (int number = 0;; number++) {
        (void)snprintf(key->name, sizeof(key->name), "h%d", number);
        struct partition partition = ring_partition_of_key(rig->ring, view_of_string(key->name));
        struct member_index b = {1};
        struct member_index c = {2};
        if (ring_is_owner(rig->ring, partition, b) && ring_is_owner(rig->ring, partition, c) &&
            !ring_is_owner(rig->ring, partition, rig->shard->self) &&
            ring_is_holder(joint, partition, rig->shard->self)) {
            break;
        }
    }
    ring_free(joint);
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'B');
    disk_done(rig);
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'C');
    disk_done(rig);
    pass_ms(rig, 300);
    assert_int_equal(rig->shard->hints.held, 1);
    assert_int_equal(rig->shard->hints.deliveries.size, 2); /* on its way to both */
    adopts_move(rig, chain, move[0], MEMBERSHIP_JOINT);
}

static void a_damaged_hint_costs_the_new_owner_no_object(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .self = 3});
    struct chain chain = {0};
    keep_a_hint_and_become_an_owner(rig, &chain);
    disk_record(&rig->disk, rig_key_name(rig, "h"))->is_damaged = true;
    pass_ms(rig, 300);
    assert_int_equal(rig->shard->hints.held, 0);
    assert_int_equal(rig->shard->hints.lost, 1);
    assert_false(rig->shard->replica.is_lost[rig_partition(rig, "h").value]);
    rig_free(rig);
}

static void hints_are_not_counted_off_twice(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .self = 3});
    struct chain chain = {0};
    struct wall_time written = rig->notation.wall;
    keep_a_hint_and_become_an_owner(rig, &chain);
    /* D is an owner to come, and has the same object as its own: by a put of JOINT, or since it absorbed the hint. (The
     * rig's disk has one record of a key, whatever the family.) */
    for (char owner = 'B'; owner <= 'C'; owner++) {
        disk_record_set(disk_record(&rig->disk, rig_key_name(rig, "h")), (struct view){0});
        rig->notation.wall = written; /* the same object */
        peer_puts(rig, 'A', "h", "b1=v", 0);
        disk_done(rig);
        answer(rig, owner, "stored");
    }
    assert_true(rig->shard->hints.held <= 1);
    assert_true(hints_have_room(rig->shard));
    rig_free(rig);
}

/* By the birth's ring it owns what by the present one, which it is still to hear of, it may keep hints of. */
static void without_a_log_all_partitions_are_searched_for_hints(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    assert_int_equal(rig->shard->hints.uncounted, 0);
    rig_free(rig);
    rig = rig_new((struct rig_options){.log_is_new = true});
    assert_true(rig->shard->hints.uncounted > 0);
    rig_free(rig);
}

static void an_owner_to_come_is_nobody_to_be_filled_by(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5});
    struct chain chain = {0};
    lend_log(rig);
    pass_ms(rig, 4000);
    adopts_move(rig, &chain, weight(rig, 'B', 50), MEMBERSHIP_JOINT);
    struct member_index b = {1};
    struct partition partition = {0};
    const struct ring *ring = rig->shard->ring;
    while (!ring_is_owner(ring, partition, rig->shard->self) || ring_is_owner(ring, partition, b) ||
           !ring_is_holder(ring, partition, b)) {
        partition.value++;
        assert_true(partition.value < Q);
    }
    step_begin(rig);
    assert_false(filling_begin_from(rig->shard, partition, b));
    assert_true(filling_is_idle(&rig->shard->filling));
    step_end(rig);
    rig_free(rig);
}

/* ---- 7: the only member of a birth, wiped ---- */

static void a_wiped_founder_is_not_informed_by_being_alone(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){
        .members = 1, .was_unclean = true, .durability = DURABILITY_INTERVAL, .read_quorum = 2, .write_quorum = 2});
    struct chain chain = {0};
    lend_log(rig);
    rig->shard->options.is_refilling = true; /* its folder was emptied; the cluster has three members */
    pass_ms(rig, 1000);
    struct membership_event move[3] = {{.kind = MEMBERSHIP_JOIN}, {.kind = MEMBERSHIP_JOIN}, {.kind = MEMBERSHIP_MOVE}};
    for (int i = 0; i < 2; i++) {
        move[i].member = *ring_member(rig->ring, (struct member_index){0});
        move[i].member.id.bytes[0] = (uint8_t)('B' + i);
        rig->ids[1 + i] = move[i].member.id;
        (void)snprintf(move[i].member.client_address, sizeof(move[i].member.client_address), "10.0.1.%d:7000", i + 2);
        (void)snprintf(move[i].member.peer_address, sizeof(move[i].member.peer_address), "10.0.1.%d:17000", i + 2);
    }
    then(rig, &chain, move, 3);
    then_one(rig, &chain, MEMBERSHIP_JOINT);
    then_one(rig, &chain, MEMBERSHIP_COMMIT);
    then_one(rig, &chain, MEMBERSHIP_DONE);
    then_one(rig, &chain, MEMBERSHIP_SETTLED);
    rig->is_away[1] = true;
    rig->is_away[2] = true;
    adopts(rig, &chain);
    assert_int_equal(ring_replica_count(rig->shard->ring), 3);
    assert_false(replica_is_informed(rig->shard, &rig->keyspaces.keyspaces[0], (struct partition){0}));
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wiped_node_is_not_informed_by_learning_of_a_move_that_is_over),
        cmocka_unit_test(what_was_lost_before_the_commit_stays_lost),
        cmocka_unit_test(who_is_to_be_the_only_owner_must_have_met_the_others),
        cmocka_unit_test(nobody_is_a_former_owner_at_rest),
        cmocka_unit_test(a_fallback_at_rest_keeps_a_hint),
        cmocka_unit_test(a_former_owner_deletes_nothing_that_it_acknowledged_since),
        cmocka_unit_test(another_version_does_not_end_a_farewell_for_ever),
        cmocka_unit_test(hints_are_not_counted_off_twice),
        cmocka_unit_test(a_damaged_hint_costs_the_new_owner_no_object),
        cmocka_unit_test(without_a_log_all_partitions_are_searched_for_hints),
        cmocka_unit_test(an_owner_to_come_is_nobody_to_be_filled_by),
        cmocka_unit_test(a_wiped_founder_is_not_informed_by_being_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
