/* How a tombstone goes: proofs, fences and what is refused after them (core/reaper.h, core/fence.h). */
#include "core/shard_state.h"
#include "core_harness.h"

static void everybody_drains(struct rig *rig, uint64_t number) {
    peer_fence(rig, 'B', number, number, 0);
    peer_fence(rig, 'C', number, number, 0);
    pass_ms(rig, 1200);
}

static struct rig *rig_with_tombstone(void) {
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=(deleted)", 0);
    says(rig, "disk: write k b1=(deleted)");
    disk_done(rig);
    says(rig, "B: stored");
    pass_ms(rig, 1000);
    says(rig, "B: prove k, fence 1", "C: prove k, fence 1");
    return rig;
}

static void a_tombstone_goes_when_all_hold_it_and_two_fences_have_passed(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 1);
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", NULL, 1);
    everybody_drains(rig, 2);
    says_nothing(rig); /* one could have begun before the proof */
    everybody_drains(rig, 3);
    says(rig, "B: confirm k, fence 3", "C: confirm k, fence 3");
    peer_proves(rig, 'B', MESSAGE_CONFIRMED, "k", NULL, 3);
    says_nothing(rig);
    peer_proves(rig, 'C', MESSAGE_CONFIRMED, "k", NULL, 3);
    says(rig, "disk: remove k", "B: reap k, fence 3", "C: reap k, fence 3");
    rig_free(rig);
}

static void how_old_a_tombstone_is_shows_even_while_a_member_is_away(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_dies(rig, 'C');
    peer_puts(rig, 'B', "k", "b1=(deleted)@-5000", 0);
    disk_done(rig);
    rig_forget(rig);
    assert_int_equal(reaper_oldest_ms(rig->shard), 5000);
    rig->shard->reaper.oldest_ms[rig_partition(rig, "k").value] = 0; /* as after a start, which looks through all */
    reaper_look_again(rig->shard, rig_partition(rig, "k"));
    pass_ms(rig, 1000);
    says_nothing(rig);
    assert_int_equal(reaper_oldest_ms(rig->shard), 6000);
    pass_ms(rig, 10000);
    says_nothing(rig);
    assert_int_equal(reaper_oldest_ms(rig->shard), 16000);
    rig_free(rig);
}

static void a_prover_that_heard_of_a_later_fence_puts_it_off(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 2);
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", NULL, 1);
    everybody_drains(rig, 3);
    says_nothing(rig);
    everybody_drains(rig, 4);
    says(rig, "B: confirm k, fence 4", "C: confirm k, fence 4");
    peer_proves(rig, 'B', MESSAGE_CONFIRMED, "k", NULL, 4);
    says_nothing(rig);
    peer_proves(rig, 'C', MESSAGE_CONFIRMED, "k", NULL, 4);
    says(rig, "disk: remove k", "B: reap k, fence 4", "C: reap k, fence 4");
    rig_free(rig);
}

static void without_all_proofs_nothing_goes(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 1);
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", "c1=(deleted)", 1); /* another one */
    everybody_drains(rig, 3);
    says_nothing(rig);
    everybody_drains(rig, 5);
    says_nothing(rig);
    pass_ms(rig, 3000);
    says(rig, "B: prove k, fence 5", "C: prove k, fence 5"); /* it begins anew */
    rig_free(rig);
}

static void what_was_written_since_stays(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 1);
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", NULL, 1);
    peer_puts(rig, 'B', "k", "b2=v over b1", 0);
    says(rig, "disk: write k b2=v");
    disk_done(rig);
    says(rig, "B: stored");
    everybody_drains(rig, 3);
    says(rig, "B: confirm k, fence 3", "C: confirm k, fence 3"); /* but this one does not */
    peer_proves(rig, 'B', MESSAGE_CONFIRMED, "k", "b1=(deleted)", 3);
    peer_proves(rig, 'C', MESSAGE_CONFIRMED, "k", "b1=(deleted)", 3);
    says_nothing(rig);
    rig_free(rig);
}

/* It lost its copy, took an old hint, sent that on under the present label, and had its copy back before it was asked.
 */
static void who_lost_something_since_it_proved_must_prove_anew(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 1);
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", NULL, 1);
    everybody_drains(rig, 2);
    everybody_drains(rig, 3);
    says(rig, "B: confirm k, fence 3", "C: confirm k, fence 3");
    peer_proves(rig, 'B', MESSAGE_CONFIRMED, "k", NULL, 3);
    rig->ground++;
    peer_proves(rig, 'C', MESSAGE_CONFIRMED, "k", NULL, 3);
    says_nothing(rig);
    pass_ms(rig, 6000);
    says(rig, "B: prove k, fence 3", "C: prove k, fence 3");
    rig_free(rig);
}

