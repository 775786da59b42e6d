/* What the shard said, as lines. */
#include "core_harness.h"

#include "wire/consensus_message.h"
#include "wire/farewell_message.h"
#include "wire/filling_message.h"
#include "wire/membership_message.h"
#include "wire/publish_message.h"

#include "wire/resp_reader.h"
#include "wire/stage_message.h"

#include <stdio.h>

void line_begin(struct rig *rig, const char *who) {
    print_format(&rig->log, "%s: ", who);
}

void line_end(struct rig *rig) {
    buffer_append_byte(&rig->log, '\n');
}

static const char *alias_of(const struct rig *rig, struct view name) {
    for (size_t i = 0; i < rig->key_count; i++) {
        if (view_equal(view_of_string(rig->keys[i].name), name)) {
            return rig->keys[i].alias;
        }
    }
    return NULL;
}

static void print_key(struct rig *rig, struct view name) {
    const char *alias = alias_of(rig, name);
    if (alias != NULL) {
        print_format(&rig->log, "%s", alias);
    } else {
        print_bytes(&rig->log, name);
    }
}

static void print_object_bytes(struct rig *rig, struct view bytes) {
    struct object object;
    assert_true(object_decode(bytes, &rig->notation.arena, &object));
    print_object(&rig->notation, &rig->log, &object);
}

static void print_context_bytes(struct rig *rig, struct view bytes) {
    struct context context;
    struct reader reader = reader_of(bytes);
    assert_true(context_decode(&reader, &rig->notation.arena, &context) && reader_finished(&reader));
    print_context(&rig->notation, &rig->log, &context);
}

/* ---- requests ---- */

static const char *put_word(uint8_t flags) {
    return (flags & PUT_REPAIR) != 0    ? "repair "
           : (flags & PUT_HINT) != 0    ? "hint "
           : (flags & PUT_HANDOFF) != 0 ? "home "
                                        : "put ";
}

static void print_put(struct rig *rig, struct view body) {
    struct message_put put;
    struct object object;
    assert_true(message_decode_put(body, &put));
    assert_int_equal(put.partition.value, ring_partition_of_key(rig->ring, put.key).value);
    assert_true(object_decode(put.object, &rig->notation.arena, &object));
    rig->last_time = object_greatest_time(&object);
    print_format(&rig->log, "%s", put_word(put.flags));
    print_key(rig, put.key);
    print_format(&rig->log, " ");
    print_object(&rig->notation, &rig->log, &object);
    for (uint32_t index = 0; (put.flags & PUT_HINT) != 0 && index < rig->options.members; index++) {
        if (node_id_equal(rig->ids[index], put.hint_for)) {
            print_format(&rig->log, ", for %c", 'A' + (char)index);
        }
    }
    print_format(&rig->log, (put.flags & PUT_NAME_KEPT) != 0 ? ", name what you keep" : "");
    if (put.fence != FENCE_FIRST) {
        print_format(&rig->log, ", fence %u", (unsigned)put.fence);
    }
}

static void print_read(struct rig *rig, struct view body) {
    struct message_read read;
    assert_true(message_decode_read(body, &read));
    assert_int_equal(read.partition.value, ring_partition_of_key(rig->ring, read.key).value);
    print_format(&rig->log, "read ");
    print_key(rig, read.key);
    print_format(&rig->log, read.has_digest ? "" : ", without a digest");
    /* Who has nothing asks for the whole, who has something doesn't: that goes without saying. */
    bool has_nothing = read.has_digest && digest_equal(read.digest, hash128((struct view){0}));
    print_format(&rig->log, read.wants_whole == has_nothing ? "" : read.wants_whole ? ", whole" : ", an outline");
}

