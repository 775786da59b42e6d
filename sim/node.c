#include "sim/cluster.h"

#include "base/mutant.h"
#include "core/shard_state.h"

enum { SIM_PLACE_SEED = 7 };

/* What the driver keeps of a link of a shard. */
struct link_handle {
    struct list_node dirty;
    struct link *link;
    struct connection *connection;
    bool from_dialer;
    bool is_dirty;
};

/* A read or a batch of a leaf under way. */
struct disk_operation {
    struct world_event event;
    struct node *node;
    uint64_t run;
    uint32_t shard;
    uint64_t id;
    bool is_get;
};

static struct instant node_now(struct node *node) {
    /* Monotonic time runs as fast as the node's clock drifts. */
    uint64_t now_ns = node->cluster->world->now.ns;
    uint64_t drifted_ns = now_ns + (uint64_t)((int64_t)(now_ns / 1000000) * node->clock_drift_ppm);
    node->now_last_ns = drifted_ns > node->now_last_ns ? drifted_ns : node->now_last_ns;
    return (struct instant){node->now_last_ns};
}

struct wall_time node_wall(struct node *node) {
    int64_t wall_ms = (int64_t)(WORLD_EPOCH_MS + node_now(node).ns / NS_PER_MS) + node->clock_offset_ms;
    return (struct wall_time){(uint64_t)wall_ms};
}

static struct moment node_moment(struct node *node) {
    return (struct moment){.now = node_now(node), .wall = node_wall(node)};
}

/* ---- the disk ---- */

static void disk_done(struct world *world, struct world_event *event);

static void disk_schedule(struct sim_shard *shard) {
    struct node *node = shard->node;
    struct cluster *cluster = node->cluster;
    struct memory_leaf_operation operation;
    while (memory_leaf_next_operation(shard->port, &operation)) {
        struct disk_operation *under_way = pool_take(&cluster->operation_pool);
        const struct disk_faults *disk = &cluster->disk;
        uint64_t delay_ns = operation.is_get
                                ? rng_below(&node->disk_rng, disk->read_spread_ns + 1)
                                : disk->sync_least_ns + rng_below(&node->disk_rng, disk->sync_spread_ns + 1);
        if (rng_chance(&node->disk_rng, disk->slow_per_million)) {
            delay_ns *= 100;
        }
        *under_way = (struct disk_operation){.node = node,
                                             .run = node->runs,
                                             .shard = shard->index,
                                             .id = operation.id,
                                             .is_get = operation.is_get,
                                             .event.happen = disk_done};
        world_schedule(cluster->world, &under_way->event, delay_ns);
    }
}

/* ---- turns ---- */

static void shard_flush_sessions(struct sim_shard *shard) {
    struct list_node *at;
    while ((at = list_take_first(&shard->dirty_sessions)) != NULL) {
        struct sim_session *session = CONTAINER_OF(at, struct sim_session, dirty);
        struct buffer *output = session_output(session->session);
        struct view bytes = arena_copy(&shard->node->cluster->world->scratch, buffer_view(output));
        session->is_dirty = false;
        buffer_clear(output);
        bool closes = session_wants_close(session->session);
        if (bytes.size > 0) {
            world_note(shard->node->cluster->world, "reply", shard->node->index, shard->index, bytes);
            session->received(session, bytes);
        }
        if (session->node == NULL) {
            continue;
        }
        if (closes) {
            node_session_close(session);
            session->ended(session);
        } else {
            shard_session_resume(shard->shard, session->session, node_moment(shard->node));
        }
    }
}

static void shard_flush_links(struct sim_shard *shard) {
    struct list_node *at;
    while ((at = list_take_first(&shard->dirty_links)) != NULL) {
        struct link_handle *handle = CONTAINER_OF(at, struct link_handle, dirty);
        struct buffer *output = link_output(handle->link);
        handle->is_dirty = false;
        network_send(&shard->node->cluster->network, handle->connection, handle->from_dialer, buffer_view(output));
        buffer_clear(output);
    }
}

