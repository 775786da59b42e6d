/*
 * A growing run of bytes, eaten from the front. Out of memory ends the program: a load generator
 * that cannot hold its own requests has nothing left to measure.
 */
#ifndef GRAMME_BENCH_LOAD_OCTETS_H
#define GRAMME_BENCH_LOAD_OCTETS_H

#include <stddef.h>

struct octets {
    char *bytes;
    size_t start; /* bytes before it are eaten */
    size_t end;
    size_t capacity;
};

void octets_release(struct octets *octets);
void octets_clear(struct octets *octets);

/* Room for at least `count` more bytes after the end; returns where they go. */
char *octets_reserve(struct octets *octets, size_t count);

void octets_append(struct octets *octets, const void *bytes, size_t count);

/* Appends one RESP bulk string, or the head of a command of `arguments` of them. */
void octets_append_bulk(struct octets *octets, const void *bytes, size_t count);
void octets_append_command(struct octets *octets, unsigned arguments);

static inline size_t octets_count(const struct octets *octets) {
    return octets->end - octets->start;
}

static inline const char *octets_front(const struct octets *octets) {
    return octets->bytes + octets->start;
}

void octets_eat(struct octets *octets, size_t count);

#endif
