/* What a shard tells Redis clients of the ring: CLUSTER's replies and INFO's lines. A slot's primary is the first owner
 * in reach; only nodes in reach are listed, and by default no replicas, since clients that fan out over the primaries
 * would skip a node that is listed as both. Source: Redis command reference, CLUSTER SLOTS, SHARDS, NODES, INFO. */
#include "core/cluster_view.h"

#include "base/limits.h"
#include "core/shard_state.h"
#include "wire/resp_writer.h"

struct address {
    struct view host;
    uint64_t port;
};

/* "host:port", or "[v6]:port"; configuration has checked it. */
static struct address address_parse(const char *text, uint32_t port_offset) {
    struct view whole = view_of_string(text);
    size_t colon = whole.size;
    while (colon > 0 && whole.data[colon - 1] != ':') {
        colon--;
    }
    struct address address = {.host = view_slice(whole, 0, colon == 0 ? 0 : colon - 1)};
    if (address.host.size >= 2 && address.host.data[0] == '[') {
        address.host = view_slice(address.host, 1, address.host.size - 2);
    }
    uint64_t port = 0;
    if (view_to_uint64(view_slice(whole, colon, whole.size - colon), &port)) {
        address.port = port + port_offset;
    }
    return address;
}

static void append_number(struct buffer *text, uint64_t number) {
    uint8_t digits[DECIMAL_BYTES_MOST];
    buffer_append(text, digits, (size_t)(decimal_store(digits, number) - digits));
}

static void append_line(struct buffer *text, struct view name, uint64_t number) {
    buffer_append_view(text, name);
    buffer_append_byte(text, ':');
    append_number(text, number);
    buffer_append_view(text, VIEW("\r\n"));
}

static void append_address(struct buffer *text, const char *address, uint32_t port_offset) {
    struct view whole = view_of_string(address);
    size_t port = whole.size;
    while (port > 0 && whole.data[port - 1] != ':') {
        port--;
    }
    buffer_append_view(text, view_slice(whole, 0, port));
    append_number(text, address_parse(address, port_offset).port);
}

enum { CLUSTER_NAME_SIZE = 40 };

/* Redis' node names have forty digits: ours, and eight zeros. */
static struct view cluster_name(struct node_id id, char text[NODE_ID_TEXT_SIZE + 8]) {
    node_id_to_text(id, text);
    memset(text + NODE_ID_TEXT_SIZE - 1, '0', 8);
    return view_of(text, CLUSTER_NAME_SIZE);
}

static const char *client_address(const struct shard *shard, struct member_index member) {
    return records_client_address(shard, member);
}

/* ---- who serves what ---- */

/* The first owner in reach; the first owner when none is. */
static struct member_index primary_of(const struct shard *shard, struct partition partition, bool *ret_is_served) {
    const struct member_index *list = ring_preference(shard->ring, partition);
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        if (peer_is_alive(shard, list[place])) {
            *ret_is_served = true;
            return list[place];
        }
    }
    *ret_is_served = false;
    return list[0];
}

bool cluster_view_shows(const struct shard *shard, struct partition partition) {
    bool is_served;
    return member_index_equal(primary_of(shard, partition, &is_served), shard->self);
}

struct slot_range {
    uint16_t first;
    uint16_t last;
    struct member_index primary;
};

/* Neighbouring partitions of one primary as one range; ranges that nobody serves are left out. */
static size_t slot_ranges(struct shard *shard, struct slot_range **ret_ranges) {
    uint32_t partitions = ring_partition_count(shard->ring);
    struct slot_range *ranges = ARENA_ARRAY(&shard->scratch, struct slot_range, partitions);
    size_t count = 0;
    for (uint32_t index = 0; index < partitions; index++) {
        struct partition partition = {(uint16_t)index};
        bool is_served;
        struct member_index primary = primary_of(shard, partition, &is_served);
        uint16_t first = partition_first_slot(partition, partitions).value;
        uint16_t last = partition_last_slot(partition, partitions).value;
        if (!is_served) {
            continue;
        }
        bool extends =
            count > 0 && ranges[count - 1].last + 1 == first && member_index_equal(ranges[count - 1].primary, primary);
        if (extends) {
            ranges[count - 1].last = last;
        } else {
            ranges[count++] = (struct slot_range){first, last, primary};
        }
    }
    *ret_ranges = ranges;
    return count;
}

