#include "core/filling.h"

#include "base/mutant.h"
#include "core/shard_state.h"

/* ---- what is wanted ---- */

void filling_init(struct shard *shard) {
    struct filling *filling = &shard->filling;
    uint32_t partitions = ring_partition_count(shard->ring);
    filling->states = ARENA_ARRAY(&shard->permanent, uint8_t, partitions);
    filling->sources = ARENA_ARRAY(&shard->permanent, struct member_index, partitions);
    memset(filling->states, FILLING_NOTHING, partitions);
    filling->pull.rest.kind = ALARM_FILLING;
    buffer_init(&filling->unpacked);
    compressor_init(&filling->compressor);
    filling_server_init(shard);
}

void filling_release(struct shard *shard) {
    buffer_release(&shard->filling.unpacked);
    compressor_release(&shard->filling.compressor);
    filling_server_release(shard);
}

void filling_adopt(struct shard *shard) {
    struct filling *filling = &shard->filling;
    memset(filling->states, FILLING_NOTHING, ring_partition_count(shard->ring));
    filling->wanted = 0;
    filling->pull.number = 0;
    timers_cancel(&shard->timers, &filling->pull.rest.timer);
}

bool filling_is_wanted(const struct shard *shard, struct partition partition) {
    return shard->filling.states[partition.value] == FILLING_WANTED;
}

/* The first segment of which nothing is here. */
static bool first_gap(const struct hash_tree *tree, uint64_t *ret_place) {
    static const struct digest nothing;
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        if (digest_equal(tree->segments[segment], nothing)) {
            *ret_place = hash_tree_first_place(segment);
            return true;
        }
    }
    return false;
}

static void want(struct shard *shard, struct partition partition, struct member_index from) {
    struct filling *filling = &shard->filling;
    filling->states[partition.value] = FILLING_WANTED;
    filling->sources[partition.value] = from;
    filling->wanted++;
}

/* However it went, what is left is exchange's; the last one calls for it. */
static void want_no_more(struct shard *shard, struct partition partition) {
    struct filling *filling = &shard->filling;
    filling->states[partition.value] = FILLING_OVER;
    filling->wanted--;
    if (filling->wanted == 0) {
        exchange_hurry(shard);
    }
}

void filling_begin(struct shard *shard, struct partition partition) {
    uint64_t place;
    const struct hash_tree *tree = trees_known(shard, partition);
    if (tree != NULL && shard->filling.states[partition.value] == FILLING_NOTHING && first_gap(tree, &place)) {
        want(shard, partition, shard->self);
    }
}

bool filling_begin_from(struct shard *shard, struct partition partition, struct member_index peer) {
    uint64_t place;
    const struct hash_tree *tree = trees_known(shard, partition);
    if (tree == NULL || filling_is_wanted(shard, partition) || !first_gap(tree, &place) ||
        !ring_is_owner(shard->ring, partition, peer)) {
        return false; /* an owner to come serves nobody: the two compare keys */
    }
    want(shard, partition, peer);
    return true;
}

/* ---- pulling ---- */

/* Whoever is named; or, of the owners that reads ask, the first in reach, another one for each partition. */
static bool choose_source(const struct shard *shard, struct partition partition, struct member_index *ret_source) {
    const struct member_index *list = ring_preference(shard->ring, partition);
    uint32_t owners = ring_replica_count(shard->ring);
    struct member_index named = shard->filling.sources[partition.value];
    bool is_any = member_index_equal(named, shard->self);
    for (uint32_t step = 0; step < owners; step++) {
        struct member_index owner = list[(partition.value + step) % owners];
        bool is_chosen = is_any ? !member_index_equal(owner, shard->self) && ring_is_awaited(shard->ring, owner)
                                : member_index_equal(owner, named);
        if (is_chosen && peer_is_reachable(shard, owner, partition)) {
            *ret_source = owner;
            return true;
        }
    }
    return false;
}

static void ask(struct shard *shard) {
    struct pull *pull = &shard->filling.pull;
    struct buffer *output = lane_output(shard, pull->peer, pull->partition, 0);
    pull->asked = shard_now(shard);
    if (output != NULL) {
        struct message_fill message = {.partition = pull->partition, .pull = pull->number, .place_from = pull->place};
        message_encode_fill(output, &message);
    }
}

static bool pull_begin(struct shard *shard, struct partition partition, struct member_index peer) {
    struct pull *pull = &shard->filling.pull;
    const struct hash_tree *tree = trees_known(shard, partition);
    if (tree == NULL || !first_gap(tree, &pull->place)) {
        want_no_more(shard, partition);
        return false;
    }
    pull->number = shard->next_request++;
    pull->partition = partition;
    pull->peer = peer;
    pull->is_end = false;
    pull->is_storing = false;
    ask(shard);
    return true;
}

