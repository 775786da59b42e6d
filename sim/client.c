#include "sim/client.h"

#include "wire/resp_writer.h"

#include <stdio.h>
#include <stdlib.h>

static void client_begin(struct world *world, struct world_event *event);
static void client_time_out(struct world *world, struct world_event *event);

static void violate(struct workload *workload, const char *promise, const struct op_record *operation,
                    const char *what) {
    if (workload->violation[0] == 0) {
        snprintf(workload->violation, sizeof(workload->violation), "%s key %s, %s by client %u: %s", promise,
                 workload->history->keys[operation->key].name, operation_text(operation->name), operation->client,
                 what);
        workload->world->failed = true;
    }
}

/* ---- connections ---- */

static void client_schedule_next(struct client *client, uint64_t delay_ns) {
    if (!client->stopped) {
        world_schedule(client->workload->world, &client->next, delay_ns + 1);
    }
}

static uint64_t client_think(struct client *client) {
    return rng_below(&client->rng, 2 * client->workload->think_ns) + NS_PER_US;
}

/* How an operation ends whose answer never came. */
static void client_end_without_answer(struct client *client) {
    struct history *history = client->workload->history;
    struct op_record *operation = &history->operations[client->operation];
    if (!client->is_busy) {
        return;
    }
    client->is_busy = false;
    world_cancel(client->workload->world, &client->timeout);
    history_end(history, client->operation, OP_IN_DOUBT, client->workload->world->now);
    if (operation->name != OP_GET && operation->name != OP_READ && operation->name != OP_COUNT) {
        history->keys[operation->key].in_doubt++;
    }
}

static void client_ended(struct sim_session *session) {
    struct client *client = session->client;
    buffer_clear(&client->input);
    resp_reader_init(&client->reader);
    client_end_without_answer(client);
    client_schedule_next(client, client_think(client));
}

static void client_received(struct sim_session *session, struct view bytes);

static bool client_connect(struct client *client) {
    struct cluster *cluster = client->workload->cluster;
    if (client->session.node != NULL) {
        return true;
    }
    uint32_t node = (uint32_t)rng_below(&client->rng, cluster->node_count);
    uint32_t shard = (uint32_t)rng_below(&client->rng, SIM_SHARDS_MOST);
    client->session.received = client_received;
    client->session.ended = client_ended;
    client->session.client = client;
    resp_reader_init(&client->reader);
    buffer_clear(&client->input);
    return node_session_open(&cluster->nodes[node], shard, &client->session);
}

static void client_time_out(struct world *world, struct world_event *event) {
    struct client *client = CONTAINER_OF(event, struct client, timeout);
    struct op_record *operation = &client->workload->history->operations[client->operation];
    struct node *node = client->session.node;
    bool was_paused =
        node != NULL && node->resumed.ns + CLIENT_TIMEOUT_MS * NS_PER_MS > world->now.ns && node->resumed.ns > 0;
    if (node != NULL && !node->is_paused && !was_paused) {
        violate(client->workload, "G19", operation, "no answer long after the deadline, from a node that is up");
    }
    node_session_close(&client->session);
    client_end_without_answer(client);
    client_schedule_next(client, client_think(client));
}

/* ---- asking ---- */

static struct view value_text(struct client *client, uint32_t id) {
    struct arena *arena = &client->workload->world->scratch;
    size_t filler = (size_t)rng_below(&client->rng, 40);
    if (rng_chance(&client->rng, client->workload->large_per_million)) {
        filler = (size_t)rng_below(&client->rng, 200000);
    }
    char *text = arena_take(arena, filler + 24);
    int used = snprintf(text, 24, "id:%u:", id);
    memset(text + used, 'x', filler);
    return view_of(text, (size_t)used + filler);
}

static void client_ask(struct client *client, const struct view *arguments, size_t count) {
    struct buffer request;
    buffer_init(&request);
    resp_write_command(&request, arguments, count);
    client->is_busy = true;
    world_schedule(client->workload->world, &client->timeout, CLIENT_TIMEOUT_MS * NS_PER_MS);
    client->workload->history->operations[client->operation].node = client->session.node->index;
    node_session_send(&client->session, buffer_view(&request));
    buffer_release(&request);
}

