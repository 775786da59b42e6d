/* Section 6.2 of the Dynamo paper (SOSP 2007), figure 8, over again: how evenly three ways to place keys on nodes share
 * the load, for what they cost in metadata, and how much data a join or a leave moves. Strategy 3 is Gramme's ring as
 * it is shipped. Tables in Markdown on stdout; all of it depends on seeds alone. */
#include "placement/figure.h"
#include "placement/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIGURE_8_NODES = 30, PANELS = 4 };

struct settings {
    uint32_t runs; /* of each point, with other tokens and ids */
    size_t keys;
    uint32_t nodes_most;
    uint32_t size_most; /* of Q; of T a sixteenth */
    const char *svg;
};

/* Means over the runs, and the extremes. */
struct tally {
    double sum;
    double least;
    double most;
    uint32_t count;
};

struct result {
    struct tally efficiency[POPULARITY_KINDS];
    struct tally join; /* data moved, over the newcomer's share by weight */
    struct tally leave;
    uint64_t metadata_bytes;
};

static void tally_add(struct tally *tally, double value) {
    tally->least = tally->count == 0 ? value : fmin(tally->least, value);
    tally->most = tally->count == 0 ? value : fmax(tally->most, value);
    tally->sum += value;
    tally->count++;
}

static double mean(const struct tally *tally) {
    return tally->sum / tally->count;
}

/* --- One point --------------------------------------------------------------------------------------------------- */

static struct cluster make_cluster(uint64_t seed, uint32_t nodes, bool mixed) {
    struct cluster cluster = {.seed = seed, .node_count = nodes, .leaver = NOBODY};
    for (uint32_t node = 0; node < NODES_MOST; node++) {
        cluster.weights[node] = mixed ? 1U << node % 3 : 1;
    }
    return cluster;
}

/* Of the weight of all members of `whole`, that of one. */
static double share_of(const struct cluster *whole, uint32_t node) {
    double weight = 0;
    for (uint32_t i = 0; i < whole->node_count; i++) {
        weight += whole->weights[i];
    }
    return whole->weights[node] / weight;
}

static void measure_changes(struct result *result, struct method method, const struct cluster *cluster,
                            const struct assignment *now) {
    struct assignment changed;
    struct cluster joined = *cluster;
    joined.node_count++;
    assignment_init(&changed, method, &joined);
    tally_add(&result->join, measure_moved(now, &changed) / share_of(&joined, cluster->node_count));
    assignment_release(&changed);
    if (cluster->node_count > REPLICAS) {
        struct cluster left = *cluster;
        left.leaver = (int)(cluster->seed % cluster->node_count);
        assignment_init(&changed, method, &left);
        tally_add(&result->leave, measure_moved(now, &changed) / share_of(cluster, (uint32_t)left.leaver));
        assignment_release(&changed);
    }
}

static struct result measure(struct method method, uint32_t nodes, bool mixed, const struct keys *keys,
                             const struct settings *settings) {
    struct result result = {0};
    for (uint64_t seed = 1; seed <= settings->runs; seed++) {
        struct cluster cluster = make_cluster(seed, nodes, mixed);
        struct assignment assignment;
        assignment_init(&assignment, method, &cluster);
        for (int kind = 0; kind < POPULARITY_KINDS; kind++) {
            tally_add(&result.efficiency[kind], measure_efficiency(&assignment, &cluster, keys, (enum popularity)kind));
        }
        measure_changes(&result, method, &cluster, &assignment);
        result.metadata_bytes = method_metadata_bytes(method, &cluster);
        assignment_release(&assignment);
    }
    return result;
}

/* --- Tables ------------------------------------------------------------------------------------------------------ */

static void print_head(const char *title) {
    printf("\n%s\n\n", title);
    printf("| nodes | strategy | efficiency | worst run | even keys | Zipf 0.99 | bytes | join | leave |\n");
    printf("|---|---|---|---|---|---|---|---|---|\n");
}

static void print_row(uint32_t nodes, struct method method, const struct result *result) {
    const struct tally *efficiency = result->efficiency;
    printf("| %u | %d: %s = %u | %.3f | %.3f | %.3f | %.3f | %llu | %.2f (%.2f to %.2f) |", nodes, (int)method.strategy,
           method.strategy == STRATEGY_SHARES ? "Q" : "T", method.size, mean(&efficiency[POPULARITY_PARETO]),
           efficiency[POPULARITY_PARETO].least, mean(&efficiency[POPULARITY_EVEN]), mean(&efficiency[POPULARITY_ZIPF]),
           (unsigned long long)result->metadata_bytes, mean(&result->join), result->join.least, result->join.most);
    if (result->leave.count > 0) {
        printf(" %.2f (%.2f to %.2f) |\n", mean(&result->leave), result->leave.least, result->leave.most);
    } else {
        printf(" |\n");
    }
}

