/* A loop: the thread of one shard and all that it drives: the shard, its store, its connections.
 *
 *        +--> timers --> turn --> poll: callbacks, each of them steps of the shard --> turn --> close callbacks --+
 *        |                                                                                                        |
 *        +--------------------------------------------------------------------------------------------------------+
 *
 *      turn:  store's events -> shard  |  end the store's turn: one batch  |  mail to other shards  |  start dials  |
 *             flush each session and link that has output, one write each; again, while that caused more work
 *
 * What holds: no loop goes to sleep with work undone; a shard, its store and its connections are touched by their
 * loop's thread alone. Other threads reach a loop by mail (mail.h), by arrivals (loop_hand_over()) and by loop_wake().
 */
#ifndef GRAMME_SERVER_LOOP_H
#define GRAMME_SERVER_LOOP_H

#include "base/list.h"
#include "base/pool.h"
#include "core/shard.h"
#include "server/log.h"
#include "server/node.h"
#include "store/store.h"

#include <pthread.h>
#include <uv.h>

struct acceptor;

enum { READ_BUFFER_BYTES = 64 * 1024, PEER_TEXT_SIZE = 64, HOUSEKEEPING_MS = 100, STOPPING_HOUSEKEEPING_MS = 5 };

/* A connection that was accepted elsewhere. */
struct arrival {
    struct list_node node;
    int descriptor;
    bool is_link;
    bool redirects;               /* a client that is told MOVED */
    struct buffer first_bytes;    /* of a link: what was read already */
    char address[PEER_TEXT_SIZE]; /* of the other end */
};

/* What other threads may read of a loop: copied from time to time. */
struct loop_figures {
    _Atomic uint64_t hits, misses, batches, batched_writes, evictions, corrupt_records, refusals;
    _Atomic uint64_t buffer_bytes, buffer_records, dirty_records;
    _Atomic uint64_t members_missing, uninformed, trees_in_doubt, owned, met, hints_uncounted, hints_held, requests;
};

struct loop {
    struct node *node;
    uint32_t index;
    pthread_t thread;
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t alarm; /* the shard's next deadline */
    uv_timer_t housekeeping;
    uv_async_t wake;

    struct shard *shard;
    struct store *store;
    struct leaf_port *port;
    struct moment moment; /* of this batch of callbacks */
    bool has_moment;
    bool has_work; /* a step was made: the turn has something to do */
    bool alarm_armed;
    struct instant alarm_at;
    bool was_ready;
    bool store_failed;

    struct pool connection_pool;
    struct list connections;
    struct list dirty; /* connections with output */
    struct list dials;
    struct pool dial_pool;
    uint64_t mail_wanted; /* a bit for each shard that we have mail for */
    struct buffer letters;
    struct log_brake refusals;
    uint8_t *read_buffer;      /* READ_BUFFER_BYTES: one read is used up before the next */
    struct acceptor *acceptor; /* of the first loop */

    enum node_phase phase; /* as far as this loop has come */
    bool is_quiet;
    uint32_t housekeepings;

    pthread_mutex_t arrivals_mutex;
    struct list arrivals;
    struct loop_figures figures;
};

/* The options of the shard but for `driver` and `storage`, which the loop makes itself. The port must call loop_wake()
 * when it has completions. */
void loop_init(struct loop *loop, struct node *node, uint32_t index, struct leaf_port *port,
               const struct shard_options *options, struct store_options store_options);
/* Starts the thread; false when there is none to be had. */
bool loop_start(struct loop *loop);
void loop_join(struct loop *loop);
/* After loop_join(): appends what the shard keeps for the next start; nothing if not all that it wrote is down. */
void loop_keep_trees(const struct loop *loop, struct buffer *list);
/* After loop_join(), or without loop_start(). */
void loop_release(struct loop *loop);

/* From any thread. */
void loop_wake(struct loop *loop);
/* From any thread; takes the arrival. */
void loop_hand_over(struct loop *loop, struct arrival *arrival);

/* The time for a step of the shard; the turn will look after what the step causes. */
struct moment loop_step(struct loop *loop);
struct instant loop_now(struct loop *loop);

struct arrival *arrival_new(int descriptor, bool is_link);
void arrival_free(struct arrival *arrival); /* the descriptor stays as it is */

#endif
