/* How a record rests in a leaf: a format byte, XXH3-64 of the record seeded with its place, the record. The seed makes
 * a whole record that turned up under another key as wrong as a damaged one. */
#ifndef GRAMME_STORE_SEAL_H
#define GRAMME_STORE_SEAL_H

#include "base/hash.h"

#include <endian.h>

enum { SEAL_FORMAT = 1, SEAL_BYTES = 9 };

/* `to` has room for SEAL_BYTES and the record. */
static inline void seal_write(uint8_t *to, struct view record, uint64_t place) {
    uint64_t checksum = htole64(hash64(record, place));
    to[0] = SEAL_FORMAT;
    memcpy(to + 1, &checksum, sizeof(checksum));
    if (record.size > 0) {
        memcpy(to + SEAL_BYTES, record.data, record.size);
    }
}

/* False, with *ret_record untouched, when these are not the bytes that were sealed for this place. */
static inline bool seal_open(struct view sealed, uint64_t place, struct view *ret_record) {
    if (sealed.size < SEAL_BYTES || sealed.data[0] != SEAL_FORMAT) {
        return false;
    }
    uint64_t checksum;
    memcpy(&checksum, sealed.data + 1, sizeof(checksum));
    struct view record = view_slice(sealed, SEAL_BYTES, sealed.size - SEAL_BYTES);
    if (le64toh(checksum) != hash64(record, place)) {
        return false;
    }
    *ret_record = record;
    return true;
}

#endif
