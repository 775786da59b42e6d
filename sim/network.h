/* The simulated network: connections between shards, as ordered byte streams that come in pieces, or, harsher than TCP
 * allows, as frames that may be lost, doubled and overtaken once both ends have said HELLO. Links between two nodes can
 * be cut (one way or both), slowed or clogged; a dial may be refused or hang. */
#ifndef GRAMME_SIM_NETWORK_H
#define GRAMME_SIM_NETWORK_H

#include "base/list.h"
#include "sim/world.h"

struct cluster;
struct node;
struct link;

/* Behind the last node is one that never is there: what is dialed where nobody is. */
enum { SIM_NODES_MOST = 16, SIM_NOBODY = SIM_NODES_MOST, SIM_PLACES };

/* Knobs of one seed; all off is a perfect network. */
struct network_faults {
    uint64_t delay_least_ns;
    uint64_t delay_spread_ns;
    uint32_t tail_per_million; /* of deliveries: delayed ten to a hundred times longer */
    uint32_t loss_per_million; /* of frames */
    uint32_t duplicate_per_million;
    bool overtakes;             /* frames arrive in any order */
    bool pieces;                /* streams arrive in pieces */
    uint32_t break_per_million; /* of flushes: the connection breaks */
};

struct network {
    struct world *world;
    struct cluster *cluster;
    struct rng rng;
    struct network_faults faults;
    bool cut[SIM_PLACES][SIM_PLACES];         /* [from][to]: nothing passes; streams wait */
    uint64_t slow_ns[SIM_PLACES][SIM_PLACES]; /* added to each delivery */
    struct list connections;
    struct pool connection_pool;
    struct pool delivery_pool;
    uint64_t deliveries, lost, doubled;
    uint64_t next_connection;
};

struct connection;

void network_init(struct network *network, struct world *world, struct cluster *cluster, struct rng rng);
void network_release(struct network *network);

/* A shard dials another node: answered later by node_link_connected() or node_link_closed(). */
void network_dial(struct network *network, struct node *from, uint32_t from_shard, struct link *link, uint32_t to_node);
/* Bytes of a link, whole frames. */
void network_send(struct network *network, struct connection *connection, bool from_dialer, struct view bytes);
/* One end gives the connection up: nothing reaches that end any more; the other end hears of it after a while. */
void network_close(struct network *network, struct connection *connection, bool from_dialer);
/* All connections of a node, without a word to it: it has crashed. */
void network_drop_node(struct network *network, uint32_t node);
/* Cuts or mends; what waits behind a cut is delivered when it is mended. */
void network_cut(struct network *network, uint32_t from, uint32_t to, bool is_cut);
void network_heal(struct network *network);

#endif
