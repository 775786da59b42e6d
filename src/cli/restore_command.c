/* `gramme restore`: what backups of one cluster hold, taken into another. */
#include "cli/backup_reader.h"
#include "server/clock.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/restore.h"

#include "base/rng.h"
#include "version/counter.h"
#include "version/object_codec.h"
#include "version/shown.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FOLDERS_MOST = 256, SAMPLE = 100, PROGRESS_MS = 1000, ERROR_SIZE = 1200 };

struct sampled {
    struct buffer key;
    struct digest values[LIMIT_SIBLINGS];
    uint32_t count;
};

struct job {
    const struct command *command;
    struct backup_reader *reader;
    struct restore restore;
    struct rng rng;
    struct sampled sample[SAMPLE];
    struct arena arena; /* of the key at hand */
    struct buffer encoded;
    uint64_t keys;
    uint64_t live;   /* those with a value that is neither deleted nor expired */
    uint64_t values; /* of these */
    uint64_t verified;
    uint64_t verified_of;
    int64_t began_ms;
    int64_t told_ms;
    bool shows_progress;
};

static struct wall_time now_wall(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall_time){(uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000};
}

/* ---- sending ---- */

static bool send_object(struct job *job, struct view key, const struct object *object) {
    buffer_clear(&job->encoded);
    object_encode(&job->encoded, object);
    return restore_add(&job->restore, key, buffer_view(&job->encoded));
}

/* Counters stand at events that the vector covers, with their resets. A string of the same actor would seem to be
 * replaced then: such a key is given up. */
static bool send_counters(struct job *job, struct view key, const struct object *object) {
    struct value *values = ARENA_ARRAY(&job->arena, struct value, object->value_count);
    struct dot *vector = ARENA_ARRAY(&job->arena, struct dot, object->value_count);
    struct reset *resets = ARENA_ARRAY(&job->arena, struct reset, object->context.reset_count);
    struct object counters = {.values = values};
    uint32_t reset_count = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        const struct reset *reset = context_reset_of(&object->context, value->dot.actor);
        if (value->type != VALUE_COUNTER) {
            if (object_counter_of(object, value->dot.actor) != NULL) {
                job->restore.failed++;
                (void)snprintf(job->restore.why, sizeof(job->restore.why),
                               "values and counters of one writer are too large for one argument");
                return true;
            }
            continue;
        }
        vector[counters.value_count] = value->dot;
        values[counters.value_count++] = *value;
        if (reset != NULL) {
            resets[reset_count++] = *reset;
        }
    }
    struct context bare =
        context_normalise(vector, counters.value_count, NULL, 0, object->context.greatest, &job->arena);
    counters.context = context_reset(&bare, resets, reset_count, &job->arena);
    return counters.value_count == 0 || send_object(job, key, &counters);
}

/* Values one by one, each under its own dot alone: together they do not go into one argument. */
static bool send_values(struct job *job, struct view key, const struct object *object) {
    bool is_sent = send_counters(job, key, object);
    for (uint32_t i = 0; is_sent && i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        struct object alone = {.values = value, .value_count = 1};
        struct context none = context_empty();
        if (value->type == VALUE_COUNTER) {
            continue;
        }
        none.greatest = value->time;
        alone.context = context_add(&none, value->dot, &job->arena);
        alone.context.greatest = value->time;
        is_sent = send_object(job, key, &alone);
    }
    return is_sent;
}

/* The values that live; the context of all stays, so that what they superseded is superseded in the other cluster too.
 */
static struct object living(const struct object *object, struct wall_time now, struct arena *arena) {
    struct value *values = ARENA_ARRAY(arena, struct value, object->value_count + 1);
    struct object alive = {.context = object->context, .values = values};
    for (uint32_t i = 0; i < object->value_count; i++) {
        if (value_is_live(&object->values[i], now)) {
            values[alive.value_count++] = object->values[i];
        }
    }
    return alive;
}

