#include "server/client.h"
#include "cli/command.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 5000, FIELD_SIZE = 280, HOST_SIZE = 256 };

struct field {
    char text[FIELD_SIZE];
};

/* The value of `name=` in a line of fields, printable; "" when it is not there. */
static struct field field_of(const char *line, const char *name) {
    struct field field = {{0}};
    size_t size = strlen(name);
    for (const char *at = line; at != NULL; at = strchr(at, ',')) {
        at += at[0] == ',' ? 1 : 0;
        if (strncmp(at, name, size) == 0 && at[size] == '=') {
            size_t value = strcspn(at + size + 1, ",\r");
            value = value < FIELD_SIZE ? value : FIELD_SIZE - 1;
            for (size_t i = 0; i < value; i++) {
                char byte = at[size + 1 + i];
                field.text[i] = (char)(byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' ? byte : '?');
            }
            break;
        }
    }
    return field;
}

static void print_member(const char *line, bool json, bool is_first) {
    struct field id = field_of(line, "id");
    struct field address = field_of(line, "address");
    struct field state = field_of(line, "state");
    uint64_t since_ms = strtoull(field_of(line, "since_ms").text, NULL, 10);
    long long heard_ms = strtoll(field_of(line, "heard_ms").text, NULL, 10);
    unsigned long long incarnation = strtoull(field_of(line, "incarnation").text, NULL, 10);
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
    unsigned long health = 0;
    if (json) {
        printf("{\"members\":[");
    } else {
        printf("%-32s  %-21s  %-7s  %11s  %9s\n", "member", "address", "verdict", "for s", "heard ms");
    }
    char *next;
    for (char *line = text; *line != '\0'; line = next) {
        char *end = line + strcspn(line, "\n");
        next = *end == '\0' ? end : end + 1;
        *end = '\0';
        const char *colon = strchr(line, ':');
        if (strncmp(line, "local_health:", 13) == 0) {
            health = strtoul(line + 13, NULL, 10);
        } else if (strncmp(line, "member", 6) == 0 && colon != NULL) {
            print_member(colon + 1, json, members == 0);
            members++;
            alive += strcmp(field_of(colon + 1, "state").text, "alive") == 0 ? 1 : 0;
        }
    }
    printf(json ? "],\"local_health\":%lu}\n" : "local health of the node asked: %lu (0 is good, 8 is worst)\n",
           health);
    if (members == 0) {
        command_complain(command, "the answer tells of no members: is that a node of Gramme?");
    }
    return members > 0 && alive == members ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int status(const struct command *command, const char *host, uint16_t port, bool json) {
    struct client client;
    client_init(&client);
    const struct view request[] = {VIEW("INFO"), VIEW("members")};
    const struct resp_reply *reply;
    int code = EXIT_CODE_UNREACHABLE;
    if (!client_connect(&client, host, port, TIMEOUT_MS) || !client_ask(&client, request, 2, TIMEOUT_MS, &reply)) {
        command_complain(command, "%s", client.error);
    } else if (reply->kind != RESP_REPLY_BULK) {
        command_complain(command, "the node answered with an error");
        code = EXIT_CODE_FAILURE;
    } else {
        struct buffer text;
        buffer_init(&text);
        buffer_append_view(&text, reply->text);
        buffer_append_byte(&text, 0);
        code = print_status(command, (char *)(text.data + text.begin), json);
        buffer_release(&text);
    }
    client_release(&client);
    return code;
}

static int run_cluster(const struct command *command, int argc, char **argv) {
    struct option options[] = {{NULL, NULL}};
    const char *words[2];
    size_t count;
    bool json = false;
    int kept = 0;
    for (int index = 0; index < argc; index++) {
        bool is_json = strcmp(argv[index], "--json") == 0;
        json = json || is_json;
        if (!is_json) {
            argv[kept++] = argv[index];
        }
    }
    enum options_status parsed = options_parse(command, options, kept, argv, words, 2, &count);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    if (count == 0 || strcmp(words[0], "status") != 0) {
        return command_usage_error(command, "what about the cluster? There is 'gramme cluster status'");
    }
    char host[HOST_SIZE] = "127.0.0.1";
    unsigned long port = 7001;
    if (count == 2) {
        const char *colon = strrchr(words[1], ':');
        char *end = NULL;
        port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
        if (port == 0 || port > UINT16_MAX || *end != 0 || (size_t)(colon - words[1]) >= sizeof(host)) {
            return command_usage_error(command, "'%s' is no HOST:PORT", words[1]);
        }
        snprintf(host, sizeof(host), "%.*s", (int)(colon - words[1]), words[1]);
    }
    return status(command, host, (uint16_t)port, json);
}

const struct command command_cluster = {
    .name = "cluster",
    .arguments = "status [--json] [HOST:PORT]",
    .summary = "show which members a node holds for alive, suspect or dead",
    .help =
        "Asks one node, 127.0.0.1:7001 by default, for its verdict on each member, for how long it has held it, and\n"
        "how long ago it heard the member itself (-1: never).\n"
        "\n"
        "Exit codes: 0 all alive, 1 some are not, 2 usage, 4 the node cannot be reached.\n",
    .run = run_cluster,
};
