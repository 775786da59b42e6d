#include "core/detector.h"

#include "base/ensure.h"

#include <string.h>

static uint64_t scaled_ns(uint32_t health, uint64_t ms) {
    return ms * NS_PER_MS * (health + 1);
}

static bool is_recent(const struct detector *detector, struct instant then, struct instant now, uint64_t ms) {
    return now.ns < then.ns + scaled_ns(detector->health, ms);
}

static struct instant deadline(const struct detector *detector, struct instant now, uint64_t ms) {
    return (struct instant){now.ns + scaled_ns(detector->health, ms)};
}

static void health_move(struct detector *detector, int32_t by) {
    int32_t health = (int32_t)detector->health + by;
    health = health < 0 ? 0 : health;
    detector->health = health > DETECTOR_HEALTH_WORST ? DETECTOR_HEALTH_WORST : (uint32_t)health;
}

void detector_init(struct detector *detector, struct detector_port port, struct member_index self,
                   uint32_t member_count, struct detector_peer *peers, uint64_t seed, struct instant now,
                   struct wall_time wall) {
    ENSURE(self.value < member_count);
    memset(detector, 0, sizeof(*detector));
    memset(peers, 0, sizeof(*peers) * member_count);
    detector->port = port;
    detector->self = self;
    detector->member_count = member_count;
    detector->present_count = member_count;
    detector->peers = peers;
    detector->next_sequence = 1;
    detector->last_tick = now;
    detector->health_eased = now;
    rng_init(&detector->rng, seed);
    for (uint32_t index = 0; index < member_count; index++) {
        peers[index].evidence = now;
        peers[index].verdict_since = now;
    }
    peers[self.value].incarnation = wall.ms + 1;
}

void detector_set_present(struct detector *detector, struct member_index member, bool is_present, struct instant now) {
    struct detector_peer *peer = &detector->peers[member.value];
    for (uint32_t index = detector->member_count; index <= member.value; index++) {
        detector->peers[index] = (struct detector_peer){.is_absent = true};
        detector->member_count++;
    }
    if (peer->is_absent == !is_present) {
        return;
    }
    *peer = (struct detector_peer){.is_absent = !is_present, .evidence = now, .verdict_since = now};
    detector->present_count += is_present ? 1 : UINT32_MAX;
}

/* ---- rumours ---- */

/* Binary digits of the member count times a constant: enough to reach everybody with near certainty (SWIM, 4.1). */
static void rumour_spread(struct detector *detector, struct detector_peer *peer) {
    uint32_t digits = 32 - (uint32_t)__builtin_clz(detector->present_count);
    peer->transmissions_left = DETECTOR_TRANSMISSIONS * digits;
}

static void word_add_rumour(struct detector *detector, struct detector_word *word, uint16_t subject) {
    const struct detector_peer *peer = &detector->peers[subject];
    bool is_own = subject == detector->self.value;
    struct member_index accuser = {subject};
    for (uint8_t index = 0; index < peer->accuser_count; index++) {
        bool is_ours = member_index_equal(peer->accusers[index], detector->self);
        accuser = index == 0 || is_ours ? peer->accusers[index] : accuser;
    }
    word->rumours[word->rumour_count++] = (struct detector_rumour){
        .subject = {subject},
        .accuser = accuser,
        .verdict = is_own ? VERDICT_ALIVE : peer->verdict,
        .incarnation = peer->incarnation,
    };
}

static void send(struct detector *detector, struct member_index to, struct detector_word *word) {
    word->incarnation = detector->peers[detector->self.value].incarnation;
    /* The accused hears of it first: nobody else can refute it. */
    if (detector->peers[to.value].verdict != VERDICT_ALIVE) {
        word_add_rumour(detector, word, to.value);
    }
    for (uint32_t step = 0; step < detector->member_count && word->rumour_count < RUMOURS_MOST; step++) {
        uint32_t subject = (detector->rumour_cursor + step) % detector->member_count;
        struct detector_peer *peer = &detector->peers[subject];
        if (peer->transmissions_left > 0 && subject != to.value) {
            peer->transmissions_left--;
            word_add_rumour(detector, word, (uint16_t)subject);
        }
    }
    detector->rumour_cursor = (detector->rumour_cursor + 1) % detector->member_count;
    detector->port.send(detector->port.self, to, word);
}

