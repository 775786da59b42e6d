#include "core/lane.h"

#include "base/limits.h"
#include "base/mutant.h"
#include "core/leaving.h"
#include "core/shard_state.h"

static void lane_schedule_dial(struct shard *shard, struct lane *lane);

struct peer *peer_of(struct shard *shard, struct member_index member) {
    return &shard->peers[member.value];
}

static bool lane_is_reachable(const struct lane *lane) {
    return lane != NULL && lane->link != NULL && lane->link->state == LINK_UP && !lane->link->silent &&
           !lane->link->is_refused;
}

static uint32_t peer_shards(const struct shard *shard, const struct peer *peer) {
    return peer->shard_count != 0 ? peer->shard_count : shard->options.shard_count;
}

uint32_t peer_shard_count(const struct shard *shard, struct member_index member) {
    return peer_shards(shard, &shard->peers[member.value]);
}

uint32_t peer_shard_of(const struct shard *shard, struct member_index member, struct partition partition) {
    return partition_shard(partition, peer_shard_count(shard, member));
}

bool peer_still_answers(const struct shard *shard, struct member_index member, struct partition partition) {
    if (member_index_equal(member, shard->self)) {
        return true;
    }
    const struct peer *peer = &shard->peers[member.value];
    return lane_is_reachable(peer->lanes[0][partition_shard(partition, peer_shards(shard, peer))]);
}

bool peer_is_reachable(const struct shard *shard, struct member_index member, struct partition partition) {
    return peer_still_answers(shard, member, partition) && !peer_is_leaving(&shard->peers[member.value]);
}

static bool peer_is_heard(const struct shard *shard, const struct peer *peer) {
    for (uint32_t index = 0; index < peer_shards(shard, peer); index++) {
        if (lane_is_reachable(peer->lanes[0][index])) {
            return true;
        }
    }
    return false;
}

bool peer_first_is_reachable(const struct shard *shard, struct member_index member) {
    return lane_is_reachable(shard->peers[member.value].lanes[0][0]);
}

bool peer_first_is_up(const struct shard *shard, struct member_index member) {
    const struct lane *lane = shard->peers[member.value].lanes[0][0];
    return lane != NULL && lane->link != NULL && lane->link->state == LINK_UP;
}

bool peer_is_alive(const struct shard *shard, struct member_index member) {
    const struct peer *peer = &shard->peers[member.value];
    bool is_self = member_index_equal(member, shard->self);
    return is_self ? !shard->is_leaving : peer_is_heard(shard, peer) && !peer_is_leaving(peer);
}

void peer_observe_latency(struct peer *peer, uint64_t took_ns) {
    /* A quantile by unequal steps: up 19 of a unit when above, down 1 when below, balances where 5 % lie above. */
    uint64_t unit = peer->latency_p95_ns / 256 + NS_PER_US / 4;
    if (took_ns > peer->latency_p95_ns) {
        peer->latency_p95_ns += 19 * unit;
    } else if (peer->latency_p95_ns > unit) {
        peer->latency_p95_ns -= unit;
    }
}

bool lanes_all_speak(const struct shard *shard, uint16_t version) {
    bool all_speak = shard_protocol(shard) >= version;
    for (uint16_t index = 0; all_speak && index < ring_member_count(shard->ring); index++) {
        const struct peer *peer = &shard->peers[index];
        bool is_other = index != shard->self.value && ring_is_present(shard->ring, (struct member_index){index});
        all_speak = !is_other || peer->version == 0 || peer->version >= version;
    }
    return all_speak;
}

bool lanes_clock_is_off(const struct shard *shard) {
    uint32_t heard = 0;
    uint32_t off = 0;
    for (size_t index = 0; index < ring_member_count(shard->ring); index++) {
        const struct peer *peer = &shard->peers[index];
        if (index == shard->self.value || !peer->has_wall_offset || !peer_is_alive(shard, peer->member)) {
            continue;
        }
        heard++;
        int64_t offset_ms = peer->wall_offset_ms < 0 ? -peer->wall_offset_ms : peer->wall_offset_ms;
        off += offset_ms > CLOCK_SKEW_LIMIT_MS ? 1 : 0;
    }
    return off * 2 > heard + 1;
}

/* ---- links ---- */

static struct link *link_new(struct shard *shard, struct lane *lane, enum link_state state) {
    struct link *link = pool_take(&shard->link_pool);
    link->lane = lane;
    link->state = state;
    link->since = shard_now(shard);
    link->last_heard = shard_now(shard);
    link->last_sent = shard_now(shard);
    frame_reader_init(&link->reader);
    buffer_init(&link->output);
    list_push_back(&shard->links, &link->all);
    return link;
}

static void link_free(struct shard *shard, struct link *link) {
    if (link->knocks != NULL) {
        link->knocks->knock = NULL;
    }
    list_remove(&link->all);
    frame_reader_release(&link->reader);
    buffer_release(&link->output);
    pool_give(&shard->link_pool, link);
}

