#include "base/buffer.h"

#include <stdlib.h>

enum { CAPACITY_LEAST = 64 };

void buffer_init(struct buffer *buffer) {
    *buffer = (struct buffer){NULL, 0, 0, 0};
}

void buffer_release(struct buffer *buffer) {
    free(buffer->data);
    buffer_init(buffer);
}

void buffer_clear(struct buffer *buffer) {
    buffer->begin = 0;
    buffer->end = 0;
}

void buffer_shrink(struct buffer *buffer, size_t keep_bytes) {
    if (buffer_size(buffer) == 0 && buffer->capacity > keep_bytes) {
        buffer_release(buffer);
    }
}

/* Moving to the front is worth it only when at least as much was read as is still unread: each byte is then moved at
 * most once for each byte that was consumed. */
uint8_t *buffer_reserve_slowly(struct buffer *buffer, size_t bytes) {
    if (bytes == 0) {
        return buffer->data == NULL ? NULL : buffer->data + buffer->end;
    }
    size_t unread = buffer_size(buffer);
    ENSURE(bytes <= SIZE_MAX / 4 && unread <= SIZE_MAX / 4);
    if (unread + bytes <= buffer->capacity && buffer->begin >= unread) {
        if (unread > 0) {
            memmove(buffer->data, buffer->data + buffer->begin, unread);
        }
    } else {
        size_t capacity = buffer->capacity < CAPACITY_LEAST ? CAPACITY_LEAST : buffer->capacity * 2;
        while (capacity < unread + bytes) {
            capacity *= 2;
        }
        /* With nothing to leave behind, large memory can grow without a copy. */
        uint8_t *data = buffer->begin == 0 ? realloc(buffer->data, capacity) : malloc(capacity);
        ENSURE(data != NULL);
        if (buffer->begin > 0) {
            memcpy(data, buffer->data + buffer->begin, unread);
            free(buffer->data);
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    buffer->begin = 0;
    buffer->end = unread;
    return buffer->data + buffer->end;
}

void buffer_consume(struct buffer *buffer, size_t bytes) {
    ENSURE(bytes <= buffer_size(buffer));
    buffer->begin += bytes;
    if (buffer->begin == buffer->end) {
        buffer_clear(buffer);
    }
}

void buffer_truncate(struct buffer *buffer, size_t size) {
    ENSURE(size <= buffer_size(buffer));
    buffer->end = buffer->begin + size;
}

void buffer_swap(struct buffer *a, struct buffer *b) {
    struct buffer other = *a;
    *a = *b;
    *b = other;
}
