#include "core/fence.h"

#include "base/mutant.h"
#include "core/shard_state.h"
#include "wire/fence_message.h"

bool fence_is_learnt(const struct shard *shard) {
    return shard->fence.label != FENCE_UNKNOWN;
}

/* The first label that there is lets stamp what waited for it. */
static void take_label(struct shard *shard, uint64_t number) {
    bool is_first = !fence_is_learnt(shard);
    shard->fence.label = number;
    if (is_first) {
        coordinator_stamps_again(shard);
    }
}

/* Nothing of the cluster can be of later than the first number, if none of its majority knows of any. */
static void learn_first(struct shard *shard) {
    struct fence *fence = &shard->fence;
    size_t greeted = 1;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        greeted += fence->has_greeted[index] && ring_is_awaited(shard->ring, (struct member_index){index}) ? 1 : 0;
    }
    roster_greeted(shard, greeted);
    if (fence->own.heard == FENCE_UNKNOWN && greeted * 2 > shard_awaited_members(shard)) {
        fence->own.heard = FENCE_FIRST;
        take_label(shard, FENCE_FIRST); /* durable or not: there is nothing below it */
    }
}

void fence_init(struct shard *shard) {
    struct fence *fence = &shard->fence;
    uint64_t floor = shard->options.fence_floor;
    /* Older hints than that are taken from nobody; those that an earlier run has left are still to be drained. */
    fence->own.heard = floor;
    fence->label = floor;
    fence->durable = floor;
    fence->hint_floor = floor;
    size_t members = shard_member_capacity(shard);
    fence->drained_by = ARENA_ARRAY(&shard->permanent, uint64_t, members);
    memset(fence->drained_by, 0, sizeof(*fence->drained_by) * members);
    fence->agreed_by = ARENA_ARRAY(&shard->permanent, uint64_t, members);
    memset(fence->agreed_by, 0, sizeof(*fence->agreed_by) * members);
    fence->has_greeted = ARENA_ARRAY(&shard->permanent, bool, members);
    memset(fence->has_greeted, 0, sizeof(*fence->has_greeted) * members);
    learn_first(shard);
}

/* ---- labels ---- */

static void keep_label(struct shard *shard) {
    struct fence *fence = &shard->fence;
    struct storage *storage = &shard->options.storage;
    if (fence->label_wanted != 0 || fence->durable == fence->own.heard) {
        return;
    }
    fence->label_wanted = fence->own.heard;
    enum storage_status status = storage->remember_fence(storage->self, fence->label_wanted, FENCE_LABEL_TOKEN);
    if (status != STORAGE_PENDING) {
        fence_on_label_durable(shard, status == STORAGE_FOUND);
    }
}

void fence_on_label_durable(struct shard *shard, bool is_durable) {
    struct fence *fence = &shard->fence;
    uint64_t number = fence->label_wanted;
    fence->label_wanted = 0; /* a store that failed says so itself; the next beat asks again */
    if (is_durable) {
        fence->durable = number;
        take_label(shard, number);
    }
}

void fence_hear(struct shard *shard, uint64_t number) {
    struct fence *fence = &shard->fence;
    if (number > fence->own.heard && number <= FENCE_NUMBER_MOST) {
        fence->own.heard = number;
        keep_label(shard);
    }
}

void fence_hear_label(struct shard *shard, uint64_t label) {
    if (shard->fence.own.heard != FENCE_UNKNOWN) {
        fence_hear(shard, label);
    }
}

void fence_greeted(struct shard *shard, struct member_index member, uint64_t number, bool is_new_run) {
    struct fence *fence = &shard->fence;
    if (is_new_run) {
        fence->drained_by[member.value] = 0;
        fence->agreed_by[member.value] = 0;
    }
    fence->has_greeted[member.value] = true;
    fence_hear(shard, number);
    learn_first(shard);
}

