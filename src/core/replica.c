#include "core/replica.h"

#include "base/mutant.h"
#include "core/hints.h"
#include "core/shard_state.h"

/* ---- roles ---- */

/* An owner to come: what it has is less than reads need, until it was filled. */
static bool is_to_come(const struct shard *shard, struct partition partition) {
    return ring_phase(shard->ring) == RING_JOINT && !ring_is_owner(shard->ring, partition, shard->self);
}

/* What an earlier run held of partitions that it is no owner of may lie there still, unless it said that it is clean.
 */
static enum replica_role role_at_start(struct shard *shard, struct partition partition) {
    if (shard_of_partition(shard, partition) != shard->options.shard_index) {
        return ROLE_NONE;
    }
    if (ring_is_holder(shard->ring, partition, shard->self)) {
        shard->replica.is_filling[partition.value] = is_to_come(shard, partition);
        return ROLE_HOLDER;
    }
    bool may_hold =
        ring_has_moved(shard->ring) && ring_phase(shard->ring) == RING_SETTLING && !shard->options.was_cleaned;
    return may_hold ? ROLE_FORMER : ROLE_FALLBACK;
}

static void set_role(struct shard *shard, struct partition partition, enum replica_role role) {
    struct replica *replica = &shard->replica;
    enum replica_role *at = &replica->roles[partition.value];
    replica->held -= *at == ROLE_HOLDER ? 1 : 0;
    replica->former -= *at == ROLE_FORMER ? 1 : 0;
    *at = role;
    replica->held += *at == ROLE_HOLDER ? 1 : 0;
    replica->former += *at == ROLE_FORMER ? 1 : 0;
}

/* Called before moves_adopt(): what was filled was so in the phase that ends. */
static void adopt_partition(struct shard *shard, struct partition partition) {
    struct replica *replica = &shard->replica;
    bool was_holder = replica->roles[partition.value] == ROLE_HOLDER;
    bool is_holder = ring_is_holder(shard->ring, partition, shard->self);
    bool was_filling = replica->is_filling[partition.value];
    bool is_filled = was_filling && moves_is_filled(shard, partition);
    if (is_holder && !was_holder) {
        set_role(shard, partition, ROLE_HOLDER);
        trees_hold(shard, partition);
        hints_role_changed(shard, partition);
    } else if (!is_holder && was_holder) {
        set_role(shard, partition, ROLE_FORMER);
    }
    bool is_new = is_holder && (!was_holder || was_filling);
    replica->is_filling[partition.value] = is_new && is_to_come(shard, partition);
    bool is_owner = is_new && !replica->is_filling[partition.value];
    exchange_adopt(shard, partition, is_owner && is_filled);
    if (is_owner && !is_filled) {
        replica_lost(shard, partition); /* it learns only now of a move that the others have made without it */
    }
}

/* A version that this node has no part in, though it is awaited: it was wiped since, and began from its configuration.
 * Nothing that it has found out about its data holds. */
static bool has_missed_a_move(const struct shard *shard, uint64_t before) {
    return ring_committed(shard->ring) > before && ring_joint(shard->ring) > before;
}

/* Whoever is to hold a partition begins with nothing of it: no record that it deleted, as a former owner, on its disk
 * alone, which had lost it, while memory still had it. (Found by a seed.) */
static void forget_what_was_left(struct shard *shard) {
    struct storage *storage = &shard->options.storage;
    uint32_t partitions = ring_partition_count(shard->ring);
    bool *is_forgotten = ARENA_ARRAY(&shard->scratch, bool, partitions);
    bool has_any = false;
    for (uint32_t index = 0; index < partitions; index++) {
        bool is_holder = ring_is_holder(shard->ring, (struct partition){(uint16_t)index}, shard->self);
        is_forgotten[index] = is_holder && shard->replica.roles[index] == ROLE_FALLBACK;
        has_any = has_any || is_forgotten[index];
    }
    if (has_any) {
        storage->forget(storage->self, STORAGE_OBJECTS, is_forgotten);
    }
}

