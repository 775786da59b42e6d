/* A process writes and says what was acknowledged; it is killed at a random moment; all of it must be there afterwards.
 * The page cache outlives a process, so this holds for durability `interval` as for `sync`. */
#include "folder.h"

#include "base/rng.h"
#include "store/store.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 12, KEYS = 400, TURN_WRITES_MOST = 30, ACKNOWLEDGED_LEAST = 300 };

/* Write `number` goes to a key of its own choice and holds the number; numbers grow over all rounds, so a key's record
 * says which of its writes is the latest. */
static uint32_t key_of_number(uint64_t number) {
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 40) % KEYS;
}

static struct partition partition_of(uint32_t key) {
    return (struct partition){(uint16_t)(key % 5)};
}

static void tell_acknowledged(int pipe_end, uint64_t number) {
    if (write(pipe_end, &number, sizeof(number)) != sizeof(number)) {
        _exit(1);
    }
}

struct child {
    struct leaf_port *port;
    struct store *store;
    struct storage storage;
    uint64_t number;
    struct rng rng;
};

static void write_turn(struct child *child) {
    for (uint64_t left = rng_between(&child->rng, 1, TURN_WRITES_MOST); left > 0; left--) {
        uint64_t number = ++child->number;
        uint32_t key = key_of_number(number);
        uint8_t record[1000];
        memset(record, (int)number, sizeof(record));
        memcpy(record, &number, sizeof(number));
        struct view view = view_of(record, 8 + number % (sizeof(record) - 8));
        enum durability durability = number % 3 == 0 ? DURABILITY_INTERVAL : DURABILITY_SYNC;
        enum storage_status status = child->storage.write(child->storage.self, STORAGE_OBJECTS, partition_of(key),
                                                          view_of(&key, sizeof(key)), view, durability, number);
        if (status != STORAGE_PENDING) {
            _exit(1);
        }
    }
    store_end_turn(child->store);
}

/* Never returns. */
static void write_until_killed(const struct folder *folder, uint64_t number, int pipe_end) {
    struct rocksdb_leaf *leaf = leaf_open(folder);
    struct child child = {.port = rocksdb_leaf_open_port(leaf, NULL, NULL), .number = number};
    child.store = store_new(child.port, (struct store_options){.buffer_bytes = 64 * 1024});
    child.storage = store_storage(child.store);
    rng_init(&child.rng, number);
    for (;;) {
        write_turn(&child);
        child.port->operations->wait(child.port);
        struct store_event event;
        while (store_next_event(child.store, &event)) {
            if (event.status != STORAGE_FOUND) {
                _exit(1);
            }
            tell_acknowledged(pipe_end, event.token);
        }
    }
}

/* Kills the child after a random number of acknowledgements, and returns the last that it gave. */
static uint64_t run_child(const struct folder *folder, uint64_t number, struct rng *rng) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_until_killed(folder, number, ends[1]);
    }
    close(ends[1]);
    uint64_t acknowledged = 0;
    uint64_t last = 0;
    for (uint64_t left = ACKNOWLEDGED_LEAST + rng_below(rng, 3000); left > 0; left--) {
        assert_int_equal(read(ends[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
        assert_true(acknowledged > last);
        last = acknowledged;
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged)) {
        last = acknowledged;
    }
    close(ends[0]);
    return last;
}

static uint64_t stored_number(struct child *reader, uint32_t key) {
    struct view record;
    struct view key_view = view_of(&key, sizeof(key));
    enum storage_status status =
        reader->storage.read(reader->storage.self, STORAGE_OBJECTS, partition_of(key), key_view, &record);
    if (status == STORAGE_PENDING) {
        struct store_event event;
        assert_true(reader->port->operations->wait(reader->port));
        assert_true(store_next_event(reader->store, &event));
        status = reader->storage.read(reader->storage.self, STORAGE_OBJECTS, partition_of(key), key_view, &record);
    }
    if (status == STORAGE_ABSENT) {
        return 0;
    }
    assert_int_equal(status, STORAGE_FOUND);
    uint64_t number;
    memcpy(&number, record.data, sizeof(number));
    return number;
}

/* In a process of its own, since the next round forks again. The store must hold what the writes up to some number
 * made, and that number is at least the last acknowledged one. Exits 0 and tells that number. */
static void check_and_tell(const struct folder *folder, uint64_t last, int pipe_end) {
    static uint64_t stored[KEYS];
    static uint64_t expected[KEYS];
    struct rocksdb_leaf *leaf = leaf_open(folder);
    struct child reader = {.port = rocksdb_leaf_open_port(leaf, NULL, NULL)};
    reader.store = store_new(reader.port, (struct store_options){.buffer_bytes = 64 * 1024});
    reader.storage = store_storage(reader.store);
    for (uint32_t key = 0; key < KEYS; key++) {
        stored[key] = stored_number(&reader, key);
        last = stored[key] > last ? stored[key] : last;
    }
    for (uint64_t number = 1; number <= last; number++) {
        expected[key_of_number(number)] = number;
    }
    store_free(reader.store);
    rocksdb_leaf_close_port(reader.port);
    bool closed = rocksdb_leaf_close(leaf);
    tell_acknowledged(pipe_end, last);
    _exit(closed && memcmp(stored, expected, sizeof(stored)) == 0 ? 0 : 1);
}

static uint64_t check(const struct folder *folder, uint64_t last) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        check_and_tell(folder, last, ends[1]);
    }
    close(ends[1]);
    uint64_t highest = 0;
    assert_int_equal(read(ends[0], &highest, sizeof(highest)), sizeof(highest));
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return highest;
}

static void acknowledged_writes_outlive_the_process(void **state) {
    (void)state;
    const uint64_t seed = 19;
    print_message("seed %lu\n", (unsigned long)seed);
    struct rng rng;
    rng_init(&rng, seed);
    struct folder folder;
    folder_make(&folder);
    uint64_t number = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t last = run_child(&folder, number, &rng);
        assert_true(last > number);
        number = check(&folder, last);
    }
    folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(acknowledged_writes_outlive_the_process)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
