/* What an owner sends to others that fill themselves (core/filling.h): one parcel at a time, each scanned when it is
 * asked for. */
#include "core/filling.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"

struct fill_request {
    struct list_node waiting;
    struct member_index peer;
    struct message_fill fill;
};

void filling_server_init(struct shard *shard) {
    struct filling *filling = &shard->filling;
    list_init(&filling->requests);
    pool_init(&filling->request_pool, sizeof(struct fill_request), 64);
    buffer_init(&filling->list);
    filling->rest.kind = ALARM_FILLING_SERVED;
    timers_schedule(&shard->timers, &filling->rest.timer, instant_after_ms(shard_now(shard), FILLING_JUDGED_MS));
}

void filling_server_release(struct shard *shard) {
    pool_release(&shard->filling.request_pool);
    buffer_release(&shard->filling.list);
}

static struct fill_request *first_request(const struct shard *shard) {
    struct list_node *node = list_first(&shard->filling.requests);
    return node == NULL ? NULL : CONTAINER_OF(node, struct fill_request, waiting);
}

static void request_end(struct shard *shard, struct fill_request *request) {
    list_remove(&request->waiting);
    pool_give(&shard->filling.request_pool, request);
    shard->filling.request_count--;
}

/* Only what reads ask is what reads need. */
static bool may_serve(const struct shard *shard, struct member_index peer, struct partition partition) {
    return partition.value < ring_partition_count(shard->ring) && replica_role(shard, partition) == ROLE_HOLDER &&
           ring_is_owner(shard->ring, partition, shard->self) && ring_is_holder(shard->ring, partition, peer) &&
           peer_is_reachable(shard, peer, partition);
}

void filling_serve(struct shard *shard) {
    struct filling *filling = &shard->filling;
    struct storage *storage = &shard->options.storage;
    struct fill_request *request = first_request(shard);
    if (filling->is_scanning || timer_is_scheduled(&filling->rest.timer)) {
        return;
    }
    while (request != NULL && !may_serve(shard, request->peer, request->fill.partition)) {
        request_end(shard, request);
        request = first_request(shard);
    }
    if (request == NULL) {
        return;
    }
    filling->began = shard_now(shard);
    enum storage_status status =
        storage->scan(storage->self, STORAGE_OBJECTS, request->fill.partition, request->fill.place_from, UINT64_MAX,
                      FILLING_SCAN_RECORDS, FILLING_SCAN_BYTES, scan_token(SCAN_FILLING, 0));
    filling->is_scanning = status == STORAGE_PENDING;
    if (!filling->is_scanning) {
        request_end(shard, request); /* the store has failed, and says so itself */
    }
}

void filling_on_fill(struct shard *shard, const struct source *source, struct view body) {
    struct filling *filling = &shard->filling;
    struct message_fill message;
    if (!message_decode_fill(body, &message) || filling->request_count == FILLING_REQUESTS_MOST) {
        return; /* its asker has patience, and then exchange */
    }
    struct fill_request *request = pool_take(&filling->request_pool);
    *request = (struct fill_request){.peer = source->lane->peer->member, .fill = message};
    list_push_back(&filling->requests, &request->waiting);
    filling->request_count++;
    filling_serve(shard);
}

static void send_parcel(struct shard *shard, const struct fill_request *request, const struct storage_scanned *records,
                        uint32_t count, bool is_end, uint64_t next_hash) {
    struct filling *filling = &shard->filling;
    struct partition partition = request->fill.partition;
    for (uint32_t index = 0; index < count; index++) {
        struct view object;
        if (exchange_object(shard, &records[index], &object)) {
            parcel_add(&filling->list, &(struct parcel_object){.key = records[index].key, .object = object});
            filling->objects_sent++;
        }
    }
    struct message_parcel parcel = {
        .partition = partition,
        .pull = request->fill.pull,
        .placement_mark = ring_placement_mark(shard->ring, partition),
        .fence = fence_label(shard, partition, FENCE_FIRST),
        .is_end = is_end,
        .place_next = next_hash,
        .list = buffer_view(&filling->list),
    };
    /* Beside what clients wait for, not before it. */
    struct buffer *output = lane_output(shard, request->peer, partition, BULK_BYTES);
    size_t before = output == NULL ? 0 : buffer_size(output);
    if (output != NULL && message_encode_parcel(output, &parcel, &filling->compressor)) {
        filling->bytes_sent += buffer_size(output) - before;
    }
    buffer_clear(&filling->list);
    buffer_shrink(&filling->list, 2 * FILLING_SCAN_BYTES); /* after an object of many megabytes */
}

void filling_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                        uint32_t count, bool is_end, uint64_t next_hash) {
    struct filling *filling = &shard->filling;
    struct fill_request *request = first_request(shard);
    ENSURE(request != NULL && filling->is_scanning);
    filling->is_scanning = false;
    if (status == STORAGE_FOUND && may_serve(shard, request->peer, request->fill.partition)) {
        send_parcel(shard, request, records, count, is_end, is_end ? UINT64_MAX : next_hash);
    }
    request_end(shard, request);
    uint64_t rest_ns = load_rest_ns(shard, LOAD_SERVING, shard_now(shard).ns - filling->began.ns);
    if (rest_ns == 0) {
        filling_serve(shard);
    } else {
        timers_schedule(&shard->timers, &filling->rest.timer, instant_after_ns(shard_now(shard), rest_ns));
    }
}
