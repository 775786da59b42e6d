#include "front_world.h"

#include "base/rng.h"

#include <stdio.h>

/* Replies come in the order of the commands, whatever the order of the results. */
static void test_order(void **state) {
    struct world *world = *state;
    world_send(world, "MSET a 1 b 2 c 3\r\n");
    expect(world, "+OK\r\n");
    world->holds = true;
    world_send(world, "GET a\r\nGET b\r\nPING\r\nGET c\r\nFOO\r\nGET d\r\nMGET a b\r\n");
    assert_int_equal(world->held_count, 6);
    expect(world, "");
    world_release(world, 3);
    world_release(world, 1);
    expect(world, "");
    world_release(world, 0);
    expect(world, "$1\r\n1\r\n$1\r\n2\r\n+PONG\r\n");
    world_release(world, 2);
    world_release(world, 0);
    expect(world, "$1\r\n3\r\n-ERR unknown command 'FOO', with args beginning with: \r\n$-1\r\n");
    world_release(world, 0);
    expect(world, "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    assert_true(session_is_idle(world->session));
}

static void test_random_order(void **state) {
    struct world *world = *state;
    struct rng rng;
    rng_init(&rng, 0x66726f6e74);
    print_message("seed 0x66726f6e74\n");
    for (int i = 0; i < 32; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "SET k%d v%d\r\n", i, i);
        world_send(world, text);
    }
    (void)world_take(world);
    world->holds = true;
    for (int round = 0; round < 200; round++) {
        char request[4096] = "";
        char reply[4096] = "";
        size_t at = 0;
        size_t to = 0;
        for (int i = 0; i < 40; i++) {
            int key = (int)rng_below(&rng, 40);
            if (rng_chance(&rng, 200000)) {
                at += (size_t)snprintf(request + at, sizeof(request) - at, "ECHO %d\r\n", 10 + key);
                to += (size_t)snprintf(reply + to, sizeof(reply) - to, "$2\r\n%d\r\n", 10 + key);
            } else if (rng_chance(&rng, 300000)) {
                at += (size_t)snprintf(request + at, sizeof(request) - at, "EXISTS k%d k1 k%d\r\n", key, key);
                to += (size_t)snprintf(reply + to, sizeof(reply) - to, ":%d\r\n", key < 32 ? 3 : 1);
            } else {
                char value[8];
                int size = snprintf(value, sizeof(value), "v%d", key);
                at += (size_t)snprintf(request + at, sizeof(request) - at, "GET k%d\r\n", key);
                to += key < 32 ? (size_t)snprintf(reply + to, sizeof(reply) - to, "$%d\r\n%s\r\n", size, value)
                               : (size_t)snprintf(reply + to, sizeof(reply) - to, "$-1\r\n");
            }
        }
        world_send(world, request);
        while (world->held_count > 0) {
            world_release(world, (size_t)rng_below(&rng, world->held_count));
        }
        expect(world, reply);
    }
}

static void test_byte_by_byte(void **state) {
    struct world *world = *state;
    static const char request[] =
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\nGET a\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_true(session_wants_input(world->session));
        world_send_to(world, world->session, view_of(request + i, 1));
    }
    expect(world, "+OK\r\n$5\r\nhello\r\n$-1\r\n");
    assert_true(session_is_idle(world->session));
}

static void test_wakes(void **state) {
    struct world *world = *state;
    world_send(world, "PING\r\n");
    assert_int_equal(world->woken, 1);
    world_send(world, "PING\r\n");
    assert_int_equal(world->woken, 1);
    expect(world, "+PONG\r\n+PONG\r\n");
    world->holds = true;
    world_send(world, "GET a\r\nGET b\r\n");
    world_release(world, 1);
    assert_int_equal(world->woken, 1);
    world_release(world, 0);
    assert_int_equal(world->woken, 2);
    expect(world, "$-1\r\n$-1\r\n");
}

