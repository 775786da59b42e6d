#include "core/records.h"

#include "core/shard_state.h"

/* A generation is civil time, and below it a piece of the run's number: two runs that begin at one bound of the clock
 * (version/clock.h) are not the same. */
enum { GENERATION_RUN_BITS = 12 };

/* ---- addresses ---- */

static struct member_addresses addresses_of_log(const struct shard *shard, struct member_index member) {
    const struct member *described = ring_member(shard->ring, member);
    struct member_addresses addresses;
    memcpy(addresses.client, described->client_address, sizeof(addresses.client));
    memcpy(addresses.peer, described->peer_address, sizeof(addresses.peer));
    return addresses;
}

static bool addresses_are_equal(const struct member_addresses *a, const struct member_addresses *b) {
    return view_equal(view_of_string(a->client), view_of_string(b->client)) &&
           view_equal(view_of_string(a->peer), view_of_string(b->peer));
}

static struct member_addresses addresses_of(const struct shard *shard, struct member_index member) {
    const struct member_addresses *told = shard->records.told[member.value];
    return told != NULL ? *told : addresses_of_log(shard, member);
}

static void forget_addresses(struct shard *shard, struct member_addresses **place) {
    if (*place != NULL) {
        pool_give(&shard->records.address_pool, *place);
        *place = NULL;
    }
}

/* True when that is something else than what the place said before. */
static bool set_addresses(struct shard *shard, struct member_addresses **place, struct member_index member,
                          const struct member_addresses *addresses) {
    struct member_addresses of_log = addresses_of_log(shard, member);
    const struct member_addresses *before = *place != NULL ? *place : &of_log;
    if (addresses_are_equal(before, addresses)) {
        return false;
    }
    forget_addresses(shard, place);
    if (!addresses_are_equal(&of_log, addresses)) {
        *place = pool_take(&shard->records.address_pool);
        **place = *addresses;
    }
    return true;
}

const char *records_client_address(const struct shard *shard, struct member_index member) {
    const struct member_addresses *told = shard->records.told[member.value];
    return told != NULL ? told->client : ring_member(shard->ring, member)->client_address;
}

const char *records_peer_address(const struct shard *shard, struct member_index member) {
    const struct member_addresses *told = shard->records.told[member.value];
    return told != NULL ? told->peer : ring_member(shard->ring, member)->peer_address;
}

/* A cluster that was moved as a whole knows of nobody where it is, but the configuration may. */
const char *records_dial_address(const struct shard *shard, struct member_index member, uint32_t dials) {
    const struct records *records = &shard->records;
    const struct member_addresses *configured = records->configured[member.value];
    bool is_told = records->told[member.value] != NULL;
    if (dials % 2 == 0 || (configured == NULL && !is_told)) {
        return records_peer_address(shard, member);
    }
    return configured != NULL ? configured->peer : ring_member(shard->ring, member)->peer_address;
}

void records_write_addresses(const struct shard *shard, struct buffer *list) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        const struct member_addresses *told = shard->records.told[index];
        if (told != NULL && index != shard->self.value) {
            addresses_list_add(list, ring_member(shard->ring, (struct member_index){index})->id, told);
        }
    }
}

static void mail_addresses(struct shard *shard, struct member_index member, const struct member_addresses *addresses) {
    for (uint32_t to = 1; to < shard->options.shard_count; to++) {
        struct buffer *output = mail_output(shard, to);
        size_t frame = frame_begin(output, MESSAGE_ADDRESSES);
        addresses_list_add(output, ring_member(shard->ring, member)->id, addresses);
        frame_end(output, frame);
    }
}

static void learn_addresses(struct shard *shard, struct member_index member, const struct member_addresses *addresses) {
    struct records *records = &shard->records;
    if (!set_addresses(shard, &records->told[member.value], member, addresses)) {
        return;
    }
    records->address_changes++;
    lanes_dial_now(shard, member);
    if (shard_is_first(shard)) {
        mail_addresses(shard, member, addresses);
    }
}

static void addresses_receive(struct shard *shard, struct view body) {
    struct reader list = reader_of(body);
    struct node_id id;
    struct member_addresses addresses;
    struct member_index member;
    while (addresses_list_next(&list, &id, &addresses)) {
        if (ring_find_member(shard->ring, id, &member)) {
            learn_addresses(shard, member, &addresses);
        }
    }
    ENSURE(!list.failed); /* it never left this process */
}

/* ---- the own record ---- */

void records_report(struct shard *shard, const struct message_report *report) {
    struct member_record record = {.report = *report, .addresses = addresses_of(shard, shard->self)};
    if (!ring_is_awaited(shard->ring, shard->self)) {
        return; /* nobody listens to this one any more */
    }
    buffer_clear(&shard->encoded);
    member_record_encode(&shard->encoded, &record);
    gossip_own(&shard->records.gossip, buffer_view(&shard->encoded), shard_now(shard));
}

