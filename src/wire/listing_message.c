#include "wire/listing_message.h"

void listing_ask_encode(struct buffer *buffer, const struct listing_ask *ask) {
    write_u8(buffer, (uint8_t)ask->question);
    write_u64(buffer, ask->cursor);
    write_u32(buffer, ask->most);
}

bool listing_ask_decode(struct view bytes, struct listing_ask *ret_ask) {
    struct reader reader = reader_of(bytes);
    uint8_t question = read_u8(&reader);
    struct listing_ask ask = {.question = (enum listing_question)question};
    ask.cursor = read_u64(&reader);
    ask.most = read_u32(&reader);
    if (!reader_finished(&reader) || question < LISTING_KEYS || question > LISTING_RANDOM) {
        return false;
    }
    *ret_ask = ask;
    return true;
}

void listing_answer_encode(struct buffer *buffer, const struct listing_answer *answer) {
    write_u64(buffer, answer->cursor);
    write_u64(buffer, answer->count);
    write_sized(buffer, answer->keys);
}

bool listing_answer_decode(struct view bytes, struct listing_answer *ret_answer) {
    struct reader reader = reader_of(bytes);
    struct listing_answer answer;
    answer.cursor = read_u64(&reader);
    answer.count = read_u64(&reader);
    answer.keys = read_sized(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_answer = answer;
    return true;
}
