/*
 * The history of a run: a line for every operation, for a checker to read.
 *
 *     START_NS  END_NS  CLIENT  COMMAND  KEY  VALUE_ID  OUTCOME          (separated by tabs)
 *
 * Times are CLOCK_MONOTONIC, so histories of several generators on one machine can be merged; START is when it was
 * really sent. VALUE_ID is 16 hexadecimal digits, or "-" for an absent value, or "?" for bytes that this generator did
 * not write. OUTCOME is "ok", the first word of the error, or "LOST" when the connection broke or the answer never
 * came: then END is when that was noticed, and the operation may take effect later still.
 */
#ifndef GRAMME_BENCH_LOAD_HISTORY_H
#define GRAMME_BENCH_LOAD_HISTORY_H

#include "load/engine.h"

#include <stdio.h>

/* NULL for no path. Ends the program when the file cannot be made. */
FILE *history_open(const char *path);

/* `value` is VALUE_ID as above; `outcome` as above. */
void history_write(FILE *history, const struct operation *operation, uint64_t end_ns, const char *value,
                   const char *outcome);

/* 0, or -1 when something could not be written. */
int history_close(FILE *history);

#endif