static uint32_t served_slots(struct shard *shard) {
    struct slot_range *ranges;
    size_t count = slot_ranges(shard, &ranges);
    uint32_t slots = 0;
    for (size_t index = 0; index < count; index++) {
        slots += (uint32_t)(ranges[index].last - ranges[index].first + 1);
    }
    return slots;
}

/* ---- CLUSTER ---- */

static void reply_slots(struct shard *shard, uint32_t port_offset, int protocol, struct buffer *reply) {
    struct slot_range *ranges;
    size_t count = slot_ranges(shard, &ranges);
    char name[NODE_ID_TEXT_SIZE + 8];
    resp_write_array(reply, count);
    for (size_t index = 0; index < count; index++) {
        struct address address = address_parse(client_address(shard, ranges[index].primary), port_offset);
        resp_write_array(reply, 3);
        resp_write_integer(reply, ranges[index].first);
        resp_write_integer(reply, ranges[index].last);
        resp_write_array(reply, 4);
        resp_write_bulk(reply, address.host);
        resp_write_integer(reply, (int64_t)address.port);
        resp_write_bulk(reply, cluster_name(ring_member(shard->ring, ranges[index].primary)->id, name));
        resp_write_map(reply, 0, protocol);
    }
}

static void reply_shard(struct shard *shard, struct member_index member, const struct slot_range *ranges, size_t count,
                        uint32_t port_offset, int protocol, struct buffer *reply) {
    char name[NODE_ID_TEXT_SIZE + 8];
    struct address address = address_parse(client_address(shard, member), port_offset);
    size_t own = 0;
    for (size_t index = 0; index < count; index++) {
        own += member_index_equal(ranges[index].primary, member) ? 1 : 0;
    }
    resp_write_map(reply, 2, protocol);
    resp_write_bulk(reply, VIEW("slots"));
    resp_write_array(reply, own * 2);
    for (size_t index = 0; index < count; index++) {
        if (member_index_equal(ranges[index].primary, member)) {
            resp_write_integer(reply, ranges[index].first);
            resp_write_integer(reply, ranges[index].last);
        }
    }
    resp_write_bulk(reply, VIEW("nodes"));
    resp_write_array(reply, 1);
    resp_write_map(reply, 7, protocol);
    resp_write_bulk(reply, VIEW("id"));
    resp_write_bulk(reply, cluster_name(ring_member(shard->ring, member)->id, name));
    resp_write_bulk(reply, VIEW("port"));
    resp_write_integer(reply, (int64_t)address.port);
    resp_write_bulk(reply, VIEW("ip"));
    resp_write_bulk(reply, address.host);
    resp_write_bulk(reply, VIEW("endpoint"));
    resp_write_bulk(reply, address.host);
    resp_write_bulk(reply, VIEW("role"));
    resp_write_bulk(reply, VIEW("master"));
    resp_write_bulk(reply, VIEW("replication-offset"));
    resp_write_integer(reply, 0);
    resp_write_bulk(reply, VIEW("health"));
    resp_write_bulk(reply, VIEW("online"));
}

static void reply_shards(struct shard *shard, uint32_t port_offset, int protocol, struct buffer *reply) {
    struct slot_range *ranges;
    size_t count = slot_ranges(shard, &ranges);
    resp_write_array(reply, shard_reachable_members(shard));
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        if (peer_is_alive(shard, member)) {
            reply_shard(shard, member, ranges, count, port_offset, protocol, reply);
        }
    }
}

