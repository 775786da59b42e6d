/* Which shard of a node has a partition: near equal shares of all partitions, and of those that a node owns first,
 * where cluster-aware clients send their requests. The ring deals partitions out in turns, so a shard that is the
 * remainder of the partition's number would get nearly all of them, or none. */
#include "core/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { PARTITIONS = 1024, SHARDS_MOST = 8 };

static struct ring *ring_of(uint32_t members) {
    struct membership log;
    struct ring *ring;
    membership_init(&log);
    for (uint32_t i = 0; i < members; i++) {
        struct membership_event event = {.lamport = i + 1, .kind = MEMBERSHIP_JOIN, .member.weight = 1};
        memset(event.member.id.bytes, (int)(11 + 37 * i), sizeof(event.member.id.bytes));
        event.issuer = event.member.id;
        (void)snprintf(event.member.zone, sizeof(event.member.zone), "zone");
        (void)snprintf(event.member.client_address, sizeof(event.member.client_address), "h%u:1", i);
        (void)snprintf(event.member.peer_address, sizeof(event.member.peer_address), "h%u:2", i);
        assert_int_equal(membership_add(&log, &event), MEMBERSHIP_ADDED);
    }
    struct ring_options options = {.partition_count = PARTITIONS, .replica_count = 3};
    assert_int_equal(ring_new(&log, options, &ring), RING_OK);
    membership_release(&log);
    return ring;
}

static void all_partitions_are_shared_out_evenly(void **state) {
    (void)state;
    for (uint32_t shards = 1; shards <= LIMIT_SHARDS; shards++) {
        uint32_t counts[LIMIT_SHARDS] = {0};
        for (uint32_t index = 0; index < PARTITIONS; index++) {
            uint32_t shard = partition_shard((struct partition){(uint16_t)index}, shards);
            assert_true(shard < shards);
            counts[shard]++;
        }
        for (uint32_t shard = 0; shard < shards; shard++) {
            assert_in_range(counts[shard], PARTITIONS / shards * 7 / 10, PARTITIONS / shards * 13 / 10 + 1);
        }
    }
}

static void so_are_those_that_a_node_owns_first(void **state) {
    (void)state;
    for (uint32_t members = 2; members <= 8; members++) {
        struct ring *ring = ring_of(members);
        for (uint32_t shards = 2; shards <= SHARDS_MOST; shards++) {
            uint32_t counts[8][SHARDS_MOST] = {{0}};
            for (uint32_t index = 0; index < PARTITIONS; index++) {
                struct partition partition = {(uint16_t)index};
                counts[ring_preference(ring, partition)[0].value][partition_shard(partition, shards)]++;
            }
            for (uint16_t member = 0; member < members; member++) {
                uint32_t fair = ring_first_owned_count(ring, (struct member_index){member}) / shards;
                for (uint32_t shard = 0; shard < shards; shard++) {
                    assert_in_range(counts[member][shard], fair / 2, fair * 2);
                }
            }
        }
        ring_free(ring);
    }
}

/* Nodes with different numbers of shards need a link wherever two shards share a partition: few, if both cut the same
 * order into pieces. */
static void shards_of_unequal_nodes_meet_few_others(void **state) {
    (void)state;
    bool meets[6][8] = {{false}};
    uint32_t pairs = 0;
    for (uint32_t index = 0; index < PARTITIONS; index++) {
        struct partition partition = {(uint16_t)index};
        bool *met = &meets[partition_shard(partition, 6)][partition_shard(partition, 8)];
        pairs += *met ? 0 : 1;
        *met = true;
    }
    assert_in_range(pairs, 8, 6 + 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_partitions_are_shared_out_evenly),
        cmocka_unit_test(so_are_those_that_a_node_owns_first),
        cmocka_unit_test(shards_of_unequal_nodes_meet_few_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
