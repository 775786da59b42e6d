#include "core/moves.h"

#include "base/mutant.h"
#include "core/shard_state.h"

/* An owner in the placement that comes, be it one already: what W of the old ones have may be on those that go. */
static bool is_to_fill(const struct shard *shard, struct partition partition) {
    uint32_t count;
    const struct member_index *others = ring_other_owners(shard->ring, partition, &count);
    if (ring_phase(shard->ring) != RING_JOINT || shard_of_partition(shard, partition) != shard->options.shard_index) {
        return false;
    }
    for (uint32_t place = 0; place < count; place++) {
        if (member_index_equal(others[place], shard->self)) {
            return true;
        }
    }
    return false;
}

void moves_init(struct shard *shard) {
    struct moves *moves = &shard->moves;
    size_t members = shard_member_capacity(shard);
    uint32_t partitions = ring_partition_count(shard->ring);
    moves->met_with = ARENA_ARRAY(&shard->permanent, uint8_t, partitions);
    moves->is_filled = ARENA_ARRAY(&shard->permanent, bool, partitions);
    if (shard_is_first(shard)) {
        moves->of = ARENA_ARRAY(&shard->permanent, struct message_report, members);
        memset(moves->of, 0, sizeof(*moves->of) * members);
    }
    moves->own.run = shard->options.run;
    moves_adopt(shard);
}

void moves_adopt(struct shard *shard) {
    struct moves *moves = &shard->moves;
    uint32_t partitions = ring_partition_count(shard->ring);
    moves->is_filling = false;
    moves->to_fill = 0;
    moves->filled = 0;
    moves->barrier = 0;
    moves->due_since = (struct instant){0};
    memset(moves->met_with, 0, partitions);
    memset(moves->is_filled, 0, partitions);
    for (uint32_t index = 0; index < partitions; index++) {
        moves->to_fill += is_to_fill(shard, (struct partition){(uint16_t)index}) ? 1 : 0;
    }
}

bool moves_all_have_drained(const struct shard *shard) {
    return shard->moves.all_drained >= roster_version(shard);
}

bool moves_are_over(const struct shard *shard) {
    return MUTANT(REAP_IN_A_MOVE) || ring_phase(shard->ring) == RING_REST;
}

/* ---- filling ---- */

static bool meets_nobody(const struct shard *shard, struct member_index owner) {
    return member_index_equal(owner, shard->self) || !ring_is_awaited(shard->ring, owner);
}

static void check_filled(struct shard *shard, struct partition partition) {
    struct moves *moves = &shard->moves;
    const struct member_index *list = ring_preference(shard->ring, partition);
    bool has_all = true;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        bool has_met = (moves->met_with[partition.value] >> place & 1) != 0;
        has_all = has_all && (has_met || meets_nobody(shard, list[place]));
    }
    if (has_all && !moves->is_filled[partition.value]) {
        moves->is_filled[partition.value] = true;
        moves->filled++;
    }
}

void moves_met(struct shard *shard, struct partition partition, struct member_index peer) {
    const struct member_index *list = ring_preference(shard->ring, partition);
    if (!shard->moves.is_filling || !is_to_fill(shard, partition)) {
        return;
    }
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        if (member_index_equal(list[place], peer)) {
            shard->moves.met_with[partition.value] |= (uint8_t)(1u << place);
        }
    }
    check_filled(shard, partition);
}

bool moves_is_filled(const struct shard *shard, struct partition partition) {
    return shard->moves.is_filled[partition.value];
}

void moves_lost(struct shard *shard, struct partition partition) {
    struct moves *moves = &shard->moves;
    moves->filled -= moves->is_filled[partition.value] ? 1 : 0;
    moves->is_filled[partition.value] = false;
    moves->met_with[partition.value] = 0;
    moves->barrier = 0;
    moves->own.filled = 0;
}

