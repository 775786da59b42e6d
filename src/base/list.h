/* Intrusive doubly linked list. A node is in one list at most; a node that is in none has next == NULL. */
#ifndef GRAMME_BASE_LIST_H
#define GRAMME_BASE_LIST_H

#include "base/ensure.h"

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next;
    struct list_node *previous;
};

struct list {
    struct list_node head;
};

/* The structure of which `pointer` is the member. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list) {
    list->head.next = &list->head;
    list->head.previous = &list->head;
}

static inline bool list_empty(const struct list *list) {
    return list->head.next == &list->head;
}

static inline bool list_node_linked(const struct list_node *node) {
    return node->next != NULL;
}

static inline void list_push_back(struct list *list, struct list_node *node) {
    ENSURE(!list_node_linked(node));
    node->previous = list->head.previous;
    node->next = &list->head;
    node->previous->next = node;
    list->head.previous = node;
}

static inline void list_push_front(struct list *list, struct list_node *node) {
    ENSURE(!list_node_linked(node));
    node->next = list->head.next;
    node->previous = &list->head;
    node->next->previous = node;
    list->head.next = node;
}

static inline void list_remove(struct list_node *node) {
    ENSURE(list_node_linked(node));
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
}

static inline struct list_node *list_first(const struct list *list) {
    return list_empty(list) ? NULL : list->head.next;
}

static inline struct list_node *list_next(const struct list *list, const struct list_node *node) {
    return node->next == &list->head ? NULL : node->next;
}

/* Moves all of `from` behind all of `to`. */
static inline void list_append(struct list *to, struct list *from) {
    if (!list_empty(from)) {
        from->head.next->previous = to->head.previous;
        from->head.previous->next = &to->head;
        to->head.previous->next = from->head.next;
        to->head.previous = from->head.previous;
        list_init(from);
    }
}

static inline struct list_node *list_take_first(struct list *list) {
    struct list_node *node = list_first(list);
    if (node != NULL) {
        list_remove(node);
    }
    return node;
}

#endif
