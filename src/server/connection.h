/* Connections: the sockets of sessions and links, on a loop.
 *
 *      accepted ------------------------> OPEN --> CLOSING --> gone
 *      dialed --> connecting (dial.h) -----^ |        ^
 *                                            +-> PARTING: a client of a node that stops
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
    bool ending;   /* a client that sends no more, or whose session wants to be closed: closed once it is answered */
    bool draining; /* of a node that stops: is parted with at the next moment between two commands */
    bool parting;  /* no session any more: it was told the end, and what it still sends is thrown away */
    bool closing;
    bool used; /* since the last housekeeping */
    struct instant ending_since;
    struct instant draining_since;
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
/* The node stops. A client whose commands are all answered, and that has sent no part of another, is told so by the end
 * of the stream: what it sends from then on was surely not done, and asking another node is what clients do when a
 * connection closes between two commands. One that never pauses is read from for DRAIN_READ_MS more, and parted with
 * once it is answered. The connection is kept for a moment after that, since closing it over bytes that were not read
 * would tear up replies on their way. */
void connections_drain_clients(struct loop *loop);
/* Every so often, meanwhile. */
void connections_drain_on(struct loop *loop);
bool connections_have_clients(const struct loop *loop);
/* Links have nothing left to send. */
bool connections_are_sent(const struct loop *loop);
void connections_lose_all(struct loop *loop);

#endif
