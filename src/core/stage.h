/* The stage: changes of the members that operators prepare, look at as one plan, and commit. It is soft state that all
 * first shards know: one small list with a stamp, of which the later one wins. It promises nothing and is forgotten
 * when all nodes stop; what was committed is an entry of the membership log.
 *
 *      STAGE, UNSTAGE  --> the list with a new stamp --> STAGE to all first shards, and to one whose link came up
 *      SEEK of a node that wants to join --> SEEKER to all first shards: it is waiting, until it was silent for 10 s
 *      COMMIT digest   --> who is to be declared dead, one entry each; then the rest as one move --> the list is empty
 *
 * The digest is of the membership version and the list: so what is committed is what the operator saw. Of a change the
 * log has made moot (a node that joined is staged to join) nothing is kept. */
#ifndef GRAMME_CORE_STAGE_H
#define GRAMME_CORE_STAGE_H

#include "core/member_set.h"
#include "core/members.h"
#include "core/router.h"
#include "version/clock.h"

struct shard;
struct source;

enum {
    STAGE_CHANGES_MOST = 64,
    STAGE_SEEKERS_MOST = 64,
    STAGE_SEEKER_SILENCE_MS = 10000,
    STAGE_SEEKER_TOLD_MS = 900, /* others are told so often that it still waits */
    STAGE_COMMIT_MS = 10000,    /* for all entries of one commit */
};

struct seeker {
    struct member member;
    struct instant heard;
    struct instant told; /* the others, from here */
};

enum stage_step { STAGE_NOT_COMMITTING, STAGE_DECLARING_DEAD, STAGE_MOVING };

/* First shards only. */
struct stage {
    struct membership list; /* joins, leaves, weights, excuses and an N, as stage_placeholder() makes them */
    struct hybrid_time time;
    struct node_id by;
    uint64_t version;       /* of the membership log that the list was last looked at with */
    uint32_t *told;         /* by member: the generation of the link by which it was told of this list */
    struct seeker *seekers; /* STAGE_SEEKERS_MOST */
    uint32_t seeker_count;
    enum stage_step step;
    struct membership_event entry[STAGE_CHANGES_MOST + 1]; /* that is being chosen, or was: of `base` + 1 */
    size_t entry_count;
    uint64_t base;
    uint32_t declared; /* dead, by this commit */
    struct origin origin;
    struct instant until;
};

void stage_init(struct shard *shard);
void stage_release(struct shard *shard);
void stage_beat(struct shard *shard);
/* STAGE and SEEKER. */
void stage_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);

/* What stands for version and issuer in a change that is no entry yet. */
void stage_placeholder(struct membership_event *event);
/* Of the version and the list. */
uint64_t stage_digest(const struct shard *shard);

/* A node asked to be let in. */
void stage_heard(struct shard *shard, const struct member *member);
/* Something is staged of that node. */
bool stage_has(const struct shard *shard, struct node_id id);
/* An operator's words: events as membership_encode() writes them; a node, or the zero id for all. NULL, or why not. */
const char *stage_add(struct shard *shard, struct view events);
const char *stage_remove(struct shard *shard, struct node_id id);
/* Answers later. */
void stage_commit(struct shard *shard, const uint64_t *digest, const struct origin *origin);

#endif
