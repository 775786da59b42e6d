/* A node of several shards: operations go by mail to the shard that has the key's partition, and results come back
 * (core/router.h). The rig's shard is 0 of 2. */
#include "core_harness.h"

static struct rig *of_two_shards(void) {
    struct rig *rig = rig_new((struct rig_options){.members = 4, .shard_count = 2});
    rig_key_of_shard(rig, "mine", "ABC", 0);
    rig_key_of_shard(rig, "hers", "ABC", 1);
    rig_key_of_shard(rig, "far", "BCD", 0);
    rig_key_of_shard(rig, "farther", "BCD", 1);
    return rig;
}

static void an_operation_goes_to_the_shard_of_its_partition(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    client(rig, "GET hers");
    says(rig, "shard 1: operation get hers");
    mail_answers(rig, 1, "done b1=x");
    says(rig, "client: x");
    client(rig, "SET farther v");
    says(rig, "shard 1: operation set farther v"); /* that shard knows who owns it */
    mail_answers(rig, 1, "done");
    says(rig, "client: OK");
    rig_free(rig);
}

static void an_operation_that_comes_by_mail_is_coordinated_and_answered(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    mail_operates(rig, 1, "set mine v");
    says(rig, "disk: write mine a1=v", "B: put mine a1=v, name what you keep", "C: put mine a1=v, name what you keep");
    disk_done(rig);
    answer(rig, 'C', "stored");
    says(rig, "shard 1: result done");
    rig_free(rig);
}

static void mail_is_no_hop(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    mail_operates(rig, 1, "get far");
    says(rig, "B: operation get far, hopped");
    answer(rig, 'B', "done b1=x");
    says(rig, "shard 1: result done b1=x");
    rig_free(rig);
}

/* A peer that had another number of shards of ours in mind: the operation came over a link, and stays in the node. */
static void a_hop_is_remembered_over_the_mail(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    peer_operates(rig, 'D', true, "get farther");
    says(rig, "shard 1: operation get farther, hopped");
    mail_answers(rig, 1, "noreplicas");
    says(rig, "D: result noreplicas");
    rig_free(rig);
}

static void operations_of_one_client_keep_their_order_over_the_mail(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    client(rig, "SET hers v");
    client(rig, "GET hers");
    says(rig, "shard 1: operation set hers v"); /* the read waits for the write that it is to see */
    mail_answers(rig, 1, "done");
    says(rig, "client: OK", "shard 1: operation get hers");
    mail_answers(rig, 1, "done b1=v");
    says(rig, "client: v");
    rig_free(rig);
}

static void a_shard_that_does_not_answer_leaves_a_doubt_about_a_write(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    client_of(rig, 0, "SET hers v");
    client_of(rig, 1, "GET hers");
    rig_forget(rig);
    pass_ms(rig, 1049);
    says_nothing(rig); /* it answers at the deadline itself */
    pass_ms(rig, 1);
    says(rig, "client: -INDOUBT...", "client 1: -NOQUORUM...");
    mail_answers(rig, 1, "done");
    says_nothing(rig);
    rig_free(rig);
}

static void keys_of_several_shards_are_gathered(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    disk_holds(rig, "mine", "b1=x");
    client(rig, "MGET mine hers");
    says(rig, "B: read mine", "shard 1: operation get hers");
    mail_answers(rig, 1, "done c1=y");
    answer(rig, 'B', "same");
    says(rig, "client: [x, y]");
    rig_free(rig);
}

static void puts_for_another_shard_s_partition_are_refused(void **state) {
    (void)state;
    struct rig *rig = of_two_shards();
    peer_puts(rig, 'B', "hers", "b1=x", 0);
    says(rig, "B: refused");
    peer_reads(rig, 'B', "hers", NULL);
    says(rig, "B: refused");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_goes_to_the_shard_of_its_partition),
        cmocka_unit_test(an_operation_that_comes_by_mail_is_coordinated_and_answered),
        cmocka_unit_test(mail_is_no_hop),
        cmocka_unit_test(a_hop_is_remembered_over_the_mail),
        cmocka_unit_test(operations_of_one_client_keep_their_order_over_the_mail),
        cmocka_unit_test(a_shard_that_does_not_answer_leaves_a_doubt_about_a_write),
        cmocka_unit_test(keys_of_several_shards_are_gathered),
        cmocka_unit_test(puts_for_another_shard_s_partition_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