/* The token with one character changed: it must be refused. */
static struct view tampered(struct client *client, struct view token) {
    uint8_t *bytes = arena_take(&client->workload->world->scratch, token.size + 1);
    memcpy(bytes, token.data, token.size);
    size_t at = (size_t)rng_below(&client->rng, token.size);
    bytes[at] = bytes[at] == 'A' ? 'B' : 'A';
    return view_of(bytes, token.size);
}

static void ask_with_context(struct client *client, uint32_t key, enum operation_name name) {
    struct history *history = client->workload->history;
    struct client_context *context = &client->contexts[key];
    struct op_record *operation = &history->operations[client->operation];
    struct view arguments[6];
    size_t count = 0;
    arguments[count++] = name == OP_DELETE_CONTEXT ? VIEW("GRAMME.DEL") : VIEW("GRAMME.PUT");
    arguments[count++] = view_of_string(history->keys[key].name);
    if (name != OP_DELETE_CONTEXT) {
        arguments[count++] = value_text(client, operation->value_id);
    }
    if (name == OP_FORGERY) {
        uint32_t other = (uint32_t)rng_below(&client->rng, history->key_count);
        bool foreign = other != key && client->contexts[other].token.size > 0 && rng_chance(&client->rng, 500000);
        arguments[count++] = VIEW("CONTEXT");
        arguments[count++] =
            foreign ? blob_view(&client->contexts[other].token) : tampered(client, blob_view(&context->token));
    } else if (context->token.size > 0 && !rng_chance(&client->rng, 100000)) {
        arguments[count++] = VIEW("CONTEXT");
        arguments[count++] = blob_view(&context->token);
        history_set_shown(history, client->operation, context->ids, context->count);
    }
    client_ask(client, arguments, count);
}

static void ask_keyspace(struct client *client) {
    static const char *const prefixes[] = {"unused:", "unused:a", "unused:b", "other:"};
    struct view prefix = view_of_string(prefixes[rng_below(&client->rng, 4)]);
    struct view quorum = rng_chance(&client->rng, 500000) ? VIEW("1") : VIEW("3");
    client_ask(client, (struct view[]){VIEW("GRAMME.KEYSPACE"), VIEW("SET"), prefix, VIEW("read-quorum"), quorum}, 5);
}

static struct view number_text(struct client *client, uint64_t number) {
    char *text = arena_take(&client->workload->world->scratch, 24);
    return view_of(text, (size_t)snprintf(text, 24, "%llu", (unsigned long long)number));
}

static void ask_counter(struct client *client, uint32_t key, enum operation_name name) {
    struct key_record *counter = &client->workload->history->keys[key];
    struct op_record *operation = &client->workload->history->operations[client->operation];
    struct view key_name = view_of_string(counter->name);
    struct view number = number_text(client, operation->value_id);
    operation->added = counter->added;
    if (name == OP_COUNT) {
        client_ask(client, (struct view[]){VIEW("GET"), key_name}, 2);
    } else if (name == OP_NUMBER) {
        client_ask(client, (struct view[]){VIEW("SET"), key_name, number}, 3);
    } else {
        counter->begun += operation->value_id;
        client_ask(client, (struct view[]){VIEW("INCRBY"), key_name, number}, 3);
    }
}

