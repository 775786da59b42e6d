#include "core/front/clients.h"

#include "core/front/pending.h"
#include "core/front/text.h"

static void append_text_field(struct buffer *text, struct view name, struct view value) {
    buffer_append_byte(text, ' ');
    buffer_append_view(text, name);
    buffer_append_byte(text, '=');
    buffer_append_view(text, value);
}

static void append_number_field(struct buffer *text, struct view name, uint64_t value) {
    append_text_field(text, name, (struct view){0});
    text_append_number(text, value);
}

static uint64_t seconds_since(struct instant then, struct instant now) {
    return now.ns > then.ns ? (now.ns - then.ns) / NS_PER_S : 0;
}

void client_append(struct buffer *text, const struct session *session, struct instant now) {
    char command[COMMAND_NAME_BYTES];
    size_t command_size = session->last_command == NULL ? 0 : command_full_name(session->last_command, command);
    uint64_t output = buffer_size(&session->output);
    buffer_append_view(text, VIEW("id="));
    text_append_number(text, session->id);
    append_text_field(text, VIEW("addr"), blob_view(&session->address));
    append_text_field(text, VIEW("name"), blob_view(&session->name));
    append_number_field(text, VIEW("age"), seconds_since(session->opened, now));
    append_number_field(text, VIEW("idle"), seconds_since(session->last_input, now));
    const uint32_t *listens = session->listening.counts;
    bool is_listener = listening_count(&session->listening) > 0;
    append_text_field(text, VIEW("flags"), session->batch != NULL ? VIEW("x") : is_listener ? VIEW("P") : VIEW("N"));
    append_text_field(text, VIEW("db"), VIEW("0"));
    append_number_field(text, VIEW("sub"), listens[CHANNEL_PLAIN]);
    append_number_field(text, VIEW("psub"), listens[CHANNEL_PATTERN]);
    append_number_field(text, VIEW("ssub"), listens[CHANNEL_SHARDED]);
    if (session->batch != NULL) {
        append_number_field(text, VIEW("multi"), session->batch->count);
    } else {
        append_text_field(text, VIEW("multi"), VIEW("-1"));
    }
    append_number_field(text, VIEW("qbuf"), buffer_size(&session->input));
    append_number_field(text, VIEW("qbuf-free"), session->input.capacity - session->input.end);
    append_number_field(text, VIEW("obl"), output);
    append_number_field(text, VIEW("oll"), session->in_flight);
    append_number_field(text, VIEW("omem"), session->output.capacity + session->held_bytes);
    append_number_field(text, VIEW("tot-mem"),
                        sizeof(*session) + session->input.capacity + session->output.capacity + session->held_bytes);
    append_text_field(text, VIEW("events"), VIEW("r"));
    append_text_field(text, VIEW("cmd"), command_size > 0 ? view_of(command, command_size) : VIEW("NULL"));
    append_text_field(text, VIEW("user"), VIEW("default"));
    append_text_field(text, VIEW("redir"), VIEW("-1"));
    append_number_field(text, VIEW("resp"), (uint64_t)session->protocol);
    append_text_field(text, VIEW("lib-name"), blob_view(&session->library_name));
    append_text_field(text, VIEW("lib-ver"), blob_view(&session->library_version));
    buffer_append_byte(text, '\n');
}

/* ---- filters ---- */

enum filter_flag {
    FILTER_LISTENERS = 1 << 0,
    FILTER_NORMAL = 1 << 1,
    FILTER_NONE = 1 << 2,
    FILTER_SKIPS_ASKER = 1 << 3,
    FILTER_ADDRESS = 1 << 4,
};

void client_filter_write(struct buffer *question, const struct client_filter *filter) {
    write_u8(question,
             (uint8_t)((filter->wants_listeners ? FILTER_LISTENERS : 0) | (filter->wants_normal ? FILTER_NORMAL : 0) |
                       (filter->wants_none ? FILTER_NONE : 0) | (filter->skips_asker ? FILTER_SKIPS_ASKER : 0) |
                       (filter->has_address ? FILTER_ADDRESS : 0)));
    write_u64(question, filter->asker);
    write_sized(question, filter->address);
    write_sized(question, filter->ids);
}

static struct client_filter filter_read(struct reader *question) {
    uint8_t flags = read_u8(question);
    struct client_filter filter = {
        .wants_listeners = (flags & FILTER_LISTENERS) != 0,
        .wants_normal = (flags & FILTER_NORMAL) != 0,
        .wants_none = (flags & FILTER_NONE) != 0,
        .skips_asker = (flags & FILTER_SKIPS_ASKER) != 0,
        .has_address = (flags & FILTER_ADDRESS) != 0,
        .asker = read_u64(question),
    };
    filter.address = read_sized(question);
    filter.ids = read_sized(question);
    return filter;
}

static bool is_listed(const struct session *session, struct view ids) {
    struct reader list = reader_of(ids);
    bool is_there = ids.size == 0;
    while (!is_there && reader_left(&list) > 0) {
        uint64_t id;
        is_there = view_to_uint64(read_sized(&list), &id) && id == session->id;
    }
    return is_there;
}

static bool is_meant(const struct session *session, const struct client_filter *filter) {
    bool is_listener = listening_count(&session->listening) > 0;
    return !filter->wants_none && (!filter->wants_listeners || is_listener) &&
           (!filter->wants_normal || !is_listener) && (!filter->skips_asker || session->id != filter->asker) &&
           (!filter->has_address || view_equal(filter->address, blob_view(&session->address))) &&
           is_listed(session, filter->ids);
}

void clients_list(struct front *front, struct reader *question, struct buffer *text) {
    struct client_filter filter = filter_read(question);
    struct list *sessions = &front->sessions;
    for (struct list_node *node = list_first(sessions); node != NULL; node = list_next(sessions, node)) {
        const struct session *session = CONTAINER_OF(node, struct session, link);
        if (is_meant(session, &filter)) {
            client_append(text, session, front->now);
        }
    }
}

uint64_t clients_kill(struct front *front, struct reader *question) {
    struct client_filter filter = filter_read(question);
    struct list *sessions = &front->sessions;
    uint64_t count = 0;
    for (struct list_node *node = list_first(sessions); node != NULL; node = list_next(sessions, node)) {
        struct session *session = CONTAINER_OF(node, struct session, link);
        if (is_meant(session, &filter)) {
            session_kill(front, session, session->id == filter.asker);
            count++;
        }
    }
    return count;
}
