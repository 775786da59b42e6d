#include "core/front/latency.h"

#include "core/front/pending.h"

struct slow_entry {
    struct list_node link;
    struct blob text; /* as it is told */
};

enum { ENTRIES_PER_SLAB = 32 };

void latency_init(struct front *front) {
    struct latency *latency = &front->latency;
    latency->slow_us = front->options.slow_us;
    latency->slow_most = front->options.slow_most;
    latency->threshold_ms = front->options.latency_threshold_ms;
    list_init(&latency->slow);
    buffer_init(&latency->text);
    pool_init(&latency->slow_pool, sizeof(struct slow_entry), ENTRIES_PER_SLAB);
    map_init(&latency->times, 64);
    pool_init(&latency->times_pool, sizeof(struct command_times), ENTRIES_PER_SLAB);
}

/* ---- the slow log ---- */

static void drop_oldest(struct front *front) {
    struct latency *latency = &front->latency;
    struct slow_entry *entry = CONTAINER_OF(list_take_first(&latency->slow), struct slow_entry, link);
    blob_give(&front->blobs, &entry->text);
    pool_give(&latency->slow_pool, entry);
    latency->slow_count--;
}

static void drop_what_is_too_much(struct front *front) {
    while (front->latency.slow_count > front->latency.slow_most) {
        drop_oldest(front);
    }
}

void latency_forget_slow(struct front *front) {
    while (front->latency.slow_count > 0) {
        drop_oldest(front);
    }
}

void latency_release(struct front *front) {
    struct latency *latency = &front->latency;
    latency_forget_slow(front);
    buffer_release(&latency->text);
    pool_release(&latency->slow_pool);
    map_release(&latency->times);
    pool_release(&latency->times_pool);
}

static void add_slow(const struct answer *answer, uint64_t took_us) {
    struct front *front = answer->front;
    struct latency *latency = &front->latency;
    const struct pending *pending = answer->pending;
    const struct session *session = pending->session;
    char name[COMMAND_NAME_BYTES];
    bool is_done = answer->result != NULL &&
                   (answer->result->outcome == OUTCOME_DONE || answer->result->outcome == OUTCOME_UNCHANGED);
    struct buffer *text = &latency->text;
    buffer_clear(text);
    write_u64(text, latency->slow_next++ * front->options.shard_count + front->options.shard_index);
    write_u64(text, answer->wall.ms / 1000);
    write_u64(text, took_us);
    write_sized(text, view_of(name, command_full_name(pending->command, name)));
    write_sized(text, view_of(pending->key_start, pending->key_bytes));
    write_sized(text, blob_view(&session->address));
    write_sized(text, blob_view(&session->name));
    write_sized(text, is_done ? answer->result->detail : (struct view){0});
    struct slow_entry *entry = pool_take(&latency->slow_pool);
    entry->text = blob_copy(&front->blobs, buffer_view(text));
    list_push_back(&latency->slow, &entry->link);
    latency->slow_count++;
    drop_what_is_too_much(front);
}

void latency_tell_slow(const struct front *front, struct buffer *text) {
    const struct list *slow = &front->latency.slow;
    for (struct list_node *node = list_first(slow); node != NULL; node = list_next(slow, node)) {
        write_sized(text, blob_view(&CONTAINER_OF(node, struct slow_entry, link)->text));
    }
}

/* ---- settings ---- */

const struct latency_bounds latency_settings[LATENCY_SETTINGS] = {
    [LATENCY_SLOW_US] = {"slowlog-log-slower-than", -1, INT64_MAX},
    [LATENCY_SLOW_MOST] = {"slowlog-max-len", 0, SLOW_MOST},
    [LATENCY_THRESHOLD_MS] = {"latency-monitor-threshold", 0, INT32_MAX},
};

int64_t latency_get(const struct front *front, enum latency_setting setting) {
    const struct latency *latency = &front->latency;
    return setting == LATENCY_SLOW_US     ? latency->slow_us
           : setting == LATENCY_SLOW_MOST ? latency->slow_most
                                          : latency->threshold_ms;
}

