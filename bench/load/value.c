#include "load/value.h"

#include <string.h>

uint64_t random_next(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15ULL;
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
}

void key_write(char ret_bytes[KEY_BYTES], uint64_t number) {
    memcpy(ret_bytes, "key:", 4);
    for (size_t i = KEY_BYTES; i > 4; i--) {
        ret_bytes[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void id_write(char ret_bytes[VALUE_ID_BYTES], uint64_t id) {
    for (size_t i = VALUE_ID_BYTES; i > 0; i--) {
        ret_bytes[i - 1] = "0123456789abcdef"[id & 15];
        id >>= 4;
    }
}

/* Letters of six random bits each, ten from a number. */
static void filler_write(char *ret_bytes, size_t byte_count, uint64_t id) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t random = id;
    uint64_t bits = 0;
    for (size_t i = 0; i < byte_count; i++) {
        if (i % 10 == 0) {
            bits = random_next(&random);
        }
        ret_bytes[i] = letters[bits & 63];
        bits >>= 6;
    }
}

void value_write(char *ret_bytes, size_t byte_count, uint64_t id) {
    char name[VALUE_ID_BYTES];
    id_write(name, id);
    if (byte_count < VALUE_ID_BYTES) {
        memcpy(ret_bytes, name + VALUE_ID_BYTES - byte_count, byte_count);
        return;
    }
    memcpy(ret_bytes, name, VALUE_ID_BYTES);
    filler_write(ret_bytes + VALUE_ID_BYTES, byte_count - VALUE_ID_BYTES, id);
}

int value_read(const char *bytes, size_t byte_count, uint64_t *ret_id) {
    if (byte_count < VALUE_ID_BYTES) {
        return -1;
    }
    uint64_t id = 0;
    for (size_t i = 0; i < VALUE_ID_BYTES; i++) {
        char letter = bytes[i];
        uint64_t digit = letter >= '0' && letter <= '9' ? (uint64_t)(letter - '0') : (uint64_t)(letter - 'a') + 10;
        if (digit > 15) {
            return -1;
        }
        id = id << 4 | digit;
    }
    /* Checked a piece at a time: a value may be megabytes, and this keeps no copy of it. */
    uint64_t random = id;
    for (size_t at = VALUE_ID_BYTES; at < byte_count; at += 10) {
        char expected[10];
        size_t count = byte_count - at < sizeof expected ? byte_count - at : sizeof expected;
        filler_write(expected, count, random);
        random_next(&random);
        if (memcmp(bytes + at, expected, count) != 0) {
            return -1;
        }
    }
    *ret_id = id;
    return 0;
}
