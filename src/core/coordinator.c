#include "core/coordinator.h"

#include "base/mutant.h"
#include "core/phases.h"
#include "core/shard_state.h"

/* A key held by a request that reads before it writes; the others queue here in order. */
struct key_hold {
    struct map_node node;
    struct blob key;
    uint64_t holder;
    struct list waiting; /* struct request */
};

void coordinator_init(struct shard *shard) {
    struct coordinator *coordinator = &shard->coordinator;
    map_init(&coordinator->requests, 1024);
    map_init(&coordinator->holds, 64);
    list_init(&coordinator->active);
    list_init(&coordinator->unstamped);
    pool_init(&coordinator->request_pool, sizeof(struct request), 64);
    pool_init(&coordinator->hold_pool, sizeof(struct key_hold), 32);
    coordinator->hedge_credit = HEDGE_EVERY * HEDGE_SAVED_MOST;
}

void coordinator_release(struct shard *shard) {
    struct coordinator *coordinator = &shard->coordinator;
    struct list_node *node;
    while ((node = list_take_first(&coordinator->active)) != NULL) {
        ring_free(CONTAINER_OF(node, struct request, active)->ring);
    }
    map_release(&coordinator->requests);
    map_release(&coordinator->holds);
    pool_release(&coordinator->request_pool);
    pool_release(&coordinator->hold_pool);
}

struct request *request_find(const struct shard *shard, uint64_t id) {
    struct map_node *node = map_first(&shard->coordinator.requests, id);
    return node == NULL ? NULL : CONTAINER_OF(node, struct request, node);
}

struct request *request_find_wire(const struct shard *shard, uint64_t wire_id) {
    struct request *request = request_find(shard, wire_id >> WIRE_ID_SHIFT);
    return request != NULL && request_wire_id(request) == wire_id ? request : NULL;
}

struct request_owner *request_owner_of(struct request *request, struct member_index member) {
    for (uint32_t place = 0; place < request->place_count; place++) {
        if (member_index_equal(request->owners[place].member, member)) {
            return &request->owners[place];
        }
    }
    return NULL;
}

static uint32_t count_places(const struct request *request, uint32_t places, enum owner_state state) {
    uint32_t count = 0;
    for (uint32_t place = 0; place < places; place++) {
        count += request->owners[place].state == state ? 1 : 0;
    }
    return count;
}

uint32_t request_count_places(const struct request *request, enum owner_state state) {
    return count_places(request, request->place_count, state);
}

uint32_t request_count_owners(const struct request *request, enum owner_state state) {
    return count_places(request, request->owner_count, state);
}

bool request_lost_ground(const struct shard *shard, const struct request *request) {
    return request->losses != shard->replica.losses[request->partition.value];
}

/* ---- places ---- */

static bool placement_may_be_sloppy(const struct request *request, uint32_t placement) {
    const struct request_placement *at = &request->placements[placement];
    return request->operation.kind == OPERATION_READ ? request->primary_read_quorum < request->read_quorum
                                                     : at->primary_write_quorum < at->write_quorum;
}

static bool request_may_be_sloppy(const struct request *request) {
    return placement_may_be_sloppy(request, PLACEMENT_READ) || placement_may_be_sloppy(request, PLACEMENT_OTHER);
}

static struct request_owner *add_place(struct request *request, struct member_index member, uint8_t stands_for,
                                       uint8_t placements) {
    struct request_owner *owner = &request->owners[request->place_count++];
    *owner = (struct request_owner){.member = member, .stands_for = stands_for, .placements = placements};
    return owner;
}

struct request_owner *request_engage_fallback(struct shard *shard, struct request *request, uint8_t place) {
    request->owners[place].is_replaced = true;
    if (!request_may_be_sloppy(request)) {
        return NULL;
    }
    const struct member_index *list = ring_preference(request->ring, request->partition);
    size_t members = ring_preference_length(request->ring);
    for (size_t index = ring_replica_count(request->ring); index < members && request->place_count < PLACES_MOST;
         index++) {
        bool is_free = request_owner_of(request, list[index]) == NULL;
        if (is_free && peer_is_reachable(shard, list[index], request->partition)) {
            uint8_t owner = request->owners[place].stands_for;
            return add_place(request, list[index], owner, request->owners[owner].placements);
        }
    }
    return NULL;
}

