#include "cli/address.h"
#include "cli/command.h"
#include "cli/information.h"
#include "cli/options.h"
#include "cli/wait_healthy.h"
#include "server/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 5000, WAIT_S = 60, WAIT_S_MOST = 86400 };

static void print_member(const char *line, bool json, bool is_first) {
    struct member_text id = information_field(line, "id");
    struct member_text address = information_field(line, "address");
    struct member_text state = information_field(line, "state");
    uint64_t since_ms = strtoull(information_field(line, "since_ms").text, NULL, 10);
    long long heard_ms = strtoll(information_field(line, "heard_ms").text, NULL, 10);
    unsigned long long incarnation = strtoull(information_field(line, "incarnation").text, NULL, 10);
    if (json) {
        printf("%s{\"id\":\"%s\",\"address\":\"%s\",\"state\":\"%s\",\"incarnation\":%llu,\"since_ms\":%llu,"
               "\"heard_ms\":%lld}",
               is_first ? "" : ",", id.text, address.text, state.text, incarnation, (unsigned long long)since_ms,
               heard_ms);
        return;
    }
    printf("%-32s  %-21s  %-7s  %9llu.%01llu  %9lld\n", id.text, address.text, state.text,
           (unsigned long long)(since_ms / 1000), (unsigned long long)(since_ms % 1000 / 100), heard_ms);
}

/* Goes through the lines of INFO's section, which it cuts up. */
static int print_status(const struct command *command, char *text, bool json) {
    size_t members = 0;
    size_t alive = 0;
    uint64_t health = information_number(text, "local_health", 0);
    if (json) {
        printf("{\"members\":[");
    } else {
        printf("%-32s  %-21s  %-7s  %11s  %9s\n", "member", "address", "verdict", "for s", "heard ms");
    }
    const char *line;
    while ((line = information_next_member(&text)) != NULL) {
        print_member(line, json, members == 0);
        members++;
        alive += strcmp(information_field(line, "state").text, "alive") == 0 ? 1 : 0;
    }
    printf(json ? "],\"local_health\":%llu}\n" : "local health of the node asked: %llu (0 is good, 8 is worst)\n",
           (unsigned long long)health);
    if (members == 0) {
        command_complain(command, "the answer tells of no members: is that a node of Gramme?");
    }
    return members > 0 && alive == members ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int status(const struct command *command, const struct address *address, bool json) {
    struct client client;
    struct buffer text;
    client_init(&client);
    buffer_init(&text);
    int code = EXIT_CODE_UNREACHABLE;
    if (!client_connect(&client, address->host, address->port, TIMEOUT_MS)) {
        command_complain(command, "%s", client.error);
    } else if (!information_ask(&client, "members", TIMEOUT_MS, &text)) {
        command_complain(command, "%s", client.error);
        code = client.descriptor >= 0 ? EXIT_CODE_FAILURE : EXIT_CODE_UNREACHABLE;
    } else {
        code = print_status(command, (char *)(text.data + text.begin), json);
    }
    buffer_release(&text);
    client_release(&client);
    return code;
}

static int run_cluster(const struct command *command, int argc, char **argv) {
    struct option options[] = {{"--timeout", NULL}, {NULL, NULL}};
    const char *words[2];
    size_t count;
    bool json = options_take_flag(&argc, argv, "--json");
    enum options_status parsed = options_parse(command, options, argc, argv, words, 2, &count);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    bool waits = count > 0 && strcmp(words[0], "wait-healthy") == 0;
    if (count == 0 || (!waits && strcmp(words[0], "status") != 0)) {
        return command_usage_error(command,
                                   "what about the cluster? There are 'gramme cluster status' and 'wait-healthy'");
    }
    if (options[0].value != NULL && !waits) {
        return command_usage_error(command, "'gramme cluster status' does not wait: --timeout is of 'wait-healthy'");
    }
    struct address address = address_default();
    if (count == 2 && !address_parse(words[1], &address)) {
        return command_usage_error(command, "'%s' is no HOST:PORT", words[1]);
    }
    uint32_t timeout_s = WAIT_S;
    if (!option_number(command, &options[0], 0, WAIT_S_MOST, &timeout_s)) {
        return EXIT_CODE_USAGE;
    }
    return waits ? wait_healthy(command, &address, timeout_s, json) : status(command, &address, json);
}

const struct command command_cluster = {
    .name = "cluster",
    .arguments = "status [--json] [HOST:PORT]\n"
                 "       gramme cluster wait-healthy [--timeout S] [--json] [HOST:PORT]",
    .summary = "show who is held for alive, or wait until all is well",
    .help =
        "status asks one node, 127.0.0.1:7001 by default, for its verdict on each member, for how long it has held\n"
        "it, and how long ago it heard the member itself (-1: never).\n"
        "\n"
        "wait-healthy waits, 60 s unless told, until another node may be stopped: every member is ready and reaches\n"
        "all others, none may lack data, no hints are waiting, and exchange has compared all that each owns with the\n"
        "other owners since it started. At the timeout it says what it waits for.\n"
        "\n"
        "Exit codes: 0 all alive, or healthy; 1 not; 2 usage; 4 the node cannot be reached.\n",
    .run = run_cluster,
};
