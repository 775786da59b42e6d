#include "server/server.h"

#include "base/ensure.h"
#include "core/roster.h"
#include "server/acceptor.h"
#include "server/joining.h"
#include "server/loop.h"
#include "server/node_leaf.h"
#include "wire/message.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_CODE_FAILURE = 1,
    EXIT_CODE_CONFIGURATION = 3,
    OUTLINE_BYTES = 2048,
    SCAN_RECORDS = 256, /* that background work reads at once */
    PRUNE_PAUSE_MS = 30000,
    PIPELINED_MOST = 256, /* commands of one session under way; the rest of its input waits */
    DRAIN_LEAST_MS = 2000,
    DRAIN_MARGIN_MS = 500, /* beyond the deadline of what is under way */
    DRAIN_REPORT_MS = 1000,
    END_LIMIT_MS = 10000,
    STOP_POLL_MS = 5,
    DESCRIPTORS_OF_ITS_OWN = 1024, /* links, greetings, RocksDB's files, loops */
    DESCRIPTORS_LEAST = 1024,      /* half of them for clients; with fewer, strangers at the door fail the store */
};

#define EMPTY_FOLDER_ADVICE                                                                                            \
    "move the data folder away and start again: the node begins empty, learns the members from its seeds, and the "    \
    "other owners fill it"

struct stage {
    struct config *config;
    struct node node;
    struct listening listening;
    sigset_t signals;
    struct store_birth birth;
    struct buffer trees;   /* that the next start may take up */
    struct membership log; /* the membership log that this start begins with, and its ring */
    struct roster_kept kept;
    struct buffer configured_addresses;
    struct ring *ring;
};

static void sleep_ms(uint64_t ms) {
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

static uint16_t protocol_spoken = PROTOCOL_VERSION;

void server_speak(uint16_t version) {
    protocol_spoken = version;
}

/* ---- before the node ---- */

/* Signals are taken by sigwait() in this thread, so every thread to come must have them blocked. */
static void take_signals(struct stage *stage) {
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&stage->signals);
    (void)sigaddset(&stage->signals, SIGINT);
    (void)sigaddset(&stage->signals, SIGTERM);
    (void)sigaddset(&stage->signals, SIGHUP); /* a terminal that went away */
    (void)pthread_sigmask(SIG_BLOCK, &stage->signals, NULL);
}

/* As many clients as asked for, or as there are descriptors for; 0: too few for a node. Takes all it may have: RocksDB
 * holds every table open, and one that it can't open is a failure for good. */
static uint32_t raise_descriptor_limit(uint32_t max_clients) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return max_clients;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= (rlim_t)max_clients + DESCRIPTORS_OF_ITS_OWN) {
        return max_clients;
    }
    if (limit.rlim_cur < DESCRIPTORS_LEAST) {
        log_event(CONFIG_LOG_ERROR, "few-descriptors", "limit=%llu why=\"a node needs %d (ulimit -n)\"",
                  (unsigned long long)limit.rlim_cur, DESCRIPTORS_LEAST);
        return 0;
    }
    rlim_t possible =
        limit.rlim_cur > 2 * DESCRIPTORS_OF_ITS_OWN ? limit.rlim_cur - DESCRIPTORS_OF_ITS_OWN : limit.rlim_cur / 2;
    possible = possible < max_clients ? possible : max_clients;
    log_event(CONFIG_LOG_WARNING, "few-descriptors", "limit=%llu max_clients=%u", (unsigned long long)limit.rlim_cur,
              (unsigned)possible);
    return (uint32_t)possible;
}

static bool draw_random(void *bytes, size_t size) {
    ssize_t drawn = getrandom(bytes, size, 0);
    if (drawn == (ssize_t)size) {
        return true;
    }
    log_event(CONFIG_LOG_ERROR, "no-randomness", "why=\"%s\"", uv_strerror(-errno));
    return false;
}

/* ---- start ---- */

static void wake_shard(void *self, uint32_t shard) {
    struct node *node = self;
    /* A completion may come before the loops are there: they look before they sleep. */
    struct loop *loops = atomic_load(&node->loops);
    if (loops != NULL) {
        loop_wake(&loops[shard]);
    }
}

