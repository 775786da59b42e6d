/* Words of the fence (core/fence.h), and of reaping and pruning (core/reaper.h), little-endian with varints. */
#ifndef GRAMME_WIRE_FENCE_MESSAGE_H
#define GRAMME_WIRE_FENCE_MESSAGE_H

#include "base/codec.h"
#include "base/hash.h"
#include "version/clock.h"
#include "version/dot.h"
#include "wire/message.h"

enum fence_message_kind {
    MESSAGE_FENCE = 40,     /* how far the sender is */
    MESSAGE_PROVE = 41,     /* is this so of the objects that you hold? */
    MESSAGE_PROVEN = 42,    /* of those, the ones of which it is, fsynced */
    MESSAGE_CONFIRM = 43,   /* fence `number` has passed since: is it so still, or do you hold nothing? */
    MESSAGE_CONFIRMED = 44, /* of those, the ones of which that is so */
    MESSAGE_REAP = 45,      /* all owners confirmed these: let them go */
};

enum proof_aim {
    PROOF_REAPS,  /* the whole object: it is exactly this one, and deleted or expired */
    PROOF_PRUNES, /* an entry of its vector: all of it is covered, none of it borne, and its actor is not the prover's
                   */
    PROOF_AIMS,
};

struct message_fence {
    uint64_t heard;          /* the greatest number that the sender knows of */
    uint64_t drained;        /* nothing that the sender took from a store before that number is left of it */
    uint64_t agreed;         /* every member has, as far as the sender saw */
    uint64_t passed;         /* every member agrees */
    uint64_t flushed;        /* the floor that the sender keeps (core/flush.h), as an integer */
    struct hybrid_time time; /* of all that was proved here and elsewhere, as far as the sender knows (core/reaper.h) */
    uint64_t keyspaces;      /* the version that the sender goes by (core/keyspaces.h) */
    uint64_t wanted;         /* within a node: the number that a shard waits for */
};

/* All others: keys of a partition. */
struct message_proof {
    struct partition partition;
    enum proof_aim aim;
    uint64_t number;  /* PROVE, PROVEN: the greatest fence the sender knows of; else: the one that has passed */
    uint64_t attempt; /* of the one that asks; answers name it */
    uint64_t ground;  /* answers: what the sender knows stands on it; another one after each restart and each loss */
    struct view list;
};

struct proof_key {
    struct view key;
    struct digest what; /* REAPS: the object's entry in a hash tree; PRUNES: see proof_entry() */
};

/* An entry of a vector where a digest stands, and back. */
static inline struct digest proof_of_entry(struct dot entry) {
    return (struct digest){.low = entry.actor, .high = entry.n};
}
static inline struct dot proof_entry(struct digest what) {
    return (struct dot){.actor = what.low, .n = what.high};
}

void message_encode_fence(struct buffer *buffer, const struct message_fence *message);
bool message_decode_fence(struct view body, struct message_fence *ret_message);

/* With all of `head` but its list. */
size_t message_begin_proof(struct buffer *buffer, enum fence_message_kind kind, const struct message_proof *head);
/* The same without a frame: a body, whose list follows. */
void message_add_proof_head(struct buffer *buffer, const struct message_proof *head);
void message_add_proof(struct buffer *buffer, const struct proof_key *key);
void message_end_proof(struct buffer *buffer, size_t begun);
/* False on anything malformed, the list included. */
bool message_decode_proof(struct view body, struct message_proof *ret_message);
/* False at the end of a list that was decoded. */
bool proof_next_key(struct reader *list, struct proof_key *ret_key);

#endif
