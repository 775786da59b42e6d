#include "wire/farewell_message.h"

#include "wire/frame.h"

void message_encode_farewell(struct buffer *buffer, enum farewell_message_kind kind,
                             const struct message_farewell *message) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    write_u16(buffer, message->partition.value);
    write_u64(buffer, message->version);
    write_u64(buffer, message->attempt);
    for (uint32_t segment = 0; segment < EXCHANGE_SEGMENTS; segment++) {
        if (kind == MESSAGE_FAREWELL) {
            write_u64(buffer, message->segments[segment]);
        } else {
            write_u8(buffer, (uint8_t)message->segments[segment]);
        }
    }
    frame_end(buffer, begun);
}

bool message_decode_farewell(enum farewell_message_kind kind, struct view body, struct message_farewell *ret_message) {
    struct reader reader = reader_of(body);
    struct message_farewell message = {0};
    message.partition.value = read_u16(&reader);
    message.version = read_u64(&reader);
    message.attempt = read_u64(&reader);
    for (uint32_t segment = 0; segment < EXCHANGE_SEGMENTS; segment++) {
        message.segments[segment] = kind == MESSAGE_FAREWELL ? read_u64(&reader) : read_u8(&reader);
    }
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}