/* The next partition of which somebody in reach has more. */
static void pull_next(struct shard *shard) {
    struct filling *filling = &shard->filling;
    uint32_t partitions = ring_partition_count(shard->ring);
    for (uint32_t step = 0; filling->wanted > 0 && step < partitions; step++) {
        struct partition partition = {(uint16_t)((filling->next + step) % partitions)};
        struct member_index source;
        if (filling->states[partition.value] != FILLING_WANTED) {
            continue;
        }
        if (choose_source(shard, partition, &source)) {
            if (pull_begin(shard, partition, source)) {
                filling->next = (partition.value + 1u) % partitions;
                return;
            }
        } else if (!member_index_equal(filling->sources[partition.value], shard->self)) {
            want_no_more(shard, partition); /* whoever was to send it is out of reach */
        }
    }
}

static void pull_over(struct shard *shard) {
    struct pull *pull = &shard->filling.pull;
    pull->number = 0;
    want_no_more(shard, pull->partition);
    pull_next(shard);
}

void filling_beat(struct shard *shard) {
    struct pull *pull = &shard->filling.pull;
    if (pull->number == 0) {
        pull_next(shard);
    } else if (!timer_is_scheduled(&pull->rest.timer) &&
               shard_now(shard).ns >= pull->asked.ns + FILLING_PATIENCE_MS * NS_PER_MS) {
        pull_over(shard);
    }
}

/* ---- a parcel ---- */

static void take(struct shard *shard, const struct source *source, const struct message_parcel *parcel) {
    struct reader list = reader_of(parcel->list);
    struct parcel_object object;
    while (parcel_next(&list, &object)) {
        struct message_put put = {
            .partition = parcel->partition,
            .placement_mark = parcel->placement_mark,
            .flags = PUT_REPAIR,
            .fence = parcel->fence,
            .key = object.key,
            .object = object.object,
        };
        replica_put(shard, source, &put);
    }
}

/* The one that was asked for, and not one that was given up. */
static bool is_awaited(const struct pull *pull, const struct message_parcel *parcel) {
    return pull->number == parcel->pull && !pull->is_storing && pull->partition.value == parcel->partition.value &&
           (parcel->is_end || parcel->place_next > pull->place);
}

static void on_parcel(struct shard *shard, const struct source *source, struct view body) {
    struct filling *filling = &shard->filling;
    struct storage *storage = &shard->options.storage;
    struct pull *pull = &filling->pull;
    struct message_parcel parcel;
    if (pull->number == 0 || !member_index_equal(pull->peer, source->lane->peer->member) ||
        !message_decode_parcel(body, &filling->compressor, &filling->unpacked, &parcel) || !is_awaited(pull, &parcel)) {
        return;
    }
    take(shard, source, &parcel);
    pull->place = parcel.place_next;
    pull->is_end = parcel.is_end;
    pull->is_storing = true;
    uint64_t token = (uint64_t)FILLING_TOKEN << FILLING_TOKEN_BITS | pull->number;
    enum storage_status status = storage->barrier(storage->self, DURABILITY_SYNC, token);
    if (status != STORAGE_PENDING) {
        filling_on_durable(shard, token);
    }
}

void filling_on_rest(struct shard *shard) {
    if (shard->filling.pull.is_end) {
        pull_over(shard);
    } else {
        ask(shard);
    }
}

/* A store that has failed says so itself, and takes nothing more. */
void filling_on_durable(struct shard *shard, uint64_t token) {
    struct pull *pull = &shard->filling.pull;
    uint64_t number = token & ((UINT64_C(1) << FILLING_TOKEN_BITS) - 1);
    if (pull->number != number || !pull->is_storing) {
        return;
    }
    pull->is_storing = false;
    uint64_t rest_ns = load_rest_ns(shard, LOAD_FILLING, shard_now(shard).ns - pull->asked.ns);
    if (rest_ns == 0) {
        filling_on_rest(shard);
    } else {
        timers_schedule(&shard->timers, &pull->rest.timer, instant_after_ns(shard_now(shard), rest_ns));
    }
}

void filling_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    if (source->lane == NULL) {
        return; /* shards of one node share no partition */
    }
    if (kind == MESSAGE_FILL) {
        filling_on_fill(shard, source, body);
    } else {
        on_parcel(shard, source, body);
    }
}
