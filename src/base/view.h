/* Borrowed bytes. A view never owns what it points at; it is valid as long as its lender says, which in the
 * core means until the end of the step that received it. */
#ifndef GRAMME_BASE_VIEW_H
#define GRAMME_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
    const uint8_t *data;
    size_t size;
};

/* A view of a string literal, without its terminating zero. */
#define VIEW(literal) ((struct view){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct view view_of(const void *data, size_t size) {
    return (struct view){data, size};
}

static inline struct view view_of_string(const char *text) {
    return view_of(text, strlen(text));
}

static inline struct view view_slice(struct view view, size_t from, size_t size) {
    return view_of(view.data == NULL ? NULL : view.data + from, size);
}

static inline bool view_equal(struct view a, struct view b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Lexicographic by unsigned bytes; a prefix sorts first. <0, 0, >0. */
static inline int view_compare(struct view a, struct view b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* ASCII case folded equality; command and option names are compared this way. */
bool view_equal_ignoring_case(struct view a, struct view b);

bool view_starts_with(struct view view, struct view prefix);

/* The place of the first such byte, or view.size when there is none. */
size_t view_find(struct view view, uint8_t byte);

/* Whole view as a decimal integer, as Redis reads them: optional '-', no '+', no leading zeros or spaces.
 * False, with *ret untouched, when it is anything else or does not fit. */
bool view_to_int64(struct view view, int64_t *ret);
bool view_to_uint64(struct view view, uint64_t *ret);

#endif
