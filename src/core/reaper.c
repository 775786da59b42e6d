#include "core/reaper.h"

#include "base/mutant.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"
#include "wire/fence_message.h"

enum candidate_state { CANDIDATE_PROVING, CANDIDATE_PROVEN, CANDIDATE_CONFIRMING };

struct candidate {
    struct map_node node;
    struct list_node waiting;
    struct blob key;
    struct partition partition;
    enum proof_aim aim;
    struct digest what;
    enum candidate_state state;
    uint8_t owners;                   /* bit i: the i-th has proved, or, CONFIRMING, has confirmed */
    uint64_t grounds[LIMIT_REPLICAS]; /* of the owners' proofs */
    uint64_t attempt;
    uint64_t number; /* PROVING: the greatest fence that a prover had heard of; PROVEN: the one that must pass */
    struct hybrid_time time; /* REAPS: the greatest of the object */
    struct instant since;
};

enum {
    RUN_TAGS = 1 << 16,
    DUE_UNSEEN = 1, /* at once: the partition has not been looked through since the start, or since it changed unseen */
    ENTRIES_AT_ONCE = 64, /* of one vector, to be pruned: the next pass takes the rest */
};

/* Every member can be asked, and nobody holds what he is not to hold: what he has might come back. */
static bool may_reap(const struct shard *shard) {
    return shard_all_are_reachable(shard) && moves_are_over(shard);
}

static bool is_first_owner(const struct shard *shard, uint32_t index) {
    struct partition partition = {(uint16_t)index};
    return shard_of_partition(shard, partition) == shard->options.shard_index &&
           member_index_equal(ring_preference(shard->ring, partition)[0], shard->self);
}

void reaper_init(struct shard *shard) {
    struct reaper *reaper = &shard->reaper;
    uint32_t partitions = ring_partition_count(shard->ring);
    map_init(&reaper->candidates, 64);
    list_init(&reaper->waiting);
    pool_init(&reaper->candidate_pool, sizeof(struct candidate), 64);
    reaper->due_ms = ARENA_ARRAY(&shard->permanent, uint64_t, partitions);
    reaper->oldest_ms = ARENA_ARRAY(&shard->permanent, uint64_t, partitions);
    memset(reaper->oldest_ms, 0, sizeof(*reaper->oldest_ms) * partitions);
    reaper->runs = ARENA_ARRAY(&shard->permanent, uint64_t, RUN_TAGS / 64);
    reaper_runs_changed(shard);
}

void reaper_release(struct shard *shard) {
    map_release(&shard->reaper.candidates);
    pool_release(&shard->reaper.candidate_pool);
}

static uint64_t sooner_ms(uint64_t a, uint64_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* ---- what may go ---- */

/* 0: of a member that was not met yet; nothing is looked for before all are in reach. */
static void add_run(struct reaper *reaper, uint64_t run) {
    uint16_t tag = lanes_run_tag(run);
    reaper->runs[tag / 64] |= run == 0 ? 0 : UINT64_C(1) << (tag % 64);
}

void reaper_runs_changed(struct shard *shard) {
    struct reaper *reaper = &shard->reaper;
    memset(reaper->runs, 0, RUN_TAGS / 8);
    add_run(reaper, shard->options.run);
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        bool is_present = ring_is_present(shard->ring, (struct member_index){index});
        add_run(reaper, is_present ? shard->peers[index].run : 0); /* who has left issues nothing any more */
    }
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        reaper_look_again(shard, (struct partition){(uint16_t)index});
    }
}

/* Probably: its run is none of the present ones. */
static bool actor_has_ended(const struct reaper *reaper, uint64_t actor) {
    uint16_t tag = actor_run_tag(actor);
    return (reaper->runs[tag / 64] >> (tag % 64) & 1) == 0;
}

/* The next entry, from that place on, that is to be pruned; the count of entries when there is none. */
static uint32_t next_prunable(const struct shard *shard, const struct object *object, uint32_t from) {
    uint32_t place = from;
    while (place < object->context.vector_count &&
           !(actor_has_ended(&shard->reaper, object->context.vector[place].actor) &&
             object_may_prune(object, object->context.vector[place]))) {
        place++;
    }
    return place;
}

