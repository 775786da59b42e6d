#include "core/detection.h"

#include "core/shard_state.h"

static void mail_verdicts(struct shard *shard) {
    uint32_t members = (uint32_t)ring_member_count(shard->ring);
    for (uint32_t to = 1; to < shard->options.shard_count; to++) {
        struct buffer *output = mail_output(shard, to);
        size_t frame = frame_begin(output, MESSAGE_VERDICTS);
        write_varint(output, members);
        write_varint(output, detection_health(shard));
        for (uint16_t index = 0; index < members; index++) {
            struct member_verdict verdict = detection_verdict(shard, (struct member_index){index});
            write_u8(output, (uint8_t)verdict.verdict);
            write_u64(output, verdict.since.ns);
            write_u64(output, verdict.heard.ns);
            write_varint(output, verdict.incarnation);
        }
        frame_end(output, frame);
    }
    shard->detection.mailed = shard_now(shard);
}

static void verdicts_receive(struct shard *shard, struct view body) {
    struct reader reader = reader_of(body);
    uint32_t members = (uint32_t)read_varint(&reader);
    ENSURE(members <= shard_member_capacity(shard));
    shard->detection.shown_health = (uint32_t)read_varint(&reader);
    for (uint32_t index = 0; index < members; index++) {
        struct member_verdict *shown = &shard->detection.shown[index];
        shown->verdict = (enum verdict)read_u8(&reader);
        shown->since.ns = read_u64(&reader);
        shown->heard.ns = read_u64(&reader);
        shown->incarnation = read_varint(&reader);
    }
    ENSURE(reader_finished(&reader)); /* it never left this process */
}

/* ---- the detector's port ---- */

static void port_send(void *self, struct member_index to, const struct detector_word *word) {
    struct shard *shard = self;
    struct message_probe message = {
        .sequence = word->sequence,
        .incarnation = word->incarnation,
        .subject = ring_member(shard->ring, word->subject)->id,
        .subject_incarnation = word->subject_incarnation,
        .rumour_count = word->rumour_count,
    };
    for (uint8_t index = 0; index < word->rumour_count; index++) {
        message.rumours[index] = (struct message_rumour){
            .subject = ring_member(shard->ring, word->rumours[index].subject)->id,
            .accuser = ring_member(shard->ring, word->rumours[index].accuser)->id,
            .verdict = (enum rumour_verdict)word->rumours[index].verdict,
            .incarnation = word->rumours[index].incarnation,
        };
    }
    struct buffer *output = lane_first_output(shard, to);
    if (output != NULL) {
        message_encode_probe(output, word->kind, &message);
    }
}

static void port_changed(void *self, struct member_index subject, enum verdict verdict) {
    static const enum trace_kind kinds[] = {TRACE_REFUTED, TRACE_SUSPECTED, TRACE_DIED};
    struct shard *shard = self;
    bool is_expected = verdict != VERDICT_ALIVE && peer_is_leaving(peer_of(shard, subject));
    shard_trace_peer(shard, kinds[verdict], subject, is_expected ? "it took its leave" : NULL);
    shard->detection.mailed = (struct instant){0}; /* with the next beat */
}

/* ---- events ---- */

void detection_init(struct shard *shard) {
    size_t members = ring_member_count(shard->ring);
    size_t capacity = shard_member_capacity(shard);
    struct detection *detection = &shard->detection;
    if (shard_is_first(shard)) {
        struct detector_port port = {.self = shard, .send = port_send, .changed = port_changed};
        struct detector_peer *peers = ARENA_ARRAY(&shard->permanent, struct detector_peer, capacity);
        detector_init(&detection->detector, port, shard->self, (uint32_t)members, peers,
                      shard->options.seed ^ shard->options.run, shard_now(shard), shard_wall(shard));
        detection_adopt(shard);
        return;
    }
    detection->shown = ARENA_ARRAY(&shard->permanent, struct member_verdict, capacity);
    memset(detection->shown, 0, sizeof(*detection->shown) * capacity);
}

void detection_adopt(struct shard *shard) {
    for (uint16_t index = 0; shard_is_first(shard) && index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        if (!member_index_equal(member, shard->self)) {
            detector_set_present(&shard->detection.detector, member, ring_is_awaited(shard->ring, member),
                                 shard_now(shard));
        }
    }
}

void detection_beat(struct shard *shard) {
    if (!shard_is_first(shard)) {
        return;
    }
    detector_tick(&shard->detection.detector, shard_now(shard));
    if (shard_now(shard).ns >= shard->detection.mailed.ns + DETECTOR_PERIOD_MS * NS_PER_MS) {
        mail_verdicts(shard);
    }
}

void detection_heard(struct shard *shard, struct member_index from) {
    if (shard_is_first(shard)) {
        detector_heard(&shard->detection.detector, from, shard_now(shard));
    }
}

/* False when it names a node that is no member here. */
static bool word_of_message(struct shard *shard, uint8_t kind, const struct message_probe *message,
                            struct detector_word *ret_word) {
    struct detector_word word = {
        .kind = (enum message_kind)kind,
        .sequence = message->sequence,
        .incarnation = message->incarnation,
        .subject_incarnation = message->subject_incarnation,
    };
    if (!ring_find_member(shard->ring, message->subject, &word.subject)) {
        return false;
    }
    for (uint8_t index = 0; index < message->rumour_count; index++) {
        const struct message_rumour *from = &message->rumours[index];
        struct detector_rumour rumour = {.verdict = (enum verdict)from->verdict, .incarnation = from->incarnation};
        if (ring_find_member(shard->ring, from->subject, &rumour.subject) &&
            ring_find_member(shard->ring, from->accuser, &rumour.accuser)) {
            word.rumours[word.rumour_count++] = rumour;
        }
    }
    *ret_word = word;
    return true;
}

void detection_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_probe message;
    struct detector_word word;
    if (kind == MESSAGE_VERDICTS) {
        if (source->lane == NULL && !shard_is_first(shard)) {
            verdicts_receive(shard, body);
        }
        return;
    }
    if (source->lane != NULL && shard_is_first(shard) && message_decode_probe(body, &message) &&
        word_of_message(shard, kind, &message, &word)) {
        detector_receive(&shard->detection.detector, source->lane->peer->member, &word, shard_now(shard));
    }
}

/* ---- for those who look ---- */

struct member_verdict detection_verdict(const struct shard *shard, struct member_index member) {
    if (!shard_is_first(shard)) {
        return shard->detection.shown[member.value];
    }
    const struct detector_peer *peer = &shard->detection.detector.peers[member.value];
    return (struct member_verdict){peer->verdict, peer->verdict_since, peer->heard, peer->incarnation};
}

uint32_t detection_health(const struct shard *shard) {
    return shard_is_first(shard) ? shard->detection.detector.health : shard->detection.shown_health;
}
