#include "core/router.h"

#include "core/members.h"

#include "core/shard_state.h"

enum { RELAY_TRIES = 3, RELAY_GRACE_MS = 50 };

struct relay {
    struct map_node node;
    struct list_node active;
    struct map_node write;  /* in router.writes while it leads the writes of its key */
    struct list waiting;    /* relays of later writes of the key */
    struct list_node waits; /* in another's list, or among the ready */
    bool leads;
    struct alarm alarm;
    struct origin origin;
    uint64_t id;
    struct instant deadline;
    struct blob encoded; /* the operation */
    struct partition partition;
    struct ring *ring; /* retained: places are those of its lists */
    bool by_mail;
    bool hopped;                /* came over a link before the mail */
    uint32_t to_shard;          /* mail */
    struct member_index target; /* link */
    uint32_t tries;
    struct instant retry_at; /* a SET: not before */
    /* Tries by place in the preference list, bit i for the i-th: sent at all; sent, and neither answered nor lost. */
    uint64_t tried;
    uint64_t open;
    bool stood_in;     /* was coordinated here, by a fallback */
    bool is_uncertain; /* a try was lost, or ended in doubt: it may have landed */
};

void router_init(struct shard *shard) {
    struct router *router = &shard->router;
    map_init(&router->relays, 256);
    map_init(&router->writes, 64);
    list_init(&router->active);
    list_init(&router->ready);
    pool_init(&router->relay_pool, sizeof(struct relay), 128);
}

void router_release(struct shard *shard) {
    struct list_node *node;
    while ((node = list_take_first(&shard->router.active)) != NULL) {
        ring_free(CONTAINER_OF(node, struct relay, active)->ring);
    }
    map_release(&shard->router.relays);
    map_release(&shard->router.writes);
    pool_release(&shard->router.relay_pool);
}

/* ---- answers ---- */

static void relay_stand_in_answered(struct shard *shard, uint64_t id, const struct result *result);

void origin_answer(struct shard *shard, const struct origin *origin, const struct result *result) {
    if (origin->is_front) {
        front_complete(shard->front, origin->token, result, shard_now(shard), shard_wall(shard), &shard->scratch);
        return;
    }
    if (origin->is_relay) {
        relay_stand_in_answered(shard, origin->token, result);
        return;
    }
    struct buffer *output = source_output(shard, &origin->source, result->object.size);
    if (output != NULL) {
        struct message_result message = {.request = origin->token, .result = *result};
        message_encode_result(output, &message);
    }
}

void origin_answer_outcome(struct shard *shard, const struct origin *origin, enum outcome outcome, const char *detail) {
    struct result result = {.outcome = outcome, .detail = view_of_string(detail)};
    origin_answer(shard, origin, &result);
}

/* ---- relays ---- */

static struct operation relay_operation(const struct relay *relay) {
    struct reader reader = reader_of(blob_view(&relay->encoded));
    struct operation operation = {0};
    bool is_ours = operation_decode(&reader, &operation);
    ENSURE(is_ours);
    return operation;
}

static struct relay *relay_new(struct shard *shard, const struct operation *operation, const struct origin *origin,
                               struct partition partition) {
    struct router *router = &shard->router;
    struct relay *relay = pool_take(&router->relay_pool);
    relay->id = shard->next_request++;
    relay->origin = *origin;
    relay->partition = partition;
    relay->ring = ring_retain(shard->ring);
    relay->alarm.kind = ALARM_RELAY;
    list_init(&relay->waiting);
    relay->deadline = instant_after_ms(shard_now(shard), operation->deadline_ms);
    buffer_clear(&shard->encoded);
    operation_encode(&shard->encoded, operation);
    relay->encoded = blob_copy(&shard->blobs, buffer_view(&shard->encoded));
    load_began(shard, relay->encoded.size);
    map_insert(&router->relays, &relay->node, relay->id);
    list_push_back(&router->active, &relay->active);
    return relay;
}

/* Tries by place, bit i for the i-th, that are over: answered, lost or given up. */
static void relay_close(struct shard *shard, struct relay *relay, uint64_t tries) {
    const struct member_index *list = ring_preference(relay->ring, relay->partition);
    for (uint64_t left = relay->open & tries; left != 0; left &= left - 1) {
        shard->peers[list[__builtin_ctzll(left)].value].relays_open--;
    }
    relay->open &= ~tries;
}

