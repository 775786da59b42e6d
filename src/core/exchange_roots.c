/* Which partitions two owners hold the same of: rounds, and what meetings are good for (core/exchange.h). */
#include "base/mutant.h"
#include "core/exchange.h"
#include "core/shard_state.h"

void exchange_spend(struct shard *shard, uint64_t bytes) {
    struct exchange *exchange = &shard->exchange;
    exchange->bytes_sent += bytes;
    exchange->bytes_left -= bytes < exchange->bytes_left ? bytes : exchange->bytes_left;
}

/* ---- meetings ---- */

void exchange_check_doubt(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    struct storage *storage = &shard->options.storage;
    bool is_in_doubt = shard->options.is_refilling || shard->options.may_lack_unsynced || exchange->has_lost;
    if (is_in_doubt && exchange->met_count == shard->replica.held) {
        storage->settle_doubt(storage->self);
    }
}

/* The last partition to be filled ends the doubt about this shard's data for good. */
static void met_all(struct shard *shard, struct partition partition) {
    struct exchange *exchange = &shard->exchange;
    bool is_first = exchange->met[partition.value].ns == 0;
    exchange->met[partition.value] = shard_now(shard);
    exchange->met_count += is_first ? 1 : 0;
    shard->replica.is_lost[partition.value] = false;
    if (is_first) {
        exchange_check_doubt(shard);
    }
}

static void met(struct shard *shard, struct partition partition, struct member_index peer) {
    struct exchange *exchange = &shard->exchange;
    const struct member_index *list = ring_preference(shard->ring, partition);
    uint8_t all = 0;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        uint8_t bit = (uint8_t)(1u << place);
        if (member_index_equal(list[place], peer) || member_index_equal(list[place], shard->self)) {
            exchange->met_with[partition.value] |= bit;
        }
        all |= ring_is_awaited(shard->ring, list[place]) ? bit : 0;
    }
    if ((exchange->met_with[partition.value] & all) == all || MUTANT(INFORMED_BY_ONE)) {
        met_all(shard, partition);
    }
    moves_met(shard, partition, peer);
}

void exchange_meet_nobody(struct shard *shard) {
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        if (replica_role(shard, partition) == ROLE_HOLDER && ring_is_owner(shard->ring, partition, shard->self)) {
            met_all(shard, partition);
        }
    }
}

/* Who meets whom goes by the owners that reads ask: those of another list are met anew, by one that was not sure of its
 * data before. */
void exchange_adopt(struct shard *shard, struct partition partition, bool is_filled) {
    struct exchange *exchange = &shard->exchange;
    bool is_holder = replica_role(shard, partition) == ROLE_HOLDER;
    exchange->met_with[partition.value] = 0;
    if (is_holder && is_filled) {
        met_all(shard, partition);
    } else if (!is_holder && exchange->met[partition.value].ns != 0) {
        exchange->met[partition.value] = (struct instant){0};
        exchange->met_count--;
    }
}

void exchange_ask_anew(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    exchange->losses++;
    exchange_hurry(shard);
}

void exchange_hurry(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    exchange->young_until = exchange->rounds + EXCHANGE_FIRST_ROUNDS;
    exchange->next_round = shard_now(shard);
}

void exchange_forget_meetings(struct shard *shard, struct partition partition) {
    struct exchange *exchange = &shard->exchange;
    exchange->met_count -= exchange->met[partition.value].ns != 0 ? 1 : 0;
    exchange->met[partition.value] = (struct instant){0};
    exchange->met_with[partition.value] = 0;
    exchange->losses++;
    exchange->has_lost = true;
    exchange->young_until = exchange->rounds + EXCHANGE_FIRST_ROUNDS;
    struct instant soon = instant_after_ms(shard_now(shard), EXCHANGE_HURRY_MS);
    exchange->next_round = soon.ns < exchange->next_round.ns ? soon : exchange->next_round;
}

bool exchange_has_met_all(const struct shard *shard, struct partition partition) {
    return shard->exchange.met[partition.value].ns != 0;
}