void replica_adopt(struct shard *shard, uint64_t before) {
    forget_what_was_left(shard);
    for (uint32_t index = 0; has_missed_a_move(shard, before) && index < ring_partition_count(shard->ring); index++) {
        if (shard->replica.roles[index] == ROLE_HOLDER) {
            replica_lost(shard, (struct partition){(uint16_t)index});
        }
    }
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        if (shard->replica.roles[index] != ROLE_NONE) {
            adopt_partition(shard, (struct partition){(uint16_t)index});
        }
    }
}

enum replica_role replica_role(const struct shard *shard, struct partition partition) {
    return shard->replica.roles[partition.value];
}

bool replica_is_filling(const struct shard *shard, struct partition partition) {
    return shard->replica.is_filling[partition.value];
}

uint32_t replica_former_count(const struct shard *shard) {
    return shard->replica.former;
}

void replica_leave(struct shard *shard, struct partition partition) {
    set_role(shard, partition, ROLE_FALLBACK);
    shard->replica.is_lost[partition.value] = false;
    exchange_check_doubt(shard);
    shard_trace(shard, &(struct trace_record){.kind = TRACE_LEFT, .peer = shard->self, .dot = {.n = partition.value}});
    trees_let_go(shard, partition);
    hints_role_changed(shard, partition);
}

void replica_init(struct shard *shard) {
    struct replica *replica = &shard->replica;
    uint32_t partitions = ring_partition_count(shard->ring);
    replica->is_lost = ARENA_ARRAY(&shard->permanent, bool, partitions);
    memset(replica->is_lost, 0, sizeof(*replica->is_lost) * partitions);
    replica->losses = ARENA_ARRAY(&shard->permanent, uint32_t, partitions);
    memset(replica->losses, 0, sizeof(*replica->losses) * partitions);
    replica->refreshed = ARENA_ARRAY(&shard->permanent, uint64_t, partitions);
    memset(replica->refreshed, 0, sizeof(*replica->refreshed) * partitions);
    replica->roles = ARENA_ARRAY(&shard->permanent, enum replica_role, partitions);
    replica->is_filling = ARENA_ARRAY(&shard->permanent, bool, partitions);
    memset(replica->is_filling, 0, sizeof(*replica->is_filling) * partitions);
    for (uint32_t index = 0; index < partitions; index++) {
        replica->roles[index] = role_at_start(shard, (struct partition){(uint16_t)index});
        replica->held += replica->roles[index] == ROLE_HOLDER ? 1 : 0;
        replica->former += replica->roles[index] == ROLE_FORMER ? 1 : 0;
    }
    replica_parking_init(shard);
    pool_init(&replica->write_pool, sizeof(struct waiting_write), 256);
}

void replica_release(struct shard *shard) {
    replica_parking_release(shard);
    pool_release(&shard->replica.write_pool);
}

/* ---- the copy ---- */

enum storage_family replica_family(const struct shard *shard, struct partition partition) {
    enum replica_role role = shard->replica.roles[partition.value];
    return role == ROLE_HOLDER || role == ROLE_FORMER ? STORAGE_OBJECTS : STORAGE_HINTS;
}

bool replica_copy_open(enum storage_family family, struct view bytes, struct copy *copy) {
    return family == STORAGE_HINTS ? hint_record_decode(bytes, &copy->hint_for, &copy->record)
                                   : record_decode(bytes, &copy->record);
}

/* What a flush leaves of a copy that was just opened; false when it is nothing. */
static bool copy_is_left(struct shard *shard, struct copy *copy) {
    struct object left;
    bool is_left = flush_leaves(shard, &copy->object, &left);
    copy->is_flushed = left.value_count != copy->object.value_count;
    if (!is_left) {
        *copy = (struct copy){.stored = copy->stored, .was_key = copy->was_key, .is_flushed = true};
    } else if (copy->is_flushed) {
        buffer_clear(&shard->encoded);
        object_encode(&shard->encoded, &left);
        copy->object = left;
        copy->record.object_bytes = arena_copy(&shard->scratch, buffer_view(&shard->encoded));
    }
    return is_left;
}

