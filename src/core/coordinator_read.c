/* The coordinator's READING: R informed owners, or presence (see coordinator.h). What others answer is merged into this
 * node's own copy at once, so the request carries no objects; at the end its copy is the merged object. */
#include "base/mutant.h"
#include "core/coordinator.h"
#include "core/shard_state.h"

static bool ask_owner(struct shard *shard, struct request *request, struct request_owner *owner) {
    struct buffer *output = lane_output(shard, owner->member, request->partition, request->operation.key.size);
    if (output == NULL) {
        return false;
    }
    struct message_read read = {
        .request = request_wire_id(request),
        .partition = request->partition,
        .placement_mark = ring_placement_mark(request->ring, request->partition),
        .wants_whole = owner->is_fetching,
        .has_digest = request->has_own_digest,
        .digest = request->own_digest,
        .key = request->operation.key,
    };
    message_encode_read(output, &read);
    owner->state = OWNER_ASKED;
    owner->asked = shard_now(shard);
    return true;
}

/* The owner in reach, not asked yet, that answers soonest; NULL when there is none. */
static struct request_owner *next_owner(struct shard *shard, struct request *request) {
    struct request_owner *best = NULL;
    uint64_t best_latency = UINT64_MAX;
    for (uint32_t offset = 0; offset < request->owner_count; offset++) {
        uint32_t place = (uint32_t)((request->id + offset) % request->owner_count); /* equals take turns */
        struct request_owner *owner = &request->owners[place];
        if (owner->state != OWNER_IDLE || place == request->self_place ||
            !peer_is_reachable(shard, owner->member, request->partition)) {
            continue;
        }
        uint64_t latency = peer_of(shard, owner->member)->latency_p95_ns / (NS_PER_MS / 2);
        if (latency < best_latency) {
            best_latency = latency;
            best = owner;
        }
    }
    return best;
}

/* Bytes are on their way, as far as one may still hope for them. */
static bool is_fetching(const struct request *request) {
    bool fetches = false;
    for (uint32_t place = 0; place < request->place_count; place++) {
        fetches = fetches || (request->owners[place].state == OWNER_ASKED && request->owners[place].is_fetching);
    }
    return fetches && !request->waited;
}

/* Nobody is being asked for his bytes any more: those whose outlines waited for that are asked again, and answer with
 * what may be whole now. Or somebody is, for too long: then they are asked for theirs. */
static void ask_awaiting_again(struct shard *shard, struct request *request) {
    if (is_fetching(request)) {
        return;
    }
    for (uint32_t place = 0; place < request->place_count; place++) {
        struct request_owner *owner = &request->owners[place];
        if (owner->state == OWNER_ASKED && owner->awaits_fetch) {
            owner->awaits_fetch = false;
            owner->is_fetching = request->waited;
            if (!ask_owner(shard, request, owner)) {
                owner->state = OWNER_FAILED;
            }
        }
    }
}

static bool ask_one_more(struct shard *shard, struct request *request) {
    struct request_owner *owner;
    while ((owner = next_owner(shard, request)) != NULL) {
        owner->is_fetching = request->is_absent_here && !is_fetching(request);
        if (ask_owner(shard, request, owner)) {
            return true;
        }
        owner->state = OWNER_FAILED;
    }
    return false;
}

/* For each owner that cannot be asked, the fallback that most likely holds its hints: what only it holds is found, and
 * counts; that it holds nothing doesn't. */
static void ask_fallbacks(struct shard *shard, struct request *request) {
    for (uint8_t place = 0; place < request->place_count; place++) {
        const struct request_owner *owner = &request->owners[place];
        bool is_out = owner->state == OWNER_FAILED ||
                      (owner->state == OWNER_IDLE && !peer_is_reachable(shard, owner->member, request->partition));
        if (!is_out || owner->is_replaced) {
            continue;
        }
        struct request_owner *fallback = request_engage_fallback(shard, request, place);
        if (fallback != NULL && !ask_owner(shard, request, fallback)) {
            fallback->state = OWNER_FAILED;
        }
    }
}

