/* A growable run of bytes with a read end and a write end: the output of links and sessions, and what is left of an
 * incomplete input. Owns its memory. Growth doubles; running out of memory is fatal (limits are checked before). */
#ifndef GRAMME_BASE_BUFFER_H
#define GRAMME_BASE_BUFFER_H

#include "base/ensure.h"
#include "base/view.h"

struct buffer {
    uint8_t *data;
    size_t begin; /* first unread byte */
    size_t end;   /* one past the last byte */
    size_t capacity;
};

void buffer_init(struct buffer *buffer); /* allocates nothing */
void buffer_release(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);                     /* keeps the memory */
void buffer_shrink(struct buffer *buffer, size_t keep_bytes); /* frees memory of an empty buffer above keep_bytes */

static inline size_t buffer_size(const struct buffer *buffer) {
    return buffer->end - buffer->begin;
}

static inline struct view buffer_view(const struct buffer *buffer) {
    /* Adding even nothing to a null pointer is undefined. */
    return view_of(buffer->data == NULL ? NULL : buffer->data + buffer->begin, buffer_size(buffer));
}

/* Room for `bytes` more at the end, contiguous; moves what is unread to the front if that makes the room. Returns the
 * write position; buffer_commit() says how much of it was used. */
uint8_t *buffer_reserve_slowly(struct buffer *buffer, size_t bytes);

static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t bytes) {
    if (__builtin_expect(bytes != 0 && buffer->capacity - buffer->end >= bytes, 1)) {
        return buffer->data + buffer->end;
    }
    return buffer_reserve_slowly(buffer, bytes);
}

static inline void buffer_commit(struct buffer *buffer, size_t bytes) {
    ENSURE(bytes <= buffer->capacity - buffer->end);
    buffer->end += bytes;
}

static inline void buffer_append(struct buffer *buffer, const void *data, size_t bytes) {
    if (bytes > 0) {
        memcpy(buffer_reserve(buffer, bytes), data, bytes);
        buffer->end += bytes;
    }
}

static inline void buffer_append_view(struct buffer *buffer, struct view view) {
    buffer_append(buffer, view.data, view.size);
}

static inline void buffer_append_byte(struct buffer *buffer, uint8_t byte) {
    *buffer_reserve(buffer, 1) = byte;
    buffer->end++;
}

void buffer_consume(struct buffer *buffer, size_t bytes); /* from the front */
/* Drops what was appended after the buffer had `size` unread bytes. */
void buffer_truncate(struct buffer *buffer, size_t size);
void buffer_swap(struct buffer *a, struct buffer *b);

#endif
