/* A folder of its own for a test, and the steps that the tests of the RocksDB leaf have in common. */
#ifndef GRAMME_TESTS_UNIT_ROCKSDB_FOLDER_H
#define GRAMME_TESTS_UNIT_ROCKSDB_FOLDER_H

#include "rocksdb/rocksdb_leaf.h"

struct folder {
    char path[256];
    char database[300]; /* in it */
};

void folder_make(struct folder *folder);
void folder_remove(const struct folder *folder); /* with all that is in it */

/* The path of the log with the greatest number that has any bytes. */
void folder_newest_log(const struct folder *folder, char ret_path[600]);

/* Small buffers. Fails the test when it can't. */
struct rocksdb_leaf *leaf_open(const struct folder *folder);
/* Submits one put as a batch. */
void leaf_put(struct leaf_port *port, struct view key, struct view value, enum durability durability, uint64_t token);
/* Waits for one completion. */
struct leaf_completion leaf_await(struct leaf_port *port);
/* The value, waited for if need be; valid until the next call on the port. */
enum leaf_status leaf_read(struct leaf_port *port, enum leaf_family family, struct view key, struct view *ret_value);

#endif
