#include "cli/cluster_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define ID1 "11110000000000000000000000000000"
#define ID2 "11112222000000000000000000000000"
#define ID3 "33330000000000000000000000000000"

static const struct command command = {.name = "cluster"};

static void state_of(struct cluster_state *state, const char *staged) {
    char text[2048];
    struct address address = address_default();
    (void)snprintf(text, sizeof(text),
                   "{\"version\":2,\"partitions\":64,\"replicas\":2,\"settled\":true,\"phase\":\"rest\","
                   "\"members\":[{\"id\":\"" ID1 "\",\"client\":\"a:1\",\"reachable\":true},"
                   "{\"id\":\"" ID2 "\",\"client\":\"a:2\"}],"
                   "\"waiting\":[{\"id\":\"" ID3 "\",\"client\":\"a:3\"}],\"staged\":[%s]}",
                   staged);
    cluster_state_init(state, &command, &address);
    state->status = json_loads(text, 0, NULL);
    assert_non_null(state->status);
}

static void finds(const struct cluster_state *state, const char *name, unsigned among, const char *id) {
    const json_t *found = cluster_find(state, name, among);
    if (id == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(cluster_text(found, "id"), id);
    }
}

static void test_nodes_have_names(void **unused) {
    (void)unused;
    struct cluster_state state;
    state_of(&state, "");
    finds(&state, ID1, AMONG_MEMBERS, ID1);
    finds(&state, "11112", AMONG_MEMBERS, ID2);
    finds(&state, "1111", AMONG_MEMBERS, NULL); /* which of them? */
    finds(&state, "333", AMONG_WAITING, NULL);  /* too little of it */
    finds(&state, "3333", AMONG_WAITING, ID3);
    finds(&state, "3333", AMONG_MEMBERS, NULL);
    finds(&state, "a:2", AMONG_MEMBERS, ID2);
    finds(&state, "a:9", AMONG_MEMBERS | AMONG_WAITING | AMONG_STAGED, NULL);
    cluster_state_release(&state);
}

static void test_fields_that_are_not_there(void **unused) {
    (void)unused;
    struct cluster_state state;
    state_of(&state, "");
    assert_string_equal(cluster_text(state.status, "nothing"), "");
    assert_string_equal(cluster_text(state.status, "version"), "");
    assert_int_equal(cluster_number(state.status, "version"), 2);
    assert_int_equal(cluster_number(state.status, "phase"), 0);
    assert_false(cluster_is(state.status, "phase"));
    assert_true(cluster_is(state.status, "settled"));
    assert_int_equal(json_array_size(cluster_list(&state, "nothing")), 0);
    cluster_state_release(&state);
}

static void make_log(struct membership *log) {
    static const char *const ids[] = {ID1, ID2};
    membership_init(log);
    for (unsigned i = 0; i < 2; i++) {
        struct membership_event event = {.lamport = i + 1, .kind = MEMBERSHIP_JOIN, .member.weight = 1};
        assert_true(node_id_from_text(ids[i], &event.member.id));
        event.issuer = event.member.id;
        (void)snprintf(event.member.zone, sizeof(event.member.zone), "z%u", i);
        (void)snprintf(event.member.client_address, sizeof(event.member.client_address), "a:%u", i + 1);
        (void)snprintf(event.member.peer_address, sizeof(event.member.peer_address), "b:%u", i + 1);
        assert_int_equal(membership_add(log, &event), MEMBERSHIP_ADDED);
    }
}

static struct ring *after(const char *staged) {
    struct cluster_state state;
    struct membership log;
    struct ring *ring = NULL;
    state_of(&state, staged);
    make_log(&log);
    int code = cluster_after(&state, &log, &ring);
    assert_int_equal(code, ring != NULL ? EXIT_CODE_OK : EXIT_CODE_FAILURE);
    membership_release(&log);
    cluster_state_release(&state);
    return ring;
}

#define JOINED ",\"id\":\"" ID3 "\",\"weight\":2,\"zone\":\"z\",\"client\":\"a:3\",\"peer\":\"b:3\""

static void test_the_ring_after_what_is_staged(void **unused) {
    (void)unused;
    struct ring *ring = after("{\"change\":\"join\"" JOINED "}");
    assert_int_equal(ring_phase(ring), RING_REST);
    assert_int_equal(ring_preference_length(ring), 3);
    ring_free(ring);
    ring = after("{\"change\":\"leave\",\"id\":\"" ID1 "\",\"weight\":0}");
    assert_int_equal(ring_preference_length(ring), 1);
    ring_free(ring);
    ring = after("{\"change\":\"dead\",\"id\":\"" ID2 "\",\"weight\":0},{\"change\":\"replace\",\"replaces\":\"" ID2
                 "\"" JOINED "}");
    assert_int_equal(ring_preference_length(ring), 2);
    ring_free(ring);
    ring = after("{\"change\":\"dead\",\"id\":\"" ID2 "\",\"weight\":0}");
    assert_int_equal(ring_preference_length(ring), 2);
    assert_true(ring_is_excused(ring, ring_nth_by_id(ring, 1)));
    ring_free(ring);
    ring = after("{\"change\":\"replicas\",\"replicas\":1}");
    assert_int_equal(ring_replica_count(ring), 1);
    ring_free(ring);
    assert_null(after("{\"change\":\"replicas\",\"replicas\":8}"));
    assert_null(after("{\"change\":\"join\",\"id\":\"nonsense\"}"));
    assert_null(after("{\"change\":\"join\",\"id\":\"" ID3
                      "\",\"weight\":1,\"zone\":\"z\",\"client\":\"a:1\",\"peer\":\"b:3\"}")); /* an address is taken */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_have_names),
        cmocka_unit_test(test_fields_that_are_not_there),
        cmocka_unit_test(test_the_ring_after_what_is_staged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
