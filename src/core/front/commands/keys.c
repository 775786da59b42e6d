/* Commands on keys whatever they hold: deleting, counting, expiry. As in Redis 7.0. */
#include "core/front/commands/commands.h"

/* ---- DEL, EXISTS ---- */

static void finish_del(struct answer *answer) {
    if (answer_all_good(answer)) {
        resp_write_integer(answer->reply, answer->pending->tally.done);
    }
}

static const struct pending_kind del_kind = {
    .gather = answer_count,
    .finish = finish_del,
    .operation = OPERATION_PUT,
    .operation_flags = OPERATION_PLAIN | OPERATION_TOMBSTONE | OPERATION_IF_PRESENT,
};

void run_del(struct call *call) {
    call_scatter(call, &del_kind, false);
}

static void gather_exists(struct answer *answer) {
    if (answer_count_shown(answer) != NULL) {
        answer->pending->tally.hits++;
    }
}

static void finish_exists(struct answer *answer) {
    if (answer_all_good(answer)) {
        resp_write_integer(answer->reply, answer->pending->tally.hits);
    }
}

static const struct pending_kind exists_kind = {
    .gather = gather_exists,
    .finish = finish_exists,
    .operation = OPERATION_READ,
};

void run_exists(struct call *call) {
    call_scatter(call, &exists_kind, false);
}

/* ---- TYPE and TTL ---- */

static void finish_type(struct answer *answer) {
    const struct value *value;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        resp_write_simple(answer->reply, value != NULL ? VIEW("string") : VIEW("none"));
    }
}

static const struct pending_kind type_kind = {.finish = finish_type};

void run_type(struct call *call) {
    call_submit(call, &type_kind, 0, &(struct operation){.kind = OPERATION_READ, .key = call->arguments[1]});
}

enum { TTL_ABSENT = -2, TTL_NEVER = -1 };

static void finish_ttl(struct answer *answer) {
    const struct value *value;
    if (!answer_is_good(answer) || !answer_shown(answer, &value)) {
        return;
    }
    int64_t time = TTL_ABSENT;
    if (value != NULL) {
        uint32_t form = answer->pending->option;
        uint64_t ms = value->expiry.at.ms - ((form & TIME_ABSOLUTE) != 0 ? 0 : answer->wall.ms);
        time = value->expiry.at.ms == 0 ? TTL_NEVER : (int64_t)((form & TIME_SECONDS) != 0 ? (ms + 500) / 1000 : ms);
    }
    resp_write_integer(answer->reply, time);
}

static const struct pending_kind ttl_kind = {.finish = finish_ttl};

static void submit_ttl(struct call *call, unsigned form) {
    call_submit(call, &ttl_kind, form, &(struct operation){.kind = OPERATION_READ, .key = call->arguments[1]});
}

void run_ttl(struct call *call) {
    submit_ttl(call, TIME_SECONDS);
}

void run_pttl(struct call *call) {
    submit_ttl(call, 0);
}

void run_expiretime(struct call *call) {
    submit_ttl(call, TIME_SECONDS | TIME_ABSOLUTE);
}

void run_pexpiretime(struct call *call) {
    submit_ttl(call, TIME_ABSOLUTE);
}

/* ---- EXPIRE and PERSIST ---- */

static void finish_number(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_integer(answer->reply, answer->result->outcome == OUTCOME_DONE ? 1 : 0);
    }
}

static const struct pending_kind expire_kind = {.finish = finish_number};

