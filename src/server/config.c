#include "server/config.h"

#include "base/ensure.h"
#include "base/buffer.h"
#include "base/limits.h"
#include "server/config_text.h"
#include "server/memory.h"
#include "wire/member_record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Settings that are there once, and the three that may be repeated. */
enum setting_id {
    SETTING_CLUSTER_ID,
    SETTING_CLUSTER_SECRET,
    SETTING_PREVIOUS_CLUSTER_SECRET,
    SETTING_NODE_ID,
    SETTING_DATA,
    SETTING_STORAGE,
    SETTING_SHARDS,
    SETTING_PARTITIONS,
    SETTING_REPLICAS,
    SETTING_READ_QUORUM,
    SETTING_WRITE_QUORUM,
    SETTING_PRIMARY_READ_QUORUM,
    SETTING_PRIMARY_WRITE_QUORUM,
    SETTING_CONFLICT,
    SETTING_DURABILITY,
    SETTING_KEYSPACE,
    SETTING_MEMBER,
    SETTING_SEED,
    SETTING_OBJECT_BUFFER,
    SETTING_DEADLINE_MS,
    SETTING_EXCHANGE_PERIOD_MS,
    SETTING_SCRUB_PERIOD_S,
    SETTING_MAX_CLIENTS,
    SETTING_MAX_REQUESTS,
    SETTING_MEMORY_LIMIT,
    SETTING_BACKGROUND_LATENCY_MS,
    SETTING_MOVED_PORT_OFFSET,
    SETTING_SLOW_US,
    SETTING_SLOW_MOST,
    SETTING_LATENCY_THRESHOLD,
    SETTING_LOG_LEVEL,
    SETTING_DEBUG_COMMANDS,
    SETTING_INSECURE_BIND,
    SETTING_ACCEPT_OLDER_DATA,
    SETTING_COUNT,
};

static const char *const setting_names[SETTING_COUNT + 1] = {
    [SETTING_CLUSTER_ID] = "cluster-id",
    [SETTING_CLUSTER_SECRET] = "cluster-secret",
    [SETTING_PREVIOUS_CLUSTER_SECRET] = "previous-cluster-secret",
    [SETTING_NODE_ID] = "node-id",
    [SETTING_DATA] = "data",
    [SETTING_STORAGE] = "storage",
    [SETTING_SHARDS] = "shards",
    [SETTING_PARTITIONS] = "partitions",
    [SETTING_REPLICAS] = "replicas",
    [SETTING_READ_QUORUM] = "read-quorum",
    [SETTING_WRITE_QUORUM] = "write-quorum",
    [SETTING_PRIMARY_READ_QUORUM] = "primary-read-quorum",
    [SETTING_PRIMARY_WRITE_QUORUM] = "primary-write-quorum",
    [SETTING_CONFLICT] = "conflict",
    [SETTING_DURABILITY] = "durability",
    [SETTING_KEYSPACE] = "keyspace",
    [SETTING_MEMBER] = "member",
    [SETTING_SEED] = "seed",
    [SETTING_OBJECT_BUFFER] = "object-buffer",
    [SETTING_DEADLINE_MS] = "deadline-ms",
    [SETTING_EXCHANGE_PERIOD_MS] = "exchange-period-ms",
    [SETTING_SCRUB_PERIOD_S] = "scrub-period-s",
    [SETTING_MAX_CLIENTS] = "max-clients",
    [SETTING_MAX_REQUESTS] = "max-requests",
    [SETTING_MEMORY_LIMIT] = "memory-limit",
    [SETTING_BACKGROUND_LATENCY_MS] = "background-latency-ms",
    [SETTING_MOVED_PORT_OFFSET] = "moved-port-offset",
    [SETTING_SLOW_US] = "slowlog-log-slower-than",
    [SETTING_SLOW_MOST] = "slowlog-max-len",
    [SETTING_LATENCY_THRESHOLD] = "latency-monitor-threshold",
    [SETTING_LOG_LEVEL] = "log-level",
    [SETTING_DEBUG_COMMANDS] = "debug-commands",
    [SETTING_INSECURE_BIND] = "insecure-bind",
    [SETTING_ACCEPT_OLDER_DATA] = "accept-older-data",
};

/* Choices, in the order of their enums. */
static const char *const storage_names[] = {"rocksdb", "memory", NULL};
static const char *const conflict_names[] = {"siblings", "lww", NULL};
static const char *const durability_names[] = {"sync", "interval", "none", NULL};
static const char *const log_level_names[] = {"debug", "info", "warning", "error", NULL};
enum { QUORUM_READ, QUORUM_WRITE, QUORUM_PRIMARY_READ, QUORUM_PRIMARY_WRITE, QUORUM_COUNT };
static const char *const keyspace_option_names[] = {
    "read-quorum", "write-quorum", "primary-read-quorum", "primary-write-quorum", "conflict", "durability", NULL};
static const char *const yes_names[] = {"yes-i-know", NULL};

enum { NOT_SAID = -1 };

/* A keyspace as it was written: what it doesn't say comes from the default one, which may stand below it. */
struct keyspace_line {
    size_t line;
    struct view prefix;
    uint32_t quorums[QUORUM_COUNT]; /* 0 when not said */
    int conflict;
    int durability;
};

