#include "core/gossip.h"

#include "base/ensure.h"

#include <string.h>

/* ---- the table ---- */

static uint64_t id_hash(struct node_id id) {
    return hash64(view_of(id.bytes, sizeof(id.bytes)), 0);
}

static struct gossip_seat *find(const struct gossip *gossip, struct node_id id) {
    for (struct map_node *node = map_first(&gossip->by_id, id_hash(id)); node != NULL; node = map_next(node)) {
        struct gossip_seat *seat = CONTAINER_OF(node, struct gossip_seat, by_id);
        if (node_id_equal(seat->id, id)) {
            return seat;
        }
    }
    return NULL;
}

static struct member_index index_of(const struct gossip *gossip, const struct gossip_seat *seat) {
    return (struct member_index){(uint16_t)(seat - gossip->seats)};
}

static bool is_self(const struct gossip *gossip, const struct gossip_seat *seat) {
    return member_index_equal(index_of(gossip, seat), gossip->self);
}

/* What a record adds to the hash; nothing if there is none. */
static struct digest record_hash(struct node_id id, struct gossip_stamp stamp) {
    uint8_t bytes[sizeof(id.bytes) + 2 * sizeof(uint64_t)];
    uint64_t words[2] = {htole64(stamp.generation), htole64(stamp.counter)};
    if (stamp.generation == 0) {
        return (struct digest){0};
    }
    memcpy(bytes, id.bytes, sizeof(id.bytes));
    memcpy(bytes + sizeof(id.bytes), words, sizeof(words));
    return hash128(view_of(bytes, sizeof(bytes)));
}

static void hash_replace(struct digest *hash, struct node_id id, struct gossip_stamp old, struct gossip_stamp new) {
    struct digest gone = record_hash(id, old);
    struct digest come = record_hash(id, new);
    hash->low += come.low - gone.low;
    hash->high += come.high - gone.high;
}

static void expect_rounds(struct gossip *gossip) {
    uint32_t digits = 32 - (uint32_t)__builtin_clz(gossip->member_count + 1);
    gossip->soon_rounds = digits + GOSSIP_SOON_ROUNDS;
}

static void store(struct gossip *gossip, struct gossip_seat *seat, struct gossip_stamp stamp, struct view payload) {
    ENSURE(seat->is_member && gossip_stamp_compare(stamp, seat->stamp) > 0);
    struct blob copy = blob_copy(gossip->blobs, payload); /* it may be what lies there */
    blob_give(gossip->blobs, &seat->payload);
    seat->payload = copy;
    hash_replace(&gossip->hash, seat->id, seat->stamp, stamp);
    seat->stamp = stamp;
    seat->learnt = gossip->now;
    if (list_node_linked(&seat->recent)) {
        list_remove(&seat->recent);
    }
    list_push_front(&gossip->recent, &seat->recent);
    expect_rounds(gossip);
}

static struct gossip_record record_of(const struct gossip_seat *seat) {
    return (struct gossip_record){.id = seat->id, .stamp = seat->stamp, .payload = blob_view(&seat->payload)};
}

/* ---- the own record ---- */

static bool has_own(const struct gossip *gossip) {
    return gossip->seats[gossip->self.value].stamp.generation > 0;
}

void gossip_own(struct gossip *gossip, struct view payload, struct instant now) {
    struct gossip_seat *own = &gossip->seats[gossip->self.value];
    gossip->now = now;
    ENSURE(own->is_member && payload.size <= GOSSIP_PAYLOAD_BYTES_MOST);
    if (!has_own(gossip) || !view_equal(blob_view(&own->payload), payload)) {
        store(gossip, own, (struct gossip_stamp){gossip->generation, own->stamp.counter + 1}, payload);
    }
}