bool moves_may_compare(const struct shard *shard, struct partition partition, struct member_index peer) {
    if (!replica_is_filling(shard, partition)) {
        return true;
    }
    /* What is written to the old placement alone would have to be fetched again. */
    return shard->moves.is_filling && ring_is_owner(shard->ring, partition, peer);
}

/* What others said of their data before, they said of less than everything: they are asked anew. An owner of which
 * there is no other in the old placement has nobody to meet. */
static void fill(struct shard *shard) {
    struct moves *moves = &shard->moves;
    if (!moves->is_filling && moves->to_fill > 0) {
        exchange_ask_anew(shard);
    }
    moves->is_filling = true;
    for (uint32_t index = 0; moves->filled < moves->to_fill && index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        if (is_to_fill(shard, partition)) {
            if (replica_is_filling(shard, partition)) {
                filling_begin(shard, partition);
            }
            check_filled(shard, partition);
        }
    }
}

/* ---- this shard ---- */

static void ask_barrier(struct shard *shard) {
    struct moves *moves = &shard->moves;
    struct storage *storage = &shard->options.storage;
    moves->barrier = roster_version(shard);
    uint64_t token = (uint64_t)MOVES_TOKEN << MOVES_TOKEN_BITS | ++moves->barriers;
    enum storage_status status = storage->barrier(storage->self, DURABILITY_SYNC, token);
    if (status != STORAGE_PENDING) {
        moves_on_durable(shard, token, status == STORAGE_FOUND);
    }
}

void moves_on_durable(struct shard *shard, uint64_t token, bool is_durable) {
    struct moves *moves = &shard->moves;
    uint64_t version = moves->barrier;
    if ((token & ((UINT64_C(1) << MOVES_TOKEN_BITS) - 1)) != moves->barriers) {
        return; /* what was asked for has been given up since */
    }
    moves->barrier = 0; /* a store that failed says so itself; the next beat asks again */
    if (!is_durable || version == 0 || version != roster_version(shard)) {
        return;
    }
    if (ring_phase(shard->ring) == RING_JOINT) {
        moves->own.filled = version;
    } else if (ring_phase(shard->ring) == RING_SETTLING) {
        moves->own.clean = version;
    }
}

/* Requests are listed in the order in which they began. Who gathers has drained when he has reached all the others:
 * from the next version on writes need the newcomers. */
static uint64_t drained(const struct shard *shard) {
    if (ring_phase(shard->ring) == RING_GATHERING && shard->moves.own.drained < roster_version(shard) &&
        !shard_all_are_reachable(shard)) {
        return shard->moves.own.drained;
    }
    const struct list_node *first = list_first(&shard->coordinator.active);
    return first == NULL ? roster_version(shard) : ring_version(CONTAINER_OF(first, struct request, active)->ring);
}

/* Who goes takes no hint along. */
static bool has_left_all(const struct shard *shard) {
    if (MUTANT(FAREWELL_SAYS_NOTHING)) {
        return true;
    }
    bool keeps_hints = ring_is_leaving(shard->ring, shard->self) && !hints_are_gone(shard);
    return replica_former_count(shard) == 0 && farewell_has_begun(shard) && !keeps_hints;
}

static void look_at_own(struct shard *shard) {
    struct moves *moves = &shard->moves;
    uint64_t version = roster_version(shard);
    moves->own.drained = drained(shard);
    moves->own.to_fill = moves->to_fill - moves->filled;
    moves->own.former = replica_former_count(shard);
    if (moves->barrier != 0) {
        return;
    }
    if (ring_phase(shard->ring) == RING_JOINT && moves_all_have_drained(shard) && moves->own.filled < version) {
        fill(shard);
        if (moves->filled == moves->to_fill) {
            ask_barrier(shard);
        }
    } else if (ring_phase(shard->ring) == RING_SETTLING && moves->own.clean < version && has_left_all(shard)) {
        ask_barrier(shard);
    }
}

/* ---- reports ---- */

