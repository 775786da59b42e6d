/* Counters: what INCR adds is kept by whoever adds it, so two that add at once both count.
 *
 * Each actor that has added to a key has one value of the object, its dot that of the actor's last addition, its bytes
 * the sum of all that the actor ever added under this key; the actor's next addition replaces it. So merging needs no
 * rule of its own: of one actor the later sum stays. What a key counts is the sum of its counters, on top of the
 * integer that a plain SET left (an integer string is adopted by counting from it).
 *
 * What replaces a counter (SET, DEL, a put with a context) replaces what it has seen of it, and an addition that it has
 * not seen stays. But the sum of that addition still contains what was replaced. So whoever replaces (a, 5) leaves in
 * the context a reset, "up to (a, 5) a had added 40", and from a's sum at (a, 6) those 40 are taken off. A sum never
 * begins again while its actor lives: then any two resets of an actor can be joined, the later one holding. Counters
 * and resets stand at events that the vector covers: who knows of one knows all that its actor did before.
 *
 *      values       (a, 6): 41   (b, 2): 7   (c, 1): "100"
 *      resets       (a, 5): 40
 *      shown        100 + (41 - 40) + 7 = 108
 *
 * What holds: whichever events two copies have seen, once merged they show the base and each addition that nobody who
 * saw it replaced, once. Sums are modulo 2^64, as registers are: additions that are made at once may carry a key past
 * the ends of 64 bits, where it goes on at the other end. Sources: Shapiro, Preguica, Baquero, Zawinski: A
 * comprehensive study of CRDTs, 3.1 (a counter that merges); Almeida, Shoker, Baquero: Delta state replicated data
 * types, 7 (resets by causality). */
#ifndef GRAMME_VERSION_COUNTER_H
#define GRAMME_VERSION_COUNTER_H

#include "version/object.h"

/* All that the value's actor had added by the value's event; of a value without its bytes 0. */
uint64_t counter_sum(const struct value *value);
/* What the counter adds to what is shown: less than its sum if its actor was reset. */
uint64_t counter_part(const struct object *object, const struct value *value);
/* The actor's counter, or NULL. */
const struct value *object_counter_of(const struct object *object, uint64_t actor);
/* The context with resets for those of the values, sorted by dot, that are counters: it is to replace them. */
struct context counter_reset(const struct context *context, const struct value *values, uint32_t count,
                             struct arena *arena);
/* The object after an addition. It replaces this actor's counter and nothing else: a tombstone and what has expired
 * stay beside it until a SET or DEL, for whose second stamp nothing must seem to have followed the first but what did
 * (see coordinator.h). The new counter expires when what is shown does. Dot and time of the stamp as for object_put().
 */
struct object counter_add(const struct object *object, const struct stamp *stamp, int64_t addend, struct wall_time now,
                          enum conflict_rule rule, struct arena *arena);

#endif
