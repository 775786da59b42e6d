/* Commands on values, as in Redis 7.0. A plain command shows the latest of a key's values and replaces all of them. */
#include "core/front/commands/commands.h"

/* ---- reading ---- */

static void count_hit(struct front *front, bool is_hit) {
    front->statistics.keyspace_hits += is_hit ? 1 : 0;
    front->statistics.keyspace_misses += is_hit ? 0 : 1;
}

static void write_value(struct buffer *reply, const struct value *value, int protocol) {
    if (value != NULL) {
        resp_write_bulk(reply, value->bytes);
    } else {
        resp_write_null(reply, protocol);
    }
}

/* The value that there is, or was before the operation. */
static void finish_value(struct answer *answer) {
    const struct value *value;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        count_hit(answer->front, value != NULL);
        write_value(answer->reply, value, answer->pending->protocol);
    }
}

static void finish_strlen(struct answer *answer) {
    const struct value *value;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        count_hit(answer->front, value != NULL);
        resp_write_integer(answer->reply, value == NULL ? 0 : (int64_t)value->bytes.size);
    }
}

static const struct pending_kind get_kind = {.finish = finish_value};
static const struct pending_kind strlen_kind = {.finish = finish_strlen};

void run_get(struct call *call) {
    call_submit(call, &get_kind, 0, &(struct operation){.kind = OPERATION_READ, .key = call->arguments[1]});
}

void run_strlen(struct call *call) {
    call_submit(call, &strlen_kind, 0, &(struct operation){.kind = OPERATION_READ, .key = call->arguments[1]});
}

/* ---- SET and its kin ---- */

enum set_reply { SET_REPLY_OK, SET_REPLY_NUMBER };

static void finish_set(struct answer *answer) {
    if (!answer_is_good(answer)) {
        return;
    }
    bool is_done = answer->result->outcome == OUTCOME_DONE;
    if (answer->pending->option == SET_REPLY_NUMBER) {
        resp_write_integer(answer->reply, is_done ? 1 : 0);
    } else if (is_done) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    } else {
        resp_write_null(answer->reply, answer->pending->protocol);
    }
}

static const struct pending_kind set_kind = {.finish = finish_set};

struct expiry_option {
    struct view name;
    unsigned form;
};

/* Which of EX, PX, EXAT, PXAT an argument is; NULL when it is none. */
static const struct expiry_option *find_expiry_option(const struct call *call, size_t argument,
                                                      struct expiry_option options[4]) {
    options[0] = (struct expiry_option){VIEW("ex"), TIME_SECONDS};
    options[1] = (struct expiry_option){VIEW("px"), 0};
    options[2] = (struct expiry_option){VIEW("exat"), TIME_SECONDS | TIME_ABSOLUTE};
    options[3] = (struct expiry_option){VIEW("pxat"), TIME_ABSOLUTE};
    for (int i = 0; i < 4; i++) {
        if (call_is(call, argument, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

struct set_options {
    uint32_t flags;
    size_t expiry; /* argument with the time; 0: none */
    unsigned expiry_form;
    bool persists;
};

/* An option of another form may not follow; the same one may, and counts. */
static bool take_expiry_option(const struct call *call, size_t *argument, struct set_options *options) {
    struct expiry_option known[4];
    const struct expiry_option *option = find_expiry_option(call, *argument, known);
    bool is_allowed = option != NULL && *argument + 1 < call->count && !options->persists &&
                      (options->flags & OPERATION_KEEP_EXPIRY) == 0 &&
                      (options->expiry == 0 || options->expiry_form == option->form);
    if (is_allowed) {
        *argument += 1;
        options->expiry = *argument;
        options->expiry_form = option->form;
    }
    return is_allowed;
}

static bool read_set_options(const struct call *call, struct set_options *options) {
    for (size_t i = 3; i < call->count; i++) {
        if (call_is(call, i, VIEW("nx")) && (options->flags & OPERATION_IF_PRESENT) == 0) {
            options->flags |= OPERATION_IF_ABSENT;
        } else if (call_is(call, i, VIEW("xx")) && (options->flags & OPERATION_IF_ABSENT) == 0) {
            options->flags |= OPERATION_IF_PRESENT;
        } else if (call_is(call, i, VIEW("get"))) {
            options->flags |= OPERATION_RETURN_OLD;
        } else if (call_is(call, i, VIEW("keepttl")) && options->expiry == 0) {
            options->flags |= OPERATION_KEEP_EXPIRY;
        } else if (!take_expiry_option(call, &i, options)) {
            return false;
        }
    }
    return true;
}

void run_set(struct call *call) {
    struct set_options options = {0};
    struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_PLAIN,
        .key = call->arguments[1],
        .value = call->arguments[2],
    };
    if (call->count > 3) {
        if (!read_set_options(call, &options)) {
            call_syntax_error(call);
            return;
        }
        if (options.expiry != 0 && !call_expiry(call, options.expiry, options.expiry_form, &operation.expires_at_ms)) {
            return;
        }
        operation.flags |= options.flags;
    }
    bool tells_old = (operation.flags & OPERATION_RETURN_OLD) != 0;
    call_submit(call, tells_old ? &get_kind : &set_kind, SET_REPLY_OK, &operation);
}

void run_setnx(struct call *call) {
    const struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_PLAIN | OPERATION_IF_ABSENT,
        .key = call->arguments[1],
        .value = call->arguments[2],
    };
    call_submit(call, &set_kind, SET_REPLY_NUMBER, &operation);
}

static void set_expiring(struct call *call, unsigned form) {
    struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_PLAIN,
        .key = call->arguments[1],
        .value = call->arguments[3],
    };
    if (call_expiry(call, 2, form, &operation.expires_at_ms)) {
        call_submit(call, &set_kind, SET_REPLY_OK, &operation);
    }
}

void run_setex(struct call *call) {
    set_expiring(call, TIME_SECONDS);
}

void run_psetex(struct call *call) {
    set_expiring(call, 0);
}

void run_getset(struct call *call) {
    const struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_PLAIN | OPERATION_RETURN_OLD,
        .key = call->arguments[1],
        .value = call->arguments[2],
    };
    call_submit(call, &get_kind, 0, &operation);
}

