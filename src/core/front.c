#include "core/front.h"

#include "core/front/pending.h"

enum { SESSIONS_PER_SLAB = 64, PENDING_PER_SLAB = 128, BATCHES_PER_SLAB = 16 };

struct front *front_new(struct front_options options, struct front_port port) {
    ENSURE(options.max_pipelined > 0);
    struct pool memory;
    pool_init(&memory, sizeof(struct front), 1);
    struct front *front = pool_take(&memory);
    front->memory = memory;
    front->options = options;
    front->port = port;
    front->next_session = options.client_id_base;
    command_index_init(&front->commands);
    list_init(&front->sessions);
    pool_init(&front->session_pool, sizeof(struct session), SESSIONS_PER_SLAB);
    pool_init(&front->pending_pool, sizeof(struct pending), PENDING_PER_SLAB);
    pool_init(&front->batch_pool, sizeof(struct batch), BATCHES_PER_SLAB);
    blobs_init(&front->blobs);
    flights_init(&front->flights);
    busy_keys_init(&front->busy_keys);
    subscriptions_init(&front->subscriptions);
    buffer_init(&front->scratch);
    buffer_init(&front->encoding);
    buffer_init(&front->ids);
    latency_init(front);
    return front;
}

void front_free(struct front *front) {
    struct list_node *node;
    while ((node = list_first(&front->sessions)) != NULL) {
        front_close(front, CONTAINER_OF(node, struct session, link));
    }
    subscriptions_release(&front->subscriptions);
    latency_release(front);
    pool_release(&front->session_pool);
    pool_release(&front->pending_pool);
    pool_release(&front->batch_pool);
    blobs_release(&front->blobs);
    flights_release(&front->flights);
    busy_keys_release(&front->busy_keys);
    buffer_release(&front->scratch);
    buffer_release(&front->encoding);
    buffer_release(&front->ids);
    struct pool memory = front->memory;
    pool_release(&memory);
}

uint32_t front_deliver(struct front *front, bool is_sharded, struct view channel, struct view payload) {
    return subscriptions_deliver(front, is_sharded, channel, payload);
}

void front_statistics(const struct front *front, struct front_statistics *ret_statistics) {
    *ret_statistics = front->statistics;
}
