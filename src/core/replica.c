#include "core/replica.h"

#include "base/mutant.h"
#include "core/hints.h"
#include "core/shard_state.h"

enum parked_kind { PARKED_REQUEST, PARKED_PUT, PARKED_READ, PARKED_ANSWER, PARKED_DELIVERY, PARKED_PROOF };

struct parked {
    struct map_node node;
    struct list_node ready;
    struct blob key;
    struct blob body; /* PUT and READ: the message */
    struct source source;
    uint64_t request; /* REQUEST, DELIVERY */
    enum parked_kind kind;
    uint8_t message; /* PROOF: its kind */
};

/* A write on its way to the disk, and what is owed when it is there: an answer to a coordinator elsewhere, or a word to
 * one of ours. Its address is the token of the write. */
struct waiting_write {
    bool is_own;
    bool is_proof; /* `kept` is the whole answer, owed when it is durable */
    struct source source;
    uint64_t request;
    uint32_t round;
    bool informed;
    struct blob kept;
};

void replica_init(struct shard *shard) {
    struct replica *replica = &shard->replica;
    uint32_t partitions = ring_partition_count(shard->ring);
    replica->is_lost = ARENA_ARRAY(&shard->permanent, bool, partitions);
    memset(replica->is_lost, 0, sizeof(*replica->is_lost) * partitions);
    replica->losses = ARENA_ARRAY(&shard->permanent, uint32_t, partitions);
    memset(replica->losses, 0, sizeof(*replica->losses) * partitions);
    replica->refreshed = ARENA_ARRAY(&shard->permanent, uint64_t, partitions);
    memset(replica->refreshed, 0, sizeof(*replica->refreshed) * partitions);
    map_init(&replica->parked, 64);
    pool_init(&replica->parked_pool, sizeof(struct parked), 64);
    pool_init(&replica->write_pool, sizeof(struct waiting_write), 256);
}

void replica_release(struct shard *shard) {
    struct replica *replica = &shard->replica;
    map_release(&replica->parked);
    pool_release(&replica->parked_pool);
    pool_release(&replica->write_pool);
}

/* ---- the copy ---- */

enum storage_family replica_family(const struct shard *shard, struct partition partition) {
    return ring_is_owner(shard->ring, partition, shard->self) ? STORAGE_OBJECTS : STORAGE_HINTS;
}

static bool copy_open(enum storage_family family, struct view bytes, struct copy *copy) {
    return family == STORAGE_HINTS ? hint_record_decode(bytes, &copy->hint_for, &copy->record)
                                   : record_decode(bytes, &copy->record);
}

/* What a flush leaves of a copy that was just opened; false when it is nothing. */
static bool copy_is_left(struct shard *shard, struct copy *copy) {
    struct object left;
    bool is_left = flush_leaves(shard, &copy->object, &left);
    copy->is_flushed = left.value_count != copy->object.value_count;
    if (!is_left) {
        *copy = (struct copy){.stored = copy->stored, .is_flushed = true};
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
        replica_discard(shard, partition, key);
        status = STORAGE_ABSENT;
    }
    if (status == STORAGE_FOUND &&
        (!copy_open(family, bytes, &copy) || !object_decode(copy.record.object_bytes, &shard->scratch, &copy.object))) {
        status = STORAGE_ERROR;
    }
    copy.stored = copy.record.object_bytes;
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
    reaper_look_again(shard, partition);
    storage->raise_doubt(storage->self);
}

void replica_write_again(struct shard *shard, struct partition partition) {
    struct storage *storage = &shard->options.storage;
    storage->write_again(storage->self, STORAGE_OBJECTS, partition);
    flush_sweep_again(shard);
}

