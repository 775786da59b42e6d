#include "wire/frame.h"

#include "base/hash.h"

#include <endian.h>

enum {
    KEPT_BYTES = 64 * 1024, /* of a reader between messages */
};

static const uint64_t FIRST_SIX = UINT64_MAX >> 16;

struct header {
    uint32_t body_bytes;
    uint8_t kind;
    uint8_t flags;
    bool is_checked;
    uint64_t checksum;
};

static uint64_t load64(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    return le64toh(word);
}

static void store64(uint8_t *to, uint64_t word) {
    word = htole64(word);
    memcpy(to, &word, sizeof(word));
}

static struct header header_load(const uint8_t *from) {
    ENSURE(from != NULL);
    uint64_t word = load64(from);
    bool is_checked = frame_check(word & FIRST_SIX) == (uint16_t)(word >> 48);
    return (struct header){(uint32_t)word, (uint8_t)(word >> 32), (uint8_t)(word >> 40), is_checked, load64(from + 8)};
}

static void header_store(uint8_t *to, size_t body_bytes, uint8_t kind, uint8_t flags) {
    ENSURE(body_bytes <= FRAME_BODY_BYTES_MOST);
    uint64_t word = (uint64_t)body_bytes | (uint64_t)kind << 32 | (uint64_t)flags << 40;
    word |= (uint64_t)frame_check(word) << 48;
    store64(to, word);
    store64(to + 8, hash64(view_of(to + FRAME_HEADER_BYTES, body_bytes), word));
}

size_t frame_begin(struct buffer *buffer, uint8_t kind) {
    size_t position = buffer_size(buffer);
    uint8_t *header = buffer_reserve(buffer, FRAME_HEADER_BYTES);
    memset(header, 0, FRAME_HEADER_BYTES);
    header[4] = kind;
    buffer_commit(buffer, FRAME_HEADER_BYTES);
    return position;
}

/* Makes room for the further headers from the back, so that each byte moves once and before it is overwritten. */
static void split(struct buffer *buffer, size_t position, size_t body_bytes) {
    size_t further = (body_bytes - 1) / FRAME_BODY_BYTES_MOST;
    (void)buffer_reserve(buffer, further * FRAME_HEADER_BYTES);
    buffer_commit(buffer, further * FRAME_HEADER_BYTES);
    uint8_t *first = buffer->data + buffer->begin + position;
    uint8_t kind = first[4];
    uint8_t *body = first + FRAME_HEADER_BYTES;
    for (size_t i = further; i > 0; i--) {
        size_t from = i * FRAME_BODY_BYTES_MOST;
        size_t bytes = i == further ? body_bytes - from : FRAME_BODY_BYTES_MOST;
        uint8_t *frame = first + i * LIMIT_FRAME_BYTES;
        memmove(frame + FRAME_HEADER_BYTES, body + from, bytes);
        header_store(frame, bytes, kind, i == further ? 0 : FRAME_FLAG_MORE);
    }
    header_store(first, FRAME_BODY_BYTES_MOST, kind, FRAME_FLAG_MORE);
}

bool frame_end(struct buffer *buffer, size_t position) {
    ENSURE(position + FRAME_HEADER_BYTES <= buffer_size(buffer));
    size_t body_bytes = buffer_size(buffer) - position - FRAME_HEADER_BYTES;
    if (body_bytes > LIMIT_MESSAGE_BYTES) {
        buffer_truncate(buffer, position);
        return false;
    }
    if (body_bytes > FRAME_BODY_BYTES_MOST) {
        split(buffer, position, body_bytes);
        return true;
    }
    uint8_t *header = buffer->data + buffer->begin + position;
    header_store(header, body_bytes, header[4], 0);
    return true;
}

void frame_reader_init(struct frame_reader *reader) {
    memset(reader, 0, sizeof(*reader));
    buffer_init(&reader->partial);
    buffer_init(&reader->message);
}

void frame_reader_release(struct frame_reader *reader) {
    buffer_release(&reader->partial);
    buffer_release(&reader->message);
}

