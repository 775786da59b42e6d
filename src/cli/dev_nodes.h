/* The processes of a cluster for development: `gramme server --config DIR/nodeK/gramme.conf` each, in process groups of
 * their own, so that a Ctrl-C reaches only their parent, and bound to end with it. */
#ifndef GRAMME_CLI_DEV_NODES_H
#define GRAMME_CLI_DEV_NODES_H

#include "cli/dev_cluster.h"

#include <signal.h>
#include <sys/types.h>

struct dev_process {
    pid_t pid; /* 0: not running */
    bool is_ready;
};

struct dev_nodes {
    const struct dev_cluster *cluster;
    struct dev_process processes[DEV_NODES_MOST];
    sigset_t signals; /* blocked in this process, waited for with dev_nodes_wait() */
};

enum dev_event { DEV_EVENT_NONE, DEV_EVENT_STOP };

void dev_nodes_init(struct dev_nodes *nodes, const struct dev_cluster *cluster);
/* Starts all; false, and said so on stderr, when one can't be. */
bool dev_nodes_start(struct dev_nodes *nodes);
/* Waits for SIGINT or SIGTERM (STOP), at most timeout_ms (-1: for ever). Nodes that end meanwhile are reported on
 * stderr; that ends the wait, too. */
enum dev_event dev_nodes_wait(struct dev_nodes *nodes, int timeout_ms);
uint32_t dev_nodes_running(const struct dev_nodes *nodes);
/* Asks those that aren't ready yet whether they are. True when all are. */
bool dev_nodes_are_ready(struct dev_nodes *nodes);
/* SIGTERM to all; SIGKILL to those that take longer than timeout_ms, or when asked to stop once more. True when all
 * stopped by themselves. */
bool dev_nodes_stop(struct dev_nodes *nodes, int timeout_ms);

#endif
