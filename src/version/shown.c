#include "version/shown.h"

#include "base/decimal.h"
#include "version/counter.h"

/* The live counters of an object, as one value without bytes: the dot and time of the latest, the expiry of the one
 * that stays longest, and so does the key. */
struct count {
    bool is_there;
    uint64_t sum;
    struct value value;
};

static bool expires_later(struct expiry a, struct expiry b) {
    if (a.at.ms != b.at.ms) {
        return a.at.ms == 0 || (b.at.ms != 0 && a.at.ms > b.at.ms);
    }
    return a.stamp.value > b.stamp.value;
}

static void take_latest(struct value *value, const struct value *other) {
    bool is_first = value->time.value == 0;
    if (is_first || other->time.value > value->time.value) {
        value->dot = other->dot;
        value->time = other->time;
    }
    if (is_first || expires_later(other->expiry, value->expiry)) {
        value->expiry = other->expiry;
    }
}

static struct count count_of(const struct object *object, struct wall_time now) {
    struct count count = {.value = {.type = VALUE_STRING, .format = VALUE_FORMAT}};
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        if (value->type == VALUE_COUNTER && value_is_live(value, now)) {
            count.is_there = true;
            count.sum += counter_part(object, value);
            take_latest(&count.value, value);
        }
    }
    return count;
}

/* The count on top of a live integer, or alone. */
static struct value counted(const struct count *count, const struct value *base, int64_t number, struct arena *arena) {
    struct value value = count->value;
    uint64_t total = count->sum + (uint64_t)number;
    uint8_t *text = arena_take(arena, 1 + DECIMAL_BYTES_MOST);
    const uint8_t *end = decimal_store_signed(text, (int64_t)total);
    if (base != NULL) {
        take_latest(&value, base);
    }
    value.bytes = view_of(text, (size_t)(end - text));
    value.hash = hash128(value.bytes);
    return value;
}

const struct value *object_shown(const struct object *object, struct wall_time now, struct arena *arena) {
    const struct value *latest = object_latest(object);
    const struct value *base = latest != NULL && value_is_live(latest, now) ? latest : NULL;
    struct count count = count_of(object, now);
    int64_t number = 0;
    if (!count.is_there || (base != NULL && !view_to_int64(base->bytes, &number))) {
        return base;
    }
    struct value *shown = ARENA_ARRAY(arena, struct value, 1);
    *shown = counted(&count, base, number, arena);
    return shown;
}

struct object object_siblings(const struct object *object, struct wall_time now, struct arena *arena) {
    struct value *values = ARENA_ARRAY(arena, struct value, (size_t)object->value_count + 1);
    struct count count = count_of(object, now);
    bool is_told = !count.is_there;
    struct object siblings = *object;
    siblings.values = values;
    siblings.value_count = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        int64_t number;
        if (value->type == VALUE_COUNTER || !value_is_live(value, now)) {
            continue;
        }
        bool is_base = count.is_there && view_to_int64(value->bytes, &number);
        values[siblings.value_count++] = is_base ? counted(&count, value, number, arena) : *value;
        is_told = is_told || is_base;
    }
    if (!is_told) {
        values[siblings.value_count++] = counted(&count, NULL, 0, arena);
    }
    return siblings;
}
