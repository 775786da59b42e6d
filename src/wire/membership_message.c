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

void message_encode_report(struct buffer *buffer, const struct message_report *message) {
    size_t begun = frame_begin(buffer, MESSAGE_REPORT);
    write_u64(buffer, message->run);
    write_varint(buffer, message->drained);
    write_varint(buffer, message->filled);
    write_varint(buffer, message->clean);
    write_varint(buffer, message->to_fill);
    write_varint(buffer, message->former);
    write_varint(buffer, message->all_drained);
    frame_end(buffer, begun);
}

bool message_decode_report(struct view body, struct message_report *ret_message) {
    struct reader reader = reader_of(body);
    struct message_report message = {0};
    message.run = read_u64(&reader);
    message.drained = read_varint(&reader);
    message.filled = read_varint(&reader);
    message.clean = read_varint(&reader);
    message.to_fill = (uint32_t)read_varint(&reader);
    message.former = (uint32_t)read_varint(&reader);
    message.all_drained = read_varint(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}
