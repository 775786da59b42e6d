#include "server/acceptor.h"

#include "base/ensure.h"
#include "server/connection.h"
#include "wire/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPTS_PER_CALLBACK = 64 };

struct listener {
    uv_poll_t poll;
    struct acceptor *acceptor;
    int descriptor;
    bool is_peer;
    bool redirects;
    bool paused; /* clients: not welcome yet; or no descriptor was left: tried again later */
};

struct greeting {
    struct list_node node;
    uv_poll_t poll;
    struct acceptor *acceptor;
    struct arrival *arrival;
    struct instant since;
};

struct acceptor {
    struct loop *loop;
    struct listener *listeners[LISTENERS_MOST];
    size_t listener_count;
    struct list greetings; /* oldest first */
    uint32_t greeting_count;
    uint32_t next_shard;
    bool is_welcoming;
    bool is_last_call; /* who comes now stays with the acceptor's own loop */
    struct instant since;
    struct log_brake brake;
};

/* ---- listening ---- */

static int listen_on(const struct addrinfo *address) {
    int yes = 1;
    int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return -1;
    }
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (address->ai_family == AF_INET6) {
        (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    if (bind(descriptor, address->ai_addr, address->ai_addrlen) != 0 || listen(descriptor, BACKLOG) != 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

bool listening_add(struct listening *listening, const char *address, uint32_t port_offset,
                   enum listens_for listens_for) {
    static const char *const names[] = {"clients", "cluster clients", "peers"};
    char host[MEMBER_ADDRESS_SIZE];
    char service[8];
    uint16_t port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!config_split_address(address, host, &port)) {
        log_event(CONFIG_LOG_ERROR, "listen-failed", "address=%s why=\"no address\"", address);
        return false;
    }
    if (port + port_offset > UINT16_MAX) {
        log_event(CONFIG_LOG_ERROR, "listen-failed", "address=%s why=\"no port is %u above it\"", address, port_offset);
        return false;
    }
    (void)snprintf(service, sizeof(service), "%u", port + port_offset);
    int status = getaddrinfo(host, service, &hints, &found);
    if (status != 0) {
        log_event(CONFIG_LOG_ERROR, "listen-failed", "address=%s why=\"%s\"", address, gai_strerror(status));
        return false;
    }
    size_t before = listening->count;
    int error = 0;
    for (const struct addrinfo *one = found; one != NULL && listening->count < LISTENERS_MOST; one = one->ai_next) {
        int descriptor = listen_on(one);
        if (descriptor >= 0) {
            listening->sockets[listening->count].descriptor = descriptor;
            listening->sockets[listening->count].listens_for = listens_for;
            listening->count++;
        } else if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL) {
            error = errno;
        } else if (error == 0 && one->ai_next == NULL && listening->count == before) {
            error = errno; /* none of its addresses is this machine's */
        }
    }
    freeaddrinfo(found);
    if (error != 0) {
        log_event(CONFIG_LOG_ERROR, "listen-failed", "address=%s why=\"%s\"", address, uv_strerror(-error));
        return false;
    }
    log_event(CONFIG_LOG_INFO, "listening", "address=%s port=%s for=\"%s\"", address, service, names[listens_for]);
    return true;
}

void listening_close(struct listening *listening) {
    for (size_t index = 0; index < listening->count; index++) {
        close(listening->sockets[index].descriptor);
    }
    listening->count = 0;
}

/* ---- arrivals ---- */

void acceptor_turn_away(struct node *node, struct arrival *arrival) {
    if (!arrival->is_link) {
        atomic_fetch_sub(&node->clients, 1);
    }
    close(arrival->descriptor);
    arrival_free(arrival);
}

static void acceptor_give(struct acceptor *acceptor, uint32_t shard, struct arrival *arrival) {
    struct loop *loop = &acceptor->loop->node->loops[shard];
    if (loop == acceptor->loop) {
        connection_adopt(loop, arrival);
    } else {
        loop_hand_over(loop, arrival);
    }
}

static void name_other_end(struct arrival *arrival, const struct sockaddr_storage *from) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)from;
        (void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        (void)snprintf(arrival->address, sizeof(arrival->address), "%s:%u", host, ntohs(four->sin_port));
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)from;
        (void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        (void)snprintf(arrival->address, sizeof(arrival->address), "[%s]:%u", host, ntohs(six->sin6_port));
    }
}

