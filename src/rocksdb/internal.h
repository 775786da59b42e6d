/* What the parts of the RocksDB leaf share: the database, the two queues and the threads behind them. Nothing outside
 * this folder includes it. */
#ifndef GRAMME_ROCKSDB_INTERNAL_H
#define GRAMME_ROCKSDB_INTERNAL_H

#include "rocksdb/rocksdb_leaf.h"
#include "rocksdb/work_queue.h"

#include <rocksdb/c.h>

#include <stdatomic.h>

enum { READERS_MOST = 64 };

struct rocksdb_leaf {
    struct rocksdb_leaf_options options;
    enum rocksdb_leaf_recovery recovery;
    rocksdb_t *database;
    rocksdb_options_t *database_options;
    rocksdb_options_t *family_options[LEAF_FAMILY_COUNT];
    rocksdb_cache_t *block_cache;
    rocksdb_column_family_handle_t *default_family; /* RocksDB insists on it; empty */
    rocksdb_column_family_handle_t *families[LEAF_FAMILY_COUNT];
    rocksdb_readoptions_t *read_memory; /* memtables and block cache alone */
    rocksdb_readoptions_t *read_disk;
    rocksdb_writeoptions_t *write_fast;
    rocksdb_writeoptions_t *write_synced;

    struct work_queue writes;
    struct work_queue reads;
    pthread_t writer;
    pthread_t readers[READERS_MOST];
    uint32_t reader_count;

    /* The writer's alone. */
    rocksdb_writebatch_t *group;
    bool lags;             /* something was written that no fsync has followed */
    struct instant due_at; /* when that must be; ns 0: only when somebody asks */

    atomic_bool failed;
    pthread_mutex_t failure_mutex;
    char failure[ROCKSDB_LEAF_TEXT_BYTES];

    atomic_uint_fast64_t batches;
    atomic_uint_fast64_t groups;
    atomic_uint_fast64_t syncs;
    atomic_uint_fast64_t memory_reads;
    atomic_uint_fast64_t disk_reads;
};

struct rocksdb_port {
    struct leaf_port port;
    struct rocksdb_leaf *leaf;
    void (*wake)(void *self);
    void *wake_self;

    /* The shard's alone. */
    struct work_list taken;          /* completions that take() hands out one by one */
    struct rocksdb_work *lent;       /* whose views the last take() lent */
    struct work_list spare;          /* used ones, so that a warm port allocates nothing */
    rocksdb_pinnableslice_t *pinned; /* what the last get() lent */
    size_t under_way;

    pthread_mutex_t mutex;
    pthread_cond_t completed;
    struct work_list completions;
    atomic_bool has_completions; /* spares take() the lock when there are none */
};

/* A batch, a get or a scan on its way down and back. */
struct rocksdb_work {
    struct work_item item;
    struct rocksdb_port *port;
    uint64_t token;
    enum leaf_completion_kind kind;
    enum leaf_status status;
    /* Of a batch. */
    struct leaf_batch batch;
    enum durability durability;
    /* Of a get. */
    enum leaf_family family;
    struct buffer key; /* scan: from */
    rocksdb_pinnableslice_t *value;
    /* Of a scan. */
    struct buffer to;
    struct leaf_run run;
};

/* The work is done, its status set: gives it back to the port and wakes that. From any thread. */
void rocksdb_port_complete(struct rocksdb_work *work);

/* The bodies of the threads; each ends when its queue is over. */
void *rocksdb_writer_main(void *leaf);
void *rocksdb_reader_main(void *leaf);

/* The first failure wins; the leaf has failed from now on. Frees the text. */
void rocksdb_leaf_fail(struct rocksdb_leaf *leaf, char *text);

/* DONE with the value pinned, ABSENT, FAILED, or PENDING: not in memory. */
enum leaf_status rocksdb_leaf_get(struct rocksdb_leaf *leaf, const rocksdb_readoptions_t *options,
                                  enum leaf_family family, struct view key, rocksdb_pinnableslice_t **ret_value);

/* The run is filled. DONE or FAILED. */
enum leaf_status rocksdb_leaf_scan(struct rocksdb_leaf *leaf, enum leaf_family family, struct view from, struct view to,
                                   bool (*visit)(void *self, struct view key, struct view value), void *self);

static inline const char *text_of(struct view view) {
    return (const char *)view.data;
}

#endif
