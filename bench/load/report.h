/* What a timed run measured, and how it is told. */
#ifndef GRAMME_BENCH_LOAD_REPORT_H
#define GRAMME_BENCH_LOAD_REPORT_H

#include "base/histogram.h"
#include "load/tally.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct results {
    struct histogram latency_ns;  /* of what succeeded, and of what was due and never sent */
    struct histogram lateness_ns; /* how long after its due time each operation was sent: full pipelines, slow us */
    struct tally failures;
    uint64_t answered; /* successes */
    uint64_t misses;   /* successes that found no value */
    uint64_t unsent;
    uint64_t reconnects;
    uint64_t elapsed_ns;
    bool has_cpu;
    uint64_t cpu_us;
    uint64_t storage_us;
};

void report_print(const struct results *results, bool as_json, FILE *file);

#endif