uint32_t exchange_met_count(const struct shard *shard) {
    return shard->exchange.met_count;
}

/* ---- what two shards share ---- */

static bool both_own(const struct shard *shard, struct member_index peer, struct partition partition) {
    return replica_role(shard, partition) == ROLE_HOLDER && trees_known(shard, partition) != NULL &&
           ring_is_holder(shard->ring, partition, peer);
}

bool exchange_is_comparable(const struct shard *shard, struct member_index peer, struct partition partition) {
    return partition.value < ring_partition_count(shard->ring) && both_own(shard, peer, partition) &&
           moves_may_compare(shard, partition, peer) && !filling_is_wanted(shard, partition);
}

/* The next partition, from that one on, that both own, that shard of the peer's for it, and whose tree is known here.
 * False: there is none. */
static bool next_shared(const struct shard *shard, struct member_index peer, uint32_t peer_shard, uint32_t from,
                        struct partition *ret_partition) {
    for (uint32_t index = from; index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        if (both_own(shard, peer, partition) && peer_shard_of(shard, peer, partition) == peer_shard) {
            *ret_partition = partition;
            return true;
        }
    }
    return false;
}

static struct digest shared_roots(struct shard *shard, struct member_index peer, uint32_t peer_shard) {
    struct partition partition;
    buffer_clear(&shard->encoded);
    for (uint32_t from = 0; next_shared(shard, peer, peer_shard, from, &partition); from = partition.value + 1u) {
        write_u16(&shard->encoded, partition.value);
        write_digest(&shard->encoded, hash_tree_root(shard->trees.of[partition.value]));
    }
    return hash128(buffer_view(&shard->encoded));
}

static void met_shared(struct shard *shard, struct member_index peer, uint32_t peer_shard) {
    struct partition partition;
    for (uint32_t from = 0; next_shared(shard, peer, peer_shard, from, &partition); from = partition.value + 1u) {
        met(shard, partition, peer);
    }
}

/* ---- a round ---- */

static bool begins_with(const struct shard *shard, struct member_index peer) {
    struct node_id own = ring_member(shard->ring, shard->self)->id;
    struct node_id other = ring_member(shard->ring, peer)->id;
    bool is_even = (own.bytes[0] + other.bytes[0]) % 2 == 0;
    return (node_id_compare(own, other) < 0) == is_even;
}

static void send_summary(struct shard *shard, struct buffer *output, enum exchange_message_kind kind,
                         struct digest roots, const struct message_summary *answered) {
    struct message_summary message = {
        .ring = ring_digest(shard->ring),
        .roots = roots,
        .losses = shard->exchange.losses,
        .turns = shard->trees.turns,
        .your_losses = answered->losses,
        .your_turns = answered->turns,
    };
    size_t before = buffer_size(output);
    message_encode_summary(output, kind, &message);
    exchange_spend(shard, buffer_size(output) - before);
}

static bool has_to_fill(const struct shard *shard) {
    return shard->moves.filled < shard->moves.to_fill;
}

/* Until this node has met all owners, or a while has passed, rounds follow each other sooner; unless it is being
 * filled: there is little yet to meet about. */
static uint32_t period_ms(const struct shard *shard) {
    const struct exchange *exchange = &shard->exchange;
    bool is_young = (exchange->met_count < shard->replica.held || has_to_fill(shard)) &&
                    exchange->rounds < exchange->young_until && filling_is_idle(&shard->filling);
    return shard->options.exchange_period_ms / (is_young ? EXCHANGE_FIRST_DIVISOR : 1);
}

/* A round that was full says nothing: there was more to find. */
static void note_progress(struct exchange *exchange) {
    bool is_stalled = exchange->trees_differing > 0 && exchange->trees_differing < EXCHANGE_TREES_A_ROUND &&
                      exchange->trees_differing >= exchange->trees_before;
    exchange->stalled_rounds = is_stalled ? exchange->stalled_rounds + 1 : 0;
    exchange->trees_before = exchange->trees_differing;
    exchange->trees_differing = 0;
}

