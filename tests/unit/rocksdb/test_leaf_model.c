/* The RocksDB leaf against the memory leaf: random batches to both, through restarts and flushes, the same answers to
 * every get and every scan. Whatever the simulator proves above the memory leaf then holds above this one. */
#include "folder.h"

#include "store/memory_leaf.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { KEYS = 300, STEPS = 4000, VALUE_BYTES_MOST = 20000 };

struct pair {
    struct rng rng;
    struct folder folder;
    struct rocksdb_leaf *disk;
    struct leaf_port *disk_port;
    struct memory_leaf *memory;
    struct leaf_port *memory_port;
    uint64_t token;
};

static void open_disk(struct pair *pair) {
    pair->disk = leaf_open(&pair->folder);
    pair->disk_port = rocksdb_leaf_open_port(pair->disk, NULL, NULL);
}

static void close_disk(struct pair *pair) {
    rocksdb_leaf_close_port(pair->disk_port);
    assert_true(rocksdb_leaf_close(pair->disk));
}

/* Keys that are prefixes of each other, with zeros and high bytes. */
static struct view random_key(struct rng *rng, uint8_t to[64]) {
    uint32_t number = (uint32_t)rng_below(rng, KEYS);
    size_t bytes = 1 + number % 40;
    memset(to, (int)(number % 7 * 40), bytes);
    to[0] = (uint8_t)(number * 97);
    return view_of(to, bytes);
}

static void write_both(struct pair *pair) {
    static uint8_t value[VALUE_BYTES_MOST];
    struct leaf_batch batches[2];
    leaf_batch_init(&batches[0]);
    leaf_batch_init(&batches[1]);
    for (uint64_t left = rng_below(&pair->rng, 12); left > 0; left--) {
        uint8_t bytes[64];
        struct view key = random_key(&pair->rng, bytes);
        enum leaf_family family = (enum leaf_family)rng_below(&pair->rng, LEAF_FAMILY_COUNT);
        bool is_delete = rng_below(&pair->rng, 3) == 0;
        size_t size = (size_t)rng_below(&pair->rng, rng_below(&pair->rng, 8) == 0 ? sizeof(value) : 200);
        rng_fill(&pair->rng, value, size);
        for (size_t i = 0; i < 2; i++) {
            if (is_delete) {
                leaf_batch_delete(&batches[i], family, key);
            } else {
                leaf_batch_put(&batches[i], family, key, view_of(value, size));
            }
        }
    }
    enum durability durability = (enum durability)rng_below(&pair->rng, 3);
    struct leaf_port *ports[2] = {pair->disk_port, pair->memory_port};
    pair->token++;
    for (size_t i = 0; i < 2; i++) {
        enum leaf_status status = ports[i]->operations->submit(ports[i], &batches[i], durability, pair->token);
        assert_int_equal(status, LEAF_PENDING);
        leaf_batch_release(&batches[i]);
        struct leaf_completion completion = leaf_await(ports[i]);
        assert_int_equal(completion.status, LEAF_DONE);
        assert_int_equal(completion.token, pair->token);
    }
}

static void get_both(struct pair *pair) {
    uint8_t bytes[64];
    struct view key = random_key(&pair->rng, bytes);
    enum leaf_family family = (enum leaf_family)rng_below(&pair->rng, LEAF_FAMILY_COUNT);
    struct view values[2];
    enum leaf_status status = leaf_read(pair->disk_port, family, key, &values[0]);
    assert_int_equal(status, leaf_read(pair->memory_port, family, key, &values[1]));
    if (status == LEAF_DONE) {
        assert_true(view_equal(values[0], values[1]));
    } else {
        assert_int_equal(status, LEAF_ABSENT);
    }
}

struct transcript {
    struct leaf_batch records;
    size_t left;
};

static bool write_down(void *self, struct view key, struct view value) {
    struct transcript *transcript = self;
    leaf_batch_put(&transcript->records, LEAF_OBJECTS, key, value);
    return --transcript->left > 0;
}

