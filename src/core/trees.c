#include "core/trees.h"

#include "base/mutant.h"
#include "core/kept_trees.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"

static void set_state(struct trees *trees, uint32_t partition, enum tree_state state) {
    bool was_known = trees->states[partition] != TREE_IN_DOUBT;
    trees->turns += was_known != (state != TREE_IN_DOUBT) ? 1 : 0;
    trees->count[trees->states[partition]]--;
    trees->states[partition] = state;
    trees->count[state]++;
}

static struct kept_tree_shape shape(const struct shard *shard) {
    return (struct kept_tree_shape){.seed = shard->options.place_seed,
                                    .partition_count = ring_partition_count(shard->ring)};
}

/* Those of the last stop that are this shard's to own. */
static void take_kept(struct shard *shard) {
    struct trees *trees = &shard->trees;
    struct reader list = reader_of(shard->options.kept_trees);
    struct kept_tree kept;
    while (kept_trees_next(&list, &kept)) {
        uint32_t index = kept.partition.value;
        bool is_ours = index < ring_partition_count(shard->ring) && trees->of[index] != NULL;
        if (is_ours && kept_tree_open(kept.bytes, shape(shard), trees->of[index])) {
            set_state(trees, index, TREE_KEPT);
        }
    }
    trees->kept = trees->count[TREE_KEPT];
    shard->options.kept_trees = (struct view){0}; /* lent for the start alone */
}

void trees_hold(struct shard *shard, struct partition partition) {
    struct trees *trees = &shard->trees;
    struct hash_tree **tree = &trees->of[partition.value];
    if (*tree != NULL) {
        return; /* a former owner comes back */
    }
    if (trees->room[partition.value] == NULL) {
        trees->room[partition.value] = ARENA_ARRAY(&shard->permanent, struct hash_tree, 1);
    }
    *tree = trees->room[partition.value];
    memset(*tree, 0, sizeof(**tree));
    trees->states[partition.value] = TREE_IN_DOUBT;
    trees->count[TREE_IN_DOUBT]++;
    trees->owned++;
}

void trees_let_go(struct shard *shard, struct partition partition) {
    struct trees *trees = &shard->trees;
    if (trees->of[partition.value] == NULL) {
        return;
    }
    trees_doubt(shard, partition);
    trees->count[TREE_IN_DOUBT]--;
    trees->owned--;
    trees->of[partition.value] = NULL;
}

void trees_init(struct shard *shard) {
    struct trees *trees = &shard->trees;
    uint32_t partitions = ring_partition_count(shard->ring);
    trees->of = ARENA_ARRAY(&shard->permanent, struct hash_tree *, partitions);
    trees->states = ARENA_ARRAY(&shard->permanent, enum tree_state, partitions);
    trees->changed = ARENA_ARRAY(&shard->permanent, struct instant, partitions);
    memset(trees->changed, 0, sizeof(*trees->changed) * partitions);
    trees->room = ARENA_ARRAY(&shard->permanent, struct hash_tree *, partitions);
    for (uint32_t index = 0; index < partitions; index++) {
        trees->of[index] = NULL;
        trees->room[index] = NULL;
        trees->states[index] = TREE_IN_DOUBT;
        if (replica_family(shard, (struct partition){(uint16_t)index}) == STORAGE_OBJECTS) {
            trees_hold(shard, (struct partition){(uint16_t)index});
        }
    }
    take_kept(shard);
    /* Nodes that start together do not scan the same partitions at the same time. */
    trees->building = (uint32_t)rng_below(&shard->rng, partitions);
}

uint64_t trees_place(const struct shard *shard, struct view key) {
    return hash64(key, shard->options.place_seed);
}

const struct hash_tree *trees_known(const struct shard *shard, struct partition partition) {
    return shard->trees.states[partition.value] != TREE_IN_DOUBT ? shard->trees.of[partition.value] : NULL;
}

void shard_keep_trees(const struct shard *shard, struct buffer *list) {
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        if (trees_known(shard, partition) != NULL) {
            kept_trees_add(list, shape(shard), partition, shard->trees.of[index]);
        }
    }
}

struct digest trees_entry(const struct shard *shard, struct view key, struct view object_bytes) {
    return object_bytes.size == 0 ? (struct digest){0, 0}
                                  : hash_tree_entry(shard->options.place_seed, key, object_bytes);
}

static void apply(struct hash_tree *tree, uint64_t place, const struct tree_change *change) {
    hash_tree_subtract(tree, place, change->before);
    hash_tree_add(tree, place, change->after);
    tree->keys += (uint64_t)change->is_key - (uint64_t)change->was_key;
}

void trees_changed(struct shard *shard, struct partition partition, struct view key, const struct tree_change *change) {
    struct trees *trees = &shard->trees;
    uint64_t place = trees_place(shard, key);
    trees->changed[partition.value] = shard_now(shard);
    bool is_frozen = MUTANT(TREES_KEPT_FROZEN) && trees->states[partition.value] == TREE_KEPT;
    if (trees->states[partition.value] != TREE_IN_DOUBT && !is_frozen) {
        apply(trees->of[partition.value], place, change);
    }
    bool is_behind = trees->is_building && trees->building == partition.value && place < trees->cursor;
    if (is_behind && !MUTANT(TREE_IGNORES_WRITES)) {
        apply(&trees->next, place, change);
    }
}

