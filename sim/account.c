#include "sim/account_state.h"

#include "sim/network.h"

#include <stdio.h>
#include <stdlib.h>

void account_violate(struct account *account, const char *format, const char *promise, const struct account_key *key,
                     struct dot dot, uint32_t value_id) {
    if (account->has_violation) {
        return;
    }
    account->has_violation = true;
    account->world->failed = true;
    int used = snprintf(account->violation, sizeof(account->violation), "%s key %s dot (%016llx,%llu) id %u: ", promise,
                        key->name, (unsigned long long)dot.actor, (unsigned long long)dot.n, value_id);
    snprintf(account->violation + used, sizeof(account->violation) - (size_t)used, "%s", format);
}

void account_init(struct account *account, struct world *world, struct history *history) {
    memset(account, 0, sizeof(*account));
    account->world = world;
    account->history = history;
    map_init(&account->keys, 64);
}

void account_release(struct account *account) {
    struct map_cursor cursor = {0};
    struct map_node *node;
    while ((node = map_each(&account->keys, &cursor)) != NULL) {
        struct account_key *key = CONTAINER_OF(node, struct account_key, node);
        map_remove(&account->keys, node);
        for (size_t index = 0; index < key->count; index++) {
            free(key->stamps[index]->replaces);
            free(key->stamps[index]->resets);
            free(key->stamps[index]);
        }
        for (uint32_t index = 0; index < 2 * SIM_NODES_MOST; index++) {
            free(key->held[index].stamps);
        }
        free(key->stamps);
        map_release(&key->by_dot);
        free(key);
    }
    map_release(&account->keys);
}

struct account_key *account_key_find(const struct account *account, struct view name) {
    for (struct map_node *node = map_first(&account->keys, hash64(name, 0)); node != NULL; node = map_next(node)) {
        struct account_key *key = CONTAINER_OF(node, struct account_key, node);
        if (view_equal(view_of_string(key->name), name)) {
            return key;
        }
    }
    return NULL;
}

static struct account_key *key_get(struct account *account, struct view name) {
    struct account_key *key = account_key_find(account, name);
    if (key != NULL) {
        return key;
    }
    key = calloc(1, sizeof(*key));
    ENSURE(key != NULL && name.size < sizeof(key->name));
    memcpy(key->name, name.data, name.size);
    map_init(&key->by_dot, 64);
    map_insert(&account->keys, &key->node, hash64(name, 0));
    return key;
}

static uint64_t dot_hash(struct dot dot) {
    return dot.actor * UINT64_C(0x9e3779b97f4a7c15) + dot.n;
}

static struct stamp_record *stamp_find(const struct account_key *key, struct dot dot) {
    for (struct map_node *node = map_first(&key->by_dot, dot_hash(dot)); node != NULL; node = map_next(node)) {
        struct stamp_record *stamp = CONTAINER_OF(node, struct stamp_record, node);
        if (dot_equal(stamp->dot, dot)) {
            return stamp;
        }
    }
    return NULL;
}

static struct stamp_record *stamp_add(struct account_key *key, struct dot dot, const struct value *value,
                                      struct instant now) {
    struct stamp_record *stamp = calloc(1, sizeof(*stamp));
    ENSURE(stamp != NULL);
    stamp->dot = dot;
    stamp->value_id = value->type == VALUE_TOMBSTONE ? 0 : value_id_of(value->bytes);
    stamp->hash = value->hash;
    stamp->time = value->time;
    stamp->made = now;
    stamp->index = (uint32_t)key->count;
    map_insert(&key->by_dot, &stamp->node, dot_hash(dot));
    if (key->count == key->capacity) {
        key->capacity = key->capacity == 0 ? 64 : key->capacity * 2;
        struct stamp_record **moved = realloc(key->stamps, sizeof(*moved) * key->capacity);
        ENSURE(moved != NULL);
        key->stamps = moved;
    }
    key->stamps[key->count++] = stamp;
    return stamp;
}

void stamp_replaces(struct stamp_record *stamp, uint32_t other) {
    for (uint32_t index = 0; index < stamp->replaces_count; index++) {
        if (stamp->replaces[index] == other) {
            return;
        }
    }
    uint32_t *moved = realloc(stamp->replaces, sizeof(other) * (stamp->replaces_count + 1));
    ENSURE(moved != NULL);
    stamp->replaces = moved;
    stamp->replaces[stamp->replaces_count++] = other;
}

