#include "version/lineage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct witnessed remembers(uint64_t store, uint64_t run, uint64_t bound) {
    return (struct witnessed){.store = store, .run = run, .bound = {bound}};
}

static bool is_back(const struct lineage *lineage, uint64_t store, uint64_t run, uint64_t bound) {
    struct witnessed remembered = remembers(store, run, bound);
    return lineage_is_rolled_back(lineage, &remembered);
}

static void test_a_store_is_named_by_its_first_process(void **state) {
    (void)state;
    struct lineage lineage = {0};
    lineage_begin(&lineage, 7, (struct hybrid_time){0});
    assert_int_equal(lineage.store, 7);
    lineage_begin(&lineage, 8, (struct hybrid_time){100});
    assert_int_equal(lineage.store, 7);
    assert_false(is_back(&lineage, 7, 7, 100));
    assert_true(is_back(&lineage, 7, 7, 101));
    assert_false(is_back(&lineage, 7, 8, 1000)); /* what this process told itself */
    assert_true(is_back(&lineage, 7, 9, 1));
}

/* A copy of the store, made in the second of three processes, and put back. */
static void test_a_copy_never_passes_for_the_store_again(void **state) {
    (void)state;
    struct lineage lineage = {0};
    lineage_begin(&lineage, 1, (struct hybrid_time){0});
    lineage_begin(&lineage, 2, (struct hybrid_time){100});
    struct lineage copy = lineage;
    lineage_begin(&lineage, 3, (struct hybrid_time){200});
    lineage_begin(&copy, 4, (struct hybrid_time){150});
    assert_false(is_back(&copy, 1, 1, 100));
    assert_false(is_back(&copy, 1, 2, 150)); /* nobody knows of anything later */
    assert_true(is_back(&copy, 1, 2, 151));
    assert_true(is_back(&copy, 1, 3, 200));
    /* However often it is started, and however far its clock comes. */
    for (uint64_t run = 5; run < 3 * LINEAGE_RUNS; run++) {
        lineage_begin(&copy, run, (struct hybrid_time){1000 * run});
        assert_int_equal(is_back(&copy, 1, 3, 200), run < LINEAGE_RUNS + 4);
    }
}

/* Of processes that are forgotten nothing is known but that they told no more than was found after them. */
static void test_a_long_lineage_forgets_its_beginning(void **state) {
    (void)state;
    struct lineage lineage = {0};
    for (uint64_t run = 1; run <= LINEAGE_RUNS + 10; run++) {
        lineage_begin(&lineage, run, (struct hybrid_time){run * 100 - 100});
    }
    assert_int_equal(lineage.count, LINEAGE_RUNS);
    for (uint64_t run = 1; run <= LINEAGE_RUNS + 9; run++) {
        assert_false(is_back(&lineage, 1, run, run * 100));
    }
    assert_false(is_back(&lineage, 1, 999, 500));
    assert_true(is_back(&lineage, 1, 999, 5000));
}

static void test_stores_before_are_not_to_come_back(void **state) {
    (void)state;
    struct witnessed witnessed = {0};
    struct lineage second = {0};
    struct lineage first = {0};
    lineage_begin(&first, 1, (struct hybrid_time){0});
    lineage_begin(&second, 2, (struct hybrid_time){0});
    assert_false(lineage_is_rolled_back(&first, &witnessed));
    witness_hear(&witnessed, 1, 1, (struct hybrid_time){100});
    assert_false(lineage_is_rolled_back(&second, &witnessed)); /* an empty folder is no old one */
    witness_hear(&witnessed, 2, 2, (struct hybrid_time){50});
    assert_false(lineage_is_rolled_back(&second, &witnessed));
    assert_true(lineage_is_rolled_back(&first, &witnessed));
    witness_hear(&witnessed, 1, 1, (struct hybrid_time){100}); /* a word that was long on its way */
    assert_false(lineage_is_rolled_back(&second, &witnessed));
    assert_true(lineage_is_rolled_back(&first, &witnessed));
}

static void test_two_shards_memories_are_joined(void **state) {
    (void)state;
    struct witnessed early = remembers(1, 1, 100);
    struct witnessed late = remembers(1, 2, 300);
    struct witnessed other = {0};
    witness_join(&other, &early);
    witness_join(&other, &late);
    assert_int_equal(other.run, 2);
    witness_join(&other, &early);
    assert_int_equal(other.run, 2);
    assert_int_equal(other.bound.value, 300);
    struct witnessed emptied = late;
    witness_hear(&emptied, 9, 9, (struct hybrid_time){10});
    witness_join(&other, &emptied);
    assert_int_equal(other.store, 9);
    assert_int_equal(other.retired[0], 1);
    witness_join(&other, &early);
    assert_int_equal(other.store, 9);
    struct witnessed full = {.store = 9, .run = 9, .bound = {1}, .retired = {8, 7, 6, 5}};
    struct witnessed long_ago = {.store = 4, .run = 4, .bound = {1}, .retired = {3, 2, 1, 10}};
    witness_join(&full, &long_ago);
    assert_int_equal(full.retired[0], 8); /* what was retired last is not forgotten for what was long ago */
    assert_int_equal(full.retired[3], 5);
}

static void test_encodings(void **state) {
    (void)state;
    struct buffer bytes;
    struct lineage lineage = {0};
    struct lineage again = {0};
    buffer_init(&bytes);
    for (uint64_t run = 1; run <= 5; run++) {
        lineage_begin(&lineage, run, (struct hybrid_time){run});
    }
    lineage_encode(&bytes, &lineage);
    assert_true(lineage_decode(buffer_view(&bytes), &again));
    assert_memory_equal(&lineage, &again, sizeof(lineage));
    for (size_t size = 0; size < buffer_size(&bytes); size++) {
        struct lineage untouched = again;
        bool is_whole_entry = size >= 32 && size % 16 == 0;
        assert_int_equal(lineage_decode(view_slice(buffer_view(&bytes), 0, size), &untouched), is_whole_entry);
    }
    buffer_clear(&bytes);
    struct witnessed witnessed = {.store = 1, .run = 2, .bound = {3}, .retired = {4, 5, 6, 7}};
    struct witnessed read;
    witness_encode(&bytes, &witnessed);
    struct reader reader = reader_of(buffer_view(&bytes));
    assert_true(witness_decode(&reader, &read) && reader_finished(&reader));
    assert_memory_equal(&witnessed, &read, sizeof(read));
    buffer_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_store_is_named_by_its_first_process),
        cmocka_unit_test(test_a_copy_never_passes_for_the_store_again),
        cmocka_unit_test(test_a_long_lineage_forgets_its_beginning),
        cmocka_unit_test(test_stores_before_are_not_to_come_back),
        cmocka_unit_test(test_two_shards_memories_are_joined),
        cmocka_unit_test(test_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