static void an_answer_to_another_attempt_proves_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 1);
    rig->attempt++;
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", NULL, 1);
    everybody_drains(rig, 2);
    everybody_drains(rig, 3);
    rig_forget(rig); /* it may have begun anew */
    assert_int_equal(rig->shard->reaper.proofs, 0);
    rig_free(rig);
}

static void an_owner_proves_what_it_holds_when_it_is_fsynced(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    peer_puts(rig, 'A', "k", "d1=(deleted)", 0);
    peer_proves(rig, 'A', MESSAGE_PROVE, "k", "d1=(deleted)", 1);
    peer_proves(rig, 'A', MESSAGE_PROVE, "k", "d1=(deleted) & c1=x", 1);
    says(rig, "disk: write k d1=(deleted)");
    disk_done(rig);
    says(rig, "A: stored", "A: proven k, fence 1");
    rig_free(rig);
}

static void an_owner_reaps_what_was_proven_and_nothing_else(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "d1=(deleted) & c1=(deleted)");
    peer_proves(rig, 'A', MESSAGE_REAP, "k", "d1=(deleted)", 3);
    says_nothing(rig);
    peer_proves(rig, 'A', MESSAGE_REAP, "k", "d1=(deleted) & c1=(deleted)", 3);
    says(rig, "disk: remove k");
    rig_free(rig);
}

/* It had proved the tombstone, lost it, and took an old hint in its place before it knew of the fence; or nothing. */
static void an_owner_confirms_what_it_proved_or_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    rig_key(rig, "l", "ABC");
    disk_holds(rig, "k", "d1=v");
    peer_proves(rig, 'A', MESSAGE_CONFIRM, "k", "d2=(deleted) over d1", 3);
    says_nothing(rig);
    peer_proves(rig, 'A', MESSAGE_CONFIRM, "l", "d2=(deleted) over d1", 3);
    says(rig, "A: confirmed l, fence 3");
    rig_free(rig);
}

static void a_value_is_never_reaped(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "d1=v");
    peer_proves(rig, 'A', MESSAGE_PROVE, "k", "d1=v", 1);
    peer_proves(rig, 'A', MESSAGE_REAP, "k", "d1=v", 3);
    says_nothing(rig);
    rig_free(rig);
}

static void what_expired_goes_when_no_clock_can_differ(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=v~5000", 0);
    says(rig, "disk: write k b1=v~5000");
    disk_done(rig);
    says(rig, "B: stored");
    pass_ms(rig, 120000);
    says_nothing(rig);
    pass_ms(rig, 6000);
    says(rig, "B: prove k, fence 1", "C: prove k, fence 1");
    rig_free(rig);
}

static void an_owner_to_whom_it_has_not_surely_expired_proves_nothing(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "d1=v~5000");
    pass_ms(rig, 100000);
    peer_proves(rig, 'A', MESSAGE_PROVE, "k", NULL, 1);
    peer_proves(rig, 'A', MESSAGE_REAP, "k", NULL, 3);
    says_nothing(rig);
    pass_ms(rig, 26000);
    peer_proves(rig, 'A', MESSAGE_REAP, "k", NULL, 3);
    says(rig, "disk: remove k");
    rig_free(rig);
}

/* The put lay in a socket, or in a stopped process, over a delete and its fences. */
static void what_was_sent_before_a_fence_that_has_passed_is_refused(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "d2=(deleted) over d1");
    peer_proves(rig, 'A', MESSAGE_CONFIRM, "k", "d2=(deleted) over d1", 3);
    says(rig, "A: confirmed k, fence 3");
    peer_proves(rig, 'A', MESSAGE_REAP, "k", "d2=(deleted) over d1", 3);
    says(rig, "disk: remove k");
    peer_puts_under(rig, 'C', "k", "d1=v", 2);
    says(rig, "C: refused");
    peer_puts_under(rig, 'C', "k", "c1=w", 3);
    says(rig, "disk: write k c1=w");
    rig_free(rig);
}

