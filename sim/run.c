#include "sim/run.h"

#include "core/shard_state.h"

#include "sim/account.h"
#include "sim/client.h"
#include "sim/detection.h"
#include "sim/final.h"
#include "sim/nemesis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITE_QUORUM = 2, CONVERGENCE_S = 30, MOVE_S = 60, COUNTER_KEYS = 8 };

struct run {
    struct world world;
    struct cluster cluster;
    struct history history;
    struct account account;
    struct nemesis nemesis;
    struct workload workload;
    struct rng rng;
    uint64_t second_rounds;
    uint64_t repairs;
    uint64_t reaped;  /* by reads */
    uint64_t hints;   /* writes that a fallback took for an owner */
    uint64_t version; /* of the membership log: the greatest that was adopted */
};

static const char *trace_kind_text(enum trace_kind kind) {
    switch (kind) {
    case TRACE_STAMPED:
        return "stamps";
    case TRACE_STORED:
        return "stores";
    case TRACE_REPAIRED:
        return "repairs";
    case TRACE_SECOND_ROUND:
        return "stamps again";
    case TRACE_LINK_UP:
        return "link up";
    case TRACE_LINK_DOWN:
        return "link down";
    case TRACE_PEER_SILENT:
        return "peer silent";
    case TRACE_PEER_HEARD:
        return "peer heard";
    case TRACE_PEER_LEAVING:
        return "peer leaving";
    case TRACE_REFUSED:
        return "refuses";
    case TRACE_HINTED:
        return "hints";
    case TRACE_HINT_HOME:
        return "brings a hint home";
    case TRACE_HINT_GONE:
        return "deletes a hint";
    case TRACE_TREE_DIVERGED:
        return "finds a tree that is not its data's:";
    case TRACE_DAMAGED:
        return "gives up the damaged record of";
    case TRACE_LET_GO:
        return "lets go as a former owner";
    case TRACE_LEFT:
        return "holds nothing of a partition any more";
    case TRACE_MEMBERSHIP:
        return "adopts another version of the membership log";
    case TRACE_KEYSPACES:
        return "goes by later keyspaces";
    case TRACE_FLUSHED:
        return "flushes";
    case TRACE_PRUNED:
        return "prunes a vector";
    case TRACE_REAPED:
        return "reaps";
    case TRACE_ROLLED_BACK:
        return "hears that it was rolled back from";
    case TRACE_CLOCK_OFF:
        return "clock off";
    case TRACE_SUSPECTED:
        return "suspects";
    case TRACE_DIED:
        return "holds for dead";
    case TRACE_REFUTED:
        return "holds for alive";
    }
    return "?";
}

static void trace_line(struct run *run, struct node *node, const struct trace_record *record) {
    char values[256];
    size_t used = 0;
    values[0] = 0;
    for (uint32_t index = 0; record->object != NULL && index < record->object->value_count; index++) {
        const struct value *value = &record->object->values[index];
        int size = snprintf(values + used, sizeof(values) - used, " %s%u@(%llx,%llu)t%lld.%u",
                            value->type == VALUE_TOMBSTONE ? "deleted" : "id", value_id_of(value->bytes),
                            (unsigned long long)(value->dot.actor >> 48), (unsigned long long)value->dot.n,
                            (long long)(hybrid_time_wall(value->time).ms - WORLD_EPOCH_MS),
                            (unsigned)(value->time.value & 0xffff));
        used += (size_t)size;
        if (used >= sizeof(values)) {
            break;
        }
    }
    world_trace(&run->world, "  node %u %s %.*s%s%s%s", node->index, trace_kind_text(record->kind),
                (int)record->key.size, record->key.size == 0 ? "" : (const char *)record->key.data, values,
                record->text == NULL ? "" : " ", record->text == NULL ? "" : record->text);
}

/* The first violation counts. */
__attribute__((format(printf, 2, 3))) static void report(struct run *run, const char *format, ...) {
    if (run->world.failed) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->workload.violation, sizeof(run->workload.violation), format, arguments);
    va_end(arguments);
    run->world.failed = true;
}

