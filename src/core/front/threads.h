/* Questions to all threads of the node, each of which has sessions and a slow log of its own: CLIENT LIST, SLOWLOG GET
 * and the like. An OPERATION_THREAD goes to one shard after the other (a chain, pending_kind.next), and its front
 * answers at once. */
#ifndef GRAMME_CORE_FRONT_THREADS_H
#define GRAMME_CORE_FRONT_THREADS_H

#include "core/front/call.h"

enum thread_question {
    THREAD_CLIENTS = 1, /* a line of CLIENT LIST for each session that the filter lets pass */
    THREAD_KILL,        /* closes those: u64 how many */
    THREAD_SLOW,        /* entries of the slow log */
    THREAD_SLOW_RESET,
    THREAD_SETTING, /* u8 of enum latency_setting, u64 number; again and again */
    THREAD_RESETSTAT,
    THREAD_HISTOGRAMS, /* of commands (latency.h) */
    THREAD_EVENTS,     /* latency events */
    THREAD_EVENTS_RESET,
    THREAD_CHANNELS, /* see subscriptions_tell() */
    THREAD_PAUSE,    /* u64 until when, monotonic ns, u8 whether for writes alone; 0: no longer */
};

/* A kind of pending command that asks, with its own finish(). */
#define ASKS_THREADS(own_finish)                                                                                       \
    { .gather = threads_gather, .next = threads_next, .finish = (own_finish), .is_alone = true }

/* `question` begins with a u8 of enum thread_question. Nothing, when it must wait for others of its session. */
void call_ask_threads(struct call *call, const struct pending_kind *kind, struct view question);
/* The same with a number for finish(). */
void call_ask_threads_with(struct call *call, const struct pending_kind *kind, uint32_t option, struct view question);
void threads_gather(struct answer *answer);
bool threads_next(struct answer *answer, struct operation *ret_operation);
/* OK, when all have done it. */
void threads_finish_ok(struct answer *answer);
/* The next thread's answer, of pending_pieces(); false after the last. */
bool threads_read(struct reader *answers, struct view *ret_answer);

#endif
