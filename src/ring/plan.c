#include "ring/plan.h"

#include "ring/memory.h"

#include "base/limits.h"

enum { NOBODY = UINT16_MAX };

/* One of the two rings while the plan is made. */
struct side {
    const struct ring *ring;
    struct plan_cluster *cluster;
    uint16_t *places; /* by member index: the member's place in the plan */
};

/* What the owners of the partition at hand are in the two rings, by place in the plan. */
struct owners {
    uint16_t before[LIMIT_REPLICAS];
    uint16_t after[LIMIT_REPLICAS];
    uint32_t before_count;
    uint32_t after_count;
};

static uint32_t least(uint32_t a, size_t b) {
    return b < a ? (uint32_t)b : a;
}

/* --- Members ---------------------------------------------------------------------------------------------------- */

/* Every member of the placement that reads ask stands in every preference list, so one of them names all, however they
 * are numbered. Who is present beside them comes or goes: it has no part in that placement. */
static const struct member_index *all_members(const struct ring *ring) {
    return ring_preference(ring, (struct partition){0});
}

static bool is_placed(const struct ring *ring, struct node_id id) {
    bool is = false;
    for (size_t i = 0; i < ring_preference_length(ring); i++) {
        is = is || node_id_equal(ring_member(ring, all_members(ring)[i])->id, id);
    }
    return is;
}

static int compare_members(const void *left, const void *right) {
    const struct plan_member *a = left;
    const struct plan_member *b = right;
    return node_id_compare(a->record.id, b->record.id);
}

static void add_members(struct plan *plan, const struct ring *ring, const struct ring *but_of) {
    for (size_t i = 0; i < ring_preference_length(ring); i++) {
        const struct member *member = ring_member(ring, all_members(ring)[i]);
        if (but_of == NULL || !is_placed(but_of, member->id)) {
            plan->members[plan->member_count++].record = *member;
        }
    }
}

static uint16_t place_of(const struct plan *plan, struct node_id id) {
    size_t low = 0;
    size_t high = plan->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = node_id_compare(plan->members[middle].record.id, id);
        if (order == 0) {
            return (uint16_t)middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NOBODY;
}

static struct plan_part *part_of(struct plan_member *member, bool after) {
    return after ? &member->after : &member->before;
}

static void side_init(struct side *side, struct plan *plan, const struct ring *ring, bool after) {
    const struct member_index *all = all_members(ring);
    size_t count = ring_preference_length(ring);
    uint16_t last = 0;
    for (size_t i = 0; i < count; i++) {
        last = all[i].value > last ? all[i].value : last;
    }
    *side = (struct side){ring, after ? &plan->after : &plan->before, ZEROED(uint16_t, (size_t)last + 1)};
    for (size_t i = 0; i < count; i++) {
        side->cluster->weight += ring_member(ring, all[i])->weight;
    }
    for (size_t i = 0; i < count; i++) {
        const struct member *member = ring_member(ring, all[i]);
        uint16_t place = place_of(plan, member->id);
        uint64_t share = ((uint64_t)member->weight * 2000000 + side->cluster->weight) / (2 * side->cluster->weight);
        side->places[all[i].value] = place;
        *part_of(&plan->members[place], after) =
            (struct plan_part){.present = true, .weight = member->weight, .share_ppm = (uint32_t)share};
    }
    side->cluster->member_count = count;
    side->cluster->zone_count = ring_zone_count(ring);
    side->cluster->replica_count = ring_replica_count(ring);
    side->cluster->replicas_wanted = ring_configured_replica_count(ring);
}

/* --- Problems --------------------------------------------------------------------------------------------------- */

/* The first `count` of the list: distinct nodes, and distinct zones. */
static void count_distinct(const struct ring *ring, const struct member_index *list, uint32_t count,
                           uint32_t *ret_nodes, uint32_t *ret_zones) {
    *ret_nodes = 0;
    *ret_zones = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool node_seen = false;
        bool zone_seen = false;
        for (uint32_t j = 0; j < i; j++) {
            node_seen = node_seen || member_index_equal(list[i], list[j]);
            zone_seen = zone_seen || strcmp(ring_member(ring, list[i])->zone, ring_member(ring, list[j])->zone) == 0;
        }
        *ret_nodes += !node_seen;
        *ret_zones += !zone_seen;
    }
}

static void note_problems(const struct side *side, struct partition partition) {
    uint32_t wanted = ring_configured_replica_count(side->ring);
    uint32_t count = ring_replica_count(side->ring);
    uint32_t nodes;
    uint32_t zones;
    count_distinct(side->ring, ring_preference(side->ring, partition), count, &nodes, &zones);
    uint32_t *problems = side->cluster->problems;
    problems[PLAN_FEW_MEMBERS] += nodes < wanted && side->cluster->member_count < wanted;
    problems[PLAN_FEW_ZONES] += zones < nodes && side->cluster->zone_count < wanted;
    problems[PLAN_ZONES_MISSED] += zones < least(wanted, side->cluster->zone_count) || nodes < count;
}

