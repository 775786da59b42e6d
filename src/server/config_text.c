#include "server/config_text.h"

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static bool has_control_byte(struct view line) {
    for (size_t i = 0; i < line.size; i++) {
        if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

enum words_status words_split(struct view line, struct words *ret_words) {
    ret_words->count = 0;
    if (has_control_byte(line)) {
        return WORDS_CONTROL_BYTE;
    }
    size_t at = 0;
    for (;;) {
        while (at < line.size && is_blank(line.data[at])) {
            at++;
        }
        if (at == line.size || line.data[at] == '#') {
            return WORDS_OK;
        }
        if (ret_words->count == CONFIG_WORDS_MOST) {
            return WORDS_TOO_MANY;
        }
        bool quoted = line.data[at] == '"';
        size_t from = at + (quoted ? 1 : 0);
        size_t to = from;
        while (to < line.size && (quoted ? line.data[to] != '"' : !is_blank(line.data[to]))) {
            to++;
        }
        if (quoted && (to == line.size || (to + 1 < line.size && !is_blank(line.data[to + 1])))) {
            return WORDS_OPEN_QUOTE;
        }
        ret_words->word[ret_words->count++] = view_slice(line, from, to - from);
        at = to + (quoted ? 1 : 0);
    }
}

bool line_take(struct view *rest, struct view *ret_line) {
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    size_t step = end == NULL ? size : size + 1;
    *ret_line = view_slice(*rest, 0, size);
    if (size > 0 && ret_line->data[size - 1] == '\r') {
        ret_line->size--;
    }
    *rest = view_slice(*rest, step, rest->size - step);
    return true;
}

bool size_from_text(struct view text, uint64_t *ret_bytes) {
    static const char *const units[] = {"kb", "mb", "gb"};
    uint32_t shift = 0;
    if (text.size > 2) {
        struct view unit = view_slice(text, text.size - 2, 2);
        for (uint32_t i = 0; i < 3; i++) {
            shift = view_equal_ignoring_case(unit, view_of_string(units[i])) ? 10 * (i + 1) : shift;
        }
    }
    uint64_t number;
    if (!view_to_uint64(view_slice(text, 0, text.size - (shift > 0 ? 2 : 0)), &number) ||
        number > UINT64_MAX >> shift) {
        return false;
    }
    *ret_bytes = number << shift;
    return true;
}

static int hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

bool hex16_from_text(struct view text, uint8_t ret_bytes[16]) {
    if (text.size != 32) {
        return false;
    }
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    memcpy(ret_bytes, bytes, sizeof(bytes));
    return true;
}

enum { SUGGEST_SIZE = 40 };

static size_t least_of(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Insertions, deletions and replacements that turn one into the other (Levenshtein, 1965). */
static size_t edit_distance(struct view a, struct view b) {
    size_t row[SUGGEST_SIZE + 1];
    for (size_t j = 0; j <= b.size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t above = row[j];
            size_t replaced = diagonal + (a.data[i - 1] != b.data[j - 1]);
            row[j] = least_of(row[j - 1] + 1, above + 1, replaced);
            diagonal = above;
        }
    }
    return row[b.size];
}

const char *suggest(struct view word, const char *const *candidates) {
    const char *best = NULL;
    size_t best_distance = word.size < 6 ? 2 : 3;
    if (word.size == 0 || word.size > SUGGEST_SIZE) {
        return NULL;
    }
    for (size_t i = 0; candidates[i] != NULL; i++) {
        struct view candidate = view_of_string(candidates[i]);
        if (candidate.size > SUGGEST_SIZE) {
            continue;
        }
        size_t distance = edit_distance(word, candidate);
        bool halves = word.size >= 4 && view_starts_with(candidate, word);
        if (distance < best_distance || (distance == best_distance && best == NULL) || (halves && best == NULL)) {
            best = candidates[i];
            best_distance = distance < best_distance ? distance : best_distance;
        }
    }
    return best;
}
