#include "front_world.h"

#include <stdio.h>

#include "core/front/command.h"
#include "core/front/text.h"
#include "wire/resp_reader.h"

/* Every one that runs says what it costs. */
static void check_note(const struct command *command) {
    char name[COMMAND_NAME_BYTES];
    const struct command_note *note = command_note_find(view_of(name, command_full_name(command, name)));
    bool wants_note = command->run != NULL && strcmp(command->name, "help") != 0;
    bool is_container = command->run == NULL || command->subcommand_count > 0;
    if (wants_note && note == NULL && strcmp(command->name, "cluster") != 0) {
        fail_msg("no note of %.*s", (int)command_full_name(command, name), name);
    }
    assert_true(note == NULL || (note->complexity[0] != '\0' && (wants_note || is_container)));
}

static void check_command(const struct command *command, const char *parent) {
    check_note(command);
    bool has_parts = command->subcommand_count > 0;
    assert_true(command->name != NULL && command->summary != NULL && command->since != NULL);
    assert_true(command->arity != 0);
    assert_true(command->run != NULL || has_parts);
    for (const char *letter = command->name; *letter != '\0'; letter++) {
        assert_true((*letter >= 'a' && *letter <= 'z') || *letter == '.' || *letter == '-');
    }
    assert_true(parent == NULL ? command->parent == NULL : strcmp(command->parent, parent) == 0);
    bool has_keys = command->keys.first != 0;
    bool touches = (command->flags & (COMMAND_READONLY | COMMAND_WRITE)) != 0;
    static const char of_all[] = " flushall flushdb scan keys randomkey dbsize ";
    char name[32];
    (void)snprintf(name, sizeof(name), " %s ", command->name);
    bool is_of_all = strstr(of_all, name) != NULL;
    assert_true(has_keys == (touches && !is_of_all));
    assert_true((command->flags & COMMAND_READONLY) == 0 || (command->flags & COMMAND_WRITE) == 0);
    if (has_keys) {
        int first = parent == NULL ? 1 : 2;
        assert_true(command->keys.first == first && command->keys.step >= 1 && command->keys.flags != 0);
        assert_true(command->keys.last == first || command->keys.last == -1);
        assert_true((command->arity < 0 ? -command->arity : command->arity) > command->keys.first);
    }
    for (size_t i = 0; i < command->subcommand_count; i++) {
        assert_null(parent);
        check_command(&command->subcommands[i], command->name);
    }
}

static void test_table(void **state) {
    (void)state;
    size_t count;
    size_t refusals;
    const struct refusal *refusal;
    struct command_index index;
    const struct command *table = command_table(&count);
    const struct refusal *refused = refusal_table(&refusals);
    command_index_init(&index);
    for (size_t i = 0; i < count; i++) {
        check_command(&table[i], NULL);
        /* Found under its own name, so no name is there twice. */
        assert_ptr_equal(command_find(&index, view_of_string(table[i].name), &refusal), &table[i]);
        assert_null(refusal);
    }
    for (size_t i = 0; i < refusals; i++) {
        assert_null(command_find(&index, view_of_string(refused[i].name), &refusal));
        assert_ptr_equal(refusal, &refused[i]);
        assert_true(refused[i].reason[0] == ' ' || refused[i].reason[0] == ':');
    }
    assert_null(command_find(&index, VIEW("nothing"), &refusal));
    assert_null(refusal);
    assert_null(command_find(&index, VIEW(""), &refusal));
    assert_ptr_equal(command_find(&index, VIEW("GeT"), &refusal), command_find(&index, VIEW("get"), &refusal));
}

static void test_command_info(void **state) {
    struct world *world = *state;
    ask(world, "COMMAND INFO get nothing",
        "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
        "*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n"
        "$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n"
        "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
        "*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n$-1\r\n");
    ask(world, "COMMAND INFO client|id",
        "*1\r\n*10\r\n$9\r\nclient|id\r\n:2\r\n*3\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n"
        "*2\r\n+@slow\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n");
}

