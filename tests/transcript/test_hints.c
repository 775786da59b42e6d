/* Sloppy quorums and hinted handoff (Dynamo, section 4.6): who stands in for an owner that is out of reach, what
 * counts, and how what was kept gets home. Five members, and one key whose fallbacks are known. */
#include "core_harness.h"

/* The shard is A's, or another's; h is owned by A, B, C, and its fallbacks are D and E. */
static struct rig *rig_of_five(char self) {
    struct rig *rig = rig_new((struct rig_options){.members = 5, .self = (uint32_t)(self - 'A')});
    rig_key(rig, "h", "ABCDE");
    return rig;
}

static void a_fallback_stands_in_for_each_missing_owner(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    client(rig, "SET h v");
    says(rig, "disk: write h a1=v", "C: put h a1=v, name what you keep", "D: hint h a1=v, for B, name what you keep");
    disk_done(rig);
    answer(rig, 'D', "stored");
    says_nothing(rig); /* two copies are durable, but C may still name what it keeps */
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void fallbacks_alone_make_a_quorum_with_the_coordinator(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "SET h v");
    says(rig, "disk: write h a1=v", "D: hint h a1=v, for B, name what you keep",
         "E: hint h a1=v, for C, name what you keep");
    disk_done(rig);
    answer(rig, 'E', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void an_owner_lost_in_the_middle_is_replaced(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    client(rig, "SET h v");
    disk_done(rig);
    rig_forget(rig);
    peer_dies(rig, 'B');
    says(rig, "D: hint h a1=v, for B, name what you keep");
    peer_dies(rig, 'C');
    says(rig, "E: hint h a1=v, for C, name what you keep");
    answer(rig, 'D', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_fallback_without_room_is_followed_by_the_next(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    client(rig, "SET h v");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'D', "failed");
    says(rig, "E: hint h a1=v, for B, name what you keep");
    rig_free(rig);
}

/* Its own record vanished, unnoticed, and a hint that came home took its place. */
static void what_lacks_the_stamp_is_not_sent_for_it(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    client(rig, "SET h v");
    disk_done(rig);
    rig_forget(rig);
    disk_holds(rig, "h", "c1=(deleted)");
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    says(rig, "client: -INDOUBT..."); /* and no hint for anybody */
    assert_int_equal(rig->disk.doubts, 1);
    rig_free(rig);
}

static void a_strict_quorum_counts_owners_alone(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "GRAMME.PUT h v PW 2");
    says(rig, "client: -NOREPLICAS...");
    disk_has(rig, "h", "absent");
    rig_free(rig);
}

static void a_node_that_owns_nothing_coordinates_when_no_owner_can(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('D');
    peer_dies(rig, 'A');
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "SET h v");
    says(rig, "disk: write h a1=v for A", "E: hint h a1=v, for B, name what you keep");
    disk_done(rig);
    answer(rig, 'E', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_read_finds_what_a_fallback_holds(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    client(rig, "GET h");
    says(rig, "C: read h", "D: read h, an outline");
    answer(rig, 'C', "absent");
    says_nothing(rig);
    answer(rig, 'D', "object b1=w");
    says(rig, "disk: write h b1=w", "C: repair h b1=w", "client: w");
    rig_free(rig);
}

static void a_fallbacks_absence_counts_for_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "GET h");
    says(rig, "D: read h, an outline", "E: read h, an outline");
    answer(rig, 'D', "absent, uninformed");
    answer(rig, 'E', "absent, uninformed");
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void a_fallback_keeps_a_hint_and_brings_it_home(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('D');
    peer_dies(rig, 'B');
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'B');
    says(rig, "disk: write h b1=v for B");
    disk_done(rig);
    says(rig, "A: stored");
    pass_ms(rig, 1000);
    says_nothing(rig); /* B is away */
    peer_returns(rig, 'B');
    peer_dials(rig, 'B');
    pass_ms(rig, 200);
    says(rig, "B: home h b1=v");
    answer(rig, 'B', "stored");
    says(rig, "disk: remove h");
    pass_ms(rig, 1000);
    says_nothing(rig);
    rig_free(rig);
}

static void a_hint_that_grew_on_its_way_stays(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('D');
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'B');
    pass_ms(rig, 200);
    says(rig, "disk: write h b1=v for B", "B: home h b1=v");
    peer_hints(rig, 'A', "h", "c1=w", PUT_HINT, 'B');
    rig_forget(rig);
    answer(rig, 'B', "stored");
    pass_ms(rig, 200);
    says(rig, "B: home h b1=v & c1=w");
    answer(rig, 'B', "stored");
    says(rig, "disk: remove h");
    rig_free(rig);
}

