#include "server/clock.h"
#include "cli/command.h"
#include "cli/dev_cluster.h"
#include "cli/dev_nodes.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>

enum { START_TIMEOUT_MS = 60000, PROBE_EACH_MS = 50, STOP_TIMEOUT_MS = 15000 };

static void print_table(const struct dev_nodes *nodes) {
    const struct dev_cluster *cluster = nodes->cluster;
    printf("%-8s%-24s%-24s%-10s%s\n", "node", "clients", "peers", "pid", "folder");
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const struct dev_node *node = &cluster->nodes[i];
        char name[16];
        char clients[24];
        char peers[24];
        snprintf(name, sizeof(name), "node%u", i + 1);
        snprintf(clients, sizeof(clients), "127.0.0.1:%u", node->client_port);
        snprintf(peers, sizeof(peers), "127.0.0.1:%u", node->peer_port);
        printf("%-8s%-24s%-24s%-10d%s\n", name, clients, peers, (int)nodes->processes[i].pid, node->folder);
    }
    printf("\nTry: redis-cli -c -p %u    Stop with Ctrl-C.\n", cluster->nodes[0].client_port);
}

static void print_unready(const struct dev_nodes *nodes) {
    for (uint32_t i = 0; i < nodes->cluster->node_count; i++) {
        if (!nodes->processes[i].is_ready) {
            fprintf(stderr, "gramme dev: node%u is not ready after %d s; see %s\n", i + 1, START_TIMEOUT_MS / 1000,
                    nodes->cluster->nodes[i].log_path);
        }
    }
}

/* Until all are ready (OK), one died (FAILURE), the time is over (UNREACHABLE), or a signal asks to stop, in which case
 * *ret_stopped. */
static int await_readiness(struct dev_nodes *nodes, bool *ret_stopped) {
    int64_t deadline_ms = clock_now_ms() + START_TIMEOUT_MS;
    while (clock_now_ms() < deadline_ms) {
        if (dev_nodes_are_ready(nodes)) {
            return EXIT_CODE_OK;
        }
        if (dev_nodes_wait(nodes, PROBE_EACH_MS) == DEV_EVENT_STOP) {
            *ret_stopped = true;
            return EXIT_CODE_OK;
        }
        if (dev_nodes_running(nodes) < nodes->cluster->node_count) {
            return EXIT_CODE_FAILURE;
        }
    }
    print_unready(nodes);
    return EXIT_CODE_UNREACHABLE;
}

static int watch(struct dev_nodes *nodes) {
    while (dev_nodes_wait(nodes, -1) != DEV_EVENT_STOP) {
        if (dev_nodes_running(nodes) == 0) {
            fprintf(stderr, "gramme dev: no node is left\n");
            return EXIT_CODE_FAILURE;
        }
    }
    printf("stopping %u nodes\n", dev_nodes_running(nodes));
    fflush(stdout);
    return EXIT_CODE_OK;
}

static int run_nodes(const struct dev_cluster *cluster) {
    struct dev_nodes nodes;
    bool stopped = false;
    dev_nodes_init(&nodes, cluster);
    int code = dev_nodes_start(&nodes) ? await_readiness(&nodes, &stopped) : EXIT_CODE_FAILURE;
    if (code == EXIT_CODE_OK && !stopped) {
        print_table(&nodes);
        printf("ready\n");
        fflush(stdout);
        code = watch(&nodes);
    }
    bool clean = dev_nodes_stop(&nodes, STOP_TIMEOUT_MS);
    return code == EXIT_CODE_OK && !clean ? EXIT_CODE_FAILURE : code;
}

enum { NODES, DATA, BASE_PORT, STORAGE, DURABILITY, SHARDS, REPLICAS, READ_QUORUM, WRITE_QUORUM, OPTION_COUNT };

static bool one_of(const struct command *command, const struct option *option, const char *const *choices) {
    if (option->value == NULL) {
        return true;
    }
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(option->value, choices[i]) == 0) {
            return true;
        }
    }
    command_usage_error(command, "%s cannot be '%s'", option->name, option->value);
    return false;
}

