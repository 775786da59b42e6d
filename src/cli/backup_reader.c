#include "cli/backup_reader.h"

#include "base/arena.h"
#include "core/hint_record.h"
#include "rocksdb/rocksdb_leaf.h"
#include "server/backup.h"
#include "store/object_buffer.h"
#include "store/seal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 2048, MANIFEST_BYTES_MOST = 16 * 1024, RUN_RECORDS = 512, RUN_BYTES = 4 * 1024 * 1024 };

/* The records of one family of one backup, in order, some at a time. */
struct stream {
    struct leaf_port *port;
    const char *folder;
    enum leaf_family family;
    struct leaf_run run;
    size_t position;
    struct buffer from; /* where the next run begins */
    struct leaf_entry entry;
    bool has_entry;
    bool is_last_run;
};

struct backup {
    const char *folder;
    struct rocksdb_leaf *leaf;
    struct leaf_port *port;
    struct stream streams[2];
};

struct backup_reader {
    struct cluster_id cluster;
    struct backup *backups;
    size_t count;
    struct arena arena; /* of the key at hand */
    struct buffer key;
    struct backup_reading figures;
    char error[BACKUP_ERROR_SIZE];
};

/* ---- manifests ---- */

/* The whole manifest as text; false, with a sentence, when there is none. */
static bool read_manifest(const char *folder, char text[MANIFEST_BYTES_MOST], char ret_error[BACKUP_ERROR_SIZE]) {
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/" BACKUP_MANIFEST, folder);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(ret_error, BACKUP_ERROR_SIZE, "%.500s is no backup: its " BACKUP_MANIFEST " cannot be read: %s",
                 folder, strerrordesc_np(errno));
        return false;
    }
    size_t size = fread(text, 1, MANIFEST_BYTES_MOST - 1, file);
    fclose(file);
    text[size] = '\0';
    if (strncmp(text, BACKUP_FORMAT "\n", strlen(BACKUP_FORMAT) + 1) != 0) {
        snprintf(ret_error, BACKUP_ERROR_SIZE, "%.500s is a backup of a format that this version does not read",
                 folder);
        return false;
    }
    return true;
}

static bool manifest_cluster(const char *text, struct cluster_id *ret_cluster) {
    const char *line = strstr(text, "\ncluster-id ");
    struct node_id id;
    char word[NODE_ID_TEXT_SIZE] = "";
    if (line == NULL) {
        return false;
    }
    snprintf(word, sizeof(word), "%s", line + strlen("\ncluster-id "));
    if (!node_id_from_text(word, &id)) {
        return false;
    }
    memcpy(ret_cluster->bytes, id.bytes, sizeof(id.bytes));
    return true;
}

static bool check_manifest(struct backup_reader *reader, const char *folder, bool is_first,
                           char ret_error[BACKUP_ERROR_SIZE]) {
    char text[MANIFEST_BYTES_MOST];
    struct cluster_id cluster;
    if (!read_manifest(folder, text, ret_error)) {
        return false;
    }
    if (!manifest_cluster(text, &cluster)) {
        snprintf(ret_error, BACKUP_ERROR_SIZE, "%.500s: its manifest names no cluster", folder);
        return false;
    }
    if (!is_first && memcmp(&cluster, &reader->cluster, sizeof(cluster)) != 0) {
        snprintf(ret_error, BACKUP_ERROR_SIZE, "%.500s is of another cluster than the backups before it", folder);
        return false;
    }
    reader->cluster = cluster;
    return true;
}

/* ---- streams ---- */

static void stream_open(struct stream *stream, const struct backup *backup, enum leaf_family family) {
    *stream = (struct stream){.port = backup->port, .folder = backup->folder, .family = family};
    leaf_run_init(&stream->run, family, RUN_RECORDS, RUN_BYTES);
    buffer_init(&stream->from);
}

static void stream_close(struct stream *stream) {
    leaf_run_release(&stream->run);
    buffer_release(&stream->from);
}

/* False when the store cannot be read. */
static bool stream_advance(struct stream *stream) {
    while (!(stream->has_entry = leaf_batch_next(&stream->run.entries, &stream->position, &stream->entry))) {
        if (stream->is_last_run) {
            return true;
        }
        leaf_run_release(&stream->run);
        leaf_run_init(&stream->run, stream->family, RUN_RECORDS, RUN_BYTES);
        stream->position = 0;
        if (stream->port->operations->scan(stream->port, stream->family, buffer_view(&stream->from), VIEW("\xff"),
                                           leaf_run_visit, &stream->run) != LEAF_DONE) {
            return false;
        }
        stream->is_last_run = !stream->run.is_full;
        struct leaf_entry last = {0};
        for (size_t position = 0; leaf_batch_next(&stream->run.entries, &position, &last);) {
        }
        buffer_clear(&stream->from);
        buffer_append_view(&stream->from, last.key);
        buffer_append_byte(&stream->from, 0);
    }
    return true;
}

/* ---- opening ---- */

