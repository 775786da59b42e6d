#include "server/loop.h"

#include "base/ensure.h"
#include "server/acceptor.h"
#include "server/backup.h"
#include "server/config_rewrite.h"
#include "server/connection.h"
#include "server/dial.h"
#include "server/information.h"
#include "server/memory.h"
#include "server/node_leaf.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    TURN_ROUNDS_MOST = 8, /* then sockets get their chance, and the next turn goes on */
    HOUSEKEEPINGS_PER_TIDY = 10,
    CONNECTIONS_PER_SLAB = 64,
    MEMORY_ROOM_DIVISOR = 20,
};

/* ---- time ---- */

static uint64_t civil_ms(const struct node *node) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + node->clock_offset_ms;
    return ms < 0 ? 0 : (uint64_t)ms;
}

static struct moment moment_of_node(const struct node *node) {
    return (struct moment){.now = {uv_hrtime()}, .wall = {civil_ms(node)}};
}

static struct moment loop_moment(struct loop *loop) {
    if (!loop->has_moment) {
        loop->moment = moment_of_node(loop->node);
        loop->has_moment = true;
    }
    return loop->moment;
}

struct instant loop_now(struct loop *loop) {
    return loop_moment(loop).now;
}

struct moment loop_step(struct loop *loop) {
    loop->has_work = true;
    return loop_moment(loop);
}

/* ---- what the shard asks of its driver ---- */

static void driver_session_wake(void *self, struct session *session) {
    (void)self;
    connection_mark_dirty(session_handle(session));
}

static void driver_link_dial(void *self, struct link *link, const char *address) {
    dial_want(self, link, address);
}

static void driver_link_wake(void *self, struct link *link) {
    (void)self;
    connection_mark_dirty(link_handle(link));
}

static void driver_link_close(void *self, struct link *link) {
    struct connection *connection = link_handle(link);
    if (connection != NULL) {
        connection_close(connection);
    } else {
        dial_cancel(self, link);
    }
}

static void driver_mail_wake(void *self, uint32_t to_shard) {
    struct loop *loop = self;
    loop->mail_wanted |= UINT64_C(1) << to_shard;
}

static void driver_configuration(void *self, void (*emit)(void *context, struct view name, struct view value),
                                 void *context) {
    const struct loop *loop = self;
    configuration_describe(loop->node, emit, context);
}

static void driver_sleep(void *self, uint64_t ms) {
    (void)self;
    uv_sleep((unsigned)ms);
}

static const char *driver_rewrite(void *self, struct view settings) {
    const struct loop *loop = self;
    return config_rewrite(loop->node->config->path, settings);
}

static void driver_information(void *self, struct view section, struct buffer *text) {
    const struct loop *loop = self;
    information_describe(loop->node, section, text);
}

static const char *driver_backup(void *self, struct view path, uint64_t token) {
    return backup_begin(self, path, token);
}

static void log_damaged(struct loop *loop, struct view key) {
    enum { KEY_BYTES_SHOWN = 128 };
    uint32_t held_back = 0;
    int size = key.size < KEY_BYTES_SHOWN ? (int)key.size : KEY_BYTES_SHOWN;
    if (log_brake_passes(&loop->refusals, loop_now(loop), &held_back)) {
        log_event(
            CONFIG_LOG_ERROR, "record-damaged",
            "shard=%u key=\"%.*s\" why=\"its bytes are not what was written; the other owners fill it\" held_back=%u",
            loop->index, size, (const char *)key.data, held_back);
    }
}

static void log_rolled_back(const char *address, const char *text) {
    log_event(CONFIG_LOG_ERROR, "data-rolled-back", "peer=%s why=\"%s\" do=\"" ROLLED_BACK_ADVICE "\"", address, text);
}

/* Of a node that took its leave it is nothing to alarm anybody with. */
static void log_verdict(bool is_dead, const char *address, const char *text) {
    enum config_log_level level = text[0] != '\0' ? CONFIG_LOG_INFO : is_dead ? CONFIG_LOG_ERROR : CONFIG_LOG_WARNING;
    log_event(level, is_dead ? "member-dead" : "member-suspect", "peer=%s%s%s%s", address,
              text[0] != '\0' ? " why=\"" : "", text, text[0] != '\0' ? "\"" : "");
}

