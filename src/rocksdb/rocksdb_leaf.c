#include "rocksdb/rocksdb_leaf.h"

#include "base/heap.h"
#include "rocksdb/internal.h"
#include "rocksdb/log_tail.h"

#include <stdio.h>

enum { MIB = 1024 * 1024, BLOOM_BITS_PER_KEY = 10, LEVELS = 7 };

static const char *const family_names[LEAF_FAMILY_COUNT + 1] = {"objects", "hints", "metadata", "default"};

struct rocksdb_leaf_options rocksdb_leaf_defaults(void) {
    return (struct rocksdb_leaf_options){
        .block_cache_bytes = (size_t)256 * MIB,
        .write_buffer_bytes = (size_t)64 * MIB,
        .reader_threads = 2,
        .sync_interval_ms = 1000,
    };
}

static void tell(char ret_text[ROCKSDB_LEAF_TEXT_BYTES], const char *text) {
    snprintf(ret_text, ROCKSDB_LEAF_TEXT_BYTES, "%s", text);
}

/* What the C interface has no function for.
 *
 * max_bgerror_resume_count: RocksDB would heal itself from a failed flush or log write and go on; after a failed fsync
 * that means acknowledging again over pages that the kernel may have dropped. Here the first error is the last.
 * stats_*: nobody reads them, and they are written to the log file. */
static const char *const option_text = "max_bgerror_resume_count=0;"
                                       "stats_dump_period_sec=0;"
                                       "stats_persist_period_sec=0";

/* Files beside the tables: bounded logs, a small note book, and a manifest that is begun anew before it is large. */
static void limit_files(rocksdb_options_t *options, const struct rocksdb_leaf_options *wanted) {
    rocksdb_options_set_max_total_wal_size(options, 4 * (uint64_t)wanted->write_buffer_bytes);
    rocksdb_options_set_max_manifest_file_size(options, (size_t)16 * MIB);
    rocksdb_options_set_max_log_file_size(options, (size_t)1 * MIB);
    rocksdb_options_set_keep_log_file_num(options, 2);
    /* Nothing but what it says when it opens: once its note book cannot grow, on a full disk, the next line in it ends
     * the process (an assertion of WritableFileWriter, in Debian's build). Errors come to us, and into our log. */
    rocksdb_options_set_info_log_level(options, 4);
    /* A log that is written over an old one ends in records of that one, which can't be told from damage. */
    rocksdb_options_set_recycle_log_file_num(options, 0);
    /* Pages go to the disk as they come, so that the fsync of each second, or of a new table, finds little left. */
    rocksdb_options_set_bytes_per_sync(options, (uint64_t)1 * MIB);
    rocksdb_options_set_wal_bytes_per_sync(options, (uint64_t)MIB / 2);
}

/* The recovery mode: RocksDB's own choice (point in time) reads a log up to the first record that is wrong and drops
 * the rest without a word, be it torn by a crash, never acknowledged, or synced long ago and rotten since. This one
 * stops quietly only where a log ends within a record, and refuses everything else; what to do then, see reopen(). */
static bool configure_database(struct rocksdb_leaf *leaf, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]) {
    rocksdb_options_t *plain = rocksdb_options_create();
    leaf->database_options = rocksdb_options_create();
    char *error = NULL;
    rocksdb_get_options_from_string(plain, option_text, leaf->database_options, &error);
    rocksdb_options_destroy(plain);
    if (error != NULL) {
        tell(ret_text, error);
        rocksdb_free(error);
        return false;
    }
    rocksdb_options_t *options = leaf->database_options;
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_max_background_jobs(options, 2);
    /* There is one writer. */
    rocksdb_options_set_allow_concurrent_memtable_write(options, 0);
    limit_files(options, &leaf->options);
    return true;
}

/* Young levels are read and rewritten often and so stay as they are; the others are compressed, most of all the last.
 */
static void compress_levels(rocksdb_options_t *options) {
    int levels[LEVELS];
    for (int level = 0; level < LEVELS; level++) {
        levels[level] = level < 2 ? rocksdb_no_compression : rocksdb_lz4_compression;
    }
    rocksdb_options_set_compression_per_level(options, levels, LEVELS);
    rocksdb_options_set_bottommost_compression(options, rocksdb_zstd_compression);
}

/* Filters and indexes stay in memory with their tables: a key that isn't there is then known without the disk. */
static void configure_family(struct rocksdb_leaf *leaf, enum leaf_family family) {
    rocksdb_options_t *options = rocksdb_options_create_copy(leaf->database_options);
    size_t write_buffer = leaf->options.write_buffer_bytes;
    write_buffer = family == LEAF_OBJECTS ? write_buffer : family == LEAF_HINTS ? write_buffer / 4 : (size_t)1 * MIB;
    rocksdb_options_set_write_buffer_size(options, write_buffer);
    rocksdb_options_set_max_write_buffer_number(options, 3);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    /* A new key is looked for before it is written; this spares the search of the memtable. */
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.1);
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    compress_levels(options);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, leaf->block_cache);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    leaf->family_options[family] = options;
}