static int open_leaf(struct stage *stage) {
    struct node *node = &stage->node;
    const struct config *config = stage->config;
    node->leaf = node_leaf_open(config, node->shard_count, wake_shard, node);
    if (node->leaf == NULL) {
        return EXIT_CODE_FAILURE;
    }
    struct store_opening opening = {
        .node = config->node,
        .cluster = config->secrets.cluster,
        .run = node->run,
        .shard_count = node->shard_count,
        .accepts_older_data = config->accepts_older_data,
    };
    enum leaf_status status = store_open_metadata(node_leaf_port(node->leaf, 0), &opening, &stage->birth);
    int code = 0;
    if (status == LEAF_DONE && !node_leaf_is_whole(node->leaf)) {
        buffer_release(&stage->birth.trees);
    }
    if (status == LEAF_FAILED) {
        log_event(CONFIG_LOG_ERROR, "data-unreadable", "data=\"%s\"", config->data);
        code = EXIT_CODE_FAILURE;
    } else if (stage->birth.is_foreign) {
        log_event(CONFIG_LOG_ERROR, "foreign-data",
                  "data=\"%s\" why=\"this folder belongs to another node or another cluster\"", config->data);
        code = EXIT_CODE_CONFIGURATION;
    } else if (stage->birth.is_rolled_back) {
        log_event(CONFIG_LOG_ERROR, "data-rolled-back",
                  "data=\"%s\" why=\"other nodes remember later data\" do=\"" ROLLED_BACK_ADVICE "\"", config->data);
        code = EXIT_CODE_FAILURE;
    }
    if (code != 0) {
        (void)node_leaf_close(node->leaf);
    }
    return code;
}

static bool listen_for_all(struct stage *stage) {
    const struct member *self = &stage->config->members[stage->config->self];
    uint32_t offset = stage->config->moved_port_offset;
    return listening_add(&stage->listening, self->client_address, 0, LISTENS_FOR_CLIENTS) &&
           (offset == 0 ||
            listening_add(&stage->listening, self->client_address, offset, LISTENS_FOR_CLUSTER_CLIENTS)) &&
           listening_add(&stage->listening, self->peer_address, 0, LISTENS_FOR_PEERS);
}

/* Nobody listens meanwhile: who knocks is told at once that nobody is there. */
static int join(struct stage *stage, bool *ret_stopped) {
    listening_close(&stage->listening);
    switch (joining_wait(stage->config, &stage->signals, &stage->log)) {
    case JOINING_IS_MEMBER:
        return listen_for_all(stage) ? 0 : EXIT_CODE_FAILURE;
    case JOINING_STOPPED:
        *ret_stopped = true;
        return 0;
    case JOINING_REFUSED:
        return EXIT_CODE_CONFIGURATION;
    }
    return EXIT_CODE_FAILURE;
}

static int read_kept_log(struct stage *stage) {
    struct config *config = stage->config;
    struct config_error error;
    if (!roster_read(buffer_view(&stage->birth.membership), &stage->log, &stage->kept)) {
        log_event(CONFIG_LOG_ERROR, "membership-unreadable",
                  "data=\"%s\" why=\"the membership log in this folder is damaged\" do=\"" EMPTY_FOLDER_ADVICE "\"",
                  config->data);
        return EXIT_CODE_FAILURE;
    }
    if (!config_take_shape(config, stage->kept.shape, &error)) {
        log_event(CONFIG_LOG_ERROR, "configuration", "why=\"%s\"", error.text);
        return EXIT_CODE_CONFIGURATION;
    }
    return 0;
}

/* The log that this node's store has; a new store's is what its seeds have, or the cluster's birth, as configured. */
static int make_log(struct stage *stage, bool *ret_stopped) {
    if (buffer_size(&stage->birth.membership) > 0) {
        return read_kept_log(stage);
    }
    if (stage->config->seed_count > 0) {
        return join(stage, ret_stopped);
    }
    config_add_members(stage->config, &stage->log);
    return 0;
}

