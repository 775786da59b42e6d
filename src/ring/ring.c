#include "ring/ring.h"

#include "ring/fold.h"
#include "ring/memory.h"
#include "ring/walk.h"

#include "base/codec.h"
#include "base/limits.h"

#include <stdatomic.h>

struct ring_member_entry {
    struct member member;
    bool is_present;
    bool is_leaving;
    bool is_excused;
    bool is_voter;
    bool is_in_other;
};

struct preferences {
    size_t length;
    uint32_t configured;        /* N: owners, were there as many members */
    uint32_t owners;            /* the first of each list */
    struct member_index *lists; /* `length` for each partition; NULL: there is no such placement */
};

struct ring {
    atomic_uint references;
    size_t member_count;
    size_t present_count;
    size_t zone_count;
    struct ring_member_entry *members;
    struct member_index *by_id; /* of those present */
    struct preferences read;
    struct preferences other;
    uint32_t *first_owned; /* by member, in the placement that reads ask */
    uint32_t *replica_owned;
    uint32_t zone_violations;
    struct digest digest;
    struct fold fold; /* it goes on in a successor */
};

static uint32_t least(uint32_t a, size_t b) {
    return b < a ? (uint32_t)b : a;
}

static bool options_are_legal(struct ring_options options) {
    uint32_t count = options.partition_count;
    return count >= PARTITION_COUNT_LEAST && count <= PARTITION_COUNT_MOST && (count & (count - 1)) == 0 &&
           options.replica_count >= 1 && options.replica_count <= LIMIT_REPLICAS;
}

static struct digest digest_of(const struct membership *log, struct ring_options options) {
    struct buffer text;
    buffer_init(&text);
    write_digest(&text, membership_placement_digest(log));
    write_u32(&text, options.partition_count);
    write_u32(&text, options.replica_count);
    struct digest digest = hash128(buffer_view(&text));
    buffer_release(&text);
    return digest;
}

/* ---- positions ---- */

static struct ring *snapshot_new(const struct fold *fold, size_t positions) {
    struct ring *ring = ZEROED(struct ring, 1);
    atomic_init(&ring->references, 1);
    ring->fold = *fold;
    ring->members = ZEROED(struct ring_member_entry, positions);
    ring->by_id = ZEROED(struct member_index, positions);
    ring->first_owned = ZEROED(uint32_t, positions);
    ring->replica_owned = ZEROED(uint32_t, positions);
    return ring;
}

static struct ring_member_entry *entry_of(const struct ring *ring, struct node_id id) {
    for (size_t i = 0; i < ring->member_count; i++) {
        if (node_id_equal(ring->members[i].member.id, id)) {
            return &ring->members[i];
        }
    }
    return NULL;
}

static void set_present(struct ring *ring, const struct member *member, bool is_leaving) {
    struct ring_member_entry *entry = entry_of(ring, member->id);
    if (entry == NULL) {
        entry = &ring->members[ring->member_count++];
    }
    entry->is_leaving = is_leaving && !entry->is_present;
    entry->is_present = true;
    entry->member = *member;
}

static void set_placement_present(struct ring *ring, const struct placement *placement) {
    for (size_t i = 0; i < placement->member_count; i++) {
        set_present(ring, &placement->seats[placement->by_id[i]].member, false);
    }
}

static void set_voters(struct ring *ring, const struct placement *placement) {
    for (size_t i = 0; i < placement->member_count; i++) {
        struct ring_member_entry *entry = entry_of(ring, placement->seats[placement->by_id[i]].member.id);
        entry->is_voter = !entry->is_excused;
    }
}

static int compare_members(const void *left, const void *right) {
    return node_id_compare(((const struct ring_member_entry *)left)->member.id,
                           ((const struct ring_member_entry *)right)->member.id);
}

static void sort_by_id(struct ring *ring) {
    for (uint16_t i = 0; i < ring->member_count; i++) {
        if (!ring->members[i].is_present) {
            continue;
        }
        size_t at = ring->present_count++;
        while (at > 0 &&
               node_id_compare(ring->members[ring->by_id[at - 1].value].member.id, ring->members[i].member.id) > 0) {
            ring->by_id[at] = ring->by_id[at - 1];
            at--;
        }
        ring->by_id[at] = (struct member_index){i};
    }
}

