#include "gossip_world.h"

#include "base/ensure.h"
#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

enum { KIND_ENTRIES = 100 };

/* Of a letter within a bucket; a frame of so many bytes follows, or of the chain's kinds nothing. */
struct envelope {
    uint16_t from, to;
    uint32_t kind;
    uint64_t version;
    uint64_t bytes;
};

static struct gossip_world *playing; /* the ports' self is a node */

static struct instant now(const struct gossip_world *world) {
    return (struct instant){world->now_ms * NS_PER_MS};
}

struct node_id gossip_world_id(uint32_t index) {
    struct node_id id = {{0}};
    uint64_t words[2] = {index * UINT64_C(0x9e3779b97f4a7c15), index};
    memcpy(id.bytes, words, sizeof(words));
    return id;
}

/* ---- letters ---- */

static void post(struct gossip_world *world, struct envelope envelope, struct view frame, uint64_t size) {
    static const uint8_t places[] = {
        [MESSAGE_GOSSIP_SUMMARY] = 0, [MESSAGE_GOSSIP_DIGEST] = 1, [MESSAGE_GOSSIP_RECORDS] = 2,
        [MESSAGE_GOSSIP_WANT] = 3,    [KIND_ENTRIES] = 4,
    };
    world->bytes += size;
    world->words++;
    world->bytes_of[places[envelope.kind]] += size;
    world->largest = size > world->largest ? size : world->largest;
    if (rng_chance(&world->chance, world->loss)) {
        return;
    }
    uint64_t step = world->now_ms / GOSSIP_STEP_MS + 1 + rng_below(&world->chance, world->delay_steps);
    envelope.bytes = frame.size;
    buffer_append(&world->letters[step % GOSSIP_BUCKETS], &envelope, sizeof(envelope));
    buffer_append_view(&world->letters[step % GOSSIP_BUCKETS], frame);
}

static void port_send(void *self, struct member_index to, const struct gossip_word *word) {
    const struct gossip_node *node = self;
    buffer_clear(&playing->frame);
    message_encode_gossip(&playing->frame, word);
    struct view frame = buffer_view(&playing->frame);
    post(playing, (struct envelope){(uint16_t)node->index, to.value, word->kind, 0, 0}, frame, frame.size);
}

static bool port_is_reachable(void *self, struct member_index member) {
    const struct gossip_node *node = self;
    const struct gossip_node *other = &playing->nodes[member.value];
    return !other->is_down && other->side == node->side;
}

static void port_changed(void *self, struct member_index member) {
    struct gossip_node *node = self;
    struct gossip_record record;
    ENSURE(gossip_record(&node->gossip, member, &record));
    node->changes++;
}

static void send_entries(struct gossip_world *world, const struct gossip_node *from, uint16_t to, uint64_t version) {
    uint64_t size = FRAME_HEADER_BYTES + (from->version - version) * world->entry_bytes;
    post(world, (struct envelope){(uint16_t)from->index, to, KIND_ENTRIES, from->version, 0}, (struct view){0}, size);
}

static void port_chain_differs(void *self, struct member_index member, uint64_t version) {
    struct gossip_node *node = self;
    if (version < node->version) {
        send_entries(playing, node, member.value, version);
    }
}

static void advance(struct gossip_node *node, uint64_t version) {
    if (version > node->version) {
        node->version = version;
        gossip_set_version(&node->gossip, version);
    }
}

static void deliver(struct gossip_world *world, const struct envelope *envelope, struct view frame) {
    struct gossip_node *node = &world->nodes[envelope->to];
    struct gossip_word word;
    if (node->is_down || node->side != world->nodes[envelope->from].side) {
        return;
    }
    if (envelope->kind == KIND_ENTRIES) {
        advance(node, envelope->version);
    } else {
        struct view body = view_slice(frame, FRAME_HEADER_BYTES, frame.size - FRAME_HEADER_BYTES);
        ENSURE(message_decode_gossip((uint8_t)envelope->kind, body, &word));
        gossip_receive(&node->gossip, (struct member_index){envelope->from}, &word, now(world));
    }
}