/* ---- what nodes hold ---- */

static uint32_t place_of(uint32_t node, bool is_hint) {
    return 2 * node + (is_hint ? 1 : 0);
}

static void hold_nothing(struct account_key *key, uint32_t place, struct instant now) {
    struct held *held = &key->held[place];
    for (uint32_t index = 0; index < held->count; index++) {
        struct stamp_record *stamp = key->stamps[held->stamps[index]];
        stamp->held_by--;
        stamp->left = now;
    }
    held->count = 0;
}

/* What a replica held and holds no more must be covered by what it holds now. */
static void check_dropped(struct account *account, struct account_key *key, uint32_t place,
                          const struct object *object) {
    const struct held *held = &key->held[place];
    for (uint32_t index = 0; !key->is_forgotten[place / 2] && index < held->count; index++) {
        const struct stamp_record *stamp = key->stamps[held->stamps[index]];
        if (!context_contains(&object->context, stamp->dot) && stamp->time.value > account->floor.value) {
            account_violate(account, "a replica dropped a value that nothing it holds covers", "G1", key, stamp->dot,
                            stamp->value_id);
            return;
        }
    }
}

static void hold(struct account *account, struct account_key *key, uint32_t place, const struct object *object,
                 uint64_t floor) {
    struct held *held = &key->held[place];
    check_dropped(account, key, place, object);
    hold_nothing(key, place, account->world->now);
    uint32_t *moved = realloc(held->stamps, sizeof(*moved) * (object->value_count + 1));
    ENSURE(moved != NULL);
    held->stamps = moved;
    for (uint32_t index = 0; index < object->value_count; index++) {
        const struct value *value = &object->values[index];
        struct stamp_record *stamp = stamp_find(key, value->dot);
        if (stamp == NULL) {
            account_violate(account, "a stored value has a dot that nobody stamped", "G4", key, value->dot, 0);
            return;
        }
        if (!digest_equal(stamp->hash, value->hash)) {
            account_violate(account, "one dot names two values", "G4", key, value->dot, stamp->value_id);
            return;
        }
        if (stamp->is_buried) {
            account_violate(account, "a deleted value is back after its tombstone was reaped", "G6", key, value->dot,
                            stamp->value_id);
            return;
        }
        if (value->time.value <= floor) {
            account_violate(account, "a value was stored that lies below the floor of a flush", "G6", key, value->dot,
                            stamp->value_id);
            return;
        }
        stamp->held_by++;
        held->stamps[held->count++] = stamp->index;
    }
}

/* Every event of the context was stamped. */
static void check_context(struct account *account, struct account_key *key, const struct object *object) {
    const struct context *context = &object->context;
    for (uint32_t index = 0; index < context->vector_count; index++) {
        struct dot last = context->vector[index];
        struct dot at = last;
        /* A vector entry means every event up to it; what was checked before is checked again only at its end. */
        if (stamp_find(key, last) == NULL) {
            account_violate(account, "a context contains an event that was never stamped", "G4", key, last, 0);
            return;
        }
        for (at.n = last.n > 8 ? last.n - 8 : 1; at.n < last.n; at.n++) {
            if (stamp_find(key, at) == NULL) {
                account_violate(account, "a vector covers a gap in its actor's events", "G4", key, at, 0);
                return;
            }
        }
    }
    for (uint32_t index = 0; index < context->detached_count; index++) {
        if (stamp_find(key, context->detached[index]) == NULL) {
            account_violate(account, "a context contains an event that was never stamped", "G4", key,
                            context->detached[index], 0);
            return;
        }
    }
}

/* ---- stamps ---- */

/* A context also covers the deletions that its reader saw as absence: no id tells of those. */
static void replaces_deletions(struct account_key *key, struct stamp_record *stamp, const struct op_record *operation,
                               const struct object *object) {
    for (size_t index = 0; index < key->count; index++) {
        const struct stamp_record *other = key->stamps[index];
        if (other->value_id == 0 && index != stamp->index && other->made.ns < operation->start.ns &&
            context_contains(&object->context, other->dot)) {
            stamp_replaces(stamp, (uint32_t)index);
        }
    }
}

static void replaces_what_was_shown(struct account_key *key, struct stamp_record *stamp,
                                    const struct op_record *operation) {
    for (uint32_t shown = 0; shown < operation->shown_count; shown++) {
        for (size_t index = 0; index < key->count; index++) {
            if (key->stamps[index]->value_id == operation->shown[shown] && index != stamp->index) {
                stamp_replaces(stamp, (uint32_t)index);
            }
        }
    }
}

