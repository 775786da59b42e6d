/* The failure detector's place in a shard: shard 0 runs it, over its small lanes to shard 0 of the peers, and mails the
 * verdicts to the node's other shards, which only show them. */
#ifndef GRAMME_CORE_DETECTION_H
#define GRAMME_CORE_DETECTION_H

#include "core/detector.h"
#include "core/lane.h"

struct member_verdict {
    enum verdict verdict;
    struct instant since;
    struct instant heard; /* 0 ns: never */
    uint64_t incarnation;
};

struct detection {
    struct detector detector;     /* shard 0 */
    struct member_verdict *shown; /* other shards: as last mailed */
    uint32_t shown_health;
    struct instant mailed;
};

void detection_init(struct shard *shard);
void detection_adopt(struct shard *shard);
void detection_beat(struct shard *shard);
void detection_heard(struct shard *shard, struct member_index from);
void detection_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
struct member_verdict detection_verdict(const struct shard *shard, struct member_index member);
uint32_t detection_health(const struct shard *shard);

#endif
