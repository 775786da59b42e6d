/* GRAMME.RESTORE: an object of another cluster is merged with what is there, and durable at W (core/coordinator_put.c).
 */
#include "core_harness.h"

static void it_is_merged_and_answered_at_w(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_operates(rig, 'B', true, "restore k x3=old & y1=other");
    says(rig, "disk: write k x3=old & y1=other", "B: put k x3=old & y1=other", "C: put k x3=old & y1=other");
    disk_done(rig);
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "B: result done");
    rig_free(rig);
}

static void twice_is_once(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "x3=old");
    peer_operates(rig, 'B', true, "restore k x3=old");
    says(rig, "disk: write k x3=old", "B: put k x3=old", "C: put k x3=old");
    rig_free(rig);
}

static void what_was_written_over_it_stays(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "z1=new over x3");
    peer_operates(rig, 'B', true, "restore k x3=old");
    says(rig, "disk: write k z1=new over x3", "B: put k z1=new over x3", "C: put k z1=new over x3");
    rig_free(rig);
}

static void what_is_none_is_refused_and_nothing_is_written(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.RESTORE k garbage");
    says(rig, "client: -ERR not the encoded object of a key");
    rig_free(rig);
}

static void without_w_nodes_nothing_is_written(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "GRAMME.RESTORE k garbage");
    says(rig, "client: -NOREPLICAS...");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_merged_and_answered_at_w),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(what_was_written_over_it_stays),
        cmocka_unit_test(what_is_none_is_refused_and_nothing_is_written),
        cmocka_unit_test(without_w_nodes_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