/* G9: an owner that acknowledged a hint keeps it through a crash, or what followed it. */
static void check_is_home(struct run *run, const struct trace_record *record) {
    const uint64_t under_way_most_ns = 6 * NS_PER_S; /* it may have lost its disk while its answer was under way */
    const struct nemesis *nemesis = &run->nemesis;
    const struct node *victim = nemesis->victim;
    bool is_to_victim = victim != NULL && victim->index == record->peer.value;
    bool is_excused = is_to_victim && (run->world.now.ns < nemesis->last_loss.ns + under_way_most_ns ||
                                       account_has_lost(&run->account, victim->index, record->key));
    is_excused = is_excused || account_is_flushed(&run->account, record->object);
    is_excused = is_excused || account_was_reaped(&run->account, record->key, record->object);
    if (!is_excused &&
        !final_is_home(&run->cluster, &run->cluster.nodes[record->peer.value], record->key, record->object)) {
        report(run, "G9 key %.*s: a hint was taken for delivered that its owner would lose in a crash",
               (int)record->key.size, (const char *)record->key.data);
    }
}

/* Records that vanished from its disk went without a word. */
static void note_left(struct run *run, const struct node *node, uint32_t partition) {
    for (uint32_t index = 0; index < run->history.key_count; index++) {
        struct view key = view_of_string(run->history.keys[index].name);
        if (ring_partition_of_key(run->cluster.ring, key).value == partition) {
            account_left(&run->account, node->index, key);
        }
    }
}

/* G10: a former owner deletes its copy only when every owner has, durably, all that it has. */
static void check_let_go(struct run *run, const struct trace_record *record) {
    const struct ring *ring = run->cluster.ring;
    struct partition partition = ring_partition_of_key(ring, record->key);
    const struct member_index *list = ring_preference(ring, partition);
    const struct node *victim = run->nemesis.victim;
    bool is_excused = account_is_flushed(&run->account, record->object) ||
                      account_was_reaped(&run->account, record->key, record->object);
    for (uint32_t place = 0; !is_excused && place < ring_replica_count(ring); place++) {
        const struct node *owner = cluster_node_of_member(&run->cluster, list[place]);
        if (owner != victim && !final_is_home(&run->cluster, owner, record->key, record->object)) {
            report(run, "G10 key %.*s: a former owner deletes what an owner has not", (int)record->key.size,
                   (const char *)record->key.data);
        }
    }
}

/* G10: from the moment that reads ask the new owners, these have what was acknowledged, W of them each value. It is
 * checked where every write of a key had strict quorums: elsewhere some copies are hints, on their way. */
static void check_committed(struct run *run) {
    for (uint32_t index = 0; index < run->history.key_count; index++) {
        const struct key_record *key = &run->history.keys[index];
        struct view name = view_of_string(key->name);
        bool is_checked = key->is_solo && key->is_durable && key->in_doubt == 0 && !key->is_sloppy &&
                          key->last_set != 0 && !account_value_is_below(&run->account, name, key->last_set);
        if (!is_checked) {
            continue;
        }
        uint32_t lost = run->nemesis.last_loss.ns > 0 ? 1 : 0;
        struct durable_copies copies = final_durable_copies(&run->cluster, &run->account, name, key->last_set);
        if (copies.owners + lost < WRITE_QUORUM) {
            report(run, "G10 key %s: id %u is on %u of the owners that reads are to ask from now on, not %u", key->name,
                   key->last_set, copies.owners, (unsigned)WRITE_QUORUM);
        }
    }
}

static void note_version(struct run *run) {
    uint64_t version = ring_version(run->cluster.ring);
    if (version > run->version && ring_phase(run->cluster.ring) == RING_COMMITTED) {
        check_committed(run);
    }
    run->version = version;
}

/* A fallback that read for owners out of reach keeps what it saw, and unless quorums are strict that counts for R. */
static void note_fallback(struct run *run, const struct node *node, struct view key) {
    const struct keyspace *keyspace = &run->cluster.keyspaces.keyspaces[0];
    struct partition partition = ring_partition_of_key(run->cluster.ring, key);
    bool is_strict = keyspace->primary_read_quorum >= keyspace->read_quorum;
    const struct shard *shard = node->shards[partition_shard(partition, node->shard_count)].shard;
    if (!is_strict && replica_family(shard, partition) == STORAGE_HINTS) {
        history_find_key(&run->history, key)->is_sloppy = true;
    }
}

