#include "version/counter.h"

#include "base/codec.h"
#include "base/mutant.h"
#include "version/shown.h"

uint64_t counter_sum(const struct value *value) {
    struct reader reader = reader_of(value->bytes);
    uint64_t sum = read_u64(&reader);
    return reader.failed ? 0 : sum;
}

uint64_t counter_part(const struct object *object, const struct value *value) {
    const struct reset *reset = context_reset_of(&object->context, value->dot.actor);
    return counter_sum(value) - (reset == NULL || MUTANT(RESETS_FORGOTTEN) ? 0 : reset->sum);
}

struct context counter_reset(const struct context *context, const struct value *values, uint32_t count,
                             struct arena *arena) {
    struct reset *resets = NULL;
    uint32_t reset_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].type != VALUE_COUNTER) {
            continue;
        }
        resets = resets == NULL ? ARENA_ARRAY(arena, struct reset, count) : resets;
        bool is_same_actor = reset_count > 0 && resets[reset_count - 1].dot.actor == values[i].dot.actor;
        reset_count -= is_same_actor ? 1 : 0; /* of a broken node: nobody makes two */
        resets[reset_count++] = (struct reset){values[i].dot, counter_sum(&values[i])};
    }
    return context_reset(context, resets, reset_count, arena);
}

const struct value *object_counter_of(const struct object *object, uint64_t actor) {
    for (uint32_t i = 0; i < object->value_count; i++) {
        if (object->values[i].type == VALUE_COUNTER && object->values[i].dot.actor == actor) {
            return &object->values[i];
        }
    }
    return NULL;
}

/* This actor's sum so far: what it counts, or what of it was replaced. */
static uint64_t sum_so_far(const struct object *object, uint64_t actor) {
    const struct value *counter = object_counter_of(object, actor);
    if (counter != NULL) {
        return counter_sum(counter);
    }
    const struct reset *reset = context_reset_of(&object->context, actor);
    return reset == NULL || MUTANT(SUM_BEGINS_AGAIN) ? 0 : reset->sum;
}

/* The actor's own counter goes on in the new one; if it has expired, from what is counted no more. */
static struct context past_of(const struct value *own, struct wall_time now, struct arena *arena) {
    if (own == NULL) {
        return context_empty();
    }
    struct context past = context_normalise(NULL, 0, &own->dot, 1, (struct hybrid_time){0}, arena);
    return value_is_live(own, now) ? past : counter_reset(&past, own, 1, arena);
}

/* For a planted bug: right, if nobody else adds at the same time. */
static uint64_t others_parts(const struct object *object, uint64_t actor) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        sum += value->type == VALUE_COUNTER && value->dot.actor != actor ? counter_part(object, value) : 0;
    }
    return sum;
}

struct object counter_add(const struct object *object, const struct stamp *stamp, int64_t addend, struct wall_time now,
                          enum conflict_rule rule, struct arena *arena) {
    const struct value *shown = object_shown(object, now, arena);
    struct context past = past_of(object_counter_of(object, stamp->dot.actor), now, arena);
    uint64_t sum = sum_so_far(object, stamp->dot.actor) + (uint64_t)addend;
    if (MUTANT(COUNTERS_ADOPTED)) {
        sum += others_parts(object, stamp->dot.actor);
        past = object_past(object, arena);
    }
    struct buffer bytes = {.data = arena_take(arena, COUNTER_BYTES), .capacity = COUNTER_BYTES};
    write_u64(&bytes, sum);
    struct value value = {
        .type = VALUE_COUNTER,
        .format = VALUE_FORMAT,
        .expiry = shown == NULL ? (struct expiry){{0}, {0}} : shown->expiry,
        .hash = hash128(buffer_view(&bytes)),
        .bytes = buffer_view(&bytes),
    };
    return object_put(object, &past, stamp, &value, rule, arena);
}
