#include "ring/keyspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct keyspace make(const char *prefix, uint8_t read_quorum) {
    struct keyspace keyspace = {.prefix_bytes = (uint8_t)strlen(prefix),
                                .read_quorum = read_quorum,
                                .write_quorum = 1,
                                .conflict = CONFLICT_LWW,
                                .durability = DURABILITY_NONE};
    memcpy(keyspace.prefix, prefix, strlen(prefix));
    return keyspace;
}

static bool add(struct keyspace_table *table, const char *prefix, uint8_t read_quorum) {
    struct keyspace keyspace = make(prefix, read_quorum);
    return keyspace_table_add(table, &keyspace);
}

static unsigned quorum_of(const struct keyspace_table *table, const char *key) {
    return keyspace_of_key(table, view_of_string(key))->read_quorum;
}

static void test_default(void **state) {
    (void)state;
    struct keyspace_table table;
    keyspace_table_init(&table);
    assert_int_equal(table.count, 1);
    const struct keyspace *keyspace = keyspace_of_key(&table, VIEW("anything"));
    assert_int_equal(keyspace->prefix_bytes, 0);
    assert_int_equal(keyspace->read_quorum, 2);
    assert_int_equal(keyspace->write_quorum, 2);
    assert_int_equal(keyspace->conflict, CONFLICT_SIBLINGS);
    assert_int_equal(keyspace->durability, DURABILITY_SYNC);
}

static void test_longest_prefix_wins(void **state) {
    (void)state;
    struct keyspace_table table;
    keyspace_table_init(&table);
    assert_true(add(&table, "cart:", 3));
    assert_true(add(&table, "cart:old:", 4));
    assert_true(add(&table, "c", 5));
    assert_int_equal(quorum_of(&table, "cart:1"), 3);
    assert_int_equal(quorum_of(&table, "cart:old:1"), 4);
    assert_int_equal(quorum_of(&table, "cart:old"), 3);
    assert_int_equal(quorum_of(&table, "cart:"), 3);
    assert_int_equal(quorum_of(&table, "cart"), 5);
    assert_int_equal(quorum_of(&table, "d"), 2);
    assert_int_equal(quorum_of(&table, ""), 2);
}

static void test_refusals(void **state) {
    (void)state;
    struct keyspace_table table;
    keyspace_table_init(&table);
    assert_false(add(&table, "", 1));
    assert_true(add(&table, "a", 1));
    assert_false(add(&table, "a", 2));
    struct keyspace keyspace = make("b", 1);
    keyspace.prefix_bytes = KEYSPACE_PREFIX_SIZE + 1;
    assert_false(keyspace_table_add(&table, &keyspace));
    keyspace.prefix_bytes = KEYSPACE_PREFIX_SIZE;
    assert_true(keyspace_table_add(&table, &keyspace));
    for (unsigned i = (unsigned)table.count; i < LIMIT_KEYSPACES; i++) {
        char prefix[2] = {'x', (char)('0' + i)};
        keyspace = make("xx", 1);
        memcpy(keyspace.prefix, prefix, sizeof(prefix));
        assert_true(keyspace_table_add(&table, &keyspace));
    }
    assert_int_equal(table.count, LIMIT_KEYSPACES);
    assert_false(add(&table, "one more", 1));
}

static void test_digest(void **state) {
    (void)state;
    struct keyspace_table a;
    struct keyspace_table b;
    keyspace_table_init(&a);
    keyspace_table_init(&b);
    assert_true(digest_equal(keyspace_table_digest(&a), keyspace_table_digest(&b)));
    assert_true(add(&a, "one", 1) && add(&a, "two", 2) && add(&a, "on", 3));
    assert_true(add(&b, "on", 3) && add(&b, "two", 2));
    assert_false(digest_equal(keyspace_table_digest(&a), keyspace_table_digest(&b)));
    assert_true(add(&b, "one", 1));
    assert_true(digest_equal(keyspace_table_digest(&a), keyspace_table_digest(&b)));
    b.keyspaces[0].durability = DURABILITY_INTERVAL;
    assert_false(digest_equal(keyspace_table_digest(&a), keyspace_table_digest(&b)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_longest_prefix_wins),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
