#include "ring/placement.h"

#include "ring/memory.h"
#include "ring/shares.h"

/* Weights of the three goals. A pair term is below 2^40 and there are at most twelve of them, so no sum of one goal
 * reaches the next. */
#define COST_SAME_NODE ((int64_t)1 << 56)
#define COST_SAME_ZONE ((int64_t)1 << 48)

enum { INVERSE_SCALE_BITS = 20, INVERSE_HALF_BITS = INVERSE_SCALE_BITS / 2 };

void placement_init(struct placement *placement, uint32_t partition_count, uint32_t replica_count, size_t seat_count) {
    ENSURE(seat_count < SEAT_NONE);
    *placement = (struct placement){.partition_count = partition_count,
                                    .replica_count = replica_count,
                                    .seat_count = seat_count,
                                    .seats = ZEROED(struct seat, seat_count),
                                    .by_id = ZEROED(uint16_t, seat_count),
                                    .zone_members = ZEROED(uint32_t, seat_count + 1),
                                    .owners = ZEROED(uint16_t, partition_count),
                                    .pairs = ZEROED(uint32_t, seat_count * seat_count)};
    for (uint32_t i = 0; i < partition_count; i++) {
        placement->owners[i] = SEAT_NONE;
    }
}

void placement_release(struct placement *placement) {
    free(placement->seats);
    free(placement->by_id);
    free(placement->zone_members);
    free(placement->owners);
    free(placement->pairs);
    *placement = (struct placement){0};
}

void placement_copy(struct placement *to, const struct placement *from) {
    *to = *from;
    size_t seats = from->seat_count;
    to->seats = COPY_OF(struct seat, from->seats, seats);
    to->by_id = COPY_OF(uint16_t, from->by_id, seats);
    to->zone_members = COPY_OF(uint32_t, from->zone_members, seats + 1);
    to->owners = COPY_OF(uint16_t, from->owners, from->partition_count);
    to->pairs = COPY_OF(uint32_t, from->pairs, seats * seats);
}

void placement_grow(struct placement *placement, size_t seat_count) {
    size_t before = placement->seat_count;
    ENSURE(seat_count >= before && seat_count < SEAT_NONE);
    if (seat_count == before) {
        return;
    }
    uint32_t *pairs = ZEROED(uint32_t, seat_count * seat_count);
    for (size_t i = 0; i < before; i++) {
        memcpy(&pairs[i * seat_count], &placement->pairs[i * before], before * sizeof(*pairs));
    }
    free(placement->pairs);
    placement->pairs = pairs;
    placement->seats = GROWN(struct seat, placement->seats, before, seat_count);
    placement->by_id = GROWN(uint16_t, placement->by_id, before, seat_count);
    placement->zone_members = GROWN(uint32_t, placement->zone_members, before + 1, seat_count + 1);
    placement->seat_count = seat_count;
}

/* splitmix64's finaliser: choices between equals must not follow the order of partitions, or every newcomer would have
 * the same neighbour. */
