#include "wire/resp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* What a stream of requests came to, as text: arguments in brackets, a slash after each command, "!problem" at the end.
 */
struct outcome {
    struct buffer text;
    bool failed;
};

static void note_command(struct outcome *outcome, struct resp_command command) {
    assert_true(command.count > 0);
    for (size_t i = 0; i < command.count; i++) {
        buffer_append_byte(&outcome->text, '[');
        buffer_append_view(&outcome->text, command.arguments[i]);
        buffer_append_byte(&outcome->text, ']');
    }
    buffer_append_byte(&outcome->text, '/');
}

/* Feeds the stream in pieces of at most `piece_most` bytes. The unconsumed bytes are kept in an allocation of exactly
 * their size that moves each time, so that a stale view or a read past the end shows. */
static void feed(struct outcome *outcome, struct resp_parser *parser, struct view stream, size_t piece_most,
                 struct rng *rng) {
    struct buffer kept;
    buffer_init(&kept);
    while (stream.size > 0 && !outcome->failed) {
        size_t piece = rng == NULL ? piece_most : rng_between(rng, 1, piece_most);
        piece = piece < stream.size ? piece : stream.size;
        struct buffer moved;
        buffer_init(&moved);
        buffer_append_view(&moved, buffer_view(&kept));
        buffer_append_view(&moved, view_slice(stream, 0, piece));
        buffer_swap(&kept, &moved);
        buffer_release(&moved);
        stream = view_slice(stream, piece, stream.size - piece);

        enum resp_status status;
        struct resp_command command;
        do {
            size_t consumed = 0;
            status = resp_parse(parser, buffer_view(&kept), &consumed, &command);
            if (status == RESP_COMMAND) {
                note_command(outcome, command);
            }
            buffer_consume(&kept, consumed);
        } while (status == RESP_COMMAND);
        if (status == RESP_ERROR) {
            buffer_append_byte(&outcome->text, '!');
            buffer_append_view(&outcome->text, resp_problem(parser));
            outcome->failed = true;
        }
    }
    buffer_release(&kept);
}

static void assert_parsed(struct view stream, const char *expected) {
    static const size_t pieces[] = {1000000, 1, 2, 3, 7};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct resp_parser parser;
        resp_parser_init(&parser);
        struct outcome outcome = {.failed = false};
        buffer_init(&outcome.text);
        feed(&outcome, &parser, stream, pieces[i], NULL);
        buffer_append_byte(&outcome.text, '\0');
        assert_string_equal((const char *)buffer_view(&outcome.text).data, expected);
        buffer_release(&outcome.text);
        resp_parser_release(&parser);
    }
}

static void test_arrays(void **state) {
    (void)state;
    assert_parsed(VIEW("*1\r\n$4\r\nPING\r\n"), "[PING]/");
    assert_parsed(VIEW("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"),
                  "[SET][k][]/[GET][k]/");
    assert_parsed(VIEW("*1\r\n$12\r\nab\r\n*1\r\n$4cd\r\n"), "[ab\r\n*1\r\n$4cd]/");
    assert_parsed(VIEW("*0\r\n*-1\r\n*-5\r\n*1\r\n$4\r\nPING\r\n*0\r\n"), "[PING]/");
    assert_parsed(VIEW("*2\r\n$4\r\nPING\r\n$100\r\nnot all"), "");
}

/* As lenient as Redis about the second byte of a line end. */
static void test_line_ends_are_not_looked_at(void **state) {
    (void)state;
    assert_parsed(VIEW("*1\rx$4\rxPINGxx*1\r\n$1\r\na\r\n"), "[PING]/[a]/");
    assert_parsed(VIEW("*1\r$4\r\nPING\r\n"), "!Protocol error: expected '$', got '4'");
}

