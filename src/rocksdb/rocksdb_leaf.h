/* A leaf on RocksDB: one database per node, a column family for each family of the leaf, one write-ahead log, so that
 * one fsync serves all shards.
 *
 *      shard threads                       "gramme-store"                      "gramme-read"
 *      submit() --- batches waiting ---->  one WriteBatch of all, one fsync
 *      get() in memory? answered at once
 *            on disk? --------------------------------------------------------> reads, blocking
 *      take() <---- completions of the port, and wake() ---------------------------+
 *
 * A shard takes one lock for each batch, none for each write. Reads look into memtables and block cache on the shard's
 * own thread, since a hand-over would cost more than the look.
 *
 * The first error of a write or an fsync is the last: nothing is written after it, and every batch fails until the
 * database is opened anew. What the kernel did with the pages is unknown by then. */
#ifndef GRAMME_ROCKSDB_ROCKSDB_LEAF_H
#define GRAMME_ROCKSDB_ROCKSDB_LEAF_H

#include "store/leaf.h"

struct rocksdb_leaf;

struct rocksdb_leaf_options {
    size_t block_cache_bytes;
    size_t write_buffer_bytes; /* of objects, in memory before they are flushed to a file; up to three of these */
    uint32_t reader_threads;   /* reads from the disk that go on at the same time */
    uint32_t sync_interval_ms; /* durability `interval` */
    /* Opens even if a log is damaged before its end, and forgets everything from the damage on. */
    bool accept_cut_log;
    /* For a copy that must stay as it is: nothing is written, no lock is taken, submit() must not be called. */
    bool is_read_only;
};

/* 256 MiB, 64 MiB, 2, 1000 ms, no. */
struct rocksdb_leaf_options rocksdb_leaf_defaults(void);

enum rocksdb_leaf_recovery {
    ROCKSDB_LEAF_WHOLE,     /* the logs were read to their ends */
    ROCKSDB_LEAF_TORN_TAIL, /* the last batch wasn't whole, and so never acknowledged as synced: dropped */
    ROCKSDB_LEAF_CUT,       /* acknowledged writes may be gone: accept_cut_log */
};

enum { ROCKSDB_LEAF_TEXT_BYTES = 512 };

/* Opens or creates the folder `path` (its parent must exist). NULL, with a sentence in `ret_text`, when it can't: in
 * use, no permission, damaged. */
struct rocksdb_leaf *rocksdb_leaf_open(const char *path, const struct rocksdb_leaf_options *options,
                                       char ret_text[ROCKSDB_LEAF_TEXT_BYTES]);
/* Its ports must be closed. Drains, syncs, flushes. False when something failed, now or earlier. */
bool rocksdb_leaf_close(struct rocksdb_leaf *leaf);

enum rocksdb_leaf_recovery rocksdb_leaf_recovery(const struct rocksdb_leaf *leaf);

/* `wake` is called from other threads when take() has something again after it had nothing; NULL: nobody sleeps.
 * Returns at once and must not call the leaf. */
struct leaf_port *rocksdb_leaf_open_port(struct rocksdb_leaf *leaf, void (*wake)(void *self), void *self);
/* Waits for what is under way on the port and drops its completions. No wake() follows. */
void rocksdb_leaf_close_port(struct leaf_port *port);

/* A copy of the database in a new folder, of hard links where it can be; what was completed before is in it. Blocking,
 * from any thread. False with a sentence. */
bool rocksdb_leaf_checkpoint(struct rocksdb_leaf *leaf, const char *path, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]);

struct rocksdb_leaf_statistics {
    uint64_t batches; /* that shards submitted */
    uint64_t groups;  /* that they were written in */
    uint64_t syncs;
    uint64_t memory_reads; /* answered on the shard's thread */
    uint64_t disk_reads;   /* handed to a reader */
    uint64_t memtable_bytes;
    uint64_t block_cache_bytes;
    uint64_t table_reader_bytes; /* filters and indexes */
    uint64_t file_bytes;         /* of tables; logs aside */
    uint64_t objects_about;      /* records of objects: an estimate */
    bool is_stalled;             /* writes wait for compaction */
    bool has_failed;
};
/* From any thread. */
void rocksdb_leaf_statistics(struct rocksdb_leaf *leaf, struct rocksdb_leaf_statistics *ret_statistics);
/* The sentence of the error that made the leaf fail; empty when it hasn't. */
void rocksdb_leaf_failure(struct rocksdb_leaf *leaf, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]);

#endif
