/* What `gramme key explain` shows, from the reply of GRAMME.EXPLAIN. The reply is a stranger's: what it lacks or has in
 * another shape is shown as "-", and bytes that would drive a terminal are shown as \xNN. */
#ifndef GRAMME_CLI_EXPLAIN_H
#define GRAMME_CLI_EXPLAIN_H

#include "base/buffer.h"
#include "wire/resp_reader.h"

/* Appends the text. False when the reply is nothing like an explanation. */
bool explain_render(const struct resp_reply *reply, struct buffer *text);

#endif
