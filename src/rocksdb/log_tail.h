/* Looks at a write-ahead log that RocksDB refused to read, to tell a batch that was being written when the machine
 * stopped from damage to batches that were written long before.
 *
 * The log is a run of blocks of 32 KiB, each filled with fragments: masked CRC-32C of what follows the length (4
 * bytes), length (2), type (1: whole, 2: first, 3: middle, 4: last), bytes; a fragment never crosses a block, and a
 * rest of a block too short for a header is zeros (RocksDB's "Write Ahead Log File Format"). */
#ifndef GRAMME_ROCKSDB_LOG_TAIL_H
#define GRAMME_ROCKSDB_LOG_TAIL_H

#include "base/view.h"

enum log_state {
    LOG_WHOLE,     /* every fragment is right, up to the end or to zeros that last to the end */
    LOG_TORN_TAIL, /* nothing begins after the first wrong fragment: only the last batch isn't whole */
    LOG_DAMAGED,   /* a batch begins after the first wrong fragment: it was written after what is damaged now */
};

enum log_state log_examine(struct view log);

/* Of all logs in the folder: the state of the newest if the others are whole, LOG_DAMAGED otherwise. False when they
 * can't be read. */
bool log_examine_folder(const char *path, enum log_state *ret_state);

#endif
