/* Random clients, and peers, disks and links that do anything at all: answers late, twice, of the wrong kind and to
 * questions never asked, objects that contradict each other, garbage in good frames. Each command has exactly one
 * reply, at the latest a little after its deadline, and in the end nothing is left behind. */
#include "core_harness.h"

#include "base/rng.h"
#include "core/shard_state.h"

enum { STEPS = 1500, COMMANDS_MOST = 40, REPLY_MS = 1100 };

struct soak {
    struct rig *rig;
    struct rng rng;
    uint64_t sent[RIG_CLIENTS];
    uint64_t answered[RIG_CLIENTS];
    uint64_t sent_at_ms[RIG_CLIENTS]; /* of the oldest command without a reply */
};

static const char *pick(struct soak *soak, const char *const *from, size_t count) {
    return from[rng_below(&soak->rng, count)];
}
#define PICK(soak, list) pick((soak), (list), sizeof(list) / sizeof((list)[0]))

static char any_peer(struct soak *soak) {
    return (char)('B' + rng_below(&soak->rng, soak->rig->options.members - 1));
}

static const char *any_key(struct soak *soak) {
    static const char *const keys[] = {"k", "k", "j", "i"};
    return PICK(soak, keys);
}

static const char *any_object(struct soak *soak) {
    static const char *const objects[] = {
        "b1=x",
        "b2=y",
        "b3=(deleted)",
        "c1=z@-5",
        "b1=x & c1=z@3",
        "b2=y~50 over c1",
        "d4!=w",
        "b5=u over c7 d9 e2!",
        "c2=x*70000",
        "b1=other",
        "b1=x & b2=y & b3=z & c1=x & c2=y",
        "e1=f@+90000",
    };
    return PICK(soak, objects);
}

static void client_acts(struct soak *soak) {
    static const char *const forms[] = {
        "SET %s v",
        "SET %s v NX",
        "SET %s v XX",
        "SET %s v GET",
        "SET %s v KEEPTTL",
        "SET %s v PX 40",
        "SET %s x*70000",
        "GET %s",
        "GET %s",
        "DEL %s",
        "PEXPIRE %s 50",
        "PERSIST %s",
        "GRAMME.PUT %s v",
        "GRAMME.GET %s",
        "GRAMME.GET %s R 3",
        "GRAMME.DEL %s",
        "INCR %s",
        "APPEND %s v",
        "GRAMME.EXPLAIN %s",
        "STRLEN %s",
        "GRAMME.PUT %s v W 3",
        "GETDEL %s",
        "EXISTS %s",
        "GRAMME.GET %s R 1",
    };
    int number = (int)rng_below(&soak->rng, RIG_CLIENTS);
    if (soak->sent[number] - soak->answered[number] >= COMMANDS_MOST) {
        return;
    }
    const char *form = PICK(soak, forms);
    char command[64];
    char *at = command;
    const char *key = any_key(soak);
    for (const char *from = form; *from != '\0'; from++) {
        if (from[0] == '%' && from[1] == 's') {
            memcpy(at, key, strlen(key));
            at += strlen(key);
            from++;
        } else {
            *at++ = *from;
        }
    }
    *at = '\0';
    if (soak->sent[number] == soak->answered[number]) {
        soak->sent_at_ms[number] = soak->rig->moment.now.ns / NS_PER_MS;
    }
    soak->sent[number]++;
    client_of(soak->rig, number, "%s", command);
}