void fence_hear_passed(struct shard *shard, uint64_t number) {
    struct fence *fence = &shard->fence;
    fence_hear(shard, number);
    if (number > fence->own.passed && number <= FENCE_NUMBER_MOST) {
        fence->own.passed = number;
        fence->fences++;
    }
}

void fence_want(struct shard *shard, uint64_t number, struct hybrid_time time) {
    struct fence *fence = &shard->fence;
    fence->own.wanted = number;
    fence->time = time.value > fence->time.value ? time : fence->time;
}

uint64_t fence_label(const struct shard *shard, struct partition partition, uint64_t mark) {
    bool is_hint = replica_family(shard, partition) == STORAGE_HINTS;
    return is_hint ? mark : shard->fence.label;
}

bool fence_refuses(const struct shard *shard, uint64_t label, bool is_hint) {
    return label < shard->fence.own.passed || (is_hint && (label < shard->fence.hint_floor || !fence_is_learnt(shard)));
}

/* ---- draining ---- */

/* Requests are listed in the order in which they began. */
static bool has_older_requests(const struct shard *shard, uint64_t number) {
    const struct list_node *first = list_first(&shard->coordinator.active);
    return first != NULL && CONTAINER_OF(first, const struct request, active)->fence < number;
}

static void drain(struct shard *shard) {
    struct fence *fence = &shard->fence;
    struct storage *storage = &shard->options.storage;
    uint64_t number = fence->own.heard;
    if (fence->draining != 0 || fence->own.drained == number || fence->durable < number ||
        has_older_requests(shard, number)) {
        return;
    }
    /* From now on no hint of before comes, so those that are still here only get fewer, however many others come. */
    fence->hint_floor = number;
    hints_expect_below(shard, number);
    if (!hints_below_are_gone(shard, number) && !MUTANT(FENCE_IGNORES_HINTS)) {
        return;
    }
    fence->draining = number;
    /* Hints that are gone must not come back with a crash. */
    enum storage_status status = storage->barrier(storage->self, DURABILITY_SYNC, FENCE_DRAIN_TOKEN);
    if (status != STORAGE_PENDING) {
        fence_on_drain_durable(shard, status == STORAGE_FOUND);
    }
}

void fence_on_drain_durable(struct shard *shard, bool is_durable) {
    struct fence *fence = &shard->fence;
    if (is_durable) {
        fence->own.drained = fence->draining;
    }
    fence->draining = 0;
}

/* ---- words ---- */

static void say(const struct shard *shard, struct buffer *output, const struct fence_state *state) {
    struct message_fence message = {
        .heard = state->heard,
        .drained = state->drained,
        .agreed = state->agreed,
        .passed = state->passed,
        .flushed = shard->flush.floor.value,
        .keyspaces = shard->keyspaces.version,
        .time = shard->fence.time,
        .wanted = state->wanted,
    };
    if (output != NULL) {
        message_encode_fence(output, &message);
    }
}

/* What all shards of this node say together. */
static struct fence_state state_of_node(const struct shard *shard) {
    struct fence_state state = shard->fence.own;
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        const struct fence_state *of = &shard->fence.of_shards[index];
        state.heard = of->heard > state.heard ? of->heard : state.heard;
        state.drained = of->drained < state.drained ? of->drained : state.drained;
        state.passed = of->passed > state.passed ? of->passed : state.passed;
        state.wanted = of->wanted > state.wanted ? of->wanted : state.wanted;
    }
    return state;
}

static void speak(struct shard *shard) {
    struct fence *fence = &shard->fence;
    fence->spoke = shard_now(shard);
    if (!shard_is_first(shard)) {
        say(shard, mail_output(shard, 0), &fence->own);
        return;
    }
    struct fence_state state = state_of_node(shard);
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        say(shard, mail_output(shard, index), &fence->own);
    }
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        if (index != shard->self.value && ring_is_awaited(shard->ring, (struct member_index){index})) {
            say(shard, lane_first_output(shard, (struct member_index){index}), &state);
        }
    }
}