static void delete_telling_old(struct call *call) {
    const struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_PLAIN | OPERATION_TOMBSTONE | OPERATION_IF_PRESENT | OPERATION_RETURN_OLD,
        .key = call->arguments[1],
    };
    call_submit(call, &get_kind, 0, &operation);
}

void run_getdel(struct call *call) {
    delete_telling_old(call);
}

/* An impossible time is one only if there is a key to expire. */
static void finish_getex_impossible(struct answer *answer) {
    const struct value *value;
    if (!answer_is_good(answer) || !answer_shown(answer, &value)) {
        return;
    }
    if (value == NULL) {
        count_hit(answer->front, false);
        resp_write_null(answer->reply, answer->pending->protocol);
    } else {
        answer_error(answer, answer->pending->option != 0 ? VIEW("ERR value is not an integer or out of range")
                                                          : VIEW("ERR invalid expire time in 'getex' command"));
    }
}

static const struct pending_kind getex_impossible_kind = {.finish = finish_getex_impossible};

/* GETEX key [PERSIST | EX s | PX ms | EXAT s | PXAT ms]: the expiry register is set, and the object before it told. */
void run_getex(struct call *call) {
    struct set_options options = {0};
    struct operation operation = {.kind = OPERATION_READ, .key = call->arguments[1]};
    for (size_t i = 2; i < call->count; i++) {
        if (call_is(call, i, VIEW("persist")) && options.expiry == 0) {
            options.persists = true;
        } else if (!take_expiry_option(call, &i, &options)) {
            call_syntax_error(call);
            return;
        }
    }
    if (options.persists || options.expiry != 0) {
        operation.kind = OPERATION_EXPIRE;
    }
    int64_t time = 0;
    bool is_number = options.expiry == 0 || view_to_int64(call->arguments[options.expiry], &time);
    if (options.expiry != 0 &&
        (!is_number || !call_expiry_fits(call, time, options.expiry_form, &operation.expires_at_ms))) {
        operation.kind = OPERATION_READ;
        call_submit(call, &getex_impossible_kind, is_number ? 0 : 1, &operation);
        return;
    }
    if (options.expiry != 0 && operation.expires_at_ms <= call->turn->wall.ms) {
        delete_telling_old(call);
    } else {
        call_submit(call, &get_kind, 0, &operation);
    }
}

/* ---- counters ---- */

/* The sum is of what was read and this addend: others that add elsewhere at the same time may be told the same. */
static void finish_add(struct answer *answer) {
    const struct value *before;
    int64_t number = 0;
    int64_t addend;
    if (answer_is_good(answer) && answer_shown(answer, &before)) {
        memcpy(&addend, answer->pending->extra.data, sizeof(addend));
        if (before != NULL) {
            (void)view_to_int64(before->bytes, &number); /* the coordinator has seen to it */
        }
        resp_write_integer(answer->reply, (int64_t)((uint64_t)number + (uint64_t)addend));
    }
}

static const struct pending_kind add_kind = {.finish = finish_add};

static void add(struct call *call, int64_t addend) {
    const struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = OPERATION_ADD | OPERATION_RETURN_OLD,
        .key = call->arguments[1],
        .addend = addend,
    };
    call_submit_with(call, &add_kind, view_of(&addend, sizeof(addend)), &operation);
}

void run_incr(struct call *call) {
    add(call, 1);
}

void run_decr(struct call *call) {
    add(call, -1);
}

void run_incrby(struct call *call) {
    int64_t addend;
    if (call_integer(call, 2, &addend)) {
        add(call, addend);
    }
}

void run_decrby(struct call *call) {
    int64_t number;
    if (!call_integer(call, 2, &number)) {
        return;
    }
    if (number == INT64_MIN) {
        call_error(call, VIEW("ERR decrement would overflow"));
    } else {
        add(call, -number);
    }
}

/* ---- parts of a value ---- */