/* True when the own record had to be written anew: the one heard of was not written here, and would have won. */
static bool refute(struct gossip *gossip, const struct gossip_record *heard, bool has_payload) {
    const struct gossip_seat *own = &gossip->seats[gossip->self.value];
    int order = gossip_stamp_compare(heard->stamp, own->stamp);
    bool is_other = has_payload && order == 0 && !view_equal(heard->payload, blob_view(&own->payload));
    bool is_rival = heard->stamp.generation >= gossip->generation && (order > 0 || is_other);
    if (!is_rival) {
        return false;
    }
    /* Not the next one: a former run may have refuted the same, and others may hold what it wrote then. */
    gossip->generation = heard->stamp.generation + 1 + rng_below(&gossip->rng, GOSSIP_REFUTATION_JUMP);
    gossip->refutations++;
    if (has_own(gossip)) {
        store(gossip, &gossip->seats[gossip->self.value], (struct gossip_stamp){gossip->generation, 1},
              blob_view(&own->payload));
    }
    return true;
}

/* ---- words ---- */

static void send(struct gossip *gossip, struct member_index to, enum gossip_kind kind, struct view list) {
    struct gossip_word word = {.kind = kind, .list = list};
    gossip->port.send(gossip->port.self, to, &word);
}

static void send_list(struct gossip *gossip, struct member_index to, enum gossip_kind kind, struct buffer *list) {
    if (buffer_size(list) > 0) {
        send(gossip, to, kind, buffer_view(list));
        buffer_clear(list);
    }
}

static size_t record_bytes(const struct gossip_seat *seat) {
    return sizeof(seat->id.bytes) + 3 * VARINT_BYTES_MOST + seat->payload.size;
}

/* Gathers; full words leave at once, the rest with send_differences(). */
static void give(struct gossip *gossip, struct member_index to, const struct gossip_seat *seat) {
    struct gossip_record record = record_of(seat);
    if (buffer_size(&gossip->records) + record_bytes(seat) > GOSSIP_RECORDS_BYTES_MOST) {
        send_list(gossip, to, MESSAGE_GOSSIP_RECORDS, &gossip->records);
    }
    gossip_list_add(&gossip->records, MESSAGE_GOSSIP_RECORDS, &record);
}

static void want(struct gossip *gossip, struct node_id id) {
    struct gossip_record record = {.id = id};
    gossip_list_add(&gossip->wants, MESSAGE_GOSSIP_WANT, &record);
}

static void send_differences(struct gossip *gossip, struct member_index to) {
    send_list(gossip, to, MESSAGE_GOSSIP_RECORDS, &gossip->records);
    send_list(gossip, to, MESSAGE_GOSSIP_WANT, &gossip->wants);
}

/* What changed here of late, but for what is known to both. */
static void add_recent(struct gossip *gossip, const struct member_set *without) {
    uint32_t count = 0;
    for (struct list_node *node = list_first(&gossip->recent); node != NULL && count < GOSSIP_RECENT_MOST;
         node = list_next(&gossip->recent, node)) {
        const struct gossip_seat *seat = CONTAINER_OF(node, struct gossip_seat, recent);
        struct gossip_record record = record_of(seat);
        if (gossip->now.ns > seat->learnt.ns + GOSSIP_RECENT_MS * NS_PER_MS) {
            return;
        }
        if (!member_set_has(without, index_of(gossip, seat))) {
            gossip_list_add(&gossip->digests, MESSAGE_GOSSIP_SUMMARY, &record);
            count++;
        }
    }
}

static void send_summary(struct gossip *gossip, struct member_index to, bool is_answer, struct digest hash,
                         const struct member_set *without) {
    buffer_clear(&gossip->digests);
    add_recent(gossip, without);
    struct gossip_word word = {
        .kind = MESSAGE_GOSSIP_SUMMARY,
        .is_answer = is_answer,
        .version = gossip->version,
        .hash = hash,
        .list = buffer_view(&gossip->digests),
    };
    gossip->port.send(gossip->port.self, to, &word);
    buffer_clear(&gossip->digests);
}

