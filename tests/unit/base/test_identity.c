#include "base/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_round_trip(void **state) {
    (void)state;
    struct node_id id = {{0x00, 0x01, 0x7f, 0x80, 0xff, 0xab, 0xcd, 0xef, 1, 2, 3, 4, 5, 6, 7, 0xf0}};
    char text[NODE_ID_TEXT_SIZE];
    node_id_to_text(id, text);
    assert_string_equal(text, "00017f80ffabcdef01020304050607f0");
    struct node_id back;
    assert_true(node_id_from_text(text, &back));
    assert_true(node_id_equal(id, back));
    assert_true(node_id_from_text("00017F80FFABCDEF01020304050607F0", &back));
    assert_true(node_id_equal(id, back));
}

static void test_rejection(void **state) {
    (void)state;
    struct node_id id;
    assert_false(node_id_from_text("", &id));
    assert_false(node_id_from_text("0", &id));
    assert_false(node_id_from_text("00017f80ffabcdef01020304050607f", &id));
    assert_false(node_id_from_text("00017f80ffabcdef01020304050607f00", &id));
    assert_false(node_id_from_text("g0017f80ffabcdef01020304050607f0", &id));
    assert_false(node_id_from_text("00017f80ffabcdef01020304050607f/", &id));
}

static void test_order(void **state) {
    (void)state;
    struct node_id low = {{0, 1}};
    struct node_id high = {{0, 0xff}};
    assert_true(node_id_compare(low, high) < 0);
    assert_true(instant_after_ms((struct instant){5}, 2).ns == 2000005);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_rejection),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
