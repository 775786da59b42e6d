#include "load/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    READ_BYTES = 64 * 1024,
    CONNECT_TIMEOUT_MS = 1000,
};

static const uint64_t retry_every_ns = 20 * 1000000ULL;

uint64_t now_ns_read(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void watch(struct engine *engine, struct connection *connection, int how) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection->wants_room) {
        event.events |= EPOLLOUT;
    }
    epoll_ctl(engine->poller, how, connection->socket, &event);
}

/* Tries one target; on failure the next one's turn comes a little later. */
static bool try_open(struct engine *engine, struct connection *connection, uint64_t now_ns) {
    const struct target *target = &engine->settings.targets[connection->target];
    if (connection_open(connection, target, CONNECT_TIMEOUT_MS) == 0) {
        watch(engine, connection, EPOLL_CTL_ADD);
        engine->open_connections++;
        engine->reached_ns = now_ns;
        return true;
    }
    connection->target = (connection->target + 1) % engine->settings.target_count;
    connection->retry_ns = now_ns + retry_every_ns;
    return false;
}

static void break_connection(struct engine *engine, struct connection *connection, uint64_t now_ns) {
    connection_close(connection);
    engine->open_connections--;
    engine->reached_ns = now_ns;
    engine->reconnects++;
    for (; connection->waiting > 0; connection_drop_oldest(connection)) {
        engine->waiting--;
        engine->hooks.lost(engine->hooks.context, connection_oldest(connection), now_ns);
    }
    connection->target = (connection->target + 1) % engine->settings.target_count;
    connection->retry_ns = now_ns;
}