static void watch(void *watcher, struct sim_shard *shard, const struct trace_record *record) {
    struct run *run = watcher;
    struct node *node = shard->node;
    if (world_traces(&run->world)) {
        trace_line(run, node, record);
    }
    struct workload *workload = &run->workload;
    if (!detection_holds(&run->nemesis, node, record, workload->violation, sizeof(workload->violation))) {
        run->world.failed = true;
    }
    run->second_rounds += record->kind == TRACE_SECOND_ROUND ? 1 : 0;
    if (record->kind == TRACE_HINTED) {
        history_find_key(&run->history, record->key)->is_sloppy = true;
        run->hints++;
    } else if (record->kind == TRACE_STORED) {
        note_fallback(run, node, record->key);
    } else if (record->kind == TRACE_LEFT) {
        note_left(run, node, (uint32_t)record->dot.n);
    } else if (record->kind == TRACE_LET_GO) {
        check_let_go(run, record);
    } else if (record->kind == TRACE_MEMBERSHIP) {
        note_version(run);
    } else if (record->kind == TRACE_HINT_HOME) {
        check_is_home(run, record);
    } else if (record->kind == TRACE_TREE_DIVERGED) {
        /* Right where the data did change. */
        if (node != run->nemesis.victim) {
            report(run, "G5: a hash tree kept up by writes is not the one built from the data");
        }
    }
    run->repairs += record->kind == TRACE_REPAIRED ? 1 : 0;
    /* What a rolled-back store holds is nobody's business: all that counts is that nobody takes it. */
    bool is_on_trial = nemesis_tries(&run->nemesis, node);
    if (is_on_trial && record->kind != TRACE_STAMPED) {
        return;
    }
    account_watch(&run->account, node->index, shard->index, node_wall(node), record);
}

static void node_gone(void *self, struct node *node) {
    struct run *run = self;
    account_forget_node(&run->account, node->index);
}

static void node_wiped(void *self, struct node *node) {
    struct run *run = self;
    const struct keyspace *keyspace = &run->cluster.keyspaces.keyspaces[0];
    account_wipe_node(&run->account, node->index);
    /* Unless quorums are strict, what an uninformed owner has counts for R, be it old. */
    bool is_strict = keyspace->primary_read_quorum >= keyspace->read_quorum;
    for (uint32_t index = 0; !is_strict && index < run->history.key_count; index++) {
        run->history.keys[index].is_sloppy = true;
    }
}

static void record_lost(void *self, struct node *node, struct view name, bool is_forgotten) {
    struct run *run = self;
    struct key_record *key = history_find_key(&run->history, name);
    const struct keyspace *keyspace = &run->cluster.keyspaces.keyspaces[0];
    account_lose_record(&run->account, node->index, name, is_forgotten);
    /* That a record vanished is noticed by a scrub at the earliest: until then it is believed to be absent. Damage is
     * noticed, but where quorums are not strict, what an uninformed owner has counts for R, be it old. */
    bool is_strict = keyspace->primary_read_quorum >= keyspace->read_quorum;
    key->is_sloppy = key->is_sloppy || is_forgotten || !is_strict;
}

static void recall(void *self, struct node *node, bool is_hint, struct view key, const struct object *object) {
    struct run *run = self;
    account_recall(&run->account, node->index, is_hint, key, object);
}

static void node_back(void *self, struct node *node) {
    struct run *run = self;
    final_each_object(node, &run->world.scratch, recall, run);
}

/* G14: a write that was acknowledged is durable on W nodes, PW owners among them. */
static void acknowledged(void *self, const struct key_record *key, uint32_t value_id) {
    struct run *run = self;
    struct durable_copies copies =
        final_durable_copies(&run->cluster, &run->account, view_of_string(key->name), value_id);
    uint32_t owners_least = run->cluster.keyspaces.keyspaces[0].primary_write_quorum;
    /* One that had stored it may have lost its disk before the last answer came. */
    const struct op_record *operation = &run->history.operations[run->history.writer_of[value_id]];
    uint32_t lost = run->nemesis.last_loss.ns > 0 && run->nemesis.last_loss.ns >= operation->start.ns ? 1 : 0;
    bool suffices = copies.all + lost >= WRITE_QUORUM && copies.owners + lost >= owners_least;
    bool is_below = account_value_is_below(&run->account, view_of_string(key->name), value_id);
    if (key->is_durable && !suffices && !is_below) {
        report(run,
               "G14 key %s: id %u was acknowledged and would survive on %u nodes, %u of them owners, not %u and %u",
               key->name, value_id, copies.all, copies.owners, (unsigned)WRITE_QUORUM, owners_least);
    }
}