void exchange_begin_round(struct shard *shard) {
    struct exchange *exchange = &shard->exchange;
    exchange->rounds++;
    note_progress(exchange);
    exchange->next_round = instant_after_ms(shard_now(shard), period_ms(shard));
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index peer = {index};
        bool is_begun_here = begins_with(shard, peer) || has_to_fill(shard);
        if (member_index_equal(peer, shard->self) || !is_begun_here || !peer_is_alive(shard, peer)) {
            continue;
        }
        for (uint32_t peer_shard = 0; peer_shard < peer_shard_count(shard, peer); peer_shard++) {
            struct partition first;
            bool is_any = next_shared(shard, peer, peer_shard, 0, &first);
            struct buffer *output = is_any ? lane_output(shard, peer, first, 0) : NULL;
            if (output != NULL) {
                struct digest roots = shared_roots(shard, peer, peer_shard);
                send_summary(shard, output, MESSAGE_SUMMARY, roots, &(struct message_summary){0});
            }
        }
    }
}

/* The roots of what both own and that shard of the peer holds, in one message. */
static void send_roots(struct shard *shard, const struct source *source, uint32_t their_losses) {
    struct exchange *exchange = &shard->exchange;
    struct member_index peer = source->lane->peer->member;
    struct buffer *output = source_output(shard, source, 0);
    struct partition partition;
    if (output == NULL) {
        return;
    }
    struct message_roots head = {
        .ring = ring_digest(shard->ring), .losses = exchange->losses, .your_losses = their_losses};
    size_t before = buffer_size(output);
    size_t begun = message_begin_roots(output, &head);
    for (uint32_t from = 0; next_shared(shard, peer, source->lane->peer_shard, from, &partition);
         from = partition.value + 1u) {
        if (!exchange_is_comparable(shard, peer, partition)) {
            continue;
        }
        struct exchange_root root = {
            .partition = partition,
            .wants_answer = exchange->met[partition.value].ns == 0,
            .root = hash_tree_root(shard->trees.of[partition.value]),
        };
        message_add_root(output, &root);
    }
    message_end(output, begun);
    exchange_spend(shard, buffer_size(output) - before);
}

/* ---- messages ---- */

/* SUMMARY is answered with what is so here. The one that began compares, then says that all is the same or goes into
 * it: each end has then heard from the other since the other knew of its losses, so that a word that was long on its
 * way can't stand for what was lost meanwhile. */
void exchange_on_summary(struct shard *shard, const struct source *source, enum exchange_message_kind kind,
                         struct view body) {
    struct message_summary message;
    struct member_index peer = source->lane->peer->member;
    if (!message_decode_summary(body, &message) || !digest_equal(message.ring, ring_digest(shard->ring))) {
        return;
    }
    bool is_up_to_date = message.your_losses == shard->exchange.losses && message.your_turns == shard->trees.turns;
    if (kind == MESSAGE_ALL_SAME) {
        if (is_up_to_date) {
            met_shared(shard, peer, source->lane->peer_shard);
        }
        return;
    }
    struct digest roots = shared_roots(shard, peer, source->lane->peer_shard);
    bool is_same = digest_equal(roots, message.roots);
    if (kind == MESSAGE_SUMMARY_ANSWER && !is_same) {
        send_roots(shard, source, message.losses);
        return;
    }
    if (kind == MESSAGE_SUMMARY_ANSWER && is_up_to_date) {
        met_shared(shard, peer, source->lane->peer_shard);
    }
    struct buffer *output = source_output(shard, source, 0);
    if (output != NULL) {
        bool is_answer = kind == MESSAGE_SUMMARY;
        send_summary(shard, output, is_answer ? MESSAGE_SUMMARY_ANSWER : MESSAGE_ALL_SAME, roots, &message);
    }
}

