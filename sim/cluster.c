#include "sim/cluster.h"

#include <stdio.h>

static void give_place(struct node *node) {
    uint32_t place = node->cluster->places++ % 10000;
    snprintf(node->addresses.client, sizeof(node->addresses.client), "127.0.0.1:%u", 7001 + place);
    snprintf(node->addresses.peer, sizeof(node->addresses.peer), "127.0.0.1:%u", 17001 + place);
}

void node_move(struct node *node) {
    ENSURE(!node->is_up);
    give_place(node);
    world_trace(node->cluster->world, "node %u moves to %s", node->index, node->addresses.peer);
}

/* The log's first events come from configuration: one join per node, the same on all of them. */
static struct ring *make_ring(struct cluster *cluster) {
    struct ring *ring = NULL;
    membership_init(&cluster->birth);
    for (uint32_t index = 0; index < cluster->options.node_count; index++) {
        struct membership_event event = {.lamport = index + 1, .kind = MEMBERSHIP_JOIN};
        event.issuer = cluster->nodes[index].id;
        event.member.id = cluster->nodes[index].id;
        event.member.weight = 1;
        snprintf(event.member.zone, sizeof(event.member.zone), "z%u", index % 3);
        memcpy(event.member.client_address, cluster->nodes[index].addresses.client, MEMBER_ADDRESS_SIZE);
        memcpy(event.member.peer_address, cluster->nodes[index].addresses.peer, MEMBER_ADDRESS_SIZE);
        enum membership_status status = membership_add(&cluster->birth, &event);
        ENSURE(status == MEMBERSHIP_ADDED);
    }
    struct ring_options options = {cluster->options.partition_count, cluster->options.replica_count};
    enum ring_status status = ring_new(&cluster->birth, options, &ring);
    ENSURE(status == RING_OK);
    return ring;
}

void cluster_init(struct cluster *cluster, struct world *world, struct cluster_options options,
                  const struct keyspace_table *keyspaces, struct rng rng) {
    memset(cluster, 0, sizeof(*cluster));
    ENSURE(options.node_count + options.spare_count <= SIM_NODES_MOST && options.shard_count <= SIM_SHARDS_MOST);
    cluster->world = world;
    cluster->options = options;
    cluster->rng = rng;
    cluster->keyspaces = *keyspaces;
    cluster->node_count = options.node_count + options.spare_count;
    cluster->protocol_rng = rng_split(&rng);
    cluster->mixes_protocols = rng_chance(&cluster->protocol_rng, 400000);
    rng_fill(&cluster->rng, &cluster->secrets.cluster, sizeof(cluster->secrets.cluster));
    rng_fill(&cluster->rng, &cluster->secrets.current, sizeof(cluster->secrets.current));
    node_pools_init(cluster);
    struct rng network_rng = rng_split(&cluster->rng);
    network_init(&cluster->network, world, cluster, network_rng);
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        struct node *node = &cluster->nodes[index];
        node->cluster = cluster;
        node->index = index;
        node->standing = index < options.node_count ? NODE_IN : NODE_SPARE;
        membership_init(&node->welcome);
        node->shard_count = options.shard_count;
        give_place(node);
        rng_fill(&cluster->rng, node->id.bytes, sizeof(node->id.bytes));
        node->disk_rng = rng_split(&cluster->rng);
        node->leaf = memory_leaf_new(options.slow_reads ? MEMORY_LEAF_SIMULATED : MEMORY_LEAF_SIMULATED_FAST);
    }
    cluster->ring = make_ring(cluster);
}

struct node *cluster_node_of(struct cluster *cluster, struct node_id id) {
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        if (node_id_equal(cluster->nodes[index].id, id)) {
            return &cluster->nodes[index];
        }
    }
    return NULL;
}

struct node *cluster_node_at(struct cluster *cluster, const char *peer_address) {
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        if (strcmp(cluster->nodes[index].addresses.peer, peer_address) == 0) {
            return &cluster->nodes[index];
        }
    }
    return NULL;
}

struct node *cluster_node_of_member(struct cluster *cluster, struct member_index member) {
    return cluster_node_of(cluster, ring_member(cluster->ring, member)->id);
}

void cluster_note_ring(struct cluster *cluster, struct ring *ring) {
    if (ring_version(ring) > ring_version(cluster->ring)) {
        ring_free(cluster->ring);
        cluster->ring = ring_retain(ring);
    }
}

void cluster_release(struct cluster *cluster) {
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        struct node *node = &cluster->nodes[index];
        if (node->is_up) {
            node_crash(node, 0);
        }
        memory_leaf_free(node->leaf);
        membership_release(&node->welcome);
    }
    network_release(&cluster->network);
    pool_release(&cluster->handle_pool);
    pool_release(&cluster->operation_pool);
    membership_release(&cluster->birth);
    ring_free(cluster->ring);
}
