/* Where a key lies and who holds it, as GRAMME.EXPLAIN and `gramme key explain` tell it. */
#ifndef GRAMME_CORE_PLACEMENT_H
#define GRAMME_CORE_PLACEMENT_H

#include "base/identity.h"
#include "base/limits.h"
#include "base/view.h"

struct placement_replica {
    struct node_id node;
    struct view address; /* for clients; borrowed from the ring */
    bool is_owner;       /* else a fallback */
    bool is_reachable;
};

struct placement {
    struct slot slot;
    struct partition partition;
    uint64_t mark;
    uint8_t read_quorum;
    uint8_t write_quorum;
    size_t replica_count;
    struct placement_replica replicas[LIMIT_REPLICAS]; /* in preference order */
};

#endif
