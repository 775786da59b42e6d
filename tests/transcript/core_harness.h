/* One shard, the real one with its real front, and a test that plays everybody else: clients, the peers' ends of the
 * links, the disk and the clock. All that the shard does is written down as lines, which the test names one by one:
 *
 *     client(rig, "SET k v");
 *     says(rig, "disk: write k a1=v",
 *               "B: put k a1=v, name what you keep",
 *               "C: put k a1=v, name what you keep");
 *     disk_done(rig);
 *     says_nothing(rig);
 *     answer(rig, 'B', "stored");
 *     says(rig, "client: OK");
 *
 * Members are A, B, C ... in the order of their ids; the shard is A's unless told. Lines of one step come in the order
 * disk, links (in the order in which they were made), mail, clients. Pings and pongs are not written down. The notation
 * of objects is that of core_notation.h. The key "k" is owned by A, B, C in this order (but for nodes of several
 * shards: whoever owns a partition of the rig's shard); see also rig_key(). Of the
 * peers B has answered fastest so far, then C, D and so on: B is asked first. */
#ifndef GRAMME_CORE_HARNESS_H
#define GRAMME_CORE_HARNESS_H

#include "core_disk.h"
#include "core_notation.h"

#include "core/fence.h"
#include "core/shard.h"
#include "wire/exchange_message.h"
#include "wire/member_record.h"
#include "wire/fence_message.h"
#include "wire/question_message.h"
#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { RIG_MEMBERS = 8, RIG_LINKS = 64, RIG_ASKED = 1024, RIG_KEYS = 8, RIG_CLIENTS = 4, RIG_SHARDS = 4 };

enum { RIG_OUTLINE_BYTES = 4096 };

struct rig_options {
    uint32_t members;          /* 3 */
    uint32_t replicas;         /* 3 */
    uint32_t self;             /* index: 0 is A */
    uint32_t shard_count;      /* of the shard's node: 1 */
    uint32_t peer_shard_count; /* what peers say of themselves: 1 */
    uint8_t read_quorum;       /* 2 */
    uint8_t write_quorum;      /* 2 */
    uint8_t primary_write_quorum;
    enum conflict_rule conflict;
    enum durability durability;
    bool was_unclean;
    bool stays_alone;      /* no peer is there yet: every dial stays without an answer */
    bool log_is_new;       /* the store has no membership log yet */
    struct view promise;   /* that it has */
    bool holds_clock;      /* the disk doesn't answer for the clock's bound */
    bool fence_unknown;    /* its store remembers none */
    uint32_t max_requests; /* 4096 */
    uint32_t slow_ms;      /* 0: nothing is slow */
    struct hybrid_time clock_floor;
    uint32_t exchange_period_ms; /* never */
    struct view kept_trees;
    struct view addresses;            /* of members, as the store has them */
    struct view configured_addresses; /* the same, as its configuration has them */
    bool holds_scans;                 /* from the start: see rig.holds_scans */
    uint16_t protocol;                /* PROTOCOL_VERSION */
};

enum fake_link_state { FAKE_FREE, FAKE_DIALING, FAKE_OPEN };

struct fake_link {
    enum fake_link_state state;
    struct link *link;
    struct frame_reader reader;
    char peer;
    uint16_t shard; /* of the peer */
    bool is_bulk;
    bool is_woken;
};

/* A request that the shard sent to a peer, waiting for the test to answer it. */
struct asked {
    char peer;
    uint16_t shard;
    uint8_t kind;
    uint64_t request;
    bool is_answered;
};

struct rig_key {
    char alias[8];
    char name[16];
};

