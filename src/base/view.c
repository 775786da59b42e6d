#include "base/view.h"

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool view_equal_ignoring_case(struct view a, struct view b) {
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool view_starts_with(struct view view, struct view prefix) {
    return view.size >= prefix.size && (prefix.size == 0 || memcmp(view.data, prefix.data, prefix.size) == 0);
}

size_t view_find(struct view view, uint8_t byte) {
    const uint8_t *found = view.size == 0 ? NULL : memchr(view.data, byte, view.size);
    return found == NULL ? view.size : (size_t)(found - view.data);
}

enum { UINT64_DIGITS = 20 };

bool view_to_uint64(struct view view, uint64_t *ret) {
    if (view.size == 0 || view.size > UINT64_DIGITS || (view.data[0] == '0' && view.size > 1)) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < view.size; i++) {
        unsigned digit = (unsigned)view.data[i] - '0';
        if (digit > 9) {
            return false;
        }
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    *ret = value;
    return true;
}

bool view_to_int64(struct view view, int64_t *ret) {
    bool negative = view.size > 0 && view.data[0] == '-';
    uint64_t magnitude = 0;
    if (!view_to_uint64(negative ? view_slice(view, 1, view.size - 1) : view, &magnitude)) {
        return false;
    }
    if (!negative) {
        if (magnitude > (uint64_t)INT64_MAX) {
            return false;
        }
        *ret = (int64_t)magnitude;
        return true;
    }
    /* "-0" would be a second way to write zero. */
    if (magnitude == 0 || magnitude > (uint64_t)INT64_MAX + 1) {
        return false;
    }
    *ret = -(int64_t)(magnitude - 1) - 1;
    return true;
}
