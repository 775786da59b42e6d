/* The operator's door to the membership: OPERATION_MEMBERS, which goes to the first shard of the node that was asked.
 * Its value says what is wanted:
 *
 *      STATUS                    JSON: version, phase, and of each member how far it is
 *      LOG version               the log's entries later than that (ring/membership.h), for a node that joins
 *      CHANGE events             the next entry (core/council.h): its lamport times and issuers are put in here
 *      STAGE events, UNSTAGE id  prepares changes, or drops what was prepared of a node (zero: all): core/stage.h
 *      COMMIT [digest]           what is staged becomes entries, if the digest, where there is one, is still that of it
 *      SEEK seeker               what a node that has yet to join needs to know, so that it can start as a member as
 *                                soon as it finds itself in the log
 *
 * The answer's object carries the text. */
#ifndef GRAMME_CORE_MEMBERS_H
#define GRAMME_CORE_MEMBERS_H

#include "base/codec.h"
#include "core/router.h"

struct shard;

enum members_question {
    MEMBERS_STATUS = 1,
    MEMBERS_LOG = 2,
    MEMBERS_CHANGE = 3,
    MEMBERS_SEEK = 4,
    MEMBERS_STAGE = 5,
    MEMBERS_UNSTAGE = 6,
    MEMBERS_COMMIT = 7,
};

/* Who wants to join, and a proof that it has the secret of the cluster that it names. */
struct members_seeker {
    struct cluster_id cluster;
    uint8_t proof[16];
    struct member member;
};

void members_prove(const struct secret *secret, const struct members_seeker *seeker, uint8_t ret_proof[16]);
void members_write_seeker(struct buffer *buffer, const struct members_seeker *seeker);
bool members_read_seeker(struct reader *reader, struct members_seeker *ret_seeker);

/* The answer to SEEK. */
struct members_found {
    struct ring_options shape;
    uint64_t keyspaces_version; /* 0: those of the configuration, which must be the same everywhere */
    struct digest keyspaces;
    bool is_staged;     /* it may be a member any moment */
    struct view events; /* the whole log, as membership_encode() writes it; borrowed */
};
void members_write_found(struct buffer *buffer, const struct members_found *found);
bool members_read_found(struct view bytes, struct members_found *ret_found);

void members_asked(struct shard *shard, const struct operation *operation, const struct origin *origin);

#endif
