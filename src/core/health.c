#include "core/health.h"

#include "core/shard_state.h"

struct shard_health shard_health(const struct shard *shard) {
    const struct trees *trees = &shard->trees;
    return (struct shard_health){
        .members_missing = shard_awaited_members(shard) - shard_reachable_members(shard),
        .uninformed = replica_uninformed_count(shard),
        .trees_in_doubt = trees->count[TREE_IN_DOUBT],
        .owned = trees->owned,
        .met = exchange_met_count(shard),
        .hints_uncounted = shard->hints.uncounted,
        .hints_held = shard->hints.held,
        .requests = shard_requests_under_way(shard),
    };
}