/* A tombstone does not tell whose it is. If clients are deleting the key with contexts just now, it may rightly replace
 * what those were shown. */
static void replaces_for_deleters(struct account *account, struct account_key *key, struct stamp_record *stamp,
                                  const struct object *object) {
    const struct history *history = account->history;
    for (size_t index = history->count; index-- > 0;) {
        const struct op_record *operation = &history->operations[index];
        if (operation->start.ns + 10 * NS_PER_S < account->world->now.ns) {
            return;
        }
        if (operation->name == OP_DELETE_CONTEXT && strcmp(history->keys[operation->key].name, key->name) == 0) {
            replaces_what_was_shown(key, stamp, operation);
            replaces_deletions(key, stamp, operation, object);
        }
    }
}

/* What replaces a time from beyond the persisted bound takes the next one without moving the clock. */
static bool follows_directly(const struct account_key *key, struct hybrid_time time) {
    for (size_t index = 0; index < key->count; index++) {
        if (key->stamps[index]->time.value + 1 == time.value) {
            return true;
        }
    }
    return false;
}

/* A restart begins its clock above all that it issued before. Times that tell nothing of the clock are left
 * out: those far ahead, and those next to one of the key's. */
static void check_time(struct account *account, const struct account_key *key, uint32_t node, uint32_t shard,
                       struct wall_time wall, const struct trace_record *record, const struct value *value) {
    const uint64_t surely_below_bound_ms = 4000;
    struct hybrid_time *newest = &account->newest[node][shard];
    if (follows_directly(key, value->time)) {
        return;
    }
    if (value->time.value <= newest->value) {
        account_violate(account, "a shard stamped a time that is not above its last", "G4", key, record->dot,
                        value_id_of(value->bytes));
    } else if (hybrid_time_wall(value->time).ms < wall.ms + surely_below_bound_ms) {
        *newest = value->time;
    }
}

/* A SET that was forwarded to a second coordinator after a first one was silent: what became of that first try nobody
 * told its client, so for the promises on sequences of SETs it counts as in doubt. */
static void notice_second_coordinator(struct account *account, const struct account_key *key,
                                      const struct stamp_record *stamp) {
    for (size_t index = 0; stamp->value_id != 0 && index + 1 < key->count; index++) {
        if (key->stamps[index]->value_id == stamp->value_id && key->stamps[index]->made_by != stamp->made_by) {
            history_find_key(account->history, view_of_string(key->name))->in_doubt++;
            return;
        }
    }
}

/* The first stamp of the SET of which this is the second; NULL when it is none. (A second round may also end
 * unstamped.) */
static struct stamp_record *first_stamp(const struct account_key *key, const struct stamp_record *stamp) {
    for (size_t index = key->count; index-- > 0;) {
        struct stamp_record *first = key->stamps[index];
        if (first->is_again && first->made_by == stamp->made_by && first->value_id == stamp->value_id) {
            return first;
        }
    }
    return NULL;
}

