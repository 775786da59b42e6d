#include "wire/gossip_message.h"

#include "wire/frame.h"

void gossip_list_add(struct buffer *list, enum gossip_kind kind, const struct gossip_record *record) {
    write_bytes(list, view_of(record->id.bytes, sizeof(record->id.bytes)));
    if (kind != MESSAGE_GOSSIP_WANT) {
        write_varint(list, record->stamp.generation);
        write_varint(list, record->stamp.counter);
    }
    if (kind == MESSAGE_GOSSIP_RECORDS) {
        write_sized(list, record->payload);
    }
}

bool gossip_list_next(struct reader *list, enum gossip_kind kind, struct gossip_record *ret_record) {
    struct gossip_record record = {0};
    if (reader_left(list) == 0) {
        return false;
    }
    read_into(list, record.id.bytes, sizeof(record.id.bytes));
    bool is_sane = true;
    if (kind != MESSAGE_GOSSIP_WANT) {
        record.stamp.generation = read_varint(list);
        record.stamp.counter = read_varint(list);
        is_sane = record.stamp.generation > 0 && record.stamp.generation <= GOSSIP_STAMP_MOST &&
                  record.stamp.counter <= GOSSIP_STAMP_MOST;
    }
    if (kind == MESSAGE_GOSSIP_RECORDS) {
        record.payload = read_sized(list);
        is_sane = is_sane && record.payload.size <= GOSSIP_PAYLOAD_BYTES_MOST;
    }
    if (list->failed || !is_sane) {
        list->failed = true;
        return false;
    }
    *ret_record = record;
    return true;
}

void message_encode_gossip(struct buffer *buffer, const struct gossip_word *word) {
    size_t begun = frame_begin(buffer, (uint8_t)word->kind);
    if (word->kind == MESSAGE_GOSSIP_SUMMARY) {
        write_u8(buffer, word->is_answer ? 1 : 0);
        write_varint(buffer, word->version);
        write_digest(buffer, word->hash);
    }
    write_bytes(buffer, word->list);
    frame_end(buffer, begun);
}

static bool list_is_sound(struct view view, enum gossip_kind kind) {
    struct reader list = reader_of(view);
    struct gossip_record record;
    uint32_t most = kind == MESSAGE_GOSSIP_SUMMARY ? GOSSIP_RECENT_MOST : GOSSIP_DIGESTS_MOST;
    uint32_t count = 0;
    while (gossip_list_next(&list, kind, &record)) {
        count++;
    }
    return reader_finished(&list) && count <= most &&
           (kind != MESSAGE_GOSSIP_RECORDS || view.size <= GOSSIP_RECORDS_BYTES_MOST);
}

bool message_decode_gossip(uint8_t kind, struct view body, struct gossip_word *ret_word) {
    if (kind < MESSAGE_GOSSIP_SUMMARY || kind > MESSAGE_GOSSIP_WANT) {
        return false;
    }
    struct reader reader = reader_of(body);
    struct gossip_word word = {.kind = (enum gossip_kind)kind};
    uint8_t flags = 0;
    if (kind == MESSAGE_GOSSIP_SUMMARY) {
        flags = read_u8(&reader);
        word.is_answer = flags == 1;
        word.version = read_varint(&reader);
        word.hash = read_digest(&reader);
    }
    word.list = read_bytes(&reader, reader_left(&reader));
    if (!reader_finished(&reader) || flags > 1 || word.version > GOSSIP_STAMP_MOST ||
        !list_is_sound(word.list, word.kind)) {
        return false;
    }
    *ret_word = word;
    return true;
}
