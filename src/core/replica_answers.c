/* What other coordinators ask of this replica: puts, reads, proofs; and the answers owed to them when a write is as
 * durable as asked (core/replica.h). */
#include "base/mutant.h"
#include "core/hints.h"
#include "core/replica.h"
#include "core/shard_state.h"

/* ---- others' puts ---- */

static void answer_put(struct shard *shard, const struct source *source, uint64_t request, enum answer_status status,
                       bool informed, struct view kept) {
    if (request == 0) {
        return; /* a repair: nobody waits for it */
    }
    if (source->lane == NULL) {
        hints_on_absorbed(shard, request, status);
        return;
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
           mark <= ring_placement_mark(shard->ring, partition);
}

/* A fallback takes what stands in for one of the owners, a holder everything. A former owner takes what is counted on
 * it by requests of an earlier version, as long as there may be any; it is no place to bring anything to. */
static bool role_holds(const struct shard *shard, const struct message_put *put) {
    const uint8_t brought = PUT_HINT | PUT_HANDOFF | PUT_REPAIR;
    struct member_index owner;
    switch (replica_role(shard, put->partition)) {
    case ROLE_HOLDER:
        return (put->flags & PUT_HINT) == 0;
    case ROLE_FORMER:
        return (put->flags & brought) == 0 && !farewell_has_begun(shard);
    case ROLE_FALLBACK:
        return (put->flags & PUT_HINT) != 0 && !ring_is_leaving(shard->ring, shard->self) &&
               ring_find_member(shard->ring, put->hint_for, &owner) &&
               (ring_is_holder(shard->ring, put->partition, owner) ||
                put->placement_mark < ring_placement_mark(shard->ring, put->partition));
    case ROLE_NONE:
        break;
    }
    return false;
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
    struct context whole = object_past(merged, &shard->scratch);
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
           object_is_whole(ret_object);
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
    return must_last ? DURABILITY_SYNC : replica_durability(shard, put->key);
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
    bool changes = replica_merged(shard, put->key, copy, incoming, &merged);
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
        replica_trace_stored(shard, put->key, &merged);
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
    if (!message_decode_put(body, &put)) {
        shard->replica.refusals++;
        return;
    }
    if ((put.flags & (PUT_REPAIR | PUT_HANDOFF)) == 0) {
        load_asked(shard);
    }
    replica_put(shard, source, &put);
}

void replica_put(struct shard *shard, const struct source *source, const struct message_put *sent) {
    struct message_put put = *sent;
    struct object incoming;
    struct copy copy;
    bool is_here = put.partition.value < ring_partition_count(shard->ring);
    if (is_here && replica_role(shard, put.partition) == ROLE_HOLDER &&
        put.placement_mark < ring_placement_mark(shard->ring, put.partition)) {
        put.flags &= (uint8_t)~PUT_HINT; /* it was a fallback when that was sent, and is an owner now */
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
        replica_park_put(shard, source, sent);
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
            replica_discard(shard, family, partition, key);
        }
        if (status == STORAGE_FOUND && !replica_copy_open(family, bytes, &copy)) {
            status = STORAGE_ERROR;
        }
        if (status == STORAGE_FOUND && !flush_leaves_bytes(shard, copy.record.object_bytes)) {
            status = STORAGE_ABSENT;
        }
    }
    *ret_object = copy.record.object_bytes;
    return status;
}

/* What is here, or its outline where that is large: the asker may have the values. */
static void answer_with_object(struct shard *shard, const struct message_read *read, struct view object_bytes,
                               struct message_read_answer *answer) {
    struct view compared = replica_compared(shard, object_bytes);
    if (read->has_digest && digest_equal(read->digest, hash128(compared))) {
        answer->status = ANSWER_SAME;
        return;
    }
    bool is_whole = read->wants_whole || compared.data == object_bytes.data;
    answer->status = is_whole ? ANSWER_OBJECT : ANSWER_OUTLINE;
    answer->object = is_whole ? object_bytes : compared;
}

/* A former owner answers those who go by an earlier version, and think that it is one; an owner to come answers nobody.
 * As fallbacks they would have what was once written, and not what was since. */
static bool may_be_read(const struct shard *shard, const struct message_read *read) {
    bool is_earlier = read->placement_mark < ring_placement_mark(shard->ring, read->partition);
    if (replica_role(shard, read->partition) == ROLE_FORMER) {
        return is_earlier && !farewell_has_begun(shard);
    }
    return !replica_is_filling(shard, read->partition);
}

void replica_on_read(struct shard *shard, const struct source *source, struct view body) {
    struct message_read read;
    if (!message_decode_read(body, &read)) {
        shard->replica.refusals++;
        return;
    }
    load_asked(shard);
    struct message_read_answer answer = {.request = read.request};
    if (!placement_holds(shard, read.key, read.partition, read.placement_mark) || !may_be_read(shard, &read)) {
        shard->replica.refusals++;
        answer.status = ANSWER_REFUSED;
        answer_read(shard, source, &answer);
        return;
    }
    struct view object = {0};
    enum storage_status status = load_encoded(shard, read.partition, read.key, &object);
    if (status == STORAGE_PENDING) {
        replica_park_read(shard, read.key, source, body);
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
        answer_with_object(shard, &read, object, &answer);
    }
    answer_read(shard, source, &answer);
}
