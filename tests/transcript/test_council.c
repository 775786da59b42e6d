/* A voter that may have forgotten its votes abstains, and goes on abstaining when it is started again (core/council.h).
 */
#include "core/shard_state.h"
#include "core_harness.h"

static bool keeps_log(const struct rig *rig) {
    return buffer_size(&rig->disk.membership) > 0;
}

static void comes_up(struct rig *rig, uint32_t member) {
    rig->is_away[member] = false;
    pass_ms(rig, 2500);
    assert_true(peer_first_is_up(rig->shard, (struct member_index){(uint16_t)member}));
}

static void a_new_store_looks_new_until_everybody_has_greeted_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.log_is_new = true, .stays_alone = true});
    pass_ms(rig, 500);
    assert_false(keeps_log(rig));
    comes_up(rig, 1);
    assert_false(keeps_log(rig));
    comes_up(rig, 2);
    assert_true(keeps_log(rig));
    assert_int_equal(buffer_size(&rig->disk.promise), 0); /* nothing that it may have forgotten counts */
    rig_free(rig);
}

static void with_its_log_it_keeps_how_far_it_abstains(void **state) {
    (void)state;
    struct consensus_state kept;
    struct rig *rig = rig_new((struct rig_options){.log_is_new = true, .stays_alone = true});
    rig->hello_agreeing = true; /* it may have voted for the entry that is being chosen */
    comes_up(rig, 1);
    assert_false(keeps_log(rig));
    comes_up(rig, 2);
    assert_true(keeps_log(rig));
    assert_true(consensus_state_read(buffer_view(&rig->disk.promise), &kept));
    assert_int_equal(kept.version, ring_version(rig->ring) + 1);
    assert_true(kept.promised.counter == 0 && kept.accepted.counter == 0 && kept.entry.size == 0);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_looks_new_until_everybody_has_greeted_it),
        cmocka_unit_test(with_its_log_it_keeps_how_far_it_abstains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
