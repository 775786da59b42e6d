/* The hash tree kept up by changes equals the one built from the data, in any order; marks are not in it. */
#include "core/hash_tree.h"

#include "base/rng.h"
#include "version/object_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { KEYS = 200, STEPS = 20000, SEED = 9 };

static struct digest entry_of(uint32_t key, uint32_t version) {
    char name[16];
    char object[32] = {1, 1}; /* a format byte and a mark, as objects begin */
    int name_bytes = snprintf(name, sizeof(name), "key%u", key);
    int object_bytes = 2 + snprintf(object + 2, sizeof(object) - 2, "version%u", version);
    return hash_tree_entry(SEED, view_of(name, (size_t)name_bytes), view_of(object, (size_t)object_bytes));
}

static uint64_t place_of(uint32_t key) {
    return hash64(view_of(&key, sizeof(key)), SEED);
}

static void kept_up_or_built_it_is_the_same(void **state) {
    (void)state;
    static uint32_t versions[KEYS];
    struct hash_tree kept = {0};
    struct rng rng;
    rng_init(&rng, 5);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t key = (uint32_t)rng_below(&rng, KEYS);
        if (versions[key] != 0) {
            hash_tree_subtract(&kept, place_of(key), entry_of(key, versions[key]));
        }
        versions[key] = rng_chance(&rng, 300000) ? 0 : step;
        if (versions[key] != 0) {
            hash_tree_add(&kept, place_of(key), entry_of(key, versions[key]));
        }
        if (step % 1000 == 0) {
            struct hash_tree built = {0};
            for (uint32_t other = KEYS; other-- > 0;) {
                if (versions[other] != 0) {
                    hash_tree_add(&built, place_of(other), entry_of(other, versions[other]));
                }
            }
            assert_memory_equal(&built, &kept, sizeof(built));
            assert_true(digest_equal(hash_tree_root(&built), hash_tree_root(&kept)));
        }
    }
}

static void one_key_changes_one_segment(void **state) {
    (void)state;
    struct hash_tree one = {0};
    struct hash_tree other = {0};
    for (uint32_t key = 0; key < KEYS; key++) {
        hash_tree_add(&one, place_of(key), entry_of(key, 1));
        hash_tree_add(&other, place_of(key), entry_of(key, key == 77 ? 2 : 1));
    }
    assert_false(digest_equal(hash_tree_root(&one), hash_tree_root(&other)));
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        bool is_its = segment == hash_tree_segment(place_of(77));
        assert_true(digest_equal(one.segments[segment], other.segments[segment]) == !is_its);
    }
}

static void segments_part_the_places(void **state) {
    (void)state;
    assert_true(hash_tree_first_place(0) == 0);
    assert_true(hash_tree_last_place(HASH_TREE_SEGMENTS - 1) == UINT64_MAX);
    for (uint32_t segment = 1; segment < HASH_TREE_SEGMENTS; segment++) {
        assert_true(hash_tree_first_place(segment) == hash_tree_last_place(segment - 1) + 1);
        assert_int_equal(hash_tree_segment(hash_tree_first_place(segment)), segment);
        assert_int_equal(hash_tree_segment(hash_tree_last_place(segment)), segment);
    }
}

/* Replicas that hold equal objects under different marks have nothing to exchange. */
static void the_mark_is_not_in_it(void **state) {
    (void)state;
    struct arena arena;
    struct buffer bytes[2];
    struct digest entries[2];
    arena_init(&arena);
    for (uint32_t index = 0; index < 2; index++) {
        struct stamp stamp = {.dot = {7, 1}, .time = {1000}, .mark = index == 0 ? 1 : 100000};
        struct value value = {.format = VALUE_FORMAT, .hash = hash128(VIEW("v")), .bytes = VIEW("v")};
        struct object empty = object_empty();
        struct object object = object_put(&empty, &empty.context, &stamp, &value, CONFLICT_SIBLINGS, &arena);
        buffer_init(&bytes[index]);
        object_encode(&bytes[index], &object);
        entries[index] = hash_tree_entry(SEED, VIEW("k"), buffer_view(&bytes[index]));
    }
    assert_false(view_equal(buffer_view(&bytes[0]), buffer_view(&bytes[1])));
    assert_true(digest_equal(entries[0], entries[1]));
    assert_false(digest_equal(entries[0], hash_tree_entry(SEED, VIEW("other"), buffer_view(&bytes[0]))));
    assert_false(digest_equal(entries[0], hash_tree_entry(SEED + 1, VIEW("k"), buffer_view(&bytes[0]))));
    buffer_release(&bytes[0]);
    buffer_release(&bytes[1]);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_up_or_built_it_is_the_same),
        cmocka_unit_test(one_key_changes_one_segment),
        cmocka_unit_test(segments_part_the_places),
        cmocka_unit_test(the_mark_is_not_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
