/* Text for people and for Redis clients: numbers in words, lines of INFO, patterns of names. */
#ifndef GRAMME_CORE_FRONT_TEXT_H
#define GRAMME_CORE_FRONT_TEXT_H

#include "base/buffer.h"

void text_append_number(struct buffer *text, uint64_t number);
void text_append_hexadecimal(struct buffer *text, uint64_t number); /* 16 digits */
void text_append_upper(struct buffer *text, struct view word);
/* "name:number\r\n" */
void text_append_line(struct buffer *text, struct view name, uint64_t number);

/* Whether a name matches a pattern of `*`, `?`, `[a-z]`, `[^a-z]` and `\`, as in Redis. Takes time in proportion to the
 * product of the sizes, whatever the pattern, and no stack. */
enum text_case { TEXT_CASE_COUNTS, TEXT_CASE_ASIDE };
bool text_matches(struct view pattern, struct view name, enum text_case text_case);

#endif
