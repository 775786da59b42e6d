#include "load/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "gramme-load: measures a server that speaks RESP.\n"
    "\n"
    "  gramme-load --target HOST:PORT[,HOST:PORT...] --seconds N | --operations N   [options]\n"
    "      --connections 50     connections, spread over the targets\n"
    "      --pipeline 1         operations in flight on each\n"
    "      --keys 100000        different keys, key:000000000000 and on\n"
    "      --in-order           take the keys one after another instead of at random\n"
    "      --value-bytes 64     of each value; 16 at least with --history\n"
    "      --mix set            set, get, or mixed:SHARE with that share of reads (mixed:0.9)\n"
    "      --rate 0             operations a second on a fixed schedule (open loop): latency counts from when an\n"
    "                           operation was due, however late it was sent; 0: each connection sends when its\n"
    "                           answers came (closed loop)\n"
    "      --wait 0             after each SET sends WAIT with so many replicas, and counts the two as one\n"
    "      --pids P1,P2         processes, with their children, whose CPU time is reported per operation\n"
    "      --history FILE       writes down every operation\n"
    "      --seed 1             of keys and value ids\n"
    "      --timeout-ms 5000    an operation without an answer for so long breaks its connection\n"
    "      --give-up-ms 10000   ends the run when no target could be reached for so long\n"
    "      --json               prints one JSON object instead of text\n"
    "\n"
    "  gramme-load --target ... --load-file RECORDS --acked FILE    SETs each record of a file once (pipeline 64\n"
    "      unless told), and writes down the keys that were acknowledged\n"
    "  gramme-load --target ... --verify-file RECORDS --acked FILE  reads each acknowledged record back from each\n"
    "      target, and compares every byte\n"
    "\n"
    "A record is KEY<TAB>LENGTH<LF>, LENGTH bytes, <LF>. Keys are all different and hold no tab or line feed.\n"
    "Exit codes: 0 done, 1 failure, 2 usage, 4 no target reachable, 5 a record is missing or different.\n";

static _Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void refuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "gramme-load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (see --help)\n");
    va_end(arguments);
    exit(EXIT_USAGE);
}

static uint64_t number_option(const char *name, const char *text, uint64_t least, uint64_t most) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || number < least || number > most) {
        refuse("--%s %s: a number from %llu to %llu is needed", name, text, (unsigned long long)least,
               (unsigned long long)most);
    }
    return number;
}

static double fraction_option(const char *name, const char *text, double most) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= 0.0 && number <= most)) {
        refuse("--%s %s: a number from 0 to %g is needed", name, text, most);
    }
    return number;
}

static void add_target(struct options *options, const char *text) {
    if (options->target_count == TARGETS_MOST) {
        refuse("more than %d targets", TARGETS_MOST);
    }
    struct target *target = &options->targets[options->target_count++];
    int written = snprintf(target->name, sizeof target->name, "%s", text);
    char host[sizeof target->name];
    memcpy(host, target->name, sizeof host);
    char *colon = strrchr(host, ':');
    if (colon == NULL || written >= (int)sizeof target->name) {
        refuse("--target %s: HOST:PORT is needed", text);
    }
    *colon = '\0';
    uint64_t port = number_option("target", colon + 1, 1, 65535);
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error != 0) {
        refuse("--target %s: %s", text, gai_strerror(error));
    }
    memcpy(&target->address, found->ai_addr, sizeof target->address);
    target->address.sin_port = htons((uint16_t)port);
    freeaddrinfo(found);
}

static void add_pid(struct options *options, const char *text) {
    if (options->pid_count == PIDS_MOST) {
        refuse("more than %d processes", PIDS_MOST);
    }
    options->pids[options->pid_count++] = (long)number_option("pids", text, 1, 1U << 30);
}

