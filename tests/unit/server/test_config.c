#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"

#define ID1     "00000000000000000000000000000001"
#define ID2     "00000000000000000000000000000002"
#define ID3     "00000000000000000000000000000003"
#define MEMBER1 "member " ID1 " rack1 1 127.0.0.1:7001 127.0.0.1:17001\n"
#define MEMBER2 "member " ID2 " rack2 1 127.0.0.1:7002 127.0.0.1:17002\n"
#define MEMBER3 "member " ID3 " rack3 1 127.0.0.1:7003 127.0.0.1:17003\n"
#define CLUSTER "cluster-id 0123456789abcdef0123456789ABCDEF\ncluster-secret ffffffffffffffffffffffffffffffff\n"
#define NODE    "node-id " ID2 "\ndata /var/lib/gramme\n"
/* Four lines, so that what a test adds begins in line 5; and the members at the end. */
#define HEAD CLUSTER NODE
#define TAIL MEMBER3 MEMBER1 MEMBER2

static struct config parse(const char *text) {
    struct config config;
    struct config_error error;
    if (!config_parse(view_of_string(text), "gramme.conf", &config, &error)) {
        fail_msg("%s", error.text);
    }
    return config;
}

static void refuse(const char *text, const char *expected) {
    struct config config;
    struct config untouched;
    memset(&config, 0x5a, sizeof(config));
    memset(&untouched, 0x5a, sizeof(untouched));
    struct config_error error = {""};
    assert_false(config_parse(view_of_string(text), "gramme.conf", &config, &error));
    assert_string_equal(error.text, expected);
    assert_memory_equal(&config, &untouched, sizeof(config));
}

static void test_least(void **state) {
    (void)state;
    struct config config = parse(HEAD TAIL);
    assert_int_equal(config.secrets.cluster.bytes[15], 0xef);
    assert_int_equal(config.secrets.current.bytes[0], 0xff);
    assert_false(config.secrets.has_previous);
    assert_int_equal(config.node.bytes[15], 2);
    assert_string_equal(config.data, "/var/lib/gramme");
    assert_int_equal(config.storage, CONFIG_STORAGE_ROCKSDB);
    assert_int_equal(config.shards, 0);
    assert_int_equal(config.partitions, 1024);
    assert_int_equal(config.replicas, 3);
    assert_int_equal(config.keyspaces.count, 1);
    assert_int_equal(config.keyspaces.keyspaces[0].read_quorum, 2);
    assert_int_equal(config.keyspaces.keyspaces[0].write_quorum, 2);
    assert_int_equal(config.keyspaces.keyspaces[0].durability, DURABILITY_SYNC);
    assert_int_equal(config.object_buffer_bytes, 256 << 20);
    assert_int_equal(config.deadline_ms, 1000);
    assert_int_equal(config.max_clients, 10000);
    assert_int_equal(config.log_level, CONFIG_LOG_INFO);
    assert_int_equal(config.member_count, 3);
    assert_int_equal(config.self, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(config.members[i].id.bytes[15], i + 1);
    }
    assert_string_equal(config.members[2].zone, "rack3");
    assert_string_equal(config.members[2].client_address, "127.0.0.1:7003");
    assert_string_equal(config.members[2].peer_address, "127.0.0.1:17003");
    config_release(&config);
}

