/* The simulator's clients: each speaks RESP to a node through the shipped sessions, one operation after the other, with
 * thinking in between; after a lost connection or a time-out it goes to another node. */
#ifndef GRAMME_SIM_CLIENT_H
#define GRAMME_SIM_CLIENT_H

#include "sim/cluster.h"
#include "sim/history.h"
#include "wire/resp_reader.h"

enum { CLIENT_SHOWN_MOST = 64, CLIENT_TIMEOUT_MS = 3000 };

/* What a client knows of a key: the context it was last given, and the ids it was shown with it. */
struct client_context {
    struct blob token;
    uint32_t ids[CLIENT_SHOWN_MOST];
    uint32_t count;
};

struct client {
    struct workload *workload;
    uint32_t index;
    struct rng rng;
    struct sim_session session;
    struct buffer input;
    struct resp_reader reader;
    struct world_event next;    /* the next operation */
    struct world_event timeout; /* of the one under way */
    bool is_busy;
    size_t operation;
    struct client_context *contexts; /* per key */
    bool stopped;
};

struct workload {
    struct world *world;
    struct cluster *cluster;
    struct history *history;
    struct client *clients;
    uint32_t client_count;
    uint64_t think_ns; /* mean, of one client */
    uint32_t large_per_million;
    uint32_t flush_per_million;
    uint32_t keyspace_per_million;
    /* A write of a value was acknowledged. */
    void (*acknowledged)(void *self, const struct key_record *key, uint32_t value_id);
    /* FLUSHALL was answered OK. */
    void (*flushed)(void *self, const struct op_record *flush);
    /* A value was gone, by an answered FLUSHALL, before that time. */
    bool (*is_flushed)(void *self, const struct key_record *key, uint32_t value_id, struct instant time);
    void *self;
    char violation[512];
};

void workload_init(struct workload *workload, struct world *world, struct cluster *cluster, struct history *history,
                   uint32_t client_count, uint64_t think_ns, struct rng *rng);
void workload_release(struct workload *workload);
/* Lets operations under way end, begins no more. */
void workload_stop(struct workload *workload);
bool workload_is_idle(const struct workload *workload);

/* One operation of the final check: GRAMME.GET with R=N by client 0 at the node; the answer goes to the history. */
size_t workload_read_all(struct workload *workload, uint32_t node, uint32_t key);

#endif
