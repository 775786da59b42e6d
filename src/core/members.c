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
    case RING_GATHERING:
        return "gathering";
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
    if ((ring_phase(ring) == RING_JOINT || ring_phase(ring) == RING_GATHERING) && is_other != is_read) {
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

/* ---- what is staged ---- */

static const char *change_text(const struct membership_event *event) {
    switch (event->kind) {
    case MEMBERSHIP_JOIN:
        return membership_replaces(event) ? "replace" : "join";
    case MEMBERSHIP_LEAVE:
        return "leave";
    case MEMBERSHIP_WEIGHT:
        return "weight";
    case MEMBERSHIP_EXCUSE:
        return "dead";
    case MEMBERSHIP_REPLICAS:
        return "replicas";
    default:
        return "unknown";
    }
}

static void add_record(struct buffer *text, const struct member *member, bool has_record) {
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(member->id, id);
    add_string(text, "id", id);
    add_text(text, ",");
    add_number(text, "weight", member->weight);
    if (has_record) {
        add_text(text, ",");
        add_string(text, "client", member->client_address);
        add_text(text, ",");
        add_string(text, "peer", member->peer_address);
        add_text(text, ",");
        add_string(text, "zone", member->zone);
    }
}

static void add_staged(const struct shard *shard, struct buffer *text) {
    const struct membership *list = &shard->stage.list;
    char id[NODE_ID_TEXT_SIZE];
    char digest[NODE_ID_TEXT_SIZE];
    struct node_id bytes = {{0}};
    uint64_t value = htobe64(stage_digest(shard));
    memcpy(bytes.bytes, &value, sizeof(value));
    node_id_to_text(bytes, digest);
    digest[16] = '\0';
    add_string(text, "digest", digest);
    add_text(text, ",\"staged\":[");
    for (size_t index = 0; index < list->count; index++) {
        const struct membership_event *event = &list->events[index];
        add_text(text, index == 0 ? "{" : ",{");
        add_string(text, "change", change_text(event));
        add_text(text, ",");
        if (event->kind == MEMBERSHIP_REPLICAS) {
            add_number(text, "replicas", event->replica_count);
        } else {
            add_record(text, &event->member, event->kind == MEMBERSHIP_JOIN);
        }
        if (membership_replaces(event)) {
            node_id_to_text(event->replaces, id);
            add_text(text, ",");
            add_string(text, "replaces", id);
        }
        add_text(text, "}");
    }
    add_text(text, "],\"waiting\":[");
    for (uint32_t index = 0; index < shard->stage.seeker_count; index++) {
        add_text(text, index == 0 ? "{" : ",{");
        add_record(text, &shard->stage.seekers[index].member, true);
        add_text(text, "}");
    }
    add_text(text, "]");
}

static void add_status(const struct shard *shard, struct buffer *text) {
    struct member_index waited;
    char id[NODE_ID_TEXT_SIZE];
    char digest[NODE_ID_TEXT_SIZE];
    struct digest ring = ring_digest(shard->ring);
    struct node_id bytes;
    memcpy(bytes.bytes, &ring.low, sizeof(ring.low));
    memcpy(bytes.bytes + sizeof(ring.low), &ring.high, sizeof(ring.high));
    node_id_to_text(bytes, digest);
    add_text(text, "{");
    add_string(text, "ring", digest);
    add_text(text, ",");
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
    add_number(text, "replicas-at-birth", ring_options_at_birth(shard->ring).replica_count);
    add_text(text, ",");
    add_number(text, "zone-violations", ring_zone_violation_count(shard->ring));
    if (ring_phase(shard->ring) != RING_REST && moves_wait_for(shard, &waited)) {
        node_id_to_text(ring_member(shard->ring, waited)->id, id);
        add_text(text, ",");
        add_string(text, "waits-for", id);
    }
    node_id_to_text(ring_member(shard->ring, shard->self)->id, id);
    add_text(text, ",");
    add_string(text, "self", id);
    add_text(text, ",");
    add_staged(shard, text);
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

/* ---- who wants to join ---- */

void members_prove(const struct secret *secret, const struct members_seeker *seeker, uint8_t ret_proof[16]) {
    uint8_t said[sizeof(seeker->cluster.bytes) + sizeof(seeker->member.id.bytes)];
    memcpy(said, seeker->cluster.bytes, sizeof(seeker->cluster.bytes));
    memcpy(said + sizeof(seeker->cluster.bytes), seeker->member.id.bytes, sizeof(seeker->member.id.bytes));
    siphash128(secret, view_of(said, sizeof(said)), ret_proof);
}

static void write_word(struct buffer *buffer, const char *word) {
    write_sized(buffer, view_of_string(word));
}

static void read_word(struct reader *reader, char *word, size_t size) {
    struct view bytes = read_sized(reader);
    reader->failed = reader->failed || bytes.size >= size || view_find(bytes, 0) < bytes.size;
    memset(word, 0, size);
    if (!reader->failed) {
        memcpy(word, bytes.data, bytes.size);
    }
}

void members_write_seeker(struct buffer *buffer, const struct members_seeker *seeker) {
    write_bytes(buffer, view_of(seeker->cluster.bytes, sizeof(seeker->cluster.bytes)));
    write_bytes(buffer, view_of(seeker->proof, sizeof(seeker->proof)));
    write_bytes(buffer, view_of(seeker->member.id.bytes, sizeof(seeker->member.id.bytes)));
    write_u32(buffer, seeker->member.weight);
    write_word(buffer, seeker->member.zone);
    write_word(buffer, seeker->member.client_address);
    write_word(buffer, seeker->member.peer_address);
}

bool members_read_seeker(struct reader *reader, struct members_seeker *ret_seeker) {
    read_into(reader, ret_seeker->cluster.bytes, sizeof(ret_seeker->cluster.bytes));
    read_into(reader, ret_seeker->proof, sizeof(ret_seeker->proof));
    read_into(reader, ret_seeker->member.id.bytes, sizeof(ret_seeker->member.id.bytes));
    ret_seeker->member.weight = read_u32(reader);
    read_word(reader, ret_seeker->member.zone, sizeof(ret_seeker->member.zone));
    read_word(reader, ret_seeker->member.client_address, sizeof(ret_seeker->member.client_address));
    read_word(reader, ret_seeker->member.peer_address, sizeof(ret_seeker->member.peer_address));
    return reader_finished(reader);
}

void members_write_found(struct buffer *buffer, const struct members_found *found) {
    write_u32(buffer, found->shape.partition_count);
    write_u8(buffer, (uint8_t)found->shape.replica_count);
    write_u64(buffer, found->keyspaces_version);
    write_digest(buffer, found->keyspaces);
    write_u8(buffer, found->is_staged ? 1 : 0);
    write_sized(buffer, found->events);
}

bool members_read_found(struct view bytes, struct members_found *ret_found) {
    struct reader reader = reader_of(bytes);
    ret_found->shape.partition_count = read_u32(&reader);
    ret_found->shape.replica_count = read_u8(&reader);
    ret_found->keyspaces_version = read_u64(&reader);
    ret_found->keyspaces = read_digest(&reader);
    ret_found->is_staged = read_u8(&reader) != 0;
    ret_found->events = read_sized(&reader);
    return reader_finished(&reader);
}

static bool is_proved(const struct secret *secret, const struct members_seeker *seeker) {
    uint8_t proof[16];
    members_prove(secret, seeker, proof);
    return memcmp(proof, seeker->proof, sizeof(proof)) == 0;
}

static const char *seeker_problem(const struct shard *shard, const struct members_seeker *seeker) {
    const struct token_secrets *secrets = &shard->options.secrets;
    if (memcmp(&seeker->cluster, &secrets->cluster, sizeof(seeker->cluster)) != 0) {
        return "WRONGCLUSTER this node belongs to another cluster (cluster-id differs)";
    }
    if (!is_proved(&secrets->current, seeker) && !(secrets->has_previous && is_proved(&secrets->previous, seeker))) {
        return "WRONGCLUSTER this node has another cluster-secret";
    }
    return NULL;
}

static void seek(struct shard *shard, struct reader *reader, const struct origin *origin) {
    struct members_seeker seeker;
    struct buffer events;
    struct buffer text;
    const char *problem = members_read_seeker(reader, &seeker) ? seeker_problem(shard, &seeker) : "ERR syntax error";
    if (problem != NULL) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, problem);
        return;
    }
    buffer_init(&events);
    buffer_init(&text);
    stage_heard(shard, &seeker.member);
    membership_encode(&events, &shard->roster.log, 0);
    struct members_found found = {
        .shape = ring_options_at_birth(shard->ring),
        .keyspaces_version = shard->keyspaces.version,
        .keyspaces = keyspace_table_digest(shard->options.keyspaces),
        .is_staged = stage_has(shard, seeker.member.id),
        .events = buffer_view(&events),
    };
    members_write_found(&text, &found);
    answer_text(shard, origin, &text);
    buffer_release(&events);
}