static void accept_client(struct acceptor *acceptor, struct arrival *arrival) {
    static const char refusal[] = "-ERR max number of clients reached\r\n";
    struct node *node = acceptor->loop->node;
    uint32_t held_back;
    if (atomic_fetch_add(&node->clients, 1) >= node->max_clients) {
        ssize_t sent = send(arrival->descriptor, refusal, sizeof(refusal) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)sent;
        if (log_brake_passes(&acceptor->brake, loop_now(acceptor->loop), &held_back)) {
            log_event(CONFIG_LOG_WARNING, "client-refused", "address=%s max_clients=%u held_back=%u", arrival->address,
                      node->max_clients, held_back);
        }
        acceptor_turn_away(node, arrival);
        return;
    }
    uint32_t shard = acceptor->is_last_call ? acceptor->loop->index : acceptor->next_shard + 1;
    acceptor->next_shard = shard % node->shard_count;
    acceptor_give(acceptor, acceptor->next_shard, arrival);
}

/* ---- greetings ---- */

static void on_greeting_closed(uv_handle_t *handle) {
    free(handle->data);
}

/* The place is free again; the arrival goes on by itself. */
static struct arrival *greeting_end(struct greeting *greeting) {
    struct arrival *arrival = greeting->arrival;
    greeting->arrival = NULL;
    greeting->acceptor->greeting_count--;
    list_remove(&greeting->node);
    (void)uv_poll_stop(&greeting->poll);
    uv_close((uv_handle_t *)&greeting->poll, on_greeting_closed);
    return arrival;
}

static void greeting_drop(struct greeting *greeting, const char *why) {
    struct acceptor *acceptor = greeting->acceptor;
    uint32_t held_back;
    if (log_brake_passes(&acceptor->brake, loop_now(acceptor->loop), &held_back)) {
        log_event(CONFIG_LOG_WARNING, "greeting-refused", "address=%s why=\"%s\" held_back=%u",
                  greeting->arrival->address, why, held_back);
    }
    acceptor_turn_away(acceptor->loop->node, greeting_end(greeting));
}

static void on_greeting(uv_poll_t *poll, int status, int events) {
    struct greeting *greeting = poll->data;
    struct buffer *bytes = &greeting->arrival->first_bytes;
    (void)events;
    size_t room = GREETING_BYTES_MOST - buffer_size(bytes);
    ssize_t count = status < 0 ? 0 : recv(greeting->arrival->descriptor, buffer_reserve(bytes, room), room, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        /* A port that is looked at and left again is nothing to write home about. */
        acceptor_turn_away(greeting->acceptor->loop->node, greeting_end(greeting));
        return;
    }
    buffer_commit(bytes, (size_t)count);
    uint32_t shard = 0;
    switch (hello_target(buffer_view(bytes), &shard)) {
    case HELLO_READY: {
        struct acceptor *acceptor = greeting->acceptor;
        acceptor_give(acceptor, shard % acceptor->loop->node->shard_count, greeting_end(greeting));
        break;
    }
    case HELLO_MORE:
        if (buffer_size(bytes) == GREETING_BYTES_MOST) {
            greeting_drop(greeting, "no greeting in its first bytes");
        }
        break;
    case HELLO_CORRUPT:
        greeting_drop(greeting, "not a peer's greeting");
        break;
    }
}

static void accept_peer(struct acceptor *acceptor, struct arrival *arrival) {
    if (acceptor->greeting_count == GREETINGS_MOST) {
        greeting_drop(CONTAINER_OF(list_first(&acceptor->greetings), struct greeting, node), "too many greetings");
    }
    struct greeting *greeting = calloc(1, sizeof(*greeting));
    ENSURE(greeting != NULL);
    greeting->acceptor = acceptor;
    greeting->arrival = arrival;
    greeting->since = loop_now(acceptor->loop);
    greeting->poll.data = greeting;
    if (uv_poll_init(&acceptor->loop->uv, &greeting->poll, arrival->descriptor) != 0) {
        free(greeting);
        acceptor_turn_away(acceptor->loop->node, arrival);
        return;
    }
    list_push_back(&acceptor->greetings, &greeting->node);
    acceptor->greeting_count++;
    if (uv_poll_start(&greeting->poll, UV_READABLE, on_greeting) != 0) {
        greeting_drop(greeting, "can't be polled");
    }
}

/* ---- accepting ---- */

