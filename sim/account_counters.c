/* Counters in the account: whose addition each growth of a sum is, which additions each write had seen when it replaced
 * them, and, at the end, that each addition which nobody replaced counts, once. An INCRBY adds its operation's id, so
 * no two sums of the same additions are mistaken for each other. */
#include "sim/account_state.h"

#include "version/counter.h"

#include <stdio.h>
#include <stdlib.h>

static const struct key_record *described(const struct account *account, const struct account_key *key) {
    return history_find_key(account->history, view_of_string(key->name));
}

static struct stamp_record *addition_before(const struct account_key *key, struct dot dot) {
    struct stamp_record *before = NULL;
    for (size_t index = 0; index < key->count; index++) {
        struct stamp_record *stamp = key->stamps[index];
        bool is_before = stamp->is_addition && stamp->dot.actor == dot.actor && stamp->dot.n < dot.n;
        before = is_before && (before == NULL || stamp->dot.n > before->dot.n) ? stamp : before;
    }
    return before;
}

static void addition_stamped(struct account *account, struct account_key *key, struct stamp_record *stamp,
                             const struct value *value) {
    const struct history *history = account->history;
    const struct stamp_record *before = addition_before(key, stamp->dot);
    stamp->is_addition = true;
    stamp->sum = counter_sum(value);
    uint64_t id = stamp->sum - (before == NULL ? 0 : before->sum);
    bool is_somebodys = id > 0 && id <= history->value_count;
    const struct op_record *operation = is_somebodys ? &history->operations[history->writer_of[id]] : NULL;
    if (!is_somebodys || operation->name != OP_ADD || &history->keys[operation->key] != described(account, key)) {
        account_violate(account, "a counter grew by what nobody added", "G3", key, stamp->dot, (uint32_t)id);
        return;
    }
    stamp->value_id = (uint32_t)id;
    for (size_t index = 0; index + 1 < key->count; index++) {
        if (key->stamps[index]->is_addition && key->stamps[index]->value_id == id) {
            account_violate(account, "one INCRBY was added twice", "G3", key, stamp->dot, (uint32_t)id);
        }
    }
}

void counter_stamped(struct account *account, struct account_key *key, struct stamp_record *stamp,
                     const struct object *object) {
    const struct value *value = object_find(object, stamp->dot);
    uint64_t number;
    if (value->type == VALUE_COUNTER) {
        addition_stamped(account, key, stamp, value);
        return;
    }
    stamp->value_id = view_to_uint64(value->bytes, &number) ? (uint32_t)number : 0;
    stamp->resets = malloc(sizeof(*stamp->resets) * (key->count + 1));
    ENSURE(stamp->resets != NULL);
    for (size_t index = 0; index + 1 < key->count; index++) {
        const struct stamp_record *other = key->stamps[index];
        if (other->is_addition && context_contains(&object->context, other->dot)) {
            stamp->resets[stamp->reset_count++] = other->index;
        }
    }
}

/* The sum that its actor had made: it counts from there on. */
void addition_replaces(struct account_key *key, struct stamp_record *stamp, const struct held *own,
                       const struct object *object) {
    for (uint32_t index = 0; index < own->count; index++) {
        const struct stamp_record *held = key->stamps[own->stamps[index]];
        bool goes_on = held->is_addition && held->dot.actor == stamp->dot.actor;
        if (goes_on && object_find(object, held->dot) == NULL) {
            stamp_replaces(stamp, held->index);
        }
    }
}

/* Every addition that the object has seen, but for those that were replaced by who had seen them, or flushed. */
static uint64_t additions_that_count(struct account *account, const struct account_key *key,
                                     const struct object *object) {
    bool *is_reset = calloc(key->count + 1, sizeof(*is_reset));
    uint64_t sum = 0;
    ENSURE(is_reset != NULL);
    for (size_t index = 0; index < key->count; index++) {
        const struct stamp_record *stamp = key->stamps[index];
        bool was_seen = stamp->is_pruned || stamp->is_reaped || context_contains(&object->context, stamp->dot);
        for (uint32_t at = 0; was_seen && at < stamp->reset_count; at++) {
            is_reset[stamp->resets[at]] = true;
        }
    }
    for (size_t index = 0; index < key->count; index++) {
        const struct stamp_record *stamp = key->stamps[index];
        bool counts = stamp->is_addition && !is_reset[index] && stamp->time.value > account->floor.value &&
                      context_contains(&object->context, stamp->dot);
        const struct history *history = account->history;
        if (counts && history->operations[history->writer_of[stamp->value_id]].outcome == OP_FAILED) {
            account_violate(account, "an addition counts that was said to have certainly failed", "G3", key, stamp->dot,
                            stamp->value_id);
        }
        sum += counts ? stamp->value_id : 0;
    }
    free(is_reset);
    return sum;
}

void counter_check_final(struct account *account, struct account_key *key, const struct object *object) {
    uint64_t shown = 0;
    if (!described(account, key)->is_counter) {
        return;
    }
    for (uint32_t index = 0; index < object->value_count; index++) {
        bool is_counter = object->values[index].type == VALUE_COUNTER;
        shown += is_counter ? counter_part(object, &object->values[index]) : 0;
    }
    key->additions = additions_that_count(account, key, object);
    if (shown != key->additions) {
        char what[160];
        snprintf(what, sizeof(what), "its counters come to %llu, but the additions that nobody replaced to %llu",
                 (unsigned long long)shown, (unsigned long long)key->additions);
        account_violate(account, what, "G1", key, (struct dot){0}, 0);
    }
}

void account_check_count(struct account *account, const struct op_record *read) {
    const struct key_record *counter = &account->history->keys[read->key];
    const struct account_key *key = account_key_find(account, view_of_string(counter->name));
    if (!counter->is_counter) {
        return;
    }
    for (uint32_t index = 0; index < read->read_count; index++) {
        uint64_t base = read->read[index] - (key == NULL ? 0 : key->additions);
        bool is_somebodys = base == 0;
        for (size_t at = 0; key != NULL && !is_somebodys && at < key->count; at++) {
            is_somebodys = !key->stamps[at]->is_addition && key->stamps[at]->value_id == base;
        }
        if (!is_somebodys) {
            account_violate(account, "at the end it shows neither its additions nor these on top of a SET", "G1", key,
                            (struct dot){0}, (uint32_t)base);
        }
    }
}
