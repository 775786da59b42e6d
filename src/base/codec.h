/* Bytes to numbers and back: little-endian, and LEB128 varints in their shortest form only. A reader goes on after an
 * error with zeros and remembers it (`failed`), so that a decoder checks once at its end. */
#ifndef GRAMME_BASE_CODEC_H
#define GRAMME_BASE_CODEC_H

#include "base/buffer.h"
#include "base/hash.h"
#include "base/identity.h"
#include "base/view.h"

#include <endian.h>

struct reader {
    struct view bytes;
    size_t position;
    bool failed;
};

static inline struct reader reader_of(struct view bytes) {
    return (struct reader){bytes, 0, false};
}

static inline size_t reader_left(const struct reader *reader) {
    return reader->bytes.size - reader->position;
}

/* True when every byte was read and none of the reads failed. */
static inline bool reader_finished(const struct reader *reader) {
    return !reader->failed && reader->position == reader->bytes.size;
}

/* The next `bytes` bytes, or NULL: then the reader has failed, and every later read fails too. */
static inline const uint8_t *read_take(struct reader *reader, size_t bytes) {
    if (__builtin_expect(reader_left(reader) < bytes, 0)) {
        reader->failed = true;
        reader->position = reader->bytes.size;
    }
    if (__builtin_expect(reader->failed || reader->bytes.data == NULL, 0)) {
        return NULL;
    }
    const uint8_t *from = reader->bytes.data + reader->position;
    reader->position += bytes;
    return from;
}

static inline uint8_t read_u8(struct reader *reader) {
    const uint8_t *from = read_take(reader, 1);
    return from == NULL ? 0 : *from;
}

static inline uint16_t read_u16(struct reader *reader) {
    const uint8_t *from = read_take(reader, sizeof(uint16_t));
    uint16_t value = 0;
    if (from != NULL) {
        memcpy(&value, from, sizeof(value));
    }
    return le16toh(value);
}

static inline uint32_t read_u32(struct reader *reader) {
    const uint8_t *from = read_take(reader, sizeof(uint32_t));
    uint32_t value = 0;
    if (from != NULL) {
        memcpy(&value, from, sizeof(value));
    }
    return le32toh(value);
}

static inline uint64_t read_u64(struct reader *reader) {
    const uint8_t *from = read_take(reader, sizeof(uint64_t));
    uint64_t value = 0;
    if (from != NULL) {
        memcpy(&value, from, sizeof(value));
    }
    return le64toh(value);
}

uint64_t read_varint_slowly(struct reader *reader);

static inline uint64_t read_varint(struct reader *reader) {
    if (__builtin_expect(reader_left(reader) > 0, 1)) {
        uint8_t first = reader->bytes.data[reader->position];
        if (first < 0x80 && !reader->failed) {
            reader->position++;
            return first;
        }
    }
    return read_varint_slowly(reader);
}

struct digest read_digest(struct reader *reader);
struct view read_bytes(struct reader *reader, size_t bytes);     /* borrowed from the input; empty on failure */
struct view read_sized(struct reader *reader);                   /* varint length, then that many bytes */
void read_into(struct reader *reader, void *data, size_t bytes); /* zeros on failure */

static inline void write_u8(struct buffer *buffer, uint8_t value) {
    buffer_append_byte(buffer, value);
}

static inline void write_u16(struct buffer *buffer, uint16_t value) {
    value = htole16(value);
    buffer_append(buffer, &value, sizeof(value));
}

static inline void write_u32(struct buffer *buffer, uint32_t value) {
    value = htole32(value);
    buffer_append(buffer, &value, sizeof(value));
}

static inline void write_u64(struct buffer *buffer, uint64_t value) {
    value = htole64(value);
    buffer_append(buffer, &value, sizeof(value));
}

enum { VARINT_BYTES_MOST = 10 };

/* `to` has room for VARINT_BYTES_MOST. Returns one past the last byte written. */
static inline uint8_t *varint_store(uint8_t *to, uint64_t value) {
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static inline void write_varint(struct buffer *buffer, uint64_t value) {
    uint8_t *to = buffer_reserve(buffer, VARINT_BYTES_MOST);
    buffer->end += (size_t)(varint_store(to, value) - to);
}

static inline void write_digest(struct buffer *buffer, struct digest digest) {
    uint64_t words[2] = {htole64(digest.low), htole64(digest.high)};
    buffer_append(buffer, words, sizeof(words));
}

static inline void write_bytes(struct buffer *buffer, struct view bytes) {
    buffer_append_view(buffer, bytes);
}

static inline void write_sized(struct buffer *buffer, struct view bytes) {
    uint8_t *to = buffer_reserve(buffer, VARINT_BYTES_MOST + bytes.size);
    uint8_t *after = varint_store(to, bytes.size);
    if (bytes.size > 0) {
        memcpy(after, bytes.data, bytes.size);
    }
    buffer->end += (size_t)(after - to) + bytes.size;
}

#endif
