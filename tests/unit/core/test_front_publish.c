/* SUBSCRIBE, PUBLISH and their kin at one front. */
#include "front_world.h"

#include <stdio.h>
#include <stdlib.h>

#define SUBSCRIBED(word, name, count) "*3\r\n" word name ":" count "\r\n"
#define WORD_SUBSCRIBE                "$9\r\nsubscribe\r\n"
#define WORD_UNSUBSCRIBE              "$11\r\nunsubscribe\r\n"
#define WORD_PSUBSCRIBE               "$10\r\npsubscribe\r\n"
#define A                             "$1\r\na\r\n"
#define B                             "$1\r\nb\r\n"
#define X                             "$1\r\nx\r\n"

static void hears(struct world *world, struct session *session, const char *reply) {
    world_expect_from(world, session, reply, __FILE__, __LINE__);
}

static struct session *listener(struct world *world, const char *request) {
    struct session *session = world_open(world);
    world_send_to(world, session, view_of_string(request));
    buffer_consume(session_output(session), buffer_size(session_output(session)));
    return session;
}

static void test_who_listens_is_told(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    world_send_to(world, other, VIEW("SUBSCRIBE a b a\r\n"));
    hears(world, other,
          SUBSCRIBED(WORD_SUBSCRIBE, A, "1") SUBSCRIBED(WORD_SUBSCRIBE, B, "2") SUBSCRIBED(WORD_SUBSCRIBE, A, "2"));
    uint32_t woken = world->woken;
    ask(world, "PUBLISH a x", ":1\r\n");
    assert_true(world->woken > woken);
    hears(world, other, "*3\r\n$7\r\nmessage\r\n" A X);
    ask(world, "PUBLISH c x", ":0\r\n");
    hears(world, other, "");
    assert_int_equal(world->published, 2); /* and to other nodes, whoever listens here */
    world_send_to(world, other, VIEW("UNSUBSCRIBE a c\r\nUNSUBSCRIBE\r\nUNSUBSCRIBE\r\n"));
    hears(world, other,
          SUBSCRIBED(WORD_UNSUBSCRIBE, A, "1") SUBSCRIBED(WORD_UNSUBSCRIBE, "$1\r\nc\r\n", "1")
              SUBSCRIBED(WORD_UNSUBSCRIBE, B, "0") SUBSCRIBED(WORD_UNSUBSCRIBE, "$-1\r\n", "0"));
    ask(world, "PUBLISH a x", ":0\r\n");
    front_close(world->front, other);
}

static void test_patterns(void **state) {
    struct world *world = *state;
    struct session *other = listener(world, "PSUBSCRIBE [a-b] ?\r\nSUBSCRIBE a\r\n");
    ask(world, "PUBSUB NUMPAT", ":2\r\n");
    ask(world, "PUBLISH a x", ":3\r\n"); /* once for each way in which it listens */
    hears(world, other,
          "*3\r\n$7\r\nmessage\r\n" A X "*4\r\n$8\r\npmessage\r\n$5\r\n[a-b]\r\n" A X
          "*4\r\n$8\r\npmessage\r\n$1\r\n?\r\n" A X);
    ask(world, "PUBLISH A x", ":1\r\n"); /* case counts */
    buffer_consume(session_output(other), buffer_size(session_output(other)));
    ask(world, "SPUBLISH a x", ":0\r\n");
    front_close(world->front, other);
    ask(world, "PUBSUB NUMPAT", ":0\r\n");
}

static void test_sharded_channels_are_others(void **state) {
    struct world *world = *state;
    struct session *other = listener(world, "SSUBSCRIBE a\r\n");
    ask(world, "PUBLISH a x", ":0\r\n");
    ask(world, "SPUBLISH a x", ":1\r\n");
    hears(world, other, "*3\r\n$8\r\nsmessage\r\n" A X);
    ask(world, "PUBSUB SHARDCHANNELS", "*1\r\n" A);
    ask(world, "PUBSUB SHARDNUMSUB a b", "*4\r\n" A ":1\r\n" B ":0\r\n");
    ask(world, "PUBSUB CHANNELS", "*0\r\n");
    front_close(world->front, other);
    ask(world, "PUBSUB SHARDCHANNELS", "*0\r\n");
}