struct rig {
    struct rig_options options;
    struct moment moment;
    struct membership birth; /* the log of the cluster's birth */
    struct ring *ring;
    struct keyspace_table keyspaces;
    struct token_secrets secrets;
    struct node_id ids[RIG_MEMBERS];
    struct shard *shard;
    struct disk disk;
    struct notation notation;
    struct fake_link links[RIG_LINKS];
    struct asked asked[RIG_ASKED];
    size_t asked_count;
    struct rig_key keys[RIG_KEYS];
    size_t key_count;
    struct session *sessions[RIG_CLIENTS];
    struct frame_reader mail_readers[RIG_SHARDS];
    bool mail_woken[RIG_SHARDS];
    bool is_away[RIG_MEMBERS];         /* its dials stay unanswered */
    const char *moved_to[RIG_MEMBERS]; /* where the member is now; NULL: where the log says */
    bool is_silent[RIG_MEMBERS];       /* sends no pings by itself */
    int64_t wall_offset_ms[RIG_MEMBERS];
    uint32_t pings[RIG_MEMBERS];         /* that the shard sent it */
    size_t last_ping_bytes;              /* the body of the latest */
    uint64_t label;                      /* of what peers put; 0: the first */
    uint64_t hello_fence;                /* in peers' greetings */
    uint64_t hello_keyspaces;            /* the same: the version of their tables */
    bool hello_agreeing;                 /* the same: an entry of the log is being chosen */
    struct witnessed hello_remembered;   /* the same: of this node's store */
    uint32_t bounds_told[RIG_MEMBERS];   /* BOUND, to each */
    struct message_summary last_summary; /* SUMMARY or SUMMARY ANSWER that the shard sent */
    struct message_hello last_hello;     /* that the shard sent */
    uint64_t attempt;                    /* of the last proof that the shard asked for */
    uint64_t last_pull;                  /* of the last FILL that it sent */
    uint64_t ground;                     /* of peers' proofs */
    bool holds_scans;                    /* scans wait for scan_answers() */
    bool shows_gossip;                   /* write down words of gossip, which are not of interest otherwise */
    struct gossip_word last_gossip;      /* SUMMARY that the shard sent; its list is not kept */
    struct member_record last_record;    /* that the shard sent of itself */
    struct gossip_stamp last_stamp;      /* the same */
    bool shows_links;                    /* write down hellos, dials, closings and what the shard traces of peers */
    struct hybrid_time last_time;        /* of the latest object in a put */
    uint64_t last_wire_id;               /* of the latest request sent to a peer */
    struct buffer log;
    uint64_t next_ping_ns;
};

/* Zeros mean the defaults. The peers are linked when this returns. */
struct rig *rig_new(struct rig_options options);
void rig_free(struct rig *rig);

/* Makes the alias stand for a new key whose preference list begins with these members, and whose partition belongs to
 * this shard of the node (the rig's own is 0). */
void rig_key(struct rig *rig, const char *alias, const char *owners);
void rig_key_of_shard(struct rig *rig, const char *alias, const char *owners, uint32_t shard);
/* The same, by the number of shards that peers have. */
void rig_key_of_peer_shard(struct rig *rig, const char *alias, const char *owners, uint32_t shard);
struct view rig_key_name(const struct rig *rig, const char *alias);
struct partition rig_partition(const struct rig *rig, const char *alias);

/* ---- what the shard did ---- */

