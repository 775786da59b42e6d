#include "wire/resp_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/rng.h"

static struct buffer buffer;

static int setup(void **state) {
    (void)state;
    buffer_init(&buffer);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    buffer_release(&buffer);
    return 0;
}

static void assert_written(const char *expected) {
    assert_true(view_equal(buffer_view(&buffer), view_of_string(expected)));
    buffer_clear(&buffer);
}

static void test_numbers(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    for (int i = 0; i < 5000; i++) {
        int64_t number = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64)) * (i % 2 == 0 ? 1 : -1);
        number = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : i < 200 ? i - 100 : number;
        char expected[32];
        snprintf(expected, sizeof(expected), ":%" PRId64 "\r\n", number);
        resp_write_integer(&buffer, number);
        assert_written(expected);
    }
    uint8_t text[DECIMAL_BYTES_MOST];
    assert_int_equal(decimal_store(text, UINT64_MAX) - text, 20);
    assert_memory_equal(text, "18446744073709551615", 20);
}

static void test_both_protocols_alike(void **state) {
    (void)state;
    resp_write_raw(&buffer, VIEW("+OK\r\n"));
    resp_write_bulk(&buffer, VIEW("a\r\nb"));
    resp_write_bulk(&buffer, view_of(NULL, 0));
    resp_write_bulk(&buffer, VIEW("0123456789"));
    resp_write_array(&buffer, 0);
    resp_write_array(&buffer, 1048576);
    assert_written("+OK\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$10\r\n0123456789\r\n*0\r\n*1048576\r\n");
    resp_write_command(&buffer, (struct view[]){VIEW("GET"), VIEW("k")}, 2);
    assert_written("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
}

static void test_a_line_stays_one_line(void **state) {
    (void)state;
    resp_write_error(&buffer, VIEW("ERR unknown command 'a\r\n+OK\r\n'"));
    assert_written("-ERR unknown command 'a  +OK  '\r\n");
    resp_write_simple(&buffer, VIEW("a\nb"));
    assert_written("+a b\r\n");
}

static void test_what_differs(void **state) {
    (void)state;
    static const char *const expected[] = {
        "$-1\r\n*-1\r\n*4\r\n*2\r\n*3\r\n:1\r\n:0\r\n$3\r\n1.5\r\n$2\r\nhi\r\n",
        "_\r\n_\r\n%2\r\n~2\r\n>3\r\n#t\r\n#f\r\n,1.5\r\n=6\r\ntxt:hi\r\n",
    };
    for (int protocol = 2; protocol <= 3; protocol++) {
        resp_write_null(&buffer, protocol);
        resp_write_null_array(&buffer, protocol);
        resp_write_map(&buffer, 2, protocol);
        resp_write_set(&buffer, 2, protocol);
        resp_write_push(&buffer, 3, protocol);
        resp_write_boolean(&buffer, true, protocol);
        resp_write_boolean(&buffer, false, protocol);
        resp_write_double(&buffer, VIEW("1.5"), protocol);
        resp_write_verbatim(&buffer, "txt", VIEW("hi"), protocol);
        assert_written(expected[protocol - 2]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_protocols_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_stays_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_differs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
