/* Whole nodes, each in a process of its own, under whatever sanitizer this was built with: a client's way through
 * several shards, garbage on both ports, the death of one, a clean stop of the others. A node that a sanitizer finds
 * fault with doesn't exit with 0. */
#include "server/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NODES = 3, SHARDS = 2, PATIENCE_MS = 30000, PEER_PORT_STEP = 10000 };

struct cluster {
    pid_t pids[NODES];
    uint16_t base_port;
    char folder[64]; /* empty: storage in memory */
};

/* ---- plain sockets ---- */

static int listen_briefly(uint16_t port) {
    int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    int status = bind(descriptor, (struct sockaddr *)&address, sizeof(address));
    close(descriptor);
    return status;
}

static uint16_t free_ports(void) {
    for (uint32_t base = 11000 + (uint32_t)getpid() % 10000; base < 22000; base += NODES) {
        bool is_free = true;
        for (uint16_t index = 0; index < NODES; index++) {
            is_free = is_free && listen_briefly((uint16_t)(base + index)) == 0 &&
                      listen_briefly((uint16_t)(base + index + PEER_PORT_STEP)) == 0;
        }
        if (is_free) {
            return (uint16_t)base;
        }
    }
    fail_msg("no free ports");
    return 0;
}

static int dial(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static void send_text(int descriptor, const char *text) {
    assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until `expected` has come, which must be the whole of it. */
static void expect_text(int descriptor, const char *expected) {
    char got[256] = "";
    size_t size = 0;
    while (size < strlen(expected)) {
        struct pollfd poll_one = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&poll_one, 1, PATIENCE_MS), 1);
        ssize_t count = recv(descriptor, got + size, sizeof(got) - 1 - size, 0);
        assert_true(count > 0);
        size += (size_t)count;
        got[size] = '\0';
    }
    assert_string_equal(got, expected);
}

static void sleep_ms(long ms) {
    struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

/* ---- nodes ---- */

static void write_config(const struct cluster *cluster, int self, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size,
                                   "cluster-id 0123456789abcdef0123456789abcdef\n"
                                   "cluster-secret ffffffffffffffffffffffffffffffff\n"
                                   "node-id 0000000000000000000000000000000%d\nshards %d\nlog-level error\n",
                                   self + 1, SHARDS);
    if (cluster->folder[0] == '\0') {
        used += (size_t)snprintf(text + used, size - used, "storage memory\n");
    } else {
        used += (size_t)snprintf(text + used, size - used, "data %s/node-%d\n", cluster->folder, self);
    }
    for (int index = 0; index < NODES; index++) {
        used += (size_t)snprintf(
            text + used, size - used, "member 0000000000000000000000000000000%d zone%d 1 127.0.0.1:%d 127.0.0.1:%d\n",
            index + 1, index, cluster->base_port + index, cluster->base_port + index + PEER_PORT_STEP);
    }
    assert_true(used < size);
}

static void start_node(struct cluster *cluster, int index) {
    char text[2048];
    struct config config;
    struct config_error error;
    write_config(cluster, index, text, sizeof(text));
    cluster->pids[index] = fork();
    assert_true(cluster->pids[index] >= 0);
    if (cluster->pids[index] == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!config_parse(view_of_string(text), "test", &config, &error)) {
            _exit(3);
        }
        int code = server_run(&config);
        config_release(&config);
        exit(code); /* not _exit(): the leak check runs at exit */
    }
}

static void await_answer(struct cluster *cluster, int index, const char *request, const char *expected) {
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 20) {
        int descriptor = dial((uint16_t)(cluster->base_port + index));
        if (descriptor >= 0) {
            char got[64] = "";
            send_text(descriptor, request);
            ssize_t count = recv(descriptor, got, sizeof(got) - 1, 0);
            close(descriptor);
            if (count > 0 && strcmp(got, expected) == 0) {
                return;
            }
        }
        sleep_ms(20);
    }
    fail_msg("node %d does not answer %s to %s", index, expected, request);
}

