#include "wire/stage_message.h"

void message_encode_stage(struct buffer *buffer, const struct message_stage *message) {
    size_t begun = frame_begin(buffer, MESSAGE_STAGE);
    write_u64(buffer, message->time.value);
    write_bytes(buffer, view_of(message->by.bytes, sizeof(message->by.bytes)));
    write_sized(buffer, message->events);
    frame_end(buffer, begun);
}

bool message_decode_stage(struct view body, struct message_stage *ret_message) {
    struct reader reader = reader_of(body);
    struct message_stage message = {0};
    message.time.value = read_u64(&reader);
    read_into(&reader, message.by.bytes, sizeof(message.by.bytes));
    message.events = read_sized(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}