static bool read_shape(const struct command *command, const struct option *options, struct dev_shape *shape) {
    static const char *const storages[] = {"rocksdb", "memory", NULL};
    static const char *const durabilities[] = {"sync", "interval", "none", NULL};
    const uint32_t last_port = UINT16_MAX - DEV_PEER_PORT_STEP - DEV_NODES_MOST;
    *shape = (struct dev_shape){.storage = options[STORAGE].value, .durability = options[DURABILITY].value};
    if (options[DATA].value == NULL || options[DATA].value[0] == '\0') {
        command_usage_error(command, "--data DIR is missing");
        return false;
    }
    return option_number(command, &options[NODES], 1, DEV_NODES_MOST, &shape->nodes) &&
           option_number(command, &options[BASE_PORT], 1024, last_port, &shape->base_port) &&
           option_number(command, &options[SHARDS], 1, LIMIT_SHARDS, &shape->shards) &&
           option_number(command, &options[REPLICAS], 1, LIMIT_REPLICAS, &shape->replicas) &&
           option_number(command, &options[READ_QUORUM], 1, LIMIT_REPLICAS, &shape->read_quorum) &&
           option_number(command, &options[WRITE_QUORUM], 1, LIMIT_REPLICAS, &shape->write_quorum) &&
           one_of(command, &options[STORAGE], storages) && one_of(command, &options[DURABILITY], durabilities);
}

static int run_cluster(const struct command *command, const char *folder, const struct dev_shape *shape) {
    struct dev_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return EXIT_CODE_FAILURE;
    }
    int code = dev_cluster_open(cluster, folder, shape);
    if (code != EXIT_CODE_OK) {
        command_complain(command, "%s", cluster->error);
    } else {
        printf("%s cluster of %u nodes in %s\n", cluster->is_new ? "new" : "present", cluster->node_count,
               cluster->folder);
        code = run_nodes(cluster);
    }
    dev_cluster_close(cluster);
    free(cluster);
    return code;
}

static int run_dev(const struct command *command, int argc, char **argv) {
    struct option options[OPTION_COUNT + 1] = {
        [NODES] = {"--nodes", NULL},
        [DATA] = {"--data", NULL},
        [BASE_PORT] = {"--base-port", NULL},
        [STORAGE] = {"--storage", NULL},
        [DURABILITY] = {"--durability", NULL},
        [SHARDS] = {"--shards", NULL},
        [REPLICAS] = {"--replicas", NULL},
        [READ_QUORUM] = {"--read-quorum", NULL},
        [WRITE_QUORUM] = {"--write-quorum", NULL},
    };
    size_t words;
    enum options_status status = options_parse(command, options, argc, argv, NULL, 0, &words);
    if (status != OPTIONS_OK) {
        return status == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    struct dev_shape shape;
    if (!read_shape(command, options, &shape)) {
        return EXIT_CODE_USAGE;
    }
    return run_cluster(command, options[DATA].value, &shape);
}

const struct command command_dev = {
    .name = "dev",
    .arguments = "--data DIR [--nodes N] [OPTIONS]",
    .summary = "run a cluster of several nodes on this machine",
    .help =
        "Makes a cluster in DIR and runs it, on loopback, until Ctrl-C or SIGTERM; or runs the one that is there.\n"
        "Prints a table of the nodes and, when all of them serve, the word 'ready' on a line of its own. A node that\n"
        "dies is reported and not restarted. Node K has the folder DIR/nodeK: its configuration gramme.conf, its log\n"
        "gramme.log and its data.\n"
        "\n"
        "  --data DIR          folder of the cluster; made if it isn't there\n"
        "  --nodes N           3\n"
        "  --base-port P       7001: node K serves clients on P+K-1 and its peers 10000 above that\n"
        "  --storage S         rocksdb, or memory, which forgets everything when a node stops\n"
        "  --durability D      sync, interval or none: what an acknowledged write has survived\n"
        "  --shards S          1: threads of each node\n"
        "  --replicas N        3: copies of each key\n"
        "  --read-quorum R     N/2+1: copies that a read asks for\n"
        "  --write-quorum W    N/2+1: copies that acknowledge a write\n"
        "\n"
        "A cluster that is there keeps its shape: options that contradict it are refused.\n"
        "\n"
        "Exit codes: 0 stopped cleanly, 1 failure, 2 usage, 3 configuration, 4 the nodes did not get ready.\n",
    .run = run_dev,
};
