#include "wire/message.h"

#include "base/limits.h"

/* Clocks of peers are taken from and added to ours: none that could overflow is let in. */
static bool time_is_sane(uint64_t time) {
    return time <= INT64_MAX / 2;
}

/* What the link is for, as one byte. */
enum { LINK_SMALL = 0, LINK_BULK = 1, LINK_KNOCK = 2 };

void message_encode_hello(struct buffer *buffer, const struct message_hello *message) {
    size_t frame = frame_begin(buffer, MESSAGE_HELLO);
    write_u32(buffer, message->magic);
    write_u16(buffer, message->version_least);
    write_u16(buffer, message->version);
    write_bytes(buffer, view_of(message->cluster.bytes, sizeof(message->cluster.bytes)));
    write_bytes(buffer, view_of(message->node.bytes, sizeof(message->node.bytes)));
    write_u16(buffer, message->shard_index);
    write_u16(buffer, message->shard_count);
    write_u16(buffer, message->target_shard);
    write_u8(buffer, message->is_knock ? LINK_KNOCK : message->is_bulk ? LINK_BULK : LINK_SMALL);
    write_u64(buffer, message->run);
    write_digest(buffer, message->ring);
    write_digest(buffer, message->keyspaces);
    write_u64(buffer, message->wall.ms);
    write_u64(buffer, message->now.ns);
    write_u64(buffer, message->fence);
    write_u64(buffer, message->flushed.value);
    write_u64(buffer, message->keyspaces_version);
    write_u64(buffer, message->membership);
    write_u8(buffer, message->is_agreeing ? 1 : 0);
    witness_encode(buffer, &message->remembered);
    write_bytes(buffer, view_of(message->to.bytes, sizeof(message->to.bytes)));
    frame_end(buffer, frame);
}