struct parser {
    const char *file_name;
    size_t line; /* 0: what is wrong is in no line */
    struct words words;
    const struct ring_options *shape; /* of the cluster, where it is known */
    struct config config;
    struct config_error *error;
    size_t set_in[SETTING_COUNT]; /* line, 0 when not yet */
    struct keyspace_line defaults;
    struct keyspace_line keyspaces[LIMIT_KEYSPACES];
    size_t keyspace_count;
    size_t *member_lines;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct parser *parser, const char *format, ...) {
    char *text = parser->error->text;
    int used = parser->line == 0 ? snprintf(text, CONFIG_ERROR_SIZE, "%s: ", parser->file_name)
                                 : snprintf(text, CONFIG_ERROR_SIZE, "%s:%zu: ", parser->file_name, parser->line);
    if (used >= 0 && used < CONFIG_ERROR_SIZE) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text + used, (size_t)(CONFIG_ERROR_SIZE - used), format, arguments);
        va_end(arguments);
    }
    return false;
}

/* A word in a message: not more of it than a line can bear. */
#define SHOWN(word) (int)((word).size < 80 ? (word).size : 80), (const char *)(word).data

/* --- Values ------------------------------------------------------------------------------------------------------ */

static bool parse_number(struct parser *parser, const char *name, struct view word, uint32_t low, uint32_t high,
                         uint32_t *ret) {
    uint64_t number;
    if (!view_to_uint64(word, &number) || number < low || number > high) {
        return fail(parser, "%s must be a number from %u to %u, not '%.*s'", name, low, high, SHOWN(word));
    }
    *ret = (uint32_t)number;
    return true;
}

static bool parse_slow(struct parser *parser, const char *name, struct view word) {
    if (view_to_int64(word, &parser->config.slow_us) && parser->config.slow_us >= -1) {
        return true;
    }
    return fail(parser, "%s must be a number of microseconds, or -1, not '%.*s'", name, SHOWN(word));
}

static bool parse_choice(struct parser *parser, const char *name, struct view word, const char *const *choices,
                         int *ret) {
    char all[128] = "";
    size_t used = 0;
    for (int i = 0; choices[i] != NULL; i++) {
        if (view_equal(word, view_of_string(choices[i]))) {
            *ret = i;
            return true;
        }
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : " or ", choices[i]);
    }
    const char *meant = suggest(word, choices);
    if (meant != NULL) {
        return fail(parser, "%s must be %s, not '%.*s'; did you mean '%s'?", name, all, SHOWN(word), meant);
    }
    return fail(parser, "%s must be %s, not '%.*s'", name, all, SHOWN(word));
}

static bool parse_hex16(struct parser *parser, const char *name, struct view word, uint8_t ret[16]) {
    if (!hex16_from_text(word, ret)) {
        return fail(parser, "%s must be 32 hexadecimal digits, not '%.*s'", name, SHOWN(word));
    }
    static const uint8_t zeros[16];
    if (memcmp(ret, zeros, sizeof(zeros)) == 0) {
        return fail(parser, "%s must not be all zeros", name);
    }
    return true;
}

static bool parse_text(struct parser *parser, const char *name, struct view word, char *ret, size_t size) {
    if (word.size == 0 || word.size >= size) {
        return fail(parser, "%s must have 1 to %zu bytes", name, size - 1);
    }
    memcpy(ret, word.data, word.size);
    ret[word.size] = '\0';
    return true;
}

/* What goes into the membership log, which is stricter than paths and prefixes need to be. */
static bool parse_plain(struct parser *parser, const char *name, struct view word, char *ret, size_t size) {
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] <= ' ' || word.data[i] > '~') {
            return fail(parser, "%s must be of printable ASCII without blanks", name);
        }
    }
    return parse_text(parser, name, word, ret, size);
}

/* --- Keyspaces --------------------------------------------------------------------------------------------------- */

static bool parse_keyspace_option(struct parser *parser, struct keyspace_line *keyspace, struct view name,
                                  struct view value) {
    int option = 0;
    while (keyspace_option_names[option] != NULL && !view_equal(name, view_of_string(keyspace_option_names[option]))) {
        option++;
    }
    switch (option) {
    case QUORUM_READ:
    case QUORUM_WRITE:
    case QUORUM_PRIMARY_READ:
    case QUORUM_PRIMARY_WRITE:
        return keyspace->quorums[option] != 0 ? fail(parser, "'%.*s' is said twice", SHOWN(name))
                                              : parse_number(parser, keyspace_option_names[option], value, 1,
                                                             LIMIT_REPLICAS, &keyspace->quorums[option]);
    case QUORUM_COUNT:
        return keyspace->conflict != NOT_SAID
                   ? fail(parser, "'%.*s' is said twice", SHOWN(name))
                   : parse_choice(parser, "conflict", value, conflict_names, &keyspace->conflict);
    case QUORUM_COUNT + 1:
        return keyspace->durability != NOT_SAID
                   ? fail(parser, "'%.*s' is said twice", SHOWN(name))
                   : parse_choice(parser, "durability", value, durability_names, &keyspace->durability);
    default:
        break;
    }
    const char *meant = suggest(name, keyspace_option_names);
    return fail(parser, "a keyspace has no setting '%.*s'%s%s%s", SHOWN(name), meant == NULL ? "" : "; did you mean '",
                meant == NULL ? "" : meant, meant == NULL ? "" : "'?");
}