static void peer_answers(struct soak *soak) {
    static const char *const put[] = {
        "stored",           "stored", "stored", "stored, keeps b2", "stored, keeps c7 d3!",
        "stored, keeps b9", "failed", "refused"};
    static const char *const read[] = {"same", "same", "absent", "absent, uninformed", "failed", "refused"};
    static const char *const result[] = {"done",    "done", "unchanged", "noreplicas",
                                         "indoubt", "busy", "noquorum",  "done b1=x"};
    struct rig *rig = soak->rig;
    if (rig->asked_count == 0) {
        return;
    }
    size_t recent = rig->asked_count < 12 ? rig->asked_count : 12;
    struct asked asked = rig->asked[rig->asked_count - 1 - rng_below(&soak->rng, recent)];
    if (rng_chance(&soak->rng, 30000)) {
        asked.kind = (uint8_t)(MESSAGE_PUT + rng_below(&soak->rng, 6)); /* an answer of the wrong kind */
    }
    if (rng_chance(&soak->rng, 20000)) {
        asked.request ^= rng_below(&soak->rng, 16);
    }
    if (rig_link(rig, asked.peer, asked.shard, false) == NULL) {
        return;
    }
    char object[128] = "object ";
    const char *text = PICK(soak, result);
    if (asked.kind == MESSAGE_PUT) {
        text = PICK(soak, put);
    } else if (asked.kind == MESSAGE_READ) {
        text = PICK(soak, read);
        if (rng_chance(&soak->rng, 400000)) {
            text = strncat(object, any_object(soak), sizeof(object) - 8);
        }
    }
    give_answer(rig, &asked, text);
}

static void peer_asks(struct soak *soak) {
    static const char *const verbs[] = {"get", "set", "put", "del", "setnx"};
    char peer = any_peer(soak);
    if (rig_link(soak->rig, peer, 0, false) == NULL) {
        return;
    }
    switch (rng_below(&soak->rng, 3)) {
    case 0:
        peer_puts(soak->rig, peer, any_key(soak), any_object(soak), (uint8_t)rng_below(&soak->rng, 4));
        break;
    case 1:
        peer_reads(soak->rig, peer, any_key(soak), any_object(soak));
        break;
    default: {
        char text[32] = "";
        strncat(text, PICK(soak, verbs), 8);
        strncat(text, " ", 2);
        strncat(text, any_key(soak), 4);
        strncat(text, " v", 3);
        peer_operates(soak->rig, peer, rng_chance(&soak->rng, 500000), text);
    }
    }
}

/* A good frame of any kind with anything in it. */
static void peer_raves(struct soak *soak) {
    struct fake_link *link = rig_link(soak->rig, any_peer(soak), 0, rng_chance(&soak->rng, 500000));
    if (link == NULL) {
        return;
    }
    uint8_t body[64];
    size_t size = (size_t)rng_below(&soak->rng, sizeof(body));
    rng_fill(&soak->rng, body, size);
    struct buffer frames;
    buffer_init(&frames);
    size_t position = frame_begin(&frames, (uint8_t)rng_below(&soak->rng, 12));
    buffer_append(&frames, body, size);
    frame_end(&frames, position);
    link_sends(soak->rig, link, buffer_view(&frames));
    buffer_release(&frames);
}

static void disk_acts(struct soak *soak) {
    struct rig *rig = soak->rig;
    struct disk_record *record = disk_record(&rig->disk, rig_key_name(rig, any_key(soak)));
    switch (rng_below(&soak->rng, 8)) {
    case 0:
        disk_done_first_if_any(rig);
        break;
    case 1:
        rig->disk.writes_at_once = !rig->disk.writes_at_once && rig->disk.write_count == 0;
        break;
    case 2:
        record->is_pending = true;
        break;
    case 3:
        record->is_unreadable = rng_chance(&soak->rng, 30000);
        break;
    case 4:
        for (size_t i = 0; i < rig->key_count; i++) {
            disk_found(rig, rig->keys[i].alias);
        }
        break;
    default:
        disk_done(rig);
    }
}

static void links_act(struct soak *soak) {
    struct rig *rig = soak->rig;
    char peer = any_peer(soak);
    switch (rng_below(&soak->rng, 8)) {
    case 0:
        peer_dies(rig, peer);
        break;
    case 1:
        rig->is_silent[peer - 'A'] = rng_chance(&soak->rng, 300000);
        break;
    case 2: {
        struct fake_link *link = rig_link(rig, peer, 0, rng_chance(&soak->rng, 500000));
        if (link != NULL) {
            link_breaks(rig, link);
        }
        break;
    }
    default:
        for (uint32_t i = 1; i < rig->options.members; i++) {
            peer_returns(rig, (char)('A' + i));
        }
    }
}

