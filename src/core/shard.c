#include "core/scan_owner.h"
#include "core/shard_state.h"
#include "wire/witness_message.h"
#include "wire/fence_message.h"
#include "wire/publish_message.h"
#include "wire/stage_message.h"

/* A restart begins at the bound, so a lease is also how far a crash may move a clock ahead. */
enum { CLOCK_LEASE_MS = 10000 };

/* Tokens of writes are addresses of the replica's; this one is none of them. */
enum { clock_token = 1 };

void shard_trace(struct shard *shard, const struct trace_record *record) {
    if (shard->options.driver.trace != NULL) {
        shard->options.driver.trace(shard->options.driver.self, record);
    }
}

void shard_trace_peer(struct shard *shard, enum trace_kind kind, struct member_index peer, const char *text) {
    shard_trace(shard, &(struct trace_record){.kind = kind, .peer = peer, .text = text});
}

void shard_step_begin(struct shard *shard, struct moment moment) {
    ENSURE(moment.now.ns >= shard->moment.now.ns);
    shard->moment = moment;
    arena_reset(&shard->scratch);
}

/* ---- the front's port ---- */

static void port_submit(void *self, const struct operation *operation, uint64_t token) {
    struct origin origin = {.is_front = true, .token = token};
    router_route(self, operation, &origin, false);
}

static bool port_is_crowded(void *self) {
    return load_is_crowded(self);
}

static void port_keyspaces(void *self, int protocol, struct buffer *reply) {
    keyspaces_describe(self, protocol, reply);
}

static void port_backup(void *self, struct view path, uint64_t token) {
    struct shard *shard = self;
    const struct shard_driver *driver = &shard->options.driver;
    const char *refusal = driver->backup != NULL ? driver->backup(driver->self, path, token)
                                                 : "ERR this node keeps nothing that could be copied";
    if (refusal != NULL) {
        struct result result = {.outcome = OUTCOME_REFUSED, .detail = view_of_string(refusal)};
        front_complete(shard->front, token, &result, shard_now(shard), shard_wall(shard), &shard->scratch);
    }
}

static void port_session_wake(void *self, struct session *session) {
    struct shard *shard = self;
    shard->options.driver.session_wake(shard->options.driver.self, session);
}

static void port_configuration(void *self, void (*emit)(void *context, struct view name, struct view value),
                               void *context) {
    struct shard *shard = self;
    if (shard->options.driver.configuration != NULL) {
        shard->options.driver.configuration(shard->options.driver.self, emit, context);
    }
}

static const char *port_rewrite(void *self, struct view settings) {
    struct shard *shard = self;
    const struct shard_driver *driver = &shard->options.driver;
    return driver->rewrite == NULL ? "ERR The server is running without a config file"
                                   : driver->rewrite(driver->self, settings);
}

static void port_sleep(void *self, uint64_t ms) {
    const struct shard *shard = self;
    shard->options.driver.sleep(shard->options.driver.self, ms);
}

static uint8_t port_least_write_quorum(void *self) {
    struct shard *shard = self;
    const struct keyspace_table *table = shard->options.keyspaces;
    uint8_t least = LIMIT_REPLICAS;
    for (size_t index = 0; index < table->count; index++) {
        uint8_t quorum = table->keyspaces[index].write_quorum;
        least = quorum < least ? quorum : least;
    }
    return least;
}

static void shard_open_front(struct shard *shard) {
    struct front_options options = {
        .deadline_ms = shard->options.deadline_ms,
        .shard_index = shard->options.shard_index,
        .shard_count = shard->options.shard_count,
        .moved_port_offset = shard->options.moved_port_offset,
        .slow_us = shard->options.slow_us,
        .slow_most = shard->options.slow_most,
        .latency_threshold_ms = shard->options.latency_threshold_ms,
        .max_pipelined = shard->options.max_pipelined,
        .client_id_base = (uint64_t)shard->options.shard_index << 48,
        .secrets = shard->options.secrets,
    };
    struct front_port port = {
        .self = shard,
        .submit = port_submit,
        .is_crowded = port_is_crowded,
        .session_wake = port_session_wake,
        .cluster_command = cluster_view_command,
        .moved = cluster_view_moved,
        .information = cluster_view_information,
        .configuration = port_configuration,
        .rewrite = port_rewrite,
        .sleep = shard->options.debug_commands && shard->options.driver.sleep != NULL ? port_sleep : NULL,
        .least_write_quorum = port_least_write_quorum,
        .keyspaces = port_keyspaces,
        .backup = port_backup,
        .placement = cluster_view_placement,
        .publish = publish_spread,
    };
    shard->front = front_new(options, port);
}

