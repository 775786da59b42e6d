/* Gossip in played worlds: what all come to know, what nobody takes in, what it costs, and who has the last word about
 * a member. */
#include "gossip_world.h"

#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gossip_world world;

static struct member_index member_of(uint32_t index) {
    return (struct member_index){(uint16_t)index};
}

static struct gossip_record known(uint32_t observer, uint32_t member) {
    struct gossip_record record = {0};
    (void)gossip_record(&world.nodes[observer].gossip, member_of(member), &record);
    return record;
}

/* Runs until all that are up hold the same; returns how long that took. */
static uint64_t settle_in(uint64_t most_ms) {
    uint64_t begun_ms = world.now_ms;
    while (!gossip_world_agrees(&world)) {
        gossip_world_step(&world);
        if (world.now_ms >= begun_ms + most_ms) {
            fail_msg("no agreement within %u ms", (unsigned)most_ms);
        }
    }
    gossip_world_check(&world);
    return world.now_ms - begun_ms;
}

static void all_learn_of_all(void **state) {
    (void)state;
    for (uint32_t loss = 0; loss <= 300000; loss += 300000) {
        gossip_world_begin(&world, 30, 1);
        world.loss = loss;
        for (uint32_t index = 0; index < 30; index++) {
            gossip_world_change(&world, index, index, (uint8_t)index);
        }
        uint64_t took_ms = settle_in(30000);
        for (uint32_t index = 0; index < 30; index++) {
            assert_int_equal(known(7, index).payload.size, index);
            assert_int_equal(gossip_world_knowing(&world, index), 30);
        }
        print_message("30 that know nothing, %u%% loss: %u ms\n", loss / 10000, (unsigned)took_ms);
        gossip_world_end(&world);
    }
}

static void quiet_when_nothing_changes(void **state) {
    (void)state;
    gossip_world_begin(&world, 50, 1);
    gossip_world_settle(&world, 200);
    gossip_world_run(&world, 10000);
    assert_int_equal(world.bytes, world.bytes_of[0]); /* summaries only */
    assert_true(world.words <= 50 * 11);
    assert_true(world.largest <= 36);
    gossip_world_end(&world);
}

static void one_change_moves_no_digests(void **state) {
    (void)state;
    gossip_world_begin(&world, 50, 1);
    gossip_world_settle(&world, 200);
    gossip_world_change(&world, 3, 100, 9);
    assert_true(settle_in(3000) > 0);
    gossip_world_run(&world, 5000);
    assert_int_equal(world.bytes_of[1], 0);
    for (uint32_t index = 0; index < 50; index++) {
        assert_int_equal(world.nodes[index].changes, index == 3 ? 0 : 1);
    }
    gossip_world_forget_bytes(&world);
    gossip_world_change(&world, 3, 100, 9); /* the same once more is no change */
    assert_int_equal(world.nodes[3].gossip.soon_rounds, 0);
    gossip_world_end(&world);
}

/* More than a summary can list. */
static void what_a_summary_cannot_explain_is_compared_in_full(void **state) {
    (void)state;
    gossip_world_begin(&world, 100, 1);
    gossip_world_settle(&world, 20);
    for (uint32_t index = 0; index < 100; index++) {
        world.nodes[index].side = index % 2;
    }
    for (uint32_t index = 0; index < 100; index++) {
        gossip_world_change(&world, index, 30, 7);
    }
    gossip_world_run(&world, 20000);
    assert_false(gossip_world_agrees(&world));
    gossip_world_forget_bytes(&world);
    for (uint32_t index = 0; index < 100; index++) {
        world.nodes[index].side = 0;
    }
    assert_true(settle_in(10000) > 0);
    assert_true(world.bytes_of[1] > 0);
    assert_int_equal(known(0, 1).payload.size, 30);
    assert_int_equal(known(1, 0).payload.size, 30);
    gossip_world_end(&world);
}

static void words_are_bounded(void **state) {
    (void)state;
    gossip_world_begin(&world, 200, 1);
    for (uint32_t index = 0; index < 200; index++) {
        gossip_world_change(&world, index, GOSSIP_PAYLOAD_BYTES_MOST, (uint8_t)index);
    }
    assert_true(settle_in(20000) > 0);
    assert_true(world.largest > GOSSIP_RECORDS_BYTES_MOST / 2);
    assert_true(world.largest <= GOSSIP_RECORDS_BYTES_MOST + FRAME_HEADER_BYTES);
    gossip_world_end(&world);
}

