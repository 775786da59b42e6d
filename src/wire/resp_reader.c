#include "wire/resp_reader.h"

#include "base/ensure.h"

/* Two passes. The first, which can stop anywhere, finds where the reply ends and refuses what is malformed; it keeps no
 * more than a count per level. The second, once all is here, builds the tree; it allocates by counts that bytes which
 * arrived have borne out. */

struct item {
    enum resp_reply_kind kind;
    int64_t integer;
    struct view text;
    size_t count;
    size_t bytes; /* of the item without those in it */
};

void resp_reader_init(struct resp_reader *reader) {
    memset(reader, 0, sizeof(*reader));
}

static enum resp_reply_status read_scalar(struct view line, struct item *item) {
    struct view text = view_slice(line, 1, line.size - 1);
    item->text = text;
    switch (line.data[0]) {
    case '+':
        item->kind = RESP_REPLY_SIMPLE;
        return RESP_REPLY_READY;
    case '-':
        item->kind = RESP_REPLY_ERROR;
        return RESP_REPLY_READY;
    case ':':
        item->kind = RESP_REPLY_INTEGER;
        return view_to_int64(text, &item->integer) ? RESP_REPLY_READY : RESP_REPLY_CORRUPT;
    case ',':
    case '(':
        item->kind = RESP_REPLY_NUMBER;
        return text.size > 0 ? RESP_REPLY_READY : RESP_REPLY_CORRUPT;
    case '_':
        item->kind = RESP_REPLY_NULL;
        return text.size == 0 ? RESP_REPLY_READY : RESP_REPLY_CORRUPT;
    case '#':
        item->kind = RESP_REPLY_BOOLEAN;
        item->integer = view_equal(text, VIEW("t")) ? 1 : 0;
        return item->integer == 1 || view_equal(text, VIEW("f")) ? RESP_REPLY_READY : RESP_REPLY_CORRUPT;
    default:
        return RESP_REPLY_CORRUPT;
    }
}

/* $, = and !: their bytes lie behind the line. */
static enum resp_reply_status read_blob(struct view bytes, char marker, int64_t size, struct item *item) {
    if (marker == '$' && size == -1) {
        item->kind = RESP_REPLY_NULL;
        return RESP_REPLY_READY;
    }
    if (size < 0 || size > RESP_REPLY_BULK_BYTES_MOST || (marker == '=' && size < 4)) {
        return RESP_REPLY_CORRUPT;
    }
    size_t end = item->bytes + (size_t)size + 2;
    if (bytes.size < end) {
        return RESP_REPLY_MORE;
    }
    if (bytes.data[end - 2] != '\r' || bytes.data[end - 1] != '\n') {
        return RESP_REPLY_CORRUPT;
    }
    size_t format = marker == '=' ? 4 : 0;
    item->kind = marker == '!' ? RESP_REPLY_ERROR : RESP_REPLY_BULK;
    item->text = view_slice(bytes, item->bytes + format, (size_t)size - format);
    item->bytes = end;
    return RESP_REPLY_READY;
}

static enum resp_reply_status read_group(char marker, int64_t count, struct item *item) {
    if (marker == '*' && count == -1) {
        item->kind = RESP_REPLY_NULL;
        return RESP_REPLY_READY;
    }
    /* Each item will have to arrive before memory is taken for it; this only keeps the arithmetic in range. */
    if (count < 0 || count > INT32_MAX) {
        return RESP_REPLY_CORRUPT;
    }
    item->kind = marker == '%'   ? RESP_REPLY_MAP
                 : marker == '~' ? RESP_REPLY_SET
                 : marker == '>' ? RESP_REPLY_PUSH
                                 : RESP_REPLY_ARRAY;
    item->count = (size_t)count * (marker == '%' ? 2 : 1);
    return RESP_REPLY_READY;
}

