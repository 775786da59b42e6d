/* A write-ahead log that was torn by a crash must not keep a node from starting, and one that rotted must not be read
 * as if what is gone had never been there. Each test damages the log of a stopped database and opens it again. */
#include "folder.h"
#include "rocksdb/log_tail.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BATCHES = 40, VALUE_BYTES = 3000, LAST_VALUE_BYTES = 150000 };

struct log {
    char path[600];
    uint8_t *bytes;
    size_t size;
};

static void log_load(struct log *log) {
    struct stat status;
    assert_int_equal(stat(log->path, &status), 0);
    log->size = (size_t)status.st_size;
    log->bytes = malloc(log->size);
    FILE *file = fopen(log->path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(log->bytes, 1, log->size, file), log->size);
    fclose(file);
}

static void log_store(struct log *log) {
    FILE *file = fopen(log->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(log->bytes, 1, log->size, file), log->size);
    assert_int_equal(fclose(file), 0);
    free(log->bytes);
}

static struct view key_of(uint32_t number, char to[16]) {
    snprintf(to, 16, "key %05u", number);
    return view_of_string(to);
}

/* Synced batches of one value each, random bytes, the last of them longer than a few pages. */
static void prepare(struct folder *folder, struct log *log) {
    folder_make(folder);
    struct rocksdb_leaf *leaf = leaf_open(folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    static uint8_t value[LAST_VALUE_BYTES];
    struct rng rng;
    rng_init(&rng, 11);
    rng_fill(&rng, value, sizeof(value));
    for (uint32_t i = 1; i <= BATCHES; i++) {
        char key[16];
        size_t bytes = i < BATCHES ? VALUE_BYTES : LAST_VALUE_BYTES;
        leaf_put(port, key_of(i, key), view_of(value, bytes), DURABILITY_SYNC, i);
        assert_int_equal(leaf_await(port).status, LEAF_DONE);
    }
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    folder_newest_log(folder, log->path);
    log_load(log);
}

/* The batches from 1 on that are there; none may be there behind one that isn't. */
static uint32_t survivors(struct rocksdb_leaf *leaf) {
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    uint32_t count = 0;
    for (uint32_t i = 1; i <= BATCHES; i++) {
        char key[16];
        struct view value;
        if (leaf_read(port, LEAF_OBJECTS, key_of(i, key), &value) == LEAF_DONE) {
            assert_int_equal(count, i - 1);
            count = i;
        }
    }
    rocksdb_leaf_close_port(port);
    return count;
}

static void opens_with(struct folder *folder, enum rocksdb_leaf_recovery recovery, uint32_t count) {
    struct rocksdb_leaf *leaf = leaf_open(folder);
    assert_int_equal(rocksdb_leaf_recovery(leaf), recovery);
    assert_int_equal(survivors(leaf), count);
    assert_true(rocksdb_leaf_close(leaf));
    leaf = leaf_open(folder);
    assert_int_equal(rocksdb_leaf_recovery(leaf), ROCKSDB_LEAF_WHOLE);
    assert_int_equal(survivors(leaf), count);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(folder);
}

static void is_refused(struct folder *folder, uint32_t before) {
    struct rocksdb_leaf_options options = rocksdb_leaf_defaults();
    options.block_cache_bytes = 8 << 20;
    char text[ROCKSDB_LEAF_TEXT_BYTES] = "";
    struct rocksdb_leaf *leaf = rocksdb_leaf_open(folder->database, &options, text);
    if (leaf != NULL) {
        fail_msg("opened, with %u of %u batches", survivors(leaf), BATCHES);
    }
    assert_non_null(strstr(text, "damaged"));
    options.accept_cut_log = true;
    leaf = rocksdb_leaf_open(folder->database, &options, text);
    assert_non_null(leaf);
    assert_int_equal(rocksdb_leaf_recovery(leaf), ROCKSDB_LEAF_CUT);
    assert_int_equal(survivors(leaf), before);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(folder);
}

/* Where the batch begins, with its header. Values are the same bytes, so the key is what is looked for. */
static size_t batch_at(const struct log *log, uint32_t number) {
    char key[16];
    struct view name = key_of(number, key);
    uint8_t *found = memmem(log->bytes, log->size, name.data, name.size);
    assert_non_null(found);
    /* Header; of the batch: sequence, count; of its entry: tag, column family, length of the key. */
    return (size_t)(found - log->bytes) - 7 - 12 - 3;
}

static void an_undamaged_log_is_whole(void **state) {
    (void)state;
    struct folder folder;
    struct log log;
    prepare(&folder, &log);
    assert_int_equal(log_examine(view_of(log.bytes, log.size)), LOG_WHOLE);
    log_store(&log);
    opens_with(&folder, ROCKSDB_LEAF_WHOLE, BATCHES);
}

static void a_log_cut_in_its_last_batch_lost_that_batch(void **state) {
    (void)state;
    static const size_t cuts[] = {1, 5000, 100000};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct folder folder;
        struct log log;
        prepare(&folder, &log);
        log.size -= cuts[i];
        log_store(&log);
        opens_with(&folder, ROCKSDB_LEAF_WHOLE, BATCHES - 1);
    }
}

