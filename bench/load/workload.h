/* The timed mode: SETs and GETs of random keys, as fast as answers come or on a fixed schedule. */
#ifndef GRAMME_BENCH_LOAD_WORKLOAD_H
#define GRAMME_BENCH_LOAD_WORKLOAD_H

#include "load/options.h"

/* Runs it and prints what was measured; the exit code. */
int workload_run(const struct options *options);

#endif