/* ---- nodes ---- */

void gossip_world_start(struct gossip_world *world, uint32_t index, uint64_t generation) {
    struct gossip_node *node = &world->nodes[index];
    struct gossip_port port = {node, port_send, port_is_reachable, port_changed, port_chain_differs};
    playing = world;
    if (node->seats != NULL) {
        gossip_release(&node->gossip);
    } else {
        node->seats = calloc(world->node_count, sizeof(*node->seats));
        ENSURE(node->seats != NULL);
    }
    node->index = index;
    node->is_down = false;
    node->beat_ms = world->now_ms + rng_below(&world->chance, GOSSIP_BEAT_MS);
    gossip_init(&node->gossip, port, &world->blobs, (struct member_index){(uint16_t)index}, world->node_count,
                node->seats, generation, rng_next(&world->chance), now(world));
    for (uint32_t member = 0; member < world->node_count; member++) {
        gossip_set_member(&node->gossip, (struct member_index){(uint16_t)member}, gossip_world_id(member));
    }
    gossip_set_version(&node->gossip, node->version);
}

void gossip_world_begin(struct gossip_world *world, uint32_t node_count, uint64_t seed) {
    memset(world, 0, sizeof(*world));
    world->node_count = node_count;
    world->now_ms = 1000;
    world->delay_steps = 2;
    world->entry_bytes = 300;
    rng_init(&world->chance, seed);
    blobs_init(&world->blobs);
    world->nodes = calloc(node_count, sizeof(*world->nodes));
    ENSURE(world->nodes != NULL);
    for (uint32_t index = 0; index < node_count; index++) {
        world->nodes[index].version = 1;
        gossip_world_start(world, index, 1000);
    }
}

void gossip_world_end(struct gossip_world *world) {
    for (uint32_t index = 0; index < world->node_count; index++) {
        gossip_release(&world->nodes[index].gossip);
        free(world->nodes[index].seats);
    }
    for (uint32_t bucket = 0; bucket < GOSSIP_BUCKETS; bucket++) {
        buffer_release(&world->letters[bucket]);
    }
    buffer_release(&world->frame);
    ENSURE(world->blobs.bytes_in_use == 0);
    blobs_release(&world->blobs);
    free(world->nodes);
}

void gossip_world_change(struct gossip_world *world, uint32_t index, uint32_t payload_bytes, uint8_t fill) {
    uint8_t payload[GOSSIP_PAYLOAD_BYTES_MOST];
    playing = world;
    memset(payload, fill, sizeof(payload));
    gossip_own(&world->nodes[index].gossip, view_of(payload, payload_bytes), now(world));
}

void gossip_world_extend(struct gossip_world *world, uint32_t index) {
    advance(&world->nodes[index], world->nodes[index].version + 1);
}

void gossip_world_settle(struct gossip_world *world, uint32_t payload_bytes) {
    struct buffer list;
    buffer_init(&list);
    for (uint32_t from = 0; from < world->node_count; from++) {
        struct gossip_record record;
        gossip_world_change(world, from, payload_bytes, 1);
        ENSURE(gossip_record(&world->nodes[from].gossip, (struct member_index){(uint16_t)from}, &record));
        buffer_clear(&list);
        gossip_list_add(&list, MESSAGE_GOSSIP_RECORDS, &record);
        struct gossip_word word = {.kind = MESSAGE_GOSSIP_RECORDS, .list = buffer_view(&list)};
        for (uint32_t to = 0; to < world->node_count; to++) {
            if (to != from) {
                gossip_receive(&world->nodes[to].gossip, (struct member_index){(uint16_t)from}, &word, now(world));
            }
        }
    }
    buffer_release(&list);
    world->now_ms += GOSSIP_RECENT_MS + GOSSIP_STEP_MS; /* and that is long ago */
    for (uint32_t index = 0; index < world->node_count; index++) {
        struct gossip_node *node = &world->nodes[index];
        node->gossip.soon_rounds = 0;
        node->gossip.next_round.ns = now(world).ns + rng_below(&world->chance, GOSSIP_ROUND_MS * NS_PER_MS);
        node->beat_ms = world->now_ms + rng_below(&world->chance, GOSSIP_BEAT_MS);
        node->changes = 0;
    }
    gossip_world_forget_bytes(world);
}