static void shard_drain_store(struct sim_shard *shard) {
    struct store_event event;
    while (store_next_event(shard->store, &event)) {
        if (event.kind == STORE_EVENT_READ) {
            shard_storage_read(shard->shard, event.partition, event.key, event.status, node_moment(shard->node));
        } else if (event.kind == STORE_EVENT_SCANNED) {
            shard_storage_scanned(shard->shard, event.token, event.status, event.records, event.record_count,
                                  event.is_end, event.next_hash, node_moment(shard->node));
        } else {
            shard_storage_written(shard->shard, event.token, event.status, node_moment(shard->node));
        }
    }
}

static void turn_end(struct sim_shard *shard) {
    struct node *node = shard->node;
    shard_drain_store(shard);
    store_end_turn(shard->store);
    disk_schedule(shard);
    shard_drain_store(shard);
    shard_flush_sessions(shard);
    store_end_turn(shard->store); /* flushing may have resumed a session */
    disk_schedule(shard);
    shard_flush_links(shard);
    struct instant due = shard_next_deadline(shard->shard);
    uint64_t now_ns = node_now(node).ns;
    world_schedule(node->cluster->world, &shard->tick, due.ns > now_ns ? due.ns - now_ns : 0);
}

static void disk_done(struct world *world, struct world_event *event) {
    struct disk_operation *operation = CONTAINER_OF(event, struct disk_operation, event);
    struct node *node = operation->node;
    if (node->is_paused && node->is_up && node->runs == operation->run) {
        world_schedule(world, event, 50 * NS_PER_MS);
        return;
    }
    bool is_current = node->is_up && node->runs == operation->run;
    struct sim_shard *shard = &node->shards[operation->shard];
    uint64_t id = operation->id;
    bool fails = operation->is_get ? rng_chance(&node->disk_rng, node->cluster->disk.read_error_per_million)
                                   : node->fails_next_sync;
    node->fails_next_sync = node->fails_next_sync && (operation->is_get || !is_current);
    pool_give(&node->cluster->operation_pool, operation);
    if (!is_current) {
        return;
    }
    world_note(world, "disk", node->index, id, (struct view){0});
    memory_leaf_complete(shard->port, id, fails ? LEAF_FAILED : LEAF_DONE);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        turn_end(&node->shards[index]);
    }
}

static void tick(struct world *world, struct world_event *event) {
    struct sim_shard *shard = CONTAINER_OF(event, struct sim_shard, tick);
    struct node *node = shard->node;
    if (!node->is_up) {
        return;
    }
    if (node->is_paused) {
        world_schedule(world, event, 50 * NS_PER_MS);
        return;
    }
    shard_tick(shard->shard, node_moment(node));
    turn_end(shard);
}

static void carry_mail(struct world *world, struct world_event *event) {
    struct sim_shard *to = CONTAINER_OF(event, struct sim_shard, mail);
    struct node *node = to->node;
    if (!node->is_up) {
        return;
    }
    if (node->is_paused) {
        world_schedule(world, event, 50 * NS_PER_MS);
        return;
    }
    for (uint32_t from = 0; from < node->shard_count; from++) {
        if (from != to->index) {
            struct buffer *output = shard_mail_output(node->shards[from].shard, to->index);
            struct view bytes = arena_copy(&world->scratch, buffer_view(output));
            buffer_clear(output);
            shard_mail_input(to->shard, from, bytes, node_moment(node));
        }
    }
    turn_end(to);
}

/* ---- the shard's driver ---- */

static void driver_session_wake(void *self, struct session *session) {
    struct sim_shard *shard = self;
    struct sim_session *handle = session_handle(session);
    if (!handle->is_dirty) {
        handle->is_dirty = true;
        list_push_back(&shard->dirty_sessions, &handle->dirty);
    }
}

static void driver_link_dial(void *self, struct link *link, const char *address) {
    struct sim_shard *shard = self;
    struct cluster *cluster = shard->node->cluster;
    const struct node *node = cluster_node_at(cluster, address);
    network_dial(&cluster->network, shard->node, shard->index, link, node == NULL ? SIM_NOBODY : node->index);
}

static void driver_link_wake(void *self, struct link *link) {
    struct sim_shard *shard = self;
    struct link_handle *handle = link_handle(link);
    if (!handle->is_dirty) {
        handle->is_dirty = true;
        list_push_back(&shard->dirty_links, &handle->dirty);
    }
}

