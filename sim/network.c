#include "sim/network.h"

#include "sim/cluster.h"
#include "wire/frame.h"
#include "wire/message.h"

struct endpoint {
    struct node *node; /* NULL once this end is gone */
    uint32_t shard;
    struct link *link;      /* NULL at the acceptor until HELLO has said which shard */
    struct buffer greeting; /* acceptor: bytes before that */
    struct list queue;      /* of deliveries: what was sent to this end, in order */
    uint64_t last_due_ns;
};

struct connection {
    struct list_node all;
    struct network *network;
    struct world_event connect;
    struct endpoint ends[2]; /* 0: the dialer */
    uint32_t nodes[2];
    uint64_t number;
    uint64_t dials_ns;
    uint32_t deliveries; /* under way */
    bool is_open;
    bool is_over;      /* freed when nothing is under way */
    bool saw_hello[2]; /* [sender] */
};

enum delivery_kind { DELIVERY_BYTES, DELIVERY_END };

struct delivery {
    struct world_event event;
    struct connection *connection;
    struct list_node queued; /* unless it may overtake others */
    enum delivery_kind kind;
    uint32_t to; /* end */
    struct blob bytes;
};

void network_init(struct network *network, struct world *world, struct cluster *cluster, struct rng rng) {
    memset(network, 0, sizeof(*network));
    network->world = world;
    network->cluster = cluster;
    network->rng = rng;
    list_init(&network->connections);
    pool_init(&network->connection_pool, sizeof(struct connection), 32);
    pool_init(&network->delivery_pool, sizeof(struct delivery), 256);
}

static void connection_free(struct network *network, struct connection *connection) {
    list_remove(&connection->all);
    buffer_release(&connection->ends[0].greeting);
    buffer_release(&connection->ends[1].greeting);
    pool_give(&network->connection_pool, connection);
}

void network_release(struct network *network) {
    struct list_node *node;
    while ((node = list_first(&network->connections)) != NULL) {
        connection_free(network, CONTAINER_OF(node, struct connection, all));
    }
    pool_release(&network->connection_pool);
    pool_release(&network->delivery_pool);
}

static void connection_settle(struct network *network, struct connection *connection) {
    bool is_idle = connection->deliveries == 0 && connection->connect.timer.position == 0;
    if (is_idle && connection->ends[0].node == NULL && connection->ends[1].node == NULL) {
        connection_free(network, connection);
    }
}

static uint64_t draw_delay(struct network *network, const struct connection *connection, uint32_t to) {
    const struct network_faults *faults = &network->faults;
    uint64_t delay_ns = faults->delay_least_ns + rng_below(&network->rng, faults->delay_spread_ns + 1);
    if (rng_chance(&network->rng, faults->tail_per_million)) {
        delay_ns *= rng_between(&network->rng, 10, 100);
    }
    return delay_ns + network->slow_ns[connection->nodes[1 - to]][connection->nodes[to]];
}

/* ---- deliveries ---- */

static void delivery_free(struct network *network, struct delivery *delivery) {
    struct connection *connection = delivery->connection;
    if (list_node_linked(&delivery->queued)) {
        list_remove(&delivery->queued);
    }
    blob_give(&network->world->blobs, &delivery->bytes);
    pool_give(&network->delivery_pool, delivery);
    connection->deliveries--;
    connection_settle(network, connection);
}

/* The acceptor's end: the first bytes say which shard the connection is for. */
static void greet(struct network *network, struct connection *connection, struct view bytes) {
    struct endpoint *end = &connection->ends[1];
    uint32_t shard = 0;
    buffer_append_view(&end->greeting, bytes);
    switch (hello_target(buffer_view(&end->greeting), &shard)) {
    case HELLO_MORE:
        return;
    case HELLO_CORRUPT:
        network_close(network, connection, false);
        return;
    case HELLO_READY:
        break;
    }
    end->shard = shard % end->node->shard_count;
    end->link = node_link_accept(end->node, end->shard, connection);
    struct view whole = buffer_view(&end->greeting);
    node_link_input(end->node, end->shard, end->link, whole);
}

/* Looked at again at the next tick of a coarse clock, the same for all that wait, so that their order stays. */
static void wait_for_passage(struct network *network, struct endpoint *end, struct world_event *event) {
    const uint64_t tick_ns = 250 * NS_PER_MS;
    uint64_t due_ns = (network->world->now.ns / tick_ns + 1) * tick_ns;
    end->last_due_ns = due_ns > end->last_due_ns ? due_ns : end->last_due_ns;
    world_schedule(network->world, event, due_ns - network->world->now.ns);
}

