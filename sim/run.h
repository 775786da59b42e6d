/* One seed: draws the knobs, runs the safety phase under faults, heals everything, and demands the promises. */
#ifndef GRAMME_SIM_RUN_H
#define GRAMME_SIM_RUN_H

#include "base/mutant.h"
#include "base/view.h"
#include "sim/nemesis.h"

struct run_options {
    uint64_t seed;
    uint32_t node_count;  /* 0: drawn */
    uint32_t shard_count; /* 0: drawn */
    uint32_t client_count;
    uint64_t operations_per_s; /* of all clients together */
    uint64_t time_ns;
    const char *trace_path; /* NULL: none; "-": standard output */
    bool is_quiet_network;  /* no faults at all */
    enum mutant mutant;
};

struct run_result {
    uint64_t trace_hash;
    bool passed;
    char violation[600];
    uint64_t simulated_ns;
    uint64_t operations, ok, failed, in_doubt;
    uint64_t events, deliveries, stamps, second_rounds, hints;
    uint32_t nodes, shards;
    char faults[160];
    bool has_fault[FAULT_CLASSES];
    uint64_t strikes[FAULT_CLASSES]; /* of those that come at moments, the others are there all the time */
};

void run_seed(const struct run_options *options, struct run_result *ret_result);

#endif