static void relay_free(struct shard *shard, struct relay *relay) {
    struct router *router = &shard->router;
    relay_close(shard, relay, UINT64_MAX);
    map_remove(&router->relays, &relay->node);
    list_remove(&relay->active);
    timers_cancel(&shard->timers, &relay->alarm.timer);
    load_ended(shard, relay->encoded.size);
    ring_free(relay->ring);
    blob_give(&shard->blobs, &relay->encoded);
    pool_give(&router->relay_pool, relay);
}

static void relay_try(struct shard *shard, struct relay *relay);

/* The next write of the key that this relay led takes its place, and the others stay behind it. */
static void relay_pass_on(struct shard *shard, struct relay *relay) {
    struct router *router = &shard->router;
    map_remove(&router->writes, &relay->write);
    struct list_node *node = list_take_first(&relay->waiting);
    if (node == NULL) {
        return;
    }
    struct relay *next = CONTAINER_OF(node, struct relay, waits);
    list_append(&next->waiting, &relay->waiting);
    next->leads = true;
    map_insert(&router->writes, &next->write, relay->write.hash);
    list_push_back(&router->ready, node);
}

/* One after the other, since one that ends at once makes the next ready: thousands may wait for a hot key. */
static void router_send_ready(struct shard *shard) {
    struct router *router = &shard->router;
    struct list_node *node;
    if (router->is_sending) {
        return;
    }
    router->is_sending = true;
    while ((node = list_take_first(&router->ready)) != NULL) {
        relay_try(shard, CONTAINER_OF(node, struct relay, waits));
    }
    router->is_sending = false;
}

static void relay_leave(struct shard *shard, struct relay *relay) {
    if (list_node_linked(&relay->waits)) {
        list_remove(&relay->waits);
    }
    if (relay->leads) {
        relay_pass_on(shard, relay);
    }
    relay_free(shard, relay);
}

static void relay_finish(struct shard *shard, struct relay *relay, const struct result *result) {
    struct origin origin = relay->origin;
    relay_leave(shard, relay);
    origin_answer(shard, &origin, result);
    router_send_ready(shard);
}

static struct relay *relay_find(const struct shard *shard, uint64_t id) {
    struct map_node *node = map_first(&shard->router.relays, id);
    return node == NULL ? NULL : CONTAINER_OF(node, struct relay, node);
}

static bool operation_is_write(const struct operation *operation) {
    return operation->kind == OPERATION_PUT || operation->kind == OPERATION_EXPIRE ||
           operation->kind == OPERATION_FLUSH || operation->kind == OPERATION_KEYSPACES ||
           operation->kind == OPERATION_MEMBERS || operation->kind == OPERATION_RESTORE;
}

/* Doing it twice does no harm: a read, what is merged, or a SET that says the same thing again. */
static bool operation_may_repeat(const struct operation *operation) {
    const uint32_t conditions = OPERATION_READS | OPERATION_TOMBSTONE;
    return operation->kind == OPERATION_READ || operation->kind == OPERATION_INSPECT ||
           operation->kind == OPERATION_RESTORE ||
           (operation->kind == OPERATION_PUT && (operation->flags & OPERATION_PLAIN) != 0 &&
            (operation->flags & conditions) == 0);
}

/* SET NX and its like serialise at one place per key: the first owner in reach. */
static bool operation_is_conditional(const struct operation *operation) {
    return operation->kind == OPERATION_EXPIRE ||
           (operation->kind == OPERATION_PUT && (operation->flags & OPERATION_READS) != 0);
}

/* ---- choice of the coordinator ---- */

static bool may_coordinate(const struct shard *shard, const struct operation *operation) {
    return !shard->witness.is_rolled_back && roster_has_heard(shard) &&
           (!operation_is_write(operation) || shard_may_stamp(shard));
}

/* How long an operation that is forwarded there is expected to take: the queue before it, and the way (after C3, NSDI
 * '15, which weighs queues more, as many coordinators choose at once). */
static uint64_t cost_of(const struct shard *shard, struct member_index member) {
    const struct peer *peer = &shard->peers[member.value];
    return peer->latency_p95_ns * (1 + peer->relays_open);
}

