/* What goes wrong in a run: each seed draws which classes of fault are on (each off in about half of the seeds) and
 * then when and to whom they happen. */
#ifndef GRAMME_SIM_NEMESIS_H
#define GRAMME_SIM_NEMESIS_H

#include "sim/cluster.h"
#include "sim/steward.h"

enum fault_class {
    FAULT_LOSS,      /* frames lost, doubled, overtaken */
    FAULT_PIECES,    /* streams in pieces, connections that break */
    FAULT_SLOW,      /* long tails, one slow node */
    FAULT_PARTITION, /* symmetric, one-way, isolating one or halving the cluster */
    FAULT_CRASH,     /* with loss of unsynced writes */
    FAULT_CRASH_ALL, /* every node at once */
    FAULT_STOP,      /* clean restarts, most of them of nodes that take their leave first */
    FAULT_PAUSE,
    FAULT_CLOCK,      /* offsets, drift, steps */
    FAULT_DISK,       /* slow syncs; an EIO that stops a store until its node restarts */
    FAULT_READ_ERROR, /* a read from disk fails once */
    FAULT_WIPE,       /* a node loses its disk, once in a run */
    FAULT_CORRUPT,    /* records of a node turn bad on its disk */
    FAULT_FORGET,     /* records of a node vanish from its disk */
    FAULT_RESTORE,    /* a node's disk is as it was some time ago, once in a run: it is told so, and wiped */
    FAULT_MEMORY,     /* a node's memory is short: it takes no values for a while */
    FAULT_MEMBERS,    /* nodes join, leave, are replaced and weigh more or less */
    FAULT_MOVE,       /* a node crashes and starts again at another address, of which only it knows */
    FAULT_CLASSES
};

/* The account of losses: WIPE, CORRUPT, FORGET and RESTORE all hit the same node in a run, so that of W holders of a
 * value one is left. */
struct nemesis;

/* When a node comes back. */
struct nemesis_mend {
    struct world_event event;
    struct nemesis *nemesis;
    struct node *node;
};

/* A node that said that it stops, and has not yet. */
struct nemesis_leave {
    struct world_event event;
    struct nemesis *nemesis;
    struct node *node; /* NULL: nobody */
    uint64_t runs;
    struct instant until; /* it is cut short */
};

struct nemesis {
    struct world *world;
    struct cluster *cluster;
    struct rng rng;
    bool enabled[FAULT_CLASSES];
    uint64_t fired[FAULT_CLASSES];
    struct node *victim; /* of whatever loses data; NULL: nothing lost so far */
    struct node *mover;  /* NULL: nobody moved so far; with several, none might know where any other is */
    bool has_wiped;
    struct memory_leaf *copy;        /* of the victim's disk; NULL: none yet */
    struct hybrid_time copied_bound; /* of its clocks, then */
    struct instant remembered_since; /* that it was further since, by all other nodes; 0: not by all */
    bool has_restored;
    bool awaits_verdict;      /* the victim runs on the copy */
    struct instant last_loss; /* WIPE, CORRUPT, FORGET or RESTORE */
    uint64_t interval_ns;
    struct steward steward;
    struct world_event next;
    struct nemesis_mend mend[SIM_NODES_MOST];
    struct nemesis_leave leave[SIM_NODES_MOST];
    /* A node's memory is gone, or it is there again: the account must know. */
    void (*node_gone)(void *self, struct node *node);
    void (*node_back)(void *self, struct node *node);
    void (*node_wiped)(void *self, struct node *node);
    /* A record of the object family; forgotten, or damaged, which its reader will notice. */
    void (*record_lost)(void *self, struct node *node, struct view key, bool is_forgotten);
    void *self;
};

const char *fault_text(enum fault_class fault);
/* The node runs on what its disk once was, and nobody has told it so yet. */
bool nemesis_tries(const struct nemesis *nemesis, const struct node *node);
void nemesis_release(struct nemesis *nemesis);
/* Draws the classes and sets the network's and disks' knobs. */
void nemesis_init(struct nemesis *nemesis, struct world *world, struct cluster *cluster, struct rng rng);
void nemesis_start(struct nemesis *nemesis);
/* No more faults, everything mended, every node up. */
void nemesis_heal(struct nemesis *nemesis);

#endif