static const char *verb_of(const struct operation *operation) {
    bool plain = (operation->flags & OPERATION_PLAIN) != 0;
    switch (operation->kind) {
    case OPERATION_READ:
        return "get";
    case OPERATION_EXPIRE:
        return "expire";
    case OPERATION_INSPECT:
        return "inspect";
    case OPERATION_FLUSH:
        return "flush";
    case OPERATION_KEYSPACES:
        return "keyspaces";
    case OPERATION_MEMBERS:
        return "members";
    case OPERATION_RESTORE:
        return "restore";
    case OPERATION_LIST:
        return "list";
    case OPERATION_THREAD:
        return "thread";
    case OPERATION_PUT:
        break;
    }
    if ((operation->flags & OPERATION_TOMBSTONE) != 0) {
        return plain ? "del" : "putdel";
    }
    if ((operation->flags & OPERATION_IF_ABSENT) != 0) {
        return "setnx";
    }
    if ((operation->flags & OPERATION_SPLICE) != 0) {
        return operation->offset == OPERATION_AT_END ? "append" : "setrange";
    }
    if ((operation->flags & OPERATION_ADD) != 0) {
        return "add";
    }
    return plain ? "set" : "put";
}

static void print_operation(struct rig *rig, struct view body) {
    struct message_operation message;
    assert_true(message_decode_operation(body, &message));
    print_format(&rig->log, "operation %s ", verb_of(&message.operation));
    if (message.operation.key.size > 0) {
        print_key(rig, message.operation.key);
    }
    bool is_text = message.operation.kind != OPERATION_KEYSPACES && message.operation.kind != OPERATION_RESTORE &&
                   message.operation.kind != OPERATION_LIST && message.operation.kind != OPERATION_THREAD;
    if (is_text && message.operation.value.size > 0) {
        print_format(&rig->log, " ");
        print_bytes(&rig->log, message.operation.value);
    }
    print_format(&rig->log, message.hopped ? ", hopped" : "");
}

/* ---- answers ---- */

static void print_put_answer(struct rig *rig, struct view body) {
    struct message_put_answer answer;
    assert_true(message_decode_put_answer(body, &answer));
    const char *words = answer.status == ANSWER_STORED    ? "stored"
                        : answer.status == ANSWER_REFUSED ? "refused"
                        : answer.status == ANSWER_FAILED  ? "failed"
                                                          : "?";
    print_format(&rig->log, "%s", words);
    if (answer.kept.size > 0) {
        print_format(&rig->log, ", keeps ");
        print_context_bytes(rig, answer.kept);
    }
}

static void print_read_answer(struct rig *rig, struct view body) {
    static const char *const words[] = {"?", "object ", "same", "absent", "refused", "failed", "outline "};
    struct message_read_answer answer;
    assert_true(message_decode_read_answer(body, &answer));
    print_format(&rig->log, "%s", words[answer.status]);
    if (answer.status == ANSWER_OBJECT || answer.status == ANSWER_OUTLINE) {
        print_object_bytes(rig, answer.object);
    } else if (answer.status == ANSWER_ABSENT && !answer.informed) {
        print_format(&rig->log, ", uninformed");
    }
}

static void print_result(struct rig *rig, struct view body) {
    static const char *const words[] = {"done", "unchanged", "noreplicas", "indoubt", "noquorum", "busy", "refused"};
    struct message_result message;
    assert_true(message_decode_result(body, &message));
    print_format(&rig->log, "result %s", words[message.result.outcome]);
    if (message.result.object.size > 0) {
        print_format(&rig->log, " ");
        print_object_bytes(rig, message.result.object);
    }
    if (message.result.context.size > 0) {
        print_format(&rig->log, ", context ");
        print_context_bytes(rig, message.result.context);
    }
    if (message.result.detail.size > 0) {
        print_format(&rig->log, ": ");
        buffer_append_view(&rig->log, message.result.detail);
    }
}

