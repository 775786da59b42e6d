#include "wire/resp.h"

/* The states of a parser between two bytes:
 *
 *     idle --'*' line--> arguments_left > 0 --'$' line--> bulk_begun --its bytes--> arguments_left - 1, or a command
 *     idle --other line--> a command
 *
 * idle: arguments_left == 0 && position == 0. A header line that is incomplete changes nothing but `scanned`. */

enum step {
    STEP_COMMAND,
    STEP_EMPTY, /* a request without arguments ends at `position` */
    STEP_MORE,
    STEP_ERROR,
};

/* An argument is found as an offset, since the input may move before the command is whole, and lent as a view. */
struct place {
    size_t offset;
    size_t size;
};

union argument {
    struct place place;
    struct view view;
};

enum {
    KEPT_PLACES_BYTES = 64 * sizeof(union argument), /* of a parser between commands */
    KEPT_UNQUOTED_BYTES = 1024,
    FAST_DIGITS = 8,
};

void resp_parser_init(struct resp_parser *parser) {
    memset(parser, 0, sizeof(*parser));
    buffer_init(&parser->places);
    buffer_init(&parser->unquoted);
}

void resp_parser_release(struct resp_parser *parser) {
    buffer_release(&parser->places);
    buffer_release(&parser->unquoted);
}

size_t resp_wanted(const struct resp_parser *parser) {
    return parser->wanted;
}

struct view resp_problem(const struct resp_parser *parser) {
    return view_of_string(parser->problem);
}

static enum step fail(struct resp_parser *parser, const char *problem) {
    size_t size = strlen(problem);
    ENSURE(size > 0 && size < sizeof(parser->problem));
    memcpy(parser->problem, problem, size + 1);
    return STEP_ERROR;
}

static enum step fail_unexpected(struct resp_parser *parser, uint8_t byte) {
    char text[] = "Protocol error: expected '$', got '?'";
    bool would_end_line = byte == '\r' || byte == '\n' || byte == '\0';
    text[sizeof(text) - 3] = (char)(would_end_line ? (uint8_t)' ' : byte);
    return fail(parser, text);
}

static void push(struct resp_parser *parser, size_t offset, size_t size) {
    struct place place = {offset, size};
    union argument *argument = (void *)buffer_reserve(&parser->places, sizeof(*argument));
    argument->place = place;
    buffer_commit(&parser->places, sizeof(*argument));
}

/* Turns offsets into views of the bytes as they lie now. */
static struct resp_command lend(struct resp_parser *parser, const uint8_t *base) {
    union argument *arguments = (void *)parser->places.data;
    size_t count = buffer_size(&parser->places) / sizeof(*arguments);
    for (size_t i = 0; i < count; i++) {
        struct place place = arguments[i].place;
        arguments[i].view = view_of(base + place.offset, place.size);
    }
    return (struct resp_command){&arguments->view, count};
}

/* A short number, all of it here: nearly every header line. False leaves everything to the careful way. */
static inline bool read_number_fast(struct resp_parser *parser, struct view bytes, int64_t *ret) {
    const uint8_t *digit = bytes.data + parser->position + 1;
    const uint8_t *end = bytes.data + bytes.size;
    if (end - digit < FAST_DIGITS + 2 || *digit == '0') {
        return false;
    }
    int64_t value = 0;
    const uint8_t *last = digit + FAST_DIGITS;
    for (; digit < last; digit++) {
        unsigned step = (unsigned)*digit - '0';
        if (step > 9) {
            break;
        }
        value = value * 10 + (int64_t)step;
    }
    if (*digit != '\r' || value == 0) {
        return false;
    }
    parser->position = (uint32_t)(digit + 2 - bytes.data);
    parser->scanned = 0;
    *ret = value;
    return true;
}

struct number_problems {
    const char *too_long;
    const char *invalid;
};

static const struct number_problems count_problems = {
    "Protocol error: too big mbulk count string",
    "Protocol error: invalid multibulk length",
};
static const struct number_problems bulk_problems = {
    "Protocol error: too big bulk count string",
    "Protocol error: invalid bulk length",
};

/* The number of the header line at `position`, behind its marker. Like Redis it takes whatever byte follows the
 * carriage return. STEP_COMMAND: read, and position is behind the line. */
