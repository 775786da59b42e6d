#include "wire/resp_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"

static void describe(struct buffer *text, const struct resp_reply *reply) {
    static const char letters[] = "+-:$_#,*%~>";
    buffer_append_byte(text, (uint8_t)letters[reply->kind]);
    if (reply->kind == RESP_REPLY_BOOLEAN) {
        buffer_append_byte(text, reply->integer == 1 ? 't' : 'f');
    } else if (reply->kind < RESP_REPLY_ARRAY) {
        buffer_append_view(text, reply->text);
    }
    for (size_t i = 0; i < reply->count; i++) {
        buffer_append_byte(text, i == 0 ? '(' : ' ');
        describe(text, &reply->items[i]);
    }
    if (reply->count > 0) {
        buffer_append_byte(text, ')');
    }
}

/* All replies of a stream of which one more byte is seen each time. */
static enum resp_reply_status read_all(struct view stream, struct buffer *text) {
    struct arena arena;
    arena_init(&arena);
    struct resp_reader reader;
    resp_reader_init(&reader);
    enum resp_reply_status status = RESP_REPLY_MORE;
    size_t begin = 0;
    for (size_t end = 0; end <= stream.size && status != RESP_REPLY_CORRUPT; end++) {
        size_t consumed = 0;
        const struct resp_reply *reply = NULL;
        status = resp_read(&reader, view_slice(stream, begin, end - begin), &arena, &consumed, &reply);
        if (status == RESP_REPLY_READY) {
            describe(text, reply);
            buffer_append_byte(text, '/');
            begin += consumed;
        }
    }
    arena_release(&arena);
    return status;
}

static void assert_read(struct view stream, const char *expected) {
    struct buffer text;
    buffer_init(&text);
    assert_int_equal(read_all(stream, &text), RESP_REPLY_READY);
    assert_true(view_equal(buffer_view(&text), view_of_string(expected)));
    buffer_release(&text);
}

static void assert_corrupt(struct view stream) {
    struct buffer text;
    buffer_init(&text);
    assert_int_equal(read_all(stream, &text), RESP_REPLY_CORRUPT);
    buffer_release(&text);
}

static void test_kinds(void **state) {
    (void)state;
    assert_read(VIEW("+OK\r\n-ERR no\r\n:-12\r\n$2\r\nhi\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n"),
                "+OK/-ERR no/:-12/$hi/$/_/_/_/");
    assert_read(VIEW("#t\r\n#f\r\n,1.5\r\n(123\r\n=6\r\ntxt:hi\r\n!5\r\nERR x\r\n"), "#t/#f/,1.5/,123/$hi/-ERR x/");
    assert_read(VIEW("*0\r\n%1\r\n+a\r\n:1\r\n~2\r\n:1\r\n:2\r\n>1\r\n+x\r\n"), "*/%(+a :1)/~(:1 :2)/>(+x)/");
    assert_read(VIEW("*3\r\n*1\r\n*0\r\n%1\r\n$1\r\nk\r\n*2\r\n:1\r\n_\r\n+end\r\n"), "*(*(*) %($k *(:1 _)) +end)/");
}

static void test_integers(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct resp_reader reader;
    resp_reader_init(&reader);
    size_t consumed = 0;
    const struct resp_reply *reply = NULL;
    assert_int_equal(resp_read(&reader, VIEW(":-9223372036854775808\r\n:1"), &arena, &consumed, &reply),
                     RESP_REPLY_READY);
    assert_true(reply->integer == INT64_MIN);
    assert_int_equal(consumed, 23);
    arena_release(&arena);
}

static void test_corruption(void **state) {
    (void)state;
    assert_corrupt(VIEW("x\r\n"));
    assert_corrupt(VIEW("\r\n"));
    assert_corrupt(VIEW("+OK\n"));
    assert_corrupt(VIEW(":1x\r\n"));
    assert_corrupt(VIEW(":\r\n"));
    assert_corrupt(VIEW("$-2\r\n"));
    assert_corrupt(VIEW("$2\r\nabcd\r\n"));
    assert_corrupt(VIEW("=3\r\ntxt\r\n"));
    assert_corrupt(VIEW("$99999999999\r\n"));
    assert_corrupt(VIEW("*-2\r\n"));
    assert_corrupt(VIEW("*2147483648\r\n"));
    assert_corrupt(VIEW("%-1\r\n"));
    assert_corrupt(VIEW("_x\r\n"));
    assert_corrupt(VIEW("#x\r\n"));
    assert_corrupt(VIEW(",\r\n"));
    assert_corrupt(VIEW("|1\r\n"));
    assert_corrupt(VIEW("*1\r\n$x\r\n"));
}

static void test_depth(void **state) {
    (void)state;
    struct buffer stream;
    buffer_init(&stream);
    for (int i = 0; i < RESP_REPLY_DEPTH_MOST; i++) {
        buffer_append_view(&stream, VIEW("*1\r\n"));
    }
    size_t deepest = buffer_size(&stream);
    buffer_append_view(&stream, VIEW(":1\r\n"));
    assert_read(buffer_view(&stream), "*(*(*(*(*(*(*(*(*(*(*(*(*(*(*(*(:1))))))))))))))))/");
    buffer_truncate(&stream, deepest);
    buffer_append_view(&stream, VIEW("*0\r\n"));
    assert_read(buffer_view(&stream), "*(*(*(*(*(*(*(*(*(*(*(*(*(*(*(*(*))))))))))))))))/");
    buffer_truncate(&stream, deepest);
    buffer_append_view(&stream, VIEW("*1\r\n"));
    assert_corrupt(buffer_view(&stream));
    buffer_release(&stream);
}

static void test_announced_counts_take_no_memory(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct resp_reader reader;
    resp_reader_init(&reader);
    size_t consumed = 0;
    const struct resp_reply *reply = NULL;
    assert_int_equal(resp_read(&reader, VIEW("*2147483647\r\n$5\r\nab"), &arena, &consumed, &reply), RESP_REPLY_MORE);
    assert_null(arena.first);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_corruption),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_announced_counts_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
