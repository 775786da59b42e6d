#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"

static void append_message(struct buffer *buffer, uint8_t kind, struct view body) {
    size_t frame = frame_begin(buffer, kind);
    buffer_append_view(buffer, body);
    assert_true(frame_end(buffer, frame));
}

/* The layout is a promise to other versions: these bytes never change. */
static void test_layout(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    append_message(&buffer, 7, VIEW("abc"));
    struct view bytes = buffer_view(&buffer);
    assert_int_equal(bytes.size, FRAME_HEADER_BYTES + 3);
    static const uint8_t header[] = {3, 0, 0, 0, 7, 0, 0xaf, 0x55};
    assert_memory_equal(bytes.data, header, sizeof(header));
    assert_memory_equal(bytes.data + 16, "abc", 3);
    static const uint8_t checksum[] = {0xbc, 0x30, 0xd0, 0x6f, 0x37, 0x85, 0xd0, 0x5e};
    assert_memory_equal(bytes.data + 8, checksum, 8);
    buffer_release(&buffer);
}

static void test_borrowed_when_whole(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    append_message(&buffer, 1, VIEW("first"));
    append_message(&buffer, 2, view_of(NULL, 0));
    struct frame_reader reader;
    frame_reader_init(&reader);
    struct view input = buffer_view(&buffer);
    const uint8_t *start = input.data;
    struct frame frame;
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_READY);
    assert_int_equal(frame.kind, 1);
    assert_ptr_equal(frame.body.data, start + FRAME_HEADER_BYTES);
    assert_true(view_equal(frame.body, VIEW("first")));
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_READY);
    assert_int_equal(frame.kind, 2);
    assert_int_equal(frame.body.size, 0);
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_MORE);
    assert_int_equal(input.size, 0);
    assert_null(reader.partial.data);
    frame_reader_release(&reader);
    buffer_release(&buffer);
}

/* Nothing is consumed in mid-message here, but a message may begin behind others in a buffer that moves as it grows. */
static void test_begins_behind_consumed_bytes(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    append_message(&buffer, 1, VIEW("gone"));
    append_message(&buffer, 1, VIEW("kept"));
    buffer_consume(&buffer, FRAME_HEADER_BYTES + 4);
    size_t position = frame_begin(&buffer, 2);
    for (int i = 0; i < 1000; i++) {
        buffer_append_view(&buffer, VIEW("0123456789"));
    }
    assert_true(frame_end(&buffer, position));
    struct frame_reader reader;
    frame_reader_init(&reader);
    struct view input = buffer_view(&buffer);
    struct frame frame;
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_READY);
    assert_true(view_equal(frame.body, VIEW("kept")));
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_READY);
    assert_int_equal(frame.body.size, 10000);
    frame_reader_release(&reader);
    buffer_release(&buffer);
}

static void fill(struct buffer *body, struct rng *rng, size_t bytes) {
    buffer_clear(body);
    rng_fill(rng, buffer_reserve(body, bytes), bytes);
    buffer_commit(body, bytes);
}

static void test_any_pieces(void **state) {
    (void)state;
    static const size_t sizes[] = {
        0, 1, 100, 70000, FRAME_BODY_BYTES_MOST, FRAME_BODY_BYTES_MOST + 1, 3 * FRAME_BODY_BYTES_MOST, 3500000};
    enum { MESSAGES = sizeof(sizes) / sizeof(sizes[0]) };
    struct rng rng;
    rng_init(&rng, 5);
    struct buffer bodies[MESSAGES];
    struct buffer stream;
    buffer_init(&stream);
    for (size_t i = 0; i < MESSAGES; i++) {
        buffer_init(&bodies[i]);
        fill(&bodies[i], &rng, sizes[i]);
        append_message(&stream, (uint8_t)(i + 1), buffer_view(&bodies[i]));
    }
    static const size_t pieces[] = {1, 17, 5000, 65536, 10000000};
    for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
        struct frame_reader reader;
        frame_reader_init(&reader);
        struct view rest = buffer_view(&stream);
        size_t seen = 0;
        while (rest.size > 0) {
            size_t bytes = rng_between(&rng, 1, pieces[p]);
            bytes = bytes < rest.size ? bytes : rest.size;
            struct view input = view_slice(rest, 0, bytes);
            rest = view_slice(rest, bytes, rest.size - bytes);
            struct frame frame;
            enum frame_status status;
            while ((status = frame_reader_next(&reader, &input, &frame)) == FRAME_READY) {
                assert_int_equal(frame.kind, seen + 1);
                assert_true(view_equal(frame.body, buffer_view(&bodies[seen])));
                seen++;
            }
            assert_int_equal(status, FRAME_MORE);
            assert_int_equal(input.size, 0);
        }
        assert_int_equal(seen, MESSAGES);
        frame_reader_release(&reader);
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        buffer_release(&bodies[i]);
    }
    buffer_release(&stream);
}

static enum frame_status read_one(struct view bytes, size_t piece) {
    struct frame_reader reader;
    frame_reader_init(&reader);
    struct frame frame;
    enum frame_status status = FRAME_MORE;
    while (bytes.size > 0 && status == FRAME_MORE) {
        struct view input = view_slice(bytes, 0, piece < bytes.size ? piece : bytes.size);
        bytes = view_slice(bytes, input.size, bytes.size - input.size);
        status = frame_reader_next(&reader, &input, &frame);
    }
    if (status == FRAME_CORRUPT) {
        struct view none = view_of(NULL, 0);
        assert_int_equal(frame_reader_next(&reader, &none, &frame), FRAME_CORRUPT);
    }
    frame_reader_release(&reader);
    return status;
}

