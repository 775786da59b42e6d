#include "cli/wait_healthy.h"

#include "server/client.h"
#include "server/clock.h"
#include "cli/information.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { ASK_MS = 2000, PAUSE_MS = 100, WHY_SIZE = 400 };

/* What the first node that isn't well waits for. */
struct waiting {
    uint32_t members;
    bool is_reached; /* the node that was named */
    bool is_healthy;
    char node[MEMBER_TEXT_SIZE];
    char why[WHY_SIZE];
};

__attribute__((format(printf, 3, 4))) static void waits(struct waiting *waiting, const char *node, const char *format,
                                                        ...) {
    va_list arguments;
    va_start(arguments, format);
    if (waiting->is_healthy) {
        waiting->is_healthy = false;
        snprintf(waiting->node, sizeof(waiting->node), "%s", node);
        vsnprintf(waiting->why, sizeof(waiting->why), format, arguments);
    }
    va_end(arguments);
}

static void judge(struct waiting *waiting, const char *node, const char *text) {
    uint64_t owned = information_number(text, "gramme_health_partitions_owned", 0);
    uint64_t met = information_number(text, "gramme_health_partitions_met", 0);
    uint64_t missing = information_number(text, "gramme_health_members_missing", 0);
    uint64_t uninformed = information_number(text, "gramme_health_uninformed_partitions", 0);
    uint64_t in_doubt = information_number(text, "gramme_health_trees_in_doubt", 0);
    uint64_t uncounted = information_number(text, "gramme_health_hints_uncounted", 0);
    uint64_t hints = information_number(text, "gramme_health_hints_held", 0);
    uint64_t ready = information_number(text, "gramme_health_ready", UINT64_MAX);
    if (ready == UINT64_MAX) {
        waits(waiting, node, "tells nothing of its health: is that a node of this version?");
    } else if (information_number(text, "gramme_health_storage_failed", 0) != 0) {
        waits(waiting, node, "has a store that failed: see its log and its disk");
    } else if (information_number(text, "gramme_health_leaving", 0) != 0) {
        waits(waiting, node, "is being stopped");
    } else if (missing > 0) {
        waits(waiting, node, "does not reach %" PRIu64 " of the members", missing);
    } else if (ready == 0) {
        waits(waiting, node, "is not ready");
    } else if (uninformed > 0) {
        waits(waiting, node, "may lack data of %" PRIu64 " partitions until exchange has filled them", uninformed);
    } else if (in_doubt > 0) {
        waits(waiting, node, "has still to read %" PRIu64 " partitions", in_doubt);
    } else if (uncounted > 0) {
        waits(waiting, node, "has still to count the hints of %" PRIu64 " partitions", uncounted);
    } else if (hints > 0) {
        waits(waiting, node, "keeps %" PRIu64 " hints that others are still to have", hints);
    } else if (met < owned) {
        waits(waiting, node, "has compared %" PRIu64 " of its %" PRIu64 " partitions with the other owners", met,
              owned);
    }
}

static void ask_member(struct waiting *waiting, const char *node) {
    struct address address;
    struct client client;
    struct buffer text;
    client_init(&client);
    buffer_init(&text);
    if (!address_parse(node, &address)) {
        waits(waiting, node, "has an address that is none");
    } else if (!client_connect(&client, address.host, address.port, ASK_MS) ||
               !information_ask(&client, "health", ASK_MS, &text)) {
        waits(waiting, node, "cannot be asked: %s", client.error);
    } else {
        judge(waiting, node, (const char *)(text.data + text.begin));
    }
    buffer_release(&text);
    client_release(&client);
}

static struct waiting ask_all(const struct address *address) {
    struct waiting waiting = {.is_healthy = true};
    struct client client;
    struct buffer text;
    client_init(&client);
    buffer_init(&text);
    if (!client_connect(&client, address->host, address->port, ASK_MS) ||
        !information_ask(&client, "members", ASK_MS, &text)) {
        waits(&waiting, address->text, "cannot be asked: %s", client.error);
    } else {
        waiting.is_reached = true;
        char *at = (char *)(text.data + text.begin);
        const char *line;
        while ((line = information_next_member(&at)) != NULL) {
            waiting.members++;
            ask_member(&waiting, information_field(line, "address").text);
        }
        if (waiting.members == 0) {
            waits(&waiting, address->text, "tells of no members: is that a node of Gramme?");
        }
    }
    buffer_release(&text);
    client_release(&client);
    return waiting;
}

static void print_json(const struct waiting *waiting, long long waited_ms) {
    printf("{\"healthy\":%s,\"members\":%u,\"waited_ms\":%lld", waiting->is_healthy ? "true" : "false",
           waiting->members, waited_ms);
    if (!waiting->is_healthy) {
        printf(",\"node\":\"%s\",\"waits_for\":\"", waiting->node);
        for (const char *at = waiting->why; *at != '\0'; at++) {
            putchar(*at == '"' || *at == '\\' || (unsigned char)*at < ' ' ? '\'' : *at);
        }
        printf("\"");
    }
    printf("}\n");
}

int wait_healthy(const struct command *command, const struct address *address, uint32_t timeout_s, bool json) {
    int64_t began_ms = clock_now_ms();
    int64_t deadline_ms = began_ms + (int64_t)timeout_s * 1000;
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    struct waiting waiting = ask_all(address);
    while (!waiting.is_healthy && clock_now_ms() < deadline_ms) {
        (void)nanosleep(&pause, NULL);
        waiting = ask_all(address);
    }
    long long waited_ms = (long long)(clock_now_ms() - began_ms);
    if (json) {
        print_json(&waiting, waited_ms);
    } else if (waiting.is_healthy) {
        printf("healthy: %u members, after %lld.%lld s\n", waiting.members, waited_ms / 1000, waited_ms % 1000 / 100);
    } else {
        command_complain(command, "not healthy after %u s: %s %s", timeout_s, waiting.node, waiting.why);
    }
    if (waiting.is_healthy) {
        return EXIT_CODE_OK;
    }
    return waiting.is_reached ? EXIT_CODE_FAILURE : EXIT_CODE_UNREACHABLE;
}
