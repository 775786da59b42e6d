/* Gives back the space of what a flush made go (core/flush.h): a pass over all that this shard holds, which drops the
 * records that have nothing above the floor and writes the others without what is below it. What comes up from the
 * store is looked at each time all the same: memory may have what a damaged disk doesn't show to a scan. (Found by a
 * seed.) */
#include "core/flush.h"

#include "core/hints.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"

static void scan_on(struct shard *shard) {
    struct flush *flush = &shard->flush;
    struct storage *storage = &shard->options.storage;
    uint32_t partitions = ring_partition_count(shard->ring);
    while (flush->sweeping < partitions &&
           shard_of_partition(shard, (struct partition){(uint16_t)flush->sweeping}) != shard->options.shard_index) {
        flush->sweeping++;
    }
    if (flush->sweeping == partitions) {
        flush->is_swept = true;
        return;
    }
    struct partition partition = {(uint16_t)flush->sweeping};
    flush->scans_left--;
    enum storage_status status =
        storage->scan(storage->self, replica_family(shard, partition), partition, flush->next_hash, UINT64_MAX,
                      shard->options.scan_records, FLUSH_SCAN_BYTES, scan_token(SCAN_FLUSH, 0));
    flush->is_scanning = status == STORAGE_PENDING;
}

void flush_sweep_again(struct shard *shard) {
    struct flush *flush = &shard->flush;
    flush->is_swept = false;
    flush->is_stale = flush->is_scanning;
    flush->sweeping = 0;
    flush->next_hash = 0;
}

void flush_beat(struct shard *shard) {
    struct flush *flush = &shard->flush;
    flush_keep_floor(shard);
    if (flush->asked > 0 && !flush_is_asked(shard)) {
        flush->asked = 0; /* who asked has given up */
        coordinator_stamps_again(shard);
    }
    flush->scans_left = load_share(shard, FLUSH_SCANS_A_BEAT);
    if (flush_is_under_way(flush) && !flush->is_scanning) {
        scan_on(shard);
    }
}

/* Those that go, in this step: the views of the others stay as they are. */
static bool sweep_record(struct shard *shard, struct partition partition, const struct storage_scanned *scanned) {
    if (scanned->status != STORAGE_FOUND) {
        return true; /* damaged: the scrub sees to it */
    }
    struct view key = arena_copy(&shard->scratch, scanned->key);
    return replica_drop_flushed(shard, replica_family(shard, partition), partition, key, scanned->record);
}

void flush_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                      uint32_t count, bool is_end, uint64_t next_hash) {
    struct flush *flush = &shard->flush;
    struct partition partition = {(uint16_t)flush->sweeping};
    bool is_stale = flush->is_stale;
    flush->is_scanning = false;
    flush->is_stale = false;
    if (status == STORAGE_ERROR || is_stale) {
        return; /* the next beat goes on */
    }
    for (uint32_t index = 0; index < count; index++) {
        if (!sweep_record(shard, partition, &records[index])) {
            return; /* the store takes nothing just now: the same again */
        }
    }
    flush->next_hash = is_end ? 0 : next_hash;
    flush->sweeping += is_end ? 1 : 0;
    if (flush->scans_left > 0) {
        scan_on(shard);
    }
}