static void snapshot_members(struct ring *ring, const struct ring *base, const struct fold *fold) {
    bool is_moving = fold->other.member_count > 0;
    for (size_t i = 0; base != NULL && i < base->member_count; i++) {
        ring->members[ring->member_count++].member = base->members[i].member;
    }
    for (size_t i = 0; base != NULL && i < fold->name_count; i++) {
        if (entry_of(ring, fold->names[i]) == NULL) {
            ring->members[ring->member_count++].member.id = fold->names[i];
        }
    }
    set_placement_present(ring, &fold->read);
    if (is_moving) {
        set_placement_present(ring, &fold->other);
    }
    for (size_t i = 0; i < fold->leaving_count; i++) {
        set_present(ring, &fold->leaving[i], true);
    }
    if (base == NULL) {
        qsort(ring->members, ring->member_count, sizeof(*ring->members), compare_members);
    }
    for (size_t i = 0; i < fold->excused_count; i++) {
        struct ring_member_entry *entry = entry_of(ring, fold->excused[i]);
        if (entry != NULL) {
            entry->is_excused = true;
        }
    }
    for (size_t i = 0; is_moving && i < fold->other.member_count; i++) {
        entry_of(ring, fold->other.seats[fold->other.by_id[i]].member.id)->is_in_other = true;
    }
    set_voters(ring, fold->phase == RING_COMMITTED ? &fold->other : &fold->read);
    sort_by_id(ring);
}

/* ---- lists ---- */

static struct preferences preferences_new(const struct ring *ring, const struct placement *placement) {
    struct preferences preferences = {
        .length = placement->member_count,
        .configured = placement->replica_count,
        .owners = least(placement->replica_count, placement->member_count),
        .lists = ZEROED(struct member_index, placement->member_count * ring->fold.options.partition_count),
    };
    uint16_t *index_of_seat = ZEROED(uint16_t, placement->seat_count);
    uint16_t *list = ZEROED(uint16_t, preferences.length);
    struct walk walk;
    for (size_t i = 0; i < placement->member_count; i++) {
        uint16_t seat = placement->by_id[i];
        index_of_seat[seat] = (uint16_t)(entry_of(ring, placement->seats[seat].member.id) - ring->members);
    }
    walk_init(&walk, placement);
    while (walk_back(&walk)) {
        walk_list(&walk, list, preferences.length);
        struct member_index *preference = &preferences.lists[(size_t)walk.partition * preferences.length];
        for (size_t i = 0; i < preferences.length; i++) {
            preference[i].value = index_of_seat[list[i]];
        }
    }
    walk_release(&walk);
    free(list);
    free(index_of_seat);
    return preferences;
}

/* Distinct zones among the owners, counted apart from the walk that should have seen to them. */
static uint32_t count_owner_zones(const struct ring *ring, const struct member_index *owners) {
    uint32_t zones = 0;
    for (uint32_t i = 0; i < ring->read.owners; i++) {
        uint32_t j = 0;
        while (strcmp(ring->members[owners[j].value].member.zone, ring->members[owners[i].value].member.zone) != 0) {
            j++;
        }
        zones += j == i;
    }
    return zones;
}

static void count_owners(struct ring *ring, struct partition partition) {
    const struct member_index *owners = ring_preference(ring, partition);
    ring->first_owned[owners[0].value]++;
    for (uint32_t i = 0; i < ring->read.owners; i++) {
        ring->replica_owned[owners[i].value]++;
    }
    uint32_t possible = least(ring->read.owners, ring->zone_count);
    ring->zone_violations += count_owner_zones(ring, owners) < possible;
}

static void snapshot_fill(struct ring *ring, const struct fold *fold) {
    ring->zone_count = fold->read.zone_count;
    ring->read = preferences_new(ring, &fold->read);
    if (fold->phase == RING_JOINT || fold->phase == RING_COMMITTED) {
        ring->other = preferences_new(ring, &fold->other);
    }
    for (uint32_t i = 0; i < ring->fold.options.partition_count; i++) {
        count_owners(ring, (struct partition){(uint16_t)i});
    }
}

/* ---- legality ---- */

