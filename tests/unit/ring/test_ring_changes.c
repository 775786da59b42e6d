/* Clusters that change all the time, one step of the fold after the other: thousands of joins, leaves, replacements and
 * weights, with zones of unequal size, and what ring.h promises after each.
 *
 * The fold is followed from within, step by step, since folding the whole log anew for each event would take hours; and
 * from time to time a fresh fold of the whole log must give the same, entry by entry. */
#include "ring/placement.h"
#include "ring/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "histories.h"
#include "ring_check.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEMBERS_MOST = 60, SEATS = MEMBERS_MOST + 1 };

/* --- A cluster that changes ------------------------------------------------------------------------------------- */

enum change { CHANGE_JOIN, CHANGE_LEAVE, CHANGE_WEIGHT, CHANGE_JOIN_LEAVE, CHANGE_LEAVE_JOIN, CHANGE_COUNT };

struct shape {
    uint64_t seed;
    size_t changes;
    uint32_t most_members;
    uint32_t zones; /* the lower ones are drawn more often: zone i as often as all behind it together, when uneven */
    bool uneven;
    uint32_t weight_most;
    uint32_t partitions;
    uint32_t replicas;
};

struct cluster {
    struct shape shape;
    struct rng rng;
    struct membership log;
    struct placement placement;
    uint64_t lamport;
    uint32_t next;
    uint32_t present[MEMBERS_MOST];
    uint32_t present_count;
    uint16_t *lists; /* n seats for each partition */
    uint32_t list_size;
};

static void apply(struct cluster *cluster, struct membership_event event) {
    add_event(&cluster->log, event);
    assert_true(placement_apply(&cluster->placement, &event));
}

static void cluster_join(struct cluster *cluster) {
    struct rng *rng = &cluster->rng;
    uint32_t zone = 0;
    if (cluster->shape.uneven) {
        while (zone + 1 < cluster->shape.zones && rng_chance(rng, 500000)) {
            zone++;
        }
    } else {
        zone = (uint32_t)rng_below(rng, cluster->shape.zones);
    }
    char name[16];
    snprintf(name, sizeof(name), "z%u", zone);
    uint32_t number = cluster->next++;
    cluster->present[cluster->present_count++] = number;
    apply(cluster,
          make_join(++cluster->lamport, number, name, (uint32_t)rng_between(rng, 1, cluster->shape.weight_most)));
}

static void cluster_leave(struct cluster *cluster) {
    size_t at = rng_below(&cluster->rng, cluster->present_count);
    uint32_t number = cluster->present[at];
    cluster->present[at] = cluster->present[--cluster->present_count];
    apply(cluster, make_leave(++cluster->lamport, number));
}

static struct member record_of(const struct cluster *cluster, uint32_t number) {
    for (size_t i = 0; i < SEATS; i++) {
        const struct seat *seat = &cluster->placement.seats[i];
        if (seat->taken && node_id_equal(seat->member.id, make_id(number))) {
            return seat->member;
        }
    }
    fail();
    return (struct member){0};
}

/* A newcomer in the place of another, in the zone and with the weight of that one: two events, one change. */
static void cluster_replace(struct cluster *cluster, bool join_first) {
    size_t at = rng_below(&cluster->rng, cluster->present_count);
    uint32_t old = cluster->present[at];
    struct member record = record_of(cluster, old);
    cluster->present[at] = cluster->next++;
    if (!join_first) {
        apply(cluster, make_leave(++cluster->lamport, old));
    }
    apply(cluster, make_join(++cluster->lamport, cluster->present[at], record.zone, record.weight));
    if (join_first) {
        apply(cluster, make_leave(++cluster->lamport, old));
    }
}

static void cluster_weigh(struct cluster *cluster) {
    uint32_t number = cluster->present[rng_below(&cluster->rng, cluster->present_count)];
    uint32_t weight = (uint32_t)rng_between(&cluster->rng, 1, cluster->shape.weight_most);
    apply(cluster, make_weight(++cluster->lamport, number, weight));
}