/* When all that the object holds is deleted or surely expired; 0: never, by itself. */
static uint64_t reapable_ms(const struct object *object) {
    uint64_t at_ms = object->value_count > 0 ? 1 : 0;
    for (uint32_t index = 0; at_ms != 0 && index < object->value_count; index++) {
        const struct value *value = &object->values[index];
        if (value->type == VALUE_TOMBSTONE) {
            continue;
        }
        uint64_t value_ms = value->expiry.at.ms == 0 ? 0 : value->expiry.at.ms + REAPER_MARGIN_MS;
        at_ms = value_ms == 0 || value_ms > at_ms ? value_ms : at_ms;
    }
    return at_ms;
}

static uint64_t now_ms(const struct shard *shard) {
    return shard_now(shard).ns / NS_PER_MS;
}

/* When a partition with that object in it is to be looked through next, monotonic; 0: never for its sake. */
static uint64_t due_ms_for(const struct shard *shard, const struct object *object) {
    uint64_t at_ms = reapable_ms(object);
    uint64_t wall_ms = shard_wall(shard).ms;
    uint64_t wait_ms = at_ms > wall_ms ? at_ms - wall_ms : 0;
    if (at_ms == 1) {
        return now_ms(shard) + REAPER_TOMBSTONES_MS;
    }
    if (next_prunable(shard, object, 0) < object->context.vector_count) {
        return now_ms(shard) + shard->options.prune_pause_ms;
    }
    return at_ms == 0 ? 0 : now_ms(shard) + (wait_ms > REAPER_EXPIRED_MS ? wait_ms : REAPER_EXPIRED_MS);
}

/* When a bare tombstone was made; 0: it is none. */
static uint64_t tombstone_ms(const struct object *object) {
    return reapable_ms(object) == 1 ? hybrid_time_wall(object_greatest_time(object)).ms : 0;
}

/* Every time of it lies behind this clock: once nobody remembers it, what is stamped here must still be later. (An
 * owner that was not told to reap would hide it, else, or under `lww` drop it.) */
static bool clock_is_beyond(const struct shard *shard, const struct object *object) {
    return object_greatest_time(object).value <= shard_time(shard).value;
}

static bool is_reapable(const struct shard *shard, const struct object *object) {
    uint64_t at_ms = reapable_ms(object);
    return at_ms != 0 && at_ms <= shard_wall(shard).ms && clock_is_beyond(shard, object);
}

void reaper_stored(struct shard *shard, struct partition partition, const struct object *object) {
    struct reaper *reaper = &shard->reaper;
    uint64_t due_ms = is_first_owner(shard, partition.value) ? due_ms_for(shard, object) : 0;
    if (due_ms == 0) {
        return;
    }
    uint64_t made_ms = tombstone_ms(object);
    reaper->due_ms[partition.value] = sooner_ms(reaper->due_ms[partition.value], due_ms);
    reaper->oldest_ms[partition.value] = sooner_ms(reaper->oldest_ms[partition.value], made_ms);
    if (partition.value == reaper->scanning) {
        reaper->found_due_ms = sooner_ms(reaper->found_due_ms, due_ms);
        reaper->found_oldest_ms = sooner_ms(reaper->found_oldest_ms, made_ms);
    }
}

void reaper_look_again(struct shard *shard, struct partition partition) {
    struct reaper *reaper = &shard->reaper;
    reaper->due_ms[partition.value] = is_first_owner(shard, partition.value) ? DUE_UNSEEN : 0;
    if (partition.value == reaper->scanning) {
        reaper->found_due_ms = reaper->due_ms[partition.value];
    }
}

/* ---- candidates ---- */

static struct candidate *candidate_find(const struct shard *shard, struct view key, enum proof_aim aim,
                                        struct digest what) {
    for (struct map_node *node = map_first(&shard->reaper.candidates, hash64(key, 0)); node != NULL;
         node = map_next(node)) {
        struct candidate *candidate = CONTAINER_OF(node, struct candidate, node);
        if (view_equal(blob_view(&candidate->key), key) && candidate->aim == aim &&
            digest_equal(candidate->what, what)) {
            return candidate;
        }
    }
    return NULL;
}

