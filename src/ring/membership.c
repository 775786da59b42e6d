#include "ring/membership.h"

#include "base/codec.h"
#include "base/ensure.h"
#include "base/limits.h"

#include <stdlib.h>

enum { WEIGHT_MOST = 1000 };

/* A Lamport time near the end of its range would leave no room for the events to come. */
#define LAMPORT_MOST (UINT64_MAX / 2)

void membership_init(struct membership *log) {
    *log = (struct membership){0};
}

void membership_release(struct membership *log) {
    free(log->events);
    membership_init(log);
}

static bool id_is_zero(struct node_id id) {
    return node_id_equal(id, (struct node_id){{0}});
}

bool membership_has_subject(enum membership_kind kind) {
    return kind == MEMBERSHIP_JOIN || kind == MEMBERSHIP_LEAVE || kind == MEMBERSHIP_WEIGHT ||
           kind == MEMBERSHIP_EXCUSE;
}

bool membership_is_marker(enum membership_kind kind) {
    return kind == MEMBERSHIP_EXCUSE || (!membership_has_subject(kind) && kind != MEMBERSHIP_REPLICAS);
}

bool membership_replaces(const struct membership_event *event) {
    return event->kind == MEMBERSHIP_JOIN && !id_is_zero(event->replaces);
}

/* Text that fits its field, is not empty and has no byte that would break a line or a column. */
static bool text_is_plain(const char *text, size_t size) {
    size_t length = strnlen(text, size);
    if (length == 0 || length == size) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

bool member_address_is_plain(const char *address) {
    if (!text_is_plain(address, MEMBER_ADDRESS_SIZE)) {
        return false;
    }
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address) {
        return false;
    }
    uint64_t port;
    return view_to_uint64(view_of_string(colon + 1), &port) && port >= 1 && port <= UINT16_MAX;
}

static bool weight_is_legal(uint32_t weight) {
    return weight >= 1 && weight <= WEIGHT_MOST;
}

static bool event_is_legal(const struct membership_event *event) {
    if (event->lamport == 0 || event->lamport > LAMPORT_MOST || id_is_zero(event->issuer) ||
        id_is_zero(event->member.id)) {
        return false;
    }
    switch (event->kind) {
    case MEMBERSHIP_JOIN:
        return weight_is_legal(event->member.weight) && text_is_plain(event->member.zone, MEMBER_ZONE_SIZE) &&
               member_address_is_plain(event->member.client_address) &&
               member_address_is_plain(event->member.peer_address);
    case MEMBERSHIP_LEAVE:
    case MEMBERSHIP_MOVE:
    case MEMBERSHIP_COMMIT:
    case MEMBERSHIP_DONE:
    case MEMBERSHIP_ABORT:
    case MEMBERSHIP_EXCUSE:
    case MEMBERSHIP_SETTLED:
    case MEMBERSHIP_JOINT:
        return true;
    case MEMBERSHIP_WEIGHT:
        return weight_is_legal(event->member.weight);
    case MEMBERSHIP_REPLICAS:
        return event->replica_count >= 1 && event->replica_count <= LIMIT_REPLICAS;
    }
    return false;
}

/* The event without what its kind doesn't use and without bytes behind a terminating zero: equal events are then equal
 * in all their fields. */
