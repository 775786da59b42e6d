/* The acceptor: listens for clients and peers on the first loop and hands connections to the loops. Clients go to the
 * shards in turn. A peer says in its first bytes which shard it wants; until it has, it holds one of GREETINGS_MOST
 * places, for GREETING_LIMIT_MS at most, and the oldest gives way to the newest: strangers who say nothing can't keep
 * peers out. */
#ifndef GRAMME_SERVER_ACCEPTOR_H
#define GRAMME_SERVER_ACCEPTOR_H

#include "server/loop.h"

enum { LISTENERS_MOST = 8, GREETINGS_MOST = 128, GREETING_LIMIT_MS = 2000, GREETING_BYTES_MOST = 512 };

struct listening {
    struct {
        int descriptor;
        bool is_peer;
    } sockets[LISTENERS_MOST];
    size_t count;
};

/* Binds to all addresses that the name has, adds their sockets. False, with a reason logged, when one can't be had. */
bool listening_add(struct listening *listening, const char *address, bool is_peer);
void listening_close(struct listening *listening);

/* Takes the sockets. Before the loop starts, or on its thread. */
struct acceptor *acceptor_new(struct loop *loop, struct listening *listening);
/* Closes the sockets and the unfinished greetings. On the loop's thread. */
void acceptor_free(struct acceptor *acceptor);
void acceptor_tidy(struct acceptor *acceptor, struct instant now);

/* Closes a connection that came too late; takes the arrival. */
void acceptor_turn_away(struct node *node, struct arrival *arrival);

#endif
