#include "ring/walk.h"

#include "ring/memory.h"

static void to_front(struct walk *walk, uint16_t seat) {
    uint16_t front = (uint16_t)walk->placement->seat_count;
    uint16_t before = walk->previous[seat];
    uint16_t after = walk->following[seat];
    if (before == front) {
        return;
    }
    walk->following[before] = after;
    if (after != SEAT_NONE) {
        walk->previous[after] = before;
    }
    uint16_t first = walk->following[front];
    walk->following[front] = seat;
    walk->previous[seat] = front;
    walk->following[seat] = first;
    walk->previous[first] = seat;
}

void walk_init(struct walk *walk, const struct placement *placement) {
    ENSURE(placement->member_count > 0);
    size_t seats = placement->seat_count;
    *walk = (struct walk){.placement = placement,
                          .partition = placement->partition_count,
                          .following = ZEROED(uint16_t, seats + 1),
                          .previous = ZEROED(uint16_t, seats + 1),
                          .taken = ZEROED(uint64_t, seats),
                          .zone_taken = ZEROED(uint64_t, seats + 1)};
    uint16_t last = (uint16_t)seats;
    for (size_t i = 0; i < placement->member_count; i++) {
        uint16_t seat = placement->by_id[i];
        walk->following[last] = seat;
        walk->previous[seat] = last;
        last = seat;
    }
    walk->following[last] = SEAT_NONE;
    /* Once around: the order as seen from behind the last partition, which is where the wrap begins. */
    for (uint32_t i = placement->partition_count; i-- > 0;) {
        to_front(walk, placement->owners[i]);
    }
}

void walk_release(struct walk *walk) {
    free(walk->following);
    free(walk->previous);
    free(walk->taken);
    free(walk->zone_taken);
    *walk = (struct walk){0};
}

bool walk_back(struct walk *walk) {
    if (walk->partition == 0) {
        return false;
    }
    walk->partition--;
    to_front(walk, walk->placement->owners[walk->partition]);
    return true;
}

void walk_list(struct walk *walk, uint16_t *ret_seats, size_t limit) {
    const struct placement *placement = walk->placement;
    ENSURE(limit <= placement->member_count && walk->partition < placement->partition_count);
    size_t count = 0;
    size_t zones = limit < placement->zone_count ? limit : placement->zone_count;
    uint16_t front = walk->following[placement->seat_count];
    walk->list++;
    for (uint16_t seat = front; count < zones; seat = walk->following[seat]) {
        uint16_t zone = placement->seats[seat].zone;
        if (walk->zone_taken[zone] != walk->list) {
            walk->zone_taken[zone] = walk->list;
            walk->taken[seat] = walk->list;
            ret_seats[count++] = seat;
        }
    }
    for (uint16_t seat = front; count < limit; seat = walk->following[seat]) {
        if (walk->taken[seat] != walk->list) {
            ret_seats[count++] = seat;
        }
    }
}