/* One item at the start of `bytes`; *scanned bytes of them hold no end of line. */
static enum resp_reply_status read_item(struct view bytes, size_t *scanned, struct item *ret_item) {
    size_t window = bytes.size < LIMIT_INLINE_BYTES ? bytes.size : LIMIT_INLINE_BYTES;
    size_t end = *scanned + view_find(view_slice(bytes, *scanned, window - *scanned), '\n');
    *scanned = end;
    if (end == LIMIT_INLINE_BYTES) {
        return RESP_REPLY_CORRUPT;
    }
    if (end == bytes.size) {
        return RESP_REPLY_MORE;
    }
    if (end < 2 || bytes.data[end - 1] != '\r') {
        return RESP_REPLY_CORRUPT;
    }
    struct view line = view_slice(bytes, 0, end - 1);
    *ret_item = (struct item){.bytes = end + 1};
    char marker = (char)line.data[0];
    bool is_blob = marker == '$' || marker == '=' || marker == '!';
    bool is_group = marker == '*' || marker == '%' || marker == '~' || marker == '>';
    if (!is_blob && !is_group) {
        return read_scalar(line, ret_item);
    }
    int64_t number = 0;
    if (!view_to_int64(view_slice(line, 1, line.size - 1), &number)) {
        return RESP_REPLY_CORRUPT;
    }
    return is_blob ? read_blob(bytes, marker, number, ret_item) : read_group(marker, number, ret_item);
}

/* The first pass, from where it stopped to the end of the reply. */
static enum resp_reply_status find_end(struct resp_reader *reader, struct view input) {
    for (;;) {
        struct view bytes = view_slice(input, reader->position, input.size - reader->position);
        struct item item;
        enum resp_reply_status status = read_item(bytes, &reader->scanned, &item);
        if (status != RESP_REPLY_READY) {
            return status;
        }
        reader->position += item.bytes;
        reader->scanned = 0;
        if (item.count > 0) {
            if (reader->depth == RESP_REPLY_DEPTH_MOST) {
                return RESP_REPLY_CORRUPT;
            }
            reader->left[reader->depth++] = item.count;
            continue;
        }
        while (reader->depth > 0 && --reader->left[reader->depth - 1] == 0) {
            reader->depth--;
        }
        if (reader->depth == 0) {
            return RESP_REPLY_READY;
        }
    }
}

struct level {
    struct resp_reply *next;
    struct resp_reply *end;
};

/* The second pass. */
static const struct resp_reply *build(struct view input, struct arena *arena) {
    struct resp_reply *root = ARENA_ARRAY(arena, struct resp_reply, 1);
    struct level levels[RESP_REPLY_DEPTH_MOST + 1] = {{root, root + 1}};
    size_t depth = 1;
    size_t position = 0;
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        if (level->next == level->end) {
            depth--;
            continue;
        }
        struct item item;
        size_t scanned = 0;
        enum resp_reply_status status = read_item(view_slice(input, position, input.size - position), &scanned, &item);
        ENSURE(status == RESP_REPLY_READY);
        position += item.bytes;
        struct resp_reply *reply = level->next++;
        *reply =
            (struct resp_reply){.kind = item.kind, .integer = item.integer, .text = item.text, .count = item.count};
        if (item.count > 0) {
            ENSURE(depth <= RESP_REPLY_DEPTH_MOST);
            reply->items = ARENA_ARRAY(arena, struct resp_reply, item.count);
            levels[depth++] = (struct level){reply->items, reply->items + item.count};
        }
    }
    return root;
}

enum resp_reply_status resp_read(struct resp_reader *reader, struct view input, struct arena *arena,
                                 size_t *ret_consumed, const struct resp_reply **ret_reply) {
    if (reader->is_corrupt) {
        return RESP_REPLY_CORRUPT;
    }
    ENSURE(input.size >= reader->position + reader->scanned);
    enum resp_reply_status status = find_end(reader, input);
    if (status == RESP_REPLY_READY) {
        *ret_consumed = reader->position;
        *ret_reply = build(view_slice(input, 0, reader->position), arena);
        resp_reader_init(reader);
    }
    reader->is_corrupt = status == RESP_REPLY_CORRUPT;
    return status;
}
