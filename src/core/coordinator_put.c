/* The coordinator's STORING: stamp, write here, send the stamped object to the other owners, count durable answers, and
 * for a plain SET or an EXPIRE the second round over what replicas kept (see coordinator.h). */
#include "base/limits.h"
#include "base/mutant.h"
#include "core/coordinator.h"
#include "core/hints.h"
#include "core/shard_state.h"
#include "version/counter.h"
#include "version/shown.h"

/* Asks replicas to name what they keep: SET, DEL and EXPIRE replace all there is, so they must hear of it. */
static bool request_names(const struct request *request) {
    return request->operation.kind == OPERATION_EXPIRE || request_has(request, OPERATION_PLAIN);
}

/* Owners in that placement, in that state. */
static uint32_t count_in(const struct request *request, uint32_t placement, enum owner_state state) {
    uint32_t count = 0;
    for (uint32_t place = 0; place < request->owner_count; place++) {
        const struct request_owner *owner = &request->owners[place];
        count += owner->state == state && (owner->placements >> placement & 1) != 0 ? 1 : 0;
    }
    return count;
}

/* Reads ask this one; what the others keep is not all that there is. */
static bool may_name(const struct request *request, uint32_t place) {
    return request_is_owner(request, place) && (request->owners[place].placements >> PLACEMENT_READ & 1) != 0;
}

/* Owners that have said what they keep, informed or not: this one before it is durable here. */
static uint32_t count_spoken(const struct request *request) {
    bool self_is_asked =
        may_name(request, request->self_place) && request->owners[request->self_place].state == OWNER_ASKED;
    return count_in(request, PLACEMENT_READ, OWNER_ANSWERED) + (self_is_asked ? 1 : 0);
}

static uint32_t names_in_reach(const struct request *request) {
    return request->placements[PLACEMENT_READ].owner_count - count_in(request, PLACEMENT_READ, OWNER_FAILED);
}

/* N-W+1 informed owners, so that at least one of the W of every acknowledged write is heard while quorums are strict;
 * fewer when fewer are in reach; and when all owners have spoken, at a cluster's birth, say, nothing is left to name.
 * What fallbacks name counts for what is named, not for how many have spoken. */
static bool lacks_names(const struct request *request) {
    const struct request_placement *read = &request->placements[PLACEMENT_READ];
    uint32_t wanted = (uint32_t)(read->owner_count - read->write_quorum + 1);
    uint32_t in_reach = names_in_reach(request);
    bool names = request->round == 1 && request_names(request);
    return names && request->named < (wanted < in_reach ? wanted : in_reach) &&
           count_spoken(request) < read->owner_count;
}

static bool awaits_names(const struct request *request) {
    return lacks_names(request) && count_spoken(request) < names_in_reach(request);
}

static bool must_stamp_again(const struct request *request) {
    return request->round == 1 && request_names(request) && request->kept.size > 0 && !MUTANT(SKIP_SECOND_ROUND);
}

static void finish_done(struct shard *shard, struct request *request) {
    struct result result = {
        .outcome = OUTCOME_DONE,
        .object = blob_view(&request->before),
        .context = blob_view(&request->answer_context),
    };
    shard->coordinator.puts++;
    request_finish(shard, request, &result);
}

static void begin_second_round(struct shard *shard, struct request *request) {
    shard->coordinator.second_rounds++;
    if (shard_traces_keys(shard)) {
        shard_trace(shard, &(struct trace_record){
                               .kind = TRACE_SECOND_ROUND, .key = request->operation.key, .dot = request->dot});
    }
    if (request->operation.kind == OPERATION_EXPIRE) {
        /* The values that were kept lie elsewhere: fetch them, then set the register of them all. */
        request->is_rereading = true;
        request_begin_reading(shard, request);
    } else {
        request_begin_storing(shard, request);
    }
}

/* A fallback's copy goes home to the owner for which it stands, and is deleted then: beside that owner's own it is
 * none. (A fallback that coordinates stands for some owner also where all are in reach, but may not coordinate.) */