static void passed_needs_every_member_to_have_seen_that_all_drained(void **state) {
    (void)state;
    struct rig *rig = rig_with_tombstone();
    peer_proves(rig, 'B', MESSAGE_PROVEN, "k", NULL, 1);
    peer_proves(rig, 'C', MESSAGE_PROVEN, "k", NULL, 1);
    everybody_drains(rig, 2);
    peer_fence(rig, 'B', 3, 3, 0);
    peer_fence(rig, 'C', 3, 2, 0); /* it came back with an empty store, say */
    pass_ms(rig, 1200);
    assert_int_equal(rig->shard->fence.own.passed, 2);
    peer_fence(rig, 'C', 3, 3, 0);
    peer_fence(rig, 'B', 3, 2, 0);
    pass_ms(rig, 1200);
    assert_int_equal(rig->shard->fence.own.passed, 2);
    everybody_drains(rig, 3);
    assert_int_equal(rig->shard->fence.own.passed, 3);
    rig_free(rig);
}

/* ---- who does not know the number ---- */

static struct rig *rig_of_newborn(void) {
    struct rig *rig = rig_new((struct rig_options){.members = 5, .stays_alone = true, .fence_unknown = true});
    rig_key(rig, "o", "ABC");
    rig_key(rig, "h", "BCDEA");
    return rig;
}

static void arrives(struct rig *rig, char peer) {
    rig->is_away[peer - 'A'] = false;
    pass_ms(rig, 2500);
    rig_forget(rig);
}

/* A label of the first number would be refused by all owners, were they at the seventh, and the hint lie here for good.
 */
static void who_does_not_know_the_number_stamps_nothing_and_takes_no_hint(void **state) {
    (void)state;
    struct rig *rig = rig_of_newborn();
    arrives(rig, 'B');
    assert_int_equal(rig->shard->fence.label, FENCE_UNKNOWN);
    peer_hints(rig, 'B', "h", "b1=v", PUT_HINT, 'C');
    says(rig, "B: refused");
    client(rig, "SET o v");
    says_nothing(rig);
    peer_fence(rig, 'B', 7, 7, 7);
    says(rig, "disk: write o a1=v", "B: put o a1=v, name what you keep, fence 7");
    peer_hints(rig, 'B', "h", "b1=v", PUT_HINT, 'C');
    says(rig, "B: refused");
    rig->label = 7;
    peer_hints(rig, 'B', "h", "b1=v", PUT_HINT, 'C');
    says(rig, "disk: write h b1=v for C");
    rig_free(rig);
}

static void a_majority_that_knows_no_number_begins_with_the_first(void **state) {
    (void)state;
    struct rig *rig = rig_of_newborn();
    arrives(rig, 'B');
    assert_int_equal(rig->shard->fence.label, FENCE_UNKNOWN);
    arrives(rig, 'C');
    assert_int_equal(rig->shard->fence.label, FENCE_FIRST);
    rig_free(rig);
}

static void a_greeting_tells_the_number(void **state) {
    (void)state;
    struct rig *rig = rig_of_newborn();
    rig->hello_fence = 7;
    arrives(rig, 'B');
    assert_int_equal(rig->shard->fence.label, 7);
    rig_free(rig);
}

static void a_fallback_that_drained_a_fence_takes_no_older_hint(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 5, .self = 3});
    rig_key(rig, "h", "ABCDE");
    pass_ms(rig, 300);
    peer_fence(rig, 'B', 2, 2, 0);
    pass_ms(rig, 300);
    rig->label = 1;
    peer_hints(rig, 'A', "h", "d1=v", PUT_HINT, 'B');
    says(rig, "A: refused");
    rig->label = 2;
    peer_hints(rig, 'A', "h", "d1=v", PUT_HINT, 'B');
    says(rig, "disk: write h d1=v for B");
    rig_free(rig);
}

/* ---- what a fence waits for ---- */

static uint64_t drained(const struct rig *rig) {
    return rig->shard->fence.own.drained;
}

static void a_fence_waits_for_the_requests_from_before_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    pass_ms(rig, 200);
    assert_int_equal(drained(rig), 1);
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep", "C: put k a1=v, name what you keep");
    disk_done(rig);
    peer_fence(rig, 'B', 2, 2, 0);
    pass_ms(rig, 300);
    assert_int_equal(drained(rig), 1);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    pass_ms(rig, 200);
    assert_int_equal(drained(rig), 2);
    rig_free(rig);
}

