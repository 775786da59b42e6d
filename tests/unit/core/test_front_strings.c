#include "front_world.h"

static void test_set_and_get(void **state) {
    struct world *world = *state;
    ask(world, "GET a", "$-1\r\n");
    ask(world, "SET a 1", "+OK\r\n");
    ask(world, "get a", "$1\r\n1\r\n");
    ask(world, "SET a \"\"", "+OK\r\n");
    ask(world, "GET a", "$0\r\n\r\n");
    ask(world, "STRLEN a", ":0\r\n");
    ask(world, "SET a \"four\"", "+OK\r\n");
    ask(world, "STRLEN a", ":4\r\n");
    ask(world, "STRLEN none", ":0\r\n");
    ask(world, "TYPE a", "+string\r\n");
    ask(world, "TYPE none", "+none\r\n");
    ask(world, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    ask(world, "SET a", "-ERR wrong number of arguments for 'set' command\r\n");
}

static void test_set_conditions(void **state) {
    struct world *world = *state;
    ask(world, "SET a 1 XX", "$-1\r\n");
    ask(world, "SET a 1 NX", "+OK\r\n");
    ask(world, "SET a 2 NX", "$-1\r\n");
    ask(world, "SET a 3 XX", "+OK\r\n");
    ask(world, "SET a 4 GET", "$1\r\n3\r\n");
    ask(world, "SET a 5 NX GET", "$1\r\n4\r\n");
    ask(world, "GET a", "$1\r\n4\r\n");
    ask(world, "SET b 1 NX GET", "$-1\r\n");
    ask(world, "GET b", "$1\r\n1\r\n");
    ask(world, "SET c 1 XX GET", "$-1\r\n");
    ask(world, "GET c", "$-1\r\n");
    ask(world, "SETNX d 1", ":1\r\n");
    ask(world, "SETNX d 2", ":0\r\n");
    ask(world, "GETSET d 3", "$1\r\n1\r\n");
    ask(world, "GETSET e 3", "$-1\r\n");
    ask(world, "GETDEL d", "$1\r\n3\r\n");
    ask(world, "GETDEL d", "$-1\r\n");
    ask(world, "GET d", "$-1\r\n");
}

static void test_set_expiry(void **state) {
    struct world *world = *state;
    ask(world, "SET a 1 EX 10", "+OK\r\n");
    ask(world, "PTTL a", ":10000\r\n");
    ask(world, "SET a 2 KEEPTTL", "+OK\r\n");
    ask(world, "TTL a", ":10\r\n");
    ask(world, "SET a 3", "+OK\r\n");
    ask(world, "TTL a", ":-1\r\n");
    ask(world, "SET a 1 PX 1500", "+OK\r\n");
    ask(world, "TTL a", ":2\r\n");
    ask(world, "SET a 1 EXAT 1700000100", "+OK\r\n");
    ask(world, "EXPIRETIME a", ":1700000100\r\n");
    ask(world, "SET a 1 PXAT 1700000100123", "+OK\r\n");
    ask(world, "PEXPIRETIME a", ":1700000100123\r\n");
    ask(world, "PTTL a", ":100000\r\n");
    world->wall.ms += 100001;
    ask(world, "GET a", "$-1\r\n");
    ask(world, "TTL a", ":-2\r\n");
    ask(world, "SETEX a 7 v", "+OK\r\n");
    ask(world, "TTL a", ":7\r\n");
    ask(world, "PSETEX a 7 v", "+OK\r\n");
    ask(world, "PTTL a", ":7\r\n");
    ask(world, "SET a 1 EX 1 EX 20", "+OK\r\n");
    ask(world, "TTL a", ":20\r\n");
    ask(world, "SET a 1 EXAT 1", "+OK\r\n");
    ask(world, "GET a", "$-1\r\n");
}

static void test_set_errors(void **state) {
    struct world *world = *state;
    static const char *const malformed[] = {
        "SET a 1 NX XX\r\n",         "SET a 1 EX\r\n",      "SET a 1 EX 1 PX 1\r\n",   "SET a 1 KEEPTTL EX 1\r\n",
        "SET a 1 EX 1 KEEPTTL\r\n",  "SET a 1 BOGUS\r\n",   "SET a 1 EXAT 1 EX 1\r\n", "GETEX a EX 1 PERSIST\r\n",
        "GETEX a PERSIST PX 10\r\n", "GETEX a KEEPTTL\r\n", "SET a 1 PERSIST\r\n",
    };
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        world_send(world, malformed[i]);
        expect(world, "-ERR syntax error\r\n");
    }
    ask(world, "SET a 1 EX 0", "-ERR invalid expire time in 'set' command\r\n");
    ask(world, "SET a 1 PX -1", "-ERR invalid expire time in 'set' command\r\n");
    ask(world, "SET a 1 EX 9223372036854775", "-ERR invalid expire time in 'set' command\r\n");
    ask(world, "SET a 1 PX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n");
    ask(world, "SET a 1 EX 1.5", "-ERR value is not an integer or out of range\r\n");
    ask(world, "SETEX a 0 1", "-ERR invalid expire time in 'setex' command\r\n");
    ask(world, "PSETEX a -5 1", "-ERR invalid expire time in 'psetex' command\r\n");
    assert_int_equal(world->submitted, 0);
}

