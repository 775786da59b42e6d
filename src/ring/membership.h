/* The membership log: a set of events ordered by (Lamport time, issuer), merged by set union; the ring is a fold of it
 * (ring.h). The first events come from configuration, the cluster's birth; every later Lamport time has one *entry*, a
 * few events that take effect together, which the members have chosen (core/membership.h). So the greatest Lamport time
 * in a log is its *version*, and of two logs of one cluster one is always the beginning of the other.
 *
 * Who holds the same events computes the same digest, the same order and the same ring. How owners change:
 *
 *            MOVE with joins, leaves,
 *            weights, a new N          JOINT         COMMIT              DONE
 *      REST ------------> GATHERING ---------> JOINT --------> COMMITTED ------> SETTLING
 *        ^                    |                  |                                  ^ |
 *        |                    +------------------+------------- ABORT --------------+ |
 *        +------------------------------------ SETTLED -------------------------------+
 *
 * Events of a kind that does not fit the phase they come in do nothing, for all who fold them. */
#ifndef GRAMME_RING_MEMBERSHIP_H
#define GRAMME_RING_MEMBERSHIP_H

#include "base/buffer.h"
#include "base/hash.h"
#include "base/identity.h"
#include "base/view.h"

enum {
    MEMBER_ZONE_SIZE = 64,     /* bytes with the terminating zero */
    MEMBER_ADDRESS_SIZE = 262, /* "host:port" with the terminating zero */
};

struct member {
    struct node_id id;
    char zone[MEMBER_ZONE_SIZE];
    uint32_t weight; /* 1 to 1000; relative share of first-owned partitions */
    char client_address[MEMBER_ADDRESS_SIZE];
    char peer_address[MEMBER_ADDRESS_SIZE];
};

enum membership_kind {
    MEMBERSHIP_JOIN = 1,
    MEMBERSHIP_LEAVE = 2,
    MEMBERSHIP_WEIGHT = 3, /* subject's weight becomes member.weight */
    MEMBERSHIP_MOVE = 4,   /* the other events of this entry are a move; without it they take effect at once */
    MEMBERSHIP_COMMIT = 5, /* reads go by the new placement from now on */
    MEMBERSHIP_DONE = 6,   /* writes too */
    MEMBERSHIP_ABORT = 7,
    MEMBERSHIP_JOINT = 10,    /* writes go by both placements from now on */
    MEMBERSHIP_SETTLED = 9,   /* nobody holds anything that he is not to hold; who left is no member any more */
    MEMBERSHIP_EXCUSE = 8,    /* the subject is dead for good: nothing waits for it, nothing it says counts */
    MEMBERSHIP_REPLICAS = 11, /* N, the owners that each partition has, becomes replica_count */
};

struct membership_event {
    uint64_t lamport;
    struct node_id issuer;
    enum membership_kind kind;
    struct member member;    /* the subject, or where there is none the issuer; only JOIN needs more than the id (and
                                weight) */
    struct node_id replaces; /* JOIN: it takes the place of this member, who leaves; zero: of nobody */
    uint32_t replica_count;  /* REPLICAS: 1 to LIMIT_REPLICAS */
};

struct membership {
    struct membership_event *events; /* sorted by (lamport, issuer, kind, subject) */
    size_t count;
    size_t capacity;
};

enum membership_status { MEMBERSHIP_ADDED, MEMBERSHIP_KNOWN, MEMBERSHIP_INVALID };

/* "host:port" or "[v6]:port", of printable characters, that fits. */
bool member_address_is_plain(const char *address);
/* JOIN, LEAVE, WEIGHT and EXCUSE are of some member; other events are of all. */
bool membership_has_subject(enum membership_kind kind);
/* Every entry has one of these, which says what becomes of its other events. */
bool membership_is_marker(enum membership_kind kind);
/* A join that takes another's place. */
bool membership_replaces(const struct membership_event *event);

void membership_init(struct membership *log);
void membership_release(struct membership *log);
/* Keeps the order; a second copy of an event is KNOWN; an event with impossible fields is INVALID. */
enum membership_status membership_add(struct membership *log, const struct membership_event *event);
/* Set union. Returns how many events were new. */
size_t membership_merge(struct membership *log, const struct membership *other);
struct digest membership_digest(const struct membership *log);
/* The same without the members' addresses, which each node may spell in its own way: equal digests, equal placement. */
struct digest membership_placement_digest(const struct membership *log);
/* The version: the greatest Lamport time in the log; the next entry takes one more. */
uint64_t membership_lamport(const struct membership *log);

/* The events later than that version, as others get them; and what came so, added to the log. False: malformed, or with
 * events that are not legal, and then the log is as it was. */
void membership_encode(struct buffer *buffer, const struct membership *log, uint64_t after);
bool membership_decode(struct view bytes, struct membership *log);

#endif
