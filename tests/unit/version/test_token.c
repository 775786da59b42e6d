#include "version/token.h"

#include "base/base64url.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t SEED = UINT64_C(0x6772616d6d650004);

struct fixture {
    struct arena arena;
    struct token_secrets secrets;
    struct context context;
    struct view text;
};

static int fixture_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL) {
        return -1;
    }
    *state = fixture;
    arena_init(&fixture->arena);
    struct rng rng;
    rng_init(&rng, SEED);
    rng_fill(&rng, &fixture->secrets.cluster, sizeof(fixture->secrets.cluster));
    rng_fill(&rng, &fixture->secrets.current, sizeof(fixture->secrets.current));
    const struct dot vector[] = {{rng_next(&rng), 3}, {rng_next(&rng), 300}};
    const struct dot detached[] = {{rng_next(&rng), 17}};
    fixture->context = context_normalise(vector, 2, detached, 1, (struct hybrid_time){rng_next(&rng)}, &fixture->arena);
    fixture->text = token_encode(&fixture->secrets, VIEW("key"), &fixture->context, &fixture->arena);
    return 0;
}

static int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static bool accepted(struct fixture *fixture, const struct token_secrets *secrets, struct view key, struct view text) {
    struct context read = {.vector_count = 77};
    bool valid = token_decode(secrets, key, text, &fixture->arena, &read);
    if (!valid) {
        assert_int_equal(read.vector_count, 77);
    } else {
        assert_true(context_equal(&read, &fixture->context));
        assert_true(read.greatest.value == fixture->context.greatest.value);
    }
    return valid;
}

static void test_round_trip(void **state) {
    struct fixture *fixture = *state;
    assert_true(accepted(fixture, &fixture->secrets, VIEW("key"), fixture->text));
    struct view again = token_encode(&fixture->secrets, VIEW("key"), &fixture->context, &fixture->arena);
    assert_true(view_equal(again, fixture->text));
    for (size_t i = 0; i < fixture->text.size; i++) {
        uint8_t letter = fixture->text.data[i];
        assert_true((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                    (letter >= '0' && letter <= '9') || letter == '-' || letter == '_');
    }
    fixture->context = context_empty();
    struct view nothing = token_encode(&fixture->secrets, VIEW(""), &fixture->context, &fixture->arena);
    assert_true(accepted(fixture, &fixture->secrets, VIEW(""), nothing));
}

/* Every other value of every character. */
static void test_any_change_of_the_text_is_refused(void **state) {
    struct fixture *fixture = *state;
    uint8_t *forged = arena_take(&fixture->arena, fixture->text.size + 1);
    memcpy(forged, fixture->text.data, fixture->text.size);
    for (size_t i = 0; i < fixture->text.size; i++) {
        for (unsigned change = 1; change < 256; change++) {
            forged[i] ^= (uint8_t)change;
            assert_false(accepted(fixture, &fixture->secrets, VIEW("key"), view_of(forged, fixture->text.size)));
            forged[i] ^= (uint8_t)change;
        }
    }
    for (size_t size = 0; size < fixture->text.size; size++) {
        assert_false(accepted(fixture, &fixture->secrets, VIEW("key"), view_of(forged, size)));
    }
    for (unsigned last = 0; last < 256; last++) {
        forged[fixture->text.size] = (uint8_t)last;
        assert_false(accepted(fixture, &fixture->secrets, VIEW("key"), view_of(forged, fixture->text.size + 1)));
    }
}

/* Each byte of what the text stands for, in its proper spelling again. */
static void test_forgery_of_every_byte_is_refused(void **state) {
    struct fixture *fixture = *state;
    uint8_t bytes[256];
    char text[512];
    size_t count = 0;
    assert_true(fixture->text.size <= sizeof(bytes));
    assert_true(base64url_decode(fixture->text, bytes, &count));
    for (size_t i = 0; i < count; i++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[i] ^= (uint8_t)change;
            size_t size = base64url_encode(view_of(bytes, count), text);
            assert_false(accepted(fixture, &fixture->secrets, VIEW("key"), view_of(text, size)));
            bytes[i] ^= (uint8_t)change;
        }
    }
    assert_true(accepted(fixture, &fixture->secrets, VIEW("key"),
                         view_of(text, base64url_encode(view_of(bytes, count), text))));
}

static void test_other_keys_and_clusters_are_refused(void **state) {
    struct fixture *fixture = *state;
    const struct view others[] = {VIEW(""),      VIEW("ke"),  VIEW("kez"),   VIEW("key "),
                                  VIEW("key\0"), VIEW("KEY"), VIEW("keykey")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(accepted(fixture, &fixture->secrets, others[i], fixture->text));
    }
    for (size_t i = 0; i < sizeof(fixture->secrets.cluster.bytes); i++) {
        struct token_secrets other = fixture->secrets;
        other.cluster.bytes[i] ^= 1;
        assert_false(accepted(fixture, &other, VIEW("key"), fixture->text));
    }
}

/* The end of the key may not pass for the beginning of the context. */
static void test_the_border_of_key_and_context_is_signed(void **state) {
    struct fixture *fixture = *state;
    uint8_t bytes[256];
    char text[512];
    size_t count = 0;
    assert_true(base64url_decode(fixture->text, bytes, &count));
    uint8_t key[4] = {'k', 'e', 'y', bytes[0]};
    size_t size = base64url_encode(view_of(bytes + 1, count - 1), text);
    assert_false(accepted(fixture, &fixture->secrets, view_of(key, 4), view_of(text, size)));
}

static void test_rotation(void **state) {
    struct fixture *fixture = *state;
    struct token_secrets next = fixture->secrets;
    next.previous = fixture->secrets.current;
    next.current.bytes[5] ^= 0x10;
    assert_false(accepted(fixture, &next, VIEW("key"), fixture->text)); /* has_previous is not set */
    next.has_previous = true;
    assert_true(accepted(fixture, &next, VIEW("key"), fixture->text));
    struct view renewed = token_encode(&next, VIEW("key"), &fixture->context, &fixture->arena);
    assert_false(view_equal(renewed, fixture->text));
    assert_true(accepted(fixture, &next, VIEW("key"), renewed));
    assert_false(accepted(fixture, &fixture->secrets, VIEW("key"), renewed));
    next.has_previous = false;
    assert_true(accepted(fixture, &next, VIEW("key"), renewed));
}

static void test_random_texts_are_refused(void **state) {
    struct fixture *fixture = *state;
    printf("seed 0x%" PRIx64 "\n", SEED);
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct rng rng;
    rng_init(&rng, SEED);
    uint8_t text[128];
    for (uint32_t i = 0; i < 20000; i++) {
        size_t size = (size_t)rng_below(&rng, sizeof(text));
        for (size_t j = 0; j < size; j++) {
            text[j] = (uint8_t)letters[rng_below(&rng, 64)];
        }
        assert_false(accepted(fixture, &fixture->secrets, VIEW("key"), view_of(text, size)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_any_change_of_the_text_is_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_forgery_of_every_byte_is_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_other_keys_and_clusters_are_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_border_of_key_and_context_is_signed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_rotation, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_random_texts_are_refused, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