enum storage_status replica_load(struct shard *shard, struct partition partition, struct view key,
                                 struct copy *ret_copy) {
    struct storage *storage = &shard->options.storage;
    enum storage_family family = replica_family(shard, partition);
    struct copy copy = {0};
    struct view bytes;
    enum storage_status status = storage->read(storage->self, family, partition, key, &bytes);
    if ((status == STORAGE_ERROR || status == STORAGE_DAMAGED) && MUTANT(ERROR_IS_ABSENCE)) {
        status = STORAGE_ABSENT;
    }
    if (status == STORAGE_DAMAGED) {
        replica_discard(shard, replica_family(shard, partition), partition, key);
        status = STORAGE_ABSENT;
    }
    if (status == STORAGE_FOUND && (!replica_copy_open(family, bytes, &copy) ||
                                    !object_decode(copy.record.object_bytes, &shard->scratch, &copy.object))) {
        status = STORAGE_ERROR;
    }
    copy.stored = copy.record.object_bytes;
    copy.was_key = object_is_key(&copy.object);
    if (status == STORAGE_FOUND && shard->flush.floor.value != 0 && !copy_is_left(shard, &copy)) {
        status = STORAGE_ABSENT;
    }
    if (status == STORAGE_FOUND || status == STORAGE_ABSENT) {
        *ret_copy = copy;
    }
    return status;
}

void replica_lost(struct shard *shard, struct partition partition) {
    struct storage *storage = &shard->options.storage;
    if (MUTANT(LOSS_STAYS_INFORMED)) {
        return;
    }
    shard->replica.losses[partition.value]++;
    shard->replica.is_lost[partition.value] = true;
    exchange_forget_meetings(shard, partition);
    moves_lost(shard, partition);
    reaper_look_again(shard, partition);
    storage->raise_doubt(storage->self);
}

void replica_write_again(struct shard *shard, struct partition partition) {
    struct storage *storage = &shard->options.storage;
    storage->write_again(storage->self, STORAGE_OBJECTS, partition);
    flush_sweep_again(shard);
    reaper_look_again(shard, partition);
}

void replica_discard(struct shard *shard, enum storage_family family, struct partition partition, struct view key) {
    struct storage *storage = &shard->options.storage;
    shard->replica.damaged++;
    shard_trace(shard, &(struct trace_record){
                           .kind = TRACE_DAMAGED, .key = key, .peer = shard->self, .is_hint = family == STORAGE_HINTS});
    if (family == STORAGE_OBJECTS) {
        replica_lost(shard, partition); /* before the record goes: it is what tells of the loss so far */
        trees_doubt(shard, partition);
    } else {
        shard->replica.losses[partition.value]++;
    }
    enum storage_status status = storage->remove(storage->self, family, partition, key, DURABILITY_SYNC, 0);
    if (family == STORAGE_HINTS && status != STORAGE_ERROR) {
        hints_lost(shard, partition);
    }
}

struct view replica_compared(struct shard *shard, struct view object_bytes) {
    struct object object;
    if (object_bytes.size < shard->options.outline_bytes || !object_decode(object_bytes, &shard->scratch, &object)) {
        return object_bytes;
    }
    struct buffer outline;
    object = object_outline(&object, &shard->scratch);
    buffer_init(&outline);
    object_encode(&outline, &object);
    struct view compared = arena_copy(&shard->scratch, buffer_view(&outline));
    buffer_release(&outline);
    return compared;
}

struct digest replica_digest(struct shard *shard, struct view object_bytes) {
    return hash128(replica_compared(shard, object_bytes));
}

bool replica_is_informed(const struct shard *shard, const struct keyspace *keyspace, struct partition partition) {
    if (shard->witness.is_rolled_back || shard->replica.is_filling[partition.value]) {
        return false;
    }
    if (exchange_has_met_all(shard, partition) || MUTANT(UNINFORMED_ANSWERS)) {
        return true;
    }
    /* Where keyspaces were changed, what is `sync` now may have been written under something less. */
    bool was_always_sync = keyspace->durability == DURABILITY_SYNC && shard->keyspaces.version == 0;
    bool is_synced = !shard->options.may_lack_unsynced || was_always_sync;
    return !shard->options.is_refilling && is_synced && !shard->replica.is_lost[partition.value];
}

uint32_t replica_uninformed_count(const struct shard *shard) {
    bool is_in_doubt = shard->options.is_refilling || shard->options.may_lack_unsynced;
    uint32_t count = is_in_doubt ? shard->replica.held - exchange_met_count(shard) : 0;
    for (uint32_t index = 0; !is_in_doubt && index < ring_partition_count(shard->ring); index++) {
        count += shard->replica.is_lost[index] ? 1 : 0;
    }
    return count;
}

