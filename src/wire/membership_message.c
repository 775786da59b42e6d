#include "wire/membership_message.h"

void message_encode_membership(struct buffer *buffer, const struct message_membership *message) {
    size_t begun = frame_begin(buffer, MESSAGE_MEMBERSHIP);
    write_u64(buffer, message->version);
    write_digest(buffer, message->ring);
    write_sized(buffer, message->events);
    frame_end(buffer, begun);
}

bool message_decode_membership(struct view body, struct message_membership *ret_message) {
    struct reader reader = reader_of(body);
    struct message_membership message = {0};
    message.version = read_u64(&reader);
    message.ring = read_digest(&reader);
    message.events = read_sized(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}