static enum change draw_change(struct cluster *cluster) {
    uint32_t count = cluster->present_count;
    uint64_t drawn = rng_below(&cluster->rng, 100);
    if (count < 2 || (drawn < 40 && count < cluster->shape.most_members)) {
        return CHANGE_JOIN;
    }
    if (drawn >= 85 && cluster->shape.weight_most > 1) {
        return CHANGE_WEIGHT;
    }
    if (drawn < 65 || drawn >= 85) {
        return CHANGE_LEAVE;
    }
    return drawn % 2 == 0 ? CHANGE_JOIN_LEAVE : CHANGE_LEAVE_JOIN;
}

static enum change cluster_change(struct cluster *cluster) {
    enum change change = draw_change(cluster);
    switch (change) {
    case CHANGE_JOIN:
        cluster_join(cluster);
        break;
    case CHANGE_LEAVE:
        cluster_leave(cluster);
        break;
    case CHANGE_WEIGHT:
        cluster_weigh(cluster);
        break;
    default:
        cluster_replace(cluster, change == CHANGE_JOIN_LEAVE);
    }
    return change;
}

/* The lists of owners as the placement is now. */
static void cluster_walk(struct cluster *cluster) {
    size_t members = cluster->placement.member_count;
    cluster->list_size = cluster->shape.replicas < members ? cluster->shape.replicas : (uint32_t)members;
    struct walk walk;
    walk_init(&walk, &cluster->placement);
    while (walk_back(&walk)) {
        walk_list(&walk, &cluster->lists[(size_t)walk.partition * LIMIT_REPLICAS], cluster->list_size);
    }
    walk_release(&walk);
}

static void cluster_init(struct cluster *cluster, struct shape shape) {
    *cluster = (struct cluster){.shape = shape, .next = 1};
    rng_init(&cluster->rng, shape.seed);
    membership_init(&cluster->log);
    placement_init(&cluster->placement, shape.partitions, shape.replicas, SEATS);
    cluster->lists = calloc((size_t)shape.partitions * LIMIT_REPLICAS, sizeof(uint16_t));
    assert_non_null(cluster->lists);
    cluster_join(cluster);
    cluster_walk(cluster);
}

static void cluster_release(struct cluster *cluster) {
    membership_release(&cluster->log);
    placement_release(&cluster->placement);
    free(cluster->lists);
}

/* --- What must hold --------------------------------------------------------------------------------------------- */

static const struct member *record_at(const struct cluster *cluster, uint32_t partition, uint32_t place) {
    uint16_t seat = cluster->lists[(size_t)partition * LIMIT_REPLICAS + place];
    return &cluster->placement.seats[seat].member;
}

/* Property 2, in the plainest way: distinct nodes, min(N, zones) distinct zones, the partition's first owner at the
 * head, and each owner first-owning a partition that the walk meets, wrap included. */
static void check_windows(const struct cluster *cluster) {
    const struct placement *placement = &cluster->placement;
    for (uint32_t partition = 0; partition < placement->partition_count; partition++) {
        const uint16_t *list = &cluster->lists[(size_t)partition * LIMIT_REPLICAS];
        uint64_t nodes = 0;
        uint64_t zones = 0;
        for (uint32_t place = 0; place < cluster->list_size; place++) {
            assert_true(placement->seats[list[place]].taken);
            nodes |= UINT64_C(1) << list[place];
            uint32_t zone = (uint32_t)strtoul(record_at(cluster, partition, place)->zone + 1, NULL, 10);
            zones |= UINT64_C(1) << zone;
        }
        size_t possible = placement->zone_count < cluster->list_size ? placement->zone_count : cluster->list_size;
        assert_int_equal(__builtin_popcountll(nodes), cluster->list_size);
        assert_true((size_t)__builtin_popcountll(zones) >= possible);
        assert_int_equal(list[0], placement->owners[partition]);
    }
}