static void test_problems(void **state) {
    (void)state;
    assert_parsed(VIEW("*x\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*01\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*+1\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*-\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*1\n$4\r\nPING\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*1048577\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*9223372036854775808\r\n"), "!Protocol error: invalid multibulk length");
    assert_parsed(VIEW("*1048576\r\n"), "");
    assert_parsed(VIEW("*1\r\nx4\r\n"), "!Protocol error: expected '$', got 'x'");
    assert_parsed(VIEW("*1\r\n\r\n"), "!Protocol error: expected '$', got ' '");
    assert_parsed(VIEW("*1\r\n\n\r\n"), "!Protocol error: expected '$', got ' '");
    assert_parsed(VIEW("*2\r\n$4\r\nPING\r\n*1\r\n"), "!Protocol error: expected '$', got '*'");
    assert_parsed(VIEW("*1\r\n$-1\r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$-0\r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$04\r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$4 \r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$\r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$536870913\r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$16842753\r\n"), "!Protocol error: invalid bulk length");
    assert_parsed(VIEW("*1\r\n$16842752\r\n"), "");
    assert_parsed(VIEW("PING\r\n*x\r\nPING\r\n"), "[PING]/!Protocol error: invalid multibulk length");
}

static void test_inline(void **state) {
    (void)state;
    assert_parsed(VIEW("PING\r\n"), "[PING]/");
    assert_parsed(VIEW("PING\n"), "[PING]/");
    assert_parsed(VIEW("PING\r\r\n"), "[PING]/");
    assert_parsed(VIEW("\r\n\n   \r\nPING\r\n\r\n"), "[PING]/");
    assert_parsed(VIEW("  SET   \t k  v \r\nGET k\r\n"), "[SET][k][v]/[GET][k]/");
    assert_parsed(VIEW("PING\rx\r\n"), "[PING][x]/");
    assert_parsed(VIEW("PING a\vb\fc \vd\r\n"), "[PING][a\vb\fc][d]/");
    assert_parsed(VIEW("PING a*1\r\n*1\r\n$1\r\nx\r\n"), "[PING][a*1]/[x]/");
}

static void test_inline_quotes(void **state) {
    (void)state;
    assert_parsed(VIEW("PING \"a\\x41\\n\\q\\xg\\\"\" \r\n"), "[PING][aA\nqxg\"]/");
    assert_parsed(VIEW("PING 'it\\'s\\n'\r\n"), "[PING][it's\\n]/");
    assert_parsed(VIEW("PING a\"b c\"\r\n"), "[PING][ab c]/");
    assert_parsed(VIEW("\"\\r\\t\\b\\a\\\\\" \"\\x4\" ''\r\n"), "[\r\t\b\a\\][x4][]/");
    assert_parsed(VIEW("PING \"\"\r\n"), "[PING][]/");
    assert_parsed(VIEW("''\r\nPING\r\n"), "[]/[PING]/");
    assert_parsed(VIEW("PING 'a\r\n"), "!Protocol error: unbalanced quotes in request");
    assert_parsed(VIEW("PING \"a\"b\r\n"), "!Protocol error: unbalanced quotes in request");
    assert_parsed(VIEW("PING a'b'c\r\n"), "!Protocol error: unbalanced quotes in request");
    assert_parsed(VIEW("PING \"a\\\n"), "!Protocol error: unbalanced quotes in request");
    assert_parsed(VIEW("PING 'a\\'\n"), "!Protocol error: unbalanced quotes in request");
}

static void assert_long_line(const char *start, uint8_t filler, size_t bytes, const char *end, const char *expected) {
    struct buffer stream;
    buffer_init(&stream);
    buffer_append_view(&stream, view_of_string(start));
    memset(buffer_reserve(&stream, bytes), filler, bytes);
    buffer_commit(&stream, bytes);
    buffer_append_view(&stream, view_of_string(end));
    static const size_t pieces[] = {1000000, 4093};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct resp_parser parser;
        resp_parser_init(&parser);
        struct outcome outcome = {.failed = false};
        buffer_init(&outcome.text);
        feed(&outcome, &parser, buffer_view(&stream), pieces[i], NULL);
        assert_true(view_equal(buffer_view(&outcome.text), view_of_string(expected)));
        buffer_release(&outcome.text);
        resp_parser_release(&parser);
    }
    buffer_release(&stream);
}

static void test_long_lines(void **state) {
    (void)state;
    assert_long_line("*", '1', 65535, "", "!Protocol error: too big mbulk count string");
    assert_long_line("*", '1', 65536, "\r\n", "!Protocol error: too big mbulk count string");
    assert_long_line("*", '1', 65534, "\r\n", "!Protocol error: invalid multibulk length");
    assert_long_line("*1\r\n$", '1', 65535, "", "!Protocol error: too big bulk count string");
    assert_long_line("*1\r\n$", '1', 65536, "\r\n", "!Protocol error: too big bulk count string");
    assert_long_line("", 'a', 65536, "", "!Protocol error: too big inline request");
    assert_long_line("", 'a', 65536, "\r\n", "!Protocol error: too big inline request");
    assert_long_line("", 'a', 65535, "", "");
    assert_long_line("", ' ', 65535, "\nPING\n", "[PING]/");
}

