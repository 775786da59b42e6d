#include "wire/detector_message.h"

/* Incarnations are raised by one past what an accuser named: none that could overflow is let in. */
static bool incarnation_is_sane(uint64_t incarnation) {
    return incarnation <= INT64_MAX / 2;
}

void message_encode_probe(struct buffer *buffer, enum message_kind kind, const struct message_probe *message) {
    size_t frame = frame_begin(buffer, (uint8_t)kind);
    write_varint(buffer, message->sequence);
    write_varint(buffer, message->incarnation);
    write_bytes(buffer, view_of(message->subject.bytes, sizeof(message->subject.bytes)));
    write_varint(buffer, message->subject_incarnation);
    write_u8(buffer, message->rumour_count);
    for (uint8_t index = 0; index < message->rumour_count; index++) {
        const struct message_rumour *rumour = &message->rumours[index];
        write_bytes(buffer, view_of(rumour->subject.bytes, sizeof(rumour->subject.bytes)));
        write_bytes(buffer, view_of(rumour->accuser.bytes, sizeof(rumour->accuser.bytes)));
        write_u8(buffer, (uint8_t)rumour->verdict);
        write_varint(buffer, rumour->incarnation);
    }
    frame_end(buffer, frame);
}

bool message_decode_probe(struct view body, struct message_probe *ret_message) {
    struct reader reader = reader_of(body);
    struct message_probe message = {0};
    message.sequence = read_varint(&reader);
    message.incarnation = read_varint(&reader);
    read_into(&reader, message.subject.bytes, sizeof(message.subject.bytes));
    message.subject_incarnation = read_varint(&reader);
    message.rumour_count = read_u8(&reader);
    if (message.rumour_count > RUMOURS_MOST) {
        return false;
    }
    bool is_sane = incarnation_is_sane(message.incarnation) && incarnation_is_sane(message.subject_incarnation);
    for (uint8_t index = 0; index < message.rumour_count; index++) {
        struct message_rumour *rumour = &message.rumours[index];
        read_into(&reader, rumour->subject.bytes, sizeof(rumour->subject.bytes));
        read_into(&reader, rumour->accuser.bytes, sizeof(rumour->accuser.bytes));
        uint8_t verdict = read_u8(&reader);
        rumour->incarnation = read_varint(&reader);
        is_sane = is_sane && verdict <= RUMOUR_DEAD && incarnation_is_sane(rumour->incarnation);
        rumour->verdict = (enum rumour_verdict)verdict;
    }
    if (!reader_finished(&reader) || !is_sane) {
        return false;
    }
    *ret_message = message;
    return true;
}
