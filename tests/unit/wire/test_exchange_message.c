/* The messages of an exchange: bytes and back, and no other bytes. */
#include "wire/exchange_message.h"

#include "message_body.h"

static void roots_come_back(void **state) {
    (void)state;
    struct buffer frames;
    buffer_init(&frames);
    struct message_roots head = {.ring = {5, 6}, .losses = 7, .your_losses = 8};
    size_t begun = message_begin_roots(&frames, &head);
    message_add_root(&frames, &(struct exchange_root){.partition = {3}, .root = {1, 2}});
    message_add_root(&frames, &(struct exchange_root){.partition = {900}, .wants_answer = true, .root = {7, 8}});
    message_end(&frames, begun);
    struct view body = body_of(&frames, MESSAGE_ROOTS);
    struct message_roots read;
    struct exchange_root root;
    assert_true(message_decode_roots(body, &read));
    assert_true(digest_equal(read.ring, (struct digest){5, 6}));
    assert_int_equal(read.losses, 7);
    assert_int_equal(read.your_losses, 8);
    struct reader roots = read.roots;
    assert_true(message_next_root(&roots, &root));
    assert_true(root.partition.value == 3 && !root.wants_answer && digest_equal(root.root, (struct digest){1, 2}));
    assert_true(message_next_root(&roots, &root));
    assert_true(root.partition.value == 900 && root.wants_answer);
    assert_true(reader_finished(&roots));
    assert_false(message_next_root(&roots, &root));
    assert_false(message_decode_roots(view_slice(body, 0, 23), &read));
    assert_true(message_decode_roots(view_slice(body, 0, 28), &read));
    assert_false(message_next_root(&read.roots, &root));
    buffer_release(&frames);
}

static void summaries_come_back(void **state) {
    (void)state;
    struct buffer frames;
    struct message_summary summary = {{1, 2}, {3, 4}, 5, 6, 7, 8};
    struct message_summary read;
    buffer_init(&frames);
    message_encode_summary(&frames, MESSAGE_ALL_SAME, &summary);
    struct view body = body_of(&frames, MESSAGE_ALL_SAME);
    assert_true(message_decode_summary(body, &read));
    assert_memory_equal(&summary, &read, sizeof(read));
    for (size_t size = 0; size < body.size; size++) {
        assert_false(message_decode_summary(view_slice(body, 0, size), &read));
    }
    buffer_release(&frames);
}

static void trees_come_back(void **state) {
    (void)state;
    struct buffer frames;
    struct message_tree tree = {.partition = {77}};
    struct message_tree read;
    for (uint32_t segment = 0; segment < EXCHANGE_SEGMENTS; segment++) {
        tree.segments[segment] = segment * UINT64_C(0x123456789);
    }
    buffer_init(&frames);
    message_encode_tree(&frames, &tree);
    struct view body = body_of(&frames, MESSAGE_TREE);
    assert_true(message_decode_tree(body, &read));
    assert_int_equal(read.partition.value, 77);
    assert_memory_equal(read.segments, tree.segments, sizeof(tree.segments));
    assert_false(message_decode_tree(view_slice(body, 0, body.size - 1), &read));
    buffer_append_byte(&frames, 0);
    buffer_release(&frames);
}

static void keys_come_back_and_damaged_ones_do_not(void **state) {
    (void)state;
    struct buffer frames;
    struct message_keys keys;
    struct exchange_key key;
    buffer_init(&frames);
    size_t begun = message_begin_keys(&frames, MESSAGE_KEYS, (struct partition){4}, 10, 20);
    message_add_key(&frames, &(struct exchange_key){VIEW("apples"), 99});
    message_add_key(&frames, &(struct exchange_key){VIEW(""), 1});
    message_end(&frames, begun);
    struct view body = body_of(&frames, MESSAGE_KEYS);
    assert_true(message_decode_keys(body, &keys));
    assert_true(keys.partition.value == 4 && keys.place_from == 10 && keys.place_last == 20);
    struct reader list = reader_of(keys.list);
    assert_true(exchange_next_key(&list, &key));
    assert_true(view_equal(key.key, VIEW("apples")) && key.entry == 99);
    assert_true(exchange_next_key(&list, &key));
    assert_true(reader_finished(&list));
    for (size_t size = 0; size < body.size; size++) {
        /* Cut anywhere but between keys, it is no message. */
        bool is_whole = size == 18 || size == 18 + 15;
        assert_true(message_decode_keys(view_slice(body, 0, size), &keys) == is_whole);
    }
    buffer_clear(&frames);
    begun = message_begin_keys(&frames, MESSAGE_WANT, (struct partition){4}, 20, 10); /* no range */
    message_end(&frames, begun);
    assert_false(message_decode_keys(body_of(&frames, MESSAGE_WANT), &keys));
    buffer_release(&frames);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_come_back),
        cmocka_unit_test(summaries_come_back),
        cmocka_unit_test(trees_come_back),
        cmocka_unit_test(keys_come_back_and_damaged_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
