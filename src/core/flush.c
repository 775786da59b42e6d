#include "core/flush.h"

#include "base/mutant.h"
#include "core/shard_state.h"
#include "wire/flush_message.h"

static bool is_first_shard(const struct shard *shard) {
    return shard->options.shard_index == 0;
}

void flush_init(struct shard *shard) {
    struct flush *flush = &shard->flush;
    flush->floor = shard->options.flush_floor;
    flush->durable = flush->floor;
    flush->deadline.kind = ALARM_FLUSH;
    flush->has_answered = ARENA_ARRAY(&shard->permanent, bool, ring_member_count(shard->ring));
}

/* ---- the floor ---- */

bool flush_leaves(struct shard *shard, const struct object *object, struct object *ret_object) {
    uint64_t floor = shard->flush.floor.value;
    uint32_t below = 0;
    for (uint32_t index = 0; floor != 0 && index < object->value_count; index++) {
        below += object->values[index].time.value <= floor ? 1 : 0;
    }
    *ret_object = *object;
    if (below == 0) {
        return true;
    }
    struct value *values = ARENA_ARRAY(&shard->scratch, struct value, object->value_count);
    uint32_t count = 0;
    for (uint32_t index = 0; index < object->value_count; index++) {
        if (object->values[index].time.value > floor) {
            values[count++] = object->values[index];
        }
    }
    ret_object->values = values;
    ret_object->value_count = count;
    return count > 0;
}

bool flush_leaves_bytes(const struct shard *shard, struct view object_bytes) {
    return shard->flush.floor.value == 0 || object_bytes_greatest(object_bytes).value > shard->flush.floor.value;
}

static void keep_floor(struct shard *shard) {
    struct flush *flush = &shard->flush;
    struct storage *storage = &shard->options.storage;
    if (flush->wanted.value != 0 || flush->durable.value == flush->floor.value) {
        return;
    }
    flush->wanted = flush->floor;
    switch (storage->remember_flush(storage->self, flush->wanted, FLUSH_FLOOR_TOKEN)) {
    case STORAGE_FOUND:
        flush_on_durable(shard, true);
        break;
    case STORAGE_PENDING:
        break;
    case STORAGE_ABSENT:
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        flush_on_durable(shard, false);
        break;
    }
}

static void answer_first_shard(struct shard *shard, enum flush_message_kind kind, uint64_t id, struct hybrid_time time);

void flush_on_durable(struct shard *shard, bool is_durable) {
    struct flush *flush = &shard->flush;
    struct hybrid_time kept = flush->wanted;
    flush->wanted = (struct hybrid_time){0}; /* a store that failed says so itself; the next beat asks again */
    if (!is_durable) {
        return;
    }
    flush->durable = kept;
    if (flush->done.id != 0 && kept.value >= flush->done.time.value) {
        struct flush_debt done = flush->done;
        flush->done.id = 0;
        answer_first_shard(shard, MESSAGE_FLUSH_DONE, done.id, done.time);
    }
}

/* No clock that may coordinate reads so late: such a time comes from a damaged or hostile word. */
static bool is_far_ahead(const struct shard *shard, struct hybrid_time time) {
    return hybrid_time_wall(time).ms > shard_wall(shard).ms + 2 * CLOCK_SKEW_LIMIT_MS;
}

void flush_hear(struct shard *shard, struct hybrid_time floor) {
    struct flush *flush = &shard->flush;
    if (floor.value <= flush->floor.value || is_far_ahead(shard, floor)) {
        return;
    }
    flush->floor = floor;
    flush->flushes++;
    flush_sweep_again(shard);
    shard_trace(shard, &(struct trace_record){.kind = TRACE_FLUSHED, .dot = {.n = floor.value}, .peer = shard->self});
    keep_floor(shard);
}

/* ---- a shard's answers ---- */

static void part_answered(struct shard *shard, enum flush_message_kind kind, uint64_t id, struct hybrid_time time);