static void a_fence_waits_until_what_was_done_is_fsynced(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    pass_ms(rig, 200);
    peer_puts(rig, 'B', "k", "b1=v", 0);
    peer_fence(rig, 'B', 2, 2, 0);
    pass_ms(rig, 300);
    assert_int_equal(drained(rig), 1);
    rig_forget(rig);
    disk_done(rig);
    assert_int_equal(drained(rig), 2);
    rig_free(rig);
}

static struct rig *rig_with_hint(bool owners_are_dead) {
    struct rig *rig = rig_new((struct rig_options){.members = 5, .self = 3});
    rig_key(rig, "h", "ABCDE");
    pass_ms(rig, 200);
    for (char owner = 'A'; owners_are_dead && owner <= 'C'; owner++) {
        peer_dies(rig, owner);
    }
    peer_hints(rig, 'E', "h", "e1=v", PUT_HINT, 'B');
    rig_forget(rig);
    disk_done(rig);
    rig_forget(rig);
    peer_fence(rig, 'E', 2, 2, 0);
    return rig;
}

static void a_fence_waits_for_hints_and_they_keep_their_label(void **state) {
    (void)state;
    struct rig *rig = rig_with_hint(false);
    pass_ms(rig, 300);
    assert_int_equal(drained(rig), 1);
    says(rig, "B: home h e1=v"); /* labelled 1 */
    answer(rig, 'B', "stored");
    says(rig, "disk: remove h");
    disk_done(rig);
    pass_ms(rig, 300);
    assert_int_equal(drained(rig), 2);
    rig_free(rig);
}

/* A value put over an old hint must not carry the hint's over the fence. Random search never found this one. */
static void what_is_put_over_an_old_hint_is_as_old(void **state) {
    (void)state;
    struct rig *rig = rig_with_hint(true);
    rig_key(rig, "i", "ABCDE");
    client(rig, "SET h w");
    says(rig, "disk: write h a1=w over e1 for BA", "E: hint h a1=w over e1, for B, name what you keep");
    client(rig, "SET i w");
    says(rig, "disk: write i aa1=w for A", "E: hint i aa1=w, for B, name what you keep, fence 2");
    rig_free(rig);
}

/* Hints come and go all the time while some owner is slow: only those from before the fence hold it up. */
static void a_fence_waits_for_no_hint_from_after_it(void **state) {
    (void)state;
    struct rig *rig = rig_with_hint(false);
    rig_key(rig, "i", "ABCDE");
    pass_ms(rig, 300);
    says(rig, "B: home h e1=v");
    rig->label = 2;
    peer_hints(rig, 'E', "i", "e1=w", PUT_HINT, 'C');
    says(rig, "disk: write i e1=w for C");
    disk_done(rig);
    rig_forget(rig);
    assert_int_equal(drained(rig), 1);
    answer(rig, 'B', "stored");
    disk_done(rig);
    pass_ms(rig, 300);
    assert_int_equal(drained(rig), 2);
    assert_int_equal(rig->shard->hints.held, 1);
    rig_free(rig);
}

static void an_entry_goes_when_all_cover_it_and_two_fences_have_passed(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    peer_puts(rig, 'B', "k", "b1=v over c3", 0);
    says(rig, "disk: write k b1=v over c3");
    disk_done(rig);
    says(rig, "B: stored");
    pass_ms(rig, 1000);
    says(rig, "B: prove k without c3, fence 1", "C: prove k without c3, fence 1");
    peer_prunes(rig, 'B', MESSAGE_PROVEN, "k", "c3", 1);
    peer_prunes(rig, 'C', MESSAGE_PROVEN, "k", "c3", 1);
    peer_puts(rig, 'C', "k", "b2=w over b1", 0); /* what is written meanwhile changes nothing */
    says(rig, "disk: write k b2=w over c3");
    disk_done(rig);
    says(rig, "C: stored");
    everybody_drains(rig, 2);
    says_nothing(rig);
    everybody_drains(rig, 3);
    says(rig, "B: confirm k without c3, fence 3", "C: confirm k without c3, fence 3");
    peer_prunes(rig, 'B', MESSAGE_CONFIRMED, "k", "c3", 3);
    says_nothing(rig);
    peer_prunes(rig, 'C', MESSAGE_CONFIRMED, "k", "c3", 3);
    says(rig, "disk: write k b2=w", "B: reap k without c3, fence 3", "C: reap k without c3, fence 3");
    rig_free(rig);
}

