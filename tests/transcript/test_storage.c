/* The disk under a coordinator: answers that come later, in order, or never, and errors, which are never absences. */
#include "core_harness.h"

static void a_set_waits_for_the_disk_to_tell_what_is_there(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    disk_slow(rig, "k");
    client(rig, "SET k v");
    says(rig, "disk: read k");
    disk_found(rig, "k");
    says(rig, "disk: write k a1=v over b1", "B: put k a1=v over b1, name what you keep",
         "C: put k a1=v over b1, name what you keep");
    rig_free(rig);
}

static void a_read_waits_for_the_own_disk_first(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    disk_slow(rig, "k");
    client(rig, "GET k");
    says(rig, "disk: read k");
    pass_ms(rig, 2);
    says(rig, "B: read k, without a digest"); /* a hedge against our own disk: there is no digest to compare with */
    answer(rig, 'B', "object b2=y");
    says(rig, "disk: read k"); /* it is merged when the disk has answered */
    disk_found(rig, "k");
    says(rig, "disk: write k b2=y", "client: y");
    rig_free(rig);
}

static void what_waits_for_a_key_goes_on_in_order(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_slow(rig, "k");
    client_of(rig, 0, "SET k one");
    client_of(rig, 1, "SET k two");
    peer_puts(rig, 'B', "k", "b1=x", PUT_NAME_KEPT);
    peer_reads(rig, 'C', "k", "absent");
    says(rig, "disk: read k", "disk: read k", "disk: read k", "disk: read k");
    disk_found(rig, "k");
    says(rig, "disk: write k a1=one", "disk: write k a2=two", "disk: write k a2=two & b1=x",
         "B: put k a1=one, name what you keep", "B: put k a2=two, name what you keep",
         "C: put k a1=one, name what you keep", "C: put k a2=two, name what you keep", "C: object a2=two & b1=x");
    disk_done(rig);
    says(rig, "B: stored, keeps a2 b1");
    rig_free(rig);
}

static void other_keys_pass_by_one_that_waits(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig_key(rig, "j", "ABC");
    disk_slow(rig, "k");
    client_of(rig, 0, "SET k v");
    says(rig, "disk: read k");
    client_of(rig, 1, "SET j w");
    says(rig, "disk: write j a1=w", "B: put j a1=w, name what you keep", "C: put j a1=w, name what you keep");
    rig_free(rig);
}

static void a_request_may_end_before_the_disk_answers(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_slow(rig, "k");
    client_of(rig, 0, "SET k v");
    client_of(rig, 1, "SET k w NX");
    rig_forget(rig);
    pass_ms(rig, 1000);
    answers_never(rig, 'B');
    answers_never(rig, 'C');
    says(rig, "B: read k, without a digest", "C: read k, without a digest", "client: -NOREPLICAS...",
         "client 1: -NOQUORUM...");
    disk_found(rig, "k");
    says_nothing(rig); /* nothing was stamped, and nothing is stamped now */
    disk_has(rig, "k", "absent");
    rig_free(rig);
}

static void an_unreadable_copy_is_not_an_absent_one(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_unreadable(rig, "k");
    client(rig, "SET k v");
    says(rig, "client: -IOERR this node cannot read its copy of the key; nothing was written");
    client(rig, "GET k");
    says(rig, "client: -IOERR...");
    client(rig, "SET k v NX");
    says(rig, "client: -IOERR...");
    peer_puts(rig, 'B', "k", "b1=x", PUT_NAME_KEPT);
    says(rig, "B: failed");
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "B: failed");
    rig_free(rig);
}

static void a_damaged_copy_is_given_up_and_filled_by_the_others(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_damaged(rig, "k");
    client(rig, "GET k");
    says(rig, "disk: remove k", "B: read k",
         "C: read k, an outline"); /* it counts for nothing: both others are asked */
    assert_int_equal(rig->disk.doubts, 1);
    answer(rig, 'B', "object b1=x");
    says(rig, "disk: write k b1=x");
    answer(rig, 'C', "object b2=y");
    says(rig, "disk: write k b2=y", "B: repair k b2=y", "client: y");
    client(rig, "GET k");
    says(rig, "B: read k", "C: read k"); /* still: it has not met the others again */
    rig_free(rig);
}

/* Of a reading that started over, an answer to what was asked before says nothing: B's `same` was of what is gone. */
static void an_answer_to_an_earlier_reading_is_none_to_this(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GET k");
    pass_ms(rig, 5);
    says(rig, "B: read k", "C: read k");
    disk_damaged(rig, "k");
    answer(rig, 'C', "absent");
    says(rig, "disk: remove k", "B: read k", "C: read k, an outline");
    answer_nth(rig, 'B', 0, "same");
    answer(rig, 'C', "absent");
    says_nothing(rig); /* B has not answered */
    answer(rig, 'B', "object b1=x");
    says(rig, "disk: write k b1=x", "C: repair k b1=x", "client: x");
    rig_free(rig);
}

static void what_is_gone_is_no_absence(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_damaged(rig, "k");
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "disk: remove k", "B: failed");
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "B: absent, uninformed");
    peer_dies(rig, 'C');
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void others_puts_take_the_place_of_a_damaged_copy(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_damaged(rig, "k");
    peer_puts(rig, 'B', "k", "b1=x", PUT_NAME_KEPT);
    says(rig, "disk: remove k", "disk: write k b1=x");
    disk_done(rig);
    says(rig, "B: stored");
    rig_free(rig);
}