void latency_set(struct front *front, enum latency_setting setting, int64_t number) {
    struct latency *latency = &front->latency;
    if (setting == LATENCY_SLOW_US) {
        latency->slow_us = number;
    } else if (setting == LATENCY_SLOW_MOST) {
        latency->slow_most = (uint32_t)number;
        drop_what_is_too_much(front);
    } else if (setting == LATENCY_THRESHOLD_MS) {
        latency->threshold_ms = (uint32_t)number;
    }
}

/* ---- histograms ---- */

static struct command_times *times_of(struct latency *latency, const struct command *command) {
    uint64_t hash = (uint64_t)(uintptr_t)command * UINT64_C(0x9e3779b97f4a7c15);
    for (struct map_node *node = map_first(&latency->times, hash); node != NULL; node = map_next(node)) {
        struct command_times *times = CONTAINER_OF(node, struct command_times, node);
        if (times->command == command) {
            return times;
        }
    }
    struct command_times *times = pool_take(&latency->times_pool);
    times->command = command;
    map_insert(&latency->times, &times->node, hash);
    return times;
}

void latency_forget_times(struct front *front) {
    struct latency *latency = &front->latency;
    struct map_cursor cursor = {0};
    struct map_node *node;
    while ((node = map_each(&latency->times, &cursor)) != NULL) {
        struct command_times *times = CONTAINER_OF(node, struct command_times, node);
        times->calls = 0;
        memset(times->buckets, 0, sizeof(times->buckets));
    }
}

static uint32_t bucket_of(uint64_t us) {
    uint32_t bucket = us <= 1 ? 0 : (uint32_t)(64 - __builtin_clzll(us - 1));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

void latency_tell_times(const struct front *front, struct buffer *text) {
    struct map_cursor cursor = {0};
    struct map_node *node;
    while ((node = map_each(&front->latency.times, &cursor)) != NULL) {
        const struct command_times *times = CONTAINER_OF(node, struct command_times, node);
        char name[COMMAND_NAME_BYTES];
        if (times->calls == 0) {
            continue;
        }
        write_sized(text, view_of(name, command_full_name(times->command, name)));
        write_u64(text, times->calls);
        for (uint32_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
            write_u64(text, times->buckets[bucket]);
        }
    }
}

/* ---- events ---- */

static void add_sample(struct latency *latency, uint64_t second, uint32_t ms) {
    struct latency_sample *last = &latency->samples[(latency->sample_count + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
    latency->longest_ms = ms > latency->longest_ms ? ms : latency->longest_ms;
    if (latency->sample_count > 0 && last->second == second) {
        last->ms = ms > last->ms ? ms : last->ms;
        return;
    }
    latency->samples[latency->sample_count % LATENCY_SAMPLES] = (struct latency_sample){second, ms};
    latency->sample_count++;
}

void latency_tell_samples(const struct front *front, struct buffer *text) {
    const struct latency *latency = &front->latency;
    uint32_t kept = latency->sample_count < LATENCY_SAMPLES ? latency->sample_count : LATENCY_SAMPLES;
    write_u32(text, latency->longest_ms);
    for (uint32_t back = kept; back > 0; back--) {
        const struct latency_sample *sample = &latency->samples[(latency->sample_count - back) % LATENCY_SAMPLES];
        write_u64(text, sample->second);
        write_u32(text, sample->ms);
    }
}

void latency_forget_samples(struct front *front) {
    front->latency.sample_count = 0;
    front->latency.longest_ms = 0;
}

/* ---- measuring ---- */

void latency_measure(struct answer *answer) {
    const struct pending *pending = answer->pending;
    struct latency *latency = &answer->front->latency;
    if (pending->command == NULL) {
        return;
    }
    uint64_t took_us = (answer->front->now.ns - pending->begun.ns) / NS_PER_US;
    struct command_times *times = times_of(latency, pending->command);
    times->calls++;
    times->buckets[bucket_of(took_us)]++;
    if (latency->slow_us >= 0 && took_us >= (uint64_t)latency->slow_us && latency->slow_most > 0) {
        add_slow(answer, took_us);
    }
    if (latency->threshold_ms > 0 && took_us / 1000 >= latency->threshold_ms) {
        add_sample(latency, answer->wall.ms / 1000, (uint32_t)(took_us / 1000));
    }
}
