#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void test_round_trip(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    write_u8(&buffer, 0xfe);
    write_u16(&buffer, 0x1234);
    write_u32(&buffer, 0x12345678);
    write_u64(&buffer, UINT64_C(0x123456789abcdef0));
    write_digest(&buffer, (struct digest){1, 2});
    write_sized(&buffer, VIEW("key"));
    write_sized(&buffer, view_of(NULL, 0));
    write_bytes(&buffer, VIEW("tail"));
    struct view bytes = buffer_view(&buffer);
    assert_memory_equal(bytes.data, "\xfe\x34\x12\x78\x56\x34\x12\xf0\xde\xbc\x9a\x78\x56\x34\x12", 15);

    struct reader reader = reader_of(bytes);
    assert_int_equal(read_u8(&reader), 0xfe);
    assert_int_equal(read_u16(&reader), 0x1234);
    assert_int_equal(read_u32(&reader), 0x12345678);
    assert_true(read_u64(&reader) == UINT64_C(0x123456789abcdef0));
    assert_true(digest_equal(read_digest(&reader), (struct digest){1, 2}));
    assert_true(view_equal(read_sized(&reader), VIEW("key")));
    assert_int_equal(read_sized(&reader).size, 0);
    assert_false(reader_finished(&reader));
    char tail[4];
    read_into(&reader, tail, 4);
    assert_memory_equal(tail, "tail", 4);
    assert_true(reader_finished(&reader));
    buffer_release(&buffer);
}

static uint64_t decode_varint(struct view bytes, bool *ret_valid) {
    struct reader reader = reader_of(bytes);
    uint64_t value = read_varint(&reader);
    *ret_valid = reader_finished(&reader);
    return value;
}

static void test_varint_round_trip(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 4);
    struct buffer buffer;
    buffer_init(&buffer);
    for (int i = 0; i < 20000; i++) {
        uint64_t value = i < 64    ? UINT64_C(1) << i
                         : i < 128 ? UINT64_MAX >> (i - 64)
                                   : rng_next(&rng) >> rng_below(&rng, 64);
        buffer_clear(&buffer);
        write_varint(&buffer, value);
        bool valid = false;
        assert_true(decode_varint(buffer_view(&buffer), &valid) == value);
        assert_true(valid);
    }
    buffer_release(&buffer);
}

static void test_varint_has_one_spelling(void **state) {
    (void)state;
    static const struct {
        struct view bytes;
        bool valid;
    } cases[] = {
        {{(const uint8_t *)"\x00", 1}, true},
        {{(const uint8_t *)"\x7f", 1}, true},
        {{(const uint8_t *)"\x80\x01", 2}, true},
        {{(const uint8_t *)"\x80\x00", 2}, false}, /* zero, with a needless byte */
        {{(const uint8_t *)"\xff\x80\x00", 3}, false},
        {{(const uint8_t *)"\x80", 1}, false},
        {{(const uint8_t *)"", 0}, false},
        {{(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}, true},
        {{(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, false},
        {{(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01", 11}, false},
        {{(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool valid = false;
        (void)decode_varint(cases[i].bytes, &valid);
        assert_int_equal(valid, cases[i].valid);
    }
}

static void test_failure_sticks(void **state) {
    (void)state;
    struct reader reader = reader_of(VIEW("\x01\x02\x03"));
    assert_int_equal(read_u32(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(read_u8(&reader), 0);
    assert_int_equal(read_u16(&reader), 0);
    assert_true(read_u64(&reader) == 0);
    assert_true(read_varint(&reader) == 0);
    assert_true(digest_equal(read_digest(&reader), (struct digest){0, 0}));
    assert_int_equal(read_bytes(&reader, 0).size, 0);
    char data[2] = "x";
    read_into(&reader, data, 2);
    assert_int_equal(data[0], 0);
    assert_false(reader_finished(&reader));

    reader = reader_of(VIEW("\x05"
                            "abc")); /* announces more than there is */
    assert_int_equal(read_sized(&reader).size, 0);
    assert_true(reader.failed);
    reader = reader_of(VIEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert_int_equal(read_sized(&reader).size, 0);
    assert_true(reader.failed);
    reader = reader_of(VIEW("ab"));
    assert_int_equal(read_bytes(&reader, SIZE_MAX).size, 0);
    assert_true(reader.failed);
    reader = reader_of(view_of(NULL, 0));
    assert_int_equal(read_bytes(&reader, 0).size, 0);
    assert_true(reader_finished(&reader));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_varint_round_trip),
        cmocka_unit_test(test_varint_has_one_spelling),
        cmocka_unit_test(test_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
