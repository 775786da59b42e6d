/* The packed table against an array: random puts, replacements, deletions and scans. */
#include "store/memory_table.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEYS = 3000, STEPS = 60000 };

struct shadow {
    bool there;
    uint8_t fill;
    size_t size;
};

static struct view key_of(uint32_t number, uint8_t to[8]) {
    int size = snprintf((char *)to, 8, "k%u", number);
    return view_of(to, (size_t)size);
}

static void check(const struct memory_table *table, const struct shadow *shadow, uint32_t number) {
    uint8_t name[8];
    struct view value;
    bool found = memory_table_get(table, key_of(number, name), &value);
    assert_int_equal(found, shadow->there);
    if (found) {
        assert_int_equal(value.size, shadow->size);
        for (size_t i = 0; i < value.size; i++) {
            assert_int_equal(value.data[i], shadow->fill);
        }
    }
}

struct walk {
    uint8_t last[8];
    size_t last_bytes;
    size_t count;
};

static bool walk_visit(void *self, struct view key, struct view value) {
    (void)value;
    struct walk *walk = self;
    assert_true(walk->count == 0 || view_compare(view_of(walk->last, walk->last_bytes), key) < 0);
    memcpy(walk->last, key.data, key.size);
    walk->last_bytes = key.size;
    walk->count++;
    return true;
}

static void behaves_as_an_array(void **state) {
    (void)state;
    const uint64_t seed = 7;
    print_message("seed %lu\n", (unsigned long)seed);
    struct rng rng;
    rng_init(&rng, seed);
    struct memory_table table;
    memory_table_init(&table);
    struct shadow *shadows = calloc(KEYS, sizeof(*shadows));
    static uint8_t bytes[400];
    size_t there = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t number = (uint32_t)rng_below(&rng, KEYS);
        struct shadow *shadow = &shadows[number];
        uint8_t name[8];
        struct view key = key_of(number, name);
        if (rng_below(&rng, 4) == 0) {
            assert_int_equal(memory_table_delete(&table, key), shadow->there);
            there -= shadow->there;
            shadow->there = false;
        } else {
            there += !shadow->there;
            *shadow = (struct shadow){true, (uint8_t)step, (size_t)rng_below(&rng, sizeof(bytes))};
            memset(bytes, shadow->fill, shadow->size);
            memory_table_put(&table, key, view_of(bytes, shadow->size));
        }
        assert_int_equal(table.size, there);
        uint32_t other = (uint32_t)rng_below(&rng, KEYS);
        check(&table, &shadows[number], number);
        check(&table, &shadows[other], other);
    }
    struct walk walk = {.count = 0};
    memory_table_scan(&table, view_of(NULL, 0), NULL, walk_visit, &walk);
    assert_int_equal(walk.count, there);
    free(shadows);
    memory_table_release(&table);
}

static bool count_visit(void *self, struct view key, struct view value) {
    (void)key;
    (void)value;
    size_t *left = self;
    (*left)--;
    return *left > 0;
}

static void scans_a_range_until_told_to_stop(void **state) {
    (void)state;
    struct memory_table table;
    memory_table_init(&table);
    memory_table_put(&table, VIEW("a"), VIEW("1"));
    memory_table_put(&table, VIEW("ab"), VIEW(""));
    memory_table_put(&table, VIEW("b"), VIEW("3"));
    memory_table_put(&table, VIEW("c"), VIEW("4"));
    struct walk walk = {.count = 0};
    struct view to = VIEW("c");
    memory_table_scan(&table, VIEW("ab"), &to, walk_visit, &walk);
    assert_int_equal(walk.count, 2);
    assert_memory_equal(walk.last, "b", 1);
    size_t left = 3;
    memory_table_scan(&table, view_of(NULL, 0), NULL, count_visit, &left);
    assert_int_equal(left, 0);
    memory_table_release(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_an_array),
        cmocka_unit_test(scans_a_range_until_told_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
