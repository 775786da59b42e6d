#include "cli/cluster_state.h"

#include <stdio.h>

enum { ERROR_SHOWN_MOST = 400, ID_LEAST = 4 };

void cluster_state_init(struct cluster_state *state, const struct command *command, const struct address *address) {
    memset(state, 0, sizeof(*state));
    state->command = command;
    state->address = *address;
    client_init(&state->client);
}

void cluster_state_release(struct cluster_state *state) {
    json_decref(state->status);
    client_release(&state->client);
}

/* ---- asking ---- */

static int ask_client(struct cluster_state *state, const struct view *words, size_t count,
                      const struct resp_reply **ret_reply) {
    struct client *client = &state->client;
    bool is_there =
        client->descriptor >= 0 || client_connect(client, state->address.host, state->address.port, CLUSTER_TIMEOUT_MS);
    return is_there && client_ask(client, words, count, CLUSTER_COMMIT_TIMEOUT_MS, ret_reply) ? EXIT_CODE_OK
                                                                                              : EXIT_CODE_UNREACHABLE;
}

static void complain_of(const struct cluster_state *state, struct view error) {
    char text[ERROR_SHOWN_MOST];
    size_t size = error.size < sizeof(text) ? error.size : sizeof(text) - 1;
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)(error.data[i] >= ' ' && error.data[i] < 0x7f ? error.data[i] : '?');
    }
    text[size] = '\0';
    const char *said = strncmp(text, "ERR ", 4) == 0 ? text + 4 : strncmp(text, "STALE ", 6) == 0 ? text + 6 : text;
    command_complain(state->command, "%s", said);
}

int cluster_state_ask(struct cluster_state *state, const struct view *words, size_t count, struct view *ret_text) {
    const struct resp_reply *reply = NULL;
    int code = ask_client(state, words, count, &reply);
    if (code != EXIT_CODE_OK) {
        command_complain(state->command, "%s", state->client.error);
        return code;
    }
    if (reply->kind == RESP_REPLY_ERROR) {
        complain_of(state, reply->text);
        return EXIT_CODE_FAILURE;
    }
    if (ret_text != NULL) {
        *ret_text = reply->text;
    }
    return EXIT_CODE_OK;
}

int cluster_state_read(struct cluster_state *state, bool quiet) {
    const struct view words[] = {VIEW("GRAMME.MEMBERS")};
    const struct resp_reply *reply = NULL;
    int code = ask_client(state, words, 1, &reply);
    json_decref(state->status);
    state->status = NULL;
    if (code != EXIT_CODE_OK) {
        if (!quiet) {
            command_complain(state->command, "%s", state->client.error);
        }
        return code;
    }
    if (reply->kind == RESP_REPLY_BULK) {
        state->status = json_loadb((const char *)reply->text.data, reply->text.size, 0, NULL);
    }
    if (!json_is_object(state->status) || json_array_size(cluster_list(state, "members")) == 0) {
        if (!quiet) {
            command_complain(state->command, "the answer tells of no members: is that a node of Gramme?");
        }
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}

/* ---- fields ---- */

const char *cluster_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

uint64_t cluster_number(const json_t *object, const char *name) {
    json_int_t number = json_integer_value(json_object_get(object, name));
    return number < 0 ? 0 : (uint64_t)number;
}

bool cluster_is(const json_t *object, const char *name) {
    return json_is_true(json_object_get(object, name));
}

const json_t *cluster_list(const struct cluster_state *state, const char *name) {
    return json_object_get(state->status, name);
}

/* ---- nodes by name ---- */

static bool name_fits(const json_t *record, const char *name) {
    const char *id = cluster_text(record, "id");
    size_t size = strlen(name);
    return strcmp(cluster_text(record, "client"), name) == 0 || (size >= ID_LEAST && strncmp(id, name, size) == 0);
}

const json_t *cluster_find(const struct cluster_state *state, const char *name, unsigned among) {
    static const struct {
        unsigned bit;
        const char *list;
    } lists[] = {{AMONG_MEMBERS, "members"}, {AMONG_WAITING, "waiting"}, {AMONG_STAGED, "staged"}};
    const json_t *found = NULL;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        size_t at;
        json_t *record;
        const json_t *list = (among & lists[i].bit) != 0 ? cluster_list(state, lists[i].list) : NULL;
        json_array_foreach((json_t *)list, at, record) {
            if (!name_fits(record, name)) {
                continue;
            }
            if (found != NULL && strcmp(cluster_text(found, "id"), cluster_text(record, "id")) != 0) {
                command_complain(state->command, "'%s' is the beginning of several ids: give more of it", name);
                return NULL;
            }
            found = found == NULL ? record : found;
        }
    }
    if (found == NULL) {
        command_complain(
            state->command,
            (among & AMONG_MEMBERS) != 0
                ? "no member has the id (or its beginning, four digits at least) or client address '%s'; "
                  "'gramme cluster status' lists them"
                : "no node of the id (or its beginning, four digits at least) or client address '%s' waits "
                  "to join; is it started, with a seed of this cluster? 'gramme cluster status' lists them",
            name);
    }
    return found;
}