static enum step read_number(struct resp_parser *parser, struct view bytes, const struct number_problems *problems,
                             int64_t *ret) {
    if (read_number_fast(parser, bytes, ret)) {
        return STEP_COMMAND;
    }
    struct view line = view_slice(bytes, parser->position, bytes.size - parser->position);
    size_t window = line.size < LIMIT_INLINE_BYTES ? line.size : LIMIT_INLINE_BYTES;
    size_t end = parser->scanned + view_find(view_slice(line, parser->scanned, window - parser->scanned), '\r');
    parser->scanned = (uint32_t)end;
    if (end == LIMIT_INLINE_BYTES) {
        return fail(parser, problems->too_long);
    }
    if (end + 1 >= line.size) {
        return STEP_MORE;
    }
    if (!view_to_int64(view_slice(line, 1, end - 1), ret)) {
        return fail(parser, problems->invalid);
    }
    parser->scanned = 0;
    parser->position += (uint32_t)end + 2;
    return STEP_COMMAND;
}

static enum step read_count(struct resp_parser *parser, struct view bytes) {
    int64_t count = 0;
    enum step step = read_number(parser, bytes, &count_problems, &count);
    if (step != STEP_COMMAND) {
        return step;
    }
    if (count > LIMIT_ARGUMENTS) {
        return fail(parser, count_problems.invalid);
    }
    if (parser->is_stranger && count > RESP_STRANGER_ARGUMENTS) {
        return fail(parser, "Protocol error: unauthenticated multibulk length");
    }
    if (count <= 0) {
        return STEP_EMPTY;
    }
    parser->arguments_left = (uint32_t)count;
    return STEP_COMMAND;
}

static enum step read_bulk_header(struct resp_parser *parser, struct view bytes) {
    if (parser->position == bytes.size) {
        return STEP_MORE;
    }
    if (bytes.data[parser->position] != '$') {
        return fail_unexpected(parser, bytes.data[parser->position]);
    }
    int64_t size = 0;
    enum step step = read_number(parser, bytes, &bulk_problems, &size);
    if (step != STEP_COMMAND) {
        return step;
    }
    if (size < 0 || size > RESP_BULK_BYTES_MOST) {
        return fail(parser, bulk_problems.invalid);
    }
    if (parser->is_stranger && size > RESP_STRANGER_BULK_BYTES) {
        return fail(parser, "Protocol error: unauthenticated bulk length");
    }
    if ((size_t)size + 2 + parser->position > LIMIT_COMMAND_BYTES) {
        return fail(parser, "Protocol error: too big request");
    }
    parser->bulk_bytes = (uint32_t)size;
    parser->bulk_begun = true;
    return STEP_COMMAND;
}

static enum step read_arguments(struct resp_parser *parser, struct view bytes) {
    while (parser->arguments_left > 0) {
        if (!parser->bulk_begun) {
            enum step step = read_bulk_header(parser, bytes);
            if (step != STEP_COMMAND) {
                return step;
            }
        }
        size_t end = (size_t)parser->position + parser->bulk_bytes + 2;
        if (bytes.size < end) {
            parser->wanted = (uint32_t)(end - bytes.size);
            return STEP_MORE;
        }
        push(parser, parser->position, parser->bulk_bytes);
        parser->position = (uint32_t)end;
        parser->bulk_begun = false;
        parser->arguments_left--;
    }
    return STEP_COMMAND;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == '\0';
}

static bool ends_word(uint8_t byte) {
    return is_blank(byte) && byte != '\v' && byte != '\f';
}

static size_t skip_blanks(struct view line, size_t from) {
    while (from < line.size && is_blank(line.data[from])) {
        from++;
    }
    return from;
}

static void split_plain(struct resp_parser *parser, struct view line) {
    for (size_t i = skip_blanks(line, 0); i < line.size; i = skip_blanks(line, i)) {
        size_t start = i;
        while (i < line.size && !ends_word(line.data[i])) {
            i++;
        }
        push(parser, start, i - start);
    }
}

static int hexadecimal(uint8_t digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* What an escape stands for: `at` is at the backslash, and some byte follows it. Returns the place behind the escape.
 */
static size_t read_escape(struct view line, size_t at, uint8_t *ret) {
    uint8_t letter = line.data[at + 1];
    if (letter == 'x' && line.size - at >= 4) {
        int high = hexadecimal(line.data[at + 2]);
        int low = hexadecimal(line.data[at + 3]);
        if (high >= 0 && low >= 0) {
            *ret = (uint8_t)(high << 4 | low);
            return at + 4;
        }
    }
    static const struct {
        uint8_t letter, byte;
    } escapes[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'b', '\b'}, {'a', '\a'}};
    *ret = letter;
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        if (escapes[i].letter == letter) {
            *ret = escapes[i].byte;
        }
    }
    return at + 2;
}