enum engine_result engine_open(struct engine *engine, const struct engine_settings *settings,
                               const struct engine_hooks *hooks) {
    *engine = (struct engine){.settings = *settings, .hooks = *hooks};
    /* The kernel rounds sleeps up by 50 us unless told otherwise; a schedule wants them exact. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    engine->poller = epoll_create1(EPOLL_CLOEXEC);
    engine->connections = calloc(settings->connections, sizeof *engine->connections);
    if (engine->poller < 0 || engine->connections == NULL) {
        fprintf(stderr, "gramme-load: %s\n", strerror(errno));
        exit(1);
    }
    for (size_t i = 0; i < settings->connections; i++) {
        struct connection *connection = &engine->connections[i];
        connection_init(connection, (uint32_t)i, settings->pipeline);
        connection->target = i % settings->target_count;
        for (size_t tries = 0; tries < settings->target_count && connection->socket < 0; tries++) {
            try_open(engine, connection, now_ns_read());
        }
        if (i == 0 && connection->socket < 0) {
            break;
        }
    }
    return engine->open_connections > 0 ? ENGINE_DONE : ENGINE_UNREACHABLE;
}

void engine_release(struct engine *engine) {
    for (size_t i = 0; i < engine->settings.connections; i++) {
        if (engine->connections[i].operations != NULL) {
            connection_release(&engine->connections[i]);
        }
    }
    free(engine->connections);
    close(engine->poller);
}

static void append_wait(struct octets *output, unsigned replicas) {
    char number[16];
    int digits = snprintf(number, sizeof number, "%u", replicas);
    octets_append_command(output, 3);
    octets_append_bulk(output, "WAIT", 4);
    octets_append_bulk(output, number, (size_t)digits);
    octets_append_bulk(output, "0", 1);
}

/* Asks the mode for one operation on this connection. */
static enum next_kind fill_one(struct engine *engine, struct connection *connection, uint64_t *ret_later_ns) {
    struct operation operation = {.client = connection->index, .answers_due = 1};
    operation.sent_ns = now_ns_read();
    enum next_kind kind =
        engine->hooks.next(engine->hooks.context, operation.sent_ns, &operation, &connection->output, ret_later_ns);
    if (kind == NEXT_COMMAND) {
        if (operation.command == COMMAND_SET && engine->settings.wait_replicas > 0) {
            append_wait(&connection->output, engine->settings.wait_replicas);
            operation.answers_due = 2;
        }
        *connection_push(connection) = operation;
        engine->waiting++;
    }
    return kind;
}

static bool has_room(const struct engine *engine, const struct connection *connection) {
    return connection->socket >= 0 && connection->waiting < engine->settings.pipeline;
}

/*
 * Hands out operations until the mode has none or no connection has room. In batches, a connection is filled whole when
 * it is empty; else each gets one at a time in turn, so that a schedule's operations don't queue on one connection
 * while others are idle.
 */
static enum next_kind fill(struct engine *engine, uint64_t *ret_later_ns) {
    enum next_kind kind = NEXT_COMMAND;
    size_t passed = 0;
    while (passed < engine->settings.connections) {
        struct connection *connection = &engine->connections[engine->turn];
        bool may_start = has_room(engine, connection) && (!engine->settings.in_batches || connection->waiting == 0);
        passed = may_start ? 0 : passed + 1;
        while (may_start) {
            kind = fill_one(engine, connection, ret_later_ns);
            if (kind != NEXT_COMMAND) {
                return kind;
            }
            may_start = engine->settings.in_batches && has_room(engine, connection);
        }
        engine->turn = (engine->turn + 1) % engine->settings.connections;
    }
    /* No room: an answer or a new connection will wake the loop. */
    *ret_later_ns = UINT64_MAX;
    return NEXT_LATER;
}

static void send_output(struct engine *engine, struct connection *connection) {
    size_t count = octets_count(&connection->output);
    if (count == 0 || connection->socket < 0) {
        return;
    }
    ssize_t sent = send(connection->socket, octets_front(&connection->output), count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        break_connection(engine, connection, now_ns_read());
        return;
    }
    if (sent > 0) {
        octets_eat(&connection->output, (size_t)sent);
    }
    bool wants_room = octets_count(&connection->output) > 0;
    if (wants_room != connection->wants_room) {
        connection->wants_room = wants_room;
        watch(engine, connection, EPOLL_CTL_MOD);
    }
}

static void take_reply(struct engine *engine, struct connection *connection, const struct reply *reply,
                       uint64_t now_ns) {
    struct operation *operation = connection_oldest(connection);
    bool is_wait =
        operation->command == COMMAND_SET && operation->answers_due == 1 && engine->settings.wait_replicas > 0;
    if (operation->failure[0] == '\0') {
        if (reply->type == REPLY_ERROR) {
            tally_prefix(operation->failure, reply->bytes, reply->byte_count);
        } else if (is_wait && (reply->type != REPLY_INTEGER || reply->integer < engine->settings.wait_replicas)) {
            tally_prefix(operation->failure, "WAITSHORT", sizeof "WAITSHORT" - 1);
        }
    }
    operation->answers_due--;
    if (operation->answers_due == 0) {
        engine->hooks.answered(engine->hooks.context, operation, reply, now_ns);
        connection_drop_oldest(connection);
        engine->waiting--;
    }
}

/* False when the bytes are no answers, or answers that nobody asked for. */
static bool take_replies(struct engine *engine, struct connection *connection, uint64_t now_ns) {
    for (;;) {
        struct reply reply;
        long taken = reply_read(octets_front(&connection->input), octets_count(&connection->input), &reply);
        if (taken == 0) {
            return true;
        }
        if (taken < 0 || connection->waiting == 0) {
            fprintf(stderr, "gramme-load: %s sent bytes that answer nothing\n",
                    engine->settings.targets[connection->target].name);
            return false;
        }
        take_reply(engine, connection, &reply, now_ns);
        octets_eat(&connection->input, (size_t)taken);
    }
}

static void receive(struct engine *engine, struct connection *connection) {
    char *room = octets_reserve(&connection->input, READ_BYTES);
    ssize_t got = recv(connection->socket, room, READ_BYTES, 0);
    uint64_t now_ns = now_ns_read();
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        break_connection(engine, connection, now_ns);
        return;
    }
    connection->input.end += (size_t)got;
    if (!take_replies(engine, connection, now_ns)) {
        break_connection(engine, connection, now_ns);
    }
}