/* --- Moves ------------------------------------------------------------------------------------------------------ */

static uint32_t list_owners(const struct side *side, struct partition partition, uint16_t places[LIMIT_REPLICAS]) {
    const struct member_index *list = ring_preference(side->ring, partition);
    uint32_t count = ring_replica_count(side->ring);
    for (uint32_t i = 0; i < count; i++) {
        places[i] = side->places[list[i].value];
    }
    return count;
}

static void count_owners(struct plan *plan, const struct owners *owners) {
    plan->members[owners->before[0]].before.first_owned++;
    plan->members[owners->after[0]].after.first_owned++;
    for (uint32_t i = 0; i < owners->before_count; i++) {
        plan->members[owners->before[i]].before.replicas++;
    }
    for (uint32_t i = 0; i < owners->after_count; i++) {
        plan->members[owners->after[i]].after.replicas++;
    }
}

/* What is in `places` and not in `others`, sorted. */
static uint32_t difference(const uint16_t *places, uint32_t count, const uint16_t *others, uint32_t other_count,
                           uint16_t ret_places[LIMIT_REPLICAS]) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = 0;
        while (j < other_count && others[j] != places[i]) {
            j++;
        }
        if (j < other_count) {
            continue;
        }
        uint32_t at = found++;
        for (; at > 0 && ret_places[at - 1] > places[i]; at--) {
            ret_places[at] = ret_places[at - 1];
        }
        ret_places[at] = places[i];
    }
    return found;
}

static void add_move(struct plan *plan, struct partition partition, uint16_t place, bool gained, uint64_t bytes) {
    struct plan_member *member = &plan->members[place];
    plan->moves[plan->move_count++] = (struct plan_move){partition, place, gained};
    if (gained) {
        member->replicas_gained++;
        member->bytes_gained += bytes;
        plan->replicas_moved++;
        plan->bytes_moved += bytes;
    } else {
        member->replicas_lost++;
        member->bytes_lost += bytes;
        plan->replicas_dropped++;
    }
}

static void compare_owners(struct plan *plan, struct partition partition, const struct owners *owners, uint64_t bytes) {
    uint16_t places[LIMIT_REPLICAS];
    uint32_t count = difference(owners->after, owners->after_count, owners->before, owners->before_count, places);
    for (uint32_t i = 0; i < count; i++) {
        add_move(plan, partition, places[i], true, bytes);
    }
    count = difference(owners->before, owners->before_count, owners->after, owners->after_count, places);
    for (uint32_t i = 0; i < count; i++) {
        add_move(plan, partition, places[i], false, bytes);
    }
    if (owners->before[0] != owners->after[0]) {
        plan->members[owners->before[0]].first_owned_lost++;
        plan->members[owners->after[0]].first_owned_gained++;
        plan->first_owned_moved++;
    }
}

/* Owners that must be found anew because those before are no members any more, or are fewer than wanted now. */
static uint32_t count_forced(const struct plan *plan, const struct owners *owners) {
    uint32_t stay = 0;
    for (uint32_t i = 0; i < owners->before_count; i++) {
        stay += plan->members[owners->before[i]].after.present;
    }
    return stay < owners->after_count ? owners->after_count - stay : 0;
}

static void walk_partitions(struct plan *plan, const struct side *before, const struct side *after,
                            const uint64_t *partition_bytes) {
    uint32_t forced = 0;
    for (uint32_t i = 0; i < plan->partition_count; i++) {
        struct partition partition = {(uint16_t)i};
        struct owners owners;
        owners.before_count = list_owners(before, partition, owners.before);
        owners.after_count = list_owners(after, partition, owners.after);
        count_owners(plan, &owners);
        compare_owners(plan, partition, &owners, partition_bytes == NULL ? 0 : partition_bytes[i]);
        forced += count_forced(plan, &owners);
        note_problems(before, partition);
        note_problems(after, partition);
    }
    plan->replicas_least = forced;
}

/* --- The least -------------------------------------------------------------------------------------------------- */

/* Of first owners: some members lack at least so many, others have at least so many too many, and each partition that
 * moves mends one of each. So the greater of the two sums is needed, and it suffices: what the lesser side is short of,
 * rounding up or down within the shares makes good. Of replicas: each member's growth must be copied to it. */
