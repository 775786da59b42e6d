/* CLIENT: what a connection is called, and who else is connected. */
#include "core/front/commands/commands.h"
#include "core/front/text.h"

void run_client_id(struct call *call) {
    resp_write_integer(call->reply, (int64_t)call->session->id);
}

static bool text_is_plain(struct view text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

bool client_set_name(struct call *call, struct view name) {
    if (!text_is_plain(name)) {
        call_error(call, VIEW("ERR Client names cannot contain spaces, newlines or special characters."));
        return false;
    }
    if (name.size > CLIENT_TEXT_BYTES) {
        call_error(call, VIEW("ERR Client names cannot be longer than 256 bytes."));
        return false;
    }
    session_keep(call->front, &call->session->name, name);
    return true;
}

void run_client_setname(struct call *call) {
    if (client_set_name(call, call->arguments[2])) {
        call_ok(call);
    }
}

void run_client_getname(struct call *call) {
    if (call->session->name.size > 0) {
        resp_write_bulk(call->reply, blob_view(&call->session->name));
    } else {
        resp_write_null(call->reply, call_protocol(call));
    }
}

void run_client_setinfo(struct call *call) {
    struct session *session = call->session;
    bool is_name = call_is(call, 2, VIEW("lib-name"));
    struct view value = call->arguments[3];
    if (!is_name && !call_is(call, 2, VIEW("lib-ver"))) {
        CALL_ERROR_OF(call, VIEW("ERR Unrecognized option '"), call->arguments[2], VIEW("'"));
    } else if (!text_is_plain(value) || value.size > CLIENT_TEXT_BYTES) {
        CALL_ERROR_OF(call, VIEW("ERR "), is_name ? VIEW("lib-name") : VIEW("lib-ver"),
                      VIEW(" cannot contain spaces, newlines or special characters."));
    } else {
        session_keep(call->front, is_name ? &session->library_name : &session->library_version, value);
        call_ok(call);
    }
}

/* The flag, unless it is neither ON nor OFF. */
static bool read_switch(struct call *call, bool *ret) {
    if (!call_is(call, 2, VIEW("on")) && !call_is(call, 2, VIEW("off"))) {
        call_syntax_error(call);
        return false;
    }
    *ret = call_is(call, 2, VIEW("on"));
    call_ok(call);
    return true;
}

void run_client_no_evict(struct call *call) {
    (void)read_switch(call, &call->session->never_evict);
}

void run_client_no_touch(struct call *call) {
    (void)read_switch(call, &call->session->never_touch);
}

/* ---- CLIENT LIST, CLIENT INFO ---- */

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

static void append_client(struct buffer *text, const struct session *session, struct instant now) {
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

void run_client_info(struct call *call) {
    struct buffer *text = &call->front->encoding;
    buffer_clear(text);
    append_client(text, call->session, call->turn->now);
    resp_write_verbatim(call->reply, "txt", buffer_view(text), call_protocol(call));
}

static bool id_is_listed(const struct call *call, uint64_t id) {
    for (size_t i = 3; i < call->count; i++) {
        uint64_t listed;
        if (view_to_uint64(call->arguments[i], &listed) && listed == id) {
            return true;
        }
    }
    return false;
}

static bool ids_are_valid(struct call *call) {
    for (size_t i = 3; i < call->count; i++) {
        uint64_t id;
        if (!view_to_uint64(call->arguments[i], &id) || id == 0) {
            call_error(call, VIEW("ERR Invalid client ID"));
            return false;
        }
    }
    return true;
}

/* CLIENT LIST [TYPE type | ID id ...]; every client here is a normal one. */
void run_client_list(struct call *call) {
    bool by_id = call->count > 3 && call_is(call, 2, VIEW("id"));
    bool by_type = call->count == 4 && call_is(call, 2, VIEW("type"));
    bool none = false;
    if (call->count > 2 && !by_id && !by_type) {
        call_syntax_error(call);
        return;
    }
    if (by_id && !ids_are_valid(call)) {
        return;
    }
    if (by_type && !call_is(call, 3, VIEW("normal"))) {
        none = call_is(call, 3, VIEW("master")) || call_is(call, 3, VIEW("replica")) ||
               call_is(call, 3, VIEW("slave")) || call_is(call, 3, VIEW("pubsub"));
        if (!none) {
            CALL_ERROR_OF(call, VIEW("ERR Unknown client type '"), call->arguments[3], VIEW("'"));
            return;
        }
    }
    struct buffer *text = &call->front->encoding;
    struct list *sessions = &call->front->sessions;
    buffer_clear(text);
    for (struct list_node *node = list_first(sessions); node != NULL && !none; node = list_next(sessions, node)) {
        const struct session *session = CONTAINER_OF(node, struct session, link);
        if (!by_id || id_is_listed(call, session->id)) {
            append_client(text, session, call->turn->now);
        }
    }
    resp_write_verbatim(call->reply, "txt", buffer_view(text), call_protocol(call));
}
