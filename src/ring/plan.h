/* A plan: what changes between two rings of one cluster, told before anything is done. Whose partitions move, how many
 * replicas are copied and how many that could have been, what cannot be had with these members, and how even it gets.
 *
 * Members are told apart by node id alone. "First-owned" counts the partitions whose list a member heads, "replicas"
 * those where it is among the owners. */
#ifndef GRAMME_RING_PLAN_H
#define GRAMME_RING_PLAN_H

#include "ring/ring.h"

/* What keeps the owners of a partition from being N nodes in N zones. */
enum plan_problem {
    PLAN_FEW_MEMBERS,  /* fewer than N distinct nodes: there are fewer than N members */
    PLAN_FEW_ZONES,    /* two owners in one zone: there are fewer than N zones */
    PLAN_ZONES_MISSED, /* fewer than min(N, zones) distinct zones, or a node twice: the ring broke its word */
};

enum { PLAN_PROBLEM_COUNT = PLAN_ZONES_MISSED + 1 };

/* A member's part in one of the two rings; all zero where it is no member. */
struct plan_part {
    bool present;
    uint32_t weight;
    uint32_t share_ppm; /* its weight of the whole weight, in millionths, rounded to the nearest */
    uint32_t first_owned;
    uint32_t replicas;
};

struct plan_member {
    struct member record; /* as in the ring after; of one that leaves, as before */
    struct plan_part before;
    struct plan_part after;
    uint32_t first_owned_gained; /* partitions */
    uint32_t first_owned_lost;
    uint32_t replicas_gained; /* copied to it */
    uint32_t replicas_lost;   /* deleted from it, once they are elsewhere */
    uint64_t bytes_gained;    /* 0 where sizes aren't known */
    uint64_t bytes_lost;
};

/* `count` partitions on a member of that weight. */
struct plan_load {
    uint32_t count;
    uint32_t weight;
    uint16_t member; /* its place in the plan */
};

/* The members with the least and the most per unit of weight. */
struct plan_spread {
    struct plan_load least;
    struct plan_load most;
};

/* One of the two rings as a whole. */
struct plan_cluster {
    size_t member_count;
    size_t zone_count;
    uint32_t replica_count;   /* n = min(N, members) */
    uint32_t replicas_wanted; /* N */
    uint64_t weight;
    uint32_t problems[PLAN_PROBLEM_COUNT]; /* partitions that have each */
    struct plan_spread first_owned;
    struct plan_spread replicas;
};

/* One replica that comes to a member or leaves it. */
struct plan_move {
    struct partition partition;
    uint16_t member; /* its place in the plan */
    bool gained;
};

struct plan {
    uint32_t partition_count;
    struct plan_cluster before;
    struct plan_cluster after;
    struct plan_member *members; /* of either ring, sorted by id */
    size_t member_count;
    struct plan_move *moves; /* by partition; what is gained before what is lost; by id */
    size_t move_count;

    uint32_t first_owned_moved; /* partitions with another first owner */
    uint32_t replicas_moved;    /* copies: (partition, owner) pairs that are new */
    uint32_t replicas_dropped;  /* pairs that are no more */
    /* What no placement can do without: of first owners, one that gives each member the floor or the ceiling of its
     * share; of replicas, one that leaves each member as many as this plan does. */
    uint32_t first_owned_least;
    uint32_t replicas_least;
    bool bytes_known;
    uint64_t bytes_moved;
};

enum plan_status {
    PLAN_OK,
    PLAN_OTHER_PARTITIONS, /* the rings have different Q: they are not of one cluster */
};

/* `partition_bytes`: the estimated size of one replica of each of the Q partitions, or NULL. The plan keeps nothing of
 * what it was given; *ret_plan is untouched on failure. */
enum plan_status plan_new(const struct ring *before, const struct ring *after, const uint64_t *partition_bytes,
                          struct plan **ret_plan);
void plan_free(struct plan *plan);

/* NULL when neither ring has a member of this id. */
const struct plan_member *plan_find(const struct plan *plan, struct node_id id);
/* True when nothing moves, no member comes, goes or changes its weight, and N stays. */
bool plan_is_empty(const struct plan *plan);
/* The end of a sentence: "N partitions ...". */
const char *plan_problem_text(enum plan_problem problem);
/* <0, 0, >0, by count per unit of weight. */
int plan_load_compare(struct plan_load a, struct plan_load b);

#endif
