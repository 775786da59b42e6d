#include "rocksdb/internal.h"

#include "base/heap.h"
#include "base/list.h"

enum { SPARE_BATCH_BYTES_MOST = 1024 * 1024 };

static struct rocksdb_port *port_of(struct leaf_port *port) {
    return CONTAINER_OF(port, struct rocksdb_port, port);
}

static struct rocksdb_work *work_of(struct work_item *item) {
    return (struct rocksdb_work *)(void *)item;
}

static struct rocksdb_work *work_new(struct rocksdb_port *port, uint64_t token) {
    struct work_item *item = work_list_take(&port->spare);
    struct rocksdb_work *work = item != NULL ? work_of(item) : heap_take_zeroed(sizeof(*work));
    work->port = port;
    work->token = token;
    port->under_way++;
    return work;
}

static void work_free(struct work_item *item) {
    struct rocksdb_work *work = work_of(item);
    leaf_batch_release(&work->batch);
    buffer_release(&work->key);
    buffer_release(&work->to);
    leaf_run_release(&work->run);
    heap_give(work);
}

static void work_recycle(struct rocksdb_port *port, struct rocksdb_work *work) {
    if (work == NULL) {
        return;
    }
    if (work->value != NULL) {
        rocksdb_pinnableslice_destroy(work->value);
        work->value = NULL;
    }
    leaf_batch_clear(&work->batch);
    buffer_shrink(&work->batch.entries, SPARE_BATCH_BYTES_MOST);
    buffer_clear(&work->key);
    buffer_clear(&work->to);
    leaf_run_release(&work->run);
    work_list_push(&port->spare, &work->item);
}

static void unpin(struct rocksdb_port *port) {
    if (port->pinned != NULL) {
        rocksdb_pinnableslice_destroy(port->pinned);
        port->pinned = NULL;
    }
}

static struct view pinned_view(const rocksdb_pinnableslice_t *slice) {
    size_t bytes = 0;
    const char *data = rocksdb_pinnableslice_value(slice, &bytes);
    return view_of(data, bytes);
}

enum leaf_status rocksdb_leaf_get(struct rocksdb_leaf *leaf, const rocksdb_readoptions_t *options,
                                  enum leaf_family family, struct view key, rocksdb_pinnableslice_t **ret_value) {
    static const char incomplete[] = "Result incomplete";
    static const char damaged[] = "Corruption";
    char *error = NULL;
    *ret_value = rocksdb_get_pinned_cf(leaf->database, options, leaf->families[family], text_of(key), key.size, &error);
    if (error != NULL) {
        bool is_on_disk = strncmp(error, incomplete, sizeof(incomplete) - 1) == 0;
        bool is_damaged = strncmp(error, damaged, sizeof(damaged) - 1) == 0;
        rocksdb_free(error);
        return is_on_disk ? LEAF_PENDING : is_damaged ? LEAF_DAMAGED : LEAF_FAILED;
    }
    return *ret_value != NULL ? LEAF_DONE : LEAF_ABSENT;
}

static enum leaf_status port_get(struct leaf_port *port, enum leaf_family family, struct view key, uint64_t token,
                                 struct view *ret_value) {
    struct rocksdb_port *self = port_of(port);
    struct rocksdb_leaf *leaf = self->leaf;
    unpin(self);
    enum leaf_status status = rocksdb_leaf_get(leaf, leaf->read_memory, family, key, &self->pinned);
    if (status == LEAF_DONE) {
        *ret_value = pinned_view(self->pinned);
    }
    if (status != LEAF_PENDING) {
        atomic_fetch_add_explicit(&leaf->memory_reads, 1, memory_order_relaxed);
        return status;
    }
    atomic_fetch_add_explicit(&leaf->disk_reads, 1, memory_order_relaxed);
    struct rocksdb_work *work = work_new(self, token);
    work->kind = LEAF_COMPLETION_GET;
    work->family = family;
    buffer_append_view(&work->key, key);
    work_queue_push(&leaf->reads, &work->item);
    return LEAF_PENDING;
}

static enum leaf_status port_submit(struct leaf_port *port, struct leaf_batch *batch, enum durability durability,
                                    uint64_t token) {
    struct rocksdb_port *self = port_of(port);
    struct rocksdb_work *work = work_new(self, token);
    work->kind = LEAF_COMPLETION_BATCH;
    work->durability = durability;
    struct leaf_batch empty = work->batch;
    work->batch = *batch;
    *batch = empty;
    atomic_fetch_add_explicit(&self->leaf->batches, 1, memory_order_relaxed);
    work_queue_push(&self->leaf->writes, &work->item);
    return LEAF_PENDING;
}

void rocksdb_port_complete(struct rocksdb_work *work) {
    struct rocksdb_port *port = work->port;
    pthread_mutex_lock(&port->mutex);
    bool was_empty = port->completions.first == NULL;
    work_list_push(&port->completions, &work->item);
    /* Whoever wakes may first look whether the port's thread was woken already and not run yet: it must see this by
     * then, so the store may not be delayed past that look. */
    atomic_store_explicit(&port->has_completions, true, memory_order_seq_cst);
    if (was_empty) {
        /* Under the lock, so that a port which is being closed outlives the call. */
        pthread_cond_signal(&port->completed);
        if (port->wake != NULL) {
            port->wake(port->wake_self);
        }
    }
    pthread_mutex_unlock(&port->mutex);
}