/* --- Panels ------------------------------------------------------------------------------------------------------ */

static const char *const colours[] = {
    [STRATEGY_TOKENS] = "#d55e00", [STRATEGY_RANGES] = "#0072b2", [STRATEGY_SHARES] = "#009e73"};
static const enum marker markers[] = {
    [STRATEGY_TOKENS] = MARKER_CIRCLE, [STRATEGY_RANGES] = MARKER_SQUARE, [STRATEGY_SHARES] = MARKER_TRIANGLE};

struct line {
    const char *name;
    struct method method;
    bool dashed;
};

static const struct line lines[] = {
    {"1: T random tokens, T = 16", {STRATEGY_TOKENS, 16}, true},
    {"1: T random tokens, T = 256", {STRATEGY_TOKENS, 256}, false},
    {"2: tokens, equal ranges, T = 16", {STRATEGY_RANGES, 16}, true},
    {"2: tokens, equal ranges, T = 256", {STRATEGY_RANGES, 256}, false},
    {"3: Q/S partitions each, Q = 1024", {STRATEGY_SHARES, 1024}, true},
    {"3: Q/S partitions each, Q = 16384", {STRATEGY_SHARES, 16384}, false},
};
enum { LINE_COUNT = sizeof(lines) / sizeof(lines[0]) };

static struct series *add_series(struct panel *panel, const struct line *line) {
    struct series *series = &panel->series[panel->series_count++];
    *series = (struct series){.name = line->name,
                              .colour = colours[line->method.strategy],
                              .dashed = line->dashed,
                              .broad = line->method.strategy == STRATEGY_TOKENS,
                              .marker = markers[line->method.strategy]};
    return series;
}

static void add_point(struct series *series, double x, const struct tally *tally) {
    series->points[series->count++] = (struct point){x, mean(tally), tally->least, tally->most};
}

static const struct axis efficiency_axis = {
    .title = "load balancing efficiency",
    .low = 0.4,
    .high = 1,
    .ticks = {{0.4, "0.4"}, {0.5, "0.5"}, {0.6, "0.6"}, {0.7, "0.7"}, {0.8, "0.8"}, {0.9, "0.9"}, {1, "1"}},
    .tick_count = 7};
static const struct axis nodes_axis = {
    .title = "nodes",
    .logarithmic = true,
    .low = 3,
    .high = 200,
    .ticks = {{3, "3"}, {5, "5"}, {10, "10"}, {20, "20"}, {50, "50"}, {100, "100"}, {200, "200"}},
    .tick_count = 7};
static const struct axis bytes_axis = {
    .title = "membership metadata on each node, bytes",
    .logarithmic = true,
    .low = 100,
    .high = 1000000,
    .ticks = {{100, "100"}, {1000, "1 k"}, {10000, "10 k"}, {100000, "100 k"}, {1000000, "1 M"}},
    .tick_count = 5};
static const struct axis moved_axis = {.title = "moved by a join, of its fair share",
                                       .low = 0.5,
                                       .high = 1.5,
                                       .ticks = {{0.5, "0.5"}, {0.75, "0.75"}, {1, "1"}, {1.25, "1.25"}, {1.5, "1.5"}},
                                       .tick_count = 5};

/* Efficiency against metadata, with 30 nodes: the paper's figure. */
static struct panel make_figure_8(const struct keys *keys, const struct settings *settings) {
    struct panel panel = {.title = "Paper's figure 8: 30 nodes, N = 3", .x = bytes_axis, .y = efficiency_axis};
    static const struct line swept[] = {{"1: T random tokens", {STRATEGY_TOKENS, 1}, false},
                                        {"2: tokens, equal ranges", {STRATEGY_RANGES, 1}, false},
                                        {"3: Q/S partitions each", {STRATEGY_SHARES, 64}, false}};
    print_head("**30 nodes of one weight, by the size of the metadata** (the paper's figure 8)");
    for (size_t i = 0; i < sizeof(swept) / sizeof(swept[0]); i++) {
        struct series *series = add_series(&panel, &swept[i]);
        bool tokens = swept[i].method.strategy != STRATEGY_SHARES;
        uint32_t most = tokens ? settings->size_most / 16 : settings->size_most;
        for (uint32_t size = swept[i].method.size; size <= most; size *= tokens ? 4 : 2) {
            struct method method = {swept[i].method.strategy, size};
            struct result result = measure(method, FIGURE_8_NODES, false, keys, settings);
            print_row(FIGURE_8_NODES, method, &result);
            add_point(series, (double)result.metadata_bytes, &result.efficiency[POPULARITY_PARETO]);
        }
    }
    return panel;
}

