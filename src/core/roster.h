/* The roster: the membership log as a shard knows it, and how it reaches the others. The log of a cluster is a chain:
 * after its birth, which is each node's configuration, every version has one entry, chosen by a majority of the
 * voters. Whoever knows more tells:
 *
 *      a greeting from one who knows less   --> MEMBERSHIP before anything else goes over that link
 *      a greeting from one who knows more   --> nothing is done with the link until its MEMBERSHIP came
 *      a version was adopted                --> MEMBERSHIP on every link that is up, and to the node's other shards
 *
 * So what a shard sends under a version comes behind the entries that lead to it, and nobody is asked to act on a
 * version that he has not got. What holds: the log only grows; of two shards' logs one is the beginning of the other,
 * or the link between them is refused; the node's first shard makes each version durable, and the node reports nothing
 * of it before (core/moves.h). */
#ifndef GRAMME_CORE_ROSTER_H
#define GRAMME_CORE_ROSTER_H

#include "base/limits.h"
#include "ring/ring.h"
#include "wire/membership_message.h"

struct shard;
struct source;

enum { ROSTER_TOKEN = 6 }; /* of writes */

struct roster {
    struct membership log;
    uint64_t durable; /* first shard: the version that the node's store has; 0: none */
    uint64_t wanted;  /* first shard: on its way to the disk; 0: none */
    uint64_t cleaned; /* first shard: this node was clean at that version, and its store knows */
    uint64_t cleaned_wanted;
    bool has_heard;     /* what version the others are at: see roster_has_heard() */
    uint64_t addresses; /* first shard: so many changes of addresses its store knows (core/records.h) */
    uint64_t addresses_wanted;
    uint64_t mailed[LIMIT_SHARDS]; /* the version that the node's other shards were told of */
};

enum roster_news {
    ROSTER_KNOWN,   /* nothing new */
    ROSTER_ADOPTED, /* and what follows from it is done */
    ROSTER_REFUSED, /* not of this log: another birth, a hole, or bytes that are no entries */
};

void roster_init(struct shard *shard);
void roster_release(struct shard *shard);
void roster_beat(struct shard *shard);
void roster_on_durable(struct shard *shard, bool is_durable);

/* What a first shard wrote down: the version at which its node held nothing that it was not to hold, the shape of the
 * cluster, which never changes, the addresses that members told last, where they are not the log's (a list, see
 * wire/member_record.h, borrowed), and the log. False: malformed, or of no member. */
struct roster_kept {
    uint64_t cleaned;
    struct ring_options shape;
    struct view addresses;
};
bool roster_read(struct view kept, struct membership *log, struct roster_kept *ret_kept);

uint64_t roster_version(const struct shard *shard);
/* This shard may coordinate. One whose store has no log may have come further in an earlier life, and said so: it waits
 * until a majority of the members has greeted it, and told it the log. */
bool roster_has_heard(const struct shard *shard);
/* `greeted` members have, itself included. */
void roster_greeted(struct shard *shard, size_t greeted);
/* The version that the node's store has: only the first shard knows. */
uint64_t roster_durable(const struct shard *shard);

/* MEMBERSHIP for whoever has the log up to that version. */
void roster_tell(struct shard *shard, struct buffer *output, uint64_t after);
enum roster_news roster_take(struct shard *shard, struct view body);
/* The next version's entry was chosen: its events, encoded. False: they are not what may follow. */
bool roster_chosen(struct shard *shard, struct view events);
/* What such an entry would lead to: NULL, and why not, when it may not follow. The caller frees it. */
struct ring *roster_try(const struct shard *shard, struct view events, const char **ret_problem);

/* A version was adopted: whoever may not have it is told. */
void roster_tell_all(struct shard *shard);
/* A message of a link that is up, or mail. */
void roster_receive(struct shard *shard, const struct source *source, struct view body);

#endif
