/* The peers' ends of the links, and their words. */
#include "core/hash_tree.h"
#include "core/shard_state.h"
#include "core_harness.h"
#include "wire/membership_message.h"
#include "wire/witness_message.h"

#include <stdio.h>

enum { PEER_RUN = 1000 };

static size_t index_of(char peer) {
    return (size_t)(peer - 'A');
}

/* ---- what comes from the shard ---- */

static void name_link(const struct fake_link *fake, char *who, size_t size) {
    if (fake->shard == 0) {
        (void)snprintf(who, size, "%c%s", fake->peer, fake->is_bulk ? " bulk" : "");
    } else {
        (void)snprintf(who, size, "%c/%u%s", fake->peer, fake->shard, fake->is_bulk ? " bulk" : "");
    }
}

static void note_asked(struct rig *rig, const struct fake_link *fake, const struct frame *frame) {
    struct message_put put = {0};
    struct message_read read = {0};
    struct message_operation operation = {0};
    uint64_t request = 0;
    if (frame->kind == MESSAGE_PUT && message_decode_put(frame->body, &put)) {
        request = (put.flags & PUT_REPAIR) == 0 ? put.request : 0;
    } else if (frame->kind == MESSAGE_READ && message_decode_read(frame->body, &read)) {
        request = read.request;
    } else if (frame->kind == MESSAGE_OPERATION && message_decode_operation(frame->body, &operation)) {
        request = operation.request;
    }
    if (request != 0) {
        assert_true(rig->asked_count < RIG_ASKED);
        rig->last_wire_id = request;
        rig->asked[rig->asked_count++] =
            (struct asked){.peer = fake->peer, .shard = fake->shard, .kind = frame->kind, .request = request};
    }
}

static void take_hello(struct rig *rig, struct fake_link *fake, const struct frame *frame) {
    struct message_hello hello;
    assert_true(message_decode_hello(frame->body, &hello));
    rig->last_hello = hello;
    fake->shard = hello.target_shard;
    fake->is_bulk = hello.is_bulk;
    if (rig->shows_links) {
        char who[16];
        name_link(fake, who, sizeof(who));
        line_of_frame(rig, who, frame);
    }
}

static void take_summary(struct rig *rig, const struct frame *frame) {
    bool is_summary = frame->kind == MESSAGE_SUMMARY || frame->kind == MESSAGE_SUMMARY_ANSWER;
    assert_true(!is_summary || message_decode_summary(frame->body, &rig->last_summary));
}

/* What the shard tells of itself, and whether anybody asked. */
static void take_gossip(struct rig *rig, const char *who, const struct frame *frame) {
    struct gossip_word word;
    struct gossip_record record;
    assert_true(message_decode_gossip(frame->kind, frame->body, &word));
    if (word.kind == MESSAGE_GOSSIP_SUMMARY) {
        rig->last_gossip = word;
        rig->last_gossip.list = (struct view){0};
    }
    struct reader list = reader_of(word.list);
    while (word.kind == MESSAGE_GOSSIP_RECORDS && gossip_list_next(&list, word.kind, &record)) {
        if (node_id_equal(record.id, rig->ids[rig->options.self])) {
            assert_true(member_record_decode(record.payload, &rig->last_record));
            rig->last_stamp = record.stamp;
        }
    }
    if (rig->shows_gossip) {
        line_of_frame(rig, who, frame);
    }
}

