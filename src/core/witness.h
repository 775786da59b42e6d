/* How a node finds out that its store was rolled back: a backup was put in its place, a snapshot of its disk, a disk
 * that forgot what it had fsynced. Such a store may lack what its node acknowledged, and hold what all others have
 * deleted and reaped since; its own data cannot tell. So the others remember for it:
 *
 *      one node                                            any other
 *      its store: named S, and all processes that ran on
 *      it, each with the clock bound that it left behind
 *                                             <-- HELLO    I remember of you: S, process R, its bound B
 *      is R one of mine, and did it leave B or more?
 *      yes: BOUND, this process and its bound -->          remembers that instead, and writes it down
 *      no:  ROLLED BACK: it takes nothing in any
 *           more, says nothing, and stops
 *
 * A bound is durable before it is told (version/clock.h), and so is the name of a process before it speaks: what a
 * process told is in the lineage of its store for ever. A node whose store was rolled back judges itself before it does
 * anything for, or with, one that remembers, and writes the judgement down: to start it again changes nothing. Its
 * operator lets it begin with an empty folder, which the other owners fill; or says that the old data is to be used all
 * the same (`accept-older-data`): then it is another store from now on, of which nobody remembers anything, all of it
 * is in doubt until the other owners were met, its hints go, and what was deleted since may come back. Names of stores
 * that a node had before are remembered too, since they are not to come back.
 *
 * Who joined since the node got its present store knows of that alone, and would take a copy of an earlier one for a
 * later: so a node passes on, with its BOUND, what its greetings told it of stores that it had before. (Found by a
 * seed.)
 *
 * What does not hold: a roll-back within one step of the bound isn't found: some seconds, or as long as it takes a
 * clock that ran ahead and was set back to come where it was. Nor is a machine that was put back together with its
 * memory; nor anything as long as no node is in reach that remembers. */
#ifndef GRAMME_CORE_WITNESS_H
#define GRAMME_CORE_WITNESS_H

#include "ring/ring.h"
#include "version/lineage.h"

struct shard;
struct source;

enum { WITNESS_WRITE_MS = 3000 }; /* between one writing down and the next */

struct witness {
    struct witnessed *of; /* by member */
    bool has_news;        /* since it was written down */
    struct instant writes_next;
    struct witnessed own; /* this node's store, and those that it had before, as others tell */
    bool is_rolled_back;  /* this node's store: it takes nothing in any more */
};

void witness_init(struct shard *shard);
/* What a member remembers of this node, from its greeting. False: this store was rolled back. */
bool witness_judge(struct shard *shard, struct member_index member, const struct witnessed *remembered);
/* BOUND, for a member that judged well of. */
void witness_tell(struct shard *shard, struct buffer *output);
/* BOUND, for all in reach: it has moved. */
void witness_tell_all(struct shard *shard);
void witness_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body);
/* What was heard is written down. */
void witness_beat(struct shard *shard);

#endif
