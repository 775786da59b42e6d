#include "front_world.h"

#include "version/counter.h"
#include "version/object_codec.h"
#include "version/shown.h"
#include "wire/listing_message.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the store ---- */

static struct world_entry *entry_of(struct world *world, struct view key) {
    for (size_t i = 0; i < world->entry_count; i++) {
        if (view_equal(buffer_view(&world->entries[i].key), key)) {
            return &world->entries[i];
        }
    }
    assert_true(world->entry_count < WORLD_ENTRIES);
    struct world_entry *entry = &world->entries[world->entry_count++];
    buffer_init(&entry->key);
    buffer_init(&entry->object);
    buffer_append_view(&entry->key, key);
    return entry;
}

static struct object object_of(struct world *world, const struct world_entry *entry) {
    struct object object = object_empty();
    if (buffer_size(&entry->object) > 0) {
        assert_true(object_decode(buffer_view(&entry->object), &world->arena, &object));
    }
    return object;
}

static void entry_write(struct world_entry *entry, const struct object *object) {
    struct buffer encoded;
    buffer_init(&encoded);
    object_encode(&encoded, object);
    buffer_swap(&encoded, &entry->object);
    buffer_release(&encoded);
}

static const struct value *shown(struct world *world, const struct object *object) {
    return object_shown(object, world->wall, &world->arena);
}

static bool shows(struct world *world, const struct object *object) {
    return shown(world, object) != NULL;
}

static struct hybrid_time next_time(struct world *world) {
    world->ticks++;
    return (struct hybrid_time){hybrid_time_of_wall(world->wall).value + world->ticks};
}

static struct stamp next_stamp(struct world *world, struct world_entry *entry) {
    return (struct stamp){.dot = {7, ++entry->events}, .time = next_time(world), .mark = 1};
}

static void do_put(struct world *world, struct world_entry *entry, const struct operation *operation,
                   struct result *result) {
    struct object object = object_of(world, entry);
    bool is_there = shows(world, &object);
    if (((operation->flags & OPERATION_IF_ABSENT) != 0 && is_there) ||
        ((operation->flags & OPERATION_IF_PRESENT) != 0 && !is_there)) {
        result->outcome = OUTCOME_UNCHANGED;
        return;
    }
    struct context past = object_past(&object, &world->arena);
    if ((operation->flags & OPERATION_PLAIN) == 0) {
        struct reader reader = reader_of(operation->context);
        past = context_empty();
        assert_true(operation->context.size == 0 || context_decode(&reader, &world->arena, &past));
    }
    struct stamp stamp = next_stamp(world, entry);
    bool keeps = (operation->flags & OPERATION_KEEP_EXPIRY) != 0 && is_there;
    uint64_t expires_at_ms = keeps ? shown(world, &object)->expiry.at.ms : operation->expires_at_ms;
    const struct value value = {
        .expiry = {.at = {expires_at_ms}, .stamp = {expires_at_ms == 0 ? 0 : stamp.time.value}},
        .type = (operation->flags & OPERATION_TOMBSTONE) != 0 ? VALUE_TOMBSTONE : VALUE_STRING,
        .format = VALUE_FORMAT,
        .hash = hash128(operation->value),
        .bytes = operation->value,
    };
    struct object written = object_put(&object, &past, &stamp, &value, CONFLICT_SIBLINGS, &world->arena);
    entry_write(entry, &written);
    struct context answered = context_add(&past, stamp.dot, &world->arena);
    buffer_clear(&world->scratch);
    context_encode(&world->scratch, &answered);
    result->context = arena_copy(&world->arena, buffer_view(&world->scratch));
}

static void do_expire(struct world *world, struct world_entry *entry, const struct operation *operation,
                      struct result *result) {
    struct object object = object_of(world, entry);
    if (!shows(world, &object)) {
        result->outcome = OUTCOME_UNCHANGED;
        return;
    }
    struct expiry expiry = {.at = {operation->expires_at_ms}, .stamp = next_time(world)};
    struct object written = object_expire(&object, expiry, world->wall, &world->arena);
    entry_write(entry, &written);
}

