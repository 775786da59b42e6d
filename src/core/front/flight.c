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

bool flight_end(struct flights *flights, uint64_t token, struct pending **ret_pending, uint32_t *ret_part) {
    uint32_t index = (uint32_t)token;
    if (index >= flight_count(flights)) {
        return false;
    }
    struct flight *flight = flight_slot(flights, index);
    if (flight->pending == NULL || flight->generation != token >> 32) {
        return false;
    }
    *ret_pending = flight->pending;
    *ret_part = flight->part;
    flight->pending = NULL;
    flight->generation = flight->generation == UINT32_MAX ? 1 : flight->generation + 1;
    flight->next_free = flights->first_free;
    flights->first_free = index + 1;
    return true;
}
