/* A plain SET: one round when replicas agree, a second one over what they keep (Dynamo, sections 4.4 and 4.5;
 * core/coordinator.h). */
#include "core_harness.h"

static void set_is_answered_after_w_durable_answers(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    answer(rig, 'B', "stored");
    says_nothing(rig); /* one durable copy so far: our own is not on the disk yet */
    disk_done(rig);
    says(rig, "client: OK");
    answer(rig, 'C', "stored");
    says_nothing(rig);
    rig_free(rig);
}

static void own_durability_alone_does_not_answer(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    disk_done(rig);
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void two_others_suffice_while_the_own_disk_is_slow(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    answer(rig, 'B', "stored");
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    disk_done(rig);
    says_nothing(rig);
    rig_free(rig);
}

static void an_answer_that_comes_twice_counts_once(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    answer(rig, 'B', "stored");
    answer_nth(rig, 'B', 0, "stored");
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void dots_of_a_key_are_counted_without_gaps(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.writes_at_once = true;
    client(rig, "SET k v1");
    answer(rig, 'B', "stored");
    rig_forget(rig);
    client(rig, "SET k v2");
    says(rig, "disk: write k a2=v2", "B: put k a2=v2, name what you keep", "C: put k a2=v2, name what you keep");
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    disk_has(rig, "k", "a2=v2");
    rig_free(rig);
}

/* The record says that this replica has coordinated the key, but in another run of the process: a crash may have
 * forgotten some of its dots. */
static void a_new_run_draws_a_new_actor(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct local_actor before = {.run = 6, .actor = 'b', .n = 3};
    struct object object = notation_object(&rig->notation, "b3=x");
    struct buffer bytes;
    buffer_init(&bytes);
    record_encode(&bytes, &before, &object);
    disk_record_set(disk_record(&rig->disk, rig_key_name(rig, "k")), buffer_view(&bytes));
    buffer_release(&bytes);
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v over b3", "B: put k a1=v over b3, name what you keep",
         "C: put k a1=v over b3, name what you keep");
    rig_free(rig);
}

/* A copy that came from elsewhere brings no actor with it: the first event here is of a new one. */
static void set_replaces_what_its_coordinator_has(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x@+20 & c2=y over d5");
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v over b1 c2 d5", "B: put k a1=v over b1 c2 d5, name what you keep",
         "C: put k a1=v over b1 c2 d5, name what you keep");
    struct object replaced = notation_object(&rig->notation, "b1=x@+20");
    assert_true(rig->last_time.value > replaced.context.greatest.value); /* whatever the clocks say */
    rig_free(rig);
}

static void a_replica_that_keeps_something_makes_a_second_round(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    answer(rig, 'B', "stored, keeps b1");
    /* The second stamp covers what was named, and the first. Nobody needs to name anything any more. */
    says(rig, "disk: write k a2=v over b1", "B: put k a2=v over b1", "C: put k a2=v over b1");
    disk_done(rig);
    says_nothing(rig); /* one of W answers of the second round */
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    disk_has(rig, "k", "a2=v over b1");
    rig_free(rig);
}

static void late_answers_of_the_first_round_do_not_count_in_the_second(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    answer(rig, 'B', "stored, keeps b1");
    says(rig, "disk: write k a2=v over b1", "B: put k a2=v over b1", "C: put k a2=v over b1");
    disk_done_first(rig); /* the first round's write, here */
    answer_nth(rig, 'C', 0, "stored");
    answer_nth(rig, 'C', 0, "stored, keeps c1");
    answer_nth(rig, 'B', 0, "stored");
    says_nothing(rig);
    answer_nth(rig, 'C', 1, "stored");
    says_nothing(rig);
    disk_done(rig);
    says(rig, "client: OK");
    rig_free(rig);
}