static void test_what_is_listened_to(void **state) {
    struct world *world = *state;
    struct session *one = listener(world, "SUBSCRIBE a b\r\n");
    struct session *two = listener(world, "SUBSCRIBE b\r\nPSUBSCRIBE a*\r\n");
    ask(world, "PUBSUB CHANNELS", "*2\r\n" A B);
    ask(world, "PUBSUB CHANNELS b*", "*1\r\n" B);
    ask(world, "PUBSUB CHANNELS a b", "-ERR wrong number of arguments for 'pubsub|channels' command\r\n");
    ask(world, "PUBSUB NUMSUB", "*0\r\n");
    ask(world, "PUBSUB NUMSUB a b c", "*6\r\n" A ":1\r\n" B ":2\r\n$1\r\nc\r\n:0\r\n");
    front_close(world->front, one);
    ask(world, "PUBSUB CHANNELS", "*1\r\n" B);
    front_close(world->front, two);
    ask(world, "PUBSUB CHANNELS", "*0\r\n");
}

static void test_in_resp2_a_listener_listens(void **state) {
    struct world *world = *state;
    world_send(world, "SUBSCRIBE a\r\n");
    (void)world_take(world);
    ask(world, "GET a",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
        "context\r\n");
    ask(world, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    ask(world, "PING x", "*2\r\n$4\r\npong\r\n" X);
    ask(world, "RESET", "+RESET\r\n");
    ask(world, "PING", "+PONG\r\n");
    ask(world, "PUBLISH a x", ":0\r\n");
}

static void test_in_resp3_it_may_do_more(void **state) {
    struct world *world = *state;
    world_send(world, "HELLO 3\r\n");
    (void)world_take(world);
    ask(world, "SUBSCRIBE a", ">3\r\n" WORD_SUBSCRIBE A ":1\r\n");
    ask(world, "SET k v", "+OK\r\n");
    ask(world, "PUBLISH a x", ">3\r\n$7\r\nmessage\r\n" A X ":1\r\n"); /* the message goes before the answer */
    ask(world, "PING", "+PONG\r\n");
}

/* A message goes between two replies, whatever is under way. */
static void test_messages_beside_commands_under_way(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    world_send(world, "HELLO 3\r\nSUBSCRIBE a\r\n");
    (void)world_take(world);
    world->holds = true;
    world_send(world, "SET k v\r\nGET j\r\n");
    world_send_to(world, other, VIEW("PUBLISH a x\r\n"));
    expect(world, ">3\r\n$7\r\nmessage\r\n" A X);
    world_release(world, 1); /* the second is answered first, and waits for the other */
    world_send_to(world, other, VIEW("PUBLISH a x\r\n"));
    world_release_all(world);
    expect(world, ">3\r\n$7\r\nmessage\r\n" A X "+OK\r\n_\r\n");
    world->holds = false;
    front_close(world->front, other);
}

static void test_batches_do_not_listen(void **state) {
    struct world *world = *state;
    ask(world, "MULTI", "+OK\r\n");
    ask(world, "SUBSCRIBE a", "+QUEUED\r\n");
    ask(world, "PUBLISH a x", "+QUEUED\r\n");
    ask(world, "EXEC", "*2\r\n-ERR Command not allowed inside a transaction\r\n:0\r\n");
}

/* 64 MiB unread: it is closed, and the others are told. */
static void test_who_does_not_read_is_closed(void **state) {
    struct world *world = *state;
    struct session *lazy = listener(world, "SUBSCRIBE a\r\n");
    struct session *keen = listener(world, "SUBSCRIBE a\r\n");
    uint8_t *request = malloc(1100000);
    int head = snprintf((char *)request, 64, "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1000000\r\n");
    memset(request + head, 'x', 1000000);
    memcpy(request + head + 1000000, "\r\n", 2);
    for (int i = 0; i < 70; i++) {
        world_send_to(world, world->session, view_of(request, (size_t)head + 1000002));
        buffer_consume(session_output(keen), buffer_size(session_output(keen)));
    }
    assert_true(session_wants_close(lazy) && session_must_close(lazy));
    assert_false(session_must_close(keen));
    assert_true(view_has(world_take(world), ":2\r\n:1\r\n"));
    free(request);
    front_close(world->front, lazy);
    front_close(world->front, keen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_listens_is_told, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_patterns, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_sharded_channels_are_others, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_listened_to, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_in_resp2_a_listener_listens, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_in_resp3_it_may_do_more, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_messages_beside_commands_under_way, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_batches_do_not_listen, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_who_does_not_read_is_closed, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
