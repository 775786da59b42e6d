/* Questions to every shard of every member, for what changes the whole cluster at once (core/flush.h,
 * core/keyspaces.h).
 *
 *      asker --QUESTION--> first shard of each member --mail--> its other shards
 *        ^                     |   ^                                  |
 *        +--REPLY, when all ---+   +------------- REPLY --------------+
 *           its shards have
 *
 * A node's first shard asks one question at a time, and goes on to the next when every member has answered; it ends
 * with one answer to whoever wanted it, at the latest at the deadline. What holds: a member's answer counts once, and
 * only when all its shards gave theirs; an answer to an earlier question or attempt counts for nothing. */
#ifndef GRAMME_CORE_EVERYONE_H
#define GRAMME_CORE_EVERYONE_H

#include "core/alarm.h"
#include "core/router.h"
#include "version/clock.h"
#include "wire/question_message.h"

struct shard;
struct source;

enum { EVERYONE_PARTS_MOST = 8 };

/* A question that came, until all shards of this node have answered it. */
struct everyone_part {
    bool is_used;
    enum question question;
    struct source source; /* its lane NULL: this node asks itself */
    uint64_t attempt;
    uint64_t id; /* within this node */
    struct hybrid_time time;
    uint32_t missing; /* shards */
};

/* What a shard owes its node's first shard. */
struct everyone_debt {
    uint64_t id; /* of the part; 0: nothing */
    struct hybrid_time time;
};

/* First shards only. */
struct everyone {
    uint64_t attempt; /* 0: none under way */
    enum question asking;
    struct hybrid_time time; /* the greatest that was answered */
    struct origin origin;
    struct alarm deadline;
    struct instant ends;
    bool *has_answered; /* by member */
    uint32_t missing;   /* members */
    struct everyone_part parts[EVERYONE_PARTS_MOST];
};

void everyone_init(struct shard *shard);
/* False, with an answer given, when something else is under way or a member is out of reach: nothing was done. */
bool everyone_begin(struct shard *shard, const struct operation *operation, const struct origin *origin);
void everyone_ask(struct shard *shard, enum question question, struct hybrid_time time, struct view payload);
void everyone_finish(struct shard *shard, enum outcome outcome, const char *detail);
/* A shard has done what a question asked of it. */
void everyone_answer(struct shard *shard, enum question question, uint64_t id, struct hybrid_time time);
/* To be answered later, when what was asked is durable up to `time`. */
void everyone_owe(struct everyone_debt debts[EVERYONE_PARTS_MOST], uint64_t id, struct hybrid_time time);
/* Answers those that are. */
void everyone_settle(struct shard *shard, enum question question, struct everyone_debt debts[EVERYONE_PARTS_MOST],
                     struct hybrid_time time);
void everyone_on_deadline(struct shard *shard);
/* QUESTION and REPLY. */
void everyone_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);

#endif
