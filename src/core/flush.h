/* FLUSHALL: everything that was written is gone, everywhere, for good; what is written from now on stays.
 *
 * A flush is a time, the *floor*: what was stamped at or below it is gone. Each shard keeps the greatest floor it knows
 * of and shows, takes and sends nothing from below it, so nothing old comes back, however long it lay in a socket, a
 * hint or a node that was away; a sweep gives its space back. Who asks:
 *
 *      ASK   every shard of every member  --> TIME  the greatest time that it has issued or merged
 *      HOLD  the greatest of those        --> HELD  its clock is beyond that, durably: what it stamps from now on stays
 *      DO    all hold                     --> DONE  the floor is durable here
 *
 * A flush needs every member, or it is refused before anything is done: a member that had not heard of it would stamp
 * below the floor and lose what it acknowledged. Until DO nothing has happened. After the first DO the floor spreads by
 * itself, with greetings and the words of fences, so a flush that lost its asker is in doubt, but never half done.
 *
 * What is stamped lies above the floor that its shard keeps, too: a store that was wiped, and hears of the floor again,
 * has forgotten that it held it.
 *
 * A counter's sum (version/counter.h) contains what its actor added before, so one above the floor must contain nothing
 * from below. From ASK to HOLD, when no shard knows the floor yet, additions wait; from then on they begin with new
 * actors; and a floor is not held that lies below an addition which went on.
 *
 * What holds: a floor that anybody keeps was held by all before, so no write that began after a flush was answered (or
 * given up) lies below it; and all that was acknowledged before a flush began does, unless it was stamped more than a
 * minute ahead of all clocks. An object that has no value above the floor has no event there either, since each event's
 * time is above all that it replaces: it is as if it had never been. (The paper has no flush; a tombstone for each key
 * would be one, but neither at once nor for keys that lie elsewhere.) */
#ifndef GRAMME_CORE_FLUSH_H
#define GRAMME_CORE_FLUSH_H

#include "core/everyone.h"
#include "core/storage.h"
#include "version/clock.h"
#include "version/object.h"

struct copy;
struct shard;
struct source;

enum {
    FLUSH_SCANS_A_BEAT = 32,
    FLUSH_ASKED_MS = 1000,
    FLUSH_SCAN_BYTES = 1024 * 1024,
    FLUSH_FLOOR_TOKEN = 4, /* of a write: tokens of others are addresses */
};

struct flush {
    struct hybrid_time floor;   /* 0: there was no flush */
    struct hybrid_time told;    /* to the last who asked, or held: what a flush takes may lie as high as this */
    struct hybrid_time carried; /* of the latest addition whose sum contains earlier ones, or of this shard's start */
    uint32_t asked;             /* so many were told a time, and have not named their floor yet, ... */
    struct instant asked_until; /* ... and until then additions wait for them */
    struct hybrid_time durable;
    struct hybrid_time wanted;                      /* on its way to the disk; 0: nothing is */
    struct everyone_debt held[EVERYONE_PARTS_MOST]; /* HOLDs, to be answered when the clock's bound is beyond them */
    struct everyone_debt done[EVERYONE_PARTS_MOST]; /* DOs, when the floor is durable */
    uint64_t flushes;

    /* The sweep: of what was there when the floor rose. */
    bool is_swept;
    uint32_t sweeping; /* partition */
    uint64_t next_hash;
    bool is_scanning; /* storage owes an answer */
    bool is_stale;    /* ... for an earlier floor */
    uint32_t scans_left;
    uint64_t dropped; /* records */
};

void flush_init(struct shard *shard);
/* OPERATION_FLUSH, at the node's first shard. */
void flush_begin(struct shard *shard, const struct operation *operation, const struct origin *origin);
/* A question to this shard, and all answers to one that its node asked (core/everyone.h). */
void flush_asked(struct shard *shard, enum question question, uint64_t id, struct hybrid_time time);
void flush_all_answered(struct shard *shard, enum question question, struct hybrid_time time);
void flush_beat(struct shard *shard);
/* Somebody keeps that floor, so all members held it. */
void flush_hear(struct shard *shard, struct hybrid_time floor);
void flush_keep_floor(struct shard *shard);
void flush_on_durable(struct shard *shard, bool is_durable);
/* The clock's bound was extended. */
void flush_clock_extended(struct shard *shard);
void flush_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                      uint32_t count, bool is_end, uint64_t next_hash);

/* Something was written that the sweep has not seen: what memory had and the disk had lost. */
void flush_sweep_again(struct shard *shard);

/* What is left of the object above the floor; false when nothing is. */
bool flush_leaves(struct shard *shard, const struct object *object, struct object *ret_object);
/* The same of an encoded one, as far as its greatest time tells: true also for one of which some values are gone. */
bool flush_leaves_bytes(const struct shard *shard, struct view object_bytes);
/* Of what lies in the store some values may be below the floor, and others above it. */
static inline bool flush_is_under_way(const struct flush *flush) {
    return flush->floor.value != 0 && !flush->is_swept;
}

/* An addition has to wait: it cannot be known yet whether what it goes on from will be flushed. */
bool flush_is_asked(const struct shard *shard);
/* An addition was stamped whose sum contains those before it. */
void flush_sum_carried(struct shard *shard, struct hybrid_time time);
/* The value may be below the floor of a flush that is under way, or was: what goes on from it must not be above. */
static inline bool flush_may_take(const struct flush *flush, const struct value *value) {
    return value->time.value <= flush->told.value;
}

#endif