/* The place in the preference list of the owner that shall coordinate, or -1. `tried`: places not to choose again. */
static int choose_owner(const struct shard *shard, const struct ring *ring, const struct operation *operation,
                        struct partition partition, uint64_t tried) {
    const struct member_index *list = ring_preference(ring, partition);
    int owners = (int)ring_replica_count(ring);
    int chosen = -1;
    for (int place = 0; place < owners; place++) {
        bool is_self = member_index_equal(list[place], shard->self);
        if ((tried & (UINT64_C(1) << place)) != 0 || !peer_is_reachable(shard, list[place], partition) ||
            (is_self && !may_coordinate(shard, operation))) {
            continue;
        }
        if (operation_is_conditional(operation) || is_self) {
            return place;
        }
        if (chosen < 0 || cost_of(shard, list[place]) < cost_of(shard, list[chosen])) {
            chosen = place;
        }
    }
    return chosen;
}

/* With no owner in reach this node, if it is none, coordinates as a fallback, if it may stamp. */
static bool may_stand_in(const struct shard *shard, const struct operation *operation, struct partition partition) {
    return operation->kind != OPERATION_INSPECT && !ring_is_owner(shard->ring, partition, shard->self) &&
           !ring_is_leaving(shard->ring, shard->self) && replica_role(shard, partition) != ROLE_FORMER &&
           may_coordinate(shard, operation);
}

static uint64_t relay_left_ms(const struct shard *shard, const struct relay *relay) {
    uint64_t now = shard_now(shard).ns;
    return relay->deadline.ns > now ? (relay->deadline.ns - now) / NS_PER_MS : 0;
}

/* When to look at the relay again if no answer comes. */
static void relay_arm(struct shard *shard, struct relay *relay, const struct operation *operation) {
    struct instant due = instant_after_ms(relay->deadline, relay->by_mail ? RELAY_GRACE_MS : 0);
    struct instant next = instant_after_ms(shard_now(shard), RELAY_PATIENCE_MS);
    if (operation_is_write(operation)) {
        next = relay->retry_at;
    }
    bool may_go_elsewhere = !relay->by_mail && operation->kind != OPERATION_INSPECT && operation_may_repeat(operation);
    if (may_go_elsewhere && relay->tries < RELAY_TRIES && next.ns < due.ns && next.ns > shard_now(shard).ns) {
        due = next;
    }
    timers_schedule(&shard->timers, &relay->alarm.timer, due);
}

/* False when the target is out of reach after all. */
static bool relay_send(struct shard *shard, struct relay *relay) {
    struct operation operation = relay_operation(relay);
    uint64_t left_ms = relay_left_ms(shard, relay);
    bool is_brief = !relay->by_mail && operation_is_write(&operation) && operation_may_repeat(&operation);
    operation.deadline_ms = (uint32_t)left_ms;
    if (is_brief) {
        operation.stamp_ms = left_ms < RELAY_TRY_MS ? (uint32_t)left_ms : RELAY_TRY_MS;
    }
    struct buffer *output = relay->by_mail ? mail_output(shard, relay->to_shard)
                                           : lane_output(shard, relay->target, relay->partition, relay->encoded.size);
    if (output == NULL) {
        return false;
    }
    struct message_operation message = {
        .request = relay->id,
        .hopped = relay->hopped || !relay->by_mail,
        .placement_mark = ring_placement_mark(relay->ring, relay->partition),
        .sent = shard_now(shard),
        .operation = operation,
    };
    message_encode_operation(output, &message);
    relay->tries++;
    relay->retry_at = instant_after_ms(shard_now(shard), RELAY_TRY_MS + RELAY_TRY_MARGIN_MS);
    relay_arm(shard, relay, &operation);
    return true;
}

/* The relay's operation cannot be carried further. */
static void relay_give_up(struct shard *shard, struct relay *relay) {
    struct operation operation = relay_operation(relay);
    struct result result = {.outcome = OUTCOME_NOREPLICAS};
    if (!operation_is_write(&operation)) {
        result.outcome = OUTCOME_NOQUORUM;
    } else if (relay->is_uncertain || relay->open != 0) {
        shard->router.in_doubt++;
        result.outcome = OUTCOME_INDOUBT;
    }
    relay_finish(shard, relay, &result);
}

/* The best owner left is this node: of a SET NX whose first owner could not coordinate, say. */
static void relay_end_here(struct shard *shard, struct relay *relay) {
    struct origin origin = relay->origin;
    struct operation operation = relay_operation(relay);
    operation.deadline_ms = (uint32_t)relay_left_ms(shard, relay);
    coordinator_begin(shard, &operation, &origin, relay->partition);
    relay_leave(shard, relay);
    router_send_ready(shard);
}

