/* Keyspaces: the keys with a given prefix, with their quorums, conflict rule and durability. The longest prefix that
 * matches wins; the empty prefix is the default keyspace and always there. */
#ifndef GRAMME_RING_KEYSPACE_H
#define GRAMME_RING_KEYSPACE_H

#include "base/buffer.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/view.h"

enum durability {
    DURABILITY_SYNC,     /* acknowledged means fsynced on W nodes */
    DURABILITY_INTERVAL, /* acknowledged means handed to the operating system; fsync each second */
    DURABILITY_NONE,     /* acknowledged means in memory */
};

enum conflict_rule { CONFLICT_SIBLINGS, CONFLICT_LWW };

enum { KEYSPACE_PREFIX_SIZE = 128 };

struct keyspace {
    uint8_t prefix[KEYSPACE_PREFIX_SIZE];
    uint8_t prefix_bytes;
    uint8_t read_quorum;          /* R as configured; the effective one is min(R, n) */
    uint8_t write_quorum;         /* W */
    uint8_t primary_read_quorum;  /* PR: so many of the R are owners; 0: fallbacks count as they come */
    uint8_t primary_write_quorum; /* PW, likewise of the W; R and W themselves make strict quorums */
    enum conflict_rule conflict;
    enum durability durability;
};

struct keyspace_table {
    uint64_t version; /* 0: as configured; each change by command makes the next (core/keyspaces.h) */
    struct keyspace keyspaces[LIMIT_KEYSPACES]; /* [0] is the default, prefix empty */
    size_t count;
};

/* The table with the default keyspace alone: R=2 W=2 siblings sync. */
void keyspace_table_init(struct keyspace_table *table);
/* False when the table is full, the prefix is too long or there already. */
bool keyspace_table_add(struct keyspace_table *table, const struct keyspace *keyspace);
const struct keyspace *keyspace_of_key(const struct keyspace_table *table, struct view key);
/* Independent of the order in which keyspaces were added, and of the version; peers of one version refuse a link on a
 * mismatch. */
struct digest keyspace_table_digest(const struct keyspace_table *table);

void keyspace_table_encode(struct buffer *buffer, const struct keyspace_table *table);
/* The whole of `bytes`. False: malformed, and *ret_table is untouched. */
bool keyspace_table_decode(struct view bytes, struct keyspace_table *ret_table);

enum { KEYSPACE_UNCHANGED = 0xff };

/* What a command asks of one keyspace: what it doesn't say stays, or is as in the default one where it is new. */
struct keyspace_change {
    bool removes;
    struct keyspace keyspace; /* numbers and choices: KEYSPACE_UNCHANGED where they aren't said */
};

void keyspace_change_encode(struct buffer *buffer, const struct keyspace_change *change);
bool keyspace_change_decode(struct view bytes, struct keyspace_change *ret_change);
/* NULL, or the whole error: then the table may be half changed. `replicas`: N, above which no quorum may be. */
const char *keyspace_table_change(struct keyspace_table *table, const struct keyspace_change *change,
                                  uint32_t replicas);

#endif
