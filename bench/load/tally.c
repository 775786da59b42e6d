#include "load/tally.h"

#include <inttypes.h>
#include <string.h>

void tally_prefix(char ret_prefix[TALLY_PREFIX_BYTES], const char *text, size_t text_bytes) {
    size_t count = 0;
    while (count < text_bytes && count < TALLY_PREFIX_BYTES - 1) {
        char letter = text[count];
        /* Anything but a plain word would break the history's columns and the JSON. */
        if (letter <= ' ' || letter > '~' || letter == '"' || letter == '\\') {
            break;
        }
        ret_prefix[count++] = letter;
    }
    ret_prefix[count] = '\0';
    if (count == 0) {
        memcpy(ret_prefix, "EMPTY", sizeof "EMPTY");
    }
}

void tally_add(struct tally *tally, const char *prefix) {
    tally->total++;
    size_t i = 0;
    while (i < tally->prefixes && strcmp(tally->entries[i].prefix, prefix) != 0) {
        i++;
    }
    if (i == TALLY_PREFIXES) {
        i = TALLY_PREFIXES - 1;
    } else if (i == tally->prefixes) {
        const char *name = i == TALLY_PREFIXES - 1 ? "OTHERS" : prefix;
        snprintf(tally->entries[i].prefix, TALLY_PREFIX_BYTES, "%s", name);
        tally->prefixes++;
    }
    tally->entries[i].count++;
}

void tally_print_json(const struct tally *tally, FILE *file) {
    fputc('{', file);
    for (size_t i = 0; i < tally->prefixes; i++) {
        fprintf(file, "%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", tally->entries[i].prefix, tally->entries[i].count);
    }
    fputc('}', file);
}

void tally_print(const struct tally *tally, FILE *file) {
    if (tally->prefixes == 0) {
        fputs("none", file);
    }
    for (size_t i = 0; i < tally->prefixes; i++) {
        fprintf(file, "%s%s %" PRIu64, i == 0 ? "" : ", ", tally->entries[i].prefix, tally->entries[i].count);
    }
}