static void test_everything(void **state) {
    (void)state;
    struct config config = parse(
        "# a comment\r\n"
        "\tkeyspace cart: write-quorum 5 conflict lww   # behind a setting\r\n"
        "keyspace \"a b#\" durability interval read-quorum 1\n"
        "\n" CLUSTER "previous-cluster-secret 00000000000000000000000000000011\n"
        "node-id " ID2 "\n"
        "data \"/var/lib/a node\"\n"
        "storage memory\nshards 7\npartitions 256\nreplicas 5\nread-quorum 2\nwrite-quorum 4\n"
        "conflict siblings\ndurability none\nobject-buffer 3mb\ndeadline-ms 250\n"
        "max-clients 12\nmax-requests 13\nmemory-limit 100mb\nbackground-latency-ms "
        "14\nmoved-port-offset 15\nslowlog-log-slower-than -1\nslowlog-max-len 16\n"
        "latency-monitor-threshold 17\ndebug-commands yes-i-know\nlog-level debug\ninsecure-bind yes-i-know\n" MEMBER1
        "member " ID2 " rack2 900 [2001:db8::1]:7002 node.example:17002");
    assert_true(config.secrets.has_previous);
    assert_int_equal(config.secrets.previous.bytes[15], 0x11);
    assert_string_equal(config.data, "/var/lib/a node");
    assert_int_equal(config.storage, CONFIG_STORAGE_MEMORY);
    assert_int_equal(config.shards, 7);
    assert_int_equal(config.partitions, 256);
    assert_int_equal(config.replicas, 5);
    assert_int_equal(config.object_buffer_bytes, 3 << 20);
    assert_int_equal(config.deadline_ms, 250);
    assert_int_equal(config.max_clients, 12);
    assert_int_equal(config.max_requests, 13);
    assert_int_equal(config.memory_limit_bytes, 100 << 20);
    assert_int_equal(config.background_latency_ms, 14);
    assert_int_equal(config.moved_port_offset, 15);
    assert_int_equal(config.slow_us, -1);
    assert_int_equal(config.slow_most, 16);
    assert_int_equal(config.latency_threshold_ms, 17);
    assert_true(config.debug_commands);
    assert_int_equal(config.log_level, CONFIG_LOG_DEBUG);
    assert_true(config.insecure_bind);
    assert_int_equal(config.keyspaces.count, 3);
    const struct keyspace *keyspace = keyspace_of_key(&config.keyspaces, VIEW("other"));
    assert_int_equal(keyspace->read_quorum, 2);
    assert_int_equal(keyspace->write_quorum, 4);
    assert_int_equal(keyspace->durability, DURABILITY_NONE);
    keyspace = keyspace_of_key(&config.keyspaces, VIEW("cart:1"));
    assert_int_equal(keyspace->read_quorum, 2);
    assert_int_equal(keyspace->write_quorum, 5);
    assert_int_equal(keyspace->conflict, CONFLICT_LWW);
    assert_int_equal(keyspace->durability, DURABILITY_NONE);
    keyspace = keyspace_of_key(&config.keyspaces, VIEW("a b#c"));
    assert_int_equal(keyspace->read_quorum, 1);
    assert_int_equal(keyspace->write_quorum, 4);
    assert_int_equal(keyspace->conflict, CONFLICT_SIBLINGS);
    assert_int_equal(keyspace->durability, DURABILITY_INTERVAL);
    config_release(&config);
}

static void test_quorums_follow_replicas(void **state) {
    (void)state;
    for (uint8_t replicas = 1; replicas <= 7; replicas++) {
        char text[1024];
        snprintf(text, sizeof(text), HEAD "replicas %d\n" TAIL, replicas);
        struct config config = parse(text);
        assert_int_equal(config.keyspaces.keyspaces[0].read_quorum, replicas / 2 + 1);
        assert_int_equal(config.keyspaces.keyspaces[0].write_quorum, replicas / 2 + 1);
        config_release(&config);
    }
}

static void test_missing(void **state) {
    (void)state;
    refuse("", "gramme.conf: 'cluster-id' is missing");
    refuse("cluster-id " ID1, "gramme.conf: 'cluster-secret' is missing");
    refuse(CLUSTER, "gramme.conf: 'node-id' is missing");
    refuse(CLUSTER "node-id " ID1, "gramme.conf: 'data' is missing");
    refuse(CLUSTER "storage memory\nnode-id " ID1,
           "gramme.conf:4: no member has this node-id: add a 'member' line for this node, too");
    refuse(HEAD MEMBER1, "gramme.conf:3: no member has this node-id: add a 'member' line for this node, too");
}