static void send_plain(struct detector *detector, enum message_kind kind, struct member_index to,
                       struct member_index subject, uint64_t sequence) {
    struct detector_word word = {.kind = kind, .sequence = sequence, .subject = subject};
    if (kind == MESSAGE_PROBE_ACK) {
        word.subject_incarnation = detector->peers[subject.value].incarnation;
    }
    send(detector, to, &word);
}

/* Some peers heard of late, at random, without `except`. Returns how many. */
static uint32_t pick_helpers(struct detector *detector, struct member_index except, struct instant now,
                             struct member_index *ret_helpers, uint32_t most) {
    uint32_t count = 0;
    uint32_t seen = 0;
    for (uint16_t index = 0; index < detector->member_count; index++) {
        const struct detector_peer *peer = &detector->peers[index];
        if (index == detector->self.value || index == except.value || peer->heard.ns == 0 ||
            !is_recent(detector, peer->heard, now, DETECTOR_PERIOD_MS)) {
            continue;
        }
        seen++;
        if (count < most) {
            ret_helpers[count++] = (struct member_index){index};
        } else {
            uint64_t place = rng_below(&detector->rng, seen);
            if (place < most) {
                ret_helpers[place] = (struct member_index){index};
            }
        }
    }
    return count;
}

/* ---- verdicts ---- */

static void judge(struct detector *detector, struct member_index subject, enum verdict verdict, struct instant now) {
    struct detector_peer *peer = &detector->peers[subject.value];
    if (peer->verdict == verdict) {
        return;
    }
    ENSURE(verdict != VERDICT_DEAD || peer->verdict == VERDICT_SUSPECT);
    peer->verdict = verdict;
    peer->verdict_since = now;
    rumour_spread(detector, peer);
    detector->port.changed(detector->port.self, subject, verdict);
}

static void show_alive(struct detector *detector, struct member_index subject, struct instant now) {
    struct detector_peer *peer = &detector->peers[subject.value];
    peer->evidence = now;
    peer->probe = PROBE_RESTING;
    peer->accuser_count = 0;
    judge(detector, subject, VERDICT_ALIVE, now);
}

static void confirm(struct detector_peer *peer, struct member_index accuser) {
    for (uint8_t index = 0; index < peer->accuser_count; index++) {
        if (member_index_equal(peer->accusers[index], accuser)) {
            return;
        }
    }
    if (peer->accuser_count < DETECTOR_HELPERS + 1) {
        peer->accusers[peer->accuser_count++] = accuser;
    }
}

static void suspect(struct detector *detector, struct member_index subject, struct member_index accuser,
                    struct instant now) {
    struct detector_peer *peer = &detector->peers[subject.value];
    if (peer->verdict == VERDICT_ALIVE) {
        peer->suspect_since = now;
        peer->health_then = detector->health;
        peer->accuser_count = 0;
        judge(detector, subject, VERDICT_SUSPECT, now);
    }
    confirm(peer, accuser);
}

/* Lifeguard's: from twice the least down to the least as the logarithm of the confirmations grows. */
static uint64_t suspicion_ns(const struct detector *detector, const struct detector_peer *peer) {
    static const uint64_t shorter_permille[DETECTOR_HELPERS + 1] = {0, 500, 792, 1000};
    uint64_t members_permille = 1000; /* log10(n), at least 1 */
    for (uint64_t members = detector->present_count; members > 10; members /= 2) {
        members_permille += 301;
    }
    uint64_t confirmations = peer->accuser_count > 0 ? peer->accuser_count - 1U : 0;
    bool nobody_else = detector->present_count <= 2;
    uint64_t permille = nobody_else ? 1000 : 2000 - shorter_permille[confirmations];
    uint32_t health = detector->health > peer->health_then ? detector->health : peer->health_then;
    return scaled_ns(health, DETECTOR_SUSPECT_MS) * members_permille / 1000 * permille / 1000;
}

/* ---- events ---- */

static void relays_answer(struct detector *detector, struct member_index subject) {
    for (uint32_t index = 0; index < DETECTOR_RELAYS; index++) {
        struct detector_relay *relay = &detector->relays[index];
        if (relay->is_used && member_index_equal(relay->subject, subject)) {
            relay->is_used = false;
            send_plain(detector, MESSAGE_PROBE_ACK, relay->asker, subject, relay->sequence);
        }
    }
}

void detector_heard(struct detector *detector, struct member_index from, struct instant now) {
    ENSURE(from.value < detector->member_count && from.value != detector->self.value);
    detector->peers[from.value].heard = now;
    show_alive(detector, from, now);
    relays_answer(detector, from);
}

