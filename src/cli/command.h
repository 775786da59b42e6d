/* The subcommands of `gramme`. Each reads its own arguments (argv[0] is its name), talks to the user on stdout and
 * stderr, and returns an exit code. */
#ifndef GRAMME_CLI_COMMAND_H
#define GRAMME_CLI_COMMAND_H

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILURE = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_CONFIGURATION = 3,
    EXIT_CODE_UNREACHABLE = 4,
    EXIT_CODE_VIOLATION = 5,
};

struct command {
    const char *name;
    const char *arguments; /* behind the name, in its usage line */
    const char *summary;   /* one line, for the list */
    const char *help;      /* the rest of its help; each line ends */
    int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_server;
extern const struct command command_dev;
extern const struct command command_check_config;
extern const struct command command_cluster;
extern const struct command command_backup;
extern const struct command command_restore;
extern const struct command command_key;
extern const struct command command_commands;
extern const struct command command_version;

/* `gramme` as a whole: argv[0] is the program. */
int cli_run(int argc, char **argv);

void command_print_help(const struct command *command);
/* "gramme dev: <sentence>" and where to find help, on stderr. Returns EXIT_CODE_USAGE. */
__attribute__((format(printf, 2, 3))) int command_usage_error(const struct command *command, const char *format, ...);
/* The same without the help. */
__attribute__((format(printf, 2, 3))) void command_complain(const struct command *command, const char *format, ...);

#endif