static void scan_both(struct pair *pair) {
    uint8_t bytes[2][64];
    struct view from = random_key(&pair->rng, bytes[0]);
    struct view to = random_key(&pair->rng, bytes[1]);
    if (rng_below(&pair->rng, 3) == 0) {
        from = view_of(NULL, 0);
    }
    enum leaf_family family = (enum leaf_family)rng_below(&pair->rng, LEAF_FAMILY_COUNT);
    size_t most = 1 + (size_t)rng_below(&pair->rng, 2 * KEYS);
    struct leaf_port *ports[2] = {pair->disk_port, pair->memory_port};
    struct transcript transcripts[2];
    for (size_t i = 0; i < 2; i++) {
        leaf_batch_init(&transcripts[i].records);
        transcripts[i].left = most;
        if (view_compare(from, to) < 0) {
            assert_int_equal(ports[i]->operations->scan(ports[i], family, from, to, write_down, &transcripts[i]),
                             LEAF_DONE);
        }
    }
    const struct buffer *entries[2] = {&transcripts[0].records.entries, &transcripts[1].records.entries};
    assert_int_equal(transcripts[0].records.count, transcripts[1].records.count);
    assert_int_equal(buffer_size(entries[0]), buffer_size(entries[1]));
    if (entries[0]->data != NULL && entries[1]->data != NULL) {
        assert_memory_equal(entries[0]->data, entries[1]->data, entries[0]->end);
    }
    leaf_batch_release(&transcripts[0].records);
    leaf_batch_release(&transcripts[1].records);
}

/* The same through the reader thread, in pieces that never part keys of one place. */
static void scan_some_of_both(struct pair *pair) {
    uint8_t bytes[2][64];
    struct view from = random_key(&pair->rng, bytes[0]);
    struct view to = random_key(&pair->rng, bytes[1]);
    enum leaf_family family = (enum leaf_family)rng_below(&pair->rng, LEAF_FAMILY_COUNT);
    uint32_t most = 1 + (uint32_t)rng_below(&pair->rng, 20);
    size_t bytes_most = 1 + (size_t)rng_below(&pair->rng, 5000);
    struct leaf_port *ports[2] = {pair->disk_port, pair->memory_port};
    struct leaf_completion completions[2];
    if (view_compare(from, to) >= 0) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ports[i]->operations->scan_some(ports[i], family, from, to, most, bytes_most, ++pair->token),
                         LEAF_PENDING);
        completions[i] = leaf_await(ports[i]);
        assert_int_equal(completions[i].kind, LEAF_COMPLETION_SCAN);
        assert_int_equal(completions[i].status, LEAF_DONE);
        assert_int_equal(completions[i].token, pair->token);
    }
    const struct leaf_run *runs[2] = {completions[0].run, completions[1].run};
    assert_int_equal(runs[0]->is_full, runs[1]->is_full);
    assert_true(view_equal(buffer_view(&runs[0]->entries.entries), buffer_view(&runs[1]->entries.entries)));
    if (runs[0]->is_full) {
        assert_memory_equal(runs[0]->last_place, runs[1]->last_place, LEAF_PLACE_BYTES);
    }
}

static void both_answer_alike(void **state) {
    (void)state;
    static struct pair pair;
    const uint64_t seed = 3;
    print_message("seed %lu\n", (unsigned long)seed);
    rng_init(&pair.rng, seed);
    folder_make(&pair.folder);
    open_disk(&pair);
    pair.memory = memory_leaf_new(MEMORY_LEAF_SIMULATED_FAST);
    pair.memory_port = memory_leaf_open_port(pair.memory);
    for (int step = 0; step < STEPS; step++) {
        switch (rng_below(&pair.rng, 8)) {
        case 0:
        case 1:
        case 2:
            write_both(&pair);
            break;
        case 3:
            scan_both(&pair);
            scan_some_of_both(&pair);
            break;
        default:
            get_both(&pair);
        }
        if (rng_chance(&pair.rng, 2000)) {
            close_disk(&pair);
            open_disk(&pair);
        }
    }
    close_disk(&pair);
    memory_leaf_free(pair.memory);
    folder_remove(&pair.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_answer_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
