/* The ring: an immutable snapshot, folded from a membership log, that says who owns which partition.
 *
 * The fold is a deterministic steal/give step per event: a join takes partitions from those that have the most above
 * their share, a leave gives its own to those furthest below. Properties (tested over random histories):
 *   1. the same log gives the same ring;
 *   2. every preference list names distinct nodes, and min(N, zones) distinct zones among its first N, wrap included;
 *   3. first-owned partitions per unit of weight differ by at most one between nodes (floor/ceiling of the share);
 *   4. one join or leave moves about Q/S first-owned partitions, never more than the newcomer's (leaver's) share
 *      plus what balance needs.
 * Source: Dynamo (SOSP 2007) sections 4.2, 4.3, 6.2 (strategy 3); Redis Cluster specification for slots. */
#ifndef GRAMME_RING_RING_H
#define GRAMME_RING_RING_H

#include "ring/membership.h"
#include "ring/slot.h"

/* Position of a member in its ring snapshot: members are sorted by id. Not stable across snapshots. */
struct member_index {
    uint16_t value;
};

struct ring;

struct ring_options {
    uint32_t partition_count; /* Q */
    uint32_t replica_count;   /* N, 1 to LIMIT_REPLICAS */
};

enum ring_status {
    RING_OK,
    RING_NO_MEMBERS,
    RING_BAD_OPTIONS,
    RING_TOO_MANY_MEMBERS,
    RING_DUPLICATE_ADDRESS,
};

/* Folds the log into a new snapshot with one reference; *ret_ring is untouched on failure. */
enum ring_status ring_new(const struct membership *log, struct ring_options options, struct ring **ret_ring);
const char *ring_status_text(enum ring_status status);

/* Snapshots are shared by the shards of a node and counted atomically. */
struct ring *ring_retain(struct ring *ring);
void ring_free(struct ring *ring); /* drops one reference */

size_t ring_member_count(const struct ring *ring);
const struct member *ring_member(const struct ring *ring, struct member_index member);
/* False when no member has this id. */
bool ring_find_member(const struct ring *ring, struct node_id id, struct member_index *ret_member);

uint32_t ring_partition_count(const struct ring *ring);          /* Q */
uint32_t ring_replica_count(const struct ring *ring);            /* n = min(N, members) */
uint32_t ring_configured_replica_count(const struct ring *ring); /* N */
size_t ring_zone_count(const struct ring *ring);

struct partition ring_partition_of_key(const struct ring *ring, struct view key);

/* The preference list of a partition: owners are its first ring_replica_count() entries, fallbacks follow in order. Its
 * length is ring_member_count(). */
const struct member_index *ring_preference(const struct ring *ring, struct partition partition);
bool ring_is_owner(const struct ring *ring, struct partition partition, struct member_index member);

/* The placement mark of a partition: the Lamport time of the last event that changed its list of owners. Frames carry
 * it, so an event elsewhere on the ring makes nobody stale. */
uint64_t ring_placement_mark(const struct ring *ring, struct partition partition);

/* Digest of the log it was folded from, addresses aside, with its options: equal digests, the same owners everywhere.
 */
struct digest ring_digest(const struct ring *ring);

uint32_t ring_first_owned_count(const struct ring *ring, struct member_index member);
uint32_t ring_replica_owned_count(const struct ring *ring, struct member_index member);

/* Partitions that have fewer distinct zones among their owners than min(N, zones): loud in a plan, zero when all is
 * well. */
uint32_t ring_zone_violation_count(const struct ring *ring);

static inline bool member_index_equal(struct member_index a, struct member_index b) {
    return a.value == b.value;
}

#endif
