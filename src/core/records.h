/* The members' records: what each member tells all others of itself, by gossip (core/gossip.h), which this ties to the
 * node's first shard. A record has the member's addresses, and how far it is with the log (core/moves.h):
 *
 *      the node's report --> own record --> gossip over the lanes of first shards --> reports of the others --> moves
 *      configured addresses --^                                   |
 *                                                                 +--> addresses of the others --> the node's shards,
 *      a link that is not there: the other end's record, told      |                               and the roster's
 *      over a link of its own (core/lane.h) -----------------------+                               record on the disk
 *
 * Addresses: an id is a member's for good, its addresses are not. What it told last is where it is dialed and what is
 * shown of it; before it told anything, what the log says. It is kept beside the log, so that a restart finds it. For
 * itself a node goes by its configuration. What the configuration says of another is tried when dialing that one fails.
 *
 * Reports: the last one known counts, whoever brought it. `drained` and `clean` are durable facts, and outlive the
 * process that told them. `filled` is not: it counts only while nobody knows that this process has ended, that is, if
 * the member greeted last as the same run; or, while its first shard is not linked here, if the report came after one
 * of a run that is known to have ended.
 *
 * The chain: two summaries of gossip meet with different versions. Who is ahead tells its entries (core/roster.h), who
 * is behind answers, so that the other knows; nobody asks. */
#ifndef GRAMME_CORE_RECORDS_H
#define GRAMME_CORE_RECORDS_H

#include "base/pool.h"
#include "core/gossip.h"
#include "wire/member_record.h"

struct shard;
struct source;
struct message_hello;

/* What the latest record of a member says of its process. */
struct member_facts {
    struct message_report report;
    uint64_t generation; /* 0: there is no record yet */
    uint64_t ended;      /* of this generation, and below, no process runs any more */
};

/* For people. */
struct records_figures {
    uint64_t known; /* members of which there is a record */
    uint64_t rounds;
    uint64_t sent_bytes;
    uint64_t refutations; /* of a record of this node that it did not write in this run */
};

struct records {
    /* First shard. */
    struct gossip gossip;
    struct gossip_seat *seats;
    struct member_facts *of;  /* by member */
    uint64_t address_changes; /* since the start: for whoever keeps them */
    struct instant mailed;
    /* Every shard. */
    struct records_figures figures; /* other shards: as last mailed */
    /* Every shard, by member: NULL where it is what the log says. */
    struct pool address_pool;
    struct member_addresses **told;       /* by the member itself, last */
    struct member_addresses **configured; /* here */
};

void records_init(struct shard *shard);
void records_release(struct shard *shard);
void records_adopt(struct shard *shard);
void records_beat(struct shard *shard);
/* Words of gossip, and mail of addresses and figures. */
void records_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);

/* First shard: how far this node is, for all to know. */
void records_report(struct shard *shard, const struct message_report *report);
/* First shard: what is known of another, as far as it counts; zeros when nothing is. */
struct message_report records_report_of(const struct shard *shard, struct member_index member);
/* The member's shard greeted. */
void records_greeted(struct shard *shard, struct member_index member, const struct message_hello *hello);

/* First shard, for members that are not linked: a member's record, as a word of gossip; and such a word. */
void records_tell(struct shard *shard, struct member_index member, struct buffer *output);
void records_take(struct shard *shard, struct member_index from, uint8_t kind, struct view body);
/* The body's record of that member is the one that is known here. */
bool records_agree(struct shard *shard, struct member_index member, struct view body);

/* Valid until the shard is told anything. */
const char *records_client_address(const struct shard *shard, struct member_index member);
const char *records_peer_address(const struct shard *shard, struct member_index member);
/* Where to dial the member at the n-th time in a row. */
const char *records_dial_address(const struct shard *shard, struct member_index member, uint32_t dials);
/* The list of those that are not the log's, for the next start's `addresses`. */
void records_write_addresses(const struct shard *shard, struct buffer *list);

#endif