static const struct member_index *placement_owners(const struct request *request, uint32_t placement,
                                                   uint32_t *ret_count) {
    if (placement == PLACEMENT_OTHER) {
        return ring_other_owners(request->ring, request->partition, ret_count);
    }
    *ret_count = ring_replica_count(request->ring);
    return ring_preference(request->ring, request->partition);
}

static uint32_t fallbacks_in_reach(struct shard *shard, const struct request *request) {
    const struct member_index *list = ring_preference(request->ring, request->partition);
    size_t members = ring_preference_length(request->ring);
    uint32_t count = 0;
    for (size_t index = ring_replica_count(request->ring); index < members; index++) {
        bool is_holder = ring_is_holder(request->ring, request->partition, list[index]);
        count += !is_holder && peer_is_reachable(shard, list[index], request->partition) ? 1 : 0;
    }
    return count;
}

bool request_has_candidates(struct shard *shard, const struct request *request) {
    bool has_all = true;
    for (uint32_t placement = 0; placement < PLACEMENTS_MOST; placement++) {
        uint32_t count;
        uint32_t owners = 0;
        const struct member_index *list = placement_owners(request, placement, &count);
        for (uint32_t place = 0; place < count; place++) {
            owners += peer_is_reachable(shard, list[place], request->partition) ? 1 : 0;
        }
        const struct request_placement *at = &request->placements[placement];
        bool has_enough = owners >= at->write_quorum;
        if (!has_enough && placement_may_be_sloppy(request, placement)) {
            has_enough = owners + fallbacks_in_reach(shard, request) >= at->write_quorum;
        }
        has_all = has_all && has_enough && owners >= at->primary_write_quorum;
    }
    return has_all;
}

/* The first owner out of reach, for whom a coordinating fallback stands in; a fallback coordinates when all are. */
static uint8_t missing_owner(struct shard *shard, const struct request *request) {
    for (uint8_t place = 0; place < request->owner_count; place++) {
        if (!peer_is_reachable(shard, request->owners[place].member, request->partition)) {
            return place;
        }
    }
    return 0;
}

static void add_owners(struct request *request, uint32_t placement) {
    uint32_t count;
    const struct member_index *list = placement_owners(request, placement, &count);
    for (uint32_t index = 0; index < count; index++) {
        struct request_owner *owner = request_owner_of(request, list[index]);
        if (owner == NULL) {
            owner = add_place(request, list[index], request->place_count, 0);
        }
        owner->placements |= (uint8_t)(1u << placement);
    }
}

void request_reset_places(struct shard *shard, struct request *request, enum request_state phase) {
    request->place_count = 0;
    add_owners(request, PLACEMENT_READ);
    if (phase == REQUEST_STORING) {
        add_owners(request, PLACEMENT_OTHER);
    }
    request->owner_count = request->place_count;
    struct request_owner *self = request_owner_of(request, shard->self);
    if (self == NULL) {
        uint8_t missing = missing_owner(shard, request);
        request->owners[missing].is_replaced = true;
        self = add_place(request, shard->self, missing, request->owners[missing].placements);
    }
    request->self_place = (uint8_t)(self - request->owners);
}

bool request_holds_hint(const struct shard *shard, const struct request *request) {
    return replica_family(shard, request->partition) == STORAGE_HINTS;
}

/* ---- holding a key ---- */

static struct key_hold *hold_find(const struct shard *shard, struct view key) {
    if (shard->coordinator.holds.size == 0) {
        return NULL;
    }
    for (struct map_node *node = map_first(&shard->coordinator.holds, hash64(key, 0)); node != NULL;
         node = map_next(node)) {
        struct key_hold *hold = CONTAINER_OF(node, struct key_hold, node);
        if (view_equal(blob_view(&hold->key), key)) {
            return hold;
        }
    }
    return NULL;
}

