/* Trees as bytes: what goes in comes out, and what is not a tree of this shape is none. */
#include "core/kept_trees.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct kept_tree_shape shape = {.seed = 9, .partition_count = 1024};

/* So many segments of it are not zero; the last one is of low and high words apart. */
static struct hash_tree tree_of(uint64_t seed, uint32_t segments) {
    struct hash_tree tree = {.keys = seed * 1000 + segments};
    struct rng rng;
    rng_init(&rng, seed);
    for (uint32_t count = 0; count < segments; count++) {
        uint32_t segment = segments == HASH_TREE_SEGMENTS ? count : (uint32_t)rng_below(&rng, HASH_TREE_SEGMENTS);
        tree.segments[segment] = (struct digest){rng_next(&rng), count % 3 == 0 ? 0 : rng_next(&rng)};
    }
    return tree;
}

static struct kept_tree only_tree(const struct buffer *list) {
    struct reader reader = reader_of(buffer_view(list));
    struct kept_tree kept;
    assert_true(kept_trees_next(&reader, &kept));
    assert_int_equal(reader_left(&reader), 0);
    return kept;
}

static void a_list_gives_back_what_was_added(void **state) {
    (void)state;
    static const uint32_t segments[] = {0, 1, 17, HASH_TREE_SEGMENTS};
    struct buffer list;
    struct buffer carried;
    struct kept_tree kept;
    buffer_init(&list);
    buffer_init(&carried);
    for (uint16_t index = 0; index < 4; index++) {
        struct hash_tree tree = tree_of(index, segments[index]);
        kept_trees_add(&list, shape, (struct partition){(uint16_t)(index * 300)}, &tree);
    }
    struct reader reader = reader_of(buffer_view(&list));
    for (uint16_t index = 0; index < 4; index++) {
        struct hash_tree tree = tree_of(index, segments[index]);
        struct hash_tree opened;
        assert_true(kept_trees_next(&reader, &kept));
        assert_int_equal(kept.partition.value, index * 300);
        assert_true(kept_tree_open(kept.bytes, shape, &opened));
        assert_memory_equal(&opened, &tree, sizeof(tree));
        kept_trees_carry(&carried, &kept);
    }
    assert_false(kept_trees_next(&reader, &kept));
    assert_true(view_equal(buffer_view(&carried), buffer_view(&list)));
    reader = reader_of((struct view){0});
    assert_false(kept_trees_next(&reader, &kept));
    buffer_release(&list);
    buffer_release(&carried);
}

static void a_small_tree_is_a_short_record(void **state) {
    (void)state;
    struct buffer list;
    buffer_init(&list);
    struct hash_tree tree = tree_of(1, 1);
    kept_trees_add(&list, shape, (struct partition){1}, &tree);
    assert_int_equal(only_tree(&list).bytes.size, 1 + 8 + 8 + 32 + 16);
    buffer_release(&list);
}

static void of_another_shape_or_format_it_is_no_tree(void **state) {
    (void)state;
    struct buffer list;
    buffer_init(&list);
    struct hash_tree tree = tree_of(2, 40);
    struct hash_tree untouched = tree_of(3, 40);
    const struct hash_tree before = untouched;
    kept_trees_add(&list, shape, (struct partition){5}, &tree);
    struct view bytes = only_tree(&list).bytes;
    assert_false(kept_tree_open(bytes, (struct kept_tree_shape){10, 1024}, &untouched));
    assert_false(kept_tree_open(bytes, (struct kept_tree_shape){9, 512}, &untouched));
    list.data[list.end - bytes.size] = KEPT_TREE_FORMAT + 1;
    assert_false(kept_tree_open(bytes, shape, &untouched));
    list.data[list.end - bytes.size] = KEPT_TREE_FORMAT;
    assert_memory_equal(&untouched, &before, sizeof(before));
    assert_true(kept_tree_open(bytes, shape, &untouched));
    buffer_release(&list);
}

/* The store's seal tells damage; a record that is whole and yet none must not be read beyond its end either. */
static void cut_or_lengthened_it_is_no_tree(void **state) {
    (void)state;
    struct buffer list;
    buffer_init(&list);
    struct hash_tree tree = tree_of(4, 40);
    struct hash_tree opened;
    kept_trees_add(&list, shape, (struct partition){5}, &tree);
    struct view bytes = only_tree(&list).bytes;
    for (size_t size = 0; size < bytes.size; size++) {
        assert_false(kept_tree_open(view_slice(bytes, 0, size), shape, &opened));
    }
    size_t start = list.end - bytes.size;
    buffer_append_byte(&list, 0);
    assert_false(kept_tree_open(view_of(list.data + start, bytes.size + 1), shape, &opened));
    list.data[start + 17] ^= 1; /* one segment more or less than there are */
    assert_false(kept_tree_open(view_of(list.data + start, bytes.size), shape, &opened));
    buffer_release(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_gives_back_what_was_added),
        cmocka_unit_test(a_small_tree_is_a_short_record),
        cmocka_unit_test(of_another_shape_or_format_it_is_no_tree),
        cmocka_unit_test(cut_or_lengthened_it_is_no_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
