#include "folder.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <dirent.h>

#include <cmocka.h>

void folder_make(struct folder *folder) {
    snprintf(folder->path, sizeof(folder->path), "/tmp/gramme-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->database, sizeof(folder->database), "%s/database", folder->path);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk) {
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

void folder_remove(const struct folder *folder) {
    nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void folder_newest_log(const struct folder *folder, char ret_path[600]) {
    DIR *directory = opendir(folder->database);
    assert_non_null(directory);
    unsigned long newest = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        struct stat status;
        if (number > newest && strcmp(end, ".log") == 0 && fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 &&
            status.st_size > 0) {
            newest = number;
            snprintf(ret_path, 600, "%s/%s", folder->database, entry->d_name);
        }
    }
    closedir(directory);
    assert_true(newest > 0);
}

struct rocksdb_leaf *leaf_open(const struct folder *folder) {
    struct rocksdb_leaf_options options = rocksdb_leaf_defaults();
    options.block_cache_bytes = 8 << 20;
    options.write_buffer_bytes = 4 << 20;
    options.sync_interval_ms = 20;
    char text[ROCKSDB_LEAF_TEXT_BYTES];
    struct rocksdb_leaf *leaf = rocksdb_leaf_open(folder->database, &options, text);
    if (leaf == NULL) {
        fail_msg("%s", text);
    }
    return leaf;
}

void leaf_put(struct leaf_port *port, struct view key, struct view value, enum durability durability, uint64_t token) {
    struct leaf_batch batch;
    leaf_batch_init(&batch);
    leaf_batch_put(&batch, LEAF_OBJECTS, key, value);
    assert_int_equal(port->operations->submit(port, &batch, durability, token), LEAF_PENDING);
    leaf_batch_release(&batch);
}

struct leaf_completion leaf_await(struct leaf_port *port) {
    struct leaf_completion completion;
    assert_true(port->operations->wait(port));
    assert_true(port->operations->take(port, &completion));
    return completion;
}

enum leaf_status leaf_read(struct leaf_port *port, enum leaf_family family, struct view key, struct view *ret_value) {
    enum leaf_status status = port->operations->get(port, family, key, 99, ret_value);
    if (status == LEAF_PENDING) {
        struct leaf_completion completion = leaf_await(port);
        assert_int_equal(completion.kind, LEAF_COMPLETION_GET);
        assert_int_equal(completion.token, 99);
        assert_true(view_equal(completion.key, key));
        *ret_value = completion.value;
        status = completion.status;
    }
    return status;
}