/* Opens what is due; answers when the next one will be. */
static uint64_t reopen_broken(struct engine *engine) {
    uint64_t next_ns = UINT64_MAX;
    if (engine->open_connections == engine->settings.connections) {
        return next_ns;
    }
    for (size_t i = 0; i < engine->settings.connections; i++) {
        struct connection *connection = &engine->connections[i];
        uint64_t now_ns = now_ns_read();
        if (connection->socket < 0 && connection->retry_ns <= now_ns) {
            try_open(engine, connection, now_ns);
        }
        if (connection->socket < 0 && connection->retry_ns < next_ns) {
            next_ns = connection->retry_ns;
        }
    }
    return next_ns;
}

static void await_events(struct engine *engine, uint64_t until_ns) {
    uint64_t now_ns = now_ns_read();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left_ns / 1000000000ULL), .tv_nsec = (long)(left_ns % 1000000000ULL)};
    struct epoll_event events[EVENTS];
    int count = epoll_pwait2(engine->poller, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) {
            send_output(engine, connection);
        }
        if (connection->socket >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT)) {
            receive(engine, connection);
        }
    }
}

/* Looked at a hundred times a second: a timeout need not be exact, and most turns have no time for it. */
static void break_stuck(struct engine *engine) {
    uint64_t now_ns = now_ns_read();
    if (now_ns < engine->check_ns) {
        return;
    }
    engine->check_ns = now_ns + 10 * 1000000ULL;
    for (size_t i = 0; i < engine->settings.connections; i++) {
        struct connection *connection = &engine->connections[i];
        if (connection->waiting > 0 && now_ns > connection_oldest(connection)->sent_ns + engine->settings.timeout_ns) {
            break_connection(engine, connection, now_ns);
        }
    }
}

static void lose_waiting(struct engine *engine) {
    uint64_t now_ns = now_ns_read();
    for (size_t i = 0; i < engine->settings.connections; i++) {
        struct connection *connection = &engine->connections[i];
        for (; connection->waiting > 0; connection_drop_oldest(connection)) {
            engine->waiting--;
            engine->hooks.lost(engine->hooks.context, connection_oldest(connection), now_ns);
        }
    }
}

static uint64_t earliest(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

enum engine_result engine_run(struct engine *engine) {
    uint64_t never_since_ns = 0;
    enum engine_result result = ENGINE_DONE;
    engine->reached_ns = now_ns_read();
    for (;;) {
        break_stuck(engine);
        uint64_t wake_ns = reopen_broken(engine);
        uint64_t later_ns = UINT64_MAX;
        enum next_kind kind = fill(engine, &later_ns);
        for (size_t i = 0; i < engine->settings.connections; i++) {
            send_output(engine, &engine->connections[i]);
        }
        uint64_t now_ns = now_ns_read();
        if (kind == NEXT_NEVER && never_since_ns == 0) {
            never_since_ns = now_ns;
        }
        if (kind == NEXT_NEVER && (engine->waiting == 0 || now_ns - never_since_ns > engine->settings.drain_ns)) {
            break;
        }
        if (engine->open_connections == 0 && now_ns - engine->reached_ns > engine->settings.give_up_ns) {
            result = ENGINE_UNREACHABLE;
            break;
        }
        /* A second at most, so that the limits above are looked at even when nothing happens. */
        await_events(engine, earliest(earliest(wake_ns, later_ns), now_ns + 1000000000ULL));
        if (engine->hooks.after_turn != NULL) {
            engine->hooks.after_turn(engine->hooks.context);
        }
    }
    lose_waiting(engine);
    return result;
}
