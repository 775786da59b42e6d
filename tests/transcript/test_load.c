/* What is beyond the bounds is turned away before anything is done, and background work gives way (core/load.h). */
#include "core/shard_state.h"
#include "core_harness.h"

static void beyond_the_bound_an_operation_is_turned_away(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.max_requests = 2});
    rig_key(rig, "l", "ABC");
    rig_key(rig, "m", "ABC");
    client_of(rig, 0, "SET k v");
    client_of(rig, 1, "GET l");
    rig_forget(rig);
    client_of(rig, 2, "SET m v");
    says(rig, "client 2: -BUSY...");
    peer_operates(rig, 'B', true, "set m v");
    says(rig, "B: result busy");
    disk_done(rig);
    answer_nth(rig, 'B', 0, "stored");
    rig_forget(rig);
    client_of(rig, 2, "SET m v");
    says(rig, "disk: write m aa1=v", "B: put m aa1=v, name what you keep", "C: put m aa1=v, name what you keep");
    assert_int_equal(rig->shard->load.turned_away, 2);
    rig_free(rig);
}

static void a_client_that_pipelines_is_slowed_down_first(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.max_requests = 2});
    client(rig, "SET k v");
    rig_forget(rig);
    client(rig, "SET k w");
    says_nothing(rig);
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK", "disk: write k a2=w", "B: put k a2=w, name what you keep",
         "C: put k a2=w, name what you keep");
    rig_free(rig);
}

static void what_is_over_gives_its_bytes_back(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k %s", "x*70000");
    assert_true(rig->shard->load.bytes >= 70000);
    disk_done(rig);
    answer(rig, 'B', "stored");
    assert_int_equal(rig->shard->load.bytes, 0);
    rig_free(rig);
}

static void without_memory_values_are_refused_and_deletions_taken(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=v");
    shard_memory_short(rig->shard, true);
    client(rig, "SET k w");
    says(rig, "client: -BUSY...");
    peer_puts(rig, 'B', "k", "b2=longer over b1", 0);
    says(rig, "B: failed");
    peer_puts(rig, 'B', "k", "b2=(deleted) over b1", 0);
    says(rig, "disk: write k b2=(deleted)");
    disk_done(rig);
    rig_forget(rig);
    client(rig, "GRAMME.DEL k");
    says(rig, "disk: write k a1=(deleted) & b2=(deleted)", "B: put k a1=(deleted) & b2=(deleted)",
         "C: put k a1=(deleted) & b2=(deleted)");
    shard_memory_short(rig->shard, false);
    peer_puts(rig, 'B', "k", "b3=w over b2", 0);
    says(rig, "disk: write k a1=(deleted) & b3=w");
    rig_free(rig);
}

static void a_slow_second_halves_the_background_and_a_fast_one_doubles_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    assert_int_equal(load_share(rig->shard, 64), 64);
    for (uint32_t expected = 32; expected >= 2; expected /= 2) {
        client(rig, "SET k v");
        disk_done(rig);
        pass_ms(rig, 60);
        answer(rig, 'B', "stored");
        answers_never(rig, 'C');
        pass_ms(rig, 1100);
        assert_int_equal(load_share(rig->shard, 64), expected < 4 ? 4 : expected);
    }
    pass_ms(rig, 1100);
    assert_int_equal(load_share(rig->shard, 64), 8);
    pass_ms(rig, 3300);
    assert_int_equal(load_share(rig->shard, 64), 64);
    assert_int_equal(load_share(rig->shard, 1), 1);
    rig_free(rig);
}

/* 20 ms are little beside `background-latency-ms`, and more than half as long again as what one in a hundred is taken
 * to take. */
static void what_is_slower_than_usual_halves_it_too(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k v");
    disk_done(rig);
    pass_ms(rig, 2 * LOAD_USUAL_MS);
    answer(rig, 'B', "stored");
    answers_never(rig, 'C');
    pass_ms(rig, 1100);
    assert_int_equal(load_share(rig->shard, 64), 32);
    rig_free(rig);
}

static void rests_are_as_long_as_the_kind_of_work_and_the_load_ask(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct shard *shard = rig->shard;
    pass_ms(rig, 1100); /* a second in which nobody asked anything */
    assert_int_equal(load_rest_ns(shard, LOAD_FILLING, NS_PER_MS), 0);
    assert_int_equal(load_rest_ns(shard, LOAD_FAREWELL, NS_PER_MS), 2 * NS_PER_MS);
    peer_puts(rig, 'B', "k", "b1=v", 0);
    disk_done(rig);
    pass_ms(rig, 1100); /* somebody did, by way of B */
    assert_int_equal(load_rest_ns(shard, LOAD_SERVING, NS_PER_MS), 0);
    assert_int_equal(load_rest_ns(shard, LOAD_FAREWELL, NS_PER_MS), 2 * NS_PER_MS);
    assert_int_equal(load_rest_ns(shard, LOAD_FILLING, NS_PER_MS), 7 * NS_PER_MS);
    shard->load.share = LOAD_SHARE_WHOLE / 2;
    assert_int_equal(load_rest_ns(shard, LOAD_SERVING, NS_PER_MS), NS_PER_MS);
    assert_int_equal(load_rest_ns(shard, LOAD_FILLING, NS_PER_MS), 15 * NS_PER_MS);
    /* Seed 12100357: after a process was paused for long, it rested 127 times as long. */
    assert_int_equal(load_rest_ns(shard, LOAD_FILLING, 100 * NS_PER_MS), LOAD_REST_MOST_MS * NS_PER_MS);
    assert_int_equal(load_rest_ns(shard, LOAD_FILLING, 20 * NS_PER_S), LOAD_REST_MOST_MS * NS_PER_MS);
    rig_free(rig);
}

/* Or the fallback that keeps it drains no fence, and nothing deleted gives its space back anywhere. */
static void without_memory_a_hint_still_comes_home(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    shard_memory_short(rig->shard, true);
    peer_puts(rig, 'C', "k", "c1=v", PUT_HANDOFF);
    says(rig, "disk: write k c1=v");
    disk_done(rig);
    says(rig, "C: stored");
    peer_puts(rig, 'C', "k", "c1=v", 0); /* nothing that grows */
    says(rig, "C: stored");
    rig_free(rig);
}

static void a_disk_that_is_behind_refuses_and_has_not_failed(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.is_behind = true;
    client(rig, "SET k v");
    says(rig, "disk: refuses write k a1=v", "client: -BUSY...");
    peer_puts(rig, 'B', "k", "b1=w", 0);
    says(rig, "disk: refuses write k b1=w", "B: failed");
    rig->disk.is_behind = false;
    assert_true(shard_may_stamp(rig->shard));
    client(rig, "SET k v");
    says(rig, "disk: write k aa1=v", "B: put k aa1=v, name what you keep", "C: put k aa1=v, name what you keep");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_bound_an_operation_is_turned_away),
        cmocka_unit_test(a_client_that_pipelines_is_slowed_down_first),
        cmocka_unit_test(what_is_over_gives_its_bytes_back),
        cmocka_unit_test(without_memory_values_are_refused_and_deletions_taken),
        cmocka_unit_test(without_memory_a_hint_still_comes_home),
        cmocka_unit_test(a_disk_that_is_behind_refuses_and_has_not_failed),
        cmocka_unit_test(a_slow_second_halves_the_background_and_a_fast_one_doubles_it),
        cmocka_unit_test(what_is_slower_than_usual_halves_it_too),
        cmocka_unit_test(rests_are_as_long_as_the_kind_of_work_and_the_load_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
