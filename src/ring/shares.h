/* How many partitions each member should first-own: the floor or the ceiling of its share by weight, whichever moves
 * fewer partitions. Internal to this layer. */
#ifndef GRAMME_RING_SHARES_H
#define GRAMME_RING_SHARES_H

#include "ring/placement.h"

/* Sets the target of every taken seat. `subject` is the seat that the event is about, or SEAT_NONE: of members that
 * would gain a partition by rounding it is the first choice, since it moves partitions anyway. */
void shares_set_targets(struct placement *placement, uint16_t subject);

#endif