static void send_digest(struct gossip *gossip, struct member_index to) {
    buffer_clear(&gossip->digests);
    for (uint32_t index = 0; index < gossip->seat_count; index++) {
        const struct gossip_seat *seat = &gossip->seats[index];
        struct gossip_record record = record_of(seat);
        if (seat->is_member && seat->stamp.generation > 0) {
            gossip_list_add(&gossip->digests, MESSAGE_GOSSIP_DIGEST, &record);
        }
    }
    send(gossip, to, MESSAGE_GOSSIP_DIGEST, buffer_view(&gossip->digests)); /* also an empty one: all is wanted */
    buffer_clear(&gossip->digests);
}

/* ---- comparing ---- */

/* Both sides' hashes as they will be once the differences have been sent. */
struct comparison {
    struct digest ours;
    struct digest theirs;
    struct member_set listed; /* by them */
};

/* Gathers what is newer on either side, of those that they list. */
static void compare(struct gossip *gossip, struct member_index with, const struct gossip_word *word,
                    struct comparison *comparison) {
    struct reader list = reader_of(word->list);
    struct gossip_record record;
    while (gossip_list_next(&list, word->kind, &record)) {
        struct gossip_seat *seat = find(gossip, record.id);
        if (seat == NULL || member_set_has(&comparison->listed, index_of(gossip, seat))) {
            continue;
        }
        if (is_self(gossip, seat)) {
            struct gossip_stamp old = seat->stamp;
            (void)refute(gossip, &record, false);
            hash_replace(&comparison->ours, seat->id, old, seat->stamp);
        }
        member_set_add(&comparison->listed, index_of(gossip, seat));
        int order = gossip_stamp_compare(record.stamp, seat->stamp);
        if (order > 0 && !is_self(gossip, seat)) {
            want(gossip, seat->id);
            hash_replace(&comparison->ours, seat->id, seat->stamp, record.stamp);
        } else if (order < 0) {
            give(gossip, with, seat);
            hash_replace(&comparison->theirs, seat->id, record.stamp, seat->stamp);
        }
    }
}

static void on_summary(struct gossip *gossip, struct member_index from, const struct gossip_word *word) {
    struct comparison comparison = {.ours = gossip->hash, .theirs = word->hash};
    if (word->version != gossip->version) {
        gossip->port.chain_differs(gossip->port.self, from, word->version);
    }
    /* It hears of our version by an answer, and tells what is missing here. */
    bool answers_in_any_case = word->version > gossip->version && !word->is_answer;
    if (digest_equal(word->hash, gossip->hash) && !answers_in_any_case) {
        return;
    }
    compare(gossip, from, word, &comparison);
    bool is_explained = digest_equal(comparison.ours, comparison.theirs);
    /* With other members they would differ in any case: first the chain. */
    bool is_comparable = word->version == gossip->version && gossip->now.ns >= gossip->next_digest.ns;
    if (!is_explained && word->is_answer && is_comparable) {
        buffer_clear(&gossip->wants); /* the answer to a DIGEST has them all, and asks for all of ours */
        buffer_clear(&gossip->records);
        gossip->next_digest.ns = gossip->now.ns + GOSSIP_DIGEST_MS * NS_PER_MS;
        send_digest(gossip, from);
        return;
    }
    send_differences(gossip, from);
    if ((!is_explained && !word->is_answer) || answers_in_any_case) {
        send_summary(gossip, from, true, comparison.ours, &comparison.listed);
    }
}

static void on_digest(struct gossip *gossip, struct member_index from, const struct gossip_word *word) {
    struct comparison comparison = {.ours = gossip->hash, .theirs = gossip->hash};
    compare(gossip, from, word, &comparison);
    for (uint32_t index = 0; index < gossip->seat_count; index++) {
        const struct gossip_seat *seat = &gossip->seats[index];
        if (seat->is_member && seat->stamp.generation > 0 &&
            !member_set_has(&comparison.listed, (struct member_index){(uint16_t)index})) {
            give(gossip, from, seat);
        }
    }
    send_differences(gossip, from);
}