static void take_frame(struct rig *rig, struct fake_link *fake, const struct frame *frame) {
    char who[16];
    switch (frame->kind) {
    case MESSAGE_HELLO:
        take_hello(rig, fake, frame);
        break;
    case MESSAGE_PING:
        rig->pings[index_of(fake->peer)]++;
        rig->last_ping_bytes = frame->body.size;
        break;
    case MESSAGE_PONG:
    case MESSAGE_PROBE: /* the detector has tests of its own */
    case MESSAGE_PROBE_ACK:
    case MESSAGE_PROBE_ASK:
    case MESSAGE_PROBE_NACK:
    case MESSAGE_FENCE:
    case MESSAGE_STORES_BEFORE:
        break;
    case MESSAGE_GOSSIP_SUMMARY:
    case MESSAGE_GOSSIP_DIGEST:
    case MESSAGE_GOSSIP_RECORDS:
    case MESSAGE_GOSSIP_WANT:
        name_link(fake, who, sizeof(who));
        take_gossip(rig, who, frame);
        break;
    case MESSAGE_BOUND:
        rig->bounds_told[index_of(fake->peer)]++;
        break;
    default:
        take_summary(rig, frame);
        note_asked(rig, fake, frame);
        name_link(fake, who, sizeof(who));
        line_of_frame(rig, who, frame);
    }
}

static void flush_link(struct rig *rig, struct fake_link *fake) {
    struct frame frame;
    struct buffer *output = link_output(fake->link);
    struct view bytes = buffer_view(output);
    while (frame_reader_next(&fake->reader, &bytes, &frame) == FRAME_READY) {
        take_frame(rig, fake, &frame);
    }
    assert_int_equal(bytes.size, 0);
    buffer_clear(output);
}

/* A peer that is there takes a dial and greets. */
static void welcome(struct rig *rig, struct fake_link *fake) {
    fake->state = FAKE_OPEN;
    frame_reader_init(&fake->reader);
    shard_link_connected(rig->shard, fake->link, fake, rig->moment);
    flush_link(rig, fake);
    struct message_hello hello = rig_hello(rig, fake->peer, fake->shard, fake->is_bulk);
    struct buffer bytes;
    buffer_init(&bytes);
    message_encode_hello(&bytes, &hello);
    shard_link_input(rig->shard, fake->link, buffer_view(&bytes), rig->moment);
    buffer_release(&bytes);
}

void rig_flush_links(struct rig *rig) {
    for (size_t i = 0; i < RIG_LINKS; i++) {
        struct fake_link *fake = &rig->links[i];
        if (fake->state == FAKE_DIALING && fake->peer != '?' && !rig->is_away[index_of(fake->peer)]) {
            welcome(rig, fake);
        }
    }
    for (size_t i = 0; i < RIG_LINKS; i++) {
        struct fake_link *fake = &rig->links[i];
        if (fake->state == FAKE_OPEN && fake->is_woken) {
            fake->is_woken = false;
            flush_link(rig, fake);
        }
    }
}

/* ---- links ---- */

struct message_hello rig_hello(const struct rig *rig, char peer, uint16_t shard, bool is_bulk) {
    return (struct message_hello){
        .magic = HELLO_MAGIC,
        .version_least = PROTOCOL_VERSION_LEAST,
        .version = PROTOCOL_VERSION,
        .cluster = rig->secrets.cluster,
        .node = rig->ids[index_of(peer)],
        .shard_index = shard,
        .shard_count = (uint16_t)rig->options.peer_shard_count,
        .target_shard = 0,
        .is_bulk = is_bulk,
        .run = PEER_RUN + index_of(peer),
        .ring = ring_digest(rig->ring),
        .keyspaces = keyspace_table_digest(&rig->keyspaces),
        .wall = {(uint64_t)((int64_t)rig->moment.wall.ms + rig->wall_offset_ms[index_of(peer)])},
        .now = rig->moment.now,
        .fence = rig->hello_fence,
        .membership = ring_version(rig->ring),
        .keyspaces_version = rig->hello_keyspaces,
        .is_agreeing = rig->hello_agreeing,
        .remembered = rig->hello_remembered,
    };
}

struct fake_link *rig_link(struct rig *rig, char peer, uint16_t shard, bool is_bulk) {
    for (size_t i = 0; i < RIG_LINKS; i++) {
        struct fake_link *fake = &rig->links[i];
        if (fake->state == FAKE_OPEN && fake->peer == peer && fake->shard == shard && fake->is_bulk == is_bulk) {
            return fake;
        }
    }
    return NULL;
}

