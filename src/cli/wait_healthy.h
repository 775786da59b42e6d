/* `gramme cluster wait-healthy`: what has to be well before another node may be stopped. */
#ifndef GRAMME_CLI_WAIT_HEALTHY_H
#define GRAMME_CLI_WAIT_HEALTHY_H

#include "cli/address.h"
#include "cli/command.h"

/* An exit code. */
int wait_healthy(const struct command *command, const struct address *address, uint32_t timeout_s, bool json);

#endif
