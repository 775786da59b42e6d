/* Requests and replies: any bytes, cut anywhere, come to the same as in one piece, and what is held in memory follows
 * the bytes that came. The first byte seeds the cuts. */

#include "base/rng.h"
#include "wire/resp.h"
#include "wire/resp_reader.h"
#include "wire/resp_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_PER_BYTE = 16, MEMORY_AT_ALL = 1024 };

struct session {
    struct resp_parser parser;
    struct buffer kept;
    struct buffer commands; /* re-encoded */
    size_t arrived;
    bool failed;
};

static void session_input(struct session *session, struct view piece) {
    session->arrived += piece.size;
    buffer_append_view(&session->kept, piece);
    /* A copy that ends where the input ends and lies somewhere else each time. */
    struct buffer moved;
    buffer_init(&moved);
    buffer_append_view(&moved, buffer_view(&session->kept));
    struct view input = buffer_view(&moved);
    enum resp_status status;
    do {
        size_t consumed = 0;
        struct resp_command command;
        status = resp_parse(&session->parser, input, &consumed, &command);
        ENSURE(consumed <= input.size);
        ENSURE(status != RESP_COMMAND || (consumed > 0 && command.count > 0));
        if (status == RESP_COMMAND) {
            resp_write_command(&session->commands, command.arguments, command.count);
        }
        input = view_slice(input, consumed, input.size - consumed);
        buffer_consume(&session->kept, consumed);
        ENSURE(session->parser.places.capacity + session->parser.unquoted.capacity <=
               MEMORY_AT_ALL + MEMORY_PER_BYTE * session->arrived);
    } while (status == RESP_COMMAND);
    session->failed = status == RESP_ERROR;
    if (session->failed) {
        resp_write_error(&session->commands, resp_problem(&session->parser));
    }
    buffer_release(&moved);
}

static void session_run(struct session *session, struct view stream, struct rng *cuts) {
    memset(session, 0, sizeof(*session));
    resp_parser_init(&session->parser);
    buffer_init(&session->kept);
    buffer_init(&session->commands);
    uint64_t piece_most = cuts == NULL ? SIZE_MAX : (uint64_t)1 << rng_below(cuts, 8);
    do {
        size_t piece = cuts == NULL ? stream.size : rng_between(cuts, 1, piece_most);
        piece = piece < stream.size ? piece : stream.size;
        session_input(session, view_slice(stream, 0, piece));
        stream = view_slice(stream, piece, stream.size - piece);
    } while (stream.size > 0 && !session->failed);
}

static void session_release(struct session *session) {
    resp_parser_release(&session->parser);
    buffer_release(&session->kept);
    buffer_release(&session->commands);
}

/* What was parsed and written again parses to itself. */
static void check_again(struct view commands) {
    struct session session;
    session_run(&session, commands, NULL);
    ENSURE(session.failed || view_equal(buffer_view(&session.commands), commands));
    session_release(&session);
}

static size_t count_nodes(const struct resp_reply *reply) {
    size_t count = 1;
    for (size_t i = 0; i < reply->count; i++) {
        count += count_nodes(&reply->items[i]);
    }
    return count;
}

/* The digest of every reply up to the end or to corruption, the input growing by pieces. */
static uint64_t read_replies(struct view stream, struct rng *cuts) {
    struct arena arena;
    struct resp_reader reader;
    arena_init(&arena);
    resp_reader_init(&reader);
    uint64_t digest = 0;
    enum resp_reply_status status = RESP_REPLY_MORE;
    size_t begin = 0;
    size_t end = 0;
    while (status == RESP_REPLY_READY || (status == RESP_REPLY_MORE && end < stream.size)) {
        if (status == RESP_REPLY_MORE) {
            size_t piece = cuts == NULL ? stream.size : rng_between(cuts, 1, 20);
            end = piece < stream.size - end ? end + piece : stream.size;
        }
        size_t consumed = 0;
        const struct resp_reply *reply = NULL;
        status = resp_read(&reader, view_slice(stream, begin, end - begin), &arena, &consumed, &reply);
        if (status == RESP_REPLY_READY) {
            ENSURE(consumed > 0 && consumed <= end - begin);
            ENSURE(count_nodes(reply) <= consumed);
            begin += consumed;
            digest = digest * 31 + begin * 11 + (uint64_t)reply->kind;
            arena_reset(&arena);
        }
    }
    arena_release(&arena);
    return digest * 2 + (status == RESP_REPLY_CORRUPT ? 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct rng cuts;
    rng_init(&cuts, data[0]);
    struct view stream = view_of(data + 1, size - 1);

    struct session whole;
    struct session pieces;
    session_run(&whole, stream, NULL);
    session_run(&pieces, stream, &cuts);
    ENSURE(view_equal(buffer_view(&whole.commands), buffer_view(&pieces.commands)));
    ENSURE(whole.failed == pieces.failed);
    if (!whole.failed) {
        check_again(buffer_view(&whole.commands));
    }
    session_release(&whole);
    session_release(&pieces);

    ENSURE(read_replies(stream, NULL) == read_replies(stream, &cuts));
    return 0;
}