static void flushed(void *self, const struct op_record *flush) {
    struct run *run = self;
    struct hybrid_time least = run->account.floor;
    for (uint32_t index = 0; index < run->cluster.node_count; index++) {
        const struct node *node = &run->cluster.nodes[index];
        for (uint32_t shard = 0; node->is_up && shard < node->shard_count; shard++) {
            struct hybrid_time floor = shard_flush_floor(node->shards[shard].shard);
            least = floor.value < least.value ? floor : least;
        }
    }
    account_flush_answered(&run->account, flush, least);
}

static bool is_flushed(void *self, const struct key_record *key, uint32_t value_id, struct instant time) {
    struct run *run = self;
    return account_value_is_flushed(&run->account, view_of_string(key->name), value_id, time);
}

/* ---- knobs ---- */

static void add_keys(struct run *run, uint32_t client_count) {
    struct key_record key = {.is_durable = true};
    for (uint32_t index = 0; index < 12; index++) {
        snprintf(key.name, sizeof(key.name), "shared:%u", index);
        history_add_key(&run->history, &key);
    }
    for (uint32_t index = 0; index < 4; index++) {
        key.is_lww = true;
        snprintf(key.name, sizeof(key.name), "lww:%u", index);
        history_add_key(&run->history, &key);
    }
    for (uint32_t index = 0; index < 3; index++) {
        key = (struct key_record){0};
        snprintf(key.name, sizeof(key.name), "none:%u", index);
        history_add_key(&run->history, &key);
        snprintf(key.name, sizeof(key.name), "interval:%u", index);
        history_add_key(&run->history, &key);
    }
    for (uint32_t index = 0; index < COUNTER_KEYS; index++) {
        bool is_lww = index % 4 == 3;
        key = (struct key_record){
            .is_durable = true, .is_counter = true, .is_pure = index < COUNTER_KEYS / 2, .is_lww = is_lww};
        snprintf(key.name, sizeof(key.name), "%scounter:%u", is_lww ? "lww:" : "", index);
        history_add_key(&run->history, &key);
    }
    for (uint32_t client = 0; client < client_count; client++) {
        for (uint32_t index = 0; index < 4; index++) {
            key = (struct key_record){.is_durable = true, .is_solo = true, .owner = client, .is_lww = index == 3};
            snprintf(key.name, sizeof(key.name), "%ssolo:%u:%u", index == 3 ? "lww:" : "", client, index);
            history_add_key(&run->history, &key);
        }
    }
}

/* Like the default one, but for its conflict rule and durability. */
static void add_keyspace(struct keyspace_table *table, const char *prefix, enum conflict_rule conflict,
                         enum durability durability) {
    struct keyspace keyspace = table->keyspaces[0];
    keyspace.conflict = conflict;
    keyspace.durability = durability;
    keyspace.prefix_bytes = (uint8_t)strlen(prefix);
    memcpy(keyspace.prefix, prefix, keyspace.prefix_bytes);
    bool added = keyspace_table_add(table, &keyspace);
    ENSURE(added);
}

