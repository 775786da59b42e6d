/* FLUSHALL: a floor that every member holds before anybody keeps it, and what that makes go (core/flush.h). */
#include "core/shard_state.h"
#include "core_harness.h"

static void both_say(struct rig *rig, enum question question, int64_t ms) {
    peer_responds(rig, 'B', question, ms);
    peer_responds(rig, 'C', question, ms);
}

static void a_flush_is_held_by_all_before_it_is_done(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "FLUSHALL");
    says(rig, "B: flush ask", "C: flush ask");
    peer_responds(rig, 'B', QUESTION_FLUSH_ASK, 400);
    says_nothing(rig);
    peer_responds(rig, 'C', QUESTION_FLUSH_ASK, 100);
    says(rig, "B: flush hold +400", "C: flush hold +400");
    assert_int_equal(rig->shard->flush.floor.value, 0);
    both_say(rig, QUESTION_FLUSH_HOLD, 400);
    says(rig, "B: flush do +400", "C: flush do +400");
    assert_int_equal(rig->disk.flush_floor.value, rig->shard->flush.floor.value);
    peer_responds(rig, 'B', QUESTION_FLUSH_DO, 400);
    says_nothing(rig);
    peer_responds(rig, 'B', QUESTION_FLUSH_DO, 400); /* said twice, it counts once */
    says_nothing(rig);
    peer_responds(rig, 'C', QUESTION_FLUSH_DO, 400);
    says(rig, "client: OK");
    rig_free(rig);
}

static void what_is_written_after_it_stays_though_the_clock_was_behind(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    rig->attempt = 7;
    peer_questions(rig, 'A', QUESTION_FLUSH_ASK, 0);
    says(rig, "A: reply to flush ask +0");
    peer_questions(rig, 'A', QUESTION_FLUSH_HOLD, 5000);
    says(rig, "A: reply to flush hold +5000");
    peer_operates(rig, 'A', true, "set k new"); /* before DO comes */
    disk_done(rig);
    rig_forget(rig);
    peer_questions(rig, 'A', QUESTION_FLUSH_DO, 5000);
    says(rig, "A: reply to flush do +5000");
    peer_reads(rig, 'A', "k", NULL);
    says(rig, "A: object a1=new");
    rig_free(rig);
}

/* Its time is above the floor, and what its actor had added before is not. (Found by a seed.) */
static void an_addition_beside_a_flush_counts_without_those_before(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "INCRBY k 40");
    answer(rig, 'B', "absent");
    disk_done(rig);
    answer(rig, 'B', "stored");
    client(rig, "INCRBY k 2");
    answer(rig, 'B', "same");
    rig_forget(rig);
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :42");
    rig->attempt = 7;
    pass_ms(rig, 1);
    peer_questions(rig, 'B', QUESTION_FLUSH_ASK, 0);
    says(rig, "B: reply to flush ask +0");
    client(rig, "INCR k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says_nothing(rig); /* it cannot be known yet what it may go on from */
    peer_questions(rig, 'B', QUESTION_FLUSH_HOLD, 0);
    says(rig, "disk: write k a2=(+42) & aa1=(+1)", "B: put k a2=(+42) & aa1=(+1)", "B: reply to flush hold +0",
         "C: put k a2=(+42) & aa1=(+1)");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :43");
    peer_questions(rig, 'B', QUESTION_FLUSH_DO, 0);
    rig_forget(rig);
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "B: object aa1=(+1) over a2-42");
    rig_free(rig);
}

static void what_was_there_is_gone_and_nothing_old_is_taken(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "c1=old");
    peer_questions(rig, 'A', QUESTION_FLUSH_DO, 400);
    rig_forget(rig);
    peer_reads(rig, 'A', "k", NULL);
    says(rig, "A: absent");
    peer_puts(rig, 'C', "k", "c1=old", 0);
    says(rig, "C: stored");
    pass_ms(rig, 1000);
    says(rig, "disk: remove k");
    assert_int_equal(rig->shard->flush.dropped, 1);
    assert_true(rig->shard->flush.is_swept);
    peer_puts(rig, 'C', "k", "c2=old over c1", 0); /* stamped after the floor all the same */
    says(rig, "disk: write k c2=old");
    rig_free(rig);
}

