/* The command table in words, as Markdown: what `gramme commands` prints, and docs/commands.md is. */
#ifndef GRAMME_CORE_FRONT_REFERENCE_H
#define GRAMME_CORE_FRONT_REFERENCE_H

#include "base/buffer.h"

void reference_write(struct buffer *text);

#endif
