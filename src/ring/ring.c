#include "ring/ring.h"

#include "ring/memory.h"
#include "ring/placement.h"
#include "ring/walk.h"

#include "base/codec.h"
#include "base/limits.h"

#include <stdatomic.h>

struct ring {
    atomic_uint references;
    struct ring_options options;
    size_t member_count;
    size_t zone_count;
    struct member *members;           /* sorted by id */
    struct member_index *preferences; /* member_count for each partition */
    uint64_t *marks;                  /* per partition */
    uint32_t *first_owned;            /* per member */
    uint32_t *replica_owned;          /* per member */
    uint32_t zone_violations;
    struct digest digest;
};

static uint32_t least(uint32_t a, size_t b) {
    return b < a ? (uint32_t)b : a;
}

/* --- Folding --------------------------------------------------------------------------------------------------- */

struct fold {
    struct placement placement;
    uint32_t owner_count; /* entries of each list of owners: min(N, members) */
    uint16_t *lists;      /* N seats for each partition, as of the last event */
    uint64_t *marks;
};

static void fold_init(struct fold *fold, struct ring_options options, const struct membership *log) {
    size_t joins = 0;
    for (size_t i = 0; i < log->count; i++) {
        joins += log->events[i].kind == MEMBERSHIP_JOIN;
    }
    size_t seats = joins < LIMIT_MEMBERS ? joins : LIMIT_MEMBERS;
    placement_init(&fold->placement, options.partition_count, options.replica_count, seats);
    fold->owner_count = 0;
    fold->lists = ZEROED(uint16_t, (size_t)options.partition_count * options.replica_count);
    fold->marks = ZEROED(uint64_t, options.partition_count);
}

static void fold_release(struct fold *fold) {
    placement_release(&fold->placement);
    free(fold->lists);
    free(fold->marks);
}

static void fold_mark(struct fold *fold, uint64_t lamport) {
    const struct placement *placement = &fold->placement;
    uint32_t before = fold->owner_count;
    fold->owner_count = least(placement->replica_count, placement->member_count);
    if (fold->owner_count == 0) {
        return;
    }
    uint16_t now[LIMIT_REPLICAS];
    struct walk walk;
    walk_init(&walk, placement);
    while (walk_back(&walk)) {
        uint16_t *list = &fold->lists[(size_t)walk.partition * placement->replica_count];
        walk_list(&walk, now, fold->owner_count);
        if (before != fold->owner_count || memcmp(list, now, fold->owner_count * sizeof(*list)) != 0) {
            memcpy(list, now, fold->owner_count * sizeof(*list));
            fold->marks[walk.partition] = lamport;
        }
    }
    walk_release(&walk);
}

/* The number of members is checked where a seat is wanted: the order of events decides who came too late, so all who
 * hold the log agree that it is not a legal one. */
static enum ring_status fold_log(struct fold *fold, const struct membership *log) {
    for (size_t i = 0; i < log->count; i++) {
        if (!placement_apply(&fold->placement, &log->events[i])) {
            return RING_TOO_MANY_MEMBERS;
        }
        fold_mark(fold, log->events[i].lamport);
    }
    return fold->placement.member_count == 0 ? RING_NO_MEMBERS : RING_OK;
}

/* --- The snapshot ---------------------------------------------------------------------------------------------- */

static bool options_are_legal(struct ring_options options) {
    uint32_t count = options.partition_count;
    return count >= PARTITION_COUNT_LEAST && count <= PARTITION_COUNT_MOST && (count & (count - 1)) == 0 &&
           options.replica_count >= 1 && options.replica_count <= LIMIT_REPLICAS;
}