/* No more than max_pipelined commands in flight; the rest waits for front_resume(), to which a wake leads. */
static void test_commands_in_flight(void **state) {
    struct world *world = *state;
    world->holds = true;
    for (int i = 0; i < 100; i++) {
        world_send(world, "GET a\r\n");
    }
    assert_int_equal(world->held_count, 64);
    assert_false(session_wants_input(world->session));
    assert_false(session_is_idle(world->session));
    world_release(world, 63);
    assert_int_equal(world->woken, 0);
    world_resume(world);
    assert_int_equal(world->held_count, 63);
    world_release(world, 0);
    assert_int_equal(world->woken, 1);
    assert_int_equal(world->held_count, 62);
    world_resume(world);
    assert_int_equal(world->held_count, 63);
    while (world->held_count > 0) {
        world_release(world, 0);
        world_resume(world);
    }
    assert_int_equal(view_count(world_take(world), "$-1\r\n"), 100);
    assert_true(session_wants_input(world->session));
    assert_true(session_is_idle(world->session));
}

static void set_big(struct world *world, size_t bytes) {
    struct buffer request;
    char head[64];
    buffer_init(&request);
    int size = snprintf(head, sizeof(head), "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%zu\r\n", bytes);
    buffer_append(&request, head, (size_t)size);
    memset(buffer_reserve(&request, bytes), 'v', bytes);
    buffer_commit(&request, bytes);
    buffer_append_view(&request, VIEW("\r\n"));
    world_send_to(world, world->session, buffer_view(&request));
    buffer_release(&request);
    expect(world, "+OK\r\n");
}

static void test_output_pauses_input(void **state) {
    struct world *world = *state;
    set_big(world, 400000);
    uint32_t submitted = world->submitted;
    world_send(world, "GET big\r\nGET big\r\nGET big\r\nGET big\r\nPING\r\n");
    assert_int_equal(world->submitted, submitted + 3);
    assert_false(session_wants_input(world->session));
    /* More input is kept. */
    world_send(world, "PING\r\n");
    assert_int_equal(world->submitted, submitted + 3);
    struct buffer *output = session_output(world->session);
    buffer_consume(output, 100);
    world_resume(world);
    assert_int_equal(world->submitted, submitted + 3);
    buffer_consume(output, 400000);
    world_resume(world);
    assert_int_equal(world->submitted, submitted + 4);
    buffer_consume(output, buffer_size(output));
    assert_false(session_wants_input(world->session));
    world_resume(world);
    expect(world, "+PONG\r\n+PONG\r\n");
    assert_true(session_wants_input(world->session));
}

/* Replies that wait for one that does not come count, too. */
static void test_held_replies_pause_input(void **state) {
    struct world *world = *state;
    set_big(world, 400000);
    uint32_t submitted = world->submitted;
    world->holds = true;
    world_send(world, "GET first\r\n");
    world->holds = false;
    world_send(world, "GET big\r\nGET big\r\nGET big\r\nGET big\r\n");
    assert_int_equal(world->submitted, submitted + 4);
    assert_false(session_wants_input(world->session));
    world_release_all(world);
    assert_int_equal(buffer_size(session_output(world->session)), 5 + 3 * (400000 + 11));
}

static void test_output_limit(void **state) {
    struct world *world = *state;
    set_big(world, 16 * 1024 * 1024);
    world->holds = true;
    world_send(world, "GET a\r\nGET big\r\nGET big\r\nGET big\r\nGET big\r\nGET big\r\nGET a\r\n");
    world_release(world, 1);
    world_release(world, 1);
    world_release(world, 1);
    assert_false(session_wants_close(world->session));
    assert_int_equal(world->woken, 1);
    world_release(world, 1);
    assert_true(session_wants_close(world->session));
    assert_int_equal(world->woken, 2);
    assert_int_equal(buffer_size(session_output(world->session)), 0);
    world_release_all(world);
    expect(world, "");
    world_send(world, "PING\r\n");
    expect(world, "");
}

