#include "rocksdb/internal.h"

/* What a WriteBatch may grow to before it is written: merging more saves nothing and delays those that wait in front.
 */
enum { GROUP_BYTES_MOST = 4 * 1024 * 1024, READS_AT_ONCE = 16 };

static struct rocksdb_work *work_of(struct work_item *item) {
    return (struct rocksdb_work *)(void *)item;
}

static void add_batch(struct rocksdb_leaf *leaf, const struct leaf_batch *batch) {
    struct leaf_entry entry;
    for (size_t position = 0; leaf_batch_next(batch, &position, &entry);) {
        rocksdb_column_family_handle_t *family = leaf->families[entry.family];
        if (entry.is_delete) {
            rocksdb_writebatch_delete_cf(leaf->group, family, text_of(entry.key), entry.key.size);
        } else {
            rocksdb_writebatch_put_cf(leaf->group, family, text_of(entry.key), entry.key.size, text_of(entry.value),
                                      entry.value.size);
        }
    }
}

static void note_synced(struct rocksdb_leaf *leaf) {
    leaf->lags = false;
    leaf->due_at.ns = 0;
    atomic_fetch_add_explicit(&leaf->syncs, 1, memory_order_relaxed);
}

static void sync_log(struct rocksdb_leaf *leaf) {
    char *error = NULL;
    rocksdb_flush_wal(leaf->database, 1, &error);
    if (error != NULL) {
        rocksdb_leaf_fail(leaf, error);
    } else {
        note_synced(leaf);
    }
}

static bool is_due(const struct rocksdb_leaf *leaf) {
    return leaf->due_at.ns != 0 && instant_now().ns >= leaf->due_at.ns;
}

/* Writes the group; `strongest` is what its batches asked for. */
static void write_group(struct rocksdb_leaf *leaf, enum durability strongest) {
    bool sync = strongest == DURABILITY_SYNC || is_due(leaf);
    if (rocksdb_writebatch_count(leaf->group) == 0) {
        if (sync && leaf->lags) {
            sync_log(leaf);
        }
        return;
    }
    char *error = NULL;
    rocksdb_write(leaf->database, sync ? leaf->write_synced : leaf->write_fast, leaf->group, &error);
    rocksdb_writebatch_clear(leaf->group);
    atomic_fetch_add_explicit(&leaf->groups, 1, memory_order_relaxed);
    if (error != NULL) {
        rocksdb_leaf_fail(leaf, error);
    } else if (sync) {
        note_synced(leaf);
    } else {
        leaf->lags = true;
        if (strongest == DURABILITY_INTERVAL && leaf->due_at.ns == 0) {
            leaf->due_at = instant_after_ms(instant_now(), leaf->options.sync_interval_ms);
        }
    }
}

/* One group of the batches in front: writes it, and answers those who wait for it. */
static void write_some(struct rocksdb_leaf *leaf, struct work_list *list) {
    struct work_list written = {NULL, NULL};
    enum durability strongest = DURABILITY_NONE;
    bool failed = atomic_load(&leaf->failed);
    for (size_t bytes = 0; list->first != NULL && bytes < GROUP_BYTES_MOST;) {
        struct work_item *item = work_list_take(list);
        struct rocksdb_work *work = work_of(item);
        if (!failed) {
            bytes += buffer_size(&work->batch.entries);
            strongest = work->durability < strongest ? work->durability : strongest;
            add_batch(leaf, &work->batch);
        }
        work_list_push(&written, item);
    }
    if (!failed) {
        write_group(leaf, strongest);
        failed = atomic_load(&leaf->failed);
    }
    for (struct work_item *item = work_list_take(&written); item != NULL; item = work_list_take(&written)) {
        work_of(item)->status = failed ? LEAF_FAILED : LEAF_DONE;
        rocksdb_port_complete(work_of(item));
    }
}

void *rocksdb_writer_main(void *self) {
    struct rocksdb_leaf *leaf = self;
    while (!work_queue_is_over(&leaf->writes)) {
        struct work_list list;
        if (!work_queue_take(&leaf->writes, leaf->due_at, SIZE_MAX, &list) && is_due(leaf)) {
            sync_log(leaf);
        }
        while (list.first != NULL) {
            write_some(leaf, &list);
        }
        if (atomic_load(&leaf->failed)) {
            leaf->due_at.ns = 0;
        }
    }
    if (leaf->lags && !atomic_load(&leaf->failed)) {
        sync_log(leaf);
    }
    return NULL;
}

static void read_one(struct rocksdb_leaf *leaf, struct rocksdb_work *work) {
    if (work->kind == LEAF_COMPLETION_SCAN) {
        work->status = rocksdb_leaf_scan(leaf, work->family, buffer_view(&work->key), buffer_view(&work->to),
                                         leaf_run_visit, &work->run);
        return;
    }
    work->status = rocksdb_leaf_get(leaf, leaf->read_disk, work->family, buffer_view(&work->key), &work->value);
    work->status = work->status == LEAF_PENDING ? LEAF_FAILED : work->status;
}

void *rocksdb_reader_main(void *self) {
    struct rocksdb_leaf *leaf = self;
    struct work_list list;
    while (work_queue_take(&leaf->reads, (struct instant){0}, READS_AT_ONCE, &list)) {
        for (struct work_item *item = work_list_take(&list); item != NULL; item = work_list_take(&list)) {
            struct rocksdb_work *work = work_of(item);
            read_one(leaf, work);
            rocksdb_port_complete(work);
        }
    }
    return NULL;
}
