#include "sim/nemesis.h"

#include "base/codec.h"

enum { LEAVE_POLL_MS = 5 };

const char *fault_text(enum fault_class fault) {
    static const char *const texts[FAULT_CLASSES] = {
        "loss", "pieces",     "slow", "partition", "crash",  "crash-all", "stop",   "pause",   "clock",
        "disk", "read-error", "wipe", "corrupt",   "forget", "restore",   "memory", "members", "move"};
    return texts[fault];
}

static void mend(struct world *world, struct world_event *event);
static void strike(struct world *world, struct world_event *event);
static void leave_on(struct world *world, struct world_event *event);

void nemesis_init(struct nemesis *nemesis, struct world *world, struct cluster *cluster, struct rng rng) {
    memset(nemesis, 0, sizeof(*nemesis));
    nemesis->world = world;
    nemesis->cluster = cluster;
    nemesis->rng = rng;
    for (int fault = 0; fault < FAULT_CLASSES; fault++) {
        nemesis->enabled[fault] = rng_chance(&nemesis->rng, 500000);
    }
    nemesis->interval_ns = rng_between(&nemesis->rng, 300, 5000) * NS_PER_MS;
    struct network_faults *network = &cluster->network.faults;
    network->delay_least_ns = rng_between(&nemesis->rng, 20, 500) * NS_PER_US;
    network->delay_spread_ns = rng_between(&nemesis->rng, 10, 3000) * NS_PER_US;
    if (nemesis->enabled[FAULT_PIECES]) {
        network->pieces = rng_chance(&nemesis->rng, 500000);
        network->break_per_million = (uint32_t)rng_below(&nemesis->rng, 2000);
    }
    if (nemesis->enabled[FAULT_LOSS] && !network->pieces) {
        network->loss_per_million = (uint32_t)rng_below(&nemesis->rng, 300000);
        network->duplicate_per_million = (uint32_t)rng_below(&nemesis->rng, 100000);
        network->overtakes = rng_chance(&nemesis->rng, 500000);
    }
    if (nemesis->enabled[FAULT_SLOW]) {
        network->tail_per_million = (uint32_t)rng_below(&nemesis->rng, 20000);
    }
    cluster->disk.sync_least_ns = rng_between(&nemesis->rng, 10, 1000) * NS_PER_US;
    cluster->disk.sync_spread_ns = rng_between(&nemesis->rng, 10, 5000) * NS_PER_US;
    cluster->disk.read_spread_ns = rng_between(&nemesis->rng, 10, 1000) * NS_PER_US;
    if (nemesis->enabled[FAULT_DISK]) {
        cluster->disk.slow_per_million = (uint32_t)rng_below(&nemesis->rng, 10000);
    }
    if (nemesis->enabled[FAULT_READ_ERROR]) {
        cluster->disk.read_error_per_million = (uint32_t)rng_below(&nemesis->rng, 20000);
    }
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        nemesis->mend[index] =
            (struct nemesis_mend){.event.happen = mend, .nemesis = nemesis, .node = &cluster->nodes[index]};
        nemesis->leave[index] = (struct nemesis_leave){.event.happen = leave_on, .nemesis = nemesis};
    }
    nemesis->next.happen = strike;
    steward_init(&nemesis->steward, world, cluster, rng_split(&nemesis->rng));
}

void nemesis_release(struct nemesis *nemesis) {
    steward_stop(&nemesis->steward);
    memory_leaf_free(nemesis->copy);
}

static void steward_lost(void *self, struct node *node) {
    struct nemesis *nemesis = self;
    nemesis->node_gone(nemesis->self, node);
}

static void steward_gained(void *self, struct node *node) {
    struct nemesis *nemesis = self;
    nemesis->node_back(nemesis->self, node);
}

void nemesis_start(struct nemesis *nemesis) {
    if (nemesis->enabled[FAULT_MEMBERS]) {
        nemesis->steward.node_gone = steward_lost;
        nemesis->steward.node_back = steward_gained;
        nemesis->steward.self = nemesis;
        steward_start(&nemesis->steward);
    }
    world_schedule(nemesis->world, &nemesis->next, rng_below(&nemesis->rng, nemesis->interval_ns) + 1);
}

