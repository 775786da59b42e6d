/* The router: takes an operation to the one place that coordinates it, and its result back. Any node takes any request;
 * a node that owns no replica of the key forwards once (Dynamo, section 6.4, with the ring known to servers and
 * clients).
 *
 *      session's shard --mail--> partition's shard --+-- owner: coordinate here
 *                                                    +-- not an owner: link to the best owner in reach (`hopped`)
 *
 * An operation on its way elsewhere is a relay. When its target goes out of reach or is slow, a read goes to another
 * owner at once. A plain SET may go to another owner too, but not before the first try can have no more effect: a SET
 * that waited in a stopped process and then came alive would replace what was written, and answered, since. So each try
 * of a SET is good for RELAY_TRY_MS only: its coordinator stamps nothing after that (it still answers for what it
 * stamped), and does not begin what is older on arrival (ages are told by the sender's monotonic clock); and the next
 * try waits RELAY_TRY_MARGIN_MS more. Any other write ends in doubt: it may have landed. */
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
    bool is_relay;        /* a relay of this shard, which stands in where no owner could be asked */
    struct source source; /* neither */
    uint64_t token;       /* the front's token, the relay's id, or the source's request id */
};

struct router {
    struct map relays; /* by request id */
    struct map writes; /* forwarded writes by hash of key: the one under way, others wait behind it in order */
    struct list active;
    struct list ready; /* relays that lead the writes of their key now, and are to be sent */
    bool is_sending;
    struct pool relay_pool;
    uint64_t forwarded, retried, in_doubt;
};

enum {
    RELAY_PATIENCE_MS = 150,   /* before a read is tried at another owner too */
    RELAY_TRY_MS = 250,        /* a plain SET that is forwarded is good for so long at one coordinator */
    RELAY_TRY_MARGIN_MS = 100, /* error of the age that the coordinator sees */
};

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