/* As the coordinator does it: into what is shown, and following it. */
static void do_splice(struct world *world, struct world_entry *entry, const struct operation *operation,
                      struct result *result) {
    struct object object = object_of(world, entry);
    struct view before = shows(world, &object) ? shown(world, &object)->bytes : (struct view){0};
    size_t offset = operation->offset == OPERATION_AT_END ? before.size : operation->offset;
    size_t end = offset + operation->value.size;
    size_t size = end > before.size ? end : before.size;
    uint8_t *bytes = arena_take(&world->arena, size + 1);
    memset(bytes, 0, size + 1);
    memcpy(bytes, before.data == NULL ? bytes : before.data, before.size);
    memcpy(bytes + offset, operation->value.data == NULL ? bytes : operation->value.data, operation->value.size);
    struct operation whole = *operation;
    whole.value = view_of(bytes, size);
    whole.flags = (operation->flags & ~(uint32_t)OPERATION_SPLICE) | OPERATION_PLAIN;
    do_put(world, entry, &whole, result);
}

static void do_add(struct world *world, struct world_entry *entry, const struct operation *operation,
                   struct result *result) {
    struct object object = object_of(world, entry);
    const struct value *before = shown(world, &object);
    int64_t number = 0;
    if (before != NULL && !view_to_int64(before->bytes, &number)) {
        *result =
            (struct result){.outcome = OUTCOME_REFUSED, .detail = VIEW("ERR value is not an integer or out of range")};
        return;
    }
    struct stamp stamp = next_stamp(world, entry);
    struct object written =
        counter_add(&object, &stamp, operation->addend, world->wall, CONFLICT_SIBLINGS, &world->arena);
    entry_write(entry, &written);
}

static bool expiry_allows(struct world *world, const struct world_entry *entry, const struct operation *operation) {
    struct object object = object_of(world, entry);
    uint64_t now_at = shows(world, &object) ? shown(world, &object)->expiry.at.ms : 0;
    uint64_t at = operation->expires_at_ms;
    return ((operation->flags & OPERATION_EXPIRY_NONE) == 0 || now_at == 0) &&
           ((operation->flags & OPERATION_EXPIRY_SOME) == 0 || now_at != 0) &&
           ((operation->flags & OPERATION_EXPIRY_LATER) == 0 || (now_at != 0 && at > now_at)) &&
           ((operation->flags & OPERATION_EXPIRY_EARLIER) == 0 || now_at == 0 || at < now_at);
}

/* The cursor is the place in the table; a random key is looked for from the middle. */
static void do_list(struct world *world, const struct operation *operation, struct result *result) {
    struct listing_ask ask;
    struct buffer keys;
    struct listing_answer answer = {0};
    assert_true(listing_ask_decode(operation->value, &ask));
    buffer_init(&keys);
    size_t at = ask.question == LISTING_RANDOM ? world->entry_count / 2 : (size_t)ask.cursor;
    for (; at < world->entry_count && (ask.question == LISTING_COUNT || answer.count < ask.most); at++) {
        struct object object = object_of(world, &world->entries[at]);
        if (shows(world, &object)) {
            answer.count++;
            if (ask.question != LISTING_COUNT) {
                write_sized(&keys, buffer_view(&world->entries[at].key));
            }
        }
        if (answer.count == world->listed_at_once) {
            at++;
            break;
        }
    }
    answer.cursor = at < world->entry_count ? at : 0;
    answer.keys = buffer_view(&keys);
    buffer_clear(&world->scratch);
    listing_answer_encode(&world->scratch, &answer);
    result->object = arena_copy(&world->arena, buffer_view(&world->scratch));
    buffer_release(&keys);
}

static void operate(struct world *world, const struct operation *operation, uint64_t token) {
    bool has_key = operation->kind != OPERATION_LIST && operation->kind != OPERATION_THREAD;
    struct world_entry none = {.object = {0}};
    struct world_entry *entry = has_key ? entry_of(world, operation->key) : &none;
    struct result result = {.outcome = OUTCOME_DONE};
    bool fails = world->failing == NULL || view_equal(operation->key, view_of_string(world->failing));
    result.object = arena_copy(&world->arena, buffer_view(&entry->object));
    if (world->outcome != OUTCOME_DONE && fails) {
        result = (struct result){.outcome = world->outcome, .detail = view_of_string(world->detail)};
    } else if (operation->kind == OPERATION_LIST) {
        do_list(world, operation, &result);
    } else if (operation->kind == OPERATION_THREAD) {
        buffer_clear(&world->scratch);
        assert_true(front_asked(world->front, operation->value, world->now, &world->scratch));
        result.object = arena_copy(&world->arena, buffer_view(&world->scratch));
    } else if (!expiry_allows(world, entry, operation)) {
        result.outcome = OUTCOME_UNCHANGED;
    } else if (operation->kind == OPERATION_PUT && (operation->flags & OPERATION_SPLICE) != 0) {
        do_splice(world, entry, operation, &result);
    } else if (operation->kind == OPERATION_PUT && (operation->flags & OPERATION_ADD) != 0) {
        do_add(world, entry, operation, &result);
    } else if (operation->kind == OPERATION_PUT) {
        do_put(world, entry, operation, &result);
    } else if (operation->kind == OPERATION_EXPIRE) {
        do_expire(world, entry, operation, &result);
    }
    front_complete(world->front, token, &result, world->now, world->wall, &world->arena);
}

