/* The subcommands of `gramme cluster`, each in a file by what it does; an exit code each. */
#ifndef GRAMME_CLI_CLUSTER_CALL_H
#define GRAMME_CLI_CLUSTER_CALL_H

#include "cli/address.h"
#include "cli/command.h"

#include <stdbool.h>
#include <stdint.h>

enum { CLUSTER_WORDS_MOST = 2 };

struct cluster_call {
    const struct command *command;
    struct address address;                /* of the member that is asked */
    const char *words[CLUSTER_WORDS_MOST]; /* behind the subcommand's name */
    bool json;
    bool is_dead; /* --dead: whoever goes is to be declared dead */
    uint32_t timeout_s;
};

/* cluster_show.c */
int cluster_status(const struct cluster_call *call);
int cluster_ring(const struct cluster_call *call);
/* cluster_check.c */
int cluster_check(const struct cluster_call *call);
/* cluster_plan.c */
int cluster_plan(const struct cluster_call *call);
/* cluster_change.c */
int cluster_join(const struct cluster_call *call);
int cluster_leave(const struct cluster_call *call);
int cluster_replace(const struct cluster_call *call);
int cluster_weight(const struct cluster_call *call);
int cluster_replicas(const struct cluster_call *call);
int cluster_mark_down(const struct cluster_call *call);
int cluster_remove(const struct cluster_call *call);
int cluster_commit(const struct cluster_call *call);
int cluster_abort(const struct cluster_call *call);
/* cluster_watch.c */
int cluster_watch(const struct cluster_call *call);

#endif
