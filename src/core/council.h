/* The council: how the members choose the log's next entry. It ties the consensus machine (core/consensus.h) to the
 * node's first shard: words go by the lanes of first shards, what an acceptor promised goes to the store, and what was
 * chosen to the roster.
 *
 *      an operator's change, or the next phase of a move --> propose --> chosen by a majority of the voters --> roster
 *
 * A voter whose store is new may have voted in an earlier life, and forgotten it: for the entry after any version that
 * somebody knows. So it abstains until every awaited member has greeted it, and then from the entry after the greatest
 * version that any of them knew, but for two cases. Nothing is being chosen: then nothing that it may have promised
 * counts for anybody any more, since whoever greets a new process drops what the one before said. Or there are two
 * voters, of whom the other one remembers.
 *
 * All this outlives the process: with the log it keeps that it abstains, and how far. (Found by a seed: a member was
 * wiped, then crashed once more, and voted.)
 *
 * What is not excluded: an ACCEPT that reached the one that was wiped and is still on its way to another voter when all
 * have greeted, from a process that lives on. It would take a disk that is lost and a node that is back within the five
 * seconds for which a link may be silent. Asking all others for a promise before the first vote would close that. */
#ifndef GRAMME_CORE_COUNCIL_H
#define GRAMME_CORE_COUNCIL_H

#include "core/consensus.h"
#include "core/router.h"

struct shard;
struct source;
struct message_hello;

enum { COUNCIL_TOKEN_BITS = 56, COUNCIL_TOKEN = 7 }; /* of writes: COUNCIL_TOKEN in the upper byte, the number below */

static inline bool token_is_of_council(uint64_t token) {
    return token >> COUNCIL_TOKEN_BITS == COUNCIL_TOKEN;
}

/* Kept as the version of a promise: before everybody has greeted this node. */
#define COUNCIL_ABSTAINS_FROM_ALL CONSENSUS_VERSION_MOST

/* First shards only. */
struct council {
    struct consensus machine;
    uint64_t kept_at_once;   /* a promise that was durable as soon as it was written; 0: none */
    bool has_failed;         /* the store takes no promise */
    bool abstains;           /* from everything: it has not heard from all yet */
    bool abstention_is_kept; /* the store says so */
    struct member_set heard; /* while it abstains: members that have greeted this process */
    uint64_t greatest;       /* version that one of them knew ... */
    bool is_being_chosen;    /* ... and the entry after it was under way */
    /* What is proposed here: for an operator who waits, or by this node itself. */
    bool is_proposing;
    bool is_asked;
    struct origin origin;
    struct instant until;
    struct blob entry;
};

void council_init(struct shard *shard);
void council_release(struct shard *shard);
void council_beat(struct shard *shard);
void council_adopt(struct shard *shard);
void council_greeted(struct shard *shard, struct member_index member, const struct message_hello *hello,
                     bool is_new_run);
void council_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
void council_on_durable(struct shard *shard, uint64_t token, bool is_durable);

/* This store may have forgotten a vote, and has not heard from everybody yet. */
bool council_has_forgotten(const struct shard_options *options);
/* First shard, just before the log is kept: the store is not to look like one that forgot nothing. */
void council_log_is_to_be_kept(struct shard *shard);
/* Something is being chosen, as far as this shard knows. */
bool council_is_agreeing(const struct shard *shard);
/* Events for the next entry, with the version and this node as issuer put in. False: something else is proposed here.
 */
bool council_propose(struct shard *shard, const struct membership_event *events, size_t count);
/* The same for an operator, whose answer follows, of events as membership_encode() writes them. */
void council_asked(struct shard *shard, struct view events, uint32_t deadline_ms, const struct origin *origin);

#endif