struct fake_link *link_connects(struct rig *rig, char peer) {
    for (size_t i = 0; i < RIG_LINKS; i++) {
        struct fake_link *fake = &rig->links[i];
        if (fake->state == FAKE_DIALING && fake->peer == peer) {
            fake->state = FAKE_OPEN;
            frame_reader_init(&fake->reader);
            step_begin(rig);
            shard_link_connected(rig->shard, fake->link, fake, rig->moment);
            step_end(rig);
            return fake;
        }
    }
    fail_msg("%c is not being dialed", peer);
    return NULL;
}

struct fake_link *link_accepts(struct rig *rig, char peer, uint16_t shard, bool is_bulk) {
    for (size_t i = 0; i < RIG_LINKS; i++) {
        struct fake_link *fake = &rig->links[i];
        if (fake->state == FAKE_FREE) {
            *fake = (struct fake_link){.state = FAKE_OPEN, .peer = peer, .shard = shard, .is_bulk = is_bulk};
            frame_reader_init(&fake->reader);
            step_begin(rig);
            fake->link = shard_link_accept(rig->shard, fake, rig->moment);
            step_end(rig);
            assert_ptr_equal(link_handle(fake->link), fake);
            return fake;
        }
    }
    fail_msg("too many links");
    return NULL;
}

void link_sends(struct rig *rig, struct fake_link *fake, struct view bytes) {
    step_begin(rig);
    shard_link_input(rig->shard, fake->link, bytes, rig->moment);
    step_end(rig);
}

void link_sends_hello(struct rig *rig, struct fake_link *fake, const struct message_hello *hello) {
    struct buffer bytes;
    buffer_init(&bytes);
    message_encode_hello(&bytes, hello);
    link_sends(rig, fake, buffer_view(&bytes));
    buffer_release(&bytes);
}

void link_breaks(struct rig *rig, struct fake_link *fake) {
    if (fake->state == FAKE_OPEN) {
        frame_reader_release(&fake->reader);
    }
    fake->state = FAKE_FREE;
    step_begin(rig);
    shard_link_closed(rig->shard, fake->link, rig->moment);
    step_end(rig);
}

void peer_dials(struct rig *rig, char peer) {
    for (uint16_t shard = 0; shard < rig->options.peer_shard_count; shard++) {
        for (int is_bulk = 0; is_bulk < 2; is_bulk++) {
            struct fake_link *fake = link_accepts(rig, peer, shard, is_bulk == 1);
            struct message_hello hello = rig_hello(rig, peer, shard, is_bulk == 1);
            link_sends_hello(rig, fake, &hello);
        }
    }
}

void peer_dies(struct rig *rig, char peer) {
    rig->is_away[index_of(peer)] = true;
    for (size_t i = 0; i < RIG_LINKS; i++) {
        if (rig->links[i].state == FAKE_OPEN && rig->links[i].peer == peer) {
            link_breaks(rig, &rig->links[i]);
        }
    }
}

void peer_returns(struct rig *rig, char peer) {
    rig->is_away[index_of(peer)] = false;
    step_begin(rig);
    step_end(rig);
}

/* ---- the peers' requests ---- */

void peer_sends(struct rig *rig, char peer, uint16_t shard, bool is_bulk, const struct buffer *frames) {
    struct fake_link *fake = rig_link(rig, peer, shard, is_bulk);
    if (fake == NULL) {
        fail_msg("no link with %c", peer);
        return;
    }
    link_sends(rig, fake, buffer_view(frames));
}

static void send_and_release(struct rig *rig, char peer, uint16_t shard, struct buffer *frames) {
    peer_sends(rig, peer, shard, false, frames);
    buffer_release(frames);
}

