#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void test_empty(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    assert_int_equal(buffer_size(&buffer), 0);
    assert_null(buffer_view(&buffer).data);
    buffer_append(&buffer, NULL, 0);
    buffer_consume(&buffer, 0);
    buffer_truncate(&buffer, 0);
    buffer_shrink(&buffer, 0);
    assert_null(buffer.data);
    buffer_release(&buffer);
}

static void test_ends(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_view(&buffer, VIEW("hello "));
    buffer_append_byte(&buffer, 'w');
    memcpy(buffer_reserve(&buffer, 100), "orld", 4);
    buffer_commit(&buffer, 4);
    assert_true(view_equal(buffer_view(&buffer), VIEW("hello world")));
    buffer_consume(&buffer, 6);
    buffer_truncate(&buffer, 3);
    assert_true(view_equal(buffer_view(&buffer), VIEW("wor")));

    struct buffer other;
    buffer_init(&other);
    buffer_swap(&buffer, &other);
    assert_int_equal(buffer_size(&buffer), 0);
    assert_true(view_equal(buffer_view(&other), VIEW("wor")));
    buffer_consume(&other, 3);
    assert_int_equal(other.begin, 0);
    buffer_shrink(&other, 1 << 20);
    assert_non_null(other.data);
    buffer_shrink(&other, 8);
    assert_null(other.data);
    buffer_release(&other);
}

/* A queue whose bytes count up; whatever moves and grows inside, they come out in order. */
static void test_queue(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    struct rng rng;
    rng_init(&rng, 9);
    uint8_t in = 0;
    uint8_t out = 0;
    for (int round = 0; round < 3000; round++) {
        size_t count = rng_below(&rng, 300);
        uint8_t *to = buffer_reserve(&buffer, count);
        for (size_t i = 0; i < count; i++) {
            to[i] = in++;
        }
        buffer_commit(&buffer, count);
        size_t eaten = rng_below(&rng, buffer_size(&buffer) + 1);
        for (size_t i = 0; i < eaten; i++) {
            assert_int_equal(buffer_view(&buffer).data[i], out++);
        }
        buffer_consume(&buffer, eaten);
    }
    assert_true(buffer.capacity <= 1 << 14);
    buffer_release(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
