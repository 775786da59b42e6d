/* Agreement on the next entry of the membership chain: one node's part in it. Pure: it is told the time, random numbers
 * are drawn from a stream of its own, and what it wants leaves through its port. It runs on shard 0 of a node only.
 *
 * A node's version is the number of entries that it knows. The entry that follows version v is chosen by a majority of
 * the voters of version v, by single-decree Paxos (Lamport, Paxos Made Simple, 2001), once for each v: there is no
 * leader and no log here, and nothing of an older version is remembered. Whoever counted the majority tells; how the
 * chain spreads from there is another's business, which ends in consensus_advance().
 *
 *      proposer:             refused by too many, or too late
 *                     +-----------------------------------------------+
 *                     v                                               |
 *      IDLE ---> RESTING --time--> PREPARING --majority--> ACCEPTING -+-majority--> CHOSEN
 *        ^  propose                (PREPARE to            (ACCEPT to                  |
 *        |                          all voters)            all voters)                |
 *        +--- from anywhere: the version advanced, or the proposal was withdrawn -----+
 *
 *      acceptor: PREPARE of at least the ballot promised: promise it, keep, then PROMISE with what was accepted
 *                ACCEPT of at least the ballot promised: accept it, keep, then ACCEPTED
 *                either of a lesser one: REFUSED with the one promised
 *
 * What holds: no PROMISE and no ACCEPTED leaves before the state it speaks of is durable. A proposal carries the entry
 * of the greatest ballot that was accepted among its promises, and the proposer's own only if there is none. No two
 * proposals have the same ballot. Time steers when to try again, and nothing else: a late tick costs a round.
 *
 * Duels: who is refused by so many that no majority is left rests for a random time from a window that doubles, and who
 * rests and sees another at it waits for that one first. */
#ifndef GRAMME_CORE_CONSENSUS_H
#define GRAMME_CORE_CONSENSUS_H

#include "base/blobs.h"
#include "base/rng.h"
#include "core/member_set.h"
#include "wire/consensus_message.h"

enum {
    CONSENSUS_TRY_MS = 400,  /* for the answers of a majority: a round trip and a write; doubles with each try */
    CONSENSUS_REST_MS = 100, /* the window of the first rest; doubles with each try */
    CONSENSUS_DOUBLINGS = 3, /* at most */
};

/* Calls that return at once. `chosen` and `ended` may call the machine in turn; the others may not. What a word, a
 * state or an entry borrows is valid during the call. */
struct consensus_port {
    void *self;
    /* To another; may be lost, also at once. */
    void (*send)(void *self, struct member_index to, const struct consensus_word *word);
    /* Make the state durable, in place of the one before and never the other way, and after the entries of its version;
     * then call consensus_kept(). Several may be under way. */
    void (*keep)(void *self, uint64_t number, const struct consensus_state *state);
    /* The entry that follows `version` is this one: counted here, and told once. Others don't know yet. */
    void (*chosen)(void *self, uint64_t version, struct view entry);
    /* The version advanced while something was proposed here: whether with that, the caller compares. */
    void (*ended)(void *self);
    /* A peer that spoke knows fewer entries than we do, or more; one with more was told how many we know. */
    void (*peer_is_behind)(void *self, struct member_index peer, uint64_t version);
    void (*is_behind)(void *self, struct member_index peer, uint64_t version);
};

enum consensus_phase { CONSENSUS_IDLE, CONSENSUS_RESTING, CONSENSUS_PREPARING, CONSENSUS_ACCEPTING, CONSENSUS_CHOSEN };

struct consensus_proposer {
    enum consensus_phase phase;
    bool has_own;
    struct blob own;          /* what the caller wants */
    struct ballot ballot;     /* of the try under way */
    struct ballot adopted;    /* the greatest that a promise came with; counter 0: none did */
    struct blob entry;        /* accepted under that one */
    struct member_set agreed; /* that promised, then that accepted */
    struct member_set refused;
    uint32_t tries;
    struct instant until; /* the end of a rest or of patience */
};

struct consensus_acceptor {
    uint64_t version; /* that the rest speaks of */
    struct ballot promised;
    struct ballot accepted;
    struct blob entry;
    uint64_t number;  /* of this state */
    uint64_t durable; /* the greatest number that is */
    bool is_broken;   /* a write failed: what the disk holds is not known until the next start */
    /* The one answer that waits: to whom the greatest ballot belongs. */
    bool owes;
    enum consensus_kind owed;
    struct member_index creditor;
};

struct consensus {
    struct consensus_port port;
    struct blobs *blobs; /* borrowed */
    struct member_index self;
    struct node_id id;
    uint64_t run;
    struct rng rng;
    struct instant now; /* as told last */
    uint64_t version;
    struct member_set voters;
    uint32_t voter_count;
    uint64_t abstain_below;
    uint64_t counter; /* the greatest seen in this version */
    struct consensus_proposer proposer;
    struct consensus_acceptor acceptor;
};

struct consensus_options {
    struct member_index self;
    struct node_id id;
    uint64_t run;  /* drawn at random for each start of the process */
    uint64_t seed; /* of this machine's random numbers */
};

/* `kept` is the state that the disk holds, NULL if none. It may be of a greater version than the chain that the disk
 * holds: votes of versions below it are forgotten, so this node abstains until it is there again. No voters until
 * consensus_advance(). */
void consensus_init(struct consensus *consensus, struct consensus_port port, struct blobs *blobs,
                    const struct consensus_options *options, const struct consensus_state *kept, struct instant now);
void consensus_release(struct consensus *consensus);

/* As an acceptor, this node takes no part below that version: its store was wiped and may have forgotten promises. */
void consensus_abstain_below(struct consensus *consensus, uint64_t version);

/* It has forgotten none that still counts: everybody said so, and has dropped what it said before. */
void consensus_abstain_no_more(struct consensus *consensus);
/* That peer's process is another now: what the one before promised or accepted may be forgotten. */
void consensus_forget(struct consensus *consensus, struct member_index peer);
/* Of two voters each majority is both: what one has forgotten the other one has not, and neither can do without it. Of
 * one voter, what it forgot and told nobody binds nobody. */
static inline bool consensus_needs_all(const struct consensus *consensus) {
    return consensus->voter_count <= 2;
}
/* Something was accepted here for the next entry, or is being proposed. A promise alone binds nobody once its proposer
 * has dropped what it was promised. */
bool consensus_is_under_way(const struct consensus *consensus);

/* The chain has `version` entries, more than before (or the same, after consensus_init()), and these vote on the next
 * one. Ends a proposal; the last thing done is the call of `ended`. */
void consensus_advance(struct consensus *consensus, uint64_t version, const struct member_index *voters,
                       uint32_t voter_count);

/* Proposes a copy of the entry to follow the present version, at most CONSENSUS_ENTRY_BYTES_MOST. It is tried until
 * consensus_withdraw(), after which it may be chosen nevertheless, or consensus_advance(). False, and nothing done,
 * while another is proposed here or when the next entry is chosen already. Any member may propose. */
bool consensus_propose(struct consensus *consensus, struct view entry, struct instant now);
void consensus_withdraw(struct consensus *consensus);

/* The state of this number, or a later one, is durable; or not, and then this node votes no more in this run. */
void consensus_kept(struct consensus *consensus, uint64_t number, bool is_durable);
/* Every 100 ms or so. */
void consensus_tick(struct consensus *consensus, struct instant now);
void consensus_receive(struct consensus *consensus, struct member_index from, const struct consensus_word *word,
                       struct instant now);

/* Asserts what must hold between steps. */
void consensus_check(const struct consensus *consensus);

#endif
