#include "cli/cluster_call.h"
#include "cli/cluster_state.h"
#include "cli/information.h"
#include "ring/picture.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHORT_ID = 8, PICTURE_WIDTH = 64 };

static const char *const health_name = "local-health";

/* ---- verdicts, which INFO has ---- */

/* Adds to each member what the asked node's detector says of it. */
static int add_verdicts(struct cluster_state *state) {
    struct buffer text;
    buffer_init(&text);
    if (!information_ask(&state->client, "members", CLUSTER_TIMEOUT_MS, &text)) {
        command_complain(state->command, "%s", state->client.error);
        buffer_release(&text);
        return EXIT_CODE_UNREACHABLE;
    }
    char *at = (char *)(text.data + text.begin);
    json_int_t health = (json_int_t)information_number(at, "local_health", 0);
    json_object_set_new(state->status, health_name, json_integer(health));
    const char *line;
    while ((line = information_next_member(&at)) != NULL) {
        struct member_text id = information_field(line, "id");
        size_t index;
        json_t *member;
        json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
            if (strcmp(cluster_text(member, "id"), id.text) == 0) {
                json_int_t heard_ms = strtoll(information_field(line, "heard_ms").text, NULL, 10);
                json_int_t since_ms = strtoll(information_field(line, "since_ms").text, NULL, 10);
                json_object_set_new(member, "verdict", json_string(information_field(line, "state").text));
                json_object_set_new(member, "verdict-for-ms", json_integer(since_ms));
                json_object_set_new(member, "heard-ms", json_integer(heard_ms));
            }
        }
    }
    buffer_release(&text);
    return EXIT_CODE_OK;
}

/* ---- status ---- */

static void print_head(const struct cluster_state *state) {
    printf("version %llu, %s%s; %llu partitions, %llu replicas; asked %s\n",
           (unsigned long long)cluster_number(state->status, "version"), cluster_text(state->status, "phase"),
           cluster_is(state->status, "settled") ? "" : " (a change is under way: 'gramme cluster watch')",
           (unsigned long long)cluster_number(state->status, "partitions"),
           (unsigned long long)cluster_number(state->status, "replicas"), state->address.text);
    if (cluster_number(state->status, "zone-violations") > 0) {
        printf("WARNING: %llu partitions have fewer distinct zones among their owners than could be\n",
               (unsigned long long)cluster_number(state->status, "zone-violations"));
    }
}

static void print_members(const struct cluster_state *state) {
    size_t index;
    json_t *member;
    printf("%-10s%-23s%-12s%6s  %-8s%-9s%-6s%6s%9s%9s%9s%9s\n", "member", "address", "zone", "weight", "state",
           "verdict", "reach", "first", "replicas", "drained", "to fill", "to bring");
    json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
        printf("%-10.*s%-23s%-12s%6llu  %-8s%-9s%-6s%6llu%9llu%9llu%9llu%9llu\n", SHORT_ID, cluster_text(member, "id"),
               cluster_text(member, "client"), cluster_text(member, "zone"),
               (unsigned long long)cluster_number(member, "weight"), cluster_text(member, "state"),
               cluster_text(member, "verdict"), cluster_is(member, "reachable") ? "yes" : "no",
               (unsigned long long)cluster_number(member, "first-owned"),
               (unsigned long long)cluster_number(member, "replicas"),
               (unsigned long long)cluster_number(member, "drained"),
               (unsigned long long)cluster_number(member, "to-fill"),
               (unsigned long long)cluster_number(member, "former"));
    }
}

static const char *address_of(const struct cluster_state *state, const char *id) {
    size_t index;
    json_t *member;
    json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
        if (strcmp(cluster_text(member, "id"), id) == 0) {
            return cluster_text(member, "client");
        }
    }
    return id;
}

