#include "server/information.h"

#include "core/health.h"
#include "server/memory.h"
#include "server/node_leaf.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINE_BYTES_MOST = 256 };

__attribute__((format(printf, 2, 3))) static void append_line(struct buffer *text, const char *format, ...) {
    char line[LINE_BYTES_MOST];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < sizeof(line)) {
        buffer_append(text, line, (size_t)size);
        buffer_append(text, "\r\n", 2);
    }
}

static uint16_t port_of(const char *address) {
    char host[MEMBER_ADDRESS_SIZE];
    uint16_t port = 0;
    return config_split_address(address, host, &port) ? port : 0;
}

/* ---- INFO ---- */

static void describe_server(const struct node *node, struct buffer *text) {
    const struct member *self = &node->config->members[node->config->self];
    uint64_t uptime_s = (uv_hrtime() - node->started.ns) / NS_PER_S;
    append_line(text, "process_id:%d", (int)getpid());
    append_line(text, "run_id:%016llx%016llx00000000", (unsigned long long)node->run, (unsigned long long)node->run);
    append_line(text, "tcp_port:%u", port_of(self->client_address));
    append_line(text, "uptime_in_seconds:%llu", (unsigned long long)uptime_s);
    append_line(text, "uptime_in_days:%llu", (unsigned long long)(uptime_s / 86400));
}

static void describe_memory(const struct node *node, struct buffer *text) {
    uint64_t resident = memory_resident_bytes();
    append_line(text, "used_memory:%llu", (unsigned long long)memory_allocated_bytes(resident));
    append_line(text, "used_memory_rss:%llu", (unsigned long long)resident);
    append_line(text, "maxmemory:%llu", (unsigned long long)node->config->memory_limit_bytes);
    append_line(text, "maxmemory_policy:noeviction");
    append_line(text, "gramme_memory_is_short:%d", atomic_load(&node->memory_is_short) ? 1 : 0);
    append_line(text, "mem_allocator:%s", memory_is_jemalloc() ? "jemalloc" : "libc");
}

static void describe_cpu(struct buffer *text) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        append_line(text, "used_cpu_sys:%ld.%06ld", (long)usage.ru_stime.tv_sec, (long)usage.ru_stime.tv_usec);
        append_line(text, "used_cpu_user:%ld.%06ld", (long)usage.ru_utime.tv_sec, (long)usage.ru_utime.tv_usec);
    }
}

/* The sum of one figure over the loops. */
#define FIGURE(node, name) sum_figure((node), offsetof(struct loop_figures, name))

static unsigned long long sum_figure(const struct node *node, size_t offset) {
    uint64_t sum = 0;
    for (uint32_t index = 0; index < node->shard_count; index++) {
        const char *figures = (const char *)&node->loops[index].figures;
        sum += atomic_load_explicit((const _Atomic uint64_t *)(const void *)(figures + offset), memory_order_relaxed);
    }
    return sum;
}

static void describe_storage(const struct node *node, struct buffer *text) {
    append_line(text, "gramme_storage:%s", node->config->storage == CONFIG_STORAGE_MEMORY ? "memory" : "rocksdb");
    append_line(text, "gramme_storage_failed:%d", atomic_load(&node->failed) ? 1 : 0);
    append_line(text, "gramme_storage_hits:%llu", FIGURE(node, hits));
    append_line(text, "gramme_storage_misses:%llu", FIGURE(node, misses));
    append_line(text, "gramme_storage_batches:%llu", FIGURE(node, batches));
    append_line(text, "gramme_storage_batched_writes:%llu", FIGURE(node, batched_writes));
    append_line(text, "gramme_storage_evictions:%llu", FIGURE(node, evictions));
    append_line(text, "gramme_storage_corrupt_records:%llu", FIGURE(node, corrupt_records));
    append_line(text, "gramme_storage_refusals:%llu", FIGURE(node, refusals));
    append_line(text, "gramme_storage_buffer_bytes:%llu", FIGURE(node, buffer_bytes));
    append_line(text, "gramme_storage_buffer_records:%llu", FIGURE(node, buffer_records));
    append_line(text, "gramme_storage_dirty_records:%llu", FIGURE(node, dirty_records));
    struct node_leaf_usage usage;
    if (node_leaf_usage(node->leaf, &usage)) {
        append_line(text, "gramme_storage_memory_bytes:%llu", (unsigned long long)usage.memory_bytes);
        append_line(text, "gramme_storage_file_bytes:%llu", (unsigned long long)usage.file_bytes);
        append_line(text, "gramme_storage_groups:%llu", (unsigned long long)usage.groups);
        append_line(text, "gramme_storage_syncs:%llu", (unsigned long long)usage.syncs);
        append_line(text, "gramme_storage_memory_reads:%llu", (unsigned long long)usage.memory_reads);
        append_line(text, "gramme_storage_disk_reads:%llu", (unsigned long long)usage.disk_reads);
        append_line(text, "gramme_storage_stalled:%d", usage.is_stalled ? 1 : 0);
    }
}

