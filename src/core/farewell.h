/* Farewell: how a former owner lets go of a partition. It holds what it held until every owner has proved, from fsynced
 * data, that it has all of that; then it deletes it.
 *
 *      former owner                                        each owner that reads ask
 *      everybody has drained the end of the move:
 *      nobody writes here any more
 *      FAREWELL: my tree's root                      --->
 *                                                    <---  ANSWER: the same, fsynced; or all segments, fsynced
 *      objects of those that differ, as hints go home --->
 *                                                    <---  stored, fsynced
 *      all of all owners: deletes it, and is a fallback like others
 *
 * One partition at a time, and a rest after each step; what is cut off begins anew, with less to bring. What holds: a
 * copy is deleted only when all awaited owners of the placement that reads ask have what it has, or something that
 * follows it. */
#ifndef GRAMME_CORE_FAREWELL_H
#define GRAMME_CORE_FAREWELL_H

#include "core/alarm.h"
#include "core/hash_tree.h"
#include "core/storage.h"
#include "ring/ring.h"
#include "wire/farewell_message.h"
#include "wire/message.h"

struct shard;
struct source;

enum {
    FAREWELL_PATIENCE_MS = 3000, /* for all answers of one step; then it begins anew */
    FAREWELL_PAUSE_MS = 300,     /* before it does */
    FAREWELL_SCAN_BYTES = 1024 * 1024,
    FAREWELL_ASKS_A_BEAT = 64,
    FAREWELL_OBJECTS_MOST = 512, /* brought at once; more than fit, which may lie in memory, begin anew */
};

enum farewell_state { FAREWELL_IDLE, FAREWELL_ASKING, FAREWELL_BRINGING, FAREWELL_DELETING };

/* An object on its way to an owner. */
struct farewell_object {
    uint64_t id;
    struct member_index owner;
    bool is_stored;
};

struct farewell {
    enum farewell_state state;
    bool has_begun; /* everybody has drained the end of the move */
    struct partition partition;
    uint64_t attempt;
    struct digest root;   /* as it was told */
    struct instant until; /* of the step, or of the pause */
    struct instant step_began;
    struct alarm rest;  /* between two steps */
    uint32_t asks_left; /* in this heartbeat */
    uint32_t missing;   /* answers */
    bool has_failed;    /* one was a refusal */
    bool is_scanning;
    uint64_t next_hash;
    uint64_t runs[LIMIT_REPLICAS];     /* of the owners' processes that answered: what they said is theirs alone */
    uint8_t answered;                  /* ASKING: bit i: the i-th owner */
    uint8_t lacks[HASH_TREE_SEGMENTS]; /* by segment: bit i: the i-th owner has something else */
    struct farewell_object *under_way; /* of one scan; ids ascend */
    uint32_t under_way_count;
    uint64_t brought, bytes; /* objects, and all that was sent: for those who look */
};

void farewell_init(struct shard *shard);
void farewell_adopt(struct shard *shard);
void farewell_beat(struct shard *shard);
void farewell_on_rest(struct shard *shard); /* it is over */
void farewell_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
/* An owner's answer to an object that was brought. */
void farewell_on_answer(struct shard *shard, struct member_index from, uint64_t id, enum answer_status status);
void farewell_on_scanned(struct shard *shard, enum storage_status status, const struct storage_scanned *records,
                         uint32_t count, bool is_end, uint64_t next_hash);
/* From now on nothing that is sent to a former owner counts. */
bool farewell_has_begun(const struct shard *shard);

#endif
