#include "core/coordinator.h"

#include "base/mutant.h"
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

static bool request_may_be_sloppy(const struct request *request) {
    bool reads = request->operation.kind == OPERATION_READ;
    return reads ? request->primary_read_quorum < request->read_quorum
                 : request->primary_write_quorum < request->write_quorum;
}

static struct request_owner *add_place(struct request *request, struct member_index member, uint8_t stands_for) {
    struct request_owner *owner = &request->owners[request->place_count++];
    *owner = (struct request_owner){.member = member, .stands_for = stands_for};
    return owner;
}

struct request_owner *request_engage_fallback(struct shard *shard, struct request *request, uint8_t place) {
    request->owners[place].is_replaced = true;
    if (!request_may_be_sloppy(request)) {
        return NULL;
    }
    const struct member_index *list = ring_preference(shard->ring, request->partition);
    size_t members = ring_member_count(shard->ring);
    for (size_t index = request->owner_count; index < members && request->place_count < PLACES_MOST; index++) {
        bool is_free = request_owner_of(request, list[index]) == NULL;
        if (is_free && peer_is_reachable(shard, list[index], request->partition)) {
            return add_place(request, list[index], request->owners[place].stands_for);
        }
    }
    return NULL;
}

bool request_has_candidates(struct shard *shard, const struct request *request, uint32_t needed) {
    const struct member_index *list = ring_preference(shard->ring, request->partition);
    size_t members = request_may_be_sloppy(request) ? ring_member_count(shard->ring) : request->owner_count;
    uint32_t count = 0;
    for (size_t index = 0; index < members && count < needed; index++) {
        count += peer_is_reachable(shard, list[index], request->partition) ? 1 : 0;
    }
    return count >= needed;
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

void request_reset_places(struct shard *shard, struct request *request) {
    const struct member_index *list = ring_preference(shard->ring, request->partition);
    bool is_owner = false;
    request->place_count = 0;
    for (uint8_t place = 0; place < request->owner_count; place++) {
        add_place(request, list[place], place);
        if (member_index_equal(list[place], shard->self)) {
            request->self_place = place;
            is_owner = true;
        }
    }
    if (!is_owner) {
        uint8_t missing = missing_owner(shard, request);
        request->owners[missing].is_replaced = true;
        request->self_place = request->place_count;
        add_place(request, shard->self, missing);
    }
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
    return operation->kind == OPERATION_EXPIRE ||
           (operation->flags &
            (OPERATION_IF_ABSENT | OPERATION_IF_PRESENT | OPERATION_RETURN_OLD | OPERATION_KEEP_EXPIRY)) != 0;
}

static void request_start(struct shard *shard, struct request *request) {
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
    request->owner_count = (uint8_t)ring_replica_count(shard->ring);
    request->read_quorum = quorum_of(operation->read_quorum, request->keyspace->read_quorum, request->owner_count);
    request->write_quorum = quorum_of(operation->write_quorum, request->keyspace->write_quorum, request->owner_count);
    request->primary_read_quorum =
        primary_of(operation->primary_read_quorum, request->keyspace->primary_read_quorum, request->read_quorum);
    request->primary_write_quorum =
        primary_of(operation->primary_write_quorum, request->keyspace->primary_write_quorum, request->write_quorum);
    request_reset_places(shard, request);
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
    blob_give(&shard->blobs, &request->answer_context);
    load_ended(shard, request->bytes.size);
    blob_give(&shard->blobs, &request->bytes);
    pool_give(&coordinator->request_pool, request);
}

void request_finish(struct shard *shard, struct request *request, const struct result *result) {
    struct coordinator *coordinator = &shard->coordinator;
    coordinator->no_replicas += result->outcome == OUTCOME_NOREPLICAS ? 1 : 0;
    coordinator->in_doubt += result->outcome == OUTCOME_INDOUBT ? 1 : 0;
    coordinator->no_quorum += result->outcome == OUTCOME_NOQUORUM ? 1 : 0;
    load_measured(shard, shard_now(shard).ns - request->begun.ns);
    origin_answer(shard, &request->origin, result);
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