static void append_node_line(struct shard *shard, struct member_index member, const struct slot_range *ranges,
                             size_t count, uint32_t port_offset, struct buffer *text) {
    char name[NODE_ID_TEXT_SIZE + 8];
    bool is_alive = peer_is_alive(shard, member);
    const struct member *described = ring_member(shard->ring, member);
    buffer_append_view(text, cluster_name(described->id, name));
    buffer_append_byte(text, ' ');
    append_address(text, client_address(shard, member), port_offset);
    buffer_append_byte(text, '@');
    append_number(text, address_parse(records_peer_address(shard, member), 0).port);
    buffer_append_view(text, member_index_equal(member, shard->self) ? VIEW(" myself,master") : VIEW(" master"));
    /* As in Redis: `fail?` is what this node finds out of reach or suspects, `fail` what it holds for dead. */
    enum verdict verdict = detection_verdict(shard, member).verdict;
    if (verdict == VERDICT_DEAD) {
        buffer_append_view(text, VIEW(",fail"));
    } else if (verdict == VERDICT_SUSPECT || !is_alive) {
        buffer_append_view(text, VIEW(",fail?"));
    }
    buffer_append_view(text, VIEW(" - 0 0 "));
    append_number(text, ring_placement_mark(shard->ring, (struct partition){0}));
    buffer_append_view(text, is_alive ? VIEW(" connected") : VIEW(" disconnected"));
    for (size_t index = 0; index < count; index++) {
        if (!member_index_equal(ranges[index].primary, member)) {
            continue;
        }
        buffer_append_byte(text, ' ');
        append_number(text, ranges[index].first);
        if (ranges[index].last != ranges[index].first) {
            buffer_append_byte(text, '-');
            append_number(text, ranges[index].last);
        }
    }
    buffer_append_byte(text, '\n');
}

static void reply_nodes(struct shard *shard, uint32_t port_offset, int protocol, struct buffer *reply) {
    struct slot_range *ranges;
    size_t count = slot_ranges(shard, &ranges);
    buffer_clear(&shard->encoded);
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        if (ring_is_present(shard->ring, (struct member_index){index})) {
            append_node_line(shard, (struct member_index){index}, ranges, count, port_offset, &shard->encoded);
        }
    }
    resp_write_verbatim(reply, "txt", buffer_view(&shard->encoded), protocol);
}

static void reply_info(struct shard *shard, int protocol, struct buffer *reply) {
    uint32_t served = served_slots(shard);
    uint64_t members = ring_present_count(shard->ring);
    struct buffer *text = &shard->encoded;
    buffer_clear(text);
    buffer_append_view(text, served == SLOT_COUNT ? VIEW("cluster_state:ok\r\n") : VIEW("cluster_state:fail\r\n"));
    append_line(text, VIEW("cluster_slots_assigned"), SLOT_COUNT);
    append_line(text, VIEW("cluster_slots_ok"), served);
    append_line(text, VIEW("cluster_slots_pfail"), SLOT_COUNT - served);
    append_line(text, VIEW("cluster_slots_fail"), 0);
    append_line(text, VIEW("cluster_known_nodes"), members);
    append_line(text, VIEW("cluster_size"), members);
    append_line(text, VIEW("cluster_current_epoch"), ring_placement_mark(shard->ring, (struct partition){0}));
    append_line(text, VIEW("cluster_my_epoch"), ring_placement_mark(shard->ring, (struct partition){0}));
    append_line(text, VIEW("cluster_stats_messages_sent"), 0);
    append_line(text, VIEW("cluster_stats_messages_received"), 0);
    resp_write_verbatim(reply, "txt", buffer_view(text), protocol);
}

