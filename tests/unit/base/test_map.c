#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdlib.h>

struct entry {
    struct map_node node;
    uint64_t key;
    bool present;
    bool walked;
};

enum { ENTRIES = 3000 };

static struct entry *entry_of(struct map_node *node) {
    return CONTAINER_OF(node, struct entry, node);
}

static struct entry *find(const struct map *map, uint64_t hash, uint64_t key) {
    for (struct map_node *node = map_first(map, hash); node != NULL; node = map_next(node)) {
        assert_true(node->hash == hash);
        if (entry_of(node)->key == key) {
            return entry_of(node);
        }
    }
    return NULL;
}

/* Few distinct hashes, so that many keys share one. */
static uint64_t hash_of(uint64_t key) {
    return key % 701 << 5;
}

static void test_against_an_array(void **state) {
    (void)state;
    struct entry *entries = calloc(ENTRIES, sizeof(*entries));
    assert_non_null(entries);
    struct map map;
    map_init(&map, 0);
    struct rng rng;
    rng_init(&rng, 11);
    size_t size = 0;
    for (int round = 0; round < 40000; round++) {
        uint64_t key = rng_below(&rng, ENTRIES);
        struct entry *entry = &entries[key];
        assert_ptr_equal(find(&map, hash_of(key), key), entry->present ? entry : NULL);
        if (entry->present) {
            map_remove(&map, &entry->node);
        } else {
            entry->key = key;
            map_insert(&map, &entry->node, hash_of(key));
        }
        size = entry->present ? size - 1 : size + 1;
        entry->present = !entry->present;
        assert_int_equal(map.size, size);
    }

    struct map_cursor cursor = {0};
    size_t walked = 0;
    for (struct map_node *node; (node = map_each(&map, &cursor)) != NULL; walked++) {
        assert_true(entry_of(node)->present && !entry_of(node)->walked);
        entry_of(node)->walked = true;
        map_remove(&map, node);
    }
    assert_int_equal(walked, size);
    assert_int_equal(map.size, 0);
    assert_null(map_each(&map, &cursor));
    map_release(&map);
    free(entries);
}

static void test_same_history_same_walk(void **state) {
    (void)state;
    static struct entry first[500];
    static struct entry second[500];
    struct map a;
    struct map b;
    map_init(&a, 0);
    map_init(&b, 0);
    for (size_t i = 0; i < 500; i++) {
        first[i].key = i;
        second[499 - i].key = i; /* other addresses, other order */
        map_insert(&a, &first[i].node, i / 3);
        map_insert(&b, &second[499 - i].node, i / 3);
    }
    struct map_cursor cursor_a = {0};
    struct map_cursor cursor_b = {0};
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(entry_of(map_each(&a, &cursor_a))->key, entry_of(map_each(&b, &cursor_b))->key);
    }
    map_release(&a);
    map_release(&b);
}

static void test_expected_size_does_not_grow(void **state) {
    (void)state;
    static struct entry entries[1000];
    struct map map;
    map_init(&map, 1000);
    size_t buckets = map.bucket_count;
    for (size_t i = 0; i < 1000; i++) {
        map_insert(&map, &entries[i].node, i);
    }
    assert_int_equal(map.bucket_count, buckets);
    map_release(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_an_array),
        cmocka_unit_test(test_same_history_same_walk),
        cmocka_unit_test(test_expected_size_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
