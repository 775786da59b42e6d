#include "core/front/call.h"

#include "core/front/text.h"

/* ---- replies at once ---- */

void call_error(struct call *call, struct view text) {
    call->front->statistics.errors++;
    resp_write_error(call->reply, text);
}

void call_error_join(struct call *call, const struct view *pieces, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += pieces[i].size;
    }
    uint8_t *text = arena_take(call->turn->arena, size);
    size_t position = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > 0) {
            memcpy(text + position, pieces[i].data, pieces[i].size);
            position += pieces[i].size;
        }
    }
    call_error(call, view_of(text, size));
}

void call_ok(struct call *call) {
    resp_write_raw(call->reply, VIEW("+OK\r\n"));
}

void call_syntax_error(struct call *call) {
    call_error(call, VIEW("ERR syntax error"));
}

void call_wrong_arity(struct call *call, const struct command *command) {
    char name[COMMAND_NAME_BYTES];
    size_t size = command_full_name(command, name);
    CALL_ERROR_OF(call, VIEW("ERR wrong number of arguments for '"), view_of(name, size), VIEW("' command"));
}

void call_expire_error(struct call *call) {
    char name[COMMAND_NAME_BYTES];
    size_t size = command_full_name(call->command, name);
    CALL_ERROR_OF(call, VIEW("ERR invalid expire time in '"), view_of(name, size), VIEW("' command"));
}

/* Redis shows at most so much of what a client said, and nothing behind a zero byte. */
enum { SHOWN_BYTES = 128 };

static struct view shown(struct view text, size_t most) {
    size_t size = view_find(text, '\0');
    return view_slice(text, 0, size < most ? size : most);
}

void call_unknown_subcommand(struct call *call) {
    struct buffer *upper = &call->front->encoding;
    buffer_clear(upper);
    text_append_upper(upper, view_of_string(call->command->name));
    CALL_ERROR_OF(call, VIEW("ERR unknown subcommand '"), shown(call->arguments[1], SHOWN_BYTES), VIEW("'. Try "),
                  buffer_view(upper), VIEW(" HELP."));
}

static void call_unknown(struct call *call) {
    uint8_t *text = arena_take(call->turn->arena, 2 * SHOWN_BYTES);
    size_t used = 0;
    for (size_t i = 1; i < call->count && used < SHOWN_BYTES; i++) {
        struct view argument = shown(call->arguments[i], SHOWN_BYTES - used);
        text[used++] = '\'';
        if (argument.size > 0) {
            memcpy(text + used, argument.data, argument.size);
            used += argument.size;
        }
        text[used++] = '\'';
        text[used++] = ' ';
    }
    CALL_ERROR_OF(call, VIEW("ERR unknown command '"), shown(call->arguments[0], SHOWN_BYTES),
                  VIEW("', with args beginning with: "), view_of(text, used));
}

/* ---- arguments ---- */

bool call_integer(struct call *call, size_t argument, int64_t *ret) {
    if (view_to_int64(call->arguments[argument], ret)) {
        return true;
    }
    call_error(call, VIEW("ERR value is not an integer or out of range"));
    return false;
}

bool call_key_fits(struct call *call, struct view key) {
    if (key.size <= LIMIT_KEY_BYTES) {
        return true;
    }
    call_error(call, VIEW("ERR the key is longer than 65536 bytes"));
    return false;
}

bool call_value_fits(struct call *call, struct view value) {
    if (value.size <= LIMIT_VALUE_BYTES) {
        return true;
    }
    call_error(call, VIEW("ERR the value is longer than 16777216 bytes"));
    return false;
}

_Static_assert(LIMIT_KEY_BYTES == 65536 && LIMIT_VALUE_BYTES == 16777216 && LIMIT_REPLICAS == 7,
               "these numbers are said in words");

bool call_quorum(struct call *call, size_t option, uint8_t *ret) {
    int64_t quorum = 0;
    if (view_to_int64(call->arguments[option + 1], &quorum) && quorum >= 1 && quorum <= LIMIT_REPLICAS) {
        *ret = (uint8_t)quorum;
        return true;
    }
    CALL_ERROR_OF(call, VIEW("ERR "), call->arguments[option], VIEW(" must be a number from 1 to 7"));
    return false;
}

