#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_order(void **state) {
    (void)state;
    struct list list;
    list_init(&list);
    assert_true(list_empty(&list));
    assert_null(list_first(&list));
    assert_null(list_take_first(&list));
    struct list_node a = {NULL, NULL};
    struct list_node b = {NULL, NULL};
    struct list_node c = {NULL, NULL};
    list_push_back(&list, &b);
    list_push_back(&list, &c);
    list_push_front(&list, &a);
    assert_ptr_equal(list_first(&list), &a);
    assert_ptr_equal(list_next(&list, &a), &b);
    assert_ptr_equal(list_next(&list, &b), &c);
    assert_null(list_next(&list, &c));
    list_remove(&b);
    assert_false(list_node_linked(&b));
    assert_ptr_equal(list_take_first(&list), &a);
    assert_ptr_equal(list_take_first(&list), &c);
    assert_true(list_empty(&list));
    list_push_back(&list, &b);
    assert_ptr_equal(list_first(&list), &b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
