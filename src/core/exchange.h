/* Exchange: anti-entropy between the owners of a partition (Dynamo, section 4.7), so that replicas become equal without
 * anybody reading. Of each pair of nodes one begins, every exchange_period_ms, and soon again while it finds
 * differences:
 *
 *      beginner                                     other
 *      SUMMARY: all roots, as one digest      --->
 *      the same? ALL SAME, and done           <---  SUMMARY ANSWER: its own
 *      ROOTS of all partitions that both own  --->  the same? then done (and SAME, to one that asked)
 *                                             <---  TREE of some that are not
 *      the segments that differ: scanned
 *      KEYS with a hash of each object        --->  the same range scanned, compared
 *      merged                                 <---  repairs: its objects that the beginner lacks, or has others of
 *                                             <---  WANT: keys the other way round
 *      scanned again: repairs                 --->  merged
 *
 * Where one end lacks much of a partition there is nothing to compare: it fills itself (core/filling.h). If it is the
 * other that does, it gets the tree to see it.
 *
 * Each message stands alone, so nothing has to be undone when one is lost: what still differs is found in the next
 * round. Scans wait in a bounded queue, one at a time, and stop for the rest of a heartbeat once its bytes are used up;
 * trees in doubt take no part. What holds: a repair is merged, never written over, and goes from one replica to another
 * of the same partition. */
#ifndef GRAMME_CORE_EXCHANGE_H
#define GRAMME_CORE_EXCHANGE_H

#include "base/list.h"
#include "base/pool.h"
#include "core/lane.h"
#include "core/trees.h"
#include "wire/exchange_message.h"

enum {
    EXCHANGE_FIRST_ROUNDS = 40,  /* after a start come sooner, while this node has not met all owners ... */
    EXCHANGE_FIRST_DIVISOR = 8,  /* ... by so much */
    EXCHANGE_QUIET_MS = 500,     /* not written for so long: what differs is not just under way ... */
    EXCHANGE_BUSY_MS = 60000,    /* ... or it was not found equal for so long */
    EXCHANGE_STALLED_MOST = 4,   /* stalled rounds in a row; after them there is no hurry */
    EXCHANGE_HURRY_MS = 150,     /* until the next round, while differences are found */
    EXCHANGE_TREES_A_ROUND = 32, /* that are sent for one ROOTS */
    EXCHANGE_SEGMENTS_APART = 8, /* that differ and are compared one by one; of more, the range that has them all */
    EXCHANGE_JOBS_MOST = 4096,   /* ranges that wait to be scanned */
    EXCHANGE_SCAN_BYTES = 4 * 1024 * 1024,
    EXCHANGE_BYTES_A_BEAT = 4 * 1024 * 1024, /* sent by a shard in a heartbeat, or a little more */
};

struct exchange {
    struct instant next_round;
    uint32_t trees_differing; /* in this round */
    uint32_t trees_before;    /* in the one before */
    uint32_t stalled_rounds;  /* in a row that found no fewer: what no repair can mend, or busy keys */
    struct list jobs;
    uint32_t job_count;
    struct pool job_pool;
    struct buffer wants;  /* of one comparison */
    bool is_scanning;     /* the first job's answer is owed by storage */
    uint64_t bytes_left;  /* in this heartbeat */
    struct instant *met;  /* by partition: when the roots last were the same as every other owner's; 0: not yet */
    uint8_t *met_with;    /* by partition: bit i: the same as the i-th owner's, since the process began */
    uint32_t met_count;   /* of the partitions that this shard holds */
    uint32_t losses;      /* answers to what was sent before the last one say nothing */
    uint64_t young_until; /* round: with more than this one behind it, this shard waits out its period */
    bool has_lost;        /* since the process began: a doubt to settle */
    uint64_t rounds, trees_sent, keys_compared, repairs_sent, bytes_sent, dropped;
};

void exchange_init(struct shard *shard);
void exchange_release(struct shard *shard);

/* The partition's role changed; `is_filled`: it holds all that reads need from now on. */
void exchange_adopt(struct shard *shard, struct partition partition, bool is_filled);
/* Fewer partitions are held than before: perhaps all that are left were met. */
void exchange_check_doubt(struct shard *shard);
/* What others said of their data until now does not count. */
void exchange_ask_anew(struct shard *shard);
/* There is something to meet about: rounds follow each other soon for a while. */
void exchange_hurry(struct shard *shard);
/* Of a record that was scanned; false when it is damaged, or flushed: as if it were not there. */
bool exchange_object(const struct shard *shard, const struct storage_scanned *scanned, struct view *ret_object);

void exchange_beat(struct shard *shard);
/* All of wire/exchange_message.h. */
void exchange_on_message(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
void exchange_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                         uint32_t count, bool is_end, uint64_t next_hash);

/* ---- between the exchange's own files ---- */

/* A message took so much of the heartbeat's budget. */
void exchange_spend(struct shard *shard, uint64_t bytes);
void exchange_begin_round(struct shard *shard);
void exchange_send_tree(struct shard *shard, struct member_index peer, struct partition partition);
/* An only owner has nobody to meet. */
void exchange_meet_nobody(struct shard *shard);
/* Both own it, and its tree is known here. */
bool exchange_is_comparable(const struct shard *shard, struct member_index peer, struct partition partition);
void exchange_on_summary(struct shard *shard, const struct source *source, enum exchange_message_kind kind,
                         struct view body);
void exchange_on_roots(struct shard *shard, struct member_index peer, struct view body);
void exchange_on_same(struct shard *shard, struct member_index peer, struct view body);

/* ---- for others ---- */

/* This replica lost some of the partition: nothing that was found equal before counts. */
void exchange_forget_meetings(struct shard *shard, struct partition partition);
/* The roots were the same as every other owner's at some time since the process began: what they had then is here. */
bool exchange_has_met_all(const struct shard *shard, struct partition partition);
/* Owned partitions whose roots were the same as those of every other owner at some time since the process began. */
uint32_t exchange_met_count(const struct shard *shard);

#endif