static int compare_addresses(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Of those who will be there: a newcomer may have the address of the one it replaces. */
static bool addresses_are_distinct(const struct placement *placement) {
    size_t count = placement->member_count * 2;
    const char **addresses = ZEROED(const char *, count);
    for (size_t i = 0; i < placement->member_count; i++) {
        const struct member *member = &placement->seats[placement->by_id[i]].member;
        addresses[2 * i] = member->client_address;
        addresses[2 * i + 1] = member->peer_address;
    }
    qsort(addresses, count, sizeof(*addresses), compare_addresses);
    bool distinct = true;
    for (size_t i = 1; i < count; i++) {
        distinct = distinct && strcmp(addresses[i - 1], addresses[i]) != 0;
    }
    free(addresses);
    return distinct;
}

static struct ring *snapshot(const struct ring *base, const struct membership *log, const struct fold *fold) {
    size_t positions = fold->name_count + fold->leaving_count + (base == NULL ? 0 : base->member_count);
    struct ring *ring = snapshot_new(fold, positions);
    ring->digest = digest_of(log, fold->options);
    snapshot_members(ring, base, fold);
    snapshot_fill(ring, fold);
    return ring;
}

/* Takes the fold. */
static enum ring_status follow(const struct ring *base, struct fold fold, const struct membership *log,
                               struct ring **ret_ring) {
    enum ring_status status = fold_on(&fold, log);
    bool is_to_come = fold.phase == RING_JOINT || fold.phase == RING_GATHERING;
    if (status == RING_OK && !addresses_are_distinct(is_to_come ? &fold.other : &fold.read)) {
        status = RING_DUPLICATE_ADDRESS;
    }
    if (status == RING_OK) {
        *ret_ring = snapshot(base, log, &fold);
    } else {
        fold_release(&fold);
    }
    return status;
}

enum ring_status ring_new(const struct membership *log, struct ring_options options, struct ring **ret_ring) {
    struct fold fold;
    if (!options_are_legal(options)) {
        return RING_BAD_OPTIONS;
    }
    fold_init(&fold, options);
    return follow(NULL, fold, log, ret_ring);
}

enum ring_status ring_successor(const struct ring *base, const struct membership *log, struct ring **ret_ring) {
    struct fold fold;
    fold_copy(&fold, &base->fold);
    return follow(base, fold, log, ret_ring);
}

const char *ring_status_text(enum ring_status status) {
    switch (status) {
    case RING_OK:
        return "ok";
    case RING_NO_MEMBERS:
        return "the membership log has no members";
    case RING_BAD_OPTIONS:
        return "the number of partitions must be a power of two from 16 to 16384, and the number of replicas 1 to 7";
    case RING_TOO_MANY_MEMBERS:
        return "more than 1024 members";
    case RING_DUPLICATE_ADDRESS:
        return "two addresses of members are the same";
    }
    return "unknown";
}

struct ring *ring_retain(struct ring *ring) {
    unsigned before = atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);
    ENSURE(before > 0);
    return ring;
}

void ring_free(struct ring *ring) {
    if (ring == NULL) {
        return;
    }
    unsigned before = atomic_fetch_sub_explicit(&ring->references, 1, memory_order_acq_rel);
    ENSURE(before > 0);
    if (before > 1) {
        return;
    }
    free(ring->members);
    free(ring->by_id);
    free(ring->read.lists);
    free(ring->other.lists);
    free(ring->first_owned);
    free(ring->replica_owned);
    fold_release(&ring->fold);
    free(ring);
}

/* --- Questions ------------------------------------------------------------------------------------------------- */

uint64_t ring_version(const struct ring *ring) {
    return ring->fold.version;
}

enum ring_phase ring_phase(const struct ring *ring) {
    return ring->fold.phase;
}

size_t ring_member_count(const struct ring *ring) {
    return ring->member_count;
}

size_t ring_present_count(const struct ring *ring) {
    return ring->present_count;
}

static const struct ring_member_entry *entry_at(const struct ring *ring, struct member_index member) {
    ENSURE(member.value < ring->member_count);
    return &ring->members[member.value];
}

bool ring_is_present(const struct ring *ring, struct member_index member) {
    return entry_at(ring, member)->is_present;
}

bool ring_is_leaving(const struct ring *ring, struct member_index member) {
    return entry_at(ring, member)->is_leaving;
}

bool ring_is_excused(const struct ring *ring, struct member_index member) {
    return entry_at(ring, member)->is_excused;
}

bool ring_is_awaited(const struct ring *ring, struct member_index member) {
    const struct ring_member_entry *entry = entry_at(ring, member);
    return entry->is_present && !entry->is_excused;
}