static bool is_news(const struct message_report *report, const struct message_report *told) {
    return memcmp(report, told, sizeof(*report)) != 0;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* What all shards of this node say together; of what is not durable it says nothing. */
static struct message_report report_of_node(const struct shard *shard) {
    struct message_report report = shard->moves.own;
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        const struct message_report *of = &shard->moves.of_shards[index];
        report.drained = least(report.drained, of->drained);
        report.filled = least(report.filled, of->filled);
        report.clean = least(report.clean, of->clean);
        report.to_fill += of->to_fill;
        report.former += of->former;
    }
    report.drained = least(report.drained, roster_durable(shard));
    report.clean = least(report.clean, shard->roster.cleaned);
    report.all_drained = 0;
    return report;
}

uint64_t moves_clean_of_node(const struct shard *shard) {
    uint64_t clean = shard->moves.own.clean;
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        clean = least(clean, shard->moves.of_shards[index].clean);
    }
    return clean;
}

static void tell_shards(struct shard *shard) {
    struct message_report report = shard->moves.own;
    report.all_drained = shard->moves.all_drained;
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        message_encode_report(mail_output(shard, index), &report);
    }
}

static void report(struct shard *shard) {
    struct moves *moves = &shard->moves;
    bool is_idle = shard_now(shard).ns < moves->spoke.ns + MOVES_IDLE_MS * NS_PER_MS;
    struct message_report report = shard_is_first(shard) ? report_of_node(shard) : moves->own;
    if (is_idle && !is_news(&report, &moves->told)) {
        return;
    }
    moves->told = report;
    moves->spoke = shard_now(shard);
    if (!shard_is_first(shard)) {
        message_encode_report(mail_output(shard, 0), &report);
        return;
    }
    moves->of[shard->self.value] = report;
    records_report(shard, &report);
    tell_shards(shard);
}

void moves_receive(struct shard *shard, const struct source *source, struct view body) {
    struct message_report message;
    struct moves *moves = &shard->moves;
    if (source->lane != NULL || !message_decode_report(body, &message)) {
        return;
    }
    if (shard_is_first(shard)) {
        moves->of_shards[source->shard] = message;
    } else {
        moves->all_drained = message.all_drained;
    }
}

/* What the other members' records say. */
static void hear_members(struct shard *shard) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        if (!member_index_equal(member, shard->self)) {
            shard->moves.of[index] = records_report_of(shard, member);
        }
    }
}

/* ---- the next phase ---- */

static bool is_owner_to_come(const struct shard *shard, struct member_index member) {
    return ring_phase(shard->ring) == RING_JOINT && ring_is_in_other(shard->ring, member);
}

static void look_at_all(struct shard *shard) {
    struct moves *moves = &shard->moves;
    uint64_t all_drained = UINT64_MAX;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        if (ring_is_awaited(shard->ring, (struct member_index){index})) {
            all_drained = least(all_drained, moves->of[index].drained);
        }
    }
    bool is_news = all_drained != moves->all_drained;
    moves->all_drained = all_drained;
    if (is_news) {
        tell_shards(shard);
    }
}

static bool all_are_clean(const struct shard *shard) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        if (ring_is_awaited(shard->ring, (struct member_index){index}) &&
            shard->moves.of[index].clean < roster_version(shard)) {
            return false;
        }
    }
    return true;
}

static bool all_are_filled(const struct shard *shard) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        if (ring_is_awaited(shard->ring, member) && is_owner_to_come(shard, member) &&
            shard->moves.of[index].filled < roster_version(shard)) {
            return false;
        }
    }
    return true;
}