static struct node *some_node(struct nemesis *nemesis) {
    return &nemesis->cluster->nodes[rng_below(&nemesis->rng, nemesis->cluster->node_count)];
}

/* These tell whether anything came of it. */

static bool crash(struct nemesis *nemesis, struct node *node) {
    if (!node->is_up) {
        return false;
    }
    size_t unsynced = memory_leaf_unsynced_count(node->leaf);
    size_t keep = rng_chance(&nemesis->rng, 500000) ? 0 : (size_t)rng_below(&nemesis->rng, unsynced + 1);
    node_crash(node, keep);
    nemesis->node_gone(nemesis->self, node);
    world_schedule(nemesis->world, &nemesis->mend[node->index].event, rng_between(&nemesis->rng, 1, 8000) * NS_PER_MS);
    return true;
}

static void lose_disk(struct nemesis *nemesis, struct node *node, const char *how) {
    world_trace(nemesis->world, "node %u %s", node->index, how);
    nemesis->last_loss = nemesis->world->now;
    nemesis->awaits_verdict = false;
    node_crash(node, 0);
    nemesis->node_gone(nemesis->self, node);
    nemesis->node_wiped(nemesis->self, node);
}

static bool wipe(struct nemesis *nemesis, struct node *node) {
    if (!node->is_up || nemesis->has_wiped) {
        return false;
    }
    nemesis->has_wiped = true;
    lose_disk(nemesis, node, "loses its disk");
    memory_leaf_wipe(node->leaf);
    world_schedule(nemesis->world, &nemesis->mend[node->index].event, rng_between(&nemesis->rng, 1, 2000) * NS_PER_MS);
    return true;
}

static struct node *victim(struct nemesis *nemesis) {
    while (nemesis->victim == NULL) {
        struct node *node = some_node(nemesis);
        nemesis->victim = node_takes_part(node) ? node : NULL;
    }
    return nemesis->victim;
}

/* A crash, after which its disk is looked at. */
static bool copy_disk(struct nemesis *nemesis, struct node *node) {
    world_trace(nemesis->world, "node %u's disk is copied", node->index);
    nemesis->copied_bound = node_clock_bound(node);
    crash(nemesis, node);
    nemesis->copy = memory_leaf_new(MEMORY_LEAF_SIMULATED);
    memory_leaf_copy(nemesis->copy, node->leaf);
    return false; /* only a restoring is one */
}

/* Every other node has heard, and written down since, that the victim was further than its copy: what none of them
 * remembers is not found (core/witness.h). */
static bool all_remember(struct nemesis *nemesis, const struct node *node) {
    const uint64_t written_down_ms = 10000;
    struct hybrid_time later = {nemesis->copied_bound.value + 1};
    bool do_all = true;
    for (uint32_t index = 0; index < nemesis->cluster->node_count; index++) {
        const struct node *other = &nemesis->cluster->nodes[index];
        do_all = do_all && (other == node || !node_takes_part(other) || node_remembers(other, node, later));
    }
    if (!do_all) {
        nemesis->remembered_since = (struct instant){0};
    } else if (nemesis->remembered_since.ns == 0) {
        nemesis->remembered_since = nemesis->world->now;
    }
    return do_all && nemesis->world->now.ns >= nemesis->remembered_since.ns + written_down_ms * NS_PER_MS;
}

static bool restore_disk(struct nemesis *nemesis, struct node *node) {
    if (!all_remember(nemesis, node)) {
        return false;
    }
    nemesis->has_restored = true;
    lose_disk(nemesis, node, "is put back to what it was");
    nemesis->awaits_verdict = true;
    memory_leaf_copy(node->leaf, nemesis->copy);
    world_schedule(nemesis->world, &nemesis->mend[node->index].event, rng_between(&nemesis->rng, 1, 2000) * NS_PER_MS);
    return true;
}

static bool restore(struct nemesis *nemesis) {
    struct node *node = victim(nemesis);
    if (!node->is_up || node->is_paused || nemesis->has_restored) {
        return false;
    }
    return nemesis->copy == NULL ? copy_disk(nemesis, node) : restore_disk(nemesis, node);
}