static void pages_missing_from_the_last_batch_lose_that_batch(void **state) {
    (void)state;
    static const size_t places[] = {4096, 40000, 149000};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct folder folder;
        struct log log;
        prepare(&folder, &log);
        size_t at = (batch_at(&log, BATCHES) + places[i]) & ~(size_t)4095;
        memset(log.bytes + at, 0, log.size - at < 4096 ? log.size - at : 4096);
        assert_int_equal(log_examine(view_of(log.bytes, log.size)), LOG_TORN_TAIL);
        log_store(&log);
        opens_with(&folder, ROCKSDB_LEAF_TORN_TAIL, BATCHES - 1);
    }
}

/* A length that points beyond the end is what a cut record looks like. */
static void rubbish_at_the_end_is_nothing(void **state) {
    (void)state;
    struct folder folder;
    struct log log;
    prepare(&folder, &log);
    log.bytes = realloc(log.bytes, log.size + 3000);
    memset(log.bytes + log.size, 0x5a, 3000);
    log.size += 3000;
    assert_int_equal(log_examine(view_of(log.bytes, log.size)), LOG_TORN_TAIL);
    log_store(&log);
    opens_with(&folder, ROCKSDB_LEAF_WHOLE, BATCHES);
}

static void zeros_at_the_end_are_nothing(void **state) {
    (void)state;
    struct folder folder;
    struct log log;
    prepare(&folder, &log);
    log.bytes = realloc(log.bytes, log.size + 100000);
    memset(log.bytes + log.size, 0, 100000);
    log.size += 100000;
    assert_int_equal(log_examine(view_of(log.bytes, log.size)), LOG_WHOLE);
    log_store(&log);
    opens_with(&folder, ROCKSDB_LEAF_WHOLE, BATCHES);
}

static void a_flipped_bit_before_the_last_batch_is_refused(void **state) {
    (void)state;
    static const size_t places[] = {0, 4, 5, 6, 12, 1000}; /* checksum, length, type, sequence, value */
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct folder folder;
        struct log log;
        prepare(&folder, &log);
        log.bytes[batch_at(&log, 20) + places[i]] ^= 0x10;
        assert_int_equal(log_examine(view_of(log.bytes, log.size)), LOG_DAMAGED);
        log_store(&log);
        is_refused(&folder, 19);
    }
}

static void zeros_before_the_last_batch_are_refused(void **state) {
    (void)state;
    static const size_t lengths[] = {7, 22 + VALUE_BYTES, 4 * VALUE_BYTES, 32768};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct folder folder;
        struct log log;
        prepare(&folder, &log);
        memset(log.bytes + batch_at(&log, 20), 0, lengths[i]);
        assert_int_equal(log_examine(view_of(log.bytes, log.size)), LOG_DAMAGED);
        log_store(&log);
        is_refused(&folder, 19);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undamaged_log_is_whole),
        cmocka_unit_test(a_log_cut_in_its_last_batch_lost_that_batch),
        cmocka_unit_test(pages_missing_from_the_last_batch_lose_that_batch),
        cmocka_unit_test(rubbish_at_the_end_is_nothing),
        cmocka_unit_test(zeros_at_the_end_are_nothing),
        cmocka_unit_test(a_flipped_bit_before_the_last_batch_is_refused),
        cmocka_unit_test(zeros_before_the_last_batch_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
