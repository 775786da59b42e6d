/* PUBLISH across the cluster: what a client publishes at any node reaches those who listen at any other.
 *
 *      session's shard --mail--> first shard of its node --links--> first shards of all others --mail--> their shards
 *             |                         |                                    |                             |
 *          listeners                listeners + mail to its shards       listeners                     listeners
 *
 * It is told once, to those whose links are up and take it in, and kept nowhere: at most once, as in Redis. What one
 * connection publishes comes in its order to each that listens. */
#ifndef GRAMME_CORE_PUBLISH_H
#define GRAMME_CORE_PUBLISH_H

#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct shard;
struct source;

enum { PUBLISH_OUTPUT_MOST = 32 * 1024 * 1024 }; /* waiting to be sent to one member: beyond it messages are dropped */

struct publish {
    uint64_t spread;  /* from sessions of this shard */
    uint64_t dropped; /* first shards: once for each member that was not told */
};

/* The front's: what listens at this shard has been told already. */
void publish_spread(void *shard, bool is_sharded, struct view channel, struct view payload);
/* MESSAGE_PUBLISH and MESSAGE_PUBLISHED. */
void publish_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);

#endif
