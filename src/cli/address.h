/* HOST:PORT as a person types it. */
#ifndef GRAMME_CLI_ADDRESS_H
#define GRAMME_CLI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_HOST_SIZE = 256, ADDRESS_TEXT_SIZE = ADDRESS_HOST_SIZE + 8 };

struct address {
    char host[ADDRESS_HOST_SIZE];
    uint16_t port;
    char text[ADDRESS_TEXT_SIZE]; /* as it was typed */
};

/* 127.0.0.1:7001, where none is told. */
struct address address_default(void);
/* False when it is none; a host with colons stands in brackets. */
bool address_parse(const char *text, struct address *ret_address);

#endif
