#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static const struct command command = {.name = "test", .arguments = "", .summary = "a test", .help = ""};

struct parsed {
    enum options_status status;
    struct option options[3];
    const char *words[2];
    size_t word_count;
};

static struct parsed parse(const char *line) {
    static char copy[256];
    char *argv[16];
    int argc = 0;
    char *rest = copy;
    char *word;
    snprintf(copy, sizeof(copy), "%s", line);
    while ((word = strsep(&rest, " ")) != NULL) {
        argv[argc++] = word;
    }
    struct parsed parsed = {.options = {{"--port", NULL}, {"--host", NULL}, {NULL, NULL}}};
    parsed.status = options_parse(&command, parsed.options, argc, argv, parsed.words, 2, &parsed.word_count);
    return parsed;
}

static void test_forms(void **state) {
    (void)state;
    struct parsed parsed = parse("test a --port 7 b --host=h=x");
    assert_int_equal(parsed.status, OPTIONS_OK);
    assert_string_equal(parsed.options[0].value, "7");
    assert_string_equal(parsed.options[1].value, "h=x");
    assert_int_equal(parsed.word_count, 2);
    assert_string_equal(parsed.words[0], "a");
    assert_string_equal(parsed.words[1], "b");
    parsed = parse("test -- --port -");
    assert_int_equal(parsed.status, OPTIONS_OK);
    assert_null(parsed.options[0].value);
    assert_string_equal(parsed.words[0], "--port");
    assert_string_equal(parsed.words[1], "-");
    assert_int_equal(parse("test").word_count, 0);
}

static void test_wrong(void **state) {
    (void)state;
    assert_int_equal(parse("test --part 7").status, OPTIONS_WRONG);
    assert_int_equal(parse("test --port").status, OPTIONS_WRONG);
    assert_int_equal(parse("test --port 1 --port=2").status, OPTIONS_WRONG);
    assert_int_equal(parse("test -p 1").status, OPTIONS_WRONG);
    assert_int_equal(parse("test a b c").status, OPTIONS_WRONG);
    assert_int_equal(parse("test --help --nonsense").status, OPTIONS_HELP);
}

static void test_numbers(void **state) {
    (void)state;
    uint32_t number = 5;
    struct option option = {"--n", NULL};
    assert_true(option_number(&command, &option, 1, 10, &number));
    assert_int_equal(number, 5);
    option.value = "10";
    assert_true(option_number(&command, &option, 1, 10, &number));
    assert_int_equal(number, 10);
    static const char *const bad[] = {"0", "11", "", "x", "1x", "-1", "01", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        option.value = bad[i];
        assert_false(option_number(&command, &option, 1, 10, &number));
    }
    assert_int_equal(number, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
