/* Dials: connections to peers on their way. Each ends in exactly one shard_link_connected() or shard_link_closed(), or
 * in silence when the shard takes it back.
 *
 *      WANTED --(name)--> RESOLVING --> CONNECTING --> connected
 *        |                    |          |  ^   |
 *        +--(address)---------|----------+  +---+ next address of the name
 *                             |             |
 *                             +-------------+------> failed, also when it took DIAL_LIMIT_MS */
#ifndef GRAMME_SERVER_DIAL_H
#define GRAMME_SERVER_DIAL_H

#include "server/loop.h"

enum { DIAL_LIMIT_MS = 2000 };

void dials_init(struct loop *loop);
/* After the loop ran to its end. */
void dials_release(struct loop *loop);

/* May be called within a step of the shard: nothing happens before the turn. */
void dial_want(struct loop *loop, struct link *link, const char *address);
/* The shard wants the link no longer; does nothing when there is no such dial. */
void dial_cancel(struct loop *loop, struct link *link);

/* In the turn: starts what is wanted. */
void dials_start(struct loop *loop);
/* Every so often: fails those that take too long. */
void dials_expire(struct loop *loop);
void dials_cancel_all(struct loop *loop);

#endif