static bool parse_keyspace(struct parser *parser) {
    const struct words *words = &parser->words;
    if (words->count < 2 || words->count % 2 != 0) {
        return fail(parser, "a keyspace is 'keyspace PREFIX [read-quorum n] [write-quorum n] [primary-read-quorum n] "
                            "[primary-write-quorum n] [conflict c] [durability d]'");
    }
    struct view prefix = words->word[1];
    if (prefix.size == 0 || prefix.size > KEYSPACE_PREFIX_SIZE) {
        return fail(parser, "the prefix of a keyspace must have 1 to %d bytes", KEYSPACE_PREFIX_SIZE);
    }
    for (size_t i = 0; i < parser->keyspace_count; i++) {
        if (view_equal(parser->keyspaces[i].prefix, prefix)) {
            return fail(parser, "keyspace '%.*s' is there twice, first in line %zu", SHOWN(prefix),
                        parser->keyspaces[i].line);
        }
    }
    if (parser->keyspace_count == LIMIT_KEYSPACES - 1) {
        return fail(parser, "more than %d keyspaces", LIMIT_KEYSPACES - 1);
    }
    struct keyspace_line *keyspace = &parser->keyspaces[parser->keyspace_count++];
    *keyspace =
        (struct keyspace_line){.line = parser->line, .prefix = prefix, .conflict = NOT_SAID, .durability = NOT_SAID};
    for (size_t i = 2; i < words->count; i += 2) {
        if (!parse_keyspace_option(parser, keyspace, words->word[i], words->word[i + 1])) {
            return false;
        }
    }
    return true;
}

static uint8_t quorum_of(const struct parser *parser, const struct keyspace_line *keyspace, size_t which) {
    uint32_t majority = parser->config.replicas / 2 + 1;
    uint32_t standard = parser->defaults.quorums[which] != 0 ? parser->defaults.quorums[which] : majority;
    return (uint8_t)(keyspace->quorums[which] != 0 ? keyspace->quorums[which] : standard);
}

/* How many of them must be owners: none, unless said. */
static uint8_t primary_of(const struct parser *parser, const struct keyspace_line *keyspace, size_t which) {
    uint32_t said = keyspace->quorums[which] != 0 ? keyspace->quorums[which] : parser->defaults.quorums[which];
    return (uint8_t)said;
}

/* The cluster that this node is to join may have any number. */
static bool replicas_are_open(const struct parser *parser) {
    return parser->config.seed_count > 0 && parser->shape == NULL && parser->set_in[SETTING_REPLICAS] == 0;
}

static bool check_quorum(struct parser *parser, size_t line, const char *name, uint32_t quorum) {
    if (quorum <= parser->config.replicas || replicas_are_open(parser)) {
        return true;
    }
    parser->line = line;
    return fail(parser, "%s %u is more than the %u replicas that there are of a key", name, quorum,
                parser->config.replicas);
}

static struct keyspace keyspace_from_line(const struct parser *parser, const struct keyspace_line *line) {
    const struct keyspace_line *defaults = &parser->defaults;
    struct keyspace keyspace = {
        .prefix_bytes = (uint8_t)line->prefix.size,
        .read_quorum = quorum_of(parser, line, QUORUM_READ),
        .write_quorum = quorum_of(parser, line, QUORUM_WRITE),
        .primary_read_quorum = primary_of(parser, line, QUORUM_PRIMARY_READ),
        .primary_write_quorum = primary_of(parser, line, QUORUM_PRIMARY_WRITE),
        .conflict = (enum conflict_rule)(line->conflict != NOT_SAID ? line->conflict : defaults->conflict),
        .durability = (enum durability)(line->durability != NOT_SAID ? line->durability : defaults->durability),
    };
    if (line->prefix.size > 0) {
        memcpy(keyspace.prefix, line->prefix.data, line->prefix.size);
    }
    return keyspace;
}

static bool check_primary(struct parser *parser, size_t line, const char *name, uint32_t primary, uint32_t quorum) {
    if (primary <= quorum) {
        return true;
    }
    parser->line = line;
    return fail(parser, "primary-%s %u is more than the %s %u of which it is a part", name, primary, name, quorum);
}

/* Lines: where each was said, or the keyspace's own. */
static bool check_quorums(struct parser *parser, const struct keyspace *keyspace, const size_t lines[QUORUM_COUNT]) {
    return check_quorum(parser, lines[QUORUM_READ], "read-quorum", keyspace->read_quorum) &&
           check_quorum(parser, lines[QUORUM_WRITE], "write-quorum", keyspace->write_quorum) &&
           check_primary(parser, lines[QUORUM_PRIMARY_READ], "read-quorum", keyspace->primary_read_quorum,
                         keyspace->read_quorum) &&
           check_primary(parser, lines[QUORUM_PRIMARY_WRITE], "write-quorum", keyspace->primary_write_quorum,
                         keyspace->write_quorum);
}

