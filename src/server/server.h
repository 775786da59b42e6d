/* A running node. */
#ifndef GRAMME_SERVER_SERVER_H
#define GRAMME_SERVER_SERVER_H

#include "server/config.h"

/* The latest version of the protocol that this program speaks with peers (wire/message.h), where it is not that of the
 * library. */
void server_speak(uint16_t version);

/* Serves until SIGTERM or SIGINT. Returns an exit code of the command line: 0 after a clean stop, 1 after a failure
 * that has been logged. The configuration is borrowed. */
int server_run(const struct config *config);

#endif
