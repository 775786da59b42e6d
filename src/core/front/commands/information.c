/* What a node tells of itself: INFO, CONFIG, TIME, CLUSTER. The shard knows the ring and the process; the front adds
 * what it counts, and what Redis' clients look for. */
#include "core/front/commands/commands.h"
#include "core/front/latency.h"
#include "core/front/text.h"
#include "core/front/threads.h"

/* ---- INFO ---- */

static void describe_server(struct buffer *text) {
    buffer_append_view(text, VIEW("redis_version:7.0.15\r\n"
                                  "gramme_version:" GRAMME_VERSION "\r\n"
                                  "redis_mode:cluster\r\n"
                                  "arch_bits:64\r\n"));
}

static void describe_clients(const struct front *front, struct buffer *text) {
    text_append_line(text, VIEW("connected_clients"), front->statistics.connections_now);
    buffer_append_view(text, VIEW("blocked_clients:0\r\n"));
}

static void describe_stats(const struct front *front, struct buffer *text) {
    text_append_line(text, VIEW("total_connections_received"), front->statistics.connections_total);
    text_append_line(text, VIEW("total_commands_processed"), front->statistics.commands);
    text_append_line(text, VIEW("total_error_replies"), front->statistics.errors);
    text_append_line(text, VIEW("pubsub_channels"), front->subscriptions.counts[CHANNEL_PLAIN]);
    text_append_line(text, VIEW("pubsub_patterns"), front->subscriptions.counts[CHANNEL_PATTERN]);
    text_append_line(text, VIEW("pubsubshard_channels"), front->subscriptions.counts[CHANNEL_SHARDED]);
    text_append_line(text, VIEW("keyspace_hits"), front->statistics.keyspace_hits);
    text_append_line(text, VIEW("keyspace_misses"), front->statistics.keyspace_misses);
    text_append_line(text, VIEW("gramme_shard"), front->options.shard_index);
    text_append_line(text, VIEW("gramme_operations_now"), front->pending_pool.in_use);
}

static void describe(const struct front *front, struct view section, struct buffer *text) {
    if (view_equal_ignoring_case(section, VIEW("server"))) {
        describe_server(text);
    } else if (view_equal_ignoring_case(section, VIEW("clients"))) {
        describe_clients(front, text);
    } else if (view_equal_ignoring_case(section, VIEW("persistence"))) {
        buffer_append_view(text, VIEW("loading:0\r\nasync_loading:0\r\n"));
    } else if (view_equal_ignoring_case(section, VIEW("stats"))) {
        describe_stats(front, text);
    } else if (view_equal_ignoring_case(section, VIEW("replication"))) {
        buffer_append_view(text, VIEW("role:master\r\nconnected_slaves:0\r\n"));
    }
    front->port.information(front->port.self, section, text);
}

static const char *const sections[] = {"Server", "Clients", "Memory",  "Persistence", "Stats",   "Replication",
                                       "CPU",    "Cluster", "Members", "Health",      "Keyspace"};
enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };

static bool section_is_asked(const struct call *call, struct view section) {
    if (call->count == 1) {
        return true;
    }
    for (size_t i = 1; i < call->count; i++) {
        if (call_is(call, i, section) || call_is(call, i, VIEW("all")) || call_is(call, i, VIEW("default")) ||
            call_is(call, i, VIEW("everything"))) {
            return true;
        }
    }
    return false;
}

void run_info(struct call *call) {
    struct buffer *text = &call->front->encoding;
    buffer_clear(text);
    for (int i = 0; i < SECTION_COUNT; i++) {
        struct view section = view_of_string(sections[i]);
        if (section_is_asked(call, section)) {
            buffer_append_view(text, buffer_size(text) > 0 ? VIEW("\r\n# ") : VIEW("# "));
            buffer_append_view(text, section);
            buffer_append_view(text, VIEW("\r\n"));
            describe(call->front, section, text);
        }
    }
    resp_write_verbatim(call->reply, "txt", buffer_view(text), call_protocol(call));
}

/* ---- CONFIG ---- */

struct settings {
    const struct call *call;
    struct buffer *reply;
    size_t count;
};

static void emit_setting(void *context, struct view name, struct view value) {
    struct settings *settings = context;
    const struct call *call = settings->call;
    for (size_t i = 2; i < call->count; i++) {
        if (text_matches(call->arguments[i], name, TEXT_CASE_ASIDE)) {
            resp_write_bulk(settings->reply, name);
            resp_write_bulk(settings->reply, value);
            settings->count++;
            return;
        }
    }
}

void run_config_get(struct call *call) {
    struct front *front = call->front;
    struct settings settings = {call, &front->encoding, 0};
    buffer_clear(settings.reply);
    front->port.configuration(front->port.self, emit_setting, &settings);
    for (unsigned i = 0; i < LATENCY_SETTINGS; i++) {
        uint8_t text[1 + DECIMAL_BYTES_MOST];
        const uint8_t *end = decimal_store_signed(text, latency_get(front, i));
        emit_setting(&settings, view_of_string(latency_settings[i].name), view_of(text, (size_t)(end - text)));
    }
    resp_write_map(call->reply, settings.count, call_protocol(call));
    buffer_append_view(call->reply, buffer_view(settings.reply));
}

