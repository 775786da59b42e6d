/* A voter that may have forgotten its votes abstains, and goes on abstaining when it is started again (core/council.h).
 */
#include "core/shard_state.h"
#include "core_harness.h"

/* The version that was kept with the log. */
static uint64_t abstains_below(const struct rig *rig) {
    struct consensus_state kept;
    assert_true(buffer_size(&rig->disk.membership) > 0);
    assert_true(consensus_state_read(buffer_view(&rig->disk.promise), &kept));
    assert_true(kept.promised.counter == 0 && kept.accepted.counter == 0 && kept.entry.size == 0);
    return kept.version;
}

static void comes_up(struct rig *rig, uint32_t member) {
    rig->is_away[member] = false;
    pass_ms(rig, 2500);
    assert_true(peer_first_is_up(rig->shard, (struct member_index){(uint16_t)member}));
}

static void a_new_store_abstains_until_everybody_has_greeted_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.log_is_new = true, .stays_alone = true});
    pass_ms(rig, 500);
    assert_int_equal(abstains_below(rig), COUNCIL_ABSTAINS_FROM_ALL);
    comes_up(rig, 1);
    assert_int_equal(abstains_below(rig), COUNCIL_ABSTAINS_FROM_ALL);
    comes_up(rig, 2);
    assert_int_equal(abstains_below(rig), ring_version(rig->ring)); /* nothing that it may have forgotten counts */
    rig_free(rig);
}

static void while_an_entry_is_chosen_it_abstains_from_that(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.log_is_new = true, .stays_alone = true});
    rig->hello_agreeing = true; /* it may have voted for it */
    comes_up(rig, 1);
    comes_up(rig, 2);
    assert_int_equal(abstains_below(rig), ring_version(rig->ring) + 1);
    rig_free(rig);
}

/* Seed 12200959: what the first start had kept of the log made the second one trust itself. */
static void started_again_it_abstains_still(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.log_is_new = true, .stays_alone = true});
    struct buffer promise;
    pass_ms(rig, 500);
    buffer_init(&promise);
    buffer_append_view(&promise, buffer_view(&rig->disk.promise));
    rig_free(rig);
    rig = rig_new((struct rig_options){.promise = buffer_view(&promise), .stays_alone = true});
    assert_true(rig->shard->council.abstains);
    assert_false(roster_has_heard(rig->shard));
    comes_up(rig, 1);
    assert_true(roster_has_heard(rig->shard));
    assert_true(rig->shard->council.abstains);
    comes_up(rig, 2);
    assert_false(rig->shard->council.abstains);
    buffer_release(&promise);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_abstains_until_everybody_has_greeted_it),
        cmocka_unit_test(while_an_entry_is_chosen_it_abstains_from_that),
        cmocka_unit_test(started_again_it_abstains_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