static void arm_hedge(struct shard *shard, struct request *request) {
    uint64_t slowest = HEDGE_LEAST_MS * NS_PER_MS;
    for (uint32_t place = 0; place < request->place_count; place++) {
        const struct request_owner *owner = &request->owners[place];
        if (owner->state == OWNER_ASKED && place != request->self_place) {
            uint64_t latency = peer_of(shard, owner->member)->latency_p95_ns;
            slowest = latency > slowest ? latency : slowest;
        }
    }
    timers_schedule(&shard->timers, &request->hedge.timer, (struct instant){shard_now(shard).ns + slowest});
}

/* R, or every owner while this node cannot vouch for what it holds. */
static uint32_t answers_needed(const struct shard *shard, const struct request *request) {
    if (MUTANT(READ_ONE)) {
        return 1;
    }
    bool all = request->is_rereading || !replica_is_informed(shard, request->keyspace, request->partition);
    if (!all) {
        return request->read_quorum;
    }
    uint32_t in_reach = request->owner_count - request_count_owners(request, OWNER_FAILED);
    return in_reach > request->read_quorum ? in_reach : request->read_quorum;
}

static void send_repair(struct shard *shard, struct request *request, struct request_owner *owner,
                        const struct copy *copy) {
    struct buffer *output = lane_output(shard, owner->member, request->partition, copy->record.object_bytes.size);
    if (output == NULL) {
        return;
    }
    struct message_put put = {
        .partition = request->partition,
        .placement_mark = ring_placement_mark(request->ring, request->partition),
        .flags = PUT_REPAIR,
        .fence = fence_label(shard, request->partition, copy->object.mark),
        .key = request->operation.key,
        .object = copy->record.object_bytes,
    };
    message_encode_put(output, &put);
    shard->coordinator.repairs++;
    if (shard_traces_keys(shard)) {
        shard_trace(shard, &(struct trace_record){
                               .kind = TRACE_REPAIRED, .key = request->operation.key, .peer = owner->member});
    }
}

/* Dynamo, section 5: read repair. Those that answered with anything but the merged object get it. An owner that had
 * what this node had, where nobody had more, is not stale: what this node has had since is on its way there. */
static void repair_the_stale(struct shard *shard, struct request *request, const struct copy *copy) {
    if (object_is_absent(&copy->object)) {
        return;
    }
    struct digest merged = replica_digest(shard, copy->record.object_bytes);
    for (uint32_t place = 0; place < request->owner_count; place++) {
        struct request_owner *owner = &request->owners[place];
        bool answered = owner->state == OWNER_ANSWERED && place != request->self_place;
        bool was_same = request->has_own_digest && digest_equal(owner->digest, request->own_digest);
        if (answered && !digest_equal(owner->digest, merged) && (request->took_object || !was_same)) {
            send_repair(shard, request, owner, copy);
        }
    }
}

/* Not of an EXPIRE's second reading: its first round may have landed. */
static void finish_unreadable(struct shard *shard, struct request *request) {
    if (request->round > 0) {
        request_finish_short(shard, request);
    } else {
        request_finish_outcome(shard, request, OUTCOME_REFUSED, "IOERR this node cannot read its copy of the key");
    }
}

static bool has_quorum(const struct request *request) {
    uint32_t owners = MUTANT(FALLBACK_IS_OWNER) ? request->counted : request->counted_owners;
    return request->counted >= request->read_quorum && owners >= request->primary_read_quorum;
}

static bool reading_is_over(struct shard *shard, struct request *request) {
    uint32_t answered = request_count_owners(request, OWNER_ANSWERED);
    uint32_t asked = request_count_places(request, OWNER_ASKED);
    bool awaits_fallback = !request->waited && asked > request_count_owners(request, OWNER_ASKED);
    bool has_enough = request->counted >= answers_needed(shard, request) && has_quorum(request);
    return (has_enough && !awaits_fallback) || answered == request->owner_count;
}

