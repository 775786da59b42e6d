#include "cli/cluster_call.h"
#include "cli/cluster_state.h"

#include "base/ensure.h"

#include <stdio.h>

enum { WORDS_MOST = 24, SHORT_ID = 8, WEIGHT_MOST = 1000, DIGEST_DIGITS = 16 };

/* The words of one command to the node, borrowed. */
struct words {
    struct view word[WORDS_MOST];
    size_t count;
};

static void say(struct words *words, const char *word) {
    ENSURE(words->count < WORDS_MOST);
    words->word[words->count++] = view_of_string(word);
}

static struct words begin(const char *question) {
    struct words words = {.count = 0};
    say(&words, "GRAMME.MEMBERS");
    say(&words, question);
    return words;
}

static void say_record(struct words *words, const json_t *node, const char *weight) {
    say(words, cluster_text(node, "id"));
    say(words, cluster_text(node, "zone"));
    say(words, weight);
    say(words, cluster_text(node, "client"));
    say(words, cluster_text(node, "peer"));
}

/* ---- what is the same in all of them ---- */

static int open_state(struct cluster_state *state, const struct cluster_call *call) {
    cluster_state_init(state, call->command, &call->address);
    return cluster_state_read(state, false);
}

/* The same, and the node among those that the command's first word means. NULL, and said so: *ret_code is how it ends.
 */
static const json_t *open_with(struct cluster_state *state, const struct cluster_call *call, enum cluster_among among,
                               int *ret_code) {
    *ret_code = open_state(state, call);
    const json_t *found = *ret_code == EXIT_CODE_OK ? cluster_find(state, call->words[0], among) : NULL;
    if (found == NULL && *ret_code == EXIT_CODE_OK) {
        *ret_code = EXIT_CODE_FAILURE;
    }
    return found;
}