static bool finish_keyspaces(struct parser *parser) {
    struct keyspace_table *table = &parser->config.keyspaces;
    keyspace_table_init(table);
    table->keyspaces[0] = keyspace_from_line(parser, &parser->defaults);
    const size_t lines[QUORUM_COUNT] = {parser->set_in[SETTING_READ_QUORUM], parser->set_in[SETTING_WRITE_QUORUM],
                                        parser->set_in[SETTING_PRIMARY_READ_QUORUM],
                                        parser->set_in[SETTING_PRIMARY_WRITE_QUORUM]};
    if (!check_quorums(parser, &table->keyspaces[0], lines)) {
        return false;
    }
    for (size_t i = 0; i < parser->keyspace_count; i++) {
        const struct keyspace_line *line = &parser->keyspaces[i];
        struct keyspace keyspace = keyspace_from_line(parser, line);
        const size_t own[QUORUM_COUNT] = {line->line, line->line, line->line, line->line};
        if (!check_quorums(parser, &keyspace, own)) {
            return false;
        }
        bool added = keyspace_table_add(table, &keyspace);
        ENSURE(added);
    }
    return true;
}

/* --- Members ----------------------------------------------------------------------------------------------------- */

bool config_split_address(const char *address, char *ret_host, uint16_t *ret_port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || strlen(address) >= MEMBER_ADDRESS_SIZE) {
        return false;
    }
    uint64_t port;
    if (!view_to_uint64(view_of_string(colon + 1), &port) || port < 1 || port > UINT16_MAX) {
        return false;
    }
    const char *from = address;
    const char *to = colon;
    if (*from == '[') {
        from++;
        if (to - from < 1 || to[-1] != ']') {
            return false;
        }
        to--;
    } else if (memchr(from, ':', (size_t)(to - from)) != NULL) {
        return false; /* an IPv6 address without its brackets: which colon is the port's? */
    }
    if (to <= from) {
        return false;
    }
    memcpy(ret_host, from, (size_t)(to - from));
    ret_host[to - from] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_address(struct parser *parser, const char *name, struct view word, char *ret) {
    char host[MEMBER_ADDRESS_SIZE];
    uint16_t port;
    if (!parse_plain(parser, name, word, ret, MEMBER_ADDRESS_SIZE)) {
        return false;
    }
    if (!config_split_address(ret, host, &port)) {
        return fail(parser, "%s must be HOST:PORT or [IPV6]:PORT, not '%.*s'", name, SHOWN(word));
    }
    return true;
}

static bool check_new_member(struct parser *parser, const struct member *member) {
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(member->id, id);
    if (strcmp(member->client_address, member->peer_address) == 0) {
        return fail(parser, "clients and peers must have addresses of their own, not both %s", member->peer_address);
    }
    for (size_t i = 0; i < parser->config.member_count; i++) {
        const struct member *other = &parser->config.members[i];
        if (node_id_equal(other->id, member->id)) {
            return fail(parser, "member %s is there twice, first in line %zu", id, parser->member_lines[i]);
        }
        const char *same = strcmp(other->client_address, member->client_address) == 0 ||
                                   strcmp(other->peer_address, member->client_address) == 0
                               ? member->client_address
                               : NULL;
        same = strcmp(other->client_address, member->peer_address) == 0 ||
                       strcmp(other->peer_address, member->peer_address) == 0
                   ? member->peer_address
                   : same;
        if (same != NULL) {
            return fail(parser, "the address %s is taken by the member in line %zu", same, parser->member_lines[i]);
        }
    }
    return true;
}

static void keep_member(struct parser *parser, const struct member *member) {
    struct config *config = &parser->config;
    struct member *members = realloc(config->members, (config->member_count + 1) * sizeof(*members));
    size_t *lines = realloc(parser->member_lines, (config->member_count + 1) * sizeof(*lines));
    ENSURE(members != NULL && lines != NULL);
    config->members = members;
    parser->member_lines = lines;
    members[config->member_count] = *member;
    lines[config->member_count] = parser->line;
    config->member_count++;
}

static bool parse_member(struct parser *parser) {
    const struct view *word = parser->words.word;
    struct member member;
    memset(&member, 0, sizeof(member));
    if (parser->words.count != 6) {
        return fail(parser, "a member is 'member ID ZONE WEIGHT CLIENT-ADDRESS PEER-ADDRESS'");
    }
    if (parser->config.member_count == LIMIT_MEMBERS) {
        return fail(parser, "more than %d members", LIMIT_MEMBERS);
    }
    if (!parse_hex16(parser, "the id of a member", word[1], member.id.bytes) ||
        !parse_plain(parser, "the zone of a member", word[2], member.zone, sizeof(member.zone)) ||
        !parse_number(parser, "the weight of a member", word[3], 1, 1000, &member.weight) ||
        !parse_address(parser, "the client address", word[4], member.client_address) ||
        !parse_address(parser, "the peer address", word[5], member.peer_address)) {
        return false;
    }
    if (!check_new_member(parser, &member)) {
        return false;
    }
    keep_member(parser, &member);
    return true;
}

static int compare_members(const void *left, const void *right) {
    return node_id_compare(((const struct member *)left)->id, ((const struct member *)right)->id);
}

