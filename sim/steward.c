#include "sim/steward.h"

#include "core/shard_state.h"

#include <stdarg.h>
#include <stdio.h>

enum { TICK_MS = 150, LINE_BYTES = 2048, MEMBERS_LEAST = 2, ACTS_PER_MILLION = 60000, EVENTS_MOST = 3 };

/* ---- the session ---- */

static void received(struct sim_session *session, struct view bytes) {
    struct steward *steward = session->client;
    world_trace(steward->world, "the operator is told: %.*s", (int)(bytes.size > 100 ? 100 : bytes.size),
                (const char *)bytes.data);
}

static void ended(struct sim_session *session) {
    (void)session; /* whether it was done, the log tells */
}

static struct node *some_node(struct steward *steward) {
    struct cluster *cluster = steward->cluster;
    return &cluster->nodes[rng_below(&steward->rng, cluster->node_count)];
}

static bool send(struct steward *steward, const char *line) {
    struct node *node = some_node(steward);
    if (steward->session.node != NULL) {
        node_session_close(&steward->session);
    }
    steward->session = (struct sim_session){.received = received, .ended = ended, .client = steward};
    if (!node_takes_part(node) || !node_session_open(node, 0, &steward->session)) {
        return false;
    }
    world_trace(steward->world, "the operator asks node %u: %.*s", node->index, (int)strlen(line) - 2, line);
    node_session_send(&steward->session, view_of_string(line));
    return true;
}

/* ---- changes ---- */

/* One entry of the log as it is being written: what no member may be in twice. */
struct draft {
    char line[LINE_BYTES];
    size_t used;
    bool is_used[SIM_PLACES];
    bool has_replicas;
    uint32_t members; /* that will be owners when it is done */
};

static struct node *spare(struct steward *steward, struct draft *draft) {
    struct cluster *cluster = steward->cluster;
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        if (cluster->nodes[index].standing == NODE_SPARE && !draft->is_used[index]) {
            return &cluster->nodes[index];
        }
    }
    return NULL;
}

/* Of the placement that reads ask. */
static struct node *some_member(struct steward *steward) {
    const struct ring *ring = steward->cluster->ring;
    const struct member_index *list = ring_preference(ring, (struct partition){0});
    return cluster_node_of_member(steward->cluster, list[rng_below(&steward->rng, ring_preference_length(ring))]);
}

__attribute__((format(printf, 2, 3))) static void add(struct draft *draft, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    draft->used += (size_t)vsnprintf(draft->line + draft->used, LINE_BYTES - draft->used, format, arguments);
    va_end(arguments);
}

static void add_join(struct draft *draft, struct node *node, uint32_t weight) {
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(node->id, id);
    draft->is_used[node->index] = true;
    add(draft, " %s z%u %u %s %s", id, node->index % 3, weight, node->addresses.client, node->addresses.peer);
}

/* Two or three: with quorums of two both let a read see the last write. */
static void add_replicas(struct draft *draft, bool are_few) {
    if (!draft->has_replicas) {
        draft->has_replicas = true;
        add(draft, " REPLICAS %u", are_few ? 3u : 2u);
    }
}

static void add_event(struct steward *steward, struct draft *draft) {
    char id[NODE_ID_TEXT_SIZE];
    struct node *newcomer = spare(steward, draft);
    struct node *member = some_member(steward);
    uint32_t weight = (uint32_t)rng_between(&steward->rng, 1, 3);
    uint64_t choice = rng_below(&steward->rng, 100);
    if (choice < 45 && newcomer != NULL) {
        draft->members++;
        add(draft, " JOIN");
        add_join(draft, newcomer, weight);
        return;
    }
    bool are_few = ring_configured_replica_count(steward->cluster->ring) == 2;
    if (choice >= (are_few ? 65 : 86)) {
        add_replicas(draft, are_few);
        return;
    }
    if (draft->is_used[member->index]) {
        return;
    }
    draft->is_used[member->index] = true;
    node_id_to_text(member->id, id);
    if (choice < 60 && newcomer != NULL) {
        add(draft, " REPLACE %s", id);
        add_join(draft, newcomer, weight);
    } else if (choice < 85 && draft->members > MEMBERS_LEAST) {
        draft->members--;
        add(draft, " LEAVE %s", id);
    } else {
        add(draft, " WEIGHT %s %u", id, weight);
    }
}

/* Several at once now and then: so partitions change more than one of their owners in one move. */
static bool change(struct steward *steward) {
    struct draft draft = {.members = (uint32_t)ring_preference_length(steward->cluster->ring)};
    uint64_t events = rng_between(&steward->rng, 1, EVENTS_MOST);
    add(&draft, "GRAMME.MEMBERS CHANGE");
    for (uint64_t count = 0; count < events; count++) {
        add_event(steward, &draft);
    }
    add(&draft, "\r\n");
    return send(steward, draft.line);
}

bool steward_act(struct steward *steward) {
    const struct ring *ring = steward->cluster->ring;
    if (steward->is_resting) {
        return false;
    }
    if (ring_phase(ring) == RING_REST) {
        return change(steward);
    }
    return rng_chance(&steward->rng, 200000) && send(steward, "GRAMME.MEMBERS CHANGE ABORT\r\n");
}

