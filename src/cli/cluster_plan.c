#include "cli/cluster_call.h"
#include "cli/cluster_state.h"
#include "cli/information.h"
#include "ring/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHORT_ID = 8, SIZE_TEXT = 32 };

struct planning {
    const struct cluster_call *call;
    struct cluster_state state;
    struct membership log;
    struct ring *before;
    struct ring *after;
    struct plan *plan;
    uint64_t replica_bytes; /* of one partition, about; 0: nobody told */
    json_t *keyspaces;      /* of which quorums would not meet: prefix, read-quorum, write-quorum */
};

/* ---- how much there is ---- */

/* What a member keeps, by its own figures; false when it does not tell. */
static bool ask_bytes(const json_t *member, uint64_t *ret_bytes) {
    struct address address;
    struct client client;
    struct buffer text;
    bool is_told = false;
    client_init(&client);
    buffer_init(&text);
    if (address_parse(cluster_text(member, "client"), &address) &&
        client_connect(&client, address.host, address.port, CLUSTER_TIMEOUT_MS) &&
        information_ask(&client, "persistence", CLUSTER_TIMEOUT_MS, &text)) {
        const char *at = (const char *)(text.data + text.begin);
        *ret_bytes = information_number(at, "gramme_storage_memory_bytes", 0) +
                     information_number(at, "gramme_storage_file_bytes", 0);
        is_told = true;
    }
    buffer_release(&text);
    client_release(&client);
    return is_told;
}

/* Partitions are taken for equally large: hashes deal keys out evenly. */
static void estimate(struct planning *planning) {
    uint64_t bytes = 0;
    uint64_t replicas = 0;
    size_t index;
    json_t *member;
    json_array_foreach((json_t *)cluster_list(&planning->state, "members"), index, member) {
        uint64_t of = 0;
        if (cluster_is(member, "reachable") && ask_bytes(member, &of)) {
            bytes += of;
            replicas += cluster_number(member, "replicas");
        }
    }
    planning->replica_bytes = replicas == 0 ? 0 : bytes / replicas;
}

/* ---- quorums ---- */

static int64_t integer_of(const struct resp_reply *map, struct view name) {
    for (size_t i = 0; i + 1 < map->count; i += 2) {
        if (view_equal(map->items[i].text, name)) {
            return map->items[i + 1].integer;
        }
    }
    return 0;
}

/* Keyspaces whose reads and writes would not meet in one replica of the ring to be, R + W <= n. */
static void find_keyspaces(struct planning *planning) {
    struct cluster_state *state = &planning->state;
    const struct view words[] = {VIEW("GRAMME.KEYSPACES")};
    const struct resp_reply *reply = NULL;
    int64_t owners = ring_replica_count(planning->after);
    planning->keyspaces = json_array();
    if (!client_ask(&state->client, words, 1, CLUSTER_TIMEOUT_MS, &reply) || reply->kind != RESP_REPLY_ARRAY) {
        return;
    }
    for (size_t i = 1; i < reply->count; i++) {
        const struct resp_reply *keyspace = &reply->items[i];
        int64_t reads = integer_of(keyspace, VIEW("read-quorum"));
        int64_t writes = integer_of(keyspace, VIEW("write-quorum"));
        if (reads + writes <= owners && keyspace->count > 1) {
            json_array_append_new(planning->keyspaces,
                                  json_pack("{s:s%, s:I, s:I}", "prefix", (const char *)keyspace->items[1].text.data,
                                            keyspace->items[1].text.size, "read-quorum", (json_int_t)reads,
                                            "write-quorum", (json_int_t)writes));
        }
    }
}

static int make_plan(struct planning *planning) {
    uint32_t partitions = ring_partition_count(planning->before);
    uint64_t *bytes = calloc(partitions, sizeof(*bytes));
    ENSURE(bytes != NULL);
    for (uint32_t i = 0; i < partitions; i++) {
        bytes[i] = planning->replica_bytes;
    }
    enum plan_status status =
        plan_new(planning->before, planning->after, planning->replica_bytes > 0 ? bytes : NULL, &planning->plan);
    free(bytes);
    ENSURE(status == PLAN_OK); /* both rings have the shape that the node told */
    return EXIT_CODE_OK;
}

/* ---- text ---- */

struct size_text {
    char text[SIZE_TEXT];
};

static struct size_text size_of(const struct plan *plan, uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct size_text size = {"unknown"};
    size_t unit = 0;
    uint64_t tenths = bytes * 10;
    while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        tenths /= 1024;
        unit++;
    }
    if (plan->bytes_known) {
        (void)snprintf(size.text, sizeof(size.text), "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
                       units[unit]);
    }
    return size;
}