void peer_pings(struct rig *rig, char peer) {
    struct message_ping ping = {.now = rig->moment.now};
    ping.wall.ms = (uint64_t)((int64_t)rig->moment.wall.ms + rig->wall_offset_ms[index_of(peer)]);
    for (size_t i = 0; i < RIG_LINKS; i++) {
        if (rig->links[i].state == FAKE_OPEN && rig->links[i].peer == peer) {
            struct buffer bytes;
            buffer_init(&bytes);
            message_encode_ping(&bytes, MESSAGE_PING, &ping, PROTOCOL_VERSION);
            link_sends(rig, &rig->links[i], buffer_view(&bytes));
            buffer_release(&bytes);
        }
    }
}

void peer_puts(struct rig *rig, char peer, const char *key, const char *object, uint8_t flags) {
    peer_hints(rig, peer, key, object, flags, 0);
}

void peer_hints(struct rig *rig, char peer, const char *key, const char *object, uint8_t flags, char hint_for) {
    struct message_put put = {
        .request = (flags & PUT_REPAIR) != 0 ? 0 : 77,
        .partition = rig_partition(rig, key),
        .placement_mark = ring_placement_mark(rig->ring, rig_partition(rig, key)),
        .flags = flags,
        .fence = rig->label != 0 ? rig->label : FENCE_FIRST,
        .key = rig_key_name(rig, key),
        .object = notation_object_bytes(&rig->notation, object),
    };
    if (hint_for != 0) {
        put.hint_for = rig->ids[hint_for - 'A'];
    }
    struct buffer frames;
    buffer_init(&frames);
    message_encode_put(&frames, &put);
    send_and_release(rig, peer, 0, &frames);
}

void peer_puts_under(struct rig *rig, char peer, const char *key, const char *object, uint64_t fence) {
    rig->label = fence;
    peer_puts(rig, peer, key, object, 0);
    rig->label = 0;
}

void peer_proves(struct rig *rig, char peer, enum fence_message_kind kind, const char *key, const char *object,
                 uint64_t number) {
    struct view name = rig_key_name(rig, key);
    struct record record;
    if (object == NULL) {
        assert_true(record_decode(buffer_view(&disk_record(&rig->disk, name)->bytes), &record));
    }
    struct view bytes = object == NULL ? record.object_bytes : notation_object_bytes(&rig->notation, object);
    struct message_proof head = {
        .partition = rig_partition(rig, key), .number = number, .attempt = rig->attempt, .ground = rig->ground};
    struct buffer frames;
    buffer_init(&frames);
    size_t begun = message_begin_proof(&frames, kind, &head);
    message_add_proof(&frames, &(struct proof_key){name, hash_tree_entry(0, name, bytes)});
    message_end_proof(&frames, begun);
    send_and_release(rig, peer, 0, &frames);
}

void peer_prunes(struct rig *rig, char peer, enum fence_message_kind kind, const char *key, const char *entry,
                 uint64_t number) {
    struct context context = notation_context(&rig->notation, entry);
    struct message_proof head = {.partition = rig_partition(rig, key),
                                 .aim = PROOF_PRUNES,
                                 .number = number,
                                 .attempt = rig->attempt,
                                 .ground = rig->ground};
    struct buffer frames;
    buffer_init(&frames);
    size_t begun = message_begin_proof(&frames, kind, &head);
    message_add_proof(&frames, &(struct proof_key){rig_key_name(rig, key), proof_of_entry(context.vector[0])});
    message_end_proof(&frames, begun);
    send_and_release(rig, peer, 0, &frames);
}

static void peer_speaks(struct rig *rig, char peer, enum question_message_kind kind, enum question question,
                        int64_t ms) {
    struct wall_time wall = {(uint64_t)((int64_t)rig->moment.wall.ms + ms)};
    struct message_question message = {
        .question = question, .attempt = rig->attempt, .time = hybrid_time_of_wall(wall)};
    struct buffer frames;
    buffer_init(&frames);
    message_encode_question(&frames, kind, &message);
    send_and_release(rig, peer, 0, &frames);
}