static void log_clock_off(struct loop *loop) {
    uint32_t held_back = 0;
    if (log_brake_passes(&loop->refusals, loop_now(loop), &held_back)) {
        log_event(CONFIG_LOG_ERROR, "clock-off",
                  "shard=%u why=\"this clock is over a minute off most peers' clocks\" held_back=%u", loop->index,
                  held_back);
    }
}

/* What the members know together. */
static void log_shared(const struct loop *loop, enum trace_kind kind, const char *address) {
    switch (kind) {
    case TRACE_REFUTED:
        log_event(CONFIG_LOG_INFO, "member-alive", "peer=%s", address);
        break;
    case TRACE_MEMBERSHIP:
        log_event(CONFIG_LOG_INFO, "membership", "shard=%u version=%llu", loop->index,
                  (unsigned long long)shard_membership_version(loop->shard));
        break;
    case TRACE_KEYSPACES:
        log_event(CONFIG_LOG_INFO, "keyspaces", "shard=%u version=%llu", loop->index,
                  (unsigned long long)shard_keyspaces(loop->shard)->version);
        break;
    case TRACE_FLUSHED:
        log_event(CONFIG_LOG_WARNING, "flushed", "shard=%u meaning=\"all that was written before is gone\"",
                  loop->index);
        break;
    default:
        break; /* of single keys: for checkers */
    }
}

static void driver_trace(void *self, const struct trace_record *record) {
    struct loop *loop = self;
    if (loop->phase == NODE_ENDING) {
        return; /* all links go down, and nobody needs to be told */
    }
    const char *address = shard_peer_address(loop->shard, record->peer);
    const char *text = record->text != NULL ? record->text : "";
    uint32_t held_back = 0;
    switch (record->kind) {
    case TRACE_LINK_UP:
        log_event(CONFIG_LOG_INFO, "link-up", "shard=%u peer=%s link=%s", loop->index, address, text);
        break;
    case TRACE_LINK_DOWN:
        log_event(CONFIG_LOG_WARNING, "link-down", "shard=%u peer=%s why=\"%s\"", loop->index, address, text);
        break;
    case TRACE_PEER_SILENT:
        log_event(CONFIG_LOG_WARNING, "peer-silent", "shard=%u peer=%s link=%s", loop->index, address, text);
        break;
    case TRACE_PEER_HEARD:
        log_event(CONFIG_LOG_INFO, "peer-heard", "shard=%u peer=%s", loop->index, address);
        break;
    case TRACE_PEER_LEAVING:
        log_event(CONFIG_LOG_INFO, "peer-leaving", "shard=%u peer=%s", loop->index, address);
        break;
    case TRACE_REFUSED:
        if (log_brake_passes(&loop->refusals, loop_now(loop), &held_back)) {
            log_event(CONFIG_LOG_WARNING, "refused", "shard=%u why=\"%s\" held_back=%u", loop->index, text, held_back);
        }
        break;
    case TRACE_ROLLED_BACK:
        log_rolled_back(address, text);
        break;
    case TRACE_CLOCK_OFF:
        log_clock_off(loop);
        break;
    case TRACE_TREE_DIVERGED:
        log_event(CONFIG_LOG_ERROR, "scrub-diverged", "shard=%u why=\"%s\"", loop->index, text);
        break;
    case TRACE_DAMAGED:
        log_damaged(loop, record->key);
        break;
    case TRACE_SUSPECTED:
    case TRACE_DIED:
        log_verdict(record->kind == TRACE_DIED, address, text);
        break;
    default:
        log_shared(loop, record->kind, address);
        break;
    }
}

/* ---- the turn ---- */