static int make_ring(struct stage *stage) {
    const struct config *config = stage->config;
    struct member_index self;
    enum ring_status status = ring_new(&stage->log, config_ring_options(config), &stage->ring);
    if (status != RING_OK) {
        log_event(CONFIG_LOG_ERROR, "membership-unreadable", "data=\"%s\" why=\"%s\"", config->data,
                  ring_status_text(status));
        return EXIT_CODE_FAILURE;
    }
    if (!ring_find_member(stage->ring, config->node, &self) || !ring_is_awaited(stage->ring, self)) {
        log_event(CONFIG_LOG_ERROR, "no-member",
                  "why=\"this node was removed from the cluster\" do=\"to come back, "
                  "join as a new node: another node-id and an empty data folder\"");
        return EXIT_CODE_CONFIGURATION;
    }
    return 0;
}

/* The same on all nodes: places and trees are compared. */
static uint64_t place_seed(const struct config *config) {
    return hash64(view_of(&config->secrets.cluster, sizeof(config->secrets.cluster)), 0);
}

/* False when there is no randomness to be had. */
static bool make_loops(struct stage *stage) {
    struct node *node = &stage->node;
    const struct config *config = stage->config;
    struct shard_options options = {
        .ring = stage->ring,
        .log = &stage->log,
        .log_is_kept = buffer_size(&stage->birth.membership) > 0,
        .was_cleaned = stage->birth.is_new || stage->kept.cleaned == membership_lamport(&stage->log),
        .addresses = stage->kept.addresses,
        .promise = buffer_view(&stage->birth.promise),
        .shard_count = node->shard_count,
        .keyspaces = stage->birth.keyspaces.version > 0 ? &stage->birth.keyspaces : &config->keyspaces,
        .secrets = config->secrets,
        .protocol = protocol_spoken,
        .run = node->run,
        .clock_floor = stage->birth.clock_floor,
        .lineage = stage->birth.lineage,
        .is_rolled_back = stage->birth.is_rolled_back,
        .witnessed = buffer_view(&stage->birth.witnessed),
        .fence_floor = stage->birth.fence_floor,
        .flush_floor = stage->birth.flush_floor,
        .was_clean = stage->birth.was_clean || stage->birth.is_new,
        .may_lack_unsynced = stage->birth.doubts_unsynced,
        .is_refilling = stage->birth.doubts_all,
        .kept_trees = buffer_view(&stage->birth.trees),
        .place_seed = place_seed(config),
        .exchange_period_ms = config->exchange_period_ms,
        .scrub_period_ms = (uint64_t)config->scrub_period_s * 1000,
        .outline_bytes = OUTLINE_BYTES,
        .scan_records = SCAN_RECORDS,
        .deadline_ms = config->deadline_ms,
        .max_pipelined = PIPELINED_MOST,
        .max_requests = config->max_requests,
        .moved_port_offset = config->moved_port_offset,
        .slow_us = config->slow_us,
        .slow_most = config->slow_most,
        .latency_threshold_ms = config->latency_threshold_ms,
        .debug_commands = config->debug_commands,
        .background_latency_ms = config->background_latency_ms,
        .prune_pause_ms = PRUNE_PAUSE_MS,
    };
    uint64_t seeds[LIMIT_SHARDS];
    config_add_addresses(config, &stage->configured_addresses);
    options.configured_addresses = buffer_view(&stage->configured_addresses);
    bool is_member = ring_find_member(stage->ring, config->node, &options.self);
    ENSURE(is_member); /* make_ring() has seen to it */
    if (!draw_random(seeds, sizeof(seeds))) {
        return false;
    }
    struct store_options store_options = {
        .buffer_bytes = config->object_buffer_bytes / node->shard_count,
        .hash_seed = place_seed(config),
    };
    struct loop *loops = calloc(node->shard_count, sizeof(*loops));
    ENSURE(loops != NULL);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        options.seed = seeds[index];
        store_options.shard_index = index;
        loop_init(&loops[index], node, index, node_leaf_port(node->leaf, index), &options, store_options);
    }
    store_birth_release(&stage->birth);
    atomic_store(&node->loops, loops);
    return true;
}

