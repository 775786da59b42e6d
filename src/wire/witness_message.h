/* What a node tells of its store, beside what others remember of it in their greetings (core/witness.h). Little-endian.
 */
#ifndef GRAMME_WIRE_WITNESS_MESSAGE_H
#define GRAMME_WIRE_WITNESS_MESSAGE_H

#include "base/codec.h"
#include "version/clock.h"

enum { MESSAGE_BOUND = 60 };

struct message_bound {
    uint64_t store;
    uint64_t run;
    struct hybrid_time bound; /* of its clock, durable */
};

void message_encode_bound(struct buffer *buffer, const struct message_bound *message);
bool message_decode_bound(struct view body, struct message_bound *ret_message);

#endif
