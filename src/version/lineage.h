/* The processes that ran on a node's store, and what others remember of them: from these a node finds out that its
 * store was rolled back (core/witness.h). */
#ifndef GRAMME_VERSION_LINEAGE_H
#define GRAMME_VERSION_LINEAGE_H

#include "base/codec.h"
#include "version/clock.h"

enum {
    WITNESS_RETIRED = 4,
    LINEAGE_RUNS = 64,
};

/* What is known of a member's store. */
struct witnessed {
    uint64_t store;                    /* the run of the process that made it; 0: never heard of */
    uint64_t run;                      /* of the process that was heard last */
    struct hybrid_time bound;          /* the latest that it told */
    uint64_t retired[WITNESS_RETIRED]; /* stores before it; 0: none */
};

/* BOUND: what is true of a store now. */
void witness_hear(struct witnessed *witnessed, uint64_t store, uint64_t run, struct hybrid_time bound);
/* A store that it had before; not the present one. */
void witness_hear_retired(struct witnessed *witnessed, uint64_t store);
/* What two shards had written down of the same member. */
void witness_join(struct witnessed *witnessed, const struct witnessed *other);
void witness_encode(struct buffer *buffer, const struct witnessed *witnessed);
/* On false the reader has failed. */
bool witness_decode(struct reader *reader, struct witnessed *ret_witnessed);

/* The processes that ran on a store, the last ones, in order. */
struct lineage {
    uint64_t store;
    struct hybrid_time before; /* the bound that was found when the first of them began; 0: the store was new */
    uint32_t count;
    struct {
        uint64_t run;
        struct hybrid_time bound; /* that it left behind; the last one's is not known yet */
    } runs[LINEAGE_RUNS];
};

/* A process begins, and finds that bound. Its run names the store if that is new. */
void lineage_begin(struct lineage *lineage, uint64_t run, struct hybrid_time found);
/* What another node remembers can't be of this store as it is now. */
bool lineage_is_rolled_back(const struct lineage *lineage, const struct witnessed *remembered);
void lineage_encode(struct buffer *buffer, const struct lineage *lineage);
bool lineage_decode(struct view bytes, struct lineage *ret_lineage);

#endif