/* They leave their trees. */
static void release_loops(struct stage *stage) {
    struct node *node = &stage->node;
    struct loop *loops = atomic_load(&node->loops);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        loop_keep_trees(&loops[index], &stage->trees);
        loop_release(&loops[index]);
    }
    atomic_store(&node->loops, NULL);
    free(loops);
}

/* ---- stop ---- */

static void report_draining(const struct node *node) {
    const struct loop *loops = atomic_load(&node->loops);
    unsigned long long requests = 0;
    for (uint32_t index = 0; index < node->shard_count; index++) {
        requests += atomic_load_explicit(&loops[index].figures.requests, memory_order_relaxed);
    }
    log_event(CONFIG_LOG_INFO, "draining", "clients=%u requests=%llu%s", atomic_load(&node->clients), requests,
              atomic_load(&node->is_backing_up) ? " waits_for=backup" : "");
}

/* True when the count came to the number of shards in time, or once a backup was made. A second signal ends the
 * process: somebody is in a hurry.
 */
static bool wait_for(struct stage *stage, const _Atomic uint32_t *count, uint64_t limit_ms) {
    uint64_t since = uv_hrtime();
    uint64_t report_at = since + DRAIN_REPORT_MS * NS_PER_MS;
    struct timespec none = {0};
    while (atomic_load(count) < stage->node.shard_count) {
        if (atomic_load(&stage->node.is_backing_up)) {
            since = uv_hrtime(); /* a store can't be closed under it */
        } else if (uv_hrtime() - since > limit_ms * NS_PER_MS) {
            return false;
        }
        if (sigtimedwait(&stage->signals, NULL, &none) > 0) {
            log_event(CONFIG_LOG_WARNING, "stopped-at-once", "why=\"a second signal\"");
            _exit(EXIT_CODE_FAILURE);
        }
        if (uv_hrtime() > report_at) {
            report_draining(&stage->node);
            report_at += DRAIN_REPORT_MS * NS_PER_MS;
        }
        sleep_ms(STOP_POLL_MS);
    }
    return true;
}

static void enter_phase(struct node *node, enum node_phase phase, uint32_t started) {
    struct loop *loops = atomic_load(&node->loops);
    atomic_store_explicit(&node->phase, phase, memory_order_release);
    for (uint32_t index = 0; index < started; index++) {
        loop_wake(&loops[index]);
    }
}

/* Everybody is answered, and sent away. */
static void drain_loops(struct stage *stage) {
    struct node *node = &stage->node;
    uint64_t since = uv_hrtime();
    uint64_t limit_ms = node->config->deadline_ms + DRAIN_MARGIN_MS;
    limit_ms = limit_ms < DRAIN_LEAST_MS ? DRAIN_LEAST_MS : limit_ms;
    report_draining(node);
    enter_phase(node, NODE_QUIETENING, node->shard_count);
    if (atomic_load(&node->is_rolled_back)) {
        return;
    }
    if (wait_for(stage, &node->quiet_loops, limit_ms)) {
        log_event(CONFIG_LOG_INFO, "drained", "ms=%llu", (unsigned long long)((uv_hrtime() - since) / NS_PER_MS));
    } else {
        report_draining(node);
        log_event(CONFIG_LOG_WARNING, "requests-cut", "why=\"not answered within %llu ms\"",
                  (unsigned long long)limit_ms);
    }
}

static void stop_loops(struct stage *stage) {
    struct node *node = &stage->node;
    struct loop *loops = atomic_load(&node->loops);
    drain_loops(stage);
    enter_phase(node, NODE_ENDING, node->shard_count);
    if (!wait_for(stage, &node->ended_loops, END_LIMIT_MS)) {
        log_event(CONFIG_LOG_ERROR, "stuck", "why=\"a shard did not end within %d ms\"", END_LIMIT_MS);
        _exit(EXIT_CODE_FAILURE);
    }
    for (uint32_t index = 0; index < node->shard_count; index++) {
        loop_join(&loops[index]);
    }
}