void exchange_send_tree(struct shard *shard, struct member_index peer, struct partition partition) {
    struct buffer *output = lane_output(shard, peer, partition, sizeof(struct message_tree));
    if (output == NULL) {
        return;
    }
    struct message_tree message = {.partition = partition};
    const struct hash_tree *tree = trees_known(shard, partition);
    for (uint32_t segment = 0; segment < HASH_TREE_SEGMENTS; segment++) {
        message.segments[segment] = tree->segments[segment].low;
    }
    size_t before = buffer_size(output);
    message_encode_tree(output, &message);
    shard->exchange.trees_sent++;
    exchange_spend(shard, buffer_size(output) - before);
}

static void compare_trees(struct shard *shard, struct member_index peer, const struct exchange_root *root) {
    static const struct hash_tree empty;
    struct digest nothing = hash_tree_root(&empty);
    bool is_empty = digest_equal(hash_tree_root(shard->trees.of[root->partition.value]), nothing);
    if (!is_empty || !filling_begin_from(shard, root->partition, peer)) {
        exchange_send_tree(shard, peer, root->partition);
    }
}

/* Under a load of writes replicas differ by what is under way, and looking for it would cost more than it finds. */
static bool is_worth_comparing(const struct shard *shard, struct partition partition) {
    uint64_t now = shard_now(shard).ns;
    uint64_t met = shard->exchange.met[partition.value].ns;
    bool is_quiet = now >= shard->trees.changed[partition.value].ns + EXCHANGE_QUIET_MS * NS_PER_MS;
    return is_quiet || met == 0 || now >= met + EXCHANGE_BUSY_MS * NS_PER_MS;
}

/* Of more differences than are taken up at once, others each time: those that come first must not starve the rest. */
void exchange_on_roots(struct shard *shard, struct member_index peer, struct view body) {
    struct message_roots message;
    struct exchange_root root;
    struct exchange_root *differing;
    uint32_t count = 0;
    if (!message_decode_roots(body, &message) || !digest_equal(message.ring, ring_digest(shard->ring))) {
        return;
    }
    differing = ARENA_ARRAY(&shard->scratch, struct exchange_root, reader_left(&message.roots) / 19 + 1);
    buffer_clear(&shard->encoded);
    size_t begun = message_begin_same(&shard->encoded, message.losses);
    bool is_same_to_tell = false;
    struct partition last = {0};
    while (reader_left(&message.roots) > 0 && message_next_root(&message.roots, &root)) {
        if (!exchange_is_comparable(shard, peer, root.partition)) {
            continue;
        }
        if (!digest_equal(root.root, hash_tree_root(shard->trees.of[root.partition.value]))) {
            if (is_worth_comparing(shard, root.partition)) {
                differing[count++] = root;
            }
            continue;
        }
        if (message.your_losses == shard->exchange.losses) {
            met(shard, root.partition, peer);
        }
        if (root.wants_answer) {
            message_add_same(&shard->encoded, root.partition);
            is_same_to_tell = true;
            last = root.partition;
        }
    }
    message_end(&shard->encoded, begun);
    struct buffer *output = is_same_to_tell ? lane_output(shard, peer, last, 0) : NULL;
    if (output != NULL) {
        buffer_append_view(output, buffer_view(&shard->encoded));
    }
    uint32_t first = count > EXCHANGE_TREES_A_ROUND ? (uint32_t)rng_below(&shard->rng, count) : 0;
    for (uint32_t index = 0; index < count && index < EXCHANGE_TREES_A_ROUND; index++) {
        compare_trees(shard, peer, &differing[(first + index) % count]);
    }
}

void exchange_on_same(struct shard *shard, struct member_index peer, struct view body) {
    struct reader same;
    struct partition partition;
    uint32_t losses;
    if (!message_decode_same(body, &losses, &same) || losses != shard->exchange.losses) {
        return;
    }
    while (reader_left(&same) > 0 && message_next_same(&same, &partition)) {
        if (exchange_is_comparable(shard, peer, partition)) {
            met(shard, partition, peer);
        }
    }
}
