/* Rounds of exchange: who hears what of whose roots, and when that makes a meeting (core/exchange.h). The shard begins
 * with C, and B with the shard; all three own everything, and hold nothing. */
#include "core/shard_state.h"
#include "core_harness.h"

enum { PARTITIONS_OF_ALL = 256 };

static struct rig *rig_in_round(void) {
    struct rig *rig = rig_new((struct rig_options){.exchange_period_ms = 20000});
    pass_ms(rig, 4000); /* all trees are known, and a round has begun */
    assert_int_equal(rig->shard->trees.count[TREE_IN_DOUBT], 0);
    assert_in_range(rig->shard->exchange.rounds, 1, 2);
    rig_forget(rig);
    return rig;
}

static void summary_from(struct rig *rig, char peer, enum exchange_message_kind kind,
                         const struct message_summary *summary) {
    struct buffer frames;
    buffer_init(&frames);
    message_encode_summary(&frames, kind, summary);
    peer_sends(rig, peer, 0, false, &frames);
    buffer_release(&frames);
}

/* The same as the shard said last, as one says who answers it. */
static struct message_summary answer_to(const struct rig *rig) {
    struct message_summary answer = rig->last_summary;
    answer.your_losses = rig->last_summary.losses;
    answer.your_turns = rig->last_summary.turns;
    answer.losses = 40;
    answer.turns = 50;
    return answer;
}

static uint8_t met_with(const struct rig *rig, uint16_t partition) {
    return rig->shard->exchange.met_with[partition];
}

static uint8_t bit_of(const struct rig *rig, char peer, uint16_t partition) {
    const struct member_index *list = ring_preference(rig->ring, (struct partition){partition});
    uint8_t place = 0;
    while (list[place].value != peer - 'A') {
        place++;
    }
    return (uint8_t)(1u << place);
}

static void equal_nodes_exchange_three_words(void **state) {
    (void)state;
    struct rig *rig = rig_in_round();
    struct message_summary answer = answer_to(rig);
    summary_from(rig, 'C', MESSAGE_SUMMARY_ANSWER, &answer);
    says(rig, "C: all same");
    assert_int_equal(met_with(rig, 0), bit_of(rig, 'A', 0) | bit_of(rig, 'C', 0));
    assert_int_equal(exchange_met_count(rig->shard), 0);
    struct message_summary begun = {.ring = answer.ring, .roots = answer.roots, .losses = 3, .turns = 4};
    summary_from(rig, 'B', MESSAGE_SUMMARY, &begun);
    says(rig, "B: summary answer");
    assert_int_equal(rig->last_summary.your_losses, 3);
    assert_int_equal(rig->last_summary.your_turns, 4);
    assert_int_equal(exchange_met_count(rig->shard), 0); /* B has not heard of our losses yet */
    answer = answer_to(rig);
    summary_from(rig, 'B', MESSAGE_ALL_SAME, &answer);
    says_nothing(rig);
    assert_int_equal(exchange_met_count(rig->shard), PARTITIONS_OF_ALL);
    rig_free(rig);
}

static void what_was_said_before_a_loss_is_no_meeting(void **state) {
    (void)state;
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct rig *rig = rig_in_round();
        struct message_summary answer = answer_to(rig);
        char peer = is_ours == 1 ? 'C' : 'B';
        if (peer == 'B') {
            summary_from(rig, 'B', MESSAGE_SUMMARY, &answer);
            rig_forget(rig);
            answer = answer_to(rig);
        }
        replica_lost(rig->shard, (struct partition){1});
        summary_from(rig, peer, is_ours == 1 ? MESSAGE_SUMMARY_ANSWER : MESSAGE_ALL_SAME, &answer);
        assert_int_equal(met_with(rig, 0), 0);
        rig_free(rig);
    }
}

static void a_tree_that_was_not_compared_was_not_met(void **state) {
    (void)state;
    struct rig *rig = rig_in_round();
    struct message_summary answer = answer_to(rig);
    summary_from(rig, 'B', MESSAGE_SUMMARY, &answer);
    rig_forget(rig);
    answer = answer_to(rig);
    trees_doubt(rig->shard, (struct partition){1});
    pass_ms(rig, 100); /* and it is known again */
    assert_non_null(trees_known(rig->shard, (struct partition){1}));
    summary_from(rig, 'B', MESSAGE_ALL_SAME, &answer);
    assert_int_equal(met_with(rig, 0), 0);
    assert_int_equal(met_with(rig, 1), 0);
    rig_free(rig);
}

static void nodes_that_differ_go_into_it(void **state) {
    (void)state;
    struct rig *rig = rig_in_round();
    struct message_summary answer = answer_to(rig);
    answer.roots.low++;
    summary_from(rig, 'C', MESSAGE_SUMMARY_ANSWER, &answer);
    says(rig, "C: roots of 256, knowing of 40 losses");
    assert_int_equal(met_with(rig, 0), 0);
    rig_free(rig);
}

static void roots_of_one_who_has_not_heard_of_a_loss_are_no_meeting(void **state) {
    (void)state;
    struct rig *rig = rig_in_round();
    const struct hash_tree empty = {0};
    replica_lost(rig->shard, (struct partition){1});
    for (uint32_t heard = 0; heard < 2; heard++) {
        struct message_roots head = {.ring = ring_digest(rig->ring), .your_losses = heard};
        struct buffer frames;
        buffer_init(&frames);
        size_t begun = message_begin_roots(&frames, &head);
        message_add_root(&frames, &(struct exchange_root){.partition = {0}, .root = hash_tree_root(&empty)});
        message_end(&frames, begun);
        peer_sends(rig, 'B', 0, false, &frames);
        buffer_release(&frames);
        assert_int_equal(met_with(rig, 0) != 0, heard == 1);
    }
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_nodes_exchange_three_words),
        cmocka_unit_test(what_was_said_before_a_loss_is_no_meeting),
        cmocka_unit_test(a_tree_that_was_not_compared_was_not_met),
        cmocka_unit_test(nodes_that_differ_go_into_it),
        cmocka_unit_test(roots_of_one_who_has_not_heard_of_a_loss_are_no_meeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
