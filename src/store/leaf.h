/* The leaf: where bytes rest. get, batch, scan, sync, checkpoint and nothing about Gramme's meaning. Two of them:
 * memory (store/memory_leaf.h) and RocksDB (rocksdb/rocksdb_leaf.h). A leaf is shared by the shards of a node; each
 * shard has a port of its own, used by its thread alone, and completions return through that port. */
#ifndef GRAMME_STORE_LEAF_H
#define GRAMME_STORE_LEAF_H

#include "base/buffer.h"
#include "base/identity.h"
#include "ring/keyspace.h"

/* Of a key in OBJECTS or HINTS: partition and hash, before the key itself. */
enum { LEAF_PLACE_BYTES = 10 };

enum leaf_family { LEAF_OBJECTS, LEAF_HINTS, LEAF_METADATA, LEAF_FAMILY_COUNT };

enum leaf_status {
    LEAF_DONE,    /* get: found; batch: as durable as asked */
    LEAF_ABSENT,  /* get */
    LEAF_PENDING, /* a completion follows */
    LEAF_DAMAGED, /* get: the bytes there are surely not what was written */
    LEAF_FAILED,  /* I/O error; sticky for writes */
};

/* One batch is a run of entries in one buffer, in order: see leaf_batch_put() and leaf_batch_delete(). */
struct leaf_batch {
    struct buffer entries;
    uint32_t count;
};

void leaf_batch_init(struct leaf_batch *batch);
void leaf_batch_release(struct leaf_batch *batch);
void leaf_batch_clear(struct leaf_batch *batch);
void leaf_batch_put(struct leaf_batch *batch, enum leaf_family family, struct view key, struct view value);
/* As leaf_batch_put(), for a value that is made in place: returns where its `value_bytes` go, valid until the next
 * call. */
uint8_t *leaf_batch_put_room(struct leaf_batch *batch, enum leaf_family family, struct view key, size_t value_bytes);
void leaf_batch_delete(struct leaf_batch *batch, enum leaf_family family, struct view key);

struct leaf_entry {
    enum leaf_family family;
    bool is_delete;
    struct view key;
    struct view value;
};
/* Start with position 0; false at the end. */
bool leaf_batch_next(const struct leaf_batch *batch, size_t *position, struct leaf_entry *ret_entry);

/* Records in order, up to a number of them or of bytes, but all that share the first LEAF_PLACE_BYTES of their keys
 * together: what a scan in pieces hands over. */
struct leaf_run {
    struct leaf_batch entries;
    enum leaf_family family;
    uint32_t records_most;
    size_t bytes_most;
    uint8_t last_place[LEAF_PLACE_BYTES];
    bool is_full; /* there are more */
};
void leaf_run_init(struct leaf_run *run, enum leaf_family family, uint32_t records_most, size_t bytes_most);
void leaf_run_release(struct leaf_run *run);
/* A visitor: false once the run is full. */
bool leaf_run_visit(void *run, struct view key, struct view value);

enum leaf_completion_kind { LEAF_COMPLETION_GET, LEAF_COMPLETION_BATCH, LEAF_COMPLETION_SCAN };

struct leaf_completion {
    enum leaf_completion_kind kind;
    enum leaf_status status; /* DONE, ABSENT or FAILED */
    uint64_t token;
    struct view key;            /* get: valid as long as the value */
    struct view value;          /* get, DONE: valid until the next call on the port */
    const struct leaf_run *run; /* scan, DONE: likewise */
};

struct leaf_port;

struct leaf_port_operations {
    /* DONE with *ret_value valid until the next call on this port, ABSENT, FAILED, or PENDING. */
    enum leaf_status (*get)(struct leaf_port *port, enum leaf_family family, struct view key, uint64_t token,
                            struct view *ret_value);
    /* Hands the batch down and empties it (buffers may be swapped). DONE when it is as durable as asked already;
     * PENDING: one completion with the token, and until then get() may or may not see it. Batches of a port apply and
     * complete in order; each applies whole or not at all. An empty batch is a barrier behind all that this port
     * submitted. */
    enum leaf_status (*submit)(struct leaf_port *port, struct leaf_batch *batch, enum durability durability,
                               uint64_t token);
    /* The next completion, or false. */
    bool (*take)(struct leaf_port *port, struct leaf_completion *ret_completion);
    /* Blocks until take() has something; false when nothing is under way. Start-up, clean stop, tests, offline tools.
     */
    bool (*wait)(struct leaf_port *port);
    /* Visits keys in [from, to) in order until `visit` says false. Blocking: start-up, tests and offline tools. */
    enum leaf_status (*scan)(struct leaf_port *port, enum leaf_family family, struct view from, struct view to,
                             bool (*visit)(void *self, struct view key, struct view value), void *self);
    /* The first records of [from, to): PENDING always, a completion follows. Not for synchronous ports. */
    enum leaf_status (*scan_some)(struct leaf_port *port, enum leaf_family family, struct view from, struct view to,
                                  uint32_t records_most, size_t bytes_most, uint64_t token);
};

struct leaf_port {
    const struct leaf_port_operations *operations;
    /* Neither get() nor submit() ever answers PENDING, and the view that get() returns holds until that key is written
     * or deleted: nothing above needs a copy or an event. */
    bool synchronous;
};

#endif