/* ---- life ---- */

struct shard *shard_new(const struct shard_options *options, struct moment moment) {
    /* The shard lies in its own permanent arena: its first allocation, and its last release. */
    struct arena permanent;
    arena_init(&permanent);
    struct shard *shard = arena_take(&permanent, sizeof(*shard));
    memset(shard, 0, sizeof(*shard));
    shard->permanent = permanent;
    ENSURE(options->run != 0 && options->shard_index < options->shard_count);
    shard->options = *options;
    shard->ring = ring_retain(options->ring);
    shard->self = options->self;
    shard->moment = moment;
    shard->last_heartbeat = moment.now;
    arena_init(&shard->scratch);
    buffer_init(&shard->encoded);
    buffer_init(&shard->record);
    blobs_init(&shard->blobs);
    rng_init(&shard->rng, options->seed);
    shard->run_tag = lanes_run_tag(options->run);
    timers_init(&shard->timers);
    clock_init(&shard->clock, options->clock_floor);
    shard->next_request = 1;
    for (uint32_t index = 0; index < options->shard_count; index++) {
        frame_reader_init(&shard->mailboxes[index].reader);
        buffer_init(&shard->mailboxes[index].output);
    }
    roster_init(shard);
    load_init(shard);
    witness_init(shard);
    council_init(shard);
    records_init(shard);
    lanes_init(shard);
    router_init(shard);
    coordinator_init(shard);
    replica_init(shard);
    hints_init(shard);
    trees_init(shard);
    exchange_init(shard);
    filling_init(shard);
    moves_init(shard);
    farewell_init(shard);
    listing_init(shard);
    detection_init(shard);
    fence_init(shard);
    reaper_init(shard);
    everyone_init(shard);
    flush_init(shard);
    keyspaces_init(shard);
    stage_init(shard);
    shard_open_front(shard);
    shard->heartbeat.kind = ALARM_HEARTBEAT;
    timers_schedule(&shard->timers, &shard->heartbeat.timer, moment.now);
    return shard;
}

void shard_free(struct shard *shard) {
    front_free(shard->front);
    lanes_release(shard);
    router_release(shard);
    coordinator_release(shard);
    replica_release(shard);
    hints_release(shard);
    exchange_release(shard);
    filling_release(shard);
    listing_release(shard);
    reaper_release(shard);
    council_release(shard);
    records_release(shard);
    for (uint32_t index = 0; index < shard->options.shard_count; index++) {
        frame_reader_release(&shard->mailboxes[index].reader);
        buffer_release(&shard->mailboxes[index].output);
    }
    timers_release(&shard->timers);
    blobs_release(&shard->blobs);
    buffer_release(&shard->encoded);
    buffer_release(&shard->record);
    arena_release(&shard->scratch);
    stage_release(shard);
    roster_release(shard);
    ring_free(shard->ring);
    struct arena permanent = shard->permanent;
    arena_release(&permanent);
}

/* ---- time ---- */

static void bound_is_kept(struct shard *shard, struct hybrid_time bound) {
    clock_extend(&shard->clock, bound);
    flush_clock_extended(shard);
    witness_tell_all(shard);
}

void shard_keep_clock_bound(struct shard *shard) {
    struct storage *storage = &shard->options.storage;
    struct hybrid_time bound;
    if (shard->bound_pending || !clock_wants_bound(&shard->clock, shard_wall(shard), CLOCK_LEASE_MS, &bound)) {
        return;
    }
    shard->bound_wanted = bound;
    switch (storage->remember_clock(storage->self, bound, clock_token)) {
    case STORAGE_FOUND:
        bound_is_kept(shard, bound);
        break;
    case STORAGE_PENDING:
        shard->bound_pending = true;
        break;
    case STORAGE_ABSENT:
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        break; /* the store has stopped, and says so itself */
    }
}

