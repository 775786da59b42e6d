#include "wire/question_message.h"

#include "wire/frame.h"

void message_encode_question(struct buffer *buffer, enum question_message_kind kind,
                             const struct message_question *message) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    write_u8(buffer, (uint8_t)message->question);
    write_varint(buffer, message->attempt);
    write_u64(buffer, message->time.value);
    write_sized(buffer, message->payload);
    frame_end(buffer, begun);
}

bool message_decode_question(struct view body, struct message_question *ret_message) {
    struct reader reader = reader_of(body);
    struct message_question message = {0};
    uint8_t question = read_u8(&reader);
    message.attempt = read_varint(&reader);
    message.time.value = read_u64(&reader);
    message.payload = read_sized(&reader);
    if (!reader_finished(&reader) || question >= QUESTIONS) {
        return false;
    }
    message.question = (enum question)question;
    *ret_message = message;
    return true;
}
