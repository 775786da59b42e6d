/* Forwarding: a node that owns no replica of the key sends the operation once to the best owner in reach (Dynamo,
 * section 6.4; core/router.h). A is outside, the owners are B, C and D. */
#include "core_harness.h"

static struct rig *outside(void) {
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "BCD");
    return rig;
}

static void a_read_goes_to_the_fastest_owner(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "GET j");
    says(rig, "B: operation get j, hopped");
    answer(rig, 'B', "done b1=x");
    says(rig, "client: x");
    rig_free(rig);
}

static void a_write_goes_to_the_fastest_owner(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v");
    says(rig, "B: operation set j v, hopped");
    answer(rig, 'B', "done");
    says(rig, "client: OK");
    rig_free(rig);
}

/* SET NX and its like meet at the first owner in reach, however slow it is, so that they serialise. */
static void conditional_writes_go_to_the_first_owner(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "DCB");
    client(rig, "SET j v NX");
    says(rig, "D: operation setnx j v, hopped");
    answer(rig, 'D', "unchanged");
    says(rig, "client: (nil)");
    client(rig, "PEXPIRE j 1000");
    says(rig, "D: operation expire j, hopped");
    peer_dies(rig, 'D');
    rig_forget(rig);
    client(rig, "SET j v NX");
    says(rig, "C: operation setnx j v, hopped");
    rig_free(rig);
}

static void an_owner_itself_forwards_conditional_writes_too(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig_key(rig, "j", "CAB");
    client(rig, "SET j v");
    says(rig, "disk: write j a1=v", "B: put j a1=v, name what you keep", "C: put j a1=v, name what you keep");
    client_of(rig, 1, "SET j v NX");
    says(rig, "C: operation setnx j v, hopped");
    rig_free(rig);
}

/* ---- the target is lost or slow ---- */

static void a_read_whose_target_is_lost_goes_to_another(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "GET j");
    says(rig, "B: operation get j, hopped");
    peer_dies(rig, 'B');
    says(rig, "C: operation get j, hopped");
    peer_dies(rig, 'C');
    says(rig, "D: operation get j, hopped");
    peer_dies(rig, 'D');
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void a_read_whose_target_is_slow_goes_to_another_too(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "GET j");
    pass_ms(rig, 150);
    says(rig, "B: operation get j, hopped", "C: operation get j, hopped");
    answer(rig, 'B', "done b1=x"); /* the first answer is as good */
    says(rig, "client: x");
    answer(rig, 'C', "done b1=x");
    says_nothing(rig);
    rig_free(rig);
}

/* A SET that says the same again does no harm, once the first try can have no more effect: it is good for 250 ms at its
 * coordinator. */