static void test_large_mget(void **state) {
    struct world *world = *state;
    set_big(world, 16 * 1024 * 1024);
    ask(world, "MGET big big big big big", "-ERR the values together are longer than 64 MiB\r\n");
    world_send(world, "MGET big big\r\n");
    assert_int_equal(buffer_size(session_output(world->session)), 4 + 2 * (16 * 1024 * 1024 + 13));
}

/* Once the reply is too long, the rest of the keys are not read. */
static void test_too_large_mget_is_cut_short(void **state) {
    struct world *world = *state;
    struct buffer request;
    buffer_init(&request);
    buffer_append_view(&request, VIEW("MGET"));
    for (int i = 0; i < 1000; i++) {
        buffer_append_view(&request, VIEW(" big"));
    }
    buffer_append_view(&request, VIEW("\r\nPING\r\n"));
    set_big(world, 16 * 1024 * 1024);
    uint32_t before = world->submitted;
    world_send_to(world, world->session, buffer_view(&request));
    expect(world, "-ERR the values together are longer than 64 MiB\r\n+PONG\r\n");
    assert_int_equal(world->submitted - before, 6);
    world->holds = true;
    world_send_to(world, world->session, buffer_view(&request));
    world_release_all(world);
    world_resume(world);
    world_release_all(world);
    expect(world, "-ERR the values together are longer than 64 MiB\r\n+PONG\r\n");
    assert_int_equal(world->submitted - before, 6 + 256 + 1);
    buffer_release(&request);
}

/* Late results of a session that is gone are dropped; a token answers once, and only its own operation. */
static void test_close_in_flight(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    world->holds = true;
    world_send_to(world, other, VIEW("SET a 1\r\nMSET b 1 c 2 d 3\r\nGRAMME.GET a\r\nPING\r\n"));
    world_send(world, "GET a\r\n");
    world_release(world, 2);
    uint64_t token = world->held[0].token;
    front_close(world->front, other);
    world_complete(world, token + (UINT64_C(1) << 32), OUTCOME_BUSY);
    world_complete(world, token + 1000, OUTCOME_BUSY);
    world_release_all(world);
    world_complete(world, token, OUTCOME_BUSY);
    expect(world, "$1\r\n1\r\n");
    /* The places of the dead are used again. */
    world_send(world, "GET a\r\nGET b\r\n");
    world_complete(world, token, OUTCOME_BUSY);
    expect(world, "");
    world_release_all(world);
    expect(world, "$1\r\n1\r\n$1\r\n1\r\n");
}

static void test_sessions_are_apart(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    world->holds = true;
    world_send(world, "HELLO 3\r\nGET a\r\n");
    world_send_to(world, other, VIEW("GET a\r\n"));
    world_release(world, 1);
    expect_from(world, other, "$-1\r\n");
    (void)world_take(world);
    world_release(world, 0);
    expect(world, "_\r\n");
    front_close(world->front, other);
    struct front_statistics statistics;
    front_statistics(world->front, &statistics);
    assert_int_equal(statistics.connections_now, 1);
    assert_int_equal(statistics.connections_total, 2);
}

/* A reply is in the protocol of its command, even when a later HELLO was answered before. */
static void test_protocol_of_the_command(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "GET a\r\nHELLO 3\r\nGET a\r\n");
    world_release(world, 1);
    world_release(world, 0);
    struct view reply = world_take(world);
    assert_true(view_starts_with(reply, VIEW("$-1\r\n%7\r\n")));
    assert_true(view_equal(view_slice(reply, reply.size - 3, 3), VIEW("_\r\n")));
}

/* ---- commands of many keys ---- */

static void send_many(struct world *world, const char *command, const char *tail, int count) {
    struct buffer request;
    char text[64];
    buffer_init(&request);
    buffer_append(&request, command, strlen(command));
    for (int i = 0; i < count; i++) {
        int size = snprintf(text, sizeof(text), " k%d%s", i, tail);
        buffer_append(&request, text, (size_t)size);
    }
    buffer_append_view(&request, VIEW("\r\nSET k999 later\r\n"));
    world_send_to(world, world->session, buffer_view(&request));
    buffer_release(&request);
}

