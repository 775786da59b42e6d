/* What clients are shown of an object: a counter as a decimal, a string as it is. */
#ifndef GRAMME_VERSION_SHOWN_H
#define GRAMME_VERSION_SHOWN_H

#include "version/object.h"

/* The value that a plain GET shows at `now`, or NULL: the latest, if it is live. Where counters are, their sum in
 * decimal, on top of that value if it is an integer; a live value that is none hides them. Never of type counter. */
const struct value *object_shown(const struct object *object, struct wall_time now, struct arena *arena);
/* What GRAMME.GET shows: all live values, the counters added to each that is an integer; on their own, where none is.
 */
struct object object_siblings(const struct object *object, struct wall_time now, struct arena *arena);

#endif
