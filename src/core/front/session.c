/* Sessions: bytes in, commands begun, within the limits of what one client may have under way.
 *
 *     reading --too many commands in flight, too much output, a busy key--> waiting --front_resume()--> reading
 *     any --QUIT, protocol error--> closing --the last reply is written--> wants_close
 *     any --more output than a client may leave unread--> overflown: wants_close at once
 *
 * Results never begin commands: they come in the middle of the protocol's own steps. A session that may go on after one
 * is woken, and its driver calls front_resume(). */
#include "core/front/call.h"

static bool batch_is_running(const struct session *session) {
    return session->batch != NULL && session->batch->is_running;
}

bool session_must_wait(struct front *front, struct session *session, const struct operation *operation) {
    if (front->busy_keys.map.size == 0 || session->in_flight == 0) {
        return false;
    }
    session->waiting_hash = hash64(operation->key, 0);
    session->waiting_use = operation_key_use(operation);
    session->waits_for_key =
        !busy_keys_allow(&front->busy_keys, session->id, session->waiting_hash, session->waiting_use);
    return session->waits_for_key;
}

static bool front_is_paused(const struct front *front) {
    return front->now.ns < front->paused_until.ns;
}

bool session_must_pause(const struct front *front, const struct command *command) {
    bool is_for_it = !front->pauses_writes_alone || (command->flags & COMMAND_WRITE) != 0;
    bool may_always = command->group == GROUP_CONNECTION || (command->flags & COMMAND_ADMIN) != 0;
    return front_is_paused(front) && is_for_it && !may_always;
}

static bool session_may_begin(const struct front *front, const struct session *session) {
    if (session->is_closing) {
        return false;
    }
    if (session->waits_for_key &&
        !busy_keys_allow(&front->busy_keys, session->id, session->waiting_hash, session->waiting_use)) {
        return false;
    }
    if (session->waits_paused && front_is_paused(front)) {
        return false;
    }
    if (session->scatter != NULL) {
        return scatter_has_room(session->scatter);
    }
    if (session->waits_alone && session->in_flight > 0) {
        return false;
    }
    if (session->tail != NULL && session->tail->kind != NULL && session->tail->kind->is_alone) {
        return false;
    }
    bool is_crowded =
        session->in_flight > 0 && front->port.is_crowded != NULL && front->port.is_crowded(front->port.self);
    return !is_crowded && session->in_flight < front->options.max_pipelined &&
           buffer_size(&session->output) + session->held_bytes < OUTPUT_PAUSE_BYTES;
}

static bool session_has_work(const struct session *session, struct view input) {
    return !session->is_closing && (input.size > 0 || session->scatter != NULL || batch_is_running(session));
}

void session_end_batch(struct front *front, struct session *session) {
    if (session->batch != NULL) {
        buffer_release(&session->batch->commands);
        pool_give(&front->batch_pool, session->batch);
        session->batch = NULL;
    }
}

void session_keep(struct front *front, struct blob *text, struct view value) {
    blob_give(&front->blobs, text);
    *text = blob_copy(&front->blobs, value);
}

/* ---- running ---- */

/* False when the next command has to wait. */
static bool batch_run_next(struct front *front, struct session *session, const struct turn *turn) {
    struct batch *batch = session->batch;
    struct reader reader = reader_of(buffer_view(&batch->commands));
    size_t count = (size_t)read_varint(&reader);
    struct view *arguments = ARENA_ARRAY(turn->arena, struct view, count);
    for (size_t i = 0; i < count; i++) {
        arguments[i] = read_sized(&reader);
    }
    ENSURE(!reader.failed && batch->left > 0);
    if (!call_run(front, session, arguments, count, turn)) {
        return false;
    }
    batch->left--;
    buffer_consume(&batch->commands, reader.position);
    if (batch->left == 0) {
        session_end_batch(front, session);
        session->replies = session->replies == REPLIES_SKIP ? REPLIES_ON : session->replies;
    }
    return true;
}

