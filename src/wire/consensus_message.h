/* Words of the agreement on the next entry of the membership chain (core/consensus.h): bytes and back, little-endian
 * with varints. One struct for six kinds; each says of which version it speaks: that of the sender, the number of
 * entries that it knows.
 *
 *      kind       ballot                  accepted              entry
 *      PREPARE    asked for
 *      PROMISE    the one promised        accepted before it    that entry
 *      ACCEPT     of the proposal                               the proposal
 *      ACCEPTED   of the proposal
 *      REFUSED    a greater one promised
 *      BEHIND
 */
#ifndef GRAMME_WIRE_CONSENSUS_MESSAGE_H
#define GRAMME_WIRE_CONSENSUS_MESSAGE_H

#include "base/codec.h"

enum consensus_kind {
    MESSAGE_CONSENSUS_PREPARE = 70,  /* promise to refuse lesser ballots, and tell what you accepted */
    MESSAGE_CONSENSUS_PROMISE = 71,  /* done, and it is durable */
    MESSAGE_CONSENSUS_ACCEPT = 72,   /* let this be the entry, unless you promised a greater ballot */
    MESSAGE_CONSENSUS_ACCEPTED = 73, /* done, and it is durable */
    MESSAGE_CONSENSUS_REFUSED = 74,  /* promised a greater one */
    MESSAGE_CONSENSUS_BEHIND = 75,   /* you know more entries than I do */
};

enum { CONSENSUS_ENTRY_BYTES_MOST = 64 * 1024 };

/* Beyond any that counting reaches: those from a damaged or hostile word must not exhaust what follows. */
#define CONSENSUS_COUNTER_MOST (UINT64_MAX >> 8)
#define CONSENSUS_VERSION_MOST (UINT64_MAX >> 8)

/* Totally ordered by (counter, node, run). The run, a random number that a process draws when it starts, makes it
 * unique without a disk: no two proposals have the same ballot, whatever a proposer forgot. */
struct ballot {
    uint64_t counter; /* 0: none */
    struct node_id node;
    uint64_t run;
};

struct consensus_word {
    enum consensus_kind kind;
    uint64_t version;
    struct ballot ballot;
    struct ballot accepted; /* counter 0: nothing was */
    struct view entry;
};

/* What an acceptor must not forget. */
struct consensus_state {
    uint64_t version;
    struct ballot promised;
    struct ballot accepted;
    struct view entry; /* that it accepted */
};

static inline int ballot_compare(struct ballot a, struct ballot b) {
    if (a.counter != b.counter) {
        return a.counter < b.counter ? -1 : 1;
    }
    int order = node_id_compare(a.node, b.node);
    return order != 0 ? order : (a.run > b.run) - (a.run < b.run);
}

/* Encodes one whole frame at the end of the buffer. */
void message_encode_consensus(struct buffer *buffer, const struct consensus_word *word);
/* Of a frame's body; false on anything malformed. The entry is borrowed from the body. */
bool message_decode_consensus(uint8_t kind, struct view body, struct consensus_word *ret_word);

/* For the disk. */
void consensus_state_write(struct buffer *buffer, const struct consensus_state *state);
bool consensus_state_read(struct view bytes, struct consensus_state *ret_state);

#endif