/* Of the record that was just encoded. */
static struct view written_object(const struct shard *shard) {
    struct record record;
    bool is_ours = record_decode(buffer_view(&shard->record), &record);
    ENSURE(is_ours);
    return record.object_bytes;
}

/* A store that refuses a write has failed for good, or its disk is too far behind just now; the first refuses
 * everything. */
static void note_refusal(struct shard *shard, enum storage_status status) {
    struct storage *storage = &shard->options.storage;
    bool has_failed = status == STORAGE_ERROR && storage->barrier(storage->self, DURABILITY_NONE, 0) == STORAGE_ERROR;
    shard->has_failed_store = shard->has_failed_store || has_failed;
}

enum storage_status replica_store(struct shard *shard, struct partition partition, struct view key,
                                  const struct copy *copy, const struct object *object, enum durability durability,
                                  struct waiting_write *waiting) {
    struct storage *storage = &shard->options.storage;
    enum storage_family family = replica_family(shard, partition);
    bool is_new = copy->stored.size == 0;
    buffer_clear(&shard->record);
    if (family == STORAGE_HINTS) {
        hint_record_encode(&shard->record, &copy->hint_for, &copy->record.local, object);
    } else {
        record_encode(&shard->record, &copy->record.local, object);
    }
    /* Before the write, which ends what the copy borrows. Hints are in no tree. */
    struct hint_owners owners = copy->hint_for;
    struct view tree_bytes = family == STORAGE_OBJECTS ? copy->stored : (struct view){0};
    struct tree_change change = {
        .before = trees_entry(shard, key, tree_bytes), .was_key = copy->was_key, .is_key = object_is_key(object)};
    enum storage_status status = storage->write(storage->self, family, partition, key, buffer_view(&shard->record),
                                                durability, (uint64_t)(uintptr_t)waiting);
    note_refusal(shard, status);
    if (family == STORAGE_HINTS && status != STORAGE_ERROR) {
        hints_stored(shard, partition, &owners, is_new);
    }
    if (family == STORAGE_OBJECTS) {
        reaper_stored(shard, partition, object);
    }
    bool forgets = MUTANT(TREE_FORGETS_MERGES) && (waiting == NULL || !waiting->is_own);
    if (family == STORAGE_OBJECTS && status != STORAGE_ERROR && !forgets) {
        change.after = trees_entry(shard, key, written_object(shard));
        trees_changed(shard, partition, key, &change);
    }
    return status;
}

enum durability replica_durability(const struct shard *shard, struct view key) {
    return keyspace_of_key(shard->options.keyspaces, key)->durability;
}

struct waiting_write *waiting_write_new(struct shard *shard, uint64_t request) {
    struct waiting_write *waiting = pool_take(&shard->replica.write_pool);
    waiting->request = request;
    shard->replica.answers_owed++;
    return waiting;
}

void waiting_write_free(struct shard *shard, struct waiting_write *waiting) {
    shard->replica.answers_owed--;
    blob_give(&shard->blobs, &waiting->kept);
    pool_give(&shard->replica.write_pool, waiting);
}

enum storage_status replica_write(struct shard *shard, struct partition partition, struct view key,
                                  const struct copy *copy, const struct object *object, uint64_t request,
                                  uint32_t round) {
    struct waiting_write *waiting = NULL;
    if (request != 0) {
        waiting = waiting_write_new(shard, request);
        waiting->is_own = true;
        waiting->round = round;
    }
    enum storage_status status =
        replica_store(shard, partition, key, copy, object, replica_durability(shard, key), waiting);
    if (waiting != NULL && status != STORAGE_PENDING) {
        waiting_write_free(shard, waiting);
    }
    return status;
}

void replica_trace_stored(struct shard *shard, struct view key, const struct object *object) {
    if (shard_traces_keys(shard)) {
        struct partition partition = ring_partition_of_key(shard->ring, key);
        bool is_hint = replica_family(shard, partition) == STORAGE_HINTS;
        shard_trace(shard,
                    &(struct trace_record){.kind = TRACE_STORED, .key = key, .object = object, .is_hint = is_hint});
    }
}