static void candidate_end(struct shard *shard, struct candidate *candidate) {
    map_remove(&shard->reaper.candidates, &candidate->node);
    list_remove(&candidate->waiting);
    blob_give(&shard->blobs, &candidate->key);
    pool_give(&shard->reaper.candidate_pool, candidate);
}

/* What this owner's knowledge of the partition stands on. */
static uint64_t ground_of(const struct shard *shard, struct partition partition) {
    uint64_t ground[3] = {shard->options.run, shard->replica.losses[partition.value], ring_version(shard->ring)};
    return hash64(view_of(ground, sizeof(ground)), 0);
}

/* False when it confirms on another ground than it proved on. */
static bool add_owner(const struct shard *shard, struct candidate *candidate, struct member_index owner,
                      uint64_t ground) {
    const struct member_index *list = ring_preference(shard->ring, candidate->partition);
    bool is_same = true;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        if (!member_index_equal(list[place], owner)) {
            continue;
        }
        if (candidate->state == CANDIDATE_PROVING) {
            candidate->grounds[place] = ground;
        }
        is_same = candidate->grounds[place] == ground;
        candidate->owners |= is_same ? (uint8_t)(1u << place) : 0;
    }
    return is_same;
}

static struct candidate *candidate_new(struct shard *shard, struct partition partition, struct view key,
                                       enum proof_aim aim, struct digest what) {
    struct candidate *candidate = pool_take(&shard->reaper.candidate_pool);
    *candidate = (struct candidate){
        .key = blob_copy(&shard->blobs, key),
        .partition = partition,
        .aim = aim,
        .what = what,
        .number = shard->fence.own.heard,
        .attempt = shard->next_request++,
        .since = shard_now(shard),
    };
    add_owner(shard, candidate, shard->self, ground_of(shard, partition));
    map_insert(&shard->reaper.candidates, &candidate->node, hash64(key, 0));
    list_push_back(&shard->reaper.waiting, &candidate->waiting);
    return candidate;
}

static bool is_complete(const struct shard *shard, const struct candidate *candidate) {
    const struct member_index *list = ring_preference(shard->ring, candidate->partition);
    uint8_t all = 0;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        all |= ring_is_awaited(shard->ring, list[place]) ? (uint8_t)(1u << place) : 0;
    }
    if (MUTANT(PRUNE_ALONE) && candidate->aim == PROOF_PRUNES) {
        return true;
    }
    return (candidate->owners & all) == all || (MUTANT(REAP_AT_W) && __builtin_popcount(candidate->owners) >= 2);
}

static void check_proof(struct shard *shard, struct candidate *candidate) {
    if (is_complete(shard, candidate) && candidate->state == CANDIDATE_PROVING) {
        uint64_t heard = shard->fence.own.heard;
        candidate->state = CANDIDATE_PROVEN;
        candidate->number = (candidate->number > heard ? candidate->number : heard) + FENCE_MARGIN;
        if (MUTANT(FENCE_BEFORE_PROOF)) {
            candidate->number -= FENCE_MARGIN;
        }
        shard->reaper.proofs++;
    }
}

/* ---- words ---- */

static struct message_proof head_of(const struct candidate *candidate) {
    return (struct message_proof){.partition = candidate->partition,
                                  .aim = candidate->aim,
                                  .number = candidate->number,
                                  .attempt = candidate->attempt};
}

/* A message to each other owner of the partition about one key. */
static void tell_owners(struct shard *shard, enum fence_message_kind kind, const struct candidate *candidate) {
    struct message_proof head = head_of(candidate);
    const struct member_index *list = ring_preference(shard->ring, candidate->partition);
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        struct buffer *output = member_index_equal(list[place], shard->self)
                                    ? NULL
                                    : lane_output(shard, list[place], candidate->partition, candidate->key.size);
        if (output != NULL) {
            size_t begun = message_begin_proof(output, kind, &head);
            message_add_proof(output, &(struct proof_key){blob_view(&candidate->key), candidate->what});
            message_end_proof(output, begun);
        }
    }
}