static void handle_free(struct cluster *cluster, struct link_handle *handle) {
    if (handle->is_dirty) {
        list_remove(&handle->dirty);
    }
    pool_give(&cluster->handle_pool, handle);
}

static void driver_link_close(void *self, struct link *link) {
    struct sim_shard *shard = self;
    struct link_handle *handle = link_handle(link);
    ENSURE(handle != NULL); /* the core closes no link that it dials */
    network_close(&shard->node->cluster->network, handle->connection, handle->from_dialer);
    handle_free(shard->node->cluster, handle);
}

static void driver_mail_wake(void *self, uint32_t to_shard) {
    struct sim_shard *shard = self;
    struct sim_shard *to = &shard->node->shards[to_shard];
    if (to->mail.timer.position == 0) {
        world_schedule(shard->node->cluster->world, &to->mail, 5 * NS_PER_US);
    }
}

static void driver_trace(void *self, const struct trace_record *record) {
    struct sim_shard *shard = self;
    struct cluster *cluster = shard->node->cluster;
    /* A store that has failed takes nothing, whatever the replica meant to write. It is this shard's that counts: the
     * others of the node hear of a failed disk only when they use it. */
    bool is_void = record->kind == TRACE_STORED && store_has_failed(shard->store);
    /* Positions of members are each process's own; watchers know nodes by their number here. */
    struct trace_record told = *record;
    told.peer.value = (uint16_t)cluster_node_of(cluster, shard_member(shard->shard, record->peer)->id)->index;
    if (record->kind == TRACE_MEMBERSHIP) {
        cluster_note_ring(cluster, shard->shard->ring);
    }
    if (cluster->watch != NULL && !is_void) {
        cluster->watch(cluster->watcher, shard, &told);
    }
}

/* ---- links ---- */

static struct link_handle *handle_new(struct node *node, struct connection *connection, bool from_dialer) {
    struct link_handle *handle = pool_take(&node->cluster->handle_pool);
    handle->connection = connection;
    handle->from_dialer = from_dialer;
    return handle;
}

struct link *node_link_accept(struct node *node, uint32_t shard, struct connection *connection) {
    struct link_handle *handle = handle_new(node, connection, false);
    handle->link = shard_link_accept(node->shards[shard].shard, handle, node_moment(node));
    return handle->link;
}

void node_link_connected(struct node *node, uint32_t shard, struct link *link, struct connection *connection) {
    struct link_handle *handle = handle_new(node, connection, true);
    handle->link = link;
    shard_link_connected(node->shards[shard].shard, link, handle, node_moment(node));
    turn_end(&node->shards[shard]);
}

void node_link_input(struct node *node, uint32_t shard, struct link *link, struct view bytes) {
    shard_link_input(node->shards[shard].shard, link, bytes, node_moment(node));
    turn_end(&node->shards[shard]);
}

void node_link_closed(struct node *node, uint32_t shard, struct link *link) {
    struct link_handle *handle = link_handle(link);
    if (handle != NULL) {
        handle_free(node->cluster, handle);
    }
    shard_link_closed(node->shards[shard].shard, link, node_moment(node));
    turn_end(&node->shards[shard]);
}

/* ---- sessions ---- */

bool node_session_open(struct node *node, uint32_t shard, struct sim_session *session) {
    if (!node->is_up) {
        return false;
    }
    struct sim_shard *at = &node->shards[shard % node->shard_count];
    session->node = node;
    session->shard = at->index;
    session->is_dirty = false;
    session->dirty = (struct list_node){0};
    session->all = (struct list_node){0};
    list_push_back(&at->sessions, &session->all);
    session->session = shard_session_open(at->shard, session, "simulated", node_moment(node));
    return true;
}

void node_session_send(struct sim_session *session, struct view bytes) {
    struct node *node = session->node;
    struct sim_shard *shard = &node->shards[session->shard];
    world_note(node->cluster->world, "request", node->index, session->shard, bytes);
    shard_session_input(shard->shard, session->session, bytes, node_moment(node));
    turn_end(shard);
}

void node_session_close(struct sim_session *session) {
    struct node *node = session->node;
    if (node == NULL) {
        return;
    }
    if (session->is_dirty) {
        list_remove(&session->dirty);
        session->is_dirty = false;
    }
    list_remove(&session->all);
    session->node = NULL;
    shard_session_closed(node->shards[session->shard].shard, session->session, node_moment(node));
}

