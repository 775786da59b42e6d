#include "history.h"

#include "version/counter.h"
#include "version/object_codec.h"
#include "version/shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool set_has(const struct event_set *set, uint32_t event) {
    return (set->words[event / 64] >> (event % 64) & 1) != 0;
}

static void set_add(struct event_set *set, uint32_t event) {
    set->words[event / 64] |= UINT64_C(1) << (event % 64);
}

static struct event_set set_union(struct event_set a, struct event_set b) {
    for (size_t i = 0; i < sizeof(a.words) / sizeof(a.words[0]); i++) {
        a.words[i] |= b.words[i];
    }
    return a;
}

static struct event_set set_minus(struct event_set a, struct event_set b) {
    for (size_t i = 0; i < sizeof(a.words) / sizeof(a.words[0]); i++) {
        a.words[i] &= ~b.words[i];
    }
    return a;
}

static uint32_t set_count(const struct event_set *set) {
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof(set->words) / sizeof(set->words[0]); i++) {
        count += (uint32_t)__builtin_popcountll(set->words[i]);
    }
    return count;
}

static uint64_t greatest_of(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint32_t pick(struct history *history, uint32_t bound) {
    return (uint32_t)rng_below(&history->rng, bound);
}

static void draw_actor(struct history *history, uint32_t replica) {
    history->actors_drawn++;
    uint64_t actor = history->small_actors ? history->actors_drawn : rng_next(&history->rng) | 1;
    history->actors[replica] = (struct dot){actor, 0};
}

void history_init(struct history *history, uint64_t seed, enum conflict_rule rule) {
    *history = (struct history){.rule = rule};
    rng_init(&history->rng, seed);
    arena_init(&history->arena);
    history->small_actors = rng_chance(&history->rng, 500000);
    for (uint32_t i = 0; i < HISTORY_REPLICAS; i++) {
        draw_actor(history, i);
    }
}

void history_release(struct history *history) {
    arena_release(&history->arena);
}

static void check_context(const struct history *history, const struct context *context,
                          const struct event_set *events) {
    assert_true(context_is_valid(context));
    uint64_t greatest = 0;
    for (uint32_t i = 0; i < history->event_count; i++) {
        const struct event *event = &history->events[i];
        assert_int_equal(context_contains(context, event->dot), set_has(events, i));
        greatest = set_has(events, i) ? greatest_of(greatest, event->time.value) : greatest;
    }
    /* Nothing beyond the events that happened: a vector that claims too much would count higher. */
    uint64_t count = context->detached_count;
    for (uint32_t i = 0; i < context->vector_count; i++) {
        count += context->vector[i].n;
    }
    assert_int_equal(count, set_count(events));
    assert_int_equal(context->greatest.value, greatest);
}

static uint64_t count_of_object(const struct object *object) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        sum += object->values[i].type == VALUE_COUNTER ? counter_part(object, &object->values[i]) : 0;
    }
    return sum;
}

/* Each addition that no write which had seen it replaced, once. */
static uint64_t count_of_model(const struct history *history, const struct event_set *seen) {
    struct event_set replaced = {{0}};
    uint64_t sum = 0;
    for (uint32_t i = 0; i < history->event_count; i++) {
        if (set_has(seen, i) && !history->events[i].is_addition) {
            replaced = set_union(replaced, history->events[i].past);
        }
    }
    for (uint32_t i = 0; i < history->event_count; i++) {
        const struct event *event = &history->events[i];
        bool counts = set_has(seen, i) && event->is_addition && !set_has(&replaced, i);
        sum += counts ? (uint64_t)event->addend : 0;
    }
    return sum;
}

void history_check(const struct history *history, const struct copy *copy) {
    const struct object *object = &copy->object;
    assert_true(object_is_valid(object));
    check_context(history, &object->context, &copy->seen);
    assert_int_equal(object->value_count, set_count(&copy->held));
    assert_int_equal(object->mark, copy->mark);
    for (uint32_t i = 0; i < history->event_count; i++) {
        const struct event *event = &history->events[i];
        const struct value *value = object_find(object, event->dot);
        assert_int_equal(value != NULL, set_has(&copy->held, i));
        if (value != NULL) {
            assert_int_equal(value->time.value, event->time.value);
            assert_int_equal(value->expiry.at.ms, copy->expiry[i].at.ms);
            assert_int_equal(value->expiry.stamp.value, copy->expiry[i].stamp.value);
            assert_int_equal(value->type == VALUE_COUNTER, event->is_addition);
            assert_true(event->is_addition ||
                        view_equal(value->bytes, view_of(event->bytes, value->type == VALUE_STRING ? 8 : 0)));
        }
    }
    assert_int_equal(count_of_object(object), count_of_model(history, &copy->seen));
}

bool same_bytes(const struct object *a, const struct object *b) {
    struct buffer first;
    struct buffer second;
    buffer_init(&first);
    buffer_init(&second);
    object_encode(&first, a);
    object_encode(&second, b);
    bool same = view_equal(buffer_view(&first), buffer_view(&second));
    buffer_release(&first);
    buffer_release(&second);
    return same;
}