static uint64_t scramble(uint64_t value) {
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t draw(const struct placement *placement, uint64_t of) {
    return scramble(scramble(placement->steps) ^ of);
}

/* The partition `distance` after (before, when negative) this one, around the ring. */
static uint32_t partition_at(const struct placement *placement, uint32_t partition, int32_t distance) {
    return (partition + placement->partition_count + (uint32_t)distance) & (placement->partition_count - 1);
}

static uint32_t *pair_count(const struct placement *placement, uint16_t a, uint16_t b) {
    return &placement->pairs[(size_t)a * placement->seat_count + b];
}

/* What `seat` costs at `partition` beside those around it. The sum of squared pair counts is least when all pairs are
 * equally frequent; one more pair adds 2c+1 to it, and taking one away saves 2c-1 (`change` is 1 or -1). */
static int64_t cost_at(const struct placement *placement, uint32_t partition, uint16_t seat, int64_t change) {
    const struct seat *self = &placement->seats[seat];
    int32_t reach = (int32_t)placement->replica_count - 1;
    int32_t zone_reach = (int32_t)placement->zone_count - 1;
    int64_t cost = 0;
    for (int32_t distance = -reach; distance <= reach; distance++) {
        uint16_t other = placement->owners[partition_at(placement, partition, distance)];
        if (distance == 0 || other == SEAT_NONE) {
            continue;
        }
        if (other == seat) {
            cost += COST_SAME_NODE;
            continue;
        }
        if (placement->seats[other].zone == self->zone && distance <= zone_reach && -distance <= zone_reach) {
            cost += COST_SAME_ZONE;
        }
        int64_t marginal = 2 * (int64_t)*pair_count(placement, seat, other) + change;
        cost +=
            ((marginal * self->inverse) >> INVERSE_HALF_BITS) * placement->seats[other].inverse >> INVERSE_HALF_BITS;
    }
    return cost;
}

/* Moves the pair counts of a partition's first owner by `change`. */
static void count_pairs(struct placement *placement, uint32_t partition, uint32_t change) {
    uint16_t seat = placement->owners[partition];
    int32_t reach = (int32_t)placement->replica_count - 1;
    for (int32_t distance = -reach; distance <= reach && seat != SEAT_NONE; distance++) {
        uint16_t other = placement->owners[partition_at(placement, partition, distance)];
        if (distance != 0 && other != SEAT_NONE && other != seat) {
            *pair_count(placement, seat, other) += change;
            *pair_count(placement, other, seat) += change;
        }
    }
}

static void set_owner(struct placement *placement, uint32_t partition, uint16_t seat) {
    uint16_t before = placement->owners[partition];
    ENSURE(before != seat);
    if (before != SEAT_NONE) {
        ENSURE(placement->seats[before].owned > 0);
        placement->seats[before].owned--;
    }
    count_pairs(placement, partition, (uint32_t)-1);
    placement->owners[partition] = seat;
    count_pairs(placement, partition, 1);
    if (seat != SEAT_NONE) {
        placement->seats[seat].owned++;
    }
}

/* The least of a row of candidates; equals are told apart by a draw. */
struct choice {
    uint32_t best;
    int64_t cost;
    uint64_t tie;
    bool found;
};

static void choice_offer(struct choice *choice, const struct placement *placement, uint32_t candidate, int64_t cost) {
    if (choice->found && cost > choice->cost) {
        return;
    }
    uint64_t tie = draw(placement, candidate);
    if (!choice->found || cost < choice->cost || tie < choice->tie) {
        *choice = (struct choice){candidate, cost, tie, true};
    }
}

static bool has_surplus(const struct placement *placement, uint16_t seat) {
    return seat == SEAT_NONE || placement->seats[seat].owned > placement->seats[seat].target;
}

static void offer_steal(struct choice *choice, const struct placement *placement, uint32_t partition, uint16_t thief) {
    uint16_t owner = placement->owners[partition];
    if (owner == thief || !has_surplus(placement, owner)) {
        return;
    }
    int64_t cost = cost_at(placement, partition, thief, 1);
    if (owner != SEAT_NONE) {
        cost -= cost_at(placement, partition, owner, -1);
    }
    choice_offer(choice, placement, partition, cost);
}

/* Takes for `thief` what it lacks from those who have too much: one partition from each of as many equal stretches of
 * the ring, and again for the stretches that had none to give. Some stretch always has one while anybody has too much,
 * so this ends; and each pass looks at every partition once. */
static void steal(struct placement *placement, uint16_t thief) {
    const struct seat *seat = &placement->seats[thief];
    uint32_t count = placement->partition_count;
    while (seat->owned < seat->target) {
        uint32_t lacking = seat->target - seat->owned;
        uint32_t phase = (uint32_t)draw(placement, UINT64_MAX - lacking);
        for (uint32_t stretch = 0; stretch < lacking; stretch++) {
            uint32_t from = (uint32_t)((uint64_t)stretch * count / lacking);
            uint32_t to = (uint32_t)((uint64_t)(stretch + 1) * count / lacking);
            struct choice choice = {0};
            for (uint32_t i = from; i < to; i++) {
                offer_steal(&choice, placement, (phase + i) & (count - 1), thief);
            }
            if (choice.found) {
                set_owner(placement, choice.best, thief);
            }
        }
        ENSURE(seat->target - seat->owned < lacking);
    }
}

/* Lets go of what `giver` has above its target, those partitions first where it fits worst, spread over its own. */
static void release_surplus(struct placement *placement, uint16_t giver, uint32_t *scratch) {
    const struct seat *seat = &placement->seats[giver];
    if (seat->owned <= seat->target) {
        return;
    }
    uint32_t owned = 0;
    for (uint32_t i = 0; i < placement->partition_count; i++) {
        if (placement->owners[i] == giver) {
            scratch[owned++] = i;
        }
    }
    ENSURE(owned == seat->owned);
    uint32_t surplus = seat->owned - seat->target;
    for (uint32_t stretch = 0; stretch < surplus; stretch++) {
        uint32_t from = (uint32_t)((uint64_t)stretch * owned / surplus);
        uint32_t to = (uint32_t)((uint64_t)(stretch + 1) * owned / surplus);
        struct choice choice = {0};
        for (uint32_t i = from; i < to; i++) {
            choice_offer(&choice, placement, scratch[i], -cost_at(placement, scratch[i], giver, -1));
        }
        ENSURE(choice.found);
        set_owner(placement, choice.best, SEAT_NONE);
    }
}

static void fill(struct placement *placement, uint32_t partition) {
    struct choice choice = {0};
    for (size_t i = 0; i < placement->member_count; i++) {
        uint16_t seat = placement->by_id[i];
        if (placement->seats[seat].owned < placement->seats[seat].target) {
            choice_offer(&choice, placement, seat, cost_at(placement, partition, seat, 1));
        }
    }
    ENSURE(choice.found);
    set_owner(placement, partition, (uint16_t)choice.best);
}

/* Gives every vacant partition, and what members have too much, to those who have too little. */
static void give(struct placement *placement) {
    uint32_t *scratch = ZEROED(uint32_t, placement->partition_count);
    for (size_t i = 0; i < placement->member_count; i++) {
        release_surplus(placement, placement->by_id[i], scratch);
    }
    free(scratch);
    uint32_t phase = (uint32_t)draw(placement, UINT64_MAX);
    for (uint32_t i = 0; i < placement->partition_count; i++) {
        uint32_t partition = (phase + i) & (placement->partition_count - 1);
        if (placement->owners[partition] == SEAT_NONE) {
            fill(placement, partition);
        }
    }
}

static void rebalance(struct placement *placement, uint16_t subject) {
    if (placement->member_count == 0) {
        return;
    }
    shares_set_targets(placement, subject);
    if (subject != SEAT_NONE) {
        steal(placement, subject);
    }
    give(placement);
    for (size_t i = 0; i < placement->member_count; i++) {
        const struct seat *seat = &placement->seats[placement->by_id[i]];
        ENSURE(seat->owned == seat->target);
    }
}

/* Where this id is, or belongs, in by_id. */
static size_t find_id(const struct placement *placement, struct node_id id, bool *ret_found) {
    size_t low = 0;
    size_t high = placement->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_id_compare(placement->seats[placement->by_id[middle]].member.id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_found = low < placement->member_count && node_id_equal(placement->seats[placement->by_id[low]].member.id, id);
    return low;
}

static void enter_zone(struct placement *placement, struct seat *newcomer) {
    uint16_t zone = 0;
    while (placement->zone_members[zone] > 0) {
        zone++;
    }
    for (size_t i = 0; i < placement->member_count; i++) {
        const struct seat *other = &placement->seats[placement->by_id[i]];
        if (other != newcomer && strcmp(other->member.zone, newcomer->member.zone) == 0) {
            zone = other->zone;
            break;
        }
    }
    newcomer->zone = zone;
    placement->zone_count += placement->zone_members[zone]++ == 0;
}

static void leave_zone(struct placement *placement, const struct seat *seat) {
    placement->zone_count -= --placement->zone_members[seat->zone] == 0;
}

static void set_weight(struct seat *seat, uint32_t weight) {
    ENSURE(weight > 0);
    seat->member.weight = weight;
    seat->inverse = ((uint32_t)1 << INVERSE_SCALE_BITS) / weight;
}

static uint16_t first_free_seat(const struct placement *placement) {
    for (size_t i = 0; i < placement->seat_count; i++) {
        if (!placement->seats[i].taken) {
            return (uint16_t)i;
        }
    }
    return SEAT_NONE;
}

static void set_record(struct placement *placement, struct seat *seat, const struct member *member) {
    seat->member = *member;
    set_weight(seat, member->weight);
    enter_zone(placement, seat);
}

/* Where the newcomer's id belongs among the others'. */
static void seat_by_id(struct placement *placement, size_t at, uint16_t number) {
    memmove(&placement->by_id[at + 1], &placement->by_id[at],
            (placement->member_count - at) * sizeof(*placement->by_id));
    placement->by_id[at] = number;
    placement->member_count++;
}

static void unseat_by_id(struct placement *placement, size_t at) {
    placement->member_count--;
    memmove(&placement->by_id[at], &placement->by_id[at + 1],
            (placement->member_count - at) * sizeof(*placement->by_id));
}

static bool apply_join(struct placement *placement, const struct member *member) {
    bool found;
    size_t at = find_id(placement, member->id, &found);
    uint16_t number = found ? placement->by_id[at] : first_free_seat(placement);
    if (number == SEAT_NONE) {
        return false;
    }
    struct seat *seat = &placement->seats[number];
    if (found) {
        leave_zone(placement, seat);
    } else {
        seat->taken = true;
        seat_by_id(placement, at, number);
    }
    set_record(placement, seat, member);
    rebalance(placement, number);
    return true;
}

/* The newcomer sits down where the other sat, so nobody but the two has anything to move. */
static bool apply_replacement(struct placement *placement, struct node_id old, const struct member *member) {
    bool is_old_there;
    bool is_there;
    size_t at = find_id(placement, old, &is_old_there);
    (void)find_id(placement, member->id, &is_there);
    if (!is_old_there || is_there) {
        return apply_join(placement, member);
    }
    uint16_t number = placement->by_id[at];
    leave_zone(placement, &placement->seats[number]);
    unseat_by_id(placement, at);
    seat_by_id(placement, find_id(placement, member->id, &is_there), number);
    placement->seats[number].name = 0;
    set_record(placement, &placement->seats[number], member);
    rebalance(placement, number);
    return true;
}

static void apply_leave(struct placement *placement, struct node_id id) {
    bool found;
    size_t at = find_id(placement, id, &found);
    if (!found) {
        return;
    }
    uint16_t number = placement->by_id[at];
    for (uint32_t i = 0; i < placement->partition_count; i++) {
        if (placement->owners[i] == number) {
            set_owner(placement, i, SEAT_NONE);
        }
    }
    leave_zone(placement, &placement->seats[number]);
    placement->seats[number] = (struct seat){0};
    unseat_by_id(placement, at);
    rebalance(placement, SEAT_NONE);
}

static void apply_weight(struct placement *placement, struct node_id id, uint32_t weight) {
    bool found;
    size_t at = find_id(placement, id, &found);
    if (!found) {
        return;
    }
    uint16_t number = placement->by_id[at];
    set_weight(&placement->seats[number], weight);
    rebalance(placement, number);
}

/* How far apart is near, so what is counted of all pairs, depends on N. */
static void apply_replicas(struct placement *placement, uint32_t replica_count) {
    memset(placement->pairs, 0, placement->seat_count * placement->seat_count * sizeof(*placement->pairs));
    placement->replica_count = replica_count;
    int32_t reach = (int32_t)replica_count - 1;
    for (uint32_t partition = 0; placement->member_count > 0 && partition < placement->partition_count; partition++) {
        for (int32_t distance = 1; distance <= reach; distance++) {
            uint16_t a = placement->owners[partition];
            uint16_t b = placement->owners[partition_at(placement, partition, distance)];
            if (a != b) {
                ++*pair_count(placement, a, b);
                ++*pair_count(placement, b, a);
            }
        }
    }
}

bool placement_apply(struct placement *placement, const struct membership_event *event) {
    placement->steps++;
    switch (event->kind) {
    case MEMBERSHIP_JOIN:
        return membership_replaces(event) ? apply_replacement(placement, event->replaces, &event->member)
                                          : apply_join(placement, &event->member);
    case MEMBERSHIP_LEAVE:
        apply_leave(placement, event->member.id);
        return true;
    case MEMBERSHIP_WEIGHT:
        apply_weight(placement, event->member.id, event->member.weight);
        return true;
    case MEMBERSHIP_REPLICAS:
        apply_replicas(placement, event->replica_count);
        return true;
    case MEMBERSHIP_MOVE:
    case MEMBERSHIP_COMMIT:
    case MEMBERSHIP_DONE:
    case MEMBERSHIP_ABORT:
    case MEMBERSHIP_EXCUSE:
    case MEMBERSHIP_SETTLED:
    case MEMBERSHIP_JOINT:
        return true;
    }
    return true;
}
