/* Consensus by example, and then thousands of random worlds in which no two entries may follow one version. */
#include "consensus_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct world world;

/* ---- by example: one machine, its words in a list ---- */

enum { SENT_MOST = 64 };

struct sent {
    struct member_index to;
    struct consensus_word word;
};

static struct {
    struct consensus consensus;
    struct blobs blobs;
    struct sent sent[SENT_MOST];
    uint32_t sent_count, chosen_count, ended_count;
    uint64_t number; /* of the state asked to be kept last */
    struct consensus_state state;
    struct view chosen;
    uint64_t behind_version, ahead_version;
} one;

static void one_send(void *self, struct member_index to, const struct consensus_word *word) {
    (void)self;
    assert_true(one.sent_count < SENT_MOST);
    one.sent[one.sent_count++] = (struct sent){to, *word};
}

static void one_keep(void *self, uint64_t number, const struct consensus_state *state) {
    (void)self;
    assert_true(number > one.number);
    one.number = number;
    one.state = *state;
}

static void one_chosen(void *self, uint64_t version, struct view entry) {
    (void)self;
    assert_int_equal(version, one.consensus.version);
    one.chosen_count++;
    one.chosen = entry;
}

static void one_ended(void *self) {
    (void)self;
    one.ended_count++;
}

static void one_peer_is_behind(void *self, struct member_index peer, uint64_t version) {
    (void)self;
    (void)peer;
    one.behind_version = version;
}

static void one_is_behind(void *self, struct member_index peer, uint64_t version) {
    (void)self;
    (void)peer;
    one.ahead_version = version;
}

static const struct member_index everyone[] = {{0}, {1}, {2}, {3}, {4}, {5}, {6}};

/* Member 0, with an id that is greater than those of all others. */
static void one_begin(uint64_t version, uint32_t voters, const struct consensus_state *kept) {
    memset(&one, 0, sizeof(one));
    blobs_init(&one.blobs);
    struct consensus_port port = {NULL, one_send, one_keep, one_chosen, one_ended, one_peer_is_behind, one_is_behind};
    struct consensus_options options = {.self = {0}, .id = {{200}}, .run = 1, .seed = 1};
    consensus_init(&one.consensus, port, &one.blobs, &options, kept, (struct instant){0});
    consensus_advance(&one.consensus, version, everyone, voters);
}

static void one_end(void) {
    consensus_check(&one.consensus);
    consensus_release(&one.consensus);
    assert_int_equal(one.blobs.bytes_in_use, 0);
    blobs_release(&one.blobs);
}

static void hear(uint16_t from, struct consensus_word word) {
    consensus_receive(&one.consensus, (struct member_index){from}, &word, (struct instant){0});
    consensus_check(&one.consensus);
}

static struct ballot ballot_of(uint64_t counter, uint16_t node) {
    return (struct ballot){.counter = counter, .node = {{(uint8_t)node}}, .run = 1};
}

static struct consensus_word word_of(enum consensus_kind kind, uint64_t version, struct ballot ballot) {
    return (struct consensus_word){.kind = kind, .version = version, .ballot = ballot};
}

static const struct consensus_word *last_sent(void) {
    return &one.sent[one.sent_count - 1].word;
}

static void a_cluster_of_one_decides_when_its_disk_has_it(void **state) {
    (void)state;
    one_begin(5, 1, NULL);
    assert_true(consensus_propose(&one.consensus, VIEW("entry"), (struct instant){0}));
    assert_false(consensus_propose(&one.consensus, VIEW("other"), (struct instant){0}));
    consensus_kept(&one.consensus, one.number, true); /* that it promised itself */
    assert_int_equal(one.chosen_count, 0);
    consensus_kept(&one.consensus, one.number, true); /* that it accepted */
    assert_int_equal(one.chosen_count, 1);
    assert_true(view_equal(one.chosen, VIEW("entry")));
    assert_false(consensus_propose(&one.consensus, VIEW("other"), (struct instant){0})); /* chosen already */
    assert_int_equal(one.ended_count, 0);
    consensus_advance(&one.consensus, 6, everyone, 1);
    assert_int_equal(one.ended_count, 1);
    assert_int_equal(one.sent_count, 0);
    one_end();
}