/* Each key is as likely to be in the sample (reservoir sampling). */
static void keep_sample(struct job *job, struct view key, const struct object *object, struct wall_time now) {
    struct object shown = object_siblings(object, now, &job->arena);
    uint64_t place = job->live <= SAMPLE ? job->live - 1 : rng_below(&job->rng, job->live);
    if (place >= SAMPLE) {
        return;
    }
    struct sampled *sampled = &job->sample[place];
    buffer_clear(&sampled->key);
    buffer_append_view(&sampled->key, key);
    sampled->count = shown.value_count < LIMIT_SIBLINGS ? shown.value_count : LIMIT_SIBLINGS;
    for (uint32_t i = 0; i < sampled->count; i++) {
        sampled->values[i] = shown.values[i].hash;
    }
}

static void tell_progress(struct job *job) {
    int64_t now_ms = clock_now_ms();
    if (job->shows_progress && now_ms - job->told_ms >= PROGRESS_MS) {
        job->told_ms = now_ms;
        fprintf(stderr, "%" PRIu64 " keys read, %" PRIu64 " sent, %" PRIu64 " a second\n", job->keys, job->restore.done,
                job->restore.done * 1000 / (uint64_t)(now_ms - job->began_ms + 1));
    }
}

static bool send_all_keys(struct job *job) {
    struct view key;
    struct object object;
    while (backup_reader_next(job->reader, &key, &object)) {
        arena_reset(&job->arena);
        struct wall_time now = now_wall();
        struct object alive = living(&object, now, &job->arena);
        job->keys++;
        if (alive.value_count > 0) {
            job->live++;
            job->values += alive.value_count;
            keep_sample(job, key, &alive, now);
            buffer_clear(&job->encoded);
            object_encode(&job->encoded, &alive);
            bool fits = buffer_size(&job->encoded) <= LIMIT_RESTORED_BYTES;
            if (!(fits ? restore_add(&job->restore, key, buffer_view(&job->encoded)) : send_values(job, key, &alive))) {
                return false;
            }
        }
        tell_progress(job);
    }
    return restore_flush(&job->restore);
}

/* ---- verifying ---- */

static bool holds(const struct resp_reply *reply, const struct sampled *sampled) {
    bool holds_all = reply->kind == RESP_REPLY_ARRAY;
    for (uint32_t i = 0; holds_all && i < sampled->count; i++) {
        bool is_there = false;
        for (size_t item = 1; item < reply->count; item++) {
            is_there = is_there || digest_equal(hash128(reply->items[item].text), sampled->values[i]);
        }
        holds_all = is_there;
    }
    return holds_all;
}

static void verify(struct job *job) {
    job->verified_of = job->live < SAMPLE ? job->live : SAMPLE;
    for (uint64_t i = 0; i < job->verified_of; i++) {
        const struct resp_reply *reply;
        const struct view words[] = {VIEW("GRAMME.GET"), buffer_view(&job->sample[i].key)};
        bool is_asked = restore_ask(&job->restore, words, 2, &reply);
        job->verified += is_asked && holds(reply, &job->sample[i]) ? 1 : 0;
    }
}

/* ---- the whole ---- */