/* `lww` on the model: of what is held, the greatest time stays, ties by dot. */
static struct event_set ruled(const struct history *history, struct event_set held) {
    if (history->rule != CONFLICT_LWW) {
        return held;
    }
    struct event_set left = {{0}};
    struct event_set additions = {{0}};
    const struct event *best = NULL;
    for (uint32_t i = 0; i < history->event_count; i++) {
        const struct event *event = &history->events[i];
        if (event->is_addition) {
            if (set_has(&held, i)) {
                set_add(&additions, i);
            }
        } else if (set_has(&held, i) &&
                   (best == NULL || event->time.value > best->time.value ||
                    (event->time.value == best->time.value && dot_compare(event->dot, best->dot) > 0))) {
            left = (struct event_set){{0}};
            set_add(&left, i);
            best = event;
        }
    }
    return set_union(left, additions);
}

/* The greater stamp, then the later instant. */
static struct expiry expiry_of(struct expiry a, struct expiry b) {
    bool first = a.stamp.value != b.stamp.value ? a.stamp.value > b.stamp.value : a.at.ms > b.at.ms;
    return first ? a : b;
}

struct copy history_merge(struct history *history, const struct copy *a, const struct copy *b) {
    struct copy merged = {.object = object_merge(&a->object, &b->object, history->rule, &history->arena)};
    merged.seen = set_union(a->seen, b->seen);
    struct event_set superseded = {{0}};
    for (uint32_t i = 0; i < history->event_count; i++) {
        if (set_has(&merged.seen, i)) {
            superseded = set_union(superseded, history->events[i].past);
        }
    }
    merged.held = ruled(history, set_minus(set_union(a->held, b->held), superseded));
    for (uint32_t i = 0; i < history->event_count; i++) {
        struct expiry none = {{0}, {0}};
        merged.expiry[i] = expiry_of(set_has(&a->held, i) ? a->expiry[i] : none, //
                                     set_has(&b->held, i) ? b->expiry[i] : none);
    }
    if (set_count(&a->seen) == 0 || set_count(&b->seen) == 0) {
        merged.mark = set_count(&a->seen) == 0 ? b->mark : a->mark;
    } else {
        merged.mark = a->mark < b->mark ? a->mark : b->mark;
    }
    return merged;
}

struct copy history_pick(struct history *history) {
    uint32_t choice = pick(history, HISTORY_REPLICAS + HISTORY_MESSAGES);
    return choice < HISTORY_REPLICAS ? history->replicas[choice] : history->messages[choice - HISTORY_REPLICAS];
}

/* What a client may follow: nothing, what it was shown some time ago, all that the replica has, or more than that. */
static struct reader_context pick_past(struct history *history, const struct copy *copy) {
    struct reader_context own = {object_past(&copy->object, &history->arena), copy->seen};
    struct reader_context known = history->contexts[pick(history, HISTORY_CONTEXTS)];
    switch (pick(history, 5)) {
    case 0:
        return (struct reader_context){context_empty(), {{0}}};
    case 1:
        return own;
    case 2:
        known.context = context_join(&known.context, &own.context, &history->arena);
        known.events = set_union(known.events, own.events);
        return known;
    default:
        return known;
    }
}

static void step_put(struct history *history) {
    if (history->event_count == HISTORY_EVENTS_MOST) {
        return;
    }
    uint32_t replica = pick(history, HISTORY_REPLICAS);
    struct copy *copy = &history->replicas[replica];
    struct reader_context past = pick_past(history, copy);

    uint32_t id = history->event_count++;
    struct event *event = &history->events[id];
    history->actors[replica].n++;
    uint64_t above = greatest_of(object_greatest_time(&copy->object).value, past.context.greatest.value);
    *event = (struct event){
        .dot = history->actors[replica],
        .time = {above + 1 + pick(history, 3)},
        .past = past.events,
    };
    rng_fill(&history->rng, event->bytes, sizeof(event->bytes));

    bool tombstone = pick(history, 4) == 0;
    struct value value = {
        .type = tombstone ? VALUE_TOMBSTONE : VALUE_STRING,
        .format = VALUE_FORMAT,
        .bytes = view_of(event->bytes, tombstone ? 0 : sizeof(event->bytes)),
    };
    value.hash = hash128(value.bytes);
    struct stamp stamp = {.dot = event->dot, .time = event->time, .mark = pick(history, 4)};
    bool was_absent = object_is_absent(&copy->object);
    copy->object = object_put(&copy->object, &past.context, &stamp, &value, history->rule, &history->arena);

    copy->mark = was_absent || stamp.mark < copy->mark ? stamp.mark : copy->mark;
    copy->seen = set_union(copy->seen, past.events);
    set_add(&copy->seen, id);
    copy->held = set_minus(copy->held, past.events);
    set_add(&copy->held, id);
    copy->held = ruled(history, copy->held);
    copy->expiry[id] = (struct expiry){{0}, {0}};
    history_check(history, copy);

    /* The answer covers no sibling that the writer was never shown. */
    struct reader_context *answer = &history->contexts[pick(history, HISTORY_CONTEXTS)];
    answer->context = context_add(&past.context, event->dot, &history->arena);
    answer->context.greatest = event->time;
    answer->events = past.events;
    set_add(&answer->events, id);
    check_context(history, &answer->context, &answer->events);
}

