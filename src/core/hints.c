#include "core/hints.h"

#include "base/mutant.h"
#include "core/scan_owner.h"
#include "core/shard_state.h"

struct hint_delivery {
    struct map_node node;
    struct list_node under_way;
    uint64_t id;
    struct instant sent;
    struct member_index owner;
    struct partition partition;
    struct blob key;
    struct digest digest; /* of the whole object as it was sent */
    bool is_answered;     /* waits for this node's own copy */
    bool is_absorbed;     /* brought to this node itself */
};

/* How many hints a shard keeps unless told: with values of a kilobyte, some gigabytes of disk. */
enum { HINTS_HELD_MOST = 4 * 1000 * 1000 };

/* There may be some of it. Who keeps no log of the members yet may know an old ring: what it holds by that one it may
 * be a fallback for. */
static bool partition_is_ours(const struct shard *shard, struct partition partition) {
    enum replica_role role = replica_role(shard, partition);
    bool may_have_moved = ring_has_moved(shard->ring) || !shard->options.log_is_kept;
    return role == ROLE_FALLBACK || (role != ROLE_NONE && may_have_moved);
}

void hints_init(struct shard *shard) {
    struct hints *hints = &shard->hints;
    uint32_t partitions = ring_partition_count(shard->ring);
    hints->partitions = ARENA_ARRAY(&shard->permanent, struct hint_partition, partitions);
    memset(hints->partitions, 0, sizeof(*hints->partitions) * partitions);
    hints->refused_until = ARENA_ARRAY(&shard->permanent, struct instant, shard_member_capacity(shard));
    memset(hints->refused_until, 0, sizeof(*hints->refused_until) * shard_member_capacity(shard));
    map_init(&hints->deliveries, HINT_DELIVERIES_MOST);
    list_init(&hints->under_way);
    pool_init(&hints->delivery_pool, sizeof(struct hint_delivery), HINT_DELIVERIES_MOST);
    hints->held_most = HINTS_HELD_MOST;
    for (uint32_t index = 0; index < partitions; index++) {
        bool is_ours = partition_is_ours(shard, (struct partition){(uint16_t)index});
        bool must_count = is_ours && !MUTANT(HINT_FORGOTTEN_AT_BOOT);
        hints->partitions[index].is_counted = !must_count;
        hints->uncounted += must_count ? 1 : 0;
    }
}

void hints_release(struct shard *shard) {
    map_release(&shard->hints.deliveries);
    pool_release(&shard->hints.delivery_pool);
}

bool hints_have_room(const struct shard *shard) {
    return shard->hints.held < shard->hints.held_most;
}

bool hints_are_gone(const struct shard *shard) {
    return shard->hints.uncounted == 0 && shard->hints.held == 0;
}

void hints_expect_below(struct shard *shard, uint64_t number) {
    struct hints *hints = &shard->hints;
    if (number <= hints->expected) {
        return;
    }
    hints->expected = number;
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        struct hint_partition *at = &hints->partitions[index];
        bool is_first = !at->may_be_old && (at->held > 0 || !at->is_counted);
        at->may_be_old = at->may_be_old || is_first;
        hints->old_partitions += is_first ? 1 : 0;
    }
}

bool hints_below_are_gone(const struct shard *shard, uint64_t number) {
    return shard->hints.expected >= number && shard->hints.old_partitions == 0;
}

static void has_no_old(struct hints *hints, struct hint_partition *at) {
    hints->old_partitions -= at->may_be_old ? 1 : 0;
    at->may_be_old = false;
}

static uint8_t wanted_by(const struct shard *shard, struct partition partition, const struct hint_owners *owners) {
    const struct member_index *list = ring_preference(shard->ring, partition);
    uint8_t wanted = 0;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        if (hint_owners_contain(owners, ring_member(shard->ring, list[place])->id)) {
            wanted |= (uint8_t)(1u << place);
        }
    }
    return wanted;
}

static void count_change(struct hints *hints, struct hint_partition *at, int change) {
    at->changes++; /* also for 0: a sweep that passed the hint before knows only whom it was for then */
    if (at->is_counted) {
        at->held = (uint32_t)((int64_t)at->held + change);
        hints->held = (uint64_t)((int64_t)hints->held + change);
        if (at->held == 0) {
            has_no_old(hints, at);
        }
    }
}

