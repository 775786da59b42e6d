#include "wire/fence_message.h"

#include "base/limits.h"
#include "wire/frame.h"

void message_encode_fence(struct buffer *buffer, const struct message_fence *message) {
    size_t begun = frame_begin(buffer, MESSAGE_FENCE);
    write_varint(buffer, message->heard);
    write_varint(buffer, message->drained);
    write_varint(buffer, message->agreed);
    write_varint(buffer, message->passed);
    write_varint(buffer, message->flushed);
    write_u64(buffer, message->time.value);
    write_varint(buffer, message->keyspaces);
    write_varint(buffer, message->wanted);
    frame_end(buffer, begun);
}

bool message_decode_fence(struct view body, struct message_fence *ret_message) {
    struct reader reader = reader_of(body);
    struct message_fence message = {0};
    message.heard = read_varint(&reader);
    message.drained = read_varint(&reader);
    message.agreed = read_varint(&reader);
    message.passed = read_varint(&reader);
    message.flushed = read_varint(&reader);
    message.time.value = read_u64(&reader);
    message.keyspaces = read_varint(&reader);
    message.wanted = read_varint(&reader);
    if (reader.failed || message.drained > message.heard || message.agreed > message.drained ||
        message.passed > message.heard || message.heard > FENCE_NUMBER_MOST) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_add_proof_head(struct buffer *buffer, const struct message_proof *head) {
    write_u16(buffer, head->partition.value);
    write_u8(buffer, (uint8_t)head->aim);
    write_varint(buffer, head->number);
    write_varint(buffer, head->attempt);
    write_u64(buffer, head->ground);
}

size_t message_begin_proof(struct buffer *buffer, enum fence_message_kind kind, const struct message_proof *head) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    message_add_proof_head(buffer, head);
    return begun;
}

void message_add_proof(struct buffer *buffer, const struct proof_key *key) {
    write_sized(buffer, key->key);
    write_digest(buffer, key->what);
}

void message_end_proof(struct buffer *buffer, size_t begun) {
    frame_end(buffer, begun);
}

bool proof_next_key(struct reader *list, struct proof_key *ret_key) {
    if (reader_left(list) == 0) {
        return false;
    }
    struct proof_key key = {.key = read_sized(list)};
    key.what = read_digest(list);
    if (list->failed || key.key.size > LIMIT_KEY_BYTES) {
        return false;
    }
    *ret_key = key;
    return true;
}

bool message_decode_proof(struct view body, struct message_proof *ret_message) {
    struct reader reader = reader_of(body);
    struct message_proof message = {0};
    struct proof_key key;
    message.partition.value = read_u16(&reader);
    uint8_t aim = read_u8(&reader);
    message.number = read_varint(&reader);
    message.attempt = read_varint(&reader);
    message.ground = read_u64(&reader);
    if (reader.failed || message.number > FENCE_NUMBER_MOST || aim >= PROOF_AIMS) {
        return false;
    }
    message.aim = (enum proof_aim)aim;
    message.list = view_slice(body, reader.position, reader_left(&reader));
    while (proof_next_key(&reader, &key)) {
    }
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}
