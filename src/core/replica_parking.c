/* Parking: what waits until storage has read a key, and is run again then, per key in the order of arrival
 * (core/replica.h). */
#include "core/coordinator.h"
#include "core/hints.h"
#include "core/replica.h"
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

void replica_parking_init(struct shard *shard) {
    map_init(&shard->replica.parked, 64);
    pool_init(&shard->replica.parked_pool, sizeof(struct parked), 64);
}

void replica_parking_release(struct shard *shard) {
    map_release(&shard->replica.parked);
    pool_release(&shard->replica.parked_pool);
}

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

void replica_park_put(struct shard *shard, const struct source *source, const struct message_put *put) {
    buffer_clear(&shard->encoded);
    message_add_put(&shard->encoded, put);
    park_message(shard, PARKED_PUT, put->key, source, buffer_view(&shard->encoded));
}

void replica_park_read(struct shard *shard, struct view key, const struct source *source, struct view body) {
    park_message(shard, PARKED_READ, key, source, body);
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
    /* Storage answers at once during this step, so nothing parks again; unless the partition's role has changed since
     * it was asked: then the other family is being asked now, and its answer comes in a step of its own. */
}
