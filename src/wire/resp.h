/* Requests of clients: RESP arrays of bulk strings, and inline lines (Redis serialization protocol specification). An
 * incremental parser, sans I/O. What is accepted and what is refused, with which words, is as in Redis 7.0; limits are
 * those of base/limits.h.
 *
 * The caller keeps the bytes. It offers all that was not consumed yet, from the start of a command; arguments point
 * straight into that input. After RESP_MORE it offers the same bytes again with more behind them (they may have moved):
 * the parser remembers how far it came and reads none of them twice. What it holds itself grows with the bytes that
 * arrived, not with lengths that were announced.
 *
 *     while ((status = resp_parse(&parser, input, &consumed, &command)) == RESP_COMMAND) {
 *         ... use command ...
 *         input = view_slice(input, consumed, input.size - consumed);
 *     }
 *     ... RESP_MORE: drop `consumed` bytes, keep the rest ... */
#ifndef GRAMME_WIRE_RESP_H
#define GRAMME_WIRE_RESP_H

#include "base/buffer.h"
#include "base/limits.h"

/* A value over its limit is told so by its command; past this there is no command, and the connection ends. */
enum { RESP_BULK_BYTES_MOST = LIMIT_RESTORED_BYTES };

enum {
    RESP_STRANGER_ARGUMENTS = 10,
    RESP_STRANGER_BULK_BYTES = 16 * 1024,
    RESP_PROBLEM_BYTES = 64,
};

struct resp_parser {
    struct buffer places;   /* of the arguments found so far; afterwards the views lent out */
    struct buffer unquoted; /* arguments of an inline line with quotes */
    uint32_t arguments_left;
    uint32_t position; /* from the command's first byte to the first that was not parsed */
    uint32_t scanned;  /* bytes from position on that are known to hold no end of line */
    uint32_t bulk_bytes;
    uint32_t wanted;
    bool bulk_begun;
    bool is_stranger; /* the caller's to set: not authenticated, held to RESP_STRANGER_... */
    char problem[RESP_PROBLEM_BYTES];
};

struct resp_command {
    struct view *arguments; /* at least one; borrowed, with the array, until the next call or the end of the input */
    size_t count;
};

enum resp_status {
    RESP_COMMAND,
    RESP_MORE,
    RESP_ERROR, /* for good: send resp_problem() and close */
};

void resp_parser_init(struct resp_parser *parser); /* allocates nothing */
void resp_parser_release(struct resp_parser *parser);

/* *ret_consumed: bytes from the front that are done with; after RESP_MORE too (empty requests are skipped without a
 * word). Ask until RESP_MORE, even of an empty input: that is when memory of a large command is given back. */
enum resp_status resp_parse(struct resp_parser *parser, struct view input, size_t *ret_consumed,
                            struct resp_command *ret_command);

/* After RESP_MORE: the bytes missing of the argument that has begun, 0 when that is not known. For sizing the next
 * read, not for claiming memory at once. */
size_t resp_wanted(const struct resp_parser *parser);

/* After RESP_ERROR: the words for the client, to go behind "-ERR ". */
struct view resp_problem(const struct resp_parser *parser);

#endif