static void run_init(struct run *run, const struct run_options *options) {
    struct keyspace_table keyspaces;
    world_init(&run->world);
    rng_init(&run->rng, options->seed);
    history_init(&run->history);
    account_init(&run->account, &run->world, &run->history);
    add_keys(run, options->client_count);
    keyspace_table_init(&keyspaces);
    /* Strict quorums in half of the seeds; one owner at least in a quarter; fallbacks as they come in the last. */
    uint8_t primary = (uint8_t)(rng_chance(&run->rng, 500000) ? WRITE_QUORUM : rng_below(&run->rng, WRITE_QUORUM));
    keyspaces.keyspaces[0].primary_read_quorum = primary;
    keyspaces.keyspaces[0].primary_write_quorum = primary;
    add_keyspace(&keyspaces, "lww:", CONFLICT_LWW, DURABILITY_SYNC);
    add_keyspace(&keyspaces, "none:", CONFLICT_SIBLINGS, DURABILITY_NONE);
    add_keyspace(&keyspaces, "interval:", CONFLICT_SIBLINGS, DURABILITY_INTERVAL);
    struct cluster_options cluster = {
        .node_count = options->node_count != 0 ? options->node_count : (uint32_t)rng_between(&run->rng, 3, 7),
        .spare_count = 3,
        .shard_count = options->shard_count != 0 ? options->shard_count : (uint32_t)rng_between(&run->rng, 1, 3),
        .replica_count = 3,
        .partition_count = rng_chance(&run->rng, 500000) ? 16 : 64,
        .deadline_ms = 1000,
        .buffer_bytes = rng_chance(&run->rng, 500000) ? 0 : 4096,
        .exchange_period_ms = (uint32_t)rng_between(&run->rng, 1000, 12000),
        .outline_bytes = rng_chance(&run->rng, 500000) ? 1 : 4096,
        .scan_records = (uint32_t)rng_between(&run->rng, 1, 4),
        .max_requests = rng_chance(&run->rng, 200000) ? (uint32_t)rng_between(&run->rng, 2, 6) : 4096,
        .slow_reads = rng_chance(&run->rng, 500000),
    };
    struct rng cluster_rng = rng_split(&run->rng);
    struct rng nemesis_rng = rng_split(&run->rng);
    cluster_init(&run->cluster, &run->world, cluster, &keyspaces, cluster_rng);
    run->cluster.watch = watch;
    run->cluster.watcher = run;
    nemesis_init(&run->nemesis, &run->world, &run->cluster, nemesis_rng);
    run->nemesis.node_gone = node_gone;
    run->nemesis.node_back = node_back;
    run->nemesis.node_wiped = node_wiped;
    run->nemesis.record_lost = record_lost;
    run->nemesis.self = run;
    if (options->is_quiet_network) {
        network_heal(&run->cluster.network);
        run->cluster.disk.slow_per_million = 0;
        run->cluster.disk.read_error_per_million = 0;
    }
    uint64_t think_ns = NS_PER_S * options->client_count / (options->operations_per_s + 1) + 1;
    workload_init(&run->workload, &run->world, &run->cluster, &run->history, options->client_count, think_ns,
                  &run->rng);
    run->workload.acknowledged = acknowledged;
    run->workload.flushed = flushed;
    run->workload.is_flushed = is_flushed;
    run->workload.keyspace_per_million = rng_chance(&run->rng, 250000) ? 1000 : 0;
    run->workload.flush_per_million = rng_chance(&run->rng, 250000) ? 400 : 0;
    run->workload.self = run;
    run->workload.large_per_million = rng_chance(&run->rng, 300000) ? 2000 : 0;
}

static void run_release(struct run *run) {
    workload_stop(&run->workload);
    nemesis_release(&run->nemesis);
    cluster_release(&run->cluster);
    workload_release(&run->workload);
    account_release(&run->account);
    history_release(&run->history);
    world_release(&run->world);
}

/* ---- phases ---- */

static void pass(struct run *run, uint64_t ns) {
    world_run(&run->world, (struct instant){run->world.now.ns + ns});
}

static void fail(struct run *run, struct run_result *result, const char *why) {
    run->world.failed = true;
    if (result->violation[0] == 0) {
        snprintf(result->violation, sizeof(result->violation), "%s", why);
    }
}

static bool all_are_ready(const struct run *run) {
    bool are_ready = true;
    for (uint32_t index = 0; index < run->cluster.node_count; index++) {
        const struct node *node = &run->cluster.nodes[index];
        are_ready = are_ready && (!node_takes_part(node) || node_is_ready(node));
    }
    return are_ready;
}

