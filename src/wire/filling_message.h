/* Words of an owner that fills itself from another one (core/filling.h): what it asks for, and what it gets. */
#ifndef GRAMME_WIRE_FILLING_MESSAGE_H
#define GRAMME_WIRE_FILLING_MESSAGE_H

#include "base/codec.h"
#include "base/compress.h"
#include "base/identity.h"

enum filling_message_kind {
    MESSAGE_FILL = 92,   /* send me what you have from this place on */
    MESSAGE_PARCEL = 93, /* some of it */
};

struct message_fill {
    struct partition partition;
    uint64_t pull; /* the asker's number of it, echoed */
    uint64_t place_from;
};

/* Objects in the order of their places, as a list of parcel_object. On its way it is compressed where that is shorter.
 */
struct message_parcel {
    struct partition partition;
    uint64_t pull;
    uint64_t placement_mark; /* as of a put */
    uint64_t fence;          /* as of a put */
    bool is_end;             /* there is no more */
    uint64_t place_next;     /* to be asked for next */
    struct view list;
};

struct parcel_object {
    struct view key;
    struct view object; /* canonical encoding */
};

void message_encode_fill(struct buffer *buffer, const struct message_fill *message);
bool message_decode_fill(struct view body, struct message_fill *ret_message);

void parcel_add(struct buffer *list, const struct parcel_object *object);
/* False at the end, and at what is no object; then reader_finished() tells whether it was the end. */
bool parcel_next(struct reader *list, struct parcel_object *ret_object);

/* False: it is too long for a message, and nothing was appended. */
bool message_encode_parcel(struct buffer *buffer, const struct message_parcel *message, struct compressor *compressor);
/* The list is borrowed from the body, or from `room`, which is cleared first. False on anything malformed, the list
 * included. */
bool message_decode_parcel(struct view body, struct compressor *compressor, struct buffer *room,
                           struct message_parcel *ret_message);

#endif