static bool relay_may_stand_in(const struct shard *shard, const struct relay *relay,
                               const struct operation *operation) {
    return !relay->stood_in && relay_left_ms(shard, relay) > 0 && shard_now(shard).ns >= relay->retry_at.ns &&
           operation_may_repeat(operation) && may_stand_in(shard, operation, relay->partition);
}

/* No owner is in reach, and an earlier try of this SET may have landed, but can have no more effect: it is tried once
 * more here, by a fallback, as at another owner. */
static void relay_stand_in(struct shard *shard, struct relay *relay) {
    struct operation operation = relay_operation(relay);
    struct origin origin = {.is_relay = true, .token = relay->id};
    relay->stood_in = true;
    operation.deadline_ms = (uint32_t)relay_left_ms(shard, relay);
    timers_schedule(&shard->timers, &relay->alarm.timer, instant_after_ms(relay->deadline, RELAY_GRACE_MS));
    coordinator_begin(shard, &operation, &origin, relay->partition);
}

/* The owners that it knows of were tried, and no try is open: those of a later ring may be others. */
static bool relay_takes_later_ring(const struct shard *shard, struct relay *relay) {
    if (relay->ring == shard->ring || relay->open != 0) {
        return false;
    }
    ring_free(relay->ring);
    relay->ring = ring_retain(shard->ring);
    relay->tried = 0;
    return true;
}

/* Sends the relay to the best owner not tried yet. Without one it waits for the tries that are open, or ends. */
static void relay_try(struct shard *shard, struct relay *relay) {
    struct operation operation = relay_operation(relay);
    bool is_retry = relay->tries > 0;
    while (relay->tries < RELAY_TRIES && relay_left_ms(shard, relay) > 0) {
        int place = choose_owner(shard, relay->ring, &operation, relay->partition, relay->tried);
        if (place < 0 && relay_takes_later_ring(shard, relay)) {
            continue;
        }
        if (place < 0) {
            break;
        }
        relay->tried |= UINT64_C(1) << place;
        relay->target = ring_preference(relay->ring, relay->partition)[place];
        bool is_certain = (relay->open == 0 && !relay->is_uncertain) || !operation_is_write(&operation);
        if (is_certain && member_index_equal(relay->target, shard->self)) {
            relay_end_here(shard, relay);
            return;
        }
        if (relay_send(shard, relay)) {
            relay->open |= UINT64_C(1) << place;
            shard->peers[relay->target.value].relays_open++;
            shard->router.retried += is_retry ? 1 : 0;
            return;
        }
    }
    bool is_certain = relay->open == 0 && !relay->is_uncertain;
    if (relay->open != 0 && relay_left_ms(shard, relay) > 0) {
        timers_schedule(&shard->timers, &relay->alarm.timer, relay->deadline);
    } else if (relay_left_ms(shard, relay) > 0 && (is_certain || !operation_is_write(&operation)) &&
               may_stand_in(shard, &operation, relay->partition)) {
        relay_end_here(shard, relay);
    } else if (relay_may_stand_in(shard, relay, &operation)) {
        relay_stand_in(shard, relay);
    } else {
        relay_give_up(shard, relay);
    }
}

/* The bit of a member's try that is open, or 0. */
static uint64_t relay_open_try(const struct relay *relay, struct member_index member) {
    const struct member_index *list = ring_preference(relay->ring, relay->partition);
    for (uint32_t place = 0; place < ring_replica_count(relay->ring); place++) {
        if (member_index_equal(list[place], member)) {
            return relay->open & (UINT64_C(1) << place);
        }
    }
    return 0;
}

/* An inspection was sent to the member, which is in no preference list that counts. */
static bool relay_inspects(const struct relay *relay, struct member_index member) {
    return relay->tries > 0 && relay->tried == 0 && member_index_equal(relay->target, member);
}

/* A try came to nothing that is known of: another now, later, or never. */
static void relay_lost(struct shard *shard, struct relay *relay, uint64_t try) {
    struct operation operation = relay_operation(relay);
    relay_close(shard, relay, try);
    relay->is_uncertain = true;
    if (operation.kind == OPERATION_READ) {
        relay_try(shard, relay);
    } else if (operation.kind == OPERATION_INSPECT || !operation_may_repeat(&operation)) {
        relay_give_up(shard, relay);
    } else if (shard_now(shard).ns >= relay->retry_at.ns) {
        relay_try(shard, relay);
    }
    /* Else a SET whose try may still be alive: its alarm is set for when it can't be. */
}

