/* Commands that wait for results, and the replies that those become.
 *
 * A pending command has parts, one operation each. `gather` sees every result as it comes; when the last is there,
 * `finish` writes the one reply of the command. What a result holds is borrowed until front_complete() returns, so what
 * must last is copied. */
#ifndef GRAMME_CORE_FRONT_PENDING_H
#define GRAMME_CORE_FRONT_PENDING_H

#include "core/front/state.h"
#include "version/object.h"

/* A result that came. */
struct answer {
    struct front *front;
    struct pending *pending;
    const struct result *result;
    uint32_t part;
    struct wall_time wall;
    struct arena *arena;
    struct buffer *reply; /* finish: where the reply goes */
};

struct pending_kind {
    void (*gather)(struct answer *answer); /* may be NULL */
    void (*finish)(struct answer *answer);
    /* Of a chain: after gather(), the operation that comes next; false when that was the last. Its views are borrowed
     * from the front's encoding buffer. May be NULL. */
    bool (*next)(struct answer *answer, struct operation *ret_operation);
    /* Of a scatter, what becomes of each key: */
    enum operation_kind operation;
    uint32_t operation_flags;
    bool has_values; /* arguments are pairs of key and value */
    bool is_alone;   /* begins when all before it of the session are over, and those behind wait for it */
};

/* What is kept of one result until all are there. */
struct part {
    struct blob bytes;
    enum outcome outcome;
    bool is_there;
};

/* Results of a command with several parts, by outcome. */
struct tally {
    uint32_t done;
    uint32_t unchanged;
    uint32_t failed;
    uint32_t hits;
    enum outcome worst; /* of the failed */
};

enum { PENDING_KEY_BYTES = 39 };

struct pending {
    struct pending *next;
    struct session *session; /* NULL: closed */
    const struct pending_kind *kind;
    uint32_t parts; /* results to wait for */
    uint32_t submitted;
    uint32_t answered;
    uint32_t option; /* the handler's */
    bool is_done;
    bool is_muted; /* its reply is dropped (CLIENT REPLY) */
    int protocol;  /* of the session when the command came */
    struct tally tally;
    struct blob detail; /* of the worst failure, when that is REFUSED */
    struct blob reply;  /* is_done */
    struct blob key;    /* for contexts */
    struct blob rest;   /* sized arguments of a scatter, not yet submitted */
    size_t rest_position;
    struct blob gathered; /* a struct part for each part */
    size_t gathered_bytes;
    struct blob extra;   /* the handler's */
    struct blob pieces;  /* of a chain: sized ones so far, */
    size_t pieces_bytes; /* in so many of its bytes */
    struct instant begun;
    const struct command *command;
    uint8_t key_bytes;
    uint8_t key_start[PENDING_KEY_BYTES]; /* of its first key, for the slow log */
};

/* Adds a piece to those of a chain. */
void pending_add_piece(struct front *front, struct pending *pending, struct view piece);
static inline struct reader pending_pieces(const struct pending *pending) {
    return reader_of(view_of(pending->pieces.data, pending->pieces_bytes));
}
/* Puts a command in the session's line. */
struct pending *pending_begin(struct front *front, struct session *session, const struct pending_kind *kind,
                              uint32_t parts);
/* Submits one part, deadline filled in. The pending command may be gone when this returns from the last of its parts.
 */
void pending_submit(struct front *front, struct pending *pending, uint32_t part, const struct operation *operation);
/* For a command that turns out to have no parts: finishes it at once. */
void pending_finish_empty(struct front *front, struct pending *pending, const struct turn *turn);
/* The result of a flight came; `answer` lacks the pending command, the part and the reply buffer. */
void pending_answer(struct front *front, struct flight *flight, struct answer *answer);
/* The session goes away, its pending commands stay until their results have come. */
void pending_orphan_all(struct front *front, struct session *session);

/* Room for what is kept of each part. */
void pending_gather_parts(struct front *front, struct pending *pending, uint32_t count);
struct part *pending_part(struct pending *pending, uint32_t part);
/* Keeps bytes of the answer's part; false when the command has gathered more than a reply may hold. */
bool answer_keep(struct answer *answer, struct view bytes);

/* ---- scatter: one operation for each key, at most SCATTER_WINDOW of them at a time ---- */

/* `arguments` without the command's name. What does not fit the window is copied, and the session's scatter set. */
void scatter_begin(struct front *front, struct pending *pending, const struct view *arguments);
bool scatter_has_room(const struct pending *pending);
void scatter_continue(struct front *front, struct session *session);

/* ---- replies from results ---- */

void answer_error(struct answer *answer, struct view text);
/* False, with the error written, unless the operation was done or its condition did not hold. */
bool answer_is_good(struct answer *answer);
/* For gather(): counts a part's result by its outcome and keeps the worst. */
void answer_count(struct answer *answer);
void answer_count_failure(struct answer *answer, enum outcome outcome, struct view detail);
/* answer_count(), and what a plain GET shows of the part's object, or NULL. */
const struct value *answer_count_shown(struct answer *answer);
/* As answer_is_good() for all parts: the worst outcome wins, and a write that was done in part is in doubt as a whole.
 */
bool answer_all_good(struct answer *answer);
/* For finish(): the object of the result; false, with an error written, when it cannot be read. */
bool answer_object(struct answer *answer, struct object *ret_object);
/* What a plain GET shows of it, or NULL. False as above. */
bool answer_shown(struct answer *answer, const struct value **ret_value);

#endif