static bool operation_holds_key(const struct operation *operation) {
    return operation->kind == OPERATION_EXPIRE || (operation->flags & OPERATION_READS) != 0;
}

static void request_start(struct shard *shard, struct request *request) {
    request->queued_us = (uint32_t)((shard_now(shard).ns - request->begun.ns) / NS_PER_US);
    if (operation_holds_key(&request->operation)) {
        struct key_hold *hold = pool_take(&shard->coordinator.hold_pool);
        hold->key = blob_copy(&shard->blobs, request->operation.key);
        hold->holder = request->id;
        list_init(&hold->waiting);
        map_insert(&shard->coordinator.holds, &hold->node, hash64(request->operation.key, 0));
        request->holds_key = true;
        request_begin_reading(shard, request);
    } else if (request->operation.kind == OPERATION_READ) {
        request_begin_reading(shard, request);
    } else {
        request_begin_storing(shard, request);
    }
}

/* Starts the requests behind a hold that ended, up to the next one that holds the key itself. */
static void hold_end(struct shard *shard, struct view key) {
    struct key_hold *hold = hold_find(shard, key);
    ENSURE(hold != NULL);
    map_remove(&shard->coordinator.holds, &hold->node);
    struct list_node *node;
    while ((node = list_take_first(&hold->waiting)) != NULL) {
        struct request *request = CONTAINER_OF(node, struct request, waiting);
        struct key_hold *newer = hold_find(shard, blob_view(&hold->key));
        if (newer != NULL) {
            list_push_back(&newer->waiting, node);
        } else {
            request_start(shard, request);
        }
    }
    blob_give(&shard->blobs, &hold->key);
    pool_give(&shard->coordinator.hold_pool, hold);
}

/* ---- life of a request ---- */

static void request_keep_operation(struct shard *shard, struct request *request, const struct operation *operation) {
    size_t sizes[3] = {operation->key.size, operation->value.size, operation->context.size};
    request->bytes = blob_take(&shard->blobs, sizes[0] + sizes[1] + sizes[2]);
    request->operation = *operation;
    struct view *views[3] = {&request->operation.key, &request->operation.value, &request->operation.context};
    size_t position = 0;
    for (int index = 0; index < 3; index++) {
        if (sizes[index] > 0) {
            memcpy(request->bytes.data + position, views[index]->data, sizes[index]);
            *views[index] = view_of(request->bytes.data + position, sizes[index]);
            position += sizes[index];
        }
    }
}

static uint8_t quorum_of(uint8_t asked, uint8_t configured, uint8_t owners) {
    uint8_t quorum = asked != 0 ? asked : configured;
    return quorum < owners ? quorum : owners;
}

/* Of the R or W that count, so many owners. What the request asks is on top of what the keyspace asks. */
static uint8_t primary_of(uint8_t asked, uint8_t configured, uint8_t quorum) {
    uint8_t primary = asked > configured ? asked : configured;
    return primary < quorum ? primary : quorum;
}

static void set_quorums(struct request *request) {
    const struct operation *operation = &request->operation;
    const struct keyspace *keyspace = request->keyspace;
    for (uint32_t placement = 0; placement < PLACEMENTS_MOST; placement++) {
        uint32_t count;
        struct request_placement *at = &request->placements[placement];
        (void)placement_owners(request, placement, &count);
        at->owner_count = (uint8_t)count;
        at->write_quorum = quorum_of(operation->write_quorum, keyspace->write_quorum, at->owner_count);
        at->primary_write_quorum =
            primary_of(operation->primary_write_quorum, keyspace->primary_write_quorum, at->write_quorum);
    }
    uint8_t owners = request->placements[PLACEMENT_READ].owner_count;
    request->read_quorum = quorum_of(operation->read_quorum, keyspace->read_quorum, owners);
    request->primary_read_quorum =
        primary_of(operation->primary_read_quorum, keyspace->primary_read_quorum, request->read_quorum);
}

