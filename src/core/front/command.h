/* The command table: what COMMAND tells of each command, and the function that runs it. One table serves dispatch,
 * arity errors and COMMAND, so that they cannot disagree. Source: Redis command reference, COMMAND and key
 * specifications. */
#ifndef GRAMME_CORE_FRONT_COMMAND_H
#define GRAMME_CORE_FRONT_COMMAND_H

#include "base/view.h"

struct call;

enum command_flag {
    COMMAND_WRITE = 1 << 0,
    COMMAND_READONLY = 1 << 1,
    COMMAND_DENYOOM = 1 << 2,
    COMMAND_ADMIN = 1 << 3,
    COMMAND_NOSCRIPT = 1 << 4,
    COMMAND_LOADING = 1 << 5,
    COMMAND_STALE = 1 << 6,
    COMMAND_SKIP_SLOWLOG = 1 << 7,
    COMMAND_FAST = 1 << 8,
    COMMAND_NO_AUTH = 1 << 9,
    COMMAND_ALLOW_BUSY = 1 << 10,
    COMMAND_PUBSUB = 1 << 11,
    COMMAND_FLAG_COUNT = 12,
    COMMAND_AT_ONCE = 1 << 12,   /* runs inside MULTI instead of being queued; not told */
    COMMAND_DANGEROUS = 1 << 13, /* category without a flag */
    COMMAND_LISTENER = 1 << 14,  /* may be sent on a RESP2 connection that listens to channels; not told */
};

enum command_group {
    GROUP_CONNECTION,
    GROUP_GENERIC,
    GROUP_STRING,
    GROUP_SERVER,
    GROUP_CLUSTER,
    GROUP_TRANSACTIONS,
    GROUP_PUBSUB
};

/* What a command does to its keys. */
enum key_flag {
    KEY_RO = 1 << 0,
    KEY_RW = 1 << 1,
    KEY_OW = 1 << 2,
    KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4,
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_VARIABLE = 1 << 8,
    KEY_FLAG_COUNT = 9,
};

struct command_keys {
    int first; /* 0: no keys */
    int last;  /* negative: from the end */
    int step;
    uint32_t flags;
};

struct command {
    const char *name;           /* lower case; a subcommand's own part */
    void (*run)(struct call *); /* NULL: only its subcommands run */
    int arity;                  /* the name included; negative: at least */
    uint32_t flags;
    enum command_group group;
    struct command_keys keys;
    const char *tips; /* separated by blanks, or NULL */
    const char *since;
    const char *summary;
    const char *parent; /* of a subcommand */
    const struct command *subcommands;
    size_t subcommand_count;
};

/* What people want to know beyond its summary (notes.c). Commands that only have subcommands have none, nor has HELP.
 */
struct command_note {
    const char *name; /* full: "client|id" */
    const char *complexity;
    const char *meaning; /* in a store with quorums, and how that differs from Redis; "": it does not */
};

/* A command known by name alone: why it does not run. */
struct refusal {
    const char *name;
    const char *reason;
};

/* Every command, in the order of COMMAND. */
const struct command *command_table(size_t *ret_count);
/* What Redis has and Gramme refuses, each with a reason that goes behind "'name' is not supported". */
const struct refusal *refusal_table(size_t *ret_count);

/* NULL: there is none. */
const struct command_note *command_note_find(struct view full_name);

enum { COMMAND_INDEX_SLOTS = 1024 };

/* Names to places in the two tables, built once per front. */
struct command_index {
    uint16_t slots[COMMAND_INDEX_SLOTS]; /* 1-based, refusals behind the commands; 0: empty */
};

void command_index_init(struct command_index *index);
/* NULL for both when the name is unknown; case does not matter. */
const struct command *command_find(const struct command_index *index, struct view name,
                                   const struct refusal **ret_refusal);
const struct command *command_find_subcommand(const struct command *command, struct view name);
bool command_accepts(const struct command *command, size_t count);
/* The place of the next key among so many arguments, behind `after`, 0 to begin with; 0: there is none. */
size_t command_next_key(const struct command *command, size_t count, size_t after);

enum { COMMAND_NAME_BYTES = 48 };
/* "get", "client|setname"; without a terminating zero. Returns the size. */
size_t command_full_name(const struct command *command, char name[COMMAND_NAME_BYTES]);

/* Place of the last key among `count` arguments; keys are first, first + step, ... up to it. 0: no keys. */
size_t command_last_key(const struct command *command, size_t count);

#endif
