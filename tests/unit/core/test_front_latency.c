#include "front_world.h"

/* What took long, and whom it may concern: SLOWLOG, LATENCY, CLIENT KILL, CLIENT REPLY, WAIT. */

/* One command that takes so long. */
static void send_slowly(struct world *world, const char *command, uint64_t ms) {
    world->holds = true;
    world_send(world, command);
    world->now.ns += ms * NS_PER_MS;
    world->holds = false;
    world_release_all(world);
    (void)world_take(world);
}

static void test_slow_log(void **state) {
    struct world *world = *state;
    ask(world, "SLOWLOG LEN", ":0\r\n");
    ask(world, "CLIENT SETNAME joe", "+OK\r\n");
    send_slowly(world, "GET quick\r\n", 9);
    send_slowly(world, "SET slow value\r\n", 12);
    send_slowly(world, "MGET a b c\r\n", 10);
    ask(world, "SLOWLOG LEN", ":2\r\n");
    world_send(world, "SLOWLOG GET 1\r\n");
    struct view told = world_take(world);
    assert_true(view_starts_with(told, VIEW("*1\r\n*7\r\n:1\r\n")));
    assert_true(
        view_has(told, ":10000\r\n*2\r\n$4\r\nmget\r\n$1\r\na\r\n$14\r\n127.0.0.1:5555\r\n$3\r\njoe\r\n*0\r\n"));
    world_send(world, "SLOWLOG GET -1\r\n");
    told = world_take(world);
    assert_true(view_starts_with(told, VIEW("*2\r\n*7\r\n:1\r\n")));
    assert_true(view_has(told, ":12000\r\n*2\r\n$3\r\nset\r\n$4\r\nslow\r\n"));
    ask(world, "SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n");
    ask(world, "CONFIG SET slowlog-max-len 1 slowlog-log-slower-than 0", "+OK\r\n");
    send_slowly(world, "GET any\r\n", 0);
    ask(world, "SLOWLOG LEN", ":1\r\n");
    ask(world, "CONFIG SET slowlog-log-slower-than -1", "+OK\r\n");
    ask(world, "SLOWLOG RESET", "+OK\r\n");
    send_slowly(world, "GET any\r\n", 100);
    ask(world, "SLOWLOG LEN", ":0\r\n");
    ask(world, "SLOWLOG GET", "*0\r\n");
}

static void test_a_shorter_slow_log_forgets_the_oldest(void **state) {
    struct world *world = *state;
    send_slowly(world, "GET a\r\n", 10);
    send_slowly(world, "GET b\r\n", 10);
    ask(world, "CONFIG SET slowlog-max-len 1", "+OK\r\n");
    ask(world, "SLOWLOG LEN", ":1\r\n");
    world_send(world, "SLOWLOG GET\r\n");
    assert_true(view_has(world_take(world), "$1\r\nb\r\n"));
    ask(world, "CONFIG SET slowlog-max-len 0", "+OK\r\n");
    ask(world, "SLOWLOG LEN", ":0\r\n");
    ask(world, "CONFIG SET slowlog-max-len 1 slowlog-log-slower-than 0 Slowlog-Max-Len 2",
        "-ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - duplicate parameter\r\n");
    ask(world, "CONFIG GET slowlog-max-len", "*2\r\n$15\r\nslowlog-max-len\r\n$1\r\n0\r\n");
    ask(world, "SLOWLOG GET 1 2", "-ERR wrong number of arguments for 'slowlog|get' command\r\n");
}

