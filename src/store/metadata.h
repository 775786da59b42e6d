/* The few records about the node itself, in the leaf's metadata family, sealed like all records (store/seal.h):
 *
 *      "clean"             present only after a clean stop; the next start removes it: the number of the stop
 *      "clock" | shard     the bound that the shard's hybrid clock promised not to pass
 *      "fence" | shard     the greatest fence that the shard has put on what it sent (core/fence.h)
 *      "keysp" | shard     the table of keyspaces, where it isn't the configured one (core/keyspaces.h)
 *      "flush" | shard     the floor of the last flush (core/flush.h)
 *      "peers" | shard     what other members told of their stores (core/witness.h)
 *      "doubt" | shard     present while the shard may lack data: 1 any of it, 0 what was not synced
 *      "tree" | partition  present beside "clean" alone, and removed with it: the number of the stop, a hash tree
 *                          (core/kept_trees.h)
 *      "identity"          whose data this is: format, node, cluster
 *      "membership"        the membership log, as the node's first shard knows it, and more (core/roster.h)
 *      "promise"           what the node promised as an acceptor (core/consensus.h)
 *      "rolled back"       present once others have said so of this store (core/witness.h)
 *      "runs"              the processes that ran on this store (version/lineage.h)
 *
 * A shard and a partition are 2 bytes, big-endian; the clock's bound, the fence and the number of a stop 8,
 * little-endian. A tree that is damaged, or of another stop than "clean" tells, is as good as none; any other record
 * that is damaged keeps the node from starting. */
#ifndef GRAMME_STORE_METADATA_H
#define GRAMME_STORE_METADATA_H

#include "core/storage.h"
#include "store/seal.h"
#include "version/clock.h"

enum {
    METADATA_SHARD_KEY_BYTES = 7,
    METADATA_NUMBER_VALUE_BYTES = SEAL_BYTES + 8,
    METADATA_DOUBT_VALUE_BYTES = SEAL_BYTES + 1
};

struct metadata_number {
    uint8_t key[METADATA_SHARD_KEY_BYTES];
    uint8_t value[METADATA_NUMBER_VALUE_BYTES];
};

void metadata_clock_write(struct metadata_number *clock, uint32_t shard_index, struct hybrid_time bound);
void metadata_flush_write(struct metadata_number *flush, uint32_t shard_index, struct hybrid_time floor);
void metadata_fence_write(struct metadata_number *fence, uint32_t shard_index, uint64_t fence_number);

/* The key of a shard's table of keyspaces, and of what it witnessed; the values are sealed like all others. */
void metadata_keyspaces_key(uint8_t to[METADATA_SHARD_KEY_BYTES], uint32_t shard_index);
void metadata_witness_key(uint8_t to[METADATA_SHARD_KEY_BYTES], uint32_t shard_index);

static inline struct view metadata_membership_key(enum storage_membership which) {
    return which == STORAGE_MEMBERSHIP_LOG ? VIEW("membership") : VIEW("promise");
}

static inline struct view metadata_rolled_back_key(void) {
    return VIEW("rolled back");
}

struct metadata_doubt {
    uint8_t key[METADATA_SHARD_KEY_BYTES];
    uint8_t value[METADATA_DOUBT_VALUE_BYTES];
};

/* The key alone, to end a doubt; with the value that doubts all that the shard holds. */
void metadata_doubt_write(struct metadata_doubt *doubt, uint32_t shard_index);
void metadata_doubt_raise(struct metadata_doubt *doubt, uint32_t shard_index);

static inline struct view metadata_doubt_key(const struct metadata_doubt *doubt) {
    return view_of(doubt->key, sizeof(doubt->key));
}

static inline struct view metadata_number_key(const struct metadata_number *number) {
    return view_of(number->key, sizeof(number->key));
}

#endif
