#include "core/exchange.h"

#include "base/mutant.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"

enum job_kind {
    JOB_KEYS,    /* scan the range and send its keys */
    JOB_COMPARE, /* scan it and compare with the keys that came */
    JOB_REPAIR,  /* scan it and send the objects of the keys that are wanted */
};

struct exchange_job {
    struct list_node waiting;
    enum job_kind kind;
    struct member_index peer;
    struct partition partition;
    uint64_t place_from;
    uint64_t place_last;
    struct blob list; /* COMPARE, REPAIR: exchange_keys */
};

void exchange_init(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    uint32_t partitions = ring_partition_count(shard->ring);
    list_init(&exchange->jobs);
    buffer_init(&exchange->wants);
    pool_init(&exchange->job_pool, sizeof(struct exchange_job), 64);
    exchange->met = ARENA_ARRAY(&shard->permanent, struct instant, partitions);
    memset(exchange->met, 0, sizeof(*exchange->met) * partitions);
    exchange->met_with = ARENA_ARRAY(&shard->permanent, uint8_t, partitions);
    memset(exchange->met_with, 0, partitions);
    /* Soon, but not all nodes at once: a new or wiped node is believed only when it has met the others. */
    exchange->young_until = EXCHANGE_FIRST_ROUNDS;
    uint64_t soonest = shard->options.exchange_period_ms / EXCHANGE_FIRST_DIVISOR;
    uint64_t offset_ms = soonest / 2 + rng_below(&shard->rng, soonest + 1);
    exchange->next_round = instant_after_ms(shard_now(shard), offset_ms);
}

void exchange_release(struct shard *shard) {
    buffer_release(&shard->exchange.wants);
    pool_release(&shard->exchange.job_pool);
}

/* ---- jobs ---- */

static void job_add(struct shard *shard, enum job_kind kind, struct member_index peer,
                    const struct message_keys *range) {
    struct exchange *exchange = &shard->exchange;
    if (exchange->job_count == EXCHANGE_JOBS_MOST) {
        exchange->dropped++; /* what differs is found again */
        return;
    }
    struct exchange_job *job = pool_take(&exchange->job_pool);
    *job = (struct exchange_job){
        .kind = kind,
        .peer = peer,
        .partition = range->partition,
        .place_from = range->place_from,
        .place_last = range->place_last,
        .list = blob_copy(&shard->blobs, range->list),
    };
    list_push_back(&exchange->jobs, &job->waiting);
    exchange->job_count++;
}

static struct exchange_job *first_job(const struct shard *shard) {
    struct list_node *node = list_first(&shard->exchange.jobs);
    return node == NULL ? NULL : CONTAINER_OF(node, struct exchange_job, waiting);
}

static void job_end(struct shard *shard, struct exchange_job *job) {
    list_remove(&job->waiting);
    blob_give(&shard->blobs, &job->list);
    pool_give(&shard->exchange.job_pool, job);
    shard->exchange.job_count--;
}

static void work_on(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    struct storage *storage = &shard->options.storage;
    struct exchange_job *job = first_job(shard);
    while (job != NULL && !peer_is_reachable(shard, job->peer, job->partition) && !exchange->is_scanning) {
        job_end(shard, job);
        job = first_job(shard);
    }
    if (job == NULL || exchange->is_scanning || exchange->bytes_left == 0) {
        return;
    }
    enum storage_status status =
        storage->scan(storage->self, STORAGE_OBJECTS, job->partition, job->place_from, job->place_last,
                      shard->options.scan_records, EXCHANGE_SCAN_BYTES, scan_token(SCAN_EXCHANGE, 0));
    exchange->is_scanning = status == STORAGE_PENDING;
}

void exchange_beat(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    if (ring_replica_count(shard->ring) == 1 && exchange->met_count < shard->replica.held) {
        exchange_meet_nobody(shard);
    }
    exchange->bytes_left = load_share(shard, EXCHANGE_BYTES_A_BEAT);
    bool is_due = shard_now(shard).ns >= exchange->next_round.ns;
    if (is_due && exchange->job_count == 0) {
        exchange_begin_round(shard);
    }
    work_on(shard);
}

/* ---- comparing ---- */

bool exchange_object(const struct shard *shard, const struct storage_scanned *scanned, struct view *ret_object) {
    struct record record;
    if (scanned->status != STORAGE_FOUND || !record_decode(scanned->record, &record) ||
        !flush_leaves_bytes(shard, record.object_bytes)) {
        return false; /* damaged, or flushed: as if it were not there */
    }
    *ret_object = record.object_bytes;
    return true;
}