/* Of the node as a whole, whichever of its shards answers. */
static void describe_health(const struct node *node, struct buffer *text) {
    unsigned long long missing = 0;
    for (uint32_t index = 0; index < node->shard_count; index++) {
        unsigned long long of_shard =
            atomic_load_explicit(&node->loops[index].figures.members_missing, memory_order_relaxed);
        missing = of_shard > missing ? of_shard : missing;
    }
    append_line(text, "gramme_health_ready:%d", atomic_load(&node->ready_shards) == node->shard_count ? 1 : 0);
    append_line(text, "gramme_health_leaving:%d", node_phase(node) != NODE_RUNNING ? 1 : 0);
    append_line(text, "gramme_health_storage_failed:%d", atomic_load(&node->failed) ? 1 : 0);
    append_line(text, "gramme_health_members_missing:%llu", missing);
    append_line(text, "gramme_health_uninformed_partitions:%llu", FIGURE(node, uninformed));
    append_line(text, "gramme_health_trees_in_doubt:%llu", FIGURE(node, trees_in_doubt));
    append_line(text, "gramme_health_partitions_owned:%llu", FIGURE(node, owned));
    append_line(text, "gramme_health_partitions_met:%llu", FIGURE(node, met));
    append_line(text, "gramme_health_hints_held:%llu", FIGURE(node, hints_held));
    append_line(text, "gramme_health_hints_uncounted:%llu", FIGURE(node, hints_uncounted));
    append_line(text, "gramme_health_requests:%llu", FIGURE(node, requests));
}

void information_describe(const struct node *node, struct view section, struct buffer *text) {
    if (view_equal_ignoring_case(section, VIEW("server"))) {
        describe_server(node, text);
    } else if (view_equal_ignoring_case(section, VIEW("clients"))) {
        append_line(text, "maxclients:%u", node->max_clients);
        append_line(text, "gramme_clients:%u", atomic_load(&node->clients));
    } else if (view_equal_ignoring_case(section, VIEW("memory"))) {
        describe_memory(node, text);
    } else if (view_equal_ignoring_case(section, VIEW("persistence"))) {
        describe_storage(node, text);
    } else if (view_equal_ignoring_case(section, VIEW("cpu"))) {
        describe_cpu(text);
    } else if (view_equal_ignoring_case(section, VIEW("cluster"))) {
        append_line(text, "gramme_ready:%d", atomic_load(&node->ready_shards) == node->shard_count ? 1 : 0);
    } else if (view_equal_ignoring_case(section, VIEW("health"))) {
        describe_health(node, text);
    }
}

static void publish_health(struct loop *loop) {
    struct loop_figures *figures = &loop->figures;
    struct shard_health health = shard_health(loop->shard);
    atomic_store_explicit(&figures->members_missing, health.members_missing, memory_order_relaxed);
    atomic_store_explicit(&figures->uninformed, health.uninformed, memory_order_relaxed);
    atomic_store_explicit(&figures->trees_in_doubt, health.trees_in_doubt, memory_order_relaxed);
    atomic_store_explicit(&figures->owned, health.owned, memory_order_relaxed);
    atomic_store_explicit(&figures->met, health.met, memory_order_relaxed);
    atomic_store_explicit(&figures->hints_uncounted, health.hints_uncounted, memory_order_relaxed);
    atomic_store_explicit(&figures->hints_held, health.hints_held, memory_order_relaxed);
    atomic_store_explicit(&figures->requests, health.requests, memory_order_relaxed);
}

void information_publish(struct loop *loop) {
    struct store_statistics statistics;
    struct loop_figures *figures = &loop->figures;
    store_statistics(loop->store, &statistics);
    atomic_store_explicit(&figures->hits, statistics.hits, memory_order_relaxed);
    atomic_store_explicit(&figures->misses, statistics.misses, memory_order_relaxed);
    atomic_store_explicit(&figures->batches, statistics.batches, memory_order_relaxed);
    atomic_store_explicit(&figures->batched_writes, statistics.batched_writes, memory_order_relaxed);
    atomic_store_explicit(&figures->evictions, statistics.evictions, memory_order_relaxed);
    atomic_store_explicit(&figures->corrupt_records, statistics.corrupt_records, memory_order_relaxed);
    atomic_store_explicit(&figures->refusals, statistics.refusals, memory_order_relaxed);
    atomic_store_explicit(&figures->buffer_bytes, statistics.buffer_bytes, memory_order_relaxed);
    atomic_store_explicit(&figures->buffer_records, statistics.buffer_records, memory_order_relaxed);
    atomic_store_explicit(&figures->dirty_records, statistics.dirty_records, memory_order_relaxed);
    publish_health(loop);
}

/* ---- CONFIG GET ---- */

void configuration_describe(const struct node *node, void (*emit)(void *context, struct view name, struct view value),
                            void *context) {
    const struct config *config = node->config;
    const char *address = config->members[config->self].client_address;
    char host[MEMBER_ADDRESS_SIZE] = "";
    char number[24];
    uint16_t port = 0;
    (void)config_split_address(address, host, &port);
    emit(context, VIEW("bind"), view_of_string(host));
    (void)snprintf(number, sizeof(number), "%u", port);
    emit(context, VIEW("port"), view_of_string(number));
    (void)snprintf(number, sizeof(number), "%u", node->max_clients);
    emit(context, VIEW("maxclients"), view_of_string(number));
    emit(context, VIEW("save"), VIEW(""));
    bool is_kept =
        config->storage != CONFIG_STORAGE_MEMORY && config->keyspaces.keyspaces[0].durability != DURABILITY_NONE;
    emit(context, VIEW("appendonly"), is_kept ? VIEW("yes") : VIEW("no"));
    emit(context, VIEW("appendfsync"),
         config->keyspaces.keyspaces[0].durability == DURABILITY_SYNC ? VIEW("always") : VIEW("everysec"));
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)config->memory_limit_bytes);
    emit(context, VIEW("maxmemory"), view_of_string(number));
    emit(context, VIEW("maxmemory-policy"), VIEW("noeviction"));
    emit(context, VIEW("timeout"), VIEW("0"));
    emit(context, VIEW("databases"), VIEW("1"));
    emit(context, VIEW("cluster-enabled"), VIEW("yes"));
    config_describe(config, emit, context);
}