static void a_wiped_node_has_the_last_word_about_itself(void **state) {
    (void)state;
    gossip_world_begin(&world, 10, 1);
    gossip_world_settle(&world, 50);
    gossip_world_start(&world, 4, 7); /* its clock went back, too */
    gossip_world_change(&world, 4, 60, 3);
    (void)settle_in(5000);
    assert_int_equal(gossip_world_knowing(&world, 4), 10);
    assert_int_equal(known(0, 4).payload.size, 60);
    assert_true(known(0, 4).stamp.generation > 1000);
    assert_int_equal(world.nodes[4].gossip.refutations, 1);
    gossip_world_start(&world, 4, UINT64_C(1) << 30); /* the usual case */
    gossip_world_change(&world, 4, 70, 4);
    (void)settle_in(5000);
    assert_true(known(0, 4).stamp.generation == UINT64_C(1) << 30);
    assert_int_equal(world.nodes[4].gossip.refutations, 0);
    gossip_world_end(&world);
}

/* Wiped twice, it refutes the same record twice, before others that don't know of each other. */
static void two_refutations_are_told_apart(void **state) {
    (void)state;
    gossip_world_begin(&world, 3, 1);
    gossip_world_settle(&world, 50);
    world.nodes[0].side = 1;
    gossip_world_start(&world, 2, 7);
    gossip_world_change(&world, 2, 60, 3);
    gossip_world_run(&world, 3000);
    assert_int_equal(known(1, 2).payload.size, 60);
    world.nodes[0].side = 0;
    world.nodes[1].side = 1;
    gossip_world_start(&world, 2, 8);
    gossip_world_change(&world, 2, 70, 4);
    gossip_world_run(&world, 3000);
    assert_int_equal(known(0, 2).payload.size, 70);
    world.nodes[1].side = 0;
    gossip_world_run(&world, 3000);
    assert_int_equal(known(0, 2).payload.size, 70);
    assert_int_equal(known(1, 2).payload.size, 70);
    gossip_world_end(&world);
}

static void hear(uint32_t observer, uint32_t about, struct gossip_stamp stamp, struct view payload) {
    struct gossip_record record = {gossip_world_id(about), stamp, payload};
    struct buffer list;
    buffer_init(&list);
    gossip_list_add(&list, MESSAGE_GOSSIP_RECORDS, &record);
    struct gossip_word word = {.kind = MESSAGE_GOSSIP_RECORDS, .list = buffer_view(&list)};
    gossip_receive(&world.nodes[observer].gossip, member_of(observer == 0 ? 1 : 0), &word,
                   (struct instant){world.now_ms * NS_PER_MS});
    gossip_check(&world.nodes[observer].gossip);
    buffer_release(&list);
}

/* Node 0 hears a word of node 1 with the digests of these; what it says to that. */
static void hear_list(enum gossip_kind kind, uint32_t from, uint32_t to, struct gossip_stamp stamp) {
    struct gossip_word word = {.kind = kind, .version = 1, .hash = {1, 1}};
    struct buffer list;
    buffer_init(&list);
    for (uint32_t about = from; about < to; about++) {
        struct gossip_record record = {.id = gossip_world_id(about), .stamp = stamp};
        gossip_list_add(&list, kind, &record);
    }
    word.list = buffer_view(&list);
    gossip_world_forget_bytes(&world);
    gossip_receive(&world.nodes[0].gossip, member_of(1), &word, (struct instant){world.now_ms * NS_PER_MS});
    buffer_release(&list);
}

static void a_digest_is_answered_with_what_it_lacks(void **state) {
    (void)state;
    gossip_world_begin(&world, 6, 1);
    gossip_world_settle(&world, 100);
    hear_list(MESSAGE_GOSSIP_DIGEST, 0, 6, (struct gossip_stamp){1000, 1}); /* all the same */
    assert_int_equal(world.words, 0);
    hear_list(MESSAGE_GOSSIP_DIGEST, 0, 4, (struct gossip_stamp){1000, 1}); /* two are missing */
    assert_int_equal(world.words, 1);
    assert_in_range(world.bytes_of[2], 200, 300);
    hear_list(MESSAGE_GOSSIP_DIGEST, 0, 0, (struct gossip_stamp){1000, 1}); /* it knows nothing */
    assert_int_equal(world.words, 1);
    assert_in_range(world.bytes_of[2], 600, 800);
    hear_list(MESSAGE_GOSSIP_DIGEST, 1, 4, (struct gossip_stamp){1001, 1}); /* three are newer there */
    assert_int_equal(world.words, 2);
    assert_in_range(world.bytes_of[2], 300, 400);
    assert_int_equal(world.bytes_of[3], FRAME_HEADER_BYTES + 3 * 16);
    gossip_world_end(&world);
}