/* ---- rings ---- */

/* Nodes of versions in which N could not be changed tell of one number only. */
struct ring_options cluster_shape(const struct cluster_state *state) {
    bool tells_of_birth = json_object_get(state->status, "replicas-at-birth") != NULL;
    uint64_t replicas = cluster_number(state->status, tells_of_birth ? "replicas-at-birth" : "replicas");
    return (struct ring_options){.partition_count = (uint32_t)cluster_number(state->status, "partitions"),
                                 .replica_count = (uint32_t)replicas};
}

int cluster_read_log(struct cluster_state *state, struct membership *log, struct ring **ret_ring) {
    const struct view words[] = {VIEW("GRAMME.MEMBERS"), VIEW("LOG"), VIEW("0")};
    struct view text;
    int code = cluster_state_ask(state, words, 3, &text);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    enum ring_status status =
        membership_decode(text, log) ? ring_new(log, cluster_shape(state), ret_ring) : RING_NO_MEMBERS;
    if (status != RING_OK) {
        command_complain(state->command, "the node's membership log cannot be read: %s", ring_status_text(status));
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}

static bool id_of(const json_t *record, const char *name, struct node_id *ret_id) {
    return node_id_from_text(cluster_text(record, name), ret_id);
}

static bool event_of(const json_t *change, struct membership_event *event) {
    const char *kind = cluster_text(change, "change");
    if (strcmp(kind, "replicas") == 0) {
        event->kind = MEMBERSHIP_REPLICAS;
        event->replica_count = (uint32_t)cluster_number(change, "replicas");
        return true;
    }
    bool is_whole = id_of(change, "id", &event->member.id);
    event->member.weight = (uint32_t)cluster_number(change, "weight");
    if (strcmp(kind, "join") == 0 || strcmp(kind, "replace") == 0) {
        event->kind = MEMBERSHIP_JOIN;
        (void)snprintf(event->member.zone, sizeof(event->member.zone), "%s", cluster_text(change, "zone"));
        (void)snprintf(event->member.client_address, sizeof(event->member.client_address), "%s",
                       cluster_text(change, "client"));
        (void)snprintf(event->member.peer_address, sizeof(event->member.peer_address), "%s",
                       cluster_text(change, "peer"));
        return is_whole && (strcmp(kind, "join") == 0 || id_of(change, "replaces", &event->replaces));
    }
    event->kind = strcmp(kind, "leave") == 0    ? MEMBERSHIP_LEAVE
                  : strcmp(kind, "weight") == 0 ? MEMBERSHIP_WEIGHT
                                                : MEMBERSHIP_EXCUSE;
    return is_whole;
}

static bool add(struct membership *log, uint64_t lamport, struct membership_event event) {
    event.lamport = lamport;
    event.issuer = log->events[0].issuer;
    if (node_id_equal(event.member.id, (struct node_id){{0}})) {
        event.member.id = event.issuer;
    }
    return membership_add(log, &event) == MEMBERSHIP_ADDED;
}

int cluster_after(struct cluster_state *state, const struct membership *log, struct ring **ret_ring) {
    struct membership after;
    size_t at;
    json_t *change;
    membership_init(&after);
    (void)membership_merge(&after, log);
    uint64_t version = membership_lamport(log);
    bool is_legal = log->count > 0;
    bool moves = false;
    json_array_foreach((json_t *)cluster_list(state, "staged"), at, change) {
        struct membership_event event = {0};
        is_legal = is_legal && event_of(change, &event) && add(&after, version + 1, event);
        moves = moves || event.kind != MEMBERSHIP_EXCUSE;
    }
    static const enum membership_kind phases[] = {MEMBERSHIP_MOVE, MEMBERSHIP_JOINT, MEMBERSHIP_COMMIT, MEMBERSHIP_DONE,
                                                  MEMBERSHIP_SETTLED};
    for (size_t phase = 0; moves && phase < sizeof(phases) / sizeof(phases[0]); phase++) {
        is_legal = is_legal && add(&after, version + 1 + phase, (struct membership_event){.kind = phases[phase]});
    }
    enum ring_status status = is_legal ? ring_new(&after, cluster_shape(state), ret_ring) : RING_OK;
    membership_release(&after);
    if (!is_legal || status != RING_OK) {
        command_complain(state->command, "what is staged cannot be: %s; 'gramme cluster abort' drops it",
                         is_legal ? ring_status_text(status)
                                  : "the node's answer has changes that this program does "
                                    "not know");
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}
