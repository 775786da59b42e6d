/* How long commands take: a slow log, histograms, and the latency events of LATENCY. Each thread keeps its own; the
 * commands ask all of them (threads.h). Times are those of the thread's clock, which is read once a turn. Sources:
 * Redis command reference, SLOWLOG, LATENCY. */
#ifndef GRAMME_CORE_FRONT_LATENCY_H
#define GRAMME_CORE_FRONT_LATENCY_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "wire/operation.h"

struct answer;
struct command;
struct front;

enum {
    LATENCY_BUCKETS = 32, /* bucket i: up to 2^i microseconds */
    LATENCY_SAMPLES = 160,
    SLOW_MOST = 65536, /* entries, whatever is set */
};

struct command_times {
    struct map_node node;
    const struct command *command;
    uint64_t calls;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* Of a second in which some command took as long as latency-monitor-threshold; the longest. */
struct latency_sample {
    uint64_t second;
    uint32_t ms;
};

struct latency {
    int64_t slow_us; /* negative: none is slow */
    uint32_t slow_most;
    struct list slow; /* oldest first */
    uint32_t slow_count;
    uint64_t slow_next;
    struct buffer text; /* of an entry that is being made: operations may still be borrowed from the front's buffers */
    struct pool slow_pool;
    struct map times;
    struct pool times_pool;
    uint32_t threshold_ms; /* 0: no samples are taken */
    struct latency_sample samples[LATENCY_SAMPLES];
    uint32_t sample_count; /* all time */
    uint32_t longest_ms;
};

/* What CONFIG SET can set while a node runs, in each of its threads, within these bounds. */
enum latency_setting { LATENCY_SLOW_US, LATENCY_SLOW_MOST, LATENCY_THRESHOLD_MS, LATENCY_SETTINGS };

struct latency_bounds {
    const char *name;
    int64_t least;
    int64_t most;
};

extern const struct latency_bounds latency_settings[LATENCY_SETTINGS];
int64_t latency_get(const struct front *front, enum latency_setting setting);
/* An entry too many goes at once. */
void latency_set(struct front *front, enum latency_setting setting, int64_t number);

void latency_init(struct front *front);
void latency_release(struct front *front);
/* The answer's command is over. */
void latency_measure(struct answer *answer);

/* Entries as threads tell them to each other, the oldest first: sized { u64 id, u64 second, u64 us, sized name, sized
 * key, sized address, sized client name, sized phases }. */
void latency_tell_slow(const struct front *front, struct buffer *text);
void latency_forget_slow(struct front *front);
/* { sized name, u64 calls, u64 bucket * LATENCY_BUCKETS } */
void latency_tell_times(const struct front *front, struct buffer *text);
void latency_forget_times(struct front *front);
/* { u32 longest ms, then u64 second, u32 ms of each sample, oldest first } */
void latency_tell_samples(const struct front *front, struct buffer *text);
void latency_forget_samples(struct front *front);

#endif
