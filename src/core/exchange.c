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

/* What a message took of the heartbeat's budget. */
static void spend(struct shard *shard, uint64_t bytes) {
    struct exchange *exchange = &shard->exchange;
    exchange->bytes_sent += bytes;
    exchange->bytes_left -= bytes < exchange->bytes_left ? bytes : exchange->bytes_left;
}

/* ---- meetings ---- */

/* The last partition to be filled ends the doubt about this shard's data for good. */
static void met_all(struct shard *shard, struct partition partition) {
    struct exchange *exchange = &shard->exchange;
    struct storage *storage = &shard->options.storage;
    bool is_first = exchange->met[partition.value].ns == 0;
    exchange->met[partition.value] = shard_now(shard);
    exchange->met_count += is_first ? 1 : 0;
    bool is_in_doubt = shard->options.is_refilling || shard->options.may_lack_unsynced || exchange->has_lost;
    shard->replica.is_lost[partition.value] = false;
    if (is_first && is_in_doubt && exchange->met_count == shard->trees.owned) {
        storage->settle_doubt(storage->self);
    }
}

static void met(struct shard *shard, struct partition partition, struct member_index peer) {
    struct exchange *exchange = &shard->exchange;
    const struct member_index *list = ring_preference(shard->ring, partition);
    uint8_t all = 0;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        uint8_t bit = (uint8_t)(1u << place);
        if (member_index_equal(list[place], peer) || member_index_equal(list[place], shard->self)) {
            exchange->met_with[partition.value] |= bit;
        }
        all |= bit;
    }
    if (exchange->met_with[partition.value] == all || MUTANT(INFORMED_BY_ONE)) {
        met_all(shard, partition);
    }
}

void exchange_forget_meetings(struct shard *shard, struct partition partition) {
    struct exchange *exchange = &shard->exchange;
    exchange->met_count -= exchange->met[partition.value].ns != 0 ? 1 : 0;
    exchange->met[partition.value] = (struct instant){0};
    exchange->met_with[partition.value] = 0;
    exchange->losses++;
    exchange->has_lost = true;
    exchange->young_until = exchange->rounds + EXCHANGE_FIRST_ROUNDS;
    struct instant soon = instant_after_ms(shard_now(shard), EXCHANGE_HURRY_MS);
    exchange->next_round = soon.ns < exchange->next_round.ns ? soon : exchange->next_round;
}

bool exchange_has_met_all(const struct shard *shard, struct partition partition) {
    return shard->exchange.met[partition.value].ns != 0;
}

uint32_t exchange_met_count(const struct shard *shard) {
    return shard->exchange.met_count;
}

/* ---- a round ---- */

static bool begins_with(const struct shard *shard, struct member_index peer) {
    bool is_even = (shard->self.value + peer.value) % 2 == 0;
    return (shard->self.value < peer.value) == is_even;
}

static bool both_own(const struct shard *shard, struct member_index peer, struct partition partition) {
    return trees_known(shard, partition) != NULL && ring_is_owner(shard->ring, partition, peer);
}

/* The roots of what both own and that shard of the peer holds, in one message. */
static void send_roots(struct shard *shard, struct member_index peer, uint32_t peer_shard) {
    struct exchange *exchange = &shard->exchange;
    struct buffer *output = NULL;
    size_t begun = 0;
    size_t size_before = 0;
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        if (!both_own(shard, peer, partition) || peer_shard_of(shard, peer, partition) != peer_shard) {
            continue;
        }
        if (output == NULL) {
            output = lane_output(shard, peer, partition, 0);
            if (output == NULL) {
                return;
            }
            size_before = buffer_size(output);
            begun = message_begin_roots(output, ring_digest(shard->ring), exchange->losses);
        }
        struct exchange_root root = {
            .partition = partition,
            .wants_answer = exchange->met[index].ns == 0,
            .root = hash_tree_root(shard->trees.of[index]),
        };
        message_add_root(output, &root);
    }
    if (output != NULL) {
        message_end(output, begun);
        spend(shard, buffer_size(output) - size_before);
    }
}