/* NULL when it opened; otherwise RocksDB's own text, to be freed. */
static char *try_to_open(struct rocksdb_leaf *leaf, const char *path) {
    const rocksdb_options_t *options[LEAF_FAMILY_COUNT + 1];
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        options[i] = leaf->family_options[i];
    }
    options[LEAF_FAMILY_COUNT] = leaf->family_options[LEAF_METADATA];
    rocksdb_column_family_handle_t *handles[LEAF_FAMILY_COUNT + 1];
    char *error = NULL;
    if (leaf->options.is_read_only) {
        leaf->database = rocksdb_open_for_read_only_column_families(leaf->database_options, path, LEAF_FAMILY_COUNT + 1,
                                                                    family_names, options, handles, 0, &error);
    } else {
        leaf->database = rocksdb_open_column_families(leaf->database_options, path, LEAF_FAMILY_COUNT + 1, family_names,
                                                      options, handles, &error);
    }
    if (error != NULL) {
        leaf->database = NULL;
        return error;
    }
    memcpy((void *)leaf->families, (const void *)handles, sizeof(leaf->families));
    leaf->default_family = handles[LEAF_FAMILY_COUNT];
    return NULL;
}

/* A log was refused. If the others are whole and nothing begins behind what is wrong in the newest, that is the batch
 * that was being written when the machine stopped: pages of it reached the disk, others did not, its fsync never
 * returned, and nobody was told that it is safe. Dropping it is what recovery is for. Anything else may have been
 * acknowledged. */
static char *reopen(struct rocksdb_leaf *leaf, const char *path, char *error, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]) {
    enum log_state state;
    bool is_torn = log_examine_folder(path, &state) && state == LOG_TORN_TAIL;
    if (!is_torn && !leaf->options.accept_cut_log) {
        snprintf(ret_text, ROCKSDB_LEAF_TEXT_BYTES,
                 "a write-ahead log or a table is damaged, and acknowledged writes would be lost by going on (%s)",
                 error);
        return error;
    }
    rocksdb_free(error);
    rocksdb_options_set_wal_recovery_mode(leaf->database_options, rocksdb_point_in_time_recovery);
    leaf->recovery = is_torn ? ROCKSDB_LEAF_TORN_TAIL : ROCKSDB_LEAF_CUT;
    error = try_to_open(leaf, path);
    if (error != NULL) {
        tell(ret_text, error);
    }
    return error;
}

static bool open_database(struct rocksdb_leaf *leaf, const char *path, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]) {
    char *error = try_to_open(leaf, path);
    if (error == NULL) {
        return true;
    }
    tell(ret_text, error);
    if (strncmp(error, "Corruption", strlen("Corruption")) == 0 && !leaf->options.is_read_only) {
        error = reopen(leaf, path, error, ret_text);
    }
    bool opened = error == NULL;
    rocksdb_free(error);
    return opened;
}

static void configure_access(struct rocksdb_leaf *leaf) {
    enum { BLOCK_CACHE_TIER = 1 };
    leaf->read_memory = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(leaf->read_memory, BLOCK_CACHE_TIER);
    leaf->read_disk = rocksdb_readoptions_create();
    leaf->write_fast = rocksdb_writeoptions_create();
    leaf->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(leaf->write_synced, 1);
    leaf->group = rocksdb_writebatch_create();
}

static void start_thread(pthread_t *thread, void *(*body)(void *leaf), struct rocksdb_leaf *leaf, const char *name) {
    int started = pthread_create(thread, NULL, body, leaf);
    ENSURE(started == 0);
    pthread_setname_np(*thread, name);
}

static void free_leaf(struct rocksdb_leaf *leaf) {
    if (leaf->database != NULL) {
        for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
            rocksdb_column_family_handle_destroy(leaf->families[i]);
        }
        rocksdb_column_family_handle_destroy(leaf->default_family);
        rocksdb_close(leaf->database);
        rocksdb_readoptions_destroy(leaf->read_memory);
        rocksdb_readoptions_destroy(leaf->read_disk);
        rocksdb_writeoptions_destroy(leaf->write_fast);
        rocksdb_writeoptions_destroy(leaf->write_synced);
        rocksdb_writebatch_destroy(leaf->group);
    }
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        if (leaf->family_options[i] != NULL) {
            rocksdb_options_destroy(leaf->family_options[i]);
        }
    }
    rocksdb_cache_destroy(leaf->block_cache);
    rocksdb_options_destroy(leaf->database_options);
    work_queue_release(&leaf->writes);
    work_queue_release(&leaf->reads);
    pthread_mutex_destroy(&leaf->failure_mutex);
    heap_give(leaf);
}