void replica_discard(struct shard *shard, struct partition partition, struct view key) {
    struct storage *storage = &shard->options.storage;
    enum storage_family family = replica_family(shard, partition);
    shard->replica.damaged++;
    shard_trace(shard, &(struct trace_record){.kind = TRACE_DAMAGED, .key = key, .peer = shard->self});
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

struct digest replica_digest(struct shard *shard, struct view object_bytes) {
    enum { DIGEST_WHOLE_BYTES = 2048 };
    struct object object;
    if (object_bytes.size <= DIGEST_WHOLE_BYTES || !object_decode(object_bytes, &shard->scratch, &object)) {
        return hash128(object_bytes);
    }
    struct value *values = ARENA_ARRAY(&shard->scratch, struct value, object.value_count);
    for (uint32_t index = 0; index < object.value_count; index++) {
        values[index] = object.values[index];
        values[index].bytes = (struct view){0};
    }
    object.values = values;
    struct buffer without_bytes;
    buffer_init(&without_bytes);
    object_encode(&without_bytes, &object);
    struct digest digest = hash128(buffer_view(&without_bytes));
    buffer_release(&without_bytes);
    return digest;
}

bool replica_is_informed(const struct shard *shard, const struct keyspace *keyspace, struct partition partition) {
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
    uint32_t count = is_in_doubt ? shard->trees.owned - exchange_met_count(shard) : 0;
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

static enum storage_status replica_store(struct shard *shard, struct partition partition, struct view key,
                                         const struct copy *copy, const struct object *object,
                                         enum durability durability, struct waiting_write *waiting) {
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
    struct digest before = trees_entry(shard, key, tree_bytes);
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
        trees_changed(shard, partition, key, before, trees_entry(shard, key, written_object(shard)));
    }
    return status;
}

static enum durability durability_of_key(const struct shard *shard, struct view key) {
    return keyspace_of_key(shard->options.keyspaces, key)->durability;
}

static struct waiting_write *waiting_write_new(struct shard *shard, uint64_t request) {
    struct waiting_write *waiting = pool_take(&shard->replica.write_pool);
    waiting->request = request;
    return waiting;
}

static void waiting_write_free(struct shard *shard, struct waiting_write *waiting) {
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
        replica_store(shard, partition, key, copy, object, durability_of_key(shard, key), waiting);
    if (waiting != NULL && status != STORAGE_PENDING) {
        waiting_write_free(shard, waiting);
    }
    return status;
}

static void trace_stored(struct shard *shard, struct view key, const struct object *object) {
    if (shard_traces_keys(shard)) {
        shard_trace(shard, &(struct trace_record){.kind = TRACE_STORED, .key = key, .object = object});
    }
}

/* The object after merging, or false when the copy has everything already. The caller asks whether it
 * context_fits(). */
static bool merged_object(struct shard *shard, struct view key, const struct copy *copy, const struct object *incoming,
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
    if (!merged_object(shard, key, &copy, object, &merged)) {
        return STORAGE_FOUND;
    }
    bool is_hint = replica_family(shard, partition) == STORAGE_HINTS;
    if (!context_fits(&merged.context) || (is_hint && !hint_owners_add(&copy.hint_for, hint_for))) {
        return STORAGE_ERROR;
    }
    shard->replica.merges++;
    trace_stored(shard, key, &merged);
    status = replica_store(shard, partition, key, &copy, &merged, durability_of_key(shard, key), NULL);
    return status == STORAGE_ERROR ? STORAGE_ERROR : STORAGE_FOUND;
}

/* ---- parking ---- */

static struct parked *park(struct shard *shard, enum parked_kind kind, struct view key) {
    struct replica *replica = &shard->replica;
    struct parked *parked = pool_take(&replica->parked_pool);
    parked->kind = kind;
    parked->key = blob_copy(&shard->blobs, key);
    map_insert(&replica->parked, &parked->node, hash64(key, 0));
    return parked;
}

void replica_park_request(struct shard *shard, struct view key, uint64_t request) {
    park(shard, PARKED_REQUEST, key)->request = request;
}

static struct parked *park_message(struct shard *shard, enum parked_kind kind, struct view key,
                                   const struct source *source, struct view body) {
    struct parked *parked = park(shard, kind, key);
    parked->source = *source;
    parked->body = blob_copy(&shard->blobs, body);
    return parked;
}

/* All that wait for the key, out of the table. The table tells of equal hashes from the latest to the first, so this
 * takes one pass however many wait for a hot key after a restart. */
static void unpark(struct shard *shard, struct view key, struct list *ret_ready) {
    struct map_node *next;
    list_init(ret_ready);
    for (struct map_node *node = map_first(&shard->replica.parked, hash64(key, 0)); node != NULL; node = next) {
        struct parked *parked = CONTAINER_OF(node, struct parked, node);
        next = map_next(node);
        if (view_equal(blob_view(&parked->key), key)) {
            map_remove(&shard->replica.parked, node);
            list_push_front(ret_ready, &parked->ready);
        }
    }
}

void replica_park_delivery(struct shard *shard, struct view key, uint64_t delivery) {
    park(shard, PARKED_DELIVERY, key)->request = delivery;
}

void replica_park_answer(struct shard *shard, struct view key, const struct source *source, struct view body) {
    park_message(shard, PARKED_ANSWER, key, source, body);
}

void replica_park_proof(struct shard *shard, struct view key, const struct source *source, uint8_t kind,
                        struct view body) {
    park_message(shard, PARKED_PROOF, key, source, body)->message = kind;
}

void replica_on_storage_read(struct shard *shard, struct partition partition, struct view key) {
    (void)partition;
    struct list ready;
    struct list_node *node;
    unpark(shard, key, &ready);
    while ((node = list_take_first(&ready)) != NULL) {
        struct parked *parked = CONTAINER_OF(node, struct parked, ready);
        switch (parked->kind) {
        case PARKED_REQUEST:
            request_resume(shard, parked->request);
            break;
        case PARKED_PUT:
            replica_on_put(shard, &parked->source, blob_view(&parked->body));
            break;
        case PARKED_READ:
            replica_on_read(shard, &parked->source, blob_view(&parked->body));
            break;
        case PARKED_ANSWER:
            coordinator_on_read_answer(shard, &parked->source, blob_view(&parked->body));
            break;
        case PARKED_DELIVERY:
            hints_resume(shard, parked->request);
            break;
        case PARKED_PROOF:
            reaper_receive(shard, &parked->source, parked->message, blob_view(&parked->body));
            break;
        }
        blob_give(&shard->blobs, &parked->key);
        blob_give(&shard->blobs, &parked->body);
        pool_give(&shard->replica.parked_pool, parked);
    }
    unpark(shard, key, &ready);
    ENSURE(list_empty(&ready)); /* storage answers at once during this step, so nothing parked again */
}

/* ---- others' puts ---- */

static void answer_put(struct shard *shard, const struct source *source, uint64_t request, enum answer_status status,
                       bool informed, struct view kept) {
    if (request == 0) {
        return; /* a repair: nobody waits for it */
    }
    struct buffer *output = source_output(shard, source, kept.size);
    if (output != NULL) {
        struct message_put_answer answer = {.request = request, .status = status, .informed = informed, .kept = kept};
        message_encode_put_answer(output, &answer);
    }
}

static bool placement_holds(const struct shard *shard, struct view key, struct partition partition, uint64_t mark) {
    return partition.value < ring_partition_count(shard->ring) &&
           ring_partition_of_key(shard->ring, key).value == partition.value &&
           shard_of_partition(shard, partition) == shard->options.shard_index &&
           mark == ring_placement_mark(shard->ring, partition);
}

/* A fallback takes what stands in for one of the owners, an owner everything else. */
static bool role_holds(const struct shard *shard, const struct message_put *put) {
    bool is_owner = ring_is_owner(shard->ring, put->partition, shard->self);
    struct member_index owner;
    if ((put->flags & PUT_HINT) == 0) {
        return is_owner;
    }
    return !is_owner && ring_find_member(shard->ring, put->hint_for, &owner) &&
           ring_is_owner(shard->ring, put->partition, owner);
}

/* A later write than what came is here already, and covers all of it. Under `lww` an event may be missing because a
 * concurrent one won. */
static bool is_superseded(const struct object *held, const struct object *incoming, enum conflict_rule rule) {
    if (rule == CONFLICT_LWW) {
        return false;
    }
    for (uint32_t index = 0; index < incoming->value_count; index++) {
        struct dot dot = incoming->values[index].dot;
        if (!context_contains(&held->context, dot) || object_find(held, dot) != NULL) {
            return false;
        }
    }
    return true;
}

/* "A replica that keeps a value which the put does not cover answers with its whole context": see ARCHITECTURE.md. Not
 * when that value followed the put: named, it would be replaced by the put's second stamp. */
static struct view kept_context(struct shard *shard, struct view key, const struct object *held,
                                const struct object *merged, const struct object *incoming) {
    enum conflict_rule rule = keyspace_of_key(shard->options.keyspaces, key)->conflict;
    if (object_uncovered_count(merged, &incoming->context) == 0 || is_superseded(held, incoming, rule)) {
        return (struct view){0};
    }
    struct context whole = merged->context;
    whole.greatest = object_greatest_time(merged);
    buffer_clear(&shard->encoded);
    context_encode(&shard->encoded, &whole);
    return arena_copy(&shard->scratch, buffer_view(&shard->encoded));
}

static bool put_is_acceptable(struct shard *shard, const struct message_put *put, struct object *ret_object) {
    fence_hear_label(shard, put->fence);
    return placement_holds(shard, put->key, put->partition, put->placement_mark) && role_holds(shard, put) &&
           !fence_refuses(shard, put->fence, (put->flags & PUT_HINT) != 0) &&
           object_decode(put->object, &shard->scratch, ret_object) && !object_is_absent(ret_object) &&
           object_hashes_hold(ret_object);
}

/* All of it was flushed since: as good as stored. */
static bool is_flushed_away(struct shard *shard, struct object *object) {
    struct object incoming = *object;
    return !MUTANT(FLUSH_TAKES_OLD) && !flush_leaves(shard, &incoming, object);
}

/* The planted bug of sending the put instead of the stamped object: this replica makes a dot of its own for it. */
static struct object stamp_here(struct shard *shard, const struct copy *copy, const struct object *incoming) {
    const struct value *value = object_latest(incoming);
    struct stamp stamp = {.dot = {rng_next(&shard->rng) | 1, 1}, .time = value->time, .mark = incoming->mark};
    struct value again = *value;
    return object_put(&copy->object, &copy->object.context, &stamp, &again, CONFLICT_SIBLINGS, &shard->scratch);
}

/* A hint keeps the label that it came under; what an owner holds has none. */
static uint64_t mark_of(const struct message_put *put) {
    return (put->flags & PUT_HINT) != 0 ? put->fence : FENCE_FIRST;
}

static enum durability put_durability(const struct shard *shard, const struct message_put *put) {
    bool must_last = (put->flags & PUT_HANDOFF) != 0 && !MUTANT(HANDOFF_UNSYNCED);
    return must_last ? DURABILITY_SYNC : durability_of_key(shard, put->key);
}

static size_t value_bytes(const struct object *object) {
    size_t bytes = 0;
    for (uint32_t index = 0; index < object->value_count; index++) {
        bytes += object->values[index].bytes.size;
    }
    return bytes;
}

/* As a message, on its way home: siblings of two coordinators that were parted may come to more. */
static bool hint_can_travel(const struct object *merged) {
    enum { ROOM_FOR_THE_REST = 4 * 1024 * 1024 };
    return value_bytes(merged) <= LIMIT_MESSAGE_BYTES - ROOM_FOR_THE_REST;
}

/* A fallback without room says so before anything is done, and the next one is tried. */
static bool put_fits(struct shard *shard, const struct message_put *put, struct copy *copy, const struct object *merged,
                     bool *changes) {
    if ((put->flags & PUT_HINT) == 0) {
        return true;
    }
    uint32_t before = copy->hint_for.count;
    bool fits = hint_can_travel(merged) && hints_have_room(shard) && hint_owners_add(&copy->hint_for, put->hint_for);
    *changes = *changes || copy->hint_for.count > before;
    return fits;
}

/* Another owner repairs what memory has here: then it is the disk that lacks it, and the tree, built from the disk. Or
 * that owner only has something older, and is to get ours: for that the tree must stand for some rounds in between. */
static void refresh_disk(struct shard *shard, struct partition partition) {
    enum { REFRESH_ROUNDS = 3 };
    uint64_t *refreshed = &shard->replica.refreshed[partition.value];
    if (*refreshed != 0 && shard->exchange.rounds < *refreshed + REFRESH_ROUNDS) {
        return;
    }
    *refreshed = shard->exchange.rounds;
    replica_write_again(shard, partition);
    trees_doubt(shard, partition);
}

static void put_store(struct shard *shard, const struct source *source, const struct message_put *put,
                      struct copy *copy, const struct object *incoming) {
    struct storage *storage = &shard->options.storage;
    struct object merged;
    if (MUTANT(HINT_DROPPED) && (put->flags & PUT_HINT) != 0) {
        answer_put(shard, source, put->request, ANSWER_STORED, false, (struct view){0});
        return;
    }
    bool changes = merged_object(shard, put->key, copy, incoming, &merged);
    if (MUTANT(REPAIR_OVERWRITES) && (put->flags & PUT_REPAIR) != 0) {
        merged = *incoming;
    }
    /* What a hint brings home is taken in any case, or no fence would pass. */
    bool grows = (put->flags & PUT_HANDOFF) == 0 && value_bytes(&merged) > value_bytes(&copy->object);
    if ((grows && !load_takes_put(shard)) || !put_fits(shard, put, copy, &merged, &changes) ||
        !context_fits(&merged.context)) {
        shard->replica.refusals++;
        answer_put(shard, source, put->request, ANSWER_FAILED, false, (struct view){0});
        return;
    }
    bool wants_answer = (put->flags & PUT_REPAIR) == 0;
    struct view kept = {0};
    if (wants_answer && (put->flags & PUT_NAME_KEPT) != 0) {
        kept = kept_context(shard, put->key, &copy->object, &merged, incoming);
    }
    const struct keyspace *keyspace = keyspace_of_key(shard->options.keyspaces, put->key);
    bool informed = (put->flags & PUT_HINT) == 0 && replica_is_informed(shard, keyspace, put->partition);
    struct waiting_write *waiting = NULL;
    if (wants_answer) {
        waiting = waiting_write_new(shard, put->request);
        waiting->source = *source;
        waiting->informed = informed;
        waiting->kept = blob_copy(&shard->blobs, kept);
    }
    enum storage_status status;
    if (!changes && (put->flags & PUT_REPAIR) != 0 && shard->replica.is_lost[put->partition.value]) {
        refresh_disk(shard, put->partition);
    }
    if (changes) {
        trace_stored(shard, put->key, &merged);
        status = replica_store(shard, put->partition, put->key, copy, &merged, put_durability(shard, put), waiting);
    } else {
        status = storage->barrier(storage->self, put_durability(shard, put), (uint64_t)(uintptr_t)waiting);
    }
    if (waiting != NULL && (status != STORAGE_PENDING || MUTANT(ACK_BEFORE_DURABLE))) {
        answer_put(shard, source, put->request, status == STORAGE_ERROR ? ANSWER_FAILED : ANSWER_STORED, informed,
                   kept);
    }
    if (waiting != NULL && status != STORAGE_PENDING) {
        waiting_write_free(shard, waiting);
    }
}

void replica_on_put(struct shard *shard, const struct source *source, struct view body) {
    struct message_put put;
    struct object incoming;
    struct copy copy;
    if (!message_decode_put(body, &put)) {
        shard->replica.refusals++;
        return;
    }
    if (!put_is_acceptable(shard, &put, &incoming)) {
        shard->replica.refusals++;
        answer_put(shard, source, put.request, ANSWER_REFUSED, false, (struct view){0});
        return;
    }
    if (MUTANT(REFUSE_FAR_TIME) && hybrid_time_wall(incoming.context.greatest).ms > shard_wall(shard).ms + 20) {
        answer_put(shard, source, put.request, ANSWER_STORED, false, (struct view){0});
        return;
    }
    if (is_flushed_away(shard, &incoming)) {
        answer_put(shard, source, put.request, ANSWER_STORED, false, (struct view){0});
        return;
    }
    incoming.mark = mark_of(&put);
    clock_observe(&shard->clock, shard_wall(shard), incoming.context.greatest);
    switch (replica_load(shard, put.partition, put.key, &copy)) {
    case STORAGE_PENDING:
        park_message(shard, PARKED_PUT, put.key, source, body);
        return;
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        answer_put(shard, source, put.request, ANSWER_FAILED, false, (struct view){0});
        return;
    case STORAGE_FOUND:
    case STORAGE_ABSENT:
        break;
    }
    shard->replica.puts++;
    if (MUTANT(FORWARD_UNSTAMPED) && (put.flags & PUT_REPAIR) == 0) {
        incoming = stamp_here(shard, &copy, &incoming);
    }
    put_store(shard, source, &put, &copy, &incoming);
}

static void answer_proof(struct shard *shard, const struct source *source, struct view answer,
                         enum storage_status status) {
    struct buffer *output = status == STORAGE_FOUND ? source_output(shard, source, answer.size) : NULL;
    if (output != NULL) {
        buffer_append_view(output, answer);
    }
}

void replica_answer_durably(struct shard *shard, const struct source *source, struct view answer) {
    struct storage *storage = &shard->options.storage;
    struct waiting_write *waiting = waiting_write_new(shard, 0);
    waiting->is_proof = true;
    waiting->source = *source;
    waiting->kept = blob_copy(&shard->blobs, answer);
    enum storage_status status = storage->barrier(storage->self, DURABILITY_SYNC, (uint64_t)(uintptr_t)waiting);
    if (status != STORAGE_PENDING) {
        answer_proof(shard, source, answer, status);
        waiting_write_free(shard, waiting);
    }
}

bool replica_reap(struct shard *shard, struct partition partition, struct view key, const struct copy *copy) {
    struct storage *storage = &shard->options.storage;
    struct digest before = trees_entry(shard, key, copy->stored);
    if (shard_traces_keys(shard)) {
        shard_trace(shard, &(struct trace_record){.kind = TRACE_REAPED, .key = key, .object = &copy->object});
    }
    enum storage_status status =
        storage->remove(storage->self, STORAGE_OBJECTS, partition, key, durability_of_key(shard, key), 0);
    if (status != STORAGE_ERROR) {
        trees_changed(shard, partition, key, before, (struct digest){0, 0});
    }
    return status != STORAGE_ERROR;
}

bool replica_drop_flushed(struct shard *shard, struct partition partition, struct view key, struct view record) {
    struct storage *storage = &shard->options.storage;
    enum storage_family family = replica_family(shard, partition);
    struct copy copy = {0};
    if (!copy_open(family, record, &copy) || !object_decode(copy.record.object_bytes, &shard->scratch, &copy.object)) {
        return true; /* of another build, or damaged: the scrub sees to it */
    }
    copy.stored = copy.record.object_bytes;
    if (copy_is_left(shard, &copy)) {
        return !copy.is_flushed || replica_write(shard, partition, key, &copy, &copy.object, 0, 0) != STORAGE_ERROR;
    }
    struct digest before = trees_entry(shard, key, copy.stored);
    if (storage->remove(storage->self, family, partition, key, DURABILITY_INTERVAL, 0) == STORAGE_ERROR) {
        return false;
    }
    shard->flush.dropped++;
    if (family == STORAGE_HINTS) {
        hints_dropped(shard, partition);
    } else {
        trees_changed(shard, partition, key, before, (struct digest){0, 0});
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

void replica_on_storage_written(struct shard *shard, uint64_t token, enum storage_status status) {
    struct waiting_write *waiting = (struct waiting_write *)(uintptr_t)token;
    shard->has_failed_store = shard->has_failed_store || status == STORAGE_ERROR; /* it takes nothing any more */
    if (waiting->is_proof) {
        answer_proof(shard, &waiting->source, blob_view(&waiting->kept), status);
    } else if (waiting->is_own) {
        request_stored(shard, waiting->request, waiting->round, status == STORAGE_FOUND);
    } else if (!MUTANT(ACK_BEFORE_DURABLE)) {
        answer_put(shard, &waiting->source, waiting->request, status == STORAGE_FOUND ? ANSWER_STORED : ANSWER_FAILED,
                   waiting->informed, blob_view(&waiting->kept));
    }
    waiting_write_free(shard, waiting);
}

/* ---- others' reads ---- */

static void answer_read(struct shard *shard, const struct source *source, const struct message_read_answer *answer) {
    struct buffer *output = source_output(shard, source, answer->object.size);
    if (output != NULL) {
        message_encode_read_answer(output, answer);
    }
}

/* The encoded object as it lies there, undecoded unless a flush may have taken some of it. */
static enum storage_status load_encoded(struct shard *shard, struct partition partition, struct view key,
                                        struct view *ret_object) {
    struct storage *storage = &shard->options.storage;
    enum storage_family family = replica_family(shard, partition);
    struct view bytes;
    struct copy copy = {0};
    enum storage_status status;
    if (flush_is_under_way(&shard->flush)) {
        status = replica_load(shard, partition, key, &copy);
    } else {
        status = storage->read(storage->self, family, partition, key, &bytes);
        if (status == STORAGE_DAMAGED && !MUTANT(ERROR_IS_ABSENCE)) {
            replica_discard(shard, partition, key);
        }
        if (status == STORAGE_FOUND && !copy_open(family, bytes, &copy)) {
            status = STORAGE_ERROR;
        }
        if (status == STORAGE_FOUND && !flush_leaves_bytes(shard, copy.record.object_bytes)) {
            status = STORAGE_ABSENT;
        }
    }
    *ret_object = copy.record.object_bytes;
    return status;
}

void replica_on_read(struct shard *shard, const struct source *source, struct view body) {
    struct message_read read;
    if (!message_decode_read(body, &read)) {
        shard->replica.refusals++;
        return;
    }
    struct message_read_answer answer = {.request = read.request};
    if (!placement_holds(shard, read.key, read.partition, read.placement_mark)) {
        shard->replica.refusals++;
        answer.status = ANSWER_REFUSED;
        answer_read(shard, source, &answer);
        return;
    }
    struct view object = {0};
    enum storage_status status = load_encoded(shard, read.partition, read.key, &object);
    if (status == STORAGE_PENDING) {
        park_message(shard, PARKED_READ, read.key, source, body);
        return;
    }
    shard->replica.reads++;
    answer.informed = replica_family(shard, read.partition) == STORAGE_OBJECTS &&
                      replica_is_informed(shard, keyspace_of_key(shard->options.keyspaces, read.key), read.partition);
    answer.status = ANSWER_FAILED;
    bool is_unreadable = status == STORAGE_ERROR || status == STORAGE_DAMAGED;
    if (status == STORAGE_ABSENT || (is_unreadable && MUTANT(ERROR_IS_ABSENCE))) {
        answer.status = ANSWER_ABSENT;
    } else if (status == STORAGE_FOUND) {
        answer.fence = fence_label(shard, read.partition, object_bytes_mark(object));
        bool is_same = read.has_digest && digest_equal(read.digest, replica_digest(shard, object));
        answer.status = is_same ? ANSWER_SAME : ANSWER_OBJECT;
        answer.object = is_same ? (struct view){0} : object;
    }
    answer_read(shard, source, &answer);
}