static uint32_t count_copies(const struct request *request, uint32_t placement, bool may_come) {
    uint32_t count = 0;
    for (uint32_t place = 0; place < request->place_count; place++) {
        const struct request_owner *at = &request->owners[place];
        const struct request_owner *owner = &request->owners[at->stands_for];
        bool counts = at->state == OWNER_ANSWERED || (may_come && at->state == OWNER_ASKED);
        bool owner_counts = owner->state == OWNER_ANSWERED || (may_come && owner->state == OWNER_ASKED);
        bool is_in = (at->placements >> placement & 1) != 0;
        count += is_in && counts && (request_is_owner(request, place) || !owner_counts) ? 1 : 0;
    }
    return count;
}

/* Too few have answered in one of the placements, and too few still may. */
static bool is_hopeless(const struct request *request) {
    bool is_hopeless = false;
    for (uint32_t placement = 0; placement < PLACEMENTS_MOST; placement++) {
        const struct request_placement *at = &request->placements[placement];
        uint32_t owners = count_in(request, placement, OWNER_ANSWERED) + count_in(request, placement, OWNER_ASKED);
        is_hopeless = is_hopeless || count_copies(request, placement, true) < at->write_quorum ||
                      owners < at->primary_write_quorum;
    }
    return is_hopeless;
}

static bool has_quorum_in(const struct request *request, uint32_t placement) {
    const struct request_placement *at = &request->placements[placement];
    uint32_t durable = count_copies(request, placement, false);
    uint32_t owners = MUTANT(FALLBACK_IS_OWNER) ? durable : count_in(request, placement, OWNER_ANSWERED);
    if (MUTANT(COUNT_SELF_TWICE) && request->owners[request->self_place].state == OWNER_ANSWERED) {
        durable++;
    }
    bool is_ignored = MUTANT(JOINT_WRITES_ONE) && placement == PLACEMENT_OTHER;
    return is_ignored || (durable >= at->write_quorum && owners >= at->primary_write_quorum);
}

/* Ends the round if it is over, one way or the other. */
static void storing_check(struct shard *shard, struct request *request) {
    if (request->is_parked || list_node_linked(&request->waiting)) {
        return; /* its next stamp is due, and takes all that was answered into account */
    }
    if (awaits_names(request) && !is_hopeless(request)) {
        return;
    }
    /* Owners in reach that are uninformed cannot tell what is kept. Where quorums are strict the SET may not be said to
     * be the last then; it may stand beside a later time. (Found by a seed.) */
    const struct request_placement *read = &request->placements[PLACEMENT_READ];
    bool is_strict = read->primary_write_quorum >= read->write_quorum;
    if (is_strict && lacks_names(request)) {
        request_finish_short(shard, request);
        return;
    }
    if (must_stamp_again(request)) {
        begin_second_round(shard, request);
        return;
    }
    if (has_quorum_in(request, PLACEMENT_READ) && has_quorum_in(request, PLACEMENT_OTHER)) {
        finish_done(shard, request);
    } else if (is_hopeless(request)) {
        request_finish_short(shard, request);
    }
}

/* ---- stamping ---- */

/* A sum that a flush may take must not go on in one that it leaves: an actor that counts on begins with nothing. */
static bool may_go_on(const struct shard *shard, const struct request *request, const struct copy *copy) {
    const struct value *counter = object_counter_of(&copy->object, copy->record.local.actor);
    return !request_has(request, OPERATION_ADD) || counter == NULL || !flush_may_take(&shard->flush, counter);
}

/* The next dot of this replica on this key: of the actor drawn for this stay in this run, or of a new one. An actor of
 * which somebody claims to have seen a dot that was never made is given up: the claim would cover the next one. */
