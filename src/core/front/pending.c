#include "core/front/pending.h"

#include "core/front/latency.h"

#include "version/object_codec.h"
#include "version/shown.h"
#include "wire/resp_writer.h"

/* ---- life ---- */

struct pending *pending_begin(struct front *front, struct session *session, const struct pending_kind *kind,
                              uint32_t parts) {
    struct pending *pending = pool_take(&front->pending_pool);
    pending->session = session;
    pending->kind = kind;
    pending->parts = parts;
    pending->protocol = session->protocol;
    pending->begun = front->now;
    pending->is_muted = session->replies == REPLIES_OFF || session->replies == REPLIES_SKIP;
    pending->command = session->last_command;
    if (session->tail == NULL) {
        session->head = pending;
    } else {
        session->tail->next = pending;
    }
    session->tail = pending;
    session->in_flight++;
    return pending;
}

static void give_parts(struct front *front, struct pending *pending) {
    uint32_t count = (uint32_t)(pending->gathered.size / sizeof(struct part));
    for (uint32_t part = 0; part < count; part++) {
        blob_give(&front->blobs, &pending_part(pending, part)->bytes);
    }
    blob_give(&front->blobs, &pending->gathered);
}

/* What only an open command needs. */
static void give_scratch(struct front *front, struct pending *pending) {
    if (pending->gathered.data != NULL) {
        give_parts(front, pending);
    }
    blob_give(&front->blobs, &pending->detail);
    blob_give(&front->blobs, &pending->key);
    blob_give(&front->blobs, &pending->rest);
    blob_give(&front->blobs, &pending->extra);
    blob_give(&front->blobs, &pending->pieces);
}

static void pending_free(struct front *front, struct pending *pending) {
    give_scratch(front, pending);
    blob_give(&front->blobs, &pending->reply);
    pool_give(&front->pending_pool, pending);
}

void pending_orphan_all(struct front *front, struct session *session) {
    struct pending *next;
    for (struct pending *pending = session->head; pending != NULL; pending = next) {
        next = pending->next;
        pending->session = NULL;
        if (pending->answered == pending->submitted) {
            pending_free(front, pending);
        }
    }
    session->head = NULL;
    session->tail = NULL;
    session->scatter = NULL;
    session->in_flight = 0;
    session->held_bytes = 0;
}

void pending_submit(struct front *front, struct pending *pending, uint32_t part, const struct operation *operation) {
    struct operation submitted = *operation;
    uint64_t session_id = pending->session->id;
    submitted.deadline_ms = front->options.deadline_ms;
    ENSURE(pending->submitted < pending->parts);
    if (pending->submitted == 0) {
        pending->key_bytes =
            (uint8_t)(operation->key.size < PENDING_KEY_BYTES ? operation->key.size : PENDING_KEY_BYTES);
        if (pending->key_bytes > 0) {
            memcpy(pending->key_start, operation->key.data, pending->key_bytes);
        }
    }
    pending->submitted++;
    uint64_t token = flight_begin(&front->flights, pending, part);
    front->port.submit(front->port.self, &submitted, token);
    struct flight *flight = flight_find(&front->flights, token);
    if (flight != NULL) {
        flight->use = operation_key_use(operation);
        flight->key = busy_key_begin(&front->busy_keys, session_id, hash64(operation->key, 0), flight->use);
    }
}

/* ---- replies in order ---- */

static void session_pop(struct front *front, struct session *session) {
    struct pending *head = session->head;
    session->head = head->next;
    if (session->head == NULL) {
        session->tail = NULL;
    }
    session->in_flight--;
    pending_free(front, head);
}

/* The head is gone: sends the replies that waited for it. */
static void session_advance(struct front *front, struct session *session) {
    while (session->head != NULL && session->head->is_done) {
        session->held_bytes -= session->head->reply.size;
        buffer_append_view(&session->output, blob_view(&session->head->reply));
        session_pop(front, session);
    }
}