/* The link leaves its lane; the connection itself is gone already. */
static void link_end(struct shard *shard, struct link *link, const char *why) {
    struct lane *lane = link->lane;
    bool was_up = link->state == LINK_UP;
    link_free(shard, link);
    if (lane == NULL) {
        return;
    }
    lane->link = NULL;
    if (was_up) {
        shard_trace_peer(shard, TRACE_LINK_DOWN, lane->peer->member, why);
        shard_peer_lost(shard, lane->peer->member);
    }
    lane_schedule_dial(shard, lane);
}

/* This end gives the connection up. */
static void link_abandon(struct shard *shard, struct link *link, const char *why) {
    shard->options.driver.link_close(shard->options.driver.self, link);
    link_end(shard, link, why);
}

static void link_wake(struct shard *shard, struct link *link) {
    link->last_sent = shard_now(shard);
    if (!link->awake) {
        link->awake = true;
        shard->options.driver.link_wake(shard->options.driver.self, link);
    }
}

/* `peer`: NULL while the log that names it has not come. */
static void link_send_hello(struct shard *shard, struct link *link, const struct peer *peer, uint16_t target_shard,
                            bool is_bulk) {
    if (link->has_greeted) {
        return;
    }
    struct message_hello hello = {
        .magic = HELLO_MAGIC,
        .version_least = PROTOCOL_VERSION_LEAST,
        .version = shard_protocol(shard),
        .cluster = shard->options.secrets.cluster,
        .node = ring_member(shard->ring, shard->self)->id,
        .shard_index = (uint16_t)shard->options.shard_index,
        .shard_count = (uint16_t)shard->options.shard_count,
        .target_shard = target_shard,
        .is_bulk = is_bulk,
        .is_knock = link->knocks != NULL,
        .run = shard->options.run,
        .ring = ring_digest(shard->ring),
        .keyspaces = keyspace_table_digest(shard->options.keyspaces),
        .wall = shard_wall(shard),
        .now = shard_now(shard),
        .fence = shard->fence.own.heard,
        .flushed = shard->flush.floor,
        .membership = roster_version(shard),
        .is_agreeing = council_is_agreeing(shard),
        .keyspaces_version = shard->keyspaces.version,
        .remembered = peer != NULL ? shard->witness.of[peer->member.value] : (struct witnessed){0},
        .to = peer != NULL ? peer->id : (struct node_id){{0}},
    };
    link->has_greeted = true;
    link_wake(shard, link);
    message_encode_hello(&link->output, &hello);
}

/* Words that waited (in a stopped process's socket, on a slow path) make the peer's clock look late: the greatest
 * offset is the truest. It fades, slowly, since clocks drift. */
static void peer_observe_time(struct shard *shard, struct peer *peer, struct instant theirs) {
    const int64_t fade_ppm = 500;
    int64_t offset_ns = (int64_t)theirs.ns - (int64_t)shard_now(shard).ns;
    int64_t since_us = (int64_t)((shard_now(shard).ns - peer->time_offset_at.ns) / NS_PER_US);
    int64_t faded_ns = peer->time_offset_ns - since_us * fade_ppm / 1000;
    if (!peer->has_time_offset || offset_ns >= faded_ns) {
        peer->has_time_offset = true;
        peer->time_offset_ns = offset_ns;
        peer->time_offset_at = shard_now(shard);
    }
}

uint64_t peer_age_ns(const struct shard *shard, const struct peer *peer, struct instant sent) {
    int64_t their_now_ns = (int64_t)shard_now(shard).ns + peer->time_offset_ns;
    int64_t age_ns = their_now_ns - (int64_t)sent.ns;
    return peer->has_time_offset && age_ns > 0 ? (uint64_t)age_ns : 0;
}

static void peer_observe_clocks(struct shard *shard, struct peer *peer, struct wall_time wall, struct instant now) {
    peer->has_wall_offset = true;
    peer->wall_offset_ms = (int64_t)wall.ms - (int64_t)shard_wall(shard).ms;
    peer_observe_time(shard, peer, now);
}

static void link_heard(struct shard *shard, struct link *link) {
    link->last_heard = shard_now(shard);
    if (link->lane != NULL && link->state == LINK_UP && !link->is_refused) {
        detection_heard(shard, link->lane->peer->member);
    }
    if (link->silent) {
        link->silent = false;
        shard_trace_peer(shard, TRACE_PEER_HEARD, link->lane->peer->member, NULL);
    }
}

/* ---- lanes ---- */

static struct lane *lane_get(struct shard *shard, struct peer *peer, bool is_bulk, uint16_t peer_shard) {
    struct lane **place = &peer->lanes[is_bulk ? 1 : 0][peer_shard];
    if (*place == NULL) {
        struct lane *lane = pool_take(&shard->lane_pool);
        lane->peer = peer;
        lane->is_bulk = is_bulk;
        lane->peer_shard = peer_shard;
        lane->backoff_ms = REDIAL_LEAST_MS;
        lane->redial.kind = ALARM_REDIAL;
        list_push_back(&shard->lanes, &lane->all);
        *place = lane;
    }
    return *place;
}

