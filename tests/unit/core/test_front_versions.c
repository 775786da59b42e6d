#include "front_world.h"

#include <stdio.h>

enum { TOKEN_MOST = 256 };

/* The first bulk string of the output: a context. What is behind it must be `rest`. */
static void take_token(struct world *world, const char *head, const char *rest, char token[TOKEN_MOST]) {
    struct view reply = world_take(world);
    assert_true(view_starts_with(reply, view_of_string(head)));
    reply = view_slice(reply, strlen(head), reply.size - strlen(head));
    assert_true(reply.size > 0 && reply.data[0] == '$');
    size_t line = view_find(reply, '\n') + 1;
    reply = view_slice(reply, line, reply.size - line);
    size_t size = view_find(reply, '\r');
    assert_true(size > 0 && size < TOKEN_MOST);
    memcpy(token, reply.data, size);
    token[size] = '\0';
    assert_true(view_equal(view_slice(reply, size + 2, reply.size - size - 2), view_of_string(rest)));
}

static void send_with(struct world *world, const char *format, const char *token) {
    char text[512];
    (void)snprintf(text, sizeof(text), format, token);
    world_send(world, text);
}

static void test_siblings(void **state) {
    struct world *world = *state;
    char first[TOKEN_MOST];
    char second[TOKEN_MOST];
    char read[TOKEN_MOST];
    ask(world, "GRAMME.GET k", "*-1\r\n");
    world_send(world, "GRAMME.PUT k one\r\n");
    take_token(world, "", "", first);
    world_send(world, "GRAMME.PUT k two\r\n");
    take_token(world, "", "", second);
    world_send(world, "GRAMME.GET k\r\n");
    take_token(world, "*3\r\n", "$3\r\none\r\n$3\r\ntwo\r\n", read);
    ask(world, "GET k", "$3\r\ntwo\r\n");

    send_with(world, "GRAMME.PUT k three CONTEXT %s\r\n", second);
    take_token(world, "", "", second);
    world_send(world, "GRAMME.GET k\r\n");
    take_token(world, "*3\r\n", "$3\r\none\r\n$5\r\nthree\r\n", read);
    send_with(world, "GRAMME.PUT k all W 2 CONTEXT %s EX 10\r\n", read);
    take_token(world, "", "", second);
    assert_int_equal(world->last.write_quorum, 2);
    world_send(world, "GRAMME.GET k R 1\r\n");
    take_token(world, "*2\r\n", "$3\r\nall\r\n", read);
    assert_int_equal(world->last.read_quorum, 1);
    ask(world, "TTL k", ":10\r\n");
}

static void test_delete(void **state) {
    struct world *world = *state;
    char token[TOKEN_MOST];
    world_add_sibling(world, "k", "one");
    world_send(world, "GRAMME.GET k\r\n");
    take_token(world, "*2\r\n", "$3\r\none\r\n", token);
    world_add_sibling(world, "k", "two");
    send_with(world, "GRAMME.DEL k CONTEXT %s\r\n", token);
    take_token(world, "", "", token);
    assert_int_equal(world->last.flags, OPERATION_TOMBSTONE);
    /* The value beside the tombstone lives; a plain GET shows the later of the two. */
    world_send(world, "GRAMME.GET k\r\n");
    take_token(world, "*2\r\n", "$3\r\ntwo\r\n", token);
    ask(world, "GET k", "$-1\r\n");
    send_with(world, "GRAMME.DEL k CONTEXT %s W 3\r\n", token);
    take_token(world, "", "", token);
    assert_int_equal(world->last.write_quorum, 3);
    /* Deleted is not the same as never written. */
    world_send(world, "GRAMME.GET k\r\n");
    take_token(world, "*1\r\n", "", token);
}

static void test_expired_values_are_hidden(void **state) {
    struct world *world = *state;
    char token[TOKEN_MOST];
    world_send(world, "GRAMME.PUT k short PX 50\r\n");
    take_token(world, "", "", token);
    world_send(world, "GRAMME.PUT k long\r\n");
    take_token(world, "", "", token);
    world->wall.ms += 51;
    world_send(world, "GRAMME.GET k\r\n");
    take_token(world, "*2\r\n", "$4\r\nlong\r\n", token);
}

static void test_contexts_are_checked(void **state) {
    struct world *world = *state;
    char token[TOKEN_MOST];
    world_send(world, "GRAMME.PUT k one\r\n");
    take_token(world, "", "", token);
    uint32_t submitted = world->submitted;
    const char *const refusal = "-ERR invalid context: not one that this cluster gave for this key\r\n";
    send_with(world, "GRAMME.PUT other v CONTEXT %s\r\n", token);
    expect(world, refusal);
    token[10] = token[10] == 'A' ? 'B' : 'A';
    send_with(world, "GRAMME.PUT k v CONTEXT %s\r\n", token);
    expect(world, refusal);
    ask(world, "GRAMME.DEL k CONTEXT garbage", refusal);
    ask(world, "GRAMME.DEL k CONTEXT \"\"", refusal);
    assert_int_equal(world->submitted, submitted);
}

