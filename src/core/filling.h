/* Filling: how an owner that has nothing of a partition, or little, gets what another owner has: range by range, in the
 * order of places, as fast as it can store them and no faster.
 *
 *      has little                                          has it
 *      FILL: from this place on                      --->  scans
 *                                                    <---  PARCEL: these objects, and where to go on
 *      merges them, waits until they are durable,
 *      rests for as long as the load here asks
 *      FILL: from there on                           --->
 *      ... the end: what it still lacks, exchange finds
 *
 * One parcel is under way to a shard, of one partition after the other. Its own hash tree is the cursor: it begins at
 * the first segment of which it has nothing, so that after a restart it goes on about where it was.
 *
 * Nothing rests on it. It is how bytes travel once, and no more often; that a replica has all that others have it knows
 * from meeting them (core/exchange.h), and a parcel that is lost is one more difference. While a partition is being
 * filled it is compared with nobody's. */
#ifndef GRAMME_CORE_FILLING_H
#define GRAMME_CORE_FILLING_H

#include "base/compress.h"
#include "base/list.h"
#include "base/pool.h"
#include "core/alarm.h"
#include "core/storage.h"
#include "ring/ring.h"
#include "wire/filling_message.h"

struct shard;
struct source;

enum {
    FILLING_TOKEN = 9, /* of writes: in the upper byte, the number of the pull below */
    FILLING_TOKEN_BITS = 56,
    FILLING_PATIENCE_MS = 3000, /* for a parcel; then the partition is left to exchange */
    FILLING_SCAN_BYTES = 64 * 1024,
    FILLING_SCAN_RECORDS = 64,   /* of small ones, about: what is merged in one turn delays what comes after */
    FILLING_REQUESTS_MOST = 256, /* that wait here to be served */
    FILLING_JUDGED_MS = 2000, /* after a start nobody is served: time for those who remember to say that this store was
                                 rolled back (core/witness.h). Found by a seed. */
};

/* What this owner wants of a partition. */
enum filling_state { FILLING_NOTHING, FILLING_WANTED, FILLING_OVER };

/* What is being got. */
struct pull {
    uint64_t number; /* 0: nothing */
    struct member_index peer;
    struct partition partition;
    uint64_t place; /* everything below has come */
    bool is_end;
    bool is_storing; /* a parcel's objects are on their way to the disk */
    struct instant asked;
    struct alarm rest; /* before the next parcel is asked for */
};

struct filling {
    uint8_t *states;              /* by partition */
    struct member_index *sources; /* by partition: that is to fill it; this node itself: any */
    uint32_t wanted;              /* partitions */
    uint32_t next;                /* partition to look at first */
    struct pull pull;
    struct buffer unpacked;
    struct compressor compressor;
    /* For others */
    struct list requests; /* that wait to be served */
    uint32_t request_count;
    struct pool request_pool;
    bool is_scanning;  /* the first one's answer is owed by storage */
    struct alarm rest; /* before the next one is served */
    struct instant began;
    struct buffer list; /* of one parcel */
    uint64_t objects_sent, bytes_sent;
};

void filling_init(struct shard *shard);
void filling_release(struct shard *shard);
/* Owners are others now: whatever was wanted is so no more. */
void filling_adopt(struct shard *shard);
void filling_beat(struct shard *shard);
void filling_on_rest(struct shard *shard);

/* A new owner's partition is to be filled, by any owner that reads ask; once in a version of the ring, and not while
 * its tree isn't known. */
void filling_begin(struct shard *shard, struct partition partition);
/* That peer has much that is not here. False: nothing is lacking as a whole; the two are to compare keys. */
bool filling_begin_from(struct shard *shard, struct partition partition, struct member_index peer);
/* It is not to be compared now. */
bool filling_is_wanted(const struct shard *shard, struct partition partition);
/* Nothing is being filled. */
static inline bool filling_is_idle(const struct filling *filling) {
    return filling->wanted == 0;
}

/* All of wire/filling_message.h. */
void filling_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
void filling_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                        uint32_t count, bool is_end, uint64_t next_hash);
static inline bool token_is_of_filling(uint64_t token) {
    return token >> FILLING_TOKEN_BITS == FILLING_TOKEN;
}
void filling_on_durable(struct shard *shard, uint64_t token);

/* ---- between filling's own files ---- */

void filling_server_init(struct shard *shard);
void filling_server_release(struct shard *shard);
void filling_on_fill(struct shard *shard, const struct source *source, struct view body);
void filling_serve(struct shard *shard);

#endif