/* Goes on from what its actor had added. */
static void step_add(struct history *history) {
    if (history->event_count == HISTORY_EVENTS_MOST) {
        return;
    }
    const struct wall_time before_all_expire = {0};
    uint32_t replica = pick(history, HISTORY_REPLICAS);
    struct copy *copy = &history->replicas[replica];
    uint32_t id = history->event_count++;
    struct event *event = &history->events[id];
    history->actors[replica].n++;
    *event = (struct event){
        .dot = history->actors[replica],
        .time = {object_greatest_time(&copy->object).value + 1 + pick(history, 3)},
        .is_addition = true,
        .addend = (int64_t)pick(history, 1000) - 300,
    };
    for (uint32_t i = 0; i < id; i++) {
        const struct event *other = &history->events[i];
        if (other->is_addition && other->dot.actor == event->dot.actor && set_has(&copy->seen, i)) {
            set_add(&event->past, i);
        }
    }
    const struct value *shown = object_shown(&copy->object, before_all_expire, &history->arena);
    struct expiry expiry = shown == NULL ? (struct expiry){{0}, {0}} : shown->expiry;
    struct stamp stamp = {.dot = event->dot, .time = event->time, .mark = pick(history, 4)};
    bool was_absent = object_is_absent(&copy->object);
    copy->object = counter_add(&copy->object, &stamp, event->addend, before_all_expire, history->rule, &history->arena);

    copy->mark = was_absent || stamp.mark < copy->mark ? stamp.mark : copy->mark;
    set_add(&copy->seen, id);
    copy->held = set_minus(copy->held, event->past);
    set_add(&copy->held, id);
    copy->held = ruled(history, copy->held);
    copy->expiry[id] = expiry;
    history_check(history, copy);
}

static void step_read(struct history *history) {
    const struct copy *copy = &history->replicas[pick(history, HISTORY_REPLICAS)];
    history->contexts[pick(history, HISTORY_CONTEXTS)] =
        (struct reader_context){object_past(&copy->object, &history->arena), copy->seen};
}

static void step_merge(struct history *history) {
    struct copy *copy = &history->replicas[pick(history, HISTORY_REPLICAS)];
    struct copy other = history_pick(history);
    *copy = history_merge(history, copy, &other);
    history_check(history, copy);
}

static void step_expire(struct history *history) {
    const struct wall_time before_all_expire = {0};
    struct copy *copy = &history->replicas[pick(history, HISTORY_REPLICAS)];
    struct expiry expiry = {{pick(history, 3)}, {object_greatest_time(&copy->object).value + pick(history, 2)}};
    copy->object = object_expire(&copy->object, expiry, before_all_expire, &history->arena);
    for (uint32_t i = 0; i < history->event_count; i++) {
        const struct value *value = object_find(&copy->object, history->events[i].dot);
        if (value != NULL && value->type != VALUE_TOMBSTONE) {
            copy->expiry[i] = expiry_of(copy->expiry[i], expiry);
        }
    }
    history_check(history, copy);
}

/* Written down and read back. */
static void step_store(struct history *history) {
    struct copy *copy = &history->replicas[pick(history, HISTORY_REPLICAS)];
    struct buffer buffer;
    buffer_init(&buffer);
    object_encode(&buffer, &copy->object);
    struct view bytes = arena_copy(&history->arena, buffer_view(&buffer));
    buffer_release(&buffer);
    struct object read;
    assert_true(object_decode(bytes, &history->arena, &read));
    assert_true(object_equal(&read, &copy->object));
    assert_true(object_is_whole(&read));
    copy->object = read;
    history_check(history, copy);
}

void history_step(struct history *history) {
    uint32_t choice = pick(history, 100);
    uint32_t replica = pick(history, HISTORY_REPLICAS);
    if (choice < 25) {
        step_put(history);
    } else if (choice < 40) {
        step_add(history);
    } else if (choice < 65) {
        step_merge(history);
    } else if (choice < 75) {
        step_read(history);
    } else if (choice < 82) {
        step_expire(history);
    } else if (choice < 88) {
        step_store(history);
    } else if (choice < 94) {
        history->messages[pick(history, HISTORY_MESSAGES)] = history->replicas[replica];
    } else if (choice < 97) {
        draw_actor(history, replica); /* a restart */
    } else {
        history->replicas[replica] = (struct copy){.object = object_empty()};
        draw_actor(history, replica); /* and the key forgotten */
    }
}