/* Every shard knows where every other node is. */
static bool all_are_where_they_are_known(const struct run *run) {
    const struct cluster *cluster = &run->cluster;
    bool are_known = true;
    for (uint32_t at = 0; at < cluster->node_count * cluster->node_count * SIM_SHARDS_MOST; at++) {
        const struct node *node = &cluster->nodes[at / SIM_SHARDS_MOST / cluster->node_count];
        const struct node *other = &cluster->nodes[at / SIM_SHARDS_MOST % cluster->node_count];
        uint32_t shard = at % SIM_SHARDS_MOST;
        struct member_index member;
        bool is_asked = node_takes_part(node) && node_takes_part(other) && node->is_up && shard < node->shard_count;
        if (is_asked && ring_find_member(node->shards[shard].shard->ring, other->id, &member)) {
            const char *known = shard_peer_address(node->shards[shard].shard, member);
            are_known = are_known && strcmp(known, other->addresses.peer) == 0;
        }
    }
    return are_known;
}

/* Liveness: everything is mended, so within bounded time every node serves and every operation is over. */
static void heal(struct run *run, struct run_result *result) {
    nemesis_heal(&run->nemesis);
    pass(run, 10 * NS_PER_S);
    workload_stop(&run->workload);
    pass(run, 5 * NS_PER_S);
    for (uint32_t waited = 0; !steward_is_done(&run->nemesis.steward) && waited < MOVE_S * 10; waited++) {
        pass(run, 100 * NS_PER_MS);
    }
    if (!run->world.failed && !steward_is_done(&run->nemesis.steward)) {
        steward_tell(&run->nemesis.steward);
        fail(run, result, "liveness: a change of the members is not over though everything healed");
    }
    for (uint32_t waited = 0; !all_are_ready(run) && waited < 20; waited++) {
        pass(run, 100 * NS_PER_MS); /* a clock that took over a later time waits for its bound */
    }
    if (!all_are_ready(run)) {
        steward_tell(&run->nemesis.steward);
        fail(run, result, "liveness: a node is not ready ten seconds after everything healed");
    }
    if (!run->world.failed && !all_are_where_they_are_known(run)) {
        fail(run, result, "liveness: where a node is now is not known to all ten seconds after everything healed");
    }
    if (!run->world.failed && !workload_is_idle(&run->workload)) {
        fail(run, result, "G19: an operation is not over five seconds after its deadline");
    }
}

/* Every key is read at R=N, which repairs it, from two nodes. */
static void read_everything(struct run *run, struct run_result *result) {
    for (uint32_t key = 0; !run->world.failed && key < run->history.key_count; key++) {
        for (uint32_t time = 0; !run->world.failed && time < 2; time++) {
            uint32_t node = (key + time) % run->cluster.node_count;
            while (!node_takes_part(&run->cluster.nodes[node])) {
                node = (node + 1) % run->cluster.node_count;
            }
            size_t operation = workload_read_all(&run->workload, node, key);
            for (uint32_t waited = 0; !workload_is_idle(&run->workload) && waited < 400; waited++) {
                pass(run, 10 * NS_PER_MS);
            }
            if (!run->world.failed && run->history.operations[operation].outcome != OP_OK) {
                fail(run, result, "liveness: a read at R=N fails though everything healed");
            }
            if (!run->world.failed) {
                account_check_count(&run->account, &run->history.operations[operation]);
            }
        }
    }
    pass(run, 2 * NS_PER_S);
}

static void collect(struct run *run, const struct run_options *options, struct run_result *result) {
    (void)options;
    if (run->workload.violation[0] != 0) {
        snprintf(result->violation, sizeof(result->violation), "%s", run->workload.violation);
    } else if (run->account.has_violation) {
        snprintf(result->violation, sizeof(result->violation), "%s", run->account.violation);
    }
    result->passed = !run->world.failed;
    result->trace_hash = run->world.trace_hash;
    result->simulated_ns = run->world.now.ns;
    result->events = run->world.event_count;
    result->deliveries = run->cluster.network.deliveries;
    result->stamps = run->account.stamps;
    result->second_rounds = run->second_rounds;
    result->hints = run->hints;
    result->nodes = run->cluster.node_count;
    result->shards = run->cluster.options.shard_count;
    for (int name = 0; name < OP_NAMES; name++) {
        result->ok += run->history.outcomes[name][OP_OK];
        result->failed += run->history.outcomes[name][OP_FAILED];
        result->in_doubt += run->history.outcomes[name][OP_IN_DOUBT];
    }
    result->operations = result->ok + result->failed + result->in_doubt;
    size_t used = 0;
    for (int fault = 0; fault < FAULT_CLASSES; fault++) {
        result->has_fault[fault] = run->nemesis.enabled[fault];
        result->strikes[fault] = fault == FAULT_MEMBERS ? run->nemesis.steward.changed : run->nemesis.fired[fault];
        if (run->nemesis.enabled[fault] && used < sizeof(result->faults)) {
            used += (size_t)snprintf(result->faults + used, sizeof(result->faults) - used, " %s",
                                     fault_text((enum fault_class)fault));
        }
    }
}