static void test_unknown(void **state) {
    (void)state;
    refuse(HEAD "foo 1\n" TAIL, "gramme.conf:5: unknown setting 'foo'");
    refuse(HEAD "shard 1\n" TAIL, "gramme.conf:5: unknown setting 'shard'; did you mean 'shards'?");
    refuse(HEAD "writequorum 1\n" TAIL, "gramme.conf:5: unknown setting 'writequorum'; did you mean 'write-quorum'?");
    refuse(HEAD "deadline 1\n" TAIL, "gramme.conf:5: unknown setting 'deadline'; did you mean 'deadline-ms'?");
    refuse(HEAD "REPLICAS 1\n" TAIL, "gramme.conf:5: unknown setting 'REPLICAS'");
    refuse(HEAD "\"\" 1\n" TAIL, "gramme.conf:5: unknown setting ''");
    refuse(HEAD "\n#\nkeyspace a quorum 1\n" TAIL, "gramme.conf:7: a keyspace has no setting 'quorum'");
    refuse(HEAD "keyspace a read-qorum 1\n" TAIL,
           "gramme.conf:5: a keyspace has no setting 'read-qorum'; did you mean 'read-quorum'?");
}

static void test_duplicate(void **state) {
    (void)state;
    refuse(HEAD "shards 1\n\nshards 1\n" TAIL, "gramme.conf:7: 'shards' is set twice, first in line 5");
    refuse(HEAD "node-id " ID1 "\n" TAIL, "gramme.conf:5: 'node-id' is set twice, first in line 3");
    refuse(HEAD "keyspace a\nkeyspace b\nkeyspace a conflict lww\n" TAIL,
           "gramme.conf:7: keyspace 'a' is there twice, first in line 5");
    refuse(HEAD "keyspace a conflict lww conflict lww\n" TAIL, "gramme.conf:5: 'conflict' is said twice");
    refuse(HEAD "keyspace a read-quorum 1 read-quorum 1\n" TAIL, "gramme.conf:5: 'read-quorum' is said twice");
    refuse(HEAD "keyspace a durability none durability sync\n" TAIL, "gramme.conf:5: 'durability' is said twice");
    refuse(HEAD MEMBER1 TAIL, "gramme.conf:7: member " ID1 " is there twice, first in line 5");
    refuse(HEAD TAIL "member " ID3 "0 a 1 b:1 c:1",
           "gramme.conf:8: the id of a member must be 32 hexadecimal digits, not '" ID3 "0'");
    refuse(HEAD MEMBER1 "member " ID2 " a 1 127.0.0.1:17001 b:1",
           "gramme.conf:6: the address 127.0.0.1:17001 is taken by the member in line 5");
    refuse(HEAD MEMBER1 "member " ID2 " a 1 b:1 127.0.0.1:17001",
           "gramme.conf:6: the address 127.0.0.1:17001 is taken by the member in line 5");
    refuse(HEAD "member " ID2 " a 1 b:1 b:1",
           "gramme.conf:5: clients and peers must have addresses of their own, not both b:1");
}

