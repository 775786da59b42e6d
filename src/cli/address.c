#include "cli/address.h"

#include "base/view.h"

#include <stdio.h>

struct address address_default(void) {
    return (struct address){.host = "127.0.0.1", .port = 7001, .text = "127.0.0.1:7001"};
}

bool address_parse(const char *text, struct address *ret_address) {
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL || strlen(text) >= ADDRESS_TEXT_SIZE || !view_to_uint64(view_of_string(colon + 1), &port) ||
        port == 0 || port > UINT16_MAX) {
        return false;
    }
    struct view host = view_of(text, (size_t)(colon - text));
    if (host.size > 2 && text[0] == '[' && colon[-1] == ']') {
        host = view_slice(host, 1, host.size - 2);
    }
    if (host.size == 0 || host.size >= ADDRESS_HOST_SIZE) {
        return false;
    }
    *ret_address = (struct address){.port = (uint16_t)port};
    memcpy(ret_address->host, host.data, host.size);
    snprintf(ret_address->text, sizeof(ret_address->text), "%s", text);
    return true;
}