/* Until this node has met all owners, or a while has passed, rounds follow each other sooner. */
static uint32_t period_ms(const struct shard *shard) {
    const struct exchange *exchange = &shard->exchange;
    bool is_young = exchange->met_count < shard->trees.owned && exchange->rounds < exchange->young_until;
    return shard->options.exchange_period_ms / (is_young ? EXCHANGE_FIRST_DIVISOR : 1);
}

/* A round that was full says nothing: there was more to find. */
static void note_progress(struct exchange *exchange) {
    bool is_stalled = exchange->trees_differing > 0 && exchange->trees_differing < EXCHANGE_TREES_A_ROUND &&
                      exchange->trees_differing >= exchange->trees_before;
    exchange->stalled_rounds = is_stalled ? exchange->stalled_rounds + 1 : 0;
    exchange->trees_before = exchange->trees_differing;
    exchange->trees_differing = 0;
}

static void begin_round(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    exchange->rounds++;
    note_progress(exchange);
    exchange->next_round = instant_after_ms(shard_now(shard), period_ms(shard));
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index peer = {index};
        if (member_index_equal(peer, shard->self) || !begins_with(shard, peer) || !peer_is_alive(shard, peer)) {
            continue;
        }
        for (uint32_t peer_shard = 0; peer_shard < peer_shard_count(shard, peer); peer_shard++) {
            send_roots(shard, peer, peer_shard);
        }
    }
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

/* An only owner has nobody to meet. */
static void meet_nobody(struct shard *shard) {
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        if (shard->trees.of[index] != NULL) {
            met_all(shard, (struct partition){(uint16_t)index});
        }
    }
}

void exchange_beat(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    if (ring_replica_count(shard->ring) == 1 && exchange->met_count < shard->trees.owned) {
        meet_nobody(shard);
    }
    exchange->bytes_left = load_share(shard, EXCHANGE_BYTES_A_BEAT);
    bool is_due = shard_now(shard).ns >= exchange->next_round.ns;
    if (is_due && exchange->job_count == 0) {
        begin_round(shard);
    }
    work_on(shard);
}

/* ---- comparing ---- */