static bool backup_open(struct backup *backup, const char *folder, char ret_error[BACKUP_ERROR_SIZE]) {
    char path[PATH_SIZE];
    char text[ROCKSDB_LEAF_TEXT_BYTES];
    struct rocksdb_leaf_options options = rocksdb_leaf_defaults();
    options.is_read_only = true;
    options.block_cache_bytes /= 8;
    backup->folder = folder;
    snprintf(path, sizeof(path), "%s/db", folder);
    backup->leaf = rocksdb_leaf_open(path, &options, text);
    if (backup->leaf == NULL) {
        snprintf(ret_error, BACKUP_ERROR_SIZE, "%.400s cannot be read: %.500s", folder, text);
        return false;
    }
    backup->port = rocksdb_leaf_open_port(backup->leaf, NULL, NULL);
    stream_open(&backup->streams[0], backup, LEAF_OBJECTS);
    stream_open(&backup->streams[1], backup, LEAF_HINTS);
    for (size_t i = 0; i < 2; i++) {
        if (!stream_advance(&backup->streams[i])) {
            snprintf(ret_error, BACKUP_ERROR_SIZE, "%.500s cannot be read", folder);
            return false;
        }
    }
    return true;
}

static void backup_close(struct backup *backup) {
    if (backup->leaf != NULL) {
        stream_close(&backup->streams[0]);
        stream_close(&backup->streams[1]);
        rocksdb_leaf_close_port(backup->port);
        (void)rocksdb_leaf_close(backup->leaf);
    }
}

struct backup_reader *backup_reader_open(const char *const *folders, size_t count, char ret_error[BACKUP_ERROR_SIZE]) {
    struct backup_reader *reader = calloc(1, sizeof(*reader));
    ENSURE(reader != NULL);
    reader->backups = calloc(count, sizeof(*reader->backups));
    ENSURE(reader->backups != NULL);
    arena_init(&reader->arena);
    buffer_init(&reader->key);
    for (size_t i = 0; i < count; i++) {
        bool is_good = check_manifest(reader, folders[i], i == 0, ret_error);
        reader->count = i + 1;
        if (!is_good || !backup_open(&reader->backups[i], folders[i], ret_error)) {
            backup_reader_close(reader);
            return NULL;
        }
    }
    return reader;
}

void backup_reader_close(struct backup_reader *reader) {
    for (size_t i = 0; i < reader->count; i++) {
        backup_close(&reader->backups[i]);
    }
    arena_release(&reader->arena);
    buffer_release(&reader->key);
    free(reader->backups);
    free(reader);
}

/* ---- reading ---- */

static struct stream *stream_of(struct backup_reader *reader, size_t index) {
    return &reader->backups[index / 2].streams[index % 2];
}

/* The least key that a stream is at. */
static bool find_least(struct backup_reader *reader, struct view *ret_least) {
    bool is_any = false;
    for (size_t i = 0; i < reader->count * 2; i++) {
        const struct stream *stream = stream_of(reader, i);
        if (stream->has_entry && (!is_any || view_compare(stream->entry.key, *ret_least) < 0)) {
            *ret_least = stream->entry.key;
            is_any = true;
        }
    }
    return is_any;
}

/* The object of a record as it rests; false when it is damaged. */
static bool open_record(const struct stream *stream, uint64_t hash, struct arena *arena, struct object *ret_object) {
    struct view bytes;
    struct record record;
    struct hint_owners owners;
    if (!seal_open(stream->entry.value, hash, &bytes)) {
        return false;
    }
    bool is_record =
        stream->family == LEAF_HINTS ? hint_record_decode(bytes, &owners, &record) : record_decode(bytes, &record);
    return is_record && object_decode(arena_copy(arena, record.object_bytes), arena, ret_object) &&
           object_is_whole(ret_object);
}

/* Takes the record of a stream that is at the key, and moves on. */
static bool take_record(struct backup_reader *reader, struct stream *stream, uint64_t hash, struct object *merged) {
    struct object object;
    reader->figures.records++;
    if (open_record(stream, hash, &reader->arena, &object)) {
        *merged = object_merge(merged, &object, CONFLICT_SIBLINGS, &reader->arena);
    } else {
        reader->figures.damaged++;
    }
    if (!stream_advance(stream)) {
        snprintf(reader->error, sizeof(reader->error), "%.500s cannot be read on: is its disk well?", stream->folder);
        return false;
    }
    return true;
}

bool backup_reader_next(struct backup_reader *reader, struct view *ret_key, struct object *ret_object) {
    struct view least = {0};
    struct partition partition;
    uint64_t hash;
    do {
        arena_reset(&reader->arena);
        *ret_object = object_empty();
        if (reader->error[0] != '\0' || !find_least(reader, &least)) {
            return false;
        }
        buffer_clear(&reader->key);
        buffer_append_view(&reader->key, least);
        bool is_place = object_place_read(buffer_view(&reader->key), &partition, &hash, ret_key);
        ENSURE(is_place); /* a run has no others */
        for (size_t i = 0; i < reader->count * 2; i++) {
            struct stream *stream = stream_of(reader, i);
            bool is_there = stream->has_entry && view_equal(stream->entry.key, buffer_view(&reader->key));
            if (is_there && !take_record(reader, stream, hash, ret_object)) {
                return false;
            }
        }
    } while (object_is_absent(ret_object)); /* damaged everywhere */
    return true;
}

const char *backup_reader_error(const struct backup_reader *reader) {
    return reader->error;
}

struct cluster_id backup_reader_cluster(const struct backup_reader *reader) {
    return reader->cluster;
}

struct backup_reading backup_reader_figures(const struct backup_reader *reader) {
    return reader->figures;
}