static bool read_expire_options(struct call *call, uint32_t *ret_flags) {
    static const struct {
        const char *name;
        uint32_t flag;
    } options[] = {{"nx", OPERATION_EXPIRY_NONE},
                   {"xx", OPERATION_EXPIRY_SOME},
                   {"gt", OPERATION_EXPIRY_LATER},
                   {"lt", OPERATION_EXPIRY_EARLIER}};
    uint32_t flags = 0;
    for (size_t i = 3; i < call->count; i++) {
        size_t at = 0;
        while (at < 4 && !call_is(call, i, view_of_string(options[at].name))) {
            at++;
        }
        if (at == 4) {
            CALL_ERROR_OF(call, VIEW("ERR Unsupported option "), call->arguments[i]);
            return false;
        }
        flags |= options[at].flag;
    }
    *ret_flags = flags;
    if ((flags & OPERATION_EXPIRY_NONE) != 0 && flags != OPERATION_EXPIRY_NONE) {
        call_error(call, VIEW("ERR NX and XX, GT or LT options at the same time are not compatible"));
    } else if ((flags & OPERATION_EXPIRY_LATER) != 0 && (flags & OPERATION_EXPIRY_EARLIER) != 0) {
        call_error(call, VIEW("ERR GT and LT options at the same time are not compatible"));
    } else {
        return true;
    }
    return false;
}

/* Negative times are allowed, and delete. */
static bool read_expire_time(struct call *call, unsigned form, int64_t *ret_ms) {
    int64_t base = (form & TIME_ABSOLUTE) != 0 ? 0 : (int64_t)call->turn->wall.ms;
    int64_t time;
    if (!call_integer(call, 2, &time)) {
        return false;
    }
    bool fits = (form & TIME_SECONDS) == 0 || (time <= INT64_MAX / 1000 && time >= INT64_MIN / 1000);
    if (fits && (form & TIME_SECONDS) != 0) {
        time *= 1000;
    }
    if (!fits || time > INT64_MAX - base) {
        call_expire_error(call);
        return false;
    }
    *ret_ms = time + base;
    return true;
}

static void submit_expire(struct call *call, unsigned form) {
    int64_t at_ms;
    uint32_t flags;
    if (!read_expire_options(call, &flags) || !read_expire_time(call, form, &at_ms)) {
        return;
    }
    struct operation operation = {.kind = OPERATION_EXPIRE, .flags = flags, .key = call->arguments[1]};
    if (at_ms > (int64_t)call->turn->wall.ms) {
        operation.expires_at_ms = (uint64_t)at_ms;
    } else {
        operation.kind = OPERATION_PUT;
        operation.flags |= OPERATION_PLAIN | OPERATION_TOMBSTONE | OPERATION_IF_PRESENT;
    }
    call_submit(call, &expire_kind, 0, &operation);
}

void run_expire(struct call *call) {
    submit_expire(call, TIME_SECONDS);
}

void run_pexpire(struct call *call) {
    submit_expire(call, 0);
}

void run_expireat(struct call *call) {
    submit_expire(call, TIME_SECONDS | TIME_ABSOLUTE);
}

void run_pexpireat(struct call *call) {
    submit_expire(call, TIME_ABSOLUTE);
}

/* 1 when there was an expiry to take away. */
static void finish_persist(struct answer *answer) {
    const struct value *value;
    if (answer_is_good(answer) && answer_shown(answer, &value)) {
        bool was_set = answer->result->outcome == OUTCOME_DONE && value != NULL && value->expiry.at.ms != 0;
        resp_write_integer(answer->reply, was_set ? 1 : 0);
    }
}

static const struct pending_kind persist_kind = {.finish = finish_persist};

void run_persist(struct call *call) {
    call_submit(call, &persist_kind, 0, &(struct operation){.kind = OPERATION_EXPIRE, .key = call->arguments[1]});
}

/* ---- FLUSHALL ---- */

static void finish_flushall(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    }
}

static const struct pending_kind flushall_kind = {.finish = finish_flushall, .is_alone = true};

/* ASYNC and SYNC are one: it is answered when nothing shows a key any more, and the space comes back by and by. */
void run_flushall(struct call *call) {
    bool is_known =
        call->count == 1 || (call->count == 2 && (call_is(call, 1, VIEW("async")) || call_is(call, 1, VIEW("sync"))));
    if (!is_known) {
        call_syntax_error(call);
    } else if (!call_must_wait_alone(call)) {
        call_submit(call, &flushall_kind, 0, &(struct operation){.kind = OPERATION_FLUSH});
    }
}