static struct dot next_dot(struct shard *shard, const struct request *request, const struct copy *copy,
                           const struct context *past, struct local_actor *ret_local) {
    struct local_actor local = copy->record.local;
    struct dot next = {local.actor, local.n + 1};
    bool goes_on = local.run == shard->options.run && local.actor != 0 && may_go_on(shard, request, copy) &&
                   !context_contains(&copy->object.context, next) && !context_contains(past, next);
    if (MUTANT(ACTOR_PER_REPLICA)) {
        /* One counter for every key: what a vector of this actor covers is then more than its holder saw. */
        local = (struct local_actor){shard->options.run, shard->self.value + UINT64_C(1), shard->coordinator.puts + 1};
        goes_on = false;
        local.n = shard->next_request / 7;
        *ret_local = local;
        return (struct dot){local.actor, local.n == 0 ? 1 : local.n};
    }
    if (MUTANT(REUSE_DOT)) {
        goes_on = goes_on || local.actor != 0;
        local.n = local.run == shard->options.run ? local.n : 0;
        local.run = shard->options.run;
    }
    if (!goes_on) {
        local = (struct local_actor){.run = shard->options.run};
        do {
            local.actor = actor_of_run(shard->run_tag, rng_next(&shard->rng));
            next = (struct dot){local.actor, 1};
        } while (local.actor == 0 || context_contains(&copy->object.context, next) || context_contains(past, next));
    }
    local.n++;
    *ret_local = local;
    return (struct dot){local.actor, local.n};
}

static struct view answer_context(struct shard *shard, const struct context *given, const struct object *object,
                                  const struct stamp *stamp) {
    struct context context = context_add(given, stamp->dot, &shard->scratch);
    if (MUTANT(ANSWER_COVERS_SIBLINGS)) {
        context = object->context;
    }
    context.greatest = stamp->time.value > given->greatest.value ? stamp->time : given->greatest;
    buffer_clear(&shard->encoded);
    context_encode(&shard->encoded, &context);
    return buffer_view(&shard->encoded);
}

static bool decode_context(struct shard *shard, struct view bytes, struct context *ret_context) {
    struct reader reader = reader_of(bytes);
    *ret_context = context_empty();
    return bytes.size == 0 || (context_decode(&reader, &shard->scratch, ret_context) && reader_finished(&reader));
}

/* For a planted bug: the context without the latest event of its actor. */
static struct context context_without(const struct context *context, struct dot dot, struct arena *arena) {
    struct dot *vector = ARENA_ARRAY(arena, struct dot, context->vector_count + 1);
    uint32_t count = 0;
    for (uint32_t index = 0; index < context->vector_count; index++) {
        vector[count] = context->vector[index];
        vector[count].n -= dot_equal(context->vector[index], dot) ? 1 : 0;
        count += vector[count].n > 0 ? 1 : 0;
    }
    return context_normalise(vector, count, context->detached, context->detached_count, context->greatest, arena);
}

/* What was added here since the first stamp followed that: the second does not take it away. */
static struct context past_until(const struct object *object, struct dot dot, struct arena *arena) {
    struct value *values = ARENA_ARRAY(arena, struct value, object->value_count);
    struct object seen = *object;
    seen.values = values;
    seen.value_count = 0;
    for (uint32_t index = 0; index < object->value_count; index++) {
        const struct value *value = &object->values[index];
        if (value->dot.actor != dot.actor || value->dot.n <= dot.n) {
            values[seen.value_count++] = *value;
        }
    }
    return object_past(&seen, arena);
}

/* What the new value follows. False: the client's context does not decode. */
static bool past_of(struct shard *shard, struct request *request, const struct copy *copy, struct context *ret_past) {
    struct context named;
    if (!request_has(request, OPERATION_PLAIN)) {
        return decode_context(shard, request->operation.context, ret_past);
    }
    bool is_ours = decode_context(shard, blob_view(&request->kept), &named);
    ENSURE(is_ours);
    struct context whole = request->round == 0 ? object_past(&copy->object, &shard->scratch)
                                               : past_until(&copy->object, request->dot, &shard->scratch);
    *ret_past = context_join(&whole, &named, &shard->scratch);
    if (request->round == 1) {
        *ret_past = context_until(ret_past, request->dot, &shard->scratch);
    }
    if (MUTANT(SECOND_FORGETS_FIRST) && request->round == 1) {
        *ret_past = context_without(ret_past, request->dot, &shard->scratch);
    }
    return true;
}

