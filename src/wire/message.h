/* Messages between shards, on one node or between nodes: each is the body of a frame (wire/frame.h), the frame's kind
 * says which. Bodies are little-endian with varints; decoders borrow from the input and refuse trailing bytes. Request
 * ids are the sender's, echoed by the answer on any lane of the same peer. */
#ifndef GRAMME_WIRE_MESSAGE_H
#define GRAMME_WIRE_MESSAGE_H

#include "base/codec.h"
#include "base/hash.h"
#include "ring/ring.h"
#include "version/lineage.h"
#include "wire/frame.h"
#include "wire/operation.h"

/* Nodes of neighbouring versions run side by side while a cluster is upgraded. Each says in its HELLO the least and the
 * latest protocol that it speaks, and the link between two speaks the latest that both do. HELLO itself may only grow
 * at its end, and every version passes over what it does not know there; in all other messages a version knows exactly
 * its own fields, so what a later one appended must not be sent to it: encoders are told the link's version, and
 * decoders refuse what is not of it. A message of an unknown kind is passed over.
 *
 *      1   all else
 *      2   counters and resets in objects and contexts, additions among operations. None is made while a member is
 *          known to speak less; once there are any, who speaks less cannot read their keys.
 *      3   PING and PONG tell the requests that their sender has under way. Spoken by gramme-next, which exists to show
 *          that an upgrade works, and by some nodes of the simulator; the next change of the protocol takes its place.
 */
enum { PROTOCOL_VERSION_LEAST = 1, PROTOCOL_VERSION = 2, PROTOCOL_VERSION_NEXT = 3, PROTOCOL_WITH_COUNTERS = 2 };

/* What both ends speak; 0: there is none. */
static inline uint16_t protocol_common(uint16_t least, uint16_t latest, uint16_t their_least, uint16_t their_latest) {
    uint16_t common = latest < their_latest ? latest : their_latest;
    return common >= least && common >= their_least ? common : 0;
}

enum message_kind {
    MESSAGE_HELLO = 1,
    MESSAGE_PING = 2,
    MESSAGE_PONG = 3,
    MESSAGE_PUT = 4,
    MESSAGE_PUT_ANSWER = 5,
    MESSAGE_READ = 6,
    MESSAGE_READ_ANSWER = 7,
    MESSAGE_OPERATION = 8,
    MESSAGE_RESULT = 9,
    MESSAGE_LEAVING = 10, /* no body: its sender takes no new requests (core/leaving.h) */
    MESSAGE_PROBE = 20,   /* wire/detector_message.h */
    MESSAGE_PROBE_ACK = 21,
    MESSAGE_PROBE_ASK = 22,
    MESSAGE_PROBE_NACK = 23,
    MESSAGE_VERDICTS = 24, /* within a node only */
};

/* First on every link, from both ends: the dialer's names the shard it wants to speak to. */
struct message_hello {
    uint32_t magic; /* HELLO_MAGIC */
    uint16_t version_least;
    uint16_t version;
    struct cluster_id cluster;
    struct node_id node;
    uint16_t shard_index;
    uint16_t shard_count;
    uint16_t target_shard;
    bool is_bulk;  /* this link carries large messages, the other one small ones */
    bool is_knock; /* this link carries the sender's record and nothing else: see core/lane.h */
    uint64_t run;
    struct digest ring;
    struct digest keyspaces;
    struct wall_time wall;
    struct instant now;          /* the sender's own monotonic time */
    uint64_t fence;              /* the greatest number that the sender knows of (core/fence.h); 0: none */
    uint64_t membership;         /* the version of the sender's log; a greater one's entries follow (core/roster.h) */
    uint64_t keyspaces_version;  /* a greater one's table follows (core/keyspaces.h) */
    bool is_agreeing;            /* an entry of the log is being chosen, as far as the sender knows */
    struct hybrid_time flushed;  /* the floor that the sender keeps (core/flush.h); 0: none */
    struct witnessed remembered; /* of the receiver's store (core/witness.h); store 0: nothing */
    struct node_id to;           /* the node that is meant; zero: whoever it is */
};

/* Beyond any that counting reaches: a number from a damaged or hostile word must not exhaust those that follow. */
#define FENCE_NUMBER_MOST (UINT64_MAX >> 8)

enum { HELLO_MAGIC = 0x314d5247 }; /* "GRM1" */

