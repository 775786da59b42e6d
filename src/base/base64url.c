#include "base/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(struct view bytes, char *text) {
    size_t written = 0;
    size_t i = 0;
    for (; i + 3 <= bytes.size; i += 3) {
        uint32_t group = (uint32_t)bytes.data[i] << 16 | (uint32_t)bytes.data[i + 1] << 8 | bytes.data[i + 2];
        text[written++] = alphabet[group >> 18];
        text[written++] = alphabet[group >> 12 & 63];
        text[written++] = alphabet[group >> 6 & 63];
        text[written++] = alphabet[group & 63];
    }
    size_t left = bytes.size - i;
    if (left > 0) {
        uint32_t group = (uint32_t)bytes.data[i] << 16 | (left == 2 ? (uint32_t)bytes.data[i + 1] << 8 : 0);
        text[written++] = alphabet[group >> 18];
        text[written++] = alphabet[group >> 12 & 63];
        if (left == 2) {
            text[written++] = alphabet[group >> 6 & 63];
        }
    }
    return written;
}

static int sextet_of(uint8_t character) {
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == '-') {
        return 62;
    }
    return character == '_' ? 63 : -1;
}

bool base64url_decode(struct view text, uint8_t *data, size_t *ret_bytes) {
    if (text.size % 4 == 1) {
        return false;
    }
    uint32_t pending = 0;
    unsigned bits = 0;
    size_t written = 0;
    for (size_t i = 0; i < text.size; i++) {
        int sextet = sextet_of(text.data[i]);
        if (sextet < 0) {
            return false;
        }
        pending = pending << 6 | (uint32_t)sextet;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            data[written++] = (uint8_t)(pending >> bits);
            pending &= (UINT32_C(1) << bits) - 1;
        }
    }
    if (pending != 0) {
        return false;
    }
    *ret_bytes = written;
    return true;
}