static void answer_problem(struct shard *shard, const struct origin *origin, const char *problem) {
    buffer_clear(&shard->encoded);
    buffer_append_view(&shard->encoded, VIEW("ERR "));
    buffer_append_view(&shard->encoded, view_of_string(problem == NULL ? "" : problem));
    struct result result = {.outcome = problem == NULL ? OUTCOME_DONE : OUTCOME_REFUSED};
    if (problem != NULL) {
        result.detail = arena_copy(&shard->scratch, buffer_view(&shard->encoded));
    }
    origin_answer(shard, origin, &result);
}

static void commit(struct shard *shard, struct reader *reader, const struct origin *origin) {
    bool has_digest = read_u8(reader) != 0;
    uint64_t digest = read_u64(reader);
    stage_commit(shard, has_digest ? &digest : NULL, origin);
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
    } else if (question == MEMBERS_STAGE) {
        answer_problem(shard, origin, stage_add(shard, read_bytes(&reader, reader_left(&reader))));
    } else if (question == MEMBERS_UNSTAGE) {
        struct node_id id;
        read_into(&reader, id.bytes, sizeof(id.bytes));
        answer_problem(shard, origin, stage_remove(shard, id));
    } else if (question == MEMBERS_COMMIT) {
        commit(shard, &reader, origin);
    } else if (question == MEMBERS_SEEK) {
        seek(shard, &reader, origin);
    } else {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, "ERR nothing that this version can be asked");
    }
}
