/*
 * One client connection: a non-blocking socket, what waits to be sent, what was received, and the operations that
 * still wait for an answer, oldest first. RESP answers come in the order of the requests, so the n-th answer belongs to
 * the n-th operation.
 */
#ifndef GRAMME_BENCH_LOAD_CONNECTION_H
#define GRAMME_BENCH_LOAD_CONNECTION_H

#include "load/octets.h"
#include "load/tally.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command {
    COMMAND_SET,
    COMMAND_GET,
};

/* One operation. Times are CLOCK_MONOTONIC in nanoseconds. */
struct operation {
    uint64_t intended_ns; /* when the schedule wanted it to start */
    uint64_t sent_ns;
    uint64_t key;      /* a key's number, or a record's ordinal */
    uint64_t value_id; /* of a SET: names the value written */
    uint32_t client;
    enum command command;
    unsigned answers_due; /* two for a SET followed by WAIT */
    char failure[TALLY_PREFIX_BYTES];
};

struct connection {
    int socket; /* -1 when there is none */
    uint32_t index;
    size_t target;
    bool wants_room; /* the kernel took only part of the output */
    uint64_t retry_ns;
    struct octets input;
    struct octets output;
    struct operation *operations; /* a ring of `capacity` */
    size_t first;
    size_t waiting;
    size_t capacity;
};

struct target {
    char name[64]; /* as it was given: HOST:PORT */
    struct sockaddr_in address;
};

void connection_init(struct connection *connection, uint32_t index, size_t capacity);
void connection_release(struct connection *connection);

/* Connects and waits for it, at most `timeout_ms`; 0, or -1 with errno. */
int connection_open(struct connection *connection, const struct target *target, int timeout_ms);
void connection_close(struct connection *connection);

/* Adds an operation behind those that wait; there must be room. Valid until it is taken. */
struct operation *connection_push(struct connection *connection);
struct operation *connection_oldest(struct connection *connection);
void connection_drop_oldest(struct connection *connection);

#endif
