#include "core/roster.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* As roster.c writes it down. */
static void write_record(struct buffer *record, bool has_member) {
    struct membership log;
    struct membership_event event = {.lamport = 1, .issuer = {{1}}, .kind = MEMBERSHIP_JOIN};
    event.member = (struct member){
        .id = {{1}}, .zone = "z", .weight = 1, .client_address = "127.0.0.1:1", .peer_address = "127.0.0.1:2"};
    membership_init(&log);
    if (has_member) {
        assert_int_equal(membership_add(&log, &event), MEMBERSHIP_ADDED);
    }
    write_u8(record, 1); /* the format */
    write_u64(record, 7);
    write_u32(record, 64);
    write_u8(record, 3);
    write_sized(record, VIEW("addresses"));
    membership_encode(record, &log, 0);
    membership_release(&log);
}

static bool reads(struct view record, struct roster_kept *ret_kept) {
    struct membership log;
    membership_init(&log);
    bool is_whole = roster_read(record, &log, ret_kept);
    assert_true(!is_whole || log.count == 1);
    membership_release(&log);
    return is_whole;
}

static void test_what_was_kept_is_read(void **state) {
    (void)state;
    struct buffer record;
    struct roster_kept kept;
    buffer_init(&record);
    write_record(&record, true);
    assert_true(reads(buffer_view(&record), &kept));
    assert_int_equal(kept.cleaned, 7);
    assert_int_equal(kept.shape.partition_count, 64);
    assert_int_equal(kept.shape.replica_count, 3);
    assert_true(view_equal(kept.addresses, VIEW("addresses")));
    buffer_release(&record);
}

static void test_another_format_is_not(void **state) {
    (void)state;
    struct buffer record;
    struct roster_kept kept;
    buffer_init(&record);
    write_record(&record, true);
    record.data[record.begin]++;
    assert_false(reads(buffer_view(&record), &kept));
    buffer_release(&record);
}

static void test_what_is_empty_or_cut_is_not(void **state) {
    (void)state;
    struct buffer record;
    struct roster_kept kept;
    buffer_init(&record);
    write_record(&record, false);
    assert_false(reads(buffer_view(&record), &kept));
    buffer_clear(&record);
    write_record(&record, true);
    for (size_t size = 0; size < buffer_size(&record); size++) {
        assert_false(reads(view_slice(buffer_view(&record), 0, size), &kept));
    }
    buffer_release(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_kept_is_read),
        cmocka_unit_test(test_another_format_is_not),
        cmocka_unit_test(test_what_is_empty_or_cut_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