/* ---- the port ---- */

static void port_submit(void *self, const struct operation *operation, uint64_t token) {
    struct world *world = self;
    world->submitted++;
    world->last = *operation;
    if (!world->holds) {
        operate(world, operation, token);
        return;
    }
    assert_true(world->held_count < WORLD_HELD);
    struct world_held *held = &world->held[world->held_count++];
    held->token = token;
    buffer_init(&held->bytes);
    operation_encode(&held->bytes, operation);
    world->most_held = world->held_count > world->most_held ? (uint32_t)world->held_count : world->most_held;
}

static void port_session_wake(void *self, struct session *session) {
    struct world *world = self;
    (void)session;
    world->woken++;
}

/* Of another node is what begins with a dash. */
static bool port_moved(void *self, struct view key, uint32_t port_offset, struct buffer *text) {
    (void)self;
    (void)port_offset;
    if (key.size == 0 || key.data[0] != '-') {
        return false;
    }
    buffer_append_view(text, VIEW("7 10.0.0.2:7102"));
    return true;
}

static bool port_cluster_command(void *self, const struct view *arguments, size_t count, uint32_t port_offset,
                                 int protocol, struct buffer *reply) {
    (void)self;
    (void)port_offset;
    (void)protocol;
    if (count == 2 && view_equal_ignoring_case(arguments[1], VIEW("myid"))) {
        buffer_append_view(reply, VIEW("$2\r\nme\r\n"));
        return true;
    }
    return false;
}

static void port_information(void *self, struct view section, struct buffer *text) {
    (void)self;
    if (view_equal_ignoring_case(section, VIEW("memory"))) {
        buffer_append_view(text, VIEW("used_memory:123\r\n"));
    }
}

static const char *port_rewrite(void *self, struct view settings) {
    struct world *world = self;
    buffer_clear(&world->scratch);
    buffer_append_view(&world->scratch, settings);
    return NULL;
}

static void port_sleep(void *self, uint64_t ms) {
    struct world *world = self;
    world->now.ns += ms * NS_PER_MS;
}

static uint8_t port_least_write_quorum(void *self) {
    (void)self;
    return 2;
}

static void port_configuration(void *self, void (*emit)(void *context, struct view name, struct view value),
                               void *context) {
    (void)self;
    emit(context, VIEW("port"), VIEW("7001"));
    emit(context, VIEW("maxclients"), VIEW("100"));
    emit(context, VIEW("maxmemory"), VIEW("0"));
}

static void port_keyspaces(void *self, int protocol, struct buffer *reply) {
    (void)self;
    (void)protocol;
    buffer_append_view(reply, VIEW("*1\r\n:7\r\n"));
}

static void port_publish(void *self, bool is_sharded, struct view channel, struct view payload) {
    struct world *world = self;
    (void)is_sharded;
    (void)channel;
    (void)payload;
    world->published++;
}

static size_t port_placement(void *self, struct view key, struct placement *ret_placement) {
    struct world *world = self;
    (void)key;
    *ret_placement = (struct placement){
        .slot = {12},
        .partition = {3},
        .mark = 9,
        .read_quorum = 2,
        .write_quorum = 2,
        .replica_count = world->replica_count,
    };
    for (size_t i = 0; i < world->replica_count; i++) {
        struct placement_replica *replica = &ret_placement->replicas[i];
        memset(replica->node.bytes, (int)(i + 1), sizeof(replica->node.bytes));
        replica->address = VIEW("127.0.0.1:7001");
        replica->is_owner = true;
        replica->is_reachable = (world->unreachable >> i & 1) == 0;
    }
    return world->replica_count;
}

/* ---- the world ---- */