static void of_siblings_those_above_the_floor_stay(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "c1=old & d1=new@+900");
    peer_questions(rig, 'A', QUESTION_FLUSH_DO, 400);
    rig_forget(rig);
    peer_reads(rig, 'A', "k", NULL);
    says(rig, "A: object d1=new over c1");
    pass_ms(rig, 1000);
    says(rig, "disk: write k d1=new over c1");
    rig_free(rig);
}

static void without_every_member_nothing_is_done(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "FLUSHALL");
    rig_forget(rig);
    both_say(rig, QUESTION_FLUSH_ASK, 0);
    peer_responds(rig, 'B', QUESTION_FLUSH_HOLD, 0);
    rig_forget(rig);
    pass_ms(rig, 1000);
    says(rig, "client: -NOREPLICAS this needs every...");
    assert_int_equal(rig->shard->flush.floor.value, 0);
    peer_dies(rig, 'C');
    rig_forget(rig);
    client(rig, "FLUSHDB");
    says(rig, "client: -NOREPLICAS this needs every...");
    rig_free(rig);
}

static void once_begun_it_is_in_doubt(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "FLUSHALL ASYNC");
    both_say(rig, QUESTION_FLUSH_ASK, 0);
    both_say(rig, QUESTION_FLUSH_HOLD, 0);
    peer_responds(rig, 'B', QUESTION_FLUSH_DO, 0);
    rig_forget(rig);
    pass_ms(rig, 1000);
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_time_far_ahead_is_not_held(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    peer_questions(rig, 'A', QUESTION_FLUSH_HOLD, 61000);
    says_nothing(rig);
    peer_questions(rig, 'A', QUESTION_FLUSH_DO, 200000);
    assert_int_equal(rig->shard->flush.floor.value, 0);
    rig_free(rig);
}

/* In the order of the session, though its commands go on side by side. */
static void a_sessions_commands_stay_before_and_behind_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    rig_forget(rig);
    client(rig, "FLUSHALL");
    client(rig, "GET k");
    says_nothing(rig);
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK", "B: flush ask", "C: flush ask");
    both_say(rig, QUESTION_FLUSH_ASK, 400);
    both_say(rig, QUESTION_FLUSH_HOLD, 400);
    rig_forget(rig);
    both_say(rig, QUESTION_FLUSH_DO, 400);
    says(rig, "client: OK", "B: read k");
    rig_free(rig);
}

static void a_greeting_tells_the_floor(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "c1=old");
    peer_fence_flushed(rig, 'C', 400);
    peer_reads(rig, 'A', "k", NULL);
    says(rig, "A: absent");
    rig_free(rig);
}

/* Its store was wiped: it has forgotten that its clock was moved. */
static void what_is_stamped_is_above_a_floor_that_was_only_heard_of(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    peer_fence_flushed(rig, 'C', 5000);
    peer_operates(rig, 'A', true, "set k new");
    disk_done(rig);
    rig_forget(rig);
    peer_reads(rig, 'A', "k", NULL);
    says(rig, "A: object a1=new");
    rig_free(rig);
}

/* The disk was still busy with an earlier one. */
static void two_flushes_at_once_are_both_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    rig->disk.holds_flush = true;
    rig->attempt = 7;
    peer_questions(rig, 'A', QUESTION_FLUSH_DO, 100);
    rig->attempt = 8;
    peer_questions(rig, 'C', QUESTION_FLUSH_DO, 200);
    says_nothing(rig);
    disk_done(rig);
    says(rig, "A: reply to flush do +100");
    disk_done(rig);
    says(rig, "C: reply to flush do +200");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_is_held_by_all_before_it_is_done),
        cmocka_unit_test(what_is_written_after_it_stays_though_the_clock_was_behind),
        cmocka_unit_test(an_addition_beside_a_flush_counts_without_those_before),
        cmocka_unit_test(what_was_there_is_gone_and_nothing_old_is_taken),
        cmocka_unit_test(of_siblings_those_above_the_floor_stay),
        cmocka_unit_test(without_every_member_nothing_is_done),
        cmocka_unit_test(once_begun_it_is_in_doubt),
        cmocka_unit_test(a_time_far_ahead_is_not_held),
        cmocka_unit_test(a_sessions_commands_stay_before_and_behind_it),
        cmocka_unit_test(a_greeting_tells_the_floor),
        cmocka_unit_test(what_is_stamped_is_above_a_floor_that_was_only_heard_of),
        cmocka_unit_test(two_flushes_at_once_are_both_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
