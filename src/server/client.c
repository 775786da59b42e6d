#include "server/client.h"

#include "server/clock.h"
#include "wire/resp_writer.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void client_init(struct client *client) {
    memset(client, 0, sizeof(*client));
    client->descriptor = -1;
    buffer_init(&client->input);
    arena_init(&client->arena);
    resp_reader_init(&client->reader);
}

static void hang_up(struct client *client) {
    if (client->descriptor >= 0) {
        close(client->descriptor);
        client->descriptor = -1;
    }
    buffer_clear(&client->input);
    resp_reader_init(&client->reader);
    client->consumed = 0;
}

void client_release(struct client *client) {
    hang_up(client);
    buffer_release(&client->input);
    arena_release(&client->arena);
}

__attribute__((format(printf, 2, 3))) static bool fail(struct client *client, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->error, sizeof(client->error), format, arguments);
    va_end(arguments);
    hang_up(client);
    return false;
}

/* False when the deadline comes first, with errno ETIMEDOUT. */
static bool wait_for(int descriptor, short events, int64_t deadline_ms) {
    for (;;) {
        int64_t left = deadline_ms - clock_now_ms();
        struct pollfd waiting = {.fd = descriptor, .events = events};
        int ready = left <= 0 ? 0 : poll(&waiting, 1, (int)left);
        if (ready > 0) {
            return true;
        }
        if (ready == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

/* A connected descriptor, or -1 with errno. */
static int connect_to(const struct addrinfo *address, int64_t deadline_ms) {
    int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return -1;
    }
    int error = 0;
    socklen_t size = sizeof(error);
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0) {
        return descriptor;
    }
    if (errno != EINPROGRESS || !wait_for(descriptor, POLLOUT, deadline_ms)) {
        error = errno;
    } else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error == 0) {
        return descriptor;
    }
    close(descriptor);
    errno = error;
    return -1;
}

bool client_connect(struct client *client, const char *host, uint16_t port, int timeout_ms) {
    int64_t deadline_ms = clock_now_ms() + timeout_ms;
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    hang_up(client);
    int status = getaddrinfo(host, service, &wanted, &found);
    if (status != 0) {
        return fail(client, "cannot find host '%s': %s", host, gai_strerror(status));
    }
    for (const struct addrinfo *address = found; address != NULL && client->descriptor < 0;
         address = address->ai_next) {
        client->descriptor = connect_to(address, deadline_ms);
    }
    int error = errno;
    freeaddrinfo(found);
    if (client->descriptor < 0) {
        return fail(client, "cannot connect to %s:%u: %s", host, port, strerror(error));
    }
    return true;
}

static bool send_all(struct client *client, struct view bytes, int64_t deadline_ms) {
    while (bytes.size > 0) {
        ssize_t sent = send(client->descriptor, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes = view_slice(bytes, (size_t)sent, bytes.size - (size_t)sent);
        } else if (errno != EINTR && (errno != EAGAIN || !wait_for(client->descriptor, POLLOUT, deadline_ms))) {
            return fail(client, "cannot send: %s", strerror(errno));
        }
    }
    return true;
}

static bool receive_some(struct client *client, int64_t deadline_ms) {
    for (;;) {
        ssize_t got = recv(client->descriptor, buffer_reserve(&client->input, 65536), 65536, 0);
        if (got > 0) {
            buffer_commit(&client->input, (size_t)got);
            return true;
        }
        if (got == 0) {
            return fail(client, "the connection was closed before the answer came");
        }
        if (errno != EINTR && (errno != EAGAIN || !wait_for(client->descriptor, POLLIN, deadline_ms))) {
            return fail(client, "no answer: %s", strerror(errno));
        }
    }
}

bool client_send(struct client *client, struct view requests, int timeout_ms) {
    return send_all(client, requests, clock_now_ms() + timeout_ms);
}

bool client_receive(struct client *client, int timeout_ms, const struct resp_reply **ret_reply) {
    int64_t deadline_ms = clock_now_ms() + timeout_ms;
    buffer_consume(&client->input, client->consumed);
    client->consumed = 0;
    arena_reset(&client->arena);
    for (;;) {
        switch (resp_read(&client->reader, buffer_view(&client->input), &client->arena, &client->consumed, ret_reply)) {
        case RESP_REPLY_READY:
            return true;
        case RESP_REPLY_CORRUPT:
            return fail(client, "the answer is not RESP: is that a node of Gramme?");
        case RESP_REPLY_MORE:
            client->consumed = 0;
            break;
        }
        if (!receive_some(client, deadline_ms)) {
            return false;
        }
    }
}

bool client_ask(struct client *client, const struct view *arguments, size_t count, int timeout_ms,
                const struct resp_reply **ret_reply) {
    struct buffer request;
    buffer_init(&request);
    resp_write_command(&request, arguments, count);
    bool is_sent = client_send(client, buffer_view(&request), timeout_ms);
    buffer_release(&request);
    return is_sent && client_receive(client, timeout_ms, ret_reply);
}
