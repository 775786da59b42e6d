/* What a node tells of its store, beside what others remember of it in their greetings (core/witness.h). Little-endian.
 */
#ifndef GRAMME_WIRE_WITNESS_MESSAGE_H
#define GRAMME_WIRE_WITNESS_MESSAGE_H

#include "base/codec.h"
#include "version/lineage.h"

enum {
    MESSAGE_BOUND = 60,
    MESSAGE_STORES_BEFORE =
        67, /* the stores that its sender had before the one it told in BOUND; others know of them */
};

struct message_bound {
    uint64_t store;
    uint64_t run;
    struct hybrid_time bound; /* of its clock, durable */
};

void message_encode_bound(struct buffer *buffer, const struct message_bound *message);
bool message_decode_bound(struct view body, struct message_bound *ret_message);

/* 0: none. */
void message_encode_stores_before(struct buffer *buffer, const uint64_t stores[WITNESS_RETIRED]);
bool message_decode_stores_before(struct view body, uint64_t ret_stores[WITNESS_RETIRED]);

#endif