/* The entry that the present phase ends with, once nothing is waited for. */
static bool next_entry(const struct shard *shard, enum membership_kind *ret_kind) {
    if (!moves_all_have_drained(shard)) {
        return false;
    }
    switch (ring_phase(shard->ring)) {
    case RING_REST:
        return false;
    case RING_GATHERING:
        *ret_kind = MEMBERSHIP_JOINT;
        return true;
    case RING_JOINT:
        *ret_kind = MEMBERSHIP_COMMIT;
        return all_are_filled(shard) || MUTANT(COMMIT_UNFILLED);
    case RING_COMMITTED:
        *ret_kind = MEMBERSHIP_DONE;
        return true;
    case RING_SETTLING:
        *ret_kind = MEMBERSHIP_SETTLED;
        return all_are_clean(shard);
    }
    return false;
}

/* How many awaited members have a lesser id: they propose first. */
static uint32_t rank(const struct shard *shard) {
    struct node_id own = ring_member(shard->ring, shard->self)->id;
    uint32_t rank = 0;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        bool is_before = node_id_compare(ring_member(shard->ring, member)->id, own) < 0;
        rank += is_before && ring_is_awaited(shard->ring, member) ? 1 : 0;
    }
    return rank;
}

static void propose_next_phase(struct shard *shard) {
    struct moves *moves = &shard->moves;
    enum membership_kind kind;
    if (!next_entry(shard, &kind)) {
        moves->due_since = (struct instant){0};
        return;
    }
    if (moves->due_since.ns == 0) {
        moves->due_since = shard_now(shard);
    }
    uint64_t patience_ms = (uint64_t)rank(shard) * MOVES_RANK_MS;
    if (shard_now(shard).ns >= moves->due_since.ns + patience_ms * NS_PER_MS) {
        struct membership_event event = {.kind = kind};
        (void)council_propose(shard, &event, 1);
    }
}

void moves_beat(struct shard *shard) {
    look_at_own(shard);
    report(shard);
    if (shard_is_first(shard)) {
        hear_members(shard);
        look_at_all(shard);
        propose_next_phase(shard);
    }
}

bool moves_wait_for(const struct shard *shard, struct member_index *ret_member) {
    uint64_t version = roster_version(shard);
    bool is_joint = ring_phase(shard->ring) == RING_JOINT;
    bool is_settling = ring_phase(shard->ring) == RING_SETTLING;
    for (uint16_t index = 0; shard_is_first(shard) && index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        const struct message_report *of = &shard->moves.of[index];
        bool is_late =
            of->drained < version || (is_settling && of->clean < version) ||
            (is_joint && moves_all_have_drained(shard) && is_owner_to_come(shard, member) && of->filled < version);
        if (ring_is_awaited(shard->ring, member) && is_late) {
            *ret_member = member;
            return true;
        }
    }
    return false;
}

/* ---- an operator's change ---- */

static bool was_ever_member(const struct shard *shard, struct node_id id) {
    for (size_t index = 0; index < shard->roster.log.count; index++) {
        const struct membership_event *event = &shard->roster.log.events[index];
        if (event->kind == MEMBERSHIP_JOIN && node_id_equal(event->member.id, id)) {
            return true;
        }
    }
    return false;
}

/* Of all W and R: so many owners have what was acknowledged, and so many answer a read. An owner that was declared dead
 * and lives must be no quorum of reads by itself. */
static uint8_t least_quorum(const struct shard *shard) {
    const struct keyspace_table *table = shard->options.keyspaces;
    uint8_t quorum = UINT8_MAX;
    for (size_t index = 0; index < table->count; index++) {
        const struct keyspace *keyspace = &table->keyspaces[index];
        quorum = keyspace->write_quorum < quorum ? keyspace->write_quorum : quorum;
        quorum = keyspace->read_quorum < quorum ? keyspace->read_quorum : quorum;
    }
    return quorum;
}

static uint32_t excused_owners(const struct shard *shard, const struct member_index *owners, uint32_t count,
                               struct node_id also) {
    uint32_t excused = 0;
    for (uint32_t place = 0; place < count; place++) {
        bool is_it = node_id_equal(ring_member(shard->ring, owners[place])->id, also);
        excused += is_it || ring_is_excused(shard->ring, owners[place]) ? 1 : 0;
    }
    return excused;
}