static void test_range(void **state) {
    (void)state;
    refuse(HEAD "shards 0\n" TAIL, "gramme.conf:5: shards must be a number from 1 to 64, not '0'");
    refuse(HEAD "shards 65\n" TAIL, "gramme.conf:5: shards must be a number from 1 to 64, not '65'");
    refuse(HEAD "shards 1x\n" TAIL, "gramme.conf:5: shards must be a number from 1 to 64, not '1x'");
    refuse(HEAD "shards -1\n" TAIL, "gramme.conf:5: shards must be a number from 1 to 64, not '-1'");
    refuse(HEAD "shards 99999999999999999999\n" TAIL,
           "gramme.conf:5: shards must be a number from 1 to 64, not '99999999999999999999'");
    refuse(HEAD "partitions 8\n" TAIL, "gramme.conf:5: partitions must be a number from 16 to 16384, not '8'");
    refuse(HEAD "partitions 1000\n" TAIL, "gramme.conf:5: partitions must be a power of two, not 1000");
    refuse(HEAD "replicas 8\n" TAIL, "gramme.conf:5: replicas must be a number from 1 to 7, not '8'");
    refuse(HEAD "slowlog-log-slower-than -2\n" TAIL,
           "gramme.conf:5: slowlog-log-slower-than must be a number of microseconds, or -1, not '-2'");
    refuse(HEAD "moved-port-offset 60001\n" TAIL,
           "gramme.conf:5: moved-port-offset must be a number from 0 to 60000, not '60001'");
    refuse(HEAD "deadline-ms 9\n" TAIL, "gramme.conf:5: deadline-ms must be a number from 10 to 600000, not '9'");
    refuse(HEAD "max-clients 0\n" TAIL, "gramme.conf:5: max-clients must be a number from 1 to 1000000, not '0'");
    refuse(HEAD "object-buffer 1kb\n" TAIL,
           "gramme.conf:5: object-buffer must be a size from 64kb to 4096gb, not '1kb'");
    refuse(HEAD "object-buffer 1tb\n" TAIL,
           "gramme.conf:5: object-buffer must be a size from 64kb to 4096gb, not '1tb'");
    refuse(HEAD "object-buffer 99999999999gb\n" TAIL,
           "gramme.conf:5: object-buffer must be a size from 64kb to 4096gb, not '99999999999gb'");
    refuse("member " ID2 " a 0 b:1 b:2",
           "gramme.conf:1: the weight of a member must be a number from 1 to 1000, not '0'");
    refuse("member " ID2 " a 1001 b:1 b:2",
           "gramme.conf:1: the weight of a member must be a number from 1 to 1000, not '1001'");
}

static void test_choices(void **state) {
    (void)state;
    refuse(HEAD "storage ram\n" TAIL, "gramme.conf:5: storage must be rocksdb or memory, not 'ram'");
    refuse(HEAD "storage rockdb\n" TAIL,
           "gramme.conf:5: storage must be rocksdb or memory, not 'rockdb'; did you mean 'rocksdb'?");
    refuse(HEAD "conflict last\n" TAIL, "gramme.conf:5: conflict must be siblings or lww, not 'last'");
    refuse(HEAD "durability always\n" TAIL, "gramme.conf:5: durability must be sync or interval or none, not 'always'");
    refuse(HEAD "log-level 3\n" TAIL, "gramme.conf:5: log-level must be debug or info or warning or error, not '3'");
    refuse(HEAD "insecure-bind yes\n" TAIL, "gramme.conf:5: insecure-bind must be yes-i-know, not 'yes'");
    refuse(HEAD "keyspace a conflict x\n" TAIL, "gramme.conf:5: conflict must be siblings or lww, not 'x'");
    refuse(HEAD "keyspace a durability x\n" TAIL,
           "gramme.conf:5: durability must be sync or interval or none, not 'x'");
}

