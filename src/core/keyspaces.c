#include "core/keyspaces.h"

#include "core/shard_state.h"
#include "wire/resp_writer.h"

void keyspaces_init(struct shard *shard) {
    shard->keyspaces.version = shard->options.keyspaces->version;
    shard->keyspaces.durable = shard->keyspaces.version;
}

static struct view encode(struct shard *shard) {
    buffer_clear(&shard->encoded);
    keyspace_table_encode(&shard->encoded, shard->options.keyspaces);
    return buffer_view(&shard->encoded);
}

/* ---- keeping ---- */

static void keep(struct shard *shard) {
    struct keyspaces *keyspaces = &shard->keyspaces;
    struct storage *storage = &shard->options.storage;
    if (keyspaces->wanted != 0 || keyspaces->durable == keyspaces->version) {
        return;
    }
    keyspaces->wanted = keyspaces->version;
    keyspaces->is_replaced = false;
    enum storage_status status = storage->remember_keyspaces(storage->self, encode(shard), KEYSPACES_TOKEN);
    if (status != STORAGE_PENDING) {
        keyspaces_on_durable(shard, status == STORAGE_FOUND);
    }
}

void keyspaces_on_durable(struct shard *shard, bool is_durable) {
    struct keyspaces *keyspaces = &shard->keyspaces;
    uint64_t kept = keyspaces->wanted;
    keyspaces->wanted = 0; /* a store that failed says so itself; the next beat asks again */
    if (!is_durable) {
        return;
    }
    if (!keyspaces->is_replaced) {
        keyspaces->durable = kept;
        everyone_settle(shard, QUESTION_KEYSPACES, keyspaces->done, (struct hybrid_time){kept});
    }
    keep(shard); /* a later one may have come meanwhile */
}

void keyspaces_beat(struct shard *shard) {
    keep(shard);
}

bool keyspaces_are_later(const struct shard *shard, uint64_t version, struct digest digest) {
    struct digest own = keyspace_table_digest(shard->options.keyspaces);
    bool is_greater = digest.high != own.high ? digest.high > own.high : digest.low > own.low;
    return version != shard->keyspaces.version ? version > shard->keyspaces.version : version != 0 && is_greater;
}

/* Tables that were replaced stay: requests under way have keyspaces of theirs. They are small, and changes are rare. */
static void adopt(struct shard *shard, const struct keyspace_table *table) {
    if (!keyspaces_are_later(shard, table->version, keyspace_table_digest(table))) {
        return;
    }
    struct keyspace_table *kept = ARENA_ARRAY(&shard->permanent, struct keyspace_table, 1);
    *kept = *table;
    shard->options.keyspaces = kept;
    shard->keyspaces.is_replaced = shard->keyspaces.is_replaced || shard->keyspaces.wanted == table->version;
    shard->keyspaces.version = table->version;
    shard->keyspaces.durable = 0; /* of this one nothing is */
    shard_trace_peer(shard, TRACE_KEYSPACES, shard->self, NULL);
    keep(shard);
}

/* ---- words ---- */

void keyspaces_receive(struct shard *shard, struct view body) {
    struct message_question message;
    struct keyspace_table table;
    if (message_decode_question(body, &message) && keyspace_table_decode(message.payload, &table)) {
        adopt(shard, &table);
    }
}

void keyspaces_tell(struct shard *shard, struct buffer *output) {
    struct message_question message = {.question = QUESTION_KEYSPACES, .payload = encode(shard)};
    message_encode_question(output, MESSAGE_KEYSPACES, &message);
}

void keyspaces_asked(struct shard *shard, uint64_t id, struct view bytes) {
    struct keyspaces *keyspaces = &shard->keyspaces;
    struct keyspace_table table;
    if (!keyspace_table_decode(bytes, &table)) {
        return; /* the attempt ends at its deadline */
    }
    adopt(shard, &table);
    bool is_kept = table.version == keyspaces->version &&
                   digest_equal(keyspace_table_digest(&table), keyspace_table_digest(shard->options.keyspaces));
    if (is_kept && keyspaces->durable == table.version) {
        everyone_answer(shard, QUESTION_KEYSPACES, id, (struct hybrid_time){0});
    } else if (is_kept) {
        everyone_owe(keyspaces->done, id, (struct hybrid_time){table.version});
    }
}

/* ---- a change ---- */

void keyspaces_begin(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    struct keyspace_change change;
    struct keyspace_table table = *shard->options.keyspaces;
    const char *problem = keyspace_change_decode(operation->value, &change)
                              ? keyspace_table_change(&table, &change, ring_replica_count(shard->ring))
                              : "ERR no change of a keyspace that this version knows";
    if (problem != NULL) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, problem);
        return;
    }
    if (!everyone_begin(shard, operation, origin)) {
        return;
    }
    table.version = shard->keyspaces.version + 1;
    struct buffer bytes;
    buffer_init(&bytes);
    keyspace_table_encode(&bytes, &table);
    everyone_ask(shard, QUESTION_KEYSPACES, (struct hybrid_time){0}, buffer_view(&bytes));
    buffer_release(&bytes);
}

/* ---- for those who look ---- */

static void describe_number(struct buffer *reply, struct view name, uint64_t number) {
    resp_write_bulk(reply, name);
    resp_write_integer(reply, (int64_t)number);
}

static void describe(const struct keyspace *keyspace, int protocol, struct buffer *reply) {
    static const char *const conflicts[] = {"siblings", "lww"};
    static const char *const durabilities[] = {"sync", "interval", "none"};
    resp_write_map(reply, 7, protocol);
    resp_write_bulk(reply, VIEW("prefix"));
    resp_write_bulk(reply, view_of(keyspace->prefix, keyspace->prefix_bytes));
    describe_number(reply, VIEW("read-quorum"), keyspace->read_quorum);
    describe_number(reply, VIEW("write-quorum"), keyspace->write_quorum);
    describe_number(reply, VIEW("primary-read-quorum"), keyspace->primary_read_quorum);
    describe_number(reply, VIEW("primary-write-quorum"), keyspace->primary_write_quorum);
    resp_write_bulk(reply, VIEW("conflict"));
    resp_write_bulk(reply, view_of_string(conflicts[keyspace->conflict]));
    resp_write_bulk(reply, VIEW("durability"));
    resp_write_bulk(reply, view_of_string(durabilities[keyspace->durability]));
}

void keyspaces_describe(const struct shard *shard, int protocol, struct buffer *reply) {
    const struct keyspace_table *table = shard->options.keyspaces;
    resp_write_array(reply, table->count + 1);
    resp_write_integer(reply, (int64_t)table->version);
    for (size_t index = 0; index < table->count; index++) {
        describe(&table->keyspaces[index], protocol, reply);
    }
}
