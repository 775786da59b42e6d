#include "wire/operation.h"

enum {
    HAS_VALUE = 1 << 0,
    HAS_CONTEXT = 1 << 1,
    HAS_TARGET = 1 << 2,
    HAS_EXPIRY = 1 << 3,
    HAS_OFFSET = 1 << 4,
    HAS_ADDEND = 1 << 5,
    HAS_KNOWN = HAS_VALUE | HAS_CONTEXT | HAS_TARGET | HAS_EXPIRY | HAS_OFFSET | HAS_ADDEND,
};

static const uint32_t known_flags = OPERATION_PLAIN | OPERATION_TOMBSTONE | OPERATION_IF_ABSENT | OPERATION_IF_PRESENT |
                                    OPERATION_RETURN_OLD | OPERATION_KEEP_EXPIRY | OPERATION_SPLICE | OPERATION_ADD |
                                    OPERATION_EXPIRY_NONE | OPERATION_EXPIRY_SOME | OPERATION_EXPIRY_LATER |
                                    OPERATION_EXPIRY_EARLIER;

void operation_encode(struct buffer *buffer, const struct operation *operation) {
    uint8_t has =
        (uint8_t)((operation->value.size > 0 ? HAS_VALUE : 0) | (operation->context.size > 0 ? HAS_CONTEXT : 0) |
                  (operation->kind == OPERATION_INSPECT ? HAS_TARGET : 0) |
                  (operation->expires_at_ms > 0 ? HAS_EXPIRY : 0) | (operation->offset > 0 ? HAS_OFFSET : 0) |
                  (operation->addend != 0 ? HAS_ADDEND : 0));
    write_u8(buffer, (uint8_t)operation->kind);
    write_u8(buffer, has);
    write_u8(buffer, operation->read_quorum);
    write_u8(buffer, operation->write_quorum);
    write_u8(buffer, operation->primary_read_quorum);
    write_u8(buffer, operation->primary_write_quorum);
    write_varint(buffer, operation->flags);
    write_varint(buffer, operation->deadline_ms);
    write_varint(buffer, operation->stamp_ms);
    write_sized(buffer, operation->key);
    if ((has & HAS_VALUE) != 0) {
        write_sized(buffer, operation->value);
    }
    if ((has & HAS_CONTEXT) != 0) {
        write_sized(buffer, operation->context);
    }
    if ((has & HAS_TARGET) != 0) {
        write_bytes(buffer, view_of(operation->target.bytes, sizeof(operation->target.bytes)));
    }
    if ((has & HAS_EXPIRY) != 0) {
        write_varint(buffer, operation->expires_at_ms);
    }
    if ((has & HAS_OFFSET) != 0) {
        write_u32(buffer, operation->offset);
    }
    if ((has & HAS_ADDEND) != 0) {
        write_u64(buffer, (uint64_t)operation->addend);
    }
}

bool operation_decode(struct reader *reader, struct operation *ret_operation) {
    struct operation operation = {0};
    uint8_t kind = read_u8(reader);
    uint8_t has = read_u8(reader);
    operation.read_quorum = read_u8(reader);
    operation.write_quorum = read_u8(reader);
    operation.primary_read_quorum = read_u8(reader);
    operation.primary_write_quorum = read_u8(reader);
    uint64_t flags = read_varint(reader);
    uint64_t deadline_ms = read_varint(reader);
    uint64_t stamp_ms = read_varint(reader);
    operation.key = read_sized(reader);
    if ((has & HAS_VALUE) != 0) {
        operation.value = read_sized(reader);
    }
    if ((has & HAS_CONTEXT) != 0) {
        operation.context = read_sized(reader);
    }
    if ((has & HAS_TARGET) != 0) {
        read_into(reader, operation.target.bytes, sizeof(operation.target.bytes));
    }
    if ((has & HAS_EXPIRY) != 0) {
        operation.expires_at_ms = read_varint(reader);
    }
    if ((has & HAS_OFFSET) != 0) {
        operation.offset = read_u32(reader);
    }
    if ((has & HAS_ADDEND) != 0) {
        operation.addend = (int64_t)read_u64(reader);
    }
    if (reader->failed || kind < OPERATION_READ || kind > OPERATION_THREAD || (has & ~HAS_KNOWN) != 0 ||
        (flags & ~(uint64_t)known_flags) != 0 || deadline_ms > UINT32_MAX || stamp_ms > UINT32_MAX) {
        return false;
    }
    operation.kind = (enum operation_kind)kind;
    operation.flags = (uint32_t)flags;
    operation.deadline_ms = (uint32_t)deadline_ms;
    operation.stamp_ms = (uint32_t)stamp_ms;
    *ret_operation = operation;
    return true;
}

void result_encode(struct buffer *buffer, const struct result *result) {
    write_u8(buffer, (uint8_t)result->outcome);
    write_sized(buffer, result->object);
    write_sized(buffer, result->context);
    write_sized(buffer, result->detail);
}

bool result_decode(struct reader *reader, struct result *ret_result) {
    uint8_t outcome = read_u8(reader);
    struct result result = {.outcome = (enum outcome)outcome};
    result.object = read_sized(reader);
    result.context = read_sized(reader);
    result.detail = read_sized(reader);
    if (reader->failed || outcome > OUTCOME_REFUSED) {
        return false;
    }
    *ret_result = result;
    return true;
}