static void on_stamped(struct account *account, struct account_key *key, uint32_t node, uint32_t shard,
                       struct wall_time wall, const struct trace_record *record) {
    const struct value *value = object_find(record->object, record->dot);
    account->stamps++;
    if (value == NULL) {
        account_violate(account, "a coordinator lost its own new value", "G1", key, record->dot, 0);
        return;
    }
    if (stamp_find(key, record->dot) != NULL) {
        account_violate(account, "a dot was used twice", "G4", key, record->dot, value_id_of(value->bytes));
        return;
    }
    check_time(account, key, node, shard, wall, record, value);
    struct stamp_record *stamp = stamp_add(key, record->dot, value, account->world->now);
    stamp->made_by = node;
    if (history_find_key(account->history, record->key)->is_counter) {
        counter_stamped(account, key, stamp, record->object);
    }
    account->latest = value->time.value > account->latest.value ? value->time : account->latest;
    notice_second_coordinator(account, key, stamp);
    const struct op_record *operation = NULL;
    if (stamp->value_id != 0 && stamp->value_id <= account->history->value_count) {
        operation = &account->history->operations[account->history->writer_of[stamp->value_id]];
    }
    /* A tombstone does not tell whose it is: DEL replaces what is held, GRAMME.DEL less than that, which the context
     * it was stamped with shows. */
    bool is_plain = operation == NULL || operation->name == OP_SET || operation->name == OP_SET_IF_ABSENT ||
                    operation->name == OP_NUMBER;
    if (stamp->is_addition) {
        addition_replaces(key, stamp, &key->held[place_of(node, record->is_hint)], record->object);
    } else if (!is_plain) {
        replaces_what_was_shown(key, stamp, operation);
        replaces_deletions(key, stamp, operation, record->object);
    } else {
        const struct held *own = &key->held[place_of(node, record->is_hint)];
        for (uint32_t index = 0; index < own->count; index++) {
            struct stamp_record *held = key->stamps[own->stamps[index]];
            if (operation != NULL || context_contains(&record->object->context, held->dot)) {
                stamp_replaces(stamp, held->index);
            }
        }
        const struct stamp_record *first = first_stamp(key, stamp);
        for (size_t index = 0; first != NULL && index + 1 < key->count; index++) {
            const struct stamp_record *other = key->stamps[index];
            bool was_held = other->held_by > 0 || other->left.ns >= first->made.ns;
            if (was_held && context_contains(&record->object->context, other->dot)) {
                stamp_replaces(stamp, (uint32_t)index);
            }
        }
    }
    struct stamp_record *earlier = first_stamp(key, stamp);
    /* Of a tombstone nobody can tell: its first round's second may have ended unstamped, and this be another's. */
    if (earlier != NULL && stamp->value_id != 0 && object_find(record->object, earlier->dot) != NULL) {
        account_violate(account, "a second stamp leaves its first beside it", "G17", key, record->dot, stamp->value_id);
    }
    if (stamp->value_id == 0) {
        replaces_for_deleters(account, key, stamp, record->object);
    }
    if (earlier != NULL) {
        earlier->is_again = false;
    }
    hold(account, key, place_of(node, record->is_hint), record->object, account->floor_of[node][shard].value);
    check_context(account, key, record->object);
}

/* By the true time, and by every clock that is off by no more than may be. */
static bool value_has_expired(const struct account *account, const struct value *value) {
    const uint64_t off_most_ms = 60000;
    uint64_t now_ms = WORLD_EPOCH_MS + account->world->now.ns / NS_PER_MS;
    return value->expiry.at.ms != 0 && value->expiry.at.ms + off_most_ms < now_ms;
}

/* Its owners held the tombstone alone, or what has expired. */
static void on_reaped(struct account *account, struct account_key *key, uint32_t node, const struct object *object) {
    for (uint32_t index = 0; index < object->value_count; index++) {
        struct stamp_record *stamp = stamp_find(key, object->values[index].dot);
        const struct value *value = &object->values[index];
        bool is_gone = value->type == VALUE_TOMBSTONE || value_has_expired(account, value);
        if (stamp == NULL || !is_gone) {
            account_violate(account, "something was reaped that is neither deleted nor expired", "G1", key,
                            object->values[index].dot, 0);
            return;
        }
        stamp->is_reaped = true;
    }
    for (size_t index = 0; index < key->count; index++) {
        struct stamp_record *stamp = key->stamps[index];
        bool is_value = stamp->value_id != 0 && object_find(object, stamp->dot) == NULL;
        stamp->is_buried = stamp->is_buried || (is_value && context_contains(&object->context, stamp->dot));
    }
    hold_nothing(key, place_of(node, false), account->world->now);
}

static void reach(const struct account *account, struct account_key *key, const struct object *object);

/* An acknowledged value, which nothing that is held, nor was reaped or pruned, rightly replaced; in none of its stamps,
 * should it have been forwarded twice. */
static bool is_unreached(const struct account *account, const struct account_key *key,
                         const struct stamp_record *stamp) {
    const struct history *history = account->history;
    const struct key_record *described = history_find_key(history, view_of_string(key->name));
    if (stamp->value_id == 0 || described->is_lww || !described->is_durable) {
        return false;
    }
    for (size_t index = 0; index < key->count; index++) {
        if (key->stamps[index]->value_id == stamp->value_id && key->stamps[index]->is_reached) {
            return false;
        }
    }
    return history->operations[history->writer_of[stamp->value_id]].outcome == OP_OK;
}

