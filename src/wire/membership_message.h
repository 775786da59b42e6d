/* The membership log on its way (core/roster.h): entries that the other end has not got, and what they lead to. */
#ifndef GRAMME_WIRE_MEMBERSHIP_MESSAGE_H
#define GRAMME_WIRE_MEMBERSHIP_MESSAGE_H

#include "base/hash.h"
#include "wire/message.h"

enum membership_message_kind {
    MESSAGE_MEMBERSHIP = 80,
    MESSAGE_REPORT = 81, /* within a node: how far the sender is with it (core/moves.h) */
};

struct message_membership {
    uint64_t version;   /* with these entries */
    struct digest ring; /* ring_digest() of it */
    struct view events; /* membership_encode() */
};

/* Versions: of each, that the sender has come so far. */
struct message_report {
    uint64_t run;
    uint64_t drained;     /* adopted, durably, and no request that began under an earlier one is open */
    uint64_t filled;      /* JOINT: holds all that it is to hold in the new placement */
    uint64_t clean;       /* REST: holds nothing that it is not to hold */
    uint32_t to_fill;     /* partitions that are not */
    uint32_t former;      /* partitions of which that is not so */
    uint64_t all_drained; /* within a node, from its first shard: every awaited member has */
};

void message_encode_report(struct buffer *buffer, const struct message_report *message);
bool message_decode_report(struct view body, struct message_report *ret_message);

void message_encode_membership(struct buffer *buffer, const struct message_membership *message);
bool message_decode_membership(struct view body, struct message_membership *ret_message);

#endif