static void nothing_leaves_before_it_is_durable(void **state) {
    (void)state;
    one_begin(5, 3, NULL);
    struct consensus_word accept = word_of(MESSAGE_CONSENSUS_ACCEPT, 5, ballot_of(1, 1));
    accept.entry = VIEW("entry");
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(1, 1)));
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(1, 1))); /* once more: no other write */
    assert_int_equal(one.number, 1);
    assert_int_equal(one.sent_count, 0);
    consensus_kept(&one.consensus, 1, true);
    assert_int_equal(one.sent_count, 1);
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_PROMISE);
    hear(1, accept);
    assert_int_equal(one.number, 2);
    assert_true(view_equal(one.state.entry, VIEW("entry")));
    hear(2, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(2, 2)));
    assert_int_equal(one.number, 3);
    assert_int_equal(one.sent_count, 2); /* who waited is told that another is at it */
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_REFUSED);
    assert_int_equal(ballot_compare(last_sent()->ballot, ballot_of(2, 2)), 0);
    consensus_kept(&one.consensus, 2, true);
    assert_int_equal(one.sent_count, 2);
    consensus_kept(&one.consensus, 3, true);
    assert_int_equal(one.sent_count, 3);
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_PROMISE);
    assert_int_equal(ballot_compare(last_sent()->accepted, ballot_of(1, 1)), 0);
    one_end();
}

static void after_a_failed_write_nothing_is_promised(void **state) {
    (void)state;
    one_begin(5, 3, NULL);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(1, 1)));
    consensus_kept(&one.consensus, 1, false);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(2, 1)));
    assert_int_equal(one.number, 1);
    assert_int_equal(one.sent_count, 0);
    one_end();
}

static void what_was_accepted_is_carried_on(void **state) {
    (void)state;
    one_begin(5, 5, NULL);
    assert_true(consensus_propose(&one.consensus, VIEW("mine"), (struct instant){0}));
    struct ballot ballot = one.consensus.proposer.ballot;
    struct consensus_word promise = word_of(MESSAGE_CONSENSUS_PROMISE, 5, ballot);
    promise.accepted = ballot_of(1, 3);
    promise.entry = VIEW("theirs");
    hear(1, promise);
    hear(1, promise); /* the same voter counts once */
    promise.accepted = ballot_of(1, 2);
    promise.entry = VIEW("older");
    hear(2, promise);
    assert_int_equal(one.consensus.proposer.phase, CONSENSUS_PREPARING);
    one.sent_count = 0;
    consensus_kept(&one.consensus, one.number, true); /* its own promise makes three of five */
    assert_int_equal(one.sent_count, 4);
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_ACCEPT);
    assert_true(view_equal(last_sent()->entry, VIEW("theirs")));
    hear(1, word_of(MESSAGE_CONSENSUS_ACCEPTED, 5, ballot));
    hear(6, word_of(MESSAGE_CONSENSUS_ACCEPTED, 5, ballot)); /* does not vote */
    hear(2, word_of(MESSAGE_CONSENSUS_ACCEPTED, 5, ballot_of(1, 2)));
    assert_int_equal(one.chosen_count, 0);
    hear(4, word_of(MESSAGE_CONSENSUS_ACCEPTED, 5, ballot));
    assert_int_equal(one.chosen_count, 0);
    hear(2, word_of(MESSAGE_CONSENSUS_ACCEPTED, 5, ballot));
    hear(3, word_of(MESSAGE_CONSENSUS_ACCEPTED, 5, ballot));
    assert_int_equal(one.chosen_count, 1);
    assert_true(view_equal(one.chosen, VIEW("theirs")));
    one_end();
}

static void a_kept_promise_outlives_a_restart(void **state) {
    (void)state;
    struct consensus_state kept = {5, ballot_of(9, 3), ballot_of(8, 2), VIEW("entry")};
    one_begin(5, 3, &kept);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(9, 2)));
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_REFUSED);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(10, 1)));
    consensus_kept(&one.consensus, one.number, true);
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_PROMISE);
    assert_true(view_equal(last_sent()->entry, VIEW("entry")));
    assert_true(consensus_propose(&one.consensus, VIEW("mine"), (struct instant){0}));
    assert_int_equal(last_sent()->ballot.counter, 11);
    one_end();
}

