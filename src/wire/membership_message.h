/* The membership log on its way (core/roster.h): entries that the other end has not got, and what they lead to. */
#ifndef GRAMME_WIRE_MEMBERSHIP_MESSAGE_H
#define GRAMME_WIRE_MEMBERSHIP_MESSAGE_H

#include "base/hash.h"
#include "wire/message.h"

enum membership_message_kind {
    MESSAGE_MEMBERSHIP = 80,
};

struct message_membership {
    uint64_t version;   /* with these entries */
    struct digest ring; /* ring_digest() of it */
    struct view events; /* membership_encode() */
};

void message_encode_membership(struct buffer *buffer, const struct message_membership *message);
bool message_decode_membership(struct view body, struct message_membership *ret_message);

#endif