bool message_decode_hello(struct view body, struct message_hello *ret_message) {
    struct reader reader = reader_of(body);
    struct message_hello message = {0};
    message.magic = read_u32(&reader);
    message.version_least = read_u16(&reader);
    message.version = read_u16(&reader);
    read_into(&reader, message.cluster.bytes, sizeof(message.cluster.bytes));
    read_into(&reader, message.node.bytes, sizeof(message.node.bytes));
    message.shard_index = read_u16(&reader);
    message.shard_count = read_u16(&reader);
    message.target_shard = read_u16(&reader);
    uint8_t purpose = read_u8(&reader);
    message.is_bulk = purpose == LINK_BULK;
    message.is_knock = purpose == LINK_KNOCK;
    message.run = read_u64(&reader);
    message.ring = read_digest(&reader);
    message.keyspaces = read_digest(&reader);
    message.wall.ms = read_u64(&reader);
    message.now.ns = read_u64(&reader);
    message.fence = read_u64(&reader);
    message.flushed.value = read_u64(&reader);
    message.keyspaces_version = read_u64(&reader);
    message.membership = read_u64(&reader);
    message.is_agreeing = read_u8(&reader) != 0;
    (void)witness_decode(&reader, &message.remembered);
    if (reader_left(&reader) >= sizeof(message.to.bytes)) {
        read_into(&reader, message.to.bytes, sizeof(message.to.bytes));
    }
    /* A later protocol may append: only what this version knows is required. */
    if (reader.failed || message.magic != HELLO_MAGIC || purpose > LINK_KNOCK || message.shard_count == 0 ||
        message.shard_count > LIMIT_SHARDS || message.shard_index >= message.shard_count ||
        message.target_shard >= LIMIT_SHARDS || message.fence > FENCE_NUMBER_MOST || !time_is_sane(message.wall.ms) ||
        !time_is_sane(message.now.ns)) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_encode_ping(struct buffer *buffer, enum message_kind kind, const struct message_ping *message,
                         uint16_t version) {
    size_t frame = frame_begin(buffer, (uint8_t)kind);
    write_u64(buffer, message->wall.ms);
    write_u64(buffer, message->now.ns);
    if (version >= PROTOCOL_VERSION_NEXT) {
        write_u32(buffer, message->requests);
    }
    frame_end(buffer, frame);
}

bool message_decode_ping(struct view body, struct message_ping *ret_message, uint16_t version) {
    struct reader reader = reader_of(body);
    struct message_ping message = {0};
    message.wall.ms = read_u64(&reader);
    message.now.ns = read_u64(&reader);
    message.requests = version >= PROTOCOL_VERSION_NEXT ? read_u32(&reader) : 0;
    if (!reader_finished(&reader) || !time_is_sane(message.wall.ms) || !time_is_sane(message.now.ns)) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_encode_leaving(struct buffer *buffer) {
    frame_end(buffer, frame_begin(buffer, MESSAGE_LEAVING));
}

static const int put_known_flags = PUT_NAME_KEPT | PUT_REPAIR | PUT_HINT | PUT_HANDOFF;

void message_add_put(struct buffer *buffer, const struct message_put *message) {
    write_varint(buffer, message->request);
    write_u16(buffer, message->partition.value);
    write_varint(buffer, message->placement_mark);
    write_u8(buffer, message->flags);
    write_varint(buffer, message->fence);
    if ((message->flags & PUT_HINT) != 0) {
        write_bytes(buffer, view_of(message->hint_for.bytes, sizeof(message->hint_for.bytes)));
    }
    write_sized(buffer, message->key);
    write_bytes(buffer, message->object);
}

void message_encode_put(struct buffer *buffer, const struct message_put *message) {
    size_t frame = frame_begin(buffer, MESSAGE_PUT);
    message_add_put(buffer, message);
    frame_end(buffer, frame);
}

bool message_decode_put(struct view body, struct message_put *ret_message) {
    struct reader reader = reader_of(body);
    struct message_put message = {0};
    message.request = read_varint(&reader);
    message.partition.value = read_u16(&reader);
    message.placement_mark = read_varint(&reader);
    message.flags = read_u8(&reader);
    message.fence = read_varint(&reader);
    if ((message.flags & PUT_HINT) != 0) {
        read_into(&reader, message.hint_for.bytes, sizeof(message.hint_for.bytes));
    }
    message.key = read_sized(&reader);
    message.object = read_bytes(&reader, reader_left(&reader));
    if (reader.failed || (message.flags & ~put_known_flags) != 0 || message.fence > FENCE_NUMBER_MOST ||
        message.key.size > LIMIT_KEY_BYTES) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_encode_put_answer(struct buffer *buffer, const struct message_put_answer *message) {
    size_t frame = frame_begin(buffer, MESSAGE_PUT_ANSWER);
    write_varint(buffer, message->request);
    write_u8(buffer, (uint8_t)message->status);
    write_u8(buffer, message->informed ? 1 : 0);
    write_bytes(buffer, message->kept);
    frame_end(buffer, frame);
}

bool message_decode_put_answer(struct view body, struct message_put_answer *ret_message) {
    struct reader reader = reader_of(body);
    struct message_put_answer message = {0};
    message.request = read_varint(&reader);
    uint8_t status = read_u8(&reader);
    uint8_t informed = read_u8(&reader);
    message.informed = informed == 1;
    message.kept = read_bytes(&reader, reader_left(&reader));
    if (reader.failed || informed > 1 ||
        (status != ANSWER_STORED && status != ANSWER_REFUSED && status != ANSWER_FAILED)) {
        return false;
    }
    message.status = (enum answer_status)status;
    *ret_message = message;
    return true;
}

enum { READ_HAS_DIGEST = 1 << 0, READ_WHOLE = 1 << 1 };

void message_encode_read(struct buffer *buffer, const struct message_read *message) {
    size_t frame = frame_begin(buffer, MESSAGE_READ);
    write_varint(buffer, message->request);
    write_u16(buffer, message->partition.value);
    write_varint(buffer, message->placement_mark);
    write_u8(buffer, (uint8_t)((message->has_digest ? READ_HAS_DIGEST : 0) | (message->wants_whole ? READ_WHOLE : 0)));
    if (message->has_digest) {
        write_digest(buffer, message->digest);
    }
    write_bytes(buffer, message->key);
    frame_end(buffer, frame);
}

bool message_decode_read(struct view body, struct message_read *ret_message) {
    struct reader reader = reader_of(body);
    struct message_read message = {0};
    message.request = read_varint(&reader);
    message.partition.value = read_u16(&reader);
    message.placement_mark = read_varint(&reader);
    uint8_t flags = read_u8(&reader);
    message.has_digest = (flags & READ_HAS_DIGEST) != 0;
    message.wants_whole = (flags & READ_WHOLE) != 0;
    if (message.has_digest) {
        message.digest = read_digest(&reader);
    }
    message.key = read_bytes(&reader, reader_left(&reader));
    if (reader.failed || flags > (READ_HAS_DIGEST | READ_WHOLE) || message.key.size > LIMIT_KEY_BYTES) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_encode_read_answer(struct buffer *buffer, const struct message_read_answer *message) {
    size_t frame = frame_begin(buffer, MESSAGE_READ_ANSWER);
    write_varint(buffer, message->request);
    write_u8(buffer, (uint8_t)message->status);
    write_u8(buffer, message->informed ? 1 : 0);
    write_varint(buffer, message->fence);
    write_bytes(buffer, message->object);
    frame_end(buffer, frame);
}

bool message_decode_read_answer(struct view body, struct message_read_answer *ret_message) {
    struct reader reader = reader_of(body);
    struct message_read_answer message = {0};
    message.request = read_varint(&reader);
    uint8_t status = read_u8(&reader);
    uint8_t informed = read_u8(&reader);
    message.fence = read_varint(&reader);
    message.object = read_bytes(&reader, reader_left(&reader));
    if (reader.failed || message.fence > FENCE_NUMBER_MOST || status < ANSWER_OBJECT || status > ANSWER_OUTLINE ||
        informed > 1) {
        return false;
    }
    message.status = (enum answer_status)status;
    message.informed = informed == 1;
    *ret_message = message;
    return true;
}

void message_encode_operation(struct buffer *buffer, const struct message_operation *message) {
    size_t frame = frame_begin(buffer, MESSAGE_OPERATION);
    write_varint(buffer, message->request);
    write_u8(buffer, message->hopped ? 1 : 0);
    write_varint(buffer, message->placement_mark);
    write_u64(buffer, message->sent.ns);
    operation_encode(buffer, &message->operation);
    frame_end(buffer, frame);
}

bool message_decode_operation(struct view body, struct message_operation *ret_message) {
    struct reader reader = reader_of(body);
    struct message_operation message = {0};
    message.request = read_varint(&reader);
    uint8_t hopped = read_u8(&reader);
    message.hopped = hopped == 1;
    message.placement_mark = read_varint(&reader);
    message.sent.ns = read_u64(&reader);
    bool is_whole = operation_decode(&reader, &message.operation) && reader_finished(&reader);
    size_t value_most = message.operation.kind == OPERATION_RESTORE ? LIMIT_RESTORED_BYTES : LIMIT_VALUE_BYTES;
    if (hopped > 1 || !time_is_sane(message.sent.ns) || !is_whole || message.operation.key.size > LIMIT_KEY_BYTES ||
        message.operation.value.size > value_most) {
        return false;
    }
    *ret_message = message;
    return true;
}

void message_encode_result(struct buffer *buffer, const struct message_result *message) {
    size_t frame = frame_begin(buffer, MESSAGE_RESULT);
    write_varint(buffer, message->request);
    result_encode(buffer, &message->result);
    frame_end(buffer, frame);
}

bool message_decode_result(struct view body, struct message_result *ret_message) {
    struct reader reader = reader_of(body);
    struct message_result message = {.request = read_varint(&reader)};
    if (!result_decode(&reader, &message.result) || !reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}

enum hello_status hello_target(struct view input, uint32_t *ret_shard) {
    struct frame_reader reader;
    struct frame frame;
    struct view rest = input;
    frame_reader_init(&reader);
    enum frame_status status = frame_reader_next(&reader, &rest, &frame);
    enum hello_status answer = status == FRAME_MORE ? HELLO_MORE : HELLO_CORRUPT;
    struct message_hello hello;
    if (status == FRAME_READY && frame.kind == MESSAGE_HELLO && message_decode_hello(frame.body, &hello)) {
        *ret_shard = hello.target_shard;
        answer = HELLO_READY;
    }
    frame_reader_release(&reader);
    return answer;
}
