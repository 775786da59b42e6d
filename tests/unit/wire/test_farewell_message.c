/* The words of a farewell: bytes and back, and no other bytes. */
#include "wire/farewell_message.h"

#include "message_body.h"

static void a_farewell_comes_back(void **state) {
    (void)state;
    struct buffer frames;
    struct message_farewell farewell = {{700}, 12, 13, {14, 15}};
    struct message_farewell read;
    buffer_init(&frames);
    message_encode_farewell(&frames, &farewell);
    struct view body = body_of(&frames, MESSAGE_FAREWELL);
    assert_true(message_decode_farewell(body, &read));
    assert_true(read.partition.value == 700 && read.version == 12 && read.attempt == 13);
    assert_true(digest_equal(read.root, farewell.root));
    for (size_t size = 0; size < body.size; size++) {
        assert_false(message_decode_farewell(view_slice(body, 0, size), &read));
    }
    buffer_release(&frames);
}

static void its_answer_tells_segments_where_they_differ(void **state) {
    (void)state;
    for (int is_same = 0; is_same < 2; is_same++) {
        struct buffer frames;
        struct message_farewell_answer answer = {.attempt = 13, .is_same = is_same == 1};
        struct message_farewell_answer read;
        for (uint32_t segment = 0; segment < EXCHANGE_SEGMENTS; segment++) {
            answer.segments[segment] = segment * UINT64_C(0x123456789);
        }
        buffer_init(&frames);
        message_encode_farewell_answer(&frames, &answer);
        struct view body = body_of(&frames, MESSAGE_FAREWELL_ANSWER);
        assert_true(message_decode_farewell_answer(body, &read));
        assert_true(read.attempt == 13 && read.is_same == answer.is_same);
        assert_true(read.is_same ? body.size < 16
                                 : memcmp(read.segments, answer.segments, sizeof(answer.segments)) == 0);
        for (size_t size = 0; size < body.size; size++) {
            assert_false(message_decode_farewell_answer(view_slice(body, 0, size), &read));
        }
        buffer_release(&frames);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_farewell_comes_back),
        cmocka_unit_test(its_answer_tells_segments_where_they_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
