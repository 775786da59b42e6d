#include "core/front/text.h"

#include "wire/resp_writer.h"

void text_append_number(struct buffer *text, uint64_t number) {
    uint8_t digits[DECIMAL_BYTES_MOST];
    buffer_append(text, digits, (size_t)(decimal_store(digits, number) - digits));
}

void text_append_hexadecimal(struct buffer *text, uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        buffer_append_byte(text, (uint8_t) "0123456789abcdef"[number >> shift & 15]);
    }
}

void text_append_upper(struct buffer *text, struct view word) {
    for (size_t i = 0; i < word.size; i++) {
        uint8_t byte = word.data[i];
        buffer_append_byte(text, byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte);
    }
}

void text_append_line(struct buffer *text, struct view name, uint64_t number) {
    buffer_append_view(text, name);
    buffer_append_byte(text, ':');
    text_append_number(text, number);
    buffer_append_view(text, VIEW("\r\n"));
}

static uint8_t folded(uint8_t byte, enum text_case text_case) {
    return text_case == TEXT_CASE_ASIDE && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

/* One class, from behind its '['. Returns the place behind its ']', or the pattern's end. */
static size_t match_class(struct view pattern, size_t at, uint8_t byte, enum text_case text_case, bool *ret_matches) {
    bool is_negated = at < pattern.size && pattern.data[at] == '^';
    bool matches = false;
    at += is_negated ? 1 : 0;
    while (at < pattern.size && pattern.data[at] != ']') {
        if (pattern.data[at] == '\\' && at + 1 < pattern.size) {
            at++;
        }
        uint8_t first = folded(pattern.data[at], text_case);
        uint8_t last = first;
        if (at + 2 < pattern.size && pattern.data[at + 1] == '-') {
            last = folded(pattern.data[at + 2], text_case);
            at += 2;
        }
        uint8_t least = first < last ? first : last;
        uint8_t most = first < last ? last : first;
        matches = matches || (byte >= least && byte <= most);
        at++;
    }
    *ret_matches = matches != is_negated;
    return at < pattern.size ? at + 1 : at;
}

/* One element of the pattern that stands for one byte. Returns the place behind it. */
static size_t match_one(struct view pattern, size_t at, uint8_t byte, enum text_case text_case, bool *ret_matches) {
    uint8_t element = pattern.data[at];
    byte = folded(byte, text_case);
    if (element == '?') {
        *ret_matches = true;
        return at + 1;
    }
    if (element == '[') {
        return match_class(pattern, at + 1, byte, text_case, ret_matches);
    }
    if (element == '\\' && at + 1 < pattern.size) {
        at++;
    }
    *ret_matches = folded(pattern.data[at], text_case) == byte;
    return at + 1;
}

/* Goes back to the last star alone: what an earlier one could take more of, the last one can take as well. */
bool text_matches(struct view pattern, struct view name, enum text_case text_case) {
    size_t at = 0;
    size_t in_name = 0;
    size_t behind_star = SIZE_MAX;
    size_t star_took = 0;
    while (in_name < name.size || at < pattern.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            behind_star = ++at;
            star_took = in_name;
            continue;
        }
        bool matches = false;
        size_t next = at;
        if (at < pattern.size && in_name < name.size) {
            next = match_one(pattern, at, name.data[in_name], text_case, &matches);
        }
        if (matches) {
            at = next;
            in_name++;
        } else if (behind_star != SIZE_MAX && star_took < name.size) {
            at = behind_star;
            in_name = ++star_took;
        } else {
            return false;
        }
    }
    return true;
}