/* The zones that the members name, against the number that property 2 is held to. */
static void check_zone_count(const struct cluster *cluster) {
    uint64_t zones = 0;
    for (size_t i = 0; i < SEATS; i++) {
        const struct seat *seat = &cluster->placement.seats[i];
        zones |= seat->taken ? UINT64_C(1) << strtoul(seat->member.zone + 1, NULL, 10) : 0;
    }
    assert_int_equal(__builtin_popcountll(zones), cluster->placement.zone_count);
}

/* Property 3: floor or ceiling of the share, and per unit of weight at most one apart. */
static void check_shares(const struct cluster *cluster) {
    uint64_t owned[SEATS] = {0};
    uint64_t total = 0;
    const struct seat *seats = cluster->placement.seats;
    for (uint32_t i = 0; i < cluster->placement.partition_count; i++) {
        owned[cluster->placement.owners[i]]++;
    }
    for (size_t i = 0; i < SEATS; i++) {
        total += seats[i].taken ? seats[i].member.weight : 0;
    }
    for (size_t i = 0; i < SEATS; i++) {
        if (!seats[i].taken) {
            assert_int_equal(owned[i], 0);
            continue;
        }
        uint64_t weight = seats[i].member.weight;
        uint64_t scaled = cluster->placement.partition_count * weight;
        assert_in_range(owned[i], scaled / total, (scaled + total - 1) / total);
        for (size_t j = 0; j < i; j++) {
            uint64_t other = seats[j].member.weight;
            uint64_t a = owned[i] * other;
            uint64_t b = owned[j] * weight;
            assert_true(!seats[j].taken || (a > b ? a - b : b - a) <= weight * other);
        }
    }
}

/* Property 1: who folds the log anew has the same lists, and the same as who folds it once more. */
static void check_fresh_folds(const struct cluster *cluster) {
    struct ring *ring = fold(&cluster->log, cluster->shape.partitions, cluster->shape.replicas);
    struct ring *again = fold(&cluster->log, cluster->shape.partitions, cluster->shape.replicas);
    check_same(ring, again);
    assert_int_equal(ring_replica_count(ring), cluster->list_size);
    assert_int_equal(ring_zone_violation_count(ring), 0);
    for (uint32_t partition = 0; partition < cluster->shape.partitions; partition++) {
        const struct member_index *list = ring_preference(ring, (struct partition){(uint16_t)partition});
        for (uint32_t place = 0; place < cluster->list_size; place++) {
            assert_true(node_id_equal(ring_member(ring, list[place])->id, record_at(cluster, partition, place)->id));
        }
    }
    ring_free(ring);
    ring_free(again);
}

/* --- What it costs ---------------------------------------------------------------------------------------------- */

struct cost {
    uint64_t changes;
    uint64_t first;          /* partitions with another first owner */
    uint64_t first_least;    /* what the shares demand */
    uint64_t replicas;       /* copies */
    uint64_t replicas_least; /* what no placement with as many replicas on each could do without */
    double worst;            /* copies beyond the least in one change, of all replicas */
};

/* How far the replicas of the fullest and the emptiest member are from their share by weight, in the states that were
 * seen; only of clusters with twice as many members as N, each of whom first-owns sixteen partitions or more. */
struct evenness {
    uint64_t states;
    double sum_most;
    double sum_least;
    double most;
    double least;
};

struct snapshot {
    uint16_t *lists;
    uint32_t list_size;
    struct node_id ids[SEATS]; /* a seat may get another member within one change */
    uint32_t first[SEATS];
    uint32_t replicas[SEATS];
};