static void act(struct soak *soak) {
    uint64_t choice = rng_below(&soak->rng, 100);
    if (choice < 25) {
        client_acts(soak);
    } else if (choice < 60) {
        peer_answers(soak);
    } else if (choice < 70) {
        peer_asks(soak);
    } else if (choice < 72) {
        peer_raves(soak);
    } else if (choice < 85) {
        disk_acts(soak);
    } else if (choice < 87) {
        links_act(soak);
    } else {
        pass_ns(soak->rig, rng_below(&soak->rng, choice < 99 ? 3 * NS_PER_MS : 300 * NS_PER_MS));
    }
}

/* Lines begin with "client: " or "client 2: "; what a value says does not look like that. */
static void count_replies(struct soak *soak) {
    struct view text = buffer_view(&soak->rig->log);
    uint64_t now_ms = soak->rig->moment.now.ns / NS_PER_MS;
    while (text.size > 0) {
        size_t size = view_find(text, '\n');
        if (view_starts_with(text, VIEW("client"))) {
            int number = text.data[6] == ':' ? 0 : text.data[7] - '0';
            soak->answered[number]++;
            soak->sent_at_ms[number] = now_ms;
        }
        text = view_slice(text, size + 1, text.size - size - 1);
    }
    rig_forget(soak->rig);
    for (int i = 0; i < RIG_CLIENTS; i++) {
        assert_true(soak->answered[i] <= soak->sent[i]);
        if (soak->answered[i] < soak->sent[i]) {
            /* Its command began at the latest when the one before was answered. */
            assert_true(now_ms - soak->sent_at_ms[i] <= REPLY_MS);
        }
    }
}

static void forget_old_questions(struct rig *rig) {
    if (rig->asked_count > RIG_ASKED / 2) {
        rig->asked_count = 32;
        memmove(rig->asked, rig->asked + RIG_ASKED / 2 - 32, sizeof(rig->asked[0]) * 32);
    }
}

static void run(uint64_t seed, struct rig_options options) {
    struct soak soak = {.rig = rig_new(options)};
    struct rig *rig = soak.rig;
    rng_init(&soak.rng, seed);
    rig_key(rig, "j", "AB");
    rig_key(rig, "i", options.members == 4 ? "BCD" : "BA");
    for (int step = 0; step < STEPS; step++) {
        act(&soak);
        count_replies(&soak);
        forget_old_questions(rig);
    }
    for (int round = 0; round < 3 * COMMANDS_MOST; round++) {
        disk_done(rig);
        for (size_t i = 0; i < rig->key_count; i++) {
            disk_found(rig, rig->keys[i].alias);
        }
        pass_ms(rig, REPLY_MS);
        count_replies(&soak);
        forget_old_questions(rig);
    }
    disk_done(rig);
    for (int i = 0; i < RIG_CLIENTS; i++) {
        assert_int_equal(soak.answered[i], soak.sent[i]);
    }
    assert_int_equal(rig->shard->coordinator.requests.size, 0);
    assert_int_equal(rig->shard->coordinator.holds.size, 0);
    assert_int_equal(rig->shard->router.relays.size, 0);
    assert_int_equal(rig->shard->router.writes.size, 0);
    assert_int_equal(rig->shard->replica.parked.size, 0);
    rig_free(rig);
}

static void soak(struct rig_options options) {
    print_message("seeds 1 to 12\n");
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run(seed, options);
    }
}

static void of_three_members(void **state) {
    (void)state;
    soak((struct rig_options){0});
}

static void of_four_members(void **state) {
    (void)state;
    soak((struct rig_options){.members = 4});
}

static void with_greater_quorums_under_lww(void **state) {
    (void)state;
    soak((struct rig_options){.read_quorum = 3, .write_quorum = 3, .conflict = CONFLICT_LWW});
}

static void with_lesser_quorums_after_an_unclean_stop(void **state) {
    (void)state;
    soak((struct rig_options){
        .read_quorum = 1, .write_quorum = 1, .was_unclean = true, .durability = DURABILITY_INTERVAL});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_three_members),
        cmocka_unit_test(of_four_members),
        cmocka_unit_test(with_greater_quorums_under_lww),
        cmocka_unit_test(with_lesser_quorums_after_an_unclean_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
