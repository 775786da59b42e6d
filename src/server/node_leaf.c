#include "server/node_leaf.h"

#include "base/ensure.h"
#include "rocksdb/rocksdb_leaf.h"
#include "server/folder.h"
#include "server/log.h"
#include "store/memory_leaf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waker {
    void (*wake)(void *self, uint32_t shard);
    void *self;
    uint32_t shard;
};

struct node_leaf {
    uint32_t shard_count;
    struct leaf_port *ports[LIMIT_SHARDS];
    struct waker wakers[LIMIT_SHARDS];
    struct rocksdb_leaf *rocksdb; /* or else */
    struct memory_leaf *memory[LIMIT_SHARDS];
};

static void wake_port(void *self) {
    const struct waker *waker = self;
    waker->wake(waker->self, waker->shard);
}

static bool open_rocksdb(struct node_leaf *leaf, const char *data) {
    char path[CONFIG_PATH_SIZE + 4];
    char text[ROCKSDB_LEAF_TEXT_BYTES];
    struct rocksdb_leaf_options options = rocksdb_leaf_defaults();
    if (!folder_make(data)) {
        log_event(CONFIG_LOG_ERROR, "data-unusable", "data=\"%s\" why=\"%s\"", data, strerrordesc_np(errno));
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/db", data);
    leaf->rocksdb = rocksdb_leaf_open(path, &options, text);
    if (leaf->rocksdb == NULL) {
        log_event(CONFIG_LOG_ERROR, "data-unusable", "data=\"%s\" why=\"%s\"", data, text);
        return false;
    }
    switch (rocksdb_leaf_recovery(leaf->rocksdb)) {
    case ROCKSDB_LEAF_WHOLE:
        break;
    case ROCKSDB_LEAF_TORN_TAIL:
        log_event(CONFIG_LOG_INFO, "log-torn", "data=\"%s\" why=\"the last batch was not whole: never acknowledged\"",
                  data);
        break;
    case ROCKSDB_LEAF_CUT:
        log_event(CONFIG_LOG_WARNING, "log-cut", "data=\"%s\" why=\"damaged: acknowledged writes may be gone\"", data);
        break;
    }
    for (uint32_t shard = 0; shard < leaf->shard_count; shard++) {
        leaf->ports[shard] = rocksdb_leaf_open_port(leaf->rocksdb, wake_port, &leaf->wakers[shard]);
    }
    return true;
}

static void open_memory(struct node_leaf *leaf) {
    for (uint32_t shard = 0; shard < leaf->shard_count; shard++) {
        leaf->memory[shard] = memory_leaf_new(MEMORY_LEAF_SYNCHRONOUS);
        leaf->ports[shard] = memory_leaf_open_port(leaf->memory[shard]);
    }
}

struct node_leaf *node_leaf_open(const struct config *config, uint32_t shard_count,
                                 void (*wake)(void *self, uint32_t shard), void *self) {
    struct node_leaf *leaf = calloc(1, sizeof(*leaf));
    ENSURE(leaf != NULL && shard_count <= LIMIT_SHARDS);
    leaf->shard_count = shard_count;
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        leaf->wakers[shard] = (struct waker){wake, self, shard};
    }
    if (config->storage == CONFIG_STORAGE_MEMORY) {
        open_memory(leaf);
    } else if (!open_rocksdb(leaf, config->data)) {
        free(leaf);
        return NULL;
    }
    return leaf;
}

bool node_leaf_close(struct node_leaf *leaf) {
    bool is_whole = true;
    for (uint32_t shard = 0; shard < leaf->shard_count; shard++) {
        if (leaf->rocksdb != NULL) {
            rocksdb_leaf_close_port(leaf->ports[shard]);
        } else {
            memory_leaf_close_port(leaf->ports[shard]);
            memory_leaf_free(leaf->memory[shard]);
        }
    }
    if (leaf->rocksdb != NULL) {
        is_whole = rocksdb_leaf_close(leaf->rocksdb);
    }
    free(leaf);
    return is_whole;
}

bool node_leaf_is_whole(const struct node_leaf *leaf) {
    return leaf->rocksdb == NULL || rocksdb_leaf_recovery(leaf->rocksdb) == ROCKSDB_LEAF_WHOLE;
}

struct leaf_port *node_leaf_port(struct node_leaf *leaf, uint32_t shard) {
    ENSURE(shard < leaf->shard_count);
    return leaf->ports[shard];
}

bool node_leaf_usage(struct node_leaf *leaf, struct node_leaf_usage *ret_usage) {
    if (leaf->rocksdb == NULL) {
        return false;
    }
    struct rocksdb_leaf_statistics statistics;
    rocksdb_leaf_statistics(leaf->rocksdb, &statistics);
    *ret_usage = (struct node_leaf_usage){
        .memory_bytes = statistics.memtable_bytes + statistics.block_cache_bytes + statistics.table_reader_bytes,
        .file_bytes = statistics.file_bytes,
        .objects_about = statistics.objects_about,
        .groups = statistics.groups,
        .syncs = statistics.syncs,
        .memory_reads = statistics.memory_reads,
        .disk_reads = statistics.disk_reads,
        .is_stalled = statistics.is_stalled,
    };
    return true;
}

bool node_leaf_can_be_copied(const struct node_leaf *leaf) {
    return leaf->rocksdb != NULL;
}

bool node_leaf_copy(struct node_leaf *leaf, const char *path, char ret_text[NODE_LEAF_TEXT_SIZE]) {
    ENSURE(leaf->rocksdb != NULL);
    return rocksdb_leaf_checkpoint(leaf->rocksdb, path, ret_text);
}

void node_leaf_failure(struct node_leaf *leaf, char ret_text[NODE_LEAF_TEXT_SIZE]) {
    _Static_assert((int)NODE_LEAF_TEXT_SIZE >= (int)ROCKSDB_LEAF_TEXT_BYTES, "room for the leaf's sentence");
    ret_text[0] = '\0';
    if (leaf->rocksdb != NULL) {
        rocksdb_leaf_failure(leaf->rocksdb, ret_text);
    }
}