/* ---- life ---- */

/* Its own log, or, where it has none yet, that of the cluster's birth. */
struct start {
    const struct store_birth *birth;
    struct membership log;
    struct roster_kept kept;
    struct buffer own_addresses;
    struct ring *ring;
    struct member_index self;
};

/* False: it is no member any more, and learned so just before its last process ended. */
static bool start_init(struct start *start, const struct node *node, const struct store_birth *birth) {
    struct cluster *cluster = node->cluster;
    struct ring_options options = {cluster->options.partition_count, cluster->options.replica_count};
    start->birth = birth;
    buffer_init(&start->own_addresses);
    addresses_list_add(&start->own_addresses, node->id, &node->addresses);
    start->kept = (struct roster_kept){0};
    membership_init(&start->log);
    bool is_new = buffer_size(&birth->membership) == 0;
    bool is_whole = is_new || roster_read(buffer_view(&birth->membership), &start->log, &start->kept);
    if (is_new) {
        (void)membership_merge(&start->log, node->welcome.count > 0 ? &node->welcome : &cluster->birth);
    }
    enum ring_status status = ring_new(&start->log, options, &start->ring);
    ENSURE(is_whole && status == RING_OK);
    return ring_find_member(start->ring, node->id, &start->self) && ring_is_present(start->ring, start->self);
}

static void start_release(struct start *start) {
    ring_free(start->ring);
    buffer_release(&start->own_addresses);
    membership_release(&start->log);
}

static void shard_start(struct node *node, struct sim_shard *shard, const struct start *start) {
    struct cluster *cluster = node->cluster;
    const struct store_birth *birth = start->birth;
    shard->node = node;
    list_init(&shard->dirty_links);
    list_init(&shard->dirty_sessions);
    list_init(&shard->sessions);
    shard->store = store_new(shard->port, (struct store_options){.buffer_bytes = cluster->options.buffer_bytes,
                                                                 .hash_seed = SIM_PLACE_SEED,
                                                                 .shard_index = shard->index});
    struct shard_options options = {
        .ring = start->ring,
        .log = &start->log,
        .addresses = start->kept.addresses,
        .configured_addresses = buffer_view(&start->own_addresses),
        .log_is_kept = buffer_size(&birth->membership) > 0,
        .member_capacity = 4 * SIM_NODES_MOST,
        .was_cleaned = start->kept.cleaned == membership_lamport(&start->log),
        .promise = buffer_view(&birth->promise),
        .self = start->self,
        .shard_index = shard->index,
        .shard_count = node->shard_count,
        .keyspaces = node->birth_keyspaces.version > 0 ? &node->birth_keyspaces : &cluster->keyspaces,
        .secrets = cluster->secrets,
        .seed = rng_next(&cluster->rng),
        .protocol = node->protocol,
        .run = node->run,
        .clock_floor = MUTANT(CLOCK_BELOW_BOUND) ? (struct hybrid_time){0} : birth->clock_floor,
        .lineage = birth->lineage,
        .is_rolled_back = birth->is_rolled_back,
        .witnessed = buffer_view(&birth->witnessed),
        .was_clean = birth->was_clean || birth->is_new,
        .fence_floor = birth->fence_floor,
        .flush_floor = birth->flush_floor,
        .may_lack_unsynced = birth->doubts_unsynced,
        .is_refilling = birth->doubts_all,
        .kept_trees = buffer_view(&birth->trees),
        .place_seed = SIM_PLACE_SEED,
        .exchange_period_ms = cluster->options.exchange_period_ms,
        .scrub_period_ms = 15000,
        .outline_bytes = cluster->options.outline_bytes,
        .scan_records = cluster->options.scan_records,
        .deadline_ms = cluster->options.deadline_ms,
        .slow_us = 10000,
        .slow_most = 16,
        .max_pipelined = 64,
        .max_requests = cluster->options.max_requests,
        .background_latency_ms = 50,
        .prune_pause_ms = 5000,
        .storage = store_storage(shard->store),
        .driver = {.self = shard,
                   .session_wake = driver_session_wake,
                   .link_dial = driver_link_dial,
                   .link_wake = driver_link_wake,
                   .link_close = driver_link_close,
                   .mail_wake = driver_mail_wake,
                   .trace = driver_trace,
                   .trace_keys = true},
    };
    shard->shard = shard_new(&options, node_moment(node));
    shard->tick.happen = tick;
    shard->mail.happen = carry_mail;
    world_schedule(cluster->world, &shard->tick, 0);
}

