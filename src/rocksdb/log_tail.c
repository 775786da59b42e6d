#include "rocksdb/log_tail.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 32 * 1024, HEADER_BYTES = 7, TYPE_WHOLE = 1, TYPE_FIRST = 2, TYPE_LAST = 4 };

struct crc32c {
    uint32_t table[256];
};

static void crc32c_init(struct crc32c *crc) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++) {
            rest = (rest & 1) != 0 ? rest >> 1 ^ UINT32_C(0x82f63b78) : rest >> 1;
        }
        crc->table[byte] = rest;
    }
}

static uint32_t crc32c_of(const struct crc32c *crc, struct view bytes) {
    uint32_t rest = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        rest = rest >> 8 ^ crc->table[(rest ^ bytes.data[i]) & 0xff];
    }
    return ~rest;
}

/* As it is stored: rotated and shifted, so that a log within a log isn't mistaken for one. */
static uint32_t masked(uint32_t crc) {
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

/* The type of the fragment that begins at `at`, and where it ends; 0 when none does. */
static uint8_t fragment_at(const struct crc32c *crc, struct view block, size_t at, size_t *ret_end) {
    if (block.data == NULL || block.size - at < HEADER_BYTES) {
        return 0;
    }
    uint32_t stored;
    memcpy(&stored, block.data + at, sizeof(stored));
    size_t length = (size_t)block.data[at + 4] | (size_t)block.data[at + 5] << 8;
    uint8_t type = block.data[at + 6];
    if (type < TYPE_WHOLE || type > TYPE_LAST || length > block.size - at - HEADER_BYTES) {
        return 0;
    }
    if (masked(crc32c_of(crc, view_slice(block, at + 6, 1 + length))) != le32toh(stored)) {
        return 0;
    }
    *ret_end = at + HEADER_BYTES + length;
    return type;
}

static bool all_zeros(struct view bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Steps over fragments from `at` on; where the first wrong one begins, or the end of the block. */
static size_t step_over(const struct crc32c *crc, struct view block, size_t at, bool *starts_batch) {
    while (block.size - at >= HEADER_BYTES) {
        uint8_t type = fragment_at(crc, block, at, &at);
        if (type == 0) {
            return at;
        }
        *starts_batch = *starts_batch || type == TYPE_WHOLE || type == TYPE_FIRST;
    }
    return block.size;
}

/* Behind a wrong length nobody knows where the next fragment begins, so every place of the block is tried. */
static bool batch_starts_after(const struct crc32c *crc, struct view block, size_t after) {
    bool starts = false;
    while (after < block.size && !starts) {
        size_t wrong = step_over(crc, block, after, &starts);
        after = wrong + 1;
    }
    return starts;
}

static struct view block_of(struct view log, size_t at) {
    size_t rest = log.size - at;
    return view_slice(log, at, rest < BLOCK_BYTES ? rest : BLOCK_BYTES);
}

enum log_state log_examine(struct view log) {
    struct crc32c crc;
    crc32c_init(&crc);
    bool starts = false;
    size_t block_at = 0;
    size_t wrong = 0;
    for (; block_at < log.size; block_at += BLOCK_BYTES) {
        struct view block = block_of(log, block_at);
        wrong = step_over(&crc, block, 0, &starts);
        if (wrong < block.size) {
            break;
        }
    }
    if (block_at >= log.size || all_zeros(view_slice(log, block_at + wrong, log.size - block_at - wrong))) {
        return LOG_WHOLE;
    }
    starts = batch_starts_after(&crc, block_of(log, block_at), wrong + 1);
    for (block_at += BLOCK_BYTES; block_at < log.size && !starts; block_at += BLOCK_BYTES) {
        step_over(&crc, block_of(log, block_at), 0, &starts);
    }
    return starts ? LOG_DAMAGED : LOG_TORN_TAIL;
}

/* "000123.log": its number, or 0. */
static unsigned long log_number(const char *name) {
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    return end != name && strcmp(end, ".log") == 0 ? number : 0;
}

static bool examine_file(int folder, const char *name, enum log_state *ret_state) {
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    struct stat status;
    bool known = fstat(file, &status) == 0;
    size_t bytes = known ? (size_t)status.st_size : 0;
    void *log = bytes == 0 ? NULL : mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (!known || log == MAP_FAILED) {
        return false;
    }
    *ret_state = log_examine(view_of(log, bytes));
    if (log != NULL) {
        munmap(log, bytes);
    }
    return true;
}

struct survey {
    unsigned long newest;
    enum log_state newest_state;
    bool is_damaged; /* some log that isn't the newest */
};

static void survey_add(struct survey *survey, unsigned long number, enum log_state state) {
    bool is_newest = number > survey->newest;
    enum log_state older = is_newest ? survey->newest_state : state;
    survey->is_damaged = survey->is_damaged || older != LOG_WHOLE;
    if (is_newest) {
        survey->newest = number;
        survey->newest_state = state;
    }
}

bool log_examine_folder(const char *path, enum log_state *ret_state) {
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return false;
    }
    struct survey survey = {.newest_state = LOG_WHOLE};
    bool known = true;
    for (struct dirent *entry = readdir(directory); entry != NULL && known; entry = readdir(directory)) {
        unsigned long number = log_number(entry->d_name);
        struct stat status;
        if (number > 0 && fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && status.st_size > 0) {
            enum log_state state = LOG_WHOLE;
            known = examine_file(dirfd(directory), entry->d_name, &state);
            survey_add(&survey, number, state);
        }
    }
    closedir(directory);
    *ret_state = survey.is_damaged ? LOG_DAMAGED : survey.newest_state;
    return known;
}