static void session_protocol_error(struct front *front, struct session *session) {
    session->replies = REPLIES_ON; /* the last word is said to all */
    struct buffer *reply = session_reply_buffer(front, session);
    bool waits = reply != &session->output;
    struct view problem = resp_problem(&session->parser);
    buffer_append_view(reply, VIEW("-ERR "));
    buffer_append_view(reply, problem);
    buffer_append_view(reply, VIEW("\r\n"));
    if (waits) {
        session_hold_reply(front, session);
    }
    front->statistics.errors++;
    session->is_closing = true;
}

enum input_step { INPUT_USED, INPUT_WAITS, INPUT_EMPTY };

/* Takes the next command from the front of the input and runs it; one that has to wait stays there. */
static enum input_step input_run_next(struct front *front, struct session *session, struct view *input,
                                      const struct turn *turn) {
    struct resp_command command;
    size_t consumed;
    enum resp_status status = resp_parse(&session->parser, *input, &consumed, &command);
    if (status == RESP_COMMAND && !call_run(front, session, command.arguments, command.count, turn)) {
        return INPUT_WAITS;
    }
    if (status == RESP_ERROR) {
        session_protocol_error(front, session);
    }
    *input = view_slice(*input, consumed, input->size - consumed);
    return status == RESP_MORE ? INPUT_EMPTY : INPUT_USED;
}

/* Begins commands while it may; `input` loses what was used. */
static void session_run(struct front *front, struct session *session, struct view *input, const struct turn *turn) {
    enum input_step step = INPUT_USED;
    session->is_running = true;
    while (step == INPUT_USED && session_may_begin(front, session)) {
        session->waits_for_key = false;
        session->waits_alone = false;
        session->waits_paused = false;
        if (session->scatter != NULL) {
            scatter_continue(front, session);
        } else if (batch_is_running(session)) {
            step = batch_run_next(front, session, turn) ? INPUT_USED : INPUT_WAITS;
        } else {
            step = input_run_next(front, session, input, turn);
        }
    }
    session->has_more = step != INPUT_EMPTY && session_has_work(session, *input);
    session->is_running = false;
}

/* ---- telling the driver ---- */

static void session_drop(struct front *front, struct session *session) {
    pending_orphan_all(front, session);
    session_end_batch(front, session);
    buffer_release(&session->output);
    buffer_release(&session->input);
    session->is_closing = true;
    session->is_overflown = true;
    session->has_more = false;
}

static void session_check_limits(struct front *front, struct session *session) {
    if (buffer_size(&session->output) + session->held_bytes > LIMIT_OUTPUT_BYTES) {
        session_drop(front, session);
    }
}

/* The last thing of a step: the driver is told what it must look at. */
static void session_settle(struct front *front, struct session *session, bool had_output) {
    session_check_limits(front, session);
    bool has_output = buffer_size(&session->output) > 0;
    bool wants_close = session_wants_close(session);
    bool goes_on = session->has_more && session_may_begin(front, session);
    if ((has_output && !had_output) || (wants_close && !session->was_told_to_close) || goes_on) {
        session->was_told_to_close = wants_close;
        front->port.session_wake(front->port.self, session);
    }
}

void session_kill(struct front *front, struct session *session, bool is_asker) {
    if (is_asker || session->is_running) {
        session->is_closing = true;
        return;
    }
    session_drop(front, session);
    session->was_told_to_close = true;
    front->port.session_wake(front->port.self, session);
}

void session_told(struct front *front, struct session *session, bool had_output) {
    if (!session->is_running) {
        session_settle(front, session, had_output);
    }
}

/* ---- the contract ---- */

struct session *front_open(struct front *front, void *handle, const char *address, struct instant now) {
    struct session *session = pool_take(&front->session_pool);
    session->handle = handle;
    session->id = ++front->next_session;
    session->protocol = 2;
    session->opened = now;
    session->last_input = now;
    session->address = blob_copy(&front->blobs, view_of_string(address));
    buffer_init(&session->output);
    buffer_init(&session->input);
    resp_parser_init(&session->parser);
    list_init(&session->listening.subscriptions);
    list_push_back(&front->sessions, &session->link);
    front->statistics.connections_total++;
    front->statistics.connections_now++;
    return session;
}

