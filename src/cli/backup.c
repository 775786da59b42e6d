/* `gramme backup`: asks nodes to copy their stores, and tells what they wrote where. */
#include "cli/address.h"
#include "server/client.h"
#include "cli/command.h"
#include "cli/information.h"
#include "cli/options.h"
#include "wire/resp_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 5000, TIMEOUT_S = 600, TIMEOUT_S_MOST = 86400, PATH_SIZE = 2048, FIELD_SIZE = 64 };

/* A node that was asked. */
struct copy {
    struct client client;
    struct address address;
    char path[PATH_SIZE];
    bool is_asked;
    bool is_made;
    char why[CLIENT_ERROR_SIZE];
    char records[FIELD_SIZE];
    char node[FIELD_SIZE];
};

struct copies {
    struct copy *items;
    size_t count;
    uint32_t timeout_s;
};

static struct copy *copies_add(struct copies *copies, const struct address *address) {
    struct copy *items = realloc(copies->items, (copies->count + 1) * sizeof(*items));
    if (items == NULL) {
        abort();
    }
    copies->items = items;
    struct copy *copy = &items[copies->count++];
    memset(copy, 0, sizeof(*copy));
    copy->address = *address;
    return copy;
}

/* The word behind `name ` in a manifest. */
static void take_field(struct view manifest, const char *name, char field[FIELD_SIZE]) {
    size_t size = strlen(name);
    for (size_t at = 0; at + size < manifest.size;) {
        struct view line = view_slice(manifest, at, view_find(view_slice(manifest, at, manifest.size - at), '\n'));
        if (line.size > size && memcmp(line.data, name, size) == 0 && line.data[size] == ' ') {
            snprintf(field, FIELD_SIZE, "%.*s", (int)(line.size - size - 1), (const char *)line.data + size + 1);
        }
        at += line.size + 1;
    }
}

static void copy_ask(struct copy *copy) {
    const struct view words[] = {VIEW("GRAMME.BACKUP"), view_of_string(copy->path)};
    struct buffer request;
    client_init(&copy->client);
    buffer_init(&request);
    resp_write_command(&request, words, 2);
    copy->is_asked = client_connect(&copy->client, copy->address.host, copy->address.port, ASK_MS) &&
                     client_send(&copy->client, buffer_view(&request), ASK_MS);
    buffer_release(&request);
}