static void keep_reply(struct front *front, struct pending *pending) {
    pending->reply = blob_copy(&front->blobs, buffer_view(&front->scratch));
    pending->is_done = true;
    pending->session->held_bytes += pending->reply.size;
    buffer_clear(&front->scratch);
    buffer_shrink(&front->scratch, OUTPUT_PAUSE_BYTES);
}

void session_hold_reply(struct front *front, struct session *session) {
    ENSURE(session->head != NULL);
    keep_reply(front, pending_begin(front, session, NULL, 0));
}

struct buffer *session_reply_buffer(struct front *front, struct session *session) {
    return session->head == NULL && session->replies == REPLIES_ON ? &session->output : &front->scratch;
}

static void pending_finish(struct front *front, struct answer *answer) {
    struct pending *pending = answer->pending;
    struct session *session = pending->session;
    bool is_head = session->head == pending;
    ENSURE(buffer_size(&front->scratch) == 0 && session->scatter != pending);
    answer->reply = is_head && !pending->is_muted ? &session->output : &front->scratch;
    pending->kind->finish(answer);
    latency_measure(answer);
    if (pending->is_muted) {
        buffer_clear(&front->scratch);
    }
    if (is_head) {
        session_pop(front, session);
        session_advance(front, session);
    } else {
        give_scratch(front, pending);
        keep_reply(front, pending);
    }
}

void pending_finish_empty(struct front *front, struct pending *pending, const struct turn *turn) {
    ENSURE(pending->parts == 0);
    pending_finish(front,
                   &(struct answer){.front = front, .pending = pending, .wall = turn->wall, .arena = turn->arena});
}

static void pending_take(struct front *front, struct answer *answer) {
    struct pending *pending = answer->pending;
    pending->answered++;
    if (pending->session == NULL) {
        if (pending->answered == pending->submitted) {
            pending_free(front, pending);
        }
        return;
    }
    if (pending->kind->gather != NULL) {
        pending->kind->gather(answer);
    }
    struct operation operation;
    if (pending->kind->next != NULL && pending->kind->next(answer, &operation)) {
        pending->parts++;
        pending_submit(front, pending, pending->parts - 1, &operation); /* it may be gone when this returns */
    } else if (pending->answered == pending->parts) {
        pending_finish(front, answer);
    }
}

void pending_answer(struct front *front, struct flight *flight, struct answer *answer) {
    answer->pending = flight->pending;
    answer->part = flight->part;
    if (flight->key != NULL) {
        busy_key_end(&front->busy_keys, flight->key, flight->use);
    }
    flight_end(&front->flights, flight);
    pending_take(front, answer);
}

/* ---- gathering ---- */

void pending_add_piece(struct front *front, struct pending *pending, struct view piece) {
    size_t wanted = pending->pieces_bytes + VARINT_BYTES_MOST + piece.size;
    if (wanted > pending->pieces.size) {
        struct blob grown = blob_take(&front->blobs, 2 * wanted);
        if (pending->pieces_bytes > 0) {
            memcpy(grown.data, pending->pieces.data, pending->pieces_bytes);
        }
        blob_give(&front->blobs, &pending->pieces);
        pending->pieces = grown;
    }
    uint8_t *to = varint_store(pending->pieces.data + pending->pieces_bytes, piece.size);
    if (piece.size > 0) {
        memcpy(to, piece.data, piece.size);
    }
    pending->pieces_bytes = (size_t)(to - pending->pieces.data) + piece.size;
}

void pending_gather_parts(struct front *front, struct pending *pending, uint32_t count) {
    pending->gathered = blob_take(&front->blobs, count * sizeof(struct part));
    memset(pending->gathered.data, 0, pending->gathered.size);
}

struct part *pending_part(struct pending *pending, uint32_t part) {
    struct part *parts = (void *)pending->gathered.data;
    ENSURE((part + 1) * sizeof(*parts) <= pending->gathered.size);
    return &parts[part];
}

bool answer_keep(struct answer *answer, struct view bytes) {
    struct pending *pending = answer->pending;
    struct part *part = pending_part(pending, answer->part);
    pending->gathered_bytes += bytes.size;
    if (pending->gathered_bytes > LIMIT_OUTPUT_BYTES) {
        return false;
    }
    part->bytes = blob_copy(&answer->front->blobs, bytes);
    part->is_there = true;
    return true;
}

