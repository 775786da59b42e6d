#include "wire/resp_writer.h"

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