static void copy_await(struct copy *copy, uint32_t timeout_s) {
    const struct resp_reply *reply;
    if (!copy->is_asked || !client_receive(&copy->client, (int)timeout_s * 1000, &reply)) {
        snprintf(copy->why, sizeof(copy->why), "%s", copy->client.error);
    } else if (reply->kind == RESP_REPLY_BULK) {
        copy->is_made = true;
        take_field(reply->text, "records-about", copy->records);
        take_field(reply->text, "node-id", copy->node);
    } else {
        int size = reply->text.size < sizeof(copy->why) ? (int)reply->text.size : (int)sizeof(copy->why) - 1;
        snprintf(copy->why, sizeof(copy->why), "%.*s", size, (const char *)reply->text.data);
        for (char *at = copy->why; *at != '\0'; at++) {
            *at = (char)(*at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\' ? *at : '?');
        }
    }
    client_release(&copy->client);
}

/* Each member, and a folder of its own in `folder`. False, and said so, when the node does not tell of them. */
static bool find_members(const struct command *command, const struct address *address, const char *folder,
                         struct copies *copies) {
    struct client client;
    struct buffer text;
    client_init(&client);
    buffer_init(&text);
    bool is_told = client_connect(&client, address->host, address->port, ASK_MS) &&
                   information_ask(&client, "members", ASK_MS, &text);
    if (!is_told) {
        command_complain(command, "%s", client.error);
    }
    char *at = is_told ? (char *)(text.data + text.begin) : NULL;
    const char *line;
    while (at != NULL && (line = information_next_member(&at)) != NULL) {
        struct address member;
        if (address_parse(information_field(line, "address").text, &member)) {
            struct copy *copy = copies_add(copies, &member);
            snprintf(copy->path, sizeof(copy->path), "%s/%s", folder, information_field(line, "id").text);
        }
    }
    buffer_release(&text);
    client_release(&client);
    return is_told;
}

static int print_copies(const struct command *command, const struct copies *copies, bool json) {
    size_t made = 0;
    if (json) {
        printf("{\"backups\":[");
    }
    for (size_t i = 0; i < copies->count; i++) {
        const struct copy *copy = &copies->items[i];
        made += copy->is_made ? 1 : 0;
        if (json) {
            printf("%s{\"address\":\"%s\",\"path\":\"%s\",\"made\":%s,\"node\":\"%s\",\"records_about\":%s,\"why\":\"%"
                   "s\"}",
                   i == 0 ? "" : ",", copy->address.text, copy->path, copy->is_made ? "true" : "false", copy->node,
                   copy->is_made ? copy->records : "0", copy->why);
        } else if (copy->is_made) {
            printf("%-21s  %s  about %s records\n", copy->address.text, copy->path, copy->records);
        } else {
            command_complain(command, "%s made no backup: %s", copy->address.text, copy->why);
        }
    }
    if (json) {
        printf("],\"complete\":%s}\n", made == copies->count ? "true" : "false");
    } else {
        printf("%zu of %zu nodes made a backup, each on its own machine\n", made, copies->count);
    }
    return made == copies->count ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int back_up(const struct command *command, const struct address *address, const char *folder, bool of_cluster,
                   uint32_t timeout_s, bool json) {
    struct copies copies = {.timeout_s = timeout_s};
    if (!of_cluster) {
        snprintf(copies_add(&copies, address)->path, PATH_SIZE, "%s", folder);
    } else if (!find_members(command, address, folder, &copies)) {
        return EXIT_CODE_UNREACHABLE;
    }
    /* All at once: the closer together they are made, the less changed between them. */
    for (size_t i = 0; i < copies.count; i++) {
        copy_ask(&copies.items[i]);
    }
    bool is_reached = false;
    for (size_t i = 0; i < copies.count; i++) {
        is_reached = is_reached || copies.items[i].is_asked;
        copy_await(&copies.items[i], timeout_s);
    }
    int code = print_copies(command, &copies, json);
    free(copies.items);
    return is_reached ? code : EXIT_CODE_UNREACHABLE;
}

static int run_backup(const struct command *command, int argc, char **argv) {
    struct option options[] = {{"--timeout", NULL}, {NULL, NULL}};
    const char *words[2];
    size_t count;
    bool json = options_take_flag(&argc, argv, "--json");
    bool of_cluster = options_take_flag(&argc, argv, "--cluster");
    enum options_status parsed = options_parse(command, options, argc, argv, words, 2, &count);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    struct address address;
    uint32_t timeout_s = TIMEOUT_S;
    if (count < 2) {
        return command_usage_error(command, "HOST:PORT and FOLDER are wanted");
    }
    if (!address_parse(words[0], &address)) {
        return command_usage_error(command, "'%s' is no HOST:PORT", words[0]);
    }
    if (words[1][0] != '/' || strlen(words[1]) > PATH_SIZE / 2) {
        return command_usage_error(command, "FOLDER must be an absolute path: it is the node that writes it");
    }
    if (!option_number(command, &options[0], 1, TIMEOUT_S_MOST, &timeout_s)) {
        return EXIT_CODE_USAGE;
    }
    return back_up(command, &address, words[1], of_cluster, timeout_s, json);
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "[--cluster] [--timeout S] [--json] HOST:PORT FOLDER",
    .summary = "let a node, or all of them, copy their data while they serve",
    .help =
        "The node writes a consistent copy of its store into FOLDER, a new folder on its own machine: all that it\n"
        "had acknowledged before it began, but for keyspaces of durability 'none'. On the same file system that\n"
        "takes hard links and hardly any space. A copy that was cut short is called FOLDER.partial-...\n"
        "\n"
        "  --cluster     every member, all at once, each into FOLDER/NODE-ID on its machine\n"
        "  --timeout S   600\n"
        "  --json        what was written where, as JSON\n"
        "\n"
        "'gramme restore' takes such folders into another cluster. One node's copy holds what that node owns: for all\n"
        "the data, take those of all nodes.\n"
        "\n"
        "Exit codes: 0 made, 1 not all were, 2 usage, 4 no node can be reached.\n",
    .run = run_backup,
};
