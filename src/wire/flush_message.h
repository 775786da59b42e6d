/* Words of FLUSHALL (core/flush.h), little-endian with varints. Questions and their answers name the same attempt. */
#ifndef GRAMME_WIRE_FLUSH_MESSAGE_H
#define GRAMME_WIRE_FLUSH_MESSAGE_H

#include "base/codec.h"
#include "version/clock.h"

enum flush_message_kind {
    MESSAGE_FLUSH_ASK = 50,  /* which is the greatest time that you know of? */
    MESSAGE_FLUSH_TIME = 51, /* this */
    MESSAGE_FLUSH_HOLD = 52, /* stamp nothing at or below this from now on */
    MESSAGE_FLUSH_HELD = 53, /* so it is, after a restart too */
    MESSAGE_FLUSH_DO = 54,   /* all have: what was stamped at or below it is gone */
    MESSAGE_FLUSH_DONE = 55, /* so it is, after a restart too */
};

struct message_flush {
    uint64_t attempt; /* of the one that asks */
    struct hybrid_time time;
};

void message_encode_flush(struct buffer *buffer, enum flush_message_kind kind, const struct message_flush *message);
bool message_decode_flush(struct view body, struct message_flush *ret_message);

#endif