static bool is_loopback(const char *address) {
    char host[MEMBER_ADDRESS_SIZE];
    uint16_t port;
    if (!config_split_address(address, host, &port)) {
        return false;
    }
    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0) {
        return true;
    }
    /* 127.0.0.0/8, all four numbers written out; a name that merely begins so is no loopback address. */
    unsigned number[4];
    int end = 0;
    return sscanf(host, "%3u.%3u.%3u.%3u%n", &number[0], &number[1], &number[2], &number[3], &end) == 4 &&
           host[end] == '\0' && number[0] == 127 && number[1] < 256 && number[2] < 256 && number[3] < 256;
}

static bool check_bind(struct parser *parser, const char *address) {
    if (parser->config.insecure_bind || is_loopback(address)) {
        return true;
    }
    return fail(parser,
                "this node would listen on %s, beyond loopback, with neither authentication nor encryption: use a "
                "loopback address, or, if everything that can reach it is trusted, add the line 'insecure-bind "
                "yes-i-know'",
                address);
}

static bool parse_seed(struct parser *parser) {
    struct config *config = &parser->config;
    char seed[MEMBER_ADDRESS_SIZE];
    if (parser->words.count != 2) {
        return fail(parser, "a seed is 'seed HOST:PORT', the address of a member for clients");
    }
    if (config->seed_count == LIMIT_MEMBERS) {
        return fail(parser, "more than %d seeds", LIMIT_MEMBERS);
    }
    if (!parse_address(parser, "a seed", parser->words.word[1], seed)) {
        return false;
    }
    config->seeds = realloc(config->seeds, (config->seed_count + 1) * sizeof(*config->seeds));
    ENSURE(config->seeds != NULL);
    memcpy(config->seeds[config->seed_count++], seed, sizeof(seed));
    return true;
}

static bool finish_members(struct parser *parser) {
    struct config *config = &parser->config;
    size_t own = 0;
    if (config->seed_count > 0 && config->member_count > 1) {
        parser->line = parser->member_lines[1];
        return fail(parser, "a node that has seeds joins their cluster and learns the members from it: its only "
                            "'member' line is its own");
    }
    while (own < config->member_count && !node_id_equal(config->members[own].id, config->node)) {
        own++;
    }
    if (own == config->member_count) {
        parser->line = parser->set_in[SETTING_NODE_ID];
        return fail(parser, "no member has this node-id: add a 'member' line for this node, too");
    }
    parser->line = parser->member_lines[own];
    if (!check_bind(parser, config->members[own].client_address) ||
        !check_bind(parser, config->members[own].peer_address)) {
        return false;
    }
    qsort(config->members, config->member_count, sizeof(*config->members), compare_members);
    config->self = 0;
    while (!node_id_equal(config->members[config->self].id, config->node)) {
        config->self++;
    }
    return true;
}

/* --- Settings ---------------------------------------------------------------------------------------------------- */

static bool parse_partitions(struct parser *parser, struct view word) {
    uint32_t count = 0;
    if (!parse_number(parser, "partitions", word, PARTITION_COUNT_LEAST, PARTITION_COUNT_MOST, &count)) {
        return false;
    }
    if ((count & (count - 1)) != 0) {
        return fail(parser, "partitions must be a power of two, not %u", count);
    }
    parser->config.partitions = count;
    return true;
}

static bool parse_size(struct parser *parser, const char *name, struct view word, uint64_t least,
                       const char *least_text, uint64_t *ret) {
    uint64_t bytes = 0;
    if (!size_from_text(word, &bytes) || bytes < least || bytes > UINT64_C(1) << 42) {
        return fail(parser, "%s must be a size from %s to 4096gb, not '%.*s'", name, least_text, SHOWN(word));
    }
    *ret = bytes;
    return true;
}

static bool parse_choice_setting(struct parser *parser, enum setting_id id, struct view word) {
    int choice = 0;
    switch (id) {
    case SETTING_STORAGE:
        if (!parse_choice(parser, "storage", word, storage_names, &choice)) {
            return false;
        }
        parser->config.storage = (enum config_storage)choice;
        return true;
    case SETTING_CONFLICT:
        return parse_choice(parser, "conflict", word, conflict_names, &parser->defaults.conflict);
    case SETTING_DURABILITY:
        return parse_choice(parser, "durability", word, durability_names, &parser->defaults.durability);
    case SETTING_LOG_LEVEL:
        if (!parse_choice(parser, "log-level", word, log_level_names, &choice)) {
            return false;
        }
        parser->config.log_level = (enum config_log_level)choice;
        return true;
    case SETTING_DEBUG_COMMANDS:
        parser->config.debug_commands = parse_choice(parser, "debug-commands", word, yes_names, &choice);
        return parser->config.debug_commands;
    case SETTING_ACCEPT_OLDER_DATA:
        parser->config.accepts_older_data = parse_choice(parser, "accept-older-data", word, yes_names, &choice);
        return parser->config.accepts_older_data;
    default:
        ENSURE(id == SETTING_INSECURE_BIND);
        parser->config.insecure_bind = parse_choice(parser, "insecure-bind", word, yes_names, &choice);
        return parser->config.insecure_bind;
    }
}

