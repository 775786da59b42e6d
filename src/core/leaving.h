/* Leaving: a node that stops tells its peers, on every link, that it takes no more requests. From then on they count it
 * as out of reach for what is new, without waiting for its silence, and still take its answers, as it takes theirs.
 *
 *      stopping node                              peer
 *      LEAVING, PING  ------------------------->  nothing new is sent there: other owners, fallbacks
 *                     <---- earlier requests ---
 *                     <------------------ PONG -  all that it sent before it knew is here
 *      answers        ------------------------->
 *
 * The pong is that of any ping: a peer that does not know LEAVING sends it too. A node has left when it has every pong,
 * and owes nobody an answer. */
#ifndef GRAMME_CORE_LEAVING_H
#define GRAMME_CORE_LEAVING_H

#include "core/lane.h"

/* On a link that came up, or with all that are up when it begins. */
void leaving_tell(struct shard *shard, struct link *link);
void leaving_receive(struct shard *shard, const struct link *link);

#endif
