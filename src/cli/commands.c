#include "cli/command.h"
#include "cli/options.h"
#include "core/front/reference.h"

#include <stdio.h>

static int run_commands(const struct command *command, int argc, char **argv) {
    struct option options[] = {{NULL, NULL}};
    const char *words[1];
    size_t count;
    struct buffer text;
    enum options_status parsed = options_parse(command, options, argc, argv, words, 0, &count);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    buffer_init(&text);
    reference_write(&text);
    size_t size = buffer_size(&text);
    bool is_written = fwrite(buffer_view(&text).data, 1, size, stdout) == size && fflush(stdout) == 0;
    buffer_release(&text);
    if (!is_written) {
        command_complain(command, "the commands cannot be written");
    }
    return is_written ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

const struct command command_commands = {
    .name = "commands",
    .arguments = "",
    .summary = "tell the commands that clients may send, and how they differ from Redis'",
    .help = "Prints docs/commands.md, in Markdown: for each command what it does, what it costs, and what it means in "
            "a store\n"
            "with quorums; and what is refused, and why.\n",
    .run = run_commands,
};