bool cluster_view_command(void *self, const struct view *arguments, size_t count, uint32_t port_offset, int protocol,
                          struct buffer *reply) {
    struct shard *shard = self;
    char name[NODE_ID_TEXT_SIZE + 8];
    struct view subcommand = count >= 2 ? arguments[1] : (struct view){0};
    if (count == 2 && view_equal_ignoring_case(subcommand, VIEW("slots"))) {
        reply_slots(shard, port_offset, protocol, reply);
    } else if (count == 2 && view_equal_ignoring_case(subcommand, VIEW("shards"))) {
        reply_shards(shard, port_offset, protocol, reply);
    } else if (count == 2 && view_equal_ignoring_case(subcommand, VIEW("nodes"))) {
        reply_nodes(shard, port_offset, protocol, reply);
    } else if (count == 2 && view_equal_ignoring_case(subcommand, VIEW("info"))) {
        reply_info(shard, protocol, reply);
    } else if (count == 2 && view_equal_ignoring_case(subcommand, VIEW("myid"))) {
        resp_write_bulk(reply, cluster_name(ring_member(shard->ring, shard->self)->id, name));
    } else if (count == 3 && view_equal_ignoring_case(subcommand, VIEW("keyslot"))) {
        resp_write_integer(reply, slot_of_key(arguments[2]).value);
    } else {
        return false;
    }
    return true;
}

bool cluster_view_moved(void *self, struct view key, uint32_t port_offset, struct buffer *text) {
    struct shard *shard = self;
    struct partition partition = ring_partition_of_key(shard->ring, key);
    bool is_served;
    struct member_index primary = primary_of(shard, partition, &is_served);
    if (!is_served || ring_is_owner(shard->ring, partition, shard->self)) {
        return false;
    }
    struct address address = address_parse(client_address(shard, primary), port_offset); /* as Redis, no brackets */
    append_number(text, slot_of_key(key).value);
    buffer_append_byte(text, ' ');
    buffer_append_view(text, address.host);
    buffer_append_byte(text, ':');
    append_number(text, address.port);
    return true;
}

/* ---- INFO ---- */

static void information_hints(const struct shard *shard, struct buffer *text) {
    const struct hints *hints = &shard->hints;
    append_line(text, VIEW("gramme_hints_held"), hints->held);
    append_line(text, VIEW("gramme_hints_uncounted_partitions"), hints->uncounted);
    append_line(text, VIEW("gramme_hints_under_way"), hints->deliveries.size);
    append_line(text, VIEW("gramme_hints_stored"), hints->stored);
    append_line(text, VIEW("gramme_hints_delivered"), hints->delivered);
    append_line(text, VIEW("gramme_hints_refused"), hints->refused);
    append_line(text, VIEW("gramme_hints_grown_under_way"), hints->retried);
    append_line(text, VIEW("gramme_hints_damaged"), hints->lost);
}

static void information_exchange(const struct shard *shard, struct buffer *text) {
    const struct trees *trees = &shard->trees;
    const struct exchange *exchange = &shard->exchange;
    append_line(text, VIEW("gramme_trees_in_doubt"), trees->count[TREE_IN_DOUBT]);
    append_line(text, VIEW("gramme_trees_kept"), trees->kept);
    append_line(text, VIEW("gramme_trees_unread"), trees->count[TREE_KEPT]);
    append_line(text, VIEW("gramme_trees_built"), trees->built);
    append_line(text, VIEW("gramme_trees_scrubbed"), trees->scrubbed);
    append_line(text, VIEW("gramme_trees_diverged"), trees->divergences);
    append_line(text, VIEW("gramme_records_damaged"), shard->replica.damaged);
    append_line(text, VIEW("gramme_partitions_owned"), shard->replica.held);
    append_line(text, VIEW("gramme_partitions_met"), exchange_met_count(shard));
    append_line(text, VIEW("gramme_exchange_rounds"), exchange->rounds);
    append_line(text, VIEW("gramme_exchange_trees_sent"), exchange->trees_sent);
    append_line(text, VIEW("gramme_exchange_keys_compared"), exchange->keys_compared);
    append_line(text, VIEW("gramme_exchange_repairs"), exchange->repairs_sent);
    append_line(text, VIEW("gramme_exchange_bytes"), exchange->bytes_sent);
}

