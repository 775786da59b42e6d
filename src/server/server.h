/* A running node. */
#ifndef GRAMME_SERVER_SERVER_H
#define GRAMME_SERVER_SERVER_H

#include "server/config.h"

/* The latest version of the protocol that this program speaks with peers (wire/message.h), where it is not that of the
 * library. */
void server_speak(uint16_t version);

/* Serves until SIGTERM or SIGINT. Returns an exit code of the command line: 0 after a clean stop, 1 after a failure
 * that has been logged, 3 when this node is no member and will be none. The configuration is borrowed; it gets the
 * shape of the cluster that the node is of. */
int server_run(struct config *config);

#endif
