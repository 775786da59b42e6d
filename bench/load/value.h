/*
 * Keys and values of the generated load. A value begins with its id, 16 hexadecimal digits, and goes on with letters
 * that follow from the id: a reader can tell from any value which write it came from and whether it is whole, and a
 * store that compresses finds little to compress.
 */
#ifndef GRAMME_BENCH_LOAD_VALUE_H
#define GRAMME_BENCH_LOAD_VALUE_H

#include <stddef.h>
#include <stdint.h>

enum {
    KEY_BYTES = 16,
    VALUE_ID_BYTES = 16,
};

/* A step of splitmix64: advances the state, returns a random number. */
uint64_t random_next(uint64_t *state);

/* "key:" and 12 digits: the names that redis-benchmark gives, so that one can read what the other wrote. */
void key_write(char ret_bytes[KEY_BYTES], uint64_t number);

void value_write(char *ret_bytes, size_t byte_count, uint64_t id);

/* 0, and the id of a value that value_write wrote, whole; else -1. */
int value_read(const char *bytes, size_t byte_count, uint64_t *ret_id);

#endif
