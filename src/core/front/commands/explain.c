/* GRAMME.EXPLAIN: where a key lies, and what each of its replicas holds at this moment, asked one by one and not
 * merged. The reply is arrays of names and values in RESP2 and RESP3 alike. */
#include "core/front/commands/commands.h"
#include "core/front/text.h"
#include "ring/membership.h"
#include "version/counter.h"
#include "version/object_codec.h"

/* Kept with the pending command: the ring that the addresses are borrowed from may be replaced meanwhile. */
struct explained {
    struct placement placement;
    uint8_t addresses[LIMIT_REPLICAS][MEMBER_ADDRESS_SIZE];
};

static void write_text(struct buffer *reply, struct view name, struct view value) {
    resp_write_bulk(reply, name);
    resp_write_bulk(reply, value);
}

static void write_number(struct buffer *reply, struct view name, uint64_t value) {
    resp_write_bulk(reply, name);
    resp_write_integer(reply, (int64_t)value);
}

/* ---- a replica ---- */

static void append_dot(struct buffer *text, struct dot dot) {
    text_append_hexadecimal(text, dot.actor);
    buffer_append_byte(text, ':');
    text_append_number(text, dot.n);
}

static void write_value(struct buffer *reply, const struct object *object, const struct value *value,
                        struct buffer *text) {
    static const struct view types[] = {
        [VALUE_STRING] = {(const uint8_t *)"string", 6},
        [VALUE_TOMBSTONE] = {(const uint8_t *)"tombstone", 9},
        [VALUE_COUNTER] = {(const uint8_t *)"counter", 7},
    };
    bool is_counter = value->type == VALUE_COUNTER;
    resp_write_array(reply, (size_t)(is_counter ? 8 : 7) * 2);
    buffer_clear(text);
    append_dot(text, value->dot);
    write_text(reply, VIEW("dot"), buffer_view(text));
    write_number(reply, VIEW("time-ms"), hybrid_time_wall(value->time).ms);
    write_number(reply, VIEW("logical"), value->time.value & 0xffff);
    write_number(reply, VIEW("expires-at-ms"), value->expiry.at.ms);
    write_text(reply, VIEW("type"), types[value->type]);
    if (is_counter) {
        resp_write_bulk(reply, VIEW("adds"));
        resp_write_integer(reply, (int64_t)counter_part(object, value));
    }
    write_number(reply, VIEW("bytes"), value->bytes.size);
    buffer_clear(text);
    text_append_hexadecimal(text, value->hash.high);
    text_append_hexadecimal(text, value->hash.low);
    write_text(reply, VIEW("hash"), buffer_view(text));
}

/* "actor:n" for all events of an actor up to n, "actor:(n)" for the n-th alone. */
static void write_context(struct buffer *reply, const struct context *context, struct buffer *text) {
    buffer_clear(text);
    for (uint32_t i = 0; i < context->vector_count; i++) {
        buffer_append_view(text, i == 0 ? VIEW("") : VIEW(","));
        append_dot(text, context->vector[i]);
    }
    for (uint32_t i = 0; i < context->detached_count; i++) {
        buffer_append_view(text, i == 0 && context->vector_count == 0 ? VIEW("") : VIEW(","));
        text_append_hexadecimal(text, context->detached[i].actor);
        buffer_append_view(text, VIEW(":("));
        text_append_number(text, context->detached[i].n);
        buffer_append_byte(text, ')');
    }
    write_text(reply, VIEW("context"), buffer_view(text));
    write_number(reply, VIEW("context-entries"), (uint64_t)context->vector_count + context->detached_count);
}

static struct view part_status(const struct placement_replica *replica, const struct part *part,
                               const struct object *object, bool is_readable) {
    if (!replica->is_reachable) {
        return VIEW("unreachable");
    }
    switch (part->outcome) {
    case OUTCOME_DONE:
        if (!is_readable) {
            return VIEW("error");
        }
        return object_is_absent(object) ? VIEW("absent") : VIEW("ok");
    case OUTCOME_BUSY:
        return VIEW("busy"); /* its disk is being asked: the next try finds it in memory */
    case OUTCOME_REFUSED:
    case OUTCOME_UNCHANGED:
        return VIEW("error");
    case OUTCOME_NOREPLICAS:
    case OUTCOME_INDOUBT:
    case OUTCOME_NOQUORUM:
        break;
    }
    return VIEW("unreachable");
}

