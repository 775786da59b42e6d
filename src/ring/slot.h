/* From a key to its place on the ring: CRC16/XMODEM of the key, or of its {hashtag}, modulo 16384 slots, as in the
 * Redis Cluster specification; a partition is a contiguous block of 16384/Q slots (Dynamo, section 6.2, strategy 3). */
#ifndef GRAMME_RING_SLOT_H
#define GRAMME_RING_SLOT_H

#include "base/identity.h"
#include "base/view.h"

/* The text between the first '{' and the first '}' after it is hashed alone, unless it is empty. */
struct slot slot_of_key(struct view key);

/* partition_count: Q, a power of two between PARTITION_COUNT_LEAST and PARTITION_COUNT_MOST. */
struct partition partition_of_slot(struct slot slot, uint32_t partition_count);
struct slot partition_first_slot(struct partition partition, uint32_t partition_count);
struct slot partition_last_slot(struct partition partition, uint32_t partition_count);

#endif
