/* The router: takes an operation to the one place that coordinates it, and its result back. Any node takes any request;
 * a node that owns no replica of the key forwards once (Dynamo, section 6.4, with the ring known to servers and
 * clients).
 *
 *      session's shard --mail--> partition's shard --+-- owner: coordinate here
 *                                                    +-- not an owner: link to the best owner in reach (`hopped`)
 *
 * An operation on its way elsewhere is a relay. When its target goes out of reach or is slow, a relay that may be done
 * twice without harm (reads, a plain SET) goes to another owner; any other ends in doubt: it may have landed. */
#ifndef GRAMME_CORE_ROUTER_H
#define GRAMME_CORE_ROUTER_H

#include "base/blobs.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "core/lane.h"

/* Who asked, and so who gets the result. */
struct origin {
    bool is_front;
    struct source source; /* not the front */
    uint64_t token;       /* the front's token, or the source's request id */
};

struct router {
    struct map relays; /* by request id */
    struct list active;
    struct pool relay_pool;
    uint64_t forwarded, retried, in_doubt;
};

enum { RELAY_PATIENCE_MS = 250 }; /* before a relay that may be done twice is tried at another owner */

void router_init(struct shard *shard);
void router_release(struct shard *shard);

/* `hopped`: it came over a link and may not go over another. */
void router_route(struct shard *shard, const struct operation *operation, const struct origin *origin, bool hopped);

/* Hands a result to whoever asked. */
void origin_answer(struct shard *shard, const struct origin *origin, const struct result *result);
void origin_answer_outcome(struct shard *shard, const struct origin *origin, enum outcome outcome, const char *detail);

void router_on_operation(struct shard *shard, const struct source *source, struct view body);
void router_on_result(struct shard *shard, const struct source *source, struct view body);
void router_peer_lost(struct shard *shard, struct member_index member);
void router_on_alarm(struct shard *shard, struct alarm *alarm);

#endif