/* Stages, and tells what comes next. */
static int stage(struct cluster_state *state, const struct cluster_call *call, const struct words *words,
                 const char *what) {
    int code = cluster_state_ask(state, words->word, words->count, NULL);
    code = code == EXIT_CODE_OK ? cluster_state_read(state, false) : code;
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (call->json) {
        json_t *told = json_pack("{s:s, s:O, s:O}", "digest", cluster_text(state->status, "digest"), "staged",
                                 cluster_list(state, "staged"), "waiting", cluster_list(state, "waiting"));
        json_dumpf(told, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(told);
    } else {
        printf("staged: %s. Look at it with 'gramme cluster plan %s'\n", what, call->address.text);
    }
    return EXIT_CODE_OK;
}

static int finish(struct cluster_state *state, int code) {
    cluster_state_release(state);
    return code;
}

/* ---- one by one ---- */

int cluster_join(const struct cluster_call *call) {
    struct cluster_state state;
    char weight[24];
    char what[128];
    int code;
    const json_t *node = open_with(&state, call, AMONG_WAITING, &code);
    if (node == NULL) {
        return finish(&state, code);
    }
    struct words words = begin("STAGE");
    (void)snprintf(weight, sizeof(weight), "%llu", (unsigned long long)cluster_number(node, "weight"));
    (void)snprintf(what, sizeof(what), "join %.*s", SHORT_ID, cluster_text(node, "id"));
    say(&words, "JOIN");
    say_record(&words, node, weight);
    return finish(&state, stage(&state, call, &words, what));
}

/* One word and a member, e.g. LEAVE id. */
static int stage_of_member(struct cluster_state *state, const struct cluster_call *call, const char *change,
                           const char *verb, const json_t *member) {
    char what[128];
    struct words words = begin("STAGE");
    (void)snprintf(what, sizeof(what), "%s %.*s", verb, SHORT_ID, cluster_text(member, "id"));
    say(&words, change);
    say(&words, cluster_text(member, "id"));
    return stage(state, call, &words, what);
}

static bool is_away(const json_t *member) {
    return !cluster_is(member, "reachable") && strcmp(cluster_text(member, "state"), "dead") != 0;
}

int cluster_leave(const struct cluster_call *call) {
    struct cluster_state state;
    int code;
    const json_t *member = open_with(&state, call, AMONG_MEMBERS, &code);
    if (member == NULL) {
        return finish(&state, code);
    }
    if (is_away(member)) {
        command_complain(call->command,
                         "%s is out of reach, and one that leaves hands over what it has: start it; or, if it will "
                         "never come back, 'gramme cluster remove %s'",
                         cluster_text(member, "client"), call->words[0]);
        return finish(&state, EXIT_CODE_FAILURE);
    }
    return finish(&state, stage_of_member(&state, call, "LEAVE", "leave", member));
}

int cluster_replace(const struct cluster_call *call) {
    struct cluster_state state;
    char weight[24];
    char what[128];
    int code;
    const json_t *old = open_with(&state, call, AMONG_MEMBERS, &code);
    const json_t *node = old != NULL ? cluster_find(&state, call->words[1], AMONG_WAITING) : NULL;
    if (node == NULL) {
        return finish(&state, old == NULL ? code : EXIT_CODE_FAILURE);
    }
    if (is_away(old) && !call->is_dead) {
        command_complain(call->command,
                         "%s is out of reach, and the change would wait for it: start it; or, if it will never come "
                         "back, say --dead, and it is declared dead first",
                         cluster_text(old, "client"));
        return finish(&state, EXIT_CODE_FAILURE);
    }
    struct words words = begin("STAGE");
    if (call->is_dead && strcmp(cluster_text(old, "state"), "dead") != 0) {
        say(&words, "DEAD");
        say(&words, cluster_text(old, "id"));
    }
    (void)snprintf(weight, sizeof(weight), "%llu", (unsigned long long)cluster_number(node, "weight"));
    (void)snprintf(what, sizeof(what), "replace %.*s by %.*s%s", SHORT_ID, cluster_text(old, "id"), SHORT_ID,
                   cluster_text(node, "id"), call->is_dead ? ", declaring it dead" : "");
    say(&words, "REPLACE");
    say(&words, cluster_text(old, "id"));
    say_record(&words, node, weight);
    return finish(&state, stage(&state, call, &words, what));
}

int cluster_weight(const struct cluster_call *call) {
    struct cluster_state state;
    uint64_t weight;
    char what[128];
    if (!view_to_uint64(view_of_string(call->words[1]), &weight) || weight < 1 || weight > WEIGHT_MOST) {
        return command_usage_error(call->command, "a weight is a number from 1 to %d, not '%s'", WEIGHT_MOST,
                                   call->words[1]);
    }
    int code;
    const json_t *member = open_with(&state, call, AMONG_MEMBERS, &code);
    if (member == NULL) {
        return finish(&state, code);
    }
    struct words words = begin("STAGE");
    (void)snprintf(what, sizeof(what), "weight %.*s %s", SHORT_ID, cluster_text(member, "id"), call->words[1]);
    say(&words, "WEIGHT");
    say(&words, cluster_text(member, "id"));
    say(&words, call->words[1]);
    return finish(&state, stage(&state, call, &words, what));
}

int cluster_replicas(const struct cluster_call *call) {
    struct cluster_state state;
    uint64_t replicas;
    char what[128];
    if (!view_to_uint64(view_of_string(call->words[0]), &replicas) || replicas < 1 || replicas > LIMIT_REPLICAS) {
        return command_usage_error(call->command, "a partition can have 1 to %d replicas, not '%s'", LIMIT_REPLICAS,
                                   call->words[0]);
    }
    int code = open_state(&state, call);
    if (code != EXIT_CODE_OK) {
        return finish(&state, code);
    }
    struct words words = begin("STAGE");
    (void)snprintf(what, sizeof(what), "%s replicas of each partition", call->words[0]);
    say(&words, "REPLICAS");
    say(&words, call->words[0]);
    return finish(&state, stage(&state, call, &words, what));
}

/* True, and said so: it lives. */
static bool lives(const struct cluster_call *call, const json_t *member, const char *instead) {
    if (!cluster_is(member, "reachable")) {
        return false;
    }
    command_complain(call->command, "%s is in reach, so it is not dead%s%s; stop it first if it has to go at once",
                     cluster_text(member, "client"), instead[0] == '\0' ? "" : ": ", instead);
    return true;
}

int cluster_mark_down(const struct cluster_call *call) {
    struct cluster_state state;
    int code;
    const json_t *member = open_with(&state, call, AMONG_MEMBERS, &code);
    if (member == NULL) {
        return finish(&state, code);
    }
    if (lives(call, member, "")) {
        return finish(&state, EXIT_CODE_FAILURE);
    }
    return finish(&state, stage_of_member(&state, call, "DEAD", "mark-down", member));
}

int cluster_remove(const struct cluster_call *call) {
    struct cluster_state state;
    char what[128];
    int code;
    const json_t *member = open_with(&state, call, AMONG_MEMBERS, &code);
    if (member == NULL) {
        return finish(&state, code);
    }
    if (lives(call, member, "use 'gramme cluster leave', which loses nothing")) {
        return finish(&state, EXIT_CODE_FAILURE);
    }
    struct words words = begin("STAGE");
    if (strcmp(cluster_text(member, "state"), "dead") != 0) {
        say(&words, "DEAD");
        say(&words, cluster_text(member, "id"));
    }
    say(&words, "LEAVE");
    say(&words, cluster_text(member, "id"));
    (void)snprintf(what, sizeof(what), "remove %.*s, declaring it dead", SHORT_ID, cluster_text(member, "id"));
    return finish(&state, stage(&state, call, &words, what));
}

/* ---- all of it ---- */

static void tell_done(const struct cluster_call *call, const struct cluster_state *state, const char *done,
                      bool is_move) {
    if (call->json) {
        json_t *told =
            json_pack("{s:s, s:I, s:s}", "done", done, "version", (json_int_t)cluster_number(state->status, "version"),
                      "phase", cluster_text(state->status, "phase"));
        json_dumpf(told, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(told);
    } else if (!is_move) {
        printf("%s\n", done);
    } else {
        printf("%s: version %llu, %s. See it through with 'gramme cluster watch %s'\n", done,
               (unsigned long long)cluster_number(state->status, "version"), cluster_text(state->status, "phase"),
               call->address.text);
    }
}

int cluster_commit(const struct cluster_call *call) {
    struct cluster_state state;
    if (strlen(call->words[0]) != DIGEST_DIGITS || strspn(call->words[0], "0123456789abcdef") != DIGEST_DIGITS) {
        return command_usage_error(call->command, "'%s' is no DIGEST: 'gramme cluster plan' ends with it",
                                   call->words[0]);
    }
    int code = open_state(&state, call);
    if (code == EXIT_CODE_OK) {
        struct words words = begin("COMMIT");
        say(&words, call->words[0]);
        code = cluster_state_ask(&state, words.word, words.count, NULL);
    }
    code = code == EXIT_CODE_OK ? cluster_state_read(&state, false) : code;
    if (code == EXIT_CODE_OK) {
        tell_done(call, &state, "committed", true);
    }
    return finish(&state, code);
}

/* What is under way, if it can still be undone; else what is staged. */
int cluster_abort(const struct cluster_call *call) {
    struct cluster_state state;
    int code = open_state(&state, call);
    if (code != EXIT_CODE_OK) {
        return finish(&state, code);
    }
    bool is_staged = json_array_size(cluster_list(&state, "staged")) > 0;
    const char *phase = cluster_text(state.status, "phase");
    bool is_early = strcmp(phase, "gathering") == 0 || strcmp(phase, "joint") == 0;
    if (!is_staged && !is_early) {
        command_complain(call->command, "there is nothing to abort: nothing is staged, and %s",
                         cluster_is(state.status, "settled") ? "no change is under way"
                                                             : "of the change that is under way reads go by the new "
                                                               "placement already");
        return finish(&state, EXIT_CODE_FAILURE);
    }
    struct words words = begin(is_early ? "CHANGE" : "UNSTAGE");
    say(&words, is_early ? "ABORT" : "ALL");
    code = cluster_state_ask(&state, words.word, words.count, NULL);
    code = code == EXIT_CODE_OK ? cluster_state_read(&state, false) : code;
    if (code == EXIT_CODE_OK) {
        tell_done(call, &state, is_early ? "the change that was under way is aborted" : "what was staged is dropped",
                  is_early);
    }
    return finish(&state, code);
}
