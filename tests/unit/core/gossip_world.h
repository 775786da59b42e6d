/* A played world of gossip machines in steps of 10 ms. Words travel as the bytes that they are on the wire, so they are
 * counted as such, and may be lost. A chain of entries is spread by the version in the summaries: whoever hears of
 * fewer entries pushes those that lack, whoever hears of more asks for them. */
#ifndef GRAMME_TESTS_UNIT_CORE_GOSSIP_WORLD_H
#define GRAMME_TESTS_UNIT_CORE_GOSSIP_WORLD_H

#include "core/gossip.h"

enum { GOSSIP_STEP_MS = 10, GOSSIP_BEAT_MS = 100, GOSSIP_BUCKETS = 16 };

struct gossip_node {
    struct gossip gossip;
    struct gossip_seat *seats;
    uint32_t index;
    bool is_down;
    uint32_t side; /* only those of one side reach each other */
    uint64_t beat_ms;
    uint64_t version; /* of the chain */
    uint32_t changes; /* it was told of */
};

struct gossip_world {
    struct gossip_node *nodes;
    uint32_t node_count;
    struct blobs blobs; /* of all nodes */
    struct rng chance;
    uint64_t now_ms;
    struct buffer letters[GOSSIP_BUCKETS]; /* by the step in which they arrive */
    struct buffer frame;
    /* the network */
    uint32_t loss;        /* per million */
    uint32_t delay_steps; /* at most; one at least */
    uint32_t entry_bytes; /* of an entry of the chain */
    /* what was sent */
    uint64_t bytes, words;
    uint64_t largest;
    uint64_t bytes_of[5]; /* by kind: SUMMARY, DIGEST, RECORDS, WANT, entries of the chain and asking for them */
};

void gossip_world_begin(struct gossip_world *world, uint32_t node_count, uint64_t seed);
void gossip_world_end(struct gossip_world *world);
/* All are members of all; each knows a record of this size of each, and nothing is on its way. */
void gossip_world_settle(struct gossip_world *world, uint32_t payload_bytes);
struct node_id gossip_world_id(uint32_t index);
/* Started anew, knowing nobody's record, all members. */
void gossip_world_start(struct gossip_world *world, uint32_t index, uint64_t generation);
void gossip_world_change(struct gossip_world *world, uint32_t index, uint32_t payload_bytes, uint8_t fill);
void gossip_world_extend(struct gossip_world *world, uint32_t index); /* it knows one more entry of the chain */
void gossip_world_step(struct gossip_world *world);
void gossip_world_run(struct gossip_world *world, uint64_t ms);
/* How long until all that are up know what `index` wrote last, and how many entries of the chain it knows. */
uint64_t gossip_world_spread_ms(struct gossip_world *world, uint32_t index, uint64_t most_ms);
void gossip_world_forget_bytes(struct gossip_world *world);
/* How many that are up know what `index` knows of itself, or its version of the chain. */
uint32_t gossip_world_knowing(const struct gossip_world *world, uint32_t index);
uint32_t gossip_world_at_version(const struct gossip_world *world, uint64_t version);
bool gossip_world_agrees(const struct gossip_world *world); /* all that are up hold the same */
void gossip_world_check(const struct gossip_world *world);

#endif