/* All go by one table of keyspaces, which has every change that was answered. */
static void check_keyspaces(struct run *run, struct run_result *result) {
    const struct node *some = cluster_node_of_member(&run->cluster, ring_nth_by_id(run->cluster.ring, 0));
    const struct keyspace_table *first = shard_keyspaces(some->shards[0].shard);
    for (uint32_t index = 0; index < run->cluster.node_count; index++) {
        const struct node *node = &run->cluster.nodes[index];
        for (uint32_t shard = 0; node_takes_part(node) && shard < node->shard_count; shard++) {
            const struct keyspace_table *table = shard_keyspaces(node->shards[shard].shard);
            bool is_same = table->version == first->version &&
                           digest_equal(keyspace_table_digest(table), keyspace_table_digest(first));
            if (!run->world.failed && !is_same) {
                fail(run, result, "nodes go by different tables of keyspaces");
            }
        }
    }
    if (!run->world.failed && first->version < run->history.outcomes[OP_KEYSPACE][OP_OK]) {
        fail(run, result, "a change of the keyspaces that was answered is gone");
    }
}

/* What is reaped or pruned goes at one owner after the other: that is no difference. */
static void wait_for_words_under_way(struct run *run) {
    uint64_t let_go_before;
    uint32_t waited = 0;
    do {
        let_go_before = run->account.let_go;
        pass(run, 50 * NS_PER_MS);
        waited++;
    } while (run->account.let_go != let_go_before && waited < 20);
}

/* Hints and exchange alone make replicas equal: reading then finds nothing to repair. */
static void converge(struct run *run, struct run_result *result) {
    if (run->world.failed) {
        return;
    }
    pass(run, CONVERGENCE_S * NS_PER_S);
    check_keyspaces(run, result);
    wait_for_words_under_way(run);
    final_check(&run->cluster, &run->history, &run->account, result->violation, sizeof(result->violation));
    uint64_t repairs_before = run->repairs;
    uint64_t let_go_before = run->account.let_go;
    read_everything(run, result);
    /* Owners let go one after the other: a read in between repairs what is going. */
    if (!run->world.failed && run->repairs != repairs_before && run->account.let_go == let_go_before) {
        fail(run, result, "G5: reads still repair after exchange made all replicas equal");
    }
}

void run_seed(const struct run_options *options, struct run_result *ret_result) {
    struct run *run = calloc(1, sizeof(*run));
    ENSURE(run != NULL);
    memset(ret_result, 0, sizeof(*ret_result));
#ifdef GRAMME_MUTANTS
    mutant_active = options->mutant;
#endif
    run_init(run, options);
    if (options->trace_path != NULL) {
        bool to_output = strcmp(options->trace_path, "-") == 0;
        run->world.trace_file = to_output ? stdout : fopen(options->trace_path, "w");
    }
    for (uint32_t index = 0; index < run->cluster.node_count; index++) {
        if (node_takes_part(&run->cluster.nodes[index])) {
            node_start(&run->cluster.nodes[index]);
        }
    }
    pass(run, 3 * NS_PER_S);
    if (!options->is_quiet_network) {
        nemesis_start(&run->nemesis);
    }
    pass(run, options->time_ns);
    if (!run->world.failed) {
        heal(run, ret_result);
    }
    converge(run, ret_result);
    collect(run, options, ret_result);
    if (run->world.trace_file != NULL && run->world.trace_file != stdout) {
        fclose(run->world.trace_file);
    }
    run->world.trace_file = NULL;
    run_release(run);
    free(run);
}
