/* Many seeds, several at once, each in a process of its own; and the hunt for planted bugs. */
#ifndef GRAMME_SIM_CAMPAIGN_H
#define GRAMME_SIM_CAMPAIGN_H

#include "sim/run.h"

struct campaign_options {
    struct run_options run; /* its seed is set per run */
    uint64_t from;
    uint64_t count;
    uint64_t for_s; /* no seed is begun after; 0: as long as `count` takes */
    uint32_t jobs;  /* 0: one per core */
    bool keeps_going;
    uint32_t budget_s; /* per mutant */
    const char *program;
};

/* Ends with the line `seed N trace HASH ok` or `... FAILED`. */
void campaign_print_result(const struct run_options *options, const struct run_result *result);
/* Both return the exit status and end with the line `N passed, N failed`. SIGINT and SIGTERM end a campaign of seeds:
 * it drops what is under way and tells the rest. */
int campaign_run(const struct campaign_options *options);
int campaign_kill_mutants(const struct campaign_options *options);

#endif