static void snapshot_take(struct snapshot *snapshot, const struct cluster *cluster) {
    size_t entries = (size_t)cluster->shape.partitions * LIMIT_REPLICAS;
    *snapshot = (struct snapshot){.lists = malloc(entries * sizeof(uint16_t)), .list_size = cluster->list_size};
    assert_non_null(snapshot->lists);
    memcpy(snapshot->lists, cluster->lists, entries * sizeof(uint16_t));
    for (size_t i = 0; i < SEATS; i++) {
        snapshot->ids[i] = cluster->placement.seats[i].member.id;
    }
    for (uint32_t i = 0; i < cluster->shape.partitions; i++) {
        const uint16_t *list = &snapshot->lists[(size_t)i * LIMIT_REPLICAS];
        snapshot->first[list[0]]++;
        for (uint32_t place = 0; place < snapshot->list_size; place++) {
            snapshot->replicas[list[place]]++;
        }
    }
}

static bool same_member(const struct snapshot *before, const struct snapshot *after, size_t seat) {
    return node_id_equal(before->ids[seat], after->ids[seat]);
}

/* The bounds of plan.h, of first owners and of replicas. */
static void find_least(const struct cluster *cluster, const struct snapshot *before, const struct snapshot *after,
                       struct cost *one) {
    const struct seat *seats = cluster->placement.seats;
    uint64_t total = 0;
    uint64_t lacking = 0;
    uint64_t surplus = 0;
    for (size_t i = 0; i < SEATS; i++) {
        total += seats[i].taken ? seats[i].member.weight : 0;
    }
    for (size_t i = 0; i < SEATS; i++) {
        uint64_t scaled = seats[i].taken ? (uint64_t)cluster->shape.partitions * seats[i].member.weight : 0;
        uint64_t floor = scaled / total;
        uint64_t ceiling = (scaled + total - 1) / total;
        bool same = same_member(before, after, i);
        uint64_t first = same ? before->first[i] : 0;
        uint64_t replicas = same ? before->replicas[i] : 0;
        lacking += first < floor ? floor - first : 0;
        surplus += first > ceiling ? first - ceiling : 0;
        surplus += before->first[i] - first;
        one->replicas_least += after->replicas[i] > replicas ? after->replicas[i] - replicas : 0;
    }
    one->first_least = lacking > surplus ? lacking : surplus;
}

static struct cost measure_change(const struct cluster *cluster, const struct snapshot *before,
                                  const struct snapshot *after) {
    struct cost one = {.changes = 1};
    for (uint32_t i = 0; i < cluster->shape.partitions; i++) {
        const uint16_t *old = &before->lists[(size_t)i * LIMIT_REPLICAS];
        const uint16_t *now = &after->lists[(size_t)i * LIMIT_REPLICAS];
        one.first += old[0] != now[0] || !same_member(before, after, now[0]);
        for (uint32_t place = 0; place < after->list_size; place++) {
            bool had = false;
            for (uint32_t j = 0; j < before->list_size; j++) {
                had = had || (old[j] == now[place] && same_member(before, after, now[place]));
            }
            one.replicas += !had;
        }
    }
    find_least(cluster, before, after, &one);
    assert_true(one.replicas >= one.replicas_least);
    one.worst = (double)(one.replicas - one.replicas_least) / (cluster->shape.partitions * after->list_size);
    return one;
}

static void cost_add(struct cost *sum, struct cost one) {
    sum->changes += one.changes;
    sum->first += one.first;
    sum->first_least += one.first_least;
    sum->replicas += one.replicas;
    sum->replicas_least += one.replicas_least;
    sum->worst = one.worst > sum->worst ? one.worst : sum->worst;
}

