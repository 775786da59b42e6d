#include "store/metadata.h"

#include "store/store.h"

#include "base/mutant.h"
#include "core/kept_trees.h"

enum {
    METADATA_FORMAT = 1,
    IDENTITY_BYTES = 1 + sizeof(struct node_id) + sizeof(struct cluster_id),
    TREE_KEY_BYTES = 6,
    TREES_BATCH_BYTES = 1024 * 1024, /* of trees that go down at once */
    HINTS_BATCH_BYTES = 1024 * 1024, /* of hints that are dropped at once */
};

/* Where a metadata record belongs is its key. */
static uint64_t place_of(struct view key) {
    return hash64(key, 0);
}

static void shard_key_write(uint8_t to[METADATA_SHARD_KEY_BYTES], const char name[6], uint32_t shard_index) {
    ENSURE(shard_index <= UINT16_MAX);
    memcpy(to, name, METADATA_SHARD_KEY_BYTES - 2);
    to[METADATA_SHARD_KEY_BYTES - 2] = (uint8_t)(shard_index >> 8);
    to[METADATA_SHARD_KEY_BYTES - 1] = (uint8_t)shard_index;
}

static void number_write(struct metadata_number *to, const char name[6], uint32_t shard_index, uint64_t number) {
    shard_key_write(to->key, name, shard_index);
    uint64_t value = htole64(number);
    seal_write(to->value, view_of(&value, sizeof(value)), place_of(metadata_number_key(to)));
}

void metadata_clock_write(struct metadata_number *clock, uint32_t shard_index, struct hybrid_time bound) {
    number_write(clock, "clock", shard_index, bound.value);
}

void metadata_fence_write(struct metadata_number *fence, uint32_t shard_index, uint64_t fence_number) {
    number_write(fence, "fence", shard_index, fence_number);
}

void metadata_flush_write(struct metadata_number *flush, uint32_t shard_index, struct hybrid_time floor) {
    number_write(flush, "flush", shard_index, floor.value);
}

void metadata_keyspaces_key(uint8_t to[METADATA_SHARD_KEY_BYTES], uint32_t shard_index) {
    shard_key_write(to, "keysp", shard_index);
}

void metadata_witness_key(uint8_t to[METADATA_SHARD_KEY_BYTES], uint32_t shard_index) {
    shard_key_write(to, "peers", shard_index);
}

void metadata_doubt_write(struct metadata_doubt *doubt, uint32_t shard_index) {
    shard_key_write(doubt->key, "doubt", shard_index);
}

void metadata_doubt_raise(struct metadata_doubt *doubt, uint32_t shard_index) {
    static const uint8_t all[1] = {1};
    metadata_doubt_write(doubt, shard_index);
    seal_write(doubt->value, view_of(all, sizeof(all)), place_of(metadata_doubt_key(doubt)));
}

static void put_sealed(struct leaf_batch *batch, struct view key, struct view record) {
    seal_write(leaf_batch_put_room(batch, LEAF_METADATA, key, SEAL_BYTES + record.size), record, place_of(key));
}

static struct view identity_write(uint8_t to[IDENTITY_BYTES], struct node_id node, struct cluster_id cluster) {
    to[0] = METADATA_FORMAT;
    memcpy(to + 1, node.bytes, sizeof(node.bytes));
    memcpy(to + 1 + sizeof(node.bytes), cluster.bytes, sizeof(cluster.bytes));
    return view_of(to, IDENTITY_BYTES);
}

struct survey {
    struct view identity; /* as it should be */
    struct store_birth birth;
    bool has_identity;
    bool has_anything;
    bool is_damaged;
    uint32_t witness_shards;   /* one more than the greatest that wrote down what others told */
    uint32_t doubtful_shards;  /* one more than the greatest that was in doubt */
    uint64_t stop;             /* the number of the clean one; 0: there was none, or a build that counts none */
    struct leaf_batch changes; /* that this start makes */
};

/* The latest that any shard remembered. */
static void survey_keyspaces(struct survey *survey, struct view record) {
    struct keyspace_table table;
    survey->is_damaged = survey->is_damaged || !keyspace_table_decode(record, &table);
    if (!survey->is_damaged && table.version > survey->birth.keyspaces.version) {
        survey->birth.keyspaces = table;
    }
}