bool ring_is_in_other(const struct ring *ring, struct member_index member) {
    return entry_at(ring, member)->is_in_other;
}

uint64_t ring_joint(const struct ring *ring) {
    return ring->fold.joint;
}

uint64_t ring_committed(const struct ring *ring) {
    return ring->fold.committed;
}

bool ring_has_moved(const struct ring *ring) {
    return ring->fold.has_moved;
}

bool ring_is_voter(const struct ring *ring, struct member_index member) {
    return entry_at(ring, member)->is_voter;
}

const struct member *ring_member(const struct ring *ring, struct member_index member) {
    return &entry_at(ring, member)->member;
}

struct member_index ring_nth_by_id(const struct ring *ring, size_t nth) {
    ENSURE(nth < ring->present_count);
    return ring->by_id[nth];
}

bool ring_find_member(const struct ring *ring, struct node_id id, struct member_index *ret_member) {
    size_t low = 0;
    size_t high = ring->present_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct member_index at = ring->by_id[middle];
        int order = node_id_compare(ring->members[at.value].member.id, id);
        if (order == 0) {
            *ret_member = at;
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

uint32_t ring_partition_count(const struct ring *ring) {
    return ring->fold.options.partition_count;
}

uint32_t ring_replica_count(const struct ring *ring) {
    return ring->read.owners;
}

uint32_t ring_configured_replica_count(const struct ring *ring) {
    return ring->read.configured;
}

struct ring_options ring_options_at_birth(const struct ring *ring) {
    return ring->fold.options;
}

size_t ring_zone_count(const struct ring *ring) {
    return ring->zone_count;
}

struct partition ring_partition_of_key(const struct ring *ring, struct view key) {
    return partition_of_slot(slot_of_key(key), ring->fold.options.partition_count);
}

const struct member_index *ring_preference(const struct ring *ring, struct partition partition) {
    ENSURE(partition.value < ring->fold.options.partition_count);
    return &ring->read.lists[(size_t)partition.value * ring->read.length];
}

size_t ring_preference_length(const struct ring *ring) {
    return ring->read.length;
}

const struct member_index *ring_other_owners(const struct ring *ring, struct partition partition, uint32_t *ret_count) {
    ENSURE(partition.value < ring->fold.options.partition_count);
    bool moves = ring->fold.other_owners.counts[partition.value] > 0;
    *ret_count = moves ? ring->other.owners : 0;
    return moves ? &ring->other.lists[(size_t)partition.value * ring->other.length] : NULL;
}

static bool list_has(const struct member_index *list, uint32_t count, struct member_index member) {
    for (uint32_t i = 0; i < count; i++) {
        if (member_index_equal(list[i], member)) {
            return true;
        }
    }
    return false;
}

bool ring_is_owner(const struct ring *ring, struct partition partition, struct member_index member) {
    return list_has(ring_preference(ring, partition), ring->read.owners, member);
}

bool ring_is_holder(const struct ring *ring, struct partition partition, struct member_index member) {
    uint32_t count;
    const struct member_index *others = ring_other_owners(ring, partition, &count);
    return ring_is_owner(ring, partition, member) || list_has(others, count, member);
}

uint32_t ring_holders(const struct ring *ring, struct partition partition, struct member_index *ret_holders) {
    uint32_t other_count;
    uint32_t count = ring->read.owners;
    const struct member_index *others = ring_other_owners(ring, partition, &other_count);
    memcpy(ret_holders, ring_preference(ring, partition), count * sizeof(*ret_holders));
    for (uint32_t i = 0; i < other_count; i++) {
        if (!list_has(ret_holders, count, others[i])) {
            ret_holders[count++] = others[i];
        }
    }
    return count;
}

uint64_t ring_placement_mark(const struct ring *ring, struct partition partition) {
    ENSURE(partition.value < ring->fold.options.partition_count);
    return ring->fold.marks[partition.value];
}

struct digest ring_digest(const struct ring *ring) {
    return ring->digest;
}

uint32_t ring_first_owned_count(const struct ring *ring, struct member_index member) {
    ENSURE(member.value < ring->member_count);
    return ring->first_owned[member.value];
}

uint32_t ring_replica_owned_count(const struct ring *ring, struct member_index member) {
    ENSURE(member.value < ring->member_count);
    return ring->replica_owned[member.value];
}

uint32_t ring_zone_violation_count(const struct ring *ring) {
    return ring->zone_violations;
}
