/* The messages of filling: bytes and back, and no other bytes. */
#include "wire/filling_message.h"

#include "message_body.h"
#include "wire/message.h"

static void a_fill_comes_back(void **state) {
    (void)state;
    struct buffer frames;
    struct message_fill fill = {{700}, 12, UINT64_MAX};
    struct message_fill read;
    buffer_init(&frames);
    message_encode_fill(&frames, &fill);
    struct view body = body_of(&frames, MESSAGE_FILL);
    assert_true(message_decode_fill(body, &read));
    assert_true(read.partition.value == 700 && read.pull == 12 && read.place_from == UINT64_MAX);
    for (size_t size = 0; size < body.size; size++) {
        assert_false(message_decode_fill(view_slice(body, 0, size), &read));
    }
    buffer_release(&frames);
}

struct parcels {
    struct compressor compressor;
    struct buffer list, frames, room;
};

static int set_up(void **state) {
    static struct parcels parcels;
    compressor_init(&parcels.compressor);
    buffer_init(&parcels.list);
    buffer_init(&parcels.frames);
    buffer_init(&parcels.room);
    *state = &parcels;
    return 0;
}

static int tear_down(void **state) {
    struct parcels *parcels = *state;
    compressor_release(&parcels->compressor);
    buffer_release(&parcels->list);
    buffer_release(&parcels->frames);
    buffer_release(&parcels->room);
    return 0;
}

static struct view encode(struct parcels *parcels, uint64_t fence) {
    struct message_parcel parcel = {{4}, 9, 77, fence, true, 1234, buffer_view(&parcels->list)};
    buffer_clear(&parcels->frames);
    assert_true(message_encode_parcel(&parcels->frames, &parcel, &parcels->compressor));
    return body_of(&parcels->frames, MESSAGE_PARCEL);
}

static bool decode(struct parcels *parcels, struct view body, struct message_parcel *ret_parcel) {
    return message_decode_parcel(body, &parcels->compressor, &parcels->room, ret_parcel);
}

static void add_objects(struct parcels *parcels, uint32_t count) {
    for (uint32_t index = 0; index < count; index++) {
        parcel_add(&parcels->list, &(struct parcel_object){VIEW("a key"), VIEW("what stands for an object")});
    }
}

static void parcels_come_back_compressed_or_not(void **state) {
    struct parcels *parcels = *state;
    const uint32_t counts[] = {0, 1, 100};
    for (size_t index = 0; index < sizeof(counts) / sizeof(counts[0]); index++) {
        struct message_parcel read;
        struct parcel_object object;
        buffer_clear(&parcels->list);
        add_objects(parcels, counts[index]);
        struct view body = encode(parcels, 5);
        assert_true(counts[index] < 100 || body.size < buffer_size(&parcels->list) / 4);
        assert_true(decode(parcels, body, &read));
        assert_true(read.partition.value == 4 && read.pull == 9 && read.placement_mark == 77 && read.fence == 5);
        assert_true(read.is_end && read.place_next == 1234);
        struct reader list = reader_of(read.list);
        for (uint32_t found = 0; found < counts[index]; found++) {
            assert_true(parcel_next(&list, &object));
            assert_true(view_equal(object.key, VIEW("a key")));
            assert_true(view_equal(object.object, VIEW("what stands for an object")));
        }
        assert_false(parcel_next(&list, &object));
        assert_true(reader_finished(&list));
    }
}

static void cut_parcels_are_refused(void **state) {
    struct parcels *parcels = *state;
    const uint32_t counts[] = {1, 100};
    for (size_t index = 0; index < sizeof(counts) / sizeof(counts[0]); index++) {
        struct message_parcel read;
        buffer_clear(&parcels->list);
        add_objects(parcels, counts[index]);
        struct view body = encode(parcels, 5);
        for (size_t size = 0; size < body.size; size++) {
            /* Of one that is not compressed, what is left may be a parcel of none. */
            assert_false(decode(parcels, view_slice(body, 0, size), &read) && read.list.size != 0);
        }
    }
}

static void what_is_no_list_is_refused(void **state) {
    struct parcels *parcels = *state;
    struct message_parcel read;
    buffer_clear(&parcels->list);
    add_objects(parcels, 1);
    buffer_append_byte(&parcels->list, 200);
    assert_false(decode(parcels, encode(parcels, 5), &read));
    buffer_clear(&parcels->list);
    assert_false(decode(parcels, encode(parcels, FENCE_NUMBER_MOST + 1), &read));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fill_comes_back),
        cmocka_unit_test_setup_teardown(parcels_come_back_compressed_or_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_parcels_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_list_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