static void lane_schedule_dial(struct shard *shard, struct lane *lane) {
    if (!lane->dialed_here || lane->link != NULL) {
        return;
    }
    timers_schedule(&shard->timers, &lane->redial.timer, instant_after_ms(shard_now(shard), lane->backoff_ms));
    lane->backoff_ms = lane->backoff_ms * 2 > REDIAL_MOST_MS ? REDIAL_MOST_MS : lane->backoff_ms * 2;
}

void lane_dial(struct shard *shard, struct lane *lane) {
    if (!lane->dialed_here || lane->link != NULL || shard->witness.is_rolled_back) {
        return;
    }
    const char *address = records_dial_address(shard, lane->peer->member, lane->dials++);
    lane->link = link_new(shard, lane, LINK_DIALING);
    shard->options.driver.link_dial(shard->options.driver.self, lane->link, address);
}

void lanes_dial_now(struct shard *shard, struct member_index member) {
    struct peer *peer = peer_of(shard, member);
    for (uint32_t place = 0; place < 2 * LIMIT_SHARDS; place++) {
        struct lane *lane = peer->lanes[place / LIMIT_SHARDS][place % LIMIT_SHARDS];
        if (lane == NULL || !lane->dialed_here || (lane->link != NULL && lane->link->state != LINK_DIALING)) {
            continue;
        }
        lane->dials = 0;
        lane->backoff_ms = REDIAL_LEAST_MS;
        if (lane->link == NULL) {
            timers_schedule(&shard->timers, &lane->redial.timer, shard_now(shard));
        }
    }
}

/* Dials, at the node with the lesser id, every shard of the peer that shares a partition with this shard. */
static void peer_want_lanes(struct shard *shard, struct peer *peer) {
    struct node_id own = ring_member(shard->ring, shard->self)->id;
    if (node_id_compare(peer->id, own) <= 0) {
        return;
    }
    uint32_t theirs = peer_shards(shard, peer);
    bool wanted[LIMIT_SHARDS] = {false};
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        if (shard_of_partition(shard, partition) == shard->options.shard_index) {
            wanted[partition_shard(partition, theirs)] = true;
        }
    }
    for (uint16_t index = 0; index < LIMIT_SHARDS; index++) {
        for (int is_bulk = 0; is_bulk < 2; is_bulk++) {
            struct lane *lane = peer->lanes[is_bulk][index];
            if (wanted[index] && (lane == NULL || !lane->dialed_here)) {
                lane = lane_get(shard, peer, is_bulk == 1, index);
                lane->dialed_here = true;
                timers_schedule(&shard->timers, &lane->redial.timer, shard_now(shard));
            } else if (!wanted[index] && lane != NULL && lane->dialed_here) {
                lane->dialed_here = false;
                timers_cancel(&shard->timers, &lane->redial.timer);
            }
        }
    }
}

uint16_t lanes_run_tag(uint64_t run) {
    return (uint16_t)hash64(view_of(&run, sizeof(run)), 0);
}

void lanes_init(struct shard *shard) {
    size_t members = shard_member_capacity(shard);
    pool_init(&shard->lane_pool, sizeof(struct lane), 16);
    pool_init(&shard->link_pool, sizeof(struct link), 16);
    list_init(&shard->lanes);
    list_init(&shard->links);
    shard->peers = ARENA_ARRAY(&shard->permanent, struct peer, members);
    memset(shard->peers, 0, sizeof(struct peer) * members);
    for (uint16_t index = 0; index < members; index++) {
        shard->peers[index].member = (struct member_index){index};
    }
    lanes_adopt(shard);
}

static void peer_end_lanes(struct shard *shard, struct peer *peer, const char *why) {
    for (uint32_t place = 0; place < 2 * LIMIT_SHARDS; place++) {
        struct lane *lane = peer->lanes[place / LIMIT_SHARDS][place % LIMIT_SHARDS];
        if (lane == NULL) {
            continue;
        }
        lane->dialed_here = false;
        timers_cancel(&shard->timers, &lane->redial.timer);
        if (lane->link != NULL && lane->link->state == LINK_UP && !lane->link->is_refused) {
            lane->link->is_refused = true; /* it is told why, and ends soon */
            lane->link->since = shard_now(shard);
            shard_trace_peer(shard, TRACE_LINK_DOWN, peer->member, why);
            shard_peer_lost(shard, peer->member);
        } else if (lane->link != NULL && lane->link->state == LINK_GREETING) {
            link_abandon(shard, lane->link, why); /* one that is dialed ends when it is connected */
        }
    }
}

