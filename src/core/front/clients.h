/* The sessions of a thread as CLIENT LIST and CLIENT KILL see them. */
#ifndef GRAMME_CORE_FRONT_CLIENTS_H
#define GRAMME_CORE_FRONT_CLIENTS_H

#include "core/front/state.h"

enum { CLIENT_IDS_MOST = 1024 };

/* Which sessions are meant: those that every part lets pass; what is empty says nothing. */
struct client_filter {
    struct view ids; /* a sized decimal for each */
    struct view address;
    bool has_address;
    bool wants_listeners; /* TYPE pubsub: in the middle of SUBSCRIBE */
    bool wants_normal;    /* TYPE normal */
    bool wants_none;      /* of a type that there is not here */
    bool skips_asker;
    uint64_t asker; /* its session's id; it is closed behind its reply */
};

void client_append(struct buffer *text, const struct session *session, struct instant now);

void client_filter_write(struct buffer *question, const struct client_filter *filter);
/* Lines of CLIENT LIST. */
void clients_list(struct front *front, struct reader *question, struct buffer *text);
/* How many were closed. */
uint64_t clients_kill(struct front *front, struct reader *question);
#endif