static void start_all(struct cluster *cluster) {
    for (int index = 0; index < NODES; index++) {
        start_node(cluster, index);
    }
    for (int index = 0; index < NODES; index++) {
        await_answer(cluster, index, "SET ready yes\r\n", "+OK\r\n");
    }
}

static void stop_all(struct cluster *cluster) {
    for (int index = 0; index < NODES; index++) {
        assert_int_equal(kill(cluster->pids[index], SIGTERM), 0);
    }
    for (int index = 0; index < NODES; index++) {
        int status = 0;
        assert_int_equal(waitpid(cluster->pids[index], &status, 0), cluster->pids[index]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* ---- tests ---- */

/* Keys enough for every shard of every node, through sessions on every shard of every node. */
static void exercise(struct cluster *cluster, const char *round) {
    int sessions[NODES * SHARDS];
    char text[128];
    char expected[128];
    for (int index = 0; index < NODES * SHARDS; index++) {
        sessions[index] = dial((uint16_t)(cluster->base_port + index / SHARDS));
        assert_true(sessions[index] >= 0);
    }
    for (int key = 0; key < 120; key++) {
        int writer = sessions[key % (NODES * SHARDS)];
        int reader = sessions[(key * 5 + 1) % (NODES * SHARDS)];
        (void)snprintf(text, sizeof(text), "SET %s%d value%d\r\n", round, key, 1000 + key);
        send_text(writer, text);
        expect_text(writer, "+OK\r\n");
        (void)snprintf(text, sizeof(text), "GET %s%d\r\nPING\r\n", round, key);
        (void)snprintf(expected, sizeof(expected), "$9\r\nvalue%d\r\n+PONG\r\n", 1000 + key);
        send_text(reader, text);
        expect_text(reader, expected);
    }
    for (int index = 0; index < NODES * SHARDS; index++) {
        close(sessions[index]);
    }
}

static void throw_garbage(struct cluster *cluster) {
    for (int index = 0; index < 40; index++) {
        int port = cluster->base_port + index % NODES + (index % 2 == 0 ? PEER_PORT_STEP : 0);
        int descriptor = dial((uint16_t)port);
        assert_true(descriptor >= 0);
        send_text(descriptor, index % 4 < 2 ? "\377\377\377\177 not a frame, nor a request" : "*1\r\n$9999999999\r\n");
        if (index % 3 == 0) {
            struct linger at_once = {.l_onoff = 1, .l_linger = 0}; /* a reset in the middle of it */
            (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        close(descriptor);
    }
}

static void test_nodes_serve_and_stop(void **state) {
    (void)state;
    struct cluster cluster = {.base_port = free_ports()};
    start_all(&cluster);
    exercise(&cluster, "first");
    throw_garbage(&cluster);
    exercise(&cluster, "second");
    stop_all(&cluster);
}

static void test_a_node_dies_and_comes_back(void **state) {
    (void)state;
    struct cluster cluster = {.base_port = free_ports(), .folder = "/tmp/gramme-test-server-XXXXXX"};
    assert_non_null(mkdtemp(cluster.folder));
    start_all(&cluster);
    exercise(&cluster, "first");
    assert_int_equal(kill(cluster.pids[2], SIGKILL), 0);
    assert_int_equal(waitpid(cluster.pids[2], NULL, 0), cluster.pids[2]);
    await_answer(&cluster, 0, "SET while two\r\n", "+OK\r\n");
    await_answer(&cluster, 1, "GET while\r\n", "$3\r\ntwo\r\n");
    start_node(&cluster, 2);
    await_answer(&cluster, 2, "GET while\r\n", "$3\r\ntwo\r\n");
    exercise(&cluster, "second");
    stop_all(&cluster);
    start_all(&cluster);
    await_answer(&cluster, 1, "GET first77\r\n", "$9\r\nvalue1077\r\n");
    stop_all(&cluster);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", cluster.folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_serve_and_stop),
        cmocka_unit_test(test_a_node_dies_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
