#include "wire/publish_message.h"

#include "wire/frame.h"

void message_encode_publish(struct buffer *buffer, enum publish_message_kind kind,
                            const struct message_publish *message) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    write_u8(buffer, message->is_sharded ? 1 : 0);
    write_sized(buffer, message->channel);
    write_sized(buffer, message->payload);
    frame_end(buffer, begun);
}

bool message_decode_publish(struct view body, struct message_publish *ret_message) {
    struct reader reader = reader_of(body);
    uint8_t is_sharded = read_u8(&reader);
    struct message_publish message = {.is_sharded = is_sharded == 1};
    message.channel = read_sized(&reader);
    message.payload = read_sized(&reader);
    if (!reader_finished(&reader) || is_sharded > 1) {
        return false;
    }
    *ret_message = message;
    return true;
}
