/* What a front holds: sessions, the commands of each that wait for results, and the operations in flight.
 *
 *     session --list--> pending, pending, ... (in the order of the commands; the head's reply is the next to be sent)
 *     pending --one flight per operation--> token --front_complete()--> pending
 *
 * A pending command is
 *     open      some of its results are missing
 *     done      its reply is whole, and waits in `reply` for those of the commands before it
 * The head of a session is always open: a command that ends as the head writes straight to the session's output.
 * A pending command without a session belonged to one that closed: it goes away with the last of its results. */
#ifndef GRAMME_CORE_FRONT_STATE_H
#define GRAMME_CORE_FRONT_STATE_H

#include "base/blobs.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "core/front.h"
#include "core/front/command.h"
#include "core/front/latency.h"
#include "core/front/subscriptions.h"
#include "wire/resp.h"

enum {
    OUTPUT_PAUSE_BYTES = 1024 * 1024, /* unsent output at which a session's further commands wait */
    SCATTER_WINDOW = 256,             /* operations of one command in flight */
    CLIENT_TEXT_BYTES = 256,          /* of a client's name, and of what it says of its library */
};

struct pending;

/* ---- the order of a session's operations on one key ---- */

/* Operations of one use may be in flight together: reads, since they change nothing, and plain SETs, which one router
 * passes on in their order. Any other two wait for each other, or a GET could be told the value of a later SET. */
enum key_use { KEY_USE_READ, KEY_USE_SET, KEY_USE_OTHER, KEY_USE_COUNT };

/* A key of a session with operations in flight. */
struct busy_key {
    struct map_node node; /* by hash */
    uint64_t session_id;
    uint32_t counts[KEY_USE_COUNT];
};

struct busy_keys {
    struct map map;
    struct pool pool;
};

enum key_use operation_key_use(const struct operation *operation);
void busy_keys_init(struct busy_keys *keys);
void busy_keys_release(struct busy_keys *keys);
/* Whether an operation may start beside those in flight. `hash`: hash64() of the key, seed 0. */
bool busy_keys_allow(const struct busy_keys *keys, uint64_t session_id, uint64_t hash, enum key_use use);
struct busy_key *busy_key_begin(struct busy_keys *keys, uint64_t session_id, uint64_t hash, enum key_use use);
void busy_key_end(struct busy_keys *keys, struct busy_key *key, enum key_use use);

/* ---- operations in flight ---- */

struct flight {
    struct pending *pending; /* NULL: free */
    struct busy_key *key;    /* NULL while it is being submitted: what is answered at once keeps nobody waiting */
    enum key_use use;
    uint32_t part;
    uint32_t generation; /* in the token, so that a token answers once */
    uint32_t next_free;
};

struct flights {
    struct buffer slots; /* struct flight */
    uint32_t first_free; /* 1-based; 0: none */
};

void flights_init(struct flights *flights);
void flights_release(struct flights *flights);
uint64_t flight_begin(struct flights *flights, struct pending *pending, uint32_t part);
/* NULL when the token is none of ours, or was answered. Valid until the next call. */
struct flight *flight_find(struct flights *flights, uint64_t token);
void flight_end(struct flights *flights, struct flight *flight);

/* ---- MULTI ---- */

struct batch {
    struct buffer commands; /* count, then sized arguments, of each */
    uint32_t count;
    uint32_t left;   /* running: commands still to begin */
    bool is_running; /* EXEC came */
    bool is_aborted; /* a command could not be queued */
};

/* ---- sessions ---- */

enum reply_mode {
    REPLIES_ON,
    REPLIES_OFF,
    REPLIES_SKIP_NEXT, /* the command after this one, ... */
    REPLIES_SKIP,      /* ... which is this one */
};

struct session {
    struct list_node link;
    void *handle;
    uint64_t id;
    struct buffer output;
    struct buffer input; /* kept: the start of a command, or commands that wait their turn */
    struct resp_parser parser;
    struct pending *head;
    struct pending *tail;
    struct pending *scatter; /* the tail, with operations yet to be submitted: what follows it waits */
    struct batch *batch;     /* between MULTI and the last command of EXEC */
    size_t held_bytes;       /* of replies that wait for those before them */
    uint32_t in_flight;      /* pending commands */
    int protocol;
    bool is_running; /* inside the loop that runs its commands: results that come now are not the last word */
    bool is_closing; /* begins no more commands */
    bool is_overflown;
    bool has_more;      /* stopped with input that could be run later */
    bool waits_paused;  /* the next command begins when the pause is over */
    bool waits_alone;   /* the next command begins when none is in flight */
    bool waits_for_key; /* its next operation has to wait for others on the key: */
    enum key_use waiting_use;
    uint64_t waiting_hash;
    bool was_told_to_close;
    bool never_evict;
    bool never_touch;
    enum reply_mode replies; /* CLIENT REPLY */
    bool redirects;          /* session_redirect() */
    uint8_t least_quorum;    /* that a write of it asked for; 0: none did */
    struct instant opened;
    struct instant last_input;
    const struct command *last_command;
    struct blob address;
    struct blob name;
    struct blob library_name;
    struct blob library_version;
    struct listening listening;
};

/* ---- the front ---- */

struct front {
    struct pool memory; /* of the front itself */
    struct front_options options;
    struct front_port port;
    struct front_statistics statistics;
    struct command_index commands;
    struct list sessions; /* in the order in which they were opened */
    struct pool session_pool;
    struct pool pending_pool;
    struct pool batch_pool;
    struct blobs blobs;
    struct flights flights;
    struct busy_keys busy_keys;
    struct subscriptions subscriptions;
    struct buffer scratch;  /* a reply that must wait, while it is written */
    struct buffer encoding; /* a context, or a question, on its way into an operation */
    struct buffer ids;      /* of clients, on their way into a question */
    struct instant now;     /* of this step */
    struct latency latency;
    struct instant paused_until; /* CLIENT PAUSE: until then commands wait, ... */
    bool pauses_writes_alone;    /* ... or only those that write */
    bool holds_sessions;         /* some wait for that */
    uint64_t next_session;
};

/* Time and scratch memory of one step. */
struct turn {
    struct instant now;
    struct wall_time wall;
    struct arena *arena;
};

/* Where the next immediate reply of the session goes: its output, or the scratch buffer when others are before it (then
 * session_hold_reply() puts it in line). */
struct buffer *session_reply_buffer(struct front *front, struct session *session);
void session_hold_reply(struct front *front, struct session *session);
/* True, and noted, when the operation has to wait for others of the session on its key. */
bool session_must_wait(struct front *front, struct session *session, const struct operation *operation);
void front_wake_paused(struct front *front);
/* CLIENT PAUSE holds the command back. */
bool session_must_pause(const struct front *front, const struct command *command);
/* Something was written to its output that is no reply: the last thing of it, but while the session runs commands. */
void session_told(struct front *front, struct session *session, bool had_output);
/* Replaces a text that a session keeps. */
void session_keep(struct front *front, struct blob *text, struct view value);
/* Closes it: at once, or, if it is the one that asks for it, behind its reply. */
void session_kill(struct front *front, struct session *session, bool is_asker);
void session_end_batch(struct front *front, struct session *session);

#endif
