#include "cli/options.h"

#include "base/view.h"
#include "server/config_text.h"

#include <stdio.h>

enum { OPTIONS_MOST = 32 };

static struct option *find_option(struct option *options, struct view name) {
    for (struct option *option = options; option->name != NULL; option++) {
        if (view_equal(view_of_string(option->name), name)) {
            return option;
        }
    }
    return NULL;
}

static enum options_status unknown(const struct command *command, const struct option *options, struct view name) {
    const char *names[OPTIONS_MOST + 1] = {NULL};
    for (size_t i = 0; i < OPTIONS_MOST && options[i].name != NULL; i++) {
        names[i] = options[i].name;
    }
    const char *meant = suggest(name, names);
    if (meant != NULL) {
        command_usage_error(command, "unknown option '%.*s'; did you mean '%s'?", (int)name.size,
                            (const char *)name.data, meant);
    } else {
        command_usage_error(command, "unknown option '%.*s'", (int)name.size, (const char *)name.data);
    }
    return OPTIONS_WRONG;
}

/* One option at argv[*at]; moves *at to the last word it took. */
static enum options_status take_option(const struct command *command, struct option *options, int argc, char **argv,
                                       int *at) {
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    struct view name = equals == NULL ? view_of_string(word) : view_of(word, (size_t)(equals - word));
    struct option *option = find_option(options, name);
    if (option == NULL) {
        return unknown(command, options, name);
    }
    if (option->value != NULL) {
        command_usage_error(command, "%s is there twice", option->name);
        return OPTIONS_WRONG;
    }
    if (equals == NULL && *at + 1 == argc) {
        command_usage_error(command, "%s needs a value", option->name);
        return OPTIONS_WRONG;
    }
    option->value = equals != NULL ? equals + 1 : argv[++*at];
    return OPTIONS_OK;
}

enum options_status options_parse(const struct command *command, struct option *options, int argc, char **argv,
                                  const char **words, size_t words_most, size_t *ret_word_count) {
    size_t word_count = 0;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!ended && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            command_print_help(command);
            return OPTIONS_HELP;
        }
        if (!ended && strcmp(word, "--") == 0) {
            ended = true;
        } else if (!ended && word[0] == '-' && word[1] != '\0') {
            enum options_status status = take_option(command, options, argc, argv, &i);
            if (status != OPTIONS_OK) {
                return status;
            }
        } else if (word_count == words_most) {
            command_usage_error(command, "'%s' is one word too many", word);
            return OPTIONS_WRONG;
        } else {
            words[word_count++] = word;
        }
    }
    *ret_word_count = word_count;
    return OPTIONS_OK;
}

bool options_take_flag(int *argc, char **argv, const char *name) {
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0) {
            argv[kept++] = argv[i];
        }
    }
    bool is_there = kept < *argc;
    *argc = kept;
    return is_there;
}

bool option_number(const struct command *command, const struct option *option, uint32_t low, uint32_t high,
                   uint32_t *ret) {
    if (option->value == NULL) {
        return true;
    }
    uint64_t number;
    if (!view_to_uint64(view_of_string(option->value), &number) || number < low || number > high) {
        command_usage_error(command, "%s must be a number from %u to %u, not '%s'", option->name, low, high,
                            option->value);
        return false;
    }
    *ret = (uint32_t)number;
    return true;
}