static void refute(struct detector *detector, uint64_t accused) {
    struct detector_peer *own = &detector->peers[detector->self.value];
    if (accused >= own->incarnation) {
        own->incarnation = accused + 1;
        health_move(detector, 1); /* others missed our answers: perhaps it is we who are slow */
    }
    rumour_spread(detector, own);
}

static void on_rumour(struct detector *detector, const struct detector_rumour *rumour, struct instant now) {
    struct detector_peer *peer = &detector->peers[rumour->subject.value];
    if (member_index_equal(rumour->subject, detector->self)) {
        if (rumour->verdict != VERDICT_ALIVE) {
            refute(detector, rumour->incarnation);
        }
        return;
    }
    if (rumour->verdict == VERDICT_ALIVE) {
        if (rumour->incarnation > peer->incarnation) {
            bool was_accused = peer->verdict != VERDICT_ALIVE;
            peer->incarnation = rumour->incarnation;
            if (was_accused) {
                show_alive(detector, rumour->subject, now);
            }
        }
        return;
    }
    bool was_heard = peer->heard.ns != 0 && is_recent(detector, peer->heard, now, DETECTOR_PERIOD_MS);
    if (rumour->incarnation < peer->incarnation || was_heard) {
        return;
    }
    peer->incarnation = rumour->incarnation;
    suspect(detector, rumour->subject, rumour->accuser, now);
}

/* Probes a peer for another, or vouches for it at once when it was heard just now. */
static void on_ask(struct detector *detector, struct member_index asker, const struct detector_word *word,
                   struct instant now) {
    struct member_index subject = word->subject;
    if (member_index_equal(subject, detector->self)) {
        send_plain(detector, MESSAGE_PROBE_ACK, asker, subject, word->sequence);
        return;
    }
    const struct detector_peer *peer = &detector->peers[subject.value];
    if (peer->heard.ns != 0 && now.ns < peer->heard.ns + DETECTOR_RELAY_MS * NS_PER_MS) {
        send_plain(detector, MESSAGE_PROBE_ACK, asker, subject, word->sequence);
        return;
    }
    for (uint32_t index = 0; index < DETECTOR_RELAYS; index++) {
        struct detector_relay *relay = &detector->relays[index];
        if (!relay->is_used) {
            *relay =
                (struct detector_relay){true, asker, subject, word->sequence, {now.ns + DETECTOR_RELAY_MS * NS_PER_MS}};
            send_plain(detector, MESSAGE_PROBE, subject, subject, detector->next_sequence++);
            return;
        }
    }
    send_plain(detector, MESSAGE_PROBE_NACK, asker, subject, word->sequence);
}

void detector_receive(struct detector *detector, struct member_index from, const struct detector_word *word,
                      struct instant now) {
    detector_heard(detector, from, now);
    struct detector_peer *sender = &detector->peers[from.value];
    if (word->incarnation > sender->incarnation) {
        sender->incarnation = word->incarnation;
    }
    for (uint8_t index = 0; index < word->rumour_count; index++) {
        on_rumour(detector, &word->rumours[index], now);
    }
    struct detector_peer *subject = &detector->peers[word->subject.value];
    bool is_awaited = !member_index_equal(word->subject, detector->self) && subject->probe == PROBE_INDIRECT &&
                      subject->probe_sequence == word->sequence;
    switch (word->kind) {
    case MESSAGE_PROBE:
        send_plain(detector, MESSAGE_PROBE_ACK, from, detector->self, word->sequence);
        break;
    case MESSAGE_PROBE_ASK:
        on_ask(detector, from, word, now);
        break;
    case MESSAGE_PROBE_ACK:
        if (is_awaited) {
            show_alive(detector, word->subject, now);
        }
        break;
    case MESSAGE_PROBE_NACK:
        if (is_awaited && subject->nacks_awaited > 0) {
            subject->nacks_awaited--;
        }
        break;
    default:
        break;
    }
}

/* ---- time ---- */

static void probe_indirectly(struct detector *detector, struct member_index subject, struct instant now) {
    struct detector_peer *peer = &detector->peers[subject.value];
    struct member_index helpers[DETECTOR_HELPERS];
    uint32_t count = pick_helpers(detector, subject, now, helpers, DETECTOR_HELPERS);
    peer->probe = PROBE_INDIRECT;
    peer->probe_until = deadline(detector, now, DETECTOR_PROBE_MS);
    peer->nacks_awaited = (uint8_t)count;
    send_plain(detector, MESSAGE_PROBE, subject, subject, peer->probe_sequence); /* the first may be lost */
    for (uint32_t index = 0; index < count; index++) {
        send_plain(detector, MESSAGE_PROBE_ASK, helpers[index], subject, peer->probe_sequence);
    }
}

