#include "base/blobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 31, 32, 33, 64, 65, 4096, 4097, 65535, 65536, 65537, 1000000};
    struct blobs blobs;
    blobs_init(&blobs);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct blob blob = blob_take(&blobs, sizes[i]);
        assert_int_equal(blob.size, sizes[i]);
        assert_int_equal((uintptr_t)blob.data % 16, 0);
        assert_int_equal(blob.class_index >= BLOB_CLASSES, sizes[i] > 65536);
        memset(blob.data, 0xaa, blob.size);
        assert_true(blobs.bytes_in_use >= sizes[i] && blobs.bytes_in_use < 2 * sizes[i] + 32);
        blob_give(&blobs, &blob);
        assert_null(blob.data);
        assert_int_equal(blob.size, 0);
        blob_give(&blobs, &blob);
        assert_int_equal(blobs.bytes_in_use, 0);
    }
    struct blob empty = blob_take(&blobs, 0);
    assert_null(empty.data);
    blob_give(&blobs, &empty);
    blobs_release(&blobs);
}

static void test_reuse(void **state) {
    (void)state;
    struct blobs blobs;
    blobs_init(&blobs);
    struct blob first = blob_copy(&blobs, VIEW("hello"));
    assert_true(view_equal(blob_view(&first), VIEW("hello")));
    uint8_t *data = first.data;
    blob_give(&blobs, &first);
    struct blob second = blob_take(&blobs, 20);
    assert_ptr_equal(second.data, data);
    blobs_release(&blobs);
}

enum { SLOTS = 64 };

static void test_contents_survive(void **state) {
    (void)state;
    struct blobs blobs;
    blobs_init(&blobs);
    struct blob held[SLOTS] = {{NULL, 0, 0}};
    uint8_t mark[SLOTS] = {0};
    struct rng rng;
    rng_init(&rng, 21);
    for (int round = 0; round < 5000; round++) {
        size_t slot = rng_below(&rng, SLOTS);
        for (size_t i = 0; i < held[slot].size; i += 97) {
            assert_int_equal(held[slot].data[i], mark[slot]);
        }
        blob_give(&blobs, &held[slot]);
        size_t size = rng_below(&rng, (uint64_t)1 << rng_below(&rng, 18));
        held[slot] = blob_take(&blobs, size);
        mark[slot] = (uint8_t)round;
        if (size > 0) {
            memset(held[slot].data, mark[slot], size);
        }
    }
    blobs_release(&blobs); /* with blobs still out, large ones too */
    assert_int_equal(blobs.bytes_in_use, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_contents_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
