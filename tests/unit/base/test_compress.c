/* What is compressed comes back, and nothing else does. */
#include "base/compress.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fill(struct buffer *bytes, size_t size, uint64_t kinds) {
    struct rng rng;
    rng_init(&rng, size);
    for (size_t at = 0; at < size; at++) {
        buffer_append_byte(bytes, (uint8_t)rng_below(&rng, kinds));
    }
}

static void bytes_come_back_as_they_were(void **state) {
    (void)state;
    const size_t sizes[] = {COMPRESS_BYTES_LEAST, 1000, 65536, COMPRESS_BYTES_MOST};
    struct compressor compressor;
    compressor_init(&compressor);
    for (size_t index = 0; index < sizeof(sizes) / sizeof(sizes[0]); index++) {
        struct buffer bytes, packed, again;
        buffer_init(&bytes);
        buffer_init(&packed);
        buffer_init(&again);
        fill(&bytes, sizes[index], 4);
        buffer_append_byte(&packed, 'p');
        buffer_append_byte(&again, 'a');
        assert_true(compress_append(&compressor, &packed, buffer_view(&bytes)));
        assert_true(buffer_size(&packed) < sizes[index]);
        struct view compressed = view_slice(buffer_view(&packed), 1, buffer_size(&packed) - 1);
        assert_true(decompress_append(&compressor, &again, compressed, sizes[index]));
        assert_true(view_equal(view_slice(buffer_view(&again), 1, sizes[index]), buffer_view(&bytes)));
        buffer_release(&bytes);
        buffer_release(&packed);
        buffer_release(&again);
    }
    compressor_release(&compressor);
}

static void what_would_not_shrink_stays_as_it_is(void **state) {
    (void)state;
    struct compressor compressor;
    struct buffer bytes, packed;
    compressor_init(&compressor);
    buffer_init(&bytes);
    buffer_init(&packed);
    fill(&bytes, 5000, 256);
    assert_false(compress_append(&compressor, &packed, buffer_view(&bytes)));
    assert_false(compress_append(&compressor, &packed, VIEW("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    buffer_clear(&bytes);
    fill(&bytes, COMPRESS_BYTES_MOST + 1, 2);
    assert_false(compress_append(&compressor, &packed, buffer_view(&bytes)));
    assert_int_equal(buffer_size(&packed), 0);
    buffer_release(&bytes);
    buffer_release(&packed);
    compressor_release(&compressor);
}

static void damaged_bytes_and_other_sizes_are_refused(void **state) {
    (void)state;
    struct compressor compressor;
    struct buffer bytes, packed, again;
    compressor_init(&compressor);
    buffer_init(&bytes);
    buffer_init(&packed);
    buffer_init(&again);
    fill(&bytes, 3000, 4);
    assert_true(compress_append(&compressor, &packed, buffer_view(&bytes)));
    struct view compressed = buffer_view(&packed);
    assert_false(decompress_append(&compressor, &again, compressed, 2999));
    assert_false(decompress_append(&compressor, &again, compressed, 3001));
    assert_false(decompress_append(&compressor, &again, compressed, (size_t)COMPRESS_BYTES_MOST + 1));
    for (size_t size = 0; size < compressed.size; size++) {
        assert_false(decompress_append(&compressor, &again, view_slice(compressed, 0, size), 3000));
    }
    assert_false(decompress_append(&compressor, &again, VIEW("no such thing"), 3000));
    assert_int_equal(buffer_size(&again), 0);
    buffer_release(&bytes);
    buffer_release(&packed);
    buffer_release(&again);
    compressor_release(&compressor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_as_they_were),
        cmocka_unit_test(what_would_not_shrink_stays_as_it_is),
        cmocka_unit_test(damaged_bytes_and_other_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
