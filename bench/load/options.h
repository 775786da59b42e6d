/* The command line of gramme-load, read and checked. */
#ifndef GRAMME_BENCH_LOAD_OPTIONS_H
#define GRAMME_BENCH_LOAD_OPTIONS_H

#include "load/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TARGETS_MOST = 64,
    PIDS_MOST = 64,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 4,
    EXIT_VIOLATION = 5,
};

struct options {
    struct target targets[TARGETS_MOST];
    size_t target_count;
    long pids[PIDS_MOST];
    size_t pid_count;
    size_t connections;
    size_t pipeline;
    uint64_t keys;
    size_t value_bytes;
    double read_share;   /* of all operations, 0 to 1 */
    uint64_t rate;       /* operations a second; 0: as fast as answers come */
    double seconds;      /* 0: no limit */
    uint64_t operations; /* 0: no limit */
    unsigned wait_replicas;
    uint64_t seed;
    bool in_order; /* keys 0, 1, 2, ... instead of at random */
    bool json;
    uint64_t timeout_ms;
    uint64_t give_up_ms;
    const char *history_path;
    const char *load_path;
    const char *verify_path;
    const char *acked_path;
};

/* Says on standard error what is wrong, and ends the program, when something is. */
void options_read(struct options *ret_options, int argc, char **argv);

/* What the engine needs of them. */
struct engine_settings options_settings(const struct options *options);

#endif