static void evenness_add(struct evenness *even, const struct cluster *cluster, const struct snapshot *now) {
    const struct placement *placement = &cluster->placement;
    double total = 0;
    if (placement->member_count < 2 * (size_t)cluster->shape.replicas) {
        return;
    }
    for (size_t i = 0; i < SEATS; i++) {
        if (placement->seats[i].taken && placement->seats[i].owned < 16) {
            return;
        }
    }
    for (size_t i = 0; i < SEATS; i++) {
        total += placement->seats[i].taken ? placement->seats[i].member.weight : 0;
    }
    double most = 0;
    double least = 1e9;
    for (size_t i = 0; i < SEATS; i++) {
        if (placement->seats[i].taken) {
            double share = placement->seats[i].member.weight / total * cluster->shape.partitions * now->list_size;
            double of = now->replicas[i] / share;
            most = of > most ? of : most;
            least = of < least ? of : least;
        }
    }
    even->states++;
    even->sum_most += most;
    even->sum_least += least;
    even->most = most > even->most ? most : even->most;
    even->least = even->states == 1 || least < even->least ? least : even->least;
}

/* Property 4. Of first owners an event moves exactly the least that the shares allow; and that is the floor or the
 * ceiling of Q/S where all members weigh the same. A replacement is two such events. */
static void check_first_moved(const struct cluster *cluster, enum change change, const struct cost *one) {
    bool replaces = change == CHANGE_JOIN_LEAVE || change == CHANGE_LEAVE_JOIN;
    assert_true(one->first >= one->first_least);
    if (!replaces) {
        assert_int_equal(one->first, one->first_least);
    }
    if (cluster->shape.weight_most == 1) {
        uint64_t members = cluster->placement.member_count + (change == CHANGE_LEAVE);
        uint64_t partitions = cluster->shape.partitions;
        uint64_t most = (partitions + members - 1) / members;
        assert_in_range(one->first_least, partitions / members, most);
        assert_true(one->first <= (replaces ? 2 * most : most));
    }
}

/* Follows a cluster of this shape, and checks everything after each change. */
static void follow(struct shape shape, struct cost costs[CHANGE_COUNT], struct evenness *even) {
    struct cluster cluster;
    cluster_init(&cluster, shape);
    struct snapshot before;
    snapshot_take(&before, &cluster);
    for (size_t i = 0; i < shape.changes; i++) {
        enum change change = cluster_change(&cluster);
        cluster_walk(&cluster);
        check_zone_count(&cluster);
        check_windows(&cluster);
        check_shares(&cluster);
        struct snapshot after;
        snapshot_take(&after, &cluster);
        struct cost one = measure_change(&cluster, &before, &after);
        check_first_moved(&cluster, change, &one);
        cost_add(&costs[change], one);
        evenness_add(even, &cluster, &after);
        free(before.lists);
        before = after;
    }
    free(before.lists);
    check_fresh_folds(&cluster);
    cluster_release(&cluster);
}

/* What was measured, with some room, for property 4's copies: in sum, and for any one change. What lies beyond the
 * least comes of lists that change because a neighbour on the ring did. */
static void check_costs(const char *what, const struct cost costs[CHANGE_COUNT], const struct evenness *even) {
    static const struct {
        const char *name;
        double copies; /* of the least */
        double worst;  /* of all replicas */
    } limits[CHANGE_COUNT] = {[CHANGE_JOIN] = {"joins", 1.05, 0.15},
                              [CHANGE_LEAVE] = {"leaves", 1.10, 0.15},
                              [CHANGE_WEIGHT] = {"weights", 1.20, 0.15},
                              [CHANGE_JOIN_LEAVE] = {"join+leave", 1.25, 0.30},
                              [CHANGE_LEAVE_JOIN] = {"leave+join", 1.35, 0.50}};
    print_message("%s\n", what);
    for (int i = 0; i < CHANGE_COUNT; i++) {
        const struct cost *cost = &costs[i];
        if (cost->changes == 0) {
            continue;
        }
        double copies = (double)cost->replicas / (double)cost->replicas_least;
        print_message("  %5llu %-10s first owners %.3f of the least, copies %.3f; beyond it at most %.3f of all\n",
                      (unsigned long long)cost->changes, limits[i].name,
                      (double)cost->first / (double)cost->first_least, copies, cost->worst);
        assert_true(copies <= limits[i].copies);
        assert_true(cost->worst <= limits[i].worst);
    }
    assert_true(even->states > 0);
    print_message("  replicas by share: mean %.2f to %.2f, extremes %.2f to %.2f (%llu states)\n",
                  even->sum_least / (double)even->states, even->sum_most / (double)even->states, even->least,
                  even->most, (unsigned long long)even->states);
}