/* No node holds a value of that actor, and what it wrote was rightly replaced: it will never be known again. */
static void on_pruned(struct account *account, struct account_key *key, struct dot entry) {
    reach(account, key, NULL);
    for (size_t index = 0; index < key->count; index++) {
        struct stamp_record *stamp = key->stamps[index];
        if (stamp->dot.actor != entry.actor) {
            continue;
        }
        if (stamp->held_by > 0) {
            account_violate(account, "an actor was pruned of which a node still holds a value", "G6", key, stamp->dot,
                            stamp->value_id);
        } else if (is_unreached(account, key, stamp)) {
            account_violate(account, "an actor was pruned whose acknowledged value nothing replaced", "G1", key,
                            stamp->dot, stamp->value_id);
        }
        stamp->is_buried = true;
        stamp->is_pruned = true;
    }
}

/* ---- flushes ---- */

static void drop_below(struct account *account, struct account_key *key, uint32_t place, struct hybrid_time floor) {
    struct held *held = &key->held[place];
    uint32_t count = 0;
    for (uint32_t index = 0; index < held->count; index++) {
        struct stamp_record *stamp = key->stamps[held->stamps[index]];
        if (stamp->time.value <= floor.value) {
            stamp->held_by--;
            stamp->left = account->world->now;
        } else {
            held->stamps[count++] = held->stamps[index];
        }
    }
    held->count = count;
}

/* Of all keys, those of the node's other shards too: these show it again should they store it before they know. */
static void on_flushed(struct account *account, uint32_t node, uint32_t shard, struct hybrid_time floor) {
    struct map_cursor cursor = {0};
    struct map_node *at;
    account->floor_of[node][shard] = floor;
    account->floor = floor.value > account->floor.value ? floor : account->floor;
    while ((at = map_each(&account->keys, &cursor)) != NULL) {
        struct account_key *key = CONTAINER_OF(at, struct account_key, node);
        drop_below(account, key, place_of(node, false), floor);
        drop_below(account, key, place_of(node, true), floor);
    }
}

bool account_is_flushed(const struct account *account, const struct object *object) {
    return object->context.greatest.value <= account->floor.value;
}

bool account_value_is_below(const struct account *account, struct view name, uint32_t value_id) {
    const struct account_key *key = account_key_find(account, name);
    for (size_t index = 0; key != NULL && index < key->count; index++) {
        if (key->stamps[index]->value_id == value_id && key->stamps[index]->time.value <= account->floor.value) {
            return true;
        }
    }
    return false;
}

/* More than a minute ahead of the true time: no clock that coordinates knows of it. */
static bool is_far_ahead(struct hybrid_time time, struct instant now) {
    const uint64_t ahead_ms = 60000;
    return hybrid_time_wall(time).ms > WORLD_EPOCH_MS + now.ns / NS_PER_MS + ahead_ms;
}

void account_flush_answered(struct account *account, const struct op_record *flush, struct hybrid_time least) {
    struct flush_answered *answered = &account->flushes[account->flush_count % FLUSHES_KEPT];
    struct map_cursor cursor = {0};
    struct map_node *at;
    *answered = (struct flush_answered){account->world->now, least};
    account->flush_count++;
    while ((at = map_each(&account->keys, &cursor)) != NULL) {
        struct account_key *key = CONTAINER_OF(at, struct account_key, node);
        for (size_t index = 0; index < key->count; index++) {
            const struct stamp_record *stamp = key->stamps[index];
            const struct op_record *writer =
                stamp->value_id == 0 ? NULL
                                     : &account->history->operations[account->history->writer_of[stamp->value_id]];
            bool was_before = writer != NULL && writer->outcome == OP_OK && writer->end.ns < flush->start.ns;
            if (was_before && stamp->held_by > 0 && stamp->time.value > least.value &&
                !is_far_ahead(stamp->time, flush->start)) {
                account_violate(account, "a flush left a value that was acknowledged before it began", "G6", key,
                                stamp->dot, stamp->value_id);
            }
        }
    }
}

bool account_value_is_flushed(const struct account *account, struct view name, uint32_t value_id, struct instant time) {
    const struct account_key *key = account_key_find(account, name);
    struct hybrid_time floor = {0};
    for (uint32_t index = 0; index < account->flush_count && index < FLUSHES_KEPT; index++) {
        const struct flush_answered *answered = &account->flushes[index];
        floor = answered->time.ns < time.ns && answered->floor.value > floor.value ? answered->floor : floor;
    }
    bool has_any = false;
    for (size_t index = 0; key != NULL && index < key->count; index++) {
        const struct stamp_record *stamp = key->stamps[index];
        if (stamp->value_id == value_id && stamp->time.value > floor.value) {
            return false;
        }
        has_any = has_any || stamp->value_id == value_id;
    }
    return has_any && floor.value != 0;
}

