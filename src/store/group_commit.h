/* Group commit: what a shard writes in a turn goes down as one batch, and is acknowledged when that batch is as durable
 * as the strongest of its writes asked. While FLIGHTS batches are under way the next one goes on collecting, so a slow
 * disk gets fewer and larger ones.
 *
 * A batch that fails is the end: what was written may or may not rest on the disk, and nobody can know. Every token
 * that waits gets an error, and so does every later write, until the process starts anew and looks. */
#ifndef GRAMME_STORE_GROUP_COMMIT_H
#define GRAMME_STORE_GROUP_COMMIT_H

#include "core/storage.h"
#include "store/leaf.h"

enum { FLIGHTS = 2 };

struct flight {
    uint64_t number;
    enum durability durability;
    struct buffer tokens; /* uint64_t each */
};

struct group_commit {
    struct leaf_port *port;
    struct leaf_batch batch; /* collecting */
    struct buffer tokens;
    enum durability durability;     /* strongest asked in the batch */
    uint64_t number;                /* of the batch that is collecting; the first is 1 */
    struct flight flights[FLIGHTS]; /* in order of submission, [0] the oldest */
    size_t flight_count;
    struct buffer done_tokens;
    struct buffer failed_tokens;
    bool lags;   /* something completed that an fsync has not followed yet */
    bool failed; /* for good */
    uint64_t batches;
    uint64_t writes;
};

void group_commit_init(struct group_commit *group, struct leaf_port *port);
void group_commit_release(struct group_commit *group);

/* Adds a put of `value_bytes` to the batch and returns where they go. Must not have failed. */
uint8_t *group_commit_put(struct group_commit *group, enum leaf_family family, struct view key, size_t value_bytes,
                          enum durability durability);
/* The same of a deletion. */
void group_commit_delete(struct group_commit *group, enum leaf_family family, struct view key,
                         enum durability durability);
/* Asks for the token (0: for nothing) when the batch that is collecting is durable. The answer for storage.h. */
enum storage_status group_commit_ask(struct group_commit *group, enum durability durability, uint64_t token);
/* Asks for the token when all that was written so far is as durable as asked. */
enum storage_status group_commit_barrier(struct group_commit *group, enum durability durability, uint64_t token);

/* Submits the batch, if there is one and not too many are under way. Returns as group_commit_complete(). */
uint64_t group_commit_end_turn(struct group_commit *group);
/* The leaf's completion. Returns the number of the batch that rests in the leaf now, and all before it, or 0. */
uint64_t group_commit_complete(struct group_commit *group, uint64_t number, enum leaf_status status);
/* The next token to answer, FOUND or ERROR; false when there is none. */
bool group_commit_next(struct group_commit *group, uint64_t *ret_token, enum storage_status *ret_status);
/* Bytes that wait behind the batches under way; 0 while the next batch could go down at once. */
size_t group_commit_backlog(const struct group_commit *group);
/* Nothing collects, is under way, or waits to be handed out. */
bool group_commit_is_idle(const struct group_commit *group);

#endif
