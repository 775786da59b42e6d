#include "wire/flush_message.h"

#include "wire/frame.h"

void message_encode_flush(struct buffer *buffer, enum flush_message_kind kind, const struct message_flush *message) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    write_varint(buffer, message->attempt);
    write_u64(buffer, message->time.value);
    frame_end(buffer, begun);
}

bool message_decode_flush(struct view body, struct message_flush *ret_message) {
    struct reader reader = reader_of(body);
    struct message_flush message = {.attempt = read_varint(&reader)};
    message.time.value = read_u64(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}
