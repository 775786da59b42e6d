#include "server/client.h"
#include "cli/command.h"
#include "cli/explain.h"
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 5000 };

/* Without the bytes that would drive a terminal. */
static void complain_of_answer(const struct command *command, struct view answer) {
    char text[256];
    size_t size = answer.size < sizeof(text) ? answer.size : sizeof(text) - 1;
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)(answer.data[i] >= ' ' && answer.data[i] < 0x7f ? answer.data[i] : '?');
    }
    text[size] = '\0';
    command_complain(command, "the node answered: %s", text);
}

static int print_explanation(const struct command *command, const struct resp_reply *reply) {
    if (reply->kind == RESP_REPLY_ERROR) {
        complain_of_answer(command, reply->text);
        return EXIT_CODE_FAILURE;
    }
    struct buffer text;
    buffer_init(&text);
    bool rendered = explain_render(reply, &text);
    if (rendered) {
        fwrite(text.data + text.begin, 1, buffer_size(&text), stdout);
    } else {
        command_complain(command, "the answer is no explanation: is that a node of Gramme?");
    }
    buffer_release(&text);
    return rendered ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int explain(const struct command *command, const char *key, const char *host, uint16_t port) {
    struct client client;
    client_init(&client);
    const struct view request[] = {VIEW("GRAMME.EXPLAIN"), view_of_string(key)};
    const struct resp_reply *reply;
    int code = EXIT_CODE_UNREACHABLE;
    if (!client_connect(&client, host, port, TIMEOUT_MS) || !client_ask(&client, request, 2, TIMEOUT_MS, &reply)) {
        command_complain(command, "%s", client.error);
    } else {
        code = print_explanation(command, reply);
    }
    client_release(&client);
    return code;
}

static int run_key(const struct command *command, int argc, char **argv) {
    struct option options[] = {{"--host", NULL}, {"--port", NULL}, {NULL, NULL}};
    const char *words[2];
    size_t count;
    enum options_status status = options_parse(command, options, argc, argv, words, 2, &count);
    if (status != OPTIONS_OK) {
        return status == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    if (count == 0 || strcmp(words[0], "explain") != 0) {
        return command_usage_error(command, "what about a key? There is 'gramme key explain KEY'");
    }
    if (count == 1) {
        return command_usage_error(command, "KEY is missing");
    }
    uint32_t port = 7001;
    if (!option_number(command, &options[1], 1, UINT16_MAX, &port)) {
        return EXIT_CODE_USAGE;
    }
    return explain(command, words[1], options[0].value != NULL ? options[0].value : "127.0.0.1", (uint16_t)port);
}

const struct command command_key = {
    .name = "key",
    .arguments = "explain KEY [--host HOST] [--port PORT]",
    .summary = "show where a key lives and what each of its replicas holds",
    .help =
        "Asks a node, any one of the cluster, for the slot, the partition and the preference list of KEY, and each\n"
        "of its owners for what it has: values with their dots and times, and the context they stand in.\n"
        "Nothing is repaired or changed.\n"
        "\n"
        "  --host HOST   127.0.0.1\n"
        "  --port PORT   7001\n"
        "\n"
        "Exit codes: 0 ok, 1 the node answered with an error, 2 usage, 4 the node cannot be reached.\n",
    .run = run_key,
};