static void ask(struct client *client, uint32_t key, enum operation_name name) {
    struct history *history = client->workload->history;
    struct view key_name = view_of_string(history->keys[key].name);
    struct view value = {0};
    client->operation = history_begin(history, name, client->index, key, client->workload->world->now);
    if (operation_writes_value(name) && !history->keys[key].is_counter) {
        value = value_text(client, history->operations[client->operation].value_id);
    }
    switch (name) {
    case OP_SET:
        client_ask(client, (struct view[]){VIEW("SET"), key_name, value}, 3);
        break;
    case OP_SET_IF_ABSENT:
        client_ask(client, (struct view[]){VIEW("SET"), key_name, value, VIEW("NX")}, 4);
        break;
    case OP_DELETE:
        client_ask(client, (struct view[]){VIEW("DEL"), key_name}, 2);
        break;
    case OP_GET:
        client_ask(client, (struct view[]){VIEW("GET"), key_name}, 2);
        break;
    case OP_READ:
        client_ask(client, (struct view[]){VIEW("GRAMME.GET"), key_name}, 2);
        break;
    case OP_EXPIRE:
        client_ask(client, (struct view[]){VIEW("EXPIRE"), key_name, VIEW("1000000")}, 3);
        break;
    case OP_PERSIST:
        client_ask(client, (struct view[]){VIEW("PERSIST"), key_name}, 2);
        break;
    case OP_FLUSH:
        client_ask(client, (struct view[]){VIEW("FLUSHALL")}, 1);
        break;
    case OP_KEYSPACE:
        ask_keyspace(client);
        break;
    case OP_PUT:
    case OP_DELETE_CONTEXT:
    case OP_FORGERY:
        ask_with_context(client, key, name);
        break;
    case OP_ADD:
    case OP_COUNT:
    case OP_NUMBER:
        ask_counter(client, key, name);
        break;
    case OP_NAMES:
        break;
    }
}

static enum operation_name draw_operation(struct client *client, const struct key_record *key, uint32_t index) {
    static const enum operation_name solo[] = {OP_SET, OP_SET,    OP_SET,    OP_GET,    OP_GET,
                                               OP_GET, OP_DELETE, OP_EXPIRE, OP_PERSIST};
    static const enum operation_name shared[] = {OP_SET,
                                                 OP_SET,
                                                 OP_PUT,
                                                 OP_PUT,
                                                 OP_PUT,
                                                 OP_GET,
                                                 OP_READ,
                                                 OP_READ,
                                                 OP_READ,
                                                 OP_DELETE,
                                                 OP_DELETE_CONTEXT,
                                                 OP_SET_IF_ABSENT,
                                                 OP_EXPIRE,
                                                 OP_FORGERY};
    static const enum operation_name counters[] = {OP_ADD, OP_ADD, OP_ADD, OP_COUNT, OP_COUNT, OP_NUMBER, OP_DELETE};
    if (key->is_counter) {
        return counters[rng_below(&client->rng, key->is_pure ? 5 : sizeof(counters) / sizeof(counters[0]))];
    }
    if (key->is_solo) {
        return solo[rng_below(&client->rng, sizeof(solo) / sizeof(solo[0]))];
    }
    enum operation_name name = shared[rng_below(&client->rng, sizeof(shared) / sizeof(shared[0]))];
    bool has_token = client->contexts[index].token.size > 0;
    if ((name == OP_FORGERY || name == OP_DELETE_CONTEXT) && !has_token) {
        return OP_READ;
    }
    return name;
}

static uint32_t draw_key(struct client *client) {
    struct history *history = client->workload->history;
    for (;;) {
        uint32_t key = (uint32_t)rng_below(&client->rng, history->key_count);
        if (!history->keys[key].is_solo || history->keys[key].owner == client->index) {
            return key;
        }
    }
}

static void client_begin(struct world *world, struct world_event *event) {
    struct client *client = CONTAINER_OF(event, struct client, next);
    (void)world;
    if (client->stopped || client->is_busy) {
        return;
    }
    bool moves = rng_chance(&client->rng, 100000);
    if (moves) {
        node_session_close(&client->session);
    }
    if (!client_connect(client)) {
        client_schedule_next(client, client_think(client));
        return;
    }
    uint32_t key = draw_key(client);
    if (rng_chance(&client->rng, client->workload->flush_per_million)) {
        /* What clients alone on their keys may then expect depends on which came first. */
        for (uint32_t index = 0; index < client->workload->history->key_count; index++) {
            client->workload->history->keys[index].in_doubt++;
            client->workload->history->keys[index].is_flushed = true;
        }
        ask(client, key, OP_FLUSH);
        return;
    }
    if (rng_chance(&client->rng, client->workload->keyspace_per_million)) {
        ask(client, key, OP_KEYSPACE);
        return;
    }
    ask(client, key, draw_operation(client, &client->workload->history->keys[key], key));
}

