/* Lanes: how a shard reaches the shards of other nodes. A lane is a place in a table, (peer, peer's shard, small or
 * bulk); a link is the connection that fills it for a while. The node with the lesser id dials, so there is one link
 * per lane; small messages and large ones go by different links, so that a value of megabytes delays no
 * acknowledgement.
 *
 *      lane, dialer's end                              link
 *      ------------------                              ----
 *      EMPTY --redial timer--> DIALING --connected--> GREETING --peer's HELLO fits--> UP
 *        ^                        |                       |                            |
 *        +------------------------+------ closed ---------+----------------------------+
 *
 *      The acceptor's link begins in GREETING without a lane; the dialer's HELLO tells it which.
 *
 * Who dials must know where the other one is, and that may have changed (core/records.h). So a node that waits for a
 * dial in vain knocks: its first shard dials the other's first shard for no lane, says HELLO and its own record, and is
 * hung up on, or contradicted, and knocks again. The other knows now where to dial, and does. If it has an old log and
 * has never heard of who knocks, it answers with HELLO, and is told the log. A knock never takes a lane, so it may
 * cross anything.
 *
 * What holds: a lane has at most one link; an UP link has a lane, and the lane has it; a link heard nothing from for
 * SILENCE_MS is silent: it stays open, nothing but pings is sent on it, and its peer does not count as reachable. After
 * ABANDON_MS it is closed, and dialed anew: TCP tries a dead path ever more rarely, up to minutes apart, and would not
 * soon find out that it is mended (RFC 6298); and what waits in the output is worth nothing by then. */
#ifndef GRAMME_CORE_LANE_H
#define GRAMME_CORE_LANE_H

#include "base/list.h"
#include "core/alarm.h"
#include "core/shard.h"
#include "wire/frame.h"
#include "wire/message.h"

enum {
    HEARTBEAT_MS = 100,   /* a ping when nothing else was sent for so long */
    SILENCE_MS = 500,     /* nothing heard for so long: out of reach */
    ABANDON_MS = 5000,    /* nothing heard for so long: closed */
    REDIAL_LEAST_MS = 50, /* doubled at each failure */
    REDIAL_MOST_MS = 1000,
    KNOCK_LEAST_MS = 1000, /* not dialed for so long: knock; doubled each time */
    KNOCK_MOST_MS = 2000,
    GREETING_MS = 2000,     /* a link whose HELLO does not come is closed */
    BULK_BYTES = 64 * 1024, /* messages from this size on go by the bulk link */
    LINK_OUTPUT_MOST = 256 * 1024 * 1024,
};

struct lane;

struct peer {
    struct member_index member;
    struct node_id id;
    uint16_t shard_count; /* 0: not heard yet, taken for ours */
    uint16_t version;     /* of the protocol, that its links speak: a run of a process has one; 0: not heard yet */
    uint32_t requests;    /* that it had under way, as it said last; from version 3 on */
    uint64_t run;         /* of the peer's process, from its last HELLO */
    uint64_t leaving_run; /* of the process that said it leaves (core/leaving.h); 0: none did */
    bool has_wall_offset;
    int64_t wall_offset_ms; /* its civil clock minus ours, transit not taken off */
    bool has_time_offset;
    int64_t time_offset_ns; /* its monotonic clock minus ours, as the least delayed of its recent words told it */
    struct instant time_offset_at;
    uint64_t latency_p95_ns;             /* of its answers, an estimate; see peer_observe_latency() */
    uint32_t relays_open;                /* operations that were forwarded to it, and that it has not answered */
    struct link *knock;                  /* of ours, at its door */
    struct instant knock_at;             /* the next one */
    uint32_t knock_backoff_ms;           /* 0: there is no need of any */
    uint32_t knock_dials;                /* see records_dial_address() */
    struct lane *lanes[2][LIMIT_SHARDS]; /* [is_bulk][peer's shard]; NULL until wanted */
};

struct lane {
    struct peer *peer;
    struct list_node all;
    struct alarm redial;
    uint32_t backoff_ms;
    uint32_t dials;      /* since it was up last: see records_dial_address() */
    uint32_t generation; /* counts links: an answer goes only to the link that asked */
    uint16_t peer_shard;
    bool is_bulk;
    bool dialed_here; /* wanted by this end */
    struct link *link;
};

enum link_state { LINK_DIALING, LINK_GREETING, LINK_UP };