/* ---- time ---- */

void gossip_world_step(struct gossip_world *world) {
    playing = world;
    world->now_ms += GOSSIP_STEP_MS;
    struct buffer *letters = &world->letters[world->now_ms / GOSSIP_STEP_MS % GOSSIP_BUCKETS];
    while (buffer_size(letters) > 0) {
        struct view rest = buffer_view(letters);
        struct envelope envelope;
        memcpy(&envelope, rest.data, sizeof(envelope));
        deliver(world, &envelope, view_slice(rest, sizeof(envelope), envelope.bytes));
        buffer_consume(letters, sizeof(envelope) + envelope.bytes);
    }
    for (uint32_t index = 0; index < world->node_count; index++) {
        struct gossip_node *node = &world->nodes[index];
        if (!node->is_down && world->now_ms >= node->beat_ms) {
            node->beat_ms += GOSSIP_BEAT_MS;
            gossip_tick(&node->gossip, now(world));
        }
    }
}

void gossip_world_run(struct gossip_world *world, uint64_t ms) {
    for (uint64_t end = world->now_ms + ms; world->now_ms < end;) {
        gossip_world_step(world);
    }
}

void gossip_world_forget_bytes(struct gossip_world *world) {
    world->bytes = 0;
    world->words = 0;
    world->largest = 0;
    memset(world->bytes_of, 0, sizeof(world->bytes_of));
}

/* ---- looking ---- */

uint32_t gossip_world_knowing(const struct gossip_world *world, uint32_t index) {
    struct gossip_stamp own = world->nodes[index].seats[index].stamp;
    uint32_t count = 0;
    for (uint32_t node = 0; node < world->node_count; node++) {
        struct gossip_stamp known = world->nodes[node].seats[index].stamp;
        count += !world->nodes[node].is_down && gossip_stamp_compare(known, own) == 0 ? 1 : 0;
    }
    return count;
}

uint32_t gossip_world_at_version(const struct gossip_world *world, uint64_t version) {
    uint32_t count = 0;
    for (uint32_t node = 0; node < world->node_count; node++) {
        count += !world->nodes[node].is_down && world->nodes[node].version == version ? 1 : 0;
    }
    return count;
}

uint64_t gossip_world_spread_ms(struct gossip_world *world, uint32_t index, uint64_t most_ms) {
    uint64_t begun_ms = world->now_ms;
    uint32_t up = 0;
    for (uint32_t node = 0; node < world->node_count; node++) {
        up += world->nodes[node].is_down ? 0 : 1;
    }
    while (gossip_world_knowing(world, index) < up ||
           gossip_world_at_version(world, world->nodes[index].version) < up) {
        gossip_world_step(world);
        ENSURE(world->now_ms < begun_ms + most_ms);
    }
    return world->now_ms - begun_ms;
}

bool gossip_world_agrees(const struct gossip_world *world) {
    const struct gossip_node *first = NULL;
    for (uint32_t index = 0; index < world->node_count; index++) {
        const struct gossip_node *node = &world->nodes[index];
        if (node->is_down) {
            continue;
        }
        first = first == NULL ? node : first;
        if (!digest_equal(first->gossip.hash, node->gossip.hash)) {
            return false;
        }
    }
    return true;
}

void gossip_world_check(const struct gossip_world *world) {
    for (uint32_t index = 0; index < world->node_count; index++) {
        gossip_check(&world->nodes[index].gossip);
    }
}
