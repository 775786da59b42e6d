/* Words of a former owner that brings home what it has (core/farewell.h). */
#ifndef GRAMME_WIRE_FAREWELL_MESSAGE_H
#define GRAMME_WIRE_FAREWELL_MESSAGE_H

#include "wire/exchange_message.h"

enum farewell_message_kind {
    MESSAGE_FAREWELL = 90,        /* this is what I have */
    MESSAGE_FAREWELL_ANSWER = 91, /* this is what I have, fsynced */
};

struct message_farewell {
    struct partition partition;
    uint64_t version; /* of the membership log, at both ends */
    uint64_t attempt;
    struct digest root; /* of the hash tree */
};

struct message_farewell_answer {
    uint64_t attempt;                     /* echoed */
    bool is_same;                         /* root and root */
    uint64_t segments[EXCHANGE_SEGMENTS]; /* if not: the low half of each digest */
};

void message_encode_farewell(struct buffer *buffer, const struct message_farewell *message);
void message_encode_farewell_answer(struct buffer *buffer, const struct message_farewell_answer *message);
bool message_decode_farewell(struct view body, struct message_farewell *ret_message);
bool message_decode_farewell_answer(struct view body, struct message_farewell_answer *ret_message);

#endif