static void on_records(struct gossip *gossip, const struct gossip_word *word) {
    struct reader list = reader_of(word->list);
    struct gossip_record record;
    while (gossip_list_next(&list, word->kind, &record)) {
        struct gossip_seat *seat = find(gossip, record.id);
        if (seat == NULL) {
            continue;
        }
        if (is_self(gossip, seat)) {
            (void)refute(gossip, &record, true);
        } else if (gossip_stamp_compare(record.stamp, seat->stamp) > 0) {
            store(gossip, seat, record.stamp, record.payload);
            gossip->port.changed(gossip->port.self, index_of(gossip, seat));
        }
    }
}

static void on_want(struct gossip *gossip, struct member_index from, const struct gossip_word *word) {
    struct reader list = reader_of(word->list);
    struct gossip_record record;
    while (gossip_list_next(&list, word->kind, &record)) {
        const struct gossip_seat *seat = find(gossip, record.id);
        if (seat != NULL && seat->stamp.generation > 0) {
            give(gossip, from, seat);
        }
    }
    send_differences(gossip, from);
}

void gossip_receive(struct gossip *gossip, struct member_index from, const struct gossip_word *word,
                    struct instant now) {
    ENSURE(from.value < gossip->seat_count && from.value != gossip->self.value);
    gossip->now = now;
    buffer_clear(&gossip->records);
    buffer_clear(&gossip->wants);
    switch (word->kind) {
    case MESSAGE_GOSSIP_SUMMARY:
        on_summary(gossip, from, word);
        break;
    case MESSAGE_GOSSIP_DIGEST:
        on_digest(gossip, from, word);
        break;
    case MESSAGE_GOSSIP_RECORDS:
        on_records(gossip, word);
        break;
    case MESSAGE_GOSSIP_WANT:
        on_want(gossip, from, word);
        break;
    }
}

/* ---- time ---- */

static bool is_candidate(const struct gossip *gossip, uint32_t index) {
    struct member_index member = {(uint16_t)index};
    return gossip->seats[index].is_member && index != gossip->self.value &&
           gossip->port.is_reachable(gossip->port.self, member);
}

/* Uniform among those in reach: by drawing seats until one is taken and in reach, and if few are, by counting them. */
static bool pick_peer(struct gossip *gossip, struct member_index *ret_peer) {
    enum { DRAWS = 8 };
    uint32_t candidates = 0;
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        uint32_t index = (uint32_t)rng_below(&gossip->rng, gossip->seat_count);
        if (is_candidate(gossip, index)) {
            ret_peer->value = (uint16_t)index;
            return true;
        }
    }
    for (uint32_t index = 0; index < gossip->seat_count; index++) {
        if (is_candidate(gossip, index) && rng_below(&gossip->rng, ++candidates) == 0) {
            ret_peer->value = (uint16_t)index;
        }
    }
    return candidates > 0;
}

void gossip_tick(struct gossip *gossip, struct instant now) {
    static const struct member_set nobody;
    struct member_index peer = {0};
    gossip->now = now;
    if (now.ns < gossip->next_round.ns && gossip->soon_rounds == 0) {
        return;
    }
    gossip->next_round.ns = now.ns + GOSSIP_ROUND_MS * NS_PER_MS;
    gossip->soon_rounds -= gossip->soon_rounds > 0 ? 1 : 0;
    if (gossip->seats[gossip->self.value].is_member && pick_peer(gossip, &peer)) {
        send_summary(gossip, peer, false, gossip->hash, &nobody);
    }
}

/* ---- members ---- */