static void answer_first_shard(struct shard *shard, enum flush_message_kind kind, uint64_t id,
                               struct hybrid_time time) {
    if (is_first_shard(shard)) {
        part_answered(shard, kind, id, time);
    } else {
        message_encode_flush(mail_output(shard, 0), kind, &(struct message_flush){id, time});
    }
}

void flush_clock_extended(struct shard *shard) {
    struct flush *flush = &shard->flush;
    if (flush->held.id != 0 && shard->clock.bound.value > flush->held.time.value) {
        struct flush_debt held = flush->held;
        flush->held.id = 0;
        answer_first_shard(shard, MESSAGE_FLUSH_HELD, held.id, held.time);
    }
}

/* A time that lies too far ahead of this clock is not held: it would drag along all that is stamped here. */
static void hold(struct shard *shard, uint64_t id, struct hybrid_time time) {
    if (hybrid_time_wall(time).ms > shard_wall(shard).ms + CLOCK_SKEW_LIMIT_MS) {
        return; /* the attempt ends at its deadline */
    }
    clock_observe(&shard->clock, shard_wall(shard), time);
    shard->flush.held = (struct flush_debt){id, time};
    shard_keep_clock_bound(shard);
    flush_clock_extended(shard);
}

static void act(struct shard *shard, uint8_t kind, uint64_t id, struct hybrid_time time) {
    struct flush *flush = &shard->flush;
    if (kind == MESSAGE_FLUSH_ASK) {
        answer_first_shard(shard, MESSAGE_FLUSH_TIME, id, shard_time(shard));
    } else if (kind == MESSAGE_FLUSH_HOLD) {
        hold(shard, id, time);
    } else {
        flush_hear(shard, time);
        flush->done = (struct flush_debt){id, time};
        if (flush->durable.value >= time.value) {
            flush->done.id = 0;
            answer_first_shard(shard, MESSAGE_FLUSH_DONE, id, time);
        }
    }
}

/* ---- a node's answers: those of all its shards ---- */

static void member_answered(struct shard *shard, struct member_index member, uint8_t kind, uint64_t attempt,
                            struct hybrid_time time);

static void part_begin(struct shard *shard, const struct source *source, uint8_t kind,
                       const struct message_flush *message) {
    struct flush *flush = &shard->flush;
    uint64_t id = shard->next_request++;
    struct flush_part *part = &flush->parts[id % FLUSH_PARTS_MOST]; /* whoever asked the one before has given it up */
    *part = (struct flush_part){
        .is_used = true,
        .kind = kind,
        .source = *source,
        .attempt = message->attempt,
        .id = id,
        .time = message->time,
        .missing = shard->options.shard_count,
    };
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        message_encode_flush(mail_output(shard, index), (enum flush_message_kind)kind,
                             &(struct message_flush){id, message->time});
    }
    act(shard, kind, id, message->time);
}

static void part_answered(struct shard *shard, enum flush_message_kind kind, uint64_t id, struct hybrid_time time) {
    struct flush_part *part = &shard->flush.parts[id % FLUSH_PARTS_MOST];
    if (!part->is_used || part->id != id || (uint8_t)kind != part->kind + 1) {
        return;
    }
    bool is_later = kind == MESSAGE_FLUSH_TIME && time.value > part->time.value;
    part->time = is_later ? time : part->time;
    part->missing--;
    if (part->missing > 0) {
        return;
    }
    struct flush_part whole = *part;
    part->is_used = false;
    if (whole.source.lane == NULL) {
        member_answered(shard, shard->self, (uint8_t)kind, whole.attempt, whole.time);
        return;
    }
    struct buffer *output = source_output(shard, &whole.source, 0);
    if (output != NULL) {
        message_encode_flush(output, kind, &(struct message_flush){whole.attempt, whole.time});
    }
}

/* ---- the one that asks ---- */