static void test_strangers(void **state) {
    (void)state;
    struct resp_parser parser;
    size_t consumed;
    struct resp_command command;
    resp_parser_init(&parser);
    parser.is_stranger = true;
    assert_int_equal(resp_parse(&parser, VIEW("*10\r\n$16384\r\n"), &consumed, &command), RESP_MORE);
    resp_parser_init(&parser);
    parser.is_stranger = true;
    assert_int_equal(resp_parse(&parser, VIEW("*11\r\n"), &consumed, &command), RESP_ERROR);
    assert_true(view_equal(resp_problem(&parser), VIEW("Protocol error: unauthenticated multibulk length")));
    assert_int_equal(resp_parse(&parser, VIEW("PING\r\n"), &consumed, &command), RESP_ERROR);
    resp_parser_init(&parser);
    parser.is_stranger = true;
    assert_int_equal(resp_parse(&parser, VIEW("*1\r\n$16385\r\n"), &consumed, &command), RESP_ERROR);
    assert_true(view_equal(resp_problem(&parser), VIEW("Protocol error: unauthenticated bulk length")));
    resp_parser_release(&parser);
}

static void test_arguments_are_borrowed(void **state) {
    (void)state;
    struct resp_parser parser;
    resp_parser_init(&parser);
    struct view input = VIEW("*0\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nGET key\r\n");
    size_t consumed;
    struct resp_command command;
    assert_int_equal(resp_parse(&parser, input, &consumed, &command), RESP_COMMAND);
    assert_ptr_equal(command.arguments[1].data, input.data + 21);
    input = view_slice(input, consumed, input.size - consumed);
    assert_int_equal(resp_parse(&parser, input, &consumed, &command), RESP_COMMAND);
    assert_ptr_equal(command.arguments[1].data, input.data + 4);
    assert_null(parser.unquoted.data);
    input = view_slice(input, consumed, input.size - consumed);
    assert_int_equal(resp_parse(&parser, input, &consumed, &command), RESP_MORE);
    assert_int_equal(consumed, 0);
    resp_parser_release(&parser);
}

static void test_wanted(void **state) {
    (void)state;
    struct resp_parser parser;
    resp_parser_init(&parser);
    struct view input = VIEW("*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n");
    size_t consumed;
    struct resp_command command;
    assert_int_equal(resp_wanted(&parser), 0);
    for (size_t size = 0; size < input.size; size++) {
        assert_int_equal(resp_parse(&parser, view_slice(input, 0, size), &consumed, &command), RESP_MORE);
        size_t wanted = size < 8 ? 0 : size < 13 ? 13 - size : size < 18 ? 0 : input.size - size;
        assert_int_equal(resp_wanted(&parser), wanted);
    }
    assert_int_equal(resp_parse(&parser, input, &consumed, &command), RESP_COMMAND);
    assert_int_equal(resp_wanted(&parser), 0);
    resp_parser_release(&parser);
}

/* A value of 16 MiB and a command of a million arguments in pieces of 64 KiB; memory follows what came, and goes. */
static void test_large_commands(void **state) {
    (void)state;
    struct buffer stream;
    buffer_init(&stream);
    buffer_append_view(&stream, VIEW("*1048576\r\n"));
    for (int i = 0; i < LIMIT_ARGUMENTS - 1; i++) {
        buffer_append_view(&stream, VIEW("$1\r\nx\r\n"));
    }
    buffer_append_view(&stream, VIEW("$16777216\r\n"));
    memset(buffer_reserve(&stream, LIMIT_VALUE_BYTES), 'v', LIMIT_VALUE_BYTES);
    buffer_commit(&stream, LIMIT_VALUE_BYTES);
    buffer_append_view(&stream, VIEW("\r\n"));

    struct resp_parser parser;
    resp_parser_init(&parser);
    struct view all = buffer_view(&stream);
    size_t consumed;
    struct resp_command command;
    enum resp_status status = RESP_MORE;
    for (size_t size = 65536; status == RESP_MORE; size += 65536) {
        assert_true(parser.places.capacity <= 8 * size);
        size = size < all.size ? size : all.size;
        status = resp_parse(&parser, view_slice(all, 0, size), &consumed, &command);
        assert_int_equal(status, size < all.size ? RESP_MORE : RESP_COMMAND);
    }
    assert_int_equal(consumed, all.size);
    assert_int_equal(command.count, LIMIT_ARGUMENTS);
    assert_int_equal(command.arguments[LIMIT_ARGUMENTS - 1].size, LIMIT_VALUE_BYTES);
    assert_true(view_equal(command.arguments[77], VIEW("x")));
    assert_int_equal(resp_parse(&parser, view_of(NULL, 0), &consumed, &command), RESP_MORE);
    assert_true(parser.places.capacity <= 1024);
    resp_parser_release(&parser);
    buffer_release(&stream);
}