static void print_change(const json_t *change) {
    const char *kind = cluster_text(change, "change");
    if (strcmp(kind, "replicas") == 0) {
        printf("  %-8s of each partition: %" PRIu64 "\n", kind, cluster_number(change, "replicas"));
        return;
    }
    printf("  %-8s %.*s", kind, SHORT_ID, cluster_text(change, "id"));
    if (cluster_text(change, "client")[0] != '\0') {
        printf("  %s, zone %s, weight %" PRIu64, cluster_text(change, "client"), cluster_text(change, "zone"),
               cluster_number(change, "weight"));
    } else if (strcmp(kind, "weight") == 0) {
        printf("  to %" PRIu64, cluster_number(change, "weight"));
    }
    if (cluster_text(change, "replaces")[0] != '\0') {
        printf(", in the place of %.*s", SHORT_ID, cluster_text(change, "replaces"));
    }
    printf("\n");
}

/* The dead first, as it will be done. */
static void print_changes(const struct planning *planning) {
    for (int are_dead = 1; are_dead >= 0; are_dead--) {
        size_t index;
        json_t *change;
        json_array_foreach((json_t *)cluster_list(&planning->state, "staged"), index, change) {
            if (are_dead == (strcmp(cluster_text(change, "change"), "dead") == 0)) {
                print_change(change);
            }
        }
    }
}

static void print_members(const struct plan *plan) {
    printf("%-10s%-23s%-12s%13s%15s%17s%7s%7s%12s\n", "member", "address", "zone", "weight", "first-owned", "replicas",
           "gains", "loses", "receives");
    for (size_t i = 0; i < plan->member_count; i++) {
        const struct plan_member *member = &plan->members[i];
        char id[NODE_ID_TEXT_SIZE];
        char weight[32];
        char first[32];
        char replicas[32];
        node_id_to_text(member->record.id, id);
        (void)snprintf(weight, sizeof(weight), "%u -> %u", member->before.weight, member->after.weight);
        (void)snprintf(first, sizeof(first), "%u -> %u", member->before.first_owned, member->after.first_owned);
        (void)snprintf(replicas, sizeof(replicas), "%u -> %u", member->before.replicas, member->after.replicas);
        printf("%-10.*s%-23s%-12s%13s%15s%17s%7u%7u%12s\n", SHORT_ID, id, member->record.client_address,
               member->record.zone, weight, first, replicas, member->replicas_gained, member->replicas_lost,
               size_of(plan, member->bytes_gained).text);
    }
}

static void print_spread(const char *when, const struct plan_cluster *cluster) {
    const struct plan_spread *first = &cluster->first_owned;
    const struct plan_spread *replicas = &cluster->replicas;
    printf("balance %s: first-owned from %u (weight %u) to %u (weight %u), replicas from %u (weight %u) to %u (weight "
           "%u)\n",
           when, first->least.count, first->least.weight, first->most.count, first->most.weight, replicas->least.count,
           replicas->least.weight, replicas->most.count, replicas->most.weight);
}

static void print_problems(const struct plan *plan) {
    for (int problem = 0; problem < PLAN_PROBLEM_COUNT; problem++) {
        uint32_t before = plan->before.problems[problem];
        uint32_t after = plan->after.problems[problem];
        if (after > 0) {
            printf("WARNING: %u partitions %s (now %u)\n", after, plan_problem_text((enum plan_problem)problem),
                   before);
        }
    }
}

static void print_keyspaces(const struct planning *planning) {
    size_t index;
    json_t *keyspace;
    json_array_foreach(planning->keyspaces, index, keyspace) {
        uint32_t owners = ring_replica_count(planning->after);
        const char *prefix = cluster_text(keyspace, "prefix");
        printf("WARNING: keyspace '%s' would read %" PRIu64 " and write %" PRIu64
               " of %u replicas, so a read may miss the "
               "last write. Before it is committed:\n"
               "  redis-cli ... GRAMME.KEYSPACE SET '%s' read-quorum %u write-quorum %u\n",
               prefix, cluster_number(keyspace, "read-quorum"), cluster_number(keyspace, "write-quorum"), owners,
               prefix, owners / 2 + 1, owners / 2 + 1);
    }
}

static void print_plan(const struct planning *planning) {
    const struct plan *plan = planning->plan;
    const char *digest = cluster_text(planning->state.status, "digest");
    printf("From version %" PRIu64 ", what is staged:\n", cluster_number(planning->state.status, "version"));
    print_changes(planning);
    printf("\n");
    print_members(plan);
    printf("\n%u replicas are copied, at least %u have to be; %u are dropped; about %s travel\n", plan->replicas_moved,
           plan->replicas_least, plan->replicas_dropped, size_of(plan, plan->bytes_moved).text);
    printf("%u partitions get another first owner, at least %u have to\n", plan->first_owned_moved,
           plan->first_owned_least);
    print_spread("before", &plan->before);
    print_spread("after ", &plan->after);
    print_problems(plan);
    print_keyspaces(planning);
    if (!cluster_is(planning->state.status, "settled")) {
        printf("A change is under way: this cannot be committed before its end ('gramme cluster watch').\n");
    }
    printf("\nNothing has been done yet. To do it:\n  gramme cluster commit %s %s\n", digest,
           planning->call->address.text);
}

