/* CLIENT: what a connection is called, and who else is connected. */
#include "core/front/commands/commands.h"
#include "core/front/clients.h"
#include "core/front/threads.h"

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

/* ---- CLIENT INFO, CLIENT LIST, CLIENT KILL ---- */

void run_client_info(struct call *call) {
    struct buffer *text = &call->front->encoding;
    buffer_clear(text);
    client_append(text, call->session, call->turn->now);
    resp_write_verbatim(call->reply, "txt", buffer_view(text), call_protocol(call));
}

static bool read_ids(struct call *call, size_t first, size_t last, struct client_filter *filter) {
    struct buffer *ids = &call->front->ids;
    buffer_clear(ids);
    if (last - first > CLIENT_IDS_MOST) {
        call_error(call, VIEW("ERR more than 1024 client IDs"));
        return false;
    }
    for (size_t i = first; i < last; i++) {
        uint64_t id;
        if (!view_to_uint64(call->arguments[i], &id) || id == 0) {
            call_error(call, VIEW("ERR Invalid client ID"));
            return false;
        }
        write_sized(ids, call->arguments[i]);
    }
    filter->ids = buffer_view(ids);
    return true;
}

/* Nobody here is a replica or a primary. */
static bool read_type(struct call *call, size_t argument, struct client_filter *filter) {
    filter->wants_normal = call_is(call, argument, VIEW("normal"));
    filter->wants_listeners = call_is(call, argument, VIEW("pubsub"));
    filter->wants_none = call_is(call, argument, VIEW("master")) || call_is(call, argument, VIEW("primary")) ||
                         call_is(call, argument, VIEW("replica")) || call_is(call, argument, VIEW("slave"));
    if (!filter->wants_normal && !filter->wants_listeners && !filter->wants_none) {
        CALL_ERROR_OF(call, VIEW("ERR Unknown client type '"), call->arguments[argument], VIEW("'"));
        return false;
    }
    return true;
}

static void ask(struct call *call, enum thread_question question, const struct pending_kind *kind,
                struct client_filter *filter) {
    struct buffer *text = &call->front->encoding;
    filter->asker = call->session->id;
    buffer_clear(text);
    write_u8(text, (uint8_t)question);
    client_filter_write(text, filter);
    call_ask_threads(call, kind, buffer_view(text));
}

static void finish_list(struct answer *answer) {
    struct buffer *text = &answer->front->encoding;
    struct reader answers = pending_pieces(answer->pending);
    struct view lines;
    if (!answer_all_good(answer)) {
        return;
    }
    buffer_clear(text);
    while (threads_read(&answers, &lines)) {
        buffer_append_view(text, lines);
    }
    resp_write_verbatim(answer->reply, "txt", buffer_view(text), answer->pending->protocol);
}

static const struct pending_kind list_kind = ASKS_THREADS(finish_list);

/* CLIENT LIST [TYPE type | ID id ...] */
void run_client_list(struct call *call) {
    struct client_filter filter = {0};
    bool by_id = call->count > 3 && call_is(call, 2, VIEW("id"));
    bool by_type = call->count == 4 && call_is(call, 2, VIEW("type"));
    if (call->count > 2 && !by_id && !by_type) {
        call_syntax_error(call);
        return;
    }
    if ((!by_id || read_ids(call, 3, call->count, &filter)) && (!by_type || read_type(call, 3, &filter))) {
        ask(call, THREAD_CLIENTS, &list_kind, &filter);
    }
}

/* ---- CLIENT KILL ---- */

static bool count_closed(struct answer *answer, uint64_t *ret_closed) {
    struct reader answers = pending_pieces(answer->pending);
    struct view told;
    *ret_closed = 0;
    if (!answer_all_good(answer)) {
        return false;
    }
    while (threads_read(&answers, &told)) {
        struct reader number = reader_of(told);
        *ret_closed += read_u64(&number);
    }
    return true;
}

static void finish_kill(struct answer *answer) {
    uint64_t closed;
    if (count_closed(answer, &closed)) {
        resp_write_integer(answer->reply, (int64_t)closed);
    }
}

static void finish_kill_at(struct answer *answer) {
    uint64_t closed;
    if (!count_closed(answer, &closed)) {
        return;
    }
    if (closed > 0) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    } else {
        answer_error(answer, VIEW("ERR No such client"));
    }
}

