#include "core/flush.h"

#include "base/mutant.h"
#include "core/shard_state.h"

void flush_init(struct shard *shard) {
    struct flush *flush = &shard->flush;
    flush->floor = shard->options.flush_floor;
    flush->durable = flush->floor;
    flush->carried = shard->options.clock_floor;
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
    *ret_object = object_above(object, shard->flush.floor, &shard->scratch);
    return ret_object->value_count > 0;
}

bool flush_leaves_bytes(const struct shard *shard, struct view object_bytes) {
    uint64_t greatest = object_bytes_greatest(object_bytes).value; /* 0: of a format that is not known here */
    return shard->flush.floor.value == 0 || greatest == 0 || greatest > shard->flush.floor.value;
}

void flush_keep_floor(struct shard *shard) {
    struct flush *flush = &shard->flush;
    struct storage *storage = &shard->options.storage;
    if (flush->wanted.value != 0 || flush->durable.value == flush->floor.value) {
        return;
    }
    flush->wanted = flush->floor;
    enum storage_status status = storage->remember_flush(storage->self, flush->wanted, FLUSH_FLOOR_TOKEN);
    if (status != STORAGE_PENDING) {
        flush_on_durable(shard, status == STORAGE_FOUND);
    }
}

void flush_on_durable(struct shard *shard, bool is_durable) {
    struct flush *flush = &shard->flush;
    struct hybrid_time kept = flush->wanted;
    flush->wanted = (struct hybrid_time){0}; /* a store that failed says so itself; the next beat asks again */
    if (!is_durable) {
        return;
    }
    flush->durable = kept;
    everyone_settle(shard, QUESTION_FLUSH_DO, flush->done, kept);
    flush_keep_floor(shard); /* a greater one may have come meanwhile */
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
    flush_keep_floor(shard);
}

/* ---- a shard's answers ---- */

void flush_clock_extended(struct shard *shard) {
    struct flush *flush = &shard->flush;
    struct hybrid_time before_bound = {shard->clock.bound.value == 0 ? 0 : shard->clock.bound.value - 1};
    everyone_settle(shard, QUESTION_FLUSH_HOLD, flush->held, before_bound);
}

bool flush_is_asked(const struct shard *shard) {
    return shard->flush.asked > 0 && shard_now(shard).ns < shard->flush.asked_until.ns;
}

void flush_sum_carried(struct shard *shard, struct hybrid_time time) {
    struct flush *flush = &shard->flush;
    bool is_of_clock = time.value <= shard_time(shard).value; /* no flush takes what lies far ahead of all clocks */
    flush->carried = is_of_clock && time.value > flush->carried.value ? time : flush->carried;
}

static void tell_time(struct shard *shard, uint64_t id) {
    struct flush *flush = &shard->flush;
    flush->asked = flush_is_asked(shard) ? flush->asked + 1 : 1;
    flush->asked_until = instant_after_ms(shard_now(shard), FLUSH_ASKED_MS);
    flush->told = shard_time(shard);
    everyone_answer(shard, QUESTION_FLUSH_ASK, id, flush->told);
}

/* A time that lies too far ahead of this clock is not held: it would drag along all that is stamped here. Nor one that
 * came so late that additions have gone on from below it. */
static void hold(struct shard *shard, uint64_t id, struct hybrid_time time) {
    struct flush *flush = &shard->flush;
    bool is_far = hybrid_time_wall(time).ms > shard_wall(shard).ms + CLOCK_SKEW_LIMIT_MS;
    if (is_far || time.value < flush->carried.value) {
        return; /* the attempt ends at its deadline */
    }
    flush->asked -= flush->asked > 0 ? 1 : 0;
    flush->told = time.value > flush->told.value ? time : flush->told;
    clock_observe(&shard->clock, shard_wall(shard), time);
    coordinator_stamps_again(shard);
    everyone_owe(shard->flush.held, id, time);
    shard_keep_clock_bound(shard);
    flush_clock_extended(shard);
}

void flush_asked(struct shard *shard, enum question question, uint64_t id, struct hybrid_time time) {
    struct flush *flush = &shard->flush;
    if (question == QUESTION_FLUSH_ASK) {
        tell_time(shard, id);
    } else if (question == QUESTION_FLUSH_HOLD) {
        hold(shard, id, time);
    } else {
        flush_hear(shard, time);
        if (flush->durable.value >= time.value) {
            everyone_answer(shard, question, id, time);
        } else {
            everyone_owe(flush->done, id, time);
        }
    }
}

/* ---- the one that asks ---- */

void flush_begin(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    if (everyone_begin(shard, operation, origin)) {
        everyone_ask(shard, QUESTION_FLUSH_ASK, (struct hybrid_time){0}, (struct view){0});
    }
}

void flush_all_answered(struct shard *shard, enum question question, struct hybrid_time time) {
    if (question == QUESTION_FLUSH_DO) {
        everyone_finish(shard, OUTCOME_DONE, "");
    } else {
        bool is_held = question == QUESTION_FLUSH_HOLD || MUTANT(FLUSH_UNHELD);
        everyone_ask(shard, is_held ? QUESTION_FLUSH_DO : QUESTION_FLUSH_HOLD, time, (struct view){0});
    }
}
