/* The words of a configuration and what may be read from one. Internal to the configuration reader. */
#ifndef GRAMME_SERVER_CONFIG_TEXT_H
#define GRAMME_SERVER_CONFIG_TEXT_H

#include "base/view.h"

enum { CONFIG_WORDS_MOST = 16 };

enum words_status { WORDS_OK, WORDS_TOO_MANY, WORDS_OPEN_QUOTE, WORDS_CONTROL_BYTE };

struct words {
    struct view word[CONFIG_WORDS_MOST];
    size_t count;
};

/* Splits a line: words are separated by blanks, a word in double quotes may contain them, and a word that begins with #
 * ends the line. */
enum words_status words_split(struct view line, struct words *ret_words);

/* The next line of *rest, without its end; false when there is none. */
bool line_take(struct view *rest, struct view *ret_line);

/* Bytes, as a number or with kb, mb or gb (powers of 1024) behind it. */
bool size_from_text(struct view text, uint64_t *ret_bytes);

bool hex16_from_text(struct view text, uint8_t ret_bytes[16]);

/* The candidate that `word` was probably meant to be; NULL when none is close. Ends with a NULL candidate. */
const char *suggest(struct view word, const char *const *candidates);

#endif