static void print_prepared(const struct cluster_state *state) {
    size_t index;
    json_t *node;
    const char *waits_for = cluster_text(state->status, "waits-for");
    if (waits_for[0] != '\0') {
        printf("the change waits for %s %.*s\n", address_of(state, waits_for), SHORT_ID, waits_for);
    }
    json_array_foreach((json_t *)cluster_list(state, "waiting"), index, node) {
        printf("waits to join: %.*s  %s  zone %s, weight %llu ('gramme cluster join %.*s')\n", SHORT_ID,
               cluster_text(node, "id"), cluster_text(node, "client"), cluster_text(node, "zone"),
               (unsigned long long)cluster_number(node, "weight"), SHORT_ID, cluster_text(node, "id"));
    }
    json_array_foreach((json_t *)cluster_list(state, "staged"), index, node) {
        if (strcmp(cluster_text(node, "change"), "replicas") == 0) {
            printf("staged: replicas %llu ('gramme cluster plan')\n",
                   (unsigned long long)cluster_number(node, "replicas"));
        } else {
            printf("staged: %s %.*s ('gramme cluster plan')\n", cluster_text(node, "change"), SHORT_ID,
                   cluster_text(node, "id"));
        }
    }
    printf("local health of the node asked: %llu (0 is good, 8 is worst)\n",
           (unsigned long long)cluster_number(state->status, health_name));
}

static bool all_are_alive(const struct cluster_state *state) {
    size_t index;
    json_t *member;
    bool are = true;
    json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
        are = are && strcmp(cluster_text(member, "verdict"), "alive") == 0;
    }
    return are;
}

static void print_json(json_t *value) {
    json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
}

int cluster_status(const struct cluster_call *call) {
    struct cluster_state state;
    cluster_state_init(&state, call->command, &call->address);
    int code = cluster_state_read(&state, false);
    code = code == EXIT_CODE_OK ? add_verdicts(&state) : code;
    if (code == EXIT_CODE_OK && call->json) {
        print_json(state.status);
    } else if (code == EXIT_CODE_OK) {
        print_head(&state);
        print_members(&state);
        print_prepared(&state);
    }
    if (code == EXIT_CODE_OK && !all_are_alive(&state)) {
        code = EXIT_CODE_FAILURE;
    }
    cluster_state_release(&state);
    return code;
}

/* ---- ring ---- */

static bool terminal_has_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') {
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
        }
    }
    return false;
}

static void draw(const struct cluster_state *state, const struct ring *ring) {
    size_t count = json_array_size(cluster_list(state, "members"));
    struct picture_mark *marks = calloc(count + 1, sizeof(*marks));
    struct buffer picture;
    size_t index;
    json_t *member;
    buffer_init(&picture);
    ENSURE(marks != NULL);
    json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
        (void)node_id_from_text(cluster_text(member, "id"), &marks[index].id);
        marks[index].text = !cluster_is(member, "reachable") ? "away" : cluster_text(member, "state");
    }
    struct picture_options options = {
        .width = PICTURE_WIDTH, .utf8 = terminal_has_utf8(), .marks = marks, .mark_count = count};
    picture_draw(&picture, ring, &options);
    (void)fwrite(picture.data + picture.begin, 1, buffer_size(&picture), stdout);
    buffer_release(&picture);
    free(marks);
}

/* Of each partition its owners, by id. */
static void print_owners(const struct ring *ring) {
    json_t *partitions = json_array();
    for (uint32_t index = 0; index < ring_partition_count(ring); index++) {
        const struct member_index *list = ring_preference(ring, (struct partition){(uint16_t)index});
        json_t *owners = json_array();
        for (uint32_t place = 0; place < ring_replica_count(ring); place++) {
            char id[NODE_ID_TEXT_SIZE];
            node_id_to_text(ring_member(ring, list[place])->id, id);
            json_array_append_new(owners, json_string(id));
        }
        json_array_append_new(partitions, owners);
    }
    json_t *whole = json_pack("{s:I, s:I, s:o}", "version", (json_int_t)ring_version(ring), "replicas",
                              (json_int_t)ring_replica_count(ring), "owners", partitions);
    print_json(whole);
    json_decref(whole);
}

int cluster_ring(const struct cluster_call *call) {
    struct cluster_state state;
    struct membership log;
    struct ring *ring = NULL;
    membership_init(&log);
    cluster_state_init(&state, call->command, &call->address);
    int code = cluster_state_read(&state, false);
    code = code == EXIT_CODE_OK ? cluster_read_log(&state, &log, &ring) : code;
    if (code == EXIT_CODE_OK && call->json) {
        print_owners(ring);
    } else if (code == EXIT_CODE_OK) {
        draw(&state, ring);
    }
    ring_free(ring);
    membership_release(&log);
    cluster_state_release(&state);
    return code;
}