/* ---- answers ---- */

static enum op_outcome outcome_of(const struct resp_reply *reply) {
    if (reply->kind != RESP_REPLY_ERROR) {
        return OP_OK;
    }
    return view_starts_with(reply->text, VIEW("INDOUBT")) ? OP_IN_DOUBT : OP_FAILED;
}

static void keep_context(struct client *client, uint32_t key, struct view token) {
    struct client_context *context = &client->contexts[key];
    blob_give(&client->workload->world->blobs, &context->token);
    context->token = blob_copy(&client->workload->world->blobs, token);
}

static void check_read_id(struct client *client, struct op_record *operation, uint32_t id) {
    struct history *history = client->workload->history;
    if (client->workload->is_flushed(client->workload->self, &history->keys[operation->key], id, operation->start)) {
        violate(client->workload, "G6", operation, "a value that had been flushed before the read began");
        return;
    }
    if (id == 0 || id > history->value_count) {
        violate(client->workload, "G3", operation, "a value that nobody wrote");
        return;
    }
    const struct op_record *writer = &history->operations[history->writer_of[id]];
    if (writer->key != operation->key) {
        violate(client->workload, "G3", operation, "a value that was written to another key");
    } else if (writer->outcome == OP_FAILED) {
        violate(client->workload, "G3", operation, "a value whose write was said to have certainly failed");
    }
}

/* Of additions alone: all that were acknowledged before it was asked, where reads and writes meet, and none twice. */
static void check_count(struct client *client, struct op_record *operation, const struct resp_reply *reply) {
    const struct key_record *key = &client->workload->history->keys[operation->key];
    bool meets = key->is_durable && !key->is_sloppy && !key->is_flushed;
    uint64_t count = 0;
    char what[160] = "";
    if (reply->kind == RESP_REPLY_INTEGER) {
        count = (uint64_t)reply->integer;
    } else if (reply->kind != RESP_REPLY_NULL && !view_to_uint64(reply->text, &count)) {
        violate(client->workload, "G3", operation, "a counter shows what is no number, or less than 0");
    }
    if (key->is_pure && count > key->begun) {
        snprintf(what, sizeof(what), "it shows %llu, but all additions together are %llu", (unsigned long long)count,
                 (unsigned long long)key->begun);
        violate(client->workload, "G3", operation, what);
    } else if (key->is_pure && meets && count < operation->added) {
        snprintf(what, sizeof(what), "it shows %llu, but %llu had been added and acknowledged",
                 (unsigned long long)count, (unsigned long long)operation->added);
        violate(client->workload, "G7", operation, what);
    }
}

static void take_numbers(struct client *client, const struct resp_reply *reply) {
    for (size_t index = 1; reply->kind == RESP_REPLY_ARRAY && index < reply->count; index++) {
        uint64_t number = 0;
        (void)view_to_uint64(reply->items[index].text, &number);
        history_add_read(client->workload->history, client->operation, (uint32_t)number);
    }
}

static void take_siblings(struct client *client, struct op_record *operation, const struct resp_reply *reply) {
    struct client_context *context = &client->contexts[operation->key];
    if (client->workload->history->keys[operation->key].is_counter) {
        take_numbers(client, reply);
        return;
    }
    if (reply->kind == RESP_REPLY_NULL) {
        return;
    }
    const struct resp_reply *items = reply->items;
    if (reply->kind != RESP_REPLY_ARRAY || reply->count == 0) {
        violate(client->workload, "protocol", operation, "GRAMME.GET answers no array");
        return;
    }
    keep_context(client, operation->key, items[0].text);
    context->count = 0;
    for (size_t index = 1; index < reply->count; index++) {
        uint32_t id = value_id_of(items[index].text);
        check_read_id(client, operation, id);
        history_add_read(client->workload->history, client->operation, id);
        if (context->count < CLIENT_SHOWN_MOST) {
            context->ids[context->count++] = id;
        }
    }
}

