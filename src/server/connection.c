#include "server/connection.h"

#include "base/ensure.h"
#include "server/dial.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* What is left when a socket takes no more is copied piece by piece, so that the core's limits see the rest. */
    PIECE_BYTES = 256 * 1024,
    KEEP_OUTPUT_BYTES = 256 * 1024,
    KEEPALIVE_S = 60,
    ENDING_LIMIT_MS = 2000,
    DRAIN_READ_MS = 250,
    PARTING_MS = 100,
};

static struct buffer *connection_output(const struct connection *connection) {
    return connection->session != NULL ? session_output(connection->session) : link_output(connection->link);
}

/* ---- beginning ---- */

struct connection *connection_new(struct loop *loop) {
    struct connection *connection = pool_take(&loop->connection_pool);
    int status = uv_tcp_init(&loop->uv, &connection->socket);
    ENSURE(status == 0);
    connection->loop = loop;
    connection->socket.data = connection;
    connection->connect.data = connection;
    connection->write.data = connection;
    buffer_init(&connection->under_way);
    list_push_back(&loop->connections, &connection->all);
    return connection;
}

static void connection_configure(struct connection *connection) {
    /* Neither is worth losing a connection for. */
    (void)uv_tcp_nodelay(&connection->socket, 1);
    (void)uv_tcp_keepalive(&connection->socket, 1, KEEPALIVE_S);
}

static void give_read_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer) {
    (void)suggested;
    const struct connection *connection = handle->data;
    *ret_buffer = uv_buf_init((char *)connection->loop->read_buffer, READ_BUFFER_BYTES);
}

static void session_take(struct connection *connection, struct view bytes) {
    struct loop *loop = connection->loop;
    shard_session_input(loop->shard, connection->session, bytes, loop_step(loop));
    if (session_wants_close(connection->session)) {
        connection_mark_dirty(connection);
    }
    if (!session_wants_input(connection->session)) {
        connection->reading = false;
        (void)uv_read_stop((uv_stream_t *)&connection->socket);
        /* What there was to answer may be answered already: then nobody else would look whether to go on. */
        connection_mark_dirty(connection);
    }
}

static void session_end_input(struct connection *connection) {
    if (!connection->ending) {
        connection->ending = true;
        connection->ending_since = loop_now(connection->loop);
        connection->reading = false;
        (void)uv_read_stop((uv_stream_t *)&connection->socket);
        connection_mark_dirty(connection);
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    struct connection *connection = stream->data;
    if (connection->closing || count == 0) {
        return;
    }
    if (count == UV_EOF && connection->session != NULL) {
        session_end_input(connection);
        return;
    }
    if (count < 0) {
        connection_lose(connection);
        return;
    }
    connection->used = true;
    struct view bytes = view_of(buffer->base, (size_t)count);
    if (connection->session != NULL) {
        session_take(connection, bytes);
    } else if (connection->link != NULL) {
        shard_link_input(connection->loop->shard, connection->link, bytes, loop_step(connection->loop));
    }
}

static void connection_start_reading(struct connection *connection) {
    if (connection->reading || connection->closing || connection->ending) {
        return;
    }
    connection->reading = true;
    if (uv_read_start((uv_stream_t *)&connection->socket, give_read_buffer, on_read) != 0) {
        connection_lose(connection);
    }
}

void connection_established(struct connection *connection, struct link *link) {
    connection_configure(connection);
    connection->link = link;
    shard_link_connected(connection->loop->shard, link, connection, loop_step(connection->loop));
    if (connection->link != NULL) {
        connection_start_reading(connection);
    }
}

static void connection_drain(struct connection *connection) {
    connection->draining = true;
    connection->draining_since = loop_now(connection->loop);
    connection_mark_dirty(connection);
}

void connection_adopt(struct loop *loop, struct arrival *arrival) {
    struct connection *connection = connection_new(loop);
    connection->is_client = !arrival->is_link;
    if (uv_tcp_open(&connection->socket, arrival->descriptor) != 0) {
        close(arrival->descriptor);
        connection_close(connection);
    } else if (arrival->is_link) {
        connection_configure(connection);
        connection->link = shard_link_accept(loop->shard, connection, loop_step(loop));
        shard_link_input(loop->shard, connection->link, buffer_view(&arrival->first_bytes), loop_step(loop));
        connection_start_reading(connection);
    } else {
        connection_configure(connection);
        connection->session = shard_session_open(loop->shard, connection, arrival->address, loop_step(loop));
        if (arrival->redirects) {
            session_redirect(connection->session);
        }
        connection_start_reading(connection);
        if (loop->phase != NODE_RUNNING) {
            connection_drain(connection);
        }
    }
    arrival_free(arrival);
}

/* ---- end ---- */

static void on_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    struct loop *loop = connection->loop;
    if (connection->is_client) {
        atomic_fetch_sub(&loop->node->clients, 1);
    }
    list_remove(&connection->all);
    buffer_release(&connection->under_way);
    pool_give(&loop->connection_pool, connection);
}

