#include "placement/strategy.h"

#include "base/ensure.h"
#include "base/rng.h"
#include "ring/ring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct token {
    uint64_t position;
    uint16_t node;
};

static void allocate(struct assignment *assignment, size_t count) {
    *assignment = (struct assignment){.count = count, .ends = calloc(count, sizeof(uint64_t))};
    assignment->owners = calloc(count, sizeof(*assignment->owners));
    ENSURE(assignment->ends != NULL && assignment->owners != NULL);
}

void assignment_release(struct assignment *assignment) {
    free(assignment->ends);
    free(assignment->owners);
    *assignment = (struct assignment){0};
}

/* --- Tokens ------------------------------------------------------------------------------------------------------ */

static int compare_tokens(const void *left, const void *right) {
    const struct token *a = left;
    const struct token *b = right;
    int order = (a->position > b->position) - (a->position < b->position);
    return order != 0 ? order : (a->node > b->node) - (a->node < b->node);
}

/* Each node draws from a stream of its own: the others keep their tokens when one comes or goes. */
static struct token *draw_tokens(struct method method, const struct cluster *cluster, size_t *ret_count) {
    size_t capacity = 0;
    for (uint32_t node = 0; node < cluster->node_count; node++) {
        capacity += (size_t)method.size * cluster->weights[node];
    }
    struct token *tokens = calloc(capacity, sizeof(*tokens));
    ENSURE(tokens != NULL);
    size_t count = 0;
    for (uint32_t node = 0; node < cluster->node_count; node++) {
        struct rng rng;
        rng_init(&rng, cluster->seed << 32 | node);
        if ((int)node == cluster->leaver) {
            continue;
        }
        for (uint32_t i = 0; i < method.size * cluster->weights[node]; i++) {
            tokens[count++] = (struct token){rng_next(&rng), (uint16_t)node};
        }
    }
    qsort(tokens, count, sizeof(*tokens), compare_tokens);
    *ret_count = count;
    return tokens;
}

/* The first distinct nodes from this token on, clockwise. */
static void walk_tokens(const struct token *tokens, size_t count, size_t from, uint16_t ret_owners[REPLICAS]) {
    size_t found = 0;
    for (size_t step = 0; found < REPLICAS; step++) {
        ENSURE(step < count);
        uint16_t node = tokens[(from + step) % count].node;
        bool seen = false;
        for (size_t i = 0; i < found; i++) {
            seen = seen || ret_owners[i] == node;
        }
        if (!seen) {
            ret_owners[found++] = node;
        }
    }
}

static void assign_by_tokens(struct assignment *assignment, struct method method, const struct cluster *cluster) {
    size_t count;
    struct token *tokens = draw_tokens(method, cluster, &count);
    allocate(assignment, count + 1);
    for (size_t i = 0; i <= count; i++) {
        assignment->ends[i] = i < count ? tokens[i].position : UINT64_MAX;
        walk_tokens(tokens, count, i % count, assignment->owners[i]);
    }
    free(tokens);
}

/* A range lies on the first nodes that the walk meets from its end on. */
static void assign_by_ranges(struct assignment *assignment, struct method method, const struct cluster *cluster) {
    size_t count;
    struct token *tokens = draw_tokens(method, cluster, &count);
    allocate(assignment, RANGES);
    size_t next = 0;
    for (size_t i = 0; i < RANGES; i++) {
        assignment->ends[i] = UINT64_MAX / RANGES * (i + 1) + i;
        while (next < count && tokens[next].position < assignment->ends[i]) {
            next++;
        }
        walk_tokens(tokens, count, next % count, assignment->owners[i]);
    }
    assignment->ends[RANGES - 1] = UINT64_MAX;
    free(tokens);
}

/* --- Gramme's ring ----------------------------------------------------------------------------------------------- */

enum { NUMBER_AT = 14 }; /* bytes 14 and 15 of the id tell the node's number */

static struct node_id id_of(const struct cluster *cluster, uint32_t node) {
    struct rng rng;
    rng_init(&rng, cluster->seed << 32 | node);
    struct node_id id;
    rng_fill(&rng, id.bytes, sizeof(id.bytes));
    id.bytes[NUMBER_AT] = (uint8_t)(node >> 8);
    id.bytes[NUMBER_AT + 1] = (uint8_t)node;
    return id;
}

static uint16_t number_of(struct node_id id) {
    return (uint16_t)(id.bytes[NUMBER_AT] << 8 | id.bytes[NUMBER_AT + 1]);
}

