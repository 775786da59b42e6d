#include "cli/command.h"

#include "cli/options.h"
#include "server/config.h"
#include "server/config_text.h"
#include "server/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_server,  &command_dev, &command_check_config, &command_cluster, &command_backup,
    &command_restore, &command_key, &command_commands,     &command_version,
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

/* --- Help -------------------------------------------------------------------------------------------------------- */

void command_print_help(const struct command *command) {
    printf("gramme %s - %s\n\nUsage: gramme %s %s\n\n%s", command->name, command->summary, command->name,
           command->arguments, command->help);
}

static void print_overview(FILE *to) {
    fprintf(to, "Gramme - an always writeable key-value store after Amazon's Dynamo, for any Redis client\n\n"
                "Usage: gramme COMMAND [ARGUMENTS]\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-14s%s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(to, "  %-14s%s\n", "help", "this list, or with a command's name its help");
    fprintf(to, "\n'gramme COMMAND --help' tells all about one of them.\n"
                "\nExit codes: 0 ok, 1 failure, 2 usage, 3 configuration, 4 unreachable, 5 a violation found.\n");
}

static void complain(const struct command *command, const char *format, va_list arguments) {
    fprintf(stderr, "gramme %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void command_complain(const struct command *command, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
}

int command_usage_error(const struct command *command, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    fprintf(stderr, "'gramme %s --help' tells how it is used.\n", command->name);
    return EXIT_CODE_USAGE;
}

/* --- Dispatch ---------------------------------------------------------------------------------------------------- */

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    const char *names[COMMAND_COUNT + 2] = {"help"};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i + 1] = commands[i]->name;
    }
    const char *meant = suggest(view_of_string(name), names);
    if (meant != NULL) {
        fprintf(stderr, "gramme: unknown command '%s'; did you mean '%s'?\n", name, meant);
    } else {
        fprintf(stderr, "gramme: unknown command '%s'\n", name);
    }
    fprintf(stderr, "'gramme help' lists the commands.\n");
    return NULL;
}

static int run_help(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stdout);
        return EXIT_CODE_OK;
    }
    const struct command *command = find_command(argv[1]);
    if (command == NULL) {
        return EXIT_CODE_USAGE;
    }
    command_print_help(command);
    return EXIT_CODE_OK;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_CODE_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return run_help(argc - 1, argv + 1);
    }
    if (strcmp(name, "--version") == 0) {
        name = command_version.name;
    }
    const struct command *command = find_command(name);
    return command == NULL ? EXIT_CODE_USAGE : command->run(command, argc - 1, argv + 1);
}

int cli_run(int argc, char **argv) {
    int code = dispatch(argc, argv);
    /* What could not be written was not said: a full disk or a closed pipe must not look like success. */
    if (fflush(stdout) != 0 && code == EXIT_CODE_OK) {
        fprintf(stderr, "gramme: cannot write to standard output: %s\n", strerror(errno));
        return EXIT_CODE_FAILURE;
    }
    return code;
}

/* --- The small commands ------------------------------------------------------------------------------------------ */

