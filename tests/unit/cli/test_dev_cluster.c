#include "cli/dev_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/command.h"

static struct dev_cluster cluster;
static struct dev_cluster other;

static void remove_folder(const char *folder) {
    char command[PATH_MAX + 16];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* Ports that nobody has now; the cluster is never started. */
static uint32_t free_port(void) {
    for (uint32_t port = 20000;; port += 10) {
        int descriptor = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        bool taken = bind(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0;
        close(descriptor);
        if (!taken) {
            return port;
        }
    }
}

static void expect_open(const char *folder, struct dev_shape shape, int code, const char *part) {
    assert_int_equal(dev_cluster_open(&cluster, folder, &shape), code);
    if (part != NULL && strstr(cluster.error, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, cluster.error);
    }
    dev_cluster_close(&cluster);
}

static void test_life(void **state) {
    (void)state;
    char folder[] = "/tmp/gramme-dev-XXXXXX";
    assert_non_null(mkdtemp(folder));
    uint32_t port = free_port();
    expect_open(folder, (struct dev_shape){.nodes = 2, .base_port = port, .write_quorum = 4}, EXIT_CODE_USAGE,
                "write-quorum 4 is more than the 3 replicas");
    struct dev_shape shape = {.nodes = 2, .base_port = port, .storage = "memory", .durability = "none", .shards = 2};
    assert_int_equal(dev_cluster_open(&cluster, folder, &shape), EXIT_CODE_OK);
    assert_true(cluster.is_new);
    assert_int_equal(cluster.node_count, 2);
    struct config first;
    struct config_error error;
    assert_true(config_load(cluster.nodes[1].config_path, &first, &error));
    assert_int_equal(first.member_count, 2);
    assert_int_equal(first.shards, 2);
    assert_int_equal(first.storage, CONFIG_STORAGE_MEMORY);
    assert_int_equal(first.keyspaces.keyspaces[0].durability, DURABILITY_NONE);

    assert_int_equal(dev_cluster_open(&other, folder, &shape), EXIT_CODE_FAILURE);
    assert_non_null(strstr(other.error, "another 'gramme dev'"));
    dev_cluster_close(&other);
    dev_cluster_close(&cluster);

    assert_int_equal(dev_cluster_open(&cluster, folder, &(struct dev_shape){0}), EXIT_CODE_OK);
    assert_false(cluster.is_new);
    struct config second;
    assert_true(config_load(cluster.nodes[1].config_path, &second, &error));
    assert_true(node_id_equal(first.node, second.node));
    assert_memory_equal(&first.secrets, &second.secrets, sizeof(first.secrets));
    assert_int_equal(cluster.nodes[1].client_port, port + 1);
    assert_int_equal(cluster.nodes[1].peer_port, port + 1 + DEV_PEER_PORT_STEP);
    dev_cluster_close(&cluster);
    config_release(&first);
    config_release(&second);

    expect_open(folder, (struct dev_shape){.nodes = 3}, EXIT_CODE_USAGE, "has --nodes 2, not 3");
    expect_open(folder, (struct dev_shape){.base_port = port + 1}, EXIT_CODE_USAGE, "--base-port");
    expect_open(folder, (struct dev_shape){.storage = "rocksdb"}, EXIT_CODE_USAGE, "has --storage memory, not rocksdb");
    expect_open(folder, (struct dev_shape){.durability = "sync"}, EXIT_CODE_USAGE, "has --durability none, not sync");
    expect_open(folder, (struct dev_shape){.shards = 1}, EXIT_CODE_USAGE, "has --shards 2, not 1");
    expect_open(folder, (struct dev_shape){.read_quorum = 1}, EXIT_CODE_USAGE, "has --read-quorum 2, not 1");
    remove_folder(folder);
}

static void test_ports_in_use(void **state) {
    (void)state;
    char folder[] = "/tmp/gramme-dev-XXXXXX";
    assert_non_null(mkdtemp(folder));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    /* The first node's peers, so that a base port below the range of such ports is tried, too. */
    uint32_t base_port = ntohs(address.sin_port) - (uint32_t)DEV_PEER_PORT_STEP;
    expect_open(folder, (struct dev_shape){.base_port = base_port}, EXIT_CODE_FAILURE, "cannot be used");
    char marker[PATH_MAX];
    snprintf(marker, sizeof(marker), "%s/cluster", folder);
    assert_int_not_equal(access(marker, F_OK), 0);
    close(listener);
    remove_folder(folder);
}

static void test_foreign_folders(void **state) {
    (void)state;
    char folder[] = "/tmp/gramme-dev-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "mkdir -p '%s/node2/data'", folder);
    assert_int_equal(system(path), 0);
    expect_open(folder, (struct dev_shape){.base_port = free_port()}, EXIT_CODE_FAILURE, "is that another cluster?");
    snprintf(path, sizeof(path), "echo hello > '%s/cluster'", folder);
    assert_int_equal(system(path), 0);
    expect_open(folder, (struct dev_shape){0}, EXIT_CODE_CONFIGURATION, "is not what 'gramme dev' writes there");
    remove_folder(folder);
    expect_open("/proc/nowhere", (struct dev_shape){0}, EXIT_CODE_FAILURE, "cannot make the folder");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_ports_in_use),
        cmocka_unit_test(test_foreign_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