/* It lists what it has just learnt and is old here: the newer one goes back, and no more need be said. */
static void an_outdated_change_explains_a_difference(void **state) {
    (void)state;
    gossip_world_begin(&world, 6, 1);
    gossip_world_settle(&world, 100);
    struct gossip_stamp newer = {1000, 2};
    struct digest before = world.nodes[1].gossip.hash;
    hear(0, 3, newer, VIEW("newer"));
    struct gossip_record old = {.id = gossip_world_id(3), .stamp = {1000, 1}};
    struct buffer list;
    buffer_init(&list);
    gossip_list_add(&list, MESSAGE_GOSSIP_SUMMARY, &old);
    struct gossip_word word = {MESSAGE_GOSSIP_SUMMARY, false, 1, before, buffer_view(&list)};
    gossip_world_forget_bytes(&world);
    gossip_receive(&world.nodes[0].gossip, member_of(1), &word, (struct instant){world.now_ms * NS_PER_MS});
    assert_int_equal(world.words, 1);
    assert_int_equal(world.bytes, world.bytes_of[2]);
    buffer_release(&list);
    gossip_world_end(&world);
}

static void only_newer_records_of_members_are_taken(void **state) {
    (void)state;
    gossip_world_begin(&world, 3, 1);
    gossip_world_settle(&world, 8);
    hear(0, 1, (struct gossip_stamp){1000, 1}, VIEW("same stamp"));
    hear(0, 1, (struct gossip_stamp){999, 50}, VIEW("an older run"));
    hear(0, 77, (struct gossip_stamp){2000, 1}, VIEW("a stranger"));
    assert_int_equal(known(0, 1).payload.size, 8);
    assert_int_equal(world.nodes[0].changes, 0);
    hear(0, 1, (struct gossip_stamp){1000, 2}, VIEW("newer"));
    assert_true(view_equal(known(0, 1).payload, VIEW("newer")));
    hear(0, 1, (struct gossip_stamp){1001, 1}, VIEW(""));
    assert_int_equal(known(0, 1).payload.size, 0);
    assert_int_equal(world.nodes[0].changes, 2);
    gossip_world_end(&world);
}

static void records_of_oneself_are_refuted(void **state) {
    (void)state;
    gossip_world_begin(&world, 3, 1);
    gossip_world_settle(&world, 8);
    hear(0, 0, (struct gossip_stamp){999, 50}, VIEW("of the run before"));
    hear(0, 0, (struct gossip_stamp){1000, 1}, known(0, 0).payload); /* its own */
    assert_int_equal(known(0, 0).stamp.generation, 1000);
    hear(0, 0, (struct gossip_stamp){1000, 2}, VIEW("a clone's"));
    struct gossip_stamp raised = known(0, 0).stamp;
    assert_true(raised.generation > 1000);
    hear(0, 0, raised, VIEW("a clone's, with the same stamp"));
    assert_true(known(0, 0).stamp.generation > raised.generation);
    assert_int_equal(known(0, 0).stamp.counter, 1);
    assert_int_equal(known(0, 0).payload.size, 8);
    gossip_world_end(&world);
}

/* One node has not heard yet that it was dropped, and tells of it all the time, as does the dropped one itself. */
static void a_dropped_member_stays_out(void **state) {
    (void)state;
    gossip_world_begin(&world, 8, 1);
    gossip_world_settle(&world, 50);
    for (uint32_t index = 1; index < 7; index++) {
        gossip_drop_member(&world.nodes[index].gossip, member_of(7));
    }
    gossip_world_change(&world, 7, 60, 2);
    gossip_world_run(&world, 30000);
    assert_int_equal(known(0, 7).payload.size, 60);
    for (uint32_t index = 1; index < 7; index++) {
        assert_int_equal(known(index, 7).stamp.generation, 0);
    }
    gossip_drop_member(&world.nodes[0].gossip, member_of(7));
    world.nodes[7].is_down = true;
    assert_int_equal(settle_in(100), 0);
    for (uint32_t index = 0; index < 7; index++) { /* its seat has a new member */
        gossip_set_member(&world.nodes[index].gossip, member_of(7), gossip_world_id(70));
        assert_int_equal(known(index, 7).stamp.generation, 0);
    }
    gossip_world_end(&world);
}

