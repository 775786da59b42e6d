/* The keys that this node shows: SCAN, KEYS, DBSIZE and RANDOMKEY.
 *
 * A node shows the keys of the partitions of which it is the first owner in reach, those for which CLUSTER SLOTS names
 * it. So whoever asks each of these nodes, as clients of Redis Cluster do, is told of each key once. It shows what its
 * own copy has, and refuses while that may lack something.
 *
 * A cursor names a place: which shard, which partition, and the upper bits of the key's place in it. It needs no memory
 * of who began, and may be used again, at any time. A key that is there from the first call to the last is told, as
 * long as the same nodes are in reach; one that came or went meanwhile may be; one may be told twice, where the disk
 * was so slow that an answer ended within a partition. It has 53 bits, since clients in JavaScript make a number of
 * it.
 *
 *      ask --> next partition that is shown --> storage's scan --> its keys --> enough, or late, or the shard's end -->
 * answer ^                                |
 *                 +--------------------------------+
 *
 * Counts need no scan where the hash tree of the partition is known and no flush is being swept. */
#ifndef GRAMME_CORE_LISTING_H
#define GRAMME_CORE_LISTING_H

#include "core/router.h"
#include "core/storage.h"

struct shard;

enum {
    LISTING_CURSOR_BITS = 53,
    LISTING_SHARD_BITS = 6,
    LISTING_SCANS_MOST = 512, /* storage's, for one answer */
    LISTING_SCAN_RECORDS = 64,
    LISTING_SCAN_BYTES = 256 * 1024,
    LISTING_BYTES_MOST = 256 * 1024, /* of keys in one answer; the last scan may go beyond */
    LISTING_LATE_MS = 500,
};

struct listing {
    struct list requests;
    struct pool request_pool;
    uint64_t next_id;
};

void listing_init(struct shard *shard);
void listing_release(struct shard *shard);

/* The shard of this node that an OPERATION_LIST goes to. */
uint32_t listing_shard(const struct shard *shard, const struct operation *operation);
void listing_begin(struct shard *shard, const struct operation *operation, const struct origin *origin);
void listing_on_scanned(struct shard *shard, uint64_t id, enum storage_status status,
                        const struct storage_scanned *records, uint32_t count, bool is_end, uint64_t next_place);
void listing_on_late(struct shard *shard, struct alarm *alarm);

#endif