bool call_expiry_fits(const struct call *call, int64_t time, unsigned form, uint64_t *ret_expires_at_ms) {
    bool in_seconds = (form & TIME_SECONDS) != 0;
    int64_t base = (form & TIME_ABSOLUTE) != 0 ? 0 : (int64_t)call->turn->wall.ms;
    if (time <= 0 || (in_seconds && time > INT64_MAX / 1000) || (in_seconds ? time * 1000 : time) > INT64_MAX - base) {
        return false;
    }
    *ret_expires_at_ms = (uint64_t)((in_seconds ? time * 1000 : time) + base);
    return true;
}

bool call_expiry(struct call *call, size_t argument, unsigned form, uint64_t *ret_expires_at_ms) {
    int64_t time = 0;
    if (!call_integer(call, argument, &time)) {
        return false;
    }
    if (!call_expiry_fits(call, time, form, ret_expires_at_ms)) {
        call_expire_error(call);
        return false;
    }
    return true;
}

/* ---- operations ---- */

bool call_must_wait(struct call *call, const struct operation *operation) {
    call->has_to_wait = session_must_wait(call->front, call->session, operation);
    return call->has_to_wait;
}

bool call_must_wait_alone(struct call *call) {
    call->session->waits_alone = call->session->in_flight > 0;
    call->has_to_wait = call->session->waits_alone;
    return call->has_to_wait;
}

/* Key and value fit, and nobody is before us on the key. */
static bool call_may_submit(struct call *call, const struct operation *operation) {
    bool is_restore = operation->kind == OPERATION_RESTORE; /* of several values: what came in, fits */
    return call_key_fits(call, operation->key) && (is_restore || call_value_fits(call, operation->value)) &&
           !call_must_wait(call, operation);
}

void call_submit(struct call *call, const struct pending_kind *kind, uint32_t option,
                 const struct operation *operation) {
    if (!call_may_submit(call, operation)) {
        return;
    }
    struct pending *pending = pending_begin(call->front, call->session, kind, 1);
    pending->option = option;
    pending_submit(call->front, pending, 0, operation);
}

void call_submit_with(struct call *call, const struct pending_kind *kind, struct view extra,
                      const struct operation *operation) {
    if (!call_may_submit(call, operation)) {
        return;
    }
    struct pending *pending = pending_begin(call->front, call->session, kind, 1);
    pending->extra = blob_copy(&call->front->blobs, extra);
    pending_submit(call->front, pending, 0, operation);
}

void call_submit_keeping_key(struct call *call, const struct pending_kind *kind, const struct operation *operation) {
    if (!call_may_submit(call, operation)) {
        return;
    }
    struct pending *pending = pending_begin(call->front, call->session, kind, 1);
    pending->key = blob_copy(&call->front->blobs, operation->key);
    pending_submit(call->front, pending, 0, operation);
}

void call_scatter(struct call *call, const struct pending_kind *kind, bool gathers) {
    size_t stride = kind->has_values ? 2 : 1;
    for (size_t i = 1; i < call->count; i += stride) {
        if (!call_key_fits(call, call->arguments[i]) ||
            (kind->has_values && !call_value_fits(call, call->arguments[i + 1]))) {
            return;
        }
    }
    uint32_t parts = (uint32_t)((call->count - 1) / stride);
    struct pending *pending = pending_begin(call->front, call->session, kind, parts);
    if (gathers) {
        pending_gather_parts(call->front, pending, parts);
    }
    scatter_begin(call->front, pending, call->arguments + 1);
}

/* ---- dispatch ---- */

static void call_refuse(struct call *call, const struct refusal *refusal) {
    CALL_ERROR_OF(call, VIEW("ERR '"), view_of_string(refusal->name), VIEW("' is not supported"),
                  view_of_string(refusal->reason));
}

/* The command that the arguments name, with its subcommand; false, with an error written, when it cannot run. */
static bool call_resolve(struct call *call) {
    const struct refusal *refusal = NULL;
    call->command = command_find(&call->front->commands, call->arguments[0], &refusal);
    if (refusal != NULL) {
        call_refuse(call, refusal);
        return false;
    }
    if (call->command == NULL) {
        call_unknown(call);
        return false;
    }
    if (call->command->subcommand_count > 0 && call->count > 1) {
        const struct command *subcommand = command_find_subcommand(call->command, call->arguments[1]);
        if (subcommand == NULL && call->command->run == NULL) {
            call_unknown_subcommand(call);
            return false;
        }
        call->command = subcommand != NULL ? subcommand : call->command;
    }
    if (!command_accepts(call->command, call->count)) {
        call_wrong_arity(call, call->command);
        return false;
    }
    return true;
}