static void test_getex(void **state) {
    struct world *world = *state;
    ask(world, "GETEX a", "$-1\r\n");
    ask(world, "SET a v", "+OK\r\n");
    ask(world, "GETEX a EX 5", "$1\r\nv\r\n");
    ask(world, "TTL a", ":5\r\n");
    ask(world, "GETEX a", "$1\r\nv\r\n");
    ask(world, "TTL a", ":5\r\n");
    ask(world, "GETEX none EX 0", "$-1\r\n");
    ask(world, "GETEX none EX x", "$-1\r\n");
    ask(world, "GETEX a EX 0", "-ERR invalid expire time in 'getex' command\r\n");
    ask(world, "GETEX a EX x", "-ERR value is not an integer or out of range\r\n");
    ask(world, "GETEX a PERSIST", "$1\r\nv\r\n");
    ask(world, "TTL a", ":-1\r\n");
    ask(world, "GETEX a PXAT 1", "$1\r\nv\r\n");
    ask(world, "GET a", "$-1\r\n");
}

static void test_many_keys(void **state) {
    struct world *world = *state;
    ask(world, "MSET a 1 b 2 a 3", "+OK\r\n");
    ask(world, "MGET a none b a", "*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$1\r\n3\r\n");
    ask(world, "MSET a", "-ERR wrong number of arguments for 'mset' command\r\n");
    ask(world, "MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n");
}

static void test_failures(void **state) {
    struct world *world = *state;
    world->outcome = OUTCOME_NOREPLICAS;
    ask(world, "SET a 1", "-NOREPLICAS too few of the key's owners are in reach; nothing was done\r\n");
    world->outcome = OUTCOME_INDOUBT;
    ask(world, "SET a 1",
        "-INDOUBT the write may or may not have been applied: too few of the key's owners confirmed it in time\r\n");
    world->outcome = OUTCOME_NOQUORUM;
    ask(world, "GET a", "-NOQUORUM too few of the key's owners answered in time\r\n");
    world->outcome = OUTCOME_BUSY;
    ask(world, "GET a", "-BUSY the node has too much to do; nothing was done\r\n");
    world->outcome = OUTCOME_REFUSED;
    world->detail = "IOERR no disk";
    ask(world, "GET a", "-IOERR no disk\r\n");
    ask(world, "MGET a b", "-IOERR no disk\r\n");
    struct front_statistics statistics;
    front_statistics(world->front, &statistics);
    assert_int_equal(statistics.errors, 6);
    assert_int_equal(statistics.commands, 6);
}

/* The worst outcome wins, and a write done in part is in doubt as a whole. */
static void test_partial_failures(void **state) {
    struct world *world = *state;
    world->failing = "b";
    world->outcome = OUTCOME_BUSY;
    ask(world, "MGET a b c", "-BUSY the node has too much to do; nothing was done\r\n");
    ask(world, "MSET a 1 b 2", "-INDOUBT some of the keys were written and others were not\r\n");
    ask(world, "GET a", "$1\r\n1\r\n");
    ask(world, "DEL a b", "-INDOUBT some of the keys were written and others were not\r\n");
    ask(world, "DEL b none", "-BUSY the node has too much to do; nothing was done\r\n");
    world->outcome = OUTCOME_REFUSED;
    world->detail = "ERR because";
    ask(world, "EXISTS a b", "-ERR because\r\n");
    ask(world, "MSET b 2 b 3", "-ERR because\r\n");
    world->outcome = OUTCOME_INDOUBT;
    ask(world, "MSET a 1 b 2",
        "-INDOUBT the write may or may not have been applied: too few of the key's owners confirmed it in time\r\n");
}

static void test_limits(void **state) {
    struct world *world = *state;
    struct buffer request;
    buffer_init(&request);
    buffer_append_view(&request, VIEW("*2\r\n$3\r\nGET\r\n$65537\r\n"));
    memset(buffer_reserve(&request, 65537), 'k', 65537);
    buffer_commit(&request, 65537);
    buffer_append_view(&request, VIEW("\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777217\r\n"));
    memset(buffer_reserve(&request, 16777217), 'v', 16777217);
    buffer_commit(&request, 16777217);
    buffer_append_view(&request, VIEW("\r\n"));
    world_send_to(world, world->session, buffer_view(&request));
    expect(world, "-ERR the key is longer than 65536 bytes\r\n-ERR the value is longer than 16777216 bytes\r\n");
    assert_int_equal(world->submitted, 0);
    buffer_release(&request);
}

