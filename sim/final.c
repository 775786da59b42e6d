#include "sim/final.h"

#include "core/hint_record.h"
#include "core/lane.h"
#include "store/object_buffer.h"
#include "store/seal.h"
#include "version/object_codec.h"

#include <stdio.h>

enum { LEAF_KEY_PREFIX_BYTES = 10 }; /* partition, hash */

struct visit {
    enum leaf_family family;
    struct node *node;
    struct arena *arena;
    void (*visit)(void *self, struct node *node, bool is_hint, struct view key, const struct object *object);
    void *self;
};

/* False when it is damaged. */
static bool open_record(enum leaf_family family, struct view leaf_key, struct view sealed, struct record *ret_record) {
    struct hint_owners owners;
    struct partition partition;
    struct view key;
    struct view bytes;
    uint64_t place;
    if (!object_place_read(leaf_key, &partition, &place, &key) || !seal_open(sealed, place, &bytes)) {
        return false;
    }
    return family == LEAF_HINTS ? hint_record_decode(bytes, &owners, ret_record) : record_decode(bytes, ret_record);
}

static bool visit_record(void *self, struct view key, struct view value) {
    struct visit *visit = self;
    struct record record;
    struct object object;
    if (!open_record(visit->family, key, value, &record)) {
        return true;
    }
    bool opens = object_decode(record.object_bytes, visit->arena, &object);
    ENSURE(opens);
    visit->visit(visit->self, visit->node, visit->family == LEAF_HINTS,
                 view_slice(key, LEAF_KEY_PREFIX_BYTES, key.size - LEAF_KEY_PREFIX_BYTES), &object);
    return true;
}

void final_each_object(struct node *node, struct arena *arena,
                       void (*visit)(void *self, struct node *node, bool is_hint, struct view key,
                                     const struct object *object),
                       void *self) {
    struct visit state = {.family = LEAF_OBJECTS, .node = node, .arena = arena, .visit = visit, .self = self};
    memory_leaf_each(node->leaf, LEAF_OBJECTS, visit_record, &state);
    state.family = LEAF_HINTS;
    memory_leaf_each(node->leaf, LEAF_HINTS, visit_record, &state);
}

/* ---- one key ---- */

struct search {
    struct view key;
    struct view object_bytes;
    bool found;
};

static bool search_record(void *self, struct view key, struct view value) {
    struct search *search = self;
    struct record record;
    struct view name = view_slice(key, LEAF_KEY_PREFIX_BYTES, key.size - LEAF_KEY_PREFIX_BYTES);
    if (view_equal(name, search->key) && open_record(LEAF_OBJECTS, key, value, &record)) {
        search->object_bytes = record.object_bytes;
        search->found = true;
    }
    return !search->found;
}

static struct view object_on(struct node *node, struct view key) {
    struct search search = {.key = key};
    memory_leaf_each(node->leaf, LEAF_OBJECTS, search_record, &search);
    return search.object_bytes;
}

struct durable_search {
    const struct memory_leaf *leaf;
    enum leaf_family family;
    struct search search;
};

static bool search_durable(void *self, struct view key, struct view value) {
    struct durable_search *durable = self;
    struct record record;
    struct view kept;
    struct view name = view_slice(key, LEAF_KEY_PREFIX_BYTES, key.size - LEAF_KEY_PREFIX_BYTES);
    (void)value;
    if (!view_equal(name, durable->search.key)) {
        return true;
    }
    if (memory_leaf_durable(durable->leaf, durable->family, key, &kept) &&
        open_record(durable->family, key, kept, &record)) {
        durable->search.object_bytes = record.object_bytes;
    }
    return false;
}

static void explain(char *violation, size_t violation_bytes, struct world *world, const char *promise, const char *key,
                    const char *what) {
    if (!world->failed) {
        snprintf(violation, violation_bytes, "%s key %s: %s", promise, key, what);
        world->failed = true;
    }
}

/* What the member would hold of the key after a crash now. */
static bool durable_object(struct cluster *cluster, const struct node *node, enum leaf_family family, struct view key,
                           struct object *ret_object) {
    struct durable_search durable = {.leaf = node->leaf, .family = family, .search = {.key = key}};
    memory_leaf_each(durable.leaf, family, search_durable, &durable);
    return durable.search.object_bytes.size > 0 &&
           object_decode(durable.search.object_bytes, &cluster->world->scratch, ret_object);
}

