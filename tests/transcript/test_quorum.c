/* Too few owners, and too late: what is certain about a write that is not answered OK. Before the first stamp nothing
 * was done (NOREPLICAS, NOQUORUM); after it a write may have landed (INDOUBT), and nobody says that it didn't. */
#include "core_harness.h"

static void without_w_in_reach_nothing_is_stamped(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "SET k v");
    says(rig, "client: -NOREPLICAS...");
    disk_has(rig, "k", "absent");
    rig_free(rig);
}

static void w_in_reach_suffice(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'B');
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "C: put k a1=v, name what you keep");
    disk_done(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void owners_lost_after_the_stamp_leave_a_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    peer_dies(rig, 'B');
    says_nothing(rig); /* C may still answer */
    peer_dies(rig, 'C');
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void owners_that_refuse_or_fail_leave_a_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'B', "refused");
    says_nothing(rig);
    answer(rig, 'C', "failed");
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_write_without_w_answers_is_in_doubt_at_its_deadline(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    pass_ms(rig, 999);
    says_nothing(rig);
    pass_ms(rig, 1);
    says(rig, "client: -INDOUBT...");
    answer(rig, 'B', "stored");
    says_nothing(rig); /* answered once */
    rig_free(rig);
}

static void a_second_round_without_w_answers_is_in_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    answer(rig, 'B', "stored, keeps b1");
    disk_done(rig);
    rig_forget(rig);
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

/* W durable answers, but not N-W+1 that name what they keep: the SET might have to be stamped again. */
static void a_set_waits_for_names_beyond_w(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.write_quorum = 1});
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'B', "stored");
    says_nothing(rig);
    peer_dies(rig, 'C'); /* it names nothing any more */
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_conditional_write_without_w_in_reach_does_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.read_quorum = 1});
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    client(rig, "SET k v NX");
    says(rig, "client: -NOREPLICAS...");
    rig_free(rig);
}

static void a_conditional_write_that_cannot_read_does_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v NX");
    says(rig, "B: read k");
    pass_ms(rig, 999);
    rig_forget(rig);
    pass_ms(rig, 1);
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void an_expire_whose_second_reading_fails_is_in_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "PEXPIRE k 5000");
    answer(rig, 'B', "same");
    rig_forget(rig);
    answer(rig, 'B', "stored, keeps b1 c1");
    says(rig, "B: read k", "C: read k");
    peer_dies(rig, 'B');
    says_nothing(rig);
    peer_dies(rig, 'C');
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_second_round_is_in_doubt_at_the_deadline(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    pass_ms(rig, 600);
    answer(rig, 'B', "stored, keeps b1");
    disk_done(rig);
    rig_forget(rig);
    pass_ms(rig, 399);
    says_nothing(rig);
    pass_ms(rig, 1);
    says(rig, "client: -INDOUBT..."); /* one deadline for the whole request */
    rig_free(rig);
}

static void a_second_reading_is_in_doubt_at_the_deadline(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "PEXPIRE k 5000");
    answer(rig, 'B', "same");
    answer(rig, 'B', "stored, keeps b1 c1");
    rig_forget(rig);
    pass_ms(rig, 1000);
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_second_round_that_waits_for_the_disk_is_in_doubt_at_the_deadline(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    disk_slow(rig, "k");
    answer(rig, 'B', "stored, keeps b1");
    disk_done(rig);
    rig_forget(rig);
    pass_ms(rig, 1000);
    says(rig, "client: -INDOUBT...");
    disk_found(rig, "k");
    says_nothing(rig); /* and no second stamp comes after the answer */
    rig_free(rig);
}

static void a_peer_whose_process_is_stopped_is_out_of_reach_after_half_a_second(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'C');
    rig->is_silent[1] = true;
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    pass_ms(rig, 490);
    says_nothing(rig);
    pass_ms(rig, 200);
    says(rig, "client: -INDOUBT...");
    client(rig, "SET k w");
    says(rig, "client: -NOREPLICAS..."); /* at once: nobody waits for a stopped process twice */
    client(rig, "GET k");
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_w_in_reach_nothing_is_stamped),
        cmocka_unit_test(w_in_reach_suffice),
        cmocka_unit_test(owners_lost_after_the_stamp_leave_a_doubt),
        cmocka_unit_test(owners_that_refuse_or_fail_leave_a_doubt),
        cmocka_unit_test(a_write_without_w_answers_is_in_doubt_at_its_deadline),
        cmocka_unit_test(a_second_round_without_w_answers_is_in_doubt),
        cmocka_unit_test(a_set_waits_for_names_beyond_w),
        cmocka_unit_test(a_conditional_write_without_w_in_reach_does_nothing),
        cmocka_unit_test(a_conditional_write_that_cannot_read_does_nothing),
        cmocka_unit_test(an_expire_whose_second_reading_fails_is_in_doubt),
        cmocka_unit_test(a_second_round_is_in_doubt_at_the_deadline),
        cmocka_unit_test(a_second_reading_is_in_doubt_at_the_deadline),
        cmocka_unit_test(a_second_round_that_waits_for_the_disk_is_in_doubt_at_the_deadline),
        cmocka_unit_test(a_peer_whose_process_is_stopped_is_out_of_reach_after_half_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