static struct expiry expiry_of(struct shard *shard, const struct request *request, const struct copy *copy,
                               struct hybrid_time stamp) {
    const struct value *first = request->round > 0 ? object_find(&copy->object, request->dot) : NULL;
    if (first != NULL) {
        return first->expiry; /* an EXPIRE that came after the first stamp has set it */
    }
    uint64_t at_ms = request->operation.expires_at_ms;
    if (request_has(request, OPERATION_KEEP_EXPIRY)) {
        const struct value *shown = object_shown(&copy->object, shard_wall(shard), &shard->scratch);
        at_ms = shown == NULL ? 0 : shown->expiry.at.ms;
    }
    if (at_ms == 0 || request_has(request, OPERATION_TOMBSTONE)) {
        return (struct expiry){0};
    }
    return (struct expiry){.at = {at_ms}, .stamp = stamp};
}

/* ---- one round ---- */

static void trace_hinted(struct shard *shard, const struct request *request, struct member_index owner) {
    if (shard_traces_keys(shard)) {
        shard_trace(shard, &(struct trace_record){.kind = TRACE_HINTED, .key = request->operation.key, .peer = owner});
    }
}

static void send_put(struct shard *shard, struct request *request, struct request_owner *owner, struct view object) {
    bool is_owner = request_is_owner(request, (uint32_t)(owner - request->owners));
    owner->state = OWNER_FAILED;
    bool is_wanted = peer_is_reachable(shard, owner->member, request->partition);
    struct buffer *output = is_wanted ? lane_output(shard, owner->member, request->partition, object.size) : NULL;
    if (output == NULL) {
        return;
    }
    struct message_put put = {
        .request = request_wire_id(request),
        .partition = request->partition,
        .placement_mark = ring_placement_mark(request->ring, request->partition),
        .flags = request->round == 1 && request_names(request) ? PUT_NAME_KEPT : 0,
        .fence = fence_label(shard, request->partition, object_bytes_mark(object)),
        .key = request->operation.key,
        .object = object,
    };
    if (!is_owner) {
        struct member_index missing = request->owners[owner->stands_for].member;
        put.flags |= PUT_HINT;
        put.hint_for = ring_member(request->ring, missing)->id;
        trace_hinted(shard, request, missing);
    }
    message_encode_put(output, &put);
    owner->state = OWNER_ASKED;
    owner->asked = shard_now(shard);
}

/* Fallbacks for all that failed and nobody stands in for yet; one that fails at once is followed by the next. */
static void send_hints(struct shard *shard, struct request *request, struct view object) {
    for (uint8_t place = 0; place < request->place_count; place++) {
        struct request_owner *failed = &request->owners[place];
        if (failed->state == OWNER_FAILED && !failed->is_replaced) {
            struct request_owner *fallback = request_engage_fallback(shard, request, place);
            if (fallback != NULL) {
                send_put(shard, request, fallback, object);
            }
        }
    }
}

/* EXPIRE and RESTORE make no dot. */
static bool has_what_was_stamped(const struct request *request, const struct copy *copy) {
    return request->dot.n == 0 || context_contains(&copy->object.context, request->dot);
}

/* Later in a round, with this node's copy as it is by then: what the round stamped, or what has replaced it. One that
 * knows of neither has taken the place of a record that vanished from the disk (seed 302679): it is not sent for what
 * was stamped, and the loss is known from now on. */
static void send_hints_now(struct shard *shard, struct request *request) {
    struct copy copy;
    bool is_needed = false;
    for (uint8_t place = 0; place < request->place_count; place++) {
        is_needed = is_needed || (request->owners[place].state == OWNER_FAILED && !request->owners[place].is_replaced);
    }
    if (!is_needed || request_lost_ground(shard, request) || request->is_parked ||
        list_node_linked(&request->waiting)) {
        return;
    }
    switch (replica_load(shard, request->partition, request->operation.key, &copy)) {
    case STORAGE_FOUND:
        if (has_what_was_stamped(request, &copy)) {
            send_hints(shard, request, copy.record.object_bytes);
        } else {
            replica_lost(shard, request->partition);
            trees_doubt(shard, request->partition);
        }
        break;
    case STORAGE_PENDING:
        request->is_hinting = true;
        request_park(shard, request);
        break;
    case STORAGE_ABSENT:
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        break;
    }
}

