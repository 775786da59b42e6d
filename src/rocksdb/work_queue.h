/* Work handed from one thread to others: pushed one by one, taken all at once or a few at a time. */
#ifndef GRAMME_ROCKSDB_WORK_QUEUE_H
#define GRAMME_ROCKSDB_WORK_QUEUE_H

#include "base/identity.h"

#include <pthread.h>
#include <stddef.h>

struct work_item {
    struct work_item *next;
};

/* First in, first out. */
struct work_list {
    struct work_item *first;
    struct work_item *last;
};

void work_list_push(struct work_list *list, struct work_item *item);
struct work_item *work_list_take(struct work_list *list); /* the first, or NULL */

struct work_queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled; /* measured on CLOCK_MONOTONIC */
    struct work_list list;
    unsigned sleepers;
    bool stopped;
};

void work_queue_init(struct work_queue *queue);
void work_queue_release(struct work_queue *queue);

void work_queue_push(struct work_queue *queue, struct work_item *item);
/* Waits for work, until `deadline` (ns 0: for ever), and takes up to `most` items. False, with an empty list, at the
 * deadline; or when the queue was stopped and is empty. */
bool work_queue_take(struct work_queue *queue, struct instant deadline, size_t most, struct work_list *ret_list);
/* Once it is empty, nobody waits for it any more. */
void work_queue_stop(struct work_queue *queue);
bool work_queue_is_over(struct work_queue *queue);

/* CLOCK_MONOTONIC. */
struct instant instant_now(void);

#endif