void peer_questions(struct rig *rig, char peer, enum question question, int64_t ms) {
    peer_speaks(rig, peer, MESSAGE_QUESTION, question, ms);
}

void peer_responds(struct rig *rig, char peer, enum question question, int64_t ms) {
    peer_speaks(rig, peer, MESSAGE_REPLY, question, ms);
}

void peer_fence(struct rig *rig, char peer, uint64_t heard, uint64_t drained, uint64_t passed) {
    struct message_fence message = {.heard = heard, .drained = drained, .agreed = drained, .passed = passed};
    struct buffer frames;
    buffer_init(&frames);
    message_encode_fence(&frames, &message);
    send_and_release(rig, peer, 0, &frames);
}

void peer_summary(struct rig *rig, char peer, uint64_t version) {
    struct gossip_word word = {.kind = MESSAGE_GOSSIP_SUMMARY, .version = version};
    word.hash = rig->shard->records.gossip.hash;
    struct buffer frames;
    buffer_init(&frames);
    message_encode_gossip(&frames, &word);
    send_and_release(rig, peer, 0, &frames);
}

void record_frame(struct rig *rig, struct buffer *frames, char of, uint64_t generation,
                  const struct member_record *record) {
    struct buffer payload;
    struct buffer list;
    buffer_init(&payload);
    buffer_init(&list);
    member_record_encode(&payload, record);
    struct gossip_record one = {
        .id = rig->ids[index_of(of)], .stamp = {generation, 1}, .payload = buffer_view(&payload)};
    gossip_list_add(&list, MESSAGE_GOSSIP_RECORDS, &one);
    struct gossip_word word = {.kind = MESSAGE_GOSSIP_RECORDS, .list = buffer_view(&list)};
    message_encode_gossip(frames, &word);
    buffer_release(&list);
    buffer_release(&payload);
}

void peer_tells_record(struct rig *rig, char peer, char of, uint64_t generation, const struct member_record *record) {
    struct buffer frames;
    buffer_init(&frames);
    record_frame(rig, &frames, of, generation, record);
    send_and_release(rig, peer, 0, &frames);
}

void peer_fence_flushed(struct rig *rig, char peer, int64_t ms) {
    struct wall_time wall = {(uint64_t)((int64_t)rig->moment.wall.ms + ms)};
    struct message_fence message = {.heard = FENCE_FIRST,
                                    .drained = FENCE_FIRST,
                                    .agreed = FENCE_FIRST,
                                    .passed = FENCE_FIRST,
                                    .flushed = hybrid_time_of_wall(wall).value};
    struct buffer frames;
    buffer_init(&frames);
    message_encode_fence(&frames, &message);
    send_and_release(rig, peer, 0, &frames);
}

static struct view outline_of(struct rig *rig, const char *text) {
    struct object object = notation_object(&rig->notation, text);
    struct buffer bytes;
    object = object_outline(&object, &rig->notation.arena);
    buffer_init(&bytes);
    object_encode(&bytes, &object);
    struct view view = arena_copy(&rig->notation.arena, buffer_view(&bytes));
    buffer_release(&bytes);
    return view;
}

static void peer_asks(struct rig *rig, char peer, const char *key, const char *compare_with, bool wants_whole) {
    struct message_read read = {
        .request = 77,
        .partition = rig_partition(rig, key),
        .placement_mark = ring_placement_mark(rig->ring, rig_partition(rig, key)),
        .wants_whole = wants_whole,
        .key = rig_key_name(rig, key),
    };
    if (compare_with != NULL) {
        bool is_absent = strcmp(compare_with, "absent") == 0;
        read.has_digest = true;
        struct view bytes = is_absent ? (struct view){0} : notation_object_bytes(&rig->notation, compare_with);
        read.digest = hash128(bytes.size < RIG_OUTLINE_BYTES ? bytes : outline_of(rig, compare_with));
    }
    struct buffer frames;
    buffer_init(&frames);
    message_encode_read(&frames, &read);
    send_and_release(rig, peer, 0, &frames);
}

