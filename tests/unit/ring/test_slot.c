#include "ring/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"

static unsigned slot(const char *key) {
    return slot_of_key(view_of_string(key)).value;
}

/* Values of the Redis Cluster specification and of CLUSTER KEYSLOT. */
static void test_known_slots(void **state) {
    (void)state;
    assert_int_equal(crc16_xmodem(VIEW("123456789")), 0x31c3);
    assert_int_equal(slot("123456789"), 12739);
    assert_int_equal(slot("foo"), 12182);
    assert_int_equal(slot("bar"), 5061);
    assert_int_equal(slot(""), 0);
}

static void test_hashtags(void **state) {
    (void)state;
    assert_int_equal(slot("{user1000}.following"), slot("user1000"));
    assert_int_equal(slot("{user1000}.followers"), slot("user1000"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("}{bar}"), slot("bar"));
    /* An empty tag, an open one and a lone brace are no tags: the whole key is hashed. */
    assert_int_equal(slot("foo{}{bar}"), crc16_xmodem(VIEW("foo{}{bar}")) % SLOT_COUNT);
    assert_int_equal(slot("foo{bar"), crc16_xmodem(VIEW("foo{bar")) % SLOT_COUNT);
    assert_int_equal(slot("foo}bar"), crc16_xmodem(VIEW("foo}bar")) % SLOT_COUNT);
    assert_int_equal(slot("foo{"), crc16_xmodem(VIEW("foo{")) % SLOT_COUNT);
}

static void test_partitions_are_blocks_of_slots(void **state) {
    (void)state;
    for (uint32_t count = PARTITION_COUNT_LEAST; count <= PARTITION_COUNT_MOST; count *= 2) {
        uint32_t next = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct partition partition = {(uint16_t)i};
            struct slot first = partition_first_slot(partition, count);
            struct slot last = partition_last_slot(partition, count);
            assert_int_equal(first.value, next);
            assert_int_equal(partition_of_slot(first, count).value, i);
            assert_int_equal(partition_of_slot(last, count).value, i);
            next = last.value + 1U;
        }
        assert_int_equal(next, SLOT_COUNT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_slots),
        cmocka_unit_test(test_hashtags),
        cmocka_unit_test(test_partitions_are_blocks_of_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
