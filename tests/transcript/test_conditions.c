/* Writes that read first: SET NX, XX, GET, KEEPTTL, DEL, EXPIRE. They hold their key, read at R, and store if what they
 * read lets them (core/coordinator.h). */
#include "core_harness.h"

static void set_nx_reads_at_r_and_writes(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v NX");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void append_follows_what_it_read(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "APPEND k yz");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=xyz over b1", "B: put k a1=xyz over b1", "C: put k a1=xyz over b1");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :3");
    client(rig, "SETRANGE k 1 ABCD");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a2=xABCD over b1", "B: put k a2=xABCD over b1", "C: put k a2=xABCD over b1");
    rig_free(rig);
}

static void set_nx_writes_nothing_over_a_value_that_another_holds(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v NX");
    says(rig, "B: read k");
    answer(rig, 'B', "object b1=x");
    says(rig, "disk: write k b1=x", "client: (nil)"); /* merged here; nothing of ours is written */
    rig_free(rig);
}

static void set_nx_takes_what_is_deleted_or_expired_for_absent(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=(deleted)");
    client(rig, "SET k v NX");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=v over b1", "B: put k a1=v over b1, name what you keep",
         "C: put k a1=v over b1, name what you keep");
    rig_free(rig);

    rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x~-1");
    client(rig, "SET k v NX");
    rig_forget(rig);
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=v over b1", "B: put k a1=v over b1, name what you keep",
         "C: put k a1=v over b1, name what you keep");
    rig_free(rig);
}

static void set_xx_writes_only_over_a_value(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v XX");
    rig_forget(rig);
    answer(rig, 'B', "absent");
    says(rig, "client: (nil)");
    disk_holds(rig, "k", "b1=x");
    client(rig, "SET k v XX");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=v over b1", "B: put k a1=v over b1, name what you keep",
         "C: put k a1=v over b1, name what you keep");
    rig_free(rig);
}

static void set_get_answers_what_r_had(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=old");
    client(rig, "SET k v GET");
    says(rig, "B: read k");
    answer(rig, 'B', "object b2=newer");
    says(rig, "disk: write k b2=newer", "disk: write k a1=v over b2", "B: put k a1=v over b2, name what you keep",
         "C: put k a1=v over b2, name what you keep");
    answer(rig, 'B', "stored");
    disk_done(rig);
    says(rig, "client: newer");
    rig_free(rig);
}

static void keepttl_takes_the_expiry_over(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=old~5000");
    client(rig, "SET k v KEEPTTL");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=v~5000 over b1", "B: put k a1=v~5000 over b1, name what you keep",
         "C: put k a1=v~5000 over b1, name what you keep");
    rig_free(rig);
}

/* An expired key is not there: there is nothing to keep. */
static void keepttl_of_an_expired_value_keeps_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=old~-5");
    client(rig, "SET k v KEEPTTL");
    rig_forget(rig);
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=v over b1", "B: put k a1=v over b1, name what you keep",
         "C: put k a1=v over b1, name what you keep");
    rig_free(rig);
}

static void set_with_expiry_keeps_it_in_the_second_round(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v PX 5000");
    says(rig, "disk: write k a1=v~5000", "B: put k a1=v~5000, name what you keep",
         "C: put k a1=v~5000, name what you keep");
    answer(rig, 'C', "stored, keeps c1");
    says(rig, "disk: write k a2=v~5000 over c1", "B: put k a2=v~5000 over c1", "C: put k a2=v~5000 over c1");
    rig_free(rig);
}

/* ---- DEL ---- */

static void del_of_an_absent_key_writes_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "DEL k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: :0");
    rig_free(rig);
}

static void del_stamps_a_tombstone_and_follows_the_rule_of_set(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x & c1=y");
    client(rig, "DEL k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=(deleted) over b1 c1", "B: put k a1=(deleted) over b1 c1, name what you keep",
         "C: put k a1=(deleted) over b1 c1, name what you keep");
    answer(rig, 'B', "stored, keeps b2");
    says(rig, "disk: write k a2=(deleted) over b2 c1", "B: put k a2=(deleted) over b2 c1",
         "C: put k a2=(deleted) over b2 c1");
    answer(rig, 'B', "stored");
    answer_nth(rig, 'C', 1, "stored");
    says(rig, "client: :1");
    rig_free(rig);
}

/* A value beside a tombstone is deleted too, though a plain GET doesn't show it. */
static void del_deletes_a_value_beside_a_tombstone(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x & c1=(deleted)@+1");
    client(rig, "DEL k");
    rig_forget(rig);
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=(deleted) over b1 c1", "B: put k a1=(deleted) over b1 c1, name what you keep",
         "C: put k a1=(deleted) over b1 c1, name what you keep");
    rig_free(rig);
}

/* ---- EXPIRE ---- */

static void expire_sets_a_register_and_makes_no_dot(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "PEXPIRE k 5000");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k b1=x~5000", "B: put k b1=x~5000, name what you keep",
         "C: put k b1=x~5000, name what you keep");
    answer(rig, 'C', "stored");
    disk_done(rig);
    says(rig, "client: :1");
    client(rig, "PERSIST k");
    says(rig, "B: read k");
    answer_nth(rig, 'B', 2, "same");
    says(rig, "disk: write k b1=x", "B: put k b1=x, name what you keep", "C: put k b1=x, name what you keep");
    rig_free(rig);
}

static void expire_of_an_absent_key_does_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "EXPIRE k 5");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: :0");
    rig_free(rig);
}

