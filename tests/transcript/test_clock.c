/* The hybrid clock's durable bound, and clocks that are off: nothing is stamped at or above a bound that is not on the
 * disk, and a node whose clock is more than a minute off its peers' coordinates no writes (version/clock.h). */
#include "core_harness.h"

static uint64_t present(const struct rig *rig) {
    return hybrid_time_of_wall(rig->moment.wall).value;
}

static void nothing_is_stamped_before_the_bound_is_durable(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.holds_clock = true});
    assert_false(shard_is_ready(rig->shard));
    client(rig, "SET k v");
    says_nothing(rig);
    disk_done(rig); /* the bound is on the disk */
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    assert_true(rig->last_time.value < rig->disk.clock_bound.value);
    assert_true(shard_is_ready(rig->shard));
    rig_free(rig);
}

static void what_waited_for_the_bound_past_its_deadline_did_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.holds_clock = true});
    client_of(rig, 0, "SET k v");
    client_of(rig, 1, "GRAMME.PUT k w");
    pass_ms(rig, 1000);
    says(rig, "client: -NOREPLICAS...", "client 1: -NOREPLICAS...");
    disk_done(rig);
    says_nothing(rig);
    disk_has(rig, "k", "absent");
    rig_free(rig);
}

static void reads_need_no_bound(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.holds_clock = true});
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: (nil)");
    peer_puts(rig, 'B', "k", "b1=x", 0);
    says(rig, "disk: write k b1=x");
    rig_free(rig);
}

static void a_disk_that_cannot_take_the_bound_stops_writes(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.holds_clock = true});
    disk_fails(rig);
    rig->disk.has_stopped = true;
    client(rig, "SET k v");
    pass_ms(rig, 1000);
    says(rig, "client: -NOREPLICAS...");
    rig_free(rig);
}

static void a_restart_begins_above_the_bound_of_the_run_before(void **state) {
    (void)state;
    struct hybrid_time floor = hybrid_time_of_wall((struct wall_time){UINT64_C(1700000000000) + 30000});
    struct rig *rig = rig_new((struct rig_options){.clock_floor = floor}); /* half a minute ahead of civil time */
    client(rig, "SET k v");
    assert_true(rig->last_time.value > floor.value);
    assert_true(rig->disk.clock_bound.value > rig->last_time.value);
    rig_free(rig);
}

static void the_bound_is_extended_ahead_of_need(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    uint64_t first = rig->disk.clock_bound.value;
    assert_true(first > present(rig));
    pass_ms(rig, 120000);
    assert_true(rig->disk.clock_bound.value > present(rig));
    assert_true(rig->disk.clock_bound.value > first);
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    rig_free(rig);
}

static void times_of_one_node_only_grow(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.write_quorum = 1});
    uint64_t before = 0;
    for (int i = 0; i < 50; i++) {
        client(rig, "GRAMME.PUT k v W 1");
        assert_true(rig->last_time.value > before);
        before = rig->last_time.value;
        disk_done(rig);
        rig_forget(rig);
        answers_never(rig, 'B');
        answers_never(rig, 'C');
    }
    rig_free(rig);
}

/* ---- a clock that is off ---- */

static struct rig *with_offsets(int64_t b_ms, int64_t c_ms) {
    struct rig *rig = rig_new((struct rig_options){0});
    rig->wall_offset_ms[1] = b_ms;
    rig->wall_offset_ms[2] = c_ms;
    pass_ms(rig, 300);
    rig_forget(rig);
    return rig;
}

static void a_node_whose_clock_is_off_hands_writes_to_another(void **state) {
    (void)state;
    struct rig *rig = with_offsets(61000, 61000);
    client_of(rig, 0, "SET k v");
    client_of(rig, 1, "SET k v NX");
    says(rig, "B: operation set k v, hopped");
    answer(rig, 'B', "done");
    says(rig, "B: operation setnx k v, hopped", "client: OK");
    rig_free(rig);
    rig = with_offsets(-61000, -61000);
    client(rig, "SET k v");
    says(rig, "B: operation set k v, hopped");
    rig_free(rig);
}

static void it_takes_no_writes_from_others_to_coordinate(void **state) {
    (void)state;
    struct rig *rig = with_offsets(61000, 61000);
    peer_operates(rig, 'B', true, "set k v");
    says(rig, "B: result noreplicas");
    rig_free(rig);
}

static void it_still_reads_and_stores(void **state) {
    (void)state;
    struct rig *rig = with_offsets(61000, 61000);
    peer_puts(rig, 'B', "k", "b1=x@+61000", 0);
    says(rig, "disk: write k b1=x"); /* nobody refuses a stamped object for its time */
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "client: x");
    rig_free(rig);
}

static void one_peer_whose_clock_is_off_is_its_own_affair(void **state) {
    (void)state;
    struct rig *rig = with_offsets(500000, 0);
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    rig_free(rig);
}

/* Of two nodes neither knows whose clock is off. If both refused, nothing could be written while the third is down. */
static void a_tie_does_not_stop_writes(void **state) {
    (void)state;
    struct rig *rig = with_offsets(500000, 0);
    peer_dies(rig, 'C');
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep");
    rig_free(rig);
}

static void a_minute_is_still_tolerated(void **state) {
    (void)state;
    struct rig *rig = with_offsets(60000, 60000);
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    rig_free(rig);
}

static void a_clock_that_was_set_right_coordinates_again(void **state) {
    (void)state;
    struct rig *rig = with_offsets(61000, 61000);
    rig->wall_offset_ms[1] = 10;
    rig->wall_offset_ms[2] = -10;
    pass_ms(rig, 300);
    rig_forget(rig);
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_stamped_before_the_bound_is_durable),
        cmocka_unit_test(what_waited_for_the_bound_past_its_deadline_did_nothing),
        cmocka_unit_test(reads_need_no_bound),
        cmocka_unit_test(a_disk_that_cannot_take_the_bound_stops_writes),
        cmocka_unit_test(a_restart_begins_above_the_bound_of_the_run_before),
        cmocka_unit_test(the_bound_is_extended_ahead_of_need),
        cmocka_unit_test(times_of_one_node_only_grow),
        cmocka_unit_test(a_node_whose_clock_is_off_hands_writes_to_another),
        cmocka_unit_test(it_takes_no_writes_from_others_to_coordinate),
        cmocka_unit_test(it_still_reads_and_stores),
        cmocka_unit_test(one_peer_whose_clock_is_off_is_its_own_affair),
        cmocka_unit_test(a_tie_does_not_stop_writes),
        cmocka_unit_test(a_minute_is_still_tolerated),
        cmocka_unit_test(a_clock_that_was_set_right_coordinates_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
