/* A member's record and lists of addresses: bytes and back, and no other bytes. */
#include "wire/member_record.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static struct member_record example(void) {
    return (struct member_record){
        .report = {.run = 99, .drained = 7, .filled = 6, .clean = 300, .to_fill = 2, .former = 16384},
        .addresses = {.client = "[2001:db8::1]:7000", .peer = "a.example:17000"},
    };
}

static void assert_same_addresses(const struct member_addresses *a, const struct member_addresses *b) {
    assert_string_equal(a->client, b->client);
    assert_string_equal(a->peer, b->peer);
}

static void assert_same(const struct member_record *a, const struct member_record *b) {
    assert_memory_equal(&a->report, &b->report, sizeof(a->report));
    assert_same_addresses(&a->addresses, &b->addresses);
}

static void a_record_comes_back(void **state) {
    (void)state;
    struct member_record record = example();
    struct member_record read;
    struct buffer bytes;
    buffer_init(&bytes);
    member_record_encode(&bytes, &record);
    assert_true(member_record_decode(buffer_view(&bytes), &read));
    assert_same(&record, &read);
    write_u8(&bytes, 5); /* a later version has more to say */
    assert_true(member_record_decode(buffer_view(&bytes), &read));
    assert_same(&record, &read);
    buffer_release(&bytes);
}

static void the_largest_fits_into_gossip(void **state) {
    (void)state;
    const uint64_t most = UINT64_MAX >> 8;
    struct member_record record = {.report = {UINT64_MAX, most, most, most, 16384, 16384, 0}};
    struct member_record read;
    struct buffer bytes;
    memset(record.addresses.client, 'a', MEMBER_ADDRESS_SIZE - 1);
    memcpy(record.addresses.client + MEMBER_ADDRESS_SIZE - 7, ":65535", 6);
    memcpy(record.addresses.peer, record.addresses.client, MEMBER_ADDRESS_SIZE);
    buffer_init(&bytes);
    member_record_encode(&bytes, &record);
    assert_in_range(buffer_size(&bytes), 0, GOSSIP_PAYLOAD_BYTES_MOST);
    assert_true(member_record_decode(buffer_view(&bytes), &read));
    buffer_release(&bytes);
}

static void refuse(const struct member_record *record) {
    struct member_record read;
    struct buffer bytes;
    buffer_init(&bytes);
    member_record_encode(&bytes, record);
    assert_false(member_record_decode(buffer_view(&bytes), &read));
    buffer_release(&bytes);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    static const char *const addresses[] = {"", "host", "host:0", "ho st:1", ":1", "host:65536"};
    for (size_t at = 0; at < sizeof(addresses) / sizeof(addresses[0]); at++) {
        struct member_record record = example();
        memcpy(record.addresses.peer, addresses[at], strlen(addresses[at]) + 1);
        refuse(&record);
        record = example();
        memcpy(record.addresses.client, addresses[at], strlen(addresses[at]) + 1);
        refuse(&record);
    }
    struct member_record record = example();
    record.report.drained = UINT64_MAX >> 7;
    refuse(&record);
    record = example();
    record.report.to_fill = 16385;
    refuse(&record);
}

static void cut_short_it_is_none(void **state) {
    (void)state;
    struct member_record record = example();
    struct member_record read;
    struct buffer bytes;
    buffer_init(&bytes);
    member_record_encode(&bytes, &record);
    for (size_t size = 0; size < buffer_size(&bytes); size++) {
        assert_false(member_record_decode(view_slice(buffer_view(&bytes), 0, size), &read));
    }
    buffer_release(&bytes);
}

static void a_list_of_addresses_comes_back(void **state) {
    (void)state;
    struct member_record record = example();
    struct member_addresses read;
    struct node_id id;
    struct buffer bytes;
    buffer_init(&bytes);
    for (uint8_t at = 1; at <= 3; at++) {
        addresses_list_add(&bytes, (struct node_id){{at}}, &record.addresses);
    }
    struct reader list = reader_of(buffer_view(&bytes));
    for (uint8_t at = 1; at <= 3; at++) {
        assert_true(addresses_list_next(&list, &id, &read));
        assert_int_equal(id.bytes[0], at);
        assert_same_addresses(&read, &record.addresses);
    }
    assert_false(addresses_list_next(&list, &id, &read));
    assert_true(reader_finished(&list));
    list = reader_of(view_slice(buffer_view(&bytes), 0, buffer_size(&bytes) - 1));
    assert_true(addresses_list_next(&list, &id, &read));
    assert_true(addresses_list_next(&list, &id, &read));
    assert_false(addresses_list_next(&list, &id, &read));
    assert_true(list.failed);
    buffer_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(the_largest_fits_into_gossip),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(cut_short_it_is_none),
        cmocka_unit_test(a_list_of_addresses_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