static void fsync_each_second(struct world *world, struct world_event *event) {
    struct node *node = CONTAINER_OF(event, struct node, fsync);
    memory_leaf_sync(node->leaf);
    world_schedule(world, event, NS_PER_S);
}

void node_start(struct node *node) {
    struct store_birth birth;
    ENSURE(!node->is_up);
    node->runs++;
    node->started = node->cluster->world->now;
    node->run = rng_next(&node->cluster->rng) | 1;
    node->is_up = true;
    node->is_paused = false;
    node->fails_next_sync = false;
    world_note(node->cluster->world, "start", node->index, node->runs, (struct view){0});
    bool is_next = node->cluster->mixes_protocols && rng_chance(&node->cluster->protocol_rng, 500000);
    node->protocol = is_next ? PROTOCOL_VERSION_NEXT : PROTOCOL_VERSION;
    world_trace(node->cluster->world, "node %u starts, run %llu, protocol %u", node->index,
                (unsigned long long)node->runs, node->protocol);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        node->shards[index].index = index;
        node->shards[index].port = memory_leaf_open_port(node->leaf);
    }
    struct store_opening opening = {
        .node = node->id,
        .cluster = node->cluster->secrets.cluster,
        .run = node->run,
        .shard_count = node->shard_count,
    };
    enum leaf_status status = store_open_metadata(node->shards[0].port, &opening, &birth);
    ENSURE(status == LEAF_DONE && !birth.is_foreign);
    node->was_clean = birth.was_clean || birth.is_new;
    node->birth_keyspaces = birth.keyspaces;
    struct start start;
    bool is_member = start_init(&start, node, &birth);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        if (is_member) {
            shard_start(node, &node->shards[index], &start);
        } else {
            memory_leaf_close_port(node->shards[index].port);
        }
    }
    start_release(&start);
    store_birth_release(&birth);
    if (!is_member) {
        world_trace(node->cluster->world, "node %u is no member any more, and ends", node->index);
        node->standing = NODE_ENDED;
        node->is_up = false;
        return;
    }
    node_set_memory(node, node->memory_is_short);
    node->fsync.happen = fsync_each_second;
    world_schedule(node->cluster->world, &node->fsync, NS_PER_S);
}

/* The process is gone, and with it every connection. */
static void node_end(struct node *node) {
    struct cluster *cluster = node->cluster;
    node->is_up = false;
    network_drop_node(&cluster->network, node->index);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        struct sim_shard *shard = &node->shards[index];
        struct list_node *at;
        while ((at = list_take_first(&shard->sessions)) != NULL) {
            struct sim_session *session = CONTAINER_OF(at, struct sim_session, all);
            session->node = NULL;
            session->ended(session);
        }
        world_cancel(cluster->world, &shard->tick);
        world_cancel(cluster->world, &shard->mail);
        shard_free(shard->shard);
        store_free(shard->store);
        shard->shard = NULL;
        shard->store = NULL;
    }
    world_cancel(cluster->world, &node->fsync);
}

void node_crash(struct node *node, size_t keep) {
    world_note(node->cluster->world, "crash", node->index, keep, (struct view){0});
    world_trace(node->cluster->world, "node %u crashes, keeps %zu of %zu unsynced batches", node->index, keep,
                memory_leaf_unsynced_count(node->leaf));
    node_end(node);
    memory_leaf_crash(node->leaf, keep);
}

/* As the server does: what was written goes down, and nobody is told. Then each store's trees are those of its data. */
static void node_drain(struct node *node, struct buffer *trees) {
    for (uint32_t index = 0; index < node->shard_count; index++) {
        struct sim_shard *shard = &node->shards[index];
        struct store_event event;
        do {
            store_end_turn(shard->store);
            memory_leaf_complete_all(node->leaf);
            while (store_next_event(shard->store, &event)) {
            }
        } while (!store_is_idle(shard->store));
        shard_keep_trees(shard->shard, trees);
    }
}