static void information_moves(const struct shard *shard, struct buffer *text) {
    const struct moves *moves = &shard->moves;
    append_line(text, VIEW("gramme_membership_version"), roster_version(shard));
    append_line(text, VIEW("gramme_membership_phase"), (uint64_t)ring_phase(shard->ring));
    append_line(text, VIEW("gramme_partitions_to_fill"), moves->to_fill - moves->filled);
    append_line(text, VIEW("gramme_partitions_to_bring_home"), shard->replica.former);
    append_line(text, VIEW("gramme_partitions_wanted"), shard->filling.wanted);
    append_line(text, VIEW("gramme_filling_objects"), shard->filling.objects_sent);
    append_line(text, VIEW("gramme_filling_bytes"), shard->filling.bytes_sent);
    append_line(text, VIEW("gramme_farewell_objects"), shard->farewell.brought);
    append_line(text, VIEW("gramme_farewell_bytes"), shard->farewell.bytes);
}

static void information_load(const struct shard *shard, struct buffer *text) {
    const struct load *load = &shard->load;
    append_line(text, VIEW("gramme_requests_now"), shard->coordinator.requests.size + shard->router.relays.size);
    append_line(text, VIEW("gramme_request_bytes_now"), load->bytes);
    append_line(text, VIEW("gramme_requests_turned_away"), load->turned_away);
    append_line(text, VIEW("gramme_puts_refused_for_memory"), load->refused);
    append_line(text, VIEW("gramme_background_share"), load->share);
    append_line(text, VIEW("gramme_usual_latency_us"), load->usual_ns / NS_PER_US);
}

static void information_publish(const struct shard *shard, struct buffer *text) {
    append_line(text, VIEW("gramme_published"), shard->publish.spread);
    append_line(text, VIEW("gramme_publish_dropped"), shard->publish.dropped);
}

static void information_keyspaces(const struct shard *shard, struct buffer *text) {
    append_line(text, VIEW("gramme_keyspaces"), shard->options.keyspaces->count);
    append_line(text, VIEW("gramme_keyspaces_version"), shard->keyspaces.version);
}

static void information_flush(const struct shard *shard, struct buffer *text) {
    const struct flush *flush = &shard->flush;
    append_line(text, VIEW("gramme_flush_floor_ms"), hybrid_time_wall(flush->floor).ms);
    append_line(text, VIEW("gramme_flush_swept"), flush_is_under_way(flush) ? 0 : 1);
    append_line(text, VIEW("gramme_flush_dropped"), flush->dropped);
}

static void information_reaping(const struct shard *shard, struct buffer *text) {
    const struct fence *fence = &shard->fence;
    const struct reaper *reaper = &shard->reaper;
    struct member_index waits_for;
    append_line(text, VIEW("gramme_tombstone_partitions"), reaper_partitions_left(shard));
    append_line(text, VIEW("gramme_tombstones_under_way"), reaper->candidates.size);
    append_line(text, VIEW("gramme_tombstones_oldest_ms"), reaper_oldest_ms(shard));
    append_line(text, VIEW("gramme_tombstones_under_way_ms"), reaper_under_way_ms(shard));
    append_line(text, VIEW("gramme_tombstones_proven"), reaper->proofs);
    append_line(text, VIEW("gramme_tombstones_reaped"), reaper->reaped);
    append_line(text, VIEW("gramme_tombstones_changed"), reaper->changed);
    append_line(text, VIEW("gramme_vector_entries_pruned"), reaper->pruned);
    append_line(text, VIEW("gramme_fence_heard"), fence->own.heard);
    append_line(text, VIEW("gramme_fence_drained"), fence->own.drained);
    append_line(text, VIEW("gramme_fence_passed"), fence->own.passed);
    if (fence_waits_for(shard, &waits_for)) {
        buffer_append_view(text, VIEW("gramme_fence_waits_for:"));
        buffer_append_view(text, view_of_string(client_address(shard, waits_for)));
        buffer_append_view(text, VIEW("\r\n"));
    }
}