void trees_doubt(struct shard *shard, struct partition partition) {
    struct trees *trees = &shard->trees;
    set_state(trees, partition.value, TREE_IN_DOUBT);
    if (trees->is_building && trees->building == partition.value) {
        trees->is_building = false; /* and what a scan under way will tell is of no use */
    }
}

/* ---- building and scrubbing ---- */

/* The next partition that is to be scanned, from the one behind the last: those in doubt first, then those that nobody
 * has read since the start, then, when it is time, the next in turn. */
static bool choose_partition(struct shard *shard) {
    struct trees *trees = &shard->trees;
    uint32_t partitions = ring_partition_count(shard->ring);
    enum tree_state wanted = trees->count[TREE_IN_DOUBT] > 0 ? TREE_IN_DOUBT
                             : trees->count[TREE_KEPT] > 0   ? TREE_KEPT
                                                             : TREE_BUILT;
    if (trees->owned == 0 || (wanted == TREE_BUILT && shard_now(shard).ns < trees->scrub_due.ns)) {
        return false;
    }
    do {
        trees->building = (trees->building + 1) % partitions;
    } while (trees->of[trees->building] == NULL || trees->states[trees->building] != wanted);
    trees->scrub_due = instant_after_ms(shard_now(shard), shard->options.scrub_period_ms / trees->owned);
    memset(&trees->next, 0, sizeof(trees->next));
    trees->cursor = 0;
    trees->is_building = true;
    return true;
}

static void scan_on(struct shard *shard) {
    struct trees *trees = &shard->trees;
    struct storage *storage = &shard->options.storage;
    if (trees->is_scanning || trees->scans_left == 0 || (!trees->is_building && !choose_partition(shard))) {
        return;
    }
    trees->scans_left--;
    enum storage_status status =
        storage->scan(storage->self, STORAGE_OBJECTS, (struct partition){(uint16_t)trees->building}, trees->cursor,
                      UINT64_MAX, shard->options.scan_records, TREE_SCAN_BYTES, scan_token(SCAN_TREES, 0));
    trees->is_scanning = status == STORAGE_PENDING;
}

void trees_beat(struct shard *shard) {
    bool has_unread = shard->trees.count[TREE_BUILT] < shard->trees.owned;
    shard->trees.scans_left = load_share(shard, has_unread ? TREE_SCANS_A_BEAT : 1);
    scan_on(shard);
}

static void scan_ended(struct shard *shard) {
    struct trees *trees = &shard->trees;
    struct hash_tree *tree = trees->of[trees->building];
    trees->is_building = false;
    bool is_first = trees->states[trees->building] == TREE_IN_DOUBT;
    bool is_same = is_first || memcmp(tree, &trees->next, sizeof(*tree)) == 0;
    set_state(trees, trees->building, TREE_BUILT);
    if (is_first) {
        trees->built++;
        *tree = trees->next;
    } else {
        trees->scrubbed++;
    }
    if (!is_same) {
        struct partition partition = {(uint16_t)trees->building};
        trees->divergences++;
        shard_trace_peer(shard, TRACE_TREE_DIVERGED, shard->self, "a partition's data is not what was written");
        replica_lost(shard, partition);
        replica_write_again(shard, partition);
        trees_doubt(shard, partition);
    }
}

/* Memory may still have what the disk lost. */
static void mend_from_memory(struct shard *shard, const struct storage_scanned *records, uint32_t count) {
    bool is_bad = false;
    for (uint32_t index = 0; index < count; index++) {
        is_bad = is_bad || records[index].is_bad_on_disk;
    }
    if (is_bad) {
        replica_write_again(shard, (struct partition){(uint16_t)shard->trees.building});
    }
}

/* False when there were any: then the partition is in doubt, and its tree to be built from what is left. */
static bool discard_damaged(struct shard *shard, const struct storage_scanned *records, uint32_t count) {
    struct partition partition = {(uint16_t)shard->trees.building};
    bool is_whole = true;
    for (uint32_t index = 0; index < count; index++) {
        if (records[index].status == STORAGE_DAMAGED && !MUTANT(ERROR_IS_ABSENCE)) {
            replica_discard(shard, STORAGE_OBJECTS, partition, arena_copy(&shard->scratch, records[index].key));
            is_whole = false;
        }
    }
    return is_whole;
}

static bool is_key(struct shard *shard, struct view object_bytes) {
    struct object object;
    return object_decode(object_bytes, &shard->scratch, &object) && object_is_key(&object);
}

void trees_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                      uint32_t count, bool is_end, uint64_t next_hash) {
    struct trees *trees = &shard->trees;
    trees->is_scanning = false;
    if (status == STORAGE_ERROR) {
        trees->is_building = false; /* begins anew; a store that has failed says so itself */
        return;
    }
    if (!trees->is_building || !discard_damaged(shard, records, count)) {
        scan_on(shard);
        return;
    }
    for (uint32_t index = 0; index < count; index++) {
        const struct storage_scanned *at = &records[index];
        struct record record;
        if (at->status != STORAGE_FOUND || !record_decode(at->record, &record)) {
            continue; /* as if it were not there: the others' trees say what belongs here */
        }
        hash_tree_add(&trees->next, at->hash, hash_tree_entry(shard->options.place_seed, at->key, record.object_bytes));
        trees->next.keys += is_key(shard, record.object_bytes) ? 1 : 0;
    }
    trees->cursor = next_hash;
    mend_from_memory(shard, records, count);
    if (is_end) {
        scan_ended(shard);
    }
    scan_on(shard);
}
