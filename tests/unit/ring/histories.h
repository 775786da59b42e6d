/* Membership logs for the tests of this folder: by hand, and at random. */
#ifndef GRAMME_TESTS_RING_HISTORIES_H
#define GRAMME_TESTS_RING_HISTORIES_H

#include "base/rng.h"
#include "ring/membership.h"

struct node_id make_id(uint32_t number);
struct membership_event make_join(uint64_t lamport, uint32_t number, const char *zone, uint32_t weight);
struct membership_event make_leave(uint64_t lamport, uint32_t number);
struct membership_event make_weight(uint64_t lamport, uint32_t number, uint32_t weight);
void add_event(struct membership *log, struct membership_event event);

/* A history that grows one legal event at a time, never below one member. */
struct history {
    struct rng rng;
    uint64_t lamport;
    uint32_t present[64]; /* numbers of the members */
    size_t present_count;
    size_t most;    /* members */
    uint32_t next;  /* number of the next newcomer */
    uint32_t zones; /* zones to draw from */
    uint32_t weight_most;
    uint32_t leave_per_million;
    uint32_t weight_per_million;
};

void history_init(struct history *history, uint64_t seed, size_t most, uint32_t zones, uint32_t weight_most);
struct membership_event history_next(struct history *history);

#endif