/* At most 256 operations of a command at a time, and nothing overtakes it. */
static void test_scatter_window(void **state) {
    struct world *world = *state;
    world->holds = true;
    send_many(world, "MSET", " first", 1000);
    assert_int_equal(world->held_count, 256);
    assert_false(session_wants_input(world->session));
    for (int i = 0; i < 127; i++) {
        world_release(world, 0);
    }
    assert_int_equal(world->woken, 0);
    world_release(world, 0);
    assert_int_equal(world->woken, 1);
    world_resume(world);
    assert_int_equal(world->held_count, 256);
    while (world->held_count > 0) {
        world_release(world, 0);
        world_resume(world);
    }
    assert_int_equal(world->most_held, 256);
    expect(world, "+OK\r\n+OK\r\n");
    world->holds = false;
    ask(world, "MGET k0 k500 k999", "*3\r\n$5\r\nfirst\r\n$5\r\nfirst\r\n$5\r\nlater\r\n");
}

static void test_scatter_at_once(void **state) {
    struct world *world = *state;
    send_many(world, "MSET", " v", 3000);
    expect(world, "+OK\r\n+OK\r\n");
    assert_int_equal(world->submitted, 3001);
    send_many(world, "EXISTS", "", 3500);
    expect(world, ":3000\r\n+OK\r\n");
}

static void test_scatter_close(void **state) {
    struct world *world = *state;
    world->holds = true;
    send_many(world, "MGET", "", 1000);
    front_close(world->front, world->session);
    world_release_all(world);
    world->session = world_open(world);
    world->holds = false;
    ask(world, "PING", "+PONG\r\n");
}

/* Results of the window's operations may come while the window is filled. */
static void test_scatter_mixed(void **state) {
    struct world *world = *state;
    world->holds = true;
    send_many(world, "MGET", "", 600);
    world->holds = false;
    world_resume(world);
    world_release_all(world);
    world_resume(world);
    struct view reply = world_take(world);
    assert_true(view_starts_with(reply, VIEW("*600\r\n")));
    assert_int_equal(view_count(reply, "$-1\r\n"), 600);
    assert_true(view_has(reply, "+OK\r\n"));
}

/* ---- operations of one session on one key ---- */

/* A read is never told of what was sent after it, and always of what was sent before. */
static void test_reads_and_writes_of_a_key(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "GET a\r\nGET a\r\nSET a 1\r\nSET a 2\r\nGET a\r\nDEL a\r\nGET a\r\nGET b\r\n");
    assert_int_equal(world->held_count, 2);
    assert_false(session_wants_input(world->session));
    world_release(world, 1);
    assert_int_equal(world->woken, 0);
    world_release(world, 0);
    assert_int_equal(world->woken, 1);
    expect(world, "$-1\r\n$-1\r\n");
    world_resume(world);
    assert_int_equal(world->held_count, 2); /* plain SETs keep their order by themselves */
    world_release_all(world);
    world_resume(world);
    assert_int_equal(world->held_count, 1);
    world_release(world, 0);
    world_resume(world);
    assert_int_equal(world->held_count, 1);
    world_release(world, 0);
    world_resume(world);
    assert_int_equal(world->held_count, 2);
    world_release_all(world);
    expect(world, "+OK\r\n+OK\r\n$1\r\n2\r\n:1\r\n$-1\r\n$-1\r\n");
    assert_true(session_is_idle(world->session));
}

/* Other sessions and other keys do not wait. */
static void test_only_the_same_key_waits(void **state) {
    struct world *world = *state;
    struct session *other = world_open(world);
    world->holds = true;
    world_send(world, "SET a 1\r\nGET b\r\nPING\r\nSETNX c 1\r\n");
    world_send_to(world, other, VIEW("GET a\r\nDEL a\r\n"));
    assert_int_equal(world->held_count, 4);
    front_close(world->front, other);
    world_release_all(world);
    expect(world, "+OK\r\n$-1\r\n+PONG\r\n:1\r\n");
}

