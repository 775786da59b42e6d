/* Known bugs, planted on purpose, so that the checkers can be seen to fire. They exist in one test-only build
 * (GRAMME_MUTANTS), chosen at run time; in every other build MUTANT() is the constant false, and they are not there. */
#ifndef GRAMME_BASE_MUTANT_H
#define GRAMME_BASE_MUTANT_H

#include <stdbool.h>

#define MUTANT_LIST(X)                                                                                                 \
    X(ACK_BEFORE_DURABLE, "ack-before-durable", "a replica acknowledges before its batch is durable")                  \
    X(REUSE_DOT, "reuse-dot", "a restarted replica goes on with the actor of the run before and a counter from one")   \
    X(ACTOR_PER_REPLICA, "actor-per-replica", "one actor per replica and a counter per replica, not per key and stay") \
    X(ERROR_IS_ABSENCE, "error-is-absence", "an unreadable record is taken for an absent one")                         \
    X(MERGE_WITHOUT_DOTS, "merge-without-dots", "merging does not compare dots with the other's context")              \
    X(ANSWER_COVERS_SIBLINGS, "answer-covers-siblings", "a put answers with the whole object's context")               \
    X(SKIP_SECOND_ROUND, "skip-second-round", "SET is answered after its first round whatever replicas kept")          \
    X(SECOND_FORGETS_FIRST, "second-forgets-first", "the second stamp does not cover the first")                       \
    X(FORWARD_UNSTAMPED, "forward-unstamped", "replicas stamp a put themselves instead of storing the stamped object") \
    X(CLOCK_BELOW_BOUND, "clock-below-bound", "a restart begins its clock at the civil time alone")                    \
    X(REFUSE_FAR_TIME, "refuse-far-time", "a replica refuses stamped objects from the future but acknowledges them")   \
    X(COUNT_SELF_TWICE, "count-self-twice", "the coordinator's own write counts as two acknowledgements")              \
    X(INDOUBT_IS_FAILED, "indoubt-is-failed", "a put that may have landed is reported as certainly not done")          \
    X(READ_ONE, "read-one", "a read answers after its first replica")                                                  \
    X(OUTLINE_IS_OBJECT, "outline-is-object", "an outline is merged as if it had its values' bytes")                   \
    X(LWW_KEEPS_OLDEST, "lww-keeps-oldest", "lww merges keep the least time")                                          \
    X(TOKEN_ANY_KEY, "token-any-key", "a context is accepted for any key")                                             \
    X(LOSE_EXPIRY_ON_MERGE, "lose-expiry-on-merge", "merging forgets the greater expiry stamp")                        \
    X(STAMP_NOT_ABOVE, "stamp-not-above", "a new value's time may be below what it replaces")                          \
    X(FALLBACK_IS_OWNER, "fallback-is-owner", "a fallback counts for the owners that a strict quorum asks for")        \
    X(HANDOFF_UNSYNCED, "handoff-unsynced", "an owner acknowledges a hint before it is durable")                       \
    X(HINT_FORGOTTEN_AT_BOOT, "hint-forgotten-at-boot", "a restarted fallback does not look for the hints it holds")   \
    X(HINT_WITHOUT_DIGEST, "hint-without-digest", "a hint is deleted though it grew while it was on its way")          \
    X(HINT_DROPPED, "hint-dropped", "a fallback acknowledges a hint and keeps nothing")                                \
    X(COUNTERS_ADOPTED, "counters-adopted", "an addition takes over what other actors have added so far")              \
    X(RESETS_FORGOTTEN, "resets-forgotten", "what was replaced of a counter is counted again with a later addition")   \
    X(SUM_BEGINS_AGAIN, "sum-begins-again", "an actor whose counter was replaced begins its sum at zero again")        \
    X(TREE_IGNORES_WRITES, "tree-ignores-writes", "a tree that is being built misses the writes behind its cursor")    \
    X(TREE_FORGETS_MERGES, "tree-forgets-merges", "what merging wrote does not go into the hash tree")                 \
    X(TREES_KEPT_STALE, "trees-kept-stale", "the trees of a clean stop are believed after a crash that followed it")   \
    X(TREES_KEPT_FROZEN, "trees-kept-frozen", "a tree of the last stop misses the writes that come before it is read") \
    X(EXCHANGE_ONE_WAY, "exchange-one-way", "an exchange sends what the other lacks and asks for nothing")             \
    X(UNINFORMED_ANSWERS, "uninformed-answers", "a wiped replica's absence is believed before it was filled")          \
    X(ROLLED_BACK_SERVES, "rolled-back-serves", "a node whose disk is as it was some time ago is believed")            \
    X(INFORMED_BY_ONE, "informed-by-one", "a wiped replica is believed once it has met one owner, not all")            \
    X(LOSS_STAYS_INFORMED, "loss-stays-informed", "a replica that lost records goes on as if it had them all")         \
    X(REAP_AT_W, "reap-at-w", "a tombstone is reaped when W owners hold it, not all")                                  \
    X(REAP_CHANGED, "reap-changed", "an owner reaps whatever it holds, not only the proven tombstone")                 \
    X(FENCE_BEFORE_PROOF, "fence-before-proof", "a proven tombstone is reaped without a fence that began afterwards")  \
    X(FENCE_IGNORES_HINTS, "fence-ignores-hints", "a fence passes while hints from before it are kept")                \
    X(PRUNE_ALONE, "prune-alone", "an entry is pruned from a vector by the first owner's proof alone")                 \
    X(FLUSH_UNHELD, "flush-unheld", "a flush is done before every clock was moved beyond it")                          \
    X(FLUSH_TAKES_OLD, "flush-takes-old", "what arrives from below the floor of a flush is stored")                    \
    X(PROTOCOL_UNHEEDED, "protocol-unheeded", "a link is spoken to in a protocol that its other end does not know")    \
    X(JOINT_WRITES_ONE, "joint-writes-one", "while partitions move, writes need a quorum of the old owners alone")     \
    X(COMMIT_UNFILLED, "commit-unfilled", "reads go by the new owners before these were filled")                       \
    X(FAREWELL_UNPROVEN, "farewell-unproven", "a former owner deletes before the owners have what it has")             \
    X(FAREWELL_SAYS_NOTHING, "farewell-says-nothing", "who leaves is done while it still keeps hints and copies")      \
    X(HINT_FOR_NOBODY, "hint-for-nobody", "a hint for one who is no owner any more stays where it is")                 \
    X(REAP_IN_A_MOVE, "reap-in-a-move", "tombstones are reaped while the owners change")                               \
    X(REPAIR_OVERWRITES, "repair-overwrites", "read repair replaces the replica's object instead of merging")

/* clang-format off */
enum mutant {
    MUTANT_NONE = 0,
#define MUTANT_ENUM(name, text, summary) MUTANT_##name,
    MUTANT_LIST(MUTANT_ENUM)
#undef MUTANT_ENUM
    MUTANT_COUNT
};
/* clang-format on */

#ifdef GRAMME_MUTANTS
extern enum mutant mutant_active;
#define MUTANT(name) (mutant_active == MUTANT_##name)
#else
#define MUTANT(name) false
#endif

/* The name on the command line and a sentence; NULL beyond the last. */
const char *mutant_name(enum mutant mutant);
const char *mutant_summary(enum mutant mutant);
/* False when there is no such mutant. */
bool mutant_find(const char *name, enum mutant *ret_mutant);

#endif
