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
    THREAD_SETTING, /* sized name, sized value */
    THREAD_RESETSTAT,
    THREAD_HISTOGRAMS, /* of commands (latency.h) */
    THREAD_EVENTS,     /* latency events */
    THREAD_EVENTS_RESET,
};

/* A pending command that asks; `question` begins with a u8 of enum thread_question. With `kind` made of these two
 * beside its own finish(). Nothing, when it must wait for others of its session. */
void call_ask_threads(struct call *call, const struct pending_kind *kind, struct view question);
/* The same with a number for finish(). */
void call_ask_threads_with(struct call *call, const struct pending_kind *kind, uint32_t option, struct view question);
void threads_gather(struct answer *answer);
bool threads_next(struct answer *answer, struct operation *ret_operation);
/* For finish(): false, with the error written, when one of them gave no answer. */
bool threads_answered(struct answer *answer);
/* The next thread's answer, of pending_pieces(); false after the last. */
bool threads_read(struct reader *answers, struct view *ret_answer);

#endif