static void test_shapes(void **state) {
    (void)state;
    refuse(HEAD "shards\n" TAIL,
           "gramme.conf:5: 'shards' takes one value, not 0 (a value with blanks stands in double quotes)");
    refuse(HEAD "shards 1 2\n" TAIL,
           "gramme.conf:5: 'shards' takes one value, not 2 (a value with blanks stands in double quotes)");
    refuse(HEAD "keyspace\n" TAIL, "gramme.conf:5: a keyspace is 'keyspace PREFIX [read-quorum n] [write-quorum n] "
                                   "[primary-read-quorum n] [primary-write-quorum n] "
                                   "[conflict c] [durability d]'");
    refuse(HEAD "keyspace a conflict\n" TAIL, "gramme.conf:5: a keyspace is 'keyspace PREFIX [read-quorum n] "
                                              "[write-quorum n] [primary-read-quorum n] [primary-write-quorum n] "
                                              "[conflict c] [durability d]'");
    refuse(HEAD "keyspace a write-quorum 2 primary-write-quorum 3\n" TAIL,
           "gramme.conf:5: primary-write-quorum 3 is more than the write-quorum 2 of which it is a part");
    refuse(HEAD "keyspace \"\"\n" TAIL, "gramme.conf:5: the prefix of a keyspace must have 1 to 128 bytes");
    refuse("member " ID2 " a 1 b:1", "gramme.conf:1: a member is 'member ID ZONE WEIGHT CLIENT-ADDRESS PEER-ADDRESS'");
    refuse("member " ID2 " \"a b\" 1 b:1 b:2",
           "gramme.conf:1: the zone of a member must be of printable ASCII without blanks");
    refuse("member " ID2 " \"\" 1 b:1 b:2", "gramme.conf:1: the zone of a member must have 1 to 63 bytes");
    refuse("member " ID2 " a 1 b b:2", "gramme.conf:1: the client address must be HOST:PORT or [IPV6]:PORT, not 'b'");
    refuse("member " ID2 " a 1 b:1 b:0", "gramme.conf:1: the peer address must be HOST:PORT or [IPV6]:PORT, not 'b:0'");
    refuse("member " ID2 " a 1 b:1 ::1:7000",
           "gramme.conf:1: the peer address must be HOST:PORT or [IPV6]:PORT, not '::1:7000'");
    refuse("cluster-id 12", "gramme.conf:1: cluster-id must be 32 hexadecimal digits, not '12'");
    refuse("cluster-id 0000000000000000000000000000000x",
           "gramme.conf:1: cluster-id must be 32 hexadecimal digits, not '0000000000000000000000000000000x'");
    refuse("node-id 00000000000000000000000000000000", "gramme.conf:1: node-id must not be all zeros");
    refuse("data \"\"", "gramme.conf:1: data must have 1 to 1023 bytes");
    refuse("data \"a", "gramme.conf:1: a double quote that begins a word must end it");
    refuse("data \"a\"b", "gramme.conf:1: a double quote that begins a word must end it");
    refuse("data a\x01", "gramme.conf:1: a control character");
    refuse("a b c d e f g h i j k l m n o p q", "gramme.conf:1: more than 16 words");
}

static void test_quorums_out_of_reach(void **state) {
    (void)state;
    refuse(HEAD "read-quorum 4\n" TAIL,
           "gramme.conf:5: read-quorum 4 is more than the 3 replicas that there are of a key");
    refuse(HEAD "write-quorum 3\nreplicas 2\n" TAIL,
           "gramme.conf:5: write-quorum 3 is more than the 2 replicas that there are of a key");
    refuse(HEAD "\nkeyspace a read-quorum 4\n" TAIL,
           "gramme.conf:6: read-quorum 4 is more than the 3 replicas that there are of a key");
    refuse(HEAD "keyspace a write-quorum 0\n" TAIL,
           "gramme.conf:5: write-quorum must be a number from 1 to 7, not '0'");
}

#define BIND_ERROR                                                                                                     \
    ", beyond loopback, with neither authentication nor encryption: use a loopback address, or, if everything that "   \
    "can reach it is trusted, add the line 'insecure-bind yes-i-know'"

static void test_binds(void **state) {
    (void)state;
    refuse(HEAD "member " ID2 " a 1 10.0.0.1:7001 127.0.0.1:17001",
           "gramme.conf:5: this node would listen on 10.0.0.1:7001" BIND_ERROR);
    refuse(HEAD "member " ID2 " a 1 127.0.0.1:7001 [::]:17001",
           "gramme.conf:5: this node would listen on [::]:17001" BIND_ERROR);
    refuse(HEAD "member " ID2 " a 1 127.evil.example:7001 b:1",
           "gramme.conf:5: this node would listen on 127.evil.example:7001" BIND_ERROR);
    refuse(HEAD "member " ID2 " a 1 127.0.0.1.example:7001 b:1",
           "gramme.conf:5: this node would listen on 127.0.0.1.example:7001" BIND_ERROR);
    /* Other nodes' addresses are theirs to judge. */
    struct config config = parse(HEAD "member " ID2 " a 1 localhost:7001 [::1]:17001\n"
                                      "member " ID1 " a 1 10.0.0.1:7001 10.0.0.1:17001\n");
    config_release(&config);
    config = parse(HEAD "member " ID2 " a 1 127.3.2.1:7001 0.0.0.0:17001\ninsecure-bind yes-i-know\n");
    config_release(&config);
}

