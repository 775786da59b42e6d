/* OBJECT and MEMORY USAGE: how a value is kept, told in Redis' words where these say something true here. */
#include "core/front/commands/commands.h"

enum { EMBEDDED_MOST = 44, NUMBER_TEXT_MOST = 20 };

/* As Redis would keep a value that was set so; here all are bytes. */
static struct view encoding_of(struct view bytes) {
    int64_t number;
    if (bytes.size <= NUMBER_TEXT_MOST && view_to_int64(bytes, &number)) {
        return VIEW("int");
    }
    return bytes.size <= EMBEDDED_MOST ? VIEW("embstr") : VIEW("raw");
}

static void finish_encoding(struct answer *answer) {
    const struct value *value;
    if (!answer_is_good(answer) || !answer_shown(answer, &value)) {
        return;
    }
    if (value == NULL) {
        resp_write_null(answer->reply, answer->pending->protocol);
    } else {
        resp_write_bulk(answer->reply, encoding_of(value->bytes));
    }
}

static void write_number(struct answer *answer, const struct value *value, int64_t number) {
    if (value == NULL) {
        resp_write_null(answer->reply, answer->pending->protocol);
    } else {
        resp_write_integer(answer->reply, number);
    }
}

static void finish_refcount(struct answer *answer) {
    const struct value *value;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        write_number(answer, value, 1);
    }
}

/* Reads leave no trace on a key: seconds since its value was written. */
static void finish_idletime(struct answer *answer) {
    const struct value *value;
    if (!answer_is_good(answer) || !answer_shown(answer, &value)) {
        return;
    }
    uint64_t written_ms = value == NULL ? 0 : hybrid_time_wall(value->time).ms;
    uint64_t age_ms = answer->wall.ms > written_ms ? answer->wall.ms - written_ms : 0;
    write_number(answer, value, (int64_t)(age_ms / 1000));
}

/* What one replica keeps of the key: name, values and their context. */
static void finish_usage(struct answer *answer) {
    const struct value *value;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        size_t bytes = answer->result->object.size + answer->pending->option;
        write_number(answer, value, (int64_t)bytes);
    }
}

static void finish_frequency(struct answer *answer) {
    const struct value *value;
    if (!answer_is_good(answer) || !answer_shown(answer, &value)) {
        return;
    }
    if (value == NULL) {
        resp_write_null(answer->reply, answer->pending->protocol);
        return;
    }
    answer_error(answer,
                 VIEW("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
                      "when switching between policies at runtime LRU and LFU data will take some time to "
                      "adjust."));
}

static const struct pending_kind frequency_kind = {.finish = finish_frequency};
static const struct pending_kind encoding_kind = {.finish = finish_encoding};
static const struct pending_kind refcount_kind = {.finish = finish_refcount};
static const struct pending_kind idletime_kind = {.finish = finish_idletime};
static const struct pending_kind usage_kind = {.finish = finish_usage};

static void read_key(struct call *call, const struct pending_kind *kind) {
    call_submit(call, kind, (uint32_t)call->arguments[2].size,
                &(struct operation){.kind = OPERATION_READ, .key = call->arguments[2]});
}

void run_object_encoding(struct call *call) {
    read_key(call, &encoding_kind);
}

void run_object_refcount(struct call *call) {
    read_key(call, &refcount_kind);
}

void run_object_idletime(struct call *call) {
    read_key(call, &idletime_kind);
}

void run_object_freq(struct call *call) {
    read_key(call, &frequency_kind);
}

/* MEMORY USAGE key [SAMPLES count]: nothing is sampled. */
void run_memory_usage(struct call *call) {
    int64_t samples;
    if (call->count == 3) {
        read_key(call, &usage_kind);
    } else if (call->count != 5 || !call_is(call, 3, VIEW("samples"))) {
        call_syntax_error(call);
    } else if (call_integer(call, 4, &samples)) {
        if (samples < 0) {
            call_syntax_error(call);
        } else {
            read_key(call, &usage_kind);
        }
    }
}