void peer_reads(struct rig *rig, char peer, const char *key, const char *compare_with) {
    peer_asks(rig, peer, key, compare_with, false);
}

void peer_reads_whole(struct rig *rig, char peer, const char *key) {
    peer_asks(rig, peer, key, NULL, true);
}

static const struct {
    const char *verb;
    enum operation_kind kind;
    uint32_t flags;
} verbs[] = {
    {"get", OPERATION_READ, 0},
    {"set", OPERATION_PUT, OPERATION_PLAIN},
    {"setnx", OPERATION_PUT, OPERATION_PLAIN | OPERATION_IF_ABSENT | OPERATION_RETURN_OLD},
    {"put", OPERATION_PUT, 0},
    {"del", OPERATION_PUT, OPERATION_PLAIN | OPERATION_TOMBSTONE | OPERATION_IF_PRESENT},
    {"expire", OPERATION_EXPIRE, 0},
    {"inspect", OPERATION_INSPECT, 0},
    {"restore", OPERATION_RESTORE, 0},
};

static struct operation operation_of(struct rig *rig, const char *text) {
    char verb[16];
    char key[16];
    char argument[32];
    int rest = 0;
    int words = sscanf(text, "%15s %15s %n%31s", verb, key, &rest, argument);
    assert_in_range(words, 2, 3);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].verb, verb) != 0) {
            continue;
        }
        struct operation operation = {.kind = verbs[i].kind, .flags = verbs[i].flags, .deadline_ms = 1000};
        operation.key = rig_key_name(rig, key);
        if (operation.kind == OPERATION_PUT && words == 3) {
            operation.value = expand_bytes(&rig->notation.arena, view_of_string(argument));
        } else if (operation.kind == OPERATION_RESTORE) {
            operation.value = notation_object_bytes(&rig->notation, text + rest);
        } else if (operation.kind == OPERATION_EXPIRE) {
            uint64_t later_ms = 0;
            assert_true(view_to_uint64(view_of_string(argument), &later_ms));
            operation.expires_at_ms = rig->moment.wall.ms + later_ms;
        } else if (operation.kind == OPERATION_INSPECT) {
            operation.target = rig->ids[index_of(argument[0])];
        }
        return operation;
    }
    fail_msg("no verb %s", verb);
    return (struct operation){0};
}

static void encode_operation(struct rig *rig, struct buffer *frames, bool hopped, const char *text) {
    struct message_operation message = {
        .request = 77,
        .hopped = hopped,
        .sent = rig->moment.now,
        .operation = operation_of(rig, text),
    };
    message.placement_mark = ring_placement_mark(rig->ring, ring_partition_of_key(rig->ring, message.operation.key));
    message_encode_operation(frames, &message);
}

void peer_operates(struct rig *rig, char peer, bool hopped, const char *text) {
    struct buffer frames;
    buffer_init(&frames);
    encode_operation(rig, &frames, hopped, text);
    send_and_release(rig, peer, 0, &frames);
}

static void mail_sends(struct rig *rig, uint32_t from_shard, struct buffer *frames) {
    step_begin(rig);
    shard_mail_input(rig->shard, from_shard, buffer_view(frames), rig->moment);
    step_end(rig);
    buffer_release(frames);
}

void mail_operates(struct rig *rig, uint32_t from_shard, const char *text) {
    struct buffer frames;
    buffer_init(&frames);
    encode_operation(rig, &frames, false, text);
    mail_sends(rig, from_shard, &frames);
}

/* ---- the peers' answers ---- */

static const char *after(const char *text, const char *start) {
    size_t size = strlen(start);
    return strncmp(text, start, size) == 0 ? text + size : NULL;
}