static void refuse_put(struct shard *shard, struct request *request, const char *detail) {
    if (request->round == 0) {
        request_finish_outcome(shard, request, OUTCOME_REFUSED, detail);
    } else {
        request_finish_short(shard, request);
    }
}

/* This node's store has stopped, or its disk is too far behind: what it stamps now it would forget, and then stamp the
 * same dot again. Whoever forwarded the request tries another owner. */
static void finish_unstored(struct shard *shard, struct request *request) {
    bool is_forwarded = request->origin.source.lane != NULL;
    if (request->round == 0 && !shard->has_failed_store && !is_forwarded) {
        request_finish_outcome(shard, request, OUTCOME_BUSY, "");
    } else if (request->round == 0 && is_forwarded) {
        request_finish_outcome(shard, request, OUTCOME_NOREPLICAS, "");
    } else if (request->round == 0) {
        request_finish_outcome(shard, request, OUTCOME_REFUSED, STORE_FAILED_DETAIL);
    } else {
        request_finish_short(shard, request);
    }
}

static void trace_stamped(struct shard *shard, const struct request *request, struct view encoded) {
    if (shard_traces_keys(shard) && request->operation.kind == OPERATION_PUT) {
        struct object object;
        bool is_ours = object_decode(encoded, &shard->scratch, &object);
        ENSURE(is_ours);
        shard_trace(shard, &(struct trace_record){.kind = TRACE_STAMPED,
                                                  .key = request->operation.key,
                                                  .dot = request->dot,
                                                  .object = &object,
                                                  .is_hint = request_holds_hint(shard, request)});
    }
}

/* A coordinating fallback writes a hint of its own. False: there is no room for it. */
static bool keep_for_owner(struct shard *shard, struct request *request, struct copy *copy) {
    if (!request_holds_hint(shard, request)) {
        return true;
    }
    const struct request_owner *self = &request->owners[request->self_place];
    struct member_index missing = request->owners[self->stands_for].member;
    if (!hints_have_room(shard) || !hint_owners_add(&copy->hint_for, ring_member(request->ring, missing)->id)) {
        return false;
    }
    trace_hinted(shard, request, missing);
    return true;
}

/* Writes the object here and sends it to the other owners: from now on the request cannot say "certainly not done". */
static void store_everywhere(struct shard *shard, struct request *request, struct copy *copy,
                             const struct object *object) {
    request_reset_places(shard, request, REQUEST_STORING);
    if (!keep_for_owner(shard, request, copy)) {
        refuse_put(shard, request, "BUSY no room for another hint; nothing was written");
        return;
    }
    /* Before the write: siblings that stay borrow their bytes from the record that it replaces. */
    buffer_clear(&shard->encoded);
    object_encode(&shard->encoded, object);
    enum storage_status status =
        replica_write(shard, request->partition, request->operation.key, copy, object, request->id, request->round + 1);
    if (status == STORAGE_ERROR) {
        finish_unstored(shard, request);
        return;
    }
    request->round++;
    request->state = REQUEST_STORING;
    bool is_informed = replica_is_informed(shard, request->keyspace, request->partition);
    request->named = is_informed && may_name(request, request->self_place) ? 1 : 0;
    request->owners[request->self_place].state = status == STORAGE_FOUND ? OWNER_ANSWERED : OWNER_ASKED;
    request->owners[request->self_place].asked = shard_now(shard);
    trace_stamped(shard, request, buffer_view(&shard->encoded));
    for (uint32_t place = 0; place < request->owner_count; place++) {
        if (place != request->self_place) {
            send_put(shard, request, &request->owners[place], buffer_view(&shard->encoded));
        }
    }
    send_hints(shard, request, buffer_view(&shard->encoded));
    storing_check(shard, request);
}

/* False when there is no time to stamp with below the clock's durable bound, after a restart or when a peer's time came
 * from beyond it, or when this shard has not learnt yet what its labels are (fence.h): the request goes on when it can,
 * within its deadline. */
