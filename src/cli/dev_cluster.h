/* The folder of a cluster for development: DIR/node1/gramme.conf and so on, all on 127.0.0.1, and DIR/cluster, which is
 * written last and says that the rest is complete. DIR/lock is held while a cluster runs. */
#ifndef GRAMME_CLI_DEV_CLUSTER_H
#define GRAMME_CLI_DEV_CLUSTER_H

#include "server/config.h"

#include <limits.h>

enum { DEV_NODES_MOST = 64, DEV_PEER_PORT_STEP = 10000, DEV_ERROR_SIZE = PATH_MAX + 512 };

/* What was asked for on the command line. Zero and NULL: not said. */
struct dev_shape {
    uint32_t nodes;
    uint32_t base_port;
    uint32_t shards;
    uint32_t replicas;
    uint32_t read_quorum;
    uint32_t write_quorum;
    const char *storage;
    const char *durability;
};

struct dev_node {
    char folder[PATH_MAX];
    char config_path[PATH_MAX];
    char log_path[PATH_MAX];
    uint16_t client_port;
    uint16_t peer_port;
};

struct dev_cluster {
    char folder[PATH_MAX]; /* absolute */
    int lock;              /* descriptor, -1 when not held */
    bool is_new;
    uint32_t node_count;
    struct dev_node nodes[DEV_NODES_MOST];
    char error[DEV_ERROR_SIZE]; /* a sentence, after a failure */
};

/* Makes the folder if it isn't there, and locks it: fails while another one runs this cluster. Then makes the cluster
 * of that shape in it; or takes the one that is there as it is, if nothing that the shape says contradicts it. Returns
 * an exit code. */
int dev_cluster_open(struct dev_cluster *cluster, const char *folder, const struct dev_shape *shape);
void dev_cluster_close(struct dev_cluster *cluster);

#endif