struct link {
    struct lane *lane;    /* NULL: accepted, HELLO not seen; or a knock */
    struct peer *knocks;  /* a knock of ours at that one's door */
    struct peer *knocker; /* a knock of that one: its record comes next */
    void *handle;
    struct list_node all;
    enum link_state state;
    bool silent;
    bool has_greeted;       /* our HELLO is out */
    bool awaits_keyspaces;  /* GREETING: their table comes before anything else */
    bool awaits_membership; /* GREETING: their log, and then their HELLO counts */
    bool is_refused;        /* by no member: it has been told so, and ends by itself */
    uint64_t membership;    /* the version that the other end is known to have */
    struct message_hello hello;
    bool awake;             /* the driver was told of the output of this turn */
    uint64_t run;           /* of the process at the other end, from its HELLO */
    uint16_t version;       /* of the protocol: the latest that both ends speak; 0 before its HELLO */
    uint32_t pings_open;    /* sent, and not answered by a pong */
    uint32_t pongs_awaited; /* since this node said that it leaves */
    struct instant since;
    struct instant last_heard;
    struct instant last_sent;
    struct frame_reader reader;
    struct buffer output;
};

/* Where a message came from, and so where its answer goes. */
struct source {
    struct lane *lane; /* NULL: mail from another shard of this node */
    uint32_t generation;
    uint32_t shard; /* mail */
};

/* Of the actors that a run of a process draws (version/dot.h). */
uint16_t lanes_run_tag(uint64_t run);
void lanes_init(struct shard *shard);
void lanes_release(struct shard *shard);
/* Members came or went. */
void lanes_adopt(struct shard *shard);
/* MEMBERSHIP on all links that are up, and have not had it. */
void lanes_tell_membership(struct shard *shard);
void lanes_heartbeat(struct shard *shard);
void lane_dial(struct shard *shard, struct lane *lane); /* the redial alarm */

static inline bool peer_is_leaving(const struct peer *peer) {
    return peer->leaving_run != 0 && peer->leaving_run == peer->run;
}

/* The peer's shard that owns the partition hears us, and takes new requests. Always true of this node itself. */
bool peer_is_reachable(const struct shard *shard, struct member_index member, struct partition partition);
/* The same of one that takes no new requests, since it leaves: what it was asked it still answers. */
bool peer_still_answers(const struct shard *shard, struct member_index member, struct partition partition);
/* Any shard of the peer hears us, and takes new requests. Of this node itself: it does not leave. */
bool peer_is_alive(const struct shard *shard, struct member_index member);
struct peer *peer_of(struct shard *shard, struct member_index member);
/* The first shards hear each other; they are linked, be it silent. */
bool peer_first_is_reachable(const struct shard *shard, struct member_index member);
bool peer_first_is_up(const struct shard *shard, struct member_index member);
/* It is known anew where the member is. */
void lanes_dial_now(struct shard *shard, struct member_index member);

/* How many shards the peer's node has, and which of them owns the partition. */
uint32_t peer_shard_count(const struct shard *shard, struct member_index member);
uint32_t peer_shard_of(const struct shard *shard, struct member_index member, struct partition partition);

/* The output to encode one message of about `bytes` into, or NULL when the peer is out of reach. */
struct buffer *lane_output(struct shard *shard, struct member_index member, struct partition partition, size_t bytes);
/* The same by that lane, or the bulk one beside it. */
struct buffer *lane_open_output(struct shard *shard, struct lane *lane, size_t bytes);
/* The same to shard 0 of the peer. Shards 0 always have a lane: theirs are the first partitions, however many shards.
 */
struct buffer *lane_first_output(struct shard *shard, struct member_index member);
/* The same for an answer; NULL when whoever asked is gone. */
struct buffer *source_output(struct shard *shard, const struct source *source, size_t bytes);
/* The same for another shard of this node; never NULL. */
struct buffer *mail_output(struct shard *shard, uint32_t to_shard);

void link_ping(struct shard *shard, struct link *link);

/* How long an answer took: moves an estimate of the 95th percentile. */
void peer_observe_latency(struct peer *peer, uint64_t took_ns);

/* How long ago the peer sent what it stamped with its monotonic time `sent`, transit included; too short by the least
 * delay that any of its recent words had. */
uint64_t peer_age_ns(const struct shard *shard, const struct peer *peer, struct instant sent);

/* True when of all clocks that are heard, ours among them, most are over CLOCK_SKEW_LIMIT_MS from ours. Of two that
 * disagree nobody knows which is wrong: then both nodes go on. */
bool lanes_clock_is_off(const struct shard *shard);
/* No member was heard to speak less than that version of the protocol, by this shard, since its start. */
bool lanes_all_speak(const struct shard *shard, uint16_t version);

#endif