/* Strategy 2 has the tokens of strategy 1, and moves the same. */
static bool is_moved_shown(const struct line *line) {
    return line->method.strategy != STRATEGY_RANGES;
}

/* Efficiency against the number of nodes; and what a join moves, where that is wanted. */
static void make_by_nodes(struct panel *efficiency, struct panel *moved, bool mixed, const struct keys *keys,
                          const struct settings *settings) {
    static const uint32_t counts[] = {3, 4, 6, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200};
    static const uint32_t shown[] = {3, 6, 10, 30, 100, 200};
    struct series *moves[LINE_COUNT] = {NULL};
    for (size_t i = 0; i < LINE_COUNT; i++) {
        add_series(efficiency, &lines[i]);
        if (moved != NULL && is_moved_shown(&lines[i])) {
            moves[i] = add_series(moved, &lines[i]);
        }
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint32_t nodes = counts[i];
        bool row = false;
        for (size_t j = 0; j < sizeof(shown) / sizeof(shown[0]); j++) {
            row = row || shown[j] == nodes;
        }
        for (size_t j = 0; j < LINE_COUNT && nodes <= settings->nodes_most; j++) {
            if (mixed && nodes < 2 * REPLICAS) {
                continue;
            }
            struct result result = measure(lines[j].method, nodes, mixed, keys, settings);
            if (row) {
                print_row(nodes, lines[j].method, &result);
            }
            add_point(&efficiency->series[j], nodes, &result.efficiency[POPULARITY_PARETO]);
            if (moves[j] != NULL) {
                add_point(moves[j], nodes, &result.join);
            }
        }
    }
}

static bool write_figure(const char *path, const struct panel *panels, size_t count) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return false;
    }
    figure_write(file, "Three ways to place keys on nodes", panels, count);
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (failed) {
        fprintf(stderr, "%s: could not be written\n", path);
    }
    return !failed;
}

static bool read_settings(int argc, char **argv, struct settings *settings) {
    *settings = (struct settings){.runs = 10, .keys = 1000000, .nodes_most = 200, .size_most = 16384};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            settings->runs = 2;
            settings->keys = 5000;
            settings->nodes_most = 6;
            settings->size_most = 256;
        } else if (strcmp(argv[i], "--svg") == 0 && i + 1 < argc) {
            settings->svg = argv[++i];
        } else {
            fprintf(stderr, "usage: placement [--quick] [--svg FILE]\n");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct settings settings;
    if (!read_settings(argc, argv, &settings)) {
        return 2;
    }
    struct keys keys;
    keys_init(&keys, settings.keys);
    struct panel *panels = calloc(PANELS, sizeof(*panels));
    if (panels == NULL) {
        return 1;
    }
    printf("N = %d, %zu keys, means of %u runs. Efficiency is the mean load of a node over the greatest, per unit of "
           "weight; join and leave are the data moved over the fair share of who came or went.\n",
           REPLICAS, keys.count, settings.runs);
    panels[0] = make_figure_8(&keys, &settings);
    panels[1] = (struct panel){.title = "Nodes of one weight", .x = nodes_axis, .y = efficiency_axis};
    panels[2] = (struct panel){.title = "Nodes of weights 1, 2 and 4", .x = nodes_axis, .y = efficiency_axis};
    panels[3] = (struct panel){.title = "Data moved by a join, of ten runs the mean, least and most",
                               .x = nodes_axis,
                               .y = moved_axis,
                               .whiskers = true};
    print_head("**Nodes of one weight**");
    make_by_nodes(&panels[1], &panels[3], false, &keys, &settings);
    print_head("**Nodes of weights 1, 2 and 4**");
    make_by_nodes(&panels[2], NULL, true, &keys, &settings);
    bool written = settings.svg == NULL || write_figure(settings.svg, panels, PANELS);
    free(panels);
    keys_release(&keys);
    return written ? 0 : 1;
}
