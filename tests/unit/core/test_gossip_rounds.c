/* How many rounds it takes until all know, from 4 nodes to 500. A round here is a tick of 100 ms, since a node begins
 * one with each tick while there is something new. The first half of an epidemic takes log2(n) rounds, the second ln(n)
 * by push alone and less by push and pull (Pittel, On Spreading a Rumor, 1987; Demers et al. 1987): the bound here is
 * ROUNDS_PER_DIGIT * log2(n) + ROUNDS_MORE, and it holds for each of the seeds. */
#include "gossip_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROUNDS_PER_DIGIT = 2, ROUNDS_MORE = 6, SIZES = 5, SEEDS = 5 };

static const uint32_t sizes[SIZES] = {4, 16, 64, 256, 500};
static struct gossip_world world;

static uint64_t most_ms(uint32_t nodes) {
    uint64_t digits = 32 - (uint64_t)__builtin_clz(nodes - 1); /* log2(n), rounded up */
    return (ROUNDS_PER_DIGIT * digits + ROUNDS_MORE) * GOSSIP_BEAT_MS;
}

/* One of so many changes its record, or knows one more entry of the chain. Returns how long until all knew. */
static uint64_t spread_ms(uint32_t nodes, uint64_t seed, bool is_entry) {
    gossip_world_begin(&world, nodes, seed);
    gossip_world_settle(&world, 100);
    gossip_world_run(&world, 1000);
    uint32_t from = (uint32_t)rng_below(&world.chance, nodes);
    if (is_entry) {
        gossip_world_extend(&world, from);
    } else {
        gossip_world_change(&world, from, 100, 2);
    }
    uint64_t took_ms = gossip_world_spread_ms(&world, from, 60000);
    assert_true(gossip_world_agrees(&world));
    assert_int_equal(world.bytes_of[1], 0); /* without a DIGEST */
    gossip_world_end(&world);
    return took_ms;
}

static void spread_in_logarithmic_time(bool is_entry) {
    for (uint32_t size = 0; size < SIZES; size++) {
        uint64_t worst_ms = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            uint64_t took_ms = spread_ms(sizes[size], seed, is_entry);
            worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        }
        print_message("%3u nodes: all knew after %u ms at worst, of %u\n", sizes[size], (unsigned)worst_ms,
                      (unsigned)most_ms(sizes[size]));
        assert_true(worst_ms <= most_ms(sizes[size]));
    }
}

static void a_record_is_known_to_all_in_logarithmic_time(void **state) {
    (void)state;
    spread_in_logarithmic_time(false);
}

static void an_entry_of_the_chain_is_known_to_all_in_logarithmic_time(void **state) {
    (void)state;
    spread_in_logarithmic_time(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_known_to_all_in_logarithmic_time),
        cmocka_unit_test(an_entry_of_the_chain_is_known_to_all_in_logarithmic_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
