/* The fold behind the ring: who first-owns each partition, and since when each has its owners, while the events of a
 * membership log are applied one after the other. Internal to this layer; ring.h is what others see.
 *
 * Members sit on seats, small numbers that are reused when a member leaves. Three goals, in this order, choose a
 * partition for a member: no node twice within the N-1 partitions around it; no zone twice within the zones that a list
 * of owners can have; and every pair of members equally often close to each other, so that the load of a node that dies
 * falls on many. The walk over the ring (walk.h) skips what the first two goals could not get, so they are a matter of
 * balance, not of correctness.
 *
 * Source: Dynamo (SOSP 2007) section 6.2, strategy 3. */
#ifndef GRAMME_RING_PLACEMENT_H
#define GRAMME_RING_PLACEMENT_H

#include "ring/membership.h"

#include <stddef.h>

enum { SEAT_NONE = UINT16_MAX };

struct seat {
    struct member member;
    bool taken;
    uint16_t name;    /* the fold's number of this member, plus one; 0: not given yet */
    uint16_t zone;    /* number of the zone; members with the same zone text share it */
    uint32_t owned;   /* partitions first-owned now */
    uint32_t target;  /* and when the step at hand is over */
    uint32_t inverse; /* of the weight, scaled: pairs of heavy members may be more frequent */
};

struct placement {
    uint32_t partition_count;
    uint32_t replica_count; /* N, whether or not there are so many members */
    size_t seat_count;
    size_t member_count;
    struct seat *seats;
    uint16_t *by_id;        /* taken seats, sorted by the id of their member */
    uint32_t *zone_members; /* members in each zone */
    size_t zone_count;      /* zones that have members */
    uint16_t *owners;       /* first owner of each partition: a seat, or SEAT_NONE within a step */
    uint32_t *pairs;        /* [a * seat_count + b]: how often a and b are less than N apart */
    uint64_t steps;         /* events applied: the only seed of the choices between equals */
};

void placement_init(struct placement *placement, uint32_t partition_count, uint32_t replica_count, size_t seat_count);
void placement_release(struct placement *placement);
void placement_copy(struct placement *to, const struct placement *from); /* `to` is uninitialised */
void placement_grow(struct placement *placement, size_t seat_count);

/* One JOIN, LEAVE, WEIGHT or REPLICAS; other kinds do nothing. Another N changes no first owner: a list gets one more
 * or one less of those that the walk meets. A join of a member that is there replaces its record; one that
 * replaces a member takes its seat, with all that it first-owns; a leave or a weight of one that isn't does nothing.
 * False when a newcomer finds no seat. */
bool placement_apply(struct placement *placement, const struct membership_event *event);

#endif
