#include "wire/resp_writer.h"

uint8_t *decimal_store(uint8_t *to, uint64_t number) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    uint8_t digits[DECIMAL_BYTES_MOST];
    size_t first = sizeof(digits);
    while (number >= 100) {
        first -= 2;
        memcpy(digits + first, pairs + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        first -= 2;
        memcpy(digits + first, pairs + 2 * number, 2);
    } else {
        digits[--first] = (uint8_t)('0' + number);
    }
    memcpy(to, digits + first, sizeof(digits) - first);
    return to + (sizeof(digits) - first);
}

static void write_text_line(struct buffer *buffer, char marker, struct view text) {
    uint8_t *to = buffer_reserve(buffer, text.size + 3);
    *to++ = (uint8_t)marker;
    for (size_t i = 0; i < text.size; i++) {
        *to++ = text.data[i] == '\r' || text.data[i] == '\n' ? ' ' : text.data[i];
    }
    *to++ = '\r';
    *to++ = '\n';
    buffer_commit(buffer, text.size + 3);
}

void resp_write_simple(struct buffer *buffer, struct view text) {
    write_text_line(buffer, '+', text);
}

void resp_write_error(struct buffer *buffer, struct view text) {
    write_text_line(buffer, '-', text);
}

void resp_write_double(struct buffer *buffer, struct view text, int protocol) {
    if (protocol >= 3) {
        write_text_line(buffer, ',', text);
    } else {
        resp_write_bulk(buffer, text);
    }
}

void resp_write_verbatim(struct buffer *buffer, const char format[3], struct view text, int protocol) {
    if (protocol < 3) {
        resp_write_bulk(buffer, text);
        return;
    }
    resp_write_line(buffer, '=', text.size + 4);
    buffer_append(buffer, format, 3);
    buffer_append_byte(buffer, ':');
    buffer_append_view(buffer, text);
    buffer_append_view(buffer, VIEW("\r\n"));
}

void resp_write_command(struct buffer *buffer, const struct view *arguments, size_t count) {
    resp_write_array(buffer, count);
    for (size_t i = 0; i < count; i++) {
        resp_write_bulk(buffer, arguments[i]);
    }
}
