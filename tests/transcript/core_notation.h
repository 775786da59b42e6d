/* Objects and contexts as short text, so that a test of the protocol can be read.
 *
 *     absent                      no event at all
 *     b1=old                      the value "old" of dot (b, 1), in the context that this dot makes
 *     b2=new                      the same of dot (b, 2): its context covers b1
 *     b1=x & c1=y                 two siblings
 *     a2=new over b1 c3           the context has events besides those of the values
 *     b3!=v                       a detached dot: the context has b3 and neither b1 nor b2
 *     b1=(deleted)                a tombstone
 *     b2=(+7)                     a counter: by b2 its actor had added 7 in all
 *     b2=(+7) over b1-4           of which the 4 that it had added by b1 do not count: they were replaced
 *     b1=v@-3                     made three milliseconds before the present
 *     b1=v~5000                   expires five seconds from the present (register set at the value's time)
 *     b1=x*70000                  seventy thousand times x
 *
 * Actors of tests have one-letter names. Those that a shard draws at random are called a, aa, aaa, as they appear;
 * they can be named once they have. */
#ifndef GRAMME_CORE_NOTATION_H
#define GRAMME_CORE_NOTATION_H

#include "base/arena.h"
#include "version/object_codec.h"

enum { NOTATION_ACTORS = 4096 };

struct notation {
    struct arena arena; /* of what is parsed and printed; reset by nobody: tests are short */
    uint64_t drawn[NOTATION_ACTORS];
    size_t drawn_count;
    struct wall_time wall; /* the present */
};

void notation_init(struct notation *notation);
void notation_release(struct notation *notation);

struct object notation_object(struct notation *notation, const char *text);
/* "b1 c3": a context alone; "" is the empty one. Its greatest time is the present. */
struct context notation_context(struct notation *notation, const char *text);
struct view notation_object_bytes(struct notation *notation, const char *text);
struct view notation_context_bytes(struct notation *notation, const char *text);

void print_object(struct notation *notation, struct buffer *text, const struct object *object);
void print_context(struct notation *notation, struct buffer *text, const struct context *context);
/* Bytes as they are, or as x*70000 when they are long and all the same. */
void print_bytes(struct buffer *text, struct view bytes);
/* The reverse, for one word. */
struct view expand_bytes(struct arena *arena, struct view word);
void print_format(struct buffer *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