static struct membership_event canonical(const struct membership_event *event) {
    struct membership_event plain;
    memset(&plain, 0, sizeof(plain));
    plain.lamport = event->lamport;
    plain.issuer = event->issuer;
    plain.kind = event->kind;
    plain.member.id = event->member.id;
    if (event->kind == MEMBERSHIP_JOIN || event->kind == MEMBERSHIP_WEIGHT) {
        plain.member.weight = event->member.weight;
    }
    if (event->kind == MEMBERSHIP_REPLICAS) {
        plain.replica_count = event->replica_count;
    }
    if (event->kind == MEMBERSHIP_JOIN) {
        plain.replaces = event->replaces;
        memcpy(plain.member.zone, event->member.zone, strlen(event->member.zone));
        memcpy(plain.member.client_address, event->member.client_address, strlen(event->member.client_address));
        memcpy(plain.member.peer_address, event->member.peer_address, strlen(event->member.peer_address));
    }
    return plain;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* The documented order, then the remaining fields: an issuer that says two things at one Lamport time has issued two
 * events, and every log keeps both in the same places. */
static int event_compare(const struct membership_event *a, const struct membership_event *b) {
    int order = compare_numbers(a->lamport, b->lamport);
    order = order != 0 ? order : node_id_compare(a->issuer, b->issuer);
    order = order != 0 ? order : compare_numbers(a->kind, b->kind);
    order = order != 0 ? order : node_id_compare(a->member.id, b->member.id);
    order = order != 0 ? order : compare_numbers(a->member.weight, b->member.weight);
    order = order != 0 ? order : compare_numbers(a->replica_count, b->replica_count);
    order = order != 0 ? order : node_id_compare(a->replaces, b->replaces);
    order = order != 0 ? order : strcmp(a->member.zone, b->member.zone);
    order = order != 0 ? order : strcmp(a->member.client_address, b->member.client_address);
    return order != 0 ? order : strcmp(a->member.peer_address, b->member.peer_address);
}

static size_t first_not_before(const struct membership *log, const struct membership_event *event) {
    size_t low = 0;
    size_t high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (event_compare(&log->events[middle], event) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_at(struct membership *log, size_t at, const struct membership_event *event) {
    if (log->count == log->capacity) {
        size_t capacity = log->capacity == 0 ? 16 : log->capacity * 2;
        struct membership_event *grown = realloc(log->events, capacity * sizeof(*grown));
        ENSURE(grown != NULL);
        log->events = grown;
        log->capacity = capacity;
    }
    memmove(&log->events[at + 1], &log->events[at], (log->count - at) * sizeof(*log->events));
    log->events[at] = *event;
    log->count++;
}

enum membership_status membership_add(struct membership *log, const struct membership_event *event) {
    if (!event_is_legal(event)) {
        return MEMBERSHIP_INVALID;
    }
    struct membership_event plain = canonical(event);
    size_t at = first_not_before(log, &plain);
    if (at < log->count && event_compare(&log->events[at], &plain) == 0) {
        return MEMBERSHIP_KNOWN;
    }
    insert_at(log, at, &plain);
    return MEMBERSHIP_ADDED;
}

size_t membership_merge(struct membership *log, const struct membership *other) {
    size_t added = 0;
    for (size_t i = 0; i < other->count; i++) {
        added += membership_add(log, &other->events[i]) == MEMBERSHIP_ADDED;
    }
    return added;
}

/* All that placement depends on. One number serves all kinds: a weight, or of REPLICAS how many. */
static void write_event(struct buffer *text, const struct membership_event *event) {
    write_u64(text, event->lamport);
    write_bytes(text, view_of(event->issuer.bytes, sizeof(event->issuer.bytes)));
    write_u8(text, (uint8_t)event->kind);
    write_bytes(text, view_of(event->member.id.bytes, sizeof(event->member.id.bytes)));
    write_u32(text, event->kind == MEMBERSHIP_REPLICAS ? event->replica_count : event->member.weight);
    write_bytes(text, view_of(event->replaces.bytes, sizeof(event->replaces.bytes)));
    write_sized(text, view_of_string(event->member.zone));
}

static void write_addresses(struct buffer *text, const struct membership_event *event) {
    write_sized(text, view_of_string(event->member.client_address));
    write_sized(text, view_of_string(event->member.peer_address));
}

static struct digest digest_of(const struct membership *log, bool with_addresses) {
    struct buffer text;
    buffer_init(&text);
    write_varint(&text, log->count);
    for (size_t i = 0; i < log->count; i++) {
        write_event(&text, &log->events[i]);
        if (with_addresses) {
            write_addresses(&text, &log->events[i]);
        }
    }
    struct digest digest = hash128(buffer_view(&text));
    buffer_release(&text);
    return digest;
}

struct digest membership_digest(const struct membership *log) {
    return digest_of(log, true);
}

struct digest membership_placement_digest(const struct membership *log) {
    return digest_of(log, false);
}

uint64_t membership_lamport(const struct membership *log) {
    return log->count == 0 ? 0 : log->events[log->count - 1].lamport;
}

/* ---- as bytes ---- */

void membership_encode(struct buffer *buffer, const struct membership *log, uint64_t after) {
    for (size_t i = 0; i < log->count; i++) {
        if (log->events[i].lamport > after) {
            write_event(buffer, &log->events[i]);
            write_addresses(buffer, &log->events[i]);
        }
    }
}

static bool read_text(struct reader *reader, char *text, size_t size) {
    struct view bytes = read_sized(reader);
    if (bytes.size >= size || (bytes.size > 0 && memchr(bytes.data, 0, bytes.size) != NULL)) {
        return false;
    }
    if (bytes.size > 0) {
        memcpy(text, bytes.data, bytes.size);
    }
    return true;
}

static bool read_event(struct reader *reader, struct membership_event *event) {
    memset(event, 0, sizeof(*event));
    event->lamport = read_u64(reader);
    read_into(reader, event->issuer.bytes, sizeof(event->issuer.bytes));
    event->kind = (enum membership_kind)read_u8(reader);
    read_into(reader, event->member.id.bytes, sizeof(event->member.id.bytes));
    uint32_t number = read_u32(reader);
    event->member.weight = event->kind == MEMBERSHIP_REPLICAS ? 0 : number;
    event->replica_count = event->kind == MEMBERSHIP_REPLICAS ? number : 0;
    read_into(reader, event->replaces.bytes, sizeof(event->replaces.bytes));
    return read_text(reader, event->member.zone, sizeof(event->member.zone)) &&
           read_text(reader, event->member.client_address, sizeof(event->member.client_address)) &&
           read_text(reader, event->member.peer_address, sizeof(event->member.peer_address)) && !reader->failed;
}

bool membership_decode(struct view bytes, struct membership *log) {
    struct reader reader = reader_of(bytes);
    struct membership read;
    bool is_whole = true;
    membership_init(&read);
    while (is_whole && reader_left(&reader) > 0) {
        struct membership_event event;
        is_whole = read_event(&reader, &event) && membership_add(&read, &event) == MEMBERSHIP_ADDED;
    }
    if (is_whole) {
        (void)membership_merge(log, &read);
    }
    membership_release(&read);
    return is_whole;
}