/* What it writes when it is a member again is not taken for what it wrote before. */
static void who_comes_back_begins_a_generation(void **state) {
    (void)state;
    gossip_world_begin(&world, 4, 1);
    gossip_world_settle(&world, 50);
    gossip_drop_member(&world.nodes[3].gossip, member_of(3));
    gossip_set_member(&world.nodes[3].gossip, member_of(3), gossip_world_id(3));
    gossip_world_change(&world, 3, 60, 2);
    (void)settle_in(5000);
    assert_int_equal(known(0, 3).payload.size, 60);
    gossip_world_end(&world);
}

/* Otherwise it would not be heard of: records are the same, so there is nothing else to say. */
static void who_is_behind_answers_who_is_ahead(void **state) {
    (void)state;
    gossip_world_begin(&world, 3, 1);
    gossip_world_settle(&world, 50);
    struct gossip_word word = {.kind = MESSAGE_GOSSIP_SUMMARY, .version = 9, .hash = world.nodes[0].gossip.hash};
    for (int answers = 0; answers < 2; answers++) {
        word.is_answer = answers == 1; /* and says no more to an answer */
        gossip_world_forget_bytes(&world);
        gossip_receive(&world.nodes[0].gossip, member_of(1), &word, (struct instant){world.now_ms * NS_PER_MS});
        assert_int_equal(world.words, 1 - answers);
    }
    gossip_world_end(&world);
}

static void the_chain_is_told_of(void **state) {
    (void)state;
    gossip_world_begin(&world, 20, 1);
    gossip_world_settle(&world, 50);
    gossip_world_extend(&world, 5);
    gossip_world_extend(&world, 5);
    gossip_world_run(&world, 3000);
    assert_int_equal(gossip_world_at_version(&world, 3), 20);
    gossip_world_end(&world);
}

/* Records change, processes start anew with clocks that go back, the network loses and parts: then all agree, and on
 * what each wrote itself. */
static void what_was_written_last_is_known_to_all(void **state) {
    (void)state;
    uint64_t worst_ms = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint32_t nodes = 2 + (uint32_t)(seed % 12);
        gossip_world_begin(&world, nodes, seed);
        world.loss = (uint32_t)rng_below(&world.chance, 500000);
        world.delay_steps = 1 + (uint32_t)rng_below(&world.chance, GOSSIP_BUCKETS - 1);
        for (uint32_t step = 0; step < 1000; step++) {
            uint32_t index = (uint32_t)rng_below(&world.chance, nodes);
            uint64_t what = rng_below(&world.chance, 1000);
            if (what < 50) {
                gossip_world_change(&world, index, (uint32_t)rng_below(&world.chance, 200), (uint8_t)what);
            } else if (what < 55) {
                /* in any order, but no two the same */
                gossip_world_start(&world, index, 1000 + rng_below(&world.chance, 3000) * 1000 + step);
            } else if (what < 60) {
                world.nodes[index].side = (uint32_t)rng_below(&world.chance, 2);
            }
            gossip_world_step(&world);
        }
        world.loss = 0;
        for (uint32_t index = 0; index < nodes; index++) {
            world.nodes[index].side = 0;
            gossip_world_change(&world, index, 10 + index, 1);
        }
        uint64_t took_ms = settle_in(10000);
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        for (uint32_t index = 0; index < nodes; index++) {
            assert_int_equal(gossip_world_knowing(&world, index), nodes);
            assert_int_equal(known((index + 1) % nodes, index).payload.size, 10 + index);
        }
        gossip_world_end(&world);
    }
    print_message("agreement after faults: %u ms at worst\n", (unsigned)worst_ms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_learn_of_all),
        cmocka_unit_test(quiet_when_nothing_changes),
        cmocka_unit_test(one_change_moves_no_digests),
        cmocka_unit_test(what_a_summary_cannot_explain_is_compared_in_full),
        cmocka_unit_test(words_are_bounded),
        cmocka_unit_test(a_wiped_node_has_the_last_word_about_itself),
        cmocka_unit_test(two_refutations_are_told_apart),
        cmocka_unit_test(a_digest_is_answered_with_what_it_lacks),
        cmocka_unit_test(an_outdated_change_explains_a_difference),
        cmocka_unit_test(only_newer_records_of_members_are_taken),
        cmocka_unit_test(records_of_oneself_are_refuted),
        cmocka_unit_test(a_dropped_member_stays_out),
        cmocka_unit_test(who_comes_back_begins_a_generation),
        cmocka_unit_test(who_is_behind_answers_who_is_ahead),
        cmocka_unit_test(the_chain_is_told_of),
        cmocka_unit_test(what_was_written_last_is_known_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