/* Of no partition as many owners as make a quorum: that would be a loss, or a read of what has long been replaced. */
static const char *excuse_problem(const struct shard *shard, struct node_id id) {
    struct member_index member;
    if (!ring_find_member(shard->ring, id, &member)) {
        return "no such member";
    }
    if (ring_is_excused(shard->ring, member)) {
        return "that member was declared dead already";
    }
    uint8_t quorum = least_quorum(shard);
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        struct partition partition = {(uint16_t)index};
        uint32_t count;
        uint32_t owners = ring_replica_count(shard->ring);
        const struct member_index *others = ring_other_owners(shard->ring, partition, &count);
        uint32_t w = quorum < owners ? quorum : owners;
        uint32_t other_w = quorum < count ? quorum : count;
        if (excused_owners(shard, ring_preference(shard->ring, partition), owners, id) >= w ||
            (count > 0 && excused_owners(shard, others, count, id) >= other_w)) {
            return "so many owners of one partition would be declared dead that they are a quorum of some keyspace: "
                   "what was "
                   "acknowledged might be lost, or read from them alone if they live after all";
        }
    }
    return NULL;
}

static const char *change_problem(const struct shard *shard, const struct membership_event *event) {
    struct member_index member;
    bool is_there = ring_find_member(shard->ring, event->member.id, &member);
    switch (event->kind) {
    case MEMBERSHIP_JOIN:
        if (membership_replaces(event) && !ring_find_member(shard->ring, event->replaces, &member)) {
            return "the member that is to be replaced is none";
        }
        return is_there                                   ? "a node of that id is a member already"
               : was_ever_member(shard, event->member.id) ? "a node of that id was a member before; ids are not used "
                                                            "again: give the node another one and an empty folder"
                                                          : NULL;
    case MEMBERSHIP_LEAVE:
    case MEMBERSHIP_WEIGHT:
        return is_there ? NULL : "no such member";
    case MEMBERSHIP_MOVE:
        return NULL;
    case MEMBERSHIP_REPLICAS:
        return event->replica_count != ring_configured_replica_count(shard->ring)
                   ? NULL
                   : "partitions have that many replicas already";
    case MEMBERSHIP_COMMIT:
    case MEMBERSHIP_DONE:
    case MEMBERSHIP_ABORT:
    case MEMBERSHIP_JOINT:
    case MEMBERSHIP_SETTLED:
    case MEMBERSHIP_EXCUSE:
        return "one thing at a time";
    }
    return "these are no changes of members that this version knows";
}

static const char *move_problem(const struct shard *shard, const struct membership *asked) {
    const char *problem = NULL;
    if (ring_phase(shard->ring) == RING_SETTLING) {
        return "the last change of the members is still being cleaned up after; wait for its end";
    }
    if (!moves_are_over(shard)) {
        return "a change of the members is under way; wait for its end, or abort it";
    }
    for (size_t index = 0; problem == NULL && index < asked->count; index++) {
        problem = change_problem(shard, &asked->events[index]);
    }
    return problem;
}

const char *moves_problem(const struct shard *shard, const struct membership *asked) {
    for (size_t index = 0; index < asked->count; index++) {
        if (asked->events[index].kind == MEMBERSHIP_MOVE) {
            return move_problem(shard, asked);
        }
    }
    if (asked->count == 1 && asked->events[0].kind == MEMBERSHIP_EXCUSE) {
        return excuse_problem(shard, asked->events[0].member.id);
    }
    if (asked->count == 1 && asked->events[0].kind == MEMBERSHIP_ABORT) {
        return ring_phase(shard->ring) == RING_JOINT || ring_phase(shard->ring) == RING_GATHERING
                   ? NULL
                   : "there is nothing to abort: no change is under way, or reads go by the new placement already";
    }
    return "these are no changes of members that this version knows";
}