void lanes_adopt(struct shard *shard) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct peer *peer = &shard->peers[index];
        if (index == shard->self.value || !ring_is_awaited(shard->ring, peer->member)) {
            peer_end_lanes(shard, peer, "no member any more");
        } else if (peer->latency_p95_ns == 0) {
            peer->id = ring_member(shard->ring, peer->member)->id;
            peer->latency_p95_ns = 2 * NS_PER_MS;
            peer_want_lanes(shard, peer);
        }
    }
}

void lanes_release(struct shard *shard) {
    struct list_node *node;
    while ((node = list_first(&shard->links)) != NULL) {
        link_free(shard, CONTAINER_OF(node, struct link, all));
    }
    pool_release(&shard->link_pool);
    pool_release(&shard->lane_pool);
}

/* ---- greeting ---- */

/* A process that was heard just now is not gone. One that is said to have taken its place has the same node-id; or it
 * was quick, and dials again. */
static bool is_connected_as_another(const struct shard *shard, struct member_index member, uint64_t run) {
    const struct peer *peer = &shard->peers[member.value];
    return peer->run != run && peer_is_heard(shard, peer);
}

static uint16_t common_version(const struct shard *shard, const struct message_hello *hello) {
    return protocol_common(PROTOCOL_VERSION_LEAST, shard_protocol(shard), hello->version_least, hello->version);
}

/* Who it is, and whom it looks for. */
static const char *stranger_refusal(const struct shard *shard, const struct message_hello *hello,
                                    struct member_index *ret_member) {
    static const struct node_id anybody;
    if (memcmp(&hello->cluster, &shard->options.secrets.cluster, sizeof(hello->cluster)) != 0) {
        return "the other end belongs to another cluster (cluster-id differs)";
    }
    if (common_version(shard, hello) == 0) {
        return "no protocol version in common";
    }
    if (!ring_find_member(shard->ring, hello->node, ret_member)) {
        return "the other end is no member of this cluster";
    }
    if (!ring_is_awaited(shard->ring, *ret_member)) {
        return "the other end was declared dead, and is no member any more";
    }
    if (member_index_equal(*ret_member, shard->self)) {
        return "the other end has this node's own id: two nodes share a node-id, or an address leads back here";
    }
    if (!node_id_equal(hello->to, anybody) && !node_id_equal(hello->to, ring_member(shard->ring, shard->self)->id)) {
        return "the other end looks for another node, at an address that is this one's";
    }
    return NULL;
}

static const char *hello_refusal(const struct shard *shard, const struct message_hello *hello,
                                 struct member_index *ret_member) {
    const char *refusal = stranger_refusal(shard, hello, ret_member);
    if (refusal != NULL) {
        return refusal;
    }
    if (hello->keyspaces_version == 0 && shard->keyspaces.version == 0 &&
        !digest_equal(hello->keyspaces, keyspace_table_digest(shard->options.keyspaces))) {
        return "keyspace tables differ: every node needs the same keyspaces in its configuration, which "
               "GRAMME.KEYSPACE "
               "changes on all of them";
    }
    if (is_connected_as_another(shard, *ret_member, hello->run)) {
        return "another process of that node-id is connected: two nodes share a node-id, or it has just been started "
               "again";
    }
    if (hello->membership == roster_version(shard) && !digest_equal(hello->ring, ring_digest(shard->ring))) {
        return "rings differ: every node needs the same member lines (addresses aside), partitions and replicas";
    }
    return NULL;
}

static void link_join_lane(struct shard *shard, struct link *link, struct peer *peer,
                           const struct message_hello *hello) {
    struct lane *lane = lane_get(shard, peer, hello->is_bulk, hello->shard_index);
    if (hello->target_shard != shard->options.shard_index) {
        /* It took our shards to be as many as its own. This answer tells it; it will dial the right ones. */
        link_send_hello(shard, link, peer, hello->shard_index, hello->is_bulk);
        return;
    }
    if (lane->link != NULL) {
        /* The dialer dialed again, so it has given the old link up, whether or not we have noticed. */
        struct link *old = lane->link;
        link_abandon(shard, old, "replaced by a newer link");
    }
    lane->link = link;
    link->lane = lane;
    link_send_hello(shard, link, peer, hello->shard_index, hello->is_bulk);
}

static void link_come_up(struct shard *shard, struct link *link) {
    struct lane *lane = link->lane;
    link->state = LINK_UP;
    lane->generation++;
    lane->backoff_ms = REDIAL_LEAST_MS;
    lane->dials = 0;
    timers_cancel(&shard->timers, &lane->redial.timer);
    shard_trace_peer(shard, TRACE_LINK_UP, lane->peer->member, lane->is_bulk ? "bulk" : "small");
    if (!lane->is_bulk) {
        link_wake(shard, link);
        witness_tell(shard, &link->output);
    }
    if (shard->is_leaving) {
        leaving_tell(shard, link);
    }
}