/* Every reply of COMMAND is one whole reply, in both protocols. */
static void read_whole_reply(struct world *world, const char *request, enum resp_reply_kind kind, size_t least) {
    struct resp_reader reader;
    const struct resp_reply *reply;
    size_t consumed;
    resp_reader_init(&reader);
    world_send(world, request);
    struct view output = world_take(world);
    assert_int_equal(resp_read(&reader, output, &world->arena, &consumed, &reply), RESP_REPLY_READY);
    assert_int_equal(consumed, output.size);
    assert_int_equal(reply->kind, kind);
    assert_true(reply->count >= least);
}

static void test_command_replies(void **state) {
    struct world *world = *state;
    size_t count;
    (void)command_table(&count);
    read_whole_reply(world, "COMMAND\r\n", RESP_REPLY_ARRAY, count);
    read_whole_reply(world, "COMMAND INFO\r\n", RESP_REPLY_ARRAY, count);
    read_whole_reply(world, "COMMAND DOCS\r\n", RESP_REPLY_ARRAY, 2 * count);
    read_whole_reply(world, "COMMAND LIST\r\n", RESP_REPLY_ARRAY, count);
    world_send(world, "HELLO 3\r\n");
    (void)world_take(world);
    read_whole_reply(world, "COMMAND\r\n", RESP_REPLY_ARRAY, count);
    read_whole_reply(world, "COMMAND DOCS\r\n", RESP_REPLY_MAP, 2 * count);
    read_whole_reply(world, "COMMAND DOCS get client nothing\r\n", RESP_REPLY_MAP, 4);
    read_whole_reply(world, "COMMAND LIST FILTERBY PATTERN cl*\r\n", RESP_REPLY_SET, 10);
    read_whole_reply(world, "COMMAND HELP\r\n", RESP_REPLY_ARRAY, 5);
    read_whole_reply(world, "INFO\r\n", RESP_REPLY_BULK, 0);
    read_whole_reply(world, "CONFIG GET *\r\n", RESP_REPLY_MAP, 6);
    read_whole_reply(world, "GRAMME.EXPLAIN k\r\n", RESP_REPLY_ARRAY, 16);
}

