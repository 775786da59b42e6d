/* The RocksDB leaf: what is acknowledged is there after it is opened again, what is on disk alone is read by another
 * thread, and an error is the last. */
#include "folder.h"

#include "store/store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void holds(struct leaf_port *port, struct view key, struct view value) {
    struct view found = {NULL, 0};
    assert_int_equal(leaf_read(port, LEAF_OBJECTS, key, &found), LEAF_DONE);
    assert_true(view_equal(found, value));
}

static void lacks(struct leaf_port *port, enum leaf_family family, struct view key) {
    struct view found;
    assert_int_equal(leaf_read(port, family, key, &found), LEAF_ABSENT);
}

static void written_is_there_after_a_restart(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    lacks(port, LEAF_OBJECTS, VIEW("a"));
    struct leaf_batch batch;
    leaf_batch_init(&batch);
    leaf_batch_put(&batch, LEAF_OBJECTS, VIEW("a"), VIEW("1"));
    leaf_batch_put(&batch, LEAF_HINTS, VIEW("h"), VIEW("2"));
    leaf_batch_put(&batch, LEAF_OBJECTS, VIEW("gone"), VIEW("3"));
    leaf_batch_delete(&batch, LEAF_OBJECTS, VIEW("gone"));
    assert_int_equal(port->operations->submit(port, &batch, DURABILITY_SYNC, 7), LEAF_PENDING);
    assert_int_equal(batch.count, 0);
    leaf_batch_release(&batch);
    struct leaf_completion completion = leaf_await(port);
    assert_int_equal(completion.kind, LEAF_COMPLETION_BATCH);
    assert_int_equal(completion.status, LEAF_DONE);
    assert_int_equal(completion.token, 7);
    assert_false(port->operations->wait(port));
    holds(port, VIEW("a"), VIEW("1"));
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));

    leaf = leaf_open(&folder);
    assert_int_equal(rocksdb_leaf_recovery(leaf), ROCKSDB_LEAF_WHOLE);
    port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    holds(port, VIEW("a"), VIEW("1"));
    lacks(port, LEAF_OBJECTS, VIEW("gone"));
    lacks(port, LEAF_OBJECTS, VIEW("h"));
    struct view found;
    assert_int_equal(leaf_read(port, LEAF_HINTS, VIEW("h"), &found), LEAF_DONE);
    assert_true(view_equal(found, VIEW("2")));
    struct rocksdb_leaf_statistics statistics;
    rocksdb_leaf_statistics(leaf, &statistics);
    assert_true(statistics.disk_reads >= 2); /* "a" and "h": nothing was in the block cache */
    assert_true(statistics.file_bytes > 0 && statistics.memtable_bytes > 0);
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