static void print_proof(struct rig *rig, const char *verb, struct view body) {
    struct message_proof message;
    struct proof_key key;
    assert_true(message_decode_proof(body, &message));
    rig->attempt = message.attempt;
    struct reader list = reader_of(message.list);
    print_format(&rig->log, "%s", verb);
    while (proof_next_key(&list, &key)) {
        print_format(&rig->log, " ");
        print_key(rig, key.key);
        if (message.aim == PROOF_PRUNES) {
            struct dot entry = proof_entry(key.what);
            struct context context = {.vector = &entry, .vector_count = 1};
            print_format(&rig->log, " without ");
            print_context(&rig->notation, &rig->log, &context);
        }
    }
    print_format(&rig->log, ", fence %u", (unsigned)message.number);
}

/* The time as milliseconds from now, by the test's clock. */
static void print_question(struct rig *rig, const struct frame *frame) {
    static const char *const questions[] = {"flush ask", "flush hold", "flush do", "keyspaces"};
    struct message_question message;
    assert_true(message_decode_question(frame->body, &message));
    rig->attempt = message.attempt;
    print_format(&rig->log, "%s%s", frame->kind == MESSAGE_REPLY ? "reply to " : "", questions[message.question]);
    if (message.time.value != 0) {
        int64_t ms = (int64_t)hybrid_time_wall(message.time).ms - (int64_t)rig->moment.wall.ms;
        print_format(&rig->log, " %+lld", (long long)ms);
    }
}

static void print_stage(struct rig *rig, const struct frame *frame) {
    struct message_stage message;
    struct membership list;
    membership_init(&list);
    assert_true(message_decode_stage(frame->body, &message) && membership_decode(message.events, &list));
    print_format(&rig->log, "stage of %zu", list.count);
    membership_release(&list);
}

static void print_roots(struct rig *rig, struct view body) {
    struct message_roots message;
    struct exchange_root root;
    uint32_t count = 0;
    assert_true(message_decode_roots(body, &message));
    while (reader_left(&message.roots) > 0 && message_next_root(&message.roots, &root)) {
        count++;
    }
    print_format(&rig->log, "roots of %u, knowing of %u losses", count, message.your_losses);
}

/* ---- members ---- */

static char member_of(const struct rig *rig, struct node_id id) {
    for (uint32_t i = 0; i < RIG_MEMBERS; i++) {
        if (node_id_equal(rig->ids[i], id)) {
            return (char)('A' + i);
        }
    }
    return '?';
}

static void print_membership(struct rig *rig, struct view body) {
    struct message_membership message;
    assert_true(message_decode_membership(body, &message));
    print_format(&rig->log, "membership %u", (unsigned)message.version);
}

static void print_addresses(struct rig *rig, struct view body) {
    struct reader list = reader_of(body);
    struct node_id id;
    struct member_addresses addresses;
    print_format(&rig->log, "addresses");
    while (addresses_list_next(&list, &id, &addresses)) {
        print_format(&rig->log, " of %c: %s %s", member_of(rig, id), addresses.client, addresses.peer);
    }
}

static void print_gossip(struct rig *rig, const struct frame *frame) {
    static const char *const words[] = {"summary", "digest", "records", "want"};
    struct gossip_word word;
    struct gossip_record record;
    assert_true(message_decode_gossip(frame->kind, frame->body, &word));
    print_format(&rig->log, "gossip %s", words[word.kind - MESSAGE_GOSSIP_SUMMARY]);
    if (word.kind == MESSAGE_GOSSIP_SUMMARY) {
        print_format(&rig->log, "%s of version %u", word.is_answer ? " as an answer" : "", (unsigned)word.version);
        return;
    }
    struct reader list = reader_of(word.list);
    while (gossip_list_next(&list, word.kind, &record)) {
        print_format(&rig->log, " %c", member_of(rig, record.id));
    }
}

static void print_fill(struct rig *rig, struct view body) {
    struct message_fill fill;
    assert_true(message_decode_fill(body, &fill));
    rig->last_pull = fill.pull;
    print_format(&rig->log, "fill, from %llu on", (unsigned long long)fill.place_from);
}

