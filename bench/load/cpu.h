/*
 * CPU time of server processes, user and system, from /proc/PID/stat (proc(5)): the process, its
 * living children found through /proc/PID/task/TID/children, and the dead ones it waited for.
 * Exact to a clock tick, usually 10 ms, per process.
 */
#ifndef GRAMME_BENCH_LOAD_CPU_H
#define GRAMME_BENCH_LOAD_CPU_H

#include <stddef.h>
#include <stdint.h>

struct cpu_time {
    uint64_t all_us;
    /* The part of it spent in threads of storage: those named rocks*, gramme-store* or writer*. */
    uint64_t storage_us;
};

/* -1 when one of the processes is not there. */
int cpu_time_read(const long *pids, size_t pid_count, struct cpu_time *ret_time);

#endif
