#include "load/workload.h"

#include "base/histogram.h"
#include "load/cpu.h"
#include "load/history.h"
#include "load/report.h"
#include "load/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The state of one run. Operation number n of an open loop is due at start_ns + n / rate. */
struct workload {
    const struct options *options;
    struct results results;
    FILE *history;
    char *value;
    uint64_t random;
    uint64_t read_threshold; /* a random 32-bit number below it makes a read */
    uint64_t issued;
    uint64_t start_ns;
    uint64_t stop_ns;
};

static uint64_t due_ns(const struct workload *workload, uint64_t number) {
    uint64_t rate = workload->options->rate;
    return workload->start_ns + number / rate * 1000000000ULL + number % rate * 1000000000ULL / rate;
}

static bool is_over(const struct workload *workload, uint64_t at_ns) {
    const struct options *options = workload->options;
    return (options->operations > 0 && workload->issued >= options->operations) ||
           (options->seconds > 0.0 && at_ns >= workload->stop_ns);
}

static void write_command(struct workload *workload, const struct operation *operation, struct octets *output) {
    char key[KEY_BYTES];
    key_write(key, operation->key);
    if (operation->command == COMMAND_GET) {
        octets_append_command(output, 2);
        octets_append_bulk(output, "GET", 3);
        octets_append_bulk(output, key, KEY_BYTES);
        return;
    }
    size_t value_bytes = workload->options->value_bytes;
    value_write(workload->value, value_bytes, operation->value_id);
    octets_append_command(output, 3);
    octets_append_bulk(output, "SET", 3);
    octets_append_bulk(output, key, KEY_BYTES);
    octets_append_bulk(output, workload->value, value_bytes);
}

static enum next_kind workload_next(void *context, uint64_t now_ns, struct operation *ret_operation,
                                    struct octets *output, uint64_t *ret_later_ns) {
    struct workload *workload = context;
    const struct options *options = workload->options;
    uint64_t intended_ns = options->rate == 0 ? now_ns : due_ns(workload, workload->issued);
    /* The clock ends the run too: a schedule that is behind would else go on for as long as it is behind. */
    if (is_over(workload, intended_ns) || (options->seconds > 0.0 && now_ns >= workload->stop_ns)) {
        return NEXT_NEVER;
    }
    if (intended_ns > now_ns) {
        *ret_later_ns = intended_ns;
        return NEXT_LATER;
    }
    uint64_t draw = random_next(&workload->random);
    ret_operation->intended_ns = intended_ns;
    ret_operation->command = (draw & 0xffffffffULL) < workload->read_threshold ? COMMAND_GET : COMMAND_SET;
    ret_operation->key = (options->in_order ? workload->issued : draw >> 32) % options->keys;
    ret_operation->value_id = options->seed << 40 | workload->issued;
    write_command(workload, ret_operation, output);
    workload->issued++;
    histogram_record(&workload->results.lateness_ns, now_ns - intended_ns);
    return NEXT_COMMAND;
}

/* The id that the history shows: of the value written, or of the one read. */
static void note(struct workload *workload, const struct operation *operation, const struct reply *reply,
                 uint64_t end_ns, const char *outcome) {
    if (workload->history == NULL) {
        return;
    }
    char name[VALUE_ID_BYTES + 1] = "-";
    uint64_t id = operation->value_id;
    bool has_id = operation->command == COMMAND_SET;
    if (!has_id && reply != NULL && reply->type == REPLY_BULK) {
        has_id = value_read(reply->bytes, reply->byte_count, &id) == 0;
        name[0] = '?';
    }
    if (has_id) {
        snprintf(name, sizeof name, "%016" PRIx64, id);
    }
    history_write(workload->history, operation, end_ns, name, outcome);
}

