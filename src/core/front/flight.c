#include "core/front/state.h"

void flights_init(struct flights *flights) {
    buffer_init(&flights->slots);
    flights->first_free = 0;
}

void flights_release(struct flights *flights) {
    buffer_release(&flights->slots);
}

static struct flight *flight_slot(struct flights *flights, uint32_t index) {
    struct flight *slots = (void *)flights->slots.data;
    return &slots[index];
}

static uint32_t flight_count(const struct flights *flights) {
    return (uint32_t)(buffer_size(&flights->slots) / sizeof(struct flight));
}

uint64_t flight_begin(struct flights *flights, struct pending *pending, uint32_t part) {
    if (flights->first_free == 0) {
        const struct flight fresh = {.generation = 1};
        ENSURE(flight_count(flights) < UINT32_MAX);
        buffer_append(&flights->slots, &fresh, sizeof(fresh));
        flights->first_free = flight_count(flights);
    }
    uint32_t index = flights->first_free - 1;
    struct flight *flight = flight_slot(flights, index);
    ENSURE(pending != NULL && flight->pending == NULL);
    flights->first_free = flight->next_free;
    flight->pending = pending;
    flight->part = part;
    return (uint64_t)flight->generation << 32 | index;
}

struct flight *flight_find(struct flights *flights, uint64_t token) {
    uint32_t index = (uint32_t)token;
    if (index >= flight_count(flights)) {
        return NULL;
    }
    struct flight *flight = flight_slot(flights, index);
    return flight->pending != NULL && flight->generation == token >> 32 ? flight : NULL;
}

void flight_end(struct flights *flights, struct flight *flight) {
    ENSURE(flight->pending != NULL);
    flight->pending = NULL;
    flight->key = NULL;
    flight->generation = flight->generation == UINT32_MAX ? 1 : flight->generation + 1;
    flight->next_free = flights->first_free;
    flights->first_free = (uint32_t)(flight - flight_slot(flights, 0)) + 1;
}
