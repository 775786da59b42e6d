/* The words of consensus and what an acceptor keeps: bytes and back, and no other bytes. */
#include "wire/consensus_message.h"

#include "message_body.h"

static struct ballot ballot_of(uint64_t counter, uint8_t node, uint64_t run) {
    return (struct ballot){.counter = counter, .node = {{node}}, .run = run};
}

/* PREPARE to BEHIND, each with all that it can carry. */
static struct consensus_word example(int kind) {
    struct consensus_word word = {.kind = (enum consensus_kind)kind, .version = 300};
    bool has_entry = kind == MESSAGE_CONSENSUS_PROMISE || kind == MESSAGE_CONSENSUS_ACCEPT;
    word.ballot = kind == MESSAGE_CONSENSUS_BEHIND ? word.ballot : ballot_of(7, 1, 99);
    word.accepted = kind == MESSAGE_CONSENSUS_PROMISE ? ballot_of(6, 2, 77) : word.accepted;
    word.entry = has_entry ? VIEW("n4 joins") : word.entry;
    return word;
}

static void words_come_back(void **state) {
    (void)state;
    struct buffer frames;
    buffer_init(&frames);
    for (int kind = MESSAGE_CONSENSUS_PREPARE; kind <= MESSAGE_CONSENSUS_BEHIND; kind++) {
        struct consensus_word word = example(kind);
        struct consensus_word read;
        buffer_clear(&frames);
        message_encode_consensus(&frames, &word);
        struct view body = body_of(&frames, (uint8_t)kind);
        assert_true(message_decode_consensus((uint8_t)kind, body, &read));
        assert_int_equal(read.kind, kind);
        assert_int_equal(read.version, 300);
        assert_int_equal(ballot_compare(read.ballot, word.ballot), 0);
        assert_int_equal(ballot_compare(read.accepted, word.accepted), 0);
        assert_true(view_equal(read.entry, word.entry));
        for (size_t size = 0; size < body.size; size++) {
            assert_false(message_decode_consensus((uint8_t)kind, view_slice(body, 0, size), &read));
        }
        buffer_append_byte(&frames, 0);
        assert_false(message_decode_consensus((uint8_t)kind, view_of(body.data, body.size + 1), &read));
    }
    buffer_release(&frames);
}

static bool survives(const struct consensus_word *word) {
    struct buffer frames;
    struct consensus_word read;
    buffer_init(&frames);
    message_encode_consensus(&frames, word);
    bool is_read = message_decode_consensus((uint8_t)word->kind, body_of(&frames, (uint8_t)word->kind), &read);
    buffer_release(&frames);
    return is_read;
}

static void words_of_nonsense_are_refused(void **state) {
    (void)state;
    static uint8_t much[CONSENSUS_ENTRY_BYTES_MOST + 1];
    struct consensus_word word = example(MESSAGE_CONSENSUS_PREPARE);
    word.ballot.counter = 0;
    assert_false(survives(&word));
    word.ballot.counter = CONSENSUS_COUNTER_MOST + 1;
    assert_false(survives(&word));
    word = example(MESSAGE_CONSENSUS_BEHIND);
    word.version = CONSENSUS_VERSION_MOST + 1;
    assert_false(survives(&word));
    word = example(MESSAGE_CONSENSUS_PROMISE);
    word.accepted = ballot_of(8, 1, 1); /* after it promised a lesser one */
    assert_false(survives(&word));
    word.accepted.counter = 0; /* an entry from nowhere */
    assert_false(survives(&word));
    word = example(MESSAGE_CONSENSUS_ACCEPT);
    word.entry = view_of(much, CONSENSUS_ENTRY_BYTES_MOST);
    assert_true(survives(&word));
    word.entry = view_of(much, CONSENSUS_ENTRY_BYTES_MOST + 1);
    assert_false(survives(&word));
    struct consensus_word read;
    assert_false(message_decode_consensus(MESSAGE_CONSENSUS_PREPARE - 1, VIEW("\1"), &read));
    assert_false(message_decode_consensus(MESSAGE_CONSENSUS_BEHIND + 1, VIEW("\1"), &read));
}

static void ballots_are_ordered(void **state) {
    (void)state;
    assert_true(ballot_compare(ballot_of(0, 0, 0), ballot_of(1, 0, 0)) < 0);
    assert_true(ballot_compare(ballot_of(2, 1, 1), ballot_of(1, 9, 9)) > 0);
    assert_true(ballot_compare(ballot_of(2, 1, 9), ballot_of(2, 2, 1)) < 0);
    assert_true(ballot_compare(ballot_of(2, 1, 9), ballot_of(2, 1, 8)) > 0);
    assert_true(ballot_compare(ballot_of(2, 1, 9), ballot_of(2, 1, 9)) == 0);
}

static void what_is_kept_comes_back(void **state) {
    (void)state;
    struct consensus_state kept = {12, ballot_of(7, 1, 99), ballot_of(6, 2, 77), VIEW("n4 joins")};
    struct consensus_state read;
    struct buffer bytes;
    buffer_init(&bytes);
    consensus_state_write(&bytes, &kept);
    struct view whole = buffer_view(&bytes);
    assert_true(consensus_state_read(whole, &read));
    assert_int_equal(read.version, 12);
    assert_int_equal(ballot_compare(read.promised, kept.promised), 0);
    assert_int_equal(ballot_compare(read.accepted, kept.accepted), 0);
    assert_true(view_equal(read.entry, kept.entry));
    for (size_t size = 0; size < whole.size; size++) {
        assert_false(consensus_state_read(view_slice(whole, 0, size), &read));
    }
    buffer_clear(&bytes);
    kept.accepted.counter = 8;
    consensus_state_write(&bytes, &kept);
    assert_false(consensus_state_read(buffer_view(&bytes), &read));
    buffer_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_back),
        cmocka_unit_test(words_of_nonsense_are_refused),
        cmocka_unit_test(ballots_are_ordered),
        cmocka_unit_test(what_is_kept_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
