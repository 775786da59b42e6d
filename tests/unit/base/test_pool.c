#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_take_and_give(void **state) {
    (void)state;
    struct pool pool;
    pool_init(&pool, 24, 4);
    uint8_t *taken[10];
    for (size_t i = 0; i < 10; i++) {
        taken[i] = pool_take(&pool);
        assert_int_equal((uintptr_t)taken[i] % 16, 0);
        for (size_t j = 0; j < 24; j++) {
            assert_int_equal(taken[i][j], 0);
        }
        memset(taken[i], 0xff, 24);
    }
    assert_int_equal(pool.in_use, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(taken[i][23], 0xff);
    }
    pool_give(&pool, taken[3]);
    assert_int_equal(pool.in_use, 9);
    uint8_t *again = pool_take(&pool);
    assert_ptr_equal(again, taken[3]);
    assert_int_equal(again[0], 0);
    pool_release(&pool);
    assert_int_equal(pool.in_use, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
