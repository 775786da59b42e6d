#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_xxh3(void **state) {
    (void)state;
    assert_true(hash64(view_of(NULL, 0), 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(hash64(VIEW("key"), 0) != hash64(VIEW("key"), 1));
    struct digest empty = hash128(view_of(NULL, 0));
    assert_true(digest_equal(empty, (struct digest){UINT64_C(0x6001c324468d497f), UINT64_C(0x99aa06d3014798d8)}));
    assert_false(digest_equal(empty, hash128(VIEW("x"))));
}

static void test_crc16(void **state) {
    (void)state;
    assert_int_equal(crc16_xmodem(VIEW("123456789")), 0x31c3);
    assert_int_equal(crc16_xmodem(VIEW("")), 0);
    assert_int_equal(crc16_xmodem(VIEW("foo")) % 16384, 12182); /* CLUSTER KEYSLOT foo */
}

/* SipHash-2-4-128 of 00, 01, 02, ... under the key 00 01 .. 0f: the authors' vectors. */
static const struct {
    size_t size;
    uint8_t tag[17];
} siphash_vectors[] = {
    {0, "\xa3\x81\x7f\x04\xba\x25\xa8\xe6\x6d\xf6\x72\x14\xc7\x55\x02\x93"},
    {1, "\xda\x87\xc1\xd8\x6b\x99\xaf\x44\x34\x76\x59\x11\x9b\x22\xfc\x45"},
    {2, "\x81\x77\x22\x8d\xa4\xa4\x5d\xc7\xfc\xa3\x8b\xde\xf6\x0a\xff\xe4"},
    {7, "\xa1\xf1\xeb\xbe\xd8\xdb\xc1\x53\xc0\xb8\x4a\xa6\x1f\xf0\x82\x39"},
    {8, "\x3b\x62\xa9\xba\x62\x58\xf5\x61\x0f\x83\xe2\x64\xf3\x14\x97\xb4"},
    {15, "\x54\x93\xe9\x99\x33\xb0\xa8\x11\x7e\x08\xec\x0f\x97\xcf\xc3\xd9"},
    {16, "\x6e\xe2\xa4\xca\x67\xb0\x54\xbb\xfd\x33\x15\xbf\x85\x23\x05\x77"},
    {63, "\x51\x50\xd1\x77\x2f\x50\x83\x4a\x50\x3e\x06\x9a\x97\x3f\xbd\x7c"},
};

static void test_siphash(void **state) {
    (void)state;
    struct secret secret;
    uint8_t input[64];
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (uint8_t)i;
    }
    memcpy(secret.bytes, input, sizeof(secret.bytes));
    for (size_t i = 0; i < sizeof(siphash_vectors) / sizeof(siphash_vectors[0]); i++) {
        uint8_t tag[16];
        siphash128(&secret, view_of(input, siphash_vectors[i].size), tag);
        assert_memory_equal(tag, siphash_vectors[i].tag, sizeof(tag));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xxh3),
        cmocka_unit_test(test_crc16),
        cmocka_unit_test(test_siphash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