static void encode_put_answer(struct rig *rig, struct buffer *frames, uint64_t request, const char *text) {
    struct message_put_answer answer = {.request = request, .status = ANSWER_FAILED, .informed = true};
    const char *kept = after(text, "stored, keeps ");
    if (strcmp(text, "stored") == 0 || strcmp(text, "stored, uninformed") == 0 || kept != NULL) {
        answer.status = ANSWER_STORED;
        answer.informed = strcmp(text, "stored, uninformed") != 0;
        answer.kept = kept == NULL ? (struct view){0} : notation_context_bytes(&rig->notation, kept);
    } else if (strcmp(text, "refused") == 0) {
        answer.status = ANSWER_REFUSED;
    } else {
        assert_string_equal(text, "failed");
    }
    message_encode_put_answer(frames, &answer);
}

static void encode_read_answer(struct rig *rig, struct buffer *frames, uint64_t request, const char *text) {
    struct message_read_answer answer = {
        .request = request, .status = ANSWER_FAILED, .informed = true, .fence = FENCE_FIRST};
    const char *object = after(text, "object ");
    const char *outline = after(text, "outline ");
    if (object != NULL) {
        answer.status = ANSWER_OBJECT;
        answer.object = notation_object_bytes(&rig->notation, object);
    } else if (outline != NULL) {
        answer.status = ANSWER_OUTLINE;
        answer.object = outline_of(rig, outline);
    } else if (strcmp(text, "same") == 0) {
        answer.status = ANSWER_SAME;
    } else if (after(text, "absent") != NULL) {
        answer.status = ANSWER_ABSENT;
        answer.informed = strcmp(text, "absent") == 0;
    } else if (strcmp(text, "refused") == 0) {
        answer.status = ANSWER_REFUSED;
    } else {
        assert_string_equal(text, "failed");
    }
    message_encode_read_answer(frames, &answer);
}

static void encode_result(struct rig *rig, struct buffer *frames, uint64_t request, const char *text) {
    static const char *const outcomes[] = {"done", "unchanged", "noreplicas", "indoubt", "noquorum", "busy", "refused"};
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        const char *rest = after(text, outcomes[i]);
        if (rest == NULL) {
            continue;
        }
        struct message_result message = {.request = request, .result.outcome = (enum outcome)i};
        if (*rest == ' ') {
            message.result.object = notation_object_bytes(&rig->notation, rest + 1);
        }
        message_encode_result(frames, &message);
        return;
    }
    fail_msg("no outcome %s", text);
}

void give_answer(struct rig *rig, struct asked *asked, const char *text) {
    struct buffer frames;
    buffer_init(&frames);
    asked->is_answered = true;
    switch (asked->kind) {
    case MESSAGE_PUT:
        encode_put_answer(rig, &frames, asked->request, text);
        break;
    case MESSAGE_READ:
        encode_read_answer(rig, &frames, asked->request, text);
        break;
    default:
        encode_result(rig, &frames, asked->request, text);
    }
    if (asked->peer >= 'A') {
        send_and_release(rig, asked->peer, asked->shard, &frames);
    } else {
        mail_sends(rig, (uint32_t)(asked->peer - '0'), &frames);
    }
}

void answer(struct rig *rig, char peer, const char *text) {
    for (size_t i = 0; i < rig->asked_count; i++) {
        if (rig->asked[i].peer == peer && !rig->asked[i].is_answered) {
            give_answer(rig, &rig->asked[i], text);
            return;
        }
    }
    fail_msg("%c was not asked", peer);
}

void answer_nth(struct rig *rig, char peer, size_t number, const char *text) {
    for (size_t i = 0; i < rig->asked_count; i++) {
        if (rig->asked[i].peer == peer && number-- == 0) {
            give_answer(rig, &rig->asked[i], text);
            return;
        }
    }
    fail_msg("%c was not asked so often", peer);
}

void answers_never(struct rig *rig, char peer) {
    for (size_t i = 0; i < rig->asked_count; i++) {
        rig->asked[i].is_answered |= rig->asked[i].peer == peer;
    }
}

void mail_answers(struct rig *rig, uint32_t from_shard, const char *text) {
    answer(rig, (char)('0' + from_shard), text);
}