static void loop_take_mail(struct loop *loop) {
    uint64_t senders = mail_senders(loop->node->mail, loop->index);
    while (senders != 0) {
        uint32_t from = (uint32_t)__builtin_ctzll(senders);
        senders &= senders - 1;
        mail_take(loop->node->mail, from, loop->index, &loop->letters);
        shard_mail_input(loop->shard, from, buffer_view(&loop->letters), loop_step(loop));
        buffer_clear(&loop->letters);
    }
}

static void loop_send_mail(struct loop *loop) {
    while (loop->mail_wanted != 0) {
        uint32_t to = (uint32_t)__builtin_ctzll(loop->mail_wanted);
        loop->mail_wanted &= loop->mail_wanted - 1;
        struct buffer *letters = shard_mail_output(loop->shard, to);
        if (buffer_size(letters) > 0 && mail_post(loop->node->mail, loop->index, to, letters)) {
            loop_wake(&loop->node->loops[to]);
        }
    }
}

static void loop_drain_store(struct loop *loop) {
    struct store_event event;
    while (store_next_event(loop->store, &event)) {
        struct moment moment = loop_step(loop);
        switch (event.kind) {
        case STORE_EVENT_READ:
            shard_storage_read(loop->shard, event.partition, event.key, event.status, moment);
            break;
        case STORE_EVENT_WRITTEN:
            shard_storage_written(loop->shard, event.token, event.status, moment);
            break;
        case STORE_EVENT_SCANNED:
            shard_storage_scanned(loop->shard, event.token, event.status, event.records, event.record_count,
                                  event.is_end, event.next_hash, moment);
            break;
        }
    }
}

/* Each connection once: one that is marked again while it is flushed waits for the next round. */
static void loop_flush(struct loop *loop) {
    struct list marked;
    struct list_node *node;
    list_init(&marked);
    while ((node = list_take_first(&loop->dirty)) != NULL) {
        list_push_back(&marked, node);
    }
    while ((node = list_take_first(&marked)) != NULL) {
        connection_flush(CONTAINER_OF(node, struct connection, dirty));
    }
}

static void on_alarm(uv_timer_t *timer) {
    struct loop *loop = timer->data;
    loop->alarm_armed = false;
    loop->has_moment = false; /* that of the sockets' callbacks is before the time the timer waited for */
    shard_tick(loop->shard, loop_step(loop));
}

