#include "base/codec.h"

/* A varint has one spelling: no needless zero at its end, and a tenth byte of at most one bit. */
uint64_t read_varint_slowly(struct reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_BYTES_MOST; shift += 7) {
        const uint8_t *from = read_take(reader, 1);
        if (from == NULL) {
            return 0;
        }
        if ((shift > 0 && *from == 0) || (shift == 63 && *from > 1)) {
            break;
        }
        value |= (uint64_t)(*from & 0x7f) << shift;
        if (*from < 0x80) {
            return value;
        }
    }
    reader->failed = true;
    reader->position = reader->bytes.size;
    return 0;
}

struct digest read_digest(struct reader *reader) {
    const uint8_t *from = read_take(reader, 16);
    if (from == NULL) {
        return (struct digest){0, 0};
    }
    uint64_t words[2];
    memcpy(words, from, sizeof(words));
    return (struct digest){le64toh(words[0]), le64toh(words[1])};
}

struct view read_bytes(struct reader *reader, size_t bytes) {
    const uint8_t *from = read_take(reader, bytes);
    return from == NULL ? view_of(NULL, 0) : view_of(from, bytes);
}

struct view read_sized(struct reader *reader) {
    uint64_t bytes = read_varint(reader);
    if (bytes > reader_left(reader)) {
        reader->failed = true;
        reader->position = reader->bytes.size;
        return view_of(NULL, 0);
    }
    return read_bytes(reader, (size_t)bytes);
}

void read_into(struct reader *reader, void *data, size_t bytes) {
    const uint8_t *from = read_take(reader, bytes);
    if (bytes == 0) {
        return;
    }
    if (from == NULL) {
        memset(data, 0, bytes);
    } else {
        memcpy(data, from, bytes);
    }
}
