/* GRAMME.PUT, GRAMME.DEL and GRAMME.GET: siblings and contexts. A put follows the context that it names and nothing
 * else, and asks nobody what is kept (Dynamo, section 4.4). */
#include "core_harness.h"

static void a_put_without_context_stays_beside_what_is_there(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x");
    client(rig, "GRAMME.PUT k v");
    says(rig, "disk: write k a1=v & b1=x", "B: put k a1=v & b1=x", "C: put k a1=v & b1=x");
    answer(rig, 'C', "stored");
    disk_done(rig);
    says(rig, "client: <a1>"); /* it covers no sibling that its writer never saw */
    rig_free(rig);
}

static void a_put_replaces_what_its_context_has_seen(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x & c1=y & d1=z");
    client(rig, "GRAMME.PUT k v CONTEXT %s", token(rig, "k", "b1 d1"));
    says(rig, "disk: write k a1=v & c1=y over b1 d1", "B: put k a1=v & c1=y over b1 d1",
         "C: put k a1=v & c1=y over b1 d1");
    answer(rig, 'B', "stored");
    answer(rig, 'C', "stored");
    says(rig, "client: <a1 b1 d1>");
    rig_free(rig);
}

/* The writer's second put, over its first alone: what the node did in between is not in its context. */
static void the_own_dot_is_answered_detached(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.writes_at_once = true;
    client(rig, "SET k other");
    answer(rig, 'B', "stored");
    rig_forget(rig);
    client(rig, "GRAMME.PUT k v1");
    says(rig, "disk: write k a1=other & a2=v1", "B: put k a1=other & a2=v1", "C: put k a1=other & a2=v1");
    answer(rig, 'B', "stored");
    says(rig, "client: <a2!>");
    client(rig, "GRAMME.PUT k v2 CONTEXT %s", token(rig, "k", "a2!"));
    says(rig, "disk: write k a1=other & a3=v2", "B: put k a1=other & a3=v2", "C: put k a1=other & a3=v2");
    answer(rig, 'B', "stored");
    says(rig, "client: <a2! a3!>");
    rig_free(rig);
}

static void a_put_is_not_stamped_twice(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.PUT k v");
    rig_forget(rig);
    answer(rig, 'B', "stored, keeps b1"); /* it was not asked to name anything */
    answer(rig, 'C', "stored");
    says(rig, "client: <a1>");
    rig_free(rig);
}

static void deleting_with_a_context_leaves_what_it_has_not_seen(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    disk_holds(rig, "k", "b1=x & c1=y");
    client(rig, "GRAMME.DEL k CONTEXT %s", token(rig, "k", "b1"));
    says(rig, "disk: write k a1=(deleted) & c1=y over b1", "B: put k a1=(deleted) & c1=y over b1",
         "C: put k a1=(deleted) & c1=y over b1");
    answer(rig, 'B', "stored");
    disk_done(rig);
    says(rig, "client: <a1 b1>");
    client(rig, "GRAMME.GET k R 1");
    says(rig, "client: [<a1 b1 c1>, y]"); /* beside a tombstone the value shows */
    rig_free(rig);
}

static void siblings_have_a_limit_for_clients(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct buffer text;
    buffer_init(&text);
    for (int i = 1; i <= LIMIT_SIBLINGS; i++) {
        print_format(&text, "%sb%d!=x", i == 1 ? "" : " & ", i + 1);
    }
    buffer_append_byte(&text, '\0');
    disk_holds(rig, "k", (const char *)text.data);
    client(rig, "GRAMME.PUT k v");
    says(rig, "client: -ERR too many siblings...");
    client(rig, "GRAMME.PUT k v CONTEXT %s", token(rig, "k", "b2!"));
    assert_int_equal(rig->asked_count, 2); /* one less, one more */
    rig_forget(rig);
    /* Merging is exempt: what other nodes have accepted is kept. */
    peer_puts(rig, 'B', "k", "c1=x & c2=y", 0);
    disk_done(rig);
    rig_forget(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: ...");
    buffer_release(&text);
    rig_free(rig);
}

static void quorums_can_be_asked_for(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "GRAMME.PUT k v W 3");
    rig_forget(rig);
    disk_done(rig);
    answer(rig, 'B', "stored");
    says_nothing(rig);
    answer(rig, 'C', "stored");
    says(rig, "client: <a1>");
    client(rig, "GRAMME.PUT k w W 1 CONTEXT %s", token(rig, "k", "a1"));
    rig_forget(rig);
    disk_done(rig);
    says(rig, "client: <a2>");
    client(rig, "GRAMME.GET k R 1");
    says(rig, "client: [<a2>, w]");
    rig_free(rig);
}

/* Contexts are tagged, so this one is a bug of ours or of another node; it must not make us issue a dot twice, or
 * abort. */
static void a_context_of_dots_never_made_gives_the_actor_up(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->disk.writes_at_once = true;
    client(rig, "SET k v1");
    answer(rig, 'B', "stored");
    rig_forget(rig);
    client(rig, "GRAMME.PUT k v2 CONTEXT %s", token(rig, "k", "a9"));
    says(rig, "disk: write k aa1=v2 over a9", "B: put k aa1=v2 over a9", "C: put k aa1=v2 over a9");
    rig_free(rig);
}

static void contexts_of_other_keys_and_damaged_ones_are_refused(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig_key(rig, "j", "ABC");
    client(rig, "GRAMME.PUT k v CONTEXT %s", token(rig, "j", "b1"));
    says(rig, "client: -ERR invalid context...");
    client(rig, "GRAMME.PUT k v CONTEXT AAAA");
    says(rig, "client: -ERR invalid context...");
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_without_context_stays_beside_what_is_there),
        cmocka_unit_test(a_put_replaces_what_its_context_has_seen),
        cmocka_unit_test(the_own_dot_is_answered_detached),
        cmocka_unit_test(a_put_is_not_stamped_twice),
        cmocka_unit_test(deleting_with_a_context_leaves_what_it_has_not_seen),
        cmocka_unit_test(siblings_have_a_limit_for_clients),
        cmocka_unit_test(quorums_can_be_asked_for),
        cmocka_unit_test(a_context_of_dots_never_made_gives_the_actor_up),
        cmocka_unit_test(contexts_of_other_keys_and_damaged_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
