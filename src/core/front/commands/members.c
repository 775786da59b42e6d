/* GRAMME.MEMBERS: the members of the cluster, told and changed (core/members.h). */
#include "core/front/commands/commands.h"
#include "core/members.h"
#include "core/stage.h"

static void finish_change(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    }
}

static void finish_text(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_bulk(answer->reply, answer->result->object);
    }
}

static const struct pending_kind change_kind = {.finish = finish_change, .is_alone = true};
static const struct pending_kind text_kind = {.finish = finish_text, .is_alone = true};

static void submit(struct call *call, const struct pending_kind *kind, const struct buffer *value) {
    struct operation operation = {.kind = OPERATION_MEMBERS,
                                  .value = arena_copy(call->turn->arena, buffer_view(value))};
    call_submit(call, kind, 0, &operation);
}

void run_gramme_members(struct call *call) {
    struct buffer *value = &call->front->encoding;
    if (!call_must_wait_alone(call)) {
        buffer_clear(value);
        write_u8(value, MEMBERS_STATUS);
        submit(call, &text_kind, value);
    }
}

void run_gramme_members_log(struct call *call) {
    struct buffer *value = &call->front->encoding;
    int64_t after = 0;
    if (call_must_wait_alone(call) || !call_integer(call, 2, &after)) {
        return;
    }
    buffer_clear(value);
    write_u8(value, MEMBERS_LOG);
    write_u64(value, after < 0 ? 0 : (uint64_t)after);
    submit(call, &text_kind, value);
}

/* ---- changes ---- */

struct words {
    struct call *call;
    size_t next;
    bool failed; /* and the error is written */
};

static void fail(struct words *words, struct view error) {
    if (!words->failed) {
        call_error(words->call, error);
    }
    words->failed = true;
}

static struct view next_word(struct words *words) {
    if (words->next == words->call->count) {
        fail(words, VIEW("ERR too few words: JOIN id zone weight client-address peer-address, REPLACE old-id and the "
                         "same, LEAVE id, WEIGHT id n, REPLICAS n, DEAD id, ABORT"));
    }
    return words->failed ? (struct view){0} : words->call->arguments[words->next++];
}

static void read_text(struct words *words, char *text, size_t size) {
    struct view word = next_word(words);
    if (!words->failed && word.size >= size) {
        fail(words, VIEW("ERR a word is too long"));
    } else if (!words->failed && word.size > 0) {
        memcpy(text, word.data, word.size);
    }
}

static struct node_id read_id(struct words *words) {
    char text[NODE_ID_TEXT_SIZE] = {0};
    struct node_id id = {{0}};
    read_text(words, text, sizeof(text));
    if (!words->failed && !node_id_from_text(text, &id)) {
        fail(words, VIEW("ERR an id is 32 hexadecimal digits"));
    }
    return id;
}

static void read_hex16(struct words *words, uint8_t ret[16]) {
    struct node_id bytes = read_id(words);
    memcpy(ret, bytes.bytes, sizeof(bytes.bytes));
}

static uint32_t read_number(struct words *words, uint64_t most, struct view problem) {
    uint64_t number = 0;
    struct view word = next_word(words);
    if (!words->failed && (!view_to_uint64(word, &number) || number < 1 || number > most)) {
        fail(words, problem);
    }
    return (uint32_t)number;
}

static uint32_t read_weight(struct words *words) {
    return read_number(words, 1000, VIEW("ERR a weight is a number from 1 to 1000"));
}

static void read_member(struct words *words, struct membership_event *event) {
    event->kind = MEMBERSHIP_JOIN;
    event->member.id = read_id(words);
    read_text(words, event->member.zone, sizeof(event->member.zone));
    event->member.weight = read_weight(words);
    read_text(words, event->member.client_address, sizeof(event->member.client_address));
    read_text(words, event->member.peer_address, sizeof(event->member.peer_address));
}

static bool view_is(struct view word, const char *text) {
    return view_equal_ignoring_case(word, view_of_string(text));
}

/* False: the change is alone, and no move. */
static bool read_event(struct words *words, struct membership_event *event) {
    struct view word = next_word(words);
    if (view_is(word, "JOIN")) {
        read_member(words, event);
    } else if (view_is(word, "REPLACE")) {
        event->replaces = read_id(words);
        read_member(words, event);
    } else if (view_is(word, "LEAVE")) {
        event->kind = MEMBERSHIP_LEAVE;
        event->member.id = read_id(words);
    } else if (view_is(word, "WEIGHT")) {
        event->kind = MEMBERSHIP_WEIGHT;
        event->member.id = read_id(words);
        event->member.weight = read_weight(words);
    } else if (view_is(word, "REPLICAS")) {
        event->kind = MEMBERSHIP_REPLICAS;
        event->replica_count = read_number(words, LIMIT_REPLICAS, VIEW("ERR replicas are a number from 1 to 7"));
    } else if (view_is(word, "DEAD")) {
        event->kind = MEMBERSHIP_EXCUSE;
        event->member.id = read_id(words);
        return false;
    } else if (view_is(word, "ABORT")) {
        event->kind = MEMBERSHIP_ABORT;
        return false;
    } else {
        fail(words, VIEW("ERR a change is JOIN, REPLACE, LEAVE, WEIGHT, REPLICAS, DEAD or ABORT"));
    }
    return true;
}

