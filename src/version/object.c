#include "version/object.h"

#include "base/ensure.h"
#include "base/mutant.h"
#include "version/counter.h"

static bool value_equal(const struct value *a, const struct value *b) {
    return dot_equal(a->dot, b->dot) && a->time.value == b->time.value && a->expiry.at.ms == b->expiry.at.ms &&
           a->expiry.stamp.value == b->expiry.stamp.value && a->type == b->type && a->format == b->format &&
           digest_equal(a->hash, b->hash) && view_equal(a->bytes, b->bytes);
}

/* By (time, dot): what a plain GET prefers, and what `lww` keeps. */
static bool value_wins(const struct value *a, const struct value *b) {
    if (a->time.value != b->time.value) {
        return a->time.value > b->time.value;
    }
    return dot_compare(a->dot, b->dot) > 0;
}

static struct expiry expiry_merge(struct expiry a, struct expiry b) {
    if (a.stamp.value != b.stamp.value) {
        return a.stamp.value > b.stamp.value ? a : b;
    }
    return a.at.ms >= b.at.ms ? a : b;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* Two copies of one dot's value are the same bytes, unless a node is broken. Even then all merges must agree, so the
 * copies are ordered; by hash and size, since comparing bytes would cost milliseconds for a large value. */
static int value_compare_contents(const struct value *a, const struct value *b) {
    int order = compare_numbers(a->time.value, b->time.value);
    order = order != 0 ? order : compare_numbers(a->type, b->type);
    order = order != 0 ? order : compare_numbers(a->format, b->format);
    order = order != 0 ? order : compare_numbers(a->hash.high, b->hash.high);
    order = order != 0 ? order : compare_numbers(a->hash.low, b->hash.low);
    return order != 0 ? order : compare_numbers(a->bytes.size, b->bytes.size);
}

static struct value value_merge(const struct value *a, const struct value *b) {
    struct value merged = value_compare_contents(a, b) >= 0 ? *a : *b;
    if (!MUTANT(LOSE_EXPIRY_ON_MERGE)) {
        merged.expiry = expiry_merge(a->expiry, b->expiry);
    } else {
        merged.expiry = a->expiry.stamp.value < b->expiry.stamp.value ? a->expiry : b->expiry;
    }
    return merged;
}

bool object_is_absent(const struct object *object) {
    return context_is_empty(&object->context);
}

bool object_equal(const struct object *a, const struct object *b) {
    if (a->mark != b->mark || a->value_count != b->value_count ||
        a->context.greatest.value != b->context.greatest.value || !context_equal(&a->context, &b->context)) {
        return false;
    }
    for (uint32_t i = 0; i < a->value_count; i++) {
        if (!value_equal(&a->values[i], &b->values[i])) {
            return false;
        }
    }
    return true;
}

const struct value *object_latest(const struct object *object) {
    const struct value *latest = NULL;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        if (value->type != VALUE_COUNTER && (latest == NULL || value_wins(value, latest))) {
            latest = value;
        }
    }
    return latest;
}

static const struct value *object_winner(const struct object *object) {
    const struct value *winner = NULL;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        if (value->type != VALUE_COUNTER && (winner == NULL || value_wins(value, winner) != MUTANT(LWW_KEEPS_OLDEST))) {
            winner = value;
        }
    }
    return winner;
}

/* What the rule leaves of an object. Under `lww` a dropped value's event stays in the context, so it is superseded
 * everywhere. No order of merges can disagree about the winner: a write that supersedes has a greater time than all it
 * replaces, so the greatest (time, dot) among the events seen is never a superseded one. Counters do not compete: each
 * actor's goes only when it is replaced. */
static struct object object_ruled(struct object object, enum conflict_rule rule, struct arena *arena) {
    if (rule != CONFLICT_LWW || object.value_count <= 1) {
        return object;
    }
    const struct value *winner = object_winner(&object);
    struct value *values = ARENA_ARRAY(arena, struct value, object.value_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < object.value_count; i++) {
        const struct value *value = &object.values[i];
        if (value == winner || value->type == VALUE_COUNTER) {
            values[count++] = *value;
        }
    }
    object.values = values;
    object.value_count = count;
    return object;
}

/* Whether a value that only one side holds outlives the merge: not if the other side saw it and holds it no more. */
static bool value_survives(const struct value *value, const struct object *other) {
    return !context_contains(&other->context, value->dot) || MUTANT(MERGE_WITHOUT_DOTS);
}

