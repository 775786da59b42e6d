/* What the server alone knows of a running node, as Redis' clients ask for it: lines of INFO and the settings of CONFIG
 * GET. Sources: Redis command reference, INFO and CONFIG GET. */
#ifndef GRAMME_SERVER_INFORMATION_H
#define GRAMME_SERVER_INFORMATION_H

#include "server/loop.h"

/* Appends "name:value\r\n" lines of the section. On any loop's thread. */
void information_describe(const struct node *node, struct view section, struct buffer *text);

/* Every so often, on the loop's thread: copies what other threads may be asked about. */
void information_publish(struct loop *loop);

/* Every setting: Redis' names that clients look for, then Gramme's own. */
void configuration_describe(const struct node *node, void (*emit)(void *context, struct view name, struct view value),
                            void *context);

#endif