struct losing {
    struct nemesis *nemesis;
    enum fault_class fault;
    uint32_t left;        /* records that this strike has not passed yet */
    uint32_t wanted;      /* of them */
    struct buffer places; /* of those it hits: u32 size, leaf key */
};

static bool count(void *self, struct view key, struct view value) {
    (void)key;
    (void)value;
    ((struct losing *)self)->left++;
    return true;
}

/* So many of all, each as likely. */
static bool choose(void *self, struct view key, struct view value) {
    struct losing *losing = self;
    (void)value;
    if (rng_below(&losing->nemesis->rng, losing->left--) < losing->wanted) {
        losing->wanted--;
        write_sized(&losing->places, key);
    }
    return true;
}

static void lose(struct losing *losing, struct node *node, struct view place) {
    struct nemesis *nemesis = losing->nemesis;
    struct view key = view_slice(place, LEAF_PLACE_BYTES, place.size - LEAF_PLACE_BYTES);
    bool is_forgotten = losing->fault == FAULT_FORGET;
    world_trace(nemesis->world, "node %u: the record of %.*s %s", node->index, (int)key.size, (const char *)key.data,
                is_forgotten ? "vanishes" : "turns bad");
    nemesis->last_loss = nemesis->world->now;
    nemesis->record_lost(nemesis->self, node, key, is_forgotten);
    if (is_forgotten) {
        memory_leaf_forget(node->leaf, LEAF_OBJECTS, place);
    } else {
        memory_leaf_corrupt(node->leaf, LEAF_OBJECTS, place, rng_next(&nemesis->rng));
    }
}

/* Durable records of the victim's turn bad or vanish, under a running node or a stopped one: one, or many at once. */
static bool lose_records(struct nemesis *nemesis, enum fault_class fault) {
    struct node *node = victim(nemesis);
    struct losing losing = {.nemesis = nemesis, .fault = fault};
    buffer_init(&losing.places);
    memory_leaf_each(node->leaf, LEAF_OBJECTS, count, &losing);
    losing.wanted = rng_chance(&nemesis->rng, 700000) ? 1 : losing.left / 2;
    memory_leaf_each(node->leaf, LEAF_OBJECTS, choose, &losing);
    bool is_any = buffer_size(&losing.places) > 0;
    struct reader places = reader_of(buffer_view(&losing.places));
    while (reader_left(&places) > 0) {
        lose(&losing, node, read_sized(&places));
    }
    buffer_release(&losing.places);
    return is_any;
}

static void stop_now(struct nemesis *nemesis, struct node *node) {
    nemesis->leave[node->index].node = NULL;
    node_stop(node);
    nemesis->node_gone(nemesis->self, node);
    world_schedule(nemesis->world, &nemesis->mend[node->index].event, rng_between(&nemesis->rng, 1, 3000) * NS_PER_MS);
}

static bool stop(struct nemesis *nemesis, struct node *node) {
    struct nemesis_leave *leave = &nemesis->leave[node->index];
    if (!node->is_up || node->is_paused || leave->node != NULL) {
        return false;
    }
    if (rng_chance(&nemesis->rng, 300000)) {
        stop_now(nemesis, node);
        return true;
    }
    uint64_t limit_ms = rng_below(&nemesis->rng, 2 * (uint64_t)nemesis->cluster->options.deadline_ms);
    leave->node = node;
    leave->runs = node->runs;
    leave->until.ns = nemesis->world->now.ns + limit_ms * NS_PER_MS;
    node_leave(node);
    world_schedule(nemesis->world, &leave->event, LEAVE_POLL_MS * NS_PER_MS);
    return true;
}

/* Clients go on asking it, as those do that don't see the end of a stream: so it may be cut short. */
static void leave_on(struct world *world, struct world_event *event) {
    struct nemesis_leave *leave = CONTAINER_OF(event, struct nemesis_leave, event);
    struct node *node = leave->node;
    if (!node->is_up || node->runs != leave->runs) {
        leave->node = NULL; /* it crashed meanwhile */
    } else if (!node->is_paused && (node_has_left(node) || world->now.ns >= leave->until.ns)) {
        stop_now(leave->nemesis, node);
    } else {
        world_schedule(world, event, LEAVE_POLL_MS * NS_PER_MS);
    }
}