/* A stream keeps its order: what is due may have been sent before something that waited for passage, and after it
 * something that did not. The first takes its turn, and this one that of the first. */
static struct delivery *first_in_order(struct world *world, struct delivery *delivery) {
    if (!list_node_linked(&delivery->queued)) {
        return delivery;
    }
    struct list *queue = &delivery->connection->ends[delivery->to].queue;
    struct delivery *first = CONTAINER_OF(list_first(queue), struct delivery, queued);
    if (first != delivery) {
        uint64_t due_ns = first->event.timer.due.ns;
        world_cancel(world, &first->event);
        world_schedule(world, &delivery->event, due_ns - world->now.ns);
    }
    return first;
}

static void deliver(struct world *world, struct world_event *event) {
    struct delivery *delivery = first_in_order(world, CONTAINER_OF(event, struct delivery, event));
    struct connection *connection = delivery->connection;
    struct network *network = connection->network;
    struct endpoint *end = &connection->ends[delivery->to];
    uint32_t from = connection->nodes[1 - delivery->to];
    uint32_t to = connection->nodes[delivery->to];
    if (network->cut[from][to] || (end->node != NULL && end->node->is_paused)) {
        wait_for_passage(network, end, &delivery->event);
        return;
    }
    network->deliveries++;
    world_note(world, "deliver", connection->number, delivery->to, blob_view(&delivery->bytes));
    if (end->node != NULL && delivery->kind == DELIVERY_END) {
        struct node *node = end->node;
        end->node = NULL;
        if (end->link != NULL) {
            node_link_closed(node, end->shard, end->link);
        }
    } else if (end->node != NULL && end->link == NULL) {
        greet(network, connection, blob_view(&delivery->bytes));
    } else if (end->node != NULL) {
        node_link_input(end->node, end->shard, end->link, blob_view(&delivery->bytes));
    }
    delivery_free(network, delivery);
}

static void send_delivery(struct network *network, struct connection *connection, uint32_t to, enum delivery_kind kind,
                          struct view bytes, bool in_order) {
    struct delivery *delivery = pool_take(&network->delivery_pool);
    struct endpoint *end = &connection->ends[to];
    delivery->connection = connection;
    delivery->kind = kind;
    delivery->to = to;
    delivery->bytes = blob_copy(&network->world->blobs, bytes);
    delivery->event.happen = deliver;
    connection->deliveries++;
    uint64_t due_ns = network->world->now.ns + draw_delay(network, connection, to);
    if (in_order && due_ns <= end->last_due_ns) {
        due_ns = end->last_due_ns + 1;
    }
    if (in_order) {
        end->last_due_ns = due_ns;
        list_push_back(&end->queue, &delivery->queued);
    }
    world_schedule(network->world, &delivery->event, due_ns - network->world->now.ns);
}

/* ---- sending ---- */

/* Bytes of the frames that make up the first message. */
static size_t message_bytes(struct view bytes) {
    size_t position = 0;
    bool continues = true;
    while (continues) {
        ENSURE(bytes.size - position >= FRAME_HEADER_BYTES);
        uint32_t length;
        memcpy(&length, bytes.data + position, sizeof(length));
        continues = (bytes.data[position + 5] & FRAME_FLAG_MORE) != 0;
        position += FRAME_HEADER_BYTES + length;
    }
    ENSURE(position <= bytes.size);
    return position;
}

static void send_frames(struct network *network, struct connection *connection, uint32_t to, struct view bytes) {
    const struct network_faults *faults = &network->faults;
    while (bytes.size > 0) {
        size_t size = message_bytes(bytes);
        struct view message = view_slice(bytes, 0, size);
        bytes = view_slice(bytes, size, bytes.size - size);
        bool is_hello = !connection->saw_hello[1 - to];
        connection->saw_hello[1 - to] = true;
        if (!is_hello && rng_chance(&network->rng, faults->loss_per_million)) {
            network->lost++;
            continue;
        }
        send_delivery(network, connection, to, DELIVERY_BYTES, message, is_hello || !faults->overtakes);
        /* A link is TCP and doubles nothing; the protocol bears doubles all the same, but of an operation that is
         * forwarded: doing that twice is two operations. */
        bool may_double = !is_hello && message.data[4] != MESSAGE_OPERATION;
        if (may_double && rng_chance(&network->rng, faults->duplicate_per_million)) {
            network->doubled++;
            send_delivery(network, connection, to, DELIVERY_BYTES, message, !faults->overtakes);
        }
    }
}