void connection_close(struct connection *connection) {
    if (connection->closing) {
        return;
    }
    connection->closing = true;
    connection->session = NULL;
    connection->link = NULL;
    connection->parting = false;
    if (list_node_linked(&connection->dirty)) {
        list_remove(&connection->dirty);
    }
    uv_close((uv_handle_t *)&connection->socket, on_closed);
}

void connection_lose(struct connection *connection) {
    struct loop *loop = connection->loop;
    struct session *session = connection->session;
    struct link *link = connection->link;
    connection_close(connection);
    if (session != NULL) {
        shard_session_closed(loop->shard, session, loop_step(loop));
    } else if (link != NULL) {
        shard_link_closed(loop->shard, link, loop_step(loop));
    }
}

/* ---- output ---- */

void connection_mark_dirty(struct connection *connection) {
    if (!connection->closing && !connection->parting && !list_node_linked(&connection->dirty)) {
        list_push_back(&connection->loop->dirty, &connection->dirty);
    }
}

static void on_written(uv_write_t *write, int status) {
    struct connection *connection = write->data;
    connection->writing = false;
    buffer_clear(&connection->under_way);
    if (connection->closing) {
        return;
    }
    if (status < 0) {
        connection_lose(connection);
        return;
    }
    connection->used = true;
    connection->loop->has_work = true;
    connection_mark_dirty(connection);
}

/* False when the connection is lost. */
static bool connection_send(struct connection *connection, struct buffer *output) {
    uv_stream_t *stream = (uv_stream_t *)&connection->socket;
    struct view bytes = buffer_view(output);
    ENSURE(bytes.data != NULL);
    uv_buf_t piece = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    int sent = uv_try_write(stream, &piece, 1);
    if (sent > 0) {
        buffer_consume(output, (size_t)sent);
    } else if (sent < 0 && sent != UV_EAGAIN) {
        connection_lose(connection);
        return false;
    }
    if (buffer_size(output) == 0) {
        buffer_shrink(output, KEEP_OUTPUT_BYTES);
        return true;
    }
    size_t size = buffer_size(output) < PIECE_BYTES ? buffer_size(output) : PIECE_BYTES;
    bytes = buffer_view(output);
    ENSURE(bytes.data != NULL);
    buffer_append(&connection->under_way, bytes.data, size);
    buffer_consume(output, size);
    bytes = buffer_view(&connection->under_way);
    piece = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    connection->writing = true;
    if (uv_write(&connection->write, stream, &piece, 1, on_written) != 0) {
        connection->writing = false;
        connection_lose(connection);
        return false;
    }
    return true;
}

/* Nothing came since it was last read from, as far as this machine knows. */
static bool is_drained(struct connection *connection) {
    int descriptor;
    int waiting = 0;
    bool is_known = uv_fileno((const uv_handle_t *)&connection->socket, &descriptor) == 0 &&
                    ioctl(descriptor, FIONREAD, &waiting) == 0;
    return !is_known || waiting == 0;
}

/* The end of our stream leaves after all that was written. The session is over. */
static void connection_part(struct connection *connection) {
    struct loop *loop = connection->loop;
    int descriptor;
    bool is_told =
        uv_fileno((const uv_handle_t *)&connection->socket, &descriptor) == 0 && shutdown(descriptor, SHUT_WR) == 0;
    if (!is_told) {
        connection_lose(connection);
        return;
    }
    shard_session_closed(loop->shard, connection->session, loop_step(loop));
    connection->session = NULL;
    connection->ending = false;
    connection->parting = true;
    connection->ending_since = loop_now(loop);
    connection_start_reading(connection);
}

