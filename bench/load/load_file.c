#include "load/load_file.h"

#include "load/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * RESP answers a connection's n-th request with its n-th answer, so an operation needs to carry no more than where its
 * record lies: `key` is the record's offset in the file.
 */
struct load_file {
    struct mapped_file file;
    struct record_reader reader;
    FILE *acked;
    bool has_news;
    uint64_t acknowledged;
    uint64_t in_doubt;
    struct tally failures;
};

static enum next_kind load_next(void *context, uint64_t now_ns, struct operation *ret_operation, struct octets *output,
                                uint64_t *ret_later_ns) {
    struct load_file *load = context;
    struct record record;
    (void)ret_later_ns;
    size_t offset = load->reader.at;
    if (!record_read(&load->reader, &record)) {
        return NEXT_NEVER;
    }
    ret_operation->intended_ns = now_ns;
    ret_operation->command = COMMAND_SET;
    ret_operation->key = offset;
    octets_append_command(output, 3);
    octets_append_bulk(output, "SET", 3);
    octets_append_bulk(output, record.key, record.key_bytes);
    octets_append_bulk(output, record.value, record.value_bytes);
    return NEXT_COMMAND;
}

static void load_answered(void *context, const struct operation *operation, const struct reply *reply,
                          uint64_t now_ns) {
    struct load_file *load = context;
    (void)reply;
    (void)now_ns;
    if (operation->failure[0] != '\0') {
        tally_add(&load->failures, operation->failure);
        return;
    }
    struct record_reader again = {.file = &load->file, .at = operation->key};
    struct record record;
    if (record_read(&again, &record)) {
        fwrite(record.key, 1, record.key_bytes, load->acked);
        fputc('\n', load->acked);
        load->acknowledged++;
        load->has_news = true;
    }
}

static void load_lost(void *context, const struct operation *operation, uint64_t now_ns) {
    struct load_file *load = context;
    (void)operation;
    (void)now_ns;
    load->in_doubt++;
}

/* Before anything more is sent: what was acknowledged must be on file even if this program dies next. */
static void load_after_turn(void *context) {
    struct load_file *load = context;
    if (load->has_news) {
        fflush(load->acked);
        load->has_news = false;
    }
}

static void print_load(const struct load_file *load, const struct engine *engine, uint64_t elapsed_ns, bool as_json) {
    double seconds = (double)elapsed_ns / 1e9;
    if (as_json) {
        printf("{\"records\": %" PRIu64 ", \"acknowledged\": %" PRIu64 ", \"in_doubt\": %" PRIu64
               ", \"reconnects\": %" PRIu64 ", \"seconds\": %.3f, \"failed\": %" PRIu64 ", \"failures\": ",
               load->reader.read, load->acknowledged, load->in_doubt, engine->reconnects, seconds,
               load->failures.total);
        tally_print_json(&load->failures, stdout);
        printf("}\n");
        return;
    }
    printf("records         %" PRIu64 " sent in %.2f s, %.0f a second\n", load->reader.read, seconds,
           seconds > 0.0 ? (double)load->reader.read / seconds : 0.0);
    printf("acknowledged    %" PRIu64 "\n", load->acknowledged);
    printf("in doubt        %" PRIu64 ": no answer before the connection broke\n", load->in_doubt);
    printf("failures        ");
    tally_print(&load->failures, stdout);
    printf("\nreconnects      %" PRIu64 "\n", engine->reconnects);
}

static enum engine_result load_measure(struct load_file *load, const struct options *options) {
    struct engine_hooks hooks = {.context = load,
                                 .next = load_next,
                                 .answered = load_answered,
                                 .lost = load_lost,
                                 .after_turn = load_after_turn};
    struct engine_settings settings = options_settings(options);
    /* Loading aims at a full pipeline, not at a comparison with redis-benchmark. */
    settings.in_batches = false;
    struct engine engine;
    enum engine_result result = engine_open(&engine, &settings, &hooks);
    if (result == ENGINE_DONE) {
        uint64_t start_ns = now_ns_read();
        result = engine_run(&engine);
        print_load(load, &engine, now_ns_read() - start_ns, options->json);
    }
    engine_release(&engine);
    return result;
}

int load_file_run(const struct options *options) {
    static struct load_file load;
    mapped_file_open(&load.file, options->load_path);
    load.reader.file = &load.file;
    load.acked = fopen(options->acked_path, "we");
    if (load.acked == NULL) {
        fprintf(stderr, "gramme-load: %s: %s\n", options->acked_path, strerror(errno));
        return 1;
    }
    enum engine_result result = load_measure(&load, options);
    int failed = ferror(load.acked);
    failed |= fclose(load.acked);
    if (result == ENGINE_UNREACHABLE) {
        fprintf(stderr, "gramme-load: no target can be reached\n");
        return EXIT_UNREACHABLE;
    }
    if (load.reader.is_broken) {
        fprintf(stderr, "gramme-load: %s: no record at byte %zu\n", options->load_path, load.reader.at);
        return 1;
    }
    if (failed != 0) {
        fprintf(stderr, "gramme-load: %s could not be written whole\n", options->acked_path);
        return 1;
    }
    return 0;
}