void gossip_init(struct gossip *gossip, struct gossip_port port, struct blobs *blobs, struct member_index self,
                 uint32_t seat_count, struct gossip_seat *seats, uint64_t generation, uint64_t seed,
                 struct instant now) {
    ENSURE(self.value < seat_count && seat_count <= LIMIT_MEMBERS);
    ENSURE(generation > 0 && generation <= GOSSIP_STAMP_MOST);
    memset(gossip, 0, sizeof(*gossip));
    memset(seats, 0, sizeof(*seats) * seat_count);
    gossip->port = port;
    gossip->blobs = blobs;
    gossip->self = self;
    gossip->seat_count = seat_count;
    gossip->seats = seats;
    gossip->generation = generation;
    gossip->now = now;
    rng_init(&gossip->rng, seed);
    gossip->next_round.ns = now.ns + rng_below(&gossip->rng, GOSSIP_ROUND_MS * NS_PER_MS);
    map_init(&gossip->by_id, seat_count);
    list_init(&gossip->recent);
    buffer_init(&gossip->records);
    buffer_init(&gossip->wants);
    buffer_init(&gossip->digests);
}

void gossip_release(struct gossip *gossip) {
    for (uint32_t index = 0; index < gossip->seat_count; index++) {
        gossip_drop_member(gossip, (struct member_index){(uint16_t)index});
    }
    map_release(&gossip->by_id);
    buffer_release(&gossip->records);
    buffer_release(&gossip->wants);
    buffer_release(&gossip->digests);
}

void gossip_set_member(struct gossip *gossip, struct member_index member, struct node_id id) {
    ENSURE(member.value < gossip->seat_count);
    struct gossip_seat *seat = &gossip->seats[member.value];
    if (seat->is_member && node_id_equal(seat->id, id)) {
        return;
    }
    gossip_drop_member(gossip, member);
    ENSURE(find(gossip, id) == NULL);
    seat->is_member = true;
    seat->id = id;
    map_insert(&gossip->by_id, &seat->by_id, id_hash(id));
    gossip->member_count++;
}

void gossip_drop_member(struct gossip *gossip, struct member_index member) {
    ENSURE(member.value < gossip->seat_count);
    struct gossip_seat *seat = &gossip->seats[member.value];
    if (!seat->is_member) {
        return;
    }
    /* Written anew after it has come back, it must not look like what others may know still. */
    gossip->generation += is_self(gossip, seat) ? 1 : 0;
    hash_replace(&gossip->hash, seat->id, seat->stamp, (struct gossip_stamp){0});
    blob_give(gossip->blobs, &seat->payload);
    map_remove(&gossip->by_id, &seat->by_id);
    if (list_node_linked(&seat->recent)) {
        list_remove(&seat->recent);
    }
    memset(seat, 0, sizeof(*seat));
    gossip->member_count--;
}

void gossip_set_version(struct gossip *gossip, uint64_t version) {
    if (version != gossip->version) {
        gossip->version = version;
        expect_rounds(gossip);
    }
}

bool gossip_record(const struct gossip *gossip, struct member_index member, struct gossip_record *ret_record) {
    ENSURE(member.value < gossip->seat_count);
    const struct gossip_seat *seat = &gossip->seats[member.value];
    if (!seat->is_member || seat->stamp.generation == 0) {
        return false;
    }
    *ret_record = record_of(seat);
    return true;
}

void gossip_check(const struct gossip *gossip) {
    struct digest hash = {0};
    uint32_t members = 0;
    for (uint32_t index = 0; index < gossip->seat_count; index++) {
        const struct gossip_seat *seat = &gossip->seats[index];
        ENSURE(seat->is_member || seat->stamp.generation == 0);
        ENSURE(list_node_linked(&seat->recent) == (seat->stamp.generation > 0));
        ENSURE(!seat->is_member || find(gossip, seat->id) == seat);
        hash_replace(&hash, seat->id, (struct gossip_stamp){0}, seat->stamp);
        members += seat->is_member ? 1 : 0;
    }
    ENSURE(members == gossip->member_count);
    ENSURE(digest_equal(hash, gossip->hash));
    ENSURE(!has_own(gossip) || gossip->seats[gossip->self.value].stamp.generation == gossip->generation);
}