static bool parse_single(struct parser *parser, enum setting_id id, struct view word) {
    struct config *config = &parser->config;
    const char *name = setting_names[id];
    switch (id) {
    case SETTING_CLUSTER_ID:
        return parse_hex16(parser, name, word, config->secrets.cluster.bytes);
    case SETTING_CLUSTER_SECRET:
        return parse_hex16(parser, name, word, config->secrets.current.bytes);
    case SETTING_PREVIOUS_CLUSTER_SECRET:
        config->secrets.has_previous = true;
        return parse_hex16(parser, name, word, config->secrets.previous.bytes);
    case SETTING_NODE_ID:
        return parse_hex16(parser, name, word, config->node.bytes);
    case SETTING_DATA:
        return parse_text(parser, name, word, config->data, sizeof(config->data));
    case SETTING_SHARDS:
        return parse_number(parser, name, word, 1, LIMIT_SHARDS, &config->shards);
    case SETTING_PARTITIONS:
        return parse_partitions(parser, word);
    case SETTING_REPLICAS:
        return parse_number(parser, name, word, 1, LIMIT_REPLICAS, &config->replicas);
    case SETTING_READ_QUORUM:
        return parse_number(parser, name, word, 1, LIMIT_REPLICAS, &parser->defaults.quorums[QUORUM_READ]);
    case SETTING_WRITE_QUORUM:
        return parse_number(parser, name, word, 1, LIMIT_REPLICAS, &parser->defaults.quorums[QUORUM_WRITE]);
    case SETTING_PRIMARY_READ_QUORUM:
        return parse_number(parser, name, word, 1, LIMIT_REPLICAS, &parser->defaults.quorums[QUORUM_PRIMARY_READ]);
    case SETTING_PRIMARY_WRITE_QUORUM:
        return parse_number(parser, name, word, 1, LIMIT_REPLICAS, &parser->defaults.quorums[QUORUM_PRIMARY_WRITE]);
    case SETTING_OBJECT_BUFFER:
        return parse_size(parser, name, word, 64 << 10, "64kb", &config->object_buffer_bytes);
    case SETTING_DEADLINE_MS:
        return parse_number(parser, name, word, 10, 600000, &config->deadline_ms);
    case SETTING_EXCHANGE_PERIOD_MS:
        return parse_number(parser, name, word, 100, 3600000, &config->exchange_period_ms);
    case SETTING_SCRUB_PERIOD_S:
        return parse_number(parser, name, word, 1, 31536000, &config->scrub_period_s);
    case SETTING_MAX_CLIENTS:
        return parse_number(parser, name, word, 1, 1000000, &config->max_clients);
    case SETTING_MAX_REQUESTS:
        return parse_number(parser, name, word, 1, 1000000, &config->max_requests);
    case SETTING_MEMORY_LIMIT:
        return parse_size(parser, name, word, 64 << 20, "64mb", &config->memory_limit_bytes);
    case SETTING_BACKGROUND_LATENCY_MS:
        return parse_number(parser, name, word, 1, 60000, &config->background_latency_ms);
    case SETTING_MOVED_PORT_OFFSET:
        return parse_number(parser, name, word, 0, 60000, &config->moved_port_offset);
    case SETTING_SLOW_US:
        return parse_slow(parser, name, word);
    case SETTING_SLOW_MOST:
        return parse_number(parser, name, word, 0, 65536, &config->slow_most);
    case SETTING_LATENCY_THRESHOLD:
        return parse_number(parser, name, word, 0, INT32_MAX, &config->latency_threshold_ms);
    default:
        return parse_choice_setting(parser, id, word);
    }
}

static bool find_setting(struct parser *parser, struct view name, enum setting_id *ret_id) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (view_equal(name, view_of_string(setting_names[i]))) {
            *ret_id = (enum setting_id)i;
            return true;
        }
    }
    const char *meant = suggest(name, setting_names);
    if (meant != NULL) {
        return fail(parser, "unknown setting '%.*s'; did you mean '%s'?", SHOWN(name), meant);
    }
    return fail(parser, "unknown setting '%.*s'", SHOWN(name));
}

static bool parse_setting(struct parser *parser) {
    const struct words *words = &parser->words;
    enum setting_id id = SETTING_COUNT;
    if (!find_setting(parser, words->word[0], &id)) {
        return false;
    }
    if (id == SETTING_KEYSPACE) {
        return parse_keyspace(parser);
    }
    if (id == SETTING_MEMBER) {
        return parse_member(parser);
    }
    if (id == SETTING_SEED) {
        return parse_seed(parser);
    }
    if (parser->set_in[id] != 0) {
        return fail(parser, "'%s' is set twice, first in line %zu", setting_names[id], parser->set_in[id]);
    }
    parser->set_in[id] = parser->line;
    if (words->count != 2) {
        return fail(parser, "'%s' takes one value, not %zu (a value with blanks stands in double quotes)",
                    setting_names[id], words->count - 1);
    }
    return parse_single(parser, id, words->word[1]);
}

static bool parse_line(struct parser *parser, struct view line) {
    switch (words_split(line, &parser->words)) {
    case WORDS_OK:
        return parser->words.count == 0 || parse_setting(parser);
    case WORDS_TOO_MANY:
        return fail(parser, "more than %d words", CONFIG_WORDS_MOST);
    case WORDS_OPEN_QUOTE:
        return fail(parser, "a double quote that begins a word must end it");
    case WORDS_CONTROL_BYTE:
        return fail(parser, "a control character");
    }
    return false;
}