/* Ends what the last answer lent out. */
static void take_back(struct frame_reader *reader) {
    if (reader->partial_lent) {
        buffer_clear(&reader->partial);
        buffer_shrink(&reader->partial, reader->continues ? LIMIT_FRAME_BYTES : KEPT_BYTES);
        reader->partial_lent = false;
    }
    if (reader->message_lent) {
        buffer_clear(&reader->message);
        buffer_shrink(&reader->message, KEPT_BYTES);
        reader->message_lent = false;
    }
}

static bool header_valid(const struct frame_reader *reader, const struct header *header) {
    bool more = (header->flags & FRAME_FLAG_MORE) != 0;
    return header->is_checked && header->body_bytes <= FRAME_BODY_BYTES_MOST &&
           (header->flags & ~FRAME_FLAG_MORE) == 0 && (!reader->continues || header->kind == reader->kind) &&
           (!more || header->body_bytes > 0) &&
           header->body_bytes <= LIMIT_MESSAGE_BYTES - buffer_size(&reader->message);
}

static void move_front(struct view *input, struct buffer *partial, size_t bytes) {
    bytes = bytes < input->size ? bytes : input->size;
    buffer_append(partial, input->data, bytes);
    *input = view_slice(*input, bytes, input->size - bytes);
}

/* The bytes of one whole frame, taken off the input or out of `partial`. Its header is valid, its checksum unproved. */
static enum frame_status next_whole(struct frame_reader *reader, struct view *input, struct view *ret_bytes) {
    struct buffer *partial = &reader->partial;
    if (buffer_size(partial) == 0 && input->size >= FRAME_HEADER_BYTES) {
        struct header header = header_load(input->data);
        if (!header_valid(reader, &header)) {
            return FRAME_CORRUPT;
        }
        size_t bytes = FRAME_HEADER_BYTES + (size_t)header.body_bytes;
        if (input->size >= bytes) {
            *ret_bytes = view_slice(*input, 0, bytes);
            *input = view_slice(*input, bytes, input->size - bytes);
            return FRAME_READY;
        }
    }

    if (buffer_size(partial) < FRAME_HEADER_BYTES) {
        move_front(input, partial, FRAME_HEADER_BYTES - buffer_size(partial));
        if (buffer_size(partial) < FRAME_HEADER_BYTES) {
            return FRAME_MORE;
        }
        struct header header = header_load(buffer_view(partial).data);
        if (!header_valid(reader, &header)) {
            return FRAME_CORRUPT;
        }
    }
    size_t bytes = FRAME_HEADER_BYTES + (size_t)header_load(buffer_view(partial).data).body_bytes;
    move_front(input, partial, bytes - buffer_size(partial));
    if (buffer_size(partial) < bytes) {
        return FRAME_MORE;
    }
    reader->partial_lent = true;
    *ret_bytes = buffer_view(partial);
    return FRAME_READY;
}

/* Sees to a frame that is part of a longer message, or is one alone. */
static enum frame_status accept(struct frame_reader *reader, struct view bytes, struct frame *ret_frame) {
    struct header header = header_load(bytes.data);
    struct view body = view_slice(bytes, FRAME_HEADER_BYTES, bytes.size - FRAME_HEADER_BYTES);
    if (hash64(body, load64(bytes.data)) != header.checksum) {
        return FRAME_CORRUPT;
    }
    bool more = (header.flags & FRAME_FLAG_MORE) != 0;
    if (more || reader->continues) {
        buffer_append_view(&reader->message, body);
        reader->kind = header.kind;
        reader->continues = more;
        if (more) {
            return FRAME_MORE;
        }
        reader->message_lent = true;
        body = buffer_view(&reader->message);
    }
    *ret_frame = (struct frame){header.kind, body};
    return FRAME_READY;
}

enum frame_status frame_reader_next(struct frame_reader *reader, struct view *input, struct frame *ret_frame) {
    enum frame_status status = reader->corrupt ? FRAME_CORRUPT : FRAME_READY;
    while (status != FRAME_CORRUPT) {
        take_back(reader);
        struct view bytes;
        status = next_whole(reader, input, &bytes);
        if (status != FRAME_READY) {
            break;
        }
        status = accept(reader, bytes, ret_frame);
        if (status == FRAME_READY) {
            break;
        }
    }
    reader->corrupt = status == FRAME_CORRUPT;
    return status;
}