static void test_option_errors(void **state) {
    struct world *world = *state;
    ask(world, "GRAMME.GET k R 0", "-ERR R must be a number from 1 to 7\r\n");
    ask(world, "GRAMME.GET k R 8", "-ERR R must be a number from 1 to 7\r\n");
    ask(world, "GRAMME.PUT k v W x", "-ERR W must be a number from 1 to 7\r\n");
    ask(world, "GRAMME.GET k R", "-ERR syntax error\r\n");
    ask(world, "GRAMME.GET k W 1", "-ERR syntax error\r\n");
    ask(world, "GRAMME.PUT k v CONTEXT", "-ERR syntax error\r\n");
    ask(world, "GRAMME.DEL k EX 1", "-ERR syntax error\r\n");
    ask(world, "GRAMME.PUT k v EX 0", "-ERR invalid expire time in 'gramme.put' command\r\n");
    ask(world, "GRAMME.PUT k", "-ERR wrong number of arguments for 'gramme.put' command\r\n");
    assert_int_equal(world->submitted, 0);
}

static void test_put_failures(void **state) {
    struct world *world = *state;
    world->outcome = OUTCOME_REFUSED;
    world->detail = "ERR too many siblings";
    ask(world, "GRAMME.PUT k v", "-ERR too many siblings\r\n");
    /* Done, but with a context that is none. */
    world->outcome = OUTCOME_UNCHANGED;
    ask(world, "GRAMME.PUT k v", "-ERR the write was done, but its context cannot be read\r\n");
}

#define NODE_1 "$32\r\n01010101010101010101010101010101\r\n"
#define NODE_2 "$32\r\n02020202020202020202020202020202\r\n"

static void test_explain(void **state) {
    struct world *world = *state;
    world->replica_count = 2;
    world->unreachable = 2;
    ask(world, "SET k value PX 5", "+OK\r\n");
    ask(world, "GRAMME.EXPLAIN k",
        "*16\r\n$3\r\nkey\r\n$1\r\nk\r\n$4\r\nslot\r\n:12\r\n$9\r\npartition\r\n:3\r\n$4\r\nmark\r\n:9\r\n"
        "$11\r\nread-quorum\r\n:2\r\n$12\r\nwrite-quorum\r\n:2\r\n$1\r\nn\r\n:2\r\n$8\r\nreplicas\r\n*2\r\n"
        "*16\r\n$4\r\nnode\r\n" NODE_1 "$7\r\naddress\r\n$14\r\n127.0.0.1:7001\r\n$4\r\nrole\r\n$5\r\nowner\r\n"
        "$9\r\nreachable\r\n:1\r\n$6\r\nstatus\r\n$2\r\nok\r\n$6\r\nvalues\r\n*1\r\n"
        "*14\r\n$3\r\ndot\r\n$18\r\n0000000000000007:1\r\n$7\r\ntime-ms\r\n:1700000000123\r\n$7\r\nlogical\r\n:1\r\n"
        "$13\r\nexpires-at-ms\r\n:1700000000128\r\n$4\r\ntype\r\n$6\r\nstring\r\n$5\r\nbytes\r\n:5\r\n"
        "$4\r\nhash\r\n$32\r\nd7ab8cce59abd5050d59506fb013961a\r\n"
        "$7\r\ncontext\r\n$18\r\n0000000000000007:1\r\n$15\r\ncontext-entries\r\n:1\r\n"
        "*16\r\n$4\r\nnode\r\n" NODE_2 "$7\r\naddress\r\n$14\r\n127.0.0.1:7001\r\n$4\r\nrole\r\n$5\r\nowner\r\n"
        "$9\r\nreachable\r\n:0\r\n$6\r\nstatus\r\n$11\r\nunreachable\r\n$6\r\nvalues\r\n*0\r\n"
        "$7\r\ncontext\r\n$0\r\n\r\n$15\r\ncontext-entries\r\n:0\r\n");
}

static size_t count_status(struct world *world, const char *status) {
    char text[64];
    world_send(world, "GRAMME.EXPLAIN k\r\n");
    world_release_all(world);
    (void)snprintf(text, sizeof(text), "status\r\n$%zu\r\n%s\r\n", strlen(status), status);
    return view_count(world_take(world), text);
}

static void test_explain_statuses(void **state) {
    struct world *world = *state;
    assert_int_equal(count_status(world, "absent"), 3);
    world->holds = true;
    assert_int_equal(count_status(world, "absent"), 3);
    world->outcome = OUTCOME_REFUSED;
    assert_int_equal(count_status(world, "error"), 3);
    world->outcome = OUTCOME_NOQUORUM;
    assert_int_equal(count_status(world, "unreachable"), 3);
    world->outcome = OUTCOME_BUSY;
    assert_int_equal(count_status(world, "busy"), 3);
    world->unreachable = 7;
    assert_int_equal(count_status(world, "unreachable"), 3);
    assert_int_equal(world->held_count, 0);
    /* Behind a command that waits, too. */
    world->outcome = OUTCOME_DONE;
    world_send(world, "GET k\r\nGRAMME.EXPLAIN k\r\n");
    expect(world, "");
    world_release_all(world);
    assert_int_equal(view_count(world_take(world), "unreachable"), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_siblings, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_delete, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_expired_values_are_hidden, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_contexts_are_checked, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_option_errors, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_put_failures, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_explain, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_explain_statuses, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
