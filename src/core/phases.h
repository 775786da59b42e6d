/* Where the time of a slow request went, as text for SLOWLOG: "queued 120 store 900 10.0.0.2:17002 1500 10.0.0.3:17003
 * -", names and microseconds, of its last phase (reading, or storing). `queued`: behind other requests on the key;
 * `store`: this node's own; then each other replica that was asked, by peer address, `-` for one that has not answered.
 */
#ifndef GRAMME_CORE_PHASES_H
#define GRAMME_CORE_PHASES_H

#include "core/coordinator.h"

/* In the shard's scratch memory; nothing when the request was not slow. */
struct view phases_of(struct shard *shard, const struct request *request);

#endif