/* Placeholders where the node that proposes it puts in its own. */
static void add_event(struct words *words, struct membership *log, struct membership_event *event) {
    stage_placeholder(event);
    if (!words->failed && membership_add(log, event) == MEMBERSHIP_INVALID) {
        fail(words, VIEW("ERR zones are words of at most 63 letters, and addresses are host:port"));
    }
}

/* The words from the third on, as the value of that question. */
static void submit_events(struct call *call, enum members_question question, bool is_entry) {
    struct words words = {.call = call, .next = 2};
    struct membership log;
    bool is_move = false;
    membership_init(&log);
    while (!words.failed && words.next < call->count) {
        struct membership_event event = {0};
        is_move = read_event(&words, &event) || is_move;
        add_event(&words, &log, &event);
    }
    if (is_move && is_entry) {
        struct membership_event move = {.kind = MEMBERSHIP_MOVE};
        add_event(&words, &log, &move);
    }
    if (!words.failed) {
        struct buffer *value = &call->front->encoding;
        buffer_clear(value);
        write_u8(value, (uint8_t)question);
        membership_encode(value, &log, 0);
        submit(call, &change_kind, value);
    }
    membership_release(&log);
}

void run_gramme_members_change(struct call *call) {
    if (!call_must_wait_alone(call)) {
        submit_events(call, MEMBERS_CHANGE, true);
    }
}

/* ---- the stage ---- */

void run_gramme_members_stage(struct call *call) {
    if (!call_must_wait_alone(call)) {
        submit_events(call, MEMBERS_STAGE, false);
    }
}

void run_gramme_members_unstage(struct call *call) {
    struct words words = {.call = call, .next = 2};
    struct buffer *value = &call->front->encoding;
    struct node_id id = {{0}};
    if (call_must_wait_alone(call)) {
        return;
    }
    if (!view_is(call->arguments[2], "ALL")) {
        id = read_id(&words);
    }
    if (!words.failed) {
        buffer_clear(value);
        write_u8(value, MEMBERS_UNSTAGE);
        write_bytes(value, view_of(id.bytes, sizeof(id.bytes)));
        submit(call, &change_kind, value);
    }
}

/* 16 hexadecimal digits. */
static bool read_digest_word(struct view word, uint64_t *ret) {
    char text[NODE_ID_TEXT_SIZE] = "00000000000000000000000000000000";
    struct node_id bytes;
    if (word.size != 16) {
        return false;
    }
    memcpy(text, word.data, word.size);
    if (!node_id_from_text(text, &bytes)) {
        return false;
    }
    memcpy(ret, bytes.bytes, sizeof(*ret));
    *ret = be64toh(*ret);
    return true;
}

void run_gramme_members_commit(struct call *call) {
    struct buffer *value = &call->front->encoding;
    uint64_t digest = 0;
    bool has_digest = call->count > 2;
    if (call_must_wait_alone(call)) {
        return;
    }
    if (call->count > 3 || (has_digest && !read_digest_word(call->arguments[2], &digest))) {
        call_error(call, VIEW("ERR a digest is 16 hexadecimal digits, as the plan ends with"));
        return;
    }
    buffer_clear(value);
    write_u8(value, MEMBERS_COMMIT);
    write_u8(value, has_digest ? 1 : 0);
    write_u64(value, digest);
    submit(call, &change_kind, value);
}

/* ---- who wants to join ---- */

/* SEEK cluster-id proof id zone weight client-address peer-address */
void run_gramme_members_seek(struct call *call) {
    struct words words = {.call = call, .next = 2};
    struct membership log;
    struct membership_event event = {0};
    struct members_seeker seeker;
    if (call_must_wait_alone(call)) {
        return;
    }
    membership_init(&log);
    read_hex16(&words, seeker.cluster.bytes);
    read_hex16(&words, seeker.proof);
    read_member(&words, &event);
    add_event(&words, &log, &event);
    if (!words.failed) {
        struct buffer *value = &call->front->encoding;
        seeker.member = event.member;
        buffer_clear(value);
        write_u8(value, MEMBERS_SEEK);
        members_write_seeker(value, &seeker);
        submit(call, &text_kind, value);
    }
    membership_release(&log);
}
