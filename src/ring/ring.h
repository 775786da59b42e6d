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

#include "base/limits.h"
#include "ring/membership.h"
#include "ring/slot.h"

/* Position of a member in a ring. In ring_new()'s, members are sorted by id; a ring_successor() leaves every member
 * where it was, and puts newcomers behind the last: so within one process a position always means the same member, and
 * those who went leave a gap. */
struct member_index {
    uint16_t value;
};

/* How far a move is: see membership.h. */
enum ring_phase {
    RING_REST,
    RING_GATHERING, /* as at rest; those who join are members already, so that all can reach them */
    RING_JOINT,     /* writes need a quorum of both placements, reads ask the old one */
    RING_COMMITTED, /* writes the same, reads ask the new one */
    RING_SETTLING,  /* as at rest, but those who were owners before may still hold what they held */
};

struct ring;

struct ring_options {
    uint32_t partition_count; /* Q */
    uint32_t replica_count; /* N at the birth of the cluster, 1 to LIMIT_REPLICAS; the log may have changed it since */
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
/* The same of a later version of the base's log, with the base's options and positions. */
enum ring_status ring_successor(const struct ring *base, const struct membership *log, struct ring **ret_ring);
const char *ring_status_text(enum ring_status status);

/* Snapshots are counted atomically. */
struct ring *ring_retain(struct ring *ring);
void ring_free(struct ring *ring); /* drops one reference */

/* The log's greatest Lamport time. */
uint64_t ring_version(const struct ring *ring);
enum ring_phase ring_phase(const struct ring *ring);

/* Positions, gaps included: all indexes are below it. */
size_t ring_member_count(const struct ring *ring);
/* Members without the gaps: those of the placement that reads ask, of the other one while there is a move, and those
 * who were in a placement before the last move ended, for they may still hold something. */
size_t ring_present_count(const struct ring *ring);
bool ring_is_present(const struct ring *ring, struct member_index member);
/* Present, but in no placement any more. */
bool ring_is_leaving(const struct ring *ring, struct member_index member);
/* Declared dead for good: nobody waits for it, and nothing it says counts. */
bool ring_is_excused(const struct ring *ring, struct member_index member);
/* Present, and not excused: fences and moves wait for it. */
bool ring_is_awaited(const struct ring *ring, struct member_index member);
/* In the placement that writes need beside the one that reads ask; false at rest. */
bool ring_is_in_other(const struct ring *ring, struct member_index member);
/* The versions of the last JOINT and the last COMMIT; 0: there was none. */
uint64_t ring_joint(const struct ring *ring);
uint64_t ring_committed(const struct ring *ring);
/* There ever was a move: only then can anybody hold what it is not to hold. */
bool ring_has_moved(const struct ring *ring);
/* A majority of these chooses the next entry: of those whom reads ask while there is no commit, of those whom they
 * asked before after it; excused ones left out. */
bool ring_is_voter(const struct ring *ring, struct member_index member);
/* Of a gap: the record that was last there. */
const struct member *ring_member(const struct ring *ring, struct member_index member);
/* False when no present member has this id. */
bool ring_find_member(const struct ring *ring, struct node_id id, struct member_index *ret_member);
/* Present members in the order of their ids. */
struct member_index ring_nth_by_id(const struct ring *ring, size_t nth);

uint32_t ring_partition_count(const struct ring *ring); /* Q */
uint32_t ring_replica_count(const struct ring *ring);   /* n = min(N, members of the placement that reads ask) */
uint32_t ring_configured_replica_count(const struct ring *ring);    /* N, of that placement */
struct ring_options ring_options_at_birth(const struct ring *ring); /* what any version of its log is folded with */
size_t ring_zone_count(const struct ring *ring);

struct partition ring_partition_of_key(const struct ring *ring, struct view key);

/* The preference list of a partition, for reads: owners are its first ring_replica_count() entries, fallbacks follow in
 * order. */
const struct member_index *ring_preference(const struct ring *ring, struct partition partition);
size_t ring_preference_length(const struct ring *ring);
bool ring_is_owner(const struct ring *ring, struct partition partition, struct member_index member);

/* The owners in the other placement, whom writes need too: `count` of them; 0 where they are the same, or nothing
 * moves. */
const struct member_index *ring_other_owners(const struct ring *ring, struct partition partition, uint32_t *ret_count);
/* An owner in either placement. */
bool ring_is_holder(const struct ring *ring, struct partition partition, struct member_index member);
/* Owners of both placements, each once: at most HOLDERS_MOST. Returns how many. */
enum { HOLDERS_MOST = 2 * LIMIT_REPLICAS };
uint32_t ring_holders(const struct ring *ring, struct partition partition, struct member_index *ret_holders);

/* The placement mark of a partition: the version that last changed its owners, in either placement. Frames carry
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