static void test_every_kind(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool uneven;
        uint32_t zones;
        uint32_t weight_most;
    } kinds[] = {
        {"one zone, equal weights", false, 1, 1},
        {"one zone, weights to 8", false, 1, 8},
        {"five zones, equal weights", false, 5, 1},
        {"five zones of unequal size, equal weights", true, 5, 1},
        {"zones of unequal size, weights to 1000", true, 8, 1000},
    };
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        struct cost costs[CHANGE_COUNT] = {0};
        struct evenness even = {0};
        for (uint32_t i = 0; i < 27; i++) {
            uint32_t partitions = (uint32_t)16 << i % 9;
            follow((struct shape){.seed = 1000 * (kind + 1) + i,
                                  .changes = partitions > 1024 ? 30 : 150,
                                  .most_members = i < 9    ? 6
                                                  : i < 18 ? 24
                                                           : MEMBERS_MOST,
                                  .zones = kinds[kind].zones,
                                  .uneven = kinds[kind].uneven,
                                  .weight_most = kinds[kind].weight_most,
                                  .partitions = partitions,
                                  .replicas = 1 + i * 5 % LIMIT_REPLICAS},
                   costs, &even);
        }
        check_costs(kinds[kind].name, costs, &even);
        if (kinds[kind].zones == 1 && kinds[kind].weight_most == 1) {
            /* Where neither zones nor weights pull at them, replicas are nearly as even as first owners. */
            assert_true(even.least >= 0.9 && even.most <= 1.1);
        }
    }
}

/* --- Eight nodes in three zones --------------------------------------------------------------------------------- */

static void check_three_zones(const struct membership *log, uint32_t partitions) {
    struct ring *ring = fold(log, partitions, 3);
    assert_int_equal(ring_zone_count(ring), 3);
    for (uint32_t partition = 0; partition < partitions; partition++) {
        const struct member_index *list = ring_preference(ring, (struct partition){(uint16_t)partition});
        unsigned zones = 0;
        for (int place = 0; place < 3; place++) {
            zones |= 1U << (ring_member(ring, list[place])->zone[1] - '0');
        }
        assert_int_equal(zones, 7);
    }
    ring_free(ring);
}

/* Every partition has its replicas in three zones: however the eight are divided among the zones (none of which is
 * empty), in whatever order they came, and when any one that is not the last of its zone has left. */
static void test_eight_nodes_in_three_zones(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        char zones[8] = {0, 1, 2};
        for (int i = 3; i < 8; i++) {
            zones[i] = (char)rng_below(&rng, 3);
        }
        uint32_t count_in[3] = {0};
        struct membership log;
        membership_init(&log);
        for (uint32_t i = 8; i > 0; i--) {
            size_t at = rng_below(&rng, i);
            char zone[8];
            snprintf(zone, sizeof(zone), "z%c", '0' + zones[at]);
            count_in[(int)zones[at]]++;
            add_event(&log, make_join(9 - i, 9 - i, zone, 1));
            zones[at] = zones[i - 1];
        }
        uint32_t partitions = (uint32_t)16 << seed % 7;
        check_three_zones(&log, partitions);
        for (uint32_t leaver = 1; leaver <= 8; leaver++) {
            const char *zone = log.events[leaver - 1].member.zone;
            if (count_in[zone[1] - '0'] > 1) {
                struct membership shorter;
                membership_init(&shorter);
                membership_merge(&shorter, &log);
                add_event(&shorter, make_leave(9, leaver));
                check_three_zones(&shorter, partitions);
                membership_release(&shorter);
            }
        }
        membership_release(&log);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_eight_nodes_in_three_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