/* R+W>N, strict quorums, one writer: a read reflects the last acknowledged SET. */
static void check_solo_read(struct client *client, struct op_record *operation, uint32_t id) {
    struct key_record *key = &client->workload->history->keys[operation->key];
    if (!key->is_solo || key->in_doubt > 0 || key->is_sloppy || !key->is_durable) {
        return;
    }
    if (id != key->last_set) {
        char what[160];
        snprintf(what, sizeof(what), "read id %u, but the last acknowledged SET was id %u", id, key->last_set);
        violate(client->workload, "G7", operation, what);
    }
}

static void take_answer(struct client *client, struct op_record *operation, const struct resp_reply *reply) {
    struct key_record *key = &client->workload->history->keys[operation->key];
    switch (operation->name) {
    case OP_GET: {
        uint32_t id = reply->kind == RESP_REPLY_NULL ? 0 : value_id_of(reply->text);
        if (reply->kind != RESP_REPLY_NULL) {
            check_read_id(client, operation, id);
            history_add_read(client->workload->history, client->operation, id);
        }
        check_solo_read(client, operation, id);
        break;
    }
    case OP_READ:
        take_siblings(client, operation, reply);
        break;
    case OP_PUT: {
        struct client_context *context = &client->contexts[operation->key];
        keep_context(client, operation->key, reply->text);
        if (operation->shown_count == 0) {
            context->count = 0;
        }
        if (context->count < CLIENT_SHOWN_MOST) {
            context->ids[context->count++] = operation->value_id;
        }
        break;
    }
    case OP_DELETE_CONTEXT:
        keep_context(client, operation->key, reply->text);
        if (operation->shown_count == 0) {
            client->contexts[operation->key].count = 0;
        }
        break;
    case OP_SET:
        key->last_set = operation->value_id;
        key->has_expiry = false;
        break;
    case OP_DELETE:
        key->last_set = 0;
        key->has_expiry = false;
        break;
    case OP_EXPIRE:
        key->has_expiry = key->has_expiry || reply->integer == 1;
        break;
    case OP_PERSIST:
        key->has_expiry = false;
        break;
    case OP_FORGERY:
        violate(client->workload, "G8", operation,
                "a context that was tampered with, or is of another key, was accepted");
        break;
    case OP_FLUSH:
        client->workload->flushed(client->workload->self, operation);
        break;
    case OP_ADD:
        key->added += operation->value_id;
        check_count(client, operation, reply);
        break;
    case OP_COUNT:
        check_count(client, operation, reply);
        break;
    case OP_NUMBER:
    case OP_SET_IF_ABSENT:
    case OP_KEYSPACE:
    case OP_NAMES:
        break;
    }
}

static void client_answered(struct client *client, const struct resp_reply *reply) {
    struct history *history = client->workload->history;
    struct op_record *operation = &history->operations[client->operation];
    enum op_outcome outcome = outcome_of(reply);
    bool writes_nothing = operation->name == OP_SET_IF_ABSENT && reply->kind == RESP_REPLY_NULL;
    if (world_traces(client->workload->world)) {
        world_trace(client->workload->world, "client %u %s %s id %u at node %u: %s %.*s", client->index,
                    operation_text(operation->name), history->keys[operation->key].name, operation->value_id,
                    operation->node,
                    outcome == OP_OK       ? "ok"
                    : outcome == OP_FAILED ? "failed"
                                           : "in doubt",
                    (int)(reply->text.size < 60 ? reply->text.size : 60),
                    reply->text.size == 0 ? "" : (const char *)reply->text.data);
    }
    client->is_busy = false;
    world_cancel(client->workload->world, &client->timeout);
    history_end(history, client->operation, writes_nothing ? OP_FAILED : outcome, client->workload->world->now);
    if (operation->name == OP_ADD && outcome == OP_FAILED) {
        history->keys[operation->key].begun -= operation->value_id;
    }
    bool is_write = operation->name != OP_GET && operation->name != OP_COUNT && operation->name != OP_FLUSH &&
                    operation->name != OP_KEYSPACE && operation->name != OP_READ;
    if (outcome == OP_IN_DOUBT && is_write) {
        history->keys[operation->key].in_doubt++;
    }
    if (outcome == OP_OK && !writes_nothing) {
        take_answer(client, operation, reply);
        if (operation->value_id != 0) {
            client->workload->acknowledged(client->workload->self, &history->keys[operation->key], operation->value_id);
        }
    }
    client_schedule_next(client, client_think(client));
}