static void send_repair(struct shard *shard, const struct exchange_job *job, struct view key, struct view object) {
    struct buffer *output = lane_output(shard, job->peer, job->partition, object.size);
    if (output == NULL) {
        return;
    }
    struct message_put put = {
        .partition = job->partition,
        .placement_mark = ring_placement_mark(shard->ring, job->partition),
        .flags = PUT_REPAIR,
        .fence = fence_label(shard, job->partition, FENCE_FIRST),
        .key = key,
        .object = object,
    };
    size_t before = buffer_size(output);
    message_encode_put(output, &put);
    shard->exchange.repairs_sent++;
    exchange_spend(shard, buffer_size(output) - before);
}

static void send_keys(struct shard *shard, const struct exchange_job *job, const struct storage_scanned *records,
                      uint32_t count, uint64_t place_last) {
    struct buffer *output = lane_output(shard, job->peer, job->partition, 0);
    if (output == NULL) {
        return;
    }
    size_t before = buffer_size(output);
    size_t begun = message_begin_keys(output, MESSAGE_KEYS, job->partition, job->place_from, place_last);
    for (uint32_t index = 0; index < count; index++) {
        struct view object;
        if (exchange_object(shard, &records[index], &object)) {
            struct digest entry = hash_tree_entry(shard->options.place_seed, records[index].key, object);
            message_add_key(output, &(struct exchange_key){records[index].key, entry.low});
        }
    }
    message_end(output, begun);
    exchange_spend(shard, buffer_size(output) - before);
}

/* The peer's keys beside this node's: both in the order of places. */
struct comparison {
    struct shard *shard;
    const struct exchange_job *job;
    struct buffer *wants; /* NULL: nothing wanted yet */
    size_t wants_begun;
    uint64_t place_last;
};

static void want(struct comparison *comparison, struct view key) {
    struct shard *shard = comparison->shard;
    const struct exchange_job *job = comparison->job;
    if (MUTANT(EXCHANGE_ONE_WAY)) {
        return;
    }
    if (comparison->wants == NULL) {
        comparison->wants = &shard->exchange.wants;
        buffer_clear(comparison->wants);
        comparison->wants_begun = message_begin_keys(comparison->wants, MESSAGE_WANT, job->partition, job->place_from,
                                                     comparison->place_last);
    }
    message_add_key(comparison->wants, &(struct exchange_key){.key = key});
}

static int compare_places(uint64_t place, struct view key, uint64_t other_place, struct view other_key) {
    if (place != other_place) {
        return place < other_place ? -1 : 1;
    }
    return view_compare(key, other_key);
}

/* One key of this node against the peer's list, read up to there; `theirs` is the next of the list. */
static void compare_own(struct comparison *comparison, const struct storage_scanned *own, bool they_have_it,
                        const struct exchange_key *theirs) {
    struct shard *shard = comparison->shard;
    struct view object;
    shard->exchange.keys_compared++;
    if (!exchange_object(shard, own, &object)) {
        if (they_have_it) {
            want(comparison, own->key);
        }
        return;
    }
    bool is_same = they_have_it && hash_tree_entry(shard->options.place_seed, own->key, object).low == theirs->entry;
    if (!is_same) {
        send_repair(shard, comparison->job, own->key, object);
    }
    if (!is_same && they_have_it) {
        want(comparison, own->key);
    }
}

static void compare(struct shard *shard, const struct exchange_job *job, const struct storage_scanned *records,
                    uint32_t count, uint64_t place_last) {
    struct comparison comparison = {.shard = shard, .job = job, .place_last = place_last};
    struct reader list = reader_of(blob_view(&job->list));
    struct exchange_key theirs;
    uint32_t at = 0;
    bool has_theirs = reader_left(&list) > 0 && exchange_next_key(&list, &theirs);
    while (has_theirs || at < count) {
        uint64_t place = has_theirs ? trees_place(shard, theirs.key) : 0;
        int order = !has_theirs   ? -1
                    : at == count ? 1
                                  : compare_places(records[at].hash, records[at].key, place, theirs.key);
        if (order <= 0) {
            compare_own(&comparison, &records[at], order == 0, &theirs);
            at++;
        } else if (place >= job->place_from && place <= place_last) {
            want(&comparison, theirs.key);
        }
        if (order >= 0) {
            has_theirs = reader_left(&list) > 0 && exchange_next_key(&list, &theirs);
        }
    }
    struct buffer *output = comparison.wants == NULL ? NULL : lane_output(shard, job->peer, job->partition, 0);
    if (output != NULL) {
        message_end(comparison.wants, comparison.wants_begun);
        buffer_append_view(output, buffer_view(comparison.wants));
        exchange_spend(shard, buffer_size(comparison.wants));
    }
}

