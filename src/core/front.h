/* The front: sessions, the command table, scatter and gather. A session's bytes come in, commands become operations on
 * single keys, their results become replies in the order of the commands. Knows nothing of rings or replicas:
 * operations leave through `front_port`, results come back by token, possibly before submit() returns.
 *
 * A session runs its commands concurrently (pipelining) and answers in order. Two of its operations on the same key are
 * under way together only if both are reads, or both plain SETs, whose order the router keeps (router.h): or a GET
 * could be told the value of a SET that the client sent after it. */
#ifndef GRAMME_CORE_FRONT_H
#define GRAMME_CORE_FRONT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/identity.h"
#include "core/placement.h"
#include "version/token.h"
#include "wire/operation.h"

struct front;
struct session;

/* Things that the front asks of the shard around it. */
struct front_port {
    void *self;
    /* The operation's views are borrowed for the call. Exactly one front_complete() with the token follows, at the
     * latest at the operation's deadline; it may come before submit() returns. */
    void (*submit)(void *self, const struct operation *operation, uint64_t token);
    /* Much is under way: a session that has commands in flight waits for those before it begins others. NULL: never. */
    bool (*is_crowded)(void *self);
    /* The session's output went from empty to non-empty, it wants to be closed after its output (session_output()), or
     * it can go on with input that it kept (front_resume()). */
    void (*session_wake)(void *self, struct session *session);
    /* INFO sections and CLUSTER replies come from the shard, which knows the ring: appends a complete RESP reply
     * (cluster; the arguments begin with CLUSTER) or "name:value\r\n" lines (information). False: no such subcommand.
     */
    bool (*cluster_command)(void *self, const struct view *arguments, size_t count, uint32_t port_offset, int protocol,
                            struct buffer *reply);
    /* Sessions that redirect: true when this node is no owner of the key, and another is in reach: "slot host:port" of
     * that one is appended. */
    bool (*moved)(void *self, struct view key, uint32_t port_offset, struct buffer *text);
    void (*information)(void *self, struct view section, struct buffer *text);
    /* CONFIG GET: all name/value pairs, in order, through `emit`; the front keeps those that were asked for. */
    void (*configuration)(void *self, void (*emit)(void *context, struct view name, struct view value), void *context);
    /* CONFIG REWRITE: lines of settings, to stand in the configuration from now on. Not NULL: why not, an error line.
     */
    const char *(*rewrite)(void *self, struct view settings);
    /* DEBUG SLEEP: the thread does nothing for so long. NULL: not allowed. */
    void (*sleep)(void *self, uint64_t ms);
    /* WAIT: the least write quorum of all keyspaces. */
    uint8_t (*least_write_quorum)(void *self);
    /* GRAMME.KEYSPACES: appends the whole reply. */
    void (*keyspaces)(void *self, int protocol, struct buffer *reply);
    /* GRAMME.BACKUP: as submit(), but that it may take as long as it takes; what was written is the result's detail. */
    void (*backup)(void *self, struct view path, uint64_t token);
    /* PUBLISH: to all other shards and nodes; those who listen at this front were told. NULL: there are none. */
    void (*publish)(void *self, bool is_sharded, struct view channel, struct view payload);
    /* GRAMME.EXPLAIN: placement as known here; the front gathers the replicas' records through INSPECT operations to
     * each of the nodes that this lists. Returns their number. */
    size_t (*placement)(void *self, struct view key, struct placement *ret_placement);
};

struct front_options {
    uint32_t deadline_ms;
    uint32_t shard_index;
    uint32_t shard_count;
    uint32_t max_pipelined;        /* commands of one session in flight; further input waits */
    uint64_t client_id_base;       /* CLIENT ID: unique over the node's shards */
    uint32_t moved_port_offset;    /* ports of sessions that redirect lie so far above those that members tell */
    int64_t slow_us;               /* a command that takes so long goes into the slow log; negative: none does */
    uint32_t slow_most;            /* entries that are kept */
    uint32_t latency_threshold_ms; /* of LATENCY's events; 0: none */
    struct token_secrets secrets;
};

struct front *front_new(struct front_options options, struct front_port port);
void front_free(struct front *front);

/* A connection was accepted. `handle` is the driver's; the address is shown by CLIENT LIST. */
struct session *front_open(struct front *front, void *handle, const char *address, struct instant now);
/* It came by the port of Redis Cluster's clients: a command on keys that this node does not own is answered MOVED, and
 * CLUSTER tells of that port. */
void session_redirect(struct session *session);
/* The connection is gone: results that come later for it are dropped. Frees the session. */
void front_close(struct front *front, struct session *session);
/* Bytes from the client; borrowed for the call, what is incomplete is kept. */
void front_input(struct front *front, struct session *session, struct view bytes, struct instant now,
                 struct wall_time wall, struct arena *arena);
void front_complete(struct front *front, uint64_t token, const struct result *result, struct instant now,
                    struct wall_time wall, struct arena *arena);
/* Now and then: what waited for the end of a pause goes on. */
void front_beat(struct front *front, struct instant now);
/* Another thread of the node asks (core/front/threads.h): appends the answer. False when it is nothing known. */
bool front_asked(struct front *front, struct view question, struct instant now, struct buffer *answer);
/* Operations that take so long tell where their time went; UINT64_MAX: none does. */
uint64_t front_slow_us(const struct front *front);

/* Somebody published it elsewhere. Returns how many were told. */
uint32_t front_deliver(struct front *front, bool is_sharded, struct view channel, struct view payload);

void *session_handle(const struct session *session);
/* Bytes to send; the driver consumes what it sent. */
struct buffer *session_output(struct session *session);
/* False while the session keeps input that has to wait, since it has too many commands in flight or too much unsent
 * output: stop reading from its socket, and call front_resume() when it was woken and once output was sent, to see
 * whether to start again. Results never begin commands by themselves: they come in the middle of the shard's own steps.
 */
bool session_wants_input(const struct session *session);
void front_resume(struct front *front, struct session *session, struct instant now, struct wall_time wall,
                  struct arena *arena);
/* True when the connection is to be closed once its output is sent (QUIT, protocol error, output limit: then at once).
 */
bool session_wants_close(const struct session *session);
/* It left more output unread than it may: its connection is closed at once, though a write may be under way that waits
 * for its client to read. */
bool session_must_close(const struct session *session);

/* Every command that came is answered (the output may still be unsent): a driver that closes in good order waits for
 * it. */
bool session_is_idle(const struct session *session);

/* The same, and no command is there in part, nor commands that wait for EXEC. */
bool session_is_between_commands(const struct session *session);

struct front_statistics {
    uint64_t commands, errors, connections_total, connections_now, keyspace_hits, keyspace_misses;
};
void front_statistics(const struct front *front, struct front_statistics *ret_statistics);

#endif