/* A replica holds a value that the first round's object doesn't have: it is fetched, and the register of all is set. */
static void expire_reads_again_what_replicas_keep(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "PEXPIRE k 5000");
    rig_forget(rig);
    answer(rig, 'B', "same");
    says(rig, "disk: write k b1=x~5000", "B: put k b1=x~5000, name what you keep",
         "C: put k b1=x~5000, name what you keep");
    answer(rig, 'B', "stored, keeps b1 c1");
    says(rig, "B: read k", "C: read k"); /* all of them */
    answer(rig, 'B', "object b1=x~5000 & c1=y");
    says(rig, "disk: write k b1=x~5000 & c1=y");
    answer_nth(rig, 'C', 1, "same"); /* as we were when it was asked: it lacks c1 */
    says(rig, "disk: write k b1=x~5000 & c1=y~5000", "B: repair k b1=x~5000 & c1=y", "B: put k b1=x~5000 & c1=y~5000",
         "C: repair k b1=x~5000 & c1=y", "C: put k b1=x~5000 & c1=y~5000");
    disk_has(rig, "k", "b1=x~5000 & c1=y~5000");
    answer(rig, 'B', "stored");
    says_nothing(rig);
    disk_done(rig);
    says(rig, "client: :1");
    rig_free(rig);
}

static void expire_reads_again_among_those_in_reach(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'C');
    disk_holds(rig, "k", "b1=x");
    client(rig, "PEXPIRE k 5000");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    rig_forget(rig);
    answer(rig, 'B', "stored, keeps b1 c1");
    says(rig, "B: read k");
    answer(rig, 'B', "object b1=x~5000 & c1=y");
    says(rig, "disk: write k b1=x~5000 & c1=y", "disk: write k b1=x~5000 & c1=y~5000", "B: repair k b1=x~5000 & c1=y",
         "B: put k b1=x~5000 & c1=y~5000");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :1");
    rig_free(rig);
}

/* ---- holding a key ---- */

static void requests_on_a_held_key_wait_in_order(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.writes_at_once = true;
    client_of(rig, 0, "SET k one NX");
    says(rig, "B: read k");
    client_of(rig, 1, "SET k two NX");
    client_of(rig, 2, "GET k");
    client_of(rig, 3, "SET k three");
    says_nothing(rig); /* all behind the first */
    answer(rig, 'B', "absent");
    says(rig, "disk: write k a1=one", "B: put k a1=one, name what you keep", "C: put k a1=one, name what you keep");
    answer(rig, 'B', "stored");
    says(rig, "B: read k", "client: OK"); /* the second NX holds the key now, and reads */
    answer(rig, 'B', "same");
    /* It changes nothing; the plain ones behind it go together. */
    says(rig, "disk: write k a2=three", "B: read k", "B: put k a2=three, name what you keep",
         "C: put k a2=three, name what you keep", "client 1: (nil)");
    answer(rig, 'B', "same");     /* as it was when the GET began */
    says(rig, "client 2: three"); /* read beside the SET: either would do */
    answer(rig, 'B', "stored");
    says(rig, "client 3: OK");
    rig_free(rig);
}

static void other_keys_do_not_wait(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig_key(rig, "j", "ABC");
    client(rig, "SET k v NX");
    says(rig, "B: read k");
    client_of(rig, 1, "SET j w");
    says(rig, "disk: write j a1=w", "B: put j a1=w, name what you keep", "C: put j a1=w, name what you keep");
    rig_free(rig);
}

static void a_request_that_waited_past_its_deadline_did_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client_of(rig, 0, "SET k one NX");
    rig_forget(rig);
    answer(rig, 'B', "absent");
    rig_forget(rig);
    pass_ms(rig, 500);
    client_of(rig, 1, "SET k two NX");
    client_of(rig, 2, "SET k three");
    pass_ms(rig, 500);
    /* The first may have landed; the others start, since nobody holds the key any more. */
    says(rig, "B: read k", "client: -INDOUBT...");
    pass_ms(rig, 3); /* a hedge */
    says(rig, "C: read k");
    pass_ms(rig, 497);
    says(rig, "client 1: -NOQUORUM...", "client 2: -NOREPLICAS...");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_nx_reads_at_r_and_writes),
        cmocka_unit_test(append_follows_what_it_read),
        cmocka_unit_test(set_nx_writes_nothing_over_a_value_that_another_holds),
        cmocka_unit_test(set_nx_takes_what_is_deleted_or_expired_for_absent),
        cmocka_unit_test(set_xx_writes_only_over_a_value),
        cmocka_unit_test(set_get_answers_what_r_had),
        cmocka_unit_test(keepttl_takes_the_expiry_over),
        cmocka_unit_test(keepttl_of_an_expired_value_keeps_nothing),
        cmocka_unit_test(set_with_expiry_keeps_it_in_the_second_round),
        cmocka_unit_test(del_of_an_absent_key_writes_nothing),
        cmocka_unit_test(del_stamps_a_tombstone_and_follows_the_rule_of_set),
        cmocka_unit_test(del_deletes_a_value_beside_a_tombstone),
        cmocka_unit_test(expire_sets_a_register_and_makes_no_dot),
        cmocka_unit_test(expire_of_an_absent_key_does_nothing),
        cmocka_unit_test(expire_reads_again_what_replicas_keep),
        cmocka_unit_test(expire_reads_again_among_those_in_reach),
        cmocka_unit_test(requests_on_a_held_key_wait_in_order),
        cmocka_unit_test(other_keys_do_not_wait),
        cmocka_unit_test(a_request_that_waited_past_its_deadline_did_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