static struct request *request_new(struct shard *shard, const struct operation *operation, const struct origin *origin,
                                   struct partition partition) {
    struct coordinator *coordinator = &shard->coordinator;
    struct request *request = pool_take(&coordinator->request_pool);
    request->id = shard->next_request++;
    request->origin = *origin;
    request->partition = partition;
    request->fence = shard->fence.label;
    request->losses = shard->replica.losses[partition.value];
    request_keep_operation(shard, request, operation);
    request->begun = shard_now(shard);
    load_began(shard, request->bytes.size);
    request->keyspace = keyspace_of_key(shard->options.keyspaces, operation->key);
    request->ring = ring_retain(shard->ring);
    set_quorums(request);
    request_reset_places(shard, request, REQUEST_READING);
    request->deadline.kind = ALARM_REQUEST_DEADLINE;
    request->hedge.kind = ALARM_REQUEST_HEDGE;
    map_insert(&coordinator->requests, &request->node, request->id);
    list_push_back(&coordinator->active, &request->active);
    uint32_t stamp_ms = operation->stamp_ms != 0 ? operation->stamp_ms : operation->deadline_ms;
    request->stamp_until = instant_after_ms(shard_now(shard), stamp_ms);
    timers_schedule(&shard->timers, &request->deadline.timer,
                    instant_after_ms(shard_now(shard), operation->deadline_ms));
    return request;
}

static void request_free(struct shard *shard, struct request *request) {
    struct coordinator *coordinator = &shard->coordinator;
    map_remove(&coordinator->requests, &request->node);
    list_remove(&request->active);
    if (list_node_linked(&request->waiting)) {
        list_remove(&request->waiting);
    }
    timers_cancel(&shard->timers, &request->deadline.timer);
    timers_cancel(&shard->timers, &request->hedge.timer);
    blob_give(&shard->blobs, &request->kept);
    blob_give(&shard->blobs, &request->before);
    blob_give(&shard->blobs, &request->spliced);
    blob_give(&shard->blobs, &request->followed);
    blob_give(&shard->blobs, &request->answer_context);
    load_ended(shard, request->bytes.size);
    blob_give(&shard->blobs, &request->bytes);
    ring_free(request->ring);
    pool_give(&coordinator->request_pool, request);
}

void request_owner_answered(const struct shard *shard, struct request_owner *owner) {
    owner->state = OWNER_ANSWERED;
    owner->took_us = (uint32_t)((shard_now(shard).ns - owner->asked.ns) / NS_PER_US);
}

void request_finish(struct shard *shard, struct request *request, const struct result *result) {
    struct coordinator *coordinator = &shard->coordinator;
    coordinator->no_replicas += result->outcome == OUTCOME_NOREPLICAS ? 1 : 0;
    coordinator->in_doubt += result->outcome == OUTCOME_INDOUBT ? 1 : 0;
    coordinator->no_quorum += result->outcome == OUTCOME_NOQUORUM ? 1 : 0;
    load_measured(shard, shard_now(shard).ns - request->begun.ns);
    struct result told = *result;
    if (told.outcome == OUTCOME_DONE || told.outcome == OUTCOME_UNCHANGED) {
        told.detail = phases_of(shard, request);
    }
    origin_answer(shard, &request->origin, &told);
    struct view key = arena_copy(&shard->scratch, request->operation.key);
    bool holds_key = request->holds_key;
    request_free(shard, request);
    if (holds_key) {
        hold_end(shard, key);
    }
}

void request_finish_outcome(struct shard *shard, struct request *request, enum outcome outcome, const char *detail) {
    struct result result = {.outcome = outcome, .detail = view_of_string(detail)};
    request_finish(shard, request, &result);
}