/* ---- machines ---- */

/* The log of whoever knows most. */
static const struct membership *latest_log(const struct cluster *cluster) {
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        const struct node *node = &cluster->nodes[index];
        for (uint32_t at = 0; node->is_up && at < node->shard_count; at++) {
            const struct shard *shard = node->shards[at].shard;
            if (roster_version(shard) == ring_version(cluster->ring)) {
                return &shard->roster.log;
            }
        }
    }
    return NULL;
}

static bool has_gone(const struct node *node) {
    const struct shard *shard = node->shards[0].shard;
    return !ring_is_present(shard->ring, shard->self);
}

static void attend(struct steward *steward, struct node *node) {
    struct cluster *cluster = steward->cluster;
    struct member_index member;
    const struct membership *log = latest_log(cluster);
    bool is_member = ring_find_member(cluster->ring, node->id, &member);
    if (node->standing == NODE_SPARE && is_member && log != NULL) {
        membership_release(&node->welcome);
        membership_init(&node->welcome);
        (void)membership_merge(&node->welcome, log);
        node->standing = NODE_IN;
        steward->changed++;
        node_start(node);
        steward->node_back(steward->self, node);
    } else if (node->standing == NODE_IN && node->is_up && !node->is_paused && has_gone(node)) {
        world_trace(steward->world, "node %u has left", node->index);
        node->standing = NODE_OUT;
        steward->changed++;
        node_stop(node);
        steward->node_gone(steward->self, node);
    } else if (node->standing == NODE_ENDED) {
        node->standing = NODE_OUT;
        steward->changed++;
        steward->node_gone(steward->self, node);
    }
}

static void tick(struct world *world, struct world_event *event) {
    struct steward *steward = CONTAINER_OF(event, struct steward, tick);
    for (uint32_t index = 0; index < steward->cluster->node_count; index++) {
        attend(steward, &steward->cluster->nodes[index]);
    }
    if (rng_chance(&steward->rng, ACTS_PER_MILLION)) {
        (void)steward_act(steward);
    }
    world_schedule(world, event, TICK_MS * NS_PER_MS);
}

void steward_init(struct steward *steward, struct world *world, struct cluster *cluster, struct rng rng) {
    memset(steward, 0, sizeof(*steward));
    steward->world = world;
    steward->cluster = cluster;
    steward->rng = rng;
    steward->tick.happen = tick;
}

void steward_start(struct steward *steward) {
    world_schedule(steward->world, &steward->tick, TICK_MS * NS_PER_MS);
}

void steward_stop(struct steward *steward) {
    if (steward->session.node != NULL) {
        node_session_close(&steward->session);
    }
    world_cancel(steward->world, &steward->tick);
}

bool steward_is_done(const struct steward *steward) {
    const struct cluster *cluster = steward->cluster;
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        const struct node *node = &cluster->nodes[index];
        bool is_over = !node_takes_part(node) || (node->is_up && ring_phase(node->shards[0].shard->ring) == RING_REST &&
                                                  roster_version(node->shards[0].shard) == ring_version(cluster->ring));
        struct member_index member;
        bool is_to_start = node->standing == NODE_SPARE && ring_find_member(cluster->ring, node->id, &member);
        if (!is_over || is_to_start) {
            return false;
        }
    }
    return true;
}

static void tell_shard(const struct steward *steward, const struct node *node, const struct shard *shard) {
    const struct message_report *own = &shard->moves.own;
    world_trace(steward->world,
                "node %u shard %u: version %llu phase %d, drained %llu, all drained %llu, filled %llu with %u of %u, "
                "clean %llu with %u former, hints %llu, durable %llu",
                node->index, shard->options.shard_index, (unsigned long long)roster_version(shard),
                (int)ring_phase(shard->ring), (unsigned long long)own->drained,
                (unsigned long long)shard->moves.all_drained, (unsigned long long)own->filled, shard->moves.filled,
                shard->moves.to_fill, (unsigned long long)own->clean, shard->replica.former,
                (unsigned long long)shard->hints.held, (unsigned long long)roster_durable(shard));
    world_trace(steward->world, "  filling: %u partitions wanted, pull %llu of partition %u", shard->filling.wanted,
                (unsigned long long)shard->filling.pull.number, shard->filling.pull.partition.value);
    world_trace(steward->world,
                "  farewell: state %d of partition %u, %u missing%s%s; trees: %u in doubt, %u kept, %u built",
                (int)shard->farewell.state, shard->farewell.partition.value, shard->farewell.missing,
                shard->farewell.is_scanning ? ", scanning" : "", shard->farewell.has_failed ? ", failed" : "",
                shard->trees.count[TREE_IN_DOUBT], shard->trees.count[TREE_KEPT], shard->trees.count[TREE_BUILT]);
}

void steward_tell(const struct steward *steward) {
    const struct cluster *cluster = steward->cluster;
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        const struct node *node = &cluster->nodes[index];
        for (uint32_t at = 0; node->is_up && at < node->shard_count; at++) {
            tell_shard(steward, node, node->shards[at].shard);
        }
    }
}
