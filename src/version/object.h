/* What a key holds: a context and the values none of which causally follows another, tombstones included.
 *
 * Merging keeps a value that both sides hold, or whose dot the other side's context does not contain; the context is
 * the join. It is commutative, associative, idempotent; it loses no concurrent value, drops every superseded one, and
 * never covers an event that neither side saw. */
#ifndef GRAMME_VERSION_OBJECT_H
#define GRAMME_VERSION_OBJECT_H

#include "base/hash.h"
#include "base/view.h"
#include "ring/keyspace.h"
#include "version/context.h"

/* A counter value is what one actor has added in all (counter.h). */
enum value_type { VALUE_STRING = 0, VALUE_TOMBSTONE = 1, VALUE_COUNTER = 2 };

enum { VALUE_FORMAT = 1, COUNTER_BYTES = 8 };

/* When a value expires, as a register of its own merged by greatest stamp: EXPIRE makes no dot. */
struct expiry {
    struct wall_time at;      /* ms 0: never */
    struct hybrid_time stamp; /* when it was set; 0 for "as written, never" */
};

struct value {
    struct dot dot;
    struct hybrid_time time; /* exceeds every time in the object and context that it replaced */
    struct expiry expiry;
    enum value_type type;
    uint8_t format;
    struct digest hash; /* XXH3-128 of bytes, computed once, where the value was made */
    struct view bytes;
};

struct object {
    struct context context;     /* greatest: at least every value's time */
    const struct value *values; /* sorted by dot */
    uint32_t value_count;
    uint64_t mark; /* the fence number it was stamped under; the least of everything merged into it */
};

static inline struct object object_empty(void) {
    return (struct object){0};
}

/* Never written: no event at all. A deleted key has a context. */
bool object_is_absent(const struct object *object);
/* It has a value that is not a tombstone, be it expired: what DBSIZE counts. */
bool object_is_key(const struct object *object);
bool object_equal(const struct object *a, const struct object *b);
/* Both sides stay valid as long as the result is used (value bytes, and sometimes arrays, are borrowed from them). The
 * mark is the lesser, but an absent side has none: merging with it changes nothing. Under `lww` the result has one
 * value, counters aside: what was added is kept. */
struct object object_merge(const struct object *a, const struct object *b, enum conflict_rule rule,
                           struct arena *arena);

/* Everything that a new value needs. The dot is fresh: neither the object nor the past may contain it. */
struct stamp {
    struct dot dot;
    struct hybrid_time time;
    uint64_t mark;
};

/* The object after a write that follows `past` (a client's context, a replica's whole context, or both joined): values
 * that `past` contains go, the new one comes, the context becomes object + past + dot. For a plain SET pass
 * object_past() of the object joined with whatever replicas named.
 *
 * Of `value`, the dot and the time are the stamp's. The mark is the lesser of the stamp's and the object's, if that is
 * not absent: an owner whose own replica takes the present number sets object->mark first. */
struct object object_put(const struct object *object, const struct context *past, const struct stamp *stamp,
                         const struct value *value, enum conflict_rule rule, struct arena *arena);

/* What a write that replaces all that there is follows: the object's context, with the sums of its counters. Every
 * context that is given away to be written with is one of these. */
struct context object_past(const struct object *object, struct arena *arena);
/* The object with the values above that time alone; what the others had counted is reset. */
struct object object_above(const struct object *object, struct hybrid_time floor, struct arena *arena);
/* The latest value, live or not: greatest time, ties by dot, tombstones included, counters aside; NULL when there is
 * none. */
const struct value *object_latest(const struct object *object);
/* Not a tombstone and not expired at `now`: it expires in the very millisecond that expiry.at names. */
bool value_is_live(const struct value *value, struct wall_time now);
bool object_has_live(const struct object *object, struct wall_time now);
/* The greatest of the context's time, the values' times and their expiry stamps: what the next stamp must exceed, be it
 * a value's or a register's. */
struct hybrid_time object_greatest_time(const struct object *object);
const struct value *object_find(const struct object *object, struct dot dot); /* or NULL */
/* Values of `kept` that `by` neither holds nor covers: what a replica keeps beside a put. */
uint32_t object_uncovered_count(const struct object *kept, const struct context *by);
/* The object with the expiry register of every value that is live at `now` set to `expiry` where that has the greater
 * stamp (the later instant, should stamps be equal: the rule of merging). What has expired stays so. */
struct object object_expire(const struct object *object, struct expiry expiry, struct wall_time now,
                            struct arena *arena);

/* The object without its values' bytes: for somebody who may hold them. */
struct object object_outline(const struct object *object, struct arena *arena);
/* The outline with the bytes of the values that `held` has as well. What `held` covers and has not is left out: merging
 * would drop it. So merged with `held` it is what the whole object would be. False: bytes are missing, and nothing less
 * than the whole object will do. */
bool object_fill(const struct object *outline, const struct object *held, struct arena *arena,
                 struct object *ret_object);

/* The vector says exactly this of the entry's actor, no detached dot adds to it, and no value bears it: nothing here
 * would change, were the entry not there, as long as none of its events come from elsewhere. */
bool object_may_prune(const struct object *object, struct dot entry);
/* Without an entry that it may prune. */
struct object object_prune(const struct object *object, struct dot entry, struct arena *arena);

/* One counter an actor, at an event that the vector covers (who knows of it knows all that its actor did before), and
 * behind the actor's reset (who replaced it does not hold it). */
bool object_counters_are_valid(const struct object *object);
/* Structural invariants: sorted, canonical, every value's dot in the context and its time at most the greatest, types
 * and formats known, nothing at all in an absent object. What object_decode() accepts, but for value hashes. */
bool object_is_valid(const struct object *object);

#endif