/* ---- scatter ---- */

static struct operation scatter_operation(const struct pending_kind *kind, struct view key, struct view value) {
    return (struct operation){
        .kind = kind->operation,
        .flags = kind->operation_flags,
        .key = key,
        .value = value,
    };
}

static bool scatter_is_full(const struct pending *pending) {
    return pending->submitted - pending->answered >= SCATTER_WINDOW;
}

bool scatter_has_room(const struct pending *pending) {
    return pending->submitted - pending->answered <= SCATTER_WINDOW / 2;
}

/* What it gathered is too long for a reply: the error needs no more operations than the one that ends it. */
static void scatter_cut_short(struct pending *pending) {
    if (pending->gathered_bytes > LIMIT_OUTPUT_BYTES) {
        pending->parts = pending->submitted + 1;
    }
}

static void scatter_keep_rest(struct front *front, struct pending *pending, const struct view *rest, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += VARINT_BYTES_MOST + rest[i].size;
    }
    pending->rest = blob_take(&front->blobs, size);
    uint8_t *to = pending->rest.data;
    for (size_t i = 0; i < count; i++) {
        to = varint_store(to, rest[i].size);
        if (rest[i].size > 0) {
            memcpy(to, rest[i].data, rest[i].size);
            to += rest[i].size;
        }
    }
}

void scatter_begin(struct front *front, struct pending *pending, const struct view *arguments) {
    const struct pending_kind *kind = pending->kind;
    struct session *session = pending->session;
    size_t stride = kind->has_values ? 2 : 1;
    uint32_t parts = pending->parts;
    for (uint32_t part = 0; part < parts; part++) {
        const struct view *own = arguments + part * stride;
        struct operation operation = scatter_operation(kind, own[0], stride == 2 ? own[1] : (struct view){0});
        if (scatter_is_full(pending) || session_must_wait(front, session, &operation)) {
            scatter_keep_rest(front, pending, own, (parts - part) * stride);
            session->scatter = pending;
            return;
        }
        scatter_cut_short(pending);
        parts = pending->parts;
        pending_submit(front, pending, part, &operation);
    }
}

void scatter_continue(struct front *front, struct session *session) {
    struct pending *pending = session->scatter;
    const struct pending_kind *kind = pending->kind;
    /* The pending command may be gone before the port is done with the last operation's views. */
    struct blob rest = pending->rest;
    pending->rest = (struct blob){0};
    struct reader reader = reader_of(blob_view(&rest));
    reader.position = pending->rest_position;
    while (!scatter_is_full(pending)) {
        size_t position = reader.position;
        uint32_t part = pending->submitted;
        struct view key = read_sized(&reader);
        struct view value = kind->has_values ? read_sized(&reader) : (struct view){0};
        struct operation operation = scatter_operation(kind, key, value);
        ENSURE(!reader.failed);
        if (session_must_wait(front, session, &operation)) {
            reader.position = position;
            break;
        }
        scatter_cut_short(pending);
        bool is_last = part + 1 == pending->parts;
        session->scatter = is_last ? NULL : pending;
        pending_submit(front, pending, part, &operation);
        if (is_last) {
            blob_give(&front->blobs, &rest);
            return;
        }
    }
    pending->rest = rest;
    pending->rest_position = reader.position;
}

/* ---- replies from results ---- */

void answer_error(struct answer *answer, struct view text) {
    answer->front->statistics.errors++;
    resp_write_error(answer->reply, text);
}