/* Walks both lists, in dot order, once. */
static void merge_values(const struct object *a, const struct object *b, struct object *merged, struct arena *arena) {
    struct value *values = ARENA_ARRAY(arena, struct value, (size_t)a->value_count + b->value_count);
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t count = 0;
    while (i < a->value_count || j < b->value_count) {
        int order = i == a->value_count   ? 1
                    : j == b->value_count ? -1
                                          : dot_compare(a->values[i].dot, b->values[j].dot);
        if (order == 0) {
            values[count++] = value_merge(&a->values[i++], &b->values[j++]);
        } else if (order < 0) {
            const struct value *value = &a->values[i++];
            if (value_survives(value, b)) {
                values[count++] = *value;
            }
        } else {
            const struct value *value = &b->values[j++];
            if (value_survives(value, a)) {
                values[count++] = *value;
            }
        }
    }
    merged->values = values;
    merged->value_count = count;
}

struct object object_merge(const struct object *a, const struct object *b, enum conflict_rule rule,
                           struct arena *arena) {
    if (object_is_absent(a)) {
        return object_is_absent(b) ? object_empty() : object_ruled(*b, rule, arena);
    }
    if (object_is_absent(b)) {
        return object_ruled(*a, rule, arena);
    }
    struct object merged = {
        .context = context_join(&a->context, &b->context, arena),
        .mark = a->mark < b->mark ? a->mark : b->mark,
    };
    merge_values(a, b, &merged, arena);
    return object_ruled(merged, rule, arena);
}

static struct context context_after_put(const struct context *held, const struct context *past,
                                        const struct stamp *stamp, struct arena *arena) {
    struct context known = context_join(held, past, arena);
    struct context context = context_add(&known, stamp->dot, arena);
    if (stamp->time.value > context.greatest.value) {
        context.greatest = stamp->time;
    }
    return context;
}

struct object object_put(const struct object *object, const struct context *past, const struct stamp *stamp,
                         const struct value *value, enum conflict_rule rule, struct arena *arena) {
    ENSURE(value->format == VALUE_FORMAT);
    bool is_fresh = !context_contains(&object->context, stamp->dot) && !context_contains(past, stamp->dot);
    ENSURE(is_fresh || MUTANT(REUSE_DOT) || MUTANT(ACTOR_PER_REPLICA));

    struct value fresh = *value;
    fresh.dot = stamp->dot;
    fresh.time = stamp->time;

    struct value *values = ARENA_ARRAY(arena, struct value, (size_t)object->value_count + 1);
    uint32_t count = 0;
    bool placed = false;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *kept = &object->values[i];
        if (context_contains(past, kept->dot)) {
            continue;
        }
        if (!placed && dot_compare(fresh.dot, kept->dot) < 0) {
            values[count++] = fresh;
            placed = true;
        }
        values[count++] = *kept;
    }
    if (!placed) {
        values[count++] = fresh;
    }

    bool lowers_mark = object_is_absent(object) || stamp->mark < object->mark;
    struct object written = {
        .context = context_after_put(&object->context, past, stamp, arena),
        .values = values,
        .value_count = count,
        .mark = lowers_mark ? stamp->mark : object->mark,
    };
    return object_ruled(written, rule, arena);
}

struct context object_past(const struct object *object, struct arena *arena) {
    return counter_reset(&object->context, object->values, object->value_count, arena);
}

struct object object_above(const struct object *object, struct hybrid_time floor, struct arena *arena) {
    struct value *kept = ARENA_ARRAY(arena, struct value, object->value_count);
    struct value *gone = ARENA_ARRAY(arena, struct value, object->value_count);
    struct object above = *object;
    uint32_t gone_count = 0;
    above.values = kept;
    above.value_count = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        if (object->values[i].time.value > floor.value) {
            kept[above.value_count++] = object->values[i];
        } else {
            gone[gone_count++] = object->values[i];
        }
    }
    above.context = counter_reset(&object->context, gone, gone_count, arena);
    return above;
}

bool object_is_key(const struct object *object) {
    for (uint32_t i = 0; i < object->value_count; i++) {
        if (object->values[i].type != VALUE_TOMBSTONE) {
            return true;
        }
    }
    return false;
}

bool value_is_live(const struct value *value, struct wall_time now) {
    return value->type != VALUE_TOMBSTONE && (value->expiry.at.ms == 0 || now.ms < value->expiry.at.ms);
}

bool object_has_live(const struct object *object, struct wall_time now) {
    for (uint32_t i = 0; i < object->value_count; i++) {
        if (value_is_live(&object->values[i], now)) {
            return true;
        }
    }
    return false;
}