static void loop_arm_alarm(struct loop *loop) {
    struct instant due = shard_next_deadline(loop->shard);
    if (loop->alarm_armed && loop->alarm_at.ns <= due.ns) {
        return; /* early is harmless, and cheaper than to move the timer at each turn */
    }
    uint64_t due_ms = (due.ns + NS_PER_MS - 1) / NS_PER_MS;
    uint64_t now_ms = uv_now(&loop->uv);
    loop->alarm_armed = true;
    loop->alarm_at = due;
    (void)uv_timer_start(&loop->alarm, on_alarm, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void loop_check_readiness(struct loop *loop) {
    struct node *node = loop->node;
    if (!loop->was_ready && shard_is_ready(loop->shard)) {
        loop->was_ready = true;
        if (atomic_fetch_add(&node->ready_shards, 1) + 1 == node->shard_count) {
            log_event(CONFIG_LOG_INFO, "ready", "members=%u", shard_awaited_members(loop->shard));
            loop_wake(&node->loops[0]);
        }
    }
    if (loop->acceptor != NULL &&
        atomic_load_explicit(&node->ready_shards, memory_order_relaxed) == node->shard_count) {
        acceptor_welcome(loop->acceptor);
    }
}

static void loop_turn(struct loop *loop) {
    for (int round = 0; loop->has_work && round < TURN_ROUNDS_MOST; round++) {
        loop->has_work = false;
        loop_drain_store(loop);
        store_end_turn(loop->store);
        loop_send_mail(loop);
        dials_start(loop);
        loop_flush(loop);
        loop->has_work |= !list_empty(&loop->dirty) || loop->mail_wanted != 0;
    }
    if (loop->has_work) {
        loop_wake(loop);
    }
    loop_arm_alarm(loop);
    loop_check_readiness(loop);
}

static void on_prepare(uv_prepare_t *prepare) {
    struct loop *loop = prepare->data;
    loop_turn(loop);
    loop->has_moment = false; /* poll may take long */
}

static void on_check(uv_check_t *check) {
    loop_turn(check->data);
}

/* ---- other threads ---- */

void loop_wake(struct loop *loop) {
    (void)uv_async_send(&loop->wake);
}

struct arrival *arrival_new(int descriptor, bool is_link) {
    struct arrival *arrival = calloc(1, sizeof(*arrival));
    ENSURE(arrival != NULL);
    arrival->descriptor = descriptor;
    arrival->is_link = is_link;
    buffer_init(&arrival->first_bytes);
    return arrival;
}

void arrival_free(struct arrival *arrival) {
    buffer_release(&arrival->first_bytes);
    free(arrival);
}

void loop_hand_over(struct loop *loop, struct arrival *arrival) {
    pthread_mutex_lock(&loop->arrivals_mutex);
    list_push_back(&loop->arrivals, &arrival->node);
    pthread_mutex_unlock(&loop->arrivals_mutex);
    loop_wake(loop);
}

static struct arrival *loop_next_arrival(struct loop *loop) {
    pthread_mutex_lock(&loop->arrivals_mutex);
    struct list_node *node = list_take_first(&loop->arrivals);
    pthread_mutex_unlock(&loop->arrivals_mutex);
    return node == NULL ? NULL : CONTAINER_OF(node, struct arrival, node);
}

/* ---- stopping ---- */

static void loop_begin_quiet(struct loop *loop) {
    if (!shard_is_rolled_back(loop->shard)) {
        shard_leave(loop->shard, loop_step(loop));
    }
    if (loop->acceptor != NULL) {
        acceptor_take_waiting(loop->acceptor);
        acceptor_free(loop->acceptor);
        loop->acceptor = NULL;
    }
    connections_drain_clients(loop);
}

static bool loop_is_quiet(const struct loop *loop) {
    bool is_stranger = shard_standing(loop->shard) != SHARD_IS_MEMBER; /* nobody talks to it any more */
    return !connections_have_clients(loop) &&
           (is_stranger || (shard_has_left(loop->shard) && connections_are_sent(loop)));
}

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* Everything is closed; the loop runs on until libuv has said so of each. */
static void loop_end(struct loop *loop) {
    dials_cancel_all(loop);
    connections_lose_all(loop);
    dials_cancel_all(loop);
    store_end_turn(loop->store);
    close_handle((uv_handle_t *)&loop->prepare);
    close_handle((uv_handle_t *)&loop->check);
    close_handle((uv_handle_t *)&loop->alarm);
    close_handle((uv_handle_t *)&loop->housekeeping);
    close_handle((uv_handle_t *)&loop->wake);
}

static void loop_advance(struct loop *loop) {
    enum node_phase wanted = node_phase(loop->node);
    if (loop->phase == NODE_RUNNING && wanted != NODE_RUNNING) {
        loop->phase = NODE_QUIETENING;
        loop_begin_quiet(loop);
        (void)uv_timer_set_repeat(&loop->housekeeping, STOPPING_HOUSEKEEPING_MS);
        (void)uv_timer_again(&loop->housekeeping);
    }
    if (loop->phase == NODE_QUIETENING && !loop->is_quiet && loop_is_quiet(loop)) {
        loop->is_quiet = true;
        atomic_fetch_add(&loop->node->quiet_loops, 1);
    }
    if (loop->phase == NODE_QUIETENING && wanted == NODE_ENDING) {
        loop->phase = NODE_ENDING;
        loop_end(loop);
    }
}

/* ---- callbacks ---- */

static void on_wake(uv_async_t *async) {
    struct loop *loop = async->data;
    struct arrival *arrival;
    loop->has_work = true;
    loop_take_mail(loop);
    while ((arrival = loop_next_arrival(loop)) != NULL) {
        if (loop->phase == NODE_RUNNING || (loop->phase == NODE_QUIETENING && !arrival->is_link)) {
            connection_adopt(loop, arrival);
        } else {
            acceptor_turn_away(loop->node, arrival);
        }
    }
    loop_advance(loop);
}

/* What the allocator kept is given back first; values are taken again when there is some room. */
static void look_at_memory(struct node *node) {
    uint64_t limit = node->config->memory_limit_bytes;
    if (limit == 0) {
        return;
    }
    bool was_short = atomic_load_explicit(&node->memory_is_short, memory_order_relaxed);
    uint64_t resident = memory_resident_bytes();
    if (resident > limit) {
        memory_give_back();
        resident = memory_resident_bytes();
    }
    bool is_short = resident > (was_short ? limit - limit / MEMORY_ROOM_DIVISOR : limit);
    if (is_short != was_short) {
        atomic_store_explicit(&node->memory_is_short, is_short, memory_order_relaxed);
        log_event(is_short ? CONFIG_LOG_ERROR : CONFIG_LOG_INFO, is_short ? "memory-short" : "memory-enough",
                  "resident=%llu limit=%llu%s", (unsigned long long)resident, (unsigned long long)limit,
                  is_short ? " meaning=\"values are refused with BUSY, deletions are taken (memory-limit)\"" : "");
    }
}

/* server_run() waits for the signal, and says which end it was. */
static void look_at_standing(struct loop *loop) {
    enum shard_standing standing = shard_standing(loop->shard);
    if (loop->index != 0 || standing == SHARD_IS_MEMBER ||
        atomic_exchange(&loop->node->standing, (uint32_t)standing) != SHARD_IS_MEMBER) {
        return;
    }
    if (standing == SHARD_HAS_LEFT) {
        log_event(CONFIG_LOG_INFO, "left",
                  "version=%llu meaning=\"all that this node held is with the others; it is no member any more\"",
                  (unsigned long long)shard_membership_version(loop->shard));
    } else {
        log_event(
            CONFIG_LOG_ERROR, "declared-dead",
            "version=%llu meaning=\"this node was declared dead and is no member any more; its data is as it was\" "
            "do=\"to come back, join as a new node: another node-id and an empty data folder\"",
            (unsigned long long)shard_membership_version(loop->shard));
    }
    (void)kill(getpid(), SIGTERM);
}

static void on_housekeeping(uv_timer_t *timer) {
    struct loop *loop = timer->data;
    if (loop->index == 0) {
        look_at_memory(loop->node);
    }
    shard_memory_short(loop->shard, atomic_load_explicit(&loop->node->memory_is_short, memory_order_relaxed));
    dials_expire(loop);
    if (loop->acceptor != NULL) {
        acceptor_tidy(loop->acceptor, loop_now(loop));
    }
    if (loop->housekeepings++ % HOUSEKEEPINGS_PER_TIDY == 0) {
        connections_tidy(loop);
    }
    if (!loop->store_failed && store_has_failed(loop->store)) {
        loop->store_failed = true;
        atomic_store(&loop->node->failed, true);
        char text[NODE_LEAF_TEXT_SIZE];
        node_leaf_failure(loop->node->leaf, text);
        log_event(
            CONFIG_LOG_ERROR, "store-failed",
            "shard=%u error=\"%s\" meaning=\"writes are handed to other nodes and none is kept here until the disk was "
            "seen to and the node started again\"",
            loop->index, text);
    }
    if (shard_is_rolled_back(loop->shard) && !atomic_exchange(&loop->node->is_rolled_back, true)) {
        (void)kill(getpid(), SIGTERM); /* server_run() waits for it, and says that it was no clean end */
    }
    look_at_standing(loop);
    information_publish(loop);
    if (loop->phase == NODE_QUIETENING) {
        connections_drain_on(loop);
    }
    loop_advance(loop);
}

/* ---- life ---- */

static void loop_init_handles(struct loop *loop) {
    int status = uv_loop_init(&loop->uv);
    status = status != 0 ? status : uv_prepare_init(&loop->uv, &loop->prepare);
    status = status != 0 ? status : uv_check_init(&loop->uv, &loop->check);
    status = status != 0 ? status : uv_timer_init(&loop->uv, &loop->alarm);
    status = status != 0 ? status : uv_timer_init(&loop->uv, &loop->housekeeping);
    status = status != 0 ? status : uv_async_init(&loop->uv, &loop->wake, on_wake);
    ENSURE(status == 0); /* descriptors for it were there when the limit was looked at */
    loop->prepare.data = loop;
    loop->check.data = loop;
    loop->alarm.data = loop;
    loop->housekeeping.data = loop;
    loop->wake.data = loop;
    (void)uv_prepare_start(&loop->prepare, on_prepare);
    (void)uv_check_start(&loop->check, on_check);
    (void)uv_timer_start(&loop->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
}

void loop_init(struct loop *loop, struct node *node, uint32_t index, struct leaf_port *port,
               const struct shard_options *options, struct store_options store_options) {
    memset(loop, 0, sizeof(*loop));
    loop->node = node;
    loop->index = index;
    loop->port = port;
    pool_init(&loop->connection_pool, sizeof(struct connection), CONNECTIONS_PER_SLAB);
    list_init(&loop->connections);
    list_init(&loop->dirty);
    dials_init(loop);
    list_init(&loop->arrivals);
    buffer_init(&loop->letters);
    pthread_mutex_init(&loop->arrivals_mutex, NULL);
    loop->read_buffer = malloc(READ_BUFFER_BYTES);
    ENSURE(loop->read_buffer != NULL);
    loop_init_handles(loop);

    loop->store = store_new(port, store_options);
    struct shard_options complete = *options;
    complete.shard_index = index;
    complete.storage = store_storage(loop->store);
    complete.driver = (struct shard_driver){
        .self = loop,
        .session_wake = driver_session_wake,
        .link_dial = driver_link_dial,
        .link_wake = driver_link_wake,
        .link_close = driver_link_close,
        .mail_wake = driver_mail_wake,
        .rewrite = driver_rewrite,
        .sleep = driver_sleep,
        .configuration = driver_configuration,
        .information = driver_information,
        .backup = driver_backup,
        .trace = driver_trace,
    };
    loop->shard = shard_new(&complete, moment_of_node(node));
    loop->has_work = true;
    information_publish(loop); /* or all that is not counted yet would look well */
}

static void *loop_run(void *argument) {
    struct loop *loop = argument;
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    store_end_turn(loop->store); /* what was written while it ended goes down too */
    /* Acknowledgements that nobody waits for any longer: only that the bytes are down matters. Reads too, and also of a
     * store that has failed: what completes once the loop is gone would wake it. */
    while (loop->port->operations->wait(loop->port)) {
        struct store_event event;
        while (store_next_event(loop->store, &event)) {
        }
        store_end_turn(loop->store);
    }
    atomic_fetch_add(&loop->node->ended_loops, 1);
    return NULL;
}

bool loop_start(struct loop *loop) {
    char name[16];
    if (pthread_create(&loop->thread, NULL, loop_run, loop) != 0) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "gramme-shard-%u", loop->index % 100);
    (void)pthread_setname_np(loop->thread, name);
    return true;
}

void loop_join(struct loop *loop) {
    pthread_join(loop->thread, NULL);
}

void loop_keep_trees(const struct loop *loop, struct buffer *list) {
    bool outlives_process = !loop->port->synchronous;
    if (outlives_process && store_is_idle(loop->store) && !store_has_failed(loop->store)) {
        shard_keep_trees(loop->shard, list);
    }
}

void loop_release(struct loop *loop) {
    struct arrival *arrival;
    if (loop->phase != NODE_ENDING) {
        loop->phase = NODE_ENDING;
        loop_end(loop);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    int status = uv_loop_close(&loop->uv);
    ENSURE(status == 0);
    while ((arrival = loop_next_arrival(loop)) != NULL) {
        acceptor_turn_away(loop->node, arrival);
    }
    shard_free(loop->shard);
    store_free(loop->store);
    pool_release(&loop->connection_pool);
    dials_release(loop);
    buffer_release(&loop->letters);
    pthread_mutex_destroy(&loop->arrivals_mutex);
    free(loop->read_buffer);
}
