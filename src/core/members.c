#include "core/members.h"

#include "core/shard_state.h"

/* ---- JSON: names and values here have nothing in them that would have to be escaped ---- */

static void add_text(struct buffer *text, const char *bytes) {
    buffer_append_view(text, view_of_string(bytes));
}

static void add_number(struct buffer *text, const char *name, uint64_t number) {
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add_text(text, "\"");
    add_text(text, name);
    add_text(text, "\":");
    buffer_append(text, digits + at, sizeof(digits) - at);
}

static void add_string(struct buffer *text, const char *name, const char *value) {
    add_text(text, "\"");
    add_text(text, name);
    add_text(text, "\":\"");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            buffer_append_byte(text, '\\');
        }
        buffer_append_byte(text, (uint8_t)*at);
    }
    add_text(text, "\"");
}

static void add_bool(struct buffer *text, const char *name, bool value) {
    add_text(text, "\"");
    add_text(text, name);
    add_text(text, value ? "\":true" : "\":false");
}

/* ---- what there is ---- */

static const char *phase_text(enum ring_phase phase) {
    switch (phase) {
    case RING_REST:
        return "rest";
    case RING_JOINT:
        return "joint";
    case RING_COMMITTED:
        return "committed";
    case RING_SETTLING:
        return "settling";
    }
    return "unknown";
}

/* Coming: it is in the placement that is not asked yet. Going: in the one that is not asked any more, or in none. */
static const char *state_text(const struct ring *ring, struct member_index member) {
    bool is_read = false;
    for (size_t place = 0; place < ring_preference_length(ring); place++) {
        is_read = is_read || member_index_equal(ring_preference(ring, (struct partition){0})[place], member);
    }
    bool is_other = ring_is_in_other(ring, member);
    if (ring_is_excused(ring, member)) {
        return "dead";
    }
    if (ring_phase(ring) == RING_JOINT && is_other != is_read) {
        return is_other ? "joining" : "leaving";
    }
    if (ring_phase(ring) == RING_COMMITTED && is_other != is_read) {
        return is_other ? "leaving" : "joining";
    }
    return is_read ? "member" : "leaving";
}

static void add_member(const struct shard *shard, struct buffer *text, struct member_index index) {
    const struct member *member = ring_member(shard->ring, index);
    const struct message_report *report = &shard->moves.of[index.value];
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(member->id, id);
    add_text(text, "{");
    add_string(text, "id", id);
    add_text(text, ",");
    add_string(text, "client", records_client_address(shard, index));
    add_text(text, ",");
    add_string(text, "peer", records_peer_address(shard, index));
    add_text(text, ",");
    add_string(text, "zone", member->zone);
    add_text(text, ",");
    add_number(text, "weight", member->weight);
    add_text(text, ",");
    add_string(text, "state", state_text(shard->ring, index));
    add_text(text, ",");
    add_bool(text, "reachable", peer_is_alive(shard, index));
    add_text(text, ",");
    add_number(text, "first-owned", ring_first_owned_count(shard->ring, index));
    add_text(text, ",");
    add_number(text, "replicas", ring_replica_owned_count(shard->ring, index));
    add_text(text, ",");
    add_number(text, "drained", report->drained);
    add_text(text, ",");
    add_number(text, "filled", report->filled);
    add_text(text, ",");
    add_number(text, "clean", report->clean);
    add_text(text, ",");
    add_number(text, "to-fill", report->to_fill);
    add_text(text, ",");
    add_number(text, "former", report->former);
    add_text(text, "}");
}

static void add_status(const struct shard *shard, struct buffer *text) {
    struct member_index waited;
    char id[NODE_ID_TEXT_SIZE];
    add_text(text, "{");
    add_number(text, "version", roster_version(shard));
    add_text(text, ",");
    add_string(text, "phase", phase_text(ring_phase(shard->ring)));
    add_text(text, ",");
    add_bool(text, "settled", moves_are_over(shard));
    add_text(text, ",");
    add_number(text, "partitions", ring_partition_count(shard->ring));
    add_text(text, ",");
    add_number(text, "replicas", ring_configured_replica_count(shard->ring));
    add_text(text, ",");
    add_number(text, "zone-violations", ring_zone_violation_count(shard->ring));
    if (ring_has_moved(shard->ring) && moves_wait_for(shard, &waited)) {
        node_id_to_text(ring_member(shard->ring, waited)->id, id);
        add_text(text, ",");
        add_string(text, "waits-for", id);
    }
    node_id_to_text(ring_member(shard->ring, shard->self)->id, id);
    add_text(text, ",");
    add_string(text, "self", id);
    add_text(text, ",\"members\":[");
    for (size_t nth = 0; nth < ring_present_count(shard->ring); nth++) {
        add_text(text, nth == 0 ? "" : ",");
        add_member(shard, text, ring_nth_by_id(shard->ring, nth));
    }
    add_text(text, "]}");
}

static void answer_text(struct shard *shard, const struct origin *origin, struct buffer *text) {
    struct result result = {.outcome = OUTCOME_DONE, .object = buffer_view(text)};
    origin_answer(shard, origin, &result);
    buffer_release(text);
}

void members_asked(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    struct reader reader = reader_of(operation->value);
    struct buffer text;
    buffer_init(&text);
    uint8_t question = read_u8(&reader);
    if (question == MEMBERS_STATUS) {
        add_status(shard, &text);
        answer_text(shard, origin, &text);
    } else if (question == MEMBERS_LOG) {
        membership_encode(&text, &shard->roster.log, read_u64(&reader));
        answer_text(shard, origin, &text);
    } else if (question == MEMBERS_CHANGE) {
        council_asked(shard, read_bytes(&reader, reader_left(&reader)), operation->deadline_ms, origin);
    } else {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, "ERR nothing that this version can be asked");
    }
}
