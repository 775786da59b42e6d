#include "base/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_equality(void **state) {
    (void)state;
    assert_true(view_equal(VIEW("abc"), VIEW("abc")));
    assert_false(view_equal(VIEW("abc"), VIEW("abd")));
    assert_false(view_equal(VIEW("abc"), VIEW("ab")));
    assert_true(view_equal(view_of(NULL, 0), VIEW("")));
    assert_true(view_equal_ignoring_case(VIEW("GeT@[`{"), VIEW("gEt@[`{")));
    assert_false(view_equal_ignoring_case(VIEW("@"), VIEW("`"))); /* 32 apart, but no letters */
    assert_false(view_equal_ignoring_case(VIEW("a"), VIEW("ab")));
}

static void test_order(void **state) {
    (void)state;
    assert_true(view_compare(VIEW("ab"), VIEW("abc")) < 0);
    assert_true(view_compare(VIEW("b"), VIEW("abc")) > 0);
    assert_true(view_compare(VIEW("\x80"), VIEW("\x7f")) > 0);
    assert_int_equal(view_compare(VIEW("x"), VIEW("x")), 0);
    assert_true(view_compare(view_of(NULL, 0), VIEW("x")) < 0);
}

static void test_prefix_and_slice(void **state) {
    (void)state;
    assert_true(view_starts_with(VIEW("session:1"), VIEW("session:")));
    assert_true(view_starts_with(VIEW("x"), view_of(NULL, 0)));
    assert_false(view_starts_with(VIEW("sess"), VIEW("session:")));
    assert_true(view_equal(view_slice(VIEW("abcdef"), 2, 3), VIEW("cde")));
    assert_null(view_slice(view_of(NULL, 0), 0, 0).data);
    assert_int_equal(view_find(VIEW("a\nb\n"), '\n'), 1);
    assert_int_equal(view_find(VIEW("ab"), '\n'), 2);
    assert_int_equal(view_find(view_of(NULL, 0), '\n'), 0);
}

static const struct {
    const char *text;
    bool valid;
    int64_t value;
} signed_cases[] = {
    {"0", true, 0},
    {"7", true, 7},
    {"-7", true, -7},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"-9223372036854775807", true, -INT64_MAX},
    {"9223372036854775808", false, 0},
    {"-9223372036854775809", false, 0},
    {"18446744073709551616", false, 0},
    {"99999999999999999999999", false, 0},
    {"", false, 0},
    {"-", false, 0},
    {"-0", false, 0},
    {"+1", false, 0},
    {"01", false, 0},
    {"-01", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"1.0", false, 0},
    {"--1", false, 0},
    {"0x1", false, 0},
    {"1/", false, 0},
    {"1:", false, 0},
};

static void test_to_int64(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(signed_cases) / sizeof(signed_cases[0]); i++) {
        int64_t value = 42;
        bool valid = view_to_int64(view_of_string(signed_cases[i].text), &value);
        assert_int_equal(valid, signed_cases[i].valid);
        assert_true(value == (valid ? signed_cases[i].value : 42));
    }
}

static void test_to_uint64(void **state) {
    (void)state;
    uint64_t value = 42;
    assert_true(view_to_uint64(VIEW("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(view_to_uint64(VIEW("0"), &value));
    assert_true(value == 0);
    value = 42;
    assert_false(view_to_uint64(VIEW("18446744073709551616"), &value));
    assert_false(view_to_uint64(VIEW("99999999999999999999"), &value));
    assert_false(view_to_uint64(VIEW("-1"), &value));
    assert_false(view_to_uint64(VIEW("00"), &value));
    assert_false(view_to_uint64(view_of(NULL, 0), &value));
    assert_true(value == 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality), cmocka_unit_test(test_order),     cmocka_unit_test(test_prefix_and_slice),
        cmocka_unit_test(test_to_int64), cmocka_unit_test(test_to_uint64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
