/*
 * The loop under every mode of the load generator: one thread, one epoll, some connections. A mode says what to send
 * next and is told what became of each operation; sockets, answers and reconnecting stay here.
 *
 * A broken connection ends the operations that waited on it as lost (they may or may not have been done) and is opened
 * again, to the next target.
 */
#ifndef GRAMME_BENCH_LOAD_ENGINE_H
#define GRAMME_BENCH_LOAD_ENGINE_H

#include "load/connection.h"
#include "load/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum next_kind {
    NEXT_COMMAND, /* the operation and its bytes are given */
    NEXT_LATER,   /* nothing before a certain time */
    NEXT_NEVER,   /* nothing any more */
};

/* What a mode of the generator does. All hooks but `after_turn` are needed. */
struct engine_hooks {
    void *context;
    /*
     * Asked when a connection has room for an operation. Fills intended_ns, key, value_id and command, and appends the
     * command's bytes; or says when to be asked again.
     */
    enum next_kind (*next)(void *context, uint64_t now_ns, struct operation *ret_operation, struct octets *output,
                           uint64_t *ret_later_ns);
    /* Answered: operation->failure is empty, or the first word of the error. `reply` is the last answer. */
    void (*answered)(void *context, const struct operation *operation, const struct reply *reply, uint64_t now_ns);
    /* The connection broke, or the run ended, before an answer came. */
    void (*lost)(void *context, const struct operation *operation, uint64_t now_ns);
    void (*after_turn)(void *context);
};

struct engine_settings {
    const struct target *targets;
    size_t target_count;
    size_t connections;
    size_t pipeline;        /* operations waiting on one connection, at most */
    bool in_batches;        /* fill a pipeline only when it is empty, whole, as redis-benchmark does */
    unsigned wait_replicas; /* after each SET sends WAIT with this number; 0 for not */
    uint64_t timeout_ns;    /* an operation that waits longer breaks its connection */
    uint64_t drain_ns;      /* how long to wait for the last answers */
    uint64_t give_up_ns;    /* how long to try when no target can be reached */
};

enum engine_result {
    ENGINE_DONE,
    ENGINE_UNREACHABLE,
};

struct engine {
    struct engine_settings settings;
    struct engine_hooks hooks;
    int poller;
    struct connection *connections;
    size_t turn; /* the connection that is asked first, so that each gets its share */
    size_t open_connections;
    size_t waiting;
    uint64_t reached_ns; /* when at least one connection was last open */
    uint64_t reconnects;
    uint64_t check_ns; /* when timeouts are looked at again */
};

uint64_t now_ns_read(void);

/* Opens every connection, spread over the targets; ENGINE_UNREACHABLE when not one could be opened. */
enum engine_result engine_open(struct engine *engine, const struct engine_settings *settings,
                               const struct engine_hooks *hooks);

/* Runs until the mode has nothing more to send and every answer came, was lost, or is late. */
enum engine_result engine_run(struct engine *engine);

void engine_release(struct engine *engine);

#endif
