#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_alignment_and_distinctness(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    arena_reset(&arena);
    uint8_t *previous = NULL;
    for (size_t size = 0; size < 5000; size += 7) {
        uint8_t *memory = arena_take(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 16, 0);
        assert_true(size < 8 || memory != previous);
        memset(memory, (int)(size & 0xff), size);
        previous = memory;
    }
    struct view copy = arena_copy(&arena, VIEW("borrowed no more"));
    assert_true(view_equal(copy, VIEW("borrowed no more")));
    assert_int_equal(arena_copy(&arena, view_of(NULL, 0)).size, 0);
    arena_release(&arena);
    arena_release(&arena);
}

static void test_warm_arena_reuses(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    uint8_t *first[3];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            uint8_t *memory = arena_take(&arena, 50000);
            memory[49999] = 1;
            if (round == 0) {
                first[i] = memory;
            }
            assert_ptr_equal(memory, first[i]);
        }
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void test_large_is_given_back(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    uint8_t *large = arena_take(&arena, 8 * 1024 * 1024);
    large[8 * 1024 * 1024 - 1] = 1;
    uint8_t *small = arena_take(&arena, 100);
    small[99] = 1;
    arena_reset(&arena);
    uint8_t *again = arena_take(&arena, 100);
    again[0] = 1;
    (void)ARENA_ARRAY(&arena, uint64_t, 10);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_distinctness),
        cmocka_unit_test(test_warm_arena_reuses),
        cmocka_unit_test(test_large_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
