#include "wire/consensus_message.h"

#include "wire/frame.h"

static void write_ballot(struct buffer *buffer, struct ballot ballot) {
    write_varint(buffer, ballot.counter);
    if (ballot.counter > 0) {
        write_bytes(buffer, view_of(ballot.node.bytes, sizeof(ballot.node.bytes)));
        write_u64(buffer, ballot.run);
    }
}

static struct ballot read_ballot(struct reader *reader) {
    struct ballot ballot = {.counter = read_varint(reader)};
    if (ballot.counter > 0) {
        read_into(reader, ballot.node.bytes, sizeof(ballot.node.bytes));
        ballot.run = read_u64(reader);
    }
    return ballot;
}

void message_encode_consensus(struct buffer *buffer, const struct consensus_word *word) {
    size_t begun = frame_begin(buffer, (uint8_t)word->kind);
    write_varint(buffer, word->version);
    if (word->kind != MESSAGE_CONSENSUS_BEHIND) {
        write_ballot(buffer, word->ballot);
    }
    if (word->kind == MESSAGE_CONSENSUS_PROMISE) {
        write_ballot(buffer, word->accepted);
    }
    if (word->kind == MESSAGE_CONSENSUS_PROMISE || word->kind == MESSAGE_CONSENSUS_ACCEPT) {
        write_sized(buffer, word->entry);
    }
    frame_end(buffer, begun);
}

/* Nothing is accepted under a greater ballot than was promised, nor an entry under none. */
static bool is_sane(uint64_t version, struct ballot promised, struct ballot accepted, struct view entry) {
    return version <= CONSENSUS_VERSION_MOST && promised.counter <= CONSENSUS_COUNTER_MOST &&
           ballot_compare(accepted, promised) <= 0 && entry.size <= CONSENSUS_ENTRY_BYTES_MOST;
}

bool message_decode_consensus(uint8_t kind, struct view body, struct consensus_word *ret_word) {
    if (kind < MESSAGE_CONSENSUS_PREPARE || kind > MESSAGE_CONSENSUS_BEHIND) {
        return false;
    }
    struct reader reader = reader_of(body);
    struct consensus_word word = {.kind = (enum consensus_kind)kind, .version = read_varint(&reader)};
    if (kind != MESSAGE_CONSENSUS_BEHIND) {
        word.ballot = read_ballot(&reader);
    }
    if (kind == MESSAGE_CONSENSUS_PROMISE) {
        word.accepted = read_ballot(&reader);
    }
    if (kind == MESSAGE_CONSENSUS_PROMISE || kind == MESSAGE_CONSENSUS_ACCEPT) {
        word.entry = read_sized(&reader);
    }
    bool has_ballot = kind == MESSAGE_CONSENSUS_BEHIND || word.ballot.counter > 0;
    bool has_reason = kind != MESSAGE_CONSENSUS_PROMISE || word.accepted.counter > 0 || word.entry.size == 0;
    if (!reader_finished(&reader) || !has_ballot || !has_reason ||
        !is_sane(word.version, word.ballot, word.accepted, word.entry)) {
        return false;
    }
    *ret_word = word;
    return true;
}

void consensus_state_write(struct buffer *buffer, const struct consensus_state *state) {
    write_varint(buffer, state->version);
    write_ballot(buffer, state->promised);
    write_ballot(buffer, state->accepted);
    write_sized(buffer, state->entry);
}

bool consensus_state_read(struct view bytes, struct consensus_state *ret_state) {
    struct reader reader = reader_of(bytes);
    struct consensus_state state = {.version = read_varint(&reader)};
    state.promised = read_ballot(&reader);
    state.accepted = read_ballot(&reader);
    state.entry = read_sized(&reader);
    if (!reader_finished(&reader) || (state.accepted.counter == 0 && state.entry.size > 0) ||
        !is_sane(state.version, state.promised, state.accepted, state.entry)) {
        return false;
    }
    *ret_state = state;
    return true;
}