#define says(rig, ...)                                                                                                 \
    rig_says((rig), __FILE__, __LINE__, (const char *const[]){__VA_ARGS__},                                            \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
#define says_nothing(rig) rig_says((rig), __FILE__, __LINE__, NULL, 0)
/* The lines written down since the last time, all of them, in this order. A line that ends in "..." stands for all that
 * begin so. */
void rig_says(struct rig *rig, const char *file, int line, const char *const *lines, size_t count);
void rig_forget(struct rig *rig); /* what was written down until now is not of interest */

/* ---- clients ---- */

/* One command as an inline line; words that are aliases of keys become keys, and x*100 becomes a hundred times x. */
void client(struct rig *rig, const char *command, ...) __attribute__((format(printf, 2, 3)));
void client_of(struct rig *rig, int number, const char *command, ...) __attribute__((format(printf, 3, 4)));
/* The text of a context, as GRAMME.PUT k v CONTEXT takes it. */
const char *token(struct rig *rig, const char *key, const char *context);

/* ---- the disk ---- */

void disk_done(struct rig *rig);       /* everything written is durable now */
void disk_done_first(struct rig *rig); /* the oldest write alone */
void disk_done_first_if_any(struct rig *rig);
void disk_fails(struct rig *rig); /* everything written is not durable, and never will be */
void disk_holds(struct rig *rig, const char *key, const char *object);
void disk_slow(struct rig *rig, const char *key);  /* reads of the key are pending ... */
void disk_found(struct rig *rig, const char *key); /* ... until now */
void disk_unreadable(struct rig *rig, const char *key);
void disk_damaged(struct rig *rig, const char *key);
void disk_found_unreadable(struct rig *rig, const char *key);
/* The oldest scan that is held: a piece with all that is in its partition, or nothing more; its end, or not. */
void scan_answers(struct rig *rig, bool has_records, bool is_end);
/* What is written of the key, now. */
void disk_has(struct rig *rig, const char *key, const char *object);

/* ---- peers ---- */

/* Answers the oldest request to the peer that has no answer:
 *     "stored"  "stored, keeps b1 c2"  "stored, uninformed"  "object b1=v"  "same"  "absent"  "absent, uninformed"
 * "refused"  "failed" and operations: "done"  "done b1=v"  "unchanged"  "noreplicas"  "indoubt"  "noquorum"  "busy" */
void answer(struct rig *rig, char peer, const char *text);
/* The same for the n-th request to the peer since the test began, from 0; it may have been answered before. */
void answer_nth(struct rig *rig, char peer, size_t number, const char *text);
/* The same for any question, be it one that was never asked. */
void give_answer(struct rig *rig, struct asked *asked, const char *text);
/* The peer never answers what it was asked until now. */
void answers_never(struct rig *rig, char peer);

/* The peer asks the shard; its answer appears as a line. */
void peer_puts(struct rig *rig, char peer, const char *key, const char *object, uint8_t flags);
/* With PUT_HINT: for that owner. */
void peer_hints(struct rig *rig, char peer, const char *key, const char *object, uint8_t flags, char hint_for);
/* The same, labelled with a fence's number. */
void peer_puts_under(struct rig *rig, char peer, const char *key, const char *object, uint64_t fence);
/* PROVE, PROVEN or REAP of one key; NULL: of what the disk holds. */
void peer_proves(struct rig *rig, char peer, enum fence_message_kind kind, const char *key, const char *object,
                 uint64_t number);
/* The same of an entry of the key's vector: "c3". */
void peer_prunes(struct rig *rig, char peer, enum fence_message_kind kind, const char *key, const char *entry,
                 uint64_t number);
/* A question, or the answer to one, of the attempt that was written down last; a time so many milliseconds from now. */
void peer_questions(struct rig *rig, char peer, enum question question, int64_t ms);
void peer_responds(struct rig *rig, char peer, enum question question, int64_t ms);
void peer_fence(struct rig *rig, char peer, uint64_t heard, uint64_t drained, uint64_t passed);
/* Words of gossip: that the peer has such a version of the log, and nothing that would be new; a member's record; and
 * the frame of that. */
void peer_summary(struct rig *rig, char peer, uint64_t version);
void peer_tells_record(struct rig *rig, char peer, char of, uint64_t generation, const struct member_record *record);
void record_frame(struct rig *rig, struct buffer *frames, char of, uint64_t generation,
                  const struct member_record *record);
/* A word of the fence that tells of a flush. */
void peer_fence_flushed(struct rig *rig, char peer, int64_t ms);
void peer_reads(struct rig *rig, char peer, const char *key, const char *compare_with);
void peer_reads_whole(struct rig *rig, char peer, const char *key);
/* "get k", "set k v", "put k v", "del k", "setnx k v", "expire k 5000", "inspect k B",
 * "restore k b1=v" */
void peer_operates(struct rig *rig, char peer, bool hopped, const char *text);
void peer_sends(struct rig *rig, char peer, uint16_t shard, bool is_bulk, const struct buffer *frames);
void peer_pings(struct rig *rig, char peer);

/* ---- links ---- */

struct message_hello rig_hello(const struct rig *rig, char peer, uint16_t shard, bool is_bulk);
/* The open link of the peer's shard, or NULL. */
struct fake_link *rig_link(struct rig *rig, char peer, uint16_t shard, bool is_bulk);
/* The first link on which the peer, who is away, is being dialed connects; it says no HELLO yet. */
struct fake_link *link_connects(struct rig *rig, char peer);
/* A connection from outside. */
struct fake_link *link_accepts(struct rig *rig, char peer, uint16_t shard, bool is_bulk);
void link_sends(struct rig *rig, struct fake_link *link, struct view bytes);
void link_sends_hello(struct rig *rig, struct fake_link *link, const struct message_hello *hello);
void link_breaks(struct rig *rig, struct fake_link *link);
void peer_dials(struct rig *rig, char peer);   /* a peer with a lesser id: all its links, greeted */
void peer_dies(struct rig *rig, char peer);    /* all its links break, dials stay unanswered */
void peer_returns(struct rig *rig, char peer); /* dials are answered again: those under way, and later ones */

/* ---- mail ---- */

/* As peer_operates(), by another shard of the node. */
void mail_operates(struct rig *rig, uint32_t from_shard, const char *text);
/* Answers as answer(), for operations mailed to the other shard. */
void mail_answers(struct rig *rig, uint32_t from_shard, const char *text);

/* ---- lines (core_lines.c) ---- */

void line_begin(struct rig *rig, const char *who);
void line_end(struct rig *rig);
void line_of_frame(struct rig *rig, const char *who, const struct frame *frame);
void line_of_reply(struct rig *rig, int client, struct view reply, size_t *ret_consumed);

/* The steps of the shard go between these two. */
void step_begin(struct rig *rig);
void step_end(struct rig *rig);
void rig_flush_links(struct rig *rig);

/* ---- time ---- */

/* Lets time go by, ticking whenever the shard wants it; peers that are not silent ping it. */
void pass_ms(struct rig *rig, uint64_t ms);
void pass_ns(struct rig *rig, uint64_t ns);
/* The process is stopped for so long: no tick in between. */
void pause_ms(struct rig *rig, uint64_t ms);

#endif
