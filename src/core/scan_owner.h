/* Who asked for a scan: the upper bits of its token, so that its answer finds the way. */
#ifndef GRAMME_CORE_SCAN_OWNER_H
#define GRAMME_CORE_SCAN_OWNER_H

#include <stdint.h>

enum scan_owner {
    SCAN_HINTS = 1,
    SCAN_TREES = 2,
    SCAN_EXCHANGE = 3,
    SCAN_REAPER = 4,
    SCAN_FLUSH = 5,
    SCAN_FAREWELL = 6,
    SCAN_FILLING = 7,
    SCAN_LISTING = 8,
};

static inline uint64_t scan_token(enum scan_owner owner, uint64_t number) {
    return (uint64_t)owner << 56 | (number & (UINT64_MAX >> 8));
}

static inline uint64_t scan_token_number(uint64_t token) {
    return token & (UINT64_MAX >> 8);
}

static inline enum scan_owner scan_token_owner(uint64_t token) {
    return (enum scan_owner)(token >> 56);
}

#endif
