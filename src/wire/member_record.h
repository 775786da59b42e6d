/* A member's record: what it tells all others of itself by gossip (core/records.h), and the addresses of members as a
 * node keeps them and its shards tell each other. A record of a later version may have more at its end, which is left
 * alone. */
#ifndef GRAMME_WIRE_MEMBER_RECORD_H
#define GRAMME_WIRE_MEMBER_RECORD_H

#include "ring/membership.h"
#include "wire/gossip_message.h"
#include "wire/membership_message.h"

enum addresses_message_kind {
    MESSAGE_ADDRESSES = 65,      /* within a node, from its first shard: a list of addresses */
    MESSAGE_GOSSIP_FIGURES = 66, /* the same: what it counts, for people */
};

struct member_addresses {
    char client[MEMBER_ADDRESS_SIZE];
    char peer[MEMBER_ADDRESS_SIZE];
};

struct member_record {
    struct message_report report; /* but for what is told within a node only */
    struct member_addresses addresses;
};

/* Appends it: at most GOSSIP_PAYLOAD_BYTES_MOST. */
void member_record_encode(struct buffer *buffer, const struct member_record *record);
/* False on anything malformed: addresses that are none, versions beyond any that counting reaches. */
bool member_record_decode(struct view payload, struct member_record *ret_record);

/* Append to a list of addresses, and take its next; false at its end or on anything malformed. */
void addresses_list_add(struct buffer *list, struct node_id id, const struct member_addresses *addresses);
bool addresses_list_next(struct reader *list, struct node_id *ret_id, struct member_addresses *ret_addresses);

#endif