static void shard_beat(struct shard *shard) {
    roster_beat(shard);
    council_beat(shard);
    stage_beat(shard);
    moves_beat(shard);
    records_beat(shard);
    farewell_beat(shard);
    lanes_heartbeat(shard);
    load_beat(shard);
    hints_beat(shard);
    trees_beat(shard);
    filling_beat(shard);
    exchange_beat(shard);
    detection_beat(shard);
    fence_beat(shard);
    reaper_beat(shard);
    flush_beat(shard);
    keyspaces_beat(shard);
    witness_beat(shard);
    front_beat(shard->front, shard_now(shard));
    shard_keep_clock_bound(shard);
    if (lanes_clock_is_off(shard)) {
        shard_trace_peer(shard, TRACE_CLOCK_OFF, shard->self, NULL);
    }
    timers_schedule(&shard->timers, &shard->heartbeat.timer, instant_after_ms(shard_now(shard), HEARTBEAT_MS));
}

void shard_tick(struct shard *shard, struct moment moment) {
    struct timer *timer;
    shard_step_begin(shard, moment);
    while ((timer = timers_expire(&shard->timers, moment.now)) != NULL) {
        struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
        switch (alarm->kind) {
        case ALARM_HEARTBEAT:
            shard_beat(shard);
            break;
        case ALARM_REDIAL:
            lane_dial(shard, CONTAINER_OF(alarm, struct lane, redial));
            break;
        case ALARM_RELAY:
            router_on_alarm(shard, alarm);
            break;
        case ALARM_REQUEST_DEADLINE:
            coordinator_on_deadline(shard, alarm);
            break;
        case ALARM_REQUEST_HEDGE:
            coordinator_on_hedge(shard, alarm);
            break;
        case ALARM_EVERYONE:
            everyone_on_deadline(shard);
            break;
        case ALARM_FILLING:
            filling_on_rest(shard);
            break;
        case ALARM_FILLING_SERVED:
            filling_serve(shard);
            break;
        case ALARM_FAREWELL:
            farewell_on_rest(shard);
            break;
        case ALARM_LISTING:
            listing_on_late(shard, alarm);
            break;
        }
    }
}

struct instant shard_next_deadline(const struct shard *shard) {
    struct instant due;
    bool has_timer = timers_next(&shard->timers, &due);
    ENSURE(has_timer); /* the heartbeat */
    return due;
}

/* ---- the ring ---- */

/* Requests under way go on by the ring that they began with. */
void shard_adopt(struct shard *shard, struct ring *ring) {
    struct ring *before = shard->ring;
    shard->ring = ring;
    shard_trace_peer(shard, TRACE_MEMBERSHIP, shard->self, NULL);
    replica_adopt(shard, ring_version(before));
    filling_adopt(shard);
    moves_adopt(shard);
    farewell_adopt(shard);
    hints_adopt(shard);
    records_adopt(shard);
    lanes_adopt(shard);
    detection_adopt(shard);
    reaper_runs_changed(shard);
    roster_tell_all(shard);
    council_adopt(shard);
    ring_free(before);
}

/* ---- sessions ---- */

struct session *shard_session_open(struct shard *shard, void *handle, const char *address, struct moment moment) {
    shard_step_begin(shard, moment);
    return front_open(shard->front, handle, address, moment.now);
}

void shard_session_input(struct shard *shard, struct session *session, struct view bytes, struct moment moment) {
    shard_step_begin(shard, moment);
    front_input(shard->front, session, bytes, moment.now, moment.wall, &shard->scratch);
}

void shard_session_resume(struct shard *shard, struct session *session, struct moment moment) {
    shard_step_begin(shard, moment);
    front_resume(shard->front, session, moment.now, moment.wall, &shard->scratch);
}

void shard_session_closed(struct shard *shard, struct session *session, struct moment moment) {
    shard_step_begin(shard, moment);
    front_close(shard->front, session);
}

void shard_backup_done(struct shard *shard, uint64_t token, bool is_made, struct view text, struct moment moment) {
    struct result result = {.outcome = is_made ? OUTCOME_DONE : OUTCOME_REFUSED, .detail = text};
    shard_step_begin(shard, moment);
    front_complete(shard->front, token, &result, moment.now, moment.wall, &shard->scratch);
}

/* ---- messages ---- */

