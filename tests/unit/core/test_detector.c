/* A played world of detectors: pings of links every 100 ms, messages that take a millisecond or are lost, processes
 * that are killed, paused or slow. */
#include "core/detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { NODES_MOST = 50, LETTERS_MOST = 65536, STEP_MS = 10, BEAT_MS = 100 };

struct letter {
    uint64_t due_ms;
    uint16_t from, to;
    bool is_ping; /* of the link: evidence, no word */
    struct detector_word word;
};

struct actor {
    struct detector detector;
    struct detector_peer peers[NODES_MOST];
    bool is_down, is_paused;
    uint64_t next_beat_ms;
    uint64_t beat_delay_ms; /* a slow observer's */
    uint32_t deaths;        /* it announced */
};

static struct actor actors[NODES_MOST];
static struct letter letters[LETTERS_MOST];
static size_t letter_count;
static uint32_t node_count;
static uint64_t now_ms;
static struct rng chance;
static uint32_t loss_per_million;
static uint64_t delay_ms[NODES_MOST]; /* of what a node receives and sends */
static bool cut[NODES_MOST][NODES_MOST];
static uint64_t bytes_sent;

static struct instant now(void) {
    return (struct instant){now_ms * NS_PER_MS};
}

static void post(uint16_t from, uint16_t to, bool is_ping, const struct detector_word *word) {
    if (cut[from][to] || rng_chance(&chance, loss_per_million)) {
        return;
    }
    assert_true(letter_count < LETTERS_MOST);
    struct letter *letter = &letters[letter_count++];
    letter->due_ms = now_ms + STEP_MS + delay_ms[from] + delay_ms[to];
    letter->from = from;
    letter->to = to;
    letter->is_ping = is_ping;
    if (word != NULL) {
        letter->word = *word;
    }
}

static void port_send(void *self, struct member_index to, const struct detector_word *word) {
    struct actor *actor = self;
    bytes_sent += FRAME_HEADER_BYTES + 26U + word->rumour_count * 39U;
    post((uint16_t)(actor - actors), to.value, false, word);
}

static void port_changed(void *self, struct member_index subject, enum verdict verdict) {
    struct actor *actor = self;
    (void)subject;
    actor->deaths += verdict == VERDICT_DEAD ? 1 : 0;
}

static void start(uint16_t index) {
    struct actor *actor = &actors[index];
    memset(actor, 0, sizeof(*actor));
    actor->next_beat_ms = now_ms + index % BEAT_MS;
    struct detector_port port = {actor, port_send, port_changed};
    detector_init(&actor->detector, port, (struct member_index){index}, node_count, actor->peers, index + 1, now(),
                  (struct wall_time){1000000 + now_ms});
}

static void world_begin(uint32_t nodes) {
    node_count = nodes;
    now_ms = 1000;
    letter_count = 0;
    loss_per_million = 0;
    bytes_sent = 0;
    memset(delay_ms, 0, sizeof(delay_ms));
    memset(cut, 0, sizeof(cut));
    rng_init(&chance, nodes);
    for (uint16_t index = 0; index < nodes; index++) {
        start(index);
    }
}

static void beat(uint16_t index) {
    struct actor *actor = &actors[index];
    if (actor->is_down || actor->is_paused || now_ms < actor->next_beat_ms) {
        return;
    }
    actor->next_beat_ms = now_ms + BEAT_MS + rng_below(&chance, actor->beat_delay_ms + 1);
    for (uint16_t to = 0; to < node_count; to++) {
        if (to != index) {
            post(index, to, true, NULL);
        }
    }
    detector_tick(&actor->detector, now());
}

/* Letters to a paused process wait, as in its socket. */
static void deliver(void) {
    size_t end = letter_count;
    size_t kept = 0;
    static struct letter waiting[LETTERS_MOST];
    static struct letter due[LETTERS_MOST];
    size_t due_count = 0;
    for (size_t index = 0; index < end; index++) {
        const struct letter *letter = &letters[index];
        const struct actor *to = &actors[letter->to];
        if (to->is_down) {
            continue;
        }
        if (letter->due_ms > now_ms || to->is_paused) {
            waiting[kept++] = *letter;
        } else {
            due[due_count++] = *letter;
        }
    }
    memcpy(letters, waiting, kept * sizeof(*letters));
    letter_count = kept;
    for (size_t index = 0; index < due_count; index++) {
        struct detector *detector = &actors[due[index].to].detector;
        if (due[index].is_ping) {
            detector_heard(detector, (struct member_index){due[index].from}, now());
        } else {
            detector_receive(detector, (struct member_index){due[index].from}, &due[index].word, now());
        }
    }
}

static void run(uint64_t ms) {
    for (uint64_t end = now_ms + ms; now_ms < end; now_ms += STEP_MS) {
        deliver();
        for (uint16_t index = 0; index < node_count; index++) {
            beat(index);
        }
    }
}

static enum verdict verdict_of(uint16_t observer, uint16_t subject) {
    return actors[observer].peers[subject].verdict;
}

static uint32_t all_deaths(void) {
    uint32_t deaths = 0;
    for (uint32_t index = 0; index < node_count; index++) {
        deaths += actors[index].deaths;
    }
    return deaths;
}

static void test_a_real_death_is_seen_in_five_seconds(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 3, 5, 50};
    for (size_t size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++) {
        world_begin(sizes[size]);
        run(5000);
        actors[1].is_down = true;
        run(1000);
        assert_int_equal(verdict_of(0, 1), VERDICT_ALIVE);
        run(4000);
        for (uint16_t index = 0; index < node_count; index++) {
            assert_true(index == 1 || verdict_of(index, 1) == VERDICT_DEAD);
        }
        assert_int_equal(all_deaths(), node_count - 1);
        uint64_t before = actors[0].peers[1].incarnation;
        start(1);
        run(2000);
        for (uint16_t index = 0; index < node_count; index++) {
            assert_true(index == 1 ||
                        (verdict_of(index, 1) == VERDICT_ALIVE && actors[index].peers[1].incarnation > before));
        }
    }
}

