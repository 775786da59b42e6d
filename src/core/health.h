/* What has to be well before another node may be stopped, of one shard: figures that its node adds up. */
#ifndef GRAMME_CORE_HEALTH_H
#define GRAMME_CORE_HEALTH_H

#include <stdint.h>

struct shard;

struct shard_health {
    uint32_t members_missing; /* out of reach, or leaving */
    uint32_t uninformed;      /* partitions owned here that may lack data */
    uint32_t trees_in_doubt;
    uint32_t owned;           /* partitions, and */
    uint32_t met;             /* those that exchange found equal to every other owner's since the start */
    uint32_t hints_uncounted; /* partitions that may hold hints from before the start */
    uint64_t hints_held;
    uint32_t requests; /* under way */
};

struct shard_health shard_health(const struct shard *shard);

#endif
