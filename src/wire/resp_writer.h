/* Replies to clients, appended to a buffer: RESP2 and RESP3 (Redis serialization protocol specification). `protocol` is
 * 2 or 3, wherever the two differ. */
#ifndef GRAMME_WIRE_RESP_WRITER_H
#define GRAMME_WIRE_RESP_WRITER_H

#include "base/buffer.h"
#include "base/decimal.h"

enum { RESP_LINE_BYTES_MOST = DECIMAL_BYTES_MOST + 4 /* marker, sign, end of line */ };

static inline uint8_t *resp_line_store(uint8_t *to, char marker, uint64_t number) {
    *to++ = (uint8_t)marker;
    if (number < 10) {
        *to++ = (uint8_t)('0' + number);
    } else {
        to = decimal_store(to, number);
    }
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

static inline void resp_write_line(struct buffer *buffer, char marker, uint64_t number) {
    uint8_t *to = buffer_reserve(buffer, RESP_LINE_BYTES_MOST);
    buffer_commit(buffer, (size_t)(resp_line_store(to, marker, number) - to));
}

/* A whole reply that is known when the code is written, as in VIEW("+OK\r\n"). */
static inline void resp_write_raw(struct buffer *buffer, struct view reply) {
    buffer_append_view(buffer, reply);
}

static inline void resp_write_bulk(struct buffer *buffer, struct view bytes) {
    uint8_t *to = buffer_reserve(buffer, RESP_LINE_BYTES_MOST + bytes.size + 2);
    uint8_t *after = resp_line_store(to, '$', bytes.size);
    if (bytes.size > 0) {
        memcpy(after, bytes.data, bytes.size);
        after += bytes.size;
    }
    *after++ = '\r';
    *after++ = '\n';
    buffer_commit(buffer, (size_t)(after - to));
}

static inline void resp_write_integer(struct buffer *buffer, int64_t number) {
    uint8_t *to = buffer_reserve(buffer, RESP_LINE_BYTES_MOST);
    uint8_t *after = to;
    if (number >= 0) {
        after = resp_line_store(to, ':', (uint64_t)number);
    } else {
        *after++ = ':';
        after = resp_line_store(after, '-', 0 - (uint64_t)number);
    }
    buffer_commit(buffer, (size_t)(after - to));
}

/* No value where a value would be: $-1, in RESP3 _. */
static inline void resp_write_null(struct buffer *buffer, int protocol) {
    buffer_append_view(buffer, protocol >= 3 ? VIEW("_\r\n") : VIEW("$-1\r\n"));
}

/* No value where an array would be: *-1, in RESP3 _. */
static inline void resp_write_null_array(struct buffer *buffer, int protocol) {
    buffer_append_view(buffer, protocol >= 3 ? VIEW("_\r\n") : VIEW("*-1\r\n"));
}

/* The header alone; `count` replies follow it. */
static inline void resp_write_array(struct buffer *buffer, size_t count) {
    resp_write_line(buffer, '*', count);
}

/* The header alone; `count` pairs of replies follow it. */
static inline void resp_write_map(struct buffer *buffer, size_t count, int protocol) {
    resp_write_line(buffer, protocol >= 3 ? '%' : '*', protocol >= 3 ? count : 2 * count);
}

static inline void resp_write_set(struct buffer *buffer, size_t count, int protocol) {
    resp_write_line(buffer, protocol >= 3 ? '~' : '*', count);
}

/* Out-of-band data: in RESP2 an array like any other. */
static inline void resp_write_push(struct buffer *buffer, size_t count, int protocol) {
    resp_write_line(buffer, protocol >= 3 ? '>' : '*', count);
}

/* In RESP2 the integers 1 and 0. */
static inline void resp_write_boolean(struct buffer *buffer, bool value, int protocol) {
    if (protocol >= 3) {
        buffer_append_view(buffer, value ? VIEW("#t\r\n") : VIEW("#f\r\n"));
    } else {
        buffer_append_view(buffer, value ? VIEW(":1\r\n") : VIEW(":0\r\n"));
    }
}

/* Both are one line: line ends inside become spaces. An error begins with its code: "ERR no such key". */
void resp_write_simple(struct buffer *buffer, struct view text);
void resp_write_error(struct buffer *buffer, struct view text);

/* A decimal fraction, inf, -inf or nan, as text; in RESP2 a bulk string. */
void resp_write_double(struct buffer *buffer, struct view text, int protocol);

/* Text with a format of three letters ("txt", "mkd"); in RESP2 a bulk string without the format. */
void resp_write_verbatim(struct buffer *buffer, const char format[3], struct view text, int protocol);

/* A request, as clients send them. */
void resp_write_command(struct buffer *buffer, const struct view *arguments, size_t count);

#endif
