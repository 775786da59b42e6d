/* The keys that a node shows: SCAN, DBSIZE, RANDOMKEY (core/listing.h). */
#include "core/shard_state.h"
#include "core_harness.h"

#include <stdio.h>

enum { SURELY_READ_MS = 2000 };

static struct rig *with_known_trees(struct rig_options options) {
    struct rig *rig = rig_new(options);
    rig->disk.writes_at_once = true;
    pass_ms(rig, SURELY_READ_MS);
    assert_int_equal(rig->shard->trees.built, rig->shard->trees.owned);
    return rig;
}

static void set(struct rig *rig, const char *request) {
    client(rig, "%s", request);
    answer(rig, 'B', "stored");
    rig_forget(rig);
}

/* Storage answers a scan a moment later. */
static void list(struct rig *rig, const char *request) {
    client(rig, "%s", request);
    pass_ms(rig, 300);
}

/* The key that is called k, by its name. */
__attribute__((format(printf, 2, 0))) static void says_with_k(struct rig *rig, const char *format) {
    char line[64];
    struct view name = rig_key_name(rig, "k");
    (void)snprintf(line, sizeof(line), format, (int)name.size, (const char *)name.data);
    says(rig, line);
}

static void a_count_follows_every_write(void **state) {
    (void)state;
    struct rig *rig = with_known_trees((struct rig_options){0});
    client(rig, "DBSIZE");
    says(rig, "client: :0");
    set(rig, "SET k v");
    client(rig, "DBSIZE");
    says(rig, "client: :1");
    set(rig, "SET k w"); /* one key, whatever its values */
    client(rig, "DBSIZE");
    says(rig, "client: :1");
    client(rig, "DEL k");
    answer(rig, 'B', "same");
    answer(rig, 'B', "stored");
    rig_forget(rig);
    client(rig, "DBSIZE");
    says(rig, "client: :0");
    pass_ms(rig, 1000);
    assert_int_equal(rig->shard->trees.divergences, 0); /* a scrub counts anew, and compares */
    rig_free(rig);
}

/* In doubt: it is counted by scanning. */
static void what_no_tree_tells_is_counted(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    rig->holds_scans = true;
    rig_forget(rig);
    client(rig, "DBSIZE");
    says_nothing(rig);
    rig->holds_scans = false;
    pass_ms(rig, 100);
    says(rig, "client: :1");
    rig_free(rig);
}

static void a_slow_disk_is_not_waited_for(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.holds_scans = true});
    disk_holds(rig, "k", "b1=x");
    rig_forget(rig);
    client(rig, "KEYS *");
    pass_ms(rig, 400);
    says_nothing(rig);
    pass_ms(rig, 200);
    says(rig, "client: -BUSY this node's disk is slow; ask again");
    assert_false(list_empty(&rig->shard->listing.requests)); /* it still owes its scan */
    rig->holds_scans = false;
    pass_ms(rig, 200);
    says_nothing(rig);
    assert_true(list_empty(&rig->shard->listing.requests));
    list(rig, "KEYS *");
    says_with_k(rig, "client: [%.*s]");
    rig_free(rig);
}

static void what_is_deleted_or_expired_is_not_listed(void **state) {
    (void)state;
    struct rig *rig = with_known_trees((struct rig_options){0});
    disk_holds(rig, "k", "b1=(deleted)");
    list(rig, "SCAN 0");
    says(rig, "client: [0, []]");
    disk_holds(rig, "k", "b1=x~-1");
    list(rig, "RANDOMKEY");
    says(rig, "client: (nil)");
    disk_holds(rig, "k", "b1=x");
    list(rig, "SCAN 0");
    says_with_k(rig, "client: [0, [%.*s]]");
    list(rig, "RANDOMKEY");
    says_with_k(rig, "client: %.*s");
    rig_free(rig);
}

/* k is A's, B's and C's, in this order. */
static void one_node_shows_a_key(void **state) {
    (void)state;
    struct rig *rig = with_known_trees((struct rig_options){.self = 1});
    disk_holds(rig, "k", "c1=x");
    list(rig, "KEYS *");
    says(rig, "client: []");
    peer_dies(rig, 'A');
    pass_ms(rig, 100);
    rig_forget(rig);
    list(rig, "KEYS *");
    says_with_k(rig, "client: [%.*s]");
    rig_free(rig);
}

static void who_may_lack_data_says_so(void **state) {
    (void)state;
    struct rig *rig = with_known_trees((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    step_begin(rig);
    replica_lost(rig->shard, ring_partition_of_key(rig->ring, rig_key_name(rig, "k")));
    step_end(rig);
    rig_forget(rig);
    client(rig, "DBSIZE");
    says(rig, "client: -LOADING...");
    rig_free(rig);
}

/* A cursor has no room for a whole place: one big value ended the scan behind it, and was told again by the next. */
static void a_key_at_which_a_scan_was_cut_is_told_once(void **state) {
    (void)state;
    enum { CURSOR_BITS_OF_PLACE = LISTING_CURSOR_BITS - LISTING_SHARD_BITS - 8 }; /* of 256 partitions */
    struct rig *rig = with_known_trees((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    struct partition partition = rig_partition(rig, "k");
    const struct disk_scan *scan = &rig->disk.scans[0];
    rig->holds_scans = true;
    client(rig, "SCAN 0 COUNT 1");
    while (scan->partition.value != partition.value) {
        scan_answers(rig, false, true);
    }
    rig_forget(rig);
    scan_answers(rig, true, false); /* the next place is 1 */
    says_nothing(rig);
    assert_int_equal(scan->hash_from, 1);
    assert_int_equal(scan->hash_last, UINT64_MAX >> CURSOR_BITS_OF_PLACE);
    scan_answers(rig, false, true);
    uint64_t cursor = (uint64_t)partition.value << CURSOR_BITS_OF_PLACE | 1;
    struct view name = rig_key_name(rig, "k");
    char line[80];
    (void)snprintf(line, sizeof(line), "client: [%llu, [%.*s]]", (unsigned long long)cursor, (int)name.size,
                   (const char *)name.data);
    says(rig, line);
    client(rig, "SCAN %llu", (unsigned long long)cursor);
    assert_int_equal(scan->partition.value, partition.value);
    assert_int_equal(scan->hash_from, (UINT64_MAX >> CURSOR_BITS_OF_PLACE) + 1);
    assert_int_equal(scan->hash_last, UINT64_MAX);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_follows_every_write),
        cmocka_unit_test(what_no_tree_tells_is_counted),
        cmocka_unit_test(a_slow_disk_is_not_waited_for),
        cmocka_unit_test(what_is_deleted_or_expired_is_not_listed),
        cmocka_unit_test(one_node_shows_a_key),
        cmocka_unit_test(who_may_lack_data_says_so),
        cmocka_unit_test(a_key_at_which_a_scan_was_cut_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