void hints_stored(struct shard *shard, struct partition partition, const struct hint_owners *owners, bool is_new) {
    struct hint_partition *at = &shard->hints.partitions[partition.value];
    at->wanted |= wanted_by(shard, partition, owners);
    shard->hints.stored += is_new ? 1 : 0;
    count_change(&shard->hints, at, is_new ? 1 : 0);
}

void hints_dropped(struct shard *shard, struct partition partition) {
    count_change(&shard->hints, &shard->hints.partitions[partition.value], -1);
}

void hints_lost(struct shard *shard, struct partition partition) {
    shard->hints.lost++;
    count_change(&shard->hints, &shard->hints.partitions[partition.value], -1);
}

/* ---- deliveries ---- */

static void delivery_end(struct shard *shard, struct hint_delivery *delivery) {
    map_remove(&shard->hints.deliveries, &delivery->node);
    list_remove(&delivery->under_way);
    blob_give(&shard->blobs, &delivery->key);
    pool_give(&shard->hints.delivery_pool, delivery);
}

static struct hint_delivery *delivery_find(const struct shard *shard, uint64_t id) {
    struct map_node *node = map_first(&shard->hints.deliveries, id);
    return node == NULL ? NULL : CONTAINER_OF(node, struct hint_delivery, node);
}

static bool is_under_way(const struct shard *shard, struct view key, struct member_index owner) {
    const struct list *list = &shard->hints.under_way;
    for (struct list_node *node = list_first(list); node != NULL; node = list_next(list, node)) {
        const struct hint_delivery *delivery = CONTAINER_OF(node, struct hint_delivery, under_way);
        if (member_index_equal(delivery->owner, owner) && view_equal(blob_view(&delivery->key), key)) {
            return true;
        }
    }
    return false;
}

static bool may_send_to(const struct shard *shard, struct member_index owner, struct partition partition) {
    return peer_is_reachable(shard, owner, partition) &&
           shard_now(shard).ns >= shard->hints.refused_until[owner.value].ns;
}

static struct hint_delivery *begin_delivery(struct shard *shard, struct partition partition, struct view key,
                                            struct member_index to) {
    struct hints *hints = &shard->hints;
    struct hint_delivery *delivery = pool_take(&hints->delivery_pool);
    *delivery = (struct hint_delivery){
        .id = shard->next_request++,
        .sent = shard_now(shard),
        .owner = to,
        .partition = partition,
        .key = blob_copy(&shard->blobs, key),
    };
    map_insert(&hints->deliveries, &delivery->node, delivery->id);
    list_push_back(&hints->under_way, &delivery->under_way);
    return delivery;
}

static struct message_put handoff_of(const struct shard *shard, const struct hint_delivery *delivery, uint64_t fence,
                                     struct view key, struct view object) {
    return (struct message_put){
        .request = delivery->id << 2 | HINT_WIRE_ROUND,
        .partition = delivery->partition,
        .placement_mark = ring_placement_mark(shard->ring, delivery->partition),
        .flags = PUT_HANDOFF,
        .fence = fence,
        .key = key,
        .object = object,
    };
}

static void deliver(struct shard *shard, struct partition partition, struct view key, struct view object,
                    struct member_index owner) {
    struct buffer *output = lane_output(shard, owner, partition, object.size);
    if (output == NULL) {
        return;
    }
    struct hint_delivery *delivery = begin_delivery(shard, partition, key, owner);
    delivery->digest = hash128(object);
    uint64_t fence = fence_label(shard, partition, object_bytes_mark(object));
    struct message_put put = handoff_of(shard, delivery, fence, key, object);
    message_encode_put(output, &put);
}

static void trace_hint(struct shard *shard, enum trace_kind kind, struct view key, struct member_index owner,
                       const struct object *object) {
    if (shard_traces_keys(shard)) {
        shard_trace(shard,
                    &(struct trace_record){.kind = kind, .key = key, .peer = owner, .object = object, .is_hint = true});
    }
}

/* Of a partition that this node holds now: as if it came over a link. No other hint of the key comes meanwhile, since
 * what is sent to a holder is taken for its own. */
static void absorb(struct shard *shard, struct partition partition, struct view key, struct view object) {
    struct hint_delivery *delivery = begin_delivery(shard, partition, key, shard->self);
    delivery->is_absorbed = true;
    struct message_put put = handoff_of(shard, delivery, object_bytes_mark(object), key, object);
    struct source self = {.shard = shard->options.shard_index};
    replica_put(shard, &self, &put);
}

