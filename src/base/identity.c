#include "base/identity.h"

#include <stddef.h>

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

void node_id_to_text(struct node_id id, char text[NODE_ID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        text[2 * i] = digits[id.bytes[i] >> 4];
        text[2 * i + 1] = digits[id.bytes[i] & 15];
    }
    text[NODE_ID_TEXT_SIZE - 1] = '\0';
}

bool node_id_from_text(const char *text, struct node_id *ret) {
    struct node_id id;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        int high = digit_value(text[2 * i]);
        int low = high < 0 ? -1 : digit_value(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (text[2 * sizeof(id.bytes)] != '\0') {
        return false;
    }
    *ret = id;
    return true;
}