/* Its votes of versions below were overwritten, or wiped. */
static void who_may_have_forgotten_votes_abstains(void **state) {
    (void)state;
    struct consensus_state kept = {7, ballot_of(9, 3), ballot_of(0, 0), {0}};
    one_begin(5, 3, &kept);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 5, ballot_of(20, 1)));
    consensus_advance(&one.consensus, 6, everyone, 3);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 6, ballot_of(20, 1)));
    assert_int_equal(one.sent_count, 0);
    assert_int_equal(one.number, 0);
    consensus_advance(&one.consensus, 7, everyone, 3);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 7, ballot_of(8, 1)));
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_REFUSED);
    consensus_abstain_below(&one.consensus, 9);
    one.sent_count = 0;
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 7, ballot_of(20, 1)));
    assert_int_equal(one.sent_count, 0);
    consensus_advance(&one.consensus, 9, everyone, 3);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 9, ballot_of(1, 1)));
    consensus_kept(&one.consensus, one.number, true);
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_PROMISE);
    one_end();
}

static void words_of_other_versions_find_who_is_behind(void **state) {
    (void)state;
    one_begin(5, 3, NULL);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 4, ballot_of(1, 1)));
    assert_int_equal(one.behind_version, 4);
    assert_int_equal(one.sent_count, 0);
    hear(1, word_of(MESSAGE_CONSENSUS_PREPARE, 9, ballot_of(1, 1)));
    assert_int_equal(one.ahead_version, 9);
    assert_int_equal(last_sent()->kind, MESSAGE_CONSENSUS_BEHIND);
    assert_int_equal(last_sent()->version, 5);
    hear(1, word_of(MESSAGE_CONSENSUS_BEHIND, 3, ballot_of(0, 0)));
    assert_int_equal(one.behind_version, 3);
    assert_int_equal(one.number, 0);
    one_end();
}

static void an_entry_of_64_kib_and_a_withdrawal(void **state) {
    (void)state;
    static uint8_t much[CONSENSUS_ENTRY_BYTES_MOST];
    memset(much, 7, sizeof(much));
    one_begin(5, 1, NULL);
    assert_true(consensus_propose(&one.consensus, view_of(much, sizeof(much)), (struct instant){0}));
    consensus_withdraw(&one.consensus);
    consensus_kept(&one.consensus, one.number, true);
    assert_int_equal(one.chosen_count, 0);
    assert_true(consensus_propose(&one.consensus, view_of(much, sizeof(much)), (struct instant){0}));
    consensus_kept(&one.consensus, one.number, true);
    consensus_kept(&one.consensus, one.number, true);
    assert_int_equal(one.chosen_count, 1);
    assert_true(view_equal(one.chosen, view_of(much, sizeof(much))));
    consensus_withdraw(&one.consensus);
    consensus_advance(&one.consensus, 6, everyone, 1);
    assert_int_equal(one.ended_count, 0);
    one_end();
}

/* ---- worlds ---- */

static struct view entry_of(uint32_t node, uint64_t number, struct bytes *bytes) {
    uint64_t words[2] = {number, node};
    memcpy(bytes->data, words, sizeof(words));
    bytes->size = (uint8_t)(sizeof(words) + number % (ENTRY_MOST - sizeof(words)));
    return view_of(bytes->data, bytes->size);
}

/* All propose in the same moment, in step, on a network without faults. */
static void duels_are_short(void **state) {
    (void)state;
    uint64_t worst_ms = 0;
    uint64_t sum_ms = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct bytes bytes = {0};
        world_begin(&world, seed, 7);
        for (uint32_t node = 0; node < 7; node++) {
            assert_true(world_propose(&world, node, entry_of(node, seed, &bytes)));
        }
        uint64_t begun_ms = world.now_ms;
        while (world_is_proposing(&world)) {
            world_step(&world);
            assert_true(world.now_ms < begun_ms + 10000);
        }
        uint64_t took_ms = world.now_ms - begun_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        sum_ms += took_ms;
        assert_int_equal(world.conflicts + world.leaks, 0);
        world_end(&world);
    }
    print_message("seven proposers at once: %llu ms on the average, %llu ms at worst\n",
                  (unsigned long long)sum_ms / 300, (unsigned long long)worst_ms);
}

static void faults(uint64_t step) {
    struct rng *chance = &world.chance;
    for (uint32_t node = 0; node < world.node_count; node++) {
        struct actor *actor = &world.actors[node];
        struct bytes bytes = {0};
        uint64_t what = rng_below(chance, 1000);
        if (!actor->is_up) {
            continue;
        }
        if (what < 60 && actor->chain < VERSIONS_MOST / 2) {
            (void)world_propose(&world, node, entry_of(node, step, &bytes));
        } else if (what < 64) {
            world_crash(&world, node, rng_below(chance, 500));
        } else if (what < 67) {
            actor->awake_ms = world.now_ms + rng_below(chance, 1500);
        } else if (what < 68) {
            actor->disk_fails = true;
        } else if (what < 72 && actor->has_proposal) {
            consensus_withdraw(&actor->consensus);
            actor->has_proposal = false;
        } else if (actor->disk_fails && what < 100) {
            world_crash(&world, node, 10);
        }
    }
}

