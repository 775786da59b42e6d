/* What operators prepare, on its way between first shards (core/stage.h). */
#ifndef GRAMME_WIRE_STAGE_MESSAGE_H
#define GRAMME_WIRE_STAGE_MESSAGE_H

#include "version/clock.h"
#include "wire/message.h"

enum stage_message_kind {
    MESSAGE_STAGE = 82,
    MESSAGE_SEEKER = 83, /* body: a seeker (core/members.h) who asked the sender just now */
};

struct message_stage {
    struct hybrid_time time; /* of the last change, and who made it: the later one wins */
    struct node_id by;
    struct view events; /* membership_encode() */
};

void message_encode_stage(struct buffer *buffer, const struct message_stage *message);
bool message_decode_stage(struct view body, struct message_stage *ret_message);

#endif