static void listener_pause(struct listener *listener, int error) {
    uint32_t held_back;
    struct acceptor *acceptor = listener->acceptor;
    listener->paused = true;
    (void)uv_poll_stop(&listener->poll);
    if (log_brake_passes(&acceptor->brake, loop_now(acceptor->loop), &held_back)) {
        log_event(CONFIG_LOG_ERROR, "accept-failed", "why=\"%s\" held_back=%u", uv_strerror(-error), held_back);
    }
}

static void on_listener(uv_poll_t *poll, int status, int events) {
    struct listener *listener = poll->data;
    (void)status;
    (void)events;
    for (int index = 0; index < ACCEPTS_PER_CALLBACK; index++) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof(from);
        int descriptor = accept4(listener->descriptor, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                listener_pause(listener, errno);
            }
            return; /* none left, or one that broke before it was accepted: poll will tell of others */
        }
        struct arrival *arrival = arrival_new(descriptor, listener->is_peer);
        arrival->redirects = listener->redirects;
        name_other_end(arrival, &from);
        if (listener->is_peer) {
            accept_peer(listener->acceptor, arrival);
        } else {
            accept_client(listener->acceptor, arrival);
        }
    }
}

static void listeners_resume(struct acceptor *acceptor) {
    for (size_t index = 0; index < acceptor->listener_count; index++) {
        struct listener *listener = acceptor->listeners[index];
        bool is_wanted = listener->is_peer || acceptor->is_welcoming;
        if (listener->paused && is_wanted && uv_poll_start(&listener->poll, UV_READABLE, on_listener) == 0) {
            listener->paused = false;
        }
    }
}

void acceptor_tidy(struct acceptor *acceptor, struct instant now) {
    struct list_node *node;
    while ((node = list_first(&acceptor->greetings)) != NULL) {
        struct greeting *greeting = CONTAINER_OF(node, struct greeting, node);
        if (now.ns - greeting->since.ns <= GREETING_LIMIT_MS * NS_PER_MS) {
            break;
        }
        greeting_drop(greeting, "no greeting in time");
    }
    if (now.ns - acceptor->since.ns > WELCOME_AFTER_MS * NS_PER_MS) {
        acceptor_welcome(acceptor);
    }
    listeners_resume(acceptor);
}

void acceptor_welcome(struct acceptor *acceptor) {
    if (!acceptor->is_welcoming) {
        acceptor->is_welcoming = true;
        listeners_resume(acceptor);
    }
}

/* ---- life ---- */

struct acceptor *acceptor_new(struct loop *loop, struct listening *listening) {
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    ENSURE(acceptor != NULL);
    acceptor->loop = loop;
    list_init(&acceptor->greetings);
    for (size_t index = 0; index < listening->count; index++) {
        struct listener *listener = calloc(1, sizeof(*listener));
        ENSURE(listener != NULL);
        listener->acceptor = acceptor;
        listener->descriptor = listening->sockets[index].descriptor;
        listener->is_peer = listening->sockets[index].listens_for == LISTENS_FOR_PEERS;
        listener->redirects = listening->sockets[index].listens_for == LISTENS_FOR_CLUSTER_CLIENTS;
        listener->poll.data = listener;
        listener->paused = true;
        int status = uv_poll_init(&loop->uv, &listener->poll, listener->descriptor);
        ENSURE(status == 0);
        acceptor->listeners[acceptor->listener_count++] = listener;
    }
    listening->count = 0;
    acceptor->since = loop->node->started;
    listeners_resume(acceptor);
    return acceptor;
}

static void on_listener_closed(uv_handle_t *handle) {
    free(handle->data);
}

void acceptor_take_waiting(struct acceptor *acceptor) {
    acceptor->is_last_call = true;
    for (size_t index = 0; acceptor->is_welcoming && index < acceptor->listener_count; index++) {
        struct listener *listener = acceptor->listeners[index];
        for (int calls = 0; !listener->is_peer && calls < BACKLOG / ACCEPTS_PER_CALLBACK; calls++) {
            on_listener(&listener->poll, 0, UV_READABLE);
        }
    }
}

void acceptor_free(struct acceptor *acceptor) {
    struct list_node *node;
    while ((node = list_first(&acceptor->greetings)) != NULL) {
        acceptor_turn_away(acceptor->loop->node, greeting_end(CONTAINER_OF(node, struct greeting, node)));
    }
    for (size_t index = 0; index < acceptor->listener_count; index++) {
        struct listener *listener = acceptor->listeners[index];
        (void)uv_poll_stop(&listener->poll);
        close(listener->descriptor);
        uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
    }
    free(acceptor);
}