static void finish(struct shard *shard, enum outcome outcome, const char *detail) {
    struct flush *flush = &shard->flush;
    flush->attempt = 0;
    timers_cancel(&shard->timers, &flush->deadline.timer);
    origin_answer_outcome(shard, &flush->origin, outcome, detail);
}

static const char unreached[] =
    "NOREPLICAS FLUSHALL needs every member of the cluster, and not all answered; nothing was done";

/* What is not known after the first DO: it may be done, and then is done everywhere. */
static void give_up(struct shard *shard) {
    bool is_begun = shard->flush.asking == MESSAGE_FLUSH_DO;
    finish(shard, is_begun ? OUTCOME_INDOUBT : OUTCOME_REFUSED, is_begun ? "" : unreached);
}

static void ask_all(struct shard *shard, uint8_t kind) {
    struct flush *flush = &shard->flush;
    struct message_flush message = {flush->attempt, flush->time};
    uint32_t members = (uint32_t)ring_member_count(shard->ring);
    flush->asking = kind;
    flush->missing = members;
    memset(flush->has_answered, 0, sizeof(*flush->has_answered) * members);
    for (uint16_t index = 0; index < members; index++) {
        struct member_index member = {index};
        struct buffer *output = member_index_equal(member, shard->self) ? NULL : lane_first_output(shard, member);
        if (output != NULL) {
            message_encode_flush(output, (enum flush_message_kind)kind, &message);
        }
    }
    part_begin(shard, &(struct source){.shard = shard->options.shard_index}, kind, &message);
}

void flush_begin(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    struct flush *flush = &shard->flush;
    if (flush->attempt != 0) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, "BUSY another FLUSHALL is under way; nothing was done");
        return;
    }
    if (!shard_all_are_reachable(shard)) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, unreached);
        return;
    }
    flush->attempt = shard->next_request++;
    flush->origin = *origin;
    flush->time = (struct hybrid_time){0};
    timers_schedule(&shard->timers, &flush->deadline.timer, instant_after_ms(shard_now(shard), operation->deadline_ms));
    ask_all(shard, MESSAGE_FLUSH_ASK);
}

static void member_answered(struct shard *shard, struct member_index member, uint8_t kind, uint64_t attempt,
                            struct hybrid_time time) {
    struct flush *flush = &shard->flush;
    if (attempt == 0 || attempt != flush->attempt || kind != flush->asking + 1 || flush->has_answered[member.value]) {
        return;
    }
    flush->has_answered[member.value] = true;
    flush->missing--;
    if (kind == MESSAGE_FLUSH_TIME && time.value > flush->time.value) {
        flush->time = time;
    }
    if (flush->missing > 0) {
        return;
    }
    if (kind == MESSAGE_FLUSH_DONE) {
        finish(shard, OUTCOME_DONE, "");
    } else {
        bool is_known = kind == MESSAGE_FLUSH_TIME && !MUTANT(FLUSH_UNHELD);
        ask_all(shard, is_known ? MESSAGE_FLUSH_HOLD : MESSAGE_FLUSH_DO);
    }
}

void flush_on_alarm(struct shard *shard, struct alarm *alarm) {
    (void)alarm;
    give_up(shard);
}

/* ---- words ---- */

void flush_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_flush message;
    bool is_question = kind == MESSAGE_FLUSH_ASK || kind == MESSAGE_FLUSH_HOLD || kind == MESSAGE_FLUSH_DO;
    if (!message_decode_flush(body, &message)) {
        return;
    }
    if (source->lane == NULL && is_question) {
        act(shard, kind, message.attempt, message.time);
    } else if (source->lane == NULL) {
        part_answered(shard, (enum flush_message_kind)kind, message.attempt, message.time);
    } else if (is_first_shard(shard) && is_question) {
        part_begin(shard, source, kind, &message);
    } else if (is_first_shard(shard)) {
        member_answered(shard, source->lane->peer->member, kind, message.attempt, message.time);
    }
}