/* One that reads ask, by the newest ring that anybody has. */
static bool is_owner(const struct cluster *cluster, const struct node *node, struct view key) {
    struct member_index member;
    return ring_find_member(cluster->ring, node->id, &member) &&
           ring_is_owner(cluster->ring, ring_partition_of_key(cluster->ring, key), member);
}

struct durable_copies final_durable_copies(struct cluster *cluster, struct account *account, struct view key,
                                           uint32_t value_id) {
    struct durable_copies copies = {0};
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        const struct node *node = &cluster->nodes[index];
        struct object object;
        bool is_own = durable_object(cluster, node, LEAF_OBJECTS, key, &object) &&
                      account_is_covered(account, key, value_id, &object);
        bool is_hint = durable_object(cluster, node, LEAF_HINTS, key, &object) &&
                       account_is_covered(account, key, value_id, &object);
        copies.all += is_own || is_hint ? 1 : 0;
        copies.owners += is_own && is_owner(cluster, node, key) ? 1 : 0;
    }
    return copies;
}

bool final_is_home(struct cluster *cluster, const struct node *owner, struct view key, const struct object *object) {
    struct object held;
    if (!durable_object(cluster, owner, LEAF_OBJECTS, key, &held)) {
        return false;
    }
    for (uint32_t index = 0; index < object->value_count; index++) {
        if (!context_contains(&held.context, object->values[index].dot)) {
            return false;
        }
    }
    return true;
}

/* What a plain GET shows; 0: nothing. */
static uint32_t shown_id(const struct object *object) {
    const struct value *latest = object_latest(object);
    return latest == NULL || latest->type == VALUE_TOMBSTONE ? 0 : value_id_of(latest->bytes);
}

static const char *check_solo(const struct key_record *key, const struct object *object) {
    if (!key->is_solo || !key->is_durable || key->in_doubt > 0 || key->is_sloppy) {
        return NULL;
    }
    if (shown_id(object) != key->last_set) {
        return "a sequence of plain SETs, none in doubt, does not leave the last";
    }
    for (uint32_t index = 0; index < object->value_count; index++) {
        /* A SET that was forwarded twice, since its first coordinator was slow, may stand twice: it is one value. */
        const struct value *value = &object->values[index];
        if (value->type != VALUE_TOMBSTONE && value_id_of(value->bytes) != key->last_set) {
            return "a sequence of plain SETs, none in doubt, leaves siblings";
        }
    }
    const struct value *latest = object_latest(object);
    if (key->last_set != 0 && latest != NULL && (latest->expiry.at.ms != 0) != key->has_expiry) {
        return key->has_expiry ? "an acknowledged EXPIRE is gone" : "an expiry stands that nobody set";
    }
    return NULL;
}

static uint64_t slowest_clock_ms(struct cluster *cluster) {
    uint64_t slowest_ms = UINT64_MAX;
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        uint64_t clock_ms = node_wall(&cluster->nodes[index]).ms;
        slowest_ms = clock_ms < slowest_ms ? clock_ms : slowest_ms;
    }
    return slowest_ms;
}

/* Clocks that restarted often run ahead; what they stamped is not let go before all owners' clocks are beyond it. */
static bool is_ahead_of_clocks(struct cluster *cluster, const struct object *object) {
    const uint64_t margin_ms = 5000;
    return hybrid_time_wall(object->context.greatest).ms + margin_ms > slowest_clock_ms(cluster);
}

static bool is_bare_tombstone(const struct object *object) {
    bool is_bare = object->value_count > 0;
    for (uint32_t index = 0; index < object->value_count; index++) {
        is_bare = is_bare && object->values[index].type == VALUE_TOMBSTONE;
    }
    return is_bare;
}

static bool run_is_present(const struct cluster *cluster, uint16_t tag) {
    bool is_present = false;
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        is_present = is_present || lanes_run_tag(cluster->nodes[index].run) == tag;
    }
    return is_present;
}

/* A fence waits where what was proved lies a minute ahead of some member's clock; and has then half a minute of the run
 * left. And a replica that has just found a loss proves nothing before it is filled; then all begins. */
