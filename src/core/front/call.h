/* One command that came: what its handler in commands/ may use. A handler either writes one reply to `reply`, or begins
 * a pending command and submits its operations; what it was given is borrowed until it returns. */
#ifndef GRAMME_CORE_FRONT_CALL_H
#define GRAMME_CORE_FRONT_CALL_H

#include "core/front/pending.h"
#include "wire/resp_writer.h"

struct call {
    struct front *front;
    struct session *session;
    const struct command *command;
    const struct view *arguments; /* the command's name first */
    size_t count;
    const struct turn *turn;
    struct buffer *reply;
    bool has_to_wait; /* nothing was begun: the command is to be run again when the session's key is free */
};

/* Finds the command and runs it, queues it, or refuses it. False when it has to wait, with nothing done. */
bool call_run(struct front *front, struct session *session, const struct view *arguments, size_t count,
              const struct turn *turn);

/* ---- replies at once ---- */

/* `text` begins with its code: "ERR syntax error". */
void call_error(struct call *call, struct view text);
void call_error_join(struct call *call, const struct view *pieces, size_t count);
#define CALL_ERROR_OF(call, ...)                                                                                       \
    call_error_join((call), (const struct view[]){__VA_ARGS__},                                                        \
                    sizeof((const struct view[]){__VA_ARGS__}) / sizeof(struct view))
void call_ok(struct call *call);
void call_syntax_error(struct call *call);
void call_wrong_arity(struct call *call, const struct command *command);
void call_unknown_subcommand(struct call *call);
/* "ERR invalid expire time in 'set' command" */
void call_expire_error(struct call *call);

static inline int call_protocol(const struct call *call) {
    return call->session->protocol;
}

/* ---- arguments ---- */

static inline bool call_is(const struct call *call, size_t argument, struct view word) {
    return view_equal_ignoring_case(call->arguments[argument], word);
}

/* Each writes an error when it returns false. */
bool call_integer(struct call *call, size_t argument, int64_t *ret);
bool call_key_fits(struct call *call, struct view key);
bool call_value_fits(struct call *call, struct view value);
/* A quorum asked for, 1 to LIMIT_REPLICAS, behind its option's name. */
bool call_quorum(struct call *call, size_t option, uint8_t *ret);

enum time_form { TIME_SECONDS = 1 << 0, TIME_ABSOLUTE = 1 << 1 };

/* An expiry above zero, as SET takes it, to absolute milliseconds. `form`: of enum time_form. */
bool call_expiry_fits(const struct call *call, int64_t time, unsigned form, uint64_t *ret_expires_at_ms); /* no error */
bool call_expiry(struct call *call, size_t argument, unsigned form, uint64_t *ret_expires_at_ms);

/* ---- operations ---- */

/* True, and nothing may be begun, when the operation has to wait for others of this session on its key. */
bool call_must_wait(struct call *call, const struct operation *operation);
/* The same for a command that must be alone (pending_kind.is_alone) while others of its session are under way. */
bool call_must_wait_alone(struct call *call);
/* A pending command of one operation; `option` is for its finish(). Nothing, with an error written, when key or value
 * are too big. */
void call_submit(struct call *call, const struct pending_kind *kind, uint32_t option,
                 const struct operation *operation);
/* As call_submit(), with more than a number for finish(): a copy of `extra` is the pending command's. */
void call_submit_with(struct call *call, const struct pending_kind *kind, struct view extra,
                      const struct operation *operation);
/* As call_submit(), and the key is kept with the pending command. */
void call_submit_keeping_key(struct call *call, const struct pending_kind *kind, const struct operation *operation);
/* One operation for each key (or pair) among the arguments. */
void call_scatter(struct call *call, const struct pending_kind *kind, bool gathers);

#endif