static void test_addresses(void **state) {
    (void)state;
    char host[MEMBER_ADDRESS_SIZE];
    uint16_t port;
    assert_true(config_split_address("host:1", host, &port));
    assert_string_equal(host, "host");
    assert_int_equal(port, 1);
    assert_true(config_split_address("[::1]:65535", host, &port));
    assert_string_equal(host, "::1");
    assert_int_equal(port, 65535);
    static const char *const bad[] = {"",     ":1",     "host",  "host:", "host:0",  "host:65536",
                                      "[]:1", "[::1:1", "::1:1", "[:1",   "host: 1", "host:-1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(config_split_address(bad[i], host, &port));
    }
}

static void test_ring(void **state) {
    (void)state;
    struct config a = parse(HEAD TAIL);
    struct config b = parse(CLUSTER "node-id " ID1 "\ndata x\n" MEMBER1 MEMBER2 MEMBER3);
    struct ring *ring_a = config_ring(&a);
    struct ring *ring_b = config_ring(&b);
    assert_true(digest_equal(ring_digest(ring_a), ring_digest(ring_b)));
    assert_int_equal(ring_member_count(ring_a), 3);
    struct member_index member;
    assert_true(ring_find_member(ring_a, a.node, &member));
    assert_int_equal(member.value, a.self);
    assert_int_equal(ring_placement_mark(ring_a, (struct partition){0}), 3);
    struct membership log;
    membership_init(&log);
    config_add_members(&a, &log);
    assert_int_equal(membership_lamport(&log), 3);
    membership_release(&log);
    ring_free(ring_a);
    ring_free(ring_b);
    config_release(&a);
    config_release(&b);
}

struct described {
    size_t count;
    bool data_seen;
};

static void note(void *context, struct view name, struct view value) {
    struct described *described = context;
    described->count++;
    assert_false(view_equal(value, VIEW("ffffffffffffffffffffffffffffffff")));
    if (view_equal(name, VIEW("data"))) {
        described->data_seen = view_equal(value, VIEW("/var/lib/gramme"));
    }
}

static void test_description_keeps_secrets(void **state) {
    (void)state;
    struct config config = parse(HEAD TAIL);
    struct described described = {0};
    config_describe(&config, note, &described);
    assert_true(described.count > 10);
    assert_true(described.data_seen);
    config_release(&config);
}

static void test_load(void **state) {
    (void)state;
    char path[] = "/tmp/gramme-config-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    static const char text[] = HEAD TAIL;
    assert_int_equal(write(descriptor, text, sizeof(text) - 1), sizeof(text) - 1);
    close(descriptor);
    struct config config;
    struct config_error error;
    assert_true(config_load(path, &config, &error));
    assert_true(config.shards >= 1);
    config_release(&config);
    unlink(path);
    assert_false(config_load(path, &config, &error));
    assert_non_null(strstr(error.text, "cannot open it: No such file or directory"));
    assert_false(config_load("/tmp", &config, &error));
    assert_non_null(strstr(error.text, "cannot read it: Is a directory"));
}

