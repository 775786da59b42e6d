#include "load/octets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void octets_release(struct octets *octets) {
    free(octets->bytes);
    memset(octets, 0, sizeof *octets);
}

void octets_clear(struct octets *octets) {
    octets->start = 0;
    octets->end = 0;
}

char *octets_reserve(struct octets *octets, size_t count) {
    if (octets->capacity - octets->end >= count) {
        return octets->bytes + octets->end;
    }
    size_t kept = octets_count(octets);
    if (kept > 0) {
        memmove(octets->bytes, octets->bytes + octets->start, kept);
    }
    octets->start = 0;
    octets->end = kept;
    if (octets->capacity - kept < count) {
        size_t capacity = octets->capacity < 4096 ? 4096 : octets->capacity;
        while (capacity - kept < count) {
            capacity *= 2;
        }
        char *bytes = realloc(octets->bytes, capacity);
        if (bytes == NULL) {
            fprintf(stderr, "gramme-load: out of memory\n");
            exit(1);
        }
        octets->bytes = bytes;
        octets->capacity = capacity;
    }
    return octets->bytes + octets->end;
}

void octets_append(struct octets *octets, const void *bytes, size_t count) {
    memcpy(octets_reserve(octets, count), bytes, count);
    octets->end += count;
}

/* By hand rather than snprintf: the generator shares the machine with what it measures. */
static void append_header(struct octets *octets, char marker, size_t number) {
    char text[24];
    size_t at = sizeof text;
    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text[--at] = marker;
    octets_append(octets, text + at, sizeof text - at);
}

void octets_append_bulk(struct octets *octets, const void *bytes, size_t count) {
    append_header(octets, '$', count);
    octets_append(octets, bytes, count);
    octets_append(octets, "\r\n", 2);
}

void octets_append_command(struct octets *octets, unsigned arguments) {
    append_header(octets, '*', arguments);
}

void octets_eat(struct octets *octets, size_t count) {
    octets->start += count;
    if (octets->start == octets->end) {
        octets_clear(octets);
    }
}
