/* Reading: R owners, this one first; others compare a digest and send their object only if it differs; what differs is
 * merged, answered, and repaired (Dynamo, sections 4.5 and 5). */
#include "core_harness.h"

static void a_read_asks_one_other_and_compares(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k"); /* with the digest of what is here */
    answer(rig, 'B', "same");
    says(rig, "client: x");
    rig_free(rig);
}

static void an_absence_counts_as_an_answer(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: (nil)"); /* and there is nothing to repair */
    rig_free(rig);
}

static void with_r_1_nobody_is_asked(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 1});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "client: x");
    rig_free(rig);
}

static void with_r_3_all_are_asked_at_once(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 3});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k", "C: read k");
    answer(rig, 'C', "same");
    says_nothing(rig);
    answer(rig, 'B', "same");
    says(rig, "client: x");
    rig_free(rig);
}

static void a_newer_object_elsewhere_is_merged_and_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "object b2=y");
    says(rig, "disk: write k b2=y", "client: y"); /* B has it: nobody to repair but ourselves */
    rig_free(rig);
}

static void a_stale_owner_is_repaired(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=y");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "object b1=x");
    says(rig, "B: repair k b2=y", "client: y");
    rig_free(rig);
}

static void an_owner_that_lacks_the_key_is_repaired(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "absent");
    says(rig, "B: repair k b1=x", "client: x");
    rig_free(rig);
}

static void siblings_are_merged_and_each_owner_gets_what_it_lacks(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 3});
    disk_holds(rig, "k", "d1=x");
    client(rig, "GRAMME.GET k");
    says(rig, "B: read k", "C: read k");
    answer(rig, 'B', "object b1=y@+1");
    says(rig, "disk: write k b1=y & d1=x");
    answer(rig, 'C', "same"); /* as we were when it was asked */
    says(rig, "B: repair k b1=y & d1=x", "C: repair k b1=y & d1=x", "client: [<b1 d1>, y, x]");
    rig_free(rig);
}

/* What came here while the read was under way is on its way to the others by itself. */
static void a_read_beside_a_write_repairs_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client_of(rig, 0, "GET k");
    client_of(rig, 1, "SET k v");
    rig_forget(rig);
    answer(rig, 'B', "same");
    says(rig, "client: v");
    rig_free(rig);
}

static void a_late_answer_changes_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    pass_ms(rig, 3);
    rig_forget(rig);
    answer(rig, 'C', "same");
    says(rig, "client: x");
    answer(rig, 'B', "object b2=y");
    says_nothing(rig);
    disk_has(rig, "k", "b1=x");
    rig_free(rig);
}

/* ---- slow and lost owners ---- */

static void a_slow_owner_is_hedged_after_two_milliseconds(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k");
    pass_ns(rig, 2 * NS_PER_MS - 1);
    says_nothing(rig);
    pass_ns(rig, 1);
    says(rig, "C: read k");
    answer(rig, 'C', "same");
    says(rig, "client: x");
    rig_free(rig);
}

static void an_owner_known_as_slow_is_given_its_time(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4, .replicas = 4, .read_quorum = 3});
    client(rig, "GET k");
    says(rig, "B: read k", "C: read k, an outline");
    answer(rig, 'B', "absent");
    pass_ns(rig, 3 * NS_PER_MS - 1); /* C's answers take up to 3 ms, as far as we know */
    says_nothing(rig);
    pass_ns(rig, 1);
    says(rig, "D: read k");
    rig_free(rig);
}

/* B, which was the fastest, has become slow: after some answers C is asked first. */
static void latency_is_learnt_from_answers(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 3});
    for (int i = 0; i < 100; i++) {
        client(rig, "GET k");
        answer(rig, 'C', "absent");
        pass_ms(rig, 5);
        answer(rig, 'B', "absent");
    }
    rig_forget(rig);
    client(rig, "GRAMME.GET k R 2");
    says(rig, "C: read k");
    rig_free(rig);
}

static void an_owner_lost_in_mid_read_is_replaced(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k");
    peer_dies(rig, 'B');
    says(rig, "C: read k");
    answer(rig, 'C', "same");
    says(rig, "client: x");
    rig_free(rig);
}