void hints_on_absorbed(struct shard *shard, uint64_t request, enum answer_status status) {
    struct storage *storage = &shard->options.storage;
    struct hint_delivery *delivery = delivery_find(shard, request >> 2);
    if (delivery == NULL || !delivery->is_absorbed) {
        return;
    }
    if (status == ANSWER_STORED) {
        shard->hints.delivered++;
        enum storage_status removed = storage->remove(storage->self, STORAGE_HINTS, delivery->partition,
                                                      blob_view(&delivery->key), DURABILITY_INTERVAL, 0);
        if (removed != STORAGE_ERROR) {
            count_change(&shard->hints, &shard->hints.partitions[delivery->partition.value], -1);
            trace_hint(shard, TRACE_HINT_GONE, blob_view(&delivery->key), shard->self, NULL);
        }
    }
    delivery_end(shard, delivery);
}

void hints_adopt(struct shard *shard) {
    for (uint32_t index = 0; index < ring_partition_count(shard->ring); index++) {
        shard->hints.partitions[index].wanted = UINT8_MAX; /* bits are of the list of owners: until the next sweep */
    }
}

void hints_role_changed(struct shard *shard, struct partition partition) {
    struct hint_partition *at = &shard->hints.partitions[partition.value];
    at->changes++;
    at->wanted = UINT8_MAX;
}

/* The owner has what was sent: it leaves the set, and the last one takes the hint along. */
static void strike_off(struct shard *shard, const struct hint_delivery *delivery, struct copy *copy) {
    struct storage *storage = &shard->options.storage;
    struct view key = blob_view(&delivery->key);
    trace_hint(shard, TRACE_HINT_HOME, key, delivery->owner, &copy->object);
    hint_owners_remove(&copy->hint_for, ring_member(shard->ring, delivery->owner)->id);
    shard->hints.delivered++;
    if (copy->hint_for.count > 0) {
        replica_write(shard, delivery->partition, key, copy, &copy->object, 0, 0);
        return;
    }
    /* Unsynced: a hint that comes back after a crash is delivered once more. */
    enum storage_status status =
        storage->remove(storage->self, STORAGE_HINTS, delivery->partition, key, DURABILITY_INTERVAL, 0);
    if (status != STORAGE_ERROR) {
        count_change(&shard->hints, &shard->hints.partitions[delivery->partition.value], -1);
        trace_hint(shard, TRACE_HINT_GONE, key, delivery->owner, NULL);
    }
}

/* The owner's answer, once this node's own copy is at hand. */
static void delivery_settle(struct shard *shard, struct hint_delivery *delivery) {
    struct copy copy;
    if (replica_family(shard, delivery->partition) != STORAGE_HINTS) {
        delivery_end(shard, delivery); /* this node holds the partition now: the hint becomes its own data */
        return;
    }
    switch (replica_load(shard, delivery->partition, blob_view(&delivery->key), &copy)) {
    case STORAGE_PENDING:
        delivery->is_answered = true;
        replica_park_delivery(shard, blob_view(&delivery->key), delivery->id);
        return;
    case STORAGE_FOUND:
        if (digest_equal(hash128(copy.record.object_bytes), delivery->digest) || MUTANT(HINT_WITHOUT_DIGEST)) {
            strike_off(shard, delivery, &copy);
        } else {
            shard->hints.retried++; /* it grew since it was sent */
        }
        break;
    case STORAGE_ABSENT: /* another delivery took it along */
    case STORAGE_DAMAGED:
    case STORAGE_ERROR:
        break;
    }
    delivery_end(shard, delivery);
}

static void sweep_on(struct shard *shard);

void hints_on_answer(struct shard *shard, const struct source *source, const struct message_put_answer *answer) {
    struct hint_delivery *delivery = delivery_find(shard, answer->request >> 2);
    if (delivery == NULL) {
        farewell_on_answer(shard, source->lane->peer->member, answer->request >> 2, answer->status);
        return;
    }
    if (delivery->is_answered || !member_index_equal(delivery->owner, source->lane->peer->member)) {
        return;
    }
    if (answer->status == ANSWER_STORED) {
        delivery_settle(shard, delivery);
    } else {
        shard->hints.refused++;
        shard->hints.refused_until[delivery->owner.value] = instant_after_ms(shard_now(shard), HINT_REFUSED_MS);
        delivery_end(shard, delivery);
    }
    sweep_on(shard);
}

void hints_resume(struct shard *shard, uint64_t id) {
    struct hint_delivery *delivery = delivery_find(shard, id);
    if (delivery != NULL) {
        delivery_settle(shard, delivery);
    }
}

