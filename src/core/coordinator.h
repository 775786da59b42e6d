/* The coordinator: one small state machine per request, with a deadline, that ends in exactly one answer.
 *
 *                 +---------------------------- plain SET, GRAMME.PUT, GRAMME.DEL --------------------------+
 *                 |                                                                                          v
 *   begin --> (QUEUED) --> READING --condition holds------------------------------------------------> STORING 1
 *                |  key      |  R informed owners, or presence: merged                                  |      |
 *                |  held     |                                                          nothing was kept|      | kept:
 *                |           +-- READ: answer, then repair the stale                                    |      v
 *                |           +-- condition fails: answer UNCHANGED                                      |   STORING 2
 *                |           +-- R out of reach: NOQUORUM                                               |      |
 *                +-- deadline: nothing stamped, nothing done                  W durable answers: DONE <-+------+
 *                                                                             W out of reach: INDOUBT
 *
 * A read sends its own object's digest along. Where that is not the other's and the values are large, the other answers
 * with an outline, its object without their bytes; they are fetched when they are not here, from one owner at a time
 * until the hedge's time is over.
 *
 * A put writes here, sends the stamped object to the other owners, and is done at W durable answers of distinct nodes.
 * For every owner that is out of reach or refuses, the next fallback of the preference list in reach stands in, with a
 * hint (a *sloppy* quorum, Dynamo, section 4.6), unless the keyspace or the request is strict: PW owners must be among
 * the W, PR owners among the R. Where no owner is in reach a fallback coordinates. A fallback has no informed absence:
 * what it holds counts for R, that it holds nothing does not. An uninformed owner's (replica.h) likewise, and neither
 * counts for PR.
 *
 * A plain SET replaces all that its coordinator has, and asks every replica to name what it keeps beside it; once
 * N-W+1 owners have spoken, and if any of them kept something, the coordinator stamps once more, over the contexts
 * named and over its own first stamp, and counts W answers of that second round. So one client's SETs through any nodes
 * with any clocks leave one value, the last (while quorums are strict and no earlier SET is in doubt).
 *
 * While the ring changes (ring/membership.h) a partition that moves has two placements. Reads ask the owners of one; a
 * put is done when each of the two has its W, and its PW: an owner of both counts in both, a fallback for the owner
 * that it stands for. A request goes by the ring that there was when it began, to its end.
 *
 * What holds: before the first stamp at least W nodes were in reach, PW owners among them, or nothing was stamped; an
 * answer DONE to a put means W distinct nodes, PW owners among them, said "durable" in the round that was answered; no
 * node has two places in a request; a request that stamped never says "certainly not done"; requests on a key that one
 * of them holds (those that read before they write) run in their order of arrival. Source: Dynamo, sections 4.4 to 4.6,
 * 6.3. */
#ifndef GRAMME_CORE_COORDINATOR_H
#define GRAMME_CORE_COORDINATOR_H

#include "base/limits.h"
#include "core/alarm.h"
#include "core/replica.h"
#include "core/router.h"

enum {
    HEDGE_LEAST_MS = 2,
    HEDGE_EVERY = 10, /* one read in so many may ask one owner more than R: when all are slow, hedging makes it worse */
    HEDGE_SAVED_MOST = 2000,          /* that were not needed, and may come at once */
    PLACES_MOST = 4 * LIMIT_REPLICAS, /* of a request: its owners, and the fallbacks that were asked after them */
};

enum request_state {
    REQUEST_QUEUED,
    REQUEST_READING,
    REQUEST_STORING,
};

enum owner_state {
    OWNER_IDLE, /* not asked in this phase */
    OWNER_ASKED,
    OWNER_ANSWERED, /* READING: what it has is merged here; STORING: durable */
    OWNER_FAILED,   /* refused, failed or went out of reach */
};

/* The placements whose owners a put needs: whom reads ask, and, while the partition moves, the other. */
enum { PLACEMENT_READ, PLACEMENT_OTHER, PLACEMENTS_MOST };