static void probe_failed(struct detector *detector, struct member_index subject, struct instant now) {
    struct detector_peer *peer = &detector->peers[subject.value];
    peer->probe = PROBE_RESTING;
    if (peer->verdict == VERDICT_DEAD) {
        peer->evidence = now; /* probed anew a period from now; a suspect at once: it has little time to answer */
    }
    suspect(detector, subject, detector->self, now);
    /* Helpers that did not even say no: it may be we who do not hear. */
    health_move(detector, peer->nacks_awaited);
}

static void peer_tick(struct detector *detector, struct member_index subject, struct instant now) {
    struct detector_peer *peer = &detector->peers[subject.value];
    bool is_over = peer->probe != PROBE_RESTING && now.ns >= peer->probe_until.ns;
    bool is_stranger = peer->incarnation == 0 && peer->heard.ns != 0;
    if (peer->probe == PROBE_RESTING &&
        (is_stranger || !is_recent(detector, peer->evidence, now, DETECTOR_PERIOD_MS))) {
        peer->probe = PROBE_DIRECT;
        peer->probe_until = deadline(detector, now, DETECTOR_PROBE_MS);
        peer->probe_sequence = detector->next_sequence++;
        send_plain(detector, MESSAGE_PROBE, subject, subject, peer->probe_sequence);
    } else if (is_over && peer->probe == PROBE_DIRECT) {
        probe_indirectly(detector, subject, now);
    } else if (is_over) {
        probe_failed(detector, subject, now);
    }
    if (peer->verdict == VERDICT_SUSPECT && now.ns >= peer->suspect_since.ns + suspicion_ns(detector, peer)) {
        judge(detector, subject, VERDICT_DEAD, now);
    }
}

/* We were away: whatever was to happen until now may have happened without us. */
static void come_back(struct detector *detector, struct instant now) {
    for (uint32_t index = 0; index < detector->member_count; index++) {
        struct detector_peer *peer = &detector->peers[index];
        peer->evidence = now;
        peer->probe = PROBE_RESTING;
        peer->suspect_since = now;
    }
    health_move(detector, 1);
}

static void relays_tick(struct detector *detector, struct instant now) {
    for (uint32_t index = 0; index < DETECTOR_RELAYS; index++) {
        struct detector_relay *relay = &detector->relays[index];
        if (relay->is_used && now.ns >= relay->until.ns) {
            relay->is_used = false;
            send_plain(detector, MESSAGE_PROBE_NACK, relay->asker, relay->subject, relay->sequence);
        }
    }
}

/* Rumours ride on probes, and a healthy peer is not probed: one random peer a tick while there is something to tell. */
static void rumours_tick(struct detector *detector, struct instant now) {
    struct member_index to;
    bool is_told = true;
    for (uint32_t index = 0; index < detector->member_count; index++) {
        is_told = is_told && detector->peers[index].transmissions_left == 0;
    }
    if (!is_told && pick_helpers(detector, detector->self, now, &to, 1) == 1) {
        send_plain(detector, MESSAGE_PROBE, to, to, detector->next_sequence++);
    }
}

static void health_tick(struct detector *detector, struct instant now) {
    if (now.ns < detector->health_eased.ns + DETECTOR_PERIOD_MS * NS_PER_MS) {
        return;
    }
    uint32_t heard = 1;
    for (uint32_t index = 0; index < detector->member_count; index++) {
        const struct detector_peer *peer = &detector->peers[index];
        heard += peer->heard.ns != 0 && now.ns < peer->heard.ns + DETECTOR_PERIOD_MS * NS_PER_MS ? 1 : 0;
    }
    detector->health_eased = now;
    if (heard * 2 > detector->present_count) {
        health_move(detector, -1);
    }
}

void detector_tick(struct detector *detector, struct instant now) {
    bool was_away = now.ns > detector->last_tick.ns + DETECTOR_AWAY_MS * NS_PER_MS;
    detector->last_tick = now;
    if (was_away) {
        come_back(detector, now);
    }
    for (uint16_t index = 0; index < detector->member_count; index++) {
        if (index != detector->self.value && !detector->peers[index].is_absent) {
            peer_tick(detector, (struct member_index){index}, now);
        }
    }
    relays_tick(detector, now);
    rumours_tick(detector, now);
    health_tick(detector, now);
}
