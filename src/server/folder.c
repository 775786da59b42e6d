#include "server/folder.h"

#include "server/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = CONFIG_PATH_SIZE + 512 };

bool folder_make(const char *path) {
    char part[CONFIG_PATH_SIZE];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, path, size + 1);
    for (size_t index = 1; index <= size; index++) {
        if (path[index] == '/' || path[index] == '\0') {
            part[index] = '\0';
            if (mkdir(part, 0700) != 0 && errno != EEXIST) {
                return false;
            }
            part[index] = path[index];
        }
    }
    return true;
}

/* Cut before the last slash; false when there is none but the first. */
static bool parent_of(const char *path, char ret_parent[PATH_SIZE]) {
    size_t size = strlen(path);
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || size >= PATH_SIZE) {
        return false;
    }
    memcpy(ret_parent, path, (size_t)(slash - path));
    ret_parent[slash - path] = '\0';
    return true;
}

bool folder_make_parent(const char *path) {
    char parent[PATH_SIZE];
    return !parent_of(path, parent) || folder_make(parent);
}

static bool sync_one(const char *path, int flags) {
    int descriptor = open(path, flags | O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    bool is_synced = fsync(descriptor) == 0;
    int error = errno;
    close(descriptor);
    errno = error;
    return is_synced;
}

/* Calls `visit` with each name in the folder until it says false. */
static bool each_name(const char *path, bool (*visit)(const char *path)) {
    char name[PATH_SIZE];
    DIR *folder = opendir(path);
    bool goes_on = folder != NULL;
    const struct dirent *entry;
    while (goes_on && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            int size = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            goes_on = size > 0 && (size_t)size < sizeof(name) && visit(name);
        }
    }
    int error = errno;
    if (folder != NULL) {
        closedir(folder);
    }
    errno = error;
    return goes_on;
}

static bool sync_file(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && (!S_ISREG(about.st_mode) || sync_one(path, 0));
}

bool folder_sync(const char *path) {
    return each_name(path, sync_file) && sync_one(path, O_DIRECTORY);
}

bool folder_sync_parent(const char *path) {
    char parent[PATH_SIZE];
    return !parent_of(path, parent) || sync_one(parent, O_DIRECTORY);
}

bool folder_write_file(const char *path, struct view bytes) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return false;
    }
    bool is_written = true;
    while (is_written && bytes.size > 0) {
        ssize_t count = write(descriptor, bytes.data, bytes.size);
        is_written = count > 0 || (count < 0 && errno == EINTR);
        bytes = count > 0 ? view_slice(bytes, (size_t)count, bytes.size - (size_t)count) : bytes;
    }
    is_written = is_written && fsync(descriptor) == 0;
    int error = errno;
    close(descriptor);
    errno = error;
    return is_written;
}

static bool remove_file(const char *path) {
    (void)unlink(path);
    return true;
}

static bool remove_file_or_folder(const char *path) {
    if (unlink(path) != 0) {
        (void)each_name(path, remove_file);
        (void)rmdir(path);
    }
    return true;
}

void folder_remove(const char *path) {
    (void)each_name(path, remove_file_or_folder);
    (void)rmdir(path);
}

bool folder_rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
}