static void partition(struct nemesis *nemesis) {
    struct network *network = &nemesis->cluster->network;
    uint32_t count = nemesis->cluster->node_count;
    uint32_t side = (uint32_t)rng_next(&nemesis->rng);
    bool one_way = rng_chance(&nemesis->rng, 300000);
    if (rng_chance(&nemesis->rng, 400000)) {
        side = 1u << rng_below(&nemesis->rng, count);
    }
    world_trace(nemesis->world, "the network parts: side %x%s", side & ((1u << count) - 1), one_way ? ", one way" : "");
    for (uint32_t from = 0; from < count; from++) {
        for (uint32_t to = 0; to < count; to++) {
            bool across = ((side >> from) & 1) != ((side >> to) & 1);
            network_cut(network, from, to, across && (!one_way || ((side >> from) & 1) != 0));
        }
    }
}

static void slow(struct nemesis *nemesis) {
    struct network *network = &nemesis->cluster->network;
    uint32_t slow_node = (uint32_t)rng_below(&nemesis->rng, nemesis->cluster->node_count);
    uint64_t slow_ns = rng_between(&nemesis->rng, 0, 300) * NS_PER_MS;
    for (uint32_t other = 0; other < nemesis->cluster->node_count; other++) {
        network->slow_ns[slow_node][other] = slow_ns;
        network->slow_ns[other][slow_node] = slow_ns;
    }
}

static void set_clock(struct nemesis *nemesis, struct node *node) {
    int64_t offset_ms = (int64_t)rng_below(&nemesis->rng, 20000) - 10000;
    int64_t drift_ppm = (int64_t)rng_below(&nemesis->rng, 400) - 200;
    if (rng_chance(&nemesis->rng, 700000)) {
        offset_ms /= 200;
    } else if (rng_chance(&nemesis->rng, 300000)) {
        offset_ms *= 6; /* almost the most with which a node still takes part */
    }
    node_set_clock(node, offset_ms, drift_ppm);
}

static bool pause_node(struct nemesis *nemesis, struct node *node) {
    if (!node->is_up || node->is_paused) {
        return false;
    }
    node_pause(node, true);
    world_schedule(nemesis->world, &nemesis->mend[node->index].event, rng_between(&nemesis->rng, 1, 5000) * NS_PER_MS);
    return true;
}

static void part_or_heal(struct nemesis *nemesis) {
    if (rng_chance(&nemesis->rng, 400000)) {
        memset(nemesis->cluster->network.cut, 0, sizeof(nemesis->cluster->network.cut));
        world_trace(nemesis->world, "the network is whole again");
    } else {
        partition(nemesis);
    }
}

static bool crash_many(struct nemesis *nemesis) {
    bool is_any = false;
    for (uint32_t index = 0; rng_chance(&nemesis->rng, 200000) && index < nemesis->cluster->node_count; index++) {
        is_any = crash(nemesis, &nemesis->cluster->nodes[index]) || is_any;
    }
    return is_any;
}

/* A store that failed stays failed until its node restarts: an operator sees it and does that. */
static bool fail_sync(struct nemesis *nemesis, struct node *node) {
    if (!node->is_up || node->is_paused || !rng_chance(&nemesis->rng, 200000)) {
        return false;
    }
    world_trace(nemesis->world, "the next sync of node %u fails", node->index);
    node->fails_next_sync = true;
    world_schedule(nemesis->world, &nemesis->mend[node->index].event,
                   rng_between(&nemesis->rng, 2000, 6000) * NS_PER_MS);
    return true;
}

static bool move(struct nemesis *nemesis) {
    while (nemesis->mover == NULL) {
        struct node *node = some_node(nemesis);
        nemesis->mover = node_takes_part(node) ? node : NULL;
    }
    struct node *node = nemesis->mover;
    if (!node_takes_part(node) || !rng_chance(&nemesis->rng, 300000) || !crash(nemesis, node)) {
        return false;
    }
    node_move(node);
    return true;
}

