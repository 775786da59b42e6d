#include "server/dial.h"

#include "server/connection.h"

#include <netdb.h>
#include <stdio.h>

enum { DIALS_PER_SLAB = 8 };

enum dial_state { DIAL_WANTED, DIAL_RESOLVING, DIAL_CONNECTING };

struct dial {
    struct list_node node; /* of the loop, while the shard wants it */
    struct loop *loop;
    struct link *link;
    char peer[MEMBER_ADDRESS_SIZE];
    enum dial_state state;
    struct instant since;
    uv_getaddrinfo_t resolve; /* libuv's until its callback: the dial lives that long */
    struct addrinfo *addresses;
    const struct addrinfo *address; /* tried now */
    struct connection *connection;  /* CONNECTING */
};

void dials_init(struct loop *loop) {
    list_init(&loop->dials);
    pool_init(&loop->dial_pool, sizeof(struct dial), DIALS_PER_SLAB);
}

void dials_release(struct loop *loop) {
    pool_release(&loop->dial_pool);
}

void dial_want(struct loop *loop, struct link *link, const char *address) {
    struct dial *dial = pool_take(&loop->dial_pool);
    dial->loop = loop;
    dial->link = link;
    (void)snprintf(dial->peer, sizeof(dial->peer), "%s", address);
    dial->resolve.data = dial;
    list_push_back(&loop->dials, &dial->node);
    loop->has_work = true;
}

static void dial_free(struct dial *dial) {
    uv_freeaddrinfo(dial->addresses);
    pool_give(&dial->loop->dial_pool, dial);
}

/* The shard wants it no longer, or was answered. */
static void dial_end(struct dial *dial) {
    list_remove(&dial->node);
    dial->link = NULL;
    if (dial->connection != NULL) {
        struct connection *connection = dial->connection;
        dial->connection = NULL;
        connection->dial = NULL;
        connection_close(connection);
    }
    if (dial->state != DIAL_RESOLVING) {
        dial_free(dial);
    } else {
        (void)uv_cancel((uv_req_t *)&dial->resolve); /* freed by its callback, cancelled or not */
    }
}

static void dial_fail(struct dial *dial, int status) {
    struct loop *loop = dial->loop;
    struct link *link = dial->link;
    log_event(CONFIG_LOG_DEBUG, "dial-failed", "address=%s why=\"%s\"", dial->peer, uv_strerror(status));
    dial_end(dial);
    shard_link_closed(loop->shard, link, loop_step(loop));
}

static int dial_connect(struct dial *dial, const struct sockaddr *address);

static void dial_try_next(struct dial *dial, int status) {
    while (dial->address != NULL && dial->address->ai_next != NULL) {
        dial->address = dial->address->ai_next;
        status = dial_connect(dial, dial->address->ai_addr);
        if (status == 0) {
            return;
        }
    }
    dial_fail(dial, status);
}

static void on_connected(uv_connect_t *request, int status) {
    struct connection *connection = request->data;
    struct dial *dial = connection->dial;
    if (dial == NULL) {
        return; /* closed by us in the meantime */
    }
    connection->dial = NULL;
    dial->connection = NULL;
    if (status < 0) {
        connection_close(connection);
        dial_try_next(dial, status);
        return;
    }
    struct link *link = dial->link;
    dial_end(dial);
    connection_established(connection, link);
}

static int dial_connect(struct dial *dial, const struct sockaddr *address) {
    struct connection *connection = connection_new(dial->loop);
    int status = uv_tcp_connect(&connection->connect, &connection->socket, address, on_connected);
    if (status != 0) {
        connection_close(connection);
        return status;
    }
    dial->state = DIAL_CONNECTING;
    dial->connection = connection;
    connection->dial = dial;
    return 0;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses) {
    struct dial *dial = request->data;
    dial->addresses = addresses;
    if (dial->link == NULL) {
        dial_free(dial);
        return;
    }
    dial->state = DIAL_WANTED;
    dial->address = addresses;
    if (status == 0 && addresses != NULL) {
        status = dial_connect(dial, addresses->ai_addr);
    }
    if (status != 0) {
        dial_try_next(dial, status);
    }
}

static int dial_resolve(struct dial *dial, const char *host, uint16_t port) {
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    dial->state = DIAL_RESOLVING;
    int status = uv_getaddrinfo(&dial->loop->uv, &dial->resolve, on_resolved, host, service, &hints);
    if (status != 0) {
        dial->state = DIAL_WANTED;
    }
    return status;
}

static void dial_start(struct dial *dial) {
    char host[MEMBER_ADDRESS_SIZE];
    uint16_t port;
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address;
    dial->since = loop_now(dial->loop);
    int status = UV_EINVAL;
    if (config_split_address(dial->peer, host, &port)) {
        if (uv_ip4_addr(host, port, &address.four) == 0 || uv_ip6_addr(host, port, &address.six) == 0) {
            status = dial_connect(dial, &address.any);
        } else {
            status = dial_resolve(dial, host, port);
        }
    }
    if (status != 0) {
        dial_fail(dial, status);
    }
}

static struct dial *dial_of(const struct list_node *node) {
    return CONTAINER_OF(node, struct dial, node);
}

void dial_cancel(struct loop *loop, struct link *link) {
    for (struct list_node *node = list_first(&loop->dials); node != NULL; node = list_next(&loop->dials, node)) {
        if (dial_of(node)->link == link) {
            dial_end(dial_of(node));
            return;
        }
    }
}

/* One that `fits`, or NULL. Each is looked for anew, since the shard may take others back while one is dealt with. */
static struct dial *dial_find(struct loop *loop, bool (*fits)(const struct dial *dial)) {
    for (struct list_node *node = list_first(&loop->dials); node != NULL; node = list_next(&loop->dials, node)) {
        if (fits(dial_of(node))) {
            return dial_of(node);
        }
    }
    return NULL;
}

static bool is_wanted(const struct dial *dial) {
    return dial->state == DIAL_WANTED;
}

static bool is_overdue(const struct dial *dial) {
    return dial->state != DIAL_WANTED && loop_now(dial->loop).ns - dial->since.ns > DIAL_LIMIT_MS * NS_PER_MS;
}

void dials_start(struct loop *loop) {
    struct dial *dial;
    while ((dial = dial_find(loop, is_wanted)) != NULL) {
        dial_start(dial);
    }
}

void dials_expire(struct loop *loop) {
    struct dial *dial;
    while ((dial = dial_find(loop, is_overdue)) != NULL) {
        dial_fail(dial, UV_ETIMEDOUT);
    }
}

void dials_cancel_all(struct loop *loop) {
    struct list_node *node;
    while ((node = list_first(&loop->dials)) != NULL) {
        dial_end(dial_of(node));
    }
}