/* Calls `add` for each word of a comma-separated list. */
static void each_word(struct options *options, char *list, void (*add)(struct options *, const char *)) {
    char *rest = NULL;
    for (char *word = strtok_r(list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        add(options, word);
    }
}

static double mix_option(const char *text) {
    if (strcmp(text, "set") == 0) {
        return 0.0;
    }
    if (strcmp(text, "get") == 0) {
        return 1.0;
    }
    if (strncmp(text, "mixed:", 6) != 0) {
        refuse("--mix %s: set, get or mixed:SHARE is needed", text);
    }
    return fraction_option("mix", text + 6, 1.0);
}

static const struct option names[] = {
    {"target", required_argument, NULL, 't'},
    {"connections", required_argument, NULL, 'c'},
    {"pipeline", required_argument, NULL, 'P'},
    {"keys", required_argument, NULL, 'k'},
    {"value-bytes", required_argument, NULL, 'b'},
    {"mix", required_argument, NULL, 'm'},
    {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {"operations", required_argument, NULL, 'n'},
    {"pids", required_argument, NULL, 'p'},
    {"history", required_argument, NULL, 'H'},
    {"wait", required_argument, NULL, 'w'},
    {"json", no_argument, NULL, 'j'},
    {"in-order", no_argument, NULL, 'i'},
    {"seed", required_argument, NULL, 'S'},
    {"timeout-ms", required_argument, NULL, 'T'},
    {"give-up-ms", required_argument, NULL, 'g'},
    {"load-file", required_argument, NULL, 'l'},
    {"verify-file", required_argument, NULL, 'v'},
    {"acked", required_argument, NULL, 'a'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The options that size the load; false for any other. */
static bool read_size(struct options *options, int letter, const char *name) {
    switch (letter) {
    case 'c':
        options->connections = number_option(name, optarg, 1, 20000);
        return true;
    case 'P':
        options->pipeline = number_option(name, optarg, 1, 100000);
        return true;
    case 'k':
        options->keys = number_option(name, optarg, 1, 1000000000000ULL);
        return true;
    case 'b':
        options->value_bytes = number_option(name, optarg, 0, 64U << 20);
        return true;
    case 'r':
        options->rate = number_option(name, optarg, 0, 10000000);
        return true;
    case 's':
        options->seconds = fraction_option(name, optarg, 1e6);
        return true;
    case 'n':
        options->operations = number_option(name, optarg, 1, UINT64_MAX);
        return true;
    case 'w':
        options->wait_replicas = (unsigned)number_option(name, optarg, 0, 100);
        return true;
    case 'S':
        options->seed = number_option(name, optarg, 0, (1U << 24) - 1);
        return true;
    case 'T':
        options->timeout_ms = number_option(name, optarg, 1, 1U << 30);
        return true;
    case 'g':
        options->give_up_ms = number_option(name, optarg, 0, 1U << 30);
        return true;
    default:
        return false;
    }
}

static void read_other(struct options *options, int letter) {
    switch (letter) {
    case 't':
        each_word(options, optarg, add_target);
        return;
    case 'p':
        each_word(options, optarg, add_pid);
        return;
    case 'm':
        options->read_share = mix_option(optarg);
        return;
    case 'H':
        options->history_path = optarg;
        return;
    case 'l':
        options->load_path = optarg;
        return;
    case 'v':
        options->verify_path = optarg;
        return;
    case 'a':
        options->acked_path = optarg;
        return;
    case 'j':
        options->json = true;
        return;
    case 'i':
        options->in_order = true;
        return;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        refuse("a wrong option");
    }
}

static void check(struct options *options) {
    bool is_file = options->load_path != NULL || options->verify_path != NULL;
    if (options->target_count == 0) {
        refuse("--target is needed");
    }
    if (options->load_path != NULL && options->verify_path != NULL) {
        refuse("--load-file and --verify-file are two runs");
    }
    if (is_file != (options->acked_path != NULL)) {
        refuse("--acked goes with --load-file or --verify-file, and they with it");
    }
    if (!is_file && options->seconds == 0.0 && options->operations == 0) {
        refuse("--seconds or --operations is needed");
    }
    if (options->history_path != NULL && options->value_bytes < 16) {
        refuse("--history needs values of 16 bytes at least: they carry their id");
    }
    if (options->pipeline == 0) {
        options->pipeline = is_file ? 64 : 1;
    }
    if (options->connections == 0) {
        options->connections = is_file ? 4 : 50;
    }
}

void options_read(struct options *ret_options, int argc, char **argv) {
    *ret_options =
        (struct options){.keys = 100000, .value_bytes = 64, .seed = 1, .timeout_ms = 5000, .give_up_ms = 10000};
    int place = 0;
    for (;;) {
        int letter = getopt_long(argc, argv, "", names, &place);
        if (letter < 0) {
            break;
        }
        if (letter == '?') {
            refuse("a wrong option");
        }
        if (!read_size(ret_options, letter, names[place].name)) {
            read_other(ret_options, letter);
        }
    }
    if (optind < argc) {
        refuse("%s: what is that", argv[optind]);
    }
    check(ret_options);
}

struct engine_settings options_settings(const struct options *options) {
    return (struct engine_settings){
        .targets = options->targets,
        .target_count = options->target_count,
        .connections = options->connections,
        .pipeline = options->pipeline,
        .in_batches = options->rate == 0,
        .wait_replicas = options->wait_replicas,
        .timeout_ns = options->timeout_ms * 1000000ULL,
        .drain_ns = options->timeout_ms * 1000000ULL,
        .give_up_ns = options->give_up_ms * 1000000ULL,
    };
}