static void client_received(struct sim_session *session, struct view bytes) {
    struct client *client = session->client;
    const struct resp_reply *reply;
    size_t consumed;
    buffer_append_view(&client->input, bytes);
    for (;;) {
        enum resp_reply_status status = resp_read(&client->reader, buffer_view(&client->input),
                                                  &client->workload->world->scratch, &consumed, &reply);
        if (status == RESP_REPLY_MORE) {
            return;
        }
        struct op_record *operation = &client->workload->history->operations[client->operation];
        if (status == RESP_REPLY_CORRUPT || !client->is_busy) {
            violate(client->workload, "protocol", operation, "bytes that are no reply, or a reply to nothing");
            return;
        }
        client_answered(client, reply);
        buffer_consume(&client->input, consumed);
    }
}

/* ---- the workload ---- */

void workload_init(struct workload *workload, struct world *world, struct cluster *cluster, struct history *history,
                   uint32_t client_count, uint64_t think_ns, struct rng *rng) {
    memset(workload, 0, sizeof(*workload));
    workload->world = world;
    workload->cluster = cluster;
    workload->history = history;
    workload->client_count = client_count;
    workload->think_ns = think_ns;
    workload->clients = calloc(client_count, sizeof(*workload->clients));
    ENSURE(workload->clients != NULL);
    for (uint32_t index = 0; index < client_count; index++) {
        struct client *client = &workload->clients[index];
        client->workload = workload;
        client->index = index;
        client->rng = rng_split(rng);
        client->next.happen = client_begin;
        client->timeout.happen = client_time_out;
        buffer_init(&client->input);
        client->contexts = calloc(history->key_count, sizeof(*client->contexts));
        ENSURE(client->contexts != NULL);
        client_schedule_next(client, client_think(client));
    }
}

void workload_release(struct workload *workload) {
    for (uint32_t index = 0; index < workload->client_count; index++) {
        struct client *client = &workload->clients[index];
        buffer_release(&client->input);
        for (uint32_t key = 0; key < workload->history->key_count; key++) {
            blob_give(&workload->world->blobs, &client->contexts[key].token);
        }
        free(client->contexts);
    }
    free(workload->clients);
}

void workload_stop(struct workload *workload) {
    for (uint32_t index = 0; index < workload->client_count; index++) {
        workload->clients[index].stopped = true;
        world_cancel(workload->world, &workload->clients[index].next);
    }
}

bool workload_is_idle(const struct workload *workload) {
    for (uint32_t index = 0; index < workload->client_count; index++) {
        if (workload->clients[index].is_busy) {
            return false;
        }
    }
    return true;
}

size_t workload_read_all(struct workload *workload, uint32_t node, uint32_t key) {
    struct client *client = &workload->clients[0];
    struct cluster *cluster = workload->cluster;
    char replicas[8];
    node_session_close(&client->session);
    client->session.received = client_received;
    client->session.ended = client_ended;
    client->session.client = client;
    resp_reader_init(&client->reader);
    buffer_clear(&client->input);
    bool is_up = node_session_open(&cluster->nodes[node], 0, &client->session);
    ENSURE(is_up);
    client->operation = history_begin(workload->history, OP_READ, client->index, key, workload->world->now);
    int size = snprintf(replicas, sizeof(replicas), "%u", ring_replica_count(cluster->ring));
    client_ask(client,
               (struct view[]){VIEW("GRAMME.GET"), view_of_string(workload->history->keys[key].name), VIEW("R"),
                               view_of(replicas, (size_t)size)},
               4);
    return client->operation;
}