static void contexts_of_all_that_named_one_are_joined(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.write_quorum = 1});
    client(rig, "SET k v");
    rig_forget(rig);
    disk_done(rig);
    says_nothing(rig); /* durable at W, but N-W+1 owners have to say what they keep */
    answer(rig, 'B', "stored, keeps b2");
    says_nothing(rig);
    answer(rig, 'C', "stored, keeps c1 d3!");
    says(rig, "disk: write k a2=v over b2 c1 d3!", "B: put k a2=v over b2 c1 d3!", "C: put k a2=v over b2 c1 d3!");
    disk_done(rig);
    says(rig, "client: OK");
    rig_free(rig);
}

/* Names are waited for among the owners that can give them. */
static void an_owner_out_of_reach_names_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.write_quorum = 1});
    peer_dies(rig, 'C');
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep");
    disk_done(rig);
    says_nothing(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

/* Another coordinator's SET has replaced ours meanwhile: stamping again would bring our value back over it. What the
 * replica keeps is that SET's business. */
static void a_first_stamp_that_was_covered_is_not_stamped_again(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    peer_puts(rig, 'C', "k", "c1=w over a1", 0);
    says(rig, "disk: write k c1=w over a1");
    answer(rig, 'B', "stored, keeps b1");
    says_nothing(rig);
    disk_done(rig); /* W durable answers of the first round */
    says(rig, "client: OK", "C: stored");
    rig_free(rig);
}

/* The disk is slow between the rounds, and more answers come meanwhile: there is one second round all the same. */
static void the_second_round_begins_once(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    disk_slow(rig, "k");
    answer(rig, 'B', "stored, keeps b1");
    says(rig, "disk: read k");
    answer(rig, 'C', "stored, keeps c1");
    disk_done(rig);
    rig_forget(rig);
    disk_found(rig, "k");
    says(rig, "disk: write k a2=v over b1 c1", "B: put k a2=v over b1 c1", "C: put k a2=v over b1 c1");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    disk_has(rig, "k", "a2=v over b1 c1");
    rig_free(rig);
}

static void the_second_time_exceeds_what_was_named(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    uint64_t first = rig->last_time.value;
    pass_ms(rig, 5);
    answer(rig, 'B', "stored, keeps b1"); /* whose greatest time is the present, 5 ms after ours */
    assert_true(rig->last_time.value > first);
    assert_true(rig->last_time.value > hybrid_time_of_wall(rig->moment.wall).value);
    rig_free(rig);
}

static void under_lww_a_greater_time_is_named_and_overcome(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.conflict = CONFLICT_LWW});
    disk_holds(rig, "k", "b1=x & c1=y@+3");
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v over b1 c1", "B: put k a1=v over b1 c1, name what you keep",
         "C: put k a1=v over b1 c1, name what you keep");
    answer(rig, 'C', "stored, keeps d1");
    says(rig, "disk: write k a2=v over b1 c1 d1", "B: put k a2=v over b1 c1 d1", "C: put k a2=v over b1 c1 d1");
    rig_free(rig);
}

/* Found by a seed: the coordinator had been stopped and knew nothing of b1, which was acknowledged before the SET began
 * and has the greater time. That b1 displaced the first stamp here says nothing about which of them came later. */
static void under_lww_a_stamp_that_lost_by_its_time_is_made_again(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.conflict = CONFLICT_LWW});
    client(rig, "SET k v");
    rig_forget(rig);
    peer_puts(rig, 'B', "k", "b1=w@+3", 0);
    says(rig, "disk: write k b1=w over a1");
    answer(rig, 'C', "stored, keeps b1");
    says(rig, "disk: write k a2=v over b1", "B: put k a2=v over b1", "C: put k a2=v over b1");
    rig_free(rig);
}

/* Found by a seed: C had lost its disk and B was out of reach, so nobody told of the value that B still holds, with the
 * later time. A strict quorum promises that the last SET shows; a sloppy one goes on. */