static void information_records(const struct shard *shard, struct buffer *text) {
    const struct records_figures *figures = &shard->records.figures;
    append_line(text, VIEW("gramme_records_known"), figures->known);
    append_line(text, VIEW("gramme_gossip_rounds"), figures->rounds);
    append_line(text, VIEW("gramme_gossip_sent_bytes"), figures->sent_bytes);
    append_line(text, VIEW("gramme_gossip_refutations"), figures->refutations);
}

static void information_cluster(struct shard *shard, struct buffer *text) {
    const struct coordinator *coordinator = &shard->coordinator;
    const struct keyspace *keyspace = &shard->options.keyspaces->keyspaces[0];
    uint64_t members = ring_present_count(shard->ring);
    append_line(text, VIEW("cluster_enabled"), 1);
    append_line(text, VIEW("gramme_members"), members);
    append_line(text, VIEW("gramme_members_reachable"), shard_reachable_members(shard));
    append_line(text, VIEW("gramme_replicas"), ring_configured_replica_count(shard->ring));
    append_line(text, VIEW("gramme_replicas_effective"), ring_replica_count(shard->ring));
    append_line(text, VIEW("gramme_read_quorum"), keyspace->read_quorum);
    append_line(text, VIEW("gramme_write_quorum"), keyspace->write_quorum);
    append_line(text, VIEW("gramme_primary_read_quorum"), keyspace->primary_read_quorum);
    append_line(text, VIEW("gramme_primary_write_quorum"), keyspace->primary_write_quorum);
    append_line(text, VIEW("gramme_partitions"), ring_partition_count(shard->ring));
    append_line(text, VIEW("gramme_shards"), shard->options.shard_count);
    append_line(text, VIEW("gramme_started_clean"), shard->options.was_clean ? 1 : 0);
    append_line(text, VIEW("gramme_uninformed_partitions"), replica_uninformed_count(shard));
    append_line(text, VIEW("gramme_clock_off"), lanes_clock_is_off(shard) ? 1 : 0);
    append_line(text, VIEW("gramme_requests_now"), coordinator->requests.size);
    append_line(text, VIEW("gramme_coordinated_reads"), coordinator->reads);
    append_line(text, VIEW("gramme_coordinated_writes"), coordinator->puts);
    append_line(text, VIEW("gramme_second_rounds"), coordinator->second_rounds);
    append_line(text, VIEW("gramme_read_repairs"), coordinator->repairs);
    append_line(text, VIEW("gramme_hedged_reads"), coordinator->hedges);
    append_line(text, VIEW("gramme_read_outlines"), coordinator->outlines);
    append_line(text, VIEW("gramme_read_fetches"), coordinator->fetches);
    append_line(text, VIEW("gramme_forwarded"), shard->router.forwarded);
    append_line(text, VIEW("gramme_forward_retries"), shard->router.retried);
    append_line(text, VIEW("gramme_error_noreplicas"), coordinator->no_replicas);
    append_line(text, VIEW("gramme_error_indoubt"), coordinator->in_doubt + shard->router.in_doubt);
    append_line(text, VIEW("gramme_error_noquorum"), coordinator->no_quorum);
    append_line(text, VIEW("gramme_replica_puts"), shard->replica.puts);
    append_line(text, VIEW("gramme_replica_reads"), shard->replica.reads);
    information_hints(shard, text);
    information_exchange(shard, text);
    information_moves(shard, text);
    information_reaping(shard, text);
    information_load(shard, text);
    information_flush(shard, text);
    information_publish(shard, text);
    information_keyspaces(shard, text);
    information_records(shard, text);
    if (ring_replica_count(shard->ring) < ring_configured_replica_count(shard->ring)) {
        buffer_append_view(text, VIEW("gramme_warning:fewer members than replicas are configured\r\n"));
    }
}