/* ---- the whole ---- */

static int run_loops(struct stage *stage) {
    struct node *node = &stage->node;
    struct loop *loops = atomic_load(&node->loops);
    loops[0].acceptor = acceptor_new(&loops[0], &stage->listening);
    for (uint32_t index = 0; index < node->shard_count; index++) {
        if (!loop_start(&loops[index])) {
            /* Threads that run already hold what is below: nothing can be taken down in order. */
            log_event(CONFIG_LOG_ERROR, "no-thread", "shard=%u", index);
            _exit(EXIT_CODE_FAILURE);
        }
    }
    int signal_number = 0;
    (void)sigwait(&stage->signals, &signal_number);
    log_event(CONFIG_LOG_INFO, "stopping", "signal=%d", signal_number);
    stop_loops(stage);
    if (atomic_load(&node->standing) == SHARD_IS_DEAD) {
        return EXIT_CODE_CONFIGURATION;
    }
    return atomic_load(&node->is_rolled_back) ? EXIT_CODE_FAILURE : 0;
}

static int end_storage(struct stage *stage) {
    struct node *node = &stage->node;
    bool is_well = !atomic_load(&node->failed) && !atomic_load(&node->is_rolled_back);
    bool is_marked = is_well && store_mark_clean_stop(node_leaf_port(node->leaf, 0), node->run,
                                                      buffer_view(&stage->trees)) == LEAF_DONE;
    is_marked = node_leaf_close(node->leaf) && is_marked;
    log_event(is_marked ? CONFIG_LOG_INFO : CONFIG_LOG_ERROR, "stopped", "clean=%s", is_marked ? "yes" : "no");
    return is_marked ? 0 : EXIT_CODE_FAILURE;
}

static int run_above_leaf(struct stage *stage) {
    struct node *node = &stage->node;
    const struct config *config = stage->config;
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(config->node, id);
    log_event(CONFIG_LOG_INFO, "started",
              "version=%s protocol=%u node=%s members=%zu shards=%u data=\"%s\" new=%s clean=%s", GRAMME_VERSION,
              protocol_spoken, id, config->member_count, node->shard_count, config->data,
              stage->birth.is_new ? "yes" : "no", stage->birth.was_clean ? "yes" : "no");
    bool is_stopped = false;
    int code = make_log(stage, &is_stopped);
    if (code == 0 && !is_stopped) {
        code = make_ring(stage);
    }
    if (code == 0 && !is_stopped && !make_loops(stage)) {
        code = EXIT_CODE_FAILURE;
    }
    if (code != 0 || is_stopped) {
        (void)node_leaf_close(node->leaf);
        return code;
    }
    code = run_loops(stage);
    release_loops(stage);
    int storage_code = end_storage(stage);
    return code != 0 ? code : storage_code;
}

static int run_listening(struct stage *stage) {
    if (!listen_for_all(stage)) {
        return EXIT_CODE_FAILURE;
    }
    int code = open_leaf(stage);
    return code != 0 ? code : run_above_leaf(stage);
}

int server_run(struct config *config) {
    struct stage stage = {.config = config};
    struct node *node = &stage.node;
    const char *offset = getenv("GRAMME_CLOCK_OFFSET_MS");
    log_set_level(config->log_level);
    take_signals(&stage);
    node->config = config;
    node->shard_count = config->shards;
    node->started = (struct instant){uv_hrtime()};
    node->clock_offset_ms = offset != NULL ? strtoll(offset, NULL, 10) : 0;
    node->max_clients = raise_descriptor_limit(config->max_clients);
    if (node->max_clients == 0 || !draw_random(&node->run, sizeof(node->run))) {
        return EXIT_CODE_FAILURE;
    }
    node->run |= 1; /* 0 is no run */
    node->mail = mail_new(node->shard_count);
    int code = run_listening(&stage);
    store_birth_release(&stage.birth);
    buffer_release(&stage.trees);
    buffer_release(&stage.configured_addresses);
    listening_close(&stage.listening);
    mail_free(node->mail);
    ring_free(stage.ring);
    membership_release(&stage.log);
    return code;
}
