/* Moves: how the ring goes from one placement to the next while it serves (ring/membership.h draws the phases). A move
 * takes two fences (the idea of F1's online schema change): no two coordinators are ever further apart than one phase,
 * since the next one waits until every awaited member has *drained* the last.
 *
 *      REST       reads ask A, writes need A           an operator's MOVE
 *        |
 *      GATHERING  the same; newcomers are members      all have drained it, and reached all
 *        |
 *      JOINT      reads ask A, writes need A and B     all have drained it: nobody writes to A alone
 *        |        owners in B fill themselves          ... and have since met all owners in A, durably: *filled*
 *      COMMITTED  reads ask B, writes need A and B     all have drained it: nobody reads A
 *        |
 *      SETTLING   reads ask B, writes need B           all have drained it: nobody writes to A
 *        |        who is in A only brings home what it has (core/farewell.h), deletes it, and is *clean*
 *      REST       who has left may go                  all are clean
 *
 * An owner in B that is none in A is filled by one owner in A (core/filling.h), so that its bytes travel once; then it
 * meets all of them (core/exchange.h). Its hash tree is the cursor: whatever was cut off goes on where it was.
 *
 * Members tell how far they are in reports, which a node's shards mail to its first one, and which stand in the
 * members' records (core/records.h). What holds: a report of a version speaks for all shards of a node and is durable
 * before it leaves; whoever proposes the next phase has the reports of all awaited members; a member that was
 * excused (declared dead) is not awaited, and nothing that it says counts. What was checked of this is in models/. */
#ifndef GRAMME_CORE_MOVES_H
#define GRAMME_CORE_MOVES_H

#include "base/limits.h"
#include "core/member_set.h"
#include "ring/ring.h"
#include "wire/membership_message.h"

struct shard;
struct source;

enum {
    MOVES_TOKEN = 8, /* of writes: in the upper byte, the number of the barrier below */
    MOVES_TOKEN_BITS = 56,
    MOVES_IDLE_MS = 1000, /* between two reports within a node when nothing is new */
    MOVES_RANK_MS = 500,  /* the members propose one after the other, should the first ones fail to */
};

struct moves {
    struct message_report own; /* of this shard */
    struct message_report told;
    struct instant spoke;
    uint64_t barriers; /* that were asked for */
    uint64_t barrier;  /* the version that will be filled, or clean, when all that was written is durable; 0: none */
    /* JOINT, by partition: of those that this shard is to fill */
    bool is_filling; /* everybody has drained: only from now on a meeting counts */
    uint32_t to_fill;
    uint32_t filled;
    uint8_t *met_with; /* bit i: the i-th owner in A, since everybody drained the version */
    bool *is_filled;
    /* First shard. */
    struct message_report of_shards[LIMIT_SHARDS];
    struct message_report *of; /* by member; this node's own is what it told */
    struct instant due_since;  /* since when the next phase may come; 0: it may not */
    uint64_t all_drained;      /* every awaited member has drained this version */
    uint64_t begun_ns;         /* of the move under way, for those who look */
};

void moves_init(struct shard *shard);
void moves_adopt(struct shard *shard);
void moves_beat(struct shard *shard);
void moves_receive(struct shard *shard, const struct source *source, struct view body);
static inline bool token_is_of_moves(uint64_t token) {
    return token >> MOVES_TOKEN_BITS == MOVES_TOKEN;
}
void moves_on_durable(struct shard *shard, uint64_t token, bool is_durable);

/* This owner to come has, in this run, all that reads need. */
bool moves_is_filled(const struct shard *shard, struct partition partition);

/* Exchange found the partition equal to that peer's. */
void moves_met(struct shard *shard, struct partition partition, struct member_index peer);
/* This replica lost some of it: it is to be filled anew. */
void moves_lost(struct shard *shard, struct partition partition);
/* A new owner compares itself with the owners of the old placement alone. */
bool moves_may_compare(const struct shard *shard, struct partition partition, struct member_index peer);

/* Every awaited member has adopted the shard's version, and no request of an earlier one is open. */
bool moves_all_have_drained(const struct shard *shard);
/* Nothing moves, and nobody holds what it is not to hold: what lies elsewhere than with the owners is not old. */
bool moves_are_over(const struct shard *shard);

/* First shard: the version at which all shards of this node were clean. */
uint64_t moves_clean_of_node(const struct shard *shard);

/* Why an operator's events may not be the next entry now; NULL: they may. */
const char *moves_problem(const struct shard *shard, const struct membership *asked);
/* First shard: the awaited member that the present phase waits for; false when it waits for none. */
bool moves_wait_for(const struct shard *shard, struct member_index *ret_member);

#endif
