/* Between the account's own files: what it knows of each key. */
#ifndef GRAMME_SIM_ACCOUNT_STATE_H
#define GRAMME_SIM_ACCOUNT_STATE_H

#include "sim/account.h"

/* One dot: a write event of a key. */
struct stamp_record {
    struct map_node node;
    struct dot dot;
    uint32_t value_id; /* 0: a tombstone */
    uint32_t made_by;  /* node */
    struct digest hash;
    struct hybrid_time time;
    uint32_t *replaces; /* stamps of the key, by index */
    uint32_t replaces_count;
    uint32_t held_by;    /* how many nodes hold it as a value now */
    struct instant left; /* when the last node dropped it */
    struct instant made;
    uint32_t index;
    bool is_again;   /* of a SET that is about to be stamped again: several may be, of one node on one key */
    bool is_reaped;  /* a tombstone that some owner let go: what it replaced is rightly gone */
    bool is_buried;  /* a value that such a tombstone covers, or of a pruned actor: nobody may ever hold it again */
    bool is_pruned;  /* its actor's entry went from some vector: from then on no context tells that it was seen */
    bool is_reached; /* check_final */
    bool is_addition;
    uint64_t sum;     /* of an addition: all that its actor had added by then */
    uint32_t *resets; /* additions that its writer had seen, and replaced; by index */
    uint32_t reset_count;
};

struct held {
    uint32_t *stamps;
    uint32_t count;
};

struct account_key {
    struct map_node node;
    char name[KEY_NAME_SIZE];
    struct map by_dot;
    struct stamp_record **stamps;
    size_t count;
    size_t capacity;
    struct held held[2 * SIM_NODES_MOST]; /* by place: of each node its own copy, and its hint */
    bool is_lost[SIM_NODES_MOST];         /* its record was lost there once: memory may have it, and the disk not */
    uint64_t additions;                   /* at the end: what those that count come to */
    bool is_forgotten[SIM_NODES_MOST]; /* its record vanished there once: what it holds is not surely what it wrote */
};

void account_violate(struct account *account, const char *format, const char *promise, const struct account_key *key,
                     struct dot dot, uint32_t value_id);
struct account_key *account_key_find(const struct account *account, struct view name);
/* That one rightly takes the place of the other. */
void stamp_replaces(struct stamp_record *stamp, uint32_t other);

/* account_counters.c. A stamp of a counter's key: whose addition it is, or which additions it replaces. */
void counter_stamped(struct account *account, struct account_key *key, struct stamp_record *stamp,
                     const struct object *object);
void addition_replaces(struct account_key *key, struct stamp_record *stamp, const struct held *own,
                       const struct object *object);
void counter_check_final(struct account *account, struct account_key *key, const struct object *object);

#endif