/* One more answer that counts. What an uninformed owner has may be less than what it had: a strict quorum does not
 * count it. (Found by seeds: a wiped owner had an old value back from one that had missed the new one; the two made R.)
 */
static void count_answer(struct request *request, uint32_t place, bool is_informed) {
    request->counted++;
    if (is_informed && request_is_owner(request, place)) {
        request->counted_owners++;
    }
}

/* A DEL reads only so that it need not write where there is nothing. Without R it writes its tombstone all the same:
 * what it covers is what its coordinator has and replicas name, and the tombstone has the greatest time. */
static bool goes_on_unread(const struct request *request) {
    const uint32_t reads = OPERATION_TOMBSTONE | OPERATION_IF_PRESENT | OPERATION_RETURN_OLD;
    return request->round == 0 && (request->operation.flags & reads) == (OPERATION_TOMBSTONE | OPERATION_IF_PRESENT);
}

/* Ends the phase if it is over, or asks on, or gives up. */
static void reading_check(struct shard *shard, struct request *request) {
    struct copy copy;
    if (request->is_parked) {
        return; /* looked at when this node's copy is at hand: twice would stamp twice */
    }
    ask_fallbacks(shard, request);
    if (!reading_is_over(shard, request)) {
        uint32_t needed = answers_needed(shard, request);
        while (request->counted + request_count_owners(request, OWNER_ASKED) < needed) {
            if (!ask_one_more(shard, request)) {
                break;
            }
        }
        ask_fallbacks(shard, request);
        if (request_count_places(request, OWNER_ASKED) > 0) {
            return;
        }
        /* Everything in reach was heard, even if more was wished for than R. */
        if (!has_quorum(request) && !reading_is_over(shard, request)) {
            timers_cancel(&shard->timers, &request->hedge.timer);
            if (goes_on_unread(request)) {
                request_begin_storing(shard, request);
            } else {
                request_finish_short(shard, request);
            }
            return;
        }
    }
    switch (replica_load(shard, request->partition, request->operation.key, &copy)) {
    case STORAGE_PENDING:
        request_park(shard, request);
        return;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        finish_unreadable(shard, request);
        return;
    case STORAGE_FOUND:
    case STORAGE_ABSENT:
        break;
    }
    timers_cancel(&shard->timers, &request->hedge.timer);
    if (request_lost_ground(shard, request)) {
        request_begin_reading(shard, request); /* what was counted was merged here, and is not here any more */
        return;
    }
    struct record record = copy.record;
    repair_the_stale(shard, request, &copy);
    ENSURE(record.object_bytes.data == copy.record.object_bytes.data);
    request_reading_done(shard, request, &copy);
}

/* This node's own answer. */
static void reading_load_own(struct shard *shard, struct request *request) {
    struct request_owner *self = &request->owners[request->self_place];
    struct copy copy;
    switch (replica_load(shard, request->partition, request->operation.key, &copy)) {
    case STORAGE_PENDING:
        request_park(shard, request);
        arm_hedge(shard, request);
        return;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        finish_unreadable(shard, request);
        return;
    case STORAGE_FOUND:
    case STORAGE_ABSENT:
        break;
    }
    request->losses = shard->replica.losses[request->partition.value];
    request_owner_answered(shard, self);
    request->own_digest = replica_digest(shard, copy.record.object_bytes);
    request->has_own_digest = true;
    bool is_absent = object_is_absent(&copy.object);
    request->is_absent_here = is_absent;
    bool is_informed = request_is_owner(request, request->self_place) &&
                       replica_is_informed(shard, request->keyspace, request->partition);
    if (!is_absent || is_informed) {
        count_answer(request, request->self_place, is_informed);
    }
    reading_check(shard, request);
}

