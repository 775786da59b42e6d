#include "core/load.h"

#include "core/shard_state.h"

void load_init(struct shard *shard) {
    shard->load.share = LOAD_SHARE_WHOLE;
    shard->load.usual_ns = LOAD_USUAL_MS * NS_PER_MS;
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
    bool is_admitted = operation->kind == OPERATION_INSPECT || operation->kind == OPERATION_THREAD ||
                       (has_room(shard, operation) && fits_memory);
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

void load_asked(struct shard *shard) {
    shard->load.asked++;
}

/* A quantile by unequal steps: up 99 of a unit when above, down 1 when below, balances where 1 % lie above. */
static void observe_usual(struct load *load, uint64_t ns) {
    uint64_t unit = load->usual_ns / 512 + NS_PER_US;
    if (ns > load->usual_ns) {
        load->usual_ns += 99 * unit;
    } else if (load->usual_ns > unit) {
        load->usual_ns -= unit;
    }
}

/* Faster than a millisecond is never slow. */
static uint64_t slow_ns(const struct shard *shard) {
    uint64_t most_ns = shard->options.background_latency_ms * NS_PER_MS;
    uint64_t usual_ns = shard->load.usual_ns + shard->load.usual_ns / 2;
    uint64_t least_ns = NS_PER_MS;
    usual_ns = usual_ns < least_ns ? least_ns : usual_ns;
    return usual_ns < most_ns ? usual_ns : most_ns;
}

void load_measured(struct shard *shard, uint64_t ns) {
    struct load *load = &shard->load;
    load->ended++;
    load->asked++;
    load->slow += ns > slow_ns(shard) ? 1 : 0;
    if (load->quiet >= 2 && ring_phase(shard->ring) == RING_REST) {
        observe_usual(load, ns);
    }
}

/* Too few operations to speak of a hundredth: then one slow one is enough. Who is slow with the least of work besides
 * has another reason: what is usual is then found anew, little by little. */
void load_beat(struct shard *shard) {
    struct load *load = &shard->load;
    if (shard_now(shard).ns < load->window_ends.ns) {
        return;
    }
    bool is_slow = load->slow > 0 && (uint64_t)load->slow * 100 >= load->ended;
    if (is_slow && load->share == 1 && load->usual_ns < shard->options.background_latency_ms * NS_PER_MS) {
        load->usual_ns += load->usual_ns / 16;
    }
    uint32_t share = is_slow ? load->share / 2 : load->share * 2;
    load->share = share == 0 ? 1 : share > LOAD_SHARE_WHOLE ? LOAD_SHARE_WHOLE : share;
    load->is_idle = load->asked == 0;
    load->quiet++;
    load->ended = 0;
    load->slow = 0;
    load->asked = 0;
    load->window_ends = instant_after_ms(shard_now(shard), LOAD_WINDOW_MS);
}

uint32_t load_share(const struct shard *shard, uint32_t budget) {
    uint32_t share = (uint32_t)((uint64_t)budget * shard->load.share / LOAD_SHARE_WHOLE);
    return share == 0 ? 1 : share;
}

uint64_t load_rest_ns(struct shard *shard, enum load_steps steps, uint64_t took_ns) {
    struct load *load = &shard->load;
    uint64_t most_ns = LOAD_REST_MOST_MS * NS_PER_MS;
    uint64_t parts = steps == LOAD_FILLING && load->is_idle ? 1 : (uint64_t)steps;
    load->quiet = 0;
    if (took_ns > most_ns) {
        return most_ns;
    }
    uint64_t rest_ns = took_ns * parts * LOAD_SHARE_WHOLE / load->share - took_ns;
    return rest_ns < most_ns ? rest_ns : most_ns;
}