static bool is_as_meant(const struct shard *shard, enum proof_aim aim, const struct proof_key *key,
                        const struct copy *copy) {
    if (aim == PROOF_PRUNES) {
        struct dot entry = proof_entry(key->what);
        const struct local_actor *local = &copy->record.local;
        bool is_own = local->run == shard->options.run && local->actor == entry.actor;
        return !is_own && object_may_prune(&copy->object, entry);
    }
    bool is_same = digest_equal(trees_entry(shard, key->key, copy->record.object_bytes), key->what);
    return (is_same && is_reapable(shard, &copy->object)) || MUTANT(REAP_CHANGED);
}

/* The copy is there and is what is meant; PENDING when storage has to look first. */
static enum storage_status load_same(struct shard *shard, const struct message_proof *message,
                                     const struct proof_key *key, struct copy *ret_copy) {
    enum storage_status status = replica_load(shard, message->partition, key->key, ret_copy);
    if (status != STORAGE_FOUND) {
        return status;
    }
    return is_as_meant(shard, message->aim, key, ret_copy) ? STORAGE_FOUND : STORAGE_ABSENT;
}

/* Asked again for that key alone when storage has answered. */
static void park(struct shard *shard, const struct source *source, uint8_t kind, const struct message_proof *message,
                 const struct proof_key *key) {
    struct buffer body;
    buffer_init(&body);
    message_add_proof_head(&body, message);
    message_add_proof(&body, key);
    replica_park_proof(shard, key->key, source, kind, buffer_view(&body));
    buffer_release(&body);
}

static void on_prove(struct shard *shard, const struct source *source, const struct message_proof *message) {
    struct reader list = reader_of(message->list);
    struct proof_key key;
    struct buffer proven;
    uint32_t count = 0;
    buffer_init(&proven);
    fence_hear(shard, message->number);
    struct message_proof head = {
        .partition = message->partition,
        .aim = message->aim,
        .number = shard->fence.own.heard,
        .attempt = message->attempt,
        .ground = ground_of(shard, message->partition),
    };
    size_t begun = message_begin_proof(&proven, MESSAGE_PROVEN, &head);
    while (proof_next_key(&list, &key)) {
        struct copy copy;
        const struct keyspace *keyspace = keyspace_of_key(shard->options.keyspaces, key.key);
        if (!replica_is_informed(shard, keyspace, message->partition)) {
            continue; /* not worth a read */
        }
        enum storage_status status = load_same(shard, message, &key, &copy);
        bool is_informed = replica_is_informed(shard, keyspace, message->partition); /* reading may find damage */
        if (status == STORAGE_PENDING) {
            park(shard, source, MESSAGE_PROVE, message, &key);
        } else if (status == STORAGE_FOUND && is_informed) {
            message_add_proof(&proven, &key);
            count++;
        }
    }
    message_end_proof(&proven, begun);
    bool has_lost = head.ground != ground_of(shard, message->partition); /* a record of another key of the list */
    if (count > 0 && !has_lost) {
        replica_answer_durably(shard, source, buffer_view(&proven));
    }
    buffer_release(&proven);
}

static struct candidate *candidate_meant(const struct shard *shard, const struct message_proof *answer,
                                         const struct proof_key *key, enum candidate_state state) {
    struct candidate *candidate = candidate_find(shard, key->key, answer->aim, key->what);
    bool is_meant = candidate != NULL && candidate->state == state && candidate->attempt == answer->attempt;
    return is_meant ? candidate : NULL;
}

static void on_proven(struct shard *shard, struct member_index from, const struct message_proof *message) {
    struct reader list = reader_of(message->list);
    struct proof_key key;
    fence_hear(shard, message->number);
    while (proof_next_key(&list, &key)) {
        struct candidate *candidate = candidate_meant(shard, message, &key, CANDIDATE_PROVING);
        if (candidate != NULL) {
            add_owner(shard, candidate, from, message->ground);
            candidate->number = message->number > candidate->number ? message->number : candidate->number;
            check_proof(shard, candidate);
        }
    }
}