void records_tell(struct shard *shard, struct member_index member, struct buffer *output) {
    struct gossip_record record;
    struct gossip_word word = {.kind = MESSAGE_GOSSIP_RECORDS};
    if (gossip_record(&shard->records.gossip, member, &record)) {
        buffer_clear(&shard->encoded);
        gossip_list_add(&shard->encoded, word.kind, &record);
        word.list = buffer_view(&shard->encoded);
        message_encode_gossip(output, &word);
    }
}

/* ---- the machine's port ---- */

static void port_send(void *self, struct member_index to, const struct gossip_word *word) {
    struct shard *shard = self;
    struct records *records = &shard->records;
    struct buffer *output = lane_first_output(shard, to);
    if (output != NULL) {
        size_t before = buffer_size(output);
        message_encode_gossip(output, word);
        records->figures.sent_bytes += buffer_size(output) - before;
        records->figures.rounds += word->kind == MESSAGE_GOSSIP_SUMMARY && !word->is_answer ? 1 : 0;
    }
}

static bool port_is_reachable(void *self, struct member_index member) {
    return peer_first_is_reachable(self, member);
}

static void port_changed(void *self, struct member_index member) {
    struct shard *shard = self;
    struct gossip_record record;
    struct member_record said;
    struct member_facts *facts = &shard->records.of[member.value];
    if (!gossip_record(&shard->records.gossip, member, &record) || !member_record_decode(record.payload, &said)) {
        return; /* of another version: it is passed on to those who can read it */
    }
    facts->report = said.report;
    facts->generation = record.stamp.generation;
    learn_addresses(shard, member, &said.addresses);
}

static void port_chain_differs(void *self, struct member_index member, uint64_t version) {
    struct shard *shard = self;
    struct buffer *output = version < roster_version(shard) ? lane_first_output(shard, member) : NULL;
    if (output != NULL) {
        roster_tell(shard, output, version);
    }
}

/* ---- reports ---- */

static bool is_of_ended_run(const struct shard *shard, struct member_index member) {
    const struct member_facts *facts = &shard->records.of[member.value];
    bool is_greeted = shard->peers[member.value].run == facts->report.run;
    return !is_greeted && (peer_first_is_up(shard, member) || facts->generation <= facts->ended);
}

struct message_report records_report_of(const struct shard *shard, struct member_index member) {
    struct message_report report = shard->records.of[member.value].report;
    if (is_of_ended_run(shard, member)) {
        report.filled = 0;
    }
    return report;
}

void records_greeted(struct shard *shard, struct member_index member, const struct message_hello *hello) {
    if (!shard_is_first(shard)) {
        return;
    }
    struct member_facts *facts = &shard->records.of[member.value];
    if (facts->report.run == hello->run) {
        port_changed(shard, member); /* all that it says counts (again) */
        return;
    }
    facts->ended = facts->generation;
    if (hello->membership < facts->report.drained) {
        facts->report.drained = hello->membership; /* its disk was emptied since */
    }
}

/* ---- life ---- */

static uint64_t own_generation(const struct shard *shard) {
    const uint64_t run_mask = (UINT64_C(1) << GENERATION_RUN_BITS) - 1;
    uint64_t wall_ms = shard_wall(shard).ms;
    uint64_t bound_ms = hybrid_time_wall(shard->options.clock_floor).ms;
    uint64_t ms = wall_ms > bound_ms ? wall_ms : bound_ms + 1;
    uint64_t most_ms = GOSSIP_STAMP_MOST >> (GENERATION_RUN_BITS + 1);
    return (ms < most_ms ? ms : most_ms) << GENERATION_RUN_BITS | (shard->options.run & run_mask);
}

/* `places`: those that the list is about, but for this node's own: it is where it is configured to be. */
static void read_list(struct shard *shard, struct view bytes, struct member_addresses **places) {
    struct reader list = reader_of(bytes);
    struct node_id id;
    struct member_addresses addresses;
    struct member_index member;
    while (addresses_list_next(&list, &id, &addresses)) {
        if (ring_find_member(shard->ring, id, &member)) {
            bool is_own = member_index_equal(member, shard->self);
            (void)set_addresses(shard, is_own ? &shard->records.told[member.value] : &places[member.value], member,
                                &addresses);
        }
    }
}

static struct member_addresses **places_new(struct shard *shard) {
    size_t capacity = shard_member_capacity(shard);
    struct member_addresses **places = ARENA_ARRAY(&shard->permanent, struct member_addresses *, capacity);
    memset(places, 0, sizeof(struct member_addresses *) * capacity);
    return places;
}