/* A budget ("The Tail at Scale", Dean and Barroso 2013): each read saves for a tenth of a hedge. */
static bool may_hedge(const struct coordinator *coordinator) {
    return coordinator->hedge_credit >= HEDGE_EVERY;
}

static void save_for_hedge(struct coordinator *coordinator) {
    coordinator->hedge_credit += coordinator->hedge_credit < HEDGE_EVERY * HEDGE_SAVED_MOST ? 1 : 0;
}

void request_begin_reading(struct shard *shard, struct request *request) {
    request->state = REQUEST_READING;
    request->reading = (uint8_t)((request->reading + 1) % READINGS_TOLD_APART);
    save_for_hedge(&shard->coordinator);
    request->losses = shard->replica.losses[request->partition.value];
    request->counted = 0;
    request->counted_owners = 0;
    request->waited = false;
    request->has_own_digest = false;
    request->is_absent_here = false;
    request->took_object = false;
    request_reset_places(shard, request, REQUEST_READING);
    request->owners[request->self_place].state = OWNER_ASKED;
    uint64_t id = request->id;
    reading_load_own(shard, request);
    request = request_find(shard, id);
    bool waits = request != NULL && request->state == REQUEST_READING && !request->hedge.timer.position;
    if (waits) {
        arm_hedge(shard, request);
    }
}

void request_resume_reading(struct shard *shard, struct request *request) {
    if (request->owners[request->self_place].state == OWNER_ASKED) {
        reading_load_own(shard, request);
    } else {
        reading_check(shard, request);
    }
}

void request_reading_lost(struct shard *shard, struct request *request, struct request_owner *owner) {
    owner->state = OWNER_FAILED;
    ask_awaiting_again(shard, request);
    reading_check(shard, request);
}

void coordinator_on_hedge(struct shard *shard, struct alarm *alarm) {
    struct request *request = CONTAINER_OF(alarm, struct request, hedge);
    if (request->state != REQUEST_READING) {
        return;
    }
    request->waited = true;
    if (may_hedge(&shard->coordinator) && ask_one_more(shard, request)) {
        shard->coordinator.hedges++;
        shard->coordinator.hedge_credit -= HEDGE_EVERY;
        arm_hedge(shard, request);
    }
    ask_awaiting_again(shard, request);
    if (request->owners[request->self_place].state == OWNER_ANSWERED && reading_is_over(shard, request)) {
        reading_check(shard, request);
    }
}

/* What this node's copy becomes by an answer. */
enum intake { INTAKE_MERGED, INTAKE_REFUSED, INTAKE_LACKS_BYTES };

static bool read_object(struct shard *shard, struct request_owner *owner, const struct message_read_answer *answer,
                        struct object *ret_object) {
    if (!object_decode(answer->object, &shard->scratch, ret_object) || object_is_absent(ret_object)) {
        return false;
    }
    bool is_outline = answer->status == ANSWER_OUTLINE;
    owner->digest = is_outline ? hash128(answer->object) : replica_digest(shard, answer->object);
    return is_outline || object_is_whole(ret_object);
}

static enum intake take_object(struct shard *shard, struct request *request, struct request_owner *owner,
                               const struct message_read_answer *answer, const struct object *held) {
    struct object object;
    bool is_hint = request_holds_hint(shard, request);
    fence_hear_label(shard, answer->fence);
    if (fence_refuses(shard, answer->fence, is_hint) || !read_object(shard, owner, answer, &object)) {
        return INTAKE_REFUSED;
    }
    if (answer->status == ANSWER_OUTLINE && !MUTANT(OUTLINE_IS_OBJECT) &&
        !object_fill(&object, held, &shard->scratch, &object)) {
        return INTAKE_LACKS_BYTES;
    }
    struct object whole = object;
    if (!flush_leaves(shard, &whole, &object)) {
        return INTAKE_REFUSED;
    }
    object.mark = is_hint ? answer->fence : FENCE_FIRST;
    request->took_object = true;
    clock_observe(&shard->clock, shard_wall(shard), object.context.greatest);
    const struct request_owner *self = &request->owners[request->self_place];
    struct node_id hint_for = ring_member(request->ring, request->owners[self->stands_for].member)->id;
    enum storage_status status = replica_merge(shard, request->partition, request->operation.key, &object, hint_for);
    return status == STORAGE_FOUND || status == STORAGE_ABSENT ? INTAKE_MERGED : INTAKE_REFUSED;
}