static struct view outcome_text(enum outcome outcome, struct view detail) {
    switch (outcome) {
    case OUTCOME_NOREPLICAS:
        return VIEW("NOREPLICAS too few of the key's owners are in reach; nothing was done");
    case OUTCOME_INDOUBT:
        return VIEW("INDOUBT the write may or may not have been applied: too few of the key's owners confirmed it in "
                    "time");
    case OUTCOME_NOQUORUM:
        return VIEW("NOQUORUM too few of the key's owners answered in time");
    case OUTCOME_BUSY:
        return VIEW("BUSY the node has too much to do; nothing was done");
    case OUTCOME_REFUSED:
        return detail.size > 0 ? detail : VIEW("ERR refused");
    case OUTCOME_DONE:
    case OUTCOME_UNCHANGED:
        break;
    }
    return VIEW("ERR the operation ended in an unknown way");
}

static bool outcome_is_good(enum outcome outcome) {
    return outcome == OUTCOME_DONE || outcome == OUTCOME_UNCHANGED;
}

bool answer_is_good(struct answer *answer) {
    if (outcome_is_good(answer->result->outcome)) {
        return true;
    }
    answer_error(answer, outcome_text(answer->result->outcome, answer->result->detail));
    return false;
}

/* How bad: an uncertain write before everything, then what is most particular. */
static int outcome_rank(enum outcome outcome) {
    switch (outcome) {
    case OUTCOME_INDOUBT:
        return 5;
    case OUTCOME_REFUSED:
        return 4;
    case OUTCOME_NOREPLICAS:
        return 3;
    case OUTCOME_NOQUORUM:
        return 2;
    case OUTCOME_BUSY:
        return 1;
    case OUTCOME_DONE:
    case OUTCOME_UNCHANGED:
        break;
    }
    return 0;
}

void answer_count(struct answer *answer) {
    struct pending *pending = answer->pending;
    enum outcome outcome = answer->result->outcome;
    pending->tally.done += outcome == OUTCOME_DONE ? 1 : 0;
    pending->tally.unchanged += outcome == OUTCOME_UNCHANGED ? 1 : 0;
    if (!outcome_is_good(outcome)) {
        answer_count_failure(answer, outcome, answer->result->detail);
    }
}

void answer_count_failure(struct answer *answer, enum outcome outcome, struct view detail) {
    struct pending *pending = answer->pending;
    pending->tally.failed++;
    if (outcome_rank(outcome) > outcome_rank(pending->tally.worst)) {
        pending->tally.worst = outcome;
        blob_give(&answer->front->blobs, &pending->detail);
        pending->detail = blob_copy(&answer->front->blobs, detail);
    }
}

bool answer_all_good(struct answer *answer) {
    struct pending *pending = answer->pending;
    if (pending->tally.failed == 0) {
        return true;
    }
    bool is_write = pending->kind->operation == OPERATION_PUT;
    if (is_write && pending->tally.done > 0 && pending->tally.worst != OUTCOME_INDOUBT) {
        answer_error(answer, VIEW("INDOUBT some of the keys were written and others were not"));
    } else {
        answer_error(answer, outcome_text(pending->tally.worst, blob_view(&pending->detail)));
    }
    return false;
}

static const char unreadable[] = "IOERR what is kept under this key cannot be read";

static bool decode_object(struct view bytes, struct arena *arena, struct object *ret_object) {
    if (bytes.size == 0) {
        *ret_object = object_empty();
        return true;
    }
    return object_decode(bytes, arena, ret_object);
}

bool answer_object(struct answer *answer, struct object *ret_object) {
    if (decode_object(answer->result->object, answer->arena, ret_object)) {
        return true;
    }
    answer_error(answer, view_of_string(unreadable));
    return false;
}

bool answer_shown(struct answer *answer, const struct value **ret_value) {
    struct object object;
    if (!answer_object(answer, &object)) {
        return false;
    }
    *ret_value = object_shown(&object, answer->wall, answer->arena);
    return true;
}

const struct value *answer_count_shown(struct answer *answer) {
    struct object object;
    answer_count(answer);
    if (!outcome_is_good(answer->result->outcome)) {
        return NULL;
    }
    if (!decode_object(answer->result->object, answer->arena, &object)) {
        answer_count_failure(answer, OUTCOME_REFUSED, view_of_string(unreadable));
        return NULL;
    }
    return object_shown(&object, answer->wall, answer->arena);
}
