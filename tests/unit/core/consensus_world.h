/* A played world of consensus machines: letters that are lost, doubled and late, disks that write later and in order,
 * processes that crash and forget what was not durable, pause, or find their store wiped. One truth is held against all
 * of them: one entry follows each version. */
#ifndef GRAMME_TESTS_UNIT_CORE_CONSENSUS_WORLD_H
#define GRAMME_TESTS_UNIT_CORE_CONSENSUS_WORLD_H

#include "core/consensus.h"

enum {
    NODES_MOST = 8,
    VERSIONS_MOST = 256,
    ENTRY_MOST = 48,
    LETTERS_MOST = 8192,
    WRITES_MOST = 256,
    STEP_MS = 10,
    BEAT_MS = 100,
};

struct bytes {
    uint8_t data[ENTRY_MOST];
    uint8_t size;
};

struct kept {
    bool is_some;
    struct consensus_state state; /* its entry is in `entry` */
    struct bytes entry;
};

/* Of an acceptor's state, or of the chain (number 0). */
struct write {
    uint64_t due_ms;
    uint64_t number;
    struct kept kept;
    uint64_t chain;
};

struct letter {
    uint64_t due_ms;
    uint8_t from, to;
    bool is_entry; /* that follows word.version, from a chain: no word */
    struct consensus_word word;
    struct bytes entry;
};

struct actor {
    struct consensus consensus;
    struct blobs blobs;
    bool is_up, disk_fails;
    uint64_t back_ms;  /* when it is started again */
    uint64_t awake_ms; /* paused until then */
    uint64_t beat_ms;
    uint64_t run;
    uint64_t chain; /* entries it knows */
    struct kept disk;
    uint64_t disk_chain;
    uint64_t abstain_below;
    struct write writes[WRITES_MOST];
    uint32_t write_count;
    bool has_proposal;
    uint64_t proposed_ms;
    uint64_t ended_count;
};

struct world {
    struct actor actors[NODES_MOST];
    struct letter letters[LETTERS_MOST];
    uint32_t letter_count;
    uint32_t node_count;
    uint64_t now_ms;
    struct rng chance;
    uint64_t seed;
    /* the truth */
    bool is_chosen[VERSIONS_MOST];
    struct bytes chosen[VERSIONS_MOST];
    uint32_t conflicts;
    uint32_t leaks; /* words that left before their state was durable */
    uint64_t words;
    /* faults */
    uint32_t loss, doubles;      /* per million */
    uint64_t delay_ms, write_ms; /* at most */
    uint32_t voters_least;
    bool all_vote;
    bool disk_lies; /* says durable at once, and is not */
};

void world_begin(struct world *world, uint64_t seed, uint32_t node_count);
void world_end(struct world *world);
void world_step(struct world *world);
void world_run(struct world *world, uint64_t ms);
/* False if one is under way there. */
bool world_propose(struct world *world, uint32_t node, struct view entry);
/* Loses what was not durable, but for some of the oldest writes; comes back after so long. */
void world_crash(struct world *world, uint32_t node, uint64_t away_ms);
/* The same, and the disk is empty. */
void world_wipe(struct world *world, uint32_t node, uint64_t away_ms);
bool world_is_proposing(const struct world *world);

#endif
