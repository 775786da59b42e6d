#include "core/leaving.h"

#include "core/shard_state.h"

void leaving_tell(struct shard *shard, struct link *link) {
    message_encode_leaving(&link->output);
    link_ping(shard, link);
    link->pongs_awaited = link->pings_open;
}

void leaving_receive(struct shard *shard, const struct link *link) {
    struct peer *peer = link->lane->peer;
    /* One that comes late, by a link of an earlier process, says nothing of this one. */
    if (link->run == peer->run && !peer_is_leaving(peer)) {
        peer->leaving_run = link->run;
        shard_trace_peer(shard, TRACE_PEER_LEAVING, peer->member, NULL);
    }
}

/* It may still bring requests of a peer that did not know, or an answer is still on its way out. */
static bool is_needed(const struct link *link) {
    return link->state == LINK_UP && !link->silent && (link->pongs_awaited > 0 || buffer_size(&link->output) > 0);
}

void shard_leave(struct shard *shard, struct moment moment) {
    shard_step_begin(shard, moment);
    if (shard->is_leaving) {
        return;
    }
    shard->is_leaving = true;
    for (struct list_node *node = list_first(&shard->links); node != NULL; node = list_next(&shard->links, node)) {
        struct link *link = CONTAINER_OF(node, struct link, all);
        if (link->state == LINK_UP) {
            leaving_tell(shard, link);
        }
    }
}

uint32_t shard_requests_under_way(const struct shard *shard) {
    return (uint32_t)(shard->coordinator.requests.size + shard->router.relays.size);
}

bool shard_has_left(const struct shard *shard) {
    if (!shard->is_leaving || shard_requests_under_way(shard) > 0 || shard->replica.parked.size > 0 ||
        shard->replica.answers_owed > 0) {
        return false;
    }
    for (struct list_node *node = list_first(&shard->links); node != NULL; node = list_next(&shard->links, node)) {
        if (is_needed(CONTAINER_OF(node, struct link, all))) {
            return false;
        }
    }
    return true;
}
