/* Sends objects to a cluster: many at once, answered in order, sent again while nodes are busy or out of reach. What is
 * sent twice is there once (core/coordinator_put.c), so nothing is lost by sending again. */
#ifndef GRAMME_CLI_RESTORE_H
#define GRAMME_CLI_RESTORE_H

#include "cli/address.h"
#include "server/client.h"

enum { RESTORE_WHY_SIZE = 256 };

struct restore {
    struct client client;
    struct address *nodes; /* owned; the first is the one that was named */
    size_t node_count;
    size_t node; /* that is spoken to */
    bool is_connected;
    struct buffer batch; /* for each request: sized key, sized object */
    uint32_t count;      /* in the batch */
    struct buffer left;  /* of the batch, to be sent again */
    struct buffer requests;
    uint64_t done;
    uint64_t again;
    uint64_t failed;
    uint64_t bytes;
    char why[RESTORE_WHY_SIZE]; /* of the first failure */
};

void restore_init(struct restore *restore, const struct address *address);
void restore_release(struct restore *restore);
/* Learns the members, and the cluster's id as text; false, with client.error. */
bool restore_begin(struct restore *restore, char ret_cluster[64]);
/* False when no node takes it any more: client.error says why of the last. */
bool restore_add(struct restore *restore, struct view key, struct view object);
bool restore_flush(struct restore *restore);
/* Asks any node, the next one should this one be gone. */
bool restore_ask(struct restore *restore, const struct view *words, size_t count, const struct resp_reply **ret_reply);

#endif