static void test_keys_of_many(void **state) {
    struct world *world = *state;
    world_send(world, "SET a 1\r\n");
    (void)world_take(world);
    world->holds = true;
    /* The second `a` of the command waits for the first. */
    world_send(world, "DEL a b a\r\nMSET x 1 x 2\r\nEXISTS x a\r\nGRAMME.EXPLAIN x\r\n");
    assert_int_equal(world->held_count, 2);
    world_release(world, 0);
    world_resume(world);
    assert_int_equal(world->held_count, 4);
    world_release(world, 0);
    world_release(world, 0);
    expect(world, ":1\r\n");
    world_resume(world);
    /* EXISTS reads `x`, which MSET writes: it waits from its first key on. */
    assert_int_equal(world->held_count, 2);
    world_release_all(world);
    world_resume(world);
    world_release_all(world);
    assert_true(view_starts_with(world_take(world), VIEW("+OK\r\n:1\r\n*16\r\n")));
}

static void test_waiting_in_a_batch(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "MULTI\r\nSET a 1\r\nGET a\r\nSET a 2\r\nEXEC\r\nGET a\r\n");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(world->held_count, 1);
        world_release(world, 0);
        world_resume(world);
    }
    expect(world, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n2\r\n");
}

static void test_close_while_waiting(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "SET a 1\r\nDEL a b\r\nGET a\r\n");
    assert_int_equal(world->held_count, 1);
    front_close(world->front, world->session);
    world->session = world_open(world);
    world_send(world, "GET a\r\n");
    assert_int_equal(world->held_count, 2);
    world_release_all(world);
    expect(world, "$1\r\n1\r\n");
}

/* ---- MULTI ---- */

static void test_multi(void **state) {
    struct world *world = *state;
    ask(world, "MULTI", "+OK\r\n");
    ask(world, "SET a 1", "+QUEUED\r\n");
    ask(world, "MULTI", "-ERR MULTI calls can not be nested\r\n");
    ask(world, "GET a", "+QUEUED\r\n");
    ask(world, "SET a 1 BOGUS", "+QUEUED\r\n");
    assert_int_equal(world->submitted, 0);
    ask(world, "EXEC", "*3\r\n+OK\r\n$1\r\n1\r\n-ERR syntax error\r\n");
    ask(world, "EXEC", "-ERR EXEC without MULTI\r\n");
    ask(world, "DISCARD", "-ERR DISCARD without MULTI\r\n");
    ask(world, "MULTI", "+OK\r\n");
    ask(world, "EXEC", "*0\r\n");
    ask(world, "MULTI", "+OK\r\n");
    ask(world, "SET a 2", "+QUEUED\r\n");
    ask(world, "DISCARD", "+OK\r\n");
    ask(world, "GET a", "$1\r\n1\r\n");
}

