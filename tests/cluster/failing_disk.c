/* A disk that fails or dawdles, for tests: preloaded into a node (LD_PRELOAD), it looks into the file that FAILING_DISK
 * names at each call that matters. That file's first word says what the disk does from now on:
 *
 *      eio          fsync and fdatasync fail
 *      enospc       what is written to files finds no space
 *      slow         fsync and fdatasync take 50 ms longer
 *
 * Anything else, or no file: it works. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SLOW_NS = 50 * 1000 * 1000 };

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool disk_is(const char *how) {
    const char *path = getenv("FAILING_DISK");
    char word[16] = {0};
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t got = read(file, word, sizeof(word) - 1);
    close(file);
    return got > 0 && strncmp(word, how, strlen(how)) == 0;
}

/* Sockets, pipes and event descriptors have no path, and the log on the standard streams is to be read. */
static bool is_full(int file) {
    char link[32];
    char path[8] = {0};
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    bool has_path = file > STDERR_FILENO && readlink(link, path, sizeof(path) - 1) > 0 && path[0] == '/';
    return has_path && strncmp(path, "/dev/", 5) != 0 && disk_is("enospc");
}

static int sync_by(int (*sync)(int), int file) {
    if (disk_is("eio")) {
        errno = EIO;
        return -1;
    }
    if (disk_is("slow")) {
        nanosleep(&(struct timespec){.tv_nsec = SLOW_NS}, NULL);
    }
    return sync(file);
}

int fsync(int file) {
    return sync_by(REAL(fsync), file);
}

int fdatasync(int file) {
    return sync_by(REAL(fdatasync), file);
}

#define UNLESS_FULL(file, call)                                                                                        \
    if (is_full(file)) {                                                                                               \
        errno = ENOSPC;                                                                                                \
        return -1;                                                                                                     \
    }                                                                                                                  \
    return call

ssize_t write(int file, const void *bytes, size_t size) {
    UNLESS_FULL(file, REAL(write)(file, bytes, size));
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    UNLESS_FULL(file, REAL(pwrite)(file, bytes, size, offset));
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
    UNLESS_FULL(file, REAL(pwrite64)(file, bytes, size, offset));
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    UNLESS_FULL(file, REAL(writev)(file, parts, count));
}
