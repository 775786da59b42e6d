/* Frames: how messages between nodes lie on a byte stream. Sans I/O.
 *
 *      0        4     5      6          8                 16
 *     +--------+-----+------+----------+-----------------+------------------+
 *     | length | kind| flags| check    | checksum        | body             |
 *     | u32    | u8  | u8   | u16      | u64             | `length` bytes   |
 *     +--------+-----+------+----------+-----------------+------------------+
 *
 * All little-endian. The checksum is XXH3-64 of the body, seeded with the eight bytes before the checksum, so that it
 * covers both in one pass over memory as it lies. The check is of the six bytes before it: a length that was damaged on
 * its way must not keep a stream waiting for a megabyte that nobody sends. A message too long for one frame continues
 * in the next frame of its stream: the same kind, FRAME_FLAG_MORE on all but the last, and nothing in between. */
#ifndef GRAMME_WIRE_FRAME_H
#define GRAMME_WIRE_FRAME_H

#include "base/buffer.h"
#include "base/limits.h"

enum {
    FRAME_HEADER_BYTES = 16,
    FRAME_BODY_BYTES_MOST = LIMIT_FRAME_BYTES - FRAME_HEADER_BYTES,
    FRAME_FLAG_MORE = 1 << 0,
};

/* Of a header's first six bytes: after Knuth, the upper bits of a multiplication by the golden ratio. */
static inline uint16_t frame_check(uint64_t first_six) {
    return (uint16_t)(first_six * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

/* Starts a message at the end of `buffer`: its body is then appended to the buffer in place. Returns what frame_end()
 * needs; valid while nothing is consumed from the buffer. */
size_t frame_begin(struct buffer *buffer, uint8_t kind);

/* Ends the message begun at `position`: writes lengths and checksums, and splits a long body into frames. A body over
 * LIMIT_MESSAGE_BYTES is taken back out of the buffer, and the answer is false: to the peer, a message lost. */
bool frame_end(struct buffer *buffer, size_t position);

enum frame_status {
    FRAME_MORE,    /* the input is used up; more is needed */
    FRAME_READY,   /* one message */
    FRAME_CORRUPT, /* for good: the stream cannot be read on */
};

struct frame {
    uint8_t kind;
    struct view body; /* borrowed from the input or from the reader, until the reader is asked again */
};

/* One per stream. Holds what came of an incomplete message: memory follows the bytes that arrived, never a length that
 * was announced, and is at most about twice LIMIT_MESSAGE_BYTES. */
struct frame_reader {
    struct buffer partial; /* header and body of the frame that is not here yet as a whole */
    struct buffer message; /* bodies of the frames of a message before its last */
    uint8_t kind;          /* of that message */
    bool continues;
    bool partial_lent;
    bool message_lent;
    bool corrupt;
};

void frame_reader_init(struct frame_reader *reader); /* allocates nothing */
void frame_reader_release(struct frame_reader *reader);

/* Takes the next message off the front of *input; ask again until FRAME_MORE. Messages do not depend on the pieces in
 * which the bytes come. *ret_frame is untouched unless FRAME_READY. */
enum frame_status frame_reader_next(struct frame_reader *reader, struct view *input, struct frame *ret_frame);

#endif