void account_watch(struct account *account, uint32_t node, uint32_t shard, struct wall_time wall,
                   const struct trace_record *record) {
    if (record->kind == TRACE_STAMPED) {
        on_stamped(account, key_get(account, record->key), node, shard, wall, record);
    } else if (record->kind == TRACE_STORED) {
        struct account_key *key = key_get(account, record->key);
        hold(account, key, place_of(node, record->is_hint), record->object, account->floor_of[node][shard].value);
        check_context(account, key, record->object);
    } else if (record->kind == TRACE_FLUSHED) {
        on_flushed(account, node, shard, (struct hybrid_time){record->dot.n});
    } else if (record->kind == TRACE_REAPED) {
        account->let_go++;
        on_reaped(account, key_get(account, record->key), node, record->object);
    } else if (record->kind == TRACE_PRUNED) {
        account->let_go++;
        on_pruned(account, key_get(account, record->key), record->dot);
    } else if (record->kind == TRACE_HINT_GONE || record->kind == TRACE_DAMAGED || record->kind == TRACE_LET_GO) {
        hold_nothing(key_get(account, record->key), place_of(node, record->is_hint), account->world->now);
    } else if (record->kind == TRACE_TREE_DIVERGED) {
        account->loss_found = account->world->now;
    } else if (record->kind == TRACE_SECOND_ROUND) {
        struct stamp_record *first = stamp_find(key_get(account, record->key), record->dot);
        if (first != NULL) {
            first->is_again = true;
        }
    }
}

void account_forget_node(struct account *account, uint32_t node) {
    struct map_cursor cursor = {0};
    struct map_node *at;
    memset(account->floor_of[node], 0, sizeof(account->floor_of[node]));
    while ((at = map_each(&account->keys, &cursor)) != NULL) {
        struct account_key *key = CONTAINER_OF(at, struct account_key, node);
        hold_nothing(key, place_of(node, false), account->world->now);
        hold_nothing(key, place_of(node, true), account->world->now);
        for (size_t index = 0; index < key->count; index++) {
            struct stamp_record *stamp = key->stamps[index];
            stamp->is_again = stamp->is_again && stamp->made_by != node;
        }
    }
}

void account_left(struct account *account, uint32_t node, struct view name) {
    hold_nothing(key_get(account, name), place_of(node, false), account->world->now);
}

void account_lose_record(struct account *account, uint32_t node, struct view name, bool is_forgotten) {
    struct account_key *key = key_get(account, name);
    key->is_lost[node] = true;
    key->is_forgotten[node] = key->is_forgotten[node] || is_forgotten;
}

bool account_was_reaped(struct account *account, struct view name, const struct object *object) {
    struct account_key *key = key_get(account, name);
    bool is_reaped = object->value_count > 0;
    for (uint32_t index = 0; is_reaped && index < object->value_count; index++) {
        const struct stamp_record *stamp = stamp_find(key, object->values[index].dot);
        is_reaped = stamp != NULL && stamp->is_reaped;
    }
    return is_reaped;
}

bool account_has_lost(struct account *account, uint32_t node, struct view key) {
    return key_get(account, key)->is_lost[node];
}

void account_wipe_node(struct account *account, uint32_t node) {
    memset(account->newest[node], 0, sizeof(account->newest[node]));
}

void account_recall(struct account *account, uint32_t node, bool is_hint, struct view key,
                    const struct object *object) {
    hold(account, key_get(account, key), place_of(node, is_hint), object, 0);
    drop_below(account, key_get(account, key), place_of(node, is_hint), account->floor);
}

bool account_is_covered(struct account *account, struct view name, uint32_t value_id, const struct object *object) {
    const struct account_key *key = key_get(account, name);
    for (size_t index = key->count; index-- > 0;) {
        const struct stamp_record *stamp = key->stamps[index];
        if (stamp->value_id == value_id && (stamp->is_pruned || stamp->time.value <= account->floor.value ||
                                            context_contains(&object->context, stamp->dot))) {
            return true;
        }
    }
    return false;
}

/* ---- the end ---- */

