/* The operator's door to the membership: OPERATION_MEMBERS, which goes to the first shard of the node that was asked.
 * Its value says what is wanted:
 *
 *      STATUS                    JSON: version, phase, and of each member how far it is
 *      LOG version               the log's entries later than that (ring/membership.h), for a node that joins
 *      CHANGE events             the next entry (core/council.h): its lamport times and issuers are put in here
 *
 * The answer's object carries the text. */
#ifndef GRAMME_CORE_MEMBERS_H
#define GRAMME_CORE_MEMBERS_H

#include "core/router.h"

struct shard;

enum members_question { MEMBERS_STATUS = 1, MEMBERS_LOG = 2, MEMBERS_CHANGE = 3 };

void members_asked(struct shard *shard, const struct operation *operation, const struct origin *origin);

#endif