static void batch_queue(struct call *call) {
    struct batch *batch = call->session->batch;
    size_t size = 0;
    for (size_t i = 0; i < call->count; i++) {
        size += call->arguments[i].size + VARINT_BYTES_MOST;
    }
    if (buffer_size(&batch->commands) + size > LIMIT_COMMAND_BYTES || batch->count == LIMIT_ARGUMENTS) {
        batch->is_aborted = true;
        buffer_release(&batch->commands);
        call_error(call, VIEW("ERR the commands queued since MULTI are too many or too big"));
        return;
    }
    write_varint(&batch->commands, call->count);
    for (size_t i = 0; i < call->count; i++) {
        write_sized(&batch->commands, call->arguments[i]);
    }
    batch->count++;
    resp_write_raw(call->reply, VIEW("+QUEUED\r\n"));
}

/* In RESP2 a message of a channel and a reply look alike. */
static bool may_run_beside_channels(struct call *call) {
    bool listens = listening_count(&call->session->listening) > 0;
    if (!listens || call_protocol(call) > 2 || (call->command->flags & COMMAND_LISTENER) != 0) {
        return true;
    }
    char name[COMMAND_NAME_BYTES];
    CALL_ERROR_OF(call, VIEW("ERR Can't execute '"), view_of(name, command_full_name(call->command, name)),
                  VIEW("': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"));
    return false;
}

/* A session that redirects is served what this node owns, and whatever no owner in reach could serve. */
static bool is_moved(struct call *call) {
    struct front *front = call->front;
    struct buffer *text = &front->encoding;
    if (!call->session->redirects) {
        return false;
    }
    for (size_t key = command_next_key(call->command, call->count, 0); key != 0;
         key = command_next_key(call->command, call->count, key)) {
        buffer_clear(text);
        buffer_append_view(text, VIEW("MOVED "));
        if (front->port.moved(front->port.self, call->arguments[key], front->options.moved_port_offset, text)) {
            call_error(call, buffer_view(text));
            return true;
        }
    }
    return false;
}

static void call_dispatch(struct call *call) {
    struct batch *batch = call->session->batch;
    bool is_queueing = batch != NULL && !batch->is_running;
    if (!call_resolve(call) || is_moved(call)) {
        if (is_queueing) {
            batch->is_aborted = true;
        }
        return;
    }
    if (!may_run_beside_channels(call)) {
        return;
    }
    if (session_must_pause(call->front, call->command)) {
        call->session->waits_paused = true;
        call->front->holds_sessions = true;
        call->has_to_wait = true;
        return;
    }
    call->session->last_command = call->command;
    if (is_queueing && (call->command->flags & COMMAND_AT_ONCE) == 0) {
        batch_queue(call);
    } else {
        call->command->run(call);
    }
}

/* Of an immediate reply. CLIENT REPLY ON answers for itself; what it was before does not hide that. */
static void settle_reply(struct call *call) {
    struct front *front = call->front;
    struct session *session = call->session;
    bool has_reply = call->reply == &front->scratch && buffer_size(&front->scratch) > 0;
    bool is_muted = session->replies == REPLIES_OFF || session->replies == REPLIES_SKIP;
    if (has_reply && is_muted) {
        buffer_clear(&front->scratch);
    } else if (has_reply && session->head == NULL) {
        buffer_append_view(&session->output, buffer_view(&front->scratch));
        buffer_clear(&front->scratch);
    } else if (has_reply) {
        session_hold_reply(front, session);
    }
    bool is_over = session->batch == NULL || !session->batch->is_running;
    session->replies = is_over && session->replies == REPLIES_SKIP ? REPLIES_ON : session->replies;
}

/* CLIENT REPLY: SKIP is for the command behind it, whose time this is. Those of a batch are EXEC's. */
static enum reply_mode next_mode(const struct session *session) {
    bool is_inside = session->batch != NULL && session->batch->is_running;
    return session->replies == REPLIES_SKIP_NEXT && !is_inside ? REPLIES_SKIP : session->replies;
}

bool call_run(struct front *front, struct session *session, const struct view *arguments, size_t count,
              const struct turn *turn) {
    enum reply_mode mode_before = session->replies;
    session->replies = next_mode(session);
    struct call call = {
        .front = front,
        .session = session,
        .arguments = arguments,
        .count = count,
        .turn = turn,
        .reply = session_reply_buffer(front, session),
    };
    front->statistics.commands++;
    call_dispatch(&call);
    if (call.has_to_wait) {
        front->statistics.commands--;
        session->replies = mode_before;
        return false;
    }
    settle_reply(&call);
    return true;
}
