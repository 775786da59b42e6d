/* gramme-sim: the whole cluster in one process and in virtual time. */
#include "sim/campaign.h"
#include "sim/run.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_VIOLATION = 5 };

static const char *const usage_text =
    "usage: gramme-sim --seed N [options]          one seed; its last line is `seed N trace HASH ok` or `... FAILED`\n"
    "       gramme-sim --seeds COUNT [options]     seeds FROM, FROM+1, ..., several at once\n"
    "       gramme-sim --for T [options]           seeds for so long, as 90s, 10m or 1h of real time\n"
    "       gramme-sim --list-mutants\n"
    "       gramme-sim-mutant --kill-mutants       every planted bug must be found (test build only)\n"
    "\n"
    "  --nodes N        3 to 16; drawn from the seed unless given\n"
    "  --shards N       per node, 1 to 4; drawn from the seed unless given\n"
    "  --clients N      default 8\n"
    "  --rate N         operations per simulated second, all clients together; default 100\n"
    "  --time T         of the safety phase, as 90s, 10m or 1h; default 1m\n"
    "  --no-faults      a quiet network and no crash\n"
    "  --trace FILE     a readable trace; - is the standard output\n"
    "  --mutant NAME    plant a bug (gramme-sim-mutant only)\n"
    "  --from N         first of --seeds; default 1\n"
    "  --jobs N         processes at once; default: one per core\n"
    "  --keep-going     do not stop at the first failure\n"
    "  --budget S       seconds per mutant; default 60\n"
    "\n"
    "exit status: 0 all held; 2 usage; 5 a promise was broken; 130 interrupted, and all held until then\n";

static int usage_error(const char *what, const char *value) {
    fprintf(stderr, "gramme-sim: %s%s%s\n%s", what, value == NULL ? "" : ": ", value == NULL ? "" : value, usage_text);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, uint64_t *ret) {
    return view_to_uint64(view_of_string(text), ret);
}

/* "90s", "10m", "1h". */
static bool parse_time(const char *text, uint64_t *ret_ns) {
    size_t size = strlen(text);
    uint64_t number;
    uint64_t unit_ns = 0;
    if (size < 2 || !view_to_uint64(view_of(text, size - 1), &number)) {
        return false;
    }
    switch (text[size - 1]) {
    case 's':
        unit_ns = UINT64_C(1000000000);
        break;
    case 'm':
        unit_ns = UINT64_C(60000000000);
        break;
    case 'h':
        unit_ns = UINT64_C(3600000000000);
        break;
    default:
        return false;
    }
    *ret_ns = number * unit_ns;
    return number > 0 && number < 100000;
}

enum option_code {
    OPTION_SEED = 256,
    OPTION_SEEDS,
    OPTION_FOR,
    OPTION_FROM,
    OPTION_JOBS,
    OPTION_NODES,
    OPTION_SHARDS,
    OPTION_CLIENTS,
    OPTION_RATE,
    OPTION_TIME,
    OPTION_NO_FAULTS,
    OPTION_TRACE,
    OPTION_MUTANT,
    OPTION_LIST,
    OPTION_KILL,
    OPTION_BUDGET,
    OPTION_KEEP_GOING,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"for", required_argument, NULL, OPTION_FOR},
    {"from", required_argument, NULL, OPTION_FROM},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"nodes", required_argument, NULL, OPTION_NODES},
    {"shards", required_argument, NULL, OPTION_SHARDS},
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"time", required_argument, NULL, OPTION_TIME},
    {"no-faults", no_argument, NULL, OPTION_NO_FAULTS},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"mutant", required_argument, NULL, OPTION_MUTANT},
    {"list-mutants", no_argument, NULL, OPTION_LIST},
    {"kill-mutants", no_argument, NULL, OPTION_KILL},
    {"budget", required_argument, NULL, OPTION_BUDGET},
    {"keep-going", no_argument, NULL, OPTION_KEEP_GOING},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

struct command {
    struct campaign_options campaign;
    bool has_seed;
    bool has_seeds;
    bool lists;
    bool kills;
    bool helps;
};

