#include "server/backup.h"

#include "base/ensure.h"
#include "server/folder.h"
#include "server/node_leaf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = CONFIG_PATH_SIZE + 1024, LINE_SIZE = 256 };

struct backup {
    uv_work_t work;
    struct loop *loop;
    struct ring *ring; /* when it began */
    uint64_t token;
    uint64_t objects_about;
    struct instant since;
    char path[PATH_SIZE];
    char partial[PATH_SIZE];
    char problem[PATH_SIZE + NODE_LEAF_TEXT_SIZE + 64]; /* an error line; empty: it was made */
    struct buffer manifest;
};

/* ---- the manifest ---- */

__attribute__((format(printf, 2, 3))) static void append_line(struct buffer *text, const char *format, ...) {
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    ENSURE(size > 0 && (size_t)size < sizeof(line));
    buffer_append(text, line, (size_t)size);
    buffer_append_byte(text, '\n');
}

static void describe(struct backup *backup) {
    const struct node *node = backup->loop->node;
    const struct config *config = node->config;
    struct buffer *text = &backup->manifest;
    struct digest ring = ring_digest(backup->ring);
    struct node_leaf_usage usage = {0};
    struct node_id cluster;
    char id[NODE_ID_TEXT_SIZE];
    char when[32];
    struct tm utc;
    time_t now = time(NULL);
    (void)gmtime_r(&now, &utc);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)node_leaf_usage(node->leaf, &usage);
    append_line(text, BACKUP_FORMAT);
    append_line(text, "gramme-version " GRAMME_VERSION);
    memcpy(cluster.bytes, config->secrets.cluster.bytes, sizeof(cluster.bytes));
    node_id_to_text(cluster, id);
    append_line(text, "cluster-id %s", id);
    node_id_to_text(config->node, id);
    append_line(text, "node-id %s", id);
    append_line(text, "time %s", when);
    append_line(text, "ring %016llx%016llx", (unsigned long long)ring.high, (unsigned long long)ring.low);
    append_line(text, "ring-version %llu", (unsigned long long)ring_version(backup->ring));
    append_line(text, "members %zu", ring_present_count(backup->ring));
    append_line(text, "partitions %u", ring_partition_count(backup->ring));
    append_line(text, "replicas %u", ring_configured_replica_count(backup->ring));
    append_line(text, "records-about %llu", (unsigned long long)usage.objects_about);
}

/* ---- on a thread of its own ---- */

static void fail(struct backup *backup, const char *what, const char *why) {
    (void)snprintf(backup->problem, sizeof(backup->problem), "ERR no backup: %s: %s", what, why);
}

static bool fill(struct backup *backup) {
    char inside[PATH_SIZE + 32];
    char text[NODE_LEAF_TEXT_SIZE];
    describe(backup); /* its time is before that of the copy */
    (void)snprintf(inside, sizeof(inside), "%s/db", backup->partial);
    if (!node_leaf_copy(backup->loop->node->leaf, inside, text)) {
        fail(backup, "the store can't be copied", text);
        return false;
    }
    bool is_synced = folder_sync(inside);
    (void)snprintf(inside, sizeof(inside), "%s/" BACKUP_MANIFEST, backup->partial);
    is_synced = is_synced && folder_write_file(inside, buffer_view(&backup->manifest)) && folder_sync(backup->partial);
    if (!is_synced) {
        fail(backup, "the copy can't be made to last", strerrordesc_np(errno));
    }
    return is_synced;
}

static void make(uv_work_t *work) {
    struct backup *backup = work->data;
    if (access(backup->path, F_OK) == 0) {
        fail(backup, backup->path, "is there already");
        return;
    }
    if (!folder_make_parent(backup->path) || !folder_make(backup->partial)) {
        fail(backup, backup->partial, strerrordesc_np(errno));
        return;
    }
    bool is_made = fill(backup);
    if (is_made && !(folder_rename(backup->partial, backup->path) && folder_sync_parent(backup->path))) {
        fail(backup, backup->path, strerrordesc_np(errno));
        is_made = false;
    }
    if (!is_made) {
        folder_remove(backup->partial);
    }
}

/* ---- on the loop's ---- */

static void made(uv_work_t *work, int status) {
    struct backup *backup = work->data;
    struct loop *loop = backup->loop;
    bool is_made = status == 0 && backup->problem[0] == '\0';
    struct view text = is_made ? buffer_view(&backup->manifest) : view_of_string(backup->problem);
    unsigned long long ms = (loop_now(loop).ns - backup->since.ns) / NS_PER_MS;
    if (is_made) {
        log_event(CONFIG_LOG_INFO, "backup-made", "path=\"%s\" ms=%llu", backup->path, ms);
    } else {
        log_event(CONFIG_LOG_ERROR, "backup-failed", "path=\"%s\" why=\"%s\"", backup->path, backup->problem);
    }
    atomic_store(&loop->node->is_backing_up, false);
    if (loop->phase != NODE_ENDING) {
        shard_backup_done(loop->shard, backup->token, is_made, text, loop_step(loop));
    }
    buffer_release(&backup->manifest);
    ring_free(backup->ring);
    free(backup);
}

const char *backup_begin(struct loop *loop, struct view path, uint64_t token) {
    struct node *node = loop->node;
    if (!node_leaf_can_be_copied(node->leaf)) {
        return "ERR this node keeps its data in memory: there is nothing that could be copied";
    }
    if (path.size >= CONFIG_PATH_SIZE) {
        return "ERR the folder's path is too long";
    }
    if (atomic_exchange(&node->is_backing_up, true)) {
        return "BUSY a backup of this node is being made";
    }
    struct backup *backup = calloc(1, sizeof(*backup));
    ENSURE(backup != NULL);
    backup->work.data = backup;
    backup->loop = loop;
    backup->ring = ring_retain(shard_ring(loop->shard));
    backup->token = token;
    backup->since = loop_now(loop);
    buffer_init(&backup->manifest);
    (void)snprintf(backup->path, sizeof(backup->path), "%.*s", (int)path.size, (const char *)path.data);
    (void)snprintf(backup->partial, sizeof(backup->partial), "%.*s.partial-%016llx%08x", (int)path.size,
                   (const char *)path.data, (unsigned long long)node->run, atomic_fetch_add(&node->backups, 1));
    log_event(CONFIG_LOG_INFO, "backup-begun", "path=\"%s\"", backup->path);
    int status = uv_queue_work(&loop->uv, &backup->work, make, made);
    ENSURE(status == 0);
    return NULL;
}