struct rocksdb_leaf *rocksdb_leaf_open(const char *path, const struct rocksdb_leaf_options *options,
                                       char ret_text[ROCKSDB_LEAF_TEXT_BYTES]) {
    ENSURE(options->reader_threads >= 1 && options->reader_threads <= READERS_MOST);
    struct rocksdb_leaf *leaf = heap_take_zeroed(sizeof(*leaf));
    leaf->options = *options;
    leaf->block_cache = rocksdb_cache_create_lru(options->block_cache_bytes);
    work_queue_init(&leaf->writes);
    work_queue_init(&leaf->reads);
    pthread_mutex_init(&leaf->failure_mutex, NULL);
    if (!configure_database(leaf, ret_text)) {
        free_leaf(leaf);
        return NULL;
    }
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        configure_family(leaf, (enum leaf_family)i);
    }
    if (!open_database(leaf, path, ret_text)) {
        free_leaf(leaf);
        return NULL;
    }
    configure_access(leaf);
    start_thread(&leaf->writer, rocksdb_writer_main, leaf, "gramme-store");
    for (; leaf->reader_count < options->reader_threads; leaf->reader_count++) {
        start_thread(&leaf->readers[leaf->reader_count], rocksdb_reader_main, leaf, "gramme-read");
    }
    return leaf;
}

bool rocksdb_leaf_close(struct rocksdb_leaf *leaf) {
    work_queue_stop(&leaf->writes);
    work_queue_stop(&leaf->reads);
    pthread_join(leaf->writer, NULL);
    for (uint32_t i = 0; i < leaf->reader_count; i++) {
        pthread_join(leaf->readers[i], NULL);
    }
    bool whole = !atomic_load(&leaf->failed);
    free_leaf(leaf);
    return whole;
}

enum rocksdb_leaf_recovery rocksdb_leaf_recovery(const struct rocksdb_leaf *leaf) {
    return leaf->recovery;
}

void rocksdb_leaf_fail(struct rocksdb_leaf *leaf, char *text) {
    pthread_mutex_lock(&leaf->failure_mutex);
    if (leaf->failure[0] == '\0') {
        tell(leaf->failure, text);
    }
    pthread_mutex_unlock(&leaf->failure_mutex);
    atomic_store(&leaf->failed, true);
    rocksdb_free(text);
}

void rocksdb_leaf_failure(struct rocksdb_leaf *leaf, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]) {
    pthread_mutex_lock(&leaf->failure_mutex);
    memcpy(ret_text, leaf->failure, ROCKSDB_LEAF_TEXT_BYTES);
    pthread_mutex_unlock(&leaf->failure_mutex);
}

bool rocksdb_leaf_checkpoint(struct rocksdb_leaf *leaf, const char *path, char ret_text[ROCKSDB_LEAF_TEXT_BYTES]) {
    char *error = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(leaf->database, &error);
    if (error == NULL) {
        rocksdb_checkpoint_create(checkpoint, path, 0, &error);
        rocksdb_checkpoint_object_destroy(checkpoint);
    }
    if (error != NULL) {
        tell(ret_text, error);
    }
    bool made = error == NULL;
    rocksdb_free(error);
    return made;
}

static uint64_t sum_over_families(const struct rocksdb_leaf *leaf, const char *property) {
    uint64_t sum = 0;
    for (size_t i = 0; i < LEAF_FAMILY_COUNT; i++) {
        uint64_t value = 0;
        rocksdb_property_int_cf(leaf->database, leaf->families[i], property, &value);
        sum += value;
    }
    return sum;
}

static uint64_t objects_about(const struct rocksdb_leaf *leaf) {
    uint64_t count = 0;
    rocksdb_property_int_cf(leaf->database, leaf->families[LEAF_OBJECTS], "rocksdb.estimate-num-keys", &count);
    return count;
}

void rocksdb_leaf_statistics(struct rocksdb_leaf *leaf, struct rocksdb_leaf_statistics *ret_statistics) {
    *ret_statistics = (struct rocksdb_leaf_statistics){
        .batches = atomic_load_explicit(&leaf->batches, memory_order_relaxed),
        .groups = atomic_load_explicit(&leaf->groups, memory_order_relaxed),
        .syncs = atomic_load_explicit(&leaf->syncs, memory_order_relaxed),
        .memory_reads = atomic_load_explicit(&leaf->memory_reads, memory_order_relaxed),
        .disk_reads = atomic_load_explicit(&leaf->disk_reads, memory_order_relaxed),
        .memtable_bytes = sum_over_families(leaf, "rocksdb.cur-size-all-mem-tables"),
        .block_cache_bytes = rocksdb_cache_get_usage(leaf->block_cache),
        .table_reader_bytes = sum_over_families(leaf, "rocksdb.estimate-table-readers-mem"),
        .file_bytes = sum_over_families(leaf, "rocksdb.live-sst-files-size"),
        .objects_about = objects_about(leaf),
        .is_stalled = sum_over_families(leaf, "rocksdb.is-write-stopped") > 0,
        .has_failed = atomic_load(&leaf->failed),
    };
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/* RocksDB isn't instrumented, so ThreadSanitizer doesn't see the reference counts by which one of its threads frees
 * what another has just read. Races of ours have no frame of RocksDB in them. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race:librocksdb.so\n";
}
#endif
#endif