void session_redirect(struct session *session) {
    session->redirects = true;
}

void front_close(struct front *front, struct session *session) {
    ENSURE(!session->is_running);
    pending_orphan_all(front, session);
    subscriptions_end_all(front, session);
    session_end_batch(front, session);
    blob_give(&front->blobs, &session->address);
    blob_give(&front->blobs, &session->name);
    blob_give(&front->blobs, &session->library_name);
    blob_give(&front->blobs, &session->library_version);
    buffer_release(&session->output);
    buffer_release(&session->input);
    resp_parser_release(&session->parser);
    list_remove(&session->link);
    front->statistics.connections_now--;
    pool_give(&front->session_pool, session);
}

/* Runs what was kept; the rest stays, and memory goes when nothing does. */
static void session_run_kept(struct front *front, struct session *session, const struct turn *turn) {
    struct view input = buffer_view(&session->input);
    session_run(front, session, &input, turn);
    size_t left = session->is_closing ? 0 : input.size;
    buffer_consume(&session->input, buffer_size(&session->input) - left);
    buffer_shrink(&session->input, 0);
}

void front_input(struct front *front, struct session *session, struct view bytes, struct instant now,
                 struct wall_time wall, struct arena *arena) {
    const struct turn turn = {now, wall, arena};
    bool had_output = buffer_size(&session->output) > 0;
    if (session->is_closing) {
        return;
    }
    session->last_input = now;
    front->now = now;
    if (buffer_size(&session->input) > 0) {
        buffer_append_view(&session->input, bytes);
        session_run_kept(front, session, &turn);
    } else {
        session_run(front, session, &bytes, &turn);
        if (!session->is_closing) {
            buffer_append_view(&session->input, bytes);
        }
    }
    session_settle(front, session, had_output);
}

void front_resume(struct front *front, struct session *session, struct instant now, struct wall_time wall,
                  struct arena *arena) {
    const struct turn turn = {now, wall, arena};
    bool had_output = buffer_size(&session->output) > 0;
    front->now = now;
    if (session->has_more && session_may_begin(front, session)) {
        session_run_kept(front, session, &turn);
    }
    session_settle(front, session, had_output);
}

void front_complete(struct front *front, uint64_t token, const struct result *result, struct instant now,
                    struct wall_time wall, struct arena *arena) {
    struct answer answer = {.front = front, .result = result, .wall = wall, .arena = arena};
    struct flight *flight = flight_find(&front->flights, token);
    front->now = now;
    if (flight == NULL) {
        return;
    }
    struct session *session = flight->pending->session;
    bool had_output = session != NULL && buffer_size(&session->output) > 0;
    pending_answer(front, flight, &answer);
    if (session != NULL && !session->is_running) {
        session_settle(front, session, had_output);
    }
}

/* Those whom a pause holds look again whether it does. */
void front_wake_paused(struct front *front) {
    front->holds_sessions = false;
    for (struct list_node *node = list_first(&front->sessions); node != NULL;
         node = list_next(&front->sessions, node)) {
        struct session *session = CONTAINER_OF(node, struct session, link);
        if (session->waits_paused) {
            session->waits_paused = false;
            front->port.session_wake(front->port.self, session);
        }
    }
}

void front_beat(struct front *front, struct instant now) {
    front->now = now;
    if (front->holds_sessions && !front_is_paused(front)) {
        front_wake_paused(front);
    }
}

void *session_handle(const struct session *session) {
    return session->handle;
}

struct buffer *session_output(struct session *session) {
    return &session->output;
}

bool session_wants_input(const struct session *session) {
    return !session->is_closing && !session->has_more;
}

bool session_wants_close(const struct session *session) {
    return session->is_overflown || (session->is_closing && session->head == NULL);
}

bool session_must_close(const struct session *session) {
    return session->is_overflown;
}

bool session_is_idle(const struct session *session) {
    return session->head == NULL && !session->has_more;
}

bool session_is_between_commands(const struct session *session) {
    return session_is_idle(session) && session->batch == NULL && buffer_size(&session->input) == 0;
}