/* ---- routing ---- */

static struct relay *write_under_way(const struct shard *shard, struct view key) {
    for (struct map_node *node = map_first(&shard->router.writes, hash64(key, 0)); node != NULL;
         node = map_next(node)) {
        struct relay *relay = CONTAINER_OF(node, struct relay, write);
        struct operation operation = relay_operation(relay);
        if (view_equal(operation.key, key)) {
            return relay;
        }
    }
    return NULL;
}

/* Forwards, writes of one key one after the other: they may go to different owners, and be tried again, and would
 * otherwise overtake each other. */
static void route_away(struct shard *shard, const struct operation *operation, const struct origin *origin,
                       struct partition partition) {
    struct relay *relay = relay_new(shard, operation, origin, partition);
    shard->router.forwarded++;
    if (!operation_is_write(operation)) {
        relay_try(shard, relay);
        return;
    }
    struct relay *leader = write_under_way(shard, operation->key);
    if (leader != NULL) {
        list_push_back(&leader->waiting, &relay->waits);
        timers_schedule(&shard->timers, &relay->alarm.timer, relay->deadline);
        return;
    }
    relay->leads = true;
    map_insert(&shard->router.writes, &relay->write, hash64(operation->key, 0));
    relay_try(shard, relay);
}

static void route_inspect(struct shard *shard, const struct operation *operation, const struct origin *origin,
                          struct partition partition, bool hopped) {
    struct member_index target;
    if (!ring_find_member(shard->ring, operation->target, &target)) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, "ERR no such node");
    } else if (member_index_equal(target, shard->self)) {
        coordinator_inspect(shard, operation, origin, partition);
    } else if (hopped) {
        origin_answer_outcome(shard, origin, OUTCOME_NOREPLICAS, "");
    } else {
        struct relay *relay = relay_new(shard, operation, origin, partition);
        relay->target = target;
        if (!relay_send(shard, relay)) {
            relay_give_up(shard, relay);
        }
    }
}

static void route_by_mail(struct shard *shard, const struct operation *operation, const struct origin *origin,
                          struct partition partition, uint32_t to_shard, bool hopped) {
    struct relay *relay = relay_new(shard, operation, origin, partition);
    relay->by_mail = true;
    relay->hopped = hopped;
    relay->to_shard = to_shard;
    relay_send(shard, relay);
}

static struct member_index first_awaited(const struct shard *shard) {
    for (size_t nth = 0; nth < ring_present_count(shard->ring); nth++) {
        struct member_index member = ring_nth_by_id(shard->ring, nth);
        if (ring_is_awaited(shard->ring, member)) {
            return member;
        }
    }
    return shard->self;
}

/* What changes the whole cluster: a flush may be asked for anywhere, the keyspaces are changed at the first member. */
static void route_of_all(struct shard *shard, const struct operation *operation, const struct origin *origin,
                         bool hopped) {
    const struct member_index first = first_awaited(shard);
    if (operation->kind == OPERATION_MEMBERS) {
        members_asked(shard, operation, origin);
    } else if (operation->kind == OPERATION_FLUSH) {
        flush_begin(shard, operation, origin);
    } else if (member_index_equal(shard->self, first)) {
        keyspaces_begin(shard, operation, origin);
    } else if (hopped || !peer_is_reachable(shard, first, (struct partition){0})) {
        origin_answer_outcome(shard, origin, OUTCOME_NOREPLICAS, "");
    } else {
        /* Partition 0 is the first shard's on any node. */
        struct relay *relay = relay_new(shard, operation, origin, (struct partition){0});
        relay->target = first;
        if (!relay_send(shard, relay)) {
            relay_give_up(shard, relay);
        }
    }
}

static void route_to_thread(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    buffer_clear(&shard->encoded);
    bool is_known = front_asked(shard->front, operation->value, shard_now(shard), &shard->encoded);
    struct result result = {.outcome = is_known ? OUTCOME_DONE : OUTCOME_REFUSED,
                            .object = buffer_view(&shard->encoded)};
    origin_answer(shard, origin, &result);
}

