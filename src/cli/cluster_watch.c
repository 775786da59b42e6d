#include "cli/cluster_call.h"
#include "cli/cluster_state.h"
#include "server/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_EACH_MS = 200, PATIENCE_MS = 15000, BAR_WIDTH = 30, LINE_SIZE = 256, SHORT_ID = 8 };

/* The most that was left to do of each member, for its bar to be a part of. */
struct most {
    char id[NODE_ID_TEXT_SIZE];
    uint64_t left;
};

struct watching {
    const struct cluster_call *call;
    struct cluster_state state;
    bool is_terminal;
    int64_t began_ms;
    uint64_t version; /* of what was seen last */
    struct most *most;
    size_t most_count;
    size_t drawn; /* lines, on a terminal */
    char last[LINE_SIZE];
};

/* To fill while the new owners come; to bring home when the old ones go. */
static uint64_t left_of(const json_t *member) {
    return cluster_number(member, "to-fill") + cluster_number(member, "former");
}

static uint64_t left_of_all(const struct watching *watching) {
    size_t index;
    json_t *member;
    uint64_t left = 0;
    json_array_foreach((json_t *)cluster_list(&watching->state, "members"), index, member) {
        left += left_of(member);
    }
    return left;
}

static const char *meaning_of(const char *phase) {
    if (strcmp(phase, "gathering") == 0) {
        return "newcomers and members meet";
    }
    if (strcmp(phase, "joint") == 0) {
        return "new owners fill themselves, reads still ask the old ones";
    }
    if (strcmp(phase, "committed") == 0) {
        return "reads ask the new owners, writes both";
    }
    if (strcmp(phase, "settling") == 0) {
        return "former owners bring home what they hold, and delete it";
    }
    return "nothing moves";
}

static const char *waited_for(const struct watching *watching) {
    const char *id = cluster_text(watching->state.status, "waits-for");
    size_t index;
    json_t *member;
    json_array_foreach((json_t *)cluster_list(&watching->state, "members"), index, member) {
        if (strcmp(cluster_text(member, "id"), id) == 0) {
            return cluster_text(member, "client");
        }
    }
    return id;
}

static double seconds(const struct watching *watching) {
    return (double)(clock_now_ms() - watching->began_ms) / 1000;
}

/* ---- a terminal ---- */

static uint64_t most_of(struct watching *watching, const char *id, uint64_t left) {
    size_t at = 0;
    while (at < watching->most_count && strcmp(watching->most[at].id, id) != 0) {
        at++;
    }
    if (at == watching->most_count) {
        watching->most = realloc(watching->most, (at + 1) * sizeof(*watching->most));
        ENSURE(watching->most != NULL);
        (void)snprintf(watching->most[at].id, sizeof(watching->most[at].id), "%s", id);
        watching->most[at].left = 0;
        watching->most_count++;
    }
    watching->most[at].left = left > watching->most[at].left ? left : watching->most[at].left;
    return watching->most[at].left;
}

