/* A replica: other coordinators' puts and reads, met with this shard's own copy. */
#include "core_harness.h"

static void a_put_is_merged_with_what_is_here(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x & c1=y");
    peer_puts(rig, 'B', "k", "b2=z", 0);
    says(rig, "disk: write k b2=z & c1=y");
    disk_done(rig);
    says(rig, "B: stored"); /* it was not asked what it keeps */
    rig_free(rig);
}

static void it_names_its_whole_context_when_it_keeps_a_value(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "c1=y over d3 e1!");
    peer_puts(rig, 'B', "k", "b1=x", PUT_NAME_KEPT);
    says(rig, "disk: write k b1=x & c1=y over d3 e1");
    disk_done(rig);
    says(rig, "B: stored, keeps b1 c1 d3 e1");
    rig_free(rig);
}

static void it_names_nothing_when_the_put_covers_all(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "c1=y over d3");
    peer_puts(rig, 'B', "k", "b1=x over c1", PUT_NAME_KEPT);
    says(rig, "disk: write k b1=x over c1 d3");
    disk_done(rig);
    says(rig, "B: stored"); /* d3 has left no value here */
    rig_free(rig);
}

static void it_names_the_winner_that_the_put_lost_to(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.conflict = CONFLICT_LWW});
    disk_holds(rig, "k", "c1=y@+5");
    peer_puts(rig, 'B', "k", "b1=x", PUT_NAME_KEPT);
    says(rig, "disk: write k c1=y over b1");
    disk_done(rig);
    says(rig, "B: stored, keeps b1 c1");
    rig_free(rig);
}

/* What replaced the put already is not named: the put's second stamp would bring the older value back over it. */
static void it_does_not_name_what_followed_the_put(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b2=newer");
    peer_puts(rig, 'B', "k", "b1=old", PUT_NAME_KEPT);
    says(rig, "B: stored"); /* at once: there is nothing to write, and nothing on its way to the disk */
    disk_has(rig, "k", "b2=newer");
    rig_free(rig);
}

/* Of two writers at once only one followed the put. The other's value is named with it. */
static void it_names_what_stands_beside_the_put(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x & c1=y");
    peer_puts(rig, 'B', "k", "b1=x", PUT_NAME_KEPT); /* sent twice, say */
    says(rig, "B: stored, keeps b1 c1");
    rig_free(rig);
}

static void a_repair_is_merged_and_not_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "c1=y");
    peer_puts(rig, 'B', "k", "b1=x", PUT_REPAIR);
    says(rig, "disk: write k b1=x & c1=y");
    disk_done(rig);
    says_nothing(rig);
    disk_unreadable(rig, "k");
    peer_puts(rig, 'B', "k", "b2=x", PUT_REPAIR);
    says_nothing(rig);
    rig_free(rig);
}

static void a_read_is_answered_with_a_word_when_both_have_the_same(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_reads(rig, 'B', "k", "absent");
    says(rig, "B: absent");
    disk_holds(rig, "k", "b1=x");
    peer_reads(rig, 'B', "k", "b1=x");
    says(rig, "B: same");
    peer_reads(rig, 'B', "k", "b2=y");
    says(rig, "B: object b1=x");
    peer_reads(rig, 'B', "k", NULL);
    says(rig, "B: object b1=x");
    rig_free(rig);
}

static void after_an_unclean_stop_its_absences_are_uninformed(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.was_unclean = true, .durability = DURABILITY_INTERVAL});
    peer_reads(rig, 'B', "k", "absent");
    says(rig, "B: absent, uninformed");
    rig_free(rig);
    rig = rig_new((struct rig_options){.was_unclean = true, .durability = DURABILITY_SYNC});
    peer_reads(rig, 'B', "k", "absent");
    says(rig, "B: absent");
    rig_free(rig);
}

static void it_refuses_what_it_does_not_own(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "BCD");
    peer_puts(rig, 'B', "j", "b1=x", 0);
    says(rig, "B: refused");
    peer_reads(rig, 'B', "j", NULL);
    says(rig, "B: absent, uninformed"); /* it may hold a hint; that it holds none means nothing */
    peer_puts(rig, 'B', "j", "b1=x", PUT_REPAIR);
    says_nothing(rig);
    rig_free(rig);
}

static struct message_put good_put(struct rig *rig) {
    return (struct message_put){
        .request = 5,
        .partition = rig_partition(rig, "k"),
        .placement_mark = ring_placement_mark(rig->ring, rig_partition(rig, "k")),
        .key = rig_key_name(rig, "k"),
        .object = notation_object_bytes(&rig->notation, "b1=x"),
    };
}