static uint64_t least_of_all(const struct shard *shard, const uint64_t *numbers) {
    uint64_t least = UINT64_MAX;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        bool is_less = numbers[index] < least && ring_is_awaited(shard->ring, (struct member_index){index});
        least = is_less ? numbers[index] : least;
    }
    return least;
}

static void lead(struct shard *shard) {
    struct fence *fence = &shard->fence;
    struct fence_state state = state_of_node(shard);
    fence->drained_by[shard->self.value] = state.drained;
    fence_hear(shard, state.heard);
    fence_hear_passed(shard, state.passed);
    fence->own.agreed = least_of_all(shard, fence->drained_by);
    fence->agreed_by[shard->self.value] = fence->own.agreed;
    fence_hear_passed(shard, least_of_all(shard, fence->agreed_by));
    bool is_due = shard_now(shard).ns >= fence->begun.ns + FENCE_LEAST_MS * NS_PER_MS;
    bool is_over = fence->own.heard != FENCE_UNKNOWN && fence->own.passed == fence->own.heard;
    if (state.wanted > fence->own.heard && is_over && is_due) {
        fence->begun = shard_now(shard);
        fence_hear(shard, fence->own.heard + 1);
    }
}

void fence_beat(struct shard *shard) {
    struct fence *fence = &shard->fence;
    keep_label(shard);
    drain(shard);
    if (shard_is_first(shard)) {
        lead(shard);
    }
    bool is_under_way = fence->own.passed < fence->own.heard || fence->own.wanted > fence->own.passed;
    if (is_under_way || shard_now(shard).ns >= fence->spoke.ns + FENCE_IDLE_MS * NS_PER_MS) {
        speak(shard);
    }
}

/* A member that drained a fence says in that word how late the things are that it proved before. Whoever agrees has
 * taken that over, so what is stamped anywhere once the fence has passed is later, even by a fallback that never held
 * any of it. False: these clocks are too far apart, and the fence waits. */
static bool take_time(struct shard *shard, const struct message_fence *message) {
    struct fence *fence = &shard->fence;
    if (hybrid_time_wall(message->time).ms > shard_wall(shard).ms + CLOCK_SKEW_LIMIT_MS) {
        return false;
    }
    clock_observe(&shard->clock, shard_wall(shard), message->time);
    fence->time = message->time.value > fence->time.value ? message->time : fence->time;
    return true;
}

void fence_receive(struct shard *shard, const struct source *source, struct view body) {
    struct message_fence message;
    struct fence *fence = &shard->fence;
    if (!message_decode_fence(body, &message)) {
        return;
    }
    flush_hear(shard, (struct hybrid_time){message.flushed});
    struct buffer *output = message.keyspaces < shard->keyspaces.version ? source_output(shard, source, 0) : NULL;
    if (output != NULL) {
        keyspaces_tell(shard, output);
    }
    fence_hear(shard, message.heard);
    bool is_taken = take_time(shard, &message);
    fence_hear_passed(shard, message.passed);
    if (!shard_is_first(shard) || !is_taken) {
        return;
    }
    if (source->lane == NULL) {
        fence->of_shards[source->shard] =
            (struct fence_state){message.heard, message.drained, 0, message.passed, message.wanted};
    } else {
        fence->drained_by[source->lane->peer->member.value] = message.drained;
        fence->agreed_by[source->lane->peer->member.value] = message.agreed;
    }
}

bool fence_waits_for(const struct shard *shard, struct member_index *ret_member) {
    if (!shard_is_first(shard) || shard->fence.own.passed >= shard->fence.own.heard) {
        return false;
    }
    bool is_agreed = shard->fence.own.agreed == shard->fence.own.heard;
    const uint64_t *numbers = is_agreed ? shard->fence.agreed_by : shard->fence.drained_by;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        if (numbers[index] < shard->fence.own.heard && ring_is_awaited(shard->ring, (struct member_index){index})) {
            *ret_member = (struct member_index){index};
            return true;
        }
    }
    return false;
}
