#include "core/witness.h"

#include "base/mutant.h"
#include "core/shard_state.h"
#include "wire/witness_message.h"

/* A list: each member's id, and what is known of its store. */
static void take_up(struct shard *shard, struct view written) {
    struct reader list = reader_of(written);
    while (!list.failed && reader_left(&list) > 0) {
        struct node_id node;
        struct witnessed known;
        struct member_index member;
        read_into(&list, node.bytes, sizeof(node.bytes));
        if (witness_decode(&list, &known) && ring_find_member(shard->ring, node, &member)) {
            witness_join(&shard->witness.of[member.value], &known);
        }
    }
}

void witness_init(struct shard *shard) {
    struct witness *witness = &shard->witness;
    size_t members = shard_member_capacity(shard);
    witness->of = ARENA_ARRAY(&shard->permanent, struct witnessed, members);
    memset(witness->of, 0, sizeof(*witness->of) * members);
    witness->is_rolled_back = shard->options.is_rolled_back && !MUTANT(ROLLED_BACK_SERVES);
    witness->own = (struct witnessed){.store = shard->options.lineage.store};
    take_up(shard, shard->options.witnessed);
    shard->options.witnessed = (struct view){0};
}

/* What a member that judged well of this store remembers of others: this node had them before. */
static void learn_of_stores_before(struct shard *shard, const struct witnessed *remembered) {
    struct witnessed *own = &shard->witness.own;
    struct witnessed known = *own;
    witness_hear_retired(own, remembered->store);
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        witness_hear_retired(own, remembered->retired[i]);
    }
    if (memcmp(own->retired, known.retired, sizeof(known.retired)) != 0) {
        witness_tell_all(shard);
    }
}

bool witness_judge(struct shard *shard, struct member_index member, const struct witnessed *remembered) {
    struct witness *witness = &shard->witness;
    bool is_rolled_back = lineage_is_rolled_back(&shard->options.lineage, remembered) && !MUTANT(ROLLED_BACK_SERVES);
    if (is_rolled_back && !witness->is_rolled_back) {
        witness->is_rolled_back = true;
        shard->options.storage.condemn(shard->options.storage.self);
        shard_trace_peer(shard, TRACE_ROLLED_BACK, member, "it remembers later data of this node than this");
    }
    if (!is_rolled_back) {
        learn_of_stores_before(shard, remembered);
    }
    return !is_rolled_back;
}

void witness_tell(struct shard *shard, struct buffer *output) {
    struct message_bound message = {
        .store = shard->options.lineage.store, .run = shard->options.run, .bound = shard->clock.bound};
    message_encode_bound(output, &message);
    if (shard->witness.own.retired[0] != 0) {
        message_encode_stores_before(output, shard->witness.own.retired);
    }
}

void witness_tell_all(struct shard *shard) {
    struct list_node *node = list_first(&shard->lanes);
    for (; node != NULL; node = list_next(&shard->lanes, node)) {
        struct lane *lane = CONTAINER_OF(node, struct lane, all);
        struct buffer *output = lane->is_bulk ? NULL : lane_open_output(shard, lane, 0);
        if (output != NULL) {
            witness_tell(shard, output);
        }
    }
}

void witness_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_bound message;
    uint64_t before[WITNESS_RETIRED];
    if (source->lane == NULL) {
        return;
    }
    struct witnessed *of = &shard->witness.of[source->lane->peer->member.value];
    if (kind == MESSAGE_BOUND && message_decode_bound(body, &message) && message.run == source->lane->peer->run) {
        witness_hear(of, message.store, message.run, message.bound);
        shard->witness.has_news = true;
    } else if (kind == MESSAGE_STORES_BEFORE && message_decode_stores_before(body, before)) {
        for (size_t i = 0; i < WITNESS_RETIRED; i++) {
            witness_hear_retired(of, before[i]);
        }
        shard->witness.has_news = true;
    }
}

static void write_down(struct shard *shard) {
    struct storage *storage = &shard->options.storage;
    struct buffer list;
    buffer_init(&list);
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct node_id node = ring_member(shard->ring, (struct member_index){index})->id;
        if (shard->witness.of[index].store != 0 && ring_is_present(shard->ring, (struct member_index){index})) {
            write_bytes(&list, view_of(node.bytes, sizeof(node.bytes)));
            witness_encode(&list, &shard->witness.of[index]);
        }
    }
    (void)storage->remember_witness(storage->self, buffer_view(&list)); /* a store that has failed says so itself */
    buffer_release(&list);
}

void witness_beat(struct shard *shard) {
    struct witness *witness = &shard->witness;
    if (witness->has_news && shard_now(shard).ns >= witness->writes_next.ns) {
        witness->writes_next = instant_after_ms(shard_now(shard), WITNESS_WRITE_MS);
        witness->has_news = false;
        write_down(shard);
    }
}
