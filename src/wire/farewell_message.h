/* Words of a former owner that brings home what it has (core/farewell.h): the entries of its hash tree, and which of
 * them the owner has too. */
#ifndef GRAMME_WIRE_FAREWELL_MESSAGE_H
#define GRAMME_WIRE_FAREWELL_MESSAGE_H

#include "wire/exchange_message.h"

enum farewell_message_kind {
    MESSAGE_FAREWELL = 90,        /* this is what I have */
    MESSAGE_FAREWELL_ANSWER = 91, /* of that, I have these segments too, fsynced */
};

struct message_farewell {
    struct partition partition;
    uint64_t version; /* of the membership log, at both ends */
    uint64_t attempt;
    uint64_t segments[EXCHANGE_SEGMENTS]; /* FAREWELL: the low half of each digest. ANSWER: 1 where it is the same */
};

void message_encode_farewell(struct buffer *buffer, enum farewell_message_kind kind,
                             const struct message_farewell *message);
bool message_decode_farewell(enum farewell_message_kind kind, struct view body, struct message_farewell *ret_message);

#endif
