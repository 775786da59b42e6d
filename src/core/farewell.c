#include "core/farewell.h"

#include "base/mutant.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"

_Static_assert(HASH_TREE_SEGMENTS == (int)EXCHANGE_SEGMENTS, "a tree goes into a message");

static void go_on(struct shard *shard);

void farewell_init(struct shard *shard) {
    shard->farewell.rest.kind = ALARM_FAREWELL;
    shard->farewell.under_way = ARENA_ARRAY(&shard->permanent, struct farewell_object, FAREWELL_OBJECTS_MOST);
    farewell_adopt(shard);
}

/* Owners are others now: whatever was under way begins anew. A scan that storage still owes finds nothing to do. */
void farewell_adopt(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    if (farewell->state == FAREWELL_DELETING) {
        trees_hold(shard, farewell->partition);
    }
    farewell->state = FAREWELL_IDLE;
    farewell->has_begun = false;
    farewell->until = shard_now(shard);
    timers_cancel(&shard->timers, &farewell->rest.timer);
}

bool farewell_has_begun(const struct shard *shard) {
    return shard->farewell.has_begun;
}

static void begin_anew(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    if (farewell->state == FAREWELL_DELETING) {
        trees_hold(shard, farewell->partition); /* what is left is compared once more */
    }
    farewell->state = FAREWELL_IDLE;
    farewell->until = instant_after_ms(shard_now(shard), FAREWELL_PAUSE_MS);
}

static bool next_former(const struct shard *shard, struct partition *ret_partition) {
    uint32_t partitions = ring_partition_count(shard->ring);
    for (uint32_t step = 1; step <= partitions; step++) {
        struct partition partition = {(uint16_t)((shard->farewell.partition.value + step) % partitions)};
        if (replica_role(shard, partition) == ROLE_FORMER && trees_known(shard, partition) != NULL) {
            *ret_partition = partition;
            return true;
        }
    }
    return false;
}

static bool tree_is_empty(const struct hash_tree *tree) {
    static const struct hash_tree empty;
    return memcmp(tree, &empty, sizeof(empty)) == 0;
}

static void scan(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    struct storage *storage = &shard->options.storage;
    farewell->step_began = shard_now(shard);
    if (farewell->is_scanning) {
        return; /* one of before an adoption; its answer comes first */
    }
    uint32_t most = FAREWELL_OBJECTS_MOST / LIMIT_REPLICAS;
    uint32_t records = shard->options.scan_records < most ? shard->options.scan_records : most;
    enum storage_status status = storage->scan(storage->self, STORAGE_OBJECTS, farewell->partition, farewell->next_hash,
                                               UINT64_MAX, records, FAREWELL_SCAN_BYTES, scan_token(SCAN_FAREWELL, 0));
    farewell->is_scanning = status == STORAGE_PENDING;
    farewell->until = instant_after_ms(shard_now(shard), FAREWELL_PATIENCE_MS);
}

void farewell_on_rest(struct shard *shard) {
    if (shard->farewell.state == FAREWELL_IDLE) {
        go_on(shard);
    } else {
        scan(shard);
    }
}

static void rest(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    uint64_t rest_ns = load_rest_ns(shard, LOAD_FAREWELL, shard_now(shard).ns - farewell->step_began.ns);
    farewell->until = instant_after_ns(shard_now(shard), rest_ns);
    if (rest_ns == 0) {
        farewell_on_rest(shard);
        return;
    }
    timers_schedule(&shard->timers, &farewell->rest.timer, farewell->until);
}

/* ---- deleting ---- */

/* What an owner proved, it may have lost since with its disk. */
static bool owners_are_the_same(const struct shard *shard) {
    const struct farewell *farewell = &shard->farewell;
    const struct member_index *list = ring_preference(shard->ring, farewell->partition);
    bool are_same = true;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        bool has_answered = (farewell->answered >> place & 1) != 0;
        are_same = are_same && (!has_answered || shard->peers[list[place].value].run == farewell->runs[place]);
    }
    return are_same;
}

static void begin_deleting(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    if (!owners_are_the_same(shard)) {
        begin_anew(shard);
        return;
    }
    farewell->state = FAREWELL_DELETING;
    farewell->next_hash = 0;
    trees_let_go(shard, farewell->partition); /* before the data goes that it stands for */
    scan(shard);
}

static void trace_let_go(struct shard *shard, const struct storage_scanned *scanned) {
    struct record record;
    struct object object;
    if (shard_traces_keys(shard) && scanned->status == STORAGE_FOUND && record_decode(scanned->record, &record) &&
        object_decode(record.object_bytes, &shard->scratch, &object)) {
        shard_trace(shard, &(struct trace_record){.kind = TRACE_LET_GO, .key = scanned->key, .object = &object});
    }
}

