#include "load/verify_file.h"

#include "load/records.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MOST = 10 };

struct verification {
    const char *target;
    const struct mapped_file *file;
    struct record_reader reader;
    struct key_set *acked;
    uint64_t same;
    uint64_t missing;
    uint64_t different;
    uint64_t unread; /* the connection broke before the answer */
    struct tally failures;
};

static enum next_kind verify_next(void *context, uint64_t now_ns, struct operation *ret_operation,
                                  struct octets *output, uint64_t *ret_later_ns) {
    struct verification *verification = context;
    struct record record;
    (void)ret_later_ns;
    size_t offset = 0;
    do {
        offset = verification->reader.at;
        if (!record_read(&verification->reader, &record)) {
            return NEXT_NEVER;
        }
    } while (!key_set_find(verification->acked, record.key, record.key_bytes));
    ret_operation->intended_ns = now_ns;
    ret_operation->command = COMMAND_GET;
    ret_operation->key = offset;
    octets_append_command(output, 2);
    octets_append_bulk(output, "GET", 3);
    octets_append_bulk(output, record.key, record.key_bytes);
    return NEXT_COMMAND;
}

static void complain(const struct verification *verification, const struct record *record, const char *what) {
    if (verification->missing + verification->different <= SHOWN_MOST) {
        fprintf(stderr, "gramme-load: %s: %.*s is %s\n", verification->target, (int)record->key_bytes, record->key,
                what);
    }
}

static void verify_answered(void *context, const struct operation *operation, const struct reply *reply,
                            uint64_t now_ns) {
    struct verification *verification = context;
    (void)now_ns;
    if (operation->failure[0] != '\0') {
        tally_add(&verification->failures, operation->failure);
        return;
    }
    struct record_reader again = {.file = verification->file, .at = operation->key};
    struct record record;
    if (!record_read(&again, &record)) {
        return;
    }
    if (reply->type == REPLY_NULL) {
        verification->missing++;
        complain(verification, &record, "missing");
    } else if (reply->type != REPLY_BULK || reply->byte_count != record.value_bytes ||
               memcmp(reply->bytes, record.value, record.value_bytes) != 0) {
        verification->different++;
        complain(verification, &record, "different");
    } else {
        verification->same++;
    }
}

static void verify_lost(void *context, const struct operation *operation, uint64_t now_ns) {
    struct verification *verification = context;
    (void)operation;
    (void)now_ns;
    verification->unread++;
}

static void print_verification(const struct verification *verification, bool as_json) {
    const char *format = as_json ? "{\"target\": \"%s\", \"same\": %" PRIu64 ", \"missing\": %" PRIu64
                                   ", \"different\": %" PRIu64 ", \"unread\": %" PRIu64
                                   ", \"unknown\": %zu, \"failures\": "
                                 : "%-21s same %" PRIu64 ", missing %" PRIu64 ", different %" PRIu64 ", unread %" PRIu64
                                   ", in no record %zu, failures ";
    printf(format, verification->target, verification->same, verification->missing, verification->different,
           verification->unread, verification->acked->count - verification->acked->found);
    if (as_json) {
        tally_print_json(&verification->failures, stdout);
        printf("}\n");
    } else {
        tally_print(&verification->failures, stdout);
        printf("\n");
    }
}

static int exit_code_of(const struct verification *verification, enum engine_result result) {
    if (verification->missing + verification->different > 0) {
        return EXIT_VIOLATION;
    }
    if (result == ENGINE_UNREACHABLE) {
        return EXIT_UNREACHABLE;
    }
    bool is_whole = verification->unread == 0 && verification->failures.total == 0 &&
                    verification->acked->found == verification->acked->count && !verification->reader.is_broken;
    return is_whole ? 0 : 1;
}

/* One target by itself: a reader that went to the next one would compare the wrong node's bytes. */
static int verify_target(const struct options *options, const struct target *target, const struct mapped_file *file) {
    struct key_set acked;
    key_set_open(&acked, options->acked_path);
    struct verification verification = {
        .target = target->name, .file = file, .reader = {.file = file}, .acked = &acked};
    struct engine_hooks hooks = {
        .context = &verification, .next = verify_next, .answered = verify_answered, .lost = verify_lost};
    struct engine_settings settings = options_settings(options);
    settings.targets = target;
    settings.target_count = 1;
    settings.in_batches = false;
    struct engine engine;
    enum engine_result result = engine_open(&engine, &settings, &hooks);
    if (result == ENGINE_DONE) {
        result = engine_run(&engine);
    }
    print_verification(&verification, options->json);
    if (result == ENGINE_UNREACHABLE) {
        fprintf(stderr, "gramme-load: %s cannot be reached\n", target->name);
    }
    engine_release(&engine);
    key_set_close(&acked);
    return exit_code_of(&verification, result);
}

int verify_file_run(const struct options *options) {
    struct mapped_file file;
    mapped_file_open(&file, options->verify_path);
    int exit_code = 0;
    for (size_t i = 0; i < options->target_count; i++) {
        int code = verify_target(options, &options->targets[i], &file);
        /* The codes are ordered by what they say: a violation outweighs a silence, that a failure. */
        exit_code = code > exit_code ? code : exit_code;
    }
    mapped_file_close(&file);
    return exit_code;
}
