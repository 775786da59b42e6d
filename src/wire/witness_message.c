#include "wire/witness_message.h"

#include "wire/frame.h"

void message_encode_bound(struct buffer *buffer, const struct message_bound *message) {
    size_t begun = frame_begin(buffer, MESSAGE_BOUND);
    write_u64(buffer, message->store);
    write_u64(buffer, message->run);
    write_u64(buffer, message->bound.value);
    frame_end(buffer, begun);
}

bool message_decode_bound(struct view body, struct message_bound *ret_message) {
    struct reader reader = reader_of(body);
    struct message_bound message = {.store = read_u64(&reader)};
    message.run = read_u64(&reader);
    message.bound.value = read_u64(&reader);
    if (!reader_finished(&reader) || message.store == 0) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_encode_stores_before(struct buffer *buffer, const uint64_t stores[WITNESS_RETIRED]) {
    size_t begun = frame_begin(buffer, MESSAGE_STORES_BEFORE);
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        write_u64(buffer, stores[i]);
    }
    frame_end(buffer, begun);
}

bool message_decode_stores_before(struct view body, uint64_t ret_stores[WITNESS_RETIRED]) {
    struct reader reader = reader_of(body);
    uint64_t stores[WITNESS_RETIRED];
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        stores[i] = read_u64(&reader);
    }
    if (!reader_finished(&reader)) {
        return false;
    }
    memcpy(ret_stores, stores, sizeof(stores));
    return true;
}