static void find_least(struct plan *plan) {
    uint64_t weight = plan->after.weight;
    uint32_t lacking = 0;
    uint32_t surplus = 0;
    uint32_t growth = 0;
    for (size_t i = 0; i < plan->member_count; i++) {
        const struct plan_member *member = &plan->members[i];
        uint64_t scaled = (uint64_t)plan->partition_count * member->after.weight;
        uint32_t floor = (uint32_t)(scaled / weight);
        uint32_t ceiling = (uint32_t)((scaled + weight - 1) / weight);
        uint32_t had = member->before.first_owned;
        lacking += had < floor ? floor - had : 0;
        surplus += had > ceiling ? had - ceiling : 0;
        growth +=
            member->after.replicas > member->before.replicas ? member->after.replicas - member->before.replicas : 0;
    }
    plan->first_owned_least = lacking > surplus ? lacking : surplus;
    plan->replicas_least = growth > plan->replicas_least ? growth : plan->replicas_least;
}

/* --- Balance ---------------------------------------------------------------------------------------------------- */

int plan_load_compare(struct plan_load a, struct plan_load b) {
    uint64_t left = (uint64_t)a.count * b.weight;
    uint64_t right = (uint64_t)b.count * a.weight;
    return (left > right) - (left < right);
}

static void spread_offer(struct plan_spread *spread, struct plan_load load) {
    bool first = spread->least.weight == 0;
    if (first || plan_load_compare(load, spread->least) < 0) {
        spread->least = load;
    }
    if (first || plan_load_compare(load, spread->most) > 0) {
        spread->most = load;
    }
}

static void find_spread(struct plan *plan, bool after) {
    struct plan_cluster *cluster = after ? &plan->after : &plan->before;
    for (size_t i = 0; i < plan->member_count; i++) {
        const struct plan_part *part = part_of(&plan->members[i], after);
        if (part->present) {
            uint16_t place = (uint16_t)i;
            spread_offer(&cluster->first_owned, (struct plan_load){part->first_owned, part->weight, place});
            spread_offer(&cluster->replicas, (struct plan_load){part->replicas, part->weight, place});
        }
    }
}

/* --- The plan --------------------------------------------------------------------------------------------------- */

enum plan_status plan_new(const struct ring *before, const struct ring *after, const uint64_t *partition_bytes,
                          struct plan **ret_plan) {
    uint32_t partitions = ring_partition_count(after);
    if (ring_partition_count(before) != partitions) {
        return PLAN_OTHER_PARTITIONS;
    }
    struct plan *plan = ZEROED(struct plan, 1);
    plan->partition_count = partitions;
    plan->bytes_known = partition_bytes != NULL;
    plan->members = ZEROED(struct plan_member, ring_preference_length(before) + ring_preference_length(after));
    add_members(plan, after, NULL);
    add_members(plan, before, after);
    qsort(plan->members, plan->member_count, sizeof(*plan->members), compare_members);
    ENSURE(plan->member_count < NOBODY);
    plan->moves =
        ZEROED(struct plan_move, (size_t)partitions * (ring_replica_count(before) + ring_replica_count(after)));

    struct side old;
    struct side new;
    side_init(&old, plan, before, false);
    side_init(&new, plan, after, true);
    walk_partitions(plan, &old, &new, partition_bytes);
    find_least(plan);
    find_spread(plan, false);
    find_spread(plan, true);
    ENSURE(plan->first_owned_moved >= plan->first_owned_least && plan->replicas_moved >= plan->replicas_least);
    free(old.places);
    free(new.places);
    *ret_plan = plan;
    return PLAN_OK;
}

void plan_free(struct plan *plan) {
    if (plan != NULL) {
        free(plan->members);
        free(plan->moves);
        free(plan);
    }
}

const struct plan_member *plan_find(const struct plan *plan, struct node_id id) {
    uint16_t place = place_of(plan, id);
    return place == NOBODY ? NULL : &plan->members[place];
}

bool plan_is_empty(const struct plan *plan) {
    for (size_t i = 0; i < plan->member_count; i++) {
        const struct plan_member *member = &plan->members[i];
        if (member->before.present != member->after.present || member->before.weight != member->after.weight) {
            return false;
        }
    }
    return plan->move_count == 0 && plan->first_owned_moved == 0 &&
           plan->before.replicas_wanted == plan->after.replicas_wanted;
}

const char *plan_problem_text(enum plan_problem problem) {
    switch (problem) {
    case PLAN_FEW_MEMBERS:
        return "have fewer than N replicas: there are fewer than N members";
    case PLAN_FEW_ZONES:
        return "have two replicas in one zone: there are fewer than N zones";
    case PLAN_ZONES_MISSED:
        return "have fewer zones or nodes than the members allow: this is a bug";
    }
    return "unknown";
}