/* Bytes of its outline are not here: it is asked for all of them, or, while another is being asked for what may be the
 * same bytes, waits for those. */
static void fetch(struct shard *shard, struct request *request, struct request_owner *owner) {
    if (owner->is_fetching) {
        return; /* the frame came twice */
    }
    if (is_fetching(request)) {
        owner->awaits_fetch = true;
        return;
    }
    owner->is_fetching = true;
    shard->coordinator.fetches++;
    if (!ask_owner(shard, request, owner)) {
        owner->state = OWNER_FAILED;
    }
}

static void take_answer(struct shard *shard, struct request *request, struct request_owner *owner,
                        const struct message_read_answer *answer, const struct object *held) {
    uint32_t place = (uint32_t)(owner - request->owners);
    enum intake intake = take_object(shard, request, owner, answer, held);
    shard->coordinator.outlines += answer->status == ANSWER_OUTLINE ? 1 : 0;
    if (intake == INTAKE_LACKS_BYTES) {
        fetch(shard, request, owner);
    } else if (intake == INTAKE_MERGED) {
        request_owner_answered(shard, owner);
        count_answer(request, place, answer->informed);
    } else {
        owner->state = OWNER_FAILED;
    }
}

static void on_answer(struct shard *shard, struct request *request, struct request_owner *owner,
                      const struct message_read_answer *answer, const struct object *held) {
    uint32_t place = (uint32_t)(owner - request->owners);
    switch (answer->status) {
    case ANSWER_SAME:
        request_owner_answered(shard, owner);
        owner->digest = request->own_digest;
        count_answer(request, place, answer->informed);
        break;
    case ANSWER_OBJECT:
    case ANSWER_OUTLINE:
        take_answer(shard, request, owner, answer, held);
        break;
    case ANSWER_ABSENT:
        request_owner_answered(shard, owner);
        owner->digest = hash128((struct view){0});
        if (answer->informed && request_is_owner(request, place)) {
            count_answer(request, place, true);
        }
        break;
    case ANSWER_STORED:
    case ANSWER_REFUSED:
    case ANSWER_FAILED:
        owner->state = OWNER_FAILED;
        break;
    }
}

void coordinator_on_read_answer(struct shard *shard, const struct source *source, struct view body) {
    struct message_read_answer answer;
    if (source->lane == NULL || !message_decode_read_answer(body, &answer)) {
        return;
    }
    struct request *request = request_find_wire(shard, answer.request);
    struct request_owner *owner = request == NULL ? NULL : request_owner_of(request, source->lane->peer->member);
    if (owner == NULL || request->state != REQUEST_READING || owner->state != OWNER_ASKED) {
        return; /* answered already */
    }
    bool has_object = answer.status == ANSWER_OBJECT || answer.status == ANSWER_OUTLINE;
    if (has_object && !flush_leaves_bytes(shard, answer.object)) {
        answer.status = ANSWER_ABSENT; /* it was read before a flush */
        has_object = false;
    }
    struct copy copy = {0};
    if (has_object && replica_load(shard, request->partition, request->operation.key, &copy) == STORAGE_PENDING) {
        replica_park_answer(shard, request->operation.key, source, body);
        return;
    }
    peer_observe_latency(source->lane->peer, shard_now(shard).ns - owner->asked.ns);
    on_answer(shard, request, owner, &answer, &copy.object);
    ask_awaiting_again(shard, request);
    if (request->owners[request->self_place].state == OWNER_ANSWERED) {
        reading_check(shard, request);
    }
}
