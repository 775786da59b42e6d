/* SCAN, KEYS, DBSIZE and RANDOMKEY: of the keys that this node shows (core/listing.h), as a node of a Redis Cluster
 * tells of its own. Each is a chain of questions, a part of the keys at a time. */
#include "core/front/commands/commands.h"
#include "core/front/text.h"
#include "wire/listing_message.h"

enum {
    SCAN_COUNT = 10, /* keys that SCAN looks at unless told */
    KEYS_AT_ONCE = 1024,
    SCAN_ASKS_MOST = 16, /* a store with few keys has many empty partitions: they are passed over, so many asks long */
};

/* What a chain has come to. */
struct chain {
    enum listing_question question;
    uint64_t cursor;
    uint64_t count; /* keys that were found, whether they match or not */
    uint64_t most;
    uint32_t asks_left;
    bool is_failed; /* and the answer at hand tells why */
    bool is_too_long;
    bool wants_none; /* SCAN TYPE of something that there is not */
    uint32_t matched;
    bool has_pattern;
    size_t pattern_bytes; /* behind this */
};

static struct chain chain_of(const struct pending *pending) {
    struct chain chain;
    memcpy(&chain, pending->extra.data, sizeof(chain));
    return chain;
}

static struct view pattern_of(const struct pending *pending, const struct chain *chain) {
    return view_of(pending->extra.data + sizeof(*chain), chain->pattern_bytes);
}

static struct operation ask(struct front *front, const struct chain *chain) {
    struct listing_ask ask = {.question = chain->question, .cursor = chain->cursor};
    uint64_t left = chain->most - chain->count;
    ask.most = left < KEYS_AT_ONCE ? (uint32_t)left : KEYS_AT_ONCE;
    buffer_clear(&front->encoding);
    listing_ask_encode(&front->encoding, &ask);
    return (struct operation){.kind = OPERATION_LIST, .value = buffer_view(&front->encoding)};
}

static void begin(struct call *call, const struct pending_kind *kind, const struct chain *chain, struct view pattern) {
    struct front *front = call->front;
    if (call_must_wait_alone(call)) {
        return;
    }
    struct operation operation = ask(front, chain);
    struct pending *pending = pending_begin(front, call->session, kind, 1);
    pending->extra = blob_take(&front->blobs, sizeof(*chain) + pattern.size);
    memcpy(pending->extra.data, chain, sizeof(*chain));
    if (pattern.size > 0) {
        memcpy(pending->extra.data + sizeof(*chain), pattern.data, pattern.size);
    }
    pending_submit(front, pending, 0, &operation);
}

/* ---- gathering ---- */

static void take_keys(struct answer *answer, struct chain *chain, struct view keys) {
    struct pending *pending = answer->pending;
    struct view pattern = pattern_of(pending, chain);
    struct reader reader = reader_of(keys);
    while (reader_left(&reader) > 0 && !reader.failed) {
        struct view key = read_sized(&reader);
        bool matches = !chain->has_pattern || text_matches(pattern, key, TEXT_CASE_COUNTS);
        if (!reader.failed && matches && !chain->wants_none) {
            pending_add_piece(answer->front, pending, key);
            chain->matched++;
        }
    }
}

static void gather(struct answer *answer) {
    struct chain chain = chain_of(answer->pending);
    struct listing_answer told;
    if (answer->result->outcome != OUTCOME_DONE || !listing_answer_decode(answer->result->object, &told)) {
        chain.is_failed = true;
    } else {
        chain.cursor = told.cursor;
        chain.count += told.count;
        chain.asks_left -= chain.asks_left > 0 ? 1 : 0;
        take_keys(answer, &chain, told.keys);
        chain.is_too_long = answer->pending->pieces_bytes > LIMIT_OUTPUT_BYTES;
    }
    memcpy(answer->pending->extra.data, &chain, sizeof(chain));
}

static bool next(struct answer *answer, struct operation *ret_operation) {
    struct chain chain = chain_of(answer->pending);
    bool wants_more = chain.count < chain.most && chain.asks_left > 0;
    if (chain.question == LISTING_RANDOM && chain.count == 0) {
        /* Nothing behind the place that was drawn: the first key of all, if there is any. */
        chain.question = LISTING_KEYS;
        chain.cursor = 0;
        memcpy(answer->pending->extra.data, &chain, sizeof(chain));
    } else if (chain.cursor == 0 || !wants_more) {
        return false;
    }
    if (chain.is_failed || chain.is_too_long) {
        return false;
    }
    *ret_operation = ask(answer->front, &chain);
    return true;
}