/* True when the client was parted with. */
static bool session_drain(struct connection *connection) {
    if (!connection->draining || connection->writing || buffer_size(session_output(connection->session)) > 0) {
        return false;
    }
    bool may_part = connection->ending ? session_is_idle(connection->session)
                                       : session_is_between_commands(connection->session) && is_drained(connection);
    if (may_part) {
        connection_part(connection);
    }
    return may_part;
}

/* After output was sent: is there more to read, or is the session over? */
static void session_look_again(struct connection *connection) {
    struct loop *loop = connection->loop;
    if (!connection->reading) {
        shard_session_resume(loop->shard, connection->session, loop_step(loop));
    }
    if (session_wants_close(connection->session)) {
        session_end_input(connection);
    }
    if (session_drain(connection)) {
        return;
    }
    if (connection->ending) {
        bool answered = session_wants_close(connection->session) || session_is_idle(connection->session);
        if (answered && !connection->writing && buffer_size(session_output(connection->session)) == 0) {
            connection_lose(connection);
        }
    } else if (session_wants_input(connection->session)) {
        connection_start_reading(connection);
    }
}

void connection_flush(struct connection *connection) {
    if (!connection->closing && connection->session != NULL && session_must_close(connection->session)) {
        connection_lose(connection);
    }
    if (connection->closing || connection->writing) {
        return;
    }
    struct buffer *output = connection_output(connection);
    if (buffer_size(output) > 0) {
        connection->used = true;
        if (!connection_send(connection, output)) {
            return;
        }
    }
    if (connection->session != NULL) {
        session_look_again(connection);
    }
}

/* ---- all of a loop ---- */

void connections_tidy(struct loop *loop) {
    struct list_node *next;
    for (struct list_node *node = list_first(&loop->connections); node != NULL; node = next) {
        struct connection *connection = CONTAINER_OF(node, struct connection, all);
        if (connection->closing || connection->dial != NULL) {
            next = list_next(&loop->connections, node);
            continue;
        }
        if (!connection->used && !connection->writing) {
            buffer_shrink(&connection->under_way, 0);
            if (connection->session != NULL) {
                buffer_shrink(session_output(connection->session), 0);
            }
        }
        connection->used = false;
        if (connection->ending && loop_now(loop).ns - connection->ending_since.ns > ENDING_LIMIT_MS * NS_PER_MS) {
            connection_lose(connection);
        }
        /* Losing one closes no other at once: their nodes stay until their close callbacks. */
        next = list_next(&loop->connections, node);
    }
}

void connections_drain_clients(struct loop *loop) {
    for (struct list_node *node = list_first(&loop->connections); node != NULL;
         node = list_next(&loop->connections, node)) {
        struct connection *connection = CONTAINER_OF(node, struct connection, all);
        if (connection->session != NULL) {
            connection_drain(connection);
        }
    }
    loop->has_work = true;
}

void connections_drain_on(struct loop *loop) {
    uint64_t now = loop_now(loop).ns;
    struct list_node *next;
    for (struct list_node *node = list_first(&loop->connections); node != NULL; node = next) {
        struct connection *connection = CONTAINER_OF(node, struct connection, all);
        next = list_next(&loop->connections, node);
        if (connection->parting && now - connection->ending_since.ns > PARTING_MS * NS_PER_MS) {
            connection_close(connection);
        } else if (connection->session != NULL && now - connection->draining_since.ns > DRAIN_READ_MS * NS_PER_MS) {
            session_end_input(connection);
        } else if (connection->session != NULL) {
            connection_mark_dirty(connection);
        }
    }
    loop->has_work = true;
}

bool connections_are_sent(const struct loop *loop) {
    for (struct list_node *node = list_first(&loop->connections); node != NULL;
         node = list_next(&loop->connections, node)) {
        if (CONTAINER_OF(node, struct connection, all)->writing) {
            return false;
        }
    }
    return true;
}

bool connections_have_clients(const struct loop *loop) {
    for (struct list_node *node = list_first(&loop->connections); node != NULL;
         node = list_next(&loop->connections, node)) {
        const struct connection *connection = CONTAINER_OF(node, struct connection, all);
        if (connection->session != NULL || connection->parting) {
            return true;
        }
    }
    return false;
}

void connections_lose_all(struct loop *loop) {
    for (struct list_node *node = list_first(&loop->connections); node != NULL;
         node = list_next(&loop->connections, node)) {
        struct connection *connection = CONTAINER_OF(node, struct connection, all);
        if (!connection->closing) {
            connection_lose(connection);
        }
    }
}
