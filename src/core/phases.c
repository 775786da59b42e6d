#include "core/phases.h"

#include "base/decimal.h"
#include "core/shard_state.h"

enum { ADDRESS_MOST = 256, PHASE_BYTES_MOST = ADDRESS_MOST + DECIMAL_BYTES_MOST + 2 };

static uint8_t *add(uint8_t *to, struct view name, uint64_t us, bool is_known) {
    size_t size = name.size < ADDRESS_MOST ? name.size : ADDRESS_MOST;
    memcpy(to, name.data, size);
    to += size;
    *to++ = ' ';
    if (is_known) {
        to = decimal_store(to, us);
    } else {
        *to++ = '-';
    }
    *to++ = ' ';
    return to;
}

struct view phases_of(struct shard *shard, const struct request *request) {
    uint64_t took_us = (shard_now(shard).ns - request->begun.ns) / NS_PER_US;
    if (took_us < front_slow_us(shard->front)) {
        return (struct view){0};
    }
    uint8_t *text = arena_take(&shard->scratch, (size_t)PHASE_BYTES_MOST * (2 + request->place_count));
    uint8_t *to = add(text, VIEW("queued"), request->queued_us, true);
    const struct request_owner *self = &request->owners[request->self_place];
    to = add(to, VIEW("store"), self->took_us, self->state == OWNER_ANSWERED);
    for (uint32_t place = 0; place < request->place_count; place++) {
        const struct request_owner *owner = &request->owners[place];
        bool was_asked = owner->state != OWNER_IDLE && place != request->self_place;
        if (was_asked) {
            struct view address = view_of_string(shard_peer_address(shard, owner->member));
            to = add(to, address, owner->took_us, owner->state == OWNER_ANSWERED);
        }
    }
    return view_of(text, (size_t)(to - text) - 1);
}