/* To an owner of its key that can take it: this node, another, or a stand-in where none can. */
static void route_by_owner(struct shard *shard, const struct operation *operation, const struct origin *origin,
                           struct partition partition) {
    int place = choose_owner(shard, shard->ring, operation, partition, 0);
    if (place < 0 && may_stand_in(shard, operation, partition)) {
        coordinator_begin(shard, operation, origin, partition);
        return;
    }
    if (place < 0 && operation_is_write(operation) && shard->has_failed_store) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, STORE_FAILED_DETAIL);
        return;
    }
    if (place < 0) {
        enum outcome outcome = operation_is_write(operation) ? OUTCOME_NOREPLICAS : OUTCOME_NOQUORUM;
        origin_answer_outcome(shard, origin, outcome, "");
        return;
    }
    if (member_index_equal(ring_preference(shard->ring, partition)[place], shard->self)) {
        coordinator_begin(shard, operation, origin, partition);
        return;
    }
    route_away(shard, operation, origin, partition);
}

/* At the shard of its key. */
static void route_key(struct shard *shard, const struct operation *operation, const struct origin *origin,
                      struct partition partition, bool hopped) {
    if (operation->kind == OPERATION_INSPECT) {
        route_inspect(shard, operation, origin, partition, hopped);
        return;
    }
    if ((operation->flags & OPERATION_ADD) != 0 && !lanes_all_speak(shard, PROTOCOL_WITH_COUNTERS)) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED,
                              "ERR a member of the cluster runs a version without counters: upgrade all nodes first");
        return;
    }
    if (!hopped) {
        route_by_owner(shard, operation, origin, partition);
    } else if (ring_is_owner(shard->ring, partition, shard->self) && may_coordinate(shard, operation)) {
        coordinator_begin(shard, operation, origin, partition);
    } else {
        origin_answer_outcome(shard, origin, OUTCOME_NOREPLICAS, "");
    }
}

void router_route(struct shard *shard, const struct operation *operation, const struct origin *origin, bool hopped) {
    struct partition partition = ring_partition_of_key(shard->ring, operation->key);
    bool is_of_all = operation->kind == OPERATION_FLUSH || operation->kind == OPERATION_KEYSPACES ||
                     operation->kind == OPERATION_MEMBERS;
    bool is_listing = operation->kind == OPERATION_LIST;
    bool is_for_thread = operation->kind == OPERATION_THREAD;
    uint32_t to_shard = is_of_all       ? 0
                        : is_listing    ? listing_shard(shard, operation)
                        : is_for_thread ? operation->offset % shard->options.shard_count
                                        : shard_of_partition(shard, partition);
    if (is_for_thread && origin->source.lane != NULL) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, "ERR nothing that another node is told");
        return;
    }
    if (!load_admits(shard, operation)) {
        origin_answer_outcome(shard, origin, OUTCOME_BUSY, "");
        return;
    }
    if (to_shard != shard->options.shard_index) {
        route_by_mail(shard, operation, origin, partition, to_shard, hopped);
    } else if (is_of_all) {
        route_of_all(shard, operation, origin, hopped);
    } else if (is_listing) {
        listing_begin(shard, operation, origin);
    } else if (is_for_thread) {
        route_to_thread(shard, operation, origin);
    } else {
        route_key(shard, operation, origin, partition, hopped);
    }
}

/* Within a process clocks are one; but its shards may have been stopped between writing and reading. */
static uint64_t mail_age_ns(const struct shard *shard, struct instant sent) {
    return shard_now(shard).ns > sent.ns ? shard_now(shard).ns - sent.ns : 0;
}

void router_on_operation(struct shard *shard, const struct source *source, struct view body) {
    struct message_operation message;
    if (!message_decode_operation(body, &message)) {
        return; /* its sender's deadline answers */
    }
    struct origin origin = {.source = *source, .token = message.request};
    bool is_mail = source->lane == NULL;
    if (message.hopped || is_mail) {
        struct operation *operation = &message.operation;
        uint64_t age_ms =
            (is_mail ? mail_age_ns(shard, message.sent) : peer_age_ns(shard, source->lane->peer, message.sent)) /
            NS_PER_MS;
        if (age_ms >= operation->deadline_ms || (operation->stamp_ms != 0 && age_ms >= operation->stamp_ms)) {
            /* It lay somewhere until its sender had given it up, and perhaps done it elsewhere. */
            origin_answer_outcome(shard, &origin, OUTCOME_NOREPLICAS, "");
            return;
        }
        operation->deadline_ms -= (uint32_t)age_ms;
        operation->stamp_ms -= operation->stamp_ms == 0 ? 0 : (uint32_t)age_ms;
    }
    router_route(shard, &message.operation, &origin, message.hopped);
}

