/* INCR and its kin: an addition goes to its actor's own counter, and what replaces a counter leaves in the context how
 * much of it was seen (version/counter.h). */
#include "core_harness.h"

static void an_addition_reads_at_r_and_goes_to_a_counter_of_its_own(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=(+7) & c1=100");
    client(rig, "INCRBY k 5");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=(+5) & b2=(+7) & c1=100", "B: put k a1=(+5) & b2=(+7) & c1=100",
         "C: put k a1=(+5) & b2=(+7) & c1=100");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :112");
    client(rig, "DECR k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a2=(+4) & b2=(+7) & c1=100", "B: put k a2=(+4) & b2=(+7) & c1=100",
         "C: put k a2=(+4) & b2=(+7) & c1=100");
    rig_free(rig);
}

static void what_is_no_integer_is_left_alone(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "INCR k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "client: -ERR value is not an integer or out of range");
    rig_free(rig);

    rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=9223372036854775807");
    client(rig, "INCR k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "client: -ERR increment or decrement would overflow");
    rig_free(rig);
}

static void a_set_resets_what_it_has_seen_of_a_counter(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=(+7) over b1-4");
    client(rig, "SET k 100");
    says(rig, "disk: write k a1=100 over b2-7", "B: put k a1=100 over b2-7, name what you keep",
         "C: put k a1=100 over b2-7, name what you keep");
    disk_done(rig);
    answer(rig, 'B', "stored, keeps b3-9"); /* two more that the SET had not seen: its second stamp has */
    says(rig, "disk: write k a2=100 over b3-9", "B: put k a2=100 over b3-9", "C: put k a2=100 over b3-9");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

/* The trap that resets are there for. */
static void an_addition_beside_a_set_that_had_not_seen_it_counts_alone(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=(+9) over b1");
    peer_puts(rig, 'C', "k", "c1=100 over b1-4", 0);
    says(rig, "disk: write k b2=(+9) & c1=100 over b1-4");
    disk_done(rig);
    says(rig, "C: stored");
    client(rig, "GET k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "client: 105");
    rig_free(rig);
}

static void an_actor_goes_on_from_the_sum_that_was_replaced(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "INCRBY k 40");
    says(rig, "B: read k");
    answer(rig, 'B', "absent");
    says(rig, "disk: write k a1=(+40)", "B: put k a1=(+40)", "C: put k a1=(+40)");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :40");
    peer_puts(rig, 'C', "k", "c1=(deleted) over a1-40", 0);
    says(rig, "disk: write k c1=(deleted) over a1-40");
    disk_done(rig);
    says(rig, "C: stored");
    client(rig, "INCR k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a2=(+41) & c1=(deleted) over a1-40", "B: put k a2=(+41) & c1=(deleted) over a1-40",
         "C: put k a2=(+41) & c1=(deleted) over a1-40");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :1");
    rig_free(rig);
}

static void a_counter_that_expired_is_reset(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "INCRBY k 40");
    answer(rig, 'B', "absent");
    disk_done(rig);
    answer(rig, 'B', "stored");
    peer_puts(rig, 'C', "k", "a1=(+40)~-1", 0);
    disk_done(rig);
    rig_forget(rig);
    client(rig, "INCR k");
    says(rig, "B: read k");
    answer(rig, 'B', "same");
    says(rig, "disk: write k a2=(+41) over a1-40", "B: put k a2=(+41) over a1-40", "C: put k a2=(+41) over a1-40");
    rig_free(rig);
}

/* An older value than the SET's stands at B with a later time, under `lww`, and an addition came between the stamps. */
static void an_addition_does_not_make_a_set_seem_followed(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.conflict = CONFLICT_LWW});
    client_of(rig, 0, "SET k 5");
    says(rig, "disk: write k a1=5", "B: put k a1=5, name what you keep", "C: put k a1=5, name what you keep");
    client_of(rig, 1, "INCR k");
    says(rig, "B: read k");
    answer_nth(rig, 'B', 1, "object b1=100@5");
    says(rig, "disk: write k b1=100 over a1", "disk: write k a2=(+1) & b1=100", "B: repair k b1=100 over a1",
         "B: put k a2=(+1) & b1=100", "C: put k a2=(+1) & b1=100");
    answer(rig, 'B', "stored, keeps b1");
    disk_done(rig);
    says(rig, "disk: write k a2=(+1) & a3=5 over b1", "B: put k a2=(+1) & a3=5 over b1",
         "C: put k a2=(+1) & a3=5 over b1");
    rig_free(rig);
}

static void a_second_stamp_leaves_what_was_added_to_the_first(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client_of(rig, 0, "SET k 5");
    says(rig, "disk: write k a1=5", "B: put k a1=5, name what you keep", "C: put k a1=5, name what you keep");
    client_of(rig, 1, "INCR k");
    says(rig, "B: read k");
    answer_nth(rig, 'B', 1, "same");
    says(rig, "disk: write k a1=5 & a2=(+1)", "B: put k a1=5 & a2=(+1)", "C: put k a1=5 & a2=(+1)");
    disk_done(rig);
    answer(rig, 'B', "stored, keeps c1");
    says(rig, "disk: write k a2=(+1) & a3=5 over c1", "B: put k a2=(+1) & a3=5 over c1",
         "C: put k a2=(+1) & a3=5 over c1");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_addition_reads_at_r_and_goes_to_a_counter_of_its_own),
        cmocka_unit_test(what_is_no_integer_is_left_alone),
        cmocka_unit_test(a_set_resets_what_it_has_seen_of_a_counter),
        cmocka_unit_test(an_addition_beside_a_set_that_had_not_seen_it_counts_alone),
        cmocka_unit_test(an_actor_goes_on_from_the_sum_that_was_replaced),
        cmocka_unit_test(a_counter_that_expired_is_reset),
        cmocka_unit_test(an_addition_does_not_make_a_set_seem_followed),
        cmocka_unit_test(a_second_stamp_leaves_what_was_added_to_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