static void receive_of_members(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    switch (kind) {
    case MESSAGE_MEMBERSHIP:
        roster_receive(shard, source, body);
        break;
    case MESSAGE_REPORT:
        moves_receive(shard, source, body);
        break;
    case MESSAGE_GOSSIP_SUMMARY:
    case MESSAGE_GOSSIP_DIGEST:
    case MESSAGE_GOSSIP_RECORDS:
    case MESSAGE_GOSSIP_WANT:
    case MESSAGE_ADDRESSES:
    case MESSAGE_GOSSIP_FIGURES:
        records_receive(shard, source, kind, body);
        break;
    case MESSAGE_STAGE:
    case MESSAGE_SEEKER:
        stage_receive(shard, source, kind, body);
        break;
    case MESSAGE_CONSENSUS_PREPARE:
    case MESSAGE_CONSENSUS_PROMISE:
    case MESSAGE_CONSENSUS_ACCEPT:
    case MESSAGE_CONSENSUS_ACCEPTED:
    case MESSAGE_CONSENSUS_REFUSED:
    case MESSAGE_CONSENSUS_BEHIND:
        council_receive(shard, source, kind, body);
        break;
    case MESSAGE_FAREWELL:
    case MESSAGE_FAREWELL_ANSWER:
        farewell_receive(shard, source, kind, body);
        break;
    case MESSAGE_FILL:
    case MESSAGE_PARCEL:
        filling_receive(shard, source, kind, body);
        break;
    case MESSAGE_PUBLISH:
    case MESSAGE_PUBLISHED:
        publish_receive(shard, source, kind, body);
        break;
    case MESSAGE_BOUND:
    case MESSAGE_STORES_BEFORE:
        witness_receive(shard, source, kind, body);
        break;
    default:
        break; /* a later protocol's; its sender does without an answer */
    }
}

void shard_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    switch (kind) {
    case MESSAGE_PUT:
        replica_on_put(shard, source, body);
        break;
    case MESSAGE_PUT_ANSWER:
        coordinator_on_put_answer(shard, source, body);
        break;
    case MESSAGE_READ:
        replica_on_read(shard, source, body);
        break;
    case MESSAGE_READ_ANSWER:
        coordinator_on_read_answer(shard, source, body);
        break;
    case MESSAGE_OPERATION:
        router_on_operation(shard, source, body);
        break;
    case MESSAGE_RESULT:
        router_on_result(shard, source, body);
        break;
    case MESSAGE_SUMMARY:
    case MESSAGE_SUMMARY_ANSWER:
    case MESSAGE_ALL_SAME:
    case MESSAGE_ROOTS:
    case MESSAGE_SAME:
    case MESSAGE_TREE:
    case MESSAGE_KEYS:
    case MESSAGE_WANT:
        exchange_on_message(shard, source, kind, body);
        break;
    case MESSAGE_PROBE:
    case MESSAGE_PROBE_ACK:
    case MESSAGE_PROBE_ASK:
    case MESSAGE_PROBE_NACK:
    case MESSAGE_VERDICTS:
        detection_receive(shard, source, kind, body);
        break;
    case MESSAGE_FENCE:
        fence_receive(shard, source, body);
        break;
    case MESSAGE_PROVE:
    case MESSAGE_PROVEN:
    case MESSAGE_CONFIRM:
    case MESSAGE_CONFIRMED:
    case MESSAGE_REAP:
        reaper_receive(shard, source, kind, body);
        break;
    case MESSAGE_QUESTION:
    case MESSAGE_REPLY:
        everyone_receive(shard, source, kind, body);
        break;
    case MESSAGE_KEYSPACES:
        keyspaces_receive(shard, body);
        break;
    default:
        receive_of_members(shard, source, kind, body);
        break;
    }
}

struct buffer *shard_mail_output(struct shard *shard, uint32_t to_shard) {
    shard->mailboxes[to_shard].awake = false;
    return &shard->mailboxes[to_shard].output;
}

void shard_mail_input(struct shard *shard, uint32_t from_shard, struct view bytes, struct moment moment) {
    struct source source = {.shard = from_shard};
    struct frame frame;
    for (;;) {
        shard_step_begin(shard, moment);
        enum frame_status status = frame_reader_next(&shard->mailboxes[from_shard].reader, &bytes, &frame);
        ENSURE(status != FRAME_CORRUPT); /* it never left this process */
        if (status == FRAME_MORE) {
            return;
        }
        shard_receive(shard, &source, frame.kind, frame.body);
    }
}

void shard_peer_lost(struct shard *shard, struct member_index member) {
    hints_peer_lost(shard, member);
    coordinator_peer_lost(shard, member);
    router_peer_lost(shard, member);
}

/* ---- storage ---- */

void shard_storage_read(struct shard *shard, struct partition partition, struct view key, enum storage_status status,
                        struct moment moment) {
    (void)status; /* asked again in this step, storage answers the same */
    shard_step_begin(shard, moment);
    replica_on_storage_read(shard, partition, key);
}

