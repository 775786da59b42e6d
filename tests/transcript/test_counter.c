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
    says(rig, "disk: write k a2=(+41) over a1-40 c1", "B: put k a2=(+41) over a1-40 c1",
         "C: put k a2=(+41) over a1-40 c1"); /* and the tombstone is gone */
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: :1");
    rig_free(rig);
}

static void a_counter_that_expired_is_reset(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=(+7)~-1");
    client(rig, "INCR k");
    rig_forget(rig);
    answer(rig, 'B', "same");
    says(rig, "disk: write k a1=(+1) over b2-7", "B: put k a1=(+1) over b2-7", "C: put k a1=(+1) over b2-7");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