void node_leave(struct node *node) {
    world_trace(node->cluster->world, "node %u leaves", node->index);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        shard_leave(node->shards[index].shard, node_moment(node));
        turn_end(&node->shards[index]);
    }
}

bool node_has_left(const struct node *node) {
    bool has_left = true;
    for (uint32_t index = 0; index < node->shard_count; index++) {
        has_left = has_left && shard_has_left(node->shards[index].shard);
    }
    return has_left;
}

void node_stop(struct node *node) {
    struct buffer trees;
    buffer_init(&trees);
    world_note(node->cluster->world, "stop", node->index, 0, (struct view){0});
    world_trace(node->cluster->world, "node %u stops cleanly", node->index);
    node_drain(node, &trees);
    memory_leaf_sync(node->leaf);
    /* A store that has failed can't be stopped cleanly: the next start finds no mark, and knows. */
    (void)store_mark_clean_stop(node->shards[0].port, node->run, buffer_view(&trees));
    buffer_release(&trees);
    memory_leaf_sync(node->leaf);
    node_end(node);
    memory_leaf_crash(node->leaf, 0); /* ends the ports; nothing is unsynced */
}

void node_pause(struct node *node, bool is_paused) {
    world_trace(node->cluster->world, "node %u %s", node->index, is_paused ? "pauses" : "goes on");
    if (node->is_paused && !is_paused) {
        node->resumed = node->cluster->world->now;
    }
    node->is_paused = is_paused;
}

void node_set_memory(struct node *node, bool is_short) {
    if (node->memory_is_short != is_short) {
        world_trace(node->cluster->world, "node %u's memory is %s", node->index, is_short ? "short" : "enough");
    }
    node->memory_is_short = is_short;
    for (uint32_t index = 0; node->is_up && index < node->shard_count; index++) {
        shard_memory_short(node->shards[index].shard, is_short);
    }
}

void node_set_clock(struct node *node, int64_t offset_ms, int64_t drift_ppm) {
    world_trace(node->cluster->world, "node %u's clock is off by %lld ms, drifts %lld ppm", node->index,
                (long long)offset_ms, (long long)drift_ppm);
    node->clock_offset_ms = offset_ms;
    node->clock_drift_ppm = drift_ppm;
}

struct hybrid_time node_clock_bound(const struct node *node) {
    struct hybrid_time bound = {0};
    for (uint32_t index = 0; node->is_up && index < node->shard_count; index++) {
        struct hybrid_time own = node->shards[index].shard->clock.bound;
        bound = own.value > bound.value ? own : bound;
    }
    return bound;
}

bool node_remembers(const struct node *node, const struct node *other, struct hybrid_time bound) {
    bool remembers = node->is_up;
    for (uint32_t index = 0; remembers && index < node->shard_count; index++) {
        const struct shard *shard = node->shards[index].shard;
        struct member_index member;
        if (!ring_find_member(shard->ring, other->id, &member)) {
            continue;
        }
        const struct witnessed *known = &shard->witness.of[member.value];
        remembers = known->store == 0 || known->bound.value >= bound.value;
    }
    return remembers;
}

bool node_is_rolled_back(const struct node *node) {
    bool is_back = false;
    for (uint32_t index = 0; index < node->shard_count; index++) {
        is_back = is_back || shard_is_rolled_back(node->shards[index].shard);
    }
    return is_back;
}

bool node_has_failed(const struct node *node) {
    for (uint32_t index = 0; index < node->shard_count; index++) {
        if (store_has_failed(node->shards[index].store)) {
            return true;
        }
    }
    return false;
}

bool node_is_ready(const struct node *node) {
    for (uint32_t index = 0; index < node->shard_count; index++) {
        if (!node->is_up || !shard_is_ready(node->shards[index].shard)) {
            return false;
        }
    }
    return true;
}

void node_pools_init(struct cluster *cluster) {
    pool_init(&cluster->handle_pool, sizeof(struct link_handle), 64);
    pool_init(&cluster->operation_pool, sizeof(struct disk_operation), 256);
}