/* A life under faults. */
static void play(uint64_t seed, uint32_t steps) {
    struct rng *chance = &world.chance;
    world_begin(&world, seed, 1 + (uint32_t)(seed % 7));
    world.all_vote = world.node_count < 2 || seed % 3 == 0;
    world.loss = (uint32_t)rng_below(chance, 500000);
    world.doubles = (uint32_t)rng_below(chance, 200000);
    world.delay_ms = rng_below(chance, 300);
    world.write_ms = rng_below(chance, 100);
    bool is_wiped = world.node_count >= 4 && seed % 2 == 0; /* a quorum is left without it */
    world.voters_least = is_wiped ? 3 : 1;
    uint64_t wipe_step = rng_below(chance, steps + 1);
    for (uint32_t node = 0; node < world.node_count; node++) {
        world_crash(&world, node, 0); /* started anew: the voters are others now */
    }
    for (uint64_t step = 0; step < steps; step++) {
        faults(step);
        if (is_wiped && step == wipe_step) {
            world_wipe(&world, 0, 100);
        }
        world_step(&world);
    }
}

/* What was begun under faults ends soon after them. Returns how soon. */
static uint64_t heal(void) {
    world.loss = 0;
    world.doubles = 0;
    world.delay_ms = 20;
    world.write_ms = 10;
    for (uint32_t node = 0; node < world.node_count; node++) {
        struct actor *actor = &world.actors[node];
        actor->awake_ms = 0;
        actor->back_ms = 0;
        if (actor->disk_fails) {
            world_crash(&world, node, 0);
        }
    }
    world_run(&world, 400); /* letters of before arrive still */
    uint64_t begun_ms = world.now_ms;
    while (world_is_proposing(&world)) {
        world_step(&world);
        if (world.now_ms > begun_ms + 15000) {
            fail_msg("seed %llu: not over", (unsigned long long)world.seed);
        }
    }
    return world.now_ms - begun_ms;
}

static void one_entry_follows_each_version(void **state) {
    (void)state;
    uint64_t worst_ms = 0;
    uint64_t versions = 0;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        play(seed, 300);
        uint64_t healed_ms = heal();
        worst_ms = healed_ms > worst_ms ? healed_ms : worst_ms;
        if (world.conflicts + world.leaks != 0) {
            fail_msg("seed %llu: %u conflicts, %u leaks", (unsigned long long)seed, world.conflicts, world.leaks);
        }
        for (uint64_t version = 0; version < VERSIONS_MOST; version++) {
            versions += world.is_chosen[version] ? 1 : 0;
        }
        world_end(&world);
    }
    print_message("%llu entries chosen; all is over %llu ms after the faults at worst\n", (unsigned long long)versions,
                  (unsigned long long)worst_ms);
}

/* The checks can fire: with a disk that says durable and is not, two entries follow one version. */
static void a_lying_disk_is_noticed(void **state) {
    (void)state;
    uint32_t conflicts = 0;
    for (uint64_t seed = 1; seed <= 2000 && conflicts == 0; seed++) {
        play(seed, 0);
        world.disk_lies = true;
        world.write_ms = 500;
        for (uint64_t step = 0; step < 300; step++) {
            faults(step);
            world_step(&world);
        }
        conflicts = world.conflicts;
        world_end(&world);
    }
    assert_true(conflicts > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_of_one_decides_when_its_disk_has_it),
        cmocka_unit_test(nothing_leaves_before_it_is_durable),
        cmocka_unit_test(after_a_failed_write_nothing_is_promised),
        cmocka_unit_test(what_was_accepted_is_carried_on),
        cmocka_unit_test(a_kept_promise_outlives_a_restart),
        cmocka_unit_test(who_may_have_forgotten_votes_abstains),
        cmocka_unit_test(words_of_other_versions_find_who_is_behind),
        cmocka_unit_test(an_entry_of_64_kib_and_a_withdrawal),
        cmocka_unit_test(duels_are_short),
        cmocka_unit_test(one_entry_follows_each_version),
        cmocka_unit_test(a_lying_disk_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
