/* What a fallback keeps (Dynamo, section 4.6): one hint per fallback and key, a record as owners keep it and the set of
 * owners who are still to have it. It lies in a family of its own, so the hints of a node are found again at boot, and
 * an owner's data and what stands in for others are never taken for one another.
 *
 *      format u8 | owners u8 | owner ids, 16 bytes each | record (version/object_codec.h) */
#ifndef GRAMME_CORE_HINT_RECORD_H
#define GRAMME_CORE_HINT_RECORD_H

#include "base/identity.h"
#include "base/limits.h"
#include "version/object_codec.h"

struct hint_owners {
    uint32_t count;
    struct node_id ids[LIMIT_REPLICAS];
};

bool hint_owners_contain(const struct hint_owners *owners, struct node_id id);
/* False when the set is full; true as well when the id is there already. */
bool hint_owners_add(struct hint_owners *owners, struct node_id id);
void hint_owners_remove(struct hint_owners *owners, struct node_id id);

void hint_record_encode(struct buffer *buffer, const struct hint_owners *owners, const struct local_actor *local,
                        const struct object *object);
/* Borrows from `bytes`. On false the outputs are untouched. */
bool hint_record_decode(struct view bytes, struct hint_owners *ret_owners, struct record *ret_record);

#endif
