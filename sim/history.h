/* What the clients of a run asked and were told: one record per operation, one id per value ever written. The checkers
 * read this and the trace, and nothing of the code they check. */
#ifndef GRAMME_SIM_HISTORY_H
#define GRAMME_SIM_HISTORY_H

#include "sim/world.h"

enum operation_name {
    OP_SET,            /* plain SET */
    OP_PUT,            /* GRAMME.PUT, with or without a context */
    OP_DELETE,         /* DEL */
    OP_DELETE_CONTEXT, /* GRAMME.DEL */
    OP_GET,
    OP_READ, /* GRAMME.GET */
    OP_SET_IF_ABSENT,
    OP_EXPIRE,
    OP_PERSIST,
    OP_FORGERY,  /* GRAMME.PUT with a context that was tampered with */
    OP_FLUSH,    /* FLUSHALL; its key is none of what it does */
    OP_KEYSPACE, /* GRAMME.KEYSPACE SET of a prefix that no key has; the same */
    OP_ADD,      /* INCRBY of the operation's id, so that what a counter grew by tells whose addition it was */
    OP_COUNT,    /* GET of a counter */
    OP_NUMBER,   /* SET of the operation's id as a number, on which additions count on */
    OP_NAMES
};

enum op_outcome { OP_PENDING, OP_OK, OP_FAILED, OP_IN_DOUBT };

struct op_record {
    enum operation_name name;
    enum op_outcome outcome;
    uint32_t client;
    uint32_t key;
    uint32_t value_id; /* 0: writes no value */
    uint32_t *shown;   /* ids that the context it carried was shown with */
    uint32_t shown_count;
    uint32_t *read; /* ids that it read */
    uint32_t read_count;
    struct instant start;
    struct instant end;
    uint32_t node;
    uint64_t added; /* COUNT: the sum of the additions to its key that had been acknowledged when it began */
};

enum { KEY_NAME_SIZE = 40 };

struct key_record {
    char name[KEY_NAME_SIZE];
    bool is_lww;
    bool is_durable;   /* `sync` */
    bool is_solo;      /* one client alone writes it, with plain SETs */
    uint32_t owner;    /* that client */
    uint32_t in_doubt; /* writes whose fate nobody knows */
    uint32_t last_set; /* solo: id of the last SET that was acknowledged; 0: deleted or never */
    bool is_sloppy;    /* a fallback took a write of it: quorums were not strict, a read may miss it until it is home */
    bool is_counter;   /* numbers are added to it */
    bool is_pure;      /* and nothing else is done to it but reading */
    bool is_flushed;   /* a FLUSHALL has begun */
    uint64_t added;    /* by additions that were acknowledged */
    uint64_t begun;    /* by additions that were begun and have not certainly failed */
    bool has_expiry;   /* solo: as the last acknowledged EXPIRE or PERSIST left it */
};

struct history {
    struct op_record *operations;
    size_t count;
    size_t capacity;
    uint32_t *writer_of;  /* [value id] -> operation */
    uint32_t value_count; /* ids are 1..value_count */
    size_t value_capacity;
    struct key_record *keys;
    uint32_t key_count;
    uint64_t outcomes[OP_NAMES][4];
};

void history_init(struct history *history);
void history_release(struct history *history);
uint32_t history_add_key(struct history *history, const struct key_record *key);
struct key_record *history_find_key(const struct history *history, struct view name);
/* Begins an operation; a write of a value gets a new id. Returns its index: records move as the history grows. */
size_t history_begin(struct history *history, enum operation_name name, uint32_t client, uint32_t key,
                     struct instant now);
void history_end(struct history *history, size_t operation, enum op_outcome outcome, struct instant now);
void history_set_shown(struct history *history, size_t operation, const uint32_t *ids, uint32_t count);
void history_add_read(struct history *history, size_t operation, uint32_t id);
bool operation_writes_value(enum operation_name name);
const char *operation_text(enum operation_name name);

/* Values carry their id in front: "id:123:" and then filler. 0: no such text. */
uint32_t value_id_of(struct view bytes);

#endif