struct request_placement {
    uint8_t owner_count; /* n; 0: there is none */
    uint8_t write_quorum;
    uint8_t primary_write_quorum;
};

struct request_owner {
    struct member_index member;
    enum owner_state state;
    uint8_t placements;   /* bit i: an owner in placement i; of a fallback, those of whom it stands for */
    uint8_t stands_for;   /* place of the owner; its own if it is one */
    bool is_replaced;     /* a fallback stands in for it in this phase */
    bool is_fetching;     /* READING: it was asked for its whole object */
    bool awaits_fetch;    /* READING: it sent an outline; another is being asked for what may be the same bytes */
    struct digest digest; /* READING: of the object it answered with */
    struct instant asked;
    uint32_t took_us; /* its answer */
};

struct request {
    struct map_node node; /* by id */
    struct list_node active;
    struct alarm deadline;
    struct alarm hedge;
    uint64_t id;
    struct origin origin;
    struct operation operation; /* its views lie in `bytes` */
    struct blob bytes;
    struct partition partition;
    struct ring *ring; /* retained: as it was when the request began */
    const struct keyspace *keyspace;
    struct instant begun;
    uint32_t queued_us; /* behind others on the key */
    struct instant stamp_until;
    uint64_t fence;  /* the label when it began */
    uint32_t losses; /* of this replica when the request, or its reading, began */
    enum request_state state;
    uint8_t owner_count; /* READING: n; STORING: owners in either placement */
    uint8_t place_count; /* the owners come first, then fallbacks */
    uint8_t read_quorum;
    uint8_t primary_read_quorum; /* PR */
    struct request_placement placements[PLACEMENTS_MOST];
    uint8_t self_place; /* this node's place: an owner's, or that of the first fallback */
    struct request_owner owners[PLACES_MOST];

    bool holds_key;
    bool is_parked;           /* goes on when storage answers, and not before */
    bool is_hinting;          /* parked for what a fallback is to be sent, not for another stamp */
    struct list_node waiting; /* QUEUED: behind the key's holder; STORING: among the unstamped */

    /* READING */
    uint8_t reading;          /* counts those that started over, modulo READINGS_TOLD_APART */
    uint8_t counted;          /* answers that count for R */
    uint8_t counted_owners;   /* those of owners */
    bool is_rereading;        /* EXPIRE's second round: everything in reach is asked */
    struct digest own_digest; /* of this node's object when others were asked to compare */
    bool has_own_digest;
    bool is_absent_here;
    bool took_object; /* somebody answered with an object of its own */
    bool waited;      /* the hedge's time is over: fallbacks that have not answered are not waited for */

    /* STORING */
    uint32_t round;       /* 0: nothing stamped; 1, 2 */
    uint8_t named;        /* owners that said what they keep, itself included */
    struct dot dot;       /* of the latest stamp */
    uint32_t additions;   /* `lww`: stamps of its actor since that replaced no value */
    struct blob kept;     /* encoded join of the contexts that replicas named */
    struct blob before;   /* encoded object before, where the answer shows it */
    struct blob spliced;  /* SPLICE: the whole new value */
    struct blob followed; /* and the encoded context that it follows */
    struct blob answer_context;
};

struct key_hold;

struct coordinator {
    struct map requests;
    struct list active;
    struct pool request_pool;
    struct list unstamped; /* struct request: wait for a later clock bound */
    struct map holds;      /* struct key_hold by hash of key */
    struct pool hold_pool;
    uint32_t hedge_credit; /* in tenths, HEDGE_EVERY to a hedge */
    uint64_t reads, puts, second_rounds, repairs, hedges, outlines, fetches, no_replicas, in_doubt, no_quorum,
        deadlines;
};

void coordinator_init(struct shard *shard);
void coordinator_release(struct shard *shard);

/* Coordinates an operation on a key of which this shard is the holder, and this node an owner, or a fallback since no
 * owner is in reach. */
void coordinator_begin(struct shard *shard, const struct operation *operation, const struct origin *origin,
                       struct partition partition);
/* Answers with this node's own record of the key. */
void coordinator_inspect(struct shard *shard, const struct operation *operation, const struct origin *origin,
                         struct partition partition);