static void test_moved(void **state) {
    struct world *world = *state;
    ask(world, "SET -k v", "+OK\r\n");
    session_redirect(world->session);
    ask(world, "GET -k", "-MOVED 7 10.0.0.2:7102\r\n");
    ask(world, "GET k", "$-1\r\n");
    ask(world, "MSET a 1 -b 2", "-MOVED 7 10.0.0.2:7102\r\n");
    ask(world, "MSET a 1 b -2", "+OK\r\n");
    ask(world, "OBJECT ENCODING -k", "-MOVED 7 10.0.0.2:7102\r\n");
    ask(world, "PING", "+PONG\r\n");
    ask(world, "MULTI", "+OK\r\n");
    ask(world, "SET -k 2", "-MOVED 7 10.0.0.2:7102\r\n");
    ask(world, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

static void test_multi_aborts(void **state) {
    struct world *world = *state;
    static const char *const refused[] = {"FOO\r\n", "GET\r\n", "HSET a f 1\r\n", "CLIENT FOO\r\n"};
    for (size_t i = 0; i < 4; i++) {
        ask(world, "MULTI", "+OK\r\n");
        ask(world, "SET a 2", "+QUEUED\r\n");
        world_send(world, refused[i]);
        assert_true(view_starts_with(world_take(world), VIEW("-ERR ")));
        ask(world, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
        ask(world, "EXEC", "-ERR EXEC without MULTI\r\n");
    }
    ask(world, "MULTI", "+OK\r\n");
    ask(world, "RESET", "+RESET\r\n");
    ask(world, "EXEC", "-ERR EXEC without MULTI\r\n");
    assert_int_equal(world->submitted, 0);
}

static void test_multi_in_flight(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "GET x\r\nMULTI\r\nSET a 1\r\nPING\r\nGET b\r\nMGET b c\r\nEXEC\r\nPING last\r\n");
    expect(world, "");
    world_release(world, 4);
    world_release(world, 2);
    world_release(world, 2);
    world_release(world, 1);
    expect(world, "");
    world_release(world, 0);
    expect(world, "$-1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n+PONG\r\n$-1\r\n"
                  "*2\r\n$-1\r\n$-1\r\n$4\r\nlast\r\n");
}

/* A batch larger than what may be in flight runs piece by piece. */
static void test_long_multi(void **state) {
    struct world *world = *state;
    world_send(world, "MULTI\r\n");
    for (int i = 0; i < 500; i++) {
        world_send(world, "GET a\r\n");
    }
    (void)world_take(world);
    world->holds = true;
    world_send(world, "EXEC\r\nPING\r\n");
    assert_int_equal(world->held_count, 64);
    assert_false(session_is_idle(world->session));
    while (world->held_count > 0) {
        world_release(world, 0);
        world_resume(world);
    }
    struct view reply = world_take(world);
    assert_true(view_starts_with(reply, VIEW("*500\r\n$-1\r\n")));
    assert_int_equal(view_count(reply, "$-1\r\n"), 500);
    assert_true(view_equal(view_slice(reply, reply.size - 7, 7), VIEW("+PONG\r\n")));
    assert_true(session_is_idle(world->session));
}

static void test_multi_close(void **state) {
    struct world *world = *state;
    world->holds = true;
    world_send(world, "MULTI\r\nGET a\r\nGET b\r\nEXEC\r\nMULTI\r\nGET c\r\n");
    front_close(world->front, world->session);
    world_release_all(world);
    world->session = world_open(world);
}

static void test_idle_sessions_are_small(void **state) {
    struct world *world = *state;
    ask(world, "SET a 1", "+OK\r\n");
    world_send(world, "GET");
    world_send(world, " a\r\n");
    expect(world, "$1\r\n1\r\n");
    world_send(world, "CLIENT INFO\r\n");
    assert_true(view_has(world_take(world), "qbuf=0 qbuf-free=0 "));
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_order),
        WORLD_TEST(test_random_order),
        WORLD_TEST(test_byte_by_byte),
        WORLD_TEST(test_wakes),
        WORLD_TEST(test_commands_in_flight),
        WORLD_TEST(test_output_pauses_input),
        WORLD_TEST(test_held_replies_pause_input),
        WORLD_TEST(test_output_limit),
        WORLD_TEST(test_large_mget),
        WORLD_TEST(test_too_large_mget_is_cut_short),
        WORLD_TEST(test_close_in_flight),
        WORLD_TEST(test_sessions_are_apart),
        WORLD_TEST(test_protocol_of_the_command),
        WORLD_TEST(test_scatter_window),
        WORLD_TEST(test_scatter_at_once),
        WORLD_TEST(test_scatter_close),
        WORLD_TEST(test_scatter_mixed),
        WORLD_TEST(test_reads_and_writes_of_a_key),
        WORLD_TEST(test_only_the_same_key_waits),
        WORLD_TEST(test_keys_of_many),
        WORLD_TEST(test_waiting_in_a_batch),
        WORLD_TEST(test_close_while_waiting),
        WORLD_TEST(test_multi),
        WORLD_TEST(test_moved),
        WORLD_TEST(test_multi_aborts),
        WORLD_TEST(test_multi_in_flight),
        WORLD_TEST(test_long_multi),
        WORLD_TEST(test_multi_close),
        WORLD_TEST(test_idle_sessions_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