/* ---- JSON ---- */

static json_t *part_of(const struct plan_part *part) {
    return json_pack("{s:b, s:I, s:I, s:I}", "present", part->present, "weight", (json_int_t)part->weight,
                     "first-owned", (json_int_t)part->first_owned, "replicas", (json_int_t)part->replicas);
}

static json_t *member_of(const struct plan *plan, const struct plan_member *member) {
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(member->record.id, id);
    json_t *value = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I}", "id", id, "client", member->record.client_address, "zone",
        member->record.zone, "before", part_of(&member->before), "after", part_of(&member->after), "replicas-gained",
        (json_int_t)member->replicas_gained, "replicas-lost", (json_int_t)member->replicas_lost, "first-owned-gained",
        (json_int_t)member->first_owned_gained, "first-owned-lost", (json_int_t)member->first_owned_lost);
    if (plan->bytes_known) {
        json_object_set_new(value, "bytes-gained", json_integer((json_int_t)member->bytes_gained));
        json_object_set_new(value, "bytes-lost", json_integer((json_int_t)member->bytes_lost));
    }
    return value;
}

static json_t *problems_of(const struct plan_cluster *cluster) {
    return json_pack("{s:I, s:I, s:I}", "few-members", (json_int_t)cluster->problems[PLAN_FEW_MEMBERS], "few-zones",
                     (json_int_t)cluster->problems[PLAN_FEW_ZONES], "zones-missed",
                     (json_int_t)cluster->problems[PLAN_ZONES_MISSED]);
}

static void print_json(const struct planning *planning) {
    const struct plan *plan = planning->plan;
    const json_t *status = planning->state.status;
    json_t *members = json_array();
    for (size_t i = 0; i < plan->member_count; i++) {
        json_array_append_new(members, member_of(plan, &plan->members[i]));
    }
    json_t *whole = json_pack(
        "{s:s, s:I, s:b, s:O, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "digest", cluster_text(status, "digest"),
        "version", (json_int_t)cluster_number(status, "version"), "settled", cluster_is(status, "settled"), "staged",
        json_object_get(status, "staged"), "replicas-moved", (json_int_t)plan->replicas_moved, "replicas-least",
        (json_int_t)plan->replicas_least, "replicas-dropped", (json_int_t)plan->replicas_dropped, "first-owned-moved",
        (json_int_t)plan->first_owned_moved, "first-owned-least", (json_int_t)plan->first_owned_least,
        "problems-before", problems_of(&plan->before), "problems-after", problems_of(&plan->after), "members", members);
    json_object_set(whole, "keyspaces-without-overlap", planning->keyspaces);
    if (plan->bytes_known) {
        json_object_set_new(whole, "bytes-moved", json_integer((json_int_t)plan->bytes_moved));
    }
    json_dumpf(whole, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(whole);
}

/* ---- the whole ---- */

static int plan_staged(struct planning *planning) {
    struct cluster_state *state = &planning->state;
    int code = cluster_state_read(state, false);
    if (code == EXIT_CODE_OK && json_array_size(cluster_list(state, "staged")) == 0) {
        command_complain(
            planning->call->command,
            "nothing is staged; 'gramme cluster join', 'leave', 'replace', 'weight', 'replicas' and 'remove' do so");
        return EXIT_CODE_FAILURE;
    }
    code = code == EXIT_CODE_OK ? cluster_read_log(state, &planning->log, &planning->before) : code;
    if (code == EXIT_CODE_OK && membership_lamport(&planning->log) != cluster_number(state->status, "version")) {
        command_complain(planning->call->command, "the members changed just now: try again");
        return EXIT_CODE_FAILURE;
    }
    code = code == EXIT_CODE_OK ? cluster_after(state, &planning->log, &planning->after) : code;
    if (code != EXIT_CODE_OK) {
        return code;
    }
    estimate(planning);
    find_keyspaces(planning);
    return make_plan(planning);
}

int cluster_plan(const struct cluster_call *call) {
    struct planning planning = {.call = call};
    membership_init(&planning.log);
    cluster_state_init(&planning.state, call->command, &call->address);
    int code = plan_staged(&planning);
    if (code == EXIT_CODE_OK && call->json) {
        print_json(&planning);
    } else if (code == EXIT_CODE_OK) {
        print_plan(&planning);
    }
    plan_free(planning.plan);
    json_decref(planning.keyspaces);
    ring_free(planning.before);
    ring_free(planning.after);
    membership_release(&planning.log);
    cluster_state_release(&planning.state);
    return code;
}
