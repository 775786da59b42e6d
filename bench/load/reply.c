#include "load/reply.h"

#include <string.h>

enum { LINE_BYTES_MOST = 64 * 1024 };

/* Decimal with an optional minus sign; 0 on success. */
static int number_read(const char *from, const char *end, int64_t *ret_number) {
    int negative = from < end && *from == '-';
    const char *digit = from + negative;
    if (digit == end || end - digit > 18) {
        return -1;
    }
    int64_t number = 0;
    for (; digit < end; digit++) {
        if (*digit < '0' || *digit > '9') {
            return -1;
        }
        number = number * 10 + (*digit - '0');
    }
    *ret_number = negative ? -number : number;
    return 0;
}

static long bulk_read(const char *bytes, size_t byte_count, size_t header_bytes, struct reply *ret_reply) {
    int64_t length = 0;
    if (number_read(bytes + 1, bytes + header_bytes - 2, &length) != 0 || length < -1) {
        return -1;
    }
    if (length == -1) {
        *ret_reply = (struct reply){.type = REPLY_NULL};
        return (long)header_bytes;
    }
    size_t whole = header_bytes + (size_t)length + 2;
    if (byte_count < whole) {
        return 0;
    }
    if (memcmp(bytes + whole - 2, "\r\n", 2) != 0) {
        return -1;
    }
    *ret_reply = (struct reply){.type = REPLY_BULK, .bytes = bytes + header_bytes, .byte_count = (size_t)length};
    return (long)whole;
}

long reply_read(const char *bytes, size_t byte_count, struct reply *ret_reply) {
    const char *newline = byte_count == 0 ? NULL : memchr(bytes, '\n', byte_count);
    if (newline == NULL) {
        return byte_count > LINE_BYTES_MOST ? -1 : 0;
    }
    size_t line_bytes = (size_t)(newline + 1 - bytes);
    if (line_bytes < 3 || newline[-1] != '\r') {
        return -1;
    }
    struct reply reply = {.bytes = bytes + 1, .byte_count = line_bytes - 3};
    switch (bytes[0]) {
    case '+':
        reply.type = REPLY_STATUS;
        break;
    case '-':
        reply.type = REPLY_ERROR;
        break;
    case ':':
        reply.type = REPLY_INTEGER;
        if (number_read(bytes + 1, newline - 1, &reply.integer) != 0) {
            return -1;
        }
        break;
    case '$':
        return bulk_read(bytes, byte_count, line_bytes, ret_reply);
    default:
        return -1;
    }
    *ret_reply = reply;
    return (long)line_bytes;
}
