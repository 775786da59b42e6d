/* A blocking RESP client with a deadline: for the subcommands, and for a node that has yet to join. */
#ifndef GRAMME_SERVER_CLIENT_H
#define GRAMME_SERVER_CLIENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "wire/resp_reader.h"

#include <stdbool.h>

enum { CLIENT_ERROR_SIZE = 512 };

struct client {
    int descriptor; /* -1: not connected */
    struct buffer input;
    struct resp_reader reader;
    size_t consumed; /* of the input, by the last reply */
    struct arena arena;
    char error[CLIENT_ERROR_SIZE]; /* a sentence, after a failure */
};

void client_init(struct client *client);
void client_release(struct client *client);

/* Each within timeout_ms. False after a failure, and the connection is closed. */
bool client_connect(struct client *client, const char *host, uint16_t port, int timeout_ms);
/* *ret_reply, which may be an error that the node answered, lasts until the next call. */
/* The halves of client_ask(), for several requests at once: the answers come in their order. */
bool client_send(struct client *client, struct view requests, int timeout_ms);
bool client_receive(struct client *client, int timeout_ms, const struct resp_reply **ret_reply);
bool client_ask(struct client *client, const struct view *arguments, size_t count, int timeout_ms,
                const struct resp_reply **ret_reply);

#endif
