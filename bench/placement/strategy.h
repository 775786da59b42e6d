/* The three strategies of the paper's section 6.2, each of which says for every stretch of the ring which nodes hold
 * it; and what is measured of them. */
#ifndef GRAMME_BENCH_PLACEMENT_STRATEGY_H
#define GRAMME_BENCH_PLACEMENT_STRATEGY_H

#include "placement/keys.h"

#include <stdbool.h>

enum strategy {
    STRATEGY_TOKENS = 1, /* T random tokens per node; they cut the ring */
    STRATEGY_RANGES = 2, /* T random tokens per node; the ring is cut into equal ranges */
    STRATEGY_SHARES = 3, /* Q equal partitions, Q/S to each node: Gramme's ring */
};

enum {
    REPLICAS = 3,
    NODES_MOST = 256,
    RANGES = 65536, /* of strategy 2; many more than there are tokens, but for the largest clusters */
    NOBODY = -1,
};

struct method {
    enum strategy strategy;
    uint32_t size; /* T per unit of weight, or Q */
};

struct cluster {
    uint64_t seed; /* of tokens, or of node ids */
    uint32_t node_count;
    uint32_t weights[NODES_MOST];
    int leaver; /* a node that is gone again, or NOBODY */
};

/* Stretches in the order of the ring. The first begins at position 0, the last ends at the greatest position. */
struct assignment {
    size_t count;
    uint64_t *ends;               /* the last position of each */
    uint16_t (*owners)[REPLICAS]; /* numbers of nodes */
};

/* For at least REPLICAS nodes beside the leaver. */
void assignment_init(struct assignment *assignment, struct method method, const struct cluster *cluster);
void assignment_release(struct assignment *assignment);

/* The mean load of a node (per unit of weight) over that of the most loaded one. A request loads each of the N owners
 * of its key. */
double measure_efficiency(const struct assignment *assignment, const struct cluster *cluster, const struct keys *keys,
                          enum popularity popularity);
/* How much of all data (N replicas) has to be copied to get from one to the other, of data spread evenly on the ring.
 */
double measure_moved(const struct assignment *before, const struct assignment *after);
/* What each node must know to find the owners of any key: a token is 8 bytes and the number of its node 2; a partition
 * is the number of its first owner. */
uint64_t method_metadata_bytes(struct method method, const struct cluster *cluster);

#endif
