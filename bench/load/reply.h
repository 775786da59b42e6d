/*
 * One RESP2 answer found at the front of received bytes: the simple types and bulk strings, which
 * are all that SET, GET and WAIT are answered with. Written apart from the server's own reader, so
 * that a fault there is not repeated here.
 */
#ifndef GRAMME_BENCH_LOAD_REPLY_H
#define GRAMME_BENCH_LOAD_REPLY_H

#include <stddef.h>
#include <stdint.h>

enum reply_type {
    REPLY_STATUS,
    REPLY_ERROR,
    REPLY_INTEGER,
    REPLY_BULK,
    REPLY_NULL,
};

/* `bytes` is borrowed from what was read: the text, the error or the bulk string. */
struct reply {
    enum reply_type type;
    const char *bytes;
    size_t byte_count;
    int64_t integer;
};

/* Bytes taken; 0 when the answer is not whole yet; -1 when this is no RESP answer. */
long reply_read(const char *bytes, size_t byte_count, struct reply *ret_reply);

#endif