void hints_peer_lost(struct shard *shard, struct member_index member) {
    struct list *list = &shard->hints.under_way;
    struct list_node *next;
    for (struct list_node *node = list_first(list); node != NULL; node = next) {
        next = list_next(list, node);
        struct hint_delivery *delivery = CONTAINER_OF(node, struct hint_delivery, under_way);
        if (member_index_equal(delivery->owner, member) && !delivery->is_answered &&
            !peer_still_answers(shard, member, delivery->partition)) {
            delivery_end(shard, delivery);
        }
    }
}

static void give_up_old(struct shard *shard) {
    struct list *list = &shard->hints.under_way;
    struct list_node *node;
    while ((node = list_first(list)) != NULL) {
        struct hint_delivery *delivery = CONTAINER_OF(node, struct hint_delivery, under_way);
        if (delivery->is_answered || shard_now(shard).ns < delivery->sent.ns + HINT_DELIVERY_MS * NS_PER_MS) {
            return;
        }
        delivery_end(shard, delivery);
    }
}

/* ---- the sweep ---- */

static bool is_worth_a_sweep(const struct shard *shard, uint32_t index) {
    const struct hint_partition *at = &shard->hints.partitions[index];
    struct partition partition = {(uint16_t)index};
    const struct member_index *list = ring_preference(shard->ring, partition);
    enum replica_role role = replica_role(shard, partition);
    if (!at->is_counted || (at->may_be_old && shard_all_are_reachable(shard)) ||
        (role == ROLE_HOLDER && at->held > 0)) {
        return true;
    }
    for (uint32_t place = 0; at->held > 0 && place < ring_replica_count(shard->ring); place++) {
        if ((at->wanted >> place & 1) != 0 && may_send_to(shard, list[place], partition)) {
            return true;
        }
    }
    return false;
}

/* The next partition worth it, from the one behind the last; false when there is none. */
static bool choose_partition(struct shard *shard) {
    struct hints *hints = &shard->hints;
    uint32_t partitions = ring_partition_count(shard->ring);
    for (uint32_t step = 1; step <= partitions; step++) {
        uint32_t index = (hints->sweeping + step) % partitions;
        if (is_worth_a_sweep(shard, index)) {
            hints->sweeping = index;
            hints->next_hash = 0;
            hints->found = 0;
            hints->found_wanted = 0;
            hints->found_old = false;
            hints->swept_below = hints->expected;
            hints->changes_before = hints->partitions[index].changes;
            hints->is_midway = true;
            hints->sweeps_left--;
            return true;
        }
    }
    return false;
}

static void sweep_on(struct shard *shard) {
    struct hints *hints = &shard->hints;
    struct storage *storage = &shard->options.storage;
    bool is_idle = hints->uncounted == 0 && hints->held == 0;
    if (hints->is_scanning || is_idle || hints->deliveries.size >= load_share(shard, HINT_DELIVERIES_MOST / 2) ||
        (!hints->is_midway && (hints->sweeps_left == 0 || !choose_partition(shard)))) {
        return;
    }
    struct partition partition = {(uint16_t)hints->sweeping};
    enum storage_status status = storage->scan(storage->self, STORAGE_HINTS, partition, hints->next_hash, UINT64_MAX,
                                               shard->options.scan_records, HINT_SCAN_BYTES, scan_token(SCAN_HINTS, 0));
    hints->is_scanning = status == STORAGE_PENDING;
}

void hints_beat(struct shard *shard) {
    shard->hints.sweeps_left = HINT_SWEEPS_A_BEAT;
    give_up_old(shard);
    sweep_on(shard);
}

static void sweep_ended(struct shard *shard) {
    struct hints *hints = &shard->hints;
    struct hint_partition *at = &hints->partitions[hints->sweeping];
    hints->is_midway = false;
    if (!hints->found_old && hints->swept_below == hints->expected) {
        has_no_old(hints, at); /* however disturbed: an old one that is still here was here all the time */
    }
    if (at->changes != hints->changes_before) {
        return;
    }
    if (!at->is_counted) {
        at->is_counted = true;
        at->held = hints->found;
        hints->held += hints->found;
        hints->uncounted--;
        if (at->held == 0) {
            has_no_old(hints, at);
        }
    }
    at->wanted = hints->found_wanted;
}

static bool is_owner_still(const struct shard *shard, struct partition partition, struct node_id id) {
    struct member_index member;
    return ring_find_member(shard->ring, id, &member) && ring_is_awaited(shard->ring, member) &&
           ring_is_owner(shard->ring, partition, member);
}

