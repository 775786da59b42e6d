/* The hashes of the house. XXH3 for tables, digests and checksums (not against an adversary), SipHash-2-4 with a
 * 128-bit tag where a stranger must not forge (Aumasson and Bernstein, 2012), CRC16/XMODEM for slots. */
#ifndef GRAMME_BASE_HASH_H
#define GRAMME_BASE_HASH_H

#include "base/view.h"

struct digest {
    uint64_t low;
    uint64_t high;
};

struct secret {
    uint8_t bytes[16];
};

uint64_t hash64(struct view bytes, uint64_t seed);
struct digest hash128(struct view bytes);
uint16_t crc16_xmodem(struct view bytes);
void siphash128(const struct secret *secret, struct view bytes, uint8_t ret_tag[16]);

static inline bool digest_equal(struct digest a, struct digest b) {
    return a.low == b.low && a.high == b.high;
}

#endif
