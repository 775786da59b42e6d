#include "rocksdb/work_queue.h"

#include "base/ensure.h"

#include <errno.h>
#include <time.h>

void work_list_push(struct work_list *list, struct work_item *item) {
    item->next = NULL;
    if (list->first == NULL) {
        list->first = item;
    } else {
        list->last->next = item;
    }
    list->last = item;
}

struct work_item *work_list_take(struct work_list *list) {
    struct work_item *item = list->first;
    if (item != NULL) {
        list->first = item->next;
    }
    return item;
}

struct instant instant_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct instant){(uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
}

void work_queue_init(struct work_queue *queue) {
    *queue = (struct work_queue){.stopped = false};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->filled, &attributes);
    pthread_condattr_destroy(&attributes);
}

void work_queue_release(struct work_queue *queue) {
    ENSURE(queue->list.first == NULL);
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
}

void work_queue_push(struct work_queue *queue, struct work_item *item) {
    pthread_mutex_lock(&queue->mutex);
    work_list_push(&queue->list, item);
    bool wake = queue->sleepers > 0;
    pthread_mutex_unlock(&queue->mutex);
    if (wake) {
        pthread_cond_signal(&queue->filled);
    }
}

/* False at the deadline. */
static bool sleep_until(struct work_queue *queue, struct instant deadline) {
    if (deadline.ns == 0) {
        return pthread_cond_wait(&queue->filled, &queue->mutex) == 0;
    }
    struct timespec until = {(time_t)(deadline.ns / NS_PER_S), (long)(deadline.ns % NS_PER_S)};
    return pthread_cond_timedwait(&queue->filled, &queue->mutex, &until) != ETIMEDOUT;
}

bool work_queue_take(struct work_queue *queue, struct instant deadline, size_t most, struct work_list *ret_list) {
    *ret_list = (struct work_list){NULL, NULL};
    pthread_mutex_lock(&queue->mutex);
    queue->sleepers++;
    while (queue->list.first == NULL && !queue->stopped && sleep_until(queue, deadline)) {
    }
    queue->sleepers--;
    if (most == SIZE_MAX) {
        *ret_list = queue->list;
        queue->list = (struct work_list){NULL, NULL};
    }
    for (size_t i = 0; i < most && queue->list.first != NULL; i++) {
        work_list_push(ret_list, work_list_take(&queue->list));
    }
    pthread_mutex_unlock(&queue->mutex);
    return ret_list->first != NULL;
}

void work_queue_stop(struct work_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->stopped = true;
    pthread_mutex_unlock(&queue->mutex);
    pthread_cond_broadcast(&queue->filled);
}

bool work_queue_is_over(struct work_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    bool over = queue->stopped && queue->list.first == NULL;
    pthread_mutex_unlock(&queue->mutex);
    return over;
}