static void let_go(struct shard *shard, const struct message_proof *message, const struct proof_key *key,
                   const struct copy *copy) {
    struct reaper *reaper = &shard->reaper;
    if (message->aim == PROOF_PRUNES) {
        bool is_done = replica_prune(shard, message->partition, key->key, copy, proof_entry(key->what));
        reaper->pruned += is_done ? 1 : 0;
    } else {
        reaper->reaped += replica_reap(shard, message->partition, key->key, copy) ? 1 : 0;
    }
}

static void on_reap(struct shard *shard, const struct source *source, const struct message_proof *message) {
    struct reader list = reader_of(message->list);
    struct proof_key key;
    while (proof_next_key(&list, &key)) {
        struct copy copy;
        enum storage_status status = load_same(shard, message, &key, &copy);
        if (status == STORAGE_PENDING) {
            park(shard, source, MESSAGE_REAP, message, &key);
        } else if (status == STORAGE_FOUND) {
            let_go(shard, message, &key, &copy);
        } else {
            shard->reaper.changed++;
        }
    }
}

/* All owners confirmed: they let it go, and this one too. */
static void reap(struct shard *shard, struct candidate *candidate, const struct proof_key *key) {
    struct source self = {.shard = shard->options.shard_index};
    struct message_proof message = head_of(candidate);
    struct buffer list;
    buffer_init(&list);
    message_add_proof(&list, key);
    message.list = buffer_view(&list);
    tell_owners(shard, MESSAGE_REAP, candidate);
    candidate_end(shard, candidate);
    on_reap(shard, &self, &message);
    buffer_release(&list);
}

static void on_confirmed(struct shard *shard, struct member_index from, const struct message_proof *message) {
    struct reader list = reader_of(message->list);
    struct proof_key key;
    while (proof_next_key(&list, &key)) {
        struct candidate *candidate = candidate_meant(shard, message, &key, CANDIDATE_CONFIRMING);
        if (candidate != NULL && !add_owner(shard, candidate, from, message->ground)) {
            shard->reaper.changed++;
            candidate_end(shard, candidate); /* the next pass proves it anew */
        } else if (candidate != NULL && is_complete(shard, candidate)) {
            reap(shard, candidate, &key);
        }
    }
}

/* An owner that has lost its copy since it proved it may have taken something older in its place, while the fence had
 * not passed; or may hold nothing, and takes nothing older from now on. */
static void on_confirm(struct shard *shard, const struct source *source, const struct message_proof *message) {
    struct reader list = reader_of(message->list);
    struct proof_key key;
    struct buffer confirmed;
    buffer_init(&confirmed);
    if (!MUTANT(FENCE_BEFORE_PROOF)) {
        fence_hear_passed(shard, message->number);
    }
    while (proof_next_key(&list, &key)) {
        struct copy copy;
        enum storage_status status = load_same(shard, message, &key, &copy);
        bool is_nothing = status == STORAGE_ABSENT && object_is_absent(&copy.object);
        if (status == STORAGE_PENDING) {
            park(shard, source, MESSAGE_CONFIRM, message, &key);
        } else if (status == STORAGE_FOUND || is_nothing) {
            message_add_proof(&confirmed, &key);
        } else {
            shard->reaper.changed++;
        }
    }
    struct message_proof answer = *message;
    answer.ground = ground_of(shard, message->partition);
    answer.list = buffer_view(&confirmed);
    struct buffer *output = source->lane == NULL ? NULL : source_output(shard, source, answer.list.size);
    if (source->lane == NULL) {
        on_confirmed(shard, shard->self, &answer);
    } else if (output != NULL && answer.list.size > 0) {
        size_t begun = message_begin_proof(output, MESSAGE_CONFIRMED, &answer);
        buffer_append_view(output, answer.list);
        message_end_proof(output, begun);
    }
    buffer_release(&confirmed);
}

