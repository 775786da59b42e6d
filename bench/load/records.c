#include "load/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void fail(const char *path) {
    fprintf(stderr, "gramme-load: %s: %s\n", path, strerror(errno));
    exit(1);
}

void mapped_file_open(struct mapped_file *ret_file, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) {
        fail(path);
    }
    *ret_file = (struct mapped_file){.byte_count = (size_t)about.st_size};
    if (about.st_size > 0) {
        void *bytes = mmap(NULL, ret_file->byte_count, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED) {
            fail(path);
        }
        ret_file->bytes = bytes;
    }
    close(file);
}

void mapped_file_close(struct mapped_file *file) {
    if (file->byte_count > 0) {
        munmap((void *)(uintptr_t)file->bytes, file->byte_count);
    }
}

/* The decimal length between tab and line feed; false when it is none, or more than the file holds. */
static bool length_read(const char *from, const char *end, size_t most, size_t *ret_length) {
    size_t length = 0;
    for (const char *digit = from; digit < end; digit++) {
        if (*digit < '0' || *digit > '9' || length > most) {
            return false;
        }
        length = length * 10 + (size_t)(*digit - '0');
    }
    *ret_length = length;
    return from < end && length <= most;
}

bool record_read(struct record_reader *reader, struct record *ret_record) {
    size_t left = reader->file->byte_count - reader->at;
    if (left == 0 || reader->is_broken) {
        return false;
    }
    const char *start = reader->file->bytes + reader->at;
    const char *newline = memchr(start, '\n', left);
    const char *tab = newline == NULL ? NULL : memchr(start, '\t', (size_t)(newline - start));
    size_t length = 0;
    reader->is_broken = true;
    if (tab == NULL || tab == start || !length_read(tab + 1, newline, left, &length)) {
        return false;
    }
    size_t whole = (size_t)(newline + 1 - start) + length + 1;
    if (whole > left || start[whole - 1] != '\n') {
        return false;
    }
    reader->is_broken = false;
    reader->at += whole;
    reader->read++;
    *ret_record =
        (struct record){.key = start, .key_bytes = (size_t)(tab - start), .value = newline + 1, .value_bytes = length};
    return true;
}

/* FNV-1a: good enough for names, and nothing here is an attacker's. */
static uint64_t hash_of(const char *key, size_t key_bytes) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < key_bytes; i++) {
        hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3ULL;
    }
    return hash ^ (hash >> 29);
}

/* The entry of a key, or the empty one where it belongs. */
static struct key_set_entry *entry_of(const struct key_set *set, const char *key, size_t key_bytes) {
    size_t place = hash_of(key, key_bytes) & (set->capacity - 1);
    for (;;) {
        struct key_set_entry *entry = &set->entries[place];
        if (entry->key == NULL || (entry->key_bytes == key_bytes && memcmp(entry->key, key, key_bytes) == 0)) {
            return entry;
        }
        place = (place + 1) & (set->capacity - 1);
    }
}

static size_t count_lines(const struct mapped_file *file) {
    size_t lines = 0;
    for (size_t i = 0; i < file->byte_count; i++) {
        lines += file->bytes[i] == '\n';
    }
    return lines;
}

void key_set_open(struct key_set *ret_set, const char *path) {
    *ret_set = (struct key_set){.capacity = 16};
    mapped_file_open(&ret_set->file, path);
    size_t lines = count_lines(&ret_set->file);
    while (ret_set->capacity < lines * 2) {
        ret_set->capacity *= 2;
    }
    ret_set->entries = calloc(ret_set->capacity, sizeof *ret_set->entries);
    if (ret_set->entries == NULL) {
        fail(path);
    }
    const char *at = ret_set->file.bytes;
    for (size_t i = 0; i < lines; i++) {
        const char *newline = memchr(at, '\n', (size_t)(ret_set->file.bytes + ret_set->file.byte_count - at));
        struct key_set_entry *entry = entry_of(ret_set, at, (size_t)(newline - at));
        ret_set->count += entry->key == NULL;
        *entry = (struct key_set_entry){.key = at, .key_bytes = (size_t)(newline - at)};
        at = newline + 1;
    }
}

void key_set_close(struct key_set *set) {
    free(set->entries);
    mapped_file_close(&set->file);
}

bool key_set_find(struct key_set *set, const char *key, size_t key_bytes) {
    struct key_set_entry *entry = entry_of(set, key, key_bytes);
    if (entry->key == NULL) {
        return false;
    }
    set->found += !entry->is_found;
    entry->is_found = true;
    return true;
}
