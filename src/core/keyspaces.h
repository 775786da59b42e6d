/* The table of keyspaces as state of the cluster. Each node is born with the one of its configuration, version 0; a
 * change by command makes the next version, whole, which every shard of every member keeps durably before it is
 * answered.
 *
 * Changes are made at one place, the first member's first shard, one at a time, and need every member: no two of them
 * have one version. A member that was not told (its node ended in the middle, or was wiped) is told when a link comes
 * up, before anything else comes over it, or by the next word of a fence (core/fence.h).
 *
 * What holds: tables of one version are equal; once a change is answered nobody merges, reads or writes by an earlier
 * table. So where a keyspace turned from `lww` to `siblings`, no concurrent value that was written since is dropped;
 * until it is answered either rule may apply. (Where it turned the other way, siblings go as they are merged next.)
 * Requests under way end with the quorums that they began with; conflicts go by the present rule. */
#ifndef GRAMME_CORE_KEYSPACES_H
#define GRAMME_CORE_KEYSPACES_H

#include "core/everyone.h"
#include "ring/keyspace.h"

struct link;
struct shard;
struct source;

enum { KEYSPACES_TOKEN = 5 }; /* of a write: tokens of others are addresses */

struct keyspaces {
    uint64_t version; /* 0: as configured */
    uint64_t durable;
    uint64_t wanted;                                /* on its way to the disk; 0: nothing is */
    bool is_replaced;                               /* what is on its way, by another of its version */
    struct everyone_debt done[EVERYONE_PARTS_MOST]; /* their times are versions */
};

void keyspaces_init(struct shard *shard);
/* OPERATION_KEYSPACES, at the first member's first shard: its value is a change (ring/keyspace.h). */
void keyspaces_begin(struct shard *shard, const struct operation *operation, const struct origin *origin);
void keyspaces_asked(struct shard *shard, uint64_t id, struct view table);
void keyspaces_on_durable(struct shard *shard, bool is_durable);
void keyspaces_beat(struct shard *shard);
/* Later than this shard's: a greater version, or of the same one by its digest. (No two are made with one version; but
 * should it happen, all come to go by one.) */
bool keyspaces_are_later(const struct shard *shard, uint64_t version, struct digest digest);
/* KEYSPACES: from one that has a later version. */
void keyspaces_receive(struct shard *shard, struct view body);
/* Adds this table's message for one that has an earlier version. */
void keyspaces_tell(struct shard *shard, struct buffer *output);
/* GRAMME.KEYSPACES: appends the whole reply. */
void keyspaces_describe(const struct shard *shard, int protocol, struct buffer *reply);

#endif
