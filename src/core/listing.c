#include "core/listing.h"

#include "core/cluster_view.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"
#include "version/shown.h"
#include "wire/listing_message.h"

_Static_assert(1 << LISTING_SHARD_BITS >= LIMIT_SHARDS, "a cursor names any shard");

struct listing_request {
    struct list_node link;
    struct alarm late;
    uint64_t id;
    struct origin origin;
    enum listing_question question;
    bool is_answered; /* late; storage still owes a scan */
    bool has_scanned;
    uint32_t partition;
    uint64_t place;
    uint64_t last_place; /* of the scan that is under way */
    uint64_t count;
    uint32_t most;
    uint32_t scans_left;
    struct buffer keys;
};

void listing_init(struct shard *shard) {
    list_init(&shard->listing.requests);
    pool_init(&shard->listing.request_pool, sizeof(struct listing_request), 16);
}

void listing_release(struct shard *shard) {
    struct list_node *node;
    while ((node = list_first(&shard->listing.requests)) != NULL) {
        list_remove(node);
        buffer_release(&CONTAINER_OF(node, struct listing_request, link)->keys);
    }
    pool_release(&shard->listing.request_pool);
}

/* ---- cursors ---- */

struct position {
    uint32_t shard;
    uint32_t partition;
    uint64_t place;
};

static uint32_t place_bits(const struct shard *shard) {
    uint32_t bits = LISTING_CURSOR_BITS - LISTING_SHARD_BITS;
    for (uint32_t partitions = ring_partition_count(shard->ring); partitions > 1; partitions /= 2) {
        bits--;
    }
    return bits;
}

/* 0, the beginning, is nobody's later position: that has a place, a partition or a shard above 0. */
static uint64_t cursor_of(const struct shard *shard, struct position at) {
    uint32_t bits = place_bits(shard);
    return ((uint64_t)at.shard * ring_partition_count(shard->ring) + at.partition) << bits | at.place >> (64 - bits);
}

/* Any number is some position; beyond the last it is the end. */
static struct position position_of(const struct shard *shard, uint64_t cursor) {
    uint32_t bits = place_bits(shard);
    uint64_t index = cursor >> bits;
    uint32_t partitions = ring_partition_count(shard->ring);
    uint64_t of_shard = index / partitions;
    return (struct position){.shard = of_shard < shard->options.shard_count ? (uint32_t)of_shard
                                                                            : shard->options.shard_count,
                             .partition = (uint32_t)(index % partitions),
                             .place = cursor << (64 - bits)};
}

uint32_t listing_shard(const struct shard *shard, const struct operation *operation) {
    struct listing_ask ask;
    if (!listing_ask_decode(operation->value, &ask)) {
        return shard->options.shard_index;
    }
    if (ask.question == LISTING_RANDOM) {
        return (uint32_t)(ask.cursor % shard->options.shard_count);
    }
    struct position at = position_of(shard, ask.cursor);
    return at.shard < shard->options.shard_count ? at.shard : shard->options.shard_index;
}

/* The bits of a place that a cursor has no room for. */
static uint64_t lower_bits(const struct shard *shard) {
    return UINT64_MAX >> place_bits(shard);
}

/* ---- answers ---- */

static void forget(struct shard *shard, struct listing_request *request) {
    list_remove(&request->link);
    timers_cancel(&shard->timers, &request->late.timer);
    buffer_release(&request->keys);
    pool_give(&shard->listing.request_pool, request);
}

static void answer(struct shard *shard, struct listing_request *request, uint64_t cursor) {
    struct listing_answer told = {.cursor = cursor, .count = request->count, .keys = buffer_view(&request->keys)};
    buffer_clear(&shard->encoded);
    listing_answer_encode(&shard->encoded, &told);
    struct result result = {.outcome = OUTCOME_DONE, .object = buffer_view(&shard->encoded)};
    request->is_answered = true;
    origin_answer(shard, &request->origin, &result);
}

static void refuse(struct shard *shard, struct listing_request *request, const char *detail) {
    origin_answer_outcome(shard, &request->origin, OUTCOME_REFUSED, detail);
    forget(shard, request);
}

/* All of this shard is told. */
static void answer_end(struct shard *shard, struct listing_request *request) {
    uint32_t next = shard->options.shard_index + 1;
    answer(shard, request, next < shard->options.shard_count ? cursor_of(shard, (struct position){.shard = next}) : 0);
    forget(shard, request);
}

static void answer_here(struct shard *shard, struct listing_request *request) {
    answer(shard, request,
           cursor_of(shard, (struct position){shard->options.shard_index, request->partition, request->place}));
}

/* ---- walking ---- */

static bool is_shown(const struct shard *shard, struct partition partition) {
    return shard_of_partition(shard, partition) == shard->options.shard_index && cluster_view_shows(shard, partition);
}

static bool is_whole(const struct shard *shard, struct partition partition) {
    const struct keyspace_table *table = shard->options.keyspaces;
    bool is_informed = true;
    for (size_t index = 0; index < table->count; index++) {
        is_informed = is_informed && replica_is_informed(shard, &table->keyspaces[index], partition);
    }
    return is_informed;
}

/* False: a scan has to tell. */
static bool count_by_tree(struct shard *shard, struct listing_request *request, struct partition partition) {
    const struct hash_tree *tree = trees_known(shard, partition);
    if (request->question != LISTING_COUNT || request->place != 0 || tree == NULL ||
        flush_is_under_way(&shard->flush)) {
        return false;
    }
    request->count += tree->keys;
    return true;
}

static bool is_enough(const struct listing_request *request) {
    return request->scans_left == 0 || buffer_size(&request->keys) >= LISTING_BYTES_MOST ||
           (request->question != LISTING_COUNT && request->count >= request->most);
}