struct hybrid_time object_greatest_time(const struct object *object) {
    struct hybrid_time greatest = object->context.greatest;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        greatest = value->time.value > greatest.value ? value->time : greatest;
        greatest = value->expiry.stamp.value > greatest.value ? value->expiry.stamp : greatest;
    }
    return greatest;
}

const struct value *object_find(const struct object *object, struct dot dot) {
    for (uint32_t i = 0; i < object->value_count; i++) {
        if (dot_equal(object->values[i].dot, dot)) {
            return &object->values[i];
        }
    }
    return NULL;
}

uint32_t object_uncovered_count(const struct object *kept, const struct context *by) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < kept->value_count; i++) {
        count += context_contains(by, kept->values[i].dot) ? 0 : 1;
    }
    return count;
}

struct object object_expire(const struct object *object, struct expiry expiry, struct wall_time now,
                            struct arena *arena) {
    struct object changed = *object;
    struct value *values = ARENA_ARRAY(arena, struct value, object->value_count);
    for (uint32_t i = 0; i < object->value_count; i++) {
        values[i] = object->values[i];
        if (value_is_live(&values[i], now)) {
            values[i].expiry = expiry_merge(values[i].expiry, expiry);
        }
    }
    changed.values = values;
    return changed;
}

struct object object_outline(const struct object *object, struct arena *arena) {
    struct object outline = *object;
    struct value *values = ARENA_ARRAY(arena, struct value, object->value_count);
    for (uint32_t i = 0; i < object->value_count; i++) {
        values[i] = object->values[i];
        values[i].bytes = (struct view){0};
    }
    outline.values = values;
    return outline;
}

bool object_fill(const struct object *outline, const struct object *held, struct arena *arena,
                 struct object *ret_object) {
    const struct digest hash_of_nothing = hash128((struct view){0});
    struct value *values = ARENA_ARRAY(arena, struct value, outline->value_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < outline->value_count; i++) {
        struct value value = outline->values[i];
        const struct value *same = object_find(held, value.dot);
        bool is_whole = digest_equal(value.hash, hash_of_nothing);
        if (same != NULL && digest_equal(same->hash, value.hash)) {
            value.bytes = same->bytes;
            is_whole = true;
        }
        if (is_whole) {
            values[count++] = value;
        } else if (same != NULL || !context_contains(&held->context, value.dot)) {
            return false;
        }
    }
    *ret_object = *outline;
    ret_object->values = values;
    ret_object->value_count = count;
    return true;
}

bool object_may_prune(const struct object *object, struct dot entry) {
    const struct context *context = &object->context;
    bool is_there = false;
    for (uint32_t i = 0; !is_there && i < context->vector_count; i++) {
        is_there = dot_equal(context->vector[i], entry);
    }
    for (uint32_t i = 0; is_there && i < context->detached_count; i++) {
        is_there = context->detached[i].actor != entry.actor;
    }
    for (uint32_t i = 0; is_there && i < object->value_count; i++) {
        is_there = object->values[i].dot.actor != entry.actor;
    }
    return is_there;
}

struct object object_prune(const struct object *object, struct dot entry, struct arena *arena) {
    struct object pruned = *object;
    pruned.context = context_forget(&object->context, entry.actor, arena);
    return pruned;
}

bool object_counters_are_valid(const struct object *object) {
    uint64_t last_actor = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        if (value->type != VALUE_COUNTER) {
            continue;
        }
        const struct reset *reset = context_reset_of(&object->context, value->dot.actor);
        if (value->dot.actor == last_actor || !context_vector_covers(&object->context, value->dot) ||
            (reset != NULL && reset->dot.n >= value->dot.n)) {
            return false;
        }
        last_actor = value->dot.actor;
    }
    return true;
}

static bool value_is_valid(const struct value *value, const struct context *context) {
    return value->type <= VALUE_COUNTER && value->format == VALUE_FORMAT && value->dot.n != 0 &&
           value->time.value <= context->greatest.value && context_contains(context, value->dot);
}

bool object_is_valid(const struct object *object) {
    if (!context_is_valid(&object->context) || !object_counters_are_valid(object)) {
        return false;
    }
    if (object_is_absent(object)) {
        return object->value_count == 0 && object->mark == 0 && object->context.greatest.value == 0;
    }
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        if (!value_is_valid(value, &object->context) ||
            (i > 0 && dot_compare(object->values[i - 1].dot, value->dot) >= 0)) {
            return false;
        }
    }
    return true;
}
