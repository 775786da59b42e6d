/* Random commands in random pieces, results in random order and of every kind: each command gets exactly one reply, and
 * nothing is left over. */
#include "front_world.h"

#include "base/rng.h"
#include "core/front/command.h"
#include "wire/resp_reader.h"
#include "wire/resp_writer.h"

enum { ROUNDS = 400, COMMANDS_PER_ROUND = 60, ARGUMENTS_MOST = 9 };

static const char *const words[] = {
    "a",    "b",    "c",    "nx",       "xx",      "get",     "keepttl", "ex",      "px",
    "exat", "pxat", "10",   "0",        "-1",      "1",       "3",       "context", "w",
    "r",    "",     "type", "id",       "on",      "setname", "all",     "\r\n",    "*",
    "help", "list", "info", "filterby", "persist", "gt",      "default", "auth",    "9223372036854775807",
};
enum { WORD_COUNT = sizeof(words) / sizeof(words[0]) };

static struct view random_name(struct rng *rng) {
    size_t commands;
    size_t refusals;
    const struct command *table = command_table(&commands);
    const struct refusal *refused = refusal_table(&refusals);
    if (rng_chance(rng, 50000)) {
        return view_of_string(refused[rng_below(rng, refusals)].name);
    }
    /* Often enough, what waits for results. */
    static const char *const common[] = {"get",        "set",        "mget",  "del", "mset",
                                         "gramme.get", "gramme.put", "multi", "exec"};
    if (rng_chance(rng, 500000)) {
        return view_of_string(common[rng_below(rng, sizeof(common) / sizeof(common[0]))]);
    }
    return view_of_string(table[rng_below(rng, commands)].name);
}

/* It ends the session, or is answered otherwise than once. */
static bool is_left_out(struct view name) {
    static const char *const names[] = {"quit",        "subscribe",    "psubscribe",  "ssubscribe",
                                        "unsubscribe", "punsubscribe", "sunsubscribe"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (view_equal(name, view_of_string(names[i]))) {
            return true;
        }
    }
    return false;
}

static void append_command(struct rng *rng, struct buffer *request) {
    struct view arguments[ARGUMENTS_MOST];
    size_t count = (size_t)rng_between(rng, 1, ARGUMENTS_MOST);
    do {
        arguments[0] = random_name(rng);
    } while (is_left_out(arguments[0]));
    for (size_t i = 1; i < count; i++) {
        arguments[i] = view_of_string(words[rng_below(rng, rng_chance(rng, 500000) ? 3 : WORD_COUNT)]);
    }
    resp_write_command(request, arguments, count);
}

static void release_some(struct world *world, struct rng *rng) {
    static const enum outcome outcomes[] = {OUTCOME_DONE,      OUTCOME_DONE,    OUTCOME_DONE,
                                            OUTCOME_UNCHANGED, OUTCOME_BUSY,    OUTCOME_NOQUORUM,
                                            OUTCOME_DONE,      OUTCOME_INDOUBT, OUTCOME_REFUSED};
    for (uint64_t i = rng_below(rng, 8); i > 0 && world->held_count > 0; i--) {
        world->outcome = outcomes[rng_below(rng, sizeof(outcomes) / sizeof(outcomes[0]))];
        world->detail = "ERR refused";
        world_release(world, (size_t)rng_below(rng, world->held_count));
    }
    world->outcome = OUTCOME_DONE;
    world->holds = rng_chance(rng, 700000);
    world_resume(world);
}

static size_t count_replies(struct view output) {
    struct arena arena;
    struct resp_reader reader;
    size_t count = 0;
    arena_init(&arena);
    resp_reader_init(&reader);
    while (output.size > 0) {
        const struct resp_reply *reply;
        size_t consumed;
        assert_int_equal(resp_read(&reader, output, &arena, &consumed, &reply), RESP_REPLY_READY);
        output = view_slice(output, consumed, output.size - consumed);
        arena_reset(&arena);
        count++;
    }
    arena_release(&arena);
    return count;
}

static void collect(struct world *world, struct buffer *replies) {
    struct buffer *output = session_output(world->session);
    buffer_append_view(replies, buffer_view(output));
    buffer_clear(output);
    arena_reset(&world->arena);
}

