#include "core/load.h"

#include "core/shard_state.h"

void load_init(struct shard *shard) {
    shard->load.share = LOAD_SHARE_WHOLE;
    shard->load.window_ends = instant_after_ms(shard_now(shard), LOAD_WINDOW_MS);
}

/* ---- admission ---- */

static size_t under_way(const struct shard *shard) {
    return shard->coordinator.requests.size + shard->router.relays.size;
}

bool load_is_crowded(const struct shard *shard) {
    return under_way(shard) >= shard->options.max_requests / 2 || shard->load.bytes >= LOAD_BYTES_MOST / 2;
}

static bool has_room(const struct shard *shard, const struct operation *operation) {
    size_t bytes = operation->key.size + operation->value.size + operation->context.size;
    bool has_bytes = shard->load.bytes == 0 || shard->load.bytes + bytes <= LOAD_BYTES_MOST;
    return under_way(shard) < shard->options.max_requests && has_bytes;
}

static bool brings_values(const struct operation *operation) {
    return operation->kind == OPERATION_RESTORE ||
           (operation->kind == OPERATION_PUT && (operation->flags & OPERATION_TOMBSTONE) == 0);
}

bool load_admits(struct shard *shard, const struct operation *operation) {
    bool fits_memory = !shard->load.memory_is_short || !brings_values(operation);
    bool is_admitted = operation->kind == OPERATION_INSPECT || (has_room(shard, operation) && fits_memory);
    shard->load.turned_away += is_admitted ? 0 : 1;
    return is_admitted;
}

bool load_takes_put(struct shard *shard) {
    bool is_taken = !shard->load.memory_is_short;
    shard->load.refused += is_taken ? 0 : 1;
    return is_taken;
}

void load_began(struct shard *shard, size_t bytes) {
    shard->load.bytes += bytes;
}

void load_ended(struct shard *shard, size_t bytes) {
    ENSURE(shard->load.bytes >= bytes);
    shard->load.bytes -= bytes;
}

void shard_memory_short(struct shard *shard, bool is_short) {
    shard->load.memory_is_short = is_short;
}

/* ---- background ---- */

void load_measured(struct shard *shard, uint64_t ns) {
    struct load *load = &shard->load;
    load->ended++;
    load->slow += ns > shard->options.background_latency_ms * NS_PER_MS ? 1 : 0;
}

/* Too few operations to speak of a hundredth: then one slow one is enough. */
void load_beat(struct shard *shard) {
    struct load *load = &shard->load;
    if (shard_now(shard).ns < load->window_ends.ns) {
        return;
    }
    bool is_slow = load->slow > 0 && (uint64_t)load->slow * 100 >= load->ended;
    uint32_t share = is_slow ? load->share / 2 : load->share * 2;
    load->share = share == 0 ? 1 : share > LOAD_SHARE_WHOLE ? LOAD_SHARE_WHOLE : share;
    load->ended = 0;
    load->slow = 0;
    load->window_ends = instant_after_ms(shard_now(shard), LOAD_WINDOW_MS);
}

uint32_t load_share(const struct shard *shard, uint32_t budget) {
    uint32_t share = (uint32_t)((uint64_t)budget * shard->load.share / LOAD_SHARE_WHOLE);
    return share == 0 ? 1 : share;
}
