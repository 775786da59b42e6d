#include "wire/farewell_message.h"

#include "wire/frame.h"

void message_encode_farewell(struct buffer *buffer, const struct message_farewell *message) {
    size_t begun = frame_begin(buffer, MESSAGE_FAREWELL);
    write_u16(buffer, message->partition.value);
    write_u64(buffer, message->version);
    write_u64(buffer, message->attempt);
    write_digest(buffer, message->root);
    frame_end(buffer, begun);
}

void message_encode_farewell_answer(struct buffer *buffer, const struct message_farewell_answer *message) {
    size_t begun = frame_begin(buffer, MESSAGE_FAREWELL_ANSWER);
    write_u64(buffer, message->attempt);
    write_u8(buffer, message->is_same ? 1 : 0);
    for (uint32_t segment = 0; !message->is_same && segment < EXCHANGE_SEGMENTS; segment++) {
        write_u64(buffer, message->segments[segment]);
    }
    frame_end(buffer, begun);
}

bool message_decode_farewell(struct view body, struct message_farewell *ret_message) {
    struct reader reader = reader_of(body);
    struct message_farewell message = {.partition = {read_u16(&reader)}};
    message.version = read_u64(&reader);
    message.attempt = read_u64(&reader);
    message.root = read_digest(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}

bool message_decode_farewell_answer(struct view body, struct message_farewell_answer *ret_message) {
    struct reader reader = reader_of(body);
    struct message_farewell_answer message = {.attempt = read_u64(&reader)};
    uint8_t is_same = read_u8(&reader);
    message.is_same = is_same == 1;
    for (uint32_t segment = 0; !message.is_same && segment < EXCHANGE_SEGMENTS; segment++) {
        message.segments[segment] = read_u64(&reader);
    }
    if (!reader_finished(&reader) || is_same > 1) {
        return false;
    }
    *ret_message = message;
    return true;
}