static bool check_presence(struct parser *parser) {
    static const enum setting_id required[] = {SETTING_CLUSTER_ID, SETTING_CLUSTER_SECRET, SETTING_NODE_ID,
                                               SETTING_DATA};
    parser->line = 0;
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        bool optional = required[i] == SETTING_DATA && parser->config.storage == CONFIG_STORAGE_MEMORY;
        if (parser->set_in[required[i]] == 0 && !optional) {
            return fail(parser, "'%s' is missing", setting_names[required[i]]);
        }
    }
    return true;
}

/* What the cluster has been born with can't be changed by a file. */
static bool take_shape(struct parser *parser) {
    struct config *config = &parser->config;
    const struct ring_options *shape = parser->shape;
    if (shape == NULL) {
        return true;
    }
    bool partitions_differ = config->partitions != shape->partition_count;
    bool replicas_differ = config->replicas != shape->replica_count;
    if (partitions_differ && (parser->set_in[SETTING_PARTITIONS] != 0 || config->seed_count == 0)) {
        parser->line = parser->set_in[SETTING_PARTITIONS];
        return fail(parser, "partitions is %u, but the cluster was born with %u", config->partitions,
                    shape->partition_count);
    }
    if (replicas_differ && (parser->set_in[SETTING_REPLICAS] != 0 || config->seed_count == 0)) {
        parser->line = parser->set_in[SETTING_REPLICAS];
        return fail(parser, "replicas is %u, but the cluster was born with %u", config->replicas, shape->replica_count);
    }
    config->partitions = shape->partition_count;
    config->replicas = shape->replica_count;
    return true;
}

static bool parse_all(struct parser *parser, struct view text) {
    struct view line;
    while (line_take(&text, &line)) {
        parser->line++;
        if (!parse_line(parser, line)) {
            return false;
        }
    }
    return check_presence(parser) && take_shape(parser) && finish_members(parser) && finish_keyspaces(parser);
}

static bool parse_text_of(struct view text, const char *file_name, const struct ring_options *shape,
                          struct config *ret_config, struct config_error *ret_error) {
    struct parser *parser = calloc(1, sizeof(*parser));
    ENSURE(parser != NULL);
    parser->file_name = file_name;
    parser->shape = shape;
    parser->error = ret_error;
    parser->defaults = (struct keyspace_line){.conflict = CONFLICT_SIBLINGS, .durability = DURABILITY_SYNC};
    parser->config.partitions = PARTITION_COUNT_DEFAULT;
    parser->config.replicas = 3;
    parser->config.object_buffer_bytes = 256U << 20;
    parser->config.deadline_ms = 1000;
    parser->config.exchange_period_ms = 5000;
    parser->config.scrub_period_s = 24 * 3600;
    parser->config.max_clients = LIMIT_CLIENTS;
    parser->config.max_requests = 4096;
    parser->config.slow_us = 10000;
    parser->config.slow_most = 128;
    parser->config.background_latency_ms = 50;
    parser->config.log_level = CONFIG_LOG_INFO;

    bool legal = parse_all(parser, text);
    if (legal) {
        *ret_config = parser->config;
    } else {
        config_release(&parser->config);
    }
    free(parser->member_lines);
    free(parser);
    return legal;
}

bool config_parse(struct view text, const char *file_name, struct config *ret_config, struct config_error *ret_error) {
    return parse_text_of(text, file_name, NULL, ret_config, ret_error);
}

void config_release(struct config *config) {
    free(config->members);
    free(config->seeds);
    memset(config, 0, sizeof(*config));
}

/* --- Files ------------------------------------------------------------------------------------------------------- */

static bool read_whole(const char *path, struct buffer *text, struct config_error *ret_error) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        snprintf(ret_error->text, sizeof(ret_error->text), "%s: cannot open it: %s", path, strerror(errno));
        return false;
    }
    bool ended = false;
    while (!ended && buffer_size(text) <= CONFIG_FILE_BYTES_MOST) {
        uint8_t *to = buffer_reserve(text, 65536);
        size_t got = fread(to, 1, 65536, file);
        buffer_commit(text, got);
        ended = got == 0;
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        snprintf(ret_error->text, sizeof(ret_error->text), "%s: cannot read it: %s", path, strerror(errno));
    } else if (!ended) {
        snprintf(ret_error->text, sizeof(ret_error->text), "%s: larger than %d bytes", path, CONFIG_FILE_BYTES_MOST);
    }
    return ended && !failed;
}

static uint32_t processor_count(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > LIMIT_SHARDS ? LIMIT_SHARDS : (uint32_t)count;
}

static bool load(const char *path, const struct ring_options *shape, struct config *ret_config,
                 struct config_error *ret_error) {
    struct buffer text;
    buffer_init(&text);
    struct config config;
    bool legal =
        read_whole(path, &text, ret_error) && parse_text_of(buffer_view(&text), path, shape, &config, ret_error);
    buffer_release(&text);
    if (!legal) {
        return false;
    }
    (void)snprintf(config.path, sizeof(config.path), "%s", path);
    config.shards = config.shards == 0 ? processor_count() : config.shards;
    bool has_limit = config.memory_limit_bytes != 0;
    config.memory_limit_bytes = has_limit ? config.memory_limit_bytes : memory_of_machine() / 4 * 3;
    *ret_config = config;
    return true;
}