static void test_resp3(void **state) {
    struct world *world = *state;
    world_send(world, "HELLO 3\r\n");
    assert_true(view_has(world_take(world), "%7\r\n"));
    ask(world, "GET a", "_\r\n");
    ask(world, "SET a 1 XX", "_\r\n");
    ask(world, "MGET a", "*1\r\n_\r\n");
    ask(world, "GRAMME.GET a", "_\r\n");
}

static void test_hits(void **state) {
    struct world *world = *state;
    struct front_statistics statistics;
    world_send(world, "SET a 1\r\nGET a\r\nGET b\r\nMGET a b c\r\nSTRLEN a\r\nGRAMME.GET a\r\n");
    front_statistics(world->front, &statistics);
    assert_int_equal(statistics.keyspace_hits, 4);
    assert_int_equal(statistics.keyspace_misses, 3);
}

static void test_counters(void **state) {
    struct world *world = *state;
    ask(world, "INCR a", ":1\r\n");
    assert_int_equal(world->last.flags, OPERATION_ADD | OPERATION_RETURN_OLD);
    ask(world, "INCRBY a 41", ":42\r\n");
    ask(world, "DECR a", ":41\r\n");
    ask(world, "DECRBY a 50", ":-9\r\n");
    ask(world, "GET a", "$2\r\n-9\r\n");
    ask(world, "STRLEN a", ":2\r\n");
    ask(world, "OBJECT ENCODING a", "$3\r\nint\r\n");
    ask(world, "APPEND a 9", ":3\r\n");
    ask(world, "INCR a", ":-98\r\n");
    ask(world, "SET a 9223372036854775807", "+OK\r\n");
    ask(world, "INCRBY a -1", ":9223372036854775806\r\n");
    ask(world, "EXPIRE a 100", ":1\r\n");
    ask(world, "DECR a", ":9223372036854775805\r\n");
    ask(world, "TTL a", ":100\r\n");
    ask(world, "SET b 1x", "+OK\r\n");
    ask(world, "INCR b", "-ERR value is not an integer or out of range\r\n");
    ask(world, "INCRBY c 1.5", "-ERR value is not an integer or out of range\r\n");
    ask(world, "INCRBY c 9223372036854775808", "-ERR value is not an integer or out of range\r\n");
    ask(world, "DECRBY c -9223372036854775808", "-ERR decrement would overflow\r\n");
    ask(world, "GETDEL a", "$19\r\n9223372036854775805\r\n");
    ask(world, "INCR a", ":1\r\n");
    world_send(world, "INCRBYFLOAT a 0.5\r\n");
    assert_true(view_starts_with(world_take(world), VIEW("-ERR 'incrbyfloat' is not supported")));
}

static void test_parts_of_a_value(void **state) {
    struct world *world = *state;
    ask(world, "APPEND a Hello", ":5\r\n");
    assert_int_equal(world->last.flags, OPERATION_SPLICE | OPERATION_RETURN_OLD | OPERATION_KEEP_EXPIRY);
    ask(world, "EXPIRE a 100", ":1\r\n");
    ask(world, "APPEND a \" World\"", ":11\r\n");
    ask(world, "GET a", "$11\r\nHello World\r\n");
    ask(world, "TTL a", ":100\r\n");
    ask(world, "SETRANGE a 6 Redis", ":11\r\n");
    ask(world, "GETRANGE a 0 -1", "$11\r\nHello Redis\r\n");
    ask(world, "SETRANGE a 9 three", ":14\r\n");
    ask(world, "GETRANGE a -5 -2", "$4\r\nthre\r\n");
    ask(world, "SUBSTR a 4 6", "$3\r\no R\r\n");
    ask(world, "GETRANGE a 6 4", "$0\r\n\r\n");
    ask(world, "GETRANGE a -2 -5", "$0\r\n\r\n");
    ask(world, "GETRANGE a -100 1", "$2\r\nHe\r\n");
    ask(world, "GETRANGE a 13 100", "$1\r\ne\r\n");
    ask(world, "GETRANGE a 14 100", "$0\r\n\r\n");
    ask(world, "GETRANGE none 0 -1", "$0\r\n\r\n");
    ask(world, "SETRANGE b 3 x", ":4\r\n");
    world_send(world, "GET b\r\n");
    assert_true(view_equal(world_take(world), VIEW("$4\r\n\0\0\0x\r\n")));
    ask(world, "SETRANGE none 3 \"\"", ":0\r\n");
    ask(world, "EXISTS none", ":0\r\n");
    ask(world, "SETRANGE a 3 \"\"", ":14\r\n");
    ask(world, "SETRANGE a -1 x", "-ERR offset is out of range\r\n");
    ask(world, "SETRANGE a 16777216 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    ask(world, "SETRANGE a 9223372036854775807 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    ask(world, "SETRANGE a x x", "-ERR value is not an integer or out of range\r\n");
    ask(world, "GETRANGE a 0 x", "-ERR value is not an integer or out of range\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_set_and_get, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_set_conditions, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_set_expiry, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_set_errors, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_getex, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_many_keys, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_counters, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_parts_of_a_value, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_failures, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_partial_failures, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_limits, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_resp3, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_hits, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
