/* What clients publish, on its way to the shards that others listen at (core/publish.h). */
#ifndef GRAMME_WIRE_PUBLISH_MESSAGE_H
#define GRAMME_WIRE_PUBLISH_MESSAGE_H

#include "base/codec.h"

enum publish_message_kind {
    MESSAGE_PUBLISH = 94,   /* to the first shard of a node: for all who listen there */
    MESSAGE_PUBLISHED = 95, /* within a node, from its first shard: for who listens at the receiver */
};

struct message_publish {
    bool is_sharded; /* SPUBLISH: its channels are others than PUBLISH's of the same name */
    struct view channel;
    struct view payload;
};

void message_encode_publish(struct buffer *buffer, enum publish_message_kind kind,
                            const struct message_publish *message);
bool message_decode_publish(struct view body, struct message_publish *ret_message);

#endif
