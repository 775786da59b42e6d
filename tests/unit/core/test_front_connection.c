#include "front_world.h"

static void test_small_talk(void **state) {
    struct world *world = *state;
    ask(world, "PING", "+PONG\r\n");
    ask(world, "PING hi", "$2\r\nhi\r\n");
    ask(world, "PING a b", "-ERR wrong number of arguments for 'ping' command\r\n");
    ask(world, "ECHO hi", "$2\r\nhi\r\n");
    ask(world, "SELECT 0", "+OK\r\n");
    ask(world, "SELECT 1", "-ERR DB index is out of range\r\n");
    ask(world, "SELECT x", "-ERR value is not an integer or out of range\r\n");
    ask(world, "READONLY", "+OK\r\n");
    ask(world, "READWRITE", "+OK\r\n");
    ask(world, "ASKING", "+OK\r\n");
    ask(world, "UNWATCH", "+OK\r\n");
    ask(world, "TIME", "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n");
    ask(world, "AUTH a",
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?\r\n");
    ask(world, "AUTH default a", "+OK\r\n");
    ask(world, "AUTH joe a", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    ask(world, "AUTH a b c", "-ERR syntax error\r\n");
}

static void test_hello(void **state) {
    struct world *world = *state;
    ask(world, "HELLO",
        "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n"
        "$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    ask(world, "HELLO 3 AUTH default x SETNAME me",
        "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n"
        "$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    ask(world, "CLIENT GETNAME", "$2\r\nme\r\n");
    ask(world, "HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    ask(world, "HELLO x", "-ERR Protocol version is not an integer or out of range\r\n");
    ask(world, "HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n");
    ask(world, "HELLO 2 AUTH joe x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    ask(world, "HELLO 2 SETNAME \"a b\"",
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
    ask(world, "GET a", "_\r\n");
    ask(world, "RESET", "+RESET\r\n");
    ask(world, "GET a", "$-1\r\n");
    ask(world, "CLIENT GETNAME", "$-1\r\n");
}

static void test_client(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    ask(world, "CLIENT ID", ":1\r\n");
    ask(world, "CLIENT SETNAME joe", "+OK\r\n");
    ask(world, "CLIENT SETINFO LIB-NAME lib", "+OK\r\n");
    ask(world, "CLIENT SETINFO lib-ver 1.0", "+OK\r\n");
    ask(world, "CLIENT SETINFO foo 1.0", "-ERR Unrecognized option 'foo'\r\n");
    ask(world, "CLIENT NO-EVICT on", "+OK\r\n");
    ask(world, "CLIENT NO-TOUCH off", "+OK\r\n");
    ask(world, "CLIENT NO-TOUCH maybe", "-ERR syntax error\r\n");
    world->now.ns += 3 * NS_PER_S;
    world_send(world, "CLIENT LIST\r\n");
    struct view list = world_take(world);
    assert_true(view_has(list, "id=1 addr=127.0.0.1:5555 name=joe age=3 idle=0 flags=N db=0 "));
    assert_true(view_has(list, "cmd=client|list user=default redir=-1 resp=2 lib-name=lib lib-ver=1.0\n"));
    assert_true(view_has(list, "\nid=2 addr=127.0.0.1:5555 name= age=3 idle=3 "));
    world_send(world, "CLIENT LIST ID 2 7\r\n");
    list = world_take(world);
    assert_true(view_has(list, "id=2 ") && !view_has(list, "id=1 "));
    ask(world, "CLIENT LIST TYPE pubsub", "$0\r\n\r\n");
    ask(world, "CLIENT LIST TYPE bogus", "-ERR Unknown client type 'bogus'\r\n");
    ask(world, "CLIENT LIST ID x", "-ERR Invalid client ID\r\n");
    ask(world, "CLIENT LIST FOO", "-ERR syntax error\r\n");
    world_send(world, "CLIENT INFO\r\n");
    assert_int_equal(view_count(world_take(world), "id="), 1);
    front_close(world->front, other);
    world_send(world, "HELLO 3\r\nCLIENT LIST\r\n");
    list = world_take(world);
    assert_true(view_has(list, "\r\n=") && view_has(list, "txt:id=1 ") && !view_has(list, "id=2 "));
}

static void test_subcommand_errors(void **state) {
    struct world *world = *state;
    ask(world, "CLIENT", "-ERR wrong number of arguments for 'client' command\r\n");
    ask(world, "CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
    ask(world, "CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command\r\n");
    ask(world, "CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n");
    ask(world, "COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n");
    ask(world, "CLUSTER FOO", "-ERR unknown subcommand 'FOO'. Try CLUSTER HELP.\r\n");
    ask(world, "CLUSTER KEYSLOT", "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n");
    ask(world, "CLUSTER MYID", "$2\r\nme\r\n");
    world_send(world, "CLIENT HELP\r\n");
    assert_true(
        view_has(world_take(world), "+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n+ID\r\n"));
}

static void test_unknown_commands(void **state) {
    struct world *world = *state;
    ask(world, "foo", "-ERR unknown command 'foo', with args beginning with: \r\n");
    ask(world, "foo a b", "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n");
    ask(world, "\"a\\r\\nb\" x", "-ERR unknown command 'a  b', with args beginning with: 'x' \r\n");
    ask(world, "HSET x f 1", "-ERR 'hset' is not supported yet: collections come with replicated data types\r\n");
    ask(world, "lcs", "-ERR 'lcs' is not supported yet\r\n");
    world_send(world, "WATCH a\r\nEVAL x 0\r\nLASTSAVE\r\nRENAME a b\r\nMONITOR\r\n");
    assert_int_equal(view_count(world_take(world), "' is not supported"), 5);
    assert_int_equal(world->submitted, 0);
}

/* 128 bytes of arguments at most, cut in mid-argument. */
static void test_long_unknown_command(void **state) {
    struct world *world = *state;
    char request[512] = "foo ";
    char reply[512] = "-ERR unknown command 'foo', with args beginning with: '";
    memset(request + 4, 'x', 200);
    memcpy(request + 204, " y\r\n", 5);
    memset(reply + strlen(reply), 'x', 128);
    memcpy(reply + strlen(reply), "' \r\n", 5);
    world_send(world, request);
    expect(world, reply);
}

static void test_quit(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "GET a\r\nQUIT\r\nPING\r\n");
    assert_false(session_wants_close(world->session));
    assert_false(session_wants_input(world->session));
    uint32_t woken = world->woken;
    world_release_all(world);
    assert_int_equal(world->woken, woken + 1);
    expect(world, "$-1\r\n+OK\r\n");
    assert_true(session_wants_close(world->session));
    assert_true(session_is_idle(world->session));
    world_send(world, "PING\r\n");
    expect(world, "");
}

static void test_protocol_error(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "GET a\r\n*1\r\nx\r\n");
    expect(world, "");
    assert_false(session_wants_close(world->session));
    world_release_all(world);
    expect(world, "$-1\r\n-ERR Protocol error: expected '$', got 'x'\r\n");
    assert_true(session_wants_close(world->session));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small_talk, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_hello, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_client, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_subcommand_errors, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_unknown_commands, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_long_unknown_command, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_quit, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_protocol_error, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