static void an_owner_that_refuses_is_left_in_peace_for_a_while(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('D');
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'B');
    pass_ms(rig, 200);
    rig_forget(rig);
    answer(rig, 'B', "failed");
    pass_ms(rig, 900);
    says_nothing(rig);
    pass_ms(rig, 300);
    says(rig, "B: home h b1=v");
    rig_free(rig);
}

static void a_hint_for_two_owners_goes_to_both(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('D');
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'B');
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'C');
    rig_forget(rig);
    pass_ms(rig, 200);
    says(rig, "B: home h b1=v", "C: home h b1=v");
    answer(rig, 'C', "stored");
    says(rig, "disk: write h b1=v for B");
    answer(rig, 'B', "stored");
    says(rig, "disk: remove h");
    rig_free(rig);
}

/* A sweep passed the hint before it was for C too: what the sweep found must not make the node forget C. */
static void an_owner_added_in_mid_sweep_is_not_forgotten(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('D');
    pass_ms(rig, 2000); /* all partitions are counted, all trees built */
    peer_dies(rig, 'C');
    rig->holds_scans = true;
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'B');
    pass_ms(rig, 100);
    rig_forget(rig);
    scan_answers(rig, true, false);
    says(rig, "B: home h b1=v");
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'C');
    says(rig, "disk: write h b1=v for BC");
    peer_dies(rig, 'B');
    scan_answers(rig, false, true);
    rig->holds_scans = false;
    peer_returns(rig, 'C');
    peer_dials(rig, 'C');
    rig_forget(rig);
    pass_ms(rig, 500);
    says(rig, "C: home h b1=v");
    rig_free(rig);
}

static void an_owner_takes_no_hint_and_a_fallback_no_put(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_hints(rig, 'B', "h", "b1=v", PUT_HINT, 'C');
    says(rig, "B: refused");
    rig_free(rig);
    rig = rig_of_five('D');
    peer_puts(rig, 'A', "h", "b1=v", 0);
    says(rig, "A: refused");
    peer_hints(rig, 'A', "h", "b1=v", PUT_HINT, 'E'); /* E is no owner */
    says(rig, "A: refused");
    rig_free(rig);
}

static void an_owner_acknowledges_a_hint_when_it_is_durable(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_puts(rig, 'D', "h", "b1=v", PUT_HANDOFF);
    says(rig, "disk: write h b1=v");
    disk_done(rig);
    says(rig, "D: stored");
    rig_free(rig);
}

/* It reads only to spare a write where there is nothing. */
static void a_delete_goes_on_without_r(void **state) {
    (void)state;
    struct rig *rig = rig_of_five('A');
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    disk_holds(rig, "h", "b1=x");
    client(rig, "DEL h");
    says(rig, "D: read h", "E: read h");
    answer(rig, 'D', "absent, uninformed");
    answer(rig, 'E', "absent, uninformed");
    says(rig, "disk: write h a1=(deleted) over b1", "D: hint h a1=(deleted) over b1, for B, name what you keep",
         "E: hint h a1=(deleted) over b1, for C, name what you keep");
    disk_done(rig);
    answer(rig, 'D', "stored");
    says(rig, "client: :1");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fallback_stands_in_for_each_missing_owner),
        cmocka_unit_test(fallbacks_alone_make_a_quorum_with_the_coordinator),
        cmocka_unit_test(an_owner_lost_in_the_middle_is_replaced),
        cmocka_unit_test(a_fallback_without_room_is_followed_by_the_next),
        cmocka_unit_test(what_lacks_the_stamp_is_not_sent_for_it),
        cmocka_unit_test(a_strict_quorum_counts_owners_alone),
        cmocka_unit_test(a_node_that_owns_nothing_coordinates_when_no_owner_can),
        cmocka_unit_test(a_read_finds_what_a_fallback_holds),
        cmocka_unit_test(a_fallbacks_absence_counts_for_nothing),
        cmocka_unit_test(a_fallback_keeps_a_hint_and_brings_it_home),
        cmocka_unit_test(a_hint_that_grew_on_its_way_stays),
        cmocka_unit_test(an_owner_that_refuses_is_left_in_peace_for_a_while),
        cmocka_unit_test(a_hint_for_two_owners_goes_to_both),
        cmocka_unit_test(an_owner_added_in_mid_sweep_is_not_forgotten),
        cmocka_unit_test(a_delete_goes_on_without_r),
        cmocka_unit_test(an_owner_takes_no_hint_and_a_fallback_no_put),
        cmocka_unit_test(an_owner_acknowledges_a_hint_when_it_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