static void test_quiet_when_healthy(void **state) {
    (void)state;
    static const uint32_t sizes[] = {5, 50};
    for (size_t size = 0; size < 2; size++) {
        world_begin(sizes[size]);
        run(5000);
        bytes_sent = 0;
        run(10000);
        assert_int_equal(bytes_sent, 0);
        actors[1].is_down = true;
        run(10000);
        print_message("%u nodes, one just dead: %llu bytes per node and second\n", node_count,
                      (unsigned long long)(bytes_sent / node_count / 10));
    }
}

static void test_suspicion_comes_before_death(void **state) {
    (void)state;
    world_begin(5);
    run(3000);
    actors[4].is_down = true;
    run(2500);
    assert_int_equal(verdict_of(0, 4), VERDICT_SUSPECT);
}

static void test_one_way_loss_kills_nobody(void **state) {
    (void)state;
    world_begin(5);
    run(3000);
    cut[1][0] = true; /* 0 does not hear 1, and others do */
    run(3600 * 1000);
    assert_int_equal(all_deaths(), 0);
    assert_int_equal(verdict_of(0, 1), VERDICT_ALIVE);
}

static void test_a_bridge_vouches(void **state) {
    (void)state;
    world_begin(3);
    cut[0][1] = cut[1][0] = true; /* only 2 hears both */
    run(600 * 1000);
    assert_int_equal(all_deaths(), 0);
}

/* GRAMME_TEST_HOURS=24 for the promise's figure. */
static uint64_t hours(void) {
    const char *text = getenv("GRAMME_TEST_HOURS");
    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

/* It hears and speaks late and its timers are late, with a path to 0 that loses all in one direction. */
static void test_a_slow_observer_and_one_way_loss_kill_nobody(void **state) {
    (void)state;
    world_begin(5);
    actors[2].beat_delay_ms = 3000;
    delay_ms[2] = 700;
    cut[1][0] = true;
    run(hours() * 3600 * 1000);
    assert_int_equal(all_deaths(), 0);
}

static void test_loss_kills_nobody(void **state) {
    (void)state;
    world_begin(5);
    loss_per_million = 200000;
    run(hours() * 3600 * 1000);
    assert_int_equal(all_deaths(), 0);
}

static void test_a_paused_process_comes_back(void **state) {
    (void)state;
    world_begin(5);
    run(3000);
    actors[3].is_paused = true;
    run(12000);
    for (uint16_t index = 0; index < 5; index++) {
        assert_true(index == 3 || verdict_of(index, 3) == VERDICT_DEAD);
    }
    uint64_t before = actors[3].peers[3].incarnation;
    actors[3].is_paused = false;
    actors[3].next_beat_ms = now_ms;
    beat(3); /* its timers may run before its sockets are read */
    run(3000);
    for (uint16_t index = 0; index < 5; index++) {
        assert_int_equal(verdict_of(index, 3), VERDICT_ALIVE);
    }
    assert_int_equal(actors[3].deaths, 0);
    assert_true(actors[3].peers[3].incarnation > before);
}

/* By word alone: no evidence reaches the accuser but the greater incarnation that others tell. */
static void test_refutation_and_old_incarnations(void **state) {
    (void)state;
    world_begin(5);
    struct detector *detector = &actors[0].detector;
    struct detector_word word = {.kind = MESSAGE_PROBE, .rumour_count = 1};
    word.rumours[0] = (struct detector_rumour){{1}, {2}, VERDICT_SUSPECT, 10};
    detector_receive(detector, (struct member_index){2}, &word, now());
    assert_int_equal(verdict_of(0, 1), VERDICT_SUSPECT);
    word.rumours[0] = (struct detector_rumour){{1}, {1}, VERDICT_ALIVE, 10};
    detector_receive(detector, (struct member_index){3}, &word, now());
    assert_int_equal(verdict_of(0, 1), VERDICT_SUSPECT);
    word.rumours[0].incarnation = 11;
    detector_receive(detector, (struct member_index){3}, &word, now());
    assert_int_equal(verdict_of(0, 1), VERDICT_ALIVE);
    word.rumours[0] = (struct detector_rumour){{1}, {2}, VERDICT_DEAD, 10};
    detector_receive(detector, (struct member_index){2}, &word, now());
    assert_int_equal(verdict_of(0, 1), VERDICT_ALIVE);
    uint64_t own = actors[0].peers[0].incarnation;
    word.rumours[0] = (struct detector_rumour){{0}, {2}, VERDICT_DEAD, own + 5};
    detector_receive(detector, (struct member_index){2}, &word, now());
    assert_int_equal(actors[0].peers[0].incarnation, own + 6);
    assert_int_equal(detector->health, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_real_death_is_seen_in_five_seconds),
        cmocka_unit_test(test_quiet_when_healthy),
        cmocka_unit_test(test_suspicion_comes_before_death),
        cmocka_unit_test(test_one_way_loss_kills_nobody),
        cmocka_unit_test(test_a_bridge_vouches),
        cmocka_unit_test(test_a_slow_observer_and_one_way_loss_kill_nobody),
        cmocka_unit_test(test_loss_kills_nobody),
        cmocka_unit_test(test_a_paused_process_comes_back),
        cmocka_unit_test(test_refutation_and_old_incarnations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
