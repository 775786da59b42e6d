/* The operator of the simulated cluster: it lets nodes join, leave, be replaced and weigh more or less, through the
 * commands that a person has, on whatever node it reaches, and aborts now and then what has begun. What a person would
 * do on machines it does too: it starts those who have become members, and turns off those who have gone. */
#ifndef GRAMME_SIM_STEWARD_H
#define GRAMME_SIM_STEWARD_H

#include "sim/cluster.h"

struct steward {
    struct world *world;
    struct cluster *cluster;
    struct rng rng;
    struct world_event tick;
    struct sim_session session; /* of the command under way */
    uint64_t changed;           /* members that came or went */
    bool is_resting;            /* it begins nothing any more */
    void (*node_gone)(void *self, struct node *node);
    void (*node_back)(void *self, struct node *node);
    void *self;
};

void steward_init(struct steward *steward, struct world *world, struct cluster *cluster, struct rng rng);
void steward_start(struct steward *steward);
/* Asks for some change. False: there is nothing to ask, or nobody to ask it. */
bool steward_act(struct steward *steward);
void steward_stop(struct steward *steward);
/* No node knows of a move that isn't over. */
bool steward_is_done(const struct steward *steward);
/* Into the trace: how far each node is. */
void steward_tell(const struct steward *steward);

#endif