static int compare_addresses(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool addresses_are_distinct(const struct ring *ring) {
    const char **addresses = ZEROED(const char *, ring->member_count * 2);
    for (size_t i = 0; i < ring->member_count; i++) {
        addresses[2 * i] = ring->members[i].client_address;
        addresses[2 * i + 1] = ring->members[i].peer_address;
    }
    qsort(addresses, ring->member_count * 2, sizeof(*addresses), compare_addresses);
    bool distinct = true;
    for (size_t i = 1; i < ring->member_count * 2; i++) {
        distinct = distinct && strcmp(addresses[i - 1], addresses[i]) != 0;
    }
    free(addresses);
    return distinct;
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

static struct ring *snapshot_new(struct fold *fold, struct ring_options options) {
    size_t members = fold->placement.member_count;
    struct ring *ring = ZEROED(struct ring, 1);
    atomic_init(&ring->references, 1);
    ring->options = options;
    ring->member_count = members;
    ring->zone_count = fold->placement.zone_count;
    ring->members = ZEROED(struct member, members);
    ring->preferences = ZEROED(struct member_index, members * options.partition_count);
    ring->first_owned = ZEROED(uint32_t, members);
    ring->replica_owned = ZEROED(uint32_t, members);
    ring->marks = fold->marks;
    fold->marks = NULL;
    for (size_t i = 0; i < members; i++) {
        ring->members[i] = fold->placement.seats[fold->placement.by_id[i]].member;
    }
    return ring;
}

/* Distinct zones among the owners, counted apart from the walk that should have seen to them. */
static uint32_t count_owner_zones(const struct ring *ring, const struct member_index *owners) {
    uint32_t zones = 0;
    for (uint32_t i = 0; i < ring_replica_count(ring); i++) {
        uint32_t j = 0;
        while (strcmp(ring->members[owners[j].value].zone, ring->members[owners[i].value].zone) != 0) {
            j++;
        }
        zones += j == i;
    }
    return zones;
}

static void snapshot_count_owners(struct ring *ring, struct partition partition) {
    const struct member_index *owners = ring_preference(ring, partition);
    ring->first_owned[owners[0].value]++;
    for (uint32_t i = 0; i < ring_replica_count(ring); i++) {
        ring->replica_owned[owners[i].value]++;
    }
    uint32_t possible = least(ring->options.replica_count, ring->zone_count);
    ring->zone_violations += count_owner_zones(ring, owners) < possible;
}

static void snapshot_fill(struct ring *ring, const struct placement *placement) {
    uint16_t *index_of_seat = ZEROED(uint16_t, placement->seat_count);
    for (size_t i = 0; i < ring->member_count; i++) {
        index_of_seat[placement->by_id[i]] = (uint16_t)i;
    }
    uint16_t *list = ZEROED(uint16_t, ring->member_count);
    struct walk walk;
    walk_init(&walk, placement);
    while (walk_back(&walk)) {
        walk_list(&walk, list, ring->member_count);
        struct member_index *preference = &ring->preferences[(size_t)walk.partition * ring->member_count];
        for (size_t i = 0; i < ring->member_count; i++) {
            preference[i].value = index_of_seat[list[i]];
        }
        snapshot_count_owners(ring, (struct partition){(uint16_t)walk.partition});
    }
    walk_release(&walk);
    free(list);
    free(index_of_seat);
}

enum ring_status ring_new(const struct membership *log, struct ring_options options, struct ring **ret_ring) {
    if (!options_are_legal(options)) {
        return RING_BAD_OPTIONS;
    }
    struct fold fold;
    fold_init(&fold, options, log);
    enum ring_status status = fold_log(&fold, log);
    if (status != RING_OK) {
        fold_release(&fold);
        return status;
    }
    struct ring *ring = snapshot_new(&fold, options);
    if (addresses_are_distinct(ring)) {
        ring->digest = digest_of(log, options);
        snapshot_fill(ring, &fold.placement);
        *ret_ring = ring;
    } else {
        ring_free(ring);
        status = RING_DUPLICATE_ADDRESS;
    }
    fold_release(&fold);
    return status;
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
    free(ring->preferences);
    free(ring->marks);
    free(ring->first_owned);
    free(ring->replica_owned);
    free(ring);
}

/* --- Questions ------------------------------------------------------------------------------------------------- */

size_t ring_member_count(const struct ring *ring) {
    return ring->member_count;
}

const struct member *ring_member(const struct ring *ring, struct member_index member) {
    ENSURE(member.value < ring->member_count);
    return &ring->members[member.value];
}

bool ring_find_member(const struct ring *ring, struct node_id id, struct member_index *ret_member) {
    size_t low = 0;
    size_t high = ring->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = node_id_compare(ring->members[middle].id, id);
        if (order == 0) {
            *ret_member = (struct member_index){(uint16_t)middle};
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
    return ring->options.partition_count;
}

uint32_t ring_replica_count(const struct ring *ring) {
    return least(ring->options.replica_count, ring->member_count);
}

uint32_t ring_configured_replica_count(const struct ring *ring) {
    return ring->options.replica_count;
}

size_t ring_zone_count(const struct ring *ring) {
    return ring->zone_count;
}

struct partition ring_partition_of_key(const struct ring *ring, struct view key) {
    return partition_of_slot(slot_of_key(key), ring->options.partition_count);
}

const struct member_index *ring_preference(const struct ring *ring, struct partition partition) {
    ENSURE(partition.value < ring->options.partition_count);
    return &ring->preferences[(size_t)partition.value * ring->member_count];
}

bool ring_is_owner(const struct ring *ring, struct partition partition, struct member_index member) {
    const struct member_index *owners = ring_preference(ring, partition);
    uint32_t count = ring_replica_count(ring);
    for (uint32_t i = 0; i < count; i++) {
        if (member_index_equal(owners[i], member)) {
            return true;
        }
    }
    return false;
}

uint64_t ring_placement_mark(const struct ring *ring, struct partition partition) {
    ENSURE(partition.value < ring->options.partition_count);
    return ring->marks[partition.value];
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
