#include "wire/exchange_message.h"

#include "base/limits.h"
#include "wire/frame.h"

void message_encode_summary(struct buffer *buffer, enum exchange_message_kind kind,
                            const struct message_summary *message) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    write_digest(buffer, message->ring);
    write_digest(buffer, message->roots);
    write_u32(buffer, message->losses);
    write_u32(buffer, message->turns);
    write_u32(buffer, message->your_losses);
    write_u32(buffer, message->your_turns);
    frame_end(buffer, begun);
}

bool message_decode_summary(struct view body, struct message_summary *ret_message) {
    struct reader reader = reader_of(body);
    struct message_summary message = {.ring = read_digest(&reader)};
    message.roots = read_digest(&reader);
    message.losses = read_u32(&reader);
    message.turns = read_u32(&reader);
    message.your_losses = read_u32(&reader);
    message.your_turns = read_u32(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}

size_t message_begin_roots(struct buffer *buffer, const struct message_roots *head) {
    size_t begun = frame_begin(buffer, MESSAGE_ROOTS);
    write_digest(buffer, head->ring);
    write_u32(buffer, head->losses);
    write_u32(buffer, head->your_losses);
    return begun;
}

void message_add_root(struct buffer *buffer, const struct exchange_root *root) {
    write_u16(buffer, root->partition.value);
    write_u8(buffer, root->wants_answer ? 1 : 0);
    write_digest(buffer, root->root);
}

size_t message_begin_same(struct buffer *buffer, uint32_t losses) {
    size_t begun = frame_begin(buffer, MESSAGE_SAME);
    write_u32(buffer, losses);
    return begun;
}

void message_add_same(struct buffer *buffer, struct partition partition) {
    write_u16(buffer, partition.value);
}

void message_end(struct buffer *buffer, size_t begun) {
    frame_end(buffer, begun);
}

bool message_decode_roots(struct view body, struct message_roots *ret_message) {
    struct reader reader = reader_of(body);
    struct message_roots message = {.ring = read_digest(&reader)};
    message.losses = read_u32(&reader);
    message.your_losses = read_u32(&reader);
    message.roots = reader;
    if (reader.failed) {
        return false;
    }
    *ret_message = message;
    return true;
}

bool message_next_root(struct reader *roots, struct exchange_root *ret_root) {
    struct exchange_root root = {.partition = {read_u16(roots)}};
    uint8_t wants_answer = read_u8(roots);
    root.wants_answer = wants_answer == 1;
    root.root = read_digest(roots);
    if (roots->failed || wants_answer > 1) {
        return false;
    }
    *ret_root = root;
    return true;
}

bool message_decode_same(struct view body, uint32_t *ret_losses, struct reader *ret_same) {
    struct reader reader = reader_of(body);
    *ret_losses = read_u32(&reader);
    *ret_same = reader;
    return !reader.failed;
}

bool message_next_same(struct reader *same, struct partition *ret_partition) {
    struct partition partition = {read_u16(same)};
    if (same->failed) {
        return false;
    }
    *ret_partition = partition;
    return true;
}

void message_encode_tree(struct buffer *buffer, const struct message_tree *message) {
    size_t begun = frame_begin(buffer, MESSAGE_TREE);
    write_u16(buffer, message->partition.value);
    for (uint32_t segment = 0; segment < EXCHANGE_SEGMENTS; segment++) {
        write_u64(buffer, message->segments[segment]);
    }
    frame_end(buffer, begun);
}

bool message_decode_tree(struct view body, struct message_tree *ret_message) {
    struct reader reader = reader_of(body);
    ret_message->partition.value = read_u16(&reader);
    for (uint32_t segment = 0; segment < EXCHANGE_SEGMENTS; segment++) {
        ret_message->segments[segment] = read_u64(&reader);
    }
    return reader_finished(&reader);
}

size_t message_begin_keys(struct buffer *buffer, enum exchange_message_kind kind, struct partition partition,
                          uint64_t place_from, uint64_t place_last) {
    size_t begun = frame_begin(buffer, (uint8_t)kind);
    write_u16(buffer, partition.value);
    write_u64(buffer, place_from);
    write_u64(buffer, place_last);
    return begun;
}

void message_add_key(struct buffer *buffer, const struct exchange_key *key) {
    write_sized(buffer, key->key);
    write_u64(buffer, key->entry);
}

bool exchange_next_key(struct reader *list, struct exchange_key *ret_key) {
    struct exchange_key key = {.key = read_sized(list)};
    key.entry = read_u64(list);
    if (list->failed || key.key.size > LIMIT_KEY_BYTES) {
        return false;
    }
    *ret_key = key;
    return true;
}

bool message_decode_keys(struct view body, struct message_keys *ret_message) {
    struct reader reader = reader_of(body);
    struct message_keys message = {0};
    struct exchange_key key;
    message.partition.value = read_u16(&reader);
    message.place_from = read_u64(&reader);
    message.place_last = read_u64(&reader);
    if (reader.failed || message.place_from > message.place_last) {
        return false;
    }
    message.list = view_slice(body, reader.position, reader_left(&reader));
    while (reader_left(&reader) > 0) {
        if (!exchange_next_key(&reader, &key)) {
            return false;
        }
    }
    *ret_message = message;
    return true;
}
