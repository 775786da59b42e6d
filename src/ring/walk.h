/* The walk over the ring that makes preference lists, for all partitions from the last to the first. Internal to this
 * layer.
 *
 * The members are kept in the order in which the walk from the present partition first meets them. One partition back,
 * that order changes in one place only: the partition's first owner comes to the front. So each list costs as many
 * steps as it has entries, however far away on the ring they are. Members that first-own nothing stay at the end, by
 * id. */
#ifndef GRAMME_RING_WALK_H
#define GRAMME_RING_WALK_H

#include "ring/placement.h"

struct walk {
    const struct placement *placement;
    uint32_t partition;  /* the present one */
    uint16_t *following; /* per seat, in the order of the walk; entry [seat_count] is the front, SEAT_NONE ends it */
    uint16_t *previous;
    uint64_t *taken; /* per seat and per zone: the number of the list that has it already */
    uint64_t *zone_taken;
    uint64_t list;
};

/* For a placement with at least one member that stands still while the walk lasts. */
void walk_init(struct walk *walk, const struct placement *placement);
void walk_release(struct walk *walk);

/* To the last partition, or from the present one to the one before it. False when that was the first. */
bool walk_back(struct walk *walk);

/* The first `limit` seats of the present partition's preference list, limit <= members: while there are zones that the
 * list has not, only the first member met of each; then the others as they were met. */
void walk_list(struct walk *walk, uint16_t *ret_seats, size_t limit);

#endif