/* Of bytes written into it; `option` is where they end, or of APPEND how many they are. */
static void finish_splice(struct answer *answer, bool is_append) {
    const struct value *before;
    if (answer_is_good(answer) && answer_shown(answer, &before)) {
        size_t size = before == NULL ? 0 : before->bytes.size;
        size_t end = answer->pending->option + (is_append ? size : 0);
        resp_write_integer(answer->reply, (int64_t)(end > size ? end : size));
    }
}

static void finish_append(struct answer *answer) {
    finish_splice(answer, true);
}

static void finish_setrange(struct answer *answer) {
    finish_splice(answer, false);
}

static const struct pending_kind append_kind = {.finish = finish_append};
static const struct pending_kind setrange_kind = {.finish = finish_setrange};

enum { SPLICE_FLAGS = OPERATION_SPLICE | OPERATION_RETURN_OLD | OPERATION_KEEP_EXPIRY };

void run_append(struct call *call) {
    const struct operation operation = {
        .kind = OPERATION_PUT,
        .flags = SPLICE_FLAGS,
        .key = call->arguments[1],
        .value = call->arguments[2],
        .offset = OPERATION_AT_END,
    };
    call_submit(call, &append_kind, (uint32_t)operation.value.size, &operation);
}

void run_setrange(struct call *call) {
    struct operation operation = {
        .kind = OPERATION_PUT, .flags = SPLICE_FLAGS, .key = call->arguments[1], .value = call->arguments[3]};
    int64_t offset;
    if (!call_integer(call, 2, &offset)) {
        return;
    }
    if (offset < 0) {
        call_error(call, VIEW("ERR offset is out of range"));
    } else if (operation.value.size == 0) { /* makes no key, and changes none */
        call_submit(call, &strlen_kind, 0, &(struct operation){.kind = OPERATION_READ, .key = operation.key});
    } else if (offset > LIMIT_VALUE_BYTES || (size_t)offset + operation.value.size > LIMIT_VALUE_BYTES) {
        call_error(call, VIEW("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    } else {
        operation.offset = (uint32_t)offset;
        call_submit(call, &setrange_kind, (uint32_t)((size_t)offset + operation.value.size), &operation);
    }
}

struct range {
    int64_t first;
    int64_t last;
};

/* From the end where it is negative, both ends included. */
static struct view range_of(struct view bytes, struct range range) {
    int64_t size = (int64_t)bytes.size;
    if (range.first < 0 && range.last < 0 && range.first > range.last) {
        return (struct view){0};
    }
    int64_t first = range.first < 0 ? range.first + size : range.first;
    int64_t last = range.last < 0 ? range.last + size : range.last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last >= size ? size - 1 : last;
    return size == 0 || first > last ? (struct view){0} : view_slice(bytes, (size_t)first, (size_t)(last - first + 1));
}

static void finish_getrange(struct answer *answer) {
    const struct value *value;
    struct range range;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        memcpy(&range, answer->pending->extra.data, sizeof(range));
        count_hit(answer->front, value != NULL);
        resp_write_bulk(answer->reply, value == NULL ? (struct view){0} : range_of(value->bytes, range));
    }
}

static const struct pending_kind getrange_kind = {.finish = finish_getrange};

void run_getrange(struct call *call) {
    struct range range;
    const struct operation operation = {.kind = OPERATION_READ, .key = call->arguments[1]};
    if (!call_integer(call, 2, &range.first) || !call_integer(call, 3, &range.last)) {
        return;
    }
    call_submit_with(call, &getrange_kind, view_of(&range, sizeof(range)), &operation);
}

/* ---- many keys ---- */

static void gather_mget(struct answer *answer) {
    const struct value *value = answer_count_shown(answer);
    if (value != NULL && !answer_keep(answer, value->bytes)) {
        answer_count_failure(answer, OUTCOME_REFUSED, VIEW("ERR the values together are longer than 64 MiB"));
    }
}

static void finish_mget(struct answer *answer) {
    struct pending *pending = answer->pending;
    if (!answer_all_good(answer)) {
        return;
    }
    resp_write_array(answer->reply, pending->parts);
    for (uint32_t index = 0; index < pending->parts; index++) {
        const struct part *part = pending_part(pending, index);
        count_hit(answer->front, part->is_there);
        if (part->is_there) {
            resp_write_bulk(answer->reply, blob_view(&part->bytes));
        } else {
            resp_write_null(answer->reply, pending->protocol);
        }
    }
}

static const struct pending_kind mget_kind = {
    .gather = gather_mget,
    .finish = finish_mget,
    .operation = OPERATION_READ,
};

void run_mget(struct call *call) {
    call_scatter(call, &mget_kind, true);
}

static void finish_mset(struct answer *answer) {
    if (answer_all_good(answer)) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    }
}

static const struct pending_kind mset_kind = {
    .gather = answer_count,
    .finish = finish_mset,
    .operation = OPERATION_PUT,
    .operation_flags = OPERATION_PLAIN,
    .has_values = true,
};

void run_mset(struct call *call) {
    if (call->count % 2 == 0) {
        call_wrong_arity(call, call->command);
    } else {
        call_scatter(call, &mset_kind, false);
    }
}