static void a_set_whose_target_is_lost_is_tried_again_later(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v");
    says(rig, "B: operation set j v, hopped");
    peer_dies(rig, 'B');
    says_nothing(rig);
    pass_ms(rig, 349);
    says_nothing(rig);
    pass_ms(rig, 1);
    says(rig, "C: operation set j v, hopped");
    answer(rig, 'C', "done");
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_set_that_ran_out_of_owners_is_in_doubt(void **state) {
    (void)state;
    struct rig *rig = outside();
    peer_dies(rig, 'D');
    client(rig, "SET j v");
    says(rig, "B: operation set j v, hopped");
    peer_dies(rig, 'C');
    peer_dies(rig, 'B');
    pass_ms(rig, 1000);
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_conditional_write_whose_target_is_lost_is_in_doubt(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v NX");
    says(rig, "B: operation setnx j v, hopped");
    peer_dies(rig, 'B');
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void so_are_a_delete_a_put_with_a_context_and_an_expire(void **state) {
    (void)state;
    static const char *const commands[][2] = {
        {"DEL j", "B: operation del j, hopped"},
        {"GRAMME.PUT j v", "B: operation put j v, hopped"},
        {"PEXPIRE j 1000", "B: operation expire j, hopped"},
        {"SET j v KEEPTTL", "B: operation set j v, hopped"},
        {"SET j v GET", "B: operation set j v, hopped"},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct rig *rig = outside();
        client(rig, "%s", commands[i][0]);
        says(rig, commands[i][1]);
        peer_dies(rig, 'B');
        says(rig, "client: -INDOUBT...");
        rig_free(rig);
    }
}

/* One that is tried again must not overtake a later one, so the later one waits; reads pass by. */
static void writes_of_one_key_are_forwarded_one_after_the_other(void **state) {
    (void)state;
    struct rig *rig = outside();
    rig_key(rig, "i", "BCD");
    client_of(rig, 0, "SET j one");
    client_of(rig, 1, "SET j two");
    client_of(rig, 2, "GET j");
    client_of(rig, 3, "SET i other");
    /* The queue counts: B is quicker, but has something to do already. */
    says(rig, "B: operation set j one, hopped", "C: operation get j, hopped", "B: operation set i other, hopped");
    answer(rig, 'B', "done");
    says(rig, "B: operation set j two, hopped", "client: OK");
    answer_nth(rig, 'B', 2, "done");
    says(rig, "client 1: OK");
    rig_free(rig);
}

static void a_waiting_write_past_its_deadline_did_nothing(void **state) {
    (void)state;
    struct rig *rig = outside();
    client_of(rig, 0, "SET j one NX");
    rig_forget(rig);
    pass_ms(rig, 600);
    client_of(rig, 1, "SET j two NX");
    pass_ms(rig, 400);
    says(rig, "B: operation setnx j two, hopped", "client: -INDOUBT...");
    client_of(rig, 2, "SET j three NX");
    pass_ms(rig, 600);
    says(rig, "B: operation setnx j three, hopped", "client 1: -INDOUBT...");
    rig_free(rig);
}

/* However many wait, the stack has room for them. */
static void many_waiting_writes_end_together(void **state) {
    (void)state;
    enum { WRITES = 20000 };
    struct rig *rig = rig_new((struct rig_options){.members = 4, .shard_count = 2, .max_requests = WRITES + 1});
    rig_key_of_shard(rig, "j", "BCD", 0);
    for (int i = 0; i < WRITES; i++) {
        mail_operates(rig, 1, "setnx j v");
    }
    says(rig, "B: operation setnx j v, hopped");
    peer_dies(rig, 'C');
    peer_dies(rig, 'D');
    rig_forget(rig);
    peer_dies(rig, 'B');
    size_t lines = 0;
    struct view text = buffer_view(&rig->log);
    for (size_t i = 0; i < text.size; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, WRITES);
    rig_forget(rig);
    rig_free(rig);
}

static void a_conditional_write_waits_for_its_one_target(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v NX");
    rig_forget(rig);
    pass_ms(rig, 999);
    says_nothing(rig);
    pass_ms(rig, 1);
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void with_no_owner_in_reach_nothing_was_done(void **state) {
    (void)state;
    struct rig *rig = outside();
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    peer_dies(rig, 'D');
    client(rig, "SET j v");
    says(rig, "client: -NOREPLICAS...");
    client(rig, "GET j");
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

/* ---- what the target says ---- */

static void a_target_that_cannot_take_part_is_passed_over(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v NX");
    rig_forget(rig);
    answer(rig, 'B', "noreplicas");
    says(rig, "C: operation setnx j v, hopped"); /* the first did nothing, so even this may go elsewhere */
    answer(rig, 'C', "done");
    says(rig, "client: OK");
    rig_free(rig);
}

static void when_all_decline_this_node_stands_in(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v");
    answer(rig, 'B', "noreplicas");
    answer(rig, 'C', "noreplicas");
    rig_forget(rig);
    answer(rig, 'D', "noreplicas");
    says(rig, "disk: write j a1=v for B", "B: put j a1=v, name what you keep", "C: put j a1=v, name what you keep",
         "D: put j a1=v, name what you keep");
    disk_done(rig);
    answer(rig, 'B', "stored");
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

/* The first try may have landed, but can have no more effect once its time is over: then a fallback tries once more,
 * and what it says is the answer, unless it did nothing. */
static void with_no_owner_left_a_set_is_tried_once_more_by_a_fallback(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5});
    rig_key(rig, "j", "BCD");
    client(rig, "SET j v");
    rig_forget(rig);
    peer_dies(rig, 'B');
    peer_dies(rig, 'C');
    peer_dies(rig, 'D');
    pass_ms(rig, 349);
    says_nothing(rig);
    pass_ms(rig, 1);
    says(rig, "disk: write j a1=v for B", "E: hint j a1=v, for C, name what you keep");
    disk_done(rig);
    answer(rig, 'E', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

/* The first try may have landed: that the second was declined makes nothing certain. */
static void a_decline_after_a_lost_try_is_no_certainty(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v");
    peer_dies(rig, 'B');
    pass_ms(rig, 350);
    says(rig, "B: operation set j v, hopped", "C: operation set j v, hopped");
    answer(rig, 'C', "noreplicas");
    says(rig, "D: operation set j v, hopped");
    answer(rig, 'D', "busy");
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_late_decline_of_the_first_try_leaves_it_to_the_second(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v");
    pass_ms(rig, 350);
    says(rig, "B: operation set j v, hopped", "C: operation set j v, hopped");
    answer(rig, 'B', "noreplicas");
    says_nothing(rig); /* C may be doing it */
    answer(rig, 'C', "done");
    says(rig, "client: OK");
    rig_free(rig);
}

static void a_doubt_is_handed_on(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v NX");
    rig_forget(rig);
    answer(rig, 'B', "indoubt");
    says(rig, "client: -INDOUBT...");
    rig_free(rig);
}

static void a_late_result_is_dropped(void **state) {
    (void)state;
    struct rig *rig = outside();
    client(rig, "SET j v NX");
    pass_ms(rig, 1000);
    rig_forget(rig);
    answer(rig, 'B', "done");
    says_nothing(rig);
    rig_free(rig);
}

/* ---- where the time went ---- */

static void a_slow_one_tells_where_its_time_went(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4, .slow_ms = 5});
    peer_operates(rig, 'D', true, "set k v");
    disk_done(rig);
    rig_forget(rig);
    pass_ms(rig, 7);
    answer(rig, 'C', "stored");
    says(rig, "D: result done: queued 0 store 0 10.0.0.2:17000 - 10.0.0.3:17000 7000");
    rig_free(rig);
}

/* ---- the hop rule: what came over a link goes over no other ---- */

static void a_hopped_operation_is_coordinated_here(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    peer_operates(rig, 'D', true, "set k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "D: result done");
    peer_operates(rig, 'D', true, "get k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "D: result done a1=v");
    rig_free(rig);
}

static void a_hopped_operation_is_not_forwarded_again(void **state) {
    (void)state;
    struct rig *rig = outside();
    peer_operates(rig, 'B', true, "set j v");
    says(rig, "B: result noreplicas");
    peer_operates(rig, 'B', true, "get j");
    says(rig, "B: result noreplicas");
    peer_operates(rig, 'B', true, "setnx j v");
    says(rig, "B: result noreplicas");
    rig_free(rig);
}

static void a_hopped_conditional_write_stays_though_the_first_owner_is_another(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "i", "BAC");
    peer_operates(rig, 'D', true, "setnx i v");
    says(rig, "B: read i");
    answer(rig, 'B', "absent");
    says(rig, "disk: write i a1=v", "B: put i a1=v, name what you keep", "C: put i a1=v, name what you keep");
    rig_free(rig);
}

static void a_result_goes_nowhere_when_its_asker_is_gone(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    peer_operates(rig, 'D', true, "set k v");
    peer_dies(rig, 'D');
    rig_forget(rig);
    disk_done(rig);
    answer(rig, 'B', "stored");
    says_nothing(rig);
    rig_free(rig);
}

static void an_inspection_shows_one_replica_s_own_record(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    disk_holds(rig, "k", "b1=x");
    peer_operates(rig, 'D', true, "inspect k A");
    says(rig, "D: result done b1=x");
    disk_unreadable(rig, "k");
    peer_operates(rig, 'D', true, "inspect k A");
    says(rig, "D: result refused: IOERR...");
    rig_free(rig);
}

/* Its hint goes home to the owner for which it stands, and is deleted then: beside that owner's copy it is none. */
static void a_fallback_for_an_owner_in_reach_is_no_copy_beside_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "BCD");
    client(rig, "SET j v");
    answer(rig, 'B', "noreplicas");
    answer(rig, 'C', "noreplicas");
    answer(rig, 'D', "noreplicas");
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'B', "stored");
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

/* An inspection of another node that came over a link must not go on over the next. */
static void an_inspection_does_not_hop_twice(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    peer_operates(rig, 'D', true, "inspect k B");
    says(rig, "D: result noreplicas");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_goes_to_the_fastest_owner),
        cmocka_unit_test(a_write_goes_to_the_fastest_owner),
        cmocka_unit_test(conditional_writes_go_to_the_first_owner),
        cmocka_unit_test(an_owner_itself_forwards_conditional_writes_too),
        cmocka_unit_test(a_read_whose_target_is_lost_goes_to_another),
        cmocka_unit_test(a_read_whose_target_is_slow_goes_to_another_too),
        cmocka_unit_test(a_set_whose_target_is_lost_is_tried_again_later),
        cmocka_unit_test(a_set_that_ran_out_of_owners_is_in_doubt),
        cmocka_unit_test(a_conditional_write_whose_target_is_lost_is_in_doubt),
        cmocka_unit_test(so_are_a_delete_a_put_with_a_context_and_an_expire),
        cmocka_unit_test(writes_of_one_key_are_forwarded_one_after_the_other),
        cmocka_unit_test(a_waiting_write_past_its_deadline_did_nothing),
        cmocka_unit_test(many_waiting_writes_end_together),
        cmocka_unit_test(a_conditional_write_waits_for_its_one_target),
        cmocka_unit_test(with_no_owner_in_reach_nothing_was_done),
        cmocka_unit_test(a_target_that_cannot_take_part_is_passed_over),
        cmocka_unit_test(when_all_decline_this_node_stands_in),
        cmocka_unit_test(with_no_owner_left_a_set_is_tried_once_more_by_a_fallback),
        cmocka_unit_test(a_decline_after_a_lost_try_is_no_certainty),
        cmocka_unit_test(a_late_decline_of_the_first_try_leaves_it_to_the_second),
        cmocka_unit_test(a_doubt_is_handed_on),
        cmocka_unit_test(a_late_result_is_dropped),
        cmocka_unit_test(a_slow_one_tells_where_its_time_went),
        cmocka_unit_test(a_hopped_operation_is_coordinated_here),
        cmocka_unit_test(a_hopped_operation_is_not_forwarded_again),
        cmocka_unit_test(a_hopped_conditional_write_stays_though_the_first_owner_is_another),
        cmocka_unit_test(a_result_goes_nowhere_when_its_asker_is_gone),
        cmocka_unit_test(an_inspection_shows_one_replica_s_own_record),
        cmocka_unit_test(an_inspection_does_not_hop_twice),
        cmocka_unit_test(a_fallback_for_an_owner_in_reach_is_no_copy_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