static void test_long_keys_are_cut(void **state) {
    struct world *world = *state;
    send_slowly(world, "GET 0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 10);
    world_send(world, "SLOWLOG GET\r\n");
    assert_true(view_has(world_take(world), "$39\r\n012345678901234567890123456789012345678\r\n"));
}

static void test_histograms(void **state) {
    struct world *world = *state;
    send_slowly(world, "GET a\r\n", 0);
    send_slowly(world, "GET a\r\n", 1);
    send_slowly(world, "GET a\r\n", 1);
    send_slowly(world, "SET a 1\r\n", 3);
    ask(world, "LATENCY HISTOGRAM GET",
        "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n*4\r\n:1\r\n:1\r\n:1024\r\n:3\r\n");
    world_send(world, "LATENCY HISTOGRAM get set nothing\r\n");
    struct view told = world_take(world);
    assert_true(view_starts_with(told, VIEW("*4\r\n")));
    assert_true(view_has(told, "$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:1\r\n"));
    ask(world, "LATENCY HISTOGRAM nothing", "*0\r\n");
    world_send(world, "LATENCY HISTOGRAM latency\r\n"); /* a parent's name means all its parts */
    assert_true(view_has(world_take(world), "latency|histogram"));
    ask(world, "CONFIG RESETSTAT", "+OK\r\n");
    ask(world, "LATENCY HISTOGRAM get set", "*0\r\n");
}

static void test_events(void **state) {
    struct world *world = *state;
    send_slowly(world, "GET a\r\n", 500);
    ask(world, "LATENCY LATEST", "*0\r\n"); /* nobody asked for samples */
    ask(world, "CONFIG SET latency-monitor-threshold 100", "+OK\r\n");
    world->wall.ms = 1000;
    send_slowly(world, "GET a\r\n", 500);
    send_slowly(world, "GET a\r\n", 700);
    world->wall.ms = 5000;
    send_slowly(world, "GET a\r\n", 100);
    send_slowly(world, "GET a\r\n", 99);
    ask(world, "LATENCY LATEST", "*1\r\n*4\r\n$7\r\ncommand\r\n:5\r\n:100\r\n:700\r\n");
    ask(world, "LATENCY HISTORY command", "*2\r\n*2\r\n:1\r\n:700\r\n*2\r\n:5\r\n:100\r\n");
    ask(world, "LATENCY HISTORY fork", "*0\r\n");
    ask(world, "LATENCY RESET fork", ":0\r\n");
    ask(world, "LATENCY RESET", ":1\r\n");
    ask(world, "LATENCY RESET", ":0\r\n");
    ask(world, "LATENCY LATEST", "*0\r\n");
}

static void test_kill(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    ask(world, "CLIENT KILL 127.0.0.1:1", "-ERR No such client\r\n");
    ask(world, "CLIENT KILL ID x", "-ERR client-id should be greater than 0\r\n");
    ask(world, "CLIENT KILL TYPE bogus", "-ERR Unknown client type 'bogus'\r\n");
    ask(world, "CLIENT KILL USER joe", "-ERR No such user 'joe'\r\n");
    ask(world, "CLIENT KILL ID", "-ERR No such client\r\n"); /* an address, then */
    ask(world, "CLIENT KILL ID 2 ADDR", "-ERR syntax error\r\n");
    ask(world, "CLIENT KILL FOO bar", "-ERR syntax error\r\n");
    ask(world, "CLIENT KILL ID 2 TYPE pubsub", ":0\r\n");
    ask(world, "CLIENT KILL \"\"", "-ERR No such client\r\n");
    ask(world, "CLIENT KILL ADDR \"\"", ":0\r\n");
    assert_false(session_wants_close(other));
    world_send_to(world, other, VIEW("SET k v\r\n"));
    ask(world, "CLIENT KILL ID 2 TYPE normal USER default", ":1\r\n");
    assert_true(session_must_close(other));
    front_close(world->front, other);
    ask(world, "CLIENT KILL TYPE normal", ":0\r\n"); /* not the one that asks */
    ask(world, "CLIENT KILL TYPE normal SKIPME no", ":1\r\n");
    assert_true(session_wants_close(world->session));
}

static void test_too_many_ids(void **state) {
    struct world *world = *state;
    world_send(world, "CLIENT LIST ID");
    for (uint32_t i = 0; i < 1024; i++) {
        world_send(world, " 1");
    }
    world_send(world, "\r\n");
    assert_int_equal(view_count(world_take(world), "id=1 "), 1);
    world_send(world, "CLIENT LIST ID");
    for (uint32_t i = 0; i < 1025; i++) {
        world_send(world, " 1");
    }
    world_send(world, "\r\n");
    expect(world, "-ERR more than 1024 client IDs\r\n");
}

static void test_killed_with_commands_under_way(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    world->holds = true;
    world_send_to(world, other, VIEW("SET k v\r\n"));
    world->holds = false;
    ask(world, "CLIENT KILL ID 2", ":1\r\n");
    front_close(world->front, other);
    world_release_all(world);
    ask(world, "GET k", "$1\r\nv\r\n");
}

static void test_reply(void **state) {
    struct world *world = *state;
    ask(world, "CLIENT REPLY maybe", "-ERR syntax error\r\n");
    world_send(world, "CLIENT REPLY OFF\r\nPING\r\nSET a 1\r\nGET a\r\nFOO\r\n");
    expect(world, "");
    ask(world, "CLIENT REPLY ON", "+OK\r\n");
    ask(world, "GET a", "$1\r\n1\r\n");
    world_send(world, "CLIENT REPLY SKIP\r\nSET a 2\r\nGET a\r\n");
    expect(world, "$1\r\n2\r\n");
    world_send(world, "CLIENT REPLY SKIP\r\nPING\r\nPING again\r\n");
    expect(world, "$5\r\nagain\r\n");
    world->holds = true;
    world_send(world,
               "GET a\r\nCLIENT REPLY SKIP\r\nGET a\r\nGET a\r\nCLIENT REPLY OFF\r\nGET a\r\nCLIENT REPLY ON\r\n");
    world->holds = false;
    world_release_all(world);
    expect(world, "$1\r\n2\r\n$1\r\n2\r\n+OK\r\n");
    world_send(world, "CLIENT REPLY OFF\r\nRESET\r\n");
    expect(world, "+RESET\r\n");
}

/* EXEC's array comes whole, as with Redis: the one that is left out is behind it. */
static void test_replies_of_a_batch(void **state) {
    struct world *world = *state;
    world_send(world, "MULTI\r\nCLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\nEXEC\r\nPING\r\nPING\r\n");
    expect(world, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$1\r\n1\r\n+PONG\r\n");
}

/* The last word before the end is said to those too who asked for none. */
static void test_protocol_error_without_replies(void **state) {
    struct world *world = *state;
    world_send(world, "CLIENT REPLY OFF\r\nPING\r\n*1\r\nx\r\n");
    expect(world, "-ERR Protocol error: expected '$', got 'x'\r\n");
    assert_true(session_wants_close(world->session));
}

static void test_pause(void **state) {
    struct world *world = *state;
    ask(world, "CLIENT PAUSE x", "-ERR timeout is not an integer or out of range\r\n");
    ask(world, "CLIENT PAUSE -1", "-ERR timeout is negative\r\n");
    ask(world, "CLIENT PAUSE 1 SOME", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
    ask(world, "CLIENT PAUSE 100 WRITE", "+OK\r\n");
    world_send(world, "GET a\r\nSET a 1\r\nGET a\r\n");
    expect(world, "$-1\r\n");
    world->now.ns += 99 * NS_PER_MS;
    front_beat(world->front, world->now);
    world_resume(world);
    expect(world, "");
    world->now.ns += 1 * NS_PER_MS;
    uint32_t woken = world->woken;
    front_beat(world->front, world->now);
    assert_int_equal(world->woken, woken + 1);
    world_resume(world);
    expect(world, "+OK\r\n$1\r\n1\r\n");
    ask(world, "CLIENT PAUSE 100000", "+OK\r\n");
    ask(world, "PING", "+PONG\r\n");
    struct session *other = world_open(world);
    world_send_to(world, other, VIEW("GET a\r\n"));
    expect_from(world, other, "");
    ask(world, "CLIENT UNPAUSE", "+OK\r\n");
    front_resume(world->front, other, world->now, world->wall, &world->arena);
    expect_from(world, other, "$1\r\n1\r\n");
    front_close(world->front, other);
}

/* Whom a pause held is looked at anew whenever the pause changes. */
static void test_pauses_one_after_another(void **state) {
    struct world *world = *state;
    struct session *reader = world_open(world);
    struct session *writer = world_open(world);
    ask(world, "CLIENT PAUSE 100000", "+OK\r\n");
    world_send_to(world, reader, VIEW("GET a\r\n"));
    world_send_to(world, writer, VIEW("SET a 1\r\n"));
    ask(world, "CLIENT PAUSE 100000 WRITE", "+OK\r\n");
    front_resume(world->front, reader, world->now, world->wall, &world->arena);
    front_resume(world->front, writer, world->now, world->wall, &world->arena);
    expect_from(world, reader, "$-1\r\n");
    expect_from(world, writer, "");
    world_send(world, "CLIENT UNPAUSE\r\nCLIENT PAUSE 50 WRITE\r\n");
    expect(world, "+OK\r\n+OK\r\n");
    front_resume(world->front, writer, world->now, world->wall, &world->arena);
    expect_from(world, writer, "");
    uint32_t woken = world->woken;
    world->now.ns += 50 * NS_PER_MS;
    front_beat(world->front, world->now);
    assert_int_equal(world->woken, woken + 1);
    front_resume(world->front, writer, world->now, world->wall, &world->arena);
    expect_from(world, writer, "+OK\r\n");
    front_close(world->front, reader);
    front_close(world->front, writer);
}

static void test_sleep(void **state) {
    struct world *world = *state;
    uint64_t began_ns = world->now.ns;
    ask(world, "DEBUG SLEEP 1", "+OK\r\n");
    ask(world, "DEBUG SLEEP 0.05", "+OK\r\n");
    ask(world, "DEBUG SLEEP 0.0019", "+OK\r\n");
    assert_int_equal(world->now.ns - began_ns, 1051 * NS_PER_MS);
    static const char *const bad[] = {"x", "-1", "1.", ".5", "1.x", "601", "1e3", "0.0000000001"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        world_send(world, "DEBUG SLEEP ");
        world_send(world, bad[i]);
        world_send(world, "\r\n");
        expect(world, "-ERR the argument must be seconds, at most 600, such as 0.5\r\n");
    }
}

static void test_wait(void **state) {
    struct world *world = *state;
    ask(world, "WAIT 1 0", ":1\r\n"); /* W is 2 */
    ask(world, "WAIT 5 1000", ":1\r\n");
    ask(world, "WAIT x 0", "-ERR value is not an integer or out of range\r\n");
    ask(world, "WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n");
    ask(world, "WAIT 1 -1", "-ERR timeout is negative\r\n");
    world->holds = true;
    world_send(world, "SET a 1\r\nWAIT 1 0\r\n");
    expect(world, "");
    world->holds = false;
    world_release_all(world);
    world_resume(world);
    expect(world, "+OK\r\n:1\r\n");
    world_send(world, "GRAMME.PUT a 2 W 1\r\n");
    (void)world_take(world);
    ask(world, "WAIT 1 0", ":0\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slow_log, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_a_shorter_slow_log_forgets_the_oldest, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_long_keys_are_cut, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_histograms, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_events, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_kill, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_too_many_ids, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_killed_with_commands_under_way, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_reply, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_replies_of_a_batch, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_protocol_error_without_replies, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_pause, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_pauses_one_after_another, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_sleep, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_wait, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