void records_init(struct shard *shard) {
    struct records *records = &shard->records;
    size_t capacity = shard_member_capacity(shard);
    pool_init(&records->address_pool, sizeof(struct member_addresses), 4);
    records->told = places_new(shard);
    records->configured = places_new(shard);
    read_list(shard, shard->options.addresses, records->told);
    read_list(shard, shard->options.configured_addresses, records->configured);
    shard->options.addresses = (struct view){0}; /* lent for the start alone */
    shard->options.configured_addresses = (struct view){0};
    if (!shard_is_first(shard)) {
        return;
    }
    struct gossip_port port = {
        .self = shard,
        .send = port_send,
        .is_reachable = port_is_reachable,
        .changed = port_changed,
        .chain_differs = port_chain_differs,
    };
    records->seats = ARENA_ARRAY(&shard->permanent, struct gossip_seat, capacity);
    records->of = ARENA_ARRAY(&shard->permanent, struct member_facts, capacity);
    memset(records->of, 0, sizeof(*records->of) * capacity);
    gossip_init(&records->gossip, port, &shard->blobs, shard->self, (uint32_t)capacity, records->seats,
                own_generation(shard), shard->options.seed ^ UINT64_C(0x676f73736970), shard_now(shard));
    records_adopt(shard);
}

void records_release(struct shard *shard) {
    if (shard_is_first(shard)) {
        gossip_release(&shard->records.gossip);
    }
    pool_release(&shard->records.address_pool);
}

static void drop_member(struct shard *shard, struct member_index member) {
    struct records *records = &shard->records;
    forget_addresses(shard, &records->configured[member.value]);
    if (shard_is_first(shard)) {
        gossip_drop_member(&records->gossip, member);
        records->of[member.value] = (struct member_facts){0};
    }
}

void records_adopt(struct shard *shard) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        if (!ring_is_awaited(shard->ring, member)) {
            drop_member(shard, member);
        } else if (shard_is_first(shard)) {
            gossip_set_member(&shard->records.gossip, member, ring_member(shard->ring, member)->id);
        }
    }
    if (shard_is_first(shard)) {
        gossip_set_version(&shard->records.gossip, roster_version(shard));
    }
}

/* ---- figures ---- */

static uint64_t known_count(const struct shard *shard) {
    uint64_t count = 0;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct gossip_record record;
        count += gossip_record(&shard->records.gossip, (struct member_index){index}, &record) ? 1 : 0;
    }
    return count;
}

static void mail_figures(struct shard *shard) {
    struct records *records = &shard->records;
    const struct records_figures *figures = &records->figures;
    records->figures.known = known_count(shard);
    records->figures.refutations = records->gossip.refutations;
    records->mailed = shard_now(shard);
    for (uint32_t to = 1; to < shard->options.shard_count; to++) {
        struct buffer *output = mail_output(shard, to);
        size_t frame = frame_begin(output, MESSAGE_GOSSIP_FIGURES);
        write_varint(output, figures->known);
        write_varint(output, figures->rounds);
        write_varint(output, figures->sent_bytes);
        write_varint(output, figures->refutations);
        frame_end(output, frame);
    }
}

static void figures_receive(struct shard *shard, struct view body) {
    struct records_figures *figures = &shard->records.figures;
    struct reader reader = reader_of(body);
    figures->known = read_varint(&reader);
    figures->rounds = read_varint(&reader);
    figures->sent_bytes = read_varint(&reader);
    figures->refutations = read_varint(&reader);
    ENSURE(reader_finished(&reader)); /* it never left this process */
}

void records_beat(struct shard *shard) {
    if (!shard_is_first(shard)) {
        return;
    }
    gossip_tick(&shard->records.gossip, shard_now(shard));
    if (shard_now(shard).ns >= shard->records.mailed.ns + GOSSIP_ROUND_MS * NS_PER_MS) {
        mail_figures(shard);
    }
}

/* ---- words ---- */

void records_take(struct shard *shard, struct member_index from, uint8_t kind, struct view body) {
    struct gossip_word word;
    if (shard_is_first(shard) && ring_is_awaited(shard->ring, from) && message_decode_gossip(kind, body, &word)) {
        gossip_receive(&shard->records.gossip, from, &word, shard_now(shard));
    }
}

void records_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    bool is_mail = source->lane == NULL;
    if (kind == MESSAGE_ADDRESSES && is_mail) {
        addresses_receive(shard, body);
    } else if (kind == MESSAGE_GOSSIP_FIGURES && is_mail) {
        figures_receive(shard, body);
    } else if (!is_mail) {
        records_take(shard, source->lane->peer->member, kind, body); /* which knows no such words */
    }
}

bool records_agree(struct shard *shard, struct member_index member, struct view body) {
    struct gossip_word word;
    struct gossip_record told;
    struct gossip_record known;
    if (!message_decode_gossip(MESSAGE_GOSSIP_RECORDS, body, &word) ||
        !gossip_record(&shard->records.gossip, member, &known)) {
        return true;
    }
    bool agree = true;
    struct reader list = reader_of(word.list);
    while (gossip_list_next(&list, word.kind, &told)) {
        bool is_known = gossip_stamp_compare(told.stamp, known.stamp) == 0 && view_equal(told.payload, known.payload);
        agree = agree && (!node_id_equal(told.id, known.id) || is_known);
    }
    return agree;
}