/* Those who are no owners any more, or were declared dead, do not get it; then all who are do. */
static bool readdress(struct shard *shard, struct partition partition, struct view key, const struct record *opened,
                      const struct hint_owners *owners) {
    struct storage *storage = &shard->options.storage;
    struct hint_owners now = {0};
    struct object object;
    bool all_are = true;
    for (uint32_t index = 0; index < owners->count; index++) {
        all_are = all_are && is_owner_still(shard, partition, owners->ids[index]);
    }
    if (all_are || MUTANT(HINT_FOR_NOBODY) || !object_decode(opened->object_bytes, &shard->scratch, &object)) {
        return false;
    }
    const struct member_index *list = ring_preference(shard->ring, partition);
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        struct node_id id = ring_member(shard->ring, list[place])->id;
        if (is_owner_still(shard, partition, id)) {
            (void)hint_owners_add(&now, id);
        }
    }
    if (now.count == 0) {
        return false; /* all owners were declared dead: the next ring has others */
    }
    buffer_clear(&shard->record);
    hint_record_encode(&shard->record, &now, &opened->local, &object);
    enum storage_status status = storage->write(storage->self, STORAGE_HINTS, partition, key,
                                                buffer_view(&shard->record), DURABILITY_INTERVAL, 0);
    shard->hints.partitions[partition.value].changes++;
    return status != STORAGE_ERROR;
}

static void sweep_record(struct shard *shard, struct partition partition, const struct storage_scanned *record) {
    struct hint_owners owners;
    struct record opened;
    shard->hints.found++;
    if (record->status != STORAGE_FOUND || !hint_record_decode(record->record, &owners, &opened)) {
        shard->hints.found_old = true;
        return; /* of another build: kept for it, and no fence passes meanwhile */
    }
    if (!flush_leaves_bytes(shard, opened.object_bytes)) {
        /* The flush's own sweep looks through what this node is to hold: it passes over a hint of a partition that is
         * to be this node's own, and may not come to be. (Found by a seed.) One that is being absorbed goes then. */
        shard->hints.found_old = true;
        if (!is_under_way(shard, record->key, shard->self)) {
            struct view key = arena_copy(&shard->scratch, record->key);
            (void)replica_drop_flushed(shard, STORAGE_HINTS, partition, key, record->record);
        }
        return;
    }
    uint64_t label = object_bytes_mark(opened.object_bytes);
    shard->hints.found_old = shard->hints.found_old || label < shard->hints.swept_below;
    fence_hear_label(shard, label);
    enum replica_role role = replica_role(shard, partition);
    if (role != ROLE_FALLBACK) {
        if (role == ROLE_HOLDER && !is_under_way(shard, record->key, shard->self)) {
            absorb(shard, partition, record->key, opened.object_bytes);
        }
        return;
    }
    if (readdress(shard, partition, record->key, &opened, &owners)) {
        shard->hints.found_wanted = UINT8_MAX; /* to be looked at again: what was scanned is not there any more */
        return;
    }
    const struct member_index *list = ring_preference(shard->ring, partition);
    uint8_t wanted = wanted_by(shard, partition, &owners);
    shard->hints.found_wanted |= wanted;
    for (uint32_t place = 0; place < ring_replica_count(shard->ring); place++) {
        bool is_wanted = (wanted >> place & 1) != 0;
        if (is_wanted && may_send_to(shard, list[place], partition) && !is_under_way(shard, record->key, list[place])) {
            deliver(shard, partition, record->key, opened.object_bytes, list[place]);
        }
    }
}

void hints_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                      uint32_t count, bool is_end, uint64_t next_hash) {
    struct hints *hints = &shard->hints;
    struct partition partition = {(uint16_t)hints->sweeping};
    hints->is_scanning = false;
    if (status == STORAGE_ERROR) {
        hints->is_midway = false; /* the store says itself that it failed; the next beat begins anew */
        return;
    }
    for (uint32_t index = 0; index < count; index++) {
        if (records[index].status == STORAGE_DAMAGED) {
            shard->hints.found++;
            replica_discard(shard, STORAGE_HINTS, partition, arena_copy(&shard->scratch, records[index].key));
        } else {
            sweep_record(shard, partition, &records[index]);
        }
    }
    hints->next_hash = next_hash;
    if (is_end) {
        sweep_ended(shard);
    }
    sweep_on(shard);
}
