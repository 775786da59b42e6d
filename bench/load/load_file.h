/* Loading a file of records: each is SET once, and the keys whose SET was acknowledged are written down. */
#ifndef GRAMME_BENCH_LOAD_LOAD_FILE_H
#define GRAMME_BENCH_LOAD_LOAD_FILE_H

#include "load/options.h"

/* The exit code: 0 when every record was answered, well or not, or is known to be in doubt. */
int load_file_run(const struct options *options);

#endif