static bool make_stamp(struct shard *shard, struct request *request, const struct copy *copy,
                       const struct context *past, struct stamp *ret_stamp) {
    uint64_t above = object_greatest_time(&copy->object).value;
    above = past->greatest.value > above ? past->greatest.value : above;
    /* A store that was wiped since a flush has forgotten that its clock was moved beyond the floor. */
    bool is_below = shard->flush.floor.value > above && !MUTANT(FLUSH_UNHELD);
    above = is_below ? shard->flush.floor.value : above;
    ret_stamp->mark = request_holds_hint(shard, request) ? shard->fence.label : FENCE_FIRST;
    if (!fence_is_learnt(shard)) {
        list_push_back(&shard->coordinator.unstamped, &request->waiting);
        return false;
    }
    if (MUTANT(STAMP_NOT_ABOVE)) {
        ret_stamp->time = hybrid_time_of_wall(shard_wall(shard));
        return true;
    }
    if (clock_stamp(&shard->clock, shard_wall(shard), (struct hybrid_time){above}, &ret_stamp->time)) {
        return true;
    }
    shard_keep_clock_bound(shard);
    if (clock_stamp(&shard->clock, shard_wall(shard), (struct hybrid_time){above}, &ret_stamp->time)) {
        return true;
    }
    list_push_back(&shard->coordinator.unstamped, &request->waiting);
    return false;
}

/* Only a client's own put meets the limits: the second stamp of a SET replaces, and merging is exempt. */
static bool has_room_beside(const struct object *object, const struct context *past, size_t value_bytes) {
    size_t bytes = value_bytes;
    uint32_t siblings = 0;
    for (uint32_t index = 0; index < object->value_count; index++) {
        const struct value *value = &object->values[index];
        bool stays = value->type != VALUE_COUNTER && !context_contains(past, value->dot);
        bytes += stays ? value->bytes.size : 0;
        siblings += stays ? 1 : 0;
    }
    return bytes <= LIMIT_SIBLINGS_BYTES && siblings < LIMIT_SIBLINGS;
}

/* As it is now, not as it was when the request began: what others wrote since a change was answered must not be
 * dropped. */
static enum conflict_rule conflict_of(const struct shard *shard, const struct request *request) {
    return keyspace_of_key(shard->options.keyspaces, request->operation.key)->conflict;
}

static struct object written(struct shard *shard, const struct request *request, const struct copy *copy,
                             const struct context *past, const struct stamp *stamp) {
    if (request_has(request, OPERATION_ADD)) {
        return counter_add(&copy->object, stamp, request->operation.addend, shard_wall(shard),
                           conflict_of(shard, request), &shard->scratch);
    }
    struct value value = {
        .expiry = expiry_of(shard, request, copy, stamp->time),
        .type = request_has(request, OPERATION_TOMBSTONE) ? VALUE_TOMBSTONE : VALUE_STRING,
        .format = VALUE_FORMAT,
        .hash = hash128(request->operation.value),
        .bytes = request->operation.value,
    };
    return object_put(&copy->object, past, stamp, &value, conflict_of(shard, request), &shard->scratch);
}

/* Puts of that actor on the key which have their first stamp: this one takes no value away. */
static void count_addition(struct shard *shard, const struct request *addition, uint64_t actor) {
    struct list *active = &shard->coordinator.active;
    bool is_lww = conflict_of(shard, addition) == CONFLICT_LWW; /* elsewhere nobody asks */
    for (struct list_node *node = is_lww ? list_first(active) : NULL; node != NULL; node = list_next(active, node)) {
        struct request *request = CONTAINER_OF(node, struct request, active);
        bool is_stamped = request->round > 0 && request->dot.actor == actor;
        request->additions += is_stamped && view_equal(request->operation.key, addition->operation.key) ? 1 : 0;
    }
}