/* Damaged files are refused or read, and nothing else happens. */
static void test_seeds(void **state) {
    (void)state;
    struct config config = parse(HEAD "seed 127.0.0.1:7001\nseed [::1]:7002\nread-quorum 5\n" MEMBER2);
    assert_int_equal(config.seed_count, 2);
    assert_string_equal(config.seeds[1], "[::1]:7002");
    config_release(&config);
    refuse(HEAD "seed 127.0.0.1\n" MEMBER2, "gramme.conf:5: a seed must be HOST:PORT or [IPV6]:PORT, not '127.0.0.1'");
    refuse(HEAD "seed a:1 b:2\n" MEMBER2,
           "gramme.conf:5: a seed is 'seed HOST:PORT', the address of a member for clients");
    refuse(HEAD "seed a:1\n" MEMBER1 MEMBER2,
           "gramme.conf:7: a node that has seeds joins their cluster and learns the members from it: its only 'member' "
           "line is its own");
    refuse(HEAD "seed a:1\nreplicas 3\nread-quorum 5\n" MEMBER2,
           "gramme.conf:7: read-quorum 5 is more than the 3 replicas that there are of a key");
}

static void shaped(const char *text, uint32_t partitions, uint32_t replicas, const char *expected) {
    char path[] = "/tmp/gramme-test-config-XXXXXX";
    int descriptor = mkstemp(path);
    struct config config;
    struct config_error error = {""};
    assert_true(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    assert_true(config_load(path, &config, &error));
    bool is_taken = config_take_shape(&config, (struct ring_options){partitions, replicas}, &error);
    close(descriptor);
    unlink(path);
    assert_int_equal(is_taken, expected == NULL);
    if (is_taken) {
        assert_int_equal(config.partitions, partitions);
        assert_int_equal(config.replicas, replicas);
        assert_int_equal(config.keyspaces.keyspaces[0].write_quorum, replicas / 2 + 1);
    } else {
        assert_string_equal(strchr(error.text, ':'), expected);
    }
    config_release(&config);
}

static void test_the_cluster_has_the_shape(void **state) {
    (void)state;
    shaped(HEAD "seed a:1\n" MEMBER2, 64, 5, NULL);
    shaped(HEAD "seed a:1\npartitions 64\nreplicas 5\n" MEMBER2, 64, 5, NULL);
    shaped(HEAD "seed a:1\npartitions 32\n" MEMBER2, 64, 5, ":6: partitions is 32, but the cluster was born with 64");
    shaped(HEAD "seed a:1\nreplicas 2\n" MEMBER2, 64, 5, ":6: replicas is 2, but the cluster was born with 5");
    shaped(HEAD "seed a:1\nread-quorum 5\n" MEMBER2, 64, 3,
           ":6: read-quorum 5 is more than the 3 replicas that there are of a key");
    shaped(HEAD TAIL, 1024, 3, NULL);
    shaped(HEAD TAIL, 64, 3, ": partitions is 1024, but the cluster was born with 64");
}

static void test_mutations(void **state) {
    (void)state;
    static const char text[] = HEAD "keyspace cart: write-quorum 2 conflict lww\nobject-buffer 64mb\nshards 3\n" TAIL;
    struct rng rng;
    rng_init(&rng, 42);
    for (int i = 0; i < 20000; i++) {
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        size_t size = sizeof(text) - 1;
        for (uint64_t edits = rng_between(&rng, 1, 4); edits > 0; edits--) {
            copy[rng_below(&rng, size)] = (char)(rng_chance(&rng, 500000) ? rng_next(&rng) & 0xff : ' ');
        }
        size = rng_chance(&rng, 300000) ? rng_below(&rng, size) : size;
        char *exact = malloc(size + 1); /* so that a sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, copy, size);
        struct config config;
        struct config_error error = {""};
        if (config_parse(view_of(exact, size), "f", &config, &error)) {
            ring_free(config_ring(&config));
            config_release(&config);
        } else {
            assert_true(strlen(error.text) > 3);
        }
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_quorums_follow_replicas),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_quorums_out_of_reach),
        cmocka_unit_test(test_binds),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_description_keeps_secrets),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_the_cluster_has_the_shape),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