static void an_unreadable_copy_after_waiting_is_one_too(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_slow(rig, "k");
    client(rig, "SET k v");
    client_of(rig, 1, "GET k");
    peer_puts(rig, 'B', "k", "b1=x", 0);
    peer_reads(rig, 'C', "k", NULL);
    rig_forget(rig);
    disk_found_unreadable(rig, "k");
    says(rig, "B: failed", "C: failed", "client: -IOERR...", "client 1: -IOERR...");
    rig_free(rig);
}

static void a_record_that_does_not_decode_is_unreadable(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_record_set(disk_record(&rig->disk, rig_key_name(rig, "k")), VIEW("rubbish"));
    client(rig, "GET k");
    says(rig, "client: -IOERR...");
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "B: failed");
    rig_free(rig);
}

/* It was stamped when the second round came: it may have landed, so IOERR's "nothing was written" is not for it. */
static void an_unreadable_copy_in_the_second_round_leaves_a_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    disk_unreadable(rig, "k");
    answer(rig, 'B', "stored, keeps b1");
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

/* ---- durability ---- */

static void a_store_that_stopped_stamps_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.has_stopped = true;
    client(rig, "SET k v");
    says(rig, "disk: refuses write k a1=v", "client: -IOERR...");
    disk_has(rig, "k", "absent");
    rig_free(rig);
}

static void a_node_whose_store_stopped_hands_writes_on(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.has_stopped = true;
    client(rig, "SET k v");
    says(rig, "disk: refuses write k a1=v", "client: -IOERR...");
    client(rig, "SET k w");
    says(rig, "B: operation set k w, hopped");
    rig_free(rig);
}

static void a_write_that_fails_later_does_not_count(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    disk_fails(rig);
    says_nothing(rig); /* two others may still make W */
    answer(rig, 'B', "stored");
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_write_that_fails_here_and_at_another_is_in_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    disk_fails(rig);
    answer(rig, 'B', "failed");
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_replica_answers_when_its_write_is_durable(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=x", 0);
    says(rig, "disk: write k b1=x");
    pass_ms(rig, 50);
    says_nothing(rig);
    disk_done(rig);
    says(rig, "B: stored");
    rig_free(rig);
}

/* The object is here already, but perhaps not on the disk yet: "stored" means durable. */
static void a_replica_that_has_it_already_waits_for_what_was_written_before(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=x", 0);
    peer_puts(rig, 'C', "k", "b1=x", 0);
    says(rig, "disk: write k b1=x");
    disk_done_first(rig);
    says(rig, "B: stored");
    disk_done(rig);
    says(rig, "C: stored");
    rig_free(rig);
}

static void a_replica_whose_disk_fails_says_so(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=x", 0);
    rig_forget(rig);
    disk_fails(rig);
    says(rig, "B: failed");
    peer_puts(rig, 'B', "k", "b2=y", 0);
    says(rig, "disk: refuses write k b2=y", "B: failed");
    peer_puts(rig, 'B', "k", "b1=x", 0); /* nothing to write, but nothing can be promised either */
    says(rig, "B: failed");
    rig_free(rig);
}

/* Siblings that stay lie in the record that the write replaces: a storage that frees it at once must do no harm. */
static void objects_survive_the_record_they_were_read_from(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x*5000 & c1=y*300");
    client(rig, "GRAMME.PUT k v");
    says(rig, "disk: write k a1=v & b1=x*5000 & c1=y*300", "B: put k a1=v & b1=x*5000 & c1=y*300",
         "C: put k a1=v & b1=x*5000 & c1=y*300");
    client_of(rig, 1, "PEXPIRE k 5000");
    rig_forget(rig);
    answer_nth(rig, 'B', 1, "same");
    says(rig, "disk: write k a1=v~5000 & b1=x*5000~5000 & c1=y*300~5000",
         "B: put k a1=v~5000 & b1=x*5000~5000 & c1=y*300~5000, name what you keep",
         "C: put k a1=v~5000 & b1=x*5000~5000 & c1=y*300~5000, name what you keep");
    peer_puts(rig, 'B', "k", "d1=z", PUT_NAME_KEPT);
    says(rig, "disk: write k a1=v~5000 & b1=x*5000~5000 & c1=y*300~5000 & d1=z");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_waits_for_the_disk_to_tell_what_is_there),
        cmocka_unit_test(a_read_waits_for_the_own_disk_first),
        cmocka_unit_test(what_waits_for_a_key_goes_on_in_order),
        cmocka_unit_test(other_keys_pass_by_one_that_waits),
        cmocka_unit_test(a_request_may_end_before_the_disk_answers),
        cmocka_unit_test(an_unreadable_copy_is_not_an_absent_one),
        cmocka_unit_test(a_damaged_copy_is_given_up_and_filled_by_the_others),
        cmocka_unit_test(an_answer_to_an_earlier_reading_is_none_to_this),
        cmocka_unit_test(what_is_gone_is_no_absence),
        cmocka_unit_test(others_puts_take_the_place_of_a_damaged_copy),
        cmocka_unit_test(an_unreadable_copy_after_waiting_is_one_too),
        cmocka_unit_test(a_record_that_does_not_decode_is_unreadable),
        cmocka_unit_test(an_unreadable_copy_in_the_second_round_leaves_a_doubt),
        cmocka_unit_test(a_store_that_stopped_stamps_nothing),
        cmocka_unit_test(a_write_that_fails_later_does_not_count),
        cmocka_unit_test(a_write_that_fails_here_and_at_another_is_in_doubt),
        cmocka_unit_test(a_replica_answers_when_its_write_is_durable),
        cmocka_unit_test(a_replica_that_has_it_already_waits_for_what_was_written_before),
        cmocka_unit_test(a_replica_whose_disk_fails_says_so),
        cmocka_unit_test(a_node_whose_store_stopped_hands_writes_on),
        cmocka_unit_test(objects_survive_the_record_they_were_read_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