/* False, with the error written, when the chain broke. */
static bool is_good(struct answer *answer, const struct chain *chain) {
    if (chain->is_too_long) {
        answer_error(answer, VIEW("ERR the keys together are longer than 64 MiB: use SCAN"));
        return false;
    }
    if (chain->is_failed && answer_is_good(answer)) {
        answer_error(answer, VIEW("ERR the answer cannot be read"));
        return false;
    }
    return !chain->is_failed;
}

static void write_keys(struct answer *answer, const struct chain *chain) {
    struct reader reader = pending_pieces(answer->pending);
    resp_write_array(answer->reply, chain->matched);
    for (uint32_t i = 0; i < chain->matched; i++) {
        resp_write_bulk(answer->reply, read_sized(&reader));
    }
}

/* ---- SCAN ---- */

static void finish_scan(struct answer *answer) {
    struct chain chain = chain_of(answer->pending);
    struct buffer *text = &answer->front->encoding;
    if (is_good(answer, &chain)) {
        buffer_clear(text);
        text_append_number(text, chain.cursor);
        resp_write_array(answer->reply, 2);
        resp_write_bulk(answer->reply, buffer_view(text));
        write_keys(answer, &chain);
    }
}

static const struct pending_kind scan_kind = {.gather = gather, .next = next, .finish = finish_scan, .is_alone = true};

/* SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
void run_scan(struct call *call) {
    struct chain chain = {.question = LISTING_KEYS, .most = SCAN_COUNT, .asks_left = SCAN_ASKS_MOST};
    struct view pattern = {0};
    if (!view_to_uint64(call->arguments[1], &chain.cursor)) {
        call_error(call, VIEW("ERR invalid cursor"));
        return;
    }
    for (size_t i = 2; i < call->count; i += 2) {
        int64_t count = 0;
        bool has_value = i + 1 < call->count;
        if (has_value && call_is(call, i, VIEW("match"))) {
            pattern = call->arguments[i + 1];
            chain.has_pattern = true;
        } else if (has_value && call_is(call, i, VIEW("type"))) {
            chain.wants_none = !call_is(call, i + 1, VIEW("string"));
        } else if (!has_value || !call_is(call, i, VIEW("count"))) {
            call_syntax_error(call);
            return;
        } else if (!call_integer(call, i + 1, &count)) {
            return;
        } else if (count < 1) {
            call_syntax_error(call);
            return;
        }
        chain.most = count > 0 ? (uint64_t)count : chain.most;
    }
    chain.pattern_bytes = pattern.size;
    begin(call, &scan_kind, &chain, pattern);
}

/* ---- KEYS ---- */

static void finish_keys(struct answer *answer) {
    struct chain chain = chain_of(answer->pending);
    if (is_good(answer, &chain)) {
        write_keys(answer, &chain);
    }
}

static const struct pending_kind keys_kind = {.gather = gather, .next = next, .finish = finish_keys, .is_alone = true};

void run_keys(struct call *call) {
    struct view pattern = call->arguments[1];
    struct chain chain = {.question = LISTING_KEYS,
                          .most = UINT64_MAX,
                          .asks_left = UINT32_MAX,
                          .has_pattern = true,
                          .pattern_bytes = pattern.size};
    begin(call, &keys_kind, &chain, pattern);
}

/* ---- DBSIZE ---- */

static void finish_dbsize(struct answer *answer) {
    struct chain chain = chain_of(answer->pending);
    if (is_good(answer, &chain)) {
        resp_write_integer(answer->reply, (int64_t)chain.count);
    }
}

static const struct pending_kind dbsize_kind = {
    .gather = gather, .next = next, .finish = finish_dbsize, .is_alone = true};

void run_dbsize(struct call *call) {
    struct chain chain = {.question = LISTING_COUNT, .most = UINT64_MAX, .asks_left = UINT32_MAX};
    begin(call, &dbsize_kind, &chain, (struct view){0});
}

/* ---- RANDOMKEY ---- */

static void finish_randomkey(struct answer *answer) {
    struct chain chain = chain_of(answer->pending);
    if (!is_good(answer, &chain)) {
        return;
    }
    if (chain.matched == 0) {
        resp_write_null(answer->reply, answer->pending->protocol);
    } else {
        struct reader reader = pending_pieces(answer->pending);
        resp_write_bulk(answer->reply, read_sized(&reader));
    }
}

static const struct pending_kind randomkey_kind = {
    .gather = gather, .next = next, .finish = finish_randomkey, .is_alone = true};

void run_randomkey(struct call *call) {
    uint64_t drawn[2] = {call->turn->now.ns, call->front->statistics.commands};
    struct chain chain = {.question = LISTING_RANDOM, .most = 1, .asks_left = UINT32_MAX};
    chain.cursor = hash64(view_of(drawn, sizeof(drawn)), 0);
    begin(call, &randomkey_kind, &chain, (struct view){0});
}
