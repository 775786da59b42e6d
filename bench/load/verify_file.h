/* Reading acknowledged records back, from every target, and comparing every byte. */
#ifndef GRAMME_BENCH_LOAD_VERIFY_FILE_H
#define GRAMME_BENCH_LOAD_VERIFY_FILE_H

#include "load/options.h"

/*
 * The exit code: EXIT_VIOLATION when a record is missing or different at any target, EXIT_UNREACHABLE when a target
 * could not be reached, 1 when a read failed or a key is in no record.
 */
int verify_file_run(const struct options *options);

#endif
