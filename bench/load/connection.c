#include "load/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void connection_init(struct connection *connection, uint32_t index, size_t capacity) {
    *connection = (struct connection){.socket = -1, .index = index, .capacity = capacity};
    connection->operations = calloc(capacity, sizeof *connection->operations);
    if (connection->operations == NULL) {
        fprintf(stderr, "gramme-load: out of memory\n");
        exit(1);
    }
}

void connection_release(struct connection *connection) {
    connection_close(connection);
    octets_release(&connection->input);
    octets_release(&connection->output);
    free(connection->operations);
}

static int await_connected(int socket, int timeout_ms) {
    struct pollfd poller = {.fd = socket, .events = POLLOUT};
    int ready = poll(&poller, 1, timeout_ms);
    if (ready <= 0) {
        errno = ready == 0 ? ETIMEDOUT : errno;
        return -1;
    }
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &bytes);
    errno = error;
    return error == 0 ? 0 : -1;
}

int connection_open(struct connection *connection, const struct target *target, int timeout_ms) {
    int opened = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (opened < 0) {
        return -1;
    }
    int yes = 1;
    setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const struct sockaddr *address = (const struct sockaddr *)&target->address;
    bool is_open = connect(opened, address, sizeof target->address) == 0 ||
                   (errno == EINPROGRESS && await_connected(opened, timeout_ms) == 0);
    if (!is_open) {
        int error = errno;
        close(opened);
        errno = error;
        return -1;
    }
    connection->socket = opened;
    connection->wants_room = false;
    octets_clear(&connection->input);
    octets_clear(&connection->output);
    return 0;
}

void connection_close(struct connection *connection) {
    if (connection->socket >= 0) {
        close(connection->socket);
        connection->socket = -1;
    }
}

struct operation *connection_push(struct connection *connection) {
    size_t place = (connection->first + connection->waiting++) % connection->capacity;
    return &connection->operations[place];
}

struct operation *connection_oldest(struct connection *connection) {
    return &connection->operations[connection->first];
}

void connection_drop_oldest(struct connection *connection) {
    connection->first = (connection->first + 1) % connection->capacity;
    connection->waiting--;
}