/* The greatest that any shard remembered. */
static void survey_number(struct survey *survey, struct view key, struct view record) {
    struct store_birth *birth = &survey->birth;
    uint64_t *kept = view_starts_with(key, VIEW("fence"))   ? &birth->fence_floor
                     : view_starts_with(key, VIEW("clock")) ? &birth->clock_floor.value
                     : view_starts_with(key, VIEW("flush")) ? &birth->flush_floor.value
                                                            : NULL;
    if (kept == NULL) {
        return;
    }
    struct reader reader = reader_of(record);
    uint64_t number = read_u64(&reader);
    survey->is_damaged = survey->is_damaged || !reader_finished(&reader);
    *kept = number > *kept ? number : *kept;
}

/* Records that this build doesn't know are left alone: a later one may have written them. */
static bool survey_visit(void *self, struct view key, struct view value) {
    struct survey *survey = self;
    survey->has_anything = true;
    struct view record;
    if (!seal_open(value, place_of(key), &record)) {
        survey->is_damaged = true;
        return false;
    }
    if (view_equal(key, VIEW("identity"))) {
        survey->has_identity = true;
        survey->birth.is_foreign = !view_equal(record, survey->identity);
    } else if (view_equal(key, VIEW("clean"))) {
        struct reader reader = reader_of(record);
        survey->birth.was_clean = true;
        survey->stop = read_u64(&reader);
    } else if (key.size == METADATA_SHARD_KEY_BYTES && view_starts_with(key, VIEW("doubt"))) {
        uint32_t shard_index = (uint32_t)key.data[5] << 8 | key.data[6];
        survey->doubtful_shards = shard_index + 1 > survey->doubtful_shards ? shard_index + 1 : survey->doubtful_shards;
        survey->birth.doubts_all = survey->birth.doubts_all || (record.size > 0 && record.data[0] == 1);
    } else if (key.size == METADATA_SHARD_KEY_BYTES && view_starts_with(key, VIEW("keysp"))) {
        survey_keyspaces(survey, record);
    } else if (key.size == METADATA_SHARD_KEY_BYTES && view_starts_with(key, VIEW("peers"))) {
        uint32_t shard_index = (uint32_t)key.data[5] << 8 | key.data[6];
        survey->witness_shards = shard_index + 1 > survey->witness_shards ? shard_index + 1 : survey->witness_shards;
        buffer_append_view(&survey->birth.witnessed, record);
    } else if (view_equal(key, metadata_membership_key(STORAGE_MEMBERSHIP_LOG))) {
        buffer_append_view(&survey->birth.membership, record);
    } else if (view_equal(key, metadata_membership_key(STORAGE_MEMBERSHIP_PROMISE))) {
        buffer_append_view(&survey->birth.promise, record);
    } else if (view_equal(key, metadata_rolled_back_key())) {
        survey->birth.is_rolled_back = true;
    } else if (view_equal(key, VIEW("runs"))) {
        survey->is_damaged = survey->is_damaged || !lineage_decode(record, &survey->birth.lineage);
    } else if (key.size == METADATA_SHARD_KEY_BYTES) {
        survey_number(survey, key, record);
    }
    return true;
}

/* Whatever they are worth, they go. */
static bool tree_visit(void *self, struct view key, struct view value) {
    struct survey *survey = self;
    struct view record;
    survey->has_anything = true;
    if (key.size != TREE_KEY_BYTES) {
        return true;
    }
    if (!MUTANT(TREES_KEPT_STALE)) {
        leaf_batch_delete(&survey->changes, LEAF_METADATA, key);
    }
    if (!seal_open(value, place_of(key), &record)) {
        return true;
    }
    struct reader reader = reader_of(record);
    uint64_t stop = read_u64(&reader);
    if ((stop == survey->stop && stop != 0) || MUTANT(TREES_KEPT_STALE)) {
        uint16_t partition = (uint16_t)(key.data[TREE_KEY_BYTES - 2] << 8 | key.data[TREE_KEY_BYTES - 1]);
        struct kept_tree kept = {.partition = {partition}, .bytes = read_bytes(&reader, reader_left(&reader))};
        kept_trees_carry(&survey->birth.trees, &kept);
    }
    return true;
}

static bool object_visit(void *self, struct view key, struct view value) {
    (void)key;
    (void)value;
    struct survey *survey = self;
    survey->has_anything = true;
    return false;
}

/* Above every key there is: keys are at most 64 KiB of client's bytes behind a partition and a hash, and partitions end
 * below 0xffff. */