static void delete_scanned(struct shard *shard, const struct storage_scanned *records, uint32_t count) {
    struct storage *storage = &shard->options.storage;
    for (uint32_t index = 0; index < count; index++) {
        struct view key = arena_copy(&shard->scratch, records[index].key);
        trace_let_go(shard, &records[index]);
        enum storage_status status =
            storage->remove(storage->self, STORAGE_OBJECTS, shard->farewell.partition, key, DURABILITY_INTERVAL, 0);
        shard->farewell.has_failed = shard->farewell.has_failed || status == STORAGE_ERROR;
    }
}

/* ---- asking ---- */

static void ask(struct shard *shard, struct partition partition) {
    struct farewell *farewell = &shard->farewell;
    const struct member_index *list = ring_preference(shard->ring, partition);
    const struct hash_tree *tree = trees_known(shard, partition);
    farewell->partition = partition;
    farewell->attempt = shard->next_request++;
    farewell->step_began = shard_now(shard);
    farewell->state = FAREWELL_ASKING;
    farewell->until = instant_after_ms(shard_now(shard), FAREWELL_PATIENCE_MS);
    farewell->missing = 0;
    farewell->answered = 0;
    farewell->has_failed = false;
    memset(farewell->lacks, 0, sizeof(farewell->lacks));
    if (tree_is_empty(tree) || MUTANT(FAREWELL_UNPROVEN)) {
        begin_deleting(shard);
        return;
    }
    farewell->root = hash_tree_root(tree);
    struct message_farewell message = {
        .partition = partition, .version = roster_version(shard), .attempt = farewell->attempt, .root = farewell->root};
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        if (!ring_is_awaited(shard->ring, list[place])) {
            continue;
        }
        struct buffer *output = lane_output(shard, list[place], partition, sizeof(message));
        farewell->missing++;
        if (output != NULL) {
            size_t before = buffer_size(output);
            message_encode_farewell(output, &message);
            farewell->bytes += buffer_size(output) - before;
        }
    }
    if (farewell->missing == 0) {
        begin_anew(shard); /* of this partition all owners were declared dead: it holds the last copy */
    }
}

static void on_farewell(struct shard *shard, const struct source *source, const struct message_farewell *message) {
    bool is_ours = message->partition.value < ring_partition_count(shard->ring) &&
                   replica_role(shard, message->partition) == ROLE_HOLDER &&
                   ring_is_owner(shard->ring, message->partition, shard->self);
    const struct hash_tree *tree = is_ours ? trees_known(shard, message->partition) : NULL;
    if (tree == NULL || message->version != roster_version(shard)) {
        return; /* asked again by and by */
    }
    struct message_farewell_answer answer = {
        .attempt = message->attempt,
        .is_same = digest_equal(hash_tree_root(tree), message->root),
    };
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        answer.segments[segment] = tree->segments[segment].low;
    }
    buffer_clear(&shard->encoded);
    message_encode_farewell_answer(&shard->encoded, &answer);
    shard->farewell.bytes += buffer_size(&shard->encoded);
    replica_answer_durably(shard, source, buffer_view(&shard->encoded));
}

static void begin_bringing(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    bool lacks_any = false;
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        lacks_any = lacks_any || farewell->lacks[segment] != 0;
    }
    if (!lacks_any) {
        begin_deleting(shard);
        return;
    }
    farewell->state = FAREWELL_BRINGING;
    farewell->next_hash = 0;
    scan(shard);
}

/* Of what this one has, as it was when it asked. */
static void on_answer(struct shard *shard, const struct peer *peer, const struct message_farewell_answer *message) {
    struct farewell *farewell = &shard->farewell;
    struct member_index from = peer->member;
    const struct member_index *list = ring_preference(shard->ring, farewell->partition);
    if (farewell->state != FAREWELL_ASKING || message->attempt != farewell->attempt) {
        return;
    }
    const struct hash_tree *tree = trees_known(shard, farewell->partition);
    if (tree == NULL || !digest_equal(hash_tree_root(tree), farewell->root)) {
        begin_anew(shard);
        return;
    }
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        uint8_t bit = (uint8_t)(1u << place);
        if (!member_index_equal(list[place], from) || (farewell->answered & bit) != 0) {
            continue;
        }
        for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
            bool is_there = message->is_same || tree->segments[segment].low == message->segments[segment];
            farewell->lacks[segment] |= is_there ? 0 : bit;
        }
        farewell->answered |= bit;
        farewell->runs[place] = peer->run;
        farewell->missing--;
    }
    if (farewell->missing == 0) {
        begin_bringing(shard);
    }
}

void farewell_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_farewell message;
    struct message_farewell_answer answer;
    if (source->lane == NULL) {
        return;
    }
    if (kind == MESSAGE_FAREWELL && message_decode_farewell(body, &message)) {
        on_farewell(shard, source, &message);
    } else if (kind == MESSAGE_FAREWELL_ANSWER && message_decode_farewell_answer(body, &answer)) {
        on_answer(shard, source->lane->peer, &answer);
    }
}

/* ---- bringing ---- */