static bool is_of_this_cluster(const struct shard *shard, const struct message_hello *hello) {
    return memcmp(&hello->cluster, &shard->options.secrets.cluster, sizeof(hello->cluster)) == 0 &&
           hello->version_least <= PROTOCOL_VERSION && hello->version >= PROTOCOL_VERSION_LEAST;
}

static void link_tell_membership(struct shard *shard, struct link *link) {
    if (link->membership < roster_version(shard)) {
        link_wake(shard, link);
        roster_tell(shard, &link->output, link->membership);
        link->membership = roster_version(shard);
    }
}

/* Its log goes further than ours: who it is, and whether we may speak, stands there. */
static void link_await_membership(struct shard *shard, struct link *link, const struct message_hello *hello) {
    struct member_index member;
    bool is_known = ring_find_member(shard->ring, hello->node, &member);
    link->hello = *hello;
    link->awaits_membership = true;
    link_send_hello(shard, link, is_known ? peer_of(shard, member) : NULL, hello->shard_index, hello->is_bulk);
}

/* One that was a member, or thinks that it is one, learns from the log that it is none. */
static bool link_tell_stranger(struct shard *shard, struct link *link, const struct message_hello *hello) {
    struct member_index member;
    bool is_known = ring_find_member(shard->ring, hello->node, &member);
    bool is_stranger = !is_known || !ring_is_awaited(shard->ring, member);
    if (!is_stranger || !is_of_this_cluster(shard, hello) || hello->membership >= roster_version(shard)) {
        return false;
    }
    link_send_hello(shard, link, NULL, hello->shard_index, hello->is_bulk);
    link->membership = hello->membership;
    link_tell_membership(shard, link);
    link->is_refused = true;
    return true;
}

void lanes_tell_membership(struct shard *shard) {
    for (struct list_node *node = list_first(&shard->links); node != NULL; node = list_next(&shard->links, node)) {
        struct link *link = CONTAINER_OF(node, struct link, all);
        if (link->state == LINK_UP) {
            link_tell_membership(shard, link);
        }
    }
}

static void link_refuse(struct shard *shard, struct link *link, struct member_index member, const char *why) {
    shard_trace_peer(shard, TRACE_REFUSED, member, why);
    link_abandon(shard, link, why);
}

/* False when the link is gone. */
static bool link_take_knock(struct shard *shard, struct link *link, const struct message_hello *hello) {
    struct member_index member = shard->self;
    const char *refusal = stranger_refusal(shard, hello, &member);
    if (refusal != NULL) {
        link_refuse(shard, link, member, refusal);
        return false;
    }
    link->knocker = peer_of(shard, member);
    return true;
}

/* Who answers a knock with HELLO does not know who knocks: the log tells it. False when the link is gone. */
static bool link_hear_door(struct shard *shard, struct link *link, const struct message_hello *hello) {
    if (hello->membership >= roster_version(shard)) {
        link_abandon(shard, link, "a knock that was answered");
        return false;
    }
    link->membership = hello->membership;
    link_tell_membership(shard, link);
    return true;
}

/* False when the link is gone. */
static bool link_greet(struct shard *shard, struct link *link, const struct message_hello *hello) {
    struct member_index member = shard->self;
    struct member_index known;
    bool is_ahead = is_of_this_cluster(shard, hello) && hello->membership > roster_version(shard);
    if (is_ahead && (!hello->is_knock || !ring_find_member(shard->ring, hello->node, &known))) {
        link_await_membership(shard, link, hello);
        return true;
    }
    if (link->knocks != NULL) {
        return link_hear_door(shard, link, hello);
    }
    if (link_tell_stranger(shard, link, hello)) {
        return true;
    }
    if (hello->is_knock) {
        return link_take_knock(shard, link, hello);
    }
    const char *refusal = hello_refusal(shard, hello, &member);
    if (refusal != NULL) {
        link_refuse(shard, link, member, refusal);
        return false;
    }
    if (!witness_judge(shard, member, &hello->remembered)) {
        return true; /* and nothing comes of this link, or of any other, any more */
    }
    struct peer *peer = peer_of(shard, member);
    bool is_new_run = peer->run != hello->run;
    if (is_new_run) {
        peer->has_time_offset = false; /* another process, perhaps after a boot: its monotonic time began anew */
    }
    peer->run = hello->run;
    link->run = hello->run;
    link->version = common_version(shard, hello);
    peer->version = link->version;
    flush_hear(shard, hello->flushed);
    if (is_new_run) {
        reaper_runs_changed(shard);
    }
    fence_greeted(shard, member, hello->fence, is_new_run);
    council_greeted(shard, member, hello, is_new_run);
    records_greeted(shard, member, hello);
    peer_observe_clocks(shard, peer, hello->wall, hello->now);
    if (peer->shard_count != hello->shard_count) {
        peer->shard_count = hello->shard_count;
        peer_want_lanes(shard, peer);
    }
    if (link->lane == NULL) {
        link_join_lane(shard, link, peer, hello);
        if (link->lane == NULL) {
            return true; /* refused politely; the dialer closes it */
        }
    } else if (link->lane->peer != peer || link->lane->peer_shard != hello->shard_index || !link->lane->dialed_here) {
        link_abandon(shard, link, "another shard answered");
        return false;
    }
    link->membership = hello->membership;
    link_tell_membership(shard, link);
    link->awaits_keyspaces = keyspaces_are_later(shard, hello->keyspaces_version, hello->keyspaces);
    bool is_same = hello->keyspaces_version == shard->keyspaces.version &&
                   digest_equal(hello->keyspaces, keyspace_table_digest(shard->options.keyspaces));
    if (!link->awaits_keyspaces && !is_same) {
        link_wake(shard, link);
        keyspaces_tell(shard, &link->output);
    }
    if (!link->awaits_keyspaces) {
        link_come_up(shard, link);
    }
    return true;
}