static const struct pending_kind kill_kind = ASKS_THREADS(finish_kill);
static const struct pending_kind kill_at_kind = ASKS_THREADS(finish_kill_at);

static bool read_kill_option(struct call *call, size_t option, struct client_filter *filter) {
    struct view value = call->arguments[option + 1];
    if (call_is(call, option, VIEW("id"))) {
        int64_t id;
        if (!view_to_int64(value, &id) || id <= 0) {
            call_error(call, VIEW("ERR client-id should be greater than 0"));
            return false;
        }
        return read_ids(call, option + 1, option + 2, filter);
    }
    if (call_is(call, option, VIEW("type"))) {
        return read_type(call, option + 1, filter);
    }
    if (call_is(call, option, VIEW("skipme")) &&
        (call_is(call, option + 1, VIEW("yes")) || call_is(call, option + 1, VIEW("no")))) {
        filter->skips_asker = call_is(call, option + 1, VIEW("yes"));
        return true;
    }
    if (call_is(call, option, VIEW("addr"))) {
        filter->address = value;
        filter->has_address = true;
        return true;
    }
    if (call_is(call, option, VIEW("user"))) {
        if (!view_equal(value, VIEW("default"))) {
            CALL_ERROR_OF(call, VIEW("ERR No such user '"), value, VIEW("'"));
            return false;
        }
        return true;
    }
    call_syntax_error(call);
    return false;
}

/* CLIENT KILL address:port | (ID id | ADDR address:port | TYPE type | USER default | SKIPME yes|no) ... */
void run_client_kill(struct call *call) {
    struct client_filter filter = {.skips_asker = true};
    if (call->count == 3) {
        filter = (struct client_filter){.address = call->arguments[2], .has_address = true};
        ask(call, THREAD_KILL, &kill_at_kind, &filter);
        return;
    }
    for (size_t i = 2; i < call->count; i += 2) {
        if (i + 1 == call->count) {
            call_syntax_error(call);
            return;
        }
        if (!read_kill_option(call, i, &filter)) {
            return;
        }
    }
    ask(call, THREAD_KILL, &kill_kind, &filter);
}

/* ---- CLIENT PAUSE ---- */

static const struct pending_kind pause_kind = ASKS_THREADS(threads_finish_ok);

static void ask_to_pause(struct call *call, uint64_t until_ns, bool is_for_writes) {
    struct buffer *question = &call->front->encoding;
    buffer_clear(question);
    write_u8(question, THREAD_PAUSE);
    write_u64(question, until_ns);
    write_u8(question, is_for_writes ? 1 : 0);
    call_ask_threads(call, &pause_kind, buffer_view(question));
}

/* CLIENT PAUSE ms [WRITE | ALL] */
void run_client_pause(struct call *call) {
    int64_t ms;
    bool is_for_writes = call->count == 4 && call_is(call, 3, VIEW("write"));
    if (call->count > 4 || (call->count == 4 && !is_for_writes && !call_is(call, 3, VIEW("all")))) {
        call_error(call, VIEW("ERR CLIENT PAUSE mode must be WRITE or ALL"));
    } else if (!view_to_int64(call->arguments[2], &ms)) {
        call_error(call, VIEW("ERR timeout is not an integer or out of range"));
    } else if (ms < 0) {
        call_error(call, VIEW("ERR timeout is negative"));
    } else {
        uint64_t most_ms = (UINT64_MAX - call->turn->now.ns) / NS_PER_MS;
        uint64_t so_long_ms = (uint64_t)ms < most_ms ? (uint64_t)ms : most_ms;
        ask_to_pause(call, call->turn->now.ns + so_long_ms * NS_PER_MS, is_for_writes);
    }
}

void run_client_unpause(struct call *call) {
    ask_to_pause(call, 0, false);
}

/* ---- CLIENT REPLY ---- */

void run_client_reply(struct call *call) {
    struct session *session = call->session;
    if (call_is(call, 2, VIEW("on"))) {
        session->replies = REPLIES_ON;
        call_ok(call);
    } else if (call_is(call, 2, VIEW("off"))) {
        session->replies = REPLIES_OFF;
    } else if (call_is(call, 2, VIEW("skip"))) {
        session->replies = session->replies == REPLIES_OFF ? REPLIES_OFF : REPLIES_SKIP_NEXT;
    } else {
        call_syntax_error(call);
    }
}