static void what_a_wiped_owner_does_not_name_is_not_taken_for_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.primary_write_quorum = 2});
    peer_dies(rig, 'B');
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'C', "stored, uninformed");
    says(rig, "client: -INDOUBT...");
    rig_free(rig);

    rig = rig_new((struct rig_options){.primary_write_quorum = 2}); /* with B there, B and this node suffice */
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'C', "stored, uninformed");
    says_nothing(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    rig_free(rig);

    rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'B');
    client(rig, "SET k v");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'C', "stored, uninformed");
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_cluster_of_one_answers_for_itself(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 1});
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v");
    disk_done(rig);
    says(rig, "client: OK");
    client(rig, "GET k");
    says(rig, "client: v");
    rig_free(rig);
}

static void with_two_members_w_is_two(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2, .write_quorum = 3});
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep");
    disk_done(rig);
    says_nothing(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void commands_of_one_client_on_one_key_stay_in_order(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v1");
    client(rig, "SET k v2");
    says(rig, "disk: write k a1=v1", "B: put k a1=v1, name what you keep", "C: put k a1=v1, name what you keep",
         "disk: write k a2=v2", "B: put k a2=v2, name what you keep", "C: put k a2=v2, name what you keep");
    answer_nth(rig, 'B', 1, "stored");
    disk_done(rig);
    says_nothing(rig); /* the second is done; its answer waits for the first's */
    answer_nth(rig, 'B', 0, "stored");
    says(rig, "client: OK", "client: OK");
    rig_free(rig);
}

/* Two coordinators, each with a SET under way: one value is left, and both are answered. */
static void concurrent_sets_leave_one_of_them(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    peer_puts(rig, 'B', "k", "b1=w@+1", PUT_NAME_KEPT);
    says(rig, "disk: write k a1=v & b1=w");
    disk_done(rig);
    says(rig, "B: stored, keeps a1 b1"); /* so B stamps again, over ours */
    peer_puts(rig, 'B', "k", "b2=w@+2 over a1", 0);
    says(rig, "disk: write k b2=w over a1");
    answer(rig, 'B', "stored, keeps a1 b1"); /* to our first: it held both then */
    says(rig, "client: OK");                 /* durable at A and B; replaced by a SET that ran beside it */
    disk_done(rig);
    says(rig, "B: stored");
    disk_has(rig, "k", "b2=w over a1");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_is_answered_after_w_durable_answers),
        cmocka_unit_test(own_durability_alone_does_not_answer),
        cmocka_unit_test(two_others_suffice_while_the_own_disk_is_slow),
        cmocka_unit_test(an_answer_that_comes_twice_counts_once),
        cmocka_unit_test(dots_of_a_key_are_counted_without_gaps),
        cmocka_unit_test(a_new_run_draws_a_new_actor),
        cmocka_unit_test(set_replaces_what_its_coordinator_has),
        cmocka_unit_test(a_replica_that_keeps_something_makes_a_second_round),
        cmocka_unit_test(late_answers_of_the_first_round_do_not_count_in_the_second),
        cmocka_unit_test(contexts_of_all_that_named_one_are_joined),
        cmocka_unit_test(an_owner_out_of_reach_names_nothing),
        cmocka_unit_test(a_first_stamp_that_was_covered_is_not_stamped_again),
        cmocka_unit_test(the_second_round_begins_once),
        cmocka_unit_test(the_second_time_exceeds_what_was_named),
        cmocka_unit_test(under_lww_a_greater_time_is_named_and_overcome),
        cmocka_unit_test(under_lww_a_stamp_that_lost_by_its_time_is_made_again),
        cmocka_unit_test(what_a_wiped_owner_does_not_name_is_not_taken_for_nothing),
        cmocka_unit_test(a_cluster_of_one_answers_for_itself),
        cmocka_unit_test(with_two_members_w_is_two),
        cmocka_unit_test(commands_of_one_client_on_one_key_stay_in_order),
        cmocka_unit_test(concurrent_sets_leave_one_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
