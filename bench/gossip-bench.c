/* What gossip costs, and how long it takes, in virtual time: the machines of core/gossip.h in the world that their
 * tests play. Bytes are whole frames, of all that a node sends.
 *
 * Usage: gossip-bench [SEEDS [PAYLOAD_BYTES]]   (20 and 200, unless told) */
#include "gossip_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZES = 5, WATCHED_MS = 10000 };

struct figures {
    double steady; /* bytes per node and second, nothing changing */
    double rounds, rounds_worst;
    double bytes;         /* per node, beyond those */
    double bytes_digests; /* of them */
    double entry_rounds, entry_rounds_worst;
    double entry_bytes;
    double cold_ms, cold_bytes; /* all start in one moment, and know nobody's record */
};

static struct gossip_world world;

static double per_node(uint64_t bytes) {
    return (double)bytes / world.node_count;
}

/* What became of one change: rounds until all knew, and bytes per node beyond the steady ones. */
static double watch(double steady, double *worst, double *ret_bytes) {
    double rounds = (double)gossip_world_spread_ms(&world, 0, WATCHED_MS) / GOSSIP_BEAT_MS;
    gossip_world_run(&world, WATCHED_MS - (uint64_t)(rounds * GOSSIP_BEAT_MS));
    *worst = rounds > *worst ? rounds : *worst;
    *ret_bytes += per_node(world.bytes) - steady * WATCHED_MS / 1000;
    return rounds;
}

static void measure_seed(uint32_t nodes, uint64_t seed, uint32_t payload_bytes, struct figures *sum) {
    gossip_world_begin(&world, nodes, seed);
    gossip_world_settle(&world, payload_bytes);
    gossip_world_run(&world, WATCHED_MS);
    double steady = per_node(world.bytes) * 1000 / WATCHED_MS;
    sum->steady += steady;
    gossip_world_forget_bytes(&world);
    gossip_world_change(&world, 0, payload_bytes, 2);
    sum->rounds += watch(steady, &sum->rounds_worst, &sum->bytes);
    sum->bytes_digests += per_node(world.bytes_of[1]);
    gossip_world_forget_bytes(&world);
    gossip_world_extend(&world, 0);
    sum->entry_rounds += watch(steady, &sum->entry_rounds_worst, &sum->entry_bytes);
    gossip_world_end(&world);

    gossip_world_begin(&world, nodes, seed);
    uint64_t begun_ms = world.now_ms;
    for (uint32_t index = 0; index < nodes; index++) {
        gossip_world_change(&world, index, payload_bytes, 1);
    }
    while (!gossip_world_agrees(&world)) {
        gossip_world_step(&world);
    }
    sum->cold_ms += (double)(world.now_ms - begun_ms);
    sum->cold_bytes += per_node(world.bytes);
    gossip_world_end(&world);
}

int main(int argc, char **argv) {
    static const uint32_t sizes[SIZES] = {4, 16, 64, 256, 500};
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
    uint64_t payload_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
    if (argc > 3 || seeds == 0 || payload_bytes > GOSSIP_PAYLOAD_BYTES_MOST) {
        fprintf(stderr, "usage: gossip-bench [SEEDS [PAYLOAD_BYTES]]\n");
        return 2;
    }
    printf("%d ms between rounds, %d ms after something new; records of %d bytes, entries of 300; %d seeds\n\n",
           GOSSIP_ROUND_MS, GOSSIP_BEAT_MS, (int)payload_bytes, (int)seeds);
    printf("      | steady    | one record changes                | one entry of the chain   | all start at once\n");
    printf("nodes | B/(node s)| rounds  worst  B/node  of DIGESTs | rounds  worst  B/node    | ms      KB/node\n");
    printf("------|-----------|-----------------------------------|--------------------------|------------------\n");
    for (uint32_t size = 0; size < SIZES; size++) {
        struct figures sum = {0};
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            measure_seed(sizes[size], seed, (uint32_t)payload_bytes, &sum);
        }
        double count = (double)seeds;
        printf("%5u | %9.0f | %6.1f %6.1f %7.0f %11.0f | %6.1f %6.1f %7.0f    | %6.0f %8.1f\n", sizes[size],
               sum.steady / count, sum.rounds / count, sum.rounds_worst, sum.bytes / count, sum.bytes_digests / count,
               sum.entry_rounds / count, sum.entry_rounds_worst, sum.entry_bytes / count, sum.cold_ms / count,
               sum.cold_bytes / count / 1000);
        fflush(stdout);
    }
    return 0;
}
