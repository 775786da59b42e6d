/* What nodes tell in INFO, for the subcommands that ask several of them. */
#ifndef GRAMME_CLI_INFORMATION_H
#define GRAMME_CLI_INFORMATION_H

#include "server/client.h"

enum { MEMBER_TEXT_SIZE = 280 };

/* A section of INFO, appended to the text and ended with a zero; false, with client->error, when it was not told. */
bool information_ask(struct client *client, const char *section, int timeout_ms, struct buffer *text);
/* A number in a section; `none` when it is not there. */
uint64_t information_number(const char *text, const char *name, uint64_t none);

/* The value of `name=` in a line of INFO members, without bytes that would drive a terminal or end a string; "" when it
 * is not there. */
struct member_text {
    char text[MEMBER_TEXT_SIZE];
};
struct member_text information_field(const char *line, const char *name);
/* The next line that tells of a member, ended with a zero, and *at moved behind it; NULL at the end. */
const char *information_next_member(char **at);

#endif