int world_setup(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    struct front_port port = {
        .self = world,
        .submit = port_submit,
        .session_wake = port_session_wake,
        .cluster_command = port_cluster_command,
        .moved = port_moved,
        .information = port_information,
        .configuration = port_configuration,
        .rewrite = port_rewrite,
        .sleep = port_sleep,
        .least_write_quorum = port_least_write_quorum,
        .keyspaces = port_keyspaces,
        .placement = port_placement,
        .publish = port_publish,
    };
    struct front_options options = {
        .deadline_ms = 1000, .max_pipelined = 64, .shard_count = 1, .slow_us = 10000, .slow_most = 128};
    memset(options.secrets.current.bytes, 5, sizeof(options.secrets.current.bytes));
    arena_init(&world->arena);
    buffer_init(&world->scratch);
    world->now.ns = 5 * NS_PER_S;
    world->wall.ms = 1700000000123;
    world->replica_count = 3;
    world->listed_at_once = 3;
    world->detail = "";
    world->front = front_new(options, port);
    world->session = world_open(world);
    *state = world;
    return 0;
}

int world_teardown(void **state) {
    struct world *world = *state;
    front_free(world->front);
    for (size_t i = 0; i < world->entry_count; i++) {
        buffer_release(&world->entries[i].key);
        buffer_release(&world->entries[i].object);
    }
    for (size_t i = 0; i < world->held_count; i++) {
        buffer_release(&world->held[i].bytes);
    }
    buffer_release(&world->scratch);
    arena_release(&world->arena);
    free(world);
    return 0;
}

struct session *world_open(struct world *world) {
    return front_open(world->front, world, "127.0.0.1:5555", world->now);
}

void world_send_to(struct world *world, struct session *session, struct view bytes) {
    /* A copy of its own, so that a view kept too long is found. */
    uint8_t *copy = malloc(bytes.size + 1);
    memcpy(copy, bytes.data, bytes.size);
    front_input(world->front, session, view_of(copy, bytes.size), world->now, world->wall, &world->arena);
    free(copy);
}

void world_send(struct world *world, const char *text) {
    world_send_to(world, world->session, view_of_string(text));
}

void world_expect_from(struct world *world, struct session *session, const char *reply, const char *file, int line) {
    struct view output = buffer_view(session_output(session));
    if (!view_equal(output, view_of_string(reply))) {
        print_error("got      %.*s\nexpected %s\n", (int)output.size, (const char *)output.data, reply);
        _fail(file, line);
    }
    buffer_consume(session_output(session), output.size);
    arena_reset(&world->arena);
}

struct view world_take(struct world *world) {
    struct buffer *output = session_output(world->session);
    struct view taken = arena_copy(&world->arena, buffer_view(output));
    buffer_consume(output, buffer_size(output));
    return taken;
}

size_t view_count(struct view text, const char *part) {
    size_t size = strlen(part);
    size_t count = 0;
    for (size_t i = 0; i + size <= text.size; i++) {
        count += memcmp(text.data + i, part, size) == 0 ? 1 : 0;
    }
    return count;
}

bool view_has(struct view text, const char *part) {
    return view_count(text, part) > 0;
}

void world_release(struct world *world, size_t index) {
    assert_true(index < world->held_count);
    struct world_held held = world->held[index];
    world->held_count--;
    memmove(&world->held[index], &world->held[index + 1], (world->held_count - index) * sizeof(held));
    struct reader reader = reader_of(buffer_view(&held.bytes));
    struct operation operation;
    assert_true(operation_decode(&reader, &operation));
    operate(world, &operation, held.token);
    buffer_release(&held.bytes);
}

void world_release_all(struct world *world) {
    while (world->held_count > 0) {
        world_release(world, 0);
    }
}

void world_resume(struct world *world) {
    front_resume(world->front, world->session, world->now, world->wall, &world->arena);
}

void world_complete(struct world *world, uint64_t token, enum outcome outcome) {
    struct result result = {.outcome = outcome};
    front_complete(world->front, token, &result, world->now, world->wall, &world->arena);
}

void world_add_sibling(struct world *world, const char *key, const char *value) {
    struct result result = {.outcome = OUTCOME_DONE};
    struct operation operation = {
        .kind = OPERATION_PUT,
        .key = view_of_string(key),
        .value = view_of_string(value),
    };
    do_put(world, entry_of(world, operation.key), &operation, &result);
}
