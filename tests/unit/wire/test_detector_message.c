#include "wire/detector_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct message_probe example(void) {
    struct message_probe message = {.sequence = 7, .incarnation = 1700000000000, .subject_incarnation = 3};
    message.subject.bytes[0] = 9;
    message.rumour_count = RUMOURS_MOST;
    for (uint8_t index = 0; index < RUMOURS_MOST; index++) {
        message.rumours[index].subject.bytes[1] = index;
        message.rumours[index].accuser.bytes[2] = index;
        message.rumours[index].verdict = (enum rumour_verdict)(index % 3);
        message.rumours[index].incarnation = index * UINT64_C(1000);
    }
    return message;
}

static struct view body_of(struct buffer *buffer, const struct message_probe *message) {
    buffer_clear(buffer);
    message_encode_probe(buffer, MESSAGE_PROBE, message);
    struct view bytes = buffer_view(buffer);
    return view_slice(bytes, FRAME_HEADER_BYTES, bytes.size - FRAME_HEADER_BYTES);
}

static void test_there_and_back(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    struct message_probe message = example();
    struct message_probe decoded;
    assert_true(message_decode_probe(body_of(&buffer, &message), &decoded));
    assert_int_equal(decoded.sequence, 7);
    assert_int_equal(decoded.incarnation, message.incarnation);
    assert_int_equal(decoded.subject_incarnation, 3);
    assert_int_equal(decoded.rumour_count, RUMOURS_MOST);
    for (uint8_t index = 0; index < RUMOURS_MOST; index++) {
        assert_memory_equal(&decoded.rumours[index].subject, &message.rumours[index].subject, sizeof(struct node_id));
        assert_memory_equal(&decoded.rumours[index].accuser, &message.rumours[index].accuser, sizeof(struct node_id));
        assert_int_equal(decoded.rumours[index].verdict, message.rumours[index].verdict);
        assert_int_equal(decoded.rumours[index].incarnation, message.rumours[index].incarnation);
    }
    buffer_release(&buffer);
}

static void test_malformed(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    struct message_probe message = example();
    struct message_probe decoded;
    struct view body = body_of(&buffer, &message);
    for (size_t size = 0; size < body.size; size++) {
        assert_false(message_decode_probe(view_slice(body, 0, size), &decoded));
    }
    buffer_append_byte(&buffer, 0);
    assert_false(message_decode_probe(view_of(body.data, body.size + 1), &decoded));
    message.incarnation = UINT64_MAX;
    assert_false(message_decode_probe(body_of(&buffer, &message), &decoded));
    message = example();
    message.rumours[1].incarnation = UINT64_MAX;
    assert_false(message_decode_probe(body_of(&buffer, &message), &decoded));
    message = example();
    message.rumours[1].verdict = (enum rumour_verdict)3;
    assert_false(message_decode_probe(body_of(&buffer, &message), &decoded));
    const uint8_t too_many[] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, RUMOURS_MOST + 1};
    assert_false(message_decode_probe(view_of(too_many, sizeof(too_many)), &decoded));
    buffer_release(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
