/* The words of fences and of the reaper: bytes and back, and no other bytes. */
#include "wire/fence_message.h"

#include "message_body.h"

static void a_fence_comes_back(void **state) {
    (void)state;
    struct buffer frames;
    struct message_fence message;
    buffer_init(&frames);
    message_encode_fence(&frames, &(struct message_fence){7, 6, 5, 4, 8, {10}, 11, 9});
    struct view body = body_of(&frames, MESSAGE_FENCE);
    assert_true(message_decode_fence(body, &message));
    assert_int_equal(message.heard, 7);
    assert_int_equal(message.drained, 6);
    assert_int_equal(message.agreed, 5);
    assert_int_equal(message.passed, 4);
    assert_int_equal(message.flushed, 8);
    assert_int_equal(message.time.value, 10);
    assert_int_equal(message.keyspaces, 11);
    assert_int_equal(message.wanted, 9);
    assert_false(message_decode_fence(view_slice(body, 0, body.size - 1), &message));
    buffer_clear(&frames);
    message_encode_fence(&frames, &(struct message_fence){7, 8, 5, 4, 8, {10}, 11, 9});
    assert_false(message_decode_fence(body_of(&frames, MESSAGE_FENCE), &message)); /* drained what it never heard of */
    buffer_release(&frames);
}

static void a_proof_comes_back(void **state) {
    (void)state;
    struct buffer frames;
    struct message_proof message;
    struct proof_key key;
    buffer_init(&frames);
    struct message_proof head = {.partition = {900}, .aim = PROOF_PRUNES, .number = 3, .attempt = 4, .ground = 5};
    size_t begun = message_begin_proof(&frames, MESSAGE_PROVEN, &head);
    message_add_proof(&frames, &(struct proof_key){VIEW("k"), proof_of_entry((struct dot){77, 8})});
    message_end_proof(&frames, begun);
    struct view body = body_of(&frames, MESSAGE_PROVEN);
    assert_true(message_decode_proof(body, &message));
    assert_true(message.partition.value == 900 && message.aim == PROOF_PRUNES && message.number == 3);
    assert_true(message.attempt == 4 && message.ground == 5);
    struct reader list = reader_of(message.list);
    assert_true(proof_next_key(&list, &key));
    assert_true(view_equal(key.key, VIEW("k")) && dot_equal(proof_entry(key.what), (struct dot){77, 8}));
    assert_false(proof_next_key(&list, &key));
    for (size_t size = 0; size < body.size; size++) {
        bool is_cut = message_decode_proof(view_slice(body, 0, size), &message);
        assert_true(!is_cut || message.list.size == 0); /* a list may be empty */
    }
    buffer_clear(&frames);
    head.aim = PROOF_AIMS;
    begun = message_begin_proof(&frames, MESSAGE_PROVE, &head);
    message_end_proof(&frames, begun);
    assert_false(message_decode_proof(body_of(&frames, MESSAGE_PROVE), &message));
    buffer_release(&frames);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fence_comes_back),
        cmocka_unit_test(a_proof_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
