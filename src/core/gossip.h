/* Gossip: one record per member, written by that member alone, known to all after a while. Pure: it is told the time,
 * random numbers are drawn from a stream of its own, and what it wants leaves through its port. It runs on shard 0 of a
 * node only.
 *
 * Sources: Dynamo, section 4.8.1 (each node reconciles with a peer chosen at random every second). Demers et al.,
 * Epidemic Algorithms for Replicated Database Maintenance (1987): anti-entropy by push and pull, checksums first, and
 * lists of recent updates that spare comparing everything ("peel back"). van Renesse et al. (2008): generations,
 * digests.
 *
 *      beginner                                           a random peer in reach
 *      SUMMARY: hash of all, what changed of late  --->   the same hash: done, no word
 *                                                         what changed explains it: WANT and RECORDS, and done
 *      compared with what changed here             <---   else SUMMARY (an answer): its own hash and changes
 *      that explains it: WANT and RECORDS, and done ->
 *      else DIGEST: everything, one by one         --->
 *                                                  <---   RECORDS that are newer there, WANT of those newer here
 *      RECORDS                                     --->
 *
 * Every word stands alone, so a lost one undoes nothing: what differs still is found in a later round. The hash is a
 * sum over (id, generation, counter), so it is kept up in constant time, and either end can tell what it will be once
 * the other's recent changes have come.
 *
 * A round every GOSSIP_ROUND_MS; with each tick for some rounds after something new: as many as spread it to all with
 * near certainty, four more than the binary digits of the member count.
 *
 * What holds: a record is replaced by a newer one only. What is of no member is not taken in, so a dropped member does
 * not come back. Of its own record a node is the only judge: one that it did not write but that would win (it was
 * wiped, or cloned) makes it go on in a generation above. */
#ifndef GRAMME_CORE_GOSSIP_H
#define GRAMME_CORE_GOSSIP_H

#include "base/blobs.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "core/member_set.h"
#include "wire/gossip_message.h"

enum {
    GOSSIP_ROUND_MS = 1000,
    GOSSIP_RECENT_MS = 5000,          /* so long a change is told with each SUMMARY */
    GOSSIP_DIGEST_MS = 250,           /* between two DIGESTs of one node: they are large */
    GOSSIP_REFUTATION_JUMP = 1 << 20, /* a generation is raised by a random number up to this */
    GOSSIP_SOON_ROUNDS = 4,           /* beyond the binary digits of the member count */
};

/* Calls that return at once and do not call the machine but for gossip_record(). A word is valid during the call. */
struct gossip_port {
    void *self;
    /* May be lost, also at once. */
    void (*send)(void *self, struct member_index to, const struct gossip_word *word);
    bool (*is_reachable)(void *self, struct member_index member);
    /* A newer record of another is here. */
    void (*changed)(void *self, struct member_index member);
    /* That one's membership chain has more or fewer entries than ours. If fewer, send them; if more, there is nothing
     * to be done: it hears so from an answer, and sends them. */
    void (*chain_differs)(void *self, struct member_index member, uint64_t version);
};

struct gossip_seat {
    bool is_member;
    struct node_id id;
    struct gossip_stamp stamp; /* generation 0: no record yet */
    struct blob payload;
    struct instant learnt;
    struct list_node recent;
    struct map_node by_id;
};

struct gossip {
    struct gossip_port port;
    struct blobs *blobs; /* borrowed */
    struct member_index self;
    uint32_t seat_count;
    struct gossip_seat *seats; /* borrowed; by member index */
    uint32_t member_count;
    struct map by_id;
    struct list recent; /* seats, what was learnt last first */
    struct digest hash; /* over all records */
    uint64_t version;
    uint64_t generation;  /* of the own record */
    uint64_t refutations; /* times that somebody told of a newer own record than was written here: for people */
    struct rng rng;
    struct instant now; /* as told last */
    struct instant next_round;
    uint32_t soon_rounds; /* left, one with each tick */
    struct instant next_digest;
    /* For words. */
    struct buffer records;
    struct buffer wants;
    struct buffer digests;
};

/* `seats` has room for `seat_count` and lives as long; nobody is a member yet. The generation is greater than that of
 * any run before: civil time will do. Refutation mends it if not, unless it is the very one of a former run. */
void gossip_init(struct gossip *gossip, struct gossip_port port, struct blobs *blobs, struct member_index self,
                 uint32_t seat_count, struct gossip_seat *seats, uint64_t generation, uint64_t seed,
                 struct instant now);
void gossip_release(struct gossip *gossip);

/* Seats are stable as long as their members are. A seat's former member is dropped. */
void gossip_set_member(struct gossip *gossip, struct member_index seat, struct node_id id);
void gossip_drop_member(struct gossip *gossip, struct member_index seat);
/* The membership chain has so many entries here. */
void gossip_set_version(struct gossip *gossip, uint64_t version);

/* The own record, at most GOSSIP_PAYLOAD_BYTES_MOST; copied, and new only if it differs. Self must be a member. */
void gossip_own(struct gossip *gossip, struct view payload, struct instant now);
/* False when there is none. The payload is valid until the machine is told anything. */
bool gossip_record(const struct gossip *gossip, struct member_index member, struct gossip_record *ret_record);

/* Every 100 ms or so. */
void gossip_tick(struct gossip *gossip, struct instant now);
void gossip_receive(struct gossip *gossip, struct member_index from, const struct gossip_word *word,
                    struct instant now);

/* Asserts what must hold between steps; walks the whole table. */
void gossip_check(const struct gossip *gossip);

#endif