static void write_replica(struct buffer *reply, const struct placement_replica *replica, const struct part *part,
                          struct arena *arena, struct buffer *text) {
    char node[NODE_ID_TEXT_SIZE];
    struct object object = object_empty();
    bool is_readable = part->bytes.size == 0 || object_decode(blob_view(&part->bytes), arena, &object);
    if (!is_readable) {
        object = object_empty();
    }
    node_id_to_text(replica->node, node);
    resp_write_array(reply, 8 * 2);
    write_text(reply, VIEW("node"), view_of(node, NODE_ID_TEXT_SIZE - 1));
    write_text(reply, VIEW("address"), replica->address);
    write_text(reply, VIEW("role"), replica->is_owner ? VIEW("owner") : VIEW("fallback"));
    write_number(reply, VIEW("reachable"), replica->is_reachable ? 1 : 0);
    write_text(reply, VIEW("status"), part_status(replica, part, &object, is_readable));
    resp_write_bulk(reply, VIEW("values"));
    resp_write_array(reply, object.value_count);
    for (uint32_t i = 0; i < object.value_count; i++) {
        write_value(reply, &object, &object.values[i], text);
    }
    write_context(reply, &object.context, text);
}

/* ---- the command ---- */

static void gather_record(struct answer *answer) {
    struct part *part = pending_part(answer->pending, answer->part);
    part->outcome = answer->result->outcome;
    if (part->outcome == OUTCOME_DONE && !answer_keep(answer, answer->result->object)) {
        part->outcome = OUTCOME_REFUSED;
    }
}

static void finish_explain(struct answer *answer) {
    struct pending *pending = answer->pending;
    const struct explained *explained = (const void *)pending->extra.data;
    const struct placement *placement = &explained->placement;
    struct buffer *reply = answer->reply;
    resp_write_array(reply, 8 * 2);
    write_text(reply, VIEW("key"), blob_view(&pending->key));
    write_number(reply, VIEW("slot"), placement->slot.value);
    write_number(reply, VIEW("partition"), placement->partition.value);
    write_number(reply, VIEW("mark"), placement->mark);
    write_number(reply, VIEW("read-quorum"), placement->read_quorum);
    write_number(reply, VIEW("write-quorum"), placement->write_quorum);
    write_number(reply, VIEW("n"), placement->replica_count);
    resp_write_bulk(reply, VIEW("replicas"));
    resp_write_array(reply, placement->replica_count);
    for (uint32_t i = 0; i < placement->replica_count; i++) {
        write_replica(reply, &placement->replicas[i], pending_part(pending, i), answer->arena,
                      &answer->front->encoding);
    }
}

static const struct pending_kind explain_kind = {.gather = gather_record, .finish = finish_explain};

static struct blob explained_keep(struct front *front, const struct placement *placement) {
    struct blob blob = blob_take(&front->blobs, sizeof(struct explained));
    struct explained *explained = (void *)blob.data;
    memset(explained, 0, sizeof(*explained));
    explained->placement = *placement;
    for (size_t i = 0; i < placement->replica_count; i++) {
        struct view address = placement->replicas[i].address;
        ENSURE(address.size <= MEMBER_ADDRESS_SIZE);
        memcpy(explained->addresses[i], address.data, address.size);
        explained->placement.replicas[i].address = view_of(explained->addresses[i], address.size);
    }
    return blob;
}

void run_gramme_explain(struct call *call) {
    struct front *front = call->front;
    struct view key = call->arguments[1];
    if (!call_key_fits(call, key) || call_must_wait(call, &(struct operation){.kind = OPERATION_INSPECT, .key = key})) {
        return;
    }
    struct placement placement;
    (void)front->port.placement(front->port.self, key, &placement);
    ENSURE(placement.replica_count > 0 && placement.replica_count <= LIMIT_REPLICAS);
    uint32_t reachable = 0;
    for (size_t i = 0; i < placement.replica_count; i++) {
        reachable += placement.replicas[i].is_reachable ? 1 : 0;
    }
    struct pending *pending = pending_begin(front, call->session, &explain_kind, reachable);
    pending->key = blob_copy(&front->blobs, key);
    pending->extra = explained_keep(front, &placement);
    pending_gather_parts(front, pending, (uint32_t)placement.replica_count);
    if (reachable == 0) {
        pending_finish_empty(front, pending, call->turn);
        return;
    }
    for (uint32_t i = 0; i < placement.replica_count; i++) {
        if (placement.replicas[i].is_reachable) {
            const struct operation operation = {
                .kind = OPERATION_INSPECT,
                .key = key,
                .target = placement.replicas[i].node,
            };
            pending_submit(front, pending, i, &operation);
        }
    }
}