/* The table that was announced, or a link that has lost its way. */
static bool link_take_keyspaces(struct shard *shard, struct link *link, const struct frame *frame) {
    if (frame->kind != MESSAGE_KEYSPACES) {
        link_abandon(shard, link, "no keyspaces though they were announced");
        return false;
    }
    keyspaces_receive(shard, frame->body);
    link->awaits_keyspaces = false;
    link_come_up(shard, link);
    return true;
}

/* The log that was announced. Adopting it may end links, this one too. False when it is gone. */
static bool link_take_membership(struct shard *shard, struct link *link, const struct frame *frame) {
    struct lane *lane = link->lane;
    if (link->hello.is_knock && frame->kind == MESSAGE_GOSSIP_RECORDS) {
        return true; /* whose it is stands in the log that follows */
    }
    bool is_taken = frame->kind == MESSAGE_MEMBERSHIP && roster_take(shard, frame->body) != ROSTER_REFUSED;
    if (lane != NULL && lane->link != link) {
        return false;
    }
    if (!is_taken || link->hello.membership > roster_version(shard)) {
        const char *why = "rings differ: every node needs the same member lines (addresses aside), partitions and "
                          "replicas, or the log that they have led to";
        link_refuse(shard, link, shard->self, why);
        return false;
    }
    link->awaits_membership = false;
    struct message_hello hello = link->hello;
    if (hello.is_knock) {
        link_abandon(shard, link, "a knock that told the log"); /* now it is known where to dial */
        return false;
    }
    return link_greet(shard, link, &hello);
}

/* ---- knocking ---- */

static void peer_knock(struct shard *shard, struct peer *peer) {
    struct link *link = link_new(shard, NULL, LINK_DIALING);
    const char *address = records_dial_address(shard, peer->member, peer->knock_dials++);
    link->knocks = peer;
    peer->knock = link;
    shard->options.driver.link_dial(shard->options.driver.self, link, address);
}

/* One that is to dial this node and does not may not know where it is. */
static void peer_look_for(struct shard *shard, struct peer *peer) {
    struct node_id own = ring_member(shard->ring, shard->self)->id;
    struct instant now = shard_now(shard);
    bool is_missed = !member_index_equal(peer->member, shard->self) && ring_is_awaited(shard->ring, peer->member) &&
                     node_id_compare(peer->id, own) < 0 && !peer_first_is_up(shard, peer->member);
    if (!is_missed) {
        peer->knock_backoff_ms = 0;
        peer->knock_dials = 0;
        return;
    }
    if (peer->knock_backoff_ms == 0) {
        peer->knock_backoff_ms = KNOCK_LEAST_MS;
        peer->knock_at = instant_after_ms(now, KNOCK_LEAST_MS);
    }
    if (peer->knock == NULL && now.ns >= peer->knock_at.ns && !shard->witness.is_rolled_back) {
        peer_knock(shard, peer);
        peer->knock_at = instant_after_ms(now, peer->knock_backoff_ms);
        peer->knock_backoff_ms =
            peer->knock_backoff_ms * 2 > KNOCK_MOST_MS ? KNOCK_MOST_MS : peer->knock_backoff_ms * 2;
    }
}

/* What is known of the knocker is not what it says: it lost its disk, its clock was set back, and it does not know what
 * it told before. Told so, it writes its record anew (core/gossip.h), and knocks again. */
static void link_contradict(struct shard *shard, struct link *link) {
    link_wake(shard, link);
    records_tell(shard, link->knocker->member, &link->output);
    link->is_refused = true;
}

/* False when the link is gone. */
static bool link_hear_knock(struct shard *shard, struct link *link, const struct frame *frame) {
    struct member_index member = link->knocker->member;
    records_take(shard, member, frame->kind, frame->body);
    if (frame->kind == MESSAGE_GOSSIP_RECORDS && !records_agree(shard, member, frame->body)) {
        link_contradict(shard, link);
        return true;
    }
    link_abandon(shard, link, "a knock that was heard");
    lanes_dial_now(shard, member);
    return false;
}