static void draw_bar(struct watching *watching, const json_t *member) {
    char bar[BAR_WIDTH + 1];
    uint64_t left = left_of(member);
    uint64_t most = most_of(watching, cluster_text(member, "id"), left);
    uint64_t done = most == 0 ? BAR_WIDTH : (most - left) * BAR_WIDTH / most;
    for (size_t i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < done ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    printf("\r\033[K%-10.*s%-23s%-9s[%s] %llu of %llu partitions left\n", SHORT_ID, cluster_text(member, "id"),
           cluster_text(member, "client"), cluster_text(member, "state"), bar, (unsigned long long)left,
           (unsigned long long)most);
}

static void draw(struct watching *watching) {
    size_t index;
    json_t *member;
    const char *phase = cluster_text(watching->state.status, "phase");
    if (watching->drawn > 0) {
        printf("\033[%zuA", watching->drawn);
    }
    if (watching->version != cluster_number(watching->state.status, "version")) {
        watching->most_count = 0; /* another phase, another thing to be done */
    }
    printf("\r\033[K%.1f s  version %llu, %s: %s\n", seconds(watching),
           (unsigned long long)cluster_number(watching->state.status, "version"), phase, meaning_of(phase));
    size_t lines = 1;
    json_array_foreach((json_t *)cluster_list(&watching->state, "members"), index, member) {
        draw_bar(watching, member);
        lines++;
    }
    const char *waits = waited_for(watching);
    printf("\r\033[K%s%s\n", waits[0] == '\0' ? "" : "waits for ", waits);
    printf("\033[J");
    watching->drawn = lines + 1;
}

/* ---- lines ---- */

static void print_line(struct watching *watching) {
    char line[LINE_SIZE];
    const char *phase = cluster_text(watching->state.status, "phase");
    const char *waits = waited_for(watching);
    (void)snprintf(line, sizeof(line), "version %llu, %s: %s; %llu partitions left%s%s",
                   (unsigned long long)cluster_number(watching->state.status, "version"), phase, meaning_of(phase),
                   (unsigned long long)left_of_all(watching), waits[0] == '\0' ? "" : "; waits for ", waits);
    if (strcmp(line, watching->last) == 0) {
        return;
    }
    memcpy(watching->last, line, sizeof(line));
    printf("%6.1f s  %s\n", seconds(watching), line);
}

static void print_json(struct watching *watching) {
    json_t *value = json_pack(
        "{s:I, s:s, s:b, s:I, s:s}", "version", (json_int_t)cluster_number(watching->state.status, "version"), "phase",
        cluster_text(watching->state.status, "phase"), "settled", cluster_is(watching->state.status, "settled"), "left",
        (json_int_t)left_of_all(watching), "waits-for", cluster_text(watching->state.status, "waits-for"));
    char *line = json_dumps(value, JSON_COMPACT);
    if (line != NULL && strncmp(line, watching->last, sizeof(watching->last)) != 0) {
        (void)snprintf(watching->last, sizeof(watching->last), "%s", line);
        printf("%s\n", line);
    }
    free(line);
    json_decref(value);
}

static void show(struct watching *watching) {
    if (watching->call->json) {
        print_json(watching);
    } else if (watching->is_terminal) {
        draw(watching);
    } else {
        print_line(watching);
    }
    (void)fflush(stdout);
    watching->version = cluster_number(watching->state.status, "version");
}

/* ---- the whole ---- */

static bool is_over(const struct watching *watching) {
    return cluster_is(watching->state.status, "settled") &&
           strcmp(cluster_text(watching->state.status, "phase"), "rest") == 0;
}

/* Only looks: nothing of the change depends on whether anybody does. */
int cluster_watch(const struct cluster_call *call) {
    struct watching watching = {.call = call, .is_terminal = isatty(STDOUT_FILENO) == 1, .began_ms = clock_now_ms()};
    int64_t heard_ms = clock_now_ms();
    cluster_state_init(&watching.state, call->command, &call->address);
    int code = cluster_state_read(&watching.state, false);
    while (code == EXIT_CODE_OK || clock_now_ms() < heard_ms + PATIENCE_MS) {
        if (code == EXIT_CODE_OK) {
            heard_ms = clock_now_ms();
            show(&watching);
        } else if (watching.version == 0) {
            break; /* nobody was ever there */
        }
        if (code == EXIT_CODE_OK && is_over(&watching)) {
            break;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_EACH_MS * 1000000L}, NULL);
        code = cluster_state_read(&watching.state, true);
    }
    if (code != EXIT_CODE_OK && watching.version != 0) {
        command_complain(call->command,
                         "%s does not answer any more; what is under way goes on: watch it at another member",
                         call->address.text);
    }
    free(watching.most);
    cluster_state_release(&watching.state);
    return code;
}