bool config_load(const char *path, struct config *ret_config, struct config_error *ret_error) {
    return load(path, NULL, ret_config, ret_error);
}

bool config_take_shape(struct config *config, struct ring_options shape, struct config_error *ret_error) {
    struct config shaped;
    char path[CONFIG_PATH_SIZE];
    bool is_it = config->partitions == shape.partition_count && config->replicas == shape.replica_count;
    if (is_it && config->seed_count == 0) {
        return true;
    }
    memcpy(path, config->path, sizeof(path));
    if (!load(path, &shape, &shaped, ret_error)) {
        return false;
    }
    config_release(config);
    *config = shaped;
    return true;
}

/* --- Ring -------------------------------------------------------------------------------------------------------- */

void config_add_members(const struct config *config, struct membership *log) {
    for (size_t i = 0; i < config->member_count; i++) {
        struct membership_event event = {
            .lamport = i + 1, .issuer = config->members[i].id, .kind = MEMBERSHIP_JOIN, .member = config->members[i]};
        enum membership_status status = membership_add(log, &event);
        ENSURE(status == MEMBERSHIP_ADDED);
    }
}

void config_add_addresses(const struct config *config, struct buffer *list) {
    for (size_t i = 0; i < config->member_count; i++) {
        const struct member *member = &config->members[i];
        struct member_addresses addresses;
        memcpy(addresses.client, member->client_address, sizeof(addresses.client));
        memcpy(addresses.peer, member->peer_address, sizeof(addresses.peer));
        addresses_list_add(list, member->id, &addresses);
    }
}

struct ring_options config_ring_options(const struct config *config) {
    return (struct ring_options){.partition_count = config->partitions, .replica_count = config->replicas};
}

struct ring *config_ring(const struct config *config) {
    struct membership log;
    membership_init(&log);
    config_add_members(config, &log);
    struct ring *ring = NULL;
    enum ring_status status = ring_new(&log, config_ring_options(config), &ring);
    ENSURE(status == RING_OK);
    membership_release(&log);
    return ring;
}

/* --- Description ------------------------------------------------------------------------------------------------- */

struct description {
    void (*emit)(void *context, struct view name, struct view value);
    void *context;
};

static void say(const struct description *to, enum setting_id id, const char *value) {
    to->emit(to->context, view_of_string(setting_names[id]), view_of_string(value));
}

static void say_number(const struct description *to, enum setting_id id, uint64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    say(to, id, text);
}

void config_describe(const struct config *config, void (*emit)(void *context, struct view name, struct view value),
                     void *context) {
    struct description to = {emit, context};
    char id[NODE_ID_TEXT_SIZE];
    const struct keyspace *defaults = &config->keyspaces.keyspaces[0];
    struct node_id cluster;
    memcpy(cluster.bytes, config->secrets.cluster.bytes, sizeof(cluster.bytes));
    node_id_to_text(cluster, id);
    say(&to, SETTING_CLUSTER_ID, id);
    node_id_to_text(config->node, id);
    say(&to, SETTING_NODE_ID, id);
    say(&to, SETTING_DATA, config->data);
    say(&to, SETTING_STORAGE, storage_names[config->storage]);
    say_number(&to, SETTING_SHARDS, config->shards);
    say_number(&to, SETTING_PARTITIONS, config->partitions);
    say_number(&to, SETTING_REPLICAS, config->replicas);
    say_number(&to, SETTING_READ_QUORUM, defaults->read_quorum);
    say_number(&to, SETTING_WRITE_QUORUM, defaults->write_quorum);
    say_number(&to, SETTING_PRIMARY_READ_QUORUM, defaults->primary_read_quorum);
    say_number(&to, SETTING_PRIMARY_WRITE_QUORUM, defaults->primary_write_quorum);
    say(&to, SETTING_CONFLICT, conflict_names[defaults->conflict]);
    say(&to, SETTING_DURABILITY, durability_names[defaults->durability]);
    say_number(&to, SETTING_OBJECT_BUFFER, config->object_buffer_bytes);
    say_number(&to, SETTING_DEADLINE_MS, config->deadline_ms);
    say_number(&to, SETTING_EXCHANGE_PERIOD_MS, config->exchange_period_ms);
    say_number(&to, SETTING_SCRUB_PERIOD_S, config->scrub_period_s);
    say_number(&to, SETTING_MAX_CLIENTS, config->max_clients);
    say_number(&to, SETTING_MAX_REQUESTS, config->max_requests);
    say_number(&to, SETTING_MEMORY_LIMIT, config->memory_limit_bytes);
    say_number(&to, SETTING_BACKGROUND_LATENCY_MS, config->background_latency_ms);
    say_number(&to, SETTING_MOVED_PORT_OFFSET, config->moved_port_offset);
    say(&to, SETTING_LOG_LEVEL, log_level_names[config->log_level]);
    say(&to, SETTING_DEBUG_COMMANDS, config->debug_commands ? "yes-i-know" : "");
    say(&to, SETTING_INSECURE_BIND, config->insecure_bind ? "yes-i-know" : "");
    say(&to, SETTING_ACCEPT_OLDER_DATA, config->accepts_older_data ? "yes-i-know" : "");
}