static void store_put(struct shard *shard, struct request *request, struct copy *copy) {
    struct context past;
    struct stamp stamp = {0};
    if (!past_of(shard, request, copy, &past)) {
        refuse_put(shard, request, "ERR invalid context");
        return;
    }
    if (!request_has(request, OPERATION_ADD) && !has_room_beside(&copy->object, &past, request->operation.value.size)) {
        refuse_put(shard, request, "ERR too many siblings: read the key and write with its context");
        return;
    }
    if (request_has(request, OPERATION_ADD) && flush_is_asked(shard)) {
        list_push_back(&shard->coordinator.unstamped, &request->waiting);
        return;
    }
    if (!make_stamp(shard, request, copy, &past, &stamp)) {
        return;
    }
    stamp.dot = next_dot(shard, request, copy, &past, &copy->record.local);
    struct object object = written(shard, request, copy, &past, &stamp);
    if (!context_fits(&object.context)) {
        refuse_put(shard, request, "ERR the key's history is too long");
        return;
    }
    if (request_has(request, OPERATION_ADD)) {
        if (object_counter_of(&copy->object, stamp.dot.actor) != NULL) {
            flush_sum_carried(shard, stamp.time);
        }
        count_addition(shard, request, stamp.dot.actor);
    }
    if (!request_has(request, OPERATION_PLAIN)) {
        request->answer_context = blob_copy(&shard->blobs, answer_context(shard, &past, &object, &stamp));
    }
    request->dot = stamp.dot;
    store_everywhere(shard, request, copy, &object);
}

static void store_expiry(struct shard *shard, struct request *request, struct copy *copy) {
    struct stamp stamp = {0};
    struct context past = copy->object.context;
    if (!make_stamp(shard, request, copy, &past, &stamp)) {
        return;
    }
    struct expiry expiry = {.at = {request->operation.expires_at_ms}, .stamp = stamp.time};
    struct object object = object_expire(&copy->object, expiry, shard_wall(shard), &shard->scratch);
    store_everywhere(shard, request, copy, &object);
}

static bool is_of_before_flush(const struct shard *shard, const struct object *object) {
    bool is_older = false;
    for (uint32_t index = 0; index < object->value_count; index++) {
        is_older = is_older || object->values[index].time.value <= shard->flush.floor.value;
    }
    return is_older;
}

/* The dots of another cluster's actors, which are random, name its events here too: so what is restored twice is there
 * once, and what was written over it here stays. Only the mark is this cluster's. */
static void store_restored(struct shard *shard, struct request *request, struct copy *copy) {
    struct object incoming;
    struct stamp stamp = {0};
    if (!object_decode(request->operation.value, &shard->scratch, &incoming) || object_is_absent(&incoming) ||
        !object_is_whole(&incoming)) {
        refuse_put(shard, request, "ERR not the encoded object of a key");
        return;
    }
    if (is_of_before_flush(shard, &incoming)) {
        refuse_put(shard, request, "ERR written before this cluster was flushed: a restore wants a new cluster");
        return;
    }
    if (!make_stamp(shard, request, copy, &incoming.context, &stamp)) {
        return;
    }
    incoming.mark = stamp.mark;
    struct object object = object_merge(&copy->object, &incoming, conflict_of(shard, request), &shard->scratch);
    if (!context_fits(&object.context)) {
        refuse_put(shard, request, "ERR the key's history is too long");
        return;
    }
    store_everywhere(shard, request, copy, &object);
}

void request_resume_storing(struct shard *shard, struct request *request) {
    if (!request->is_hinting) {
        request_begin_storing(shard, request);
        return;
    }
    request->is_hinting = false;
    send_hints_now(shard, request);
    storing_check(shard, request);
}

/* A write that came after our first stamp covers it. Under `lww` the stamp may be gone because a concurrent value has
 * the greater time, one acknowledged before this put began, say: only a later stamp of our own actor surely follows,
 * one that is no addition. */
static bool is_followed(const struct shard *shard, const struct request *request, const struct copy *copy) {
    if (request->round == 0 || request->operation.kind != OPERATION_PUT ||
        object_find(&copy->object, request->dot) != NULL) {
        return false;
    }
    const struct local_actor *local = &copy->record.local;
    return conflict_of(shard, request) != CONFLICT_LWW ||
           (local->actor == request->dot.actor && local->n > request->dot.n + request->additions);
}

