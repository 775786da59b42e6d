/* Options of a subcommand: `--name value` or `--name=value`, in any order, and words between them. `--` ends them. */
#ifndef GRAMME_CLI_OPTIONS_H
#define GRAMME_CLI_OPTIONS_H

#include "cli/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option {
    const char *name;  /* with its dashes */
    const char *value; /* NULL: not given; borrowed from argv */
};

enum options_status {
    OPTIONS_OK,
    OPTIONS_HELP,  /* --help or -h: the help was printed */
    OPTIONS_WRONG, /* and said so */
};

/* `options` ends with a NULL name. The words that are no options go to `words`, which has room for `words_most`; more
 * are an error. */
enum options_status options_parse(const struct command *command, struct option *options, int argc, char **argv,
                                  const char **words, size_t words_most, size_t *ret_word_count);

/* True when the flag, an option without a value, is among the words; takes it out of them. */
bool options_take_flag(int *argc, char **argv, const char *name);

/* `*ret` is left alone when the option wasn't given. False, and said so, when its value is no number in the range. */
bool option_number(const struct command *command, const struct option *option, uint32_t low, uint32_t high,
                   uint32_t *ret);

#endif