static void test_command_limit(void **state) {
    (void)state;
    struct buffer stream;
    buffer_init(&stream);
    buffer_append_view(&stream, VIEW("*5\r\n"));
    for (int i = 0; i < 3; i++) {
        buffer_append_view(&stream, VIEW("$16777216\r\n"));
        memset(buffer_reserve(&stream, LIMIT_VALUE_BYTES), 'v', LIMIT_VALUE_BYTES);
        buffer_commit(&stream, LIMIT_VALUE_BYTES);
        buffer_append_view(&stream, VIEW("\r\n"));
    }
    buffer_append_view(&stream, VIEW("$16777216\r\n"));
    struct resp_parser parser;
    resp_parser_init(&parser);
    size_t consumed;
    struct resp_command command;
    assert_int_equal(resp_parse(&parser, buffer_view(&stream), &consumed, &command), RESP_ERROR);
    assert_true(view_equal(resp_problem(&parser), VIEW("Protocol error: too big request")));
    resp_parser_release(&parser);
    buffer_release(&stream);
}

static void append_random_request(struct buffer *stream, struct rng *rng) {
    static const char *const fragments[] = {"*1\r\n",
                                            "*2\r\n",
                                            "*0\r\n",
                                            "$1\r\nx\r\n",
                                            "$4\r\nPING\r\n",
                                            "$0\r\n\r\n",
                                            "PING a b\r\n",
                                            "\r\n",
                                            "'a b' \"c\\x20\"\n",
                                            "$",
                                            "*",
                                            "\r",
                                            "\n",
                                            "$3\r\nab"};
    uint64_t pick = rng_below(rng, sizeof(fragments) / sizeof(fragments[0]) + 1);
    if (pick < sizeof(fragments) / sizeof(fragments[0])) {
        buffer_append_view(stream, view_of_string(fragments[pick]));
    } else {
        buffer_append_byte(stream, (uint8_t)rng_below(rng, 256));
    }
}

static void test_pieces_do_not_matter(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 1871);
    for (int round = 0; round < 20000; round++) {
        struct buffer stream;
        buffer_init(&stream);
        for (uint64_t i = rng_below(&rng, 12); i > 0; i--) {
            append_random_request(&stream, &rng);
        }
        struct outcome whole = {.failed = false};
        struct outcome pieces = {.failed = false};
        buffer_init(&whole.text);
        buffer_init(&pieces.text);
        struct resp_parser parser;
        resp_parser_init(&parser);
        feed(&whole, &parser, buffer_view(&stream), SIZE_MAX, NULL);
        resp_parser_release(&parser);
        resp_parser_init(&parser);
        feed(&pieces, &parser, buffer_view(&stream), 6, &rng);
        resp_parser_release(&parser);
        assert_true(view_equal(buffer_view(&whole.text), buffer_view(&pieces.text)));
        buffer_release(&whole.text);
        buffer_release(&pieces.text);
        buffer_release(&stream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays),        cmocka_unit_test(test_line_ends_are_not_looked_at),
        cmocka_unit_test(test_problems),      cmocka_unit_test(test_inline),
        cmocka_unit_test(test_inline_quotes), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_strangers),     cmocka_unit_test(test_arguments_are_borrowed),
        cmocka_unit_test(test_wanted),        cmocka_unit_test(test_large_commands),
        cmocka_unit_test(test_command_limit), cmocka_unit_test(test_pieces_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