static int tell(const struct job *job, bool is_complete, bool json) {
    struct backup_reading read = backup_reader_figures(job->reader);
    double took_s = (double)(clock_now_ms() - job->began_ms) / 1000;
    bool is_good = is_complete && job->restore.failed == 0 && job->verified == job->verified_of;
    if (json) {
        printf("{\"complete\":%s,\"records\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"keys\":%" PRIu64
               ",\"restored\":%" PRIu64 ",\"values\":%" PRIu64 ",\"left_out\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"sent_again\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"verified_of\":%" PRIu64
               ",\"seconds\":%.1f,\"why\":\"%s\"}\n",
               is_good ? "true" : "false", read.records, read.damaged, job->keys, job->live, job->values,
               job->keys - job->live, job->restore.failed, job->restore.again, job->verified, job->verified_of, took_s,
               job->restore.why);
        return is_good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
    }
    printf("%" PRIu64 " records read, %" PRIu64 " damaged; %" PRIu64 " keys: %" PRIu64 " with %" PRIu64
           " values restored, %" PRIu64 " deleted or expired left out\n",
           read.records, read.damaged, job->keys, job->live, job->values, job->keys - job->live);
    printf("%" PRIu64 " sent again, %" PRIu64 " failed, in %.1f s; %" PRIu64 " of a sample of %" PRIu64
           " read back as they were\n",
           job->restore.again, job->restore.failed, took_s, job->verified, job->verified_of);
    if (job->restore.failed > 0) {
        command_complain(job->command, "%" PRIu64 " were refused, the first with: %s", job->restore.failed,
                         job->restore.why);
    }
    if (job->verified < job->verified_of) {
        command_complain(job->command, "some are not as they were: did somebody write them meanwhile?");
    }
    return is_good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int run_job(struct job *job, bool json) {
    char cluster[64];
    char own[NODE_ID_TEXT_SIZE];
    struct cluster_id of_backup = backup_reader_cluster(job->reader);
    struct node_id as_node;
    memcpy(as_node.bytes, of_backup.bytes, sizeof(as_node.bytes));
    node_id_to_text(as_node, own);
    if (!restore_begin(&job->restore, cluster)) {
        command_complain(job->command, "%s", job->restore.client.error);
        return EXIT_CODE_UNREACHABLE;
    }
    if (strcmp(cluster, own) == 0) {
        command_complain(job->command, "the backup is of this very cluster: what was deleted since would come back. "
                                       "A restore wants a new cluster, with a cluster-id of its own");
        return EXIT_CODE_FAILURE;
    }
    bool is_complete = send_all_keys(job);
    if (backup_reader_error(job->reader)[0] != '\0') {
        command_complain(job->command, "%s", backup_reader_error(job->reader));
        is_complete = false;
    } else if (!is_complete) {
        command_complain(job->command,
                         "the cluster takes nothing any more: %s. Run it again: nothing is restored twice",
                         job->restore.client.error);
    }
    verify(job);
    return tell(job, is_complete, json);
}

static int restore_folders(const struct command *command, const char *const *folders, size_t count,
                           const struct address *address, bool json) {
    char error[ERROR_SIZE];
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        abort();
    }
    job->command = command;
    job->reader = backup_reader_open(folders, count, error);
    if (job->reader == NULL) {
        command_complain(command, "%s", error);
        free(job);
        return EXIT_CODE_FAILURE;
    }
    job->began_ms = clock_now_ms();
    job->told_ms = job->began_ms;
    job->shows_progress = isatty(STDERR_FILENO) != 0 || !json;
    restore_init(&job->restore, address);
    rng_init(&job->rng, (uint64_t)job->began_ms);
    arena_init(&job->arena);
    buffer_init(&job->encoded);
    int code = run_job(job, json);
    for (size_t i = 0; i < SAMPLE; i++) {
        buffer_release(&job->sample[i].key);
    }
    buffer_release(&job->encoded);
    arena_release(&job->arena);
    restore_release(&job->restore);
    backup_reader_close(job->reader);
    free(job);
    return code;
}

static int run_restore(const struct command *command, int argc, char **argv) {
    struct option options[] = {{"--into", NULL}, {NULL, NULL}};
    const char *folders[FOLDERS_MOST];
    size_t count;
    bool json = options_take_flag(&argc, argv, "--json");
    enum options_status parsed = options_parse(command, options, argc, argv, folders, FOLDERS_MOST, &count);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    struct address address;
    if (count == 0) {
        return command_usage_error(command, "FOLDER is missing");
    }
    if (options[0].value == NULL) {
        return command_usage_error(command, "--into HOST:PORT is missing");
    }
    if (!address_parse(options[0].value, &address)) {
        return command_usage_error(command, "'%s' is no HOST:PORT", options[0].value);
    }
    return restore_folders(command, folders, count, &address, json);
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "FOLDER... --into HOST:PORT [--json]",
    .summary = "take what backups hold into a new cluster",
    .help =
        "Reads the backups of one cluster's nodes, merges what they hold of each key, and sends its newest state,\n"
        "siblings and times to live included, to the running cluster at HOST:PORT, of whatever size, which answers\n"
        "when W nodes have it. Deleted and expired values are left out. The backups are not changed.\n"
        "\n"
        "The cluster must have a cluster-id of its own and should be new: what it has of a key is kept beside what is\n"
        "restored. Contexts that the old cluster gave are not valid in it. A restore that was cut short, or failed in\n"
        "part, is run again: what is there already stays as it is.\n"
        "\n"
        "  --into HOST:PORT   any node of it\n"
        "  --json             what was done, as JSON\n"
        "\n"
        "Exit codes: 0 restored and a sample read back, 1 not all of it, 2 usage, 4 the cluster cannot be reached.\n",
    .run = run_restore,
};
