#include "cli/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

__attribute__((format(printf, 2, 3))) static void add(struct buffer *text, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (size > 0) {
        buffer_append(text, line, (size_t)size < sizeof(line) ? (size_t)size : sizeof(line) - 1);
    }
}

static bool is_list(const struct resp_reply *reply) {
    return reply != NULL && (reply->kind == RESP_REPLY_ARRAY || reply->kind == RESP_REPLY_MAP);
}

/* The value behind a name, in a flat list of pairs; NULL when there is none. */
static const struct resp_reply *field(const struct resp_reply *map, const char *name) {
    for (size_t i = 0; is_list(map) && i + 1 < map->count; i += 2) {
        const struct resp_reply *key = &map->items[i];
        if ((key->kind == RESP_REPLY_BULK || key->kind == RESP_REPLY_SIMPLE) &&
            view_equal(key->text, view_of_string(name))) {
            return &map->items[i + 1];
        }
    }
    return NULL;
}

static bool has_text(const struct resp_reply *reply) {
    return reply != NULL && !is_list(reply) && reply->kind != RESP_REPLY_NULL && reply->kind != RESP_REPLY_SET &&
           reply->kind != RESP_REPLY_PUSH;
}

/* Printable, and cut to size. */
static const char *shown(const struct resp_reply *reply, char *to, size_t size) {
    size_t used = 0;
    if (!has_text(reply) || reply->text.size == 0) {
        snprintf(to, size, "-");
        return to;
    }
    for (size_t i = 0; i < reply->text.size; i++) {
        uint8_t byte = reply->text.data[i];
        bool plain = byte >= ' ' && byte < 0x7f && byte != '\\';
        if (used + 8 > size) {
            snprintf(to + used, size - used, "...");
            return to;
        }
        used += (size_t)snprintf(to + used, size - used, plain ? "%c" : "\\x%02x", byte);
    }
    return to;
}

enum { SHOWN_SIZE = 200 };

struct shown {
    char text[SHOWN_SIZE];
};

static struct shown show(const struct resp_reply *map, const char *name) {
    struct shown result;
    shown(field(map, name), result.text, sizeof(result.text));
    return result;
}

static bool field_is(const struct resp_reply *map, const char *name, const char *text) {
    const struct resp_reply *value = field(map, name);
    return has_text(value) && view_equal(value->text, view_of_string(text));
}

static bool field_number(const struct resp_reply *map, const char *name, int64_t *ret) {
    const struct resp_reply *value = field(map, name);
    if (value != NULL && value->kind == RESP_REPLY_INTEGER) {
        *ret = value->integer;
        return true;
    }
    return has_text(value) && view_to_int64(value->text, ret);
}

/* "2025-01-31T12:00:00.123Z"; "-" when there is no such time. */
static struct shown show_time(const struct resp_reply *map, const char *name) {
    struct shown result = {"-"};
    int64_t ms;
    struct tm parts;
    if (!field_number(map, name, &ms) || ms <= 0) {
        return result;
    }
    time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &parts) != NULL && strftime(result.text, 32, "%Y-%m-%dT%H:%M:%S", &parts) > 0) {
        size_t used = strlen(result.text);
        snprintf(result.text + used, sizeof(result.text) - used, ".%03dZ", (int)(ms % 1000));
    }
    return result;
}

static const char *reach_of(const struct resp_reply *replica) {
    int64_t reachable;
    if (!field_number(replica, "reachable", &reachable)) {
        return "-";
    }
    return reachable != 0 ? "yes" : "no";
}

static void add_value(struct buffer *text, const struct resp_reply *value) {
    int64_t expires = 0;
    int64_t adds = 0;
    add(text, "    value  %s, %s bytes, hash %s\n", show(value, "type").text, show(value, "bytes").text,
        show(value, "hash").text);
    add(text, "           dot %s, written %s + %s\n", show(value, "dot").text, show_time(value, "time-ms").text,
        show(value, "logical").text);
    if (field_number(value, "adds", &adds)) {
        add(text, "           adds %s\n", show(value, "adds").text);
    }
    if (field_number(value, "expires-at-ms", &expires) && expires > 0) {
        add(text, "           expires %s\n", show_time(value, "expires-at-ms").text);
    }
}

static void add_replica(struct buffer *text, const struct resp_reply *replica) {
    add(text, "\n%s  %s\n", show(replica, "address").text, show(replica, "node").text);
    add(text, "    role %s, reachable %s, status %s\n", show(replica, "role").text, reach_of(replica),
        show(replica, "status").text);
    const struct resp_reply *values = field(replica, "values");
    for (size_t i = 0; is_list(values) && i < values->count; i++) {
        add_value(text, &values->items[i]);
    }
    if (field_is(replica, "status", "ok")) {
        add(text, "    context  %s, entries %s\n", show(replica, "context").text,
            show(replica, "context-entries").text);
    }
}

/* Equal in shape and in every byte. */
static bool reply_equal(const struct resp_reply *a, const struct resp_reply *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    if (is_list(a) != is_list(b) || a->count != b->count || !view_equal(a->text, b->text)) {
        return false;
    }
    for (size_t i = 0; is_list(a) && i < a->count; i++) {
        if (!reply_equal(&a->items[i], &b->items[i])) {
            return false;
        }
    }
    return true;
}

static bool replicas_agree(const struct resp_reply *a, const struct resp_reply *b) {
    return reply_equal(field(a, "status"), field(b, "status")) && reply_equal(field(a, "values"), field(b, "values")) &&
           reply_equal(field(a, "context"), field(b, "context"));
}

static void add_verdict(struct buffer *text, const struct resp_reply *replicas) {
    const struct resp_reply *first = NULL;
    size_t answered = 0;
    size_t owners = 0;
    bool agree = true;
    for (size_t i = 0; i < replicas->count; i++) {
        const struct resp_reply *replica = &replicas->items[i];
        if (!field_is(replica, "role", "owner")) {
            continue;
        }
        owners++;
        if (field_is(replica, "status", "ok") || field_is(replica, "status", "absent")) {
            answered++;
            agree = agree && (first == NULL || replicas_agree(first, replica));
            first = first == NULL ? replica : first;
        }
    }
    add(text, "\n%zu of %zu owners answered", answered, owners);
    if (answered > 1) {
        add(text, agree ? " and agree" : " and differ: a read of the key, or anti-entropy, will bring them together");
    }
    add(text, ".\n");
}

bool explain_render(const struct resp_reply *reply, struct buffer *text) {
    const struct resp_reply *replicas = field(reply, "replicas");
    if (!is_list(replicas) || field(reply, "partition") == NULL) {
        return false;
    }
    add(text, "key        %s\n", show(reply, "key").text);
    add(text, "slot       %s\n", show(reply, "slot").text);
    add(text, "partition  %s, placement mark %s\n", show(reply, "partition").text, show(reply, "mark").text);
    add(text, "quorums    R %s, W %s of N %s\n", show(reply, "read-quorum").text, show(reply, "write-quorum").text,
        show(reply, "n").text);
    for (size_t i = 0; i < replicas->count; i++) {
        add_replica(text, &replicas->items[i]);
    }
    add_verdict(text, replicas);
    return true;
}