static void without_r_in_reach_a_read_fails_at_once(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    peer_dies(rig, 'B');
    client(rig, "GET k");
    says(rig, "C: read k");
    peer_dies(rig, 'C');
    says(rig, "client: -NOQUORUM...");
    client(rig, "GET k");
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void an_owner_that_fails_or_refuses_is_replaced(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "failed"); /* unreadable there is not absent */
    says(rig, "C: read k");
    answer(rig, 'C', "refused");
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void a_read_is_answered_by_its_deadline(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GET k");
    pass_ms(rig, 999);
    says(rig, "B: read k", "C: read k");
    pass_ms(rig, 1);
    says(rig, "client: -NOQUORUM...");
    answer(rig, 'B', "absent");
    says_nothing(rig);
    rig_free(rig);
}

/* ---- large values: the outline first ---- */

static void a_large_object_is_told_in_outline(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x*5000");
    peer_reads(rig, 'B', "k", "c1=y");
    says(rig, "B: outline b1=");
    peer_reads(rig, 'B', "k", "b1=x*5000");
    says(rig, "B: same");
    peer_reads_whole(rig, 'B', "k");
    says(rig, "B: object b1=x*5000");
    rig_free(rig);
}

static void of_a_stale_owner_no_bytes_are_wanted(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=y*5000");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "outline b1=x*5000");
    says(rig, "B: repair k b2=y*5000", "client: y*5000");
    rig_free(rig);
}

static void bytes_that_are_here_are_not_fetched(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x*5000");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "outline b1=x*5000 over c1"); /* it knows of an event more, and of no value more */
    says(rig, "disk: write k b1=x*5000 over c1", "client: x*5000");
    rig_free(rig);
}

static void bytes_that_are_not_here_are_fetched(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "outline b2=y*5000");
    says(rig, "B: read k, whole");
    answer(rig, 'B', "object b2=y*5000");
    says(rig, "disk: write k b2=y*5000", "client: y*5000");
    rig_free(rig);
}

static void bytes_are_fetched_once(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 3});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "outline b2=y*5000");
    says(rig, "B: read k, whole");
    answer(rig, 'C', "outline b2=y*5000");
    says_nothing(rig);
    answer(rig, 'B', "object b2=y*5000");
    says(rig, "disk: write k b2=y*5000", "C: read k");
    answer(rig, 'C', "outline b2=y*5000");
    says(rig, "client: y*5000");
    rig_free(rig);
}

static void who_has_nothing_asks_one_for_the_whole(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 3});
    client(rig, "GET k");
    says(rig, "B: read k", "C: read k, an outline");
    answer(rig, 'C', "outline b1=y*5000");
    says_nothing(rig);
    answer(rig, 'B', "absent");
    says(rig, "C: read k, an outline");
    answer(rig, 'C', "outline b1=y*5000");
    says(rig, "C: read k");
    answer(rig, 'C', "object b1=y*5000");
    says(rig, "disk: write k b1=y*5000", "B: repair k b1=y*5000", "client: y*5000");
    rig_free(rig);
}

static void bytes_that_are_long_in_coming_are_fetched_elsewhere(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4, .replicas = 4, .read_quorum = 3});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "outline b2=y*5000");
    answer(rig, 'C', "outline b2=y*5000");
    says(rig, "B: read k, whole");
    pass_ms(rig, 3); /* what B and C may take, as far as we know */
    says(rig, "C: read k, whole", "D: read k");
    answer(rig, 'C', "object b2=y*5000");
    says(rig, "disk: write k b2=y*5000");
    answer(rig, 'D', "outline b2=y*5000");
    says(rig, "client: y*5000");
    rig_free(rig);
}

static void bytes_of_a_lost_owner_are_fetched_elsewhere(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4, .replicas = 4, .read_quorum = 3});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "outline b2=y*5000");
    answer(rig, 'C', "outline b2=y*5000");
    rig_forget(rig);
    peer_dies(rig, 'B');
    says(rig, "C: read k", "D: read k");
    answer(rig, 'D', "outline b2=y*5000");
    says(rig, "D: read k, whole");
    answer(rig, 'C', "outline b2=y*5000");
    answer(rig, 'D', "object b2=y*5000");
    says(rig, "disk: write k b2=y*5000", "C: read k");
    answer(rig, 'C', "outline b2=y*5000");
    says(rig, "client: y*5000");
    rig_free(rig);
}

/* ---- uninformed replicas ---- */