static void another_process_in_the_folder_is_refused(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    struct rocksdb_leaf_options options = rocksdb_leaf_defaults();
    char text[ROCKSDB_LEAF_TEXT_BYTES] = "";
    assert_null(rocksdb_leaf_open(folder.database, &options, text));
    assert_true(strlen(text) > 0);
    assert_null(rocksdb_leaf_open("/nowhere/at/all", &options, text));
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

static void count_wake(void *self) {
    atomic_fetch_add((atomic_int *)self, 1);
}

static void completions_come_in_order_and_wake_their_port(void **state) {
    (void)state;
    enum { BATCHES = 500 };
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    atomic_int wakes[2] = {0, 0};
    struct leaf_port *ports[2] = {rocksdb_leaf_open_port(leaf, count_wake, &wakes[0]),
                                  rocksdb_leaf_open_port(leaf, count_wake, &wakes[1])};
    for (uint64_t token = 1; token <= BATCHES; token++) {
        for (size_t i = 0; i < 2; i++) {
            leaf_put(ports[i], VIEW("k"), VIEW("v"), (enum durability)(token % 3), token);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t token = 1; token <= BATCHES; token++) {
            assert_int_equal(leaf_await(ports[i]).token, token);
        }
        assert_false(ports[i]->operations->wait(ports[i]));
        assert_in_range(atomic_load(&wakes[i]), 1, BATCHES);
    }
    struct rocksdb_leaf_statistics statistics;
    rocksdb_leaf_statistics(leaf, &statistics);
    assert_int_equal(statistics.batches, 2 * BATCHES);
    assert_true(statistics.groups < statistics.batches);
    rocksdb_leaf_close_port(ports[0]);
    rocksdb_leaf_close_port(ports[1]);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

static uint64_t sync_count(struct rocksdb_leaf *leaf) {
    struct rocksdb_leaf_statistics statistics;
    rocksdb_leaf_statistics(leaf, &statistics);
    return statistics.syncs;
}

/* An empty batch waits for an fsync if something lags behind one, and for none otherwise. */
static void an_empty_batch_is_a_barrier(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    struct leaf_batch empty;
    leaf_batch_init(&empty);
    leaf_put(port, VIEW("k"), VIEW("v"), DURABILITY_NONE, 1);
    assert_int_equal(leaf_await(port).status, LEAF_DONE);
    assert_int_equal(sync_count(leaf), 0);
    for (uint64_t token = 2; token <= 3; token++) {
        assert_int_equal(port->operations->submit(port, &empty, DURABILITY_SYNC, token), LEAF_PENDING);
        struct leaf_completion completion = leaf_await(port);
        assert_int_equal(completion.token, token);
        assert_int_equal(completion.status, LEAF_DONE);
        assert_int_equal(sync_count(leaf), 1);
    }
    leaf_batch_release(&empty);
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

/* Nobody asks again; the writer syncs by itself. The test waits for the state, not for a time. */
static void interval_writes_are_synced_in_time(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    leaf_put(port, VIEW("k"), VIEW("v"), DURABILITY_INTERVAL, 1);
    assert_int_equal(leaf_await(port).status, LEAF_DONE);
    while (sync_count(leaf) == 0) {
        usleep(1000);
    }
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

static void a_checkpoint_opens_as_a_database(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    leaf_put(port, VIEW("k"), VIEW("before"), DURABILITY_NONE, 1);
    leaf_await(port);
    struct folder copy = folder;
    snprintf(copy.database, sizeof(copy.database), "%s/copy", folder.path);
    char text[ROCKSDB_LEAF_TEXT_BYTES] = "";
    assert_true(rocksdb_leaf_checkpoint(leaf, copy.database, text));
    assert_false(rocksdb_leaf_checkpoint(leaf, copy.database, text));
    assert_true(strlen(text) > 0);
    leaf_put(port, VIEW("k"), VIEW("after"), DURABILITY_SYNC, 2);
    leaf_await(port);
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    leaf = leaf_open(&copy);
    port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    holds(port, VIEW("k"), VIEW("before"));
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

static struct store_birth birth_of(struct rocksdb_leaf *leaf) {
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    struct store_birth birth;
    struct store_opening opening = {{{1}}, {{2}}, 7, 2, false};
    assert_int_equal(store_open_metadata(port, &opening, &birth), LEAF_DONE);
    rocksdb_leaf_close_port(port);
    return birth;
}

static void a_clean_stop_is_known_after_a_restart(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    assert_true(birth_of(leaf).is_new);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    assert_int_equal(store_mark_clean_stop(port, 1, view_of(NULL, 0)), LEAF_DONE);
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    leaf = leaf_open(&folder);
    assert_true(birth_of(leaf).was_clean);
    assert_false(birth_of(leaf).was_clean);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

/* In a process of its own, where files can't grow beyond 64 KiB. */
static int write_until_it_fails(const struct folder *folder) {
    struct rocksdb_leaf *leaf = leaf_open(folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    leaf_put(port, VIEW("early"), VIEW("safe"), DURABILITY_SYNC, 1);
    assert_int_equal(leaf_await(port).status, LEAF_DONE);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit small = {64 * 1024, limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    static uint8_t value[4096];
    enum leaf_status status = LEAF_DONE;
    for (uint64_t token = 2; token < 100 && status == LEAF_DONE; token++) {
        leaf_put(port, VIEW("late"), view_of(value, sizeof(value)), DURABILITY_SYNC, token);
        status = leaf_await(port).status;
    }
    assert_int_equal(status, LEAF_FAILED);
    setrlimit(RLIMIT_FSIZE, &limit); /* there is room again, and still nothing may be acknowledged */
    for (uint64_t token = 100; token < 110; token++) {
        leaf_put(port, VIEW("later"), VIEW("v"), (enum durability)(token % 3), token);
        struct leaf_completion completion = leaf_await(port);
        assert_int_equal(completion.token, token);
        assert_int_equal(completion.status, LEAF_FAILED);
    }
    holds(port, VIEW("early"), VIEW("safe"));
    lacks(port, LEAF_OBJECTS, VIEW("later"));
    char text[ROCKSDB_LEAF_TEXT_BYTES];
    rocksdb_leaf_failure(leaf, text);
    assert_true(strlen(text) > 0);
    struct rocksdb_leaf_statistics statistics;
    rocksdb_leaf_statistics(leaf, &statistics);
    assert_true(statistics.has_failed);
    rocksdb_leaf_close_port(port);
    assert_false(rocksdb_leaf_close(leaf));
    return 0;
}

static void the_first_error_is_the_last(void **state) {
    (void)state;
    struct folder folder;
    folder_make(&folder);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(write_until_it_fails(&folder));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct rocksdb_leaf *leaf = leaf_open(&folder);
    struct leaf_port *port = rocksdb_leaf_open_port(leaf, NULL, NULL);
    holds(port, VIEW("early"), VIEW("safe"));
    lacks(port, LEAF_OBJECTS, VIEW("later"));
    leaf_put(port, VIEW("k"), VIEW("v"), DURABILITY_SYNC, 1);
    assert_int_equal(leaf_await(port).status, LEAF_DONE);
    rocksdb_leaf_close_port(port);
    assert_true(rocksdb_leaf_close(leaf));
    folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* First, since it forks: no thread of RocksDB may be there. */
        cmocka_unit_test(the_first_error_is_the_last),
        cmocka_unit_test(written_is_there_after_a_restart),
        cmocka_unit_test(another_process_in_the_folder_is_refused),
        cmocka_unit_test(completions_come_in_order_and_wake_their_port),
        cmocka_unit_test(an_empty_batch_is_a_barrier),
        cmocka_unit_test(interval_writes_are_synced_in_time),
        cmocka_unit_test(a_checkpoint_opens_as_a_database),
        cmocka_unit_test(a_clean_stop_is_known_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
