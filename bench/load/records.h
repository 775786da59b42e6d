/*
 * Files of records and of acknowledged keys, mapped into memory.
 *
 * A record is KEY<TAB>LENGTH<LF>, LENGTH bytes, <LF>; an acknowledged key is KEY<LF>. Keys hold no tab and no line
 * feed. A last line without its line feed is what a killed writer left: it acknowledges nothing.
 */
#ifndef GRAMME_BENCH_LOAD_RECORDS_H
#define GRAMME_BENCH_LOAD_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapped_file {
    const char *bytes;
    size_t byte_count;
};

/* Borrows from the mapped file. */
struct record {
    const char *key;
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
};

struct record_reader {
    const struct mapped_file *file;
    size_t at;
    uint64_t read; /* records so far */
    bool is_broken;
};

/* A set of keys; each remembers whether it was looked up. */
struct key_set {
    struct mapped_file file;
    struct key_set_entry {
        const char *key;
        size_t key_bytes;
        bool is_found;
    } * entries;
    size_t capacity;
    size_t count;
    size_t found;
};

/* Ends the program, saying why, when the file cannot be read. */
void mapped_file_open(struct mapped_file *ret_file, const char *path);
void mapped_file_close(struct mapped_file *file);

/* False at the end, or where the file is broken. */
bool record_read(struct record_reader *reader, struct record *ret_record);

void key_set_open(struct key_set *ret_set, const char *path);
void key_set_close(struct key_set *set);

/* True for a key of the set; marks it as found. */
bool key_set_find(struct key_set *set, const char *key, size_t key_bytes);

#endif
