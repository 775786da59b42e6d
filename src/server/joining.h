/* How a node becomes a member of a cluster that is there: it asks one of its seeds after the other, each second, until
 * the membership log has it.
 *
 *      this node, its store empty                        a seed, any member
 *      GRAMME.MEMBERS SEEK: who I am, and a proof   --->
 *                                                   <--- shape, keyspaces, log
 *      not in the log: logs what the operator is to do, asks again
 *      in the log: starts with it, as one that had it in its store */
#ifndef GRAMME_SERVER_JOINING_H
#define GRAMME_SERVER_JOINING_H

#include "server/config.h"

#include <signal.h>

enum joining_end {
    JOINING_IS_MEMBER, /* the log is a log that has this node, and the configuration has the cluster's shape */
    JOINING_STOPPED,   /* by a signal */
    JOINING_REFUSED,   /* for good, and the log (of events) says why */
};

/* Waits; `signals` are blocked, and one of them ends it. */
enum joining_end joining_wait(struct config *config, const sigset_t *signals, struct membership *log);

#endif
