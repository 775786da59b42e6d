/* GRAMME.GET, GRAMME.PUT, GRAMME.DEL: siblings, causal contexts and quorums of one's own (Dynamo, sections 4.4, 5). A
 * read tells a context and every live value; a write names the context that it follows, replaces what that context has
 * seen and leaves the rest, and is answered with the context to write with next. */
#include "core/front/commands/commands.h"
#include "version/object_codec.h"
#include "version/shown.h"
#include "version/token.h"

/* ---- reading ---- */

static bool siblings_fit(struct answer *answer, const struct object *siblings) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < siblings->value_count; i++) {
        bytes += siblings->values[i].bytes.size;
    }
    if (bytes > LIMIT_OUTPUT_BYTES) {
        answer_error(answer, VIEW("ERR the values together are longer than 64 MiB"));
        return false;
    }
    return true;
}

static struct view token_of(struct answer *answer, const struct context *context) {
    return token_encode(&answer->front->options.secrets, blob_view(&answer->pending->key), context, answer->arena);
}

static void finish_get(struct answer *answer) {
    struct object object;
    if (!answer_is_good(answer) || !answer_object(answer, &object)) {
        return;
    }
    struct object siblings = object_siblings(&object, answer->wall, answer->arena);
    struct context past = object_past(&object, answer->arena);
    if (!siblings_fit(answer, &siblings)) {
        return;
    }
    answer->front->statistics.keyspace_hits += siblings.value_count > 0 ? 1 : 0;
    answer->front->statistics.keyspace_misses += siblings.value_count > 0 ? 0 : 1;
    if (object_is_absent(&object)) {
        resp_write_null_array(answer->reply, answer->pending->protocol);
        return;
    }
    resp_write_array(answer->reply, 1 + (size_t)siblings.value_count);
    resp_write_bulk(answer->reply, token_of(answer, &past));
    for (uint32_t i = 0; i < siblings.value_count; i++) {
        resp_write_bulk(answer->reply, siblings.values[i].bytes);
    }
}

static const struct pending_kind get_kind = {.finish = finish_get};

void run_gramme_get(struct call *call) {
    struct operation operation = {.kind = OPERATION_READ, .key = call->arguments[1]};
    for (size_t i = 2; i < call->count; i += 2) {
        bool is_primary = call_is(call, i, VIEW("pr"));
        if (i + 1 == call->count || (!is_primary && !call_is(call, i, VIEW("r")))) {
            call_syntax_error(call);
            return;
        }
        if (!call_quorum(call, i, is_primary ? &operation.primary_read_quorum : &operation.read_quorum)) {
            return;
        }
    }
    call_submit_keeping_key(call, &get_kind, &operation);
}

/* ---- writing ---- */

static void finish_put(struct answer *answer) {
    struct context context;
    struct reader reader = reader_of(answer->result->context);
    if (!answer_is_good(answer)) {
        return;
    }
    if (!context_decode(&reader, answer->arena, &context) || !reader_finished(&reader)) {
        answer_error(answer, VIEW("ERR the write was done, but its context cannot be read"));
        return;
    }
    resp_write_bulk(answer->reply, token_of(answer, &context));
}

static const struct pending_kind put_kind = {.finish = finish_put};

/* Leaves the context encoded in the front's buffer. */
static bool read_context(struct call *call, size_t argument, struct operation *operation) {
    struct context context;
    struct buffer *encoding = &call->front->encoding;
    if (!token_decode(&call->front->options.secrets, operation->key, call->arguments[argument], call->turn->arena,
                      &context)) {
        call_error(call, VIEW("ERR invalid context: not one that this cluster gave for this key"));
        return false;
    }
    buffer_clear(encoding);
    context_encode(encoding, &context);
    operation->context = buffer_view(encoding);
    return true;
}

static bool read_write_options(struct call *call, size_t first, struct operation *operation) {
    bool may_expire = (operation->flags & OPERATION_TOMBSTONE) == 0;
    for (size_t i = first; i < call->count; i += 2) {
        bool is_good = false;
        if (i + 1 == call->count) {
            call_syntax_error(call);
        } else if (call_is(call, i, VIEW("context"))) {
            is_good = read_context(call, i + 1, operation);
        } else if (call_is(call, i, VIEW("w"))) {
            is_good = call_quorum(call, i, &operation->write_quorum);
        } else if (call_is(call, i, VIEW("pw"))) {
            is_good = call_quorum(call, i, &operation->primary_write_quorum);
        } else if (may_expire && call_is(call, i, VIEW("ex"))) {
            is_good = call_expiry(call, i + 1, TIME_SECONDS, &operation->expires_at_ms);
        } else if (may_expire && call_is(call, i, VIEW("px"))) {
            is_good = call_expiry(call, i + 1, 0, &operation->expires_at_ms);
        } else {
            call_syntax_error(call);
        }
        if (!is_good) {
            return false;
        }
    }
    uint8_t *least = &call->session->least_quorum; /* for WAIT */
    bool asks = operation->write_quorum != 0 && (*least == 0 || operation->write_quorum < *least);
    *least = asks ? operation->write_quorum : *least;
    return true;
}

void run_gramme_put(struct call *call) {
    struct operation operation = {
        .kind = OPERATION_PUT,
        .key = call->arguments[1],
        .value = call->arguments[2],
    };
    if (read_write_options(call, 3, &operation)) {
        call_submit_keeping_key(call, &put_kind, &operation);
    }
}

void run_gramme_del(struct call *call) {
    struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_TOMBSTONE,
        .key = call->arguments[1],
    };
    if (read_write_options(call, 2, &operation)) {
        call_submit_keeping_key(call, &put_kind, &operation);
    }
}