static const struct pending_kind ok_kind = ASKS_THREADS(threads_finish_ok);

/* LATENCY_SETTINGS: none has that name. */
static unsigned find_live(struct view name) {
    unsigned i = 0;
    while (i < LATENCY_SETTINGS && !view_equal_ignoring_case(view_of_string(latency_settings[i].name), name)) {
        i++;
    }
    return i;
}

struct known_name {
    struct view name;
    bool is_known;
};

static void know_name(void *context, struct view name, struct view value) {
    struct known_name *known = context;
    (void)value;
    known->is_known = known->is_known || view_equal_ignoring_case(name, known->name);
}

static void refuse_setting(struct call *call, struct view name) {
    struct known_name known = {.name = name};
    call->front->port.configuration(call->front->port.self, know_name, &known);
    if (known.is_known) {
        CALL_ERROR_OF(call, VIEW("ERR CONFIG SET failed (possibly related to argument '"), name,
                      VIEW("') - a node reads it when it starts: change its configuration and restart it"));
    } else {
        CALL_ERROR_OF(call, VIEW("ERR Unknown option or number of arguments for CONFIG SET - '"), name, VIEW("'"));
    }
}

/* CONFIG SET name value [name value ...]: all of them, or none. */
void run_config_set(struct call *call) {
    struct buffer *question = &call->front->encoding;
    uint32_t seen = 0;
    if (call->count % 2 != 0) {
        call_wrong_arity(call, call->command);
        return;
    }
    buffer_clear(question);
    write_u8(question, THREAD_SETTING);
    for (size_t i = 2; i < call->count; i += 2) {
        unsigned setting = find_live(call->arguments[i]);
        int64_t number;
        if (setting == LATENCY_SETTINGS) {
            refuse_setting(call, call->arguments[i]);
            return;
        }
        const struct latency_bounds *bounds = &latency_settings[setting];
        bool is_number = view_to_int64(call->arguments[i + 1], &number);
        if ((seen & 1U << setting) != 0) {
            CALL_ERROR_OF(call, VIEW("ERR CONFIG SET failed (possibly related to argument '"),
                          view_of_string(bounds->name), VIEW("') - duplicate parameter"));
            return;
        }
        if (!is_number || number < bounds->least || number > bounds->most) {
            CALL_ERROR_OF(call, VIEW("ERR CONFIG SET failed (possibly related to argument '"),
                          view_of_string(bounds->name), VIEW("') - argument must be a number in its range"));
            return;
        }
        seen |= 1U << setting;
        write_u8(question, (uint8_t)setting);
        write_u64(question, (uint64_t)number);
    }
    call_ask_threads(call, &ok_kind, buffer_view(question));
}

/* What CONFIG SET can change, as it is now: all threads have the same. */
void run_config_rewrite(struct call *call) {
    struct front *front = call->front;
    struct buffer *text = &front->encoding;
    buffer_clear(text);
    for (unsigned i = 0; i < LATENCY_SETTINGS; i++) {
        uint8_t number[1 + DECIMAL_BYTES_MOST];
        const uint8_t *end = decimal_store_signed(number, latency_get(front, i));
        buffer_append_view(text, view_of_string(latency_settings[i].name));
        buffer_append_byte(text, ' ');
        buffer_append(text, number, (size_t)(end - number));
        buffer_append_byte(text, '\n');
    }
    const char *problem = front->port.rewrite(front->port.self, buffer_view(text));
    if (problem != NULL) {
        call_error(call, view_of_string(problem));
    } else {
        call_ok(call);
    }
}

void run_config_resetstat(struct call *call) {
    uint8_t question = THREAD_RESETSTAT;
    call_ask_threads(call, &ok_kind, view_of(&question, 1));
}

/* ---- TIME, CLUSTER ---- */

static void write_number_text(struct buffer *reply, uint64_t number) {
    uint8_t digits[DECIMAL_BYTES_MOST];
    resp_write_bulk(reply, view_of(digits, (size_t)(decimal_store(digits, number) - digits)));
}

/* Seconds, and microseconds within the second; the clock given to the core counts milliseconds. */
void run_time(struct call *call) {
    resp_write_array(call->reply, 2);
    write_number_text(call->reply, call->turn->wall.ms / 1000);
    write_number_text(call->reply, call->turn->wall.ms % 1000 * 1000);
}

void run_cluster(struct call *call) {
    struct front *front = call->front;
    uint32_t port_offset = call->session->redirects ? front->options.moved_port_offset : 0;
    if (!front->port.cluster_command(front->port.self, call->arguments, call->count, port_offset, call_protocol(call),
                                     call->reply)) {
        call_unknown_subcommand(call);
    }
}