static void test_every_flipped_bit_is_noticed(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    append_message(&buffer, 3, VIEW("some body or other"));
    for (size_t bit = 0; bit < buffer_size(&buffer) * 8; bit++) {
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(read_one(buffer_view(&buffer), 1000), FRAME_READY);
        assert_int_not_equal(read_one(buffer_view(&buffer), 3), FRAME_READY);
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(read_one(buffer_view(&buffer), 1000), FRAME_READY);
    buffer_release(&buffer);
    uint8_t zeros[64] = {0};
    assert_int_equal(read_one(view_of(zeros, sizeof(zeros)), 64), FRAME_CORRUPT);
}

/* A stream must not wait for a megabyte because of a length that was damaged on its way. */
static void test_a_damaged_length_is_noticed_at_once(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    append_message(&buffer, 3, VIEW("some body or other"));
    struct view header = view_slice(buffer_view(&buffer), 0, FRAME_HEADER_BYTES);
    for (size_t bit = 0; bit < 64; bit++) {
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(read_one(header, 1000), FRAME_CORRUPT);
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(read_one(header, 1000), FRAME_MORE);
    buffer_release(&buffer);
}

static void header_check(uint8_t header[16]) {
    uint64_t word = 0;
    memcpy(&word, header, 6);
    uint16_t check = frame_check(word);
    header[6] = (uint8_t)check;
    header[7] = (uint8_t)(check >> 8);
}

static void append_raw(struct buffer *buffer, uint8_t kind, uint8_t flags, struct view body) {
    uint8_t header[16] = {(uint8_t)body.size, (uint8_t)(body.size >> 8), (uint8_t)(body.size >> 16), 0, kind, flags};
    header_check(header);
    uint64_t seed;
    memcpy(&seed, header, sizeof(seed));
    uint64_t checksum = hash64(body, seed);
    memcpy(header + 8, &checksum, sizeof(checksum));
    buffer_append(buffer, header, sizeof(header));
    buffer_append_view(buffer, body);
}

static void test_valid_checksums_are_not_enough(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    append_raw(&buffer, 1, FRAME_FLAG_MORE, VIEW("one "));
    append_raw(&buffer, 1, 0, VIEW("message"));
    assert_int_equal(read_one(buffer_view(&buffer), 5), FRAME_READY);

    buffer_clear(&buffer);
    append_raw(&buffer, 1, FRAME_FLAG_MORE, VIEW("one "));
    append_raw(&buffer, 2, 0, VIEW("message"));
    assert_int_equal(read_one(buffer_view(&buffer), 100), FRAME_CORRUPT);
    buffer_clear(&buffer);
    append_raw(&buffer, 1, FRAME_FLAG_MORE, view_of(NULL, 0));
    assert_int_equal(read_one(buffer_view(&buffer), 100), FRAME_CORRUPT);
    buffer_clear(&buffer);
    append_raw(&buffer, 1, 2, VIEW("x"));
    assert_int_equal(read_one(buffer_view(&buffer), 100), FRAME_CORRUPT);
    buffer_release(&buffer);
    /* A length over the limit needs no body to be refused. */
    assert_int_equal(read_one(VIEW("\xff\xff\xff\xff\x01\0\0\0\0\0\0\0\0\0\0\0"), 1), FRAME_CORRUPT);
}

static void test_memory_follows_what_arrived(void **state) {
    (void)state;
    struct frame_reader reader;
    frame_reader_init(&reader);
    uint8_t header[16] = {0xf0, 0xff, 0x0f, 0, 1};
    header_check(header);
    struct view input = view_of(header, sizeof(header));
    struct frame frame;
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_MORE);
    assert_true(reader.partial.capacity < 256);
    frame_reader_release(&reader);
}

static void test_message_limit(void **state) {
    (void)state;
    struct buffer stream;
    buffer_init(&stream);
    append_message(&stream, 9, VIEW("before"));
    size_t before = buffer_size(&stream);
    size_t position = frame_begin(&stream, 1);
    size_t bytes = (size_t)LIMIT_MESSAGE_BYTES + 1;
    memset(buffer_reserve(&stream, bytes), 'x', bytes);
    buffer_commit(&stream, bytes);
    assert_false(frame_end(&stream, position));
    assert_int_equal(buffer_size(&stream), before);

    position = frame_begin(&stream, 1);
    buffer_commit(&stream, bytes - 1);
    assert_true(frame_end(&stream, position));
    struct frame_reader reader;
    frame_reader_init(&reader);
    struct view input = buffer_view(&stream);
    struct frame frame;
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_READY);
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_READY);
    assert_int_equal(frame.body.size, bytes - 1);
    assert_int_equal(frame_reader_next(&reader, &input, &frame), FRAME_MORE);
    assert_null(reader.message.data);

    static uint8_t body[FRAME_BODY_BYTES_MOST];
    buffer_clear(&stream);
    append_raw(&stream, 1, FRAME_FLAG_MORE, view_of(body, sizeof(body)));
    enum frame_status status = FRAME_MORE;
    size_t taken = 0;
    while (status == FRAME_MORE) {
        input = buffer_view(&stream);
        status = frame_reader_next(&reader, &input, &frame);
        taken += sizeof(body);
    }
    assert_int_equal(status, FRAME_CORRUPT);
    assert_true(taken > LIMIT_MESSAGE_BYTES && taken - sizeof(body) <= LIMIT_MESSAGE_BYTES);
    frame_reader_release(&reader);
    buffer_release(&stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_borrowed_when_whole),
        cmocka_unit_test(test_begins_behind_consumed_bytes),
        cmocka_unit_test(test_a_damaged_length_is_noticed_at_once),
        cmocka_unit_test(test_any_pieces),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_valid_checksums_are_not_enough),
        cmocka_unit_test(test_memory_follows_what_arrived),
        cmocka_unit_test(test_message_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