static bool outcome_did_nothing(enum outcome outcome) {
    return outcome == OUTCOME_NOREPLICAS || outcome == OUTCOME_BUSY || outcome == OUTCOME_REFUSED;
}

/* The answer of one try: "nothing was done" is true of that try alone. */
static void relay_take_result(struct shard *shard, struct relay *relay, uint64_t try, const struct result *result) {
    struct operation operation = relay_operation(relay);
    bool is_write = operation_is_write(&operation);
    relay_close(shard, relay, try);
    bool did_nothing = outcome_did_nothing(result->outcome) || result->outcome == OUTCOME_NOQUORUM;
    bool is_in_doubt = is_write && result->outcome == OUTCOME_INDOUBT;
    relay->is_uncertain = relay->is_uncertain || is_in_doubt;
    if (!did_nothing && !is_in_doubt) {
        relay_finish(shard, relay, result);
    } else if (relay->open != 0) {
        return; /* another try may still succeed */
    } else if (result->outcome == OUTCOME_NOREPLICAS && (!relay->is_uncertain || operation_may_repeat(&operation))) {
        if (relay_takes_later_ring(shard, relay)) {
            relay->tries = 1; /* whom it asked may be an owner no more */
        }
        relay_try(shard, relay);
    } else if (is_write && relay->is_uncertain) {
        relay_give_up(shard, relay);
    } else {
        relay_finish(shard, relay, result);
    }
}

static void relay_stand_in_answered(struct shard *shard, uint64_t id, const struct result *result) {
    struct relay *relay = relay_find(shard, id);
    if (relay == NULL) {
        return; /* given up at its deadline */
    }
    if (outcome_did_nothing(result->outcome) || result->outcome == OUTCOME_NOQUORUM) {
        relay_give_up(shard, relay); /* here nothing was done; of the earlier tries that is not certain */
    } else {
        relay_finish(shard, relay, result);
    }
}

void router_on_result(struct shard *shard, const struct source *source, struct view body) {
    struct message_result message;
    if (!message_decode_result(body, &message)) {
        return;
    }
    struct relay *relay = relay_find(shard, message.request);
    if (relay == NULL || relay->by_mail != (source->lane == NULL)) {
        return; /* answered already */
    }
    bool is_single = relay->by_mail || relay_inspects(relay, source->lane->peer->member);
    uint64_t try = is_single ? 0 : relay_open_try(relay, source->lane->peer->member);
    if (is_single) {
        relay_finish(shard, relay, &message.result); /* mail, or an inspection: asked once, of one */
    } else if (try != 0) {
        relay_take_result(shard, relay, try, &message.result);
    }
}

void router_peer_lost(struct shard *shard, struct member_index member) {
    /* An ending relay may start others: by id, from a list made first. */
    struct router *router = &shard->router;
    uint64_t *ids = ARENA_ARRAY(&shard->scratch, uint64_t, router->relays.size);
    size_t count = 0;
    for (struct list_node *node = list_first(&router->active); node != NULL; node = list_next(&router->active, node)) {
        struct relay *relay = CONTAINER_OF(node, struct relay, active);
        bool is_asked = !relay->by_mail && (relay_inspects(relay, member) || relay_open_try(relay, member) != 0);
        if (is_asked && !peer_still_answers(shard, member, relay->partition)) {
            ids[count++] = relay->id;
        }
    }
    for (size_t index = 0; index < count; index++) {
        struct relay *relay = relay_find(shard, ids[index]);
        if (relay != NULL) {
            relay_lost(shard, relay, relay_open_try(relay, member));
        }
    }
}

void router_on_alarm(struct shard *shard, struct alarm *alarm) {
    struct relay *relay = CONTAINER_OF(alarm, struct relay, alarm);
    struct operation operation = relay_operation(relay);
    bool is_over = shard_now(shard).ns >= relay->deadline.ns;
    relay->is_uncertain = relay->by_mail || relay->tries > 0;
    if (!is_over && !relay->by_mail && operation_may_repeat(&operation)) {
        relay_try(shard, relay);
    } else {
        relay_give_up(shard, relay);
    }
}