static struct view after_all_keys(void) {
    static const uint8_t last[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return view_of(last, sizeof(last));
}

static enum leaf_status scan_all(struct leaf_port *port, enum leaf_family family,
                                 bool (*visit)(void *self, struct view key, struct view value), void *self) {
    return port->operations->scan(port, family, view_of(NULL, 0), after_all_keys(), visit, self);
}

/* Trees apart, and after the rest: what is wrong with them does not matter. */
static bool look_at_metadata(struct leaf_port *port, struct survey *survey) {
    struct view first = VIEW("tree");
    struct view after = VIEW("tref");
    enum leaf_status status =
        port->operations->scan(port, LEAF_METADATA, view_of(NULL, 0), first, survey_visit, survey);
    if (status == LEAF_DONE) {
        status = port->operations->scan(port, LEAF_METADATA, after, after_all_keys(), survey_visit, survey);
    }
    if (status == LEAF_DONE &&
        port->operations->scan(port, LEAF_METADATA, first, after, tree_visit, survey) != LEAF_DONE) {
        buffer_release(&survey->birth.trees);
    }
    return status == LEAF_DONE && !survey->is_damaged;
}

/* Start-up and clean stop only: nothing else may be under way on the port. Empties the batch. */
static enum leaf_status submit_and_wait(struct leaf_port *port, struct leaf_batch *batch, enum durability durability) {
    enum leaf_status status = port->operations->submit(port, batch, durability, 0);
    if (status == LEAF_PENDING) {
        struct leaf_completion completion;
        bool completed = port->operations->wait(port) && port->operations->take(port, &completion);
        status = completed ? completion.status : LEAF_FAILED;
    }
    leaf_batch_clear(batch);
    return status;
}

/* A new store, and one that was new and is not filled yet, may lack anything; one that did not stop cleanly, what was
 * not synced. A doubt outlives clean stops, until every shard has settled its own. */
static void put_doubts(struct leaf_batch *batch, struct survey *survey, const struct store_opening *opening) {
    struct metadata_doubt doubt;
    struct store_birth *birth = &survey->birth;
    uint32_t shard_count = opening->shard_count;
    birth->doubts_all = birth->doubts_all || birth->is_new || opening->accepts_older_data;
    birth->doubts_unsynced = birth->doubts_all || survey->doubtful_shards > 0 || !birth->was_clean;
    for (uint32_t shard = 0; birth->doubts_unsynced && shard < shard_count; shard++) {
        uint8_t which = birth->doubts_all ? 1 : 0;
        metadata_doubt_write(&doubt, shard);
        put_sealed(batch, metadata_doubt_key(&doubt), view_of(&which, sizeof(which)));
    }
    for (uint32_t shard = shard_count; shard < survey->doubtful_shards; shard++) {
        metadata_doubt_write(&doubt, shard);
        leaf_batch_delete(batch, LEAF_METADATA, metadata_doubt_key(&doubt));
    }
}

static void put_lineage(struct survey *survey, const struct store_opening *opening) {
    struct buffer record;
    buffer_init(&record);
    if (opening->accepts_older_data) {
        survey->birth.lineage = (struct lineage){0}; /* it is another store from now on: nobody remembers more of it */
    }
    lineage_begin(&survey->birth.lineage, opening->run, survey->birth.clock_floor);
    lineage_encode(&record, &survey->birth.lineage);
    put_sealed(&survey->changes, VIEW("runs"), buffer_view(&record));
    buffer_release(&record);
}

/* Everything that the start changes is one batch. Trees of a clean stop count if nothing of the store is in doubt. */
static enum leaf_status make_birth(struct leaf_port *port, struct survey *survey, const struct store_opening *opening) {
    struct leaf_batch *changes = &survey->changes;
    if (survey->birth.is_foreign) {
        buffer_release(&survey->birth.trees);
        return LEAF_DONE;
    }
    if (survey->birth.is_new) {
        put_sealed(changes, VIEW("identity"), survey->identity);
    }
    if (survey->birth.is_rolled_back && opening->accepts_older_data) {
        survey->birth.is_rolled_back = false;
        leaf_batch_delete(changes, LEAF_METADATA, metadata_rolled_back_key());
    }
    put_lineage(survey, opening);
    put_doubts(changes, survey, opening);
    for (uint32_t shard = opening->shard_count; shard < survey->witness_shards; shard++) {
        uint8_t key[METADATA_SHARD_KEY_BYTES];
        metadata_witness_key(key, shard);
        leaf_batch_delete(changes, LEAF_METADATA, view_of(key, sizeof(key))); /* nobody would keep it up */
    }
    if (survey->birth.was_clean) {
        leaf_batch_delete(changes, LEAF_METADATA, VIEW("clean"));
    }
    if (survey->birth.doubts_unsynced && !MUTANT(TREES_KEPT_STALE)) {
        buffer_release(&survey->birth.trees);
    }
    return changes->count == 0 ? LEAF_DONE : submit_and_wait(port, changes, DURABILITY_SYNC);
}

static bool hint_visit(void *self, struct view key, struct view value) {
    struct leaf_batch *batch = self;
    (void)value;
    leaf_batch_delete(batch, LEAF_HINTS, key);
    return buffer_size(&batch->entries) < HINTS_BATCH_BYTES;
}

/* Hints of older data are of before fences that have passed since: their owners would refuse them for ever. What was
 * acknowledged of them went home in the history that the others remember. */
static enum leaf_status drop_hints(struct leaf_port *port) {
    struct leaf_batch batch;
    enum leaf_status status = LEAF_DONE;
    bool is_any = true;
    leaf_batch_init(&batch);
    while (status == LEAF_DONE && is_any) {
        status = scan_all(port, LEAF_HINTS, hint_visit, &batch);
        is_any = batch.count > 0;
        if (status == LEAF_DONE && is_any) {
            status = submit_and_wait(port, &batch, DURABILITY_SYNC);
        }
    }
    leaf_batch_release(&batch);
    return status;
}

static enum leaf_status survey_and_make(struct leaf_port *port, struct survey *survey,
                                        const struct store_opening *opening) {
    if (!look_at_metadata(port, survey)) {
        return LEAF_FAILED;
    }
    if (!survey->has_identity) {
        /* Empty is not valid: data whose owner is forgotten has lost its metadata, and isn't a new store. */
        if (scan_all(port, LEAF_OBJECTS, object_visit, survey) != LEAF_DONE || survey->has_anything) {
            return LEAF_FAILED;
        }
        survey->birth.is_new = true;
    }
    if (opening->accepts_older_data && !survey->birth.is_foreign && drop_hints(port) != LEAF_DONE) {
        return LEAF_FAILED;
    }
    return make_birth(port, survey, opening);
}

enum leaf_status store_open_metadata(struct leaf_port *port, const struct store_opening *opening,
                                     struct store_birth *ret_birth) {
    uint8_t identity[IDENTITY_BYTES];
    struct survey survey = {.identity = identity_write(identity, opening->node, opening->cluster)};
    leaf_batch_init(&survey.changes);
    buffer_init(&survey.birth.witnessed);
    buffer_init(&survey.birth.trees);
    buffer_init(&survey.birth.membership);
    buffer_init(&survey.birth.promise);
    enum leaf_status status = survey_and_make(port, &survey, opening);
    leaf_batch_release(&survey.changes);
    if (status == LEAF_DONE) {
        *ret_birth = survey.birth;
    } else {
        store_birth_release(&survey.birth);
    }
    return status;
}

void store_birth_release(struct store_birth *birth) {
    buffer_release(&birth->witnessed);
    buffer_release(&birth->trees);
    buffer_release(&birth->membership);
    buffer_release(&birth->promise);
}

static void put_tree(struct leaf_batch *batch, uint64_t stop, const struct kept_tree *kept) {
    uint8_t key[TREE_KEY_BYTES] = {
        't', 'r', 'e', 'e', (uint8_t)(kept->partition.value >> 8), (uint8_t)kept->partition.value};
    struct buffer record;
    buffer_init(&record);
    write_u64(&record, stop);
    write_bytes(&record, kept->bytes);
    put_sealed(batch, view_of(key, sizeof(key)), buffer_view(&record));
    buffer_release(&record);
}

/* The mark is in the last batch: it is durable only if all trees are, and all that was written before them. */
enum leaf_status store_mark_clean_stop(struct leaf_port *port, uint64_t stop, struct view trees) {
    struct leaf_batch batch;
    struct reader list = reader_of(trees);
    struct kept_tree kept;
    enum leaf_status status = LEAF_DONE;
    uint64_t number = htole64(stop);
    ENSURE(stop != 0);
    leaf_batch_init(&batch);
    while (status == LEAF_DONE && kept_trees_next(&list, &kept)) {
        put_tree(&batch, stop, &kept);
        if (buffer_size(&batch.entries) >= TREES_BATCH_BYTES) {
            status = submit_and_wait(port, &batch, DURABILITY_NONE);
        }
    }
    if (status == LEAF_DONE) {
        put_sealed(&batch, VIEW("clean"), view_of(&number, sizeof(number)));
        status = submit_and_wait(port, &batch, DURABILITY_SYNC);
    }
    leaf_batch_release(&batch);
    return status;
}