void coordinator_on_put_answer(struct shard *shard, const struct source *source, struct view body);
void coordinator_on_read_answer(struct shard *shard, const struct source *source, struct view body);
void coordinator_peer_lost(struct shard *shard, struct member_index member);
void coordinator_on_deadline(struct shard *shard, struct alarm *alarm);
void coordinator_on_hedge(struct shard *shard, struct alarm *alarm);

#define STORE_FAILED_DETAIL "IOERR this node's store has failed and takes no writes; nothing was written"

/* Storage answered the key for which the request was parked. */
void request_resume(struct shard *shard, uint64_t id);
/* The clock's bound is later than it was, or the fence's number was learnt: those that waited for it are stamped. */
void coordinator_stamps_again(struct shard *shard);
/* This node's own write of a round is as durable as asked, or failed. */
void request_stored(struct shard *shard, uint64_t id, uint32_t round, bool is_durable);

/* ---- between the coordinator's own files ---- */

struct request *request_find(const struct shard *shard, uint64_t id);
enum { WIRE_READING_SHIFT = 2, WIRE_ID_SHIFT = 6, READINGS_TOLD_APART = 1 << (WIRE_ID_SHIFT - WIRE_READING_SHIFT) };

/* The id that messages carry names the round and the reading too: an answer to an earlier one finds nobody. */
static inline uint64_t request_wire_id(const struct request *request) {
    return request->id << WIRE_ID_SHIFT | (uint64_t)request->reading << WIRE_READING_SHIFT | request->round;
}
struct request *request_find_wire(const struct shard *shard, uint64_t wire_id);
struct request_owner *request_owner_of(struct request *request, struct member_index member);
static inline bool request_has(const struct request *request, uint32_t flag) {
    return (request->operation.flags & flag) != 0;
}
/* Places of owners and fallbacks in that state; and of owners alone. */
uint32_t request_count_places(const struct request *request, enum owner_state state);
uint32_t request_count_owners(const struct request *request, enum owner_state state);
static inline bool request_is_owner(const struct request *request, uint32_t place) {
    return place < request->owner_count;
}
/* This node has lost records of the partition since the request, or its reading, began: this one, perhaps, with what
 * was merged or stamped here. */
bool request_lost_ground(const struct shard *shard, const struct request *request);
/* A place for the next fallback in reach that has none yet, to stand in for the owner at `place` (or for whom the
 * fallback there stood in); NULL when there is none, or none may. */
struct request_owner *request_engage_fallback(struct shard *shard, struct request *request, uint8_t place);
/* In each placement enough nodes could take part: PW owners in reach, W with the fallbacks. */
bool request_has_candidates(struct shard *shard, const struct request *request);
/* Begins a phase: only the owners have places, and this node. READING knows those that reads ask. */
void request_reset_places(struct shard *shard, struct request *request, enum request_state phase);
/* What lies here of the key is a hint: this node stands in for an owner. */
bool request_holds_hint(const struct shard *shard, const struct request *request);
void request_owner_answered(const struct shard *shard, struct request_owner *owner);
/* Ends the request with its one answer. */
void request_finish(struct shard *shard, struct request *request, const struct result *result);
void request_finish_outcome(struct shard *shard, struct request *request, enum outcome outcome, const char *detail);
void request_park(struct shard *shard, struct request *request);

void request_begin_reading(struct shard *shard, struct request *request);
void request_resume_reading(struct shard *shard, struct request *request);
void request_reading_lost(struct shard *shard, struct request *request, struct request_owner *owner);
void request_begin_storing(struct shard *shard, struct request *request);
void request_resume_storing(struct shard *shard, struct request *request);
void request_storing_lost(struct shard *shard, struct request *request, struct request_owner *owner);
/* What is certain when a request ends before its quorum. */
void request_finish_short(struct shard *shard, struct request *request);
/* What a request asks, once R answers are merged here: the copy is the merged object. */
void request_reading_done(struct shard *shard, struct request *request, const struct copy *copy);

#endif
