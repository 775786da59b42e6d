/* Failures counted by their first word: an error's prefix (INDOUBT, BUSY, ...), or one of ours. */
#ifndef GRAMME_BENCH_LOAD_TALLY_H
#define GRAMME_BENCH_LOAD_TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TALLY_PREFIX_BYTES = 24,
    TALLY_PREFIXES = 32, /* the last counts whatever found no place */
};

struct tally {
    size_t prefixes;
    uint64_t total;
    struct {
        char prefix[TALLY_PREFIX_BYTES];
        uint64_t count;
    } entries[TALLY_PREFIXES];
};

/* The first word of an error's text, cut to fit; "EMPTY" when there is none. */
void tally_prefix(char ret_prefix[TALLY_PREFIX_BYTES], const char *text, size_t text_bytes);

void tally_add(struct tally *tally, const char *prefix);

/* {"BUSY": 3, ...} */
void tally_print_json(const struct tally *tally, FILE *file);

/* "BUSY 3, INDOUBT 1", or "none" */
void tally_print(const struct tally *tally, FILE *file);

#endif
