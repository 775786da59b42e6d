#include "histories.h"

#include "base/ensure.h"

#include <stdio.h>

struct node_id make_id(uint32_t number) {
    /* Scattered, so that the order of ids isn't the order of arrival. */
    struct rng rng;
    rng_init(&rng, number);
    struct node_id id;
    rng_fill(&rng, id.bytes, sizeof(id.bytes));
    id.bytes[15] |= 1;
    return id;
}

struct membership_event make_join(uint64_t lamport, uint32_t number, const char *zone, uint32_t weight) {
    struct membership_event event = {.lamport = lamport, .issuer = make_id(number), .kind = MEMBERSHIP_JOIN};
    event.member.id = make_id(number);
    event.member.weight = weight;
    snprintf(event.member.zone, sizeof(event.member.zone), "%s", zone);
    snprintf(event.member.client_address, sizeof(event.member.client_address), "node%u:7000", number);
    snprintf(event.member.peer_address, sizeof(event.member.peer_address), "node%u:17000", number);
    return event;
}

struct membership_event make_leave(uint64_t lamport, uint32_t number) {
    struct membership_event event = {.lamport = lamport, .issuer = make_id(number), .kind = MEMBERSHIP_LEAVE};
    event.member.id = make_id(number);
    return event;
}

struct membership_event make_weight(uint64_t lamport, uint32_t number, uint32_t weight) {
    struct membership_event event = {.lamport = lamport, .issuer = make_id(number), .kind = MEMBERSHIP_WEIGHT};
    event.member.id = make_id(number);
    event.member.weight = weight;
    return event;
}

void add_event(struct membership *log, struct membership_event event) {
    ENSURE(membership_add(log, &event) == MEMBERSHIP_ADDED);
}

void history_init(struct history *history, uint64_t seed, size_t most, uint32_t zones, uint32_t weight_most) {
    *history = (struct history){
        .most = most, .zones = zones, .weight_most = weight_most, .leave_per_million = 300000, .next = 1};
    ENSURE(most <= sizeof(history->present) / sizeof(history->present[0]));
    rng_init(&history->rng, seed);
    if (weight_most > 1) {
        history->weight_per_million = 200000;
    }
}

struct membership_event history_next(struct history *history) {
    uint64_t lamport = ++history->lamport;
    if (history->present_count > 1 &&
        (history->present_count == history->most || rng_chance(&history->rng, history->leave_per_million))) {
        size_t at = rng_below(&history->rng, history->present_count);
        uint32_t number = history->present[at];
        history->present[at] = history->present[--history->present_count];
        return make_leave(lamport, number);
    }
    uint32_t weight = (uint32_t)rng_between(&history->rng, 1, history->weight_most);
    if (history->present_count > 0 && rng_chance(&history->rng, history->weight_per_million)) {
        uint32_t number = history->present[rng_below(&history->rng, history->present_count)];
        return make_weight(lamport, number, weight);
    }
    char zone[16];
    snprintf(zone, sizeof(zone), "z%u", (unsigned)rng_below(&history->rng, history->zones));
    uint32_t number = history->next++;
    history->present[history->present_count++] = number;
    return make_join(lamport, number, zone, weight);
}