static void link_hear_contradiction(struct shard *shard, struct link *link, const struct frame *frame) {
    struct peer *peer = link->knocks;
    records_take(shard, peer->member, frame->kind, frame->body);
    link_abandon(shard, link, "a knock that was contradicted");
    peer->knock_at = shard_now(shard);
}

/* ---- events ---- */

struct link *shard_link_accept(struct shard *shard, void *handle, struct moment moment) {
    shard_step_begin(shard, moment);
    struct link *link = link_new(shard, NULL, LINK_GREETING);
    link->handle = handle;
    return link;
}

void shard_link_connected(struct shard *shard, struct link *link, void *handle, struct moment moment) {
    shard_step_begin(shard, moment);
    ENSURE(link->state == LINK_DIALING);
    link->handle = handle;
    link->state = LINK_GREETING;
    link->since = moment.now;
    link->last_heard = moment.now;
    if (link->knocks != NULL) {
        link_send_hello(shard, link, link->knocks, 0, false);
        records_tell(shard, shard->self, &link->output);
        return;
    }
    if (!link->lane->dialed_here) {
        link_abandon(shard, link, "no member any more");
        return;
    }
    link_send_hello(shard, link, link->lane->peer, link->lane->peer_shard, link->lane->is_bulk);
}

void shard_link_closed(struct shard *shard, struct link *link, struct moment moment) {
    shard_step_begin(shard, moment);
    link_end(shard, link, "closed");
}

static void link_say_ping(struct shard *shard, struct link *link, enum message_kind kind) {
    struct message_ping ping = {
        .wall = shard_wall(shard), .now = shard_now(shard), .requests = shard_requests_under_way(shard)};
    link_wake(shard, link);
    message_encode_ping(&link->output, kind, &ping, MUTANT(PROTOCOL_UNHEEDED) ? shard_protocol(shard) : link->version);
}

/* False when the link is gone. */
static bool link_take_ping(struct shard *shard, struct link *link, const struct frame *frame) {
    struct message_ping ping;
    if (!message_decode_ping(frame->body, &ping, link->version)) {
        shard_trace_peer(shard, TRACE_REFUSED, link->lane->peer->member, "a ping that is not of the link's protocol");
        link_abandon(shard, link, "not of its protocol");
        return false;
    }
    link->lane->peer->requests = ping.requests;
    peer_observe_clocks(shard, link->lane->peer, ping.wall, ping.now);
    if (frame->kind == MESSAGE_PONG) {
        link->pings_open -= link->pings_open > 0 ? 1 : 0;
        link->pongs_awaited -= link->pongs_awaited > 0 ? 1 : 0;
    } else if (buffer_size(&link->output) < LINK_OUTPUT_MOST) {
        link_say_ping(shard, link, MESSAGE_PONG);
    }
    return true;
}

static bool link_receive(struct shard *shard, struct link *link, const struct frame *frame) {
    if (shard->witness.is_rolled_back) {
        return true;
    }
    if (link->is_refused) {
        return true;
    }
    if (link->knocker != NULL) {
        return link_hear_knock(shard, link, frame);
    }
    if (link->knocks != NULL && frame->kind == MESSAGE_GOSSIP_RECORDS) {
        link_hear_contradiction(shard, link, frame);
        return false;
    }
    if (link->awaits_membership) {
        return link_take_membership(shard, link, frame);
    }
    if (link->awaits_keyspaces) {
        return link_take_keyspaces(shard, link, frame);
    }
    if (link->state == LINK_GREETING) {
        struct message_hello hello;
        if (frame->kind != MESSAGE_HELLO || !message_decode_hello(frame->body, &hello)) {
            link_refuse(shard, link, shard->self, "a link that does not begin with HELLO");
            return false;
        }
        return link_greet(shard, link, &hello);
    }
    if (frame->kind == MESSAGE_PING || frame->kind == MESSAGE_PONG) {
        return link_take_ping(shard, link, frame);
    }
    if (frame->kind == MESSAGE_LEAVING) {
        leaving_receive(shard, link);
        return true;
    }
    struct source source = {.lane = link->lane, .generation = link->lane->generation};
    struct lane *lane = link->lane;
    shard_receive(shard, &source, frame->kind, frame->body);
    return lane->link == link;
}

void shard_link_input(struct shard *shard, struct link *link, struct view bytes, struct moment moment) {
    struct frame frame;
    shard_step_begin(shard, moment);
    link_heard(shard, link); /* a piece of a long message is a sign of life too: nothing else can come meanwhile */
    for (;;) {
        shard_step_begin(shard, moment);
        enum frame_status status = frame_reader_next(&link->reader, &bytes, &frame);
        if (status == FRAME_MORE) {
            return;
        }
        if (status == FRAME_CORRUPT) {
            /* TCP's own checksum lets one error in some millions pass: the link starts over. */
            shard_trace_peer(shard, TRACE_REFUSED, link->lane != NULL ? link->lane->peer->member : shard->self,
                             "a corrupt frame");
            link_abandon(shard, link, "corrupt frame");
            return;
        }
        if (!link_receive(shard, link, &frame)) {
            return;
        }
    }
}