static bool record_object(const struct shard *shard, const struct storage_scanned *scanned, struct view *ret_object) {
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
    spend(shard, buffer_size(output) - before);
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
        if (record_object(shard, &records[index], &object)) {
            struct digest entry = hash_tree_entry(shard->options.place_seed, records[index].key, object);
            message_add_key(output, &(struct exchange_key){records[index].key, entry.low});
        }
    }
    message_end(output, begun);
    spend(shard, buffer_size(output) - before);
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
    if (!record_object(shard, own, &object)) {
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
        spend(shard, buffer_size(comparison.wants));
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
        if (at < count && view_equal(records[at].key, wanted.key) && record_object(shard, &records[at], &object)) {
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

static void send_tree(struct shard *shard, struct member_index peer, struct partition partition) {
    struct buffer *output = lane_output(shard, peer, partition, sizeof(struct message_tree));
    if (output == NULL) {
        return;
    }
    struct message_tree message = {.partition = partition};
    const struct hash_tree *tree = trees_known(shard, partition);
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        message.segments[segment] = tree->segments[segment].low;
    }
    size_t before = buffer_size(output);
    message_encode_tree(output, &message);
    shard->exchange.trees_sent++;
    spend(shard, buffer_size(output) - before);
}

static bool is_comparable(const struct shard *shard, struct member_index peer, struct partition partition) {
    return partition.value < ring_partition_count(shard->ring) && both_own(shard, peer, partition);
}

/* Under a load of writes replicas differ by what is under way, and looking for it would cost more than it finds. */
static bool is_worth_comparing(const struct shard *shard, struct partition partition) {
    uint64_t now = shard_now(shard).ns;
    uint64_t met = shard->exchange.met[partition.value].ns;
    bool is_quiet = now >= shard->trees.changed[partition.value].ns + EXCHANGE_QUIET_MS * NS_PER_MS;
    return is_quiet || met == 0 || now >= met + EXCHANGE_BUSY_MS * NS_PER_MS;
}

/* Of more differences than are taken up at once, others each time: those that come first must not starve the rest. */
static void on_roots(struct shard *shard, struct member_index peer, struct view body) {
    struct digest ring;
    uint32_t losses;
    struct reader roots;
    struct exchange_root root;
    struct exchange_root *differing;
    uint32_t count = 0;
    if (!message_decode_roots(body, &ring, &losses, &roots) || !digest_equal(ring, ring_digest(shard->ring))) {
        return;
    }
    differing = ARENA_ARRAY(&shard->scratch, struct exchange_root, reader_left(&roots) / 19 + 1);
    buffer_clear(&shard->encoded);
    size_t begun = message_begin_same(&shard->encoded, losses);
    bool is_same_to_tell = false;
    struct partition last = {0};
    while (reader_left(&roots) > 0 && message_next_root(&roots, &root)) {
        if (!is_comparable(shard, peer, root.partition)) {
            continue;
        }
        if (!digest_equal(root.root, hash_tree_root(shard->trees.of[root.partition.value]))) {
            if (is_worth_comparing(shard, root.partition)) {
                differing[count++] = root;
            }
            continue;
        }
        met(shard, root.partition, peer);
        if (root.wants_answer) {
            message_add_same(&shard->encoded, root.partition);
            is_same_to_tell = true;
            last = root.partition;
        }
    }
    message_end(&shard->encoded, begun);
    struct buffer *output = is_same_to_tell ? lane_output(shard, peer, last, 0) : NULL;
    if (output != NULL) {
        buffer_append_view(output, buffer_view(&shard->encoded));
    }
    uint32_t first = count > EXCHANGE_TREES_A_ROUND ? (uint32_t)rng_below(&shard->rng, count) : 0;
    for (uint32_t index = 0; index < count && index < EXCHANGE_TREES_A_ROUND; index++) {
        send_tree(shard, peer, differing[(first + index) % count].partition);
    }
}

static void on_same(struct shard *shard, struct member_index peer, struct view body) {
    struct reader same;
    struct partition partition;
    uint32_t losses;
    if (!message_decode_same(body, &losses, &same) || losses != shard->exchange.losses) {
        return;
    }
    while (reader_left(&same) > 0 && message_next_same(&same, &partition)) {
        if (is_comparable(shard, peer, partition)) {
            met(shard, partition, peer);
        }
    }
}

/* Few differences are told apart, so that one key among a million costs a segment; a replica that lacks much is filled
 * range by range. */
static void add_differences(struct shard *shard, struct member_index peer, const struct message_tree *message) {
    const struct hash_tree *tree = trees_known(shard, message->partition);
    uint32_t differing[HASH_TREE_SEGMENTS];
    uint32_t count = 0;
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        if (tree->segments[segment].low != message->segments[segment]) {
            differing[count++] = segment;
        }
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

static void on_tree(struct shard *shard, struct member_index peer, struct view body) {
    struct message_tree message;
    struct exchange *exchange = &shard->exchange;
    if (!message_decode_tree(body, &message) || !is_comparable(shard, peer, message.partition)) {
        return;
    }
    add_differences(shard, peer, &message);
    exchange->trees_differing++;
    if (exchange->trees_differing == 1 && exchange->stalled_rounds < EXCHANGE_STALLED_MOST) {
        exchange->next_round = instant_after_ms(shard_now(shard), EXCHANGE_HURRY_MS);
    }
}

static void on_keys(struct shard *shard, struct member_index peer, enum job_kind kind, struct view body) {
    struct message_keys message;
    if (message_decode_keys(body, &message) && is_comparable(shard, peer, message.partition)) {
        job_add(shard, kind, peer, &message);
    }
}

void exchange_on_message(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    if (source->lane == NULL) {
        return; /* shards of one node share no partition */
    }
    struct member_index peer = source->lane->peer->member;
    switch (kind) {
    case MESSAGE_ROOTS:
        on_roots(shard, peer, body);
        break;
    case MESSAGE_SAME:
        on_same(shard, peer, body);
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
