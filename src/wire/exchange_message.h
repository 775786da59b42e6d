/* Messages of the exchange between two owners of a partition (core/exchange.h). Keys lie in the order of their places,
 * then of their bytes. Decoders borrow, and refuse trailing bytes. */
#ifndef GRAMME_WIRE_EXCHANGE_MESSAGE_H
#define GRAMME_WIRE_EXCHANGE_MESSAGE_H

#include "base/codec.h"
#include "base/hash.h"
#include "base/identity.h"

enum exchange_message_kind {
    MESSAGE_ROOTS = 30,          /* what I have, partition by partition */
    MESSAGE_SAME = 31,           /* of those, the ones that asked and are the same here */
    MESSAGE_TREE = 32,           /* of one that is not: its segments */
    MESSAGE_KEYS = 33,           /* of a range of places: keys and what stands for their objects */
    MESSAGE_WANT = 34,           /* of that range: keys whose objects I lack, or have another of */
    MESSAGE_SUMMARY = 35,        /* all roots of what we both own, as one digest */
    MESSAGE_SUMMARY_ANSWER = 36, /* mine of the same */
    MESSAGE_ALL_SAME = 37,       /* to that: they are equal */
};

enum { EXCHANGE_SEGMENTS = 256 };

/* SUMMARY, SUMMARY_ANSWER, ALL_SAME. What is no answer to anything has zeros there. */
struct message_summary {
    struct digest ring;
    struct digest roots;  /* of each partition that both own and whose tree the sender knows, its number and root */
    uint32_t losses;      /* of the sender */
    uint32_t turns;       /* of the sender: how often trees became known, or unknown */
    uint32_t your_losses; /* as the message said that this answers */
    uint32_t your_turns;
};

/* ROOTS begins with the digest of the ring and both ends' losses; then, for each partition, exchange_root. SAME is a
 * list of partitions. */
struct exchange_root {
    struct partition partition;
    bool wants_answer; /* tell me if it is the same */
    struct digest root;
};

/* Of TREE: half of each segment's sum suffices to tell them apart. */
struct message_tree {
    struct partition partition;
    uint64_t segments[EXCHANGE_SEGMENTS];
};

/* KEYS and WANT: the range, then the list, read with exchange_next_key(). */
struct message_keys {
    struct partition partition;
    uint64_t place_from;
    uint64_t place_last;
    struct view list;
};

struct exchange_key {
    struct view key;
    uint64_t entry; /* KEYS: the low half of its entry in the tree */
};

struct message_roots {
    struct digest ring;
    uint32_t losses;      /* of the sender */
    uint32_t your_losses; /* as the SUMMARY_ANSWER said that this answers */
    struct reader roots;
};

void message_encode_summary(struct buffer *buffer, enum exchange_message_kind kind,
                            const struct message_summary *message);
bool message_decode_summary(struct view body, struct message_summary *ret_message);

size_t message_begin_roots(struct buffer *buffer, const struct message_roots *head);
void message_add_root(struct buffer *buffer, const struct exchange_root *root);
/* `losses`: as the ROOTS said that this answers. */
size_t message_begin_same(struct buffer *buffer, uint32_t losses);
void message_add_same(struct buffer *buffer, struct partition partition);
void message_encode_tree(struct buffer *buffer, const struct message_tree *message);
size_t message_begin_keys(struct buffer *buffer, enum exchange_message_kind kind, struct partition partition,
                          uint64_t place_from, uint64_t place_last);
void message_add_key(struct buffer *buffer, const struct exchange_key *key);
/* Ends what a message_begin_...() began. */
void message_end(struct buffer *buffer, size_t begun);

bool message_decode_roots(struct view body, struct message_roots *ret_message);
bool message_decode_same(struct view body, uint32_t *ret_losses, struct reader *ret_same);
/* False at the end; then reader_finished() tells whether it was one. */
bool message_next_root(struct reader *roots, struct exchange_root *ret_root);
bool message_next_same(struct reader *same, struct partition *ret_partition);
bool message_decode_tree(struct view body, struct message_tree *ret_message);
/* False on anything malformed, the list included. */
bool message_decode_keys(struct view body, struct message_keys *ret_message);
bool exchange_next_key(struct reader *list, struct exchange_key *ret_key);

#endif