static bool fences_may_wait(struct cluster *cluster, const struct account *account) {
    const uint64_t surely_agreed_ms = 30000;
    const uint64_t surely_proved_ns = 25 * NS_PER_S;
    if (account->loss_found.ns != 0 && cluster->world->now.ns < account->loss_found.ns + surely_proved_ns) {
        return true;
    }
    return hybrid_time_wall(account->latest).ms > slowest_clock_ms(cluster) + surely_agreed_ms;
}

static bool has_ended_actor(const struct cluster *cluster, const struct object *object) {
    for (uint32_t index = 0; index < object->context.vector_count; index++) {
        struct dot entry = object->context.vector[index];
        if (!run_is_present(cluster, actor_run_tag(entry.actor)) && object_may_prune(object, entry)) {
            return true;
        }
    }
    return false;
}

static void check_key(struct cluster *cluster, const struct key_record *key, struct account *account, char *violation,
                      size_t violation_bytes) {
    struct world *world = cluster->world;
    struct view name = view_of_string(key->name);
    struct partition partition = ring_partition_of_key(cluster->ring, name);
    const struct member_index *list = ring_preference(cluster->ring, partition);
    struct view first = object_on(cluster_node_of_member(cluster, list[0]), name);
    for (uint32_t place = 1; place < ring_replica_count(cluster->ring); place++) {
        if (!view_equal(first, object_on(cluster_node_of_member(cluster, list[place]), name))) {
            explain(violation, violation_bytes, world, "G5", key->name, "its owners hold different objects");
            return;
        }
    }
    for (uint32_t place = ring_replica_count(cluster->ring); place < ring_preference_length(cluster->ring); place++) {
        if (object_on(cluster_node_of_member(cluster, list[place]), name).size > 0) {
            explain(violation, violation_bytes, world, "G5", key->name, "a node that is no owner holds it");
        }
    }
    struct object object = object_empty();
    if (first.size > 0 && (!object_decode(first, &world->scratch, &object) || !object_is_valid(&object))) {
        explain(violation, violation_bytes, world, "G5", key->name, "its object does not decode");
        return;
    }
    if (!object_is_absent(&object) && account_is_flushed(account, &object)) {
        explain(violation, violation_bytes, world, "G6", key->name, "what was flushed still takes space");
    }
    bool waits_for_clocks = is_bare_tombstone(&object) && is_ahead_of_clocks(cluster, &object);
    if (is_bare_tombstone(&object) && !waits_for_clocks && !fences_may_wait(cluster, account)) {
        explain(violation, violation_bytes, world, "G6", key->name, "its tombstone was not reaped");
    }
    if (has_ended_actor(cluster, &object) && !waits_for_clocks && !fences_may_wait(cluster, account)) {
        explain(violation, violation_bytes, world, "G6", key->name, "the entry of an actor that ended was not pruned");
    }
    const char *what = check_solo(key, &object);
    if (what != NULL) {
        explain(violation, violation_bytes, world, "G17", key->name, what);
    }
    account_check_final(account, name, &object);
}

static bool name_record(void *self, struct view key, struct view value) {
    char *text = self;
    struct record record;
    struct view name = view_slice(key, LEAF_KEY_PREFIX_BYTES, key.size - LEAF_KEY_PREFIX_BYTES);
    bool opens = open_record(LEAF_HINTS, key, value, &record);
    snprintf(text, 100, "%.*s%s", (int)name.size, (const char *)name.data, opens ? "" : " (damaged)");
    return false;
}

void final_check(struct cluster *cluster, struct history *history, struct account *account, char *violation,
                 size_t violation_bytes) {
    for (uint32_t index = 0; index < cluster->node_count; index++) {
        struct node *node = &cluster->nodes[index];
        memory_leaf_complete_all(node->leaf);
        if (memory_leaf_record_count(node->leaf, LEAF_HINTS) > 0) {
            char what[160] = "";
            memory_leaf_each(node->leaf, LEAF_HINTS, name_record, what);
            snprintf(what + strlen(what), sizeof(what) - strlen(what), " kept at node %u", index);
            explain(violation, violation_bytes, cluster->world, "G9", what, "a fallback still keeps a hint");
        }
    }
    for (uint32_t index = 0; index < history->key_count && !cluster->world->failed; index++) {
        arena_reset(&cluster->world->scratch);
        check_key(cluster, &history->keys[index], account, violation, violation_bytes);
    }
}
