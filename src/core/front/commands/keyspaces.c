/* GRAMME.KEYSPACES and GRAMME.KEYSPACE: the table of keyspaces, told and changed on the whole cluster. */
#include "core/front/commands/commands.h"
#include "ring/keyspace.h"

void run_gramme_keyspaces(struct call *call) {
    call->front->port.keyspaces(call->front->port.self, call_protocol(call), call->reply);
}

static void finish_change(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    }
}

static const struct pending_kind change_kind = {.finish = finish_change, .is_alone = true};

static bool read_quorum(struct call *call, size_t argument, bool may_be_none, uint8_t *ret) {
    int64_t number;
    if (!call_integer(call, argument, &number)) {
        return false;
    }
    if (number < (may_be_none ? 0 : 1) || number > LIMIT_REPLICAS) {
        call_error(call, VIEW("ERR a quorum must be a number from 1 to 7, a primary one from 0"));
        return false;
    }
    *ret = (uint8_t)number;
    return true;
}

/* The place of a word among others; false, with an error written, when it is none of them. */
static bool read_choice(struct call *call, size_t argument, const struct view *choices, size_t count,
                        const char *problem, unsigned *ret) {
    for (unsigned i = 0; i < count; i++) {
        if (call_is(call, argument, choices[i])) {
            *ret = i;
            return true;
        }
    }
    call_error(call, view_of_string(problem));
    return false;
}

static bool read_option(struct call *call, size_t argument, struct keyspace *keyspace) {
    const struct view conflicts[] = {VIEW("siblings"), VIEW("lww")};
    const struct view durabilities[] = {VIEW("sync"), VIEW("interval"), VIEW("none")};
    unsigned choice = 0;
    if (call_is(call, argument, VIEW("read-quorum"))) {
        return read_quorum(call, argument + 1, false, &keyspace->read_quorum);
    }
    if (call_is(call, argument, VIEW("write-quorum"))) {
        return read_quorum(call, argument + 1, false, &keyspace->write_quorum);
    }
    if (call_is(call, argument, VIEW("primary-read-quorum"))) {
        return read_quorum(call, argument + 1, true, &keyspace->primary_read_quorum);
    }
    if (call_is(call, argument, VIEW("primary-write-quorum"))) {
        return read_quorum(call, argument + 1, true, &keyspace->primary_write_quorum);
    }
    if (call_is(call, argument, VIEW("conflict"))) {
        bool is_read = read_choice(call, argument + 1, conflicts, 2, "ERR conflict must be siblings or lww", &choice);
        keyspace->conflict = (enum conflict_rule)choice;
        return is_read;
    }
    if (call_is(call, argument, VIEW("durability"))) {
        bool is_read =
            read_choice(call, argument + 1, durabilities, 3, "ERR durability must be sync, interval or none", &choice);
        keyspace->durability = (enum durability)choice;
        return is_read;
    }
    call_syntax_error(call);
    return false;
}

static void submit_change(struct call *call, const struct keyspace_change *change) {
    struct buffer *encoding = &call->front->encoding;
    if (call_must_wait_alone(call)) {
        return;
    }
    buffer_clear(encoding);
    keyspace_change_encode(encoding, change);
    struct operation operation = {.kind = OPERATION_KEYSPACES,
                                  .value = arena_copy(call->turn->arena, buffer_view(encoding))};
    call_submit(call, &change_kind, 0, &operation);
}

static bool read_prefix(struct call *call, struct keyspace *keyspace) {
    struct view prefix = call->arguments[2];
    if (prefix.size > KEYSPACE_PREFIX_SIZE) {
        call_error(call, VIEW("ERR the prefix of a keyspace has at most 128 bytes"));
        return false;
    }
    if (prefix.size > 0) {
        memcpy(keyspace->prefix, prefix.data, prefix.size);
    }
    keyspace->prefix_bytes = (uint8_t)prefix.size;
    return true;
}

void run_gramme_keyspace_set(struct call *call) {
    struct keyspace_change change = {.keyspace = {.read_quorum = KEYSPACE_UNCHANGED,
                                                  .write_quorum = KEYSPACE_UNCHANGED,
                                                  .primary_read_quorum = KEYSPACE_UNCHANGED,
                                                  .primary_write_quorum = KEYSPACE_UNCHANGED,
                                                  .conflict = (enum conflict_rule)KEYSPACE_UNCHANGED,
                                                  .durability = (enum durability)KEYSPACE_UNCHANGED}};
    if (!read_prefix(call, &change.keyspace)) {
        return;
    }
    if (call->count % 2 == 0) {
        call_syntax_error(call);
        return;
    }
    for (size_t i = 3; i < call->count; i += 2) {
        if (!read_option(call, i, &change.keyspace)) {
            return;
        }
    }
    submit_change(call, &change);
}

void run_gramme_keyspace_del(struct call *call) {
    struct keyspace_change change = {.removes = true};
    if (read_prefix(call, &change.keyspace)) {
        submit_change(call, &change);
    }
}