/* The rest of a word from behind an opening quote. False when the quote is never closed, or is closed in mid-word. */
static bool read_quoted(struct buffer *to, struct view line, size_t *at, uint8_t quote) {
    size_t i = *at;
    while (i < line.size && line.data[i] != quote) {
        uint8_t byte = line.data[i];
        if (byte == '\\' && quote == '"' && i + 1 < line.size) {
            i = read_escape(line, i, &byte);
        } else if (byte == '\\' && quote == '\'' && i + 1 < line.size && line.data[i + 1] == '\'') {
            byte = '\'';
            i += 2;
        } else {
            i++;
        }
        buffer_append_byte(to, byte);
    }
    if (i == line.size || (i + 1 < line.size && !is_blank(line.data[i + 1]))) {
        return false;
    }
    *at = i + 1;
    return true;
}

static bool split_quoted(struct resp_parser *parser, struct view line) {
    struct buffer *to = &parser->unquoted;
    for (size_t i = skip_blanks(line, 0); i < line.size; i = skip_blanks(line, i)) {
        size_t start = buffer_size(to);
        while (i < line.size && !ends_word(line.data[i])) {
            uint8_t byte = line.data[i++];
            if (byte != '"' && byte != '\'') {
                buffer_append_byte(to, byte);
            } else if (read_quoted(to, line, &i, byte)) {
                break;
            } else {
                return false;
            }
        }
        push(parser, start, buffer_size(to) - start);
    }
    return true;
}

/* *ret_base: what the places count from, the line itself unless it has quotes. */
static enum step read_inline(struct resp_parser *parser, struct view bytes, const uint8_t **ret_base) {
    size_t window = bytes.size < LIMIT_INLINE_BYTES ? bytes.size : LIMIT_INLINE_BYTES;
    size_t end = parser->scanned + view_find(view_slice(bytes, parser->scanned, window - parser->scanned), '\n');
    parser->scanned = (uint32_t)end;
    if (end == LIMIT_INLINE_BYTES) {
        return fail(parser, "Protocol error: too big inline request");
    }
    if (end == bytes.size) {
        return STEP_MORE;
    }
    parser->scanned = 0;
    parser->position = (uint32_t)end + 1;

    struct view line = view_slice(bytes, 0, end);
    if (view_find(line, '"') == line.size && view_find(line, '\'') == line.size) {
        split_plain(parser, line);
    } else if (split_quoted(parser, line)) {
        /* Even of nothing but empty words there is something to point at. */
        (void)buffer_reserve(&parser->unquoted, 1);
        *ret_base = parser->unquoted.data;
    } else {
        return fail(parser, "Protocol error: unbalanced quotes in request");
    }
    return buffer_size(&parser->places) == 0 ? STEP_EMPTY : STEP_COMMAND;
}

static enum step read_request(struct resp_parser *parser, struct view bytes, const uint8_t **ret_base) {
    if (parser->arguments_left == 0) {
        if (bytes.size == 0) {
            return STEP_MORE;
        }
        if (bytes.data[0] != '*') {
            return read_inline(parser, bytes, ret_base);
        }
        enum step step = read_count(parser, bytes);
        if (step != STEP_COMMAND) {
            return step;
        }
    }
    return read_arguments(parser, bytes);
}

static void forget_last_command(struct resp_parser *parser) {
    buffer_clear(&parser->places);
    if (parser->places.capacity > KEPT_PLACES_BYTES) {
        buffer_release(&parser->places);
    }
    buffer_clear(&parser->unquoted);
    if (parser->unquoted.capacity > KEPT_UNQUOTED_BYTES) {
        buffer_release(&parser->unquoted);
    }
}

enum resp_status resp_parse(struct resp_parser *parser, struct view input, size_t *ret_consumed,
                            struct resp_command *ret_command) {
    *ret_consumed = 0;
    if (parser->problem[0] != '\0') {
        return RESP_ERROR;
    }
    ENSURE(input.size >= (size_t)parser->position + parser->scanned);
    if (parser->arguments_left == 0) {
        forget_last_command(parser);
    }
    parser->wanted = 0;
    for (size_t skipped = 0;;) {
        struct view bytes = view_slice(input, skipped, input.size - skipped);
        const uint8_t *base = bytes.data;
        enum step step = read_request(parser, bytes, &base);
        if (step == STEP_MORE || step == STEP_ERROR) {
            *ret_consumed = skipped;
            return step == STEP_MORE ? RESP_MORE : RESP_ERROR;
        }
        skipped += parser->position;
        parser->position = 0;
        if (step == STEP_COMMAND) {
            *ret_consumed = skipped;
            *ret_command = lend(parser, base);
            return RESP_COMMAND;
        }
    }
}
