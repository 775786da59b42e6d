/* The acceptor: listens for clients and peers on the first loop and hands connections to the loops. Clients go to the
 * shards in turn. A peer says in its first bytes which shard it wants; until it has, it holds one of GREETINGS_MOST
 * places, for GREETING_LIMIT_MS at most, and the oldest gives way to the newest: strangers who say nothing can't keep
 * peers out.
 *
 * Clients are let in when the node is ready, or WELCOME_AFTER_MS after its start when a peer isn't there to be ready
 * with: until then they wait in the listening socket, instead of being told NOREPLICAS by a node that has not greeted
 * its peers yet. */
#ifndef GRAMME_SERVER_ACCEPTOR_H
#define GRAMME_SERVER_ACCEPTOR_H

#include "server/loop.h"

enum {
    LISTENERS_MOST = 8,
    GREETINGS_MOST = 128,
    GREETING_LIMIT_MS = 2000,
    GREETING_BYTES_MOST = 512,
    WELCOME_AFTER_MS = 1000
};

enum listens_for {
    LISTENS_FOR_CLIENTS,
    LISTENS_FOR_CLUSTER_CLIENTS, /* who are told MOVED (core/front.h) */
    LISTENS_FOR_PEERS,
};

struct listening {
    struct {
        int descriptor;
        enum listens_for listens_for;
    } sockets[LISTENERS_MOST];
    size_t count;
};

/* Binds to all addresses that the name has, at a port so far above its own, adds their sockets. False, with a reason
 * logged, when one can't be had. */
bool listening_add(struct listening *listening, const char *address, uint32_t port_offset,
                   enum listens_for listens_for);
void listening_close(struct listening *listening);

/* Takes the sockets. Before the loop starts, or on its thread. */
struct acceptor *acceptor_new(struct loop *loop, struct listening *listening);
/* Clients that have connected already: the loop takes them all, since closing the door on them would answer what they
 * have sent with a reset. On the loop's thread, before acceptor_free(). */
void acceptor_take_waiting(struct acceptor *acceptor);
/* Closes the sockets and the unfinished greetings. On the loop's thread. */
void acceptor_free(struct acceptor *acceptor);
void acceptor_tidy(struct acceptor *acceptor, struct instant now);
/* Lets clients in, if that is not so already. */
void acceptor_welcome(struct acceptor *acceptor);

/* Closes a connection that came too late; takes the arrival. */
void acceptor_turn_away(struct node *node, struct arrival *arrival);

#endif
