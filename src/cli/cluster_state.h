/* What one member tells of the cluster, for the subcommands that show and change its members: GRAMME.MEMBERS as JSON,
 * the membership log, and nodes by the names that people give them. */
#ifndef GRAMME_CLI_CLUSTER_STATE_H
#define GRAMME_CLI_CLUSTER_STATE_H

#include "cli/address.h"
#include "cli/command.h"
#include "ring/ring.h"
#include "server/client.h"

#include <jansson.h>

enum { CLUSTER_TIMEOUT_MS = 5000, CLUSTER_COMMIT_TIMEOUT_MS = 15000 };

struct cluster_state {
    const struct command *command;
    struct address address;
    struct client client;
    json_t *status; /* NULL before it was told */
};

void cluster_state_init(struct cluster_state *state, const struct command *command, const struct address *address);
void cluster_state_release(struct cluster_state *state);

/* Connects, if that is not so yet, and asks for the status. An exit code; what went wrong was said, unless `quiet`. */
int cluster_state_read(struct cluster_state *state, bool quiet);
/* One command; its answer's text, borrowed until the next one. An exit code, as above; an error that was answered is
 * said too. */
int cluster_state_ask(struct cluster_state *state, const struct view *words, size_t count, struct view *ret_text);

const char *cluster_text(const json_t *object, const char *name); /* "" when it is not there */
uint64_t cluster_number(const json_t *object, const char *name);
bool cluster_is(const json_t *object, const char *name); /* false when it is not there */
/* The members, those that wait to join, and what is staged: arrays, empty when they are not there. */
const json_t *cluster_list(const struct cluster_state *state, const char *name);

/* The member, waiting or staged node of that id, unique beginning of an id, or client address, among those lists. NULL,
 * and said so. */
enum cluster_among { AMONG_MEMBERS = 1, AMONG_WAITING = 2, AMONG_STAGED = 4 };
const json_t *cluster_find(const struct cluster_state *state, const char *name, unsigned among);

/* The whole log, and the ring of it. An exit code. */
int cluster_read_log(struct cluster_state *state, struct membership *log, struct ring **ret_ring);
struct ring_options cluster_shape(const struct cluster_state *state);
/* The log with what is staged done to its end; an exit code. */
int cluster_after(struct cluster_state *state, const struct membership *log, struct ring **ret_ring);

#endif
