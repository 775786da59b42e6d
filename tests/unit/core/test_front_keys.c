#include "front_world.h"

static void test_delete_and_count(void **state) {
    struct world *world = *state;
    world_send(world, "MSET a 1 b 2 c 3\r\n");
    expect(world, "+OK\r\n");
    ask(world, "EXISTS a b none a", ":3\r\n");
    ask(world, "TOUCH a none", ":1\r\n");
    ask(world, "DEL a none a", ":1\r\n");
    ask(world, "UNLINK b c", ":2\r\n");
    ask(world, "EXISTS a b c", ":0\r\n");
    ask(world, "DEL", "-ERR wrong number of arguments for 'del' command\r\n");
    ask(world, "UNLINK", "-ERR wrong number of arguments for 'unlink' command\r\n");
}

static void test_expire(void **state) {
    struct world *world = *state;
    ask(world, "EXPIRE a 10", ":0\r\n");
    ask(world, "SET a 1", "+OK\r\n");
    ask(world, "EXPIRE a 10", ":1\r\n");
    ask(world, "TTL a", ":10\r\n");
    ask(world, "PEXPIRE a 1234", ":1\r\n");
    ask(world, "PTTL a", ":1234\r\n");
    ask(world, "EXPIREAT a 1700000200", ":1\r\n");
    ask(world, "EXPIRETIME a", ":1700000200\r\n");
    ask(world, "PEXPIREAT a 1700000300007", ":1\r\n");
    ask(world, "PEXPIRETIME a", ":1700000300007\r\n");
    ask(world, "PERSIST a", ":1\r\n");
    ask(world, "PERSIST a", ":0\r\n");
    ask(world, "PERSIST none", ":0\r\n");
    ask(world, "TTL a", ":-1\r\n");
    ask(world, "EXPIRETIME a", ":-1\r\n");
    ask(world, "EXPIRETIME none", ":-2\r\n");
}

static void test_expire_in_the_past(void **state) {
    struct world *world = *state;
    static const char *const requests[] = {"EXPIRE a 0\r\n", "EXPIRE a -100\r\n", "PEXPIRE a -1\r\n",
                                           "EXPIREAT a 1\r\n", "PEXPIREAT a 1700000000123\r\n"};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        ask(world, "SET a 1", "+OK\r\n");
        world_send(world, requests[i]);
        expect(world, ":1\r\n");
        assert_int_equal(world->last.kind, OPERATION_PUT);
        ask(world, "EXISTS a", ":0\r\n");
        world_send(world, requests[i]);
        expect(world, ":0\r\n");
    }
}

static void test_expire_errors(void **state) {
    struct world *world = *state;
    ask(world, "EXPIRE a x", "-ERR value is not an integer or out of range\r\n");
    ask(world, "EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n");
    ask(world, "EXPIRE a -9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n");
    ask(world, "PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n");
    ask(world, "EXPIREAT a 9223372036854776", "-ERR invalid expire time in 'expireat' command\r\n");
    ask(world, "EXPIRE a 10 FOO", "-ERR Unsupported option FOO\r\n");
    ask(world, "EXPIRE a 10 NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
    ask(world, "EXPIRE a 10 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n");
    ask(world, "EXPIRE a 10 NX",
        "-ERR NX, XX, GT and LT are not supported yet: no step compares an expiry and sets it\r\n");
    assert_int_equal(world->submitted, 0);
}

/* A DEL and an expired EXPIRE are conditional tombstones, so that what is absent is not written. */
static void test_operations(void **state) {
    struct world *world = *state;
    ask(world, "DEL none", ":0\r\n");
    assert_int_equal(world->last.kind, OPERATION_PUT);
    assert_int_equal(world->last.flags, OPERATION_PLAIN | OPERATION_TOMBSTONE | OPERATION_IF_PRESENT);
    assert_int_equal(world->last.deadline_ms, 1000);
    ask(world, "SET a 1", "+OK\r\n");
    assert_int_equal(world->last.flags, OPERATION_PLAIN);
    ask(world, "EXPIRE a 10", ":1\r\n");
    assert_int_equal(world->last.kind, OPERATION_EXPIRE);
    assert_int_equal(world->last.expires_at_ms, 1700000010123);
    ask(world, "PERSIST a", ":1\r\n");
    assert_int_equal(world->last.expires_at_ms, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_delete_and_count, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_expire, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_expire_in_the_past, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_expire_errors, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_operations, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