static void add_event(struct membership *log, const struct cluster *cluster, enum membership_kind kind, uint32_t node) {
    struct membership_event event = {.lamport = log->count + 1, .issuer = id_of(cluster, node), .kind = kind};
    event.member.id = id_of(cluster, node);
    event.member.weight = cluster->weights[node];
    snprintf(event.member.zone, sizeof(event.member.zone), "zone");
    snprintf(event.member.client_address, sizeof(event.member.client_address), "node%u:7000", node);
    snprintf(event.member.peer_address, sizeof(event.member.peer_address), "node%u:17000", node);
    ENSURE(membership_add(log, &event) == MEMBERSHIP_ADDED);
}

static void assign_by_shares(struct assignment *assignment, struct method method, const struct cluster *cluster) {
    struct membership log;
    membership_init(&log);
    for (uint32_t node = 0; node < cluster->node_count; node++) {
        add_event(&log, cluster, MEMBERSHIP_JOIN, node);
    }
    if (cluster->leaver != NOBODY) {
        add_event(&log, cluster, MEMBERSHIP_LEAVE, (uint32_t)cluster->leaver);
    }
    struct ring *ring;
    ENSURE(ring_new(&log, (struct ring_options){method.size, REPLICAS}, &ring) == RING_OK);
    allocate(assignment, method.size);
    for (uint32_t i = 0; i < method.size; i++) {
        struct partition partition = {(uint16_t)i};
        uint64_t last_slot = partition_last_slot(partition, method.size).value;
        assignment->ends[i] = ((last_slot + 1) << 50) - 1;
        for (size_t place = 0; place < REPLICAS; place++) {
            assignment->owners[i][place] = number_of(ring_member(ring, ring_preference(ring, partition)[place])->id);
        }
    }
    ring_free(ring);
    membership_release(&log);
}

void assignment_init(struct assignment *assignment, struct method method, const struct cluster *cluster) {
    switch (method.strategy) {
    case STRATEGY_TOKENS:
        assign_by_tokens(assignment, method, cluster);
        return;
    case STRATEGY_RANGES:
        assign_by_ranges(assignment, method, cluster);
        return;
    case STRATEGY_SHARES:
        assign_by_shares(assignment, method, cluster);
        return;
    }
}

/* --- Measures ---------------------------------------------------------------------------------------------------- */

double measure_efficiency(const struct assignment *assignment, const struct cluster *cluster, const struct keys *keys,
                          enum popularity popularity) {
    double loads[NODES_MOST] = {0};
    const double *sums = keys->sums[popularity];
    size_t before = 0;
    for (size_t i = 0; i < assignment->count; i++) {
        size_t until = keys_until(keys, assignment->ends[i]);
        for (size_t place = 0; place < REPLICAS; place++) {
            loads[assignment->owners[i][place]] += sums[until] - sums[before];
        }
        before = until;
    }
    double weight = 0;
    double most = 0;
    for (uint32_t node = 0; node < cluster->node_count; node++) {
        if ((int)node != cluster->leaver) {
            weight += cluster->weights[node];
            most = fmax(most, loads[node] / cluster->weights[node]);
        }
    }
    return REPLICAS / weight / most;
}

static size_t count_new(const uint16_t before[REPLICAS], const uint16_t after[REPLICAS]) {
    size_t count = 0;
    for (size_t i = 0; i < REPLICAS; i++) {
        bool had = false;
        for (size_t j = 0; j < REPLICAS; j++) {
            had = had || before[j] == after[i];
        }
        count += !had;
    }
    return count;
}

double measure_moved(const struct assignment *before, const struct assignment *after) {
    double moved = 0;
    double from = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < before->count && j < after->count) {
        uint64_t end = before->ends[i] < after->ends[j] ? before->ends[i] : after->ends[j];
        double to = ldexp((double)end, -64);
        moved += (to - from) * (double)count_new(before->owners[i], after->owners[j]);
        from = to;
        bool before_ends = before->ends[i] == end;
        bool after_ends = after->ends[j] == end;
        i += before_ends;
        j += after_ends;
    }
    return moved / REPLICAS;
}

uint64_t method_metadata_bytes(struct method method, const struct cluster *cluster) {
    uint64_t weight = 0;
    for (uint32_t node = 0; node < cluster->node_count; node++) {
        weight += cluster->weights[node];
    }
    return method.strategy == STRATEGY_SHARES ? 2 * (uint64_t)method.size : 10 * weight * method.size;
}