static void print_parcel(struct rig *rig, struct view body) {
    struct compressor compressor;
    struct buffer room;
    struct message_parcel parcel;
    struct parcel_object object;
    uint32_t count = 0;
    compressor_init(&compressor);
    buffer_init(&room);
    assert_true(message_decode_parcel(body, &compressor, &room, &parcel));
    struct reader list = reader_of(parcel.list);
    while (parcel_next(&list, &object)) {
        count++;
    }
    print_format(&rig->log, "parcel of %u%s", count, parcel.is_end ? ", the last" : "");
    buffer_release(&room);
    compressor_release(&compressor);
}

static void print_publish(struct rig *rig, struct view body) {
    struct message_publish message;
    assert_true(message_decode_publish(body, &message));
    print_format(&rig->log, "publish ");
    print_bytes(&rig->log, message.channel);
    print_format(&rig->log, " ");
    print_bytes(&rig->log, message.payload);
    print_format(&rig->log, message.is_sharded ? ", sharded" : "");
}

static void print_word_of_members(struct rig *rig, const struct frame *frame) {
    switch (frame->kind) {
    case MESSAGE_STAGE:
        print_stage(rig, frame);
        break;
    case MESSAGE_PUBLISH:
        print_publish(rig, frame->body);
        break;
    case MESSAGE_FAREWELL:
        print_format(&rig->log, "farewell");
        break;
    case MESSAGE_FILL:
        print_fill(rig, frame->body);
        break;
    case MESSAGE_PARCEL:
        print_parcel(rig, frame->body);
        break;
    case MESSAGE_CONSENSUS_PREPARE:
        print_format(&rig->log, "prepare");
        break;
    case MESSAGE_MEMBERSHIP:
        print_membership(rig, frame->body);
        break;
    case MESSAGE_ADDRESSES:
        print_addresses(rig, frame->body);
        break;
    case MESSAGE_GOSSIP_SUMMARY:
    case MESSAGE_GOSSIP_DIGEST:
    case MESSAGE_GOSSIP_RECORDS:
    case MESSAGE_GOSSIP_WANT:
        print_gossip(rig, frame);
        break;
    default:
        fail_msg("a message of unknown kind %u", frame->kind);
    }
}

void line_of_frame(struct rig *rig, const char *who, const struct frame *frame) {
    line_begin(rig, who);
    switch (frame->kind) {
    case MESSAGE_HELLO:
        print_format(&rig->log, rig->last_hello.is_knock ? "knock" : "hello");
        break;
    case MESSAGE_PUT:
        print_put(rig, frame->body);
        break;
    case MESSAGE_PUT_ANSWER:
        print_put_answer(rig, frame->body);
        break;
    case MESSAGE_READ:
        print_read(rig, frame->body);
        break;
    case MESSAGE_READ_ANSWER:
        print_read_answer(rig, frame->body);
        break;
    case MESSAGE_OPERATION:
        print_operation(rig, frame->body);
        break;
    case MESSAGE_LEAVING:
        print_format(&rig->log, "leaving");
        break;
    case MESSAGE_RESULT:
        print_result(rig, frame->body);
        break;
    case MESSAGE_SUMMARY:
        print_format(&rig->log, "summary");
        break;
    case MESSAGE_SUMMARY_ANSWER:
        print_format(&rig->log, "summary answer");
        break;
    case MESSAGE_ALL_SAME:
        print_format(&rig->log, "all same");
        break;
    case MESSAGE_ROOTS:
        print_roots(rig, frame->body);
        break;
    case MESSAGE_PROVE:
        print_proof(rig, "prove", frame->body);
        break;
    case MESSAGE_PROVEN:
        print_proof(rig, "proven", frame->body);
        break;
    case MESSAGE_CONFIRM:
        print_proof(rig, "confirm", frame->body);
        break;
    case MESSAGE_CONFIRMED:
        print_proof(rig, "confirmed", frame->body);
        break;
    case MESSAGE_REAP:
        print_proof(rig, "reap", frame->body);
        break;
    case MESSAGE_QUESTION:
    case MESSAGE_REPLY:
        print_question(rig, frame);
        break;
    case MESSAGE_KEYSPACES:
        print_format(&rig->log, "keyspaces of a later version");
        break;
    default:
        print_word_of_members(rig, frame);
    }
    line_end(rig);
}

