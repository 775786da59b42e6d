/* Base64 with the URL alphabet and no padding (RFC 4648 section 5). */
#ifndef GRAMME_BASE_BASE64URL_H
#define GRAMME_BASE_BASE64URL_H

#include "base/view.h"

static inline size_t base64url_encoded_size(size_t bytes) {
    return (bytes * 4 + 2) / 3;
}

/* text has room for base64url_encoded_size(bytes.size). Returns the characters written; no terminating zero. */
size_t base64url_encode(struct view bytes, char *text);

/* data has room for text.size bytes. False on a character outside the alphabet, an impossible length or nonzero spare
 * bits (so that every byte string has exactly one text). */
bool base64url_decode(struct view text, uint8_t *data, size_t *ret_bytes);

#endif