static void send_pieces(struct network *network, struct connection *connection, uint32_t to, struct view bytes) {
    while (bytes.size > 0) {
        size_t size = (size_t)rng_between(&network->rng, 1, bytes.size);
        send_delivery(network, connection, to, DELIVERY_BYTES, view_slice(bytes, 0, size), true);
        bytes = view_slice(bytes, size, bytes.size - size);
    }
}

void network_send(struct network *network, struct connection *connection, bool from_dialer, struct view bytes) {
    const struct network_faults *faults = &network->faults;
    uint32_t to = from_dialer ? 1 : 0;
    if (!connection->is_open) {
        return;
    }
    if (faults->pieces) {
        send_pieces(network, connection, to, bytes);
    } else {
        send_frames(network, connection, to, bytes);
    }
    if (rng_chance(&network->rng, faults->break_per_million)) {
        send_delivery(network, connection, 0, DELIVERY_END, (struct view){0}, true);
        send_delivery(network, connection, 1, DELIVERY_END, (struct view){0}, true);
        connection->is_open = false;
    }
}

void network_close(struct network *network, struct connection *connection, bool from_dialer) {
    uint32_t own = from_dialer ? 0 : 1;
    connection->ends[own].node = NULL;
    if (connection->is_open) {
        connection->is_open = false;
        send_delivery(network, connection, 1 - own, DELIVERY_END, (struct view){0}, true);
    }
    if (connection->connect.timer.position != 0) {
        world_cancel(network->world, &connection->connect);
    }
    connection_settle(network, connection);
}

/* ---- dialing ---- */

static void connect_now(struct world *world, struct world_event *event) {
    struct connection *connection = CONTAINER_OF(event, struct connection, connect);
    struct network *network = connection->network;
    struct node *to = &network->cluster->nodes[connection->nodes[1]];
    bool is_cut = network->cut[connection->nodes[0]][connection->nodes[1]] ||
                  network->cut[connection->nodes[1]][connection->nodes[0]];
    if (connection->ends[0].node->is_paused || to->is_paused) {
        world_schedule(world, event, 50 * NS_PER_MS);
        return;
    }
    if (is_cut && world->now.ns - connection->dials_ns < 2 * NS_PER_S) {
        world_schedule(world, event, 100 * NS_PER_MS); /* a SYN without an answer */
        return;
    }
    struct endpoint *dialer = &connection->ends[0];
    struct node *node = dialer->node;
    world_note(world, "connect", connection->number, is_cut || !to->is_up, (struct view){0});
    if (is_cut || !to->is_up) {
        dialer->node = NULL;
        node_link_closed(node, dialer->shard, dialer->link);
        connection_settle(network, connection);
        return;
    }
    connection->is_open = true;
    connection->ends[1].node = to;
    node_link_connected(node, dialer->shard, dialer->link, connection);
}

void network_dial(struct network *network, struct node *from, uint32_t from_shard, struct link *link,
                  uint32_t to_node) {
    struct connection *connection = pool_take(&network->connection_pool);
    connection->network = network;
    connection->number = network->next_connection++;
    connection->nodes[0] = from->index;
    connection->nodes[1] = to_node;
    connection->ends[0] = (struct endpoint){.node = from, .shard = from_shard, .link = link};
    buffer_init(&connection->ends[0].greeting);
    buffer_init(&connection->ends[1].greeting);
    list_init(&connection->ends[0].queue);
    list_init(&connection->ends[1].queue);
    connection->dials_ns = network->world->now.ns;
    connection->connect.happen = connect_now;
    list_push_back(&network->connections, &connection->all);
    world_schedule(network->world, &connection->connect, 2 * draw_delay(network, connection, 1));
}

/* ---- the world outside ---- */

void network_drop_node(struct network *network, uint32_t node) {
    struct list_node *next;
    for (struct list_node *at = list_first(&network->connections); at != NULL; at = next) {
        struct connection *connection = CONTAINER_OF(at, struct connection, all);
        next = list_next(&network->connections, at);
        for (uint32_t own = 0; own < 2; own++) {
            if (connection->nodes[own] == node && connection->ends[own].node != NULL) {
                network_close(network, connection, own == 0);
                break;
            }
        }
    }
}

void network_cut(struct network *network, uint32_t from, uint32_t to, bool is_cut) {
    network->cut[from][to] = is_cut;
}

void network_heal(struct network *network) {
    memset(network->cut, 0, sizeof(network->cut));
    memset(network->slow_ns, 0, sizeof(network->slow_ns));
    network->faults.tail_per_million = 0;
    network->faults.loss_per_million = 0;
    network->faults.duplicate_per_million = 0;
    network->faults.break_per_million = 0;
    network->faults.overtakes = false;
}
