/* The membership log: a set of events ordered by (Lamport time, issuer), merged by set union; the ring is a fold of it
 * (ring.h). Here the first events come from configuration; later gossip brings more through the same door.
 *
 * Who holds the same set of events computes the same digest, the same order and the same ring. */
#ifndef GRAMME_RING_MEMBERSHIP_H
#define GRAMME_RING_MEMBERSHIP_H

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
};

struct membership_event {
    uint64_t lamport;
    struct node_id issuer;
    enum membership_kind kind;
    struct member member; /* the subject; for LEAVE only the id counts */
};

struct membership {
    struct membership_event *events; /* sorted by (lamport, issuer, kind, subject) */
    size_t count;
    size_t capacity;
};

enum membership_status { MEMBERSHIP_ADDED, MEMBERSHIP_KNOWN, MEMBERSHIP_INVALID };

void membership_init(struct membership *log);
void membership_release(struct membership *log);
/* Keeps the order; a second copy of an event is KNOWN; an event with impossible fields is INVALID. */
enum membership_status membership_add(struct membership *log, const struct membership_event *event);
/* Set union. Returns how many events were new. */
size_t membership_merge(struct membership *log, const struct membership *other);
struct digest membership_digest(const struct membership *log);
/* The same without the members' addresses, which each node may spell in its own way: equal digests, equal placement. */
struct digest membership_placement_digest(const struct membership *log);
/* The greatest Lamport time in the log; a new event takes one more. */
uint64_t membership_lamport(const struct membership *log);

#endif