static void send_put(struct rig *rig, const struct message_put *put) {
    struct buffer frames;
    buffer_init(&frames);
    message_encode_put(&frames, put);
    peer_sends(rig, 'B', 0, false, &frames);
    buffer_release(&frames);
}

static void it_refuses_another_placement_partition_or_object(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct message_put put = good_put(rig);
    put.placement_mark++;
    send_put(rig, &put);
    says(rig, "B: refused");
    put = good_put(rig);
    put.partition.value ^= 1;
    send_put(rig, &put);
    says(rig, "B: refused");
    put = good_put(rig);
    put.partition.value = 60000;
    send_put(rig, &put);
    says(rig, "B: refused");
    put = good_put(rig);
    put.object = VIEW("rubbish");
    send_put(rig, &put);
    says(rig, "B: refused");
    put = good_put(rig);
    put.object = (struct view){0};
    send_put(rig, &put);
    says(rig, "B: refused");
    put = good_put(rig);
    send_put(rig, &put);
    says(rig, "disk: write k b1=x");
    rig_free(rig);
}

static void a_read_of_the_wrong_partition_is_no_absence(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct message_read read = {.request = 5, .partition = rig_partition(rig, "k"), .key = rig_key_name(rig, "k")};
    read.partition.value ^= 1;
    read.placement_mark = ring_placement_mark(rig->ring, read.partition);
    struct buffer frames;
    buffer_init(&frames);
    message_encode_read(&frames, &read);
    peer_sends(rig, 'B', 0, false, &frames);
    says(rig, "B: refused");
    buffer_release(&frames);
    rig_free(rig);
}

/* Nobody refuses a stamped object for its time, and nobody's clock is dragged along by a time from far ahead. */
static void a_put_from_the_future_is_stored(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig_key(rig, "j", "ABC");
    peer_puts(rig, 'B', "k", "b1=x@+86400000", 0);
    says(rig, "disk: write k b1=x");
    client(rig, "SET j v"); /* another key: the present */
    assert_int_equal(hybrid_time_wall(rig->last_time).ms, rig->moment.wall.ms);
    client_of(rig, 1, "SET k v"); /* the same key: a day ahead, and above what it replaces */
    assert_true(hybrid_time_wall(rig->last_time).ms >= rig->moment.wall.ms + 86400000);
    assert_true(rig->last_time.value > hybrid_time_of_wall((struct wall_time){rig->moment.wall.ms + 86400000}).value);
    rig_free(rig);
}

static void a_put_from_a_little_ahead_moves_the_clock(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig_key(rig, "j", "ABC");
    peer_puts(rig, 'B', "k", "b1=x@+2000", 0);
    client(rig, "SET j v");
    assert_true(rig->last_time.value > hybrid_time_of_wall((struct wall_time){rig->moment.wall.ms + 2000}).value);
    rig_free(rig);
}

static void answers_find_nobody_when_the_asker_is_gone(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=x", 0);
    peer_dies(rig, 'B');
    peer_returns(rig, 'B');
    pass_ms(rig, 200);
    rig_forget(rig);
    disk_done(rig);
    says_nothing(rig); /* a new link: its asker has given up what it asked on the old one */
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_is_merged_with_what_is_here),
        cmocka_unit_test(it_names_its_whole_context_when_it_keeps_a_value),
        cmocka_unit_test(it_names_nothing_when_the_put_covers_all),
        cmocka_unit_test(it_names_the_winner_that_the_put_lost_to),
        cmocka_unit_test(it_does_not_name_what_followed_the_put),
        cmocka_unit_test(it_names_what_stands_beside_the_put),
        cmocka_unit_test(a_repair_is_merged_and_not_answered),
        cmocka_unit_test(a_read_is_answered_with_a_word_when_both_have_the_same),
        cmocka_unit_test(after_an_unclean_stop_its_absences_are_uninformed),
        cmocka_unit_test(it_refuses_what_it_does_not_own),
        cmocka_unit_test(it_refuses_another_placement_partition_or_object),
        cmocka_unit_test(a_read_of_the_wrong_partition_is_no_absence),
        cmocka_unit_test(a_put_from_the_future_is_stored),
        cmocka_unit_test(a_put_from_a_little_ahead_moves_the_clock),
        cmocka_unit_test(answers_find_nobody_when_the_asker_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