/* A sign of life, with the sender's civil time, and its monotonic time, from which ages are told. */
struct message_ping {
    struct wall_time wall;
    struct instant now;
    uint32_t requests; /* from version 3 on: that the sender has under way */
};

enum put_flag {
    PUT_NAME_KEPT = 1 << 0, /* answer with what you keep beside this */
    PUT_REPAIR = 1 << 1,    /* no answer wanted; its request id is 0 */
    PUT_HINT = 1 << 2,      /* to a fallback: keep it for the owner `hint_for`, who is out of reach */
    PUT_HANDOFF = 1 << 3,   /* a hint on its way home: the answer lets a copy be deleted, so it means fsynced */
};

struct message_put {
    uint64_t request;
    struct partition partition;
    uint64_t placement_mark;
    uint8_t flags;
    uint64_t fence;          /* under which the object was taken from an owner's store */
    struct node_id hint_for; /* with PUT_HINT */
    struct view key;
    struct view object; /* canonical encoding */
};

enum answer_status {
    ANSWER_STORED = 0,  /* PUT: as durable as the keyspace asks */
    ANSWER_OBJECT = 1,  /* READ: `object` */
    ANSWER_SAME = 2,    /* READ: the digest asked about is the digest here */
    ANSWER_ABSENT = 3,  /* READ */
    ANSWER_REFUSED = 4, /* not an owner, a placement mark that is not ours, or from before a fence */
    ANSWER_FAILED = 5,  /* local failure: unreadable, the store stopped, or no room for another hint */
    ANSWER_OUTLINE = 6, /* READ: `object` without its values' bytes, which are many; ask again for the whole */
};

struct message_put_answer {
    uint64_t request;
    enum answer_status status;
    bool informed;    /* it can tell what it keeps: see message_read_answer */
    struct view kept; /* encoded context of a replica that keeps what the put does not cover; else empty */
};

struct message_read {
    uint64_t request;
    struct partition partition;
    uint64_t placement_mark;
    bool wants_whole; /* however large the object is: no outline */
    bool has_digest;
    struct digest digest; /* replica_digest() of the asker's object */
    struct view key;
};

struct message_read_answer {
    uint64_t request;
    enum answer_status status;
    bool informed;  /* its absence counts */
    uint64_t fence; /* as of a put */
    struct view object;
};

struct message_operation {
    uint64_t request;
    bool hopped; /* came over a link already: coordinate it or refuse it, do not forward it */
    uint64_t placement_mark;
    struct instant sent; /* the sender's monotonic time: an operation older than its deadline is not begun */
    struct operation operation;
};

struct message_result {
    uint64_t request;
    struct result result;
};

/* Each encodes one whole frame at the end of the buffer. */
void message_encode_hello(struct buffer *buffer, const struct message_hello *message);
void message_encode_ping(struct buffer *buffer, enum message_kind kind, const struct message_ping *message,
                         uint16_t version);
void message_encode_leaving(struct buffer *buffer);
void message_encode_put(struct buffer *buffer, const struct message_put *message);
void message_encode_put_answer(struct buffer *buffer, const struct message_put_answer *message);
void message_encode_read(struct buffer *buffer, const struct message_read *message);
void message_encode_read_answer(struct buffer *buffer, const struct message_read_answer *message);
void message_encode_operation(struct buffer *buffer, const struct message_operation *message);
void message_encode_result(struct buffer *buffer, const struct message_result *message);

/* The body of a put alone, as a node gives it to itself. */
void message_add_put(struct buffer *buffer, const struct message_put *message);

/* Each decodes a frame's body; false on anything malformed. */
bool message_decode_hello(struct view body, struct message_hello *ret_message);
bool message_decode_ping(struct view body, struct message_ping *ret_message, uint16_t version);
bool message_decode_put(struct view body, struct message_put *ret_message);
bool message_decode_put_answer(struct view body, struct message_put_answer *ret_message);
bool message_decode_read(struct view body, struct message_read *ret_message);
bool message_decode_read_answer(struct view body, struct message_read_answer *ret_message);
bool message_decode_operation(struct view body, struct message_operation *ret_message);
bool message_decode_result(struct view body, struct message_result *ret_message);

enum hello_status { HELLO_MORE, HELLO_READY, HELLO_CORRUPT };

/* For an acceptor that must know which shard a new connection is for before it hands it over: looks at the first bytes
 * of an input without consuming them. */
enum hello_status hello_target(struct view input, uint32_t *ret_shard);

#endif