static int run_server(const struct command *command, int argc, char **argv) {
    struct option options[] = {{"--config", NULL}, {NULL, NULL}};
    size_t words;
    enum options_status status = options_parse(command, options, argc, argv, NULL, 0, &words);
    if (status != OPTIONS_OK) {
        return status == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    if (options[0].value == NULL) {
        return command_usage_error(command, "--config FILE is missing");
    }
    struct config config;
    struct config_error error;
    if (!config_load(options[0].value, &config, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_CODE_CONFIGURATION;
    }
    int code = server_run(&config);
    config_release(&config);
    return code;
}

const struct command command_server = {
    .name = "server",
    .arguments = "--config FILE",
    .summary = "run a node",
    .help =
        "Runs one node of a cluster in the foreground until SIGTERM or SIGINT, which stop it cleanly.\n"
        "It logs to standard error.\n"
        "\n"
        "  --config FILE   its configuration; 'gramme check-config FILE' reads it without running a node\n"
        "\n"
        "Exit codes: 0 stopped cleanly, or left the cluster; 1 failure; 2 usage; 3 configuration, or no member of the\n"
        "cluster any more.\n",
    .run = run_server,
};

static void print_setting(void *context, struct view name, struct view value) {
    (void)context;
    printf("  %-26.*s%.*s\n", (int)name.size, (const char *)name.data, (int)value.size, (const char *)value.data);
}

static void print_notes(const struct config *config) {
    for (size_t i = 0; i < config->keyspaces.count; i++) {
        const struct keyspace *keyspace = &config->keyspaces.keyspaces[i];
        if (keyspace->read_quorum + keyspace->write_quorum <= config->replicas) {
            printf(
                "note: keyspace '%.*s': R %u and W %u need not overlap among %u replicas, so that a read may miss an "
                "acknowledged write for a while\n",
                (int)keyspace->prefix_bytes, (const char *)keyspace->prefix, keyspace->read_quorum,
                keyspace->write_quorum, config->replicas);
        }
    }
    if (config->seed_count > 0) {
        printf("note: this node joins the cluster of its %zu seeds, which has the number of partitions and replicas\n",
               config->seed_count);
    } else if (config->member_count < config->replicas) {
        printf("note: %zu members cannot hold %u replicas: there will be %zu of each key\n", config->member_count,
               config->replicas, config->member_count);
    }
}

static void print_members(const struct config *config) {
    struct ring *ring = config_ring(config);
    printf("members:\n  %-33s%-12s%-7s%-24s%-24s%s\n", "id", "zone", "weight", "clients", "peers", "partitions");
    for (size_t i = 0; i < config->member_count; i++) {
        const struct member *member = &config->members[i];
        char id[NODE_ID_TEXT_SIZE];
        node_id_to_text(member->id, id);
        printf("  %-33s%-12s%-7u%-24s%-24s%u%s\n", id, member->zone, member->weight, member->client_address,
               member->peer_address, ring_first_owned_count(ring, (struct member_index){(uint16_t)i}),
               i == config->self ? "  (this node)" : "");
    }
    ring_free(ring);
}

static int run_check_config(const struct command *command, int argc, char **argv) {
    struct option options[] = {{NULL, NULL}};
    const char *path = NULL;
    size_t words;
    enum options_status status = options_parse(command, options, argc, argv, &path, 1, &words);
    if (status != OPTIONS_OK) {
        return status == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    if (words == 0) {
        return command_usage_error(command, "FILE is missing");
    }
    struct config config;
    struct config_error error;
    if (!config_load(path, &config, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_CODE_CONFIGURATION;
    }
    printf("settings:\n");
    config_describe(&config, print_setting, NULL);
    print_members(&config);
    print_notes(&config);
    printf("%s: ok\n", path);
    config_release(&config);
    return EXIT_CODE_OK;
}

const struct command command_check_config = {
    .name = "check-config",
    .arguments = "FILE",
    .summary = "read a configuration and say what is wrong with it, or what it means",
    .help = "Reads FILE as 'gramme server --config FILE' would, and shows the settings (but no secrets) and the\n"
            "members with their shares of the ring. Nothing is started or changed.\n"
            "\n"
            "Exit codes: 0 the configuration is legal, 2 usage, 3 it is not.\n",
    .run = run_check_config,
};

static int run_version(const struct command *command, int argc, char **argv) {
    struct option options[] = {{NULL, NULL}};
    size_t words;
    enum options_status status = options_parse(command, options, argc, argv, NULL, 0, &words);
    if (status != OPTIONS_OK) {
        return status == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    printf("gramme " GRAMME_VERSION "\n");
    return EXIT_CODE_OK;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the version",
    .help = "Prints 'gramme' and the version, on one line.\n",
    .run = run_version,
};