static void run_round(struct world *world, struct rng *rng) {
    struct buffer request;
    struct buffer replies;
    buffer_init(&request);
    buffer_init(&replies);
    for (int i = 0; i < COMMANDS_PER_ROUND; i++) {
        append_command(rng, &request);
    }
    struct view left = buffer_view(&request);
    while (left.size > 0) {
        size_t piece = (size_t)rng_between(rng, 1, rng_chance(rng, 300000) ? 8 : 600);
        piece = piece < left.size ? piece : left.size;
        world_send_to(world, world->session, view_slice(left, 0, piece));
        left = view_slice(left, piece, left.size - piece);
        release_some(world, rng);
        collect(world, &replies);
    }
    bool dies = rng_chance(rng, 100000);
    while (!dies && (world->held_count > 0 || !session_is_idle(world->session))) {
        release_some(world, rng);
        collect(world, &replies);
    }
    if (!dies) {
        assert_int_equal(count_replies(buffer_view(&replies)), COMMANDS_PER_ROUND);
    }
    front_close(world->front, world->session);
    world_release_all(world);
    world->session = world_open(world);
    buffer_release(&request);
    buffer_release(&replies);
}

static void test_every_command_is_answered_once(void **state) {
    struct world *world = *state;
    struct rng rng;
    rng_init(&rng, 0x736f616b);
    print_message("seed 0x736f616b\n");
    for (int round = 0; round < ROUNDS; round++) {
        run_round(world, &rng);
    }
    struct front_statistics statistics;
    front_statistics(world->front, &statistics);
    assert_int_equal(statistics.connections_now, 1);
}

/* ---- against the same commands one by one ---- */

static const char *const templates[] = {
    "GET %",        "GET %",      "SET % #",    "SET % #",   "SET % # NX",   "SET % # XX GET", "SET % # EX 10",
    "SETNX % #",    "GETSET % #", "GETDEL %",   "DEL % % %", "EXISTS % % %", "MGET % % % %",   "MSET % # % # % #",
    "EXPIRE % 100", "PERSIST %",  "TTL %",      "STRLEN %",  "GETEX % EX 5", "EXPIRE % -1",    "SET % # KEEPTTL",
    "MULTI",        "EXEC",       "APPEND % #", "TYPE %",    "PING #",       "INCR %",         "DECRBY % #",
};

/* `%` becomes one of few keys, `#` a number of its own. */
static void append_template(struct rng *rng, struct buffer *request, uint32_t *number) {
    struct view template = view_of_string(templates[rng_below(rng, sizeof(templates) / sizeof(templates[0]))]);
    uint8_t digits[DECIMAL_BYTES_MOST];
    for (size_t i = 0; i < template.size; i++) {
        if (template.data[i] == '%') {
            buffer_append_byte(request, (uint8_t)('a' + rng_below(rng, 4)));
        } else if (template.data[i] == '#') {
            buffer_append(request, digits, (size_t)(decimal_store(digits, ++*number) - digits));
        } else {
            buffer_append_byte(request, template.data[i]);
        }
    }
    buffer_append_view(request, VIEW("\r\n"));
}

/* Any of the held operations, but the first of its key: routers keep the order of plain SETs. */
static size_t pick_held(const struct world *world, struct rng *rng) {
    size_t picked = (size_t)rng_below(rng, world->held_count);
    struct operation wanted;
    struct reader reader = reader_of(buffer_view(&world->held[picked].bytes));
    assert_true(operation_decode(&reader, &wanted));
    for (size_t i = 0; i < picked; i++) {
        struct operation operation;
        struct reader other = reader_of(buffer_view(&world->held[i].bytes));
        assert_true(operation_decode(&other, &operation));
        if (view_equal(operation.key, wanted.key)) {
            return i;
        }
    }
    return picked;
}

static void test_a_pipeline_is_as_good_as_a_conversation(void **state) {
    struct world *world = *state;
    void *other = NULL;
    struct rng rng;
    uint32_t number = 0;
    struct buffer request;
    struct buffer replies;
    buffer_init(&request);
    buffer_init(&replies);
    rng_init(&rng, 0x6f72646572);
    print_message("seed 0x6f72646572\n");
    world_setup(&other);
    struct world *conversation = other;
    for (int round = 0; round < ROUNDS; round++) {
        buffer_clear(&request);
        buffer_clear(&replies);
        for (int i = 0; i < COMMANDS_PER_ROUND; i++) {
            append_template(&rng, &request, &number);
        }
        buffer_append_view(&request, VIEW("DISCARD\r\n"));
        world_send_to(conversation, conversation->session, buffer_view(&request));
        world->holds = true;
        world_send_to(world, world->session, buffer_view(&request));
        while (world->held_count > 0 || !session_is_idle(world->session)) {
            if (world->held_count > 0) {
                world_release(world, pick_held(world, &rng));
            }
            /* A wake is all that a driver goes by. */
            if (world->woken > 0 && rng_chance(&rng, 300000)) {
                world->woken = 0;
                world_resume(world);
            }
        }
        collect(world, &replies);
        assert_true(view_equal(buffer_view(&replies), world_take(conversation)));
        arena_reset(&conversation->arena);
    }
    world_teardown(&other);
    buffer_release(&request);
    buffer_release(&replies);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_command_is_answered_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_a_pipeline_is_as_good_as_a_conversation, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
