/* A question to every shard of every member, and its answers (core/everyone.h), little-endian with varints; and the
 * table of keyspaces as it is passed on (core/keyspaces.h). */
#ifndef GRAMME_WIRE_QUESTION_MESSAGE_H
#define GRAMME_WIRE_QUESTION_MESSAGE_H

#include "base/codec.h"
#include "version/clock.h"

enum question_message_kind {
    MESSAGE_QUESTION = 50,
    MESSAGE_REPLY = 51,     /* to a question: nothing in its payload */
    MESSAGE_KEYSPACES = 52, /* the payload: a table that the other end hasn't got */
};

enum question {
    QUESTION_FLUSH_ASK,  /* which is the greatest time that you know of? */
    QUESTION_FLUSH_HOLD, /* stamp nothing at or below this from now on, nor after a restart */
    QUESTION_FLUSH_DO,   /* all hold: what was stamped at or below it is gone, after a restart too */
    QUESTION_KEYSPACES,  /* this is the table from now on, after a restart too */
    QUESTIONS,
};

struct message_question {
    enum question question;
    uint64_t attempt; /* of the one that asks */
    struct hybrid_time time;
    struct view payload;
};

void message_encode_question(struct buffer *buffer, enum question_message_kind kind,
                             const struct message_question *message);
bool message_decode_question(struct view body, struct message_question *ret_message);

#endif
