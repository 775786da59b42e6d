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

static struct keyspace_change nothing_said(const char *prefix) {
    struct keyspace_change change = {.keyspace = make(prefix, KEYSPACE_UNCHANGED)};
    change.keyspace.write_quorum = KEYSPACE_UNCHANGED;
    change.keyspace.primary_read_quorum = KEYSPACE_UNCHANGED;
    change.keyspace.primary_write_quorum = KEYSPACE_UNCHANGED;
    change.keyspace.conflict = (enum conflict_rule)KEYSPACE_UNCHANGED;
    change.keyspace.durability = (enum durability)KEYSPACE_UNCHANGED;
    return change;
}

static void test_a_table_comes_back(void **state) {
    (void)state;
    struct keyspace_table table;
    struct keyspace_table back;
    struct buffer bytes;
    buffer_init(&bytes);
    keyspace_table_init(&table);
    table.version = 7;
    assert_true(add(&table, "one", 1) && add(&table, "two", 2));
    keyspace_table_encode(&bytes, &table);
    assert_true(keyspace_table_decode(buffer_view(&bytes), &back));
    assert_int_equal(back.version, 7);
    assert_true(digest_equal(keyspace_table_digest(&table), keyspace_table_digest(&back)));
    for (size_t size = 0; size < buffer_size(&bytes); size++) {
        assert_false(keyspace_table_decode(view_slice(buffer_view(&bytes), 0, size), &back));
    }
    table.keyspaces[1].read_quorum = 0;
    buffer_clear(&bytes);
    keyspace_table_encode(&bytes, &table);
    assert_false(keyspace_table_decode(buffer_view(&bytes), &back));
    buffer_release(&bytes);
}

static void test_changes(void **state) {
    (void)state;
    struct keyspace_table table;
    struct keyspace_change back;
    struct buffer bytes;
    keyspace_table_init(&table);
    struct keyspace_change change = nothing_said("cart:");
    change.keyspace.write_quorum = 3;
    buffer_init(&bytes);
    keyspace_change_encode(&bytes, &change);
    assert_true(keyspace_change_decode(buffer_view(&bytes), &back));
    assert_null(keyspace_table_change(&table, &back, 3));
    const struct keyspace *cart = keyspace_of_key(&table, VIEW("cart:1"));
    assert_true(cart->write_quorum == 3 && cart->read_quorum == 2 && cart->conflict == CONFLICT_SIBLINGS);
    change = nothing_said("cart:");
    change.keyspace.conflict = CONFLICT_LWW;
    assert_null(keyspace_table_change(&table, &change, 3));
    cart = keyspace_of_key(&table, VIEW("cart:1"));
    assert_true(table.count == 2 && cart->write_quorum == 3 && cart->conflict == CONFLICT_LWW);
    change.keyspace.read_quorum = 4;
    assert_non_null(keyspace_table_change(&table, &change, 3)); /* more than there are replicas */
    change = nothing_said("");
    change.removes = true;
    assert_non_null(keyspace_table_change(&table, &change, 3)); /* the default one */
    change = nothing_said("cart:");
    change.removes = true;
    keyspace_table_init(&table);
    assert_non_null(keyspace_table_change(&table, &change, 3)); /* there is none */
    assert_true(add(&table, "cart:", 1) && add(&table, "z", 1));
    assert_null(keyspace_table_change(&table, &change, 3));
    assert_true(table.count == 2 && quorum_of(&table, "cart:1") == 2 && quorum_of(&table, "z") == 1);
    buffer_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default), cmocka_unit_test(test_longest_prefix_wins), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_digest),  cmocka_unit_test(test_a_table_comes_back),  cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
