/* The words of gossip: bytes and back, and no other bytes. */
#include "wire/gossip_message.h"

#include "message_body.h"

static const int kinds[] = {MESSAGE_GOSSIP_SUMMARY, MESSAGE_GOSSIP_DIGEST, MESSAGE_GOSSIP_RECORDS, MESSAGE_GOSSIP_WANT};

static struct gossip_record example(uint32_t index) {
    return (struct gossip_record){
        .id = {{(uint8_t)index, 9}}, .stamp = {UINT64_C(1700000000000) + index, index * 100}, .payload = VIEW("load")};
}

/* A word with so many in its list; the body of its frame. */
static struct view body_with(struct buffer *frames, int kind, uint32_t count) {
    struct gossip_word word = {.kind = (enum gossip_kind)kind};
    struct buffer list;
    buffer_init(&list);
    for (uint32_t index = 0; index < count; index++) {
        struct gossip_record record = example(index);
        gossip_list_add(&list, word.kind, &record);
    }
    if (kind == MESSAGE_GOSSIP_SUMMARY) {
        word.is_answer = true;
        word.version = 300;
        word.hash = (struct digest){5, 6};
    }
    word.list = buffer_view(&list);
    buffer_clear(frames);
    message_encode_gossip(frames, &word);
    buffer_release(&list);
    return body_of(frames, (uint8_t)kind);
}

static void words_come_back(void **state) {
    (void)state;
    struct buffer frames;
    buffer_init(&frames);
    for (size_t at = 0; at < sizeof(kinds) / sizeof(kinds[0]); at++) {
        struct gossip_word word;
        struct gossip_record record;
        struct view body = body_with(&frames, kinds[at], 5);
        assert_true(message_decode_gossip((uint8_t)kinds[at], body, &word));
        bool is_summary = kinds[at] == MESSAGE_GOSSIP_SUMMARY;
        bool is_want = kinds[at] == MESSAGE_GOSSIP_WANT;
        assert_int_equal(word.is_answer, is_summary);
        assert_int_equal(word.version, is_summary ? 300 : 0);
        assert_true(!is_summary || digest_equal(word.hash, (struct digest){5, 6}));
        struct reader list = reader_of(word.list);
        for (uint32_t index = 0; index < 5; index++) {
            assert_true(gossip_list_next(&list, word.kind, &record));
            assert_true(node_id_equal(record.id, example(index).id));
            assert_true(is_want || gossip_stamp_compare(record.stamp, example(index).stamp) == 0);
            bool has_payload = kinds[at] == MESSAGE_GOSSIP_RECORDS;
            assert_true(view_equal(record.payload, has_payload ? VIEW("load") : VIEW("")));
        }
        assert_true(reader_finished(&list));
        assert_false(gossip_list_next(&list, word.kind, &record));
    }
    buffer_release(&frames);
}

/* Cut anywhere but between two of a list, it is no word. */
static void what_is_cut_is_refused(void **state) {
    (void)state;
    struct buffer frames;
    buffer_init(&frames);
    for (size_t at = 0; at < sizeof(kinds) / sizeof(kinds[0]); at++) {
        struct gossip_word word;
        uint32_t whole = 0;
        struct view body = body_with(&frames, kinds[at], 3);
        for (size_t size = 0; size <= body.size; size++) {
            whole += message_decode_gossip((uint8_t)kinds[at], view_slice(body, 0, size), &word) ? 1 : 0;
        }
        assert_int_equal(whole, 4);
    }
    buffer_release(&frames);
}

static bool is_accepted(int kind, uint32_t count) {
    struct buffer frames;
    struct gossip_word word;
    buffer_init(&frames);
    bool is_read = message_decode_gossip((uint8_t)kind, body_with(&frames, kind, count), &word);
    buffer_release(&frames);
    return is_read;
}

static void lists_are_bounded(void **state) {
    (void)state;
    assert_true(is_accepted(MESSAGE_GOSSIP_SUMMARY, GOSSIP_RECENT_MOST));
    assert_false(is_accepted(MESSAGE_GOSSIP_SUMMARY, GOSSIP_RECENT_MOST + 1));
    assert_true(is_accepted(MESSAGE_GOSSIP_DIGEST, LIMIT_MEMBERS));
    assert_false(is_accepted(MESSAGE_GOSSIP_DIGEST, LIMIT_MEMBERS + 1));
    assert_true(is_accepted(MESSAGE_GOSSIP_WANT, LIMIT_MEMBERS));
    assert_false(is_accepted(MESSAGE_GOSSIP_WANT, LIMIT_MEMBERS + 1));
    assert_true(is_accepted(MESSAGE_GOSSIP_RECORDS, 500));
    assert_false(is_accepted(MESSAGE_GOSSIP_RECORDS, 600)); /* more than 16 KiB */
}

static bool is_record(const struct gossip_record *record) {
    struct buffer list;
    struct gossip_record read;
    buffer_init(&list);
    gossip_list_add(&list, MESSAGE_GOSSIP_RECORDS, record);
    struct reader reader = reader_of(buffer_view(&list));
    bool is_read = gossip_list_next(&reader, MESSAGE_GOSSIP_RECORDS, &read);
    buffer_release(&list);
    return is_read;
}

static void records_of_nonsense_are_refused(void **state) {
    (void)state;
    static const uint8_t much[GOSSIP_PAYLOAD_BYTES_MOST + 1];
    struct gossip_record record = example(1);
    assert_true(is_record(&record));
    record.payload = view_of(much, GOSSIP_PAYLOAD_BYTES_MOST);
    assert_true(is_record(&record));
    record.payload = view_of(much, GOSSIP_PAYLOAD_BYTES_MOST + 1);
    assert_false(is_record(&record));
    record = example(1);
    record.stamp.generation = 0;
    assert_false(is_record(&record));
    record.stamp.generation = GOSSIP_STAMP_MOST + 1;
    assert_false(is_record(&record));
    record = example(1);
    record.stamp.counter = GOSSIP_STAMP_MOST + 1;
    assert_false(is_record(&record));
    struct gossip_word word;
    assert_false(message_decode_gossip(MESSAGE_GOSSIP_SUMMARY - 1, VIEW(""), &word));
    assert_false(message_decode_gossip(MESSAGE_GOSSIP_WANT + 1, VIEW(""), &word));
    assert_false(message_decode_gossip(MESSAGE_GOSSIP_SUMMARY, VIEW("\2\1aaaaaaaabbbbbbbb"), &word)); /* a flag */
    assert_true(message_decode_gossip(MESSAGE_GOSSIP_SUMMARY, VIEW("\1\1aaaaaaaabbbbbbbb"), &word));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_back),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(records_of_nonsense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
