#include "ring_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"

#include <stdio.h>

struct ring *fold(const struct membership *log, uint32_t partitions, uint32_t replicas) {
    struct ring *ring = NULL;
    assert_int_equal(ring_new(log, (struct ring_options){partitions, replicas}, &ring), RING_OK);
    return ring;
}

static uint16_t first_owner(const struct ring *ring, uint32_t partition) {
    return ring_preference(ring, (struct partition){(uint16_t)partition})[0].value;
}

static const char *zone_of(const struct ring *ring, uint16_t member) {
    return ring_member(ring, (struct member_index){member})->zone;
}

/* Members in the order in which a walk clockwise from the partition meets them; then, by id, those it never meets. */
static size_t meet(const struct ring *ring, uint32_t partition, uint16_t *met) {
    bool seen[LIMIT_MEMBERS] = {false};
    size_t count = 0;
    for (uint32_t i = 0; i < ring_partition_count(ring) && count < ring_member_count(ring); i++) {
        uint16_t owner = first_owner(ring, (partition + i) % ring_partition_count(ring));
        if (!seen[owner]) {
            seen[owner] = true;
            met[count++] = owner;
        }
    }
    for (uint16_t i = 0; i < ring_member_count(ring); i++) {
        if (!seen[i]) {
            met[count++] = i;
        }
    }
    return count;
}

static bool zone_is_new(const struct ring *ring, const uint16_t *met, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (strcmp(zone_of(ring, met[i]), zone_of(ring, met[at])) == 0) {
            return false;
        }
    }
    return true;
}

static void check_list(const struct ring *ring, uint32_t partition, size_t zones) {
    uint16_t met[LIMIT_MEMBERS];
    size_t count = meet(ring, partition, met);
    assert_int_equal(count, ring_member_count(ring));
    const struct member_index *list = ring_preference(ring, (struct partition){(uint16_t)partition});
    size_t front = 0;
    size_t back = zones;
    for (size_t i = 0; i < count; i++) {
        size_t at = zone_is_new(ring, met, i) ? front++ : back++;
        assert_int_equal(list[at].value, met[i]);
    }
    assert_int_equal(front, zones);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ring_is_owner(ring, (struct partition){(uint16_t)partition}, list[i]),
                         i < ring_replica_count(ring));
    }
}

static size_t count_zones(const struct ring *ring) {
    uint16_t all[LIMIT_MEMBERS];
    size_t zones = 0;
    for (uint16_t i = 0; i < ring_member_count(ring); i++) {
        all[i] = i;
        zones += zone_is_new(ring, all, i);
    }
    return zones;
}

/* Floor or ceiling of the share, and at most one apart per unit of weight. */
static void check_shares(const struct ring *ring) {
    uint64_t total = 0;
    uint64_t owned[LIMIT_MEMBERS] = {0};
    size_t members = ring_member_count(ring);
    for (uint32_t i = 0; i < ring_partition_count(ring); i++) {
        owned[first_owner(ring, i)]++;
    }
    for (uint16_t i = 0; i < members; i++) {
        total += ring_member(ring, (struct member_index){i})->weight;
        assert_int_equal(ring_first_owned_count(ring, (struct member_index){i}), owned[i]);
    }
    for (uint16_t i = 0; i < members; i++) {
        uint64_t weight = ring_member(ring, (struct member_index){i})->weight;
        uint64_t scaled = ring_partition_count(ring) * weight;
        assert_in_range(owned[i], scaled / total, (scaled + total - 1) / total);
        for (uint16_t j = 0; j < i; j++) {
            uint64_t other = ring_member(ring, (struct member_index){j})->weight;
            uint64_t a = owned[i] * other;
            uint64_t b = owned[j] * weight;
            assert_true((a > b ? a - b : b - a) <= weight * other);
        }
    }
}

static void check_replica_counts(const struct ring *ring) {
    uint64_t sum = 0;
    for (uint16_t i = 0; i < ring_member_count(ring); i++) {
        uint32_t owned = 0;
        for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
            owned += ring_is_owner(ring, (struct partition){(uint16_t)p}, (struct member_index){i});
        }
        assert_int_equal(ring_replica_owned_count(ring, (struct member_index){i}), owned);
        sum += owned;
    }
    assert_int_equal(sum, (uint64_t)ring_partition_count(ring) * ring_replica_count(ring));
}

void check_ring(const struct ring *ring) {
    size_t zones = count_zones(ring);
    assert_int_equal(zones, ring_zone_count(ring));
    for (uint16_t i = 1; i < ring_member_count(ring); i++) {
        assert_true(node_id_compare(ring_member(ring, (struct member_index){(uint16_t)(i - 1)})->id,
                                    ring_member(ring, (struct member_index){i})->id) < 0);
    }
    for (uint32_t i = 0; i < ring_partition_count(ring); i++) {
        check_list(ring, i, zones);
    }
    check_shares(ring);
    check_replica_counts(ring);
    assert_int_equal(ring_zone_violation_count(ring), 0);
}

void check_same(const struct ring *a, const struct ring *b) {
    assert_true(digest_equal(ring_digest(a), ring_digest(b)));
    assert_int_equal(ring_member_count(a), ring_member_count(b));
    assert_int_equal(ring_partition_count(a), ring_partition_count(b));
    for (uint32_t i = 0; i < ring_partition_count(a); i++) {
        struct partition partition = {(uint16_t)i};
        assert_memory_equal(ring_preference(a, partition), ring_preference(b, partition),
                            ring_member_count(a) * sizeof(struct member_index));
        assert_int_equal(ring_placement_mark(a, partition), ring_placement_mark(b, partition));
    }
    for (uint16_t i = 0; i < ring_member_count(a); i++) {
        struct member_index member = {i};
        assert_memory_equal(ring_member(a, member), ring_member(b, member), sizeof(struct member));
    }
}