static void an_uninformed_absence_does_not_count(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent, uninformed");
    says(rig, "C: read k");
    answer(rig, 'C', "absent");
    says(rig, "client: (nil)");
    rig_free(rig);
}

static void a_presence_counts_whoever_has_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.was_unclean = true, .durability = DURABILITY_INTERVAL});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k", "C: read k"); /* it can't vouch for what it holds: everybody in reach is asked */
    answer(rig, 'B', "same");
    says_nothing(rig);
    answer(rig, 'C', "object b2=y");
    says(rig, "disk: write k b2=y", "B: repair k b2=y", "client: y");
    rig_free(rig);
}

static void our_own_absence_does_not_count_after_an_unclean_stop(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.was_unclean = true, .durability = DURABILITY_INTERVAL});
    peer_dies(rig, 'C');
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: -NOQUORUM..."); /* one informed answer, and R is 2 */
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "client: x");
    rig_free(rig);
}

static void when_all_owners_answered_it_is_over(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GET k");
    rig_forget(rig);
    answer(rig, 'B', "absent, uninformed");
    says(rig, "C: read k");
    answer(rig, 'C', "absent, uninformed");
    says(rig, "client: (nil)"); /* nobody can know more */
    rig_free(rig);
}

static void a_sync_keyspace_is_informed_after_an_unclean_stop(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.was_unclean = true});
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: (nil)");
    rig_free(rig);
}

/* ---- what a plain GET shows ---- */

static void the_greatest_time_shows_and_a_tombstone_hides(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 1});
    disk_holds(rig, "k", "b1=x & c1=y@+1");
    client(rig, "GET k");
    says(rig, "client: y");
    disk_holds(rig, "k", "b1=x & c1=(deleted)@+1");
    client(rig, "GET k");
    says(rig, "client: (nil)");
    disk_holds(rig, "k", "b1=x~1");
    client(rig, "GET k");
    says(rig, "client: x");
    pass_ms(rig, 1);
    client(rig, "GET k");
    says(rig, "client: (nil)");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_asks_one_other_and_compares),
        cmocka_unit_test(an_absence_counts_as_an_answer),
        cmocka_unit_test(with_r_1_nobody_is_asked),
        cmocka_unit_test(with_r_3_all_are_asked_at_once),
        cmocka_unit_test(a_newer_object_elsewhere_is_merged_and_answered),
        cmocka_unit_test(a_stale_owner_is_repaired),
        cmocka_unit_test(an_owner_that_lacks_the_key_is_repaired),
        cmocka_unit_test(siblings_are_merged_and_each_owner_gets_what_it_lacks),
        cmocka_unit_test(a_read_beside_a_write_repairs_nothing),
        cmocka_unit_test(a_late_answer_changes_nothing),
        cmocka_unit_test(a_slow_owner_is_hedged_after_two_milliseconds),
        cmocka_unit_test(an_owner_known_as_slow_is_given_its_time),
        cmocka_unit_test(latency_is_learnt_from_answers),
        cmocka_unit_test(an_owner_lost_in_mid_read_is_replaced),
        cmocka_unit_test(without_r_in_reach_a_read_fails_at_once),
        cmocka_unit_test(an_owner_that_fails_or_refuses_is_replaced),
        cmocka_unit_test(a_read_is_answered_by_its_deadline),
        cmocka_unit_test(a_large_object_is_told_in_outline),
        cmocka_unit_test(of_a_stale_owner_no_bytes_are_wanted),
        cmocka_unit_test(bytes_that_are_here_are_not_fetched),
        cmocka_unit_test(bytes_that_are_not_here_are_fetched),
        cmocka_unit_test(bytes_are_fetched_once),
        cmocka_unit_test(who_has_nothing_asks_one_for_the_whole),
        cmocka_unit_test(bytes_that_are_long_in_coming_are_fetched_elsewhere),
        cmocka_unit_test(bytes_of_a_lost_owner_are_fetched_elsewhere),
        cmocka_unit_test(an_uninformed_absence_does_not_count),
        cmocka_unit_test(a_presence_counts_whoever_has_it),
        cmocka_unit_test(our_own_absence_does_not_count_after_an_unclean_stop),
        cmocka_unit_test(when_all_owners_answered_it_is_over),
        cmocka_unit_test(a_sync_keyspace_is_informed_after_an_unclean_stop),
        cmocka_unit_test(the_greatest_time_shows_and_a_tombstone_hides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
