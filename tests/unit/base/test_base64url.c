#include "base/base64url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* RFC 4648 section 10, without the padding, and what sets the URL alphabet apart. */
static const struct {
    const char *bytes;
    const char *text;
} vectors[] = {
    {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
};

static void test_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct view bytes = view_of_string(vectors[i].bytes);
        char text[16];
        size_t size = base64url_encode(bytes, text);
        assert_int_equal(size, base64url_encoded_size(bytes.size));
        assert_true(view_equal(view_of(text, size), view_of_string(vectors[i].text)));
        uint8_t back[16];
        size_t back_size = 99;
        assert_true(base64url_decode(view_of(text, size), back, &back_size));
        assert_true(view_equal(view_of(back, back_size), bytes));
    }
}

static void test_one_text_per_bytes(void **state) {
    (void)state;
    uint8_t data[8];
    size_t size = 99;
    assert_false(base64url_decode(VIEW("Zh"), data, &size));  /* spare bits: 0001 */
    assert_false(base64url_decode(VIEW("Zm9"), data, &size)); /* spare bits: 01 */
    assert_false(base64url_decode(VIEW("Z"), data, &size));
    assert_false(base64url_decode(VIEW("Zm9vY"), data, &size));
    assert_false(base64url_decode(VIEW("Zg=="), data, &size));
    assert_false(base64url_decode(VIEW("Zm+v"), data, &size));
    assert_false(base64url_decode(VIEW("Zm/v"), data, &size));
    assert_false(base64url_decode(VIEW("Zm v"), data, &size));
    assert_false(base64url_decode(VIEW("Zm\0v"), data, &size));
    assert_false(base64url_decode(VIEW("\xc1"
                                       "AAA"),
                                  data, &size));
    assert_int_equal(size, 99);
}

static void test_random(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[100];
        size_t size = rng_below(&rng, sizeof(bytes) + 1);
        rng_fill(&rng, bytes, size);
        char text[140];
        size_t text_size = base64url_encode(view_of(bytes, size), text);
        uint8_t back[140];
        size_t back_size = 0;
        assert_true(base64url_decode(view_of(text, text_size), back, &back_size));
        assert_true(view_equal(view_of(back, back_size), view_of(bytes, size)));

        if (text_size > 0) {
            text[rng_below(&rng, text_size)] = (char)rng_below(&rng, 256);
            if (base64url_decode(view_of(text, text_size), back, &back_size)) {
                char again[140];
                size_t again_size = base64url_encode(view_of(back, back_size), again);
                assert_true(view_equal(view_of(again, again_size), view_of(text, text_size)));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_one_text_per_bytes),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
