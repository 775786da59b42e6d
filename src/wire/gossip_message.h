/* Words of gossip (core/gossip.h): bytes and back, little-endian with varints. A word is a head, of SUMMARY only, and a
 * list that goes on to its end:
 *
 *      SUMMARY   flags u8, version varint, hash 16 bytes      digests
 *      DIGEST                                                 digests
 *      RECORDS                                                records
 *      WANT                                                   ids
 *
 *      id: 16 bytes; digest: id, generation varint, counter varint; record: digest, payload with its size before it
 *
 * A decoder walks the list to its end, so that whoever walks it after that finds no error. */
#ifndef GRAMME_WIRE_GOSSIP_MESSAGE_H
#define GRAMME_WIRE_GOSSIP_MESSAGE_H

#include "base/codec.h"
#include "base/limits.h"

enum gossip_kind {
    MESSAGE_GOSSIP_SUMMARY = 61, /* all that I have, in one hash, and what changed of late */
    MESSAGE_GOSSIP_DIGEST = 62,  /* all that I have, one by one */
    MESSAGE_GOSSIP_RECORDS = 63, /* that you lack */
    MESSAGE_GOSSIP_WANT = 64,    /* that I lack */
};

enum {
    GOSSIP_PAYLOAD_BYTES_MOST = 1024,
    GOSSIP_RECENT_MOST = 32,               /* digests in a SUMMARY */
    GOSSIP_DIGESTS_MOST = LIMIT_MEMBERS,   /* in a DIGEST, and ids in a WANT: some 36 KiB */
    GOSSIP_RECORDS_BYTES_MOST = 16 * 1024, /* of a RECORDS: more are sent in several */
};

/* Generations are raised by one past what was heard, counters too: none that could overflow is let in. */
#define GOSSIP_STAMP_MOST (UINT64_MAX >> 8)

/* Of two records of one member the one with the greater (generation, counter) is newer. */
struct gossip_stamp {
    uint64_t generation; /* of a run of the member's process; 0: no record */
    uint64_t counter;    /* within it */
};

struct gossip_record {
    struct node_id id;
    struct gossip_stamp stamp;
    struct view payload; /* in RECORDS only */
};

struct gossip_word {
    enum gossip_kind kind;
    bool is_answer;     /* the rest for SUMMARY only */
    uint64_t version;   /* entries of the sender's membership chain */
    struct digest hash; /* sum over records */
    struct view list;
};

static inline int gossip_stamp_compare(struct gossip_stamp a, struct gossip_stamp b) {
    return a.generation != b.generation ? (a.generation > b.generation) - (a.generation < b.generation)
                                        : (a.counter > b.counter) - (a.counter < b.counter);
}

/* Append to a list of that kind, and take its next; false at its end or on anything malformed. */
void gossip_list_add(struct buffer *list, enum gossip_kind kind, const struct gossip_record *record);
bool gossip_list_next(struct reader *list, enum gossip_kind kind, struct gossip_record *ret_record);

/* Encodes one whole frame at the end of the buffer. */
void message_encode_gossip(struct buffer *buffer, const struct gossip_word *word);
/* Of a frame's body; false on anything malformed. The list is borrowed from the body. */
bool message_decode_gossip(uint8_t kind, struct view body, struct gossip_word *ret_word);

#endif