void *link_handle(const struct link *link) {
    return link->handle;
}

struct buffer *link_output(struct link *link) {
    link->awake = false;
    return &link->output;
}

/* ---- output ---- */

struct buffer *lane_open_output(struct shard *shard, struct lane *lane, size_t bytes) {
    struct peer *peer = lane->peer;
    if (bytes >= BULK_BYTES && lane_is_reachable(peer->lanes[1][lane->peer_shard])) {
        lane = peer->lanes[1][lane->peer_shard];
    }
    if (!lane_is_reachable(lane) || shard->witness.is_rolled_back) {
        return NULL;
    }
    if (buffer_size(&lane->link->output) > LINK_OUTPUT_MOST) {
        return NULL; /* it takes in nothing: as good as out of reach */
    }
    link_wake(shard, lane->link);
    return &lane->link->output;
}

struct buffer *lane_output(struct shard *shard, struct member_index member, struct partition partition, size_t bytes) {
    struct peer *peer = peer_of(shard, member);
    struct lane *lane = peer->lanes[0][partition_shard(partition, peer_shards(shard, peer))];
    return lane == NULL ? NULL : lane_open_output(shard, lane, bytes);
}

struct buffer *lane_first_output(struct shard *shard, struct member_index member) {
    struct lane *lane = peer_of(shard, member)->lanes[0][0];
    return lane == NULL ? NULL : lane_open_output(shard, lane, 0);
}

struct buffer *source_output(struct shard *shard, const struct source *source, size_t bytes) {
    if (source->lane == NULL) {
        return mail_output(shard, source->shard);
    }
    if (source->lane->generation != source->generation) {
        return NULL; /* whoever asked has lost its link since, and knows it */
    }
    struct lane *small = source->lane->peer->lanes[0][source->lane->peer_shard];
    return small == NULL ? NULL : lane_open_output(shard, small, bytes);
}

struct buffer *mail_output(struct shard *shard, uint32_t to_shard) {
    struct mailbox *mailbox = &shard->mailboxes[to_shard];
    if (!mailbox->awake) {
        mailbox->awake = true;
        shard->options.driver.mail_wake(shard->options.driver.self, to_shard);
    }
    return &mailbox->output;
}

/* ---- time ---- */

void link_ping(struct shard *shard, struct link *link) {
    link_say_ping(shard, link, MESSAGE_PING);
    link->pings_open++;
}

static void link_check(struct shard *shard, struct link *link) {
    uint64_t now = shard_now(shard).ns;
    if (shard->witness.is_rolled_back && link->state != LINK_DIALING) {
        link_abandon(shard, link, "this node's data is not what it was");
        return;
    }
    if (link->is_refused && now - link->since.ns > GREETING_MS * NS_PER_MS) {
        link_abandon(shard, link, "no member any more");
        return;
    }
    if (link->state == LINK_GREETING && now - link->since.ns > GREETING_MS * NS_PER_MS) {
        link_abandon(shard, link, "no HELLO in time");
        return;
    }
    if (link->state != LINK_UP) {
        return;
    }
    if (!link->silent && now - link->last_heard.ns > SILENCE_MS * NS_PER_MS) {
        link->silent = true;
        shard_trace_peer(shard, TRACE_PEER_SILENT, link->lane->peer->member, link->lane->is_bulk ? "bulk" : "small");
        shard_peer_lost(shard, link->lane->peer->member);
    }
    if (link->silent && now - link->last_heard.ns > ABANDON_MS * NS_PER_MS) {
        link_abandon(shard, link, "nothing heard for too long");
        return;
    }
    bool quiet = now - link->last_sent.ns >= HEARTBEAT_MS * NS_PER_MS;
    if (quiet && buffer_size(&link->output) < LINK_OUTPUT_MOST) {
        link_ping(shard, link);
    }
}

void lanes_heartbeat(struct shard *shard) {
    uint64_t now = shard_now(shard).ns;
    bool was_paused = now - shard->last_heartbeat.ns > 2 * HEARTBEAT_MS * NS_PER_MS;
    shard->last_heartbeat = shard_now(shard);
    struct list_node *next;
    for (struct list_node *node = list_first(&shard->links); node != NULL; node = next) {
        next = list_next(&shard->links, node);
        struct link *link = CONTAINER_OF(node, struct link, all);
        if (was_paused) {
            /* It was we who were away: what the peers sent in the meantime is still to be read. */
            link->last_heard = shard_now(shard);
        }
        link_check(shard, link);
    }
    for (uint16_t index = 0; shard_is_first(shard) && index < ring_member_count(shard->ring); index++) {
        peer_look_for(shard, &shard->peers[index]);
    }
}
