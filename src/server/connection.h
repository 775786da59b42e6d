/* Connections: the sockets of sessions and links, on a loop.
 *
 *      accepted ------------------------> OPEN --> CLOSING --> gone
 *      dialed --> connecting (dial.h) -----^
 *
 * What holds: at most one write is under way on a connection, so bytes leave in order; what the core appends meanwhile
 * stays in its buffer, where its limits count it; no event of a connection reaches the core after the core or this
 * layer gave it up, however late libuv's callbacks come. */
#ifndef GRAMME_SERVER_CONNECTION_H
#define GRAMME_SERVER_CONNECTION_H

#include "server/loop.h"

struct dial;

struct connection {
    uv_tcp_t socket;
    struct loop *loop;
    struct list_node all;
    struct list_node dirty;
    struct session *session; /* one of the two, until the connection is given up */
    struct link *link;
    struct dial *dial; /* while it connects for one */
    uv_connect_t connect;
    uv_write_t write;
    struct buffer under_way; /* what `write` sends */
    bool is_client;
    bool writing;
    bool reading;
    bool ending; /* a client that sends no more, or whose session wants to be closed: closed once it is answered */
    bool closing;
    bool used; /* since the last housekeeping */
    struct instant ending_since;
};

/* A connection whose socket is not open yet. */
struct connection *connection_new(struct loop *loop);
/* Takes the arrival, opens a session or link for it. */
void connection_adopt(struct loop *loop, struct arrival *arrival);
/* The dialed connection is there: the link lives on it from now on. */
void connection_established(struct connection *connection, struct link *link);

/* Has output, or wants to be closed: looked at by the end of the turn. */
void connection_mark_dirty(struct connection *connection);
void connection_flush(struct connection *connection);

/* Gives the socket up; tells the core nothing. */
void connection_close(struct connection *connection);
/* The same, and tells the core that it is gone. */
void connection_lose(struct connection *connection);

/* Every so often: closes clients that take too long to end, gives unused memory back. */
void connections_tidy(struct loop *loop);
/* Reads from clients no more; they are closed once answered. */
void connections_end_clients(struct loop *loop);
bool connections_have_clients(const struct loop *loop);
void connections_lose_all(struct loop *loop);

#endif