void request_begin_storing(struct shard *shard, struct request *request) {
    struct copy copy;
    request->state = REQUEST_STORING;
    bool is_late = shard_now(shard).ns >= request->stamp_until.ns;
    if (is_late || (request->round == 0 && !request_has_candidates(shard, request))) {
        request_finish_short(shard, request);
        return;
    }
    switch (replica_load(shard, request->partition, request->operation.key, &copy)) {
    case STORAGE_PENDING:
        request_park(shard, request);
        return;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        if (request->round > 0) {
            request_finish_short(shard, request);
        } else {
            request_finish_outcome(shard, request, OUTCOME_REFUSED,
                                   "IOERR this node cannot read its copy of the key; nothing was written");
        }
        return;
    case STORAGE_FOUND:
    case STORAGE_ABSENT:
        break;
    }
    bool is_expire = request->operation.kind == OPERATION_EXPIRE;
    if (is_expire && (request_lost_ground(shard, request) || object_is_absent(&copy.object))) {
        /* The values whose register is to be set are not here any more: damaged, or a hint that went home meanwhile. */
        request_begin_reading(shard, request);
    } else if (request_lost_ground(shard, request) && request->round > 0) {
        request_finish_short(shard, request); /* the first stamp may be gone here, and what followed it too */
    } else if (is_followed(shard, request, &copy)) {
        /* A later write here covers our first stamp; stamping again would bring our value back over it. What replicas
         * kept is that write's business now. */
        blob_give(&shard->blobs, &request->kept);
        storing_check(shard, request);
    } else if (is_expire) {
        store_expiry(shard, request, &copy);
    } else if (request->operation.kind == OPERATION_RESTORE) {
        store_restored(shard, request, &copy);
    } else {
        store_put(shard, request, &copy);
    }
}

/* ---- answers ---- */

static void keep_named(struct shard *shard, struct request *request, struct view bytes) {
    struct context named;
    struct context before;
    if (bytes.size == 0 || !decode_context(shard, bytes, &named) ||
        !decode_context(shard, blob_view(&request->kept), &before)) {
        return;
    }
    struct context joined = context_join(&before, &named, &shard->scratch);
    if (!context_fits(&joined)) {
        return;
    }
    buffer_clear(&shard->encoded);
    context_encode(&shard->encoded, &joined);
    blob_give(&shard->blobs, &request->kept);
    request->kept = blob_copy(&shard->blobs, buffer_view(&shard->encoded));
}

void coordinator_on_put_answer(struct shard *shard, const struct source *source, struct view body) {
    struct message_put_answer answer;
    if (source->lane == NULL || !message_decode_put_answer(body, &answer)) {
        return;
    }
    if (wire_id_is_delivery(answer.request)) {
        hints_on_answer(shard, source, &answer);
        return;
    }
    struct request *request = request_find_wire(shard, answer.request);
    struct request_owner *owner = request == NULL ? NULL : request_owner_of(request, source->lane->peer->member);
    if (owner == NULL || request->state != REQUEST_STORING || owner->state != OWNER_ASKED) {
        return;
    }
    if (answer.status != ANSWER_STORED) {
        owner->state = OWNER_FAILED;
        send_hints_now(shard, request);
    } else {
        request_owner_answered(shard, owner);
        if (answer.informed && may_name(request, (uint32_t)(owner - request->owners))) {
            request->named++;
        }
        keep_named(shard, request, answer.kept);
    }
    storing_check(shard, request);
}

void request_stored(struct shard *shard, uint64_t id, uint32_t round, bool is_durable) {
    struct request *request = request_find(shard, id);
    if (request == NULL || request->state != REQUEST_STORING || request->round != round) {
        return;
    }
    struct request_owner *self = &request->owners[request->self_place];
    if (is_durable) {
        request_owner_answered(shard, self);
    } else {
        self->state = OWNER_FAILED;
    }
    storing_check(shard, request);
}

void request_storing_lost(struct shard *shard, struct request *request, struct request_owner *owner) {
    owner->state = OWNER_FAILED;
    send_hints_now(shard, request);
    storing_check(shard, request);
}
