/* Frames: any bytes, cut anywhere, come to the same messages as in one piece, and what is held in memory follows the
 * bytes that came.
 *
 * Random bytes never get past a checksum, so the first byte chooses what to do with the rest: 0 reads them as they are;
 * 1 repairs the checksums first, so that headers are what is tried; 2 makes messages of them and reads these back, with
 * one bit flipped or none. The second byte seeds the cuts. */

#include "base/codec.h"
#include "base/rng.h"
#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MEMORY_PER_BYTE = 8,
    MEMORY_AT_ALL = 64 * 1024,
    LONG_KIND = 0xa5, /* a message of several frames takes a hundred times as long as others: rare on purpose */
};

/* Every message as kind, length and body, and at the end the status. */
static enum frame_status read_frames(struct view stream, struct rng *cuts, struct buffer *messages) {
    struct frame_reader reader;
    frame_reader_init(&reader);
    enum frame_status status = FRAME_MORE;
    size_t arrived = 0;
    /* Not so small that a long stream takes thousands of pieces: that tries nothing new, and slowly. */
    uint64_t piece_most = cuts == NULL ? 0 : ((uint64_t)1 << rng_below(cuts, 12)) + stream.size / 64;
    while (stream.size > 0 && status == FRAME_MORE) {
        size_t piece = cuts == NULL ? stream.size : rng_between(cuts, 1, piece_most);
        piece = piece < stream.size ? piece : stream.size;
        struct buffer moved;
        buffer_init(&moved);
        buffer_append_view(&moved, view_slice(stream, 0, piece));
        stream = view_slice(stream, piece, stream.size - piece);
        arrived += piece;
        struct view input = buffer_view(&moved);
        struct frame frame;
        while ((status = frame_reader_next(&reader, &input, &frame)) == FRAME_READY) {
            write_u8(messages, frame.kind);
            write_sized(messages, frame.body);
        }
        ENSURE(status == FRAME_CORRUPT || input.size == 0);
        ENSURE(reader.partial.capacity + reader.message.capacity <= MEMORY_AT_ALL + MEMORY_PER_BYTE * arrived);
        buffer_release(&moved);
    }
    frame_reader_release(&reader);
    return status;
}

static void check_cuts(struct view stream, struct rng *cuts) {
    struct buffer whole;
    struct buffer pieces;
    buffer_init(&whole);
    buffer_init(&pieces);
    enum frame_status status = read_frames(stream, NULL, &whole);
    ENSURE(read_frames(stream, cuts, &pieces) == status);
    ENSURE(view_equal(buffer_view(&whole), buffer_view(&pieces)));
    buffer_release(&whole);
    buffer_release(&pieces);
}

/* Goes from header to header as they say, as far as they make sense, and writes the checksums that belong there. */
static void repair_checksums(uint8_t *stream, size_t size) {
    while (size >= FRAME_HEADER_BYTES) {
        struct reader reader = reader_of(view_of(stream, size));
        uint32_t body_bytes = read_u32(&reader);
        if (body_bytes > size - FRAME_HEADER_BYTES) {
            break;
        }
        uint64_t word;
        memcpy(&word, stream, sizeof(word));
        word = le64toh(word) & UINT64_MAX >> 16;
        word = htole64(word | (uint64_t)frame_check(word) << 48);
        memcpy(stream, &word, sizeof(word));
        reader.position = 0;
        uint64_t checksum = htole64(hash64(view_of(stream + FRAME_HEADER_BYTES, body_bytes), read_u64(&reader)));
        memcpy(stream + 8, &checksum, sizeof(checksum));
        stream += FRAME_HEADER_BYTES + body_bytes;
        size -= FRAME_HEADER_BYTES + body_bytes;
    }
}

/* Messages of the lengths that the input names: what is written is what is read. */
static void check_messages(struct view script, struct rng *cuts) {
    struct buffer stream;
    struct buffer expected;
    struct buffer body;
    buffer_init(&stream);
    buffer_init(&expected);
    buffer_init(&body);
    struct reader reader = reader_of(script);
    while (reader_left(&reader) >= 4 && buffer_size(&stream) < 32 * 1024) {
        uint8_t kind = read_u8(&reader);
        uint8_t filler = read_u8(&reader);
        size_t announced = read_u16(&reader);
        bool is_long = kind == LONG_KIND && filler == 0 && reader_left(&reader) == 0;
        size_t bytes = is_long ? LIMIT_FRAME_BYTES + announced : announced % 4096;
        buffer_clear(&body);
        if (bytes > 0) {
            memset(buffer_reserve(&body, bytes), filler, bytes);
            buffer_commit(&body, bytes);
        }
        size_t frame = frame_begin(&stream, kind);
        write_bytes(&stream, buffer_view(&body));
        ENSURE(frame_end(&stream, frame));
        write_u8(&expected, kind);
        write_sized(&expected, buffer_view(&body));
    }
    struct buffer messages;
    buffer_init(&messages);
    ENSURE(read_frames(buffer_view(&stream), cuts, &messages) == FRAME_MORE);
    ENSURE(view_equal(buffer_view(&messages), buffer_view(&expected)));

    if (buffer_size(&stream) > 0) {
        buffer_clear(&messages);
        size_t bit = rng_below(cuts, buffer_size(&stream) * 8);
        stream.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)read_frames(buffer_view(&stream), cuts, &messages);
        /* What came before the flip is whole, and nothing wrong comes after it. */
        ENSURE(buffer_size(&messages) < buffer_size(&expected));
        ENSURE(view_starts_with(buffer_view(&expected), buffer_view(&messages)));
    }
    buffer_release(&messages);
    buffer_release(&stream);
    buffer_release(&expected);
    buffer_release(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    struct rng cuts;
    rng_init(&cuts, data[1]);
    struct view rest = view_of(data + 2, size - 2);
    switch (data[0] % 3) {
    case 0:
        check_cuts(rest, &cuts);
        break;
    case 1: {
        struct buffer repaired;
        buffer_init(&repaired);
        buffer_append_view(&repaired, rest);
        repair_checksums(repaired.data, buffer_size(&repaired));
        check_cuts(buffer_view(&repaired), &cuts);
        buffer_release(&repaired);
        break;
    }
    default:
        check_messages(rest, &cuts);
    }
    return 0;
}