/* From the object's values, or from all that nodes hold, by what each stamp replaced. */
static void reach(const struct account *account, struct account_key *key, const struct object *object) {
    uint32_t *queue = malloc(sizeof(*queue) * (key->count + 1));
    size_t begin = 0;
    size_t end = 0;
    ENSURE(queue != NULL);
    for (size_t index = 0; index < key->count; index++) {
        struct stamp_record *stamp = key->stamps[index];
        bool is_held = object == NULL ? stamp->held_by > 0 : object_find(object, stamp->dot) != NULL;
        stamp->is_reached =
            stamp->is_reaped || stamp->is_pruned || is_held || stamp->time.value <= account->floor.value;
        if (stamp->is_reached) {
            queue[end++] = (uint32_t)index;
        }
    }
    while (begin < end) {
        struct stamp_record *stamp = key->stamps[queue[begin++]];
        for (uint32_t index = 0; index < stamp->replaces_count; index++) {
            struct stamp_record *other = key->stamps[stamp->replaces[index]];
            if (!other->is_reached) {
                other->is_reached = true;
                queue[end++] = other->index;
            }
        }
    }
    free(queue);
}

/* A flush that did not certainly fail was not over when the write began. */
static bool flush_may_cover(const struct account *account, uint32_t value_id) {
    const struct history *history = account->history;
    const struct op_record *writer = &history->operations[history->writer_of[value_id]];
    for (size_t index = 0; index < history->count; index++) {
        const struct op_record *flush = &history->operations[index];
        bool is_over = flush->outcome != OP_PENDING && flush->end.ns < writer->start.ns;
        if (flush->name == OP_FLUSH && flush->outcome != OP_FAILED && !is_over) {
            return true;
        }
    }
    return false;
}

static void check_acknowledged(struct account *account, struct account_key *key, uint32_t value_id) {
    for (size_t index = 0; index < key->count; index++) {
        const struct stamp_record *stamp = key->stamps[index];
        if (stamp->value_id == value_id && stamp->time.value <= account->floor.value &&
            !flush_may_cover(account, value_id)) {
            account_violate(account,
                            "an acknowledged write lies below the floor of a flush that was over before it began", "G1",
                            key, stamp->dot, value_id);
        }
        if (stamp->value_id == value_id && stamp->is_reached) {
            return;
        }
    }
    account_violate(account,
                    "an acknowledged write is gone: not in the final set, and nothing there rightly replaced it", "G1",
                    key, (struct dot){0}, value_id);
}

static void check_zombies(struct account *account, struct account_key *key, const struct object *object) {
    for (size_t index = 0; index < account->history->count; index++) {
        const struct op_record *operation = &account->history->operations[index];
        bool replaced = operation->outcome == OP_OK && operation->name == OP_PUT &&
                        strcmp(account->history->keys[operation->key].name, key->name) == 0;
        for (uint32_t shown = 0; replaced && shown < operation->shown_count; shown++) {
            for (uint32_t at = 0; at < object->value_count; at++) {
                const struct value *value = &object->values[at];
                if (value->type != VALUE_TOMBSTONE && value_id_of(value->bytes) == operation->shown[shown]) {
                    account_violate(account, "a value stands beside the acknowledged put that replaced it", "G2", key,
                                    value->dot, operation->shown[shown]);
                }
            }
        }
    }
}

void account_check_final(struct account *account, struct view name, const struct object *object) {
    struct account_key *key = key_get(account, name);
    const struct key_record *described = history_find_key(account->history, name);
    if (described != NULL && described->is_counter && described->is_lww) {
        counter_check_final(account, key, object);
    }
    if (described == NULL || described->is_lww || !described->is_durable) {
        return; /* lww drops concurrent writes by design; other durabilities promise less */
    }
    reach(account, key, object);
    for (size_t index = 0; index < account->history->count; index++) {
        const struct op_record *operation = &account->history->operations[index];
        if (operation->outcome == OP_OK && operation->value_id != 0 && operation->name != OP_FORGERY &&
            &account->history->keys[operation->key] == described) {
            check_acknowledged(account, key, operation->value_id);
        }
    }
    for (size_t index = 0; index < key->count; index++) {
        const struct stamp_record *stamp = key->stamps[index];
        if (!stamp->is_reached && context_contains(&object->context, stamp->dot)) {
            account_violate(account, "the final context contains an event that nothing in the final set follows", "G4",
                            key, stamp->dot, stamp->value_id);
        }
    }
    check_zombies(account, key, object);
    counter_check_final(account, key, object);
}
