#include "base/decimal.h"

#include <string.h>

uint8_t *decimal_store(uint8_t *to, uint64_t number) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    uint8_t digits[DECIMAL_BYTES_MOST];
    size_t first = sizeof(digits);
    while (number >= 100) {
        first -= 2;
        memcpy(digits + first, pairs + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        first -= 2;
        memcpy(digits + first, pairs + 2 * number, 2);
    } else {
        digits[--first] = (uint8_t)('0' + number);
    }
    memcpy(to, digits + first, sizeof(digits) - first);
    return to + (sizeof(digits) - first);
}

uint8_t *decimal_store_signed(uint8_t *to, int64_t number) {
    if (number >= 0) {
        return decimal_store(to, (uint64_t)number);
    }
    *to = '-';
    return decimal_store(to + 1, 0 - (uint64_t)number);
}