static void bring(struct shard *shard, struct member_index owner, struct view key, struct view object) {
    struct farewell *farewell = &shard->farewell;
    struct buffer *output = lane_output(shard, owner, farewell->partition, object.size);
    if (output == NULL || farewell->under_way_count == FAREWELL_OBJECTS_MOST) {
        farewell->has_failed = true;
        return;
    }
    uint64_t id = shard->next_request++;
    struct message_put put = {
        .request = id << 2 | HINT_WIRE_ROUND,
        .partition = farewell->partition,
        .placement_mark = ring_placement_mark(shard->ring, farewell->partition),
        .flags = PUT_HANDOFF,
        .fence = fence_label(shard, farewell->partition, FENCE_FIRST),
        .key = key,
        .object = object,
    };
    size_t before = buffer_size(output);
    message_encode_put(output, &put);
    farewell->bytes += buffer_size(output) - before;
    farewell->under_way[farewell->under_way_count++] = (struct farewell_object){.id = id, .owner = owner};
    farewell->missing++;
    farewell->brought++;
}

static void bring_scanned(struct shard *shard, const struct storage_scanned *records, uint32_t count) {
    struct farewell *farewell = &shard->farewell;
    const struct member_index *list = ring_preference(shard->ring, farewell->partition);
    farewell->under_way_count = 0;
    for (uint32_t index = 0; index < count && !farewell->has_failed; index++) {
        struct record record;
        uint8_t lacks = farewell->lacks[hash_tree_segment(records[index].hash)];
        if (lacks == 0) {
            continue;
        }
        if (records[index].status != STORAGE_FOUND || !record_decode(records[index].record, &record)) {
            continue; /* damaged: others have it, or nobody has */
        }
        for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
            if ((lacks >> place & 1) != 0) {
                bring(shard, list[place], records[index].key, record.object_bytes);
            }
        }
    }
}

static void bringing_check(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    if (farewell->is_scanning || farewell->missing > 0) {
        return;
    }
    if (farewell->has_failed) {
        begin_anew(shard);
    } else if (farewell->next_hash == UINT64_MAX) {
        begin_deleting(shard);
    } else {
        rest(shard);
    }
}

/* Each counts once, and from whom it was sent to: answers come twice, and those to a hint of before come late. */
static struct farewell_object *find_under_way(const struct farewell *farewell, uint64_t id) {
    uint32_t low = 0;
    uint32_t high = farewell->under_way_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (farewell->under_way[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < farewell->under_way_count && farewell->under_way[low].id == id;
    return is_there ? &farewell->under_way[low] : NULL;
}

void farewell_on_answer(struct shard *shard, struct member_index from, uint64_t id, enum answer_status status) {
    struct farewell *farewell = &shard->farewell;
    struct farewell_object *object = farewell->state == FAREWELL_BRINGING ? find_under_way(farewell, id) : NULL;
    if (object == NULL || object->is_stored || !member_index_equal(object->owner, from)) {
        return;
    }
    object->is_stored = true;
    farewell->missing--;
    farewell->has_failed = farewell->has_failed || status != ANSWER_STORED;
    bringing_check(shard);
}

/* ---- events ---- */

static void go_on(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    struct partition partition;
    while (farewell->has_begun && farewell->state == FAREWELL_IDLE && !farewell->is_scanning &&
           !timer_is_scheduled(&farewell->rest.timer) && shard_now(shard).ns >= farewell->until.ns &&
           farewell->asks_left > 0 && next_former(shard, &partition)) {
        farewell->asks_left--;
        ask(shard, partition);
    }
}

void farewell_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                         uint32_t count, bool is_end, uint64_t next_hash) {
    struct farewell *farewell = &shard->farewell;
    farewell->is_scanning = false;
    if (farewell->state == FAREWELL_IDLE || farewell->state == FAREWELL_ASKING) {
        return;
    }
    if (status == STORAGE_ERROR) {
        begin_anew(shard);
        return;
    }
    farewell->next_hash = is_end ? UINT64_MAX : next_hash;
    if (farewell->state == FAREWELL_BRINGING) {
        bring_scanned(shard, records, count);
        bringing_check(shard);
        return;
    }
    delete_scanned(shard, records, count);
    if (farewell->has_failed) {
        begin_anew(shard);
    } else {
        if (is_end) {
            farewell->state = FAREWELL_IDLE;
            replica_leave(shard, farewell->partition);
        }
        rest(shard);
    }
}

void farewell_beat(struct shard *shard) {
    struct farewell *farewell = &shard->farewell;
    /* One that was away while all settled has to leave all the same. */
    bool is_late = ring_phase(shard->ring) == RING_REST && shard->replica.former > 0;
    bool is_settling = ring_phase(shard->ring) == RING_SETTLING && moves_all_have_drained(shard);
    farewell->has_begun = is_settling || is_late;
    farewell->asks_left = load_share(shard, FAREWELL_ASKS_A_BEAT);
    if (farewell->state != FAREWELL_IDLE && !farewell->is_scanning && !timer_is_scheduled(&farewell->rest.timer) &&
        shard_now(shard).ns >= farewell->until.ns) {
        begin_anew(shard);
    }
    go_on(shard);
}