/* member0:id=...,address=...,state=alive,incarnation=...,since_ms=...,heard_ms=...,protocol=...,requests=... ; heard_ms
 * is -1 for never; the protocol of its links; requests that it has under way, 0 from one that does not tell. */
static void information_members(struct shard *shard, struct buffer *text) {
    static const char *const states[] = {"alive", "suspect", "dead"};
    uint64_t now = shard_now(shard).ns;
    char id[NODE_ID_TEXT_SIZE];
    append_line(text, VIEW("local_health"), detection_health(shard));
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        if (!ring_is_present(shard->ring, member)) {
            continue;
        }
        struct member_verdict verdict = detection_verdict(shard, member);
        bool is_self = member_index_equal(member, shard->self);
        node_id_to_text(ring_member(shard->ring, member)->id, id);
        buffer_append_view(text, VIEW("member"));
        append_number(text, index);
        buffer_append_view(text, VIEW(":id="));
        buffer_append_view(text, view_of_string(id));
        buffer_append_view(text, VIEW(",address="));
        buffer_append_view(text, view_of_string(client_address(shard, member)));
        buffer_append_view(text, VIEW(",state="));
        buffer_append_view(text, view_of_string(states[verdict.verdict]));
        buffer_append_view(text, VIEW(",incarnation="));
        append_number(text, verdict.incarnation);
        buffer_append_view(text, VIEW(",since_ms="));
        append_number(text, now > verdict.since.ns ? (now - verdict.since.ns) / NS_PER_MS : 0);
        buffer_append_view(text, VIEW(",heard_ms="));
        if (verdict.heard.ns == 0 && !is_self) {
            buffer_append_view(text, VIEW("-1"));
        } else {
            append_number(text, is_self || now < verdict.heard.ns ? 0 : (now - verdict.heard.ns) / NS_PER_MS);
        }
        buffer_append_view(text, VIEW(",protocol="));
        append_number(text, is_self ? shard_protocol(shard) : shard->peers[index].version);
        buffer_append_view(text, VIEW(",requests="));
        append_number(text, is_self ? shard_requests_under_way(shard) : shard->peers[index].requests);
        buffer_append_view(text, VIEW("\r\n"));
    }
}

void cluster_view_information(void *self, struct view section, struct buffer *text) {
    struct shard *shard = self;
    if (view_equal_ignoring_case(section, VIEW("cluster"))) {
        information_cluster(shard, text);
    } else if (view_equal_ignoring_case(section, VIEW("members"))) {
        information_members(shard, text);
    }
    if (shard->options.driver.information != NULL) {
        shard->options.driver.information(shard->options.driver.self, section, text);
    }
}

/* ---- GRAMME.EXPLAIN ---- */

size_t cluster_view_placement(void *self, struct view key, struct placement *ret_placement) {
    struct shard *shard = self;
    struct partition partition = ring_partition_of_key(shard->ring, key);
    const struct keyspace *keyspace = keyspace_of_key(shard->options.keyspaces, key);
    const struct member_index *list = ring_preference(shard->ring, partition);
    uint32_t owners = ring_replica_count(shard->ring);
    struct placement placement = {
        .slot = slot_of_key(key),
        .partition = partition,
        .mark = ring_placement_mark(shard->ring, partition),
        .read_quorum = keyspace->read_quorum,
        .write_quorum = keyspace->write_quorum,
        .replica_count = owners,
    };
    for (uint32_t place = 0; place < owners; place++) {
        const struct member *member = ring_member(shard->ring, list[place]);
        placement.replicas[place] = (struct placement_replica){
            .node = member->id,
            .address = view_of_string(client_address(shard, list[place])),
            .is_owner = true,
            .is_reachable = peer_is_alive(shard, list[place]),
        };
    }
    *ret_placement = placement;
    return owners;
}
