/*
 * What a record costs below the protocol: a shard's store above the memory leaf, and above RocksDB.
 *
 *     store-bench memory FOLDER|- [RECORDS]        synchronous leaf: time and bytes for each record
 *     store-bench buffer FOLDER|- [RECORDS]        object buffer: a hit, a write, the leaf's work aside
 *     store-bench disk FOLDER [RECORDS]            RocksDB in FOLDER, which must not exist
 *
 * CPU time is that of the whole process and, apart, that of the thread that plays the shard. Keys have 16 bytes,
 * records 120, as a value of 64 bytes with its version does.
 */

#include "base/rng.h"
#include "rocksdb/rocksdb_leaf.h"
#include "store/memory_leaf.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_BYTES = 120, CACHED_BYTES = 1 << 30 };

struct bench {
    struct leaf_port *port;
    struct store *store;
    struct storage storage;
    struct rng rng;
    uint64_t records;
    int wakes;
    uint64_t done; /* events so far */
};

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double cpu_seconds(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t resident_bytes(void) {
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

struct watch {
    double cpu;
    double shard;
    double wall;
};

static struct watch watch_start(void) {
    return (struct watch){cpu_seconds(RUSAGE_SELF), cpu_seconds(RUSAGE_THREAD), wall_seconds()};
}

static void watch_report(const struct watch *watch, const char *what, uint64_t operations) {
    double per = 1e6 / (double)operations;
    double cpu = (cpu_seconds(RUSAGE_SELF) - watch->cpu) * per;
    double shard = (cpu_seconds(RUSAGE_THREAD) - watch->shard) * per;
    double wall = wall_seconds() - watch->wall;
    printf("%-44s %7.3f us CPU (shard %6.3f)  %8.0f k/s\n", what, cpu, shard, (double)operations / wall / 1e3);
    fflush(stdout);
}

static struct view key_of(uint64_t number, uint8_t to[16]) {
    uint64_t words[2] = {number * UINT64_C(0x9e3779b97f4a7c15), number};
    memcpy(to, words, sizeof(words));
    return view_of(to, 16);
}

static struct partition partition_of(uint64_t number) {
    return (struct partition){(uint16_t)(number * UINT64_C(0xd1342543de82ef95) >> 54)};
}

static enum storage_status write_one(struct bench *bench, uint64_t number, enum durability durability) {
    static uint8_t record[RECORD_BYTES];
    memcpy(record, &number, sizeof(number));
    uint8_t key[16];
    return bench->storage.write(bench->storage.self, STORAGE_OBJECTS, partition_of(number), key_of(number, key),
                                view_of(record, sizeof(record)), durability, number + 1);
}

static enum storage_status read_one(struct bench *bench, uint64_t number) {
    uint8_t key[16];
    struct view record;
    return bench->storage.read(bench->storage.self, STORAGE_OBJECTS, partition_of(number), key_of(number, key),
                               &record);
}

static void open_store(struct bench *bench, struct leaf_port *port, size_t buffer_bytes) {
    bench->port = port;
    bench->store = store_new(port, (struct store_options){.buffer_bytes = buffer_bytes, .hash_seed = 1});
    bench->storage = store_storage(bench->store);
}

static void bench_memory(struct bench *bench) {
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SYNCHRONOUS);
    open_store(bench, memory_leaf_open_port(leaf), 0);
    size_t before = resident_bytes();
    struct watch watch = watch_start();
    for (uint64_t i = 0; i < bench->records; i++) {
        write_one(bench, i, DURABILITY_SYNC);
    }
    watch_report(&watch, "insert", bench->records);
    printf("%-44s %7.1f bytes resident a record, %.1f by the leaf's count, 136 of key and record\n", "",
           (double)(resident_bytes() - before) / (double)bench->records,
           (double)memory_leaf_bytes(leaf) / (double)bench->records);
    watch = watch_start();
    for (uint64_t i = 0; i < bench->records; i++) {
        write_one(bench, rng_below(&bench->rng, bench->records), DURABILITY_SYNC);
    }
    watch_report(&watch, "overwrite, random", bench->records);
    watch = watch_start();
    for (uint64_t i = 0; i < bench->records; i++) {
        read_one(bench, rng_below(&bench->rng, bench->records));
    }
    watch_report(&watch, "read, random", bench->records);
    store_free(bench->store);
    memory_leaf_free(leaf);
}

static uint64_t drain(struct bench *bench) {
    struct store_event event;
    uint64_t count = 0;
    while (store_next_event(bench->store, &event)) {
        count++;
    }
    return count;
}

static void bench_buffer(struct bench *bench) {
    enum { TURN = 32 };
    struct memory_leaf *leaf = memory_leaf_new(MEMORY_LEAF_SIMULATED_FAST);
    open_store(bench, memory_leaf_open_port(leaf), CACHED_BYTES);
    struct watch watch = {.cpu = 0};
    static const char *const names[] = {"insert", "overwrite, random", "overwrite, a thousand hot records"};
    for (int round = 0; round < 3; round++) {
        watch = watch_start();
        double below = 0;
        for (uint64_t i = 0; i < bench->records; i++) {
            uint64_t random = rng_below(&bench->rng, bench->records);
            write_one(bench, round == 0 ? i : round == 1 ? random : random % 1024, DURABILITY_SYNC);
            if (i % TURN == TURN - 1) {
                double from = cpu_seconds(RUSAGE_THREAD);
                store_end_turn(bench->store);
                memory_leaf_complete_all(leaf);
                below += cpu_seconds(RUSAGE_THREAD) - from;
                drain(bench);
            }
        }
        watch.cpu += below;
        watch.shard += below;
        watch_report(&watch, names[round], bench->records);
    }
    store_end_turn(bench->store);
    watch = watch_start();
    for (uint64_t i = 0; i < bench->records; i++) {
        read_one(bench, rng_below(&bench->rng, bench->records));
    }
    watch_report(&watch, "hit, random", bench->records);
    watch = watch_start();
    for (uint64_t i = 0; i < bench->records; i++) {
        read_one(bench, i & 1023);
    }
    watch_report(&watch, "hit, of a thousand hot records", bench->records);
    struct store_statistics statistics;
    store_statistics(bench->store, &statistics);
    printf("%-44s %7.1f bytes a record in the buffer, 136 of key and record\n", "",
           (double)statistics.buffer_bytes / (double)statistics.buffer_records);
    store_free(bench->store);
    memory_leaf_free(leaf);
}

static void wake(void *self) {
    struct bench *bench = self;
    uint64_t one = 1;
    ssize_t ignored = write(bench->wakes, &one, sizeof(one));
    (void)ignored;
}

static void await(struct bench *bench) {
    uint64_t count;
    ssize_t ignored = read(bench->wakes, &count, sizeof(count));
    (void)ignored;
}

/* Clients: so many writes wait for their acknowledgement at any time, and a turn issues at most `turn` of them. */
static void run_writes(struct bench *bench, const char *what, uint64_t operations, uint64_t clients, uint64_t turn,
                       enum durability durability, bool in_order) {
    struct watch watch = watch_start();
    uint64_t issued = 0;
    uint64_t done = 0;
    while (done < operations) {
        uint64_t most = issued - done < clients ? clients - (issued - done) : 0;
        most = most < turn ? most : turn;
        most = most < operations - issued ? most : operations - issued;
        for (uint64_t i = 0; i < most; i++, issued++) {
            uint64_t number = in_order ? issued : rng_below(&bench->rng, bench->records);
            if (write_one(bench, number, durability) != STORAGE_PENDING) {
                fprintf(stderr, "the store failed\n");
                exit(1);
            }
        }
        store_end_turn(bench->store);
        uint64_t completed = drain(bench);
        done += completed;
        if (completed == 0 && (most == 0 || issued == operations)) {
            await(bench);
        }
    }
    store_end_turn(bench->store);
    watch_report(&watch, what, operations);
}

/* True when an event will come for it; reads of one key are joined, and cause one. */
static bool read_starts(struct bench *bench, uint64_t number) {
    struct store_statistics before;
    struct store_statistics after;
    store_statistics(bench->store, &before);
    enum storage_status status = read_one(bench, number);
    store_statistics(bench->store, &after);
    return status == STORAGE_PENDING && after.misses > before.misses;
}

static void run_reads(struct bench *bench, const char *what, uint64_t operations, uint64_t clients) {
    struct watch watch = watch_start();
    uint64_t pending = 0;
    for (uint64_t issued = 0; issued < operations || pending > 0;) {
        for (uint64_t i = 0; i < clients && pending < clients && issued < operations; i++, issued++) {
            pending += read_starts(bench, rng_below(&bench->rng, bench->records));
        }
        store_end_turn(bench->store);
        uint64_t completed = drain(bench);
        pending -= completed;
        if (completed == 0 && pending > 0) {
            await(bench);
        }
    }
    watch_report(&watch, what, operations);
}

static struct rocksdb_leaf *open_disk(struct bench *bench, const char *folder, size_t buffer_bytes) {
    struct rocksdb_leaf_options options = rocksdb_leaf_defaults();
    const char *megabytes = getenv("WRITE_BUFFER_MIB");
    if (megabytes != NULL) {
        options.write_buffer_bytes = strtoull(megabytes, NULL, 10) << 20;
    }
    char text[ROCKSDB_LEAF_TEXT_BYTES];
    struct rocksdb_leaf *leaf = rocksdb_leaf_open(folder, &options, text);
    if (leaf == NULL) {
        fprintf(stderr, "%s: %s\n", folder, text);
        exit(1);
    }
    open_store(bench, rocksdb_leaf_open_port(leaf, wake, bench), buffer_bytes);
    return leaf;
}

static void close_disk(struct bench *bench, struct rocksdb_leaf *leaf) {
    struct rocksdb_leaf_statistics now;
    rocksdb_leaf_statistics(leaf, &now);
    printf("%-44s %.1f batches a group, %lu syncs, reads: %lu in memory, %lu by a reader; %lu MiB memtables, "
           "%lu MiB blocks, %lu MiB filters, %lu MiB files\n",
           "", (double)now.batches / (double)(now.groups + 1), (unsigned long)now.syncs,
           (unsigned long)now.memory_reads, (unsigned long)now.disk_reads, (unsigned long)(now.memtable_bytes >> 20),
           (unsigned long)(now.block_cache_bytes >> 20), (unsigned long)(now.table_reader_bytes >> 20),
           (unsigned long)(now.file_bytes >> 20));
    store_free(bench->store);
    rocksdb_leaf_close_port(bench->port);
    rocksdb_leaf_close(leaf);
}

static void bench_disk(struct bench *bench, const char *folder) {
    bench->wakes = eventfd(0, 0);
    struct rocksdb_leaf *leaf = open_disk(bench, folder, (size_t)64 << 20);
    run_writes(bench, "insert, interval, 800 clients, turns of 64", bench->records, 800, 64, DURABILITY_INTERVAL, true);
    run_writes(bench, "overwrite, interval, 50 clients, turns of 8", bench->records, 50, 8, DURABILITY_INTERVAL, false);
    run_writes(bench, "overwrite, interval, 800 clients, turns of 64", bench->records, 800, 64, DURABILITY_INTERVAL,
               false);
    run_writes(bench, "overwrite, sync, 50 clients, turns of 8", bench->records / 4, 50, 8, DURABILITY_SYNC, false);
    run_writes(bench, "overwrite, sync, 800 clients, turns of 64", bench->records / 2, 800, 64, DURABILITY_SYNC, false);
    close_disk(bench, leaf);
    leaf = open_disk(bench, folder, 0);
    run_reads(bench, "read, cold block cache, 50 clients", bench->records / 2, 50);
    run_reads(bench, "read, warmer block cache, 50 clients", bench->records / 2, 50);
    close_disk(bench, leaf);
    leaf = open_disk(bench, folder, CACHED_BYTES);
    run_reads(bench, "read, cold object buffer, 50 clients", bench->records, 50);
    run_reads(bench, "read, warm object buffer, 50 clients", bench->records, 50);
    close_disk(bench, leaf);
    close(bench->wakes);
}

int main(int argc, char **argv) {
    static struct bench bench;
    if (argc < 3) {
        fprintf(stderr, "usage: store-bench memory|buffer|disk FOLDER|- [RECORDS]\n");
        return 2;
    }
    rng_init(&bench.rng, 1);
    bench.records = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
    if (strcmp(argv[1], "memory") == 0) {
        bench_memory(&bench);
    } else if (strcmp(argv[1], "buffer") == 0) {
        bench_buffer(&bench);
    } else {
        bench_disk(&bench, argv[2]);
    }
    return 0;
}