static void workload_answered(void *context, const struct operation *operation, const struct reply *reply,
                              uint64_t now_ns) {
    struct workload *workload = context;
    struct results *results = &workload->results;
    if (operation->failure[0] != '\0') {
        tally_add(&results->failures, operation->failure);
        note(workload, operation, NULL, now_ns, operation->failure);
        return;
    }
    results->misses += reply->type == REPLY_NULL;
    histogram_record(&results->latency_ns, now_ns - operation->intended_ns);
    note(workload, operation, reply, now_ns, "ok");
}

static void workload_lost(void *context, const struct operation *operation, uint64_t now_ns) {
    struct workload *workload = context;
    tally_add(&workload->results.failures, "LOST");
    note(workload, operation, NULL, now_ns, "LOST");
}

/*
 * A schedule that the server could not keep up with leaves operations that were due and never sent. Leaving them out
 * would be the omission that a schedule is there to prevent, so they count with the time that they had waited.
 */
static void count_unsent(struct workload *workload, uint64_t end_ns) {
    const struct options *options = workload->options;
    if (options->rate == 0) {
        return;
    }
    uint64_t stop_ns = options->seconds > 0.0 ? workload->stop_ns : end_ns;
    for (uint64_t number = workload->issued; options->operations == 0 || number < options->operations; number++) {
        uint64_t intended_ns = due_ns(workload, number);
        if (intended_ns >= stop_ns) {
            break;
        }
        histogram_record(&workload->results.latency_ns, stop_ns - intended_ns);
        workload->results.unsent++;
    }
}

static void workload_init(struct workload *workload, const struct options *options) {
    *workload = (struct workload){.options = options, .random = options->seed};
    histogram_init(&workload->results.latency_ns);
    histogram_init(&workload->results.lateness_ns);
    workload->read_threshold = (uint64_t)(options->read_share * 4294967296.0);
    workload->history = history_open(options->history_path);
    workload->value = malloc(options->value_bytes + 1);
    if (workload->value == NULL) {
        fprintf(stderr, "gramme-load: out of memory\n");
        exit(1);
    }
}

/* The measured part: what the servers' CPU time is read around. */
static enum engine_result workload_measure(struct workload *workload, struct engine *engine) {
    const struct options *options = workload->options;
    struct results *results = &workload->results;
    struct cpu_time before = {0};
    struct cpu_time after = {0};
    int failed = cpu_time_read(options->pids, options->pid_count, &before);
    workload->start_ns = now_ns_read();
    workload->stop_ns = workload->start_ns + (uint64_t)(options->seconds * 1e9);
    enum engine_result result = engine_run(engine);
    uint64_t end_ns = now_ns_read();
    failed |= cpu_time_read(options->pids, options->pid_count, &after);
    results->elapsed_ns = end_ns - workload->start_ns;
    results->reconnects = engine->reconnects;
    results->answered = histogram_count(&results->latency_ns);
    results->has_cpu = options->pid_count > 0 && failed == 0;
    results->cpu_us = after.all_us - before.all_us;
    results->storage_us = after.storage_us - before.storage_us;
    count_unsent(workload, end_ns);
    return result;
}

int workload_run(const struct options *options) {
    static struct workload workload;
    workload_init(&workload, options);
    struct engine_hooks hooks = {
        .context = &workload, .next = workload_next, .answered = workload_answered, .lost = workload_lost};
    struct engine_settings settings = options_settings(options);
    struct engine engine;
    enum engine_result result = engine_open(&engine, &settings, &hooks);
    if (result == ENGINE_DONE) {
        result = workload_measure(&workload, &engine);
        report_print(&workload.results, options->json, stdout);
    }
    engine_release(&engine);
    free(workload.value);
    if (history_close(workload.history) != 0) {
        fprintf(stderr, "gramme-load: the history could not be written whole\n");
        return 1;
    }
    if (result == ENGINE_UNREACHABLE) {
        fprintf(stderr, "gramme-load: no target can be reached\n");
        return EXIT_UNREACHABLE;
    }
    return workload.results.answered > 0 ? 0 : 1;
}