/* ---- replies ---- */

static bool print_token(struct rig *rig, struct view text) {
    for (size_t i = 0; i < rig->key_count; i++) {
        struct context context;
        if (token_decode(&rig->secrets, view_of_string(rig->keys[i].name), text, &rig->notation.arena, &context)) {
            print_format(&rig->log, "<");
            print_context(&rig->notation, &rig->log, &context);
            print_format(&rig->log, ">");
            return true;
        }
    }
    return false;
}

static void print_reply(struct rig *rig, const struct resp_reply *reply, int depth) {
    switch (reply->kind) {
    case RESP_REPLY_ERROR:
        print_format(&rig->log, "-");
        buffer_append_view(&rig->log, reply->text);
        break;
    case RESP_REPLY_NULL:
        print_format(&rig->log, "(nil)");
        break;
    case RESP_REPLY_INTEGER:
    case RESP_REPLY_BOOLEAN:
        print_format(&rig->log, ":%lld", (long long)reply->integer);
        break;
    case RESP_REPLY_SIMPLE:
    case RESP_REPLY_BULK:
    case RESP_REPLY_NUMBER:
        if (!print_token(rig, reply->text)) {
            print_bytes(&rig->log, reply->text);
        }
        break;
    case RESP_REPLY_ARRAY:
    case RESP_REPLY_MAP:
    case RESP_REPLY_SET:
    case RESP_REPLY_PUSH:
        print_format(&rig->log, "[");
        for (size_t i = 0; i < reply->count && depth < RESP_REPLY_DEPTH_MOST; i++) {
            print_format(&rig->log, i == 0 ? "" : ", ");
            print_reply(rig, &reply->items[i], depth + 1);
        }
        print_format(&rig->log, "]");
        break;
    }
}

void line_of_reply(struct rig *rig, int client, struct view reply, size_t *ret_consumed) {
    struct resp_reader reader;
    const struct resp_reply *tree;
    char who[16];
    resp_reader_init(&reader);
    assert_int_equal(resp_read(&reader, reply, &rig->notation.arena, ret_consumed, &tree), RESP_REPLY_READY);
    (void)snprintf(who, sizeof(who), client == 0 ? "client" : "client %d", client);
    line_begin(rig, who);
    print_reply(rig, tree, 0);
    line_end(rig);
}

/* ---- comparing ---- */

static bool line_fits(struct view line, struct view wanted) {
    bool is_open = wanted.size > 3 && memcmp(wanted.data + wanted.size - 3, "...", 3) == 0;
    return is_open ? view_starts_with(line, view_slice(wanted, 0, wanted.size - 3)) : view_equal(line, wanted);
}

static struct view take_line(struct view *text) {
    size_t size = view_find(*text, '\n');
    struct view line = view_slice(*text, 0, size);
    size_t taken = size == text->size ? size : size + 1;
    *text = view_slice(*text, taken, text->size - taken);
    return line;
}

void rig_forget(struct rig *rig) {
    buffer_clear(&rig->log);
}

void rig_says(struct rig *rig, const char *file, int line, const char *const *lines, size_t count) {
    struct view text = buffer_view(&rig->log);
    bool fits = true;
    for (size_t i = 0; i < count && fits; i++) {
        fits = text.size > 0 && line_fits(take_line(&text), view_of_string(lines[i]));
    }
    if (!fits || text.size > 0) {
        print_error("%s:%d: it was to say\n", file, line);
        for (size_t i = 0; i < count; i++) {
            print_error("    %s\n", lines[i]);
        }
        print_error("but it said\n");
        for (text = buffer_view(&rig->log); text.size > 0;) {
            struct view said = take_line(&text);
            if (said.size > 0) {
                print_error("    %.*s\n", (int)(said.size < 400 ? said.size : 400), (const char *)said.data);
            }
        }
        _fail(file, line);
    }
    rig_forget(rig);
}