static void take_completions(struct rocksdb_port *self) {
    self->taken = self->completions;
    self->completions = (struct work_list){NULL, NULL};
    atomic_store_explicit(&self->has_completions, false, memory_order_relaxed);
}

static bool port_take(struct leaf_port *port, struct leaf_completion *ret_completion) {
    struct rocksdb_port *self = port_of(port);
    unpin(self);
    work_recycle(self, self->lent);
    self->lent = NULL;
    if (self->taken.first == NULL && atomic_load_explicit(&self->has_completions, memory_order_relaxed)) {
        pthread_mutex_lock(&self->mutex);
        take_completions(self);
        pthread_mutex_unlock(&self->mutex);
    }
    struct work_item *item = work_list_take(&self->taken);
    if (item == NULL) {
        return false;
    }
    struct rocksdb_work *work = work_of(item);
    self->lent = work;
    self->under_way--;
    *ret_completion = (struct leaf_completion){
        .kind = work->kind,
        .status = work->status,
        .token = work->token,
        .key = buffer_view(&work->key),
        .run = &work->run,
    };
    if (work->kind == LEAF_COMPLETION_GET && work->status == LEAF_DONE) {
        ret_completion->value = pinned_view(work->value);
    }
    return true;
}

static bool port_wait(struct leaf_port *port) {
    struct rocksdb_port *self = port_of(port);
    if (self->taken.first != NULL) {
        return true;
    }
    if (self->under_way == 0) {
        return false;
    }
    pthread_mutex_lock(&self->mutex);
    while (self->completions.first == NULL) {
        pthread_cond_wait(&self->completed, &self->mutex);
    }
    take_completions(self);
    pthread_mutex_unlock(&self->mutex);
    return true;
}

enum leaf_status rocksdb_leaf_scan(struct rocksdb_leaf *leaf, enum leaf_family family, struct view from, struct view to,
                                   bool (*visit)(void *self, struct view key, struct view value), void *self) {
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(options, 0);
    rocksdb_readoptions_set_iterate_upper_bound(options, text_of(to), to.size);
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(leaf->database, options, leaf->families[family]);
    if (from.size == 0) {
        rocksdb_iter_seek_to_first(iterator);
    } else {
        rocksdb_iter_seek(iterator, text_of(from), from.size);
    }
    for (bool goes_on = true; goes_on && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t key_bytes = 0;
        size_t value_bytes = 0;
        const char *key = rocksdb_iter_key(iterator, &key_bytes);
        const char *value = rocksdb_iter_value(iterator, &value_bytes);
        goes_on = visit(self, view_of(key, key_bytes), view_of(value, value_bytes));
    }
    char *error = NULL;
    rocksdb_iter_get_error(iterator, &error);
    rocksdb_iter_destroy(iterator);
    rocksdb_readoptions_destroy(options);
    bool failed = error != NULL;
    rocksdb_free(error);
    return failed ? LEAF_FAILED : LEAF_DONE;
}

static enum leaf_status port_scan(struct leaf_port *port, enum leaf_family family, struct view from, struct view to,
                                  bool (*visit)(void *self, struct view key, struct view value), void *self) {
    return rocksdb_leaf_scan(port_of(port)->leaf, family, from, to, visit, self);
}

static enum leaf_status port_scan_some(struct leaf_port *port, enum leaf_family family, struct view from,
                                       struct view to, uint32_t records_most, size_t bytes_most, uint64_t token) {
    struct rocksdb_port *self = port_of(port);
    struct rocksdb_work *work = work_new(self, token);
    work->kind = LEAF_COMPLETION_SCAN;
    work->family = family;
    buffer_append_view(&work->key, from);
    buffer_append_view(&work->to, to);
    leaf_run_init(&work->run, family, records_most, bytes_most);
    work_queue_push(&self->leaf->reads, &work->item);
    return LEAF_PENDING;
}

static const struct leaf_port_operations operations = {port_get,  port_submit, port_take,
                                                       port_wait, port_scan,   port_scan_some};

struct leaf_port *rocksdb_leaf_open_port(struct rocksdb_leaf *leaf, void (*wake)(void *self), void *self) {
    struct rocksdb_port *port = heap_take_zeroed(sizeof(*port));
    port->port.operations = &operations;
    port->leaf = leaf;
    port->wake = wake;
    port->wake_self = self;
    pthread_mutex_init(&port->mutex, NULL);
    pthread_cond_init(&port->completed, NULL);
    return &port->port;
}

void rocksdb_leaf_close_port(struct leaf_port *port) {
    struct rocksdb_port *self = port_of(port);
    pthread_mutex_lock(&self->mutex);
    self->wake = NULL;
    pthread_mutex_unlock(&self->mutex);
    struct leaf_completion completion;
    while (port_wait(port)) {
        port_take(port, &completion);
    }
    port_take(port, &completion); /* ends what the last one lent */
    for (struct work_item *item = work_list_take(&self->spare); item != NULL; item = work_list_take(&self->spare)) {
        work_free(item);
    }
    pthread_cond_destroy(&self->completed);
    pthread_mutex_destroy(&self->mutex);
    heap_give(self);
}
