/* Commands about the connection itself, as in Redis 7.0 without a password. */
#include "core/front/commands/commands.h"

void run_ping(struct call *call) {
    bool listens = listening_count(&call->session->listening) > 0;
    if (call->count > 2) {
        call_wrong_arity(call, call->command);
    } else if (listens && call_protocol(call) == 2) {
        resp_write_array(call->reply, 2); /* so that it looks like what comes by channels */
        resp_write_bulk(call->reply, VIEW("pong"));
        resp_write_bulk(call->reply, call->count == 2 ? call->arguments[1] : (struct view){0});
    } else if (call->count == 2) {
        resp_write_bulk(call->reply, call->arguments[1]);
    } else {
        resp_write_raw(call->reply, VIEW("+PONG\r\n"));
    }
}

void run_echo(struct call *call) {
    resp_write_bulk(call->reply, call->arguments[1]);
}

void run_quit(struct call *call) {
    call_ok(call);
    call->session->is_closing = true;
}

void run_reset(struct call *call) {
    session_end_batch(call->front, call->session);
    subscriptions_end_all(call->front, call->session);
    session_keep(call->front, &call->session->name, (struct view){0});
    call->session->protocol = 2;
    call->session->never_evict = false;
    call->session->never_touch = false;
    call->session->replies = REPLIES_ON;
    resp_write_raw(call->reply, VIEW("+RESET\r\n"));
}

/* WAIT replicas timeout: behind all writes of the connection that are under way. Nothing more would come of waiting:
 * who else has them is not known. */
void run_wait(struct call *call) {
    int64_t replicas;
    int64_t timeout;
    if (!call_integer(call, 1, &replicas)) {
        return;
    }
    if (!view_to_int64(call->arguments[2], &timeout)) {
        call_error(call, VIEW("ERR timeout is not an integer or out of range"));
        return;
    }
    if (timeout < 0) {
        call_error(call, VIEW("ERR timeout is negative"));
        return;
    }
    if (call_must_wait_alone(call)) {
        return;
    }
    uint8_t quorum = call->front->port.least_write_quorum(call->front->port.self);
    uint8_t asked = call->session->least_quorum;
    quorum = asked != 0 && asked < quorum ? asked : quorum;
    resp_write_integer(call->reply, quorum - 1);
}

void run_nothing(struct call *call) {
    call_ok(call);
}

void run_select(struct call *call) {
    int64_t database;
    if (!call_integer(call, 1, &database)) {
        return;
    }
    if (database == 0) {
        call_ok(call);
    } else {
        call_error(call, VIEW("ERR DB index is out of range"));
    }
}

/* There is one user, "default", and every password is hers. */
static bool accept_user(struct call *call, struct view user) {
    if (view_equal(user, VIEW("default"))) {
        return true;
    }
    call_error(call, VIEW("WRONGPASS invalid username-password pair or user is disabled."));
    return false;
}

void run_auth(struct call *call) {
    if (call->count > 3) {
        call_syntax_error(call);
    } else if (call->count == 2) {
        call_error(call,
                   VIEW("ERR AUTH <password> called without any password configured for the default user. Are you "
                        "sure your configuration is correct?"));
    } else if (accept_user(call, call->arguments[1])) {
        call_ok(call);
    }
}

static void hello_reply(struct call *call) {
    struct buffer *reply = call->reply;
    int protocol = call_protocol(call);
    resp_write_map(reply, 7, protocol);
    resp_write_bulk(reply, VIEW("server"));
    resp_write_bulk(reply, VIEW("redis"));
    resp_write_bulk(reply, VIEW("version"));
    resp_write_bulk(reply, VIEW("7.0.15"));
    resp_write_bulk(reply, VIEW("proto"));
    resp_write_integer(reply, protocol);
    resp_write_bulk(reply, VIEW("id"));
    resp_write_integer(reply, (int64_t)call->session->id);
    resp_write_bulk(reply, VIEW("mode"));
    resp_write_bulk(reply, VIEW("cluster"));
    resp_write_bulk(reply, VIEW("role"));
    resp_write_bulk(reply, VIEW("master"));
    resp_write_bulk(reply, VIEW("modules"));
    resp_write_array(reply, 0);
}

/* AUTH and SETNAME, in any order. */
static bool hello_options(struct call *call) {
    for (size_t i = 2; i < call->count; i++) {
        size_t behind = call->count - 1 - i;
        if (behind >= 2 && call_is(call, i, VIEW("auth"))) {
            if (!accept_user(call, call->arguments[i + 1])) {
                return false;
            }
            i += 2;
        } else if (behind >= 1 && call_is(call, i, VIEW("setname"))) {
            if (!client_set_name(call, call->arguments[i + 1])) {
                return false;
            }
            i += 1;
        } else {
            CALL_ERROR_OF(call, VIEW("ERR Syntax error in HELLO option '"), call->arguments[i], VIEW("'"));
            return false;
        }
    }
    return true;
}

void run_hello(struct call *call) {
    int64_t protocol = call_protocol(call);
    if (call->count >= 2) {
        if (!view_to_int64(call->arguments[1], &protocol)) {
            call_error(call, VIEW("ERR Protocol version is not an integer or out of range"));
            return;
        }
        if (protocol < 2 || protocol > 3) {
            call_error(call, VIEW("NOPROTO unsupported protocol version"));
            return;
        }
    }
    if (hello_options(call)) {
        call->session->protocol = (int)protocol;
        hello_reply(call);
    }
}