void reaper_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_proof message;
    if (!message_decode_proof(body, &message) || message.partition.value >= ring_partition_count(shard->ring) ||
        shard_of_partition(shard, message.partition) != shard->options.shard_index ||
        !ring_is_owner(shard->ring, message.partition, shard->self) || !moves_are_over(shard)) {
        return;
    }
    if (kind == MESSAGE_PROVE && source->lane != NULL) {
        on_prove(shard, source, &message);
    } else if (kind == MESSAGE_PROVEN && source->lane != NULL) {
        on_proven(shard, source->lane->peer->member, &message);
    } else if (kind == MESSAGE_CONFIRM) {
        on_confirm(shard, source, &message);
    } else if (kind == MESSAGE_CONFIRMED && source->lane != NULL) {
        on_confirmed(shard, source->lane->peer->member, &message);
    } else if (kind == MESSAGE_REAP) {
        on_reap(shard, source, &message);
    }
}

/* ---- the sweep ---- */

/* While a member is away nothing can be reaped: a look at each partition only tells what there is. */
static bool choose_partition(struct shard *shard) {
    struct reaper *reaper = &shard->reaper;
    uint32_t partitions = ring_partition_count(shard->ring);
    uint64_t until_ms = may_reap(shard) ? now_ms(shard) : DUE_UNSEEN;
    for (uint32_t step = 1; step <= partitions; step++) {
        uint32_t index = (reaper->scanning + step) % partitions;
        if (reaper->due_ms[index] != 0 && reaper->due_ms[index] <= until_ms) {
            reaper->scanning = index;
            reaper->next_hash = 0;
            reaper->found_due_ms = 0;
            reaper->found_oldest_ms = 0;
            reaper->is_midway = true;
            return true;
        }
    }
    return false;
}

static void scan_on(struct shard *shard) {
    struct reaper *reaper = &shard->reaper;
    struct storage *storage = &shard->options.storage;
    if (reaper->is_scanning || reaper->scans_left == 0 || reaper->candidates.size >= REAPER_CANDIDATES_MOST ||
        (!reaper->is_midway && !choose_partition(shard))) {
        return;
    }
    reaper->scans_left--;
    enum storage_status status =
        storage->scan(storage->self, STORAGE_OBJECTS, (struct partition){(uint16_t)reaper->scanning}, reaper->next_hash,
                      UINT64_MAX, shard->options.scan_records, REAPER_SCAN_BYTES, scan_token(SCAN_REAPER, 0));
    reaper->is_scanning = status == STORAGE_PENDING;
}

static void propose(struct shard *shard, struct partition partition, struct view key, enum proof_aim aim,
                    struct digest what, struct hybrid_time time) {
    if (candidate_find(shard, key, aim, what) == NULL) {
        struct candidate *candidate = candidate_new(shard, partition, key, aim, what);
        candidate->time = time;
        tell_owners(shard, MESSAGE_PROVE, candidate);
        check_proof(shard, candidate); /* an only owner has nobody to ask */
    }
}

static void take_record(struct shard *shard, struct partition partition, const struct storage_scanned *scanned) {
    struct record record;
    struct object object;
    if (scanned->status != STORAGE_FOUND || !record_decode(scanned->record, &record) ||
        !flush_leaves_bytes(shard, record.object_bytes) ||
        !object_decode(record.object_bytes, &shard->scratch, &object)) {
        return;
    }
    shard->reaper.found_due_ms = sooner_ms(shard->reaper.found_due_ms, due_ms_for(shard, &object));
    shard->reaper.found_oldest_ms = sooner_ms(shard->reaper.found_oldest_ms, tombstone_ms(&object));
    const struct keyspace *keyspace = keyspace_of_key(shard->options.keyspaces, scanned->key);
    if (!may_reap(shard) || !replica_is_informed(shard, keyspace, partition)) {
        return;
    }
    if (is_reapable(shard, &object)) {
        propose(shard, partition, scanned->key, PROOF_REAPS, trees_entry(shard, scanned->key, record.object_bytes),
                object_greatest_time(&object));
        return;
    }
    const struct context *context = &object.context;
    uint32_t place = next_prunable(shard, &object, 0);
    for (uint32_t count = 0; place < context->vector_count && count < ENTRIES_AT_ONCE; count++) {
        propose(shard, partition, scanned->key, PROOF_PRUNES, proof_of_entry(context->vector[place]),
                (struct hybrid_time){0});
        place = next_prunable(shard, &object, place + 1);
    }
}

