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
    ask(world, "EXPIRE a 10 NX LT", "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
    assert_int_equal(world->submitted, 0);
}

static void test_expire_conditions(void **state) {
    struct world *world = *state;
    ask(world, "EXPIRE none 10 NX", ":0\r\n");
    ask(world, "SET a 1", "+OK\r\n");
    ask(world, "EXPIRE a 10 XX", ":0\r\n");
    ask(world, "EXPIRE a 10 GT", ":0\r\n"); /* no expiry is later than any */
    ask(world, "EXPIRE a 10 NX", ":1\r\n");
    ask(world, "EXPIRE a 20 NX", ":0\r\n");
    ask(world, "EXPIRE a 5 GT", ":0\r\n");
    ask(world, "EXPIRE a 20 xx gt", ":1\r\n");
    ask(world, "EXPIRE a 30 LT", ":0\r\n");
    ask(world, "PEXPIRE a 5000 LT", ":1\r\n");
    ask(world, "TTL a", ":5\r\n");
    ask(world, "EXPIRE a -1 NX", ":0\r\n");
    ask(world, "EXPIRE a -1 GT", ":0\r\n");
    ask(world, "EXISTS a", ":1\r\n");
    ask(world, "EXPIRE a -1 LT", ":1\r\n");
    ask(world, "EXISTS a", ":0\r\n");
}

static void test_object(void **state) {
    struct world *world = *state;
    ask(world, "OBJECT ENCODING none", "$-1\r\n");
    ask(world, "SET a 12", "+OK\r\n");
    ask(world, "OBJECT ENCODING a", "$3\r\nint\r\n");
    ask(world, "SET a 012", "+OK\r\n");
    ask(world, "OBJECT ENCODING a", "$6\r\nembstr\r\n");
    ask(world, "SETRANGE a 60 x", ":61\r\n");
    ask(world, "OBJECT ENCODING a", "$3\r\nraw\r\n");
    ask(world, "OBJECT REFCOUNT a", ":1\r\n");
    ask(world, "OBJECT IDLETIME a", ":0\r\n");
    ask(world, "OBJECT FREQ", "-ERR wrong number of arguments for 'object|freq' command\r\n");
    ask(world, "MEMORY USAGE none", "$-1\r\n");
    ask(world, "MEMORY USAGE a SAMPLES", "-ERR syntax error\r\n");
    ask(world, "MEMORY USAGE a SAMPLES -1", "-ERR syntax error\r\n");
    world_send(world, "MEMORY USAGE a SAMPLES 5\r\n");
    assert_true(world_take(world).data[0] == ':');
}

/* Three keys an answer: so each of these is a chain of questions. */
static void test_listing(void **state) {
    struct world *world = *state;
    ask(world, "DBSIZE", ":0\r\n");
    ask(world, "RANDOMKEY", "$-1\r\n");
    ask(world, "KEYS *", "*0\r\n");
    ask(world, "SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n");
    ask(world, "MSET k1 1 k2 2 x3 3 k4 4 X5 5 k6 6 k7 7", "+OK\r\n");
    ask(world, "DEL k2", ":1\r\n");
    ask(world, "DBSIZE", ":6\r\n");
    ask(world, "KEYS x*", "*1\r\n$2\r\nx3\r\n");
    ask(world, "KEYS k?", "*4\r\n$2\r\nk1\r\n$2\r\nk4\r\n$2\r\nk6\r\n$2\r\nk7\r\n");
    ask(world, "KEYS [xX]*", "*2\r\n$2\r\nx3\r\n$2\r\nX5\r\n");
    ask(world, "SCAN 0 COUNT 2", "*2\r\n$1\r\n3\r\n*2\r\n$2\r\nk1\r\n$2\r\nx3\r\n");
    ask(world, "SCAN 3 COUNT 100 MATCH k*", "*2\r\n$1\r\n0\r\n*3\r\n$2\r\nk4\r\n$2\r\nk6\r\n$2\r\nk7\r\n");
    ask(world, "SCAN 0 TYPE hash COUNT 50", "*2\r\n$1\r\n0\r\n*0\r\n");
    ask(world, "RANDOMKEY", "$2\r\nk4\r\n");
    ask(world, "SCAN x", "-ERR invalid cursor\r\n");
    ask(world, "SCAN 0 COUNT 0", "-ERR syntax error\r\n");
    ask(world, "SCAN 0 COUNT x", "-ERR value is not an integer or out of range\r\n");
    ask(world, "SCAN 0 MATCH", "-ERR syntax error\r\n");
    ask(world, "DEL k4 X5 k6 k7", ":4\r\n");
    ask(world, "RANDOMKEY", "$2\r\nk1\r\n"); /* nothing from the middle on: the first of all */
}

static void test_listing_waits_for_what_came_before(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "SET a 1\r\nDBSIZE\r\nSET b 1\r\n");
    assert_int_equal(world->held_count, 1);
    world_release_all(world);
    world_resume(world);
    assert_int_equal(world->held_count, 1);
    world_release_all(world);
    world_resume(world);
    world_release_all(world);
    expect(world, "+OK\r\n:1\r\n+OK\r\n");
    world->holds = false;
}

static void test_a_listing_that_fails(void **state) {
    struct world *world = *state;
    ask(world, "MSET k1 1 k2 2 x3 3 k4 4", "+OK\r\n");
    world->outcome = OUTCOME_REFUSED;
    world->detail = "LOADING soon";
    ask(world, "DBSIZE", "-LOADING soon\r\n");
    ask(world, "SCAN 0", "-LOADING soon\r\n");
    ask(world, "RANDOMKEY", "-LOADING soon\r\n");
    world->outcome = OUTCOME_NOQUORUM;
    ask(world, "KEYS *", "-NOQUORUM too few of the key's owners answered in time\r\n");
    world->outcome = OUTCOME_DONE;
}

/* The client is gone in the middle of a chain. */
static void test_a_listing_that_nobody_waits_for(void **state) {
    struct world *world = *state;
    ask(world, "MSET k1 1 k2 2 x3 3 k4 4", "+OK\r\n");
    struct session *other = world_open(world);
    world->holds = true;
    world_send_to(world, other, VIEW("KEYS *\r\n"));
    world_release_all(world);
    world_send_to(world, other, VIEW("KEYS *\r\nKEYS *\r\n"));
    front_close(world->front, other);
    world_release_all(world);
    world->holds = false;
    ask(world, "DBSIZE", ":4\r\n");
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
        cmocka_unit_test_setup_teardown(test_expire_conditions, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_object, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_listing, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_listing_waits_for_what_came_before, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_a_listing_that_fails, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_a_listing_that_nobody_waits_for, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_operations, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