static bool strike_with(struct nemesis *nemesis, enum fault_class fault) {
    struct node *node;
    switch (fault) {
    case FAULT_PARTITION:
        part_or_heal(nemesis);
        return true;
    case FAULT_SLOW:
        slow(nemesis);
        return true;
    case FAULT_CRASH:
        return crash(nemesis, some_node(nemesis));
    case FAULT_CRASH_ALL:
        return crash_many(nemesis);
    case FAULT_WIPE: /* not at once, when there is little to lose */
        return rng_chance(&nemesis->rng, 200000) && wipe(nemesis, victim(nemesis));
    case FAULT_CORRUPT:
    case FAULT_FORGET:
        return lose_records(nemesis, fault);
    case FAULT_STOP:
        return stop(nemesis, some_node(nemesis));
    case FAULT_PAUSE:
        return pause_node(nemesis, some_node(nemesis));
    case FAULT_CLOCK:
        set_clock(nemesis, some_node(nemesis));
        return true;
    case FAULT_RESTORE:
        return restore(nemesis);
    case FAULT_MEMORY:
        node = some_node(nemesis);
        node_set_memory(node, !node->memory_is_short);
        return true;
    case FAULT_DISK:
        return fail_sync(nemesis, some_node(nemesis));
    case FAULT_MOVE:
        return move(nemesis);
    case FAULT_MEMBERS: /* the steward has a time of its own */
    case FAULT_LOSS:
    case FAULT_PIECES:
    case FAULT_READ_ERROR:
    case FAULT_CLASSES:
        break; /* always on, where enabled */
    }
    return false;
}

static void strike(struct world *world, struct world_event *event) {
    struct nemesis *nemesis = CONTAINER_OF(event, struct nemesis, next);
    enum fault_class fault = (enum fault_class)rng_below(&nemesis->rng, FAULT_CLASSES);
    if (nemesis->enabled[fault]) {
        nemesis->fired[fault] += strike_with(nemesis, fault) ? 1 : 0;
    }
    world_schedule(world, event, rng_below(&nemesis->rng, 2 * nemesis->interval_ns / FAULT_CLASSES * 2) + 1);
}

bool nemesis_tries(const struct nemesis *nemesis, const struct node *node) {
    return node == nemesis->victim && nemesis->awaits_verdict;
}

static void bring_back(struct nemesis *nemesis, struct node *node) {
    if (!node_takes_part(node)) {
        return;
    }
    if (node->is_up && node_has_failed(node)) {
        node_crash(node, 0);
        nemesis->node_gone(nemesis->self, node);
    }
    if (node->is_up && node == nemesis->victim && node_is_rolled_back(node)) {
        lose_disk(nemesis, node, "is emptied, as it was rolled back");
        memory_leaf_wipe(node->leaf);
    }
    if (nemesis_tries(nemesis, node)) {
        world_schedule(nemesis->world, &nemesis->mend[node->index].event, NS_PER_S);
    }
    if (!node->is_up) {
        node_start(node);
        if (!nemesis_tries(nemesis, node)) {
            nemesis->node_back(nemesis->self, node);
        }
    } else if (node->is_paused) {
        node_pause(node, false);
    }
}

static void mend(struct world *world, struct world_event *event) {
    (void)world;
    struct nemesis_mend *mend_event = CONTAINER_OF(event, struct nemesis_mend, event);
    bring_back(mend_event->nemesis, mend_event->node);
}

void nemesis_heal(struct nemesis *nemesis) {
    struct cluster *cluster = nemesis->cluster;
    world_trace(nemesis->world, "everything heals");
    world_cancel(nemesis->world, &nemesis->next);
    nemesis->steward.is_resting = true;
    network_heal(&cluster->network);
    cluster->disk.slow_per_million = 0;
    cluster->disk.read_error_per_million = 0;
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        struct node *node = &cluster->nodes[index];
        world_cancel(nemesis->world, &nemesis->mend[index].event);
        struct nemesis_leave *leave = &nemesis->leave[index];
        node->fails_next_sync = false;
        node_set_memory(node, false);
        world_cancel(nemesis->world, &leave->event);
        if (leave->node != NULL && node->is_up && node->runs == leave->runs) {
            stop_now(nemesis, node);
            world_cancel(nemesis->world, &nemesis->mend[index].event);
        }
        leave->node = NULL;
        bring_back(nemesis, node);
    }
}