void shard_storage_scanned(struct shard *shard, uint64_t token, enum storage_status status,
                           const struct storage_scanned *records, uint32_t count, bool is_end, uint64_t next_hash,
                           struct moment moment) {
    shard_step_begin(shard, moment);
    switch (scan_token_owner(token)) {
    case SCAN_HINTS:
        hints_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    case SCAN_TREES:
        trees_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    case SCAN_FAREWELL:
        farewell_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    case SCAN_REAPER:
        reaper_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    case SCAN_FLUSH:
        flush_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    case SCAN_FILLING:
        filling_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    case SCAN_LISTING:
        listing_on_scanned(shard, scan_token_number(token), status, records, count, is_end, next_hash);
        break;
    case SCAN_EXCHANGE:
        exchange_on_scanned(shard, status, records, count, is_end, next_hash);
        break;
    }
}

void shard_storage_written(struct shard *shard, uint64_t token, enum storage_status status, struct moment moment) {
    shard_step_begin(shard, moment);
    if (token_is_of_council(token)) {
        council_on_durable(shard, token, status == STORAGE_FOUND);
        return;
    }
    if (token_is_of_filling(token)) {
        filling_on_durable(shard, token);
        return;
    }
    if (token_is_of_moves(token)) {
        moves_on_durable(shard, token, status == STORAGE_FOUND);
        return;
    }
    switch (token) {
    case clock_token:
        break;
    case FENCE_LABEL_TOKEN:
        fence_on_label_durable(shard, status == STORAGE_FOUND);
        return;
    case FLUSH_FLOOR_TOKEN:
        flush_on_durable(shard, status == STORAGE_FOUND);
        return;
    case KEYSPACES_TOKEN:
        keyspaces_on_durable(shard, status == STORAGE_FOUND);
        return;
    case ROSTER_TOKEN:
        roster_on_durable(shard, status == STORAGE_FOUND);
        return;
    case FENCE_DRAIN_TOKEN:
        fence_on_drain_durable(shard, status == STORAGE_FOUND);
        return;
    default:
        replica_on_storage_written(shard, token, status);
        return;
    }
    shard->bound_pending = false;
    if (status == STORAGE_FOUND) {
        bound_is_kept(shard, shard->bound_wanted);
        coordinator_stamps_again(shard);
    }
}

/* ---- readiness ---- */

uint32_t shard_awaited_members(const struct shard *shard) {
    uint32_t count = 0;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        count += ring_is_awaited(shard->ring, (struct member_index){index}) ? 1 : 0;
    }
    return count;
}

uint32_t shard_reachable_members(const struct shard *shard) {
    uint32_t count = 0;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        count += ring_is_awaited(shard->ring, member) && peer_is_alive(shard, member) ? 1 : 0;
    }
    return count;
}

uint64_t shard_membership_version(const struct shard *shard) {
    return ring_version(shard->ring);
}

struct ring *shard_ring(const struct shard *shard) {
    return shard->ring;
}

const struct member *shard_member(const struct shard *shard, struct member_index member) {
    return ring_member(shard->ring, member);
}

const char *shard_peer_address(const struct shard *shard, struct member_index member) {
    return records_peer_address(shard, member);
}

enum shard_standing shard_standing(const struct shard *shard) {
    if (ring_is_excused(shard->ring, shard->self)) {
        return SHARD_IS_DEAD;
    }
    return ring_is_present(shard->ring, shard->self) ? SHARD_IS_MEMBER : SHARD_HAS_LEFT;
}

bool shard_may_stamp(const struct shard *shard) {
    return !lanes_clock_is_off(shard) && !shard->has_failed_store && !shard->witness.is_rolled_back;
}

bool shard_is_rolled_back(const struct shard *shard) {
    return shard->witness.is_rolled_back;
}

const struct keyspace_table *shard_keyspaces(const struct shard *shard) {
    return shard->options.keyspaces;
}

struct hybrid_time shard_flush_floor(const struct shard *shard) {
    return shard->flush.floor;
}

bool shard_all_are_reachable(const struct shard *shard) {
    return shard_reachable_members(shard) == shard_awaited_members(shard);
}

bool shard_is_ready(const struct shard *shard) {
    /* A restart begins at its old bound, which may lie ahead of civil time: nothing can be stamped before the next one.
     */
    uint64_t bound = shard->clock.bound.value;
    bool has_bound = bound > hybrid_time_of_wall(shard_wall(shard)).value && bound > shard->clock.last.value + 1;
    return has_bound && shard_all_are_reachable(shard);
}