void request_finish_short(struct shard *shard, struct request *request) {
    if (request->round > 0) {
        request_finish_outcome(shard, request, MUTANT(INDOUBT_IS_FAILED) ? OUTCOME_NOREPLICAS : OUTCOME_INDOUBT, "");
    } else if (request->operation.kind == OPERATION_READ || request->state == REQUEST_READING) {
        request_finish_outcome(shard, request, OUTCOME_NOQUORUM, "");
    } else {
        request_finish_outcome(shard, request, OUTCOME_NOREPLICAS, "");
    }
}

void request_park(struct shard *shard, struct request *request) {
    ENSURE(!request->is_parked);
    request->is_parked = true;
    replica_park_request(shard, request->operation.key, request->id);
}

/* ---- events ---- */

void coordinator_begin(struct shard *shard, const struct operation *operation, const struct origin *origin,
                       struct partition partition) {
    struct request *request = request_new(shard, operation, origin, partition);
    struct key_hold *hold = hold_find(shard, operation->key);
    if (hold != NULL) {
        list_push_back(&hold->waiting, &request->waiting);
    } else {
        request_start(shard, request);
    }
}

void coordinator_inspect(struct shard *shard, const struct operation *operation, const struct origin *origin,
                         struct partition partition) {
    struct copy copy;
    struct result result = {.outcome = OUTCOME_DONE};
    switch (replica_load(shard, partition, operation->key, &copy)) {
    case STORAGE_FOUND:
        result.object = copy.record.object_bytes;
        break;
    case STORAGE_ABSENT:
        break;
    case STORAGE_PENDING:
        /* Rare and harmless to ask again: looking does not wait for a disk. */
        result.outcome = OUTCOME_BUSY;
        break;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        result.outcome = OUTCOME_REFUSED;
        result.detail = VIEW("IOERR this node cannot read its copy of the key");
        break;
    }
    origin_answer(shard, origin, &result);
}

void request_resume(struct shard *shard, uint64_t id) {
    struct request *request = request_find(shard, id);
    if (request == NULL) {
        return; /* answered at its deadline */
    }
    ENSURE(request->is_parked);
    request->is_parked = false;
    if (request->state == REQUEST_READING) {
        request_resume_reading(shard, request);
    } else if (request->state == REQUEST_STORING) {
        request_resume_storing(shard, request);
    }
}

void coordinator_stamps_again(struct shard *shard) {
    struct list resumed;
    struct list_node *node;
    list_init(&resumed);
    while ((node = list_take_first(&shard->coordinator.unstamped)) != NULL) {
        list_push_back(&resumed, node);
    }
    while ((node = list_take_first(&resumed)) != NULL) {
        request_begin_storing(shard, CONTAINER_OF(node, struct request, waiting));
    }
}

void coordinator_peer_lost(struct shard *shard, struct member_index member) {
    /* An ending request may start or end others: by id, from a list made first. */
    struct coordinator *coordinator = &shard->coordinator;
    uint64_t *ids = ARENA_ARRAY(&shard->scratch, uint64_t, coordinator->requests.size);
    size_t count = 0;
    for (struct list_node *node = list_first(&coordinator->active); node != NULL;
         node = list_next(&coordinator->active, node)) {
        struct request *request = CONTAINER_OF(node, struct request, active);
        struct request_owner *owner = request_owner_of(request, member);
        bool is_asked = owner != NULL && owner->state == OWNER_ASKED;
        if (is_asked && !peer_still_answers(shard, member, request->partition)) {
            ids[count++] = request->id;
        }
    }
    for (size_t index = 0; index < count; index++) {
        struct request *request = request_find(shard, ids[index]);
        struct request_owner *owner = request == NULL ? NULL : request_owner_of(request, member);
        if (owner == NULL || owner->state != OWNER_ASKED) {
            continue;
        }
        if (request->state == REQUEST_READING) {
            request_reading_lost(shard, request, owner);
        } else if (request->state == REQUEST_STORING) {
            request_storing_lost(shard, request, owner);
        }
    }
}

void coordinator_on_deadline(struct shard *shard, struct alarm *alarm) {
    shard->coordinator.deadlines++;
    request_finish_short(shard, CONTAINER_OF(alarm, struct request, deadline));
}
