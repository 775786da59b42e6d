/* Replies of a server: RESP2 and RESP3 (Redis serialization protocol specification), for those who speak as clients. An
 * incremental reader, sans I/O, that makes one reply a small tree. Attributes and streamed strings, which no server
 * sends unasked, are not understood.
 *
 * The contract on bytes is that of wire/resp.h: the caller offers all that was not consumed, from the start of a reply;
 * the reader remembers how far it came. It owns no memory. */
#ifndef GRAMME_WIRE_RESP_READER_H
#define GRAMME_WIRE_RESP_READER_H

#include "base/arena.h"
#include "base/limits.h"

enum {
    RESP_REPLY_DEPTH_MOST = 16,
    RESP_REPLY_BULK_BYTES_MOST = LIMIT_OUTPUT_BYTES,
};

enum resp_reply_kind {
    RESP_REPLY_SIMPLE,
    RESP_REPLY_ERROR,   /* - and ! */
    RESP_REPLY_INTEGER, /* `integer`, and its text */
    RESP_REPLY_BULK,    /* $, and = without its format */
    RESP_REPLY_NULL,    /* _, $-1 and *-1 */
    RESP_REPLY_BOOLEAN, /* `integer` is 1 or 0 */
    RESP_REPLY_NUMBER,  /* a double or a big number, as text */
    RESP_REPLY_ARRAY,   /* `items` */
    RESP_REPLY_MAP,     /* `items`: key, value, key, value */
    RESP_REPLY_SET,     /* `items` */
    RESP_REPLY_PUSH,    /* `items`; not an answer to any request */
};

struct resp_reply {
    enum resp_reply_kind kind;
    int64_t integer;
    struct view text; /* borrowed from the input */
    struct resp_reply *items;
    size_t count; /* of items: twice the pairs of a map */
};

/* Embedded; all zeros is a reader at the start of a stream. */
struct resp_reader {
    size_t position; /* from the reply's first byte to the first that was not understood yet */
    size_t scanned;  /* bytes from position on that hold no end of line */
    size_t depth;
    size_t left[RESP_REPLY_DEPTH_MOST]; /* items still to come, per level */
    bool is_corrupt;
};

enum resp_reply_status {
    RESP_REPLY_READY,
    RESP_REPLY_MORE,
    RESP_REPLY_CORRUPT, /* for good */
};

void resp_reader_init(struct resp_reader *reader);

/* READY: *ret_reply lives in the arena, *ret_consumed bytes of the input are done with once it is not needed any more.
 * Otherwise nothing was consumed. Nothing is taken from the arena before the reply is here as a whole. */
enum resp_reply_status resp_read(struct resp_reader *reader, struct view input, struct arena *arena,
                                 size_t *ret_consumed, const struct resp_reply **ret_reply);

#endif