/* The object after merging, or false when the copy has everything already. The caller asks whether it
 * context_fits(). */
bool replica_merged(struct shard *shard, struct view key, const struct copy *copy, const struct object *incoming,
                    struct object *ret_merged) {
    enum conflict_rule rule = keyspace_of_key(shard->options.keyspaces, key)->conflict;
    if (object_is_absent(&copy->object)) {
        *ret_merged = *incoming;
        return !object_is_absent(incoming);
    }
    *ret_merged = object_merge(&copy->object, incoming, rule, &shard->scratch);
    return copy->is_flushed || !object_equal(ret_merged, &copy->object);
}

enum storage_status replica_merge(struct shard *shard, struct partition partition, struct view key,
                                  const struct object *object, struct node_id hint_for) {
    struct copy copy;
    enum storage_status status = replica_load(shard, partition, key, &copy);
    struct object merged;
    ENSURE(status != STORAGE_PENDING);
    if (status == STORAGE_ERROR) {
        return STORAGE_ERROR;
    }
    if (!replica_merged(shard, key, &copy, object, &merged)) {
        return STORAGE_FOUND;
    }
    bool is_hint = replica_family(shard, partition) == STORAGE_HINTS;
    if (!context_fits(&merged.context) || (is_hint && !hint_owners_add(&copy.hint_for, hint_for))) {
        return STORAGE_ERROR;
    }
    shard->replica.merges++;
    replica_trace_stored(shard, key, &merged);
    status = replica_store(shard, partition, key, &copy, &merged, replica_durability(shard, key), NULL);
    return status == STORAGE_ERROR ? STORAGE_ERROR : STORAGE_FOUND;
}

/* ---- letting go ---- */

bool replica_reap(struct shard *shard, struct partition partition, struct view key, const struct copy *copy) {
    struct storage *storage = &shard->options.storage;
    struct tree_change change = {.before = trees_entry(shard, key, copy->stored), .was_key = copy->was_key};
    if (shard_traces_keys(shard)) {
        shard_trace(shard, &(struct trace_record){.kind = TRACE_REAPED, .key = key, .object = &copy->object});
    }
    enum storage_status status =
        storage->remove(storage->self, STORAGE_OBJECTS, partition, key, replica_durability(shard, key), 0);
    if (status != STORAGE_ERROR) {
        trees_changed(shard, partition, key, &change);
    }
    return status != STORAGE_ERROR;
}

bool replica_drop_flushed(struct shard *shard, enum storage_family family, struct partition partition, struct view key,
                          struct view record) {
    struct storage *storage = &shard->options.storage;
    struct copy copy = {0};
    if (!replica_copy_open(family, record, &copy) ||
        !object_decode(copy.record.object_bytes, &shard->scratch, &copy.object)) {
        return true; /* of another build, or damaged: the scrub sees to it */
    }
    copy.stored = copy.record.object_bytes;
    copy.was_key = object_is_key(&copy.object);
    if (copy_is_left(shard, &copy)) {
        return !copy.is_flushed || replica_write(shard, partition, key, &copy, &copy.object, 0, 0) != STORAGE_ERROR;
    }
    struct tree_change change = {.before = trees_entry(shard, key, copy.stored), .was_key = copy.was_key};
    if (storage->remove(storage->self, family, partition, key, DURABILITY_INTERVAL, 0) == STORAGE_ERROR) {
        return false;
    }
    shard->flush.dropped++;
    if (family == STORAGE_HINTS) {
        hints_dropped(shard, partition);
    } else {
        trees_changed(shard, partition, key, &change);
    }
    return true;
}

bool replica_prune(struct shard *shard, struct partition partition, struct view key, const struct copy *copy,
                   struct dot entry) {
    struct object pruned = object_prune(&copy->object, entry, &shard->scratch);
    if (shard_traces_keys(shard)) {
        shard_trace(shard,
                    &(struct trace_record){.kind = TRACE_PRUNED, .key = key, .dot = entry, .object = &copy->object});
    }
    return replica_write(shard, partition, key, copy, &pruned, 0, 0) != STORAGE_ERROR;
}