static void an_owner_prunes_what_it_covers_and_does_not_bear(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "d1=v & e2=w over c3");
    peer_prunes(rig, 'A', MESSAGE_PROVE, "k", "d1", 1);
    peer_prunes(rig, 'A', MESSAGE_PROVE, "k", "c2", 1); /* it covers more: another may hold the rest as a value */
    peer_prunes(rig, 'A', MESSAGE_PROVE, "k", "c4", 1);
    peer_prunes(rig, 'A', MESSAGE_REAP, "k", "e2", 3);
    says_nothing(rig);
    peer_prunes(rig, 'A', MESSAGE_PROVE, "k", "c3", 1);
    says(rig, "A: proven k without c3, fence 1");
    peer_prunes(rig, 'A', MESSAGE_CONFIRM, "k", "c3", 3);
    says(rig, "A: confirmed k without c3, fence 3");
    peer_prunes(rig, 'A', MESSAGE_REAP, "k", "c3", 3);
    says(rig, "disk: write k d1=v & e2=w");
    rig_free(rig);
}

/* It may stamp the next event of that actor at any time. */
static void an_owner_proves_nothing_of_its_own_actor(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    peer_operates(rig, 'A', true, "set k v");
    disk_done(rig);
    peer_puts(rig, 'C', "k", "c1=w over a1", 0);
    disk_done(rig);
    rig_forget(rig);
    peer_prunes(rig, 'A', MESSAGE_PROVE, "k", "a1", 1);
    says_nothing(rig);
    rig_free(rig);
}

/* Forgotten everywhere but at an owner that was not told, it would hide what a clock behind it stamps. */
static void a_tombstone_ahead_of_the_clock_stays(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    disk_holds(rig, "k", "d1=(deleted)@+5000");
    peer_proves(rig, 'A', MESSAGE_PROVE, "k", NULL, 1);
    peer_proves(rig, 'A', MESSAGE_CONFIRM, "k", NULL, 3);
    peer_proves(rig, 'A', MESSAGE_REAP, "k", NULL, 3);
    says_nothing(rig);
    pass_ms(rig, 6000);
    peer_proves(rig, 'A', MESSAGE_PROVE, "k", NULL, 3);
    says(rig, "A: proven k, fence 3");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tombstone_goes_when_all_hold_it_and_two_fences_have_passed),
        cmocka_unit_test(how_old_a_tombstone_is_shows_even_while_a_member_is_away),
        cmocka_unit_test(a_prover_that_heard_of_a_later_fence_puts_it_off),
        cmocka_unit_test(without_all_proofs_nothing_goes),
        cmocka_unit_test(what_was_written_since_stays),
        cmocka_unit_test(an_owner_proves_what_it_holds_when_it_is_fsynced),
        cmocka_unit_test(an_owner_reaps_what_was_proven_and_nothing_else),
        cmocka_unit_test(an_owner_confirms_what_it_proved_or_nothing),
        cmocka_unit_test(a_value_is_never_reaped),
        cmocka_unit_test(what_expired_goes_when_no_clock_can_differ),
        cmocka_unit_test(an_owner_to_whom_it_has_not_surely_expired_proves_nothing),
        cmocka_unit_test(what_was_sent_before_a_fence_that_has_passed_is_refused),
        cmocka_unit_test(a_fallback_that_drained_a_fence_takes_no_older_hint),
        cmocka_unit_test(a_fence_waits_for_the_requests_from_before_it),
        cmocka_unit_test(a_fence_waits_until_what_was_done_is_fsynced),
        cmocka_unit_test(a_fence_waits_for_hints_and_they_keep_their_label),
        cmocka_unit_test(what_is_put_over_an_old_hint_is_as_old),
        cmocka_unit_test(a_fence_waits_for_no_hint_from_after_it),
        cmocka_unit_test(who_lost_something_since_it_proved_must_prove_anew),
        cmocka_unit_test(an_answer_to_another_attempt_proves_nothing),
        cmocka_unit_test(passed_needs_every_member_to_have_seen_that_all_drained),
        cmocka_unit_test(who_does_not_know_the_number_stamps_nothing_and_takes_no_hint),
        cmocka_unit_test(a_majority_that_knows_no_number_begins_with_the_first),
        cmocka_unit_test(a_greeting_tells_the_number),
        cmocka_unit_test(a_tombstone_ahead_of_the_clock_stays),
        cmocka_unit_test(an_entry_goes_when_all_cover_it_and_two_fences_have_passed),
        cmocka_unit_test(an_owner_prunes_what_it_covers_and_does_not_bear),
        cmocka_unit_test(an_owner_proves_nothing_of_its_own_actor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
