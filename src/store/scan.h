/* Scans of a store: bounded runs of records in the order of their places, as they are when the answer is handed out.
 *
 *      asked --> under way in the leaf --> overlaid with the buffer: answered
 *                    ^            |
 *                    +------------+ a key in its range was changed meanwhile, and may have left the buffer since
 *
 * Above a synchronous leaf there is nothing to overlay; the answer comes with the next event all the same. */
#ifndef GRAMME_STORE_SCAN_H
#define GRAMME_STORE_SCAN_H

#include "core/storage.h"
#include "store/object_buffer.h"

struct scans {
    struct leaf_port *port;
    struct object_buffer *objects;
    struct list waiting; /* struct scan */
    uint64_t next_id;
    struct leaf_run direct; /* what the answer borrows from */
    struct buffer records;  /* struct storage_scanned */
};

struct scan_result {
    uint64_t token;
    enum storage_status status;
    const struct storage_scanned *records;
    uint32_t count;
    bool is_end;
    uint64_t next_hash;
};

void scans_init(struct scans *scans, struct leaf_port *port, struct object_buffer *objects);
void scans_release(struct scans *scans);

void scans_begin(struct scans *scans, enum leaf_family family, struct partition partition, uint64_t hash_from,
                 uint64_t hash_last, uint32_t records_most, size_t bytes_most, uint64_t token);
static inline bool scans_are_waiting(const struct scans *scans) {
    return !list_empty(&scans->waiting);
}
/* A record is about to change, or to be no dirty one any more. */
void scans_disturb(struct scans *scans, enum leaf_family family, struct partition partition, uint64_t hash);
/* The leaf's completion. False when the scan was disturbed and asked again. The result is valid until the next call. */
bool scans_complete(struct scans *scans, const struct leaf_completion *completion, struct scan_result *ret_result);
/* Above a synchronous leaf: does the next one that waits. */
bool scans_direct(struct scans *scans, struct scan_result *ret_result);

#endif
