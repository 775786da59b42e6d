#include "cli/cluster_call.h"
#include "cli/options.h"
#include "cli/wait_healthy.h"
#include "server/config_text.h"

#include <stddef.h>
#include <string.h>

enum { WAIT_S = 60, WAIT_S_MOST = 86400 };

static int run_wait_healthy(const struct cluster_call *call) {
    return wait_healthy(call->command, &call->address, call->timeout_s, call->json);
}

struct subcommand {
    const char *name;
    const char *words[CLUSTER_WORDS_MOST]; /* that it takes before the address; NULL: no more */
    int (*run)(const struct cluster_call *call);
    bool waits;          /* takes --timeout */
    bool may_be_of_dead; /* takes --dead */
};

static const struct subcommand subcommands[] = {
    {.name = "status", .run = cluster_status},
    {.name = "ring", .run = cluster_ring},
    {.name = "check", .run = cluster_check},
    {.name = "join", .words = {"NODE"}, .run = cluster_join},
    {.name = "leave", .words = {"NODE"}, .run = cluster_leave},
    {.name = "replace", .words = {"OLD", "NEW"}, .run = cluster_replace, .may_be_of_dead = true},
    {.name = "weight", .words = {"NODE", "N"}, .run = cluster_weight},
    {.name = "replicas", .words = {"N"}, .run = cluster_replicas},
    {.name = "mark-down", .words = {"NODE"}, .run = cluster_mark_down},
    {.name = "remove", .words = {"NODE"}, .run = cluster_remove},
    {.name = "plan", .run = cluster_plan},
    {.name = "commit", .words = {"DIGEST"}, .run = cluster_commit},
    {.name = "abort", .run = cluster_abort},
    {.name = "watch", .run = cluster_watch},
    {.name = "wait-healthy", .run = run_wait_healthy, .waits = true},
};

enum { SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(subcommands[0]) };

static const struct subcommand *find_subcommand(const struct command *command, const char *name) {
    const char *names[SUBCOMMAND_COUNT + 1] = {NULL};
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(subcommands[i].name, name) == 0) {
            return &subcommands[i];
        }
        names[i] = subcommands[i].name;
    }
    const char *meant = suggest(view_of_string(name), names);
    if (meant != NULL) {
        command_usage_error(command, "there is no '%s'; did you mean '%s'?", name, meant);
    } else {
        command_usage_error(command, "there is no '%s'", name);
    }
    return NULL;
}

/* The words behind the subcommand's name, and after them where to ask. */
static bool take_words(const struct subcommand *subcommand, const char *const *words, size_t count,
                       struct cluster_call *call) {
    size_t at = 0;
    for (size_t i = 0; i < CLUSTER_WORDS_MOST && subcommand->words[i] != NULL; i++) {
        if (at == count) {
            command_usage_error(call->command, "'%s' needs a %s", subcommand->name, subcommand->words[i]);
            return false;
        }
        call->words[i] = words[at++];
    }
    if (at < count && !address_parse(words[at], &call->address)) {
        command_usage_error(call->command, "'%s' is no HOST:PORT", words[at]);
        return false;
    }
    if (at + 1 < count) {
        command_usage_error(call->command, "'%s' is one word too many", words[at + 1]);
        return false;
    }
    return true;
}

static int run_cluster(const struct command *command, int argc, char **argv) {
    struct option options[] = {{"--timeout", NULL}, {NULL, NULL}};
    const char *words[CLUSTER_WORDS_MOST + 2];
    size_t count;
    struct cluster_call call = {.command = command, .address = address_default(), .timeout_s = WAIT_S};
    call.json = options_take_flag(&argc, argv, "--json");
    call.is_dead = options_take_flag(&argc, argv, "--dead");
    enum options_status parsed =
        options_parse(command, options, argc, argv, words, sizeof(words) / sizeof(words[0]), &count);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    if (count == 0) {
        return command_usage_error(command, "what about the cluster? For example 'gramme cluster status'");
    }
    const struct subcommand *subcommand = find_subcommand(command, words[0]);
    if (subcommand == NULL || !take_words(subcommand, words + 1, count - 1, &call)) {
        return EXIT_CODE_USAGE;
    }
    if (options[0].value != NULL && !subcommand->waits) {
        return command_usage_error(command, "'%s' does not wait: --timeout is of 'wait-healthy'", words[0]);
    }
    if (call.is_dead && !subcommand->may_be_of_dead) {
        return command_usage_error(command, "--dead is of 'replace'; there are 'remove' and 'mark-down', too");
    }
    if (!option_number(command, &options[0], 0, WAIT_S_MOST, &call.timeout_s)) {
        return EXIT_CODE_USAGE;
    }
    return subcommand->run(&call);
}

const struct command command_cluster = {
    .name = "cluster",
    .arguments = "status | ring | check | watch | plan | abort [--json] [HOST:PORT]\n"
                 "       gramme cluster join | leave | remove | mark-down NODE [--json] [HOST:PORT]\n"
                 "       gramme cluster replace OLD NEW [--dead] [--json] [HOST:PORT]\n"
                 "       gramme cluster weight NODE N [--json] [HOST:PORT]\n"
                 "       gramme cluster replicas N [--json] [HOST:PORT]\n"
                 "       gramme cluster commit DIGEST [--json] [HOST:PORT]\n"
                 "       gramme cluster wait-healthy [--timeout S] [--json] [HOST:PORT]",
    .summary = "show and change the members, or wait until all is well",
    .help =
        "HOST:PORT is the address of any member for clients, 127.0.0.1:7001 by default. A NODE is named by its id, "
        "the\n"
        "beginning of it (four digits at least), or its address for clients. --json prints JSON, on one line.\n"
        "\n"
        "  status         members, how far a change is and whom it waits for, who waits to join, what is staged; and "
        "for\n"
        "                 whom the asked node holds each member: alive, suspect or dead\n"
        "  ring           a picture of who owns what; with --json the owners of each partition\n"
        "  check          asks every member: do they agree, reach each other, and have partitions all the owners that\n"
        "                 they should have?\n"
        "\n"
        "Changes are staged, looked at, and committed together:\n"
        "\n"
        "  join           a node that was started with a seed of this cluster, and waits\n"
        "  leave          hands over what it has, and stops\n"
        "  replace        NEW, which waits, takes the place of OLD; --dead: OLD will never come back\n"
        "  weight         a member's share: 1 to 1000, in relation to the others'\n"
        "  replicas       how many owners each partition has: 1 to 7\n"
        "  remove         a member that is out of reach for good: it is declared dead, and then leaves\n"
        "  mark-down      declares it dead, and no more: nothing waits for it any longer\n"
        "  plan           what is staged, what it would move, and the DIGEST to commit it with\n"
        "  commit         does what the plan of that digest has told, if nothing has changed since\n"
        "  watch          shows the change until its end; it goes on whether anybody watches or not\n"
        "  abort          undoes the change under way while new owners still fill themselves; drops what is staged\n"
        "\n"
        "wait-healthy waits, 60 s unless told, until another node may be stopped: every member is ready and reaches\n"
        "all others, none may lack data, no hints are waiting, and exchange has compared all that each owns with the\n"
        "other owners since it started. At the timeout it says what it waits for.\n"
        "\n"
        "Exit codes: 0 ok (status: all are alive; check: nothing was found); 1 not, or refused; 2 usage; 4 the node\n"
        "cannot be reached.\n",
    .run = run_cluster,
};