static void repair_wanted(struct shard *shard, const struct exchange_job *job, const struct storage_scanned *records,
                          uint32_t count) {
    struct reader list = reader_of(blob_view(&job->list));
    struct exchange_key wanted;
    uint32_t at = 0;
    while (reader_left(&list) > 0 && exchange_next_key(&list, &wanted)) {
        uint64_t place = trees_place(shard, wanted.key);
        while (at < count && compare_places(records[at].hash, records[at].key, place, wanted.key) < 0) {
            at++;
        }
        struct view object;
        if (at < count && view_equal(records[at].key, wanted.key) && exchange_object(shard, &records[at], &object)) {
            send_repair(shard, job, wanted.key, object);
        }
    }
}

void exchange_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                         uint32_t count, bool is_end, uint64_t next_hash) {
    struct exchange_job *job = first_job(shard);
    ENSURE(job != NULL && shard->exchange.is_scanning);
    shard->exchange.is_scanning = false;
    uint64_t place_last = is_end ? job->place_last : next_hash - 1;
    if (status == STORAGE_FOUND) {
        switch (job->kind) {
        case JOB_KEYS:
            send_keys(shard, job, records, count, place_last);
            break;
        case JOB_COMPARE:
            compare(shard, job, records, count, place_last);
            break;
        case JOB_REPAIR:
            repair_wanted(shard, job, records, count);
            break;
        }
    }
    if (status == STORAGE_FOUND && !is_end) {
        job->place_from = next_hash;
    } else {
        job_end(shard, job);
    }
    work_on(shard);
}

/* ---- messages ---- */

/* Half of the segments of which the other one has anything. */
static bool lacks_much(const struct hash_tree *tree, const struct message_tree *message, bool is_ours) {
    uint32_t lacking = 0;
    uint32_t had = 0;
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        bool is_here = tree->segments[segment].low != 0;
        bool is_there = message->segments[segment] != 0;
        had += (is_ours ? is_there : is_here) ? 1 : 0;
        lacking += is_here != is_there && is_there == is_ours ? 1 : 0;
    }
    return lacking > EXCHANGE_SEGMENTS_APART && lacking * 2 >= had;
}

/* Few differences are told apart, so that one key among a million costs a segment; whoever lacks much is filled. */
static void add_differences(struct shard *shard, struct member_index peer, const struct message_tree *message) {
    const struct hash_tree *tree = trees_known(shard, message->partition);
    uint32_t differing[HASH_TREE_SEGMENTS];
    uint32_t count = 0;
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        if (tree->segments[segment].low != message->segments[segment]) {
            differing[count++] = segment;
        }
    }
    if (lacks_much(tree, message, true) && filling_begin_from(shard, message->partition, peer)) {
        return;
    }
    if (lacks_much(tree, message, false)) {
        exchange_send_tree(shard, peer, message->partition);
        return;
    }
    bool is_apart = count <= EXCHANGE_SEGMENTS_APART;
    for (uint32_t index = 0; index < (is_apart ? count : 1); index++) {
        struct message_keys range = {
            .partition = message->partition,
            .place_from = hash_tree_first_place(differing[index]),
            .place_last = hash_tree_last_place(differing[is_apart ? index : count - 1]),
        };
        job_add(shard, JOB_KEYS, peer, &range);
    }
}

static void note_difference(struct exchange *exchange, struct instant now) {
    exchange->trees_differing++;
    if (exchange->trees_differing == 1 && exchange->stalled_rounds < EXCHANGE_STALLED_MOST) {
        exchange->next_round = instant_after_ms(now, EXCHANGE_HURRY_MS);
    }
}

static void on_tree(struct shard *shard, struct member_index peer, struct view body) {
    struct message_tree message;
    struct exchange *exchange = &shard->exchange;
    if (!message_decode_tree(body, &message) || !exchange_is_comparable(shard, peer, message.partition)) {
        return;
    }
    add_differences(shard, peer, &message);
    note_difference(exchange, shard_now(shard));
}

static void on_keys(struct shard *shard, struct member_index peer, enum job_kind kind, struct view body) {
    struct message_keys message;
    if (message_decode_keys(body, &message) && exchange_is_comparable(shard, peer, message.partition)) {
        job_add(shard, kind, peer, &message);
    }
}

void exchange_on_message(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    if (source->lane == NULL) {
        return; /* shards of one node share no partition */
    }
    struct member_index peer = source->lane->peer->member;
    switch (kind) {
    case MESSAGE_SUMMARY:
    case MESSAGE_SUMMARY_ANSWER:
    case MESSAGE_ALL_SAME:
        exchange_on_summary(shard, source, (enum exchange_message_kind)kind, body);
        break;
    case MESSAGE_ROOTS:
        exchange_on_roots(shard, peer, body);
        break;
    case MESSAGE_SAME:
        exchange_on_same(shard, peer, body);
        break;
    case MESSAGE_TREE:
        on_tree(shard, peer, body);
        break;
    case MESSAGE_KEYS:
        on_keys(shard, peer, JOB_COMPARE, body);
        break;
    default:
        on_keys(shard, peer, JOB_REPAIR, body);
        break;
    }
    work_on(shard);
}
