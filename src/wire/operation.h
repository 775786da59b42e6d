/* What a client asks of one key, and what becomes of it: the form in which an operation passes from a session to its
 * coordinator, over a queue between shards or a link between nodes. */
#ifndef GRAMME_WIRE_OPERATION_H
#define GRAMME_WIRE_OPERATION_H

#include "base/codec.h"

enum operation_kind {
    OPERATION_READ = 1,      /* R replicas, merged */
    OPERATION_PUT = 2,       /* a value, or a tombstone */
    OPERATION_EXPIRE = 3,    /* sets the expiry register of what is there */
    OPERATION_INSPECT = 4,   /* one replica's own record, not coordinated; `target` says whose */
    OPERATION_FLUSH = 5,     /* everything, everywhere (core/flush.h); has no key */
    OPERATION_KEYSPACES = 6, /* `value` is a change of the table of keyspaces (core/keyspaces.h); has no key */
    OPERATION_MEMBERS = 7,   /* `value` is a question or a change (core/members.h); has no key */
    OPERATION_RESTORE = 8,   /* `value` is an encoded object of another cluster: merged with what is there */
    OPERATION_LIST = 9,      /* `value` asks this node for its keys (core/listing.h); has no key */
    OPERATION_THREAD = 10, /* `value` asks a thread of this node, `offset` says which (core/front/threads.h); no key */
};

enum operation_flag {
    OPERATION_PLAIN = 1 << 0,       /* PUT: replaces all that its coordinator has; else it follows `context` alone */
    OPERATION_TOMBSTONE = 1 << 1,   /* PUT: deletes */
    OPERATION_IF_ABSENT = 1 << 2,   /* PUT: SET NX */
    OPERATION_IF_PRESENT = 1 << 3,  /* PUT: SET XX; DEL */
    OPERATION_RETURN_OLD = 1 << 4,  /* PUT: SET GET; the object before */
    OPERATION_KEEP_EXPIRY = 1 << 5, /* PUT: SET KEEPTTL */
    OPERATION_SPLICE = 1 << 6, /* PUT without PLAIN: APPEND, SETRANGE: into the value before; follows what was read */
    OPERATION_ADD = 1 << 11,   /* PUT without PLAIN: INCR; `addend` to this actor's counter (version/counter.h) */
};

/* EXPIRE, and a PUT that deletes because the time is past (`expires_at_ms` is 0 then): what is shown must have no
 * expiry, have one, have an earlier one, or a later one or none. */
enum operation_expiry_flag {
    OPERATION_EXPIRY_NONE = 1 << 7,
    OPERATION_EXPIRY_SOME = 1 << 8,
    OPERATION_EXPIRY_LATER = 1 << 9, /* EXPIRE GT: than the present one */
    OPERATION_EXPIRY_EARLIER = 1 << 10,
};

/* Flags of a PUT that reads before it writes. */
enum {
    OPERATION_READS = OPERATION_IF_ABSENT | OPERATION_IF_PRESENT | OPERATION_RETURN_OLD | OPERATION_KEEP_EXPIRY |
                      OPERATION_SPLICE | OPERATION_ADD
};

#define OPERATION_AT_END UINT32_MAX

struct operation {
    enum operation_kind kind;
    uint32_t flags;
    uint8_t read_quorum;          /* 0: the keyspace's */
    uint8_t write_quorum;         /* 0: the keyspace's */
    uint8_t primary_read_quorum;  /* at least so many of the R are owners; the keyspace may ask more */
    uint8_t primary_write_quorum; /* the same of the W */
    uint32_t deadline_ms;         /* what is left of it */
    uint32_t stamp_ms;      /* PUT: what is left of the time in which it may be stamped; 0: as long as the deadline */
    uint64_t expires_at_ms; /* PUT, EXPIRE: 0 never (EXPIRE: persist) */
    int64_t addend;         /* ADD */
    uint32_t offset;        /* SPLICE: of `value` in the value before, zeros between; or OPERATION_AT_END. THREAD */
    struct view key;
    struct view value;     /* PUT */
    struct view context;   /* PUT without PLAIN: encoded context (version/object_codec.h); empty: follows nothing */
    struct node_id target; /* INSPECT */
};

enum outcome {
    OUTCOME_DONE = 0,
    OUTCOME_UNCHANGED = 1,  /* a condition did not hold (NX, XX, EXPIRE of an absent key): nothing was done */
    OUTCOME_NOREPLICAS = 2, /* too few candidates; nothing stamped */
    OUTCOME_INDOUBT = 3,    /* may have landed */
    OUTCOME_NOQUORUM = 4,   /* R not met */
    OUTCOME_BUSY = 5,       /* load shed; nothing done */
    OUTCOME_REFUSED = 6     /* certainly not done, for the reason in `detail` (a whole error line, with its prefix) */
};

struct result {
    enum outcome outcome;
    struct view object;  /* encoded. LIST: the answer. READ, EXPIRE: merged; PUT with a condition or RETURN_OLD: the
                            object before. Empty:  absent */
    struct view context; /* PUT without PLAIN: the encoded context to give the client */
    struct view detail;  /* of a slow one that was DONE or UNCHANGED: where its time went (core/phases.h) */
};

void operation_encode(struct buffer *buffer, const struct operation *operation);
bool operation_decode(struct reader *reader, struct operation *ret_operation);
void result_encode(struct buffer *buffer, const struct result *result);
bool result_decode(struct reader *reader, struct result *ret_result);

#endif