/* NULL, or what is wrong. */
static const char *take_number_option(struct command *command, int option, uint64_t number) {
    struct run_options *run = &command->campaign.run;
    switch (option) {
    case OPTION_SEED:
        run->seed = number;
        command->has_seed = true;
        return NULL;
    case OPTION_SEEDS:
        command->campaign.count = number;
        command->has_seeds = true;
        return number > 0 ? NULL : "--seeds wants at least one";
    case OPTION_FROM:
        command->campaign.from = number;
        return NULL;
    case OPTION_JOBS:
        command->campaign.jobs = (uint32_t)number;
        return number >= 1 && number <= 256 ? NULL : "--jobs wants 1 to 256";
    case OPTION_NODES:
        run->node_count = (uint32_t)number;
        return number >= 3 && number <= 16 ? NULL : "--nodes wants 3 to 16";
    case OPTION_SHARDS:
        run->shard_count = (uint32_t)number;
        return number >= 1 && number <= 4 ? NULL : "--shards wants 1 to 4";
    case OPTION_CLIENTS:
        run->client_count = (uint32_t)number;
        return number >= 1 && number <= 1000 ? NULL : "--clients wants 1 to 1000";
    case OPTION_BUDGET:
        command->campaign.budget_s = (uint32_t)number;
        return number >= 1 && number <= 86400 ? NULL : "--budget wants 1 to 86400 seconds";
    default:
        run->operations_per_s = number;
        return number >= 1 && number <= 1000000 ? NULL : "--rate wants 1 to 1000000";
    }
}

/* NULL, or what is wrong. */
static const char *take_option(struct command *command, int option, const char *value) {
    struct run_options *run = &command->campaign.run;
    uint64_t number;
    switch (option) {
    case OPTION_TIME:
        return parse_time(value, &run->time_ns) ? NULL : "--time wants a number with s, m or h";
    case OPTION_FOR:
        if (!parse_time(value, &number)) {
            return "--for wants a number with s, m or h";
        }
        command->campaign.for_s = number / 1000000000;
        command->has_seeds = true;
        return NULL;
    case OPTION_NO_FAULTS:
        run->is_quiet_network = true;
        return NULL;
    case OPTION_TRACE:
        run->trace_path = value;
        return NULL;
    case OPTION_MUTANT:
#ifdef GRAMME_MUTANTS
        return mutant_find(value, &run->mutant) ? NULL : "no such mutant; --list-mutants names them";
#else
        return "this build has no mutants: use gramme-sim-mutant";
#endif
    case OPTION_LIST:
        command->lists = true;
        return NULL;
    case OPTION_KILL:
        command->kills = true;
        return NULL;
    case OPTION_KEEP_GOING:
        command->campaign.keeps_going = true;
        return NULL;
    case OPTION_HELP:
        command->helps = true;
        return NULL;
    case '?':
        return "unknown option, or a value is missing";
    default:
        return parse_number(value, &number) ? take_number_option(command, option, number) : "not a number";
    }
}

static int run_one(const struct run_options *options) {
    struct run_result result;
    run_seed(options, &result);
    campaign_print_result(options, &result);
    return result.passed ? EXIT_SUCCESS : EXIT_VIOLATION;
}

static int list_mutants(void) {
    for (int mutant = 1; mutant < MUTANT_COUNT; mutant++) {
        printf("%-24s %s\n", mutant_name((enum mutant)mutant), mutant_summary((enum mutant)mutant));
    }
    return EXIT_SUCCESS;
}

int main(int count, char **arguments) {
    struct command command = {
        .campaign = {.from = 1,
                     .jobs = 0,
                     .count = UINT64_MAX,
                     .budget_s = 60,
                     .program = arguments[0],
                     .run = {.client_count = 8, .operations_per_s = 100, .time_ns = UINT64_C(60000000000)}}};
    int option;
    opterr = 0;
    while ((option = getopt_long(count, arguments, "", long_options, NULL)) != -1) {
        const char *error = take_option(&command, option, optarg);
        if (error != NULL) {
            return usage_error(error, option == '?' ? arguments[optind - 1] : optarg);
        }
    }
    if (optind < count) {
        return usage_error("unexpected argument", arguments[optind]);
    }
    if (command.helps) {
        fputs(usage_text, stdout);
        return EXIT_SUCCESS;
    }
    if (command.lists) {
        return list_mutants();
    }
    if (command.kills) {
        return campaign_kill_mutants(&command.campaign);
    }
    if (command.has_seeds) {
        return campaign_run(&command.campaign);
    }
    return command.has_seed ? run_one(&command.campaign.run) : usage_error("say --seed, --seeds or --for", NULL);
}
