#include "cli/cluster_call.h"
#include "cli/cluster_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { TRIES = 5, PAUSE_MS = 400, FINDING_SIZE = 400 };

/* What is wrong, as sentences: an array of strings. */
struct findings {
    json_t *list;
};

__attribute__((format(printf, 2, 3))) static void find(struct findings *findings, const char *format, ...) {
    char text[FINDING_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    json_array_append_new(findings->list, json_string(text));
}

static void compare(struct findings *findings, const json_t *asked, const json_t *other, const char *who,
                    const char *field) {
    const json_t *one = json_object_get(asked, field);
    const json_t *two = json_object_get(other, field);
    if (one != NULL && two != NULL && !json_equal(one, two)) {
        char *shown_one = json_dumps(one, JSON_ENCODE_ANY);
        char *shown_two = json_dumps(two, JSON_ENCODE_ANY);
        find(findings, "%s has %s %s, the node asked has %s", who, field, shown_two == NULL ? "" : shown_two,
             shown_one == NULL ? "" : shown_one);
        free(shown_one);
        free(shown_two);
    }
}

/* One that was declared dead is not expected to answer. */
static void check_member(const struct cluster_call *call, const json_t *status, const json_t *member,
                         struct findings *findings) {
    struct cluster_state state;
    struct address address;
    const char *who = cluster_text(member, "client");
    if (strcmp(cluster_text(member, "state"), "dead") == 0) {
        find(findings, "%s was declared dead and is still in the placement: 'gramme cluster remove' or 'replace' it",
             who);
        return;
    }
    if (!address_parse(who, &address)) {
        find(findings, "'%s' is no address", who);
        return;
    }
    cluster_state_init(&state, call->command, &address);
    if (cluster_state_read(&state, true) != EXIT_CODE_OK) {
        find(findings, "%s is out of reach: %s", who, state.client.error);
    } else {
        static const char *const fields[] = {"version", "ring", "phase", "settled", "partitions", "replicas"};
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            compare(findings, status, state.status, who, fields[i]);
        }
        size_t at;
        json_t *seen;
        json_array_foreach((json_t *)cluster_list(&state, "members"), at, seen) {
            if (!cluster_is(seen, "reachable") && strcmp(cluster_text(seen, "state"), "dead") != 0) {
                find(findings, "%s does not reach %s", who, cluster_text(seen, "client"));
            }
        }
    }
    cluster_state_release(&state);
}

static void check_placement(const struct cluster_state *state, struct findings *findings) {
    size_t in_placement = 0;
    size_t index;
    json_t *member;
    uint64_t violations = cluster_number(state->status, "zone-violations");
    json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
        in_placement += cluster_number(member, "replicas") > 0 ? 1 : 0;
    }
    if (in_placement < cluster_number(state->status, "replicas")) {
        find(findings, "partitions have %zu distinct owners and not %llu: there are too few members", in_placement,
             (unsigned long long)cluster_number(state->status, "replicas"));
    }
    if (violations > 0) {
        find(findings, "%llu partitions have fewer distinct zones among their owners than could be",
             (unsigned long long)violations);
    }
}

/* An exit code: of the node asked. Others are among the findings. */
static int check_once(const struct cluster_call *call, struct cluster_state *state, struct findings *findings) {
    size_t index;
    json_t *member;
    json_array_clear(findings->list);
    int code = cluster_state_read(state, false);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    json_array_foreach((json_t *)cluster_list(state, "members"), index, member) {
        check_member(call, state->status, member, findings);
    }
    check_placement(state, findings);
    return EXIT_CODE_OK;
}

static void print(const struct cluster_call *call, const struct cluster_state *state, const struct findings *findings) {
    size_t index;
    json_t *finding;
    size_t members = json_array_size(cluster_list(state, "members"));
    if (call->json) {
        json_t *whole =
            json_pack("{s:b, s:I, s:I, s:s, s:b, s:O}", "ok", json_array_size(findings->list) == 0, "members",
                      (json_int_t)members, "version", (json_int_t)cluster_number(state->status, "version"), "phase",
                      cluster_text(state->status, "phase"), "settled", cluster_is(state->status, "settled"), "findings",
                      findings->list);
        json_dumpf(whole, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(whole);
        return;
    }
    json_array_foreach(findings->list, index, finding) {
        printf("%s\n", json_string_value(finding));
    }
    if (json_array_size(findings->list) == 0) {
        printf("ok: %zu members agree on version %llu, %s, and reach each other\n", members,
               (unsigned long long)cluster_number(state->status, "version"), cluster_text(state->status, "phase"));
    }
}

/* What is on its way from one to the other is no disagreement: asked again for a while. */
int cluster_check(const struct cluster_call *call) {
    struct cluster_state state;
    struct findings findings = {.list = json_array()};
    cluster_state_init(&state, call->command, &call->address);
    int code = EXIT_CODE_OK;
    for (int try = 0; try < TRIES; try++) {
        code = check_once(call, &state, &findings);
        if (code != EXIT_CODE_OK || json_array_size(findings.list) == 0) {
            break;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
    if (code == EXIT_CODE_OK) {
        print(call, &state, &findings);
        code = json_array_size(findings.list) == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
    }
    json_decref(findings.list);
    cluster_state_release(&state);
    return code;
}