static void test_command_list_and_keys(void **state) {
    struct world *world = *state;
    ask(world, "COMMAND LIST FILTERBY PATTERN client|i*", "*2\r\n$9\r\nclient|id\r\n$11\r\nclient|info\r\n");
    ask(world, "COMMAND LIST FILTERBY MODULE x", "*0\r\n");
    ask(world, "COMMAND LIST FILTERBY FOO x", "-ERR syntax error\r\n");
    world_send(world, "COMMAND LIST FILTERBY ACLCAT string\r\n");
    assert_true(view_has(world_take(world), "$3\r\nget\r\n"));
    ask(world, "COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    ask(world, "COMMAND GETKEYS GET a", "*1\r\n$1\r\na\r\n");
    ask(world, "COMMAND GETKEYS DEL a b c", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    ask(world, "COMMAND GETKEYS PING a", "-ERR The command has no key arguments\r\n");
    ask(world, "COMMAND GETKEYS FOO a", "-ERR Invalid command specified\r\n");
    ask(world, "COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command\r\n");
}

static void test_info(void **state) {
    struct world *world = *state;
    world_send(world, "INFO\r\n");
    struct view all = world_take(world);
    static const char *const wanted[] = {
        "# Server\r\nredis_version:7.0.15\r\ngramme_version:",
        "redis_mode:cluster\r\n",
        "# Clients\r\nconnected_clients:1\r\n",
        "# Memory\r\nused_memory:123\r\n",
        "loading:0\r\n",
        "# Stats\r\ntotal_connections_received:1\r\ntotal_commands_processed:1\r\n",
        "role:master\r\n",
        "# Cluster\r\n",
        "# Keyspace\r\n",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_true(view_has(all, wanted[i]));
    }
    ask(world, "INFO memory", "$27\r\n# Memory\r\nused_memory:123\r\n\r\n");
    ask(world, "INFO replication MEMORY",
        "$77\r\n# Memory\r\nused_memory:123\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n");
    ask(world, "INFO nothing", "$0\r\n\r\n");
    world_send(world, "INFO everything\r\n");
    assert_true(view_has(world_take(world), "# CPU\r\n"));
}

static void test_config(void **state) {
    struct world *world = *state;
    ask(world, "CONFIG GET port", "*2\r\n$4\r\nport\r\n$4\r\n7001\r\n");
    ask(world, "CONFIG GET max* PORT",
        "*6\r\n$4\r\nport\r\n$4\r\n7001\r\n$10\r\nmaxclients\r\n$3\r\n100\r\n"
        "$9\r\nmaxmemory\r\n$1\r\n0\r\n");
    ask(world, "CONFIG GET nothing", "*0\r\n");
    ask(world, "CONFIG SET a b", "-ERR Unknown option or number of arguments for CONFIG SET - 'a'\r\n");
    ask(world, "CONFIG SET port 1",
        "-ERR CONFIG SET failed (possibly related to argument 'port') - a node reads it when it starts: change its "
        "configuration and restart it\r\n");
    ask(world, "CONFIG SET slowlog-max-len -1",
        "-ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - argument must be a number in its "
        "range\r\n");
    ask(world, "CONFIG SET slowlog-max-len", "-ERR wrong number of arguments for 'config|set' command\r\n");
    ask(world, "CONFIG SET slowlog-max-len 5 SlowLog-log-slower-than -1", "+OK\r\n");
    ask(world, "CONFIG GET slowlog*",
        "*4\r\n$23\r\nslowlog-log-slower-than\r\n$2\r\n-1\r\n$15\r\nslowlog-max-len\r\n$1\r\n5\r\n");
    ask(world, "CONFIG REWRITE", "+OK\r\n");
    assert_true(view_equal(buffer_view(&world->scratch),
                           VIEW("slowlog-log-slower-than -1\nslowlog-max-len 5\nlatency-monitor-threshold 0\n")));
    ask(world, "CONFIG RESETSTAT", "+OK\r\n");
    struct front_statistics statistics;
    front_statistics(world->front, &statistics);
    assert_int_equal(statistics.commands, 0);
    assert_int_equal(statistics.connections_now, 1);
}

static void matches(const char *pattern, const char *name, bool expected) {
    if (text_matches(view_of_string(pattern), view_of_string(name), TEXT_CASE_ASIDE) != expected) {
        fail_msg("%s and %s", pattern, name);
    }
}

static void test_patterns(void **state) {
    (void)state;
    matches("", "", true);
    matches("", "a", false);
    matches("*", "", true);
    matches("*", "anything", true);
    matches("a*c", "abbbc", true);
    matches("a*c", "abbbcd", false);
    matches("a**c", "ac", true);
    matches("*b*b*", "abcb", true);
    matches("*b*b*", "abc", false);
    matches("max-?", "max-1", true);
    matches("max-?", "max-", false);
    matches("MAX*", "maxmemory", true);
    matches("[a-c]x", "bx", true);
    matches("[c-a]x", "bx", true);
    matches("[^a-c]x", "bx", false);
    matches("[^a-c]x", "dx", true);
    matches("[abc", "b", true);
    matches("[", "[", false);
    matches("\\*", "*", true);
    matches("\\*", "a", false);
    matches("a\\", "a\\", true);
    matches("[\\]]", "]", true);
    matches("*a", "aaab", false);
    matches("*ab", "aaab", true);
    /* No pattern takes exponential time. */
    char pattern[201];
    char name[2001];
    for (int i = 0; i < 200; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    pattern[199] = 'b';
    pattern[200] = '\0';
    memset(name, 'a', 2000);
    name[2000] = '\0';
    matches(pattern, name, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test_setup_teardown(test_command_info, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_command_replies, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_command_list_and_keys, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_info, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_config, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