void reaper_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                       uint32_t count, bool is_end, uint64_t next_hash) {
    struct reaper *reaper = &shard->reaper;
    struct partition partition = {(uint16_t)reaper->scanning};
    reaper->is_scanning = false;
    if (status == STORAGE_ERROR) {
        reaper->is_midway = false;
        return;
    }
    for (uint32_t index = 0; index < count; index++) {
        take_record(shard, partition, &records[index]);
    }
    reaper->next_hash = next_hash;
    if (is_end) {
        reaper->is_midway = false;
        reaper->due_ms[partition.value] = reaper->found_due_ms;
        reaper->oldest_ms[partition.value] = reaper->found_oldest_ms;
    }
    scan_on(shard);
}

/* The fence has passed: every owner, this one too, says whether it still is as it was proved. */
static void confirm(struct shard *shard, struct candidate *candidate) {
    struct buffer body;
    buffer_init(&body);
    message_add_proof(&body, &(struct proof_key){blob_view(&candidate->key), candidate->what});
    struct source source = {.shard = shard->options.shard_index};
    struct message_proof message = head_of(candidate);
    message.list = buffer_view(&body);
    candidate->state = CANDIDATE_CONFIRMING;
    candidate->owners = 0;
    candidate->since = shard_now(shard);
    tell_owners(shard, MESSAGE_CONFIRM, candidate);
    on_confirm(shard, &source, &message);
    buffer_release(&body);
}

/* What came to nothing begins anew with the next pass. */
static void settle(struct shard *shard, struct candidate *candidate) {
    bool has_passed = shard->fence.own.passed >= candidate->number || MUTANT(FENCE_BEFORE_PROOF);
    bool is_late = shard_now(shard).ns >= candidate->since.ns + REAPER_PROOF_MS * NS_PER_MS;
    if (candidate->state == CANDIDATE_PROVEN && has_passed) {
        confirm(shard, candidate);
    } else if (candidate->state != CANDIDATE_PROVEN && is_late) {
        candidate_end(shard, candidate);
    }
}

void reaper_beat(struct shard *shard) {
    struct list *waiting = &shard->reaper.waiting;
    struct list_node *next;
    uint64_t wanted = 0;
    struct hybrid_time time = {0};
    for (struct list_node *node = list_first(waiting); node != NULL; node = next) {
        next = list_next(waiting, node);
        struct candidate *candidate = CONTAINER_OF(node, struct candidate, waiting);
        uint64_t number = candidate->state == CANDIDATE_PROVEN ? candidate->number : 0;
        bool is_later = number != 0 && candidate->time.value > time.value;
        time = is_later ? candidate->time : time;
        settle(shard, candidate);
        wanted = number > shard->fence.own.passed && number > wanted ? number : wanted;
    }
    fence_want(shard, wanted, time);
    shard->reaper.scans_left = load_share(shard, REAPER_SCANS_A_BEAT);
    scan_on(shard);
}

/* ---- for those who look ---- */

uint32_t reaper_partitions_left(const struct shard *shard) {
    uint32_t count = 0;
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        count += shard->reaper.due_ms[index] != 0 ? 1 : 0;
    }
    return count;
}

uint64_t reaper_oldest_ms(const struct shard *shard) {
    uint64_t oldest_ms = 0;
    uint64_t wall_ms = shard_wall(shard).ms;
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        oldest_ms = sooner_ms(oldest_ms, shard->reaper.oldest_ms[index]);
    }
    return oldest_ms == 0 || oldest_ms > wall_ms ? 0 : wall_ms - oldest_ms;
}

uint64_t reaper_under_way_ms(const struct shard *shard) {
    struct list_node *first = list_first(&shard->reaper.waiting);
    return first == NULL ? 0
                         : (shard_now(shard).ns - CONTAINER_OF(first, struct candidate, waiting)->since.ns) / NS_PER_MS;
}