/* A scan that was cut short ends behind its last record. A cursor would go on a little before that, where the upper
 * bits of the place begin, and tell the record again. */
static bool is_between_cursors(const struct shard *shard, const struct listing_request *request) {
    return request->question != LISTING_RANDOM && (request->place & lower_bits(shard)) != 0;
}

/* To the next partition that has to be scanned; answers at the end of the shard, or when enough is told. */
static void walk(struct shard *shard, struct listing_request *request) {
    struct storage *storage = &shard->options.storage;
    uint32_t partitions = ring_partition_count(shard->ring);
    for (; request->partition < partitions; request->partition++, request->place = 0) {
        struct partition partition = {(uint16_t)request->partition};
        if (!is_shown(shard, partition)) {
            continue;
        }
        if (!is_whole(shard, partition)) {
            refuse(
                shard, request,
                "LOADING this node may lack some of the keys that it shows, and gets them from the others; ask again "
                "soon");
            return;
        }
        if (count_by_tree(shard, request, partition)) {
            continue;
        }
        if (is_enough(request) && !is_between_cursors(shard, request)) {
            answer_here(shard, request);
            forget(shard, request);
            return;
        }
        /* Up to the next place that a cursor can name: that is hardly ever more than nothing. */
        request->last_place = is_enough(request) ? request->place | lower_bits(shard) : UINT64_MAX;
        request->scans_left -= request->scans_left > 0 ? 1 : 0;
        enum storage_status status =
            storage->scan(storage->self, STORAGE_OBJECTS, partition, request->place, request->last_place,
                          LISTING_SCAN_RECORDS, LISTING_SCAN_BYTES, scan_token(SCAN_LISTING, request->id));
        if (status != STORAGE_PENDING) {
            refuse(shard, request, STORE_FAILED_DETAIL);
        }
        return;
    }
    answer_end(shard, request);
}

static void take(struct shard *shard, struct listing_request *request, const struct storage_scanned *scanned) {
    struct record record;
    struct object object;
    struct object left;
    if (scanned->status != STORAGE_FOUND || !record_decode(scanned->record, &record) ||
        !object_decode(record.object_bytes, &shard->scratch, &object) || !flush_leaves(shard, &object, &left)) {
        return;
    }
    if (request->question == LISTING_COUNT) {
        request->count += object_is_key(&left) ? 1 : 0;
        return;
    }
    if (object_shown(&left, shard_wall(shard), &shard->scratch) != NULL) {
        write_sized(&request->keys, scanned->key);
        request->count++;
    }
}

static struct listing_request *find(const struct shard *shard, uint64_t id) {
    for (struct list_node *node = list_first(&shard->listing.requests); node != NULL;
         node = list_next(&shard->listing.requests, node)) {
        struct listing_request *request = CONTAINER_OF(node, struct listing_request, link);
        if (request->id == id) {
            return request;
        }
    }
    return NULL;
}

void listing_on_scanned(struct shard *shard, uint64_t id, enum storage_status status,
                        const struct storage_scanned *records, uint32_t count, bool is_end, uint64_t next_place) {
    struct listing_request *request = find(shard, id);
    ENSURE(request != NULL);
    if (request->is_answered) {
        forget(shard, request);
        return;
    }
    if (status != STORAGE_FOUND) {
        refuse(shard, request, "IOERR this node cannot read its keys");
        return;
    }
    /* It may have ceased to show them while the disk was asked; then another does. */
    if (is_shown(shard, (struct partition){(uint16_t)request->partition})) {
        for (uint32_t index = 0; index < count; index++) {
            take(shard, request, &records[index]);
        }
    }
    bool is_partition_end = is_end && request->last_place == UINT64_MAX;
    request->has_scanned = true;
    request->partition += is_partition_end ? 1 : 0;
    request->place = is_partition_end ? 0 : is_end ? request->last_place + 1 : next_place;
    walk(shard, request);
}

/* The disk is slow: what is there is told, and where to go on. Whoever has nothing is not asked again at once: each
 * time one more scan would wait for the disk. */
void listing_on_late(struct shard *shard, struct alarm *alarm) {
    struct listing_request *request = CONTAINER_OF(alarm, struct listing_request, late);
    if (request->has_scanned) {
        answer_here(shard, request);
        return;
    }
    request->is_answered = true;
    origin_answer_outcome(shard, &request->origin, OUTCOME_REFUSED, "BUSY this node's disk is slow; ask again");
}

void listing_begin(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    struct listing_ask ask;
    if (!listing_ask_decode(operation->value, &ask)) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, "ERR nothing that this version can be asked");
        return;
    }
    struct position at = position_of(shard, ask.cursor);
    if (ask.question == LISTING_RANDOM) {
        at.partition = (uint32_t)(ask.cursor / shard->options.shard_count) % ring_partition_count(shard->ring);
        at.place = hash64(view_of(&ask.cursor, sizeof(ask.cursor)), 0);
        ask.most = 1;
    } else if (at.shard != shard->options.shard_index) {
        at.partition = ring_partition_count(shard->ring); /* a cursor of nobody: the end */
    }
    struct listing_request *request = pool_take(&shard->listing.request_pool);
    *request = (struct listing_request){.late.kind = ALARM_LISTING,
                                        .id = ++shard->listing.next_id,
                                        .origin = *origin,
                                        .question = ask.question,
                                        .partition = at.partition,
                                        .place = at.place,
                                        .most = ask.most,
                                        .scans_left = LISTING_SCANS_MOST};
    buffer_init(&request->keys);
    list_push_back(&shard->listing.requests, &request->link);
    timers_schedule(&shard->timers, &request->late.timer, instant_after_ms(shard_now(shard), LISTING_LATE_MS));
    walk(shard, request);
}
