/* Contexts and objects as bytes, in one canonical form: equal objects, equal bytes, so digests compare encodings.
 * Decoders take bytes from strangers: they refuse anything that is not canonical, and allocate in proportion to the
 * input. */
#ifndef GRAMME_VERSION_OBJECT_CODEC_H
#define GRAMME_VERSION_OBJECT_CODEC_H

#include "base/codec.h"
#include "version/object.h"

void context_encode(struct buffer *buffer, const struct context *context);
/* Not too many entries for a decoder: what does not fit must not be stored, since nobody could read it again. */
bool context_fits(const struct context *context);
/* Bytes that context_encode() writes at most. */
size_t context_encoded_most(const struct context *context);
/* Goes on after other reads and before others; on false the reader has failed and *ret_context is untouched. */
bool context_decode(struct reader *reader, struct arena *arena, struct context *ret_context);

void object_encode(struct buffer *buffer, const struct object *object);
/* Value bytes are borrowed from `bytes`; arrays live in the arena. The whole of `bytes` must be the object. Value
 * hashes are not recomputed here (object_is_whole() does that, where bytes come from a network or a disk). On false
 * *ret_object is untouched. */
bool object_decode(struct view bytes, struct arena *arena, struct object *ret_object);
/* The greatest time of its context alone; 0 when there is none to be read. */
struct hybrid_time object_bytes_greatest(struct view bytes);
/* The mark alone; 0 when there is none to be read. */
uint64_t object_bytes_mark(struct view bytes);
/* Each value's bytes are those that its hash was made of, and a counter's as many as it has: not so of an outline. */
bool object_is_whole(const struct object *object);

/* A replica's record of a key: the object, and beside it, unreplicated, the local actor and how many events it has
 * issued, valid only in the run of the process that drew it. */
struct local_actor {
    uint64_t run;   /* random id of the process's run; 0: never coordinated here */
    uint64_t actor; /* 0 with run 0 */
    uint64_t n;     /* events issued so far */
};

struct record {
    struct local_actor local;
    struct view object_bytes; /* canonical encoding; its hash128 is the object's digest */
};

void record_encode(struct buffer *buffer, const struct local_actor *local, const struct object *object);
/* Borrows object_bytes, which may be anything but empty: object_decode() tells. On false *ret_record is untouched. */
bool record_decode(struct view bytes, struct record *ret_record);

#endif
