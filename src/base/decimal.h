/* Numbers as decimal text. */
#ifndef GRAMME_BASE_DECIMAL_H
#define GRAMME_BASE_DECIMAL_H

#include <stdint.h>

enum { DECIMAL_BYTES_MOST = 20 /* of an unsigned 64-bit number; a sign comes on top */ };

/* `to` has room for DECIMAL_BYTES_MOST. Returns one past the last digit. */
uint8_t *decimal_store(uint8_t *to, uint64_t number);
/* The same of a number that may have a sign, and needs room for it. */
uint8_t *decimal_store_signed(uint8_t *to, int64_t number);

#endif
