/* SUBSCRIBE, PUBLISH and their kin, as in Redis 7.0: at most once, to whoever listens at any node just now. */
#include "core/front/commands/commands.h"
#include "core/front/text.h"

/* ---- listening ---- */

struct verb {
    struct view begins;
    struct view ends;
};

static struct verb verb_of(enum channel_kind kind) {
    switch (kind) {
    case CHANNEL_PATTERN:
        return (struct verb){VIEW("psubscribe"), VIEW("punsubscribe")};
    case CHANNEL_SHARDED:
        return (struct verb){VIEW("ssubscribe"), VIEW("sunsubscribe")};
    case CHANNEL_PLAIN:
    case CHANNEL_KINDS:
        break;
    }
    return (struct verb){VIEW("subscribe"), VIEW("unsubscribe")};
}

/* Channels and patterns are counted together, sharded ones apart. */
static int64_t count_of(const struct session *session, enum channel_kind kind) {
    const uint32_t *counts = session->listening.counts;
    return kind == CHANNEL_SHARDED ? counts[CHANNEL_SHARDED] : counts[CHANNEL_PLAIN] + counts[CHANNEL_PATTERN];
}

static void write_change(struct call *call, struct view word, const struct view *name, enum channel_kind kind) {
    resp_write_push(call->reply, 3, call_protocol(call));
    resp_write_bulk(call->reply, word);
    if (name != NULL) {
        resp_write_bulk(call->reply, *name);
    } else {
        resp_write_null(call->reply, call_protocol(call));
    }
    resp_write_integer(call->reply, count_of(call->session, kind));
}

/* In a batch their many answers would be taken for those of the commands behind. */
static bool is_refused(struct call *call) {
    if (call->session->batch != NULL) {
        call_error(call, VIEW("ERR Command not allowed inside a transaction"));
        return true;
    }
    return false;
}

static void begin(struct call *call, enum channel_kind kind) {
    for (size_t i = 1; i < call->count; i++) {
        if (!call_key_fits(call, call->arguments[i])) {
            return;
        }
    }
    if (is_refused(call)) {
        return;
    }
    for (size_t i = 1; i < call->count; i++) {
        subscription_begin(call->front, call->session, kind, call->arguments[i]);
        write_change(call, verb_of(kind).begins, &call->arguments[i], kind);
    }
}

static void end(struct call *call, enum channel_kind kind) {
    struct session *session = call->session;
    struct view word = verb_of(kind).ends;
    const struct channel *channel;
    if (is_refused(call)) {
        return;
    }
    for (size_t i = 1; i < call->count; i++) {
        subscription_end(call->front, session, kind, call->arguments[i]);
        write_change(call, word, &call->arguments[i], kind);
    }
    if (call->count > 1) {
        return;
    }
    if (session->listening.counts[kind] == 0) {
        write_change(call, word, NULL, kind);
    }
    while ((channel = subscription_first(session, kind)) != NULL) {
        struct view name = arena_copy(call->turn->arena, blob_view(&channel->name));
        subscription_end(call->front, session, kind, name);
        write_change(call, word, &name, kind);
    }
}

void run_subscribe(struct call *call) {
    begin(call, CHANNEL_PLAIN);
}

void run_unsubscribe(struct call *call) {
    end(call, CHANNEL_PLAIN);
}

void run_psubscribe(struct call *call) {
    begin(call, CHANNEL_PATTERN);
}

void run_punsubscribe(struct call *call) {
    end(call, CHANNEL_PATTERN);
}

void run_ssubscribe(struct call *call) {
    begin(call, CHANNEL_SHARDED);
}

void run_sunsubscribe(struct call *call) {
    end(call, CHANNEL_SHARDED);
}

/* ---- publishing ---- */

static void publish(struct call *call, bool is_sharded) {
    struct view channel = call->arguments[1];
    struct view payload = call->arguments[2];
    if (!call_key_fits(call, channel) || !call_value_fits(call, payload)) {
        return;
    }
    uint32_t count = subscriptions_deliver(call->front, is_sharded, channel, payload);
    if (call->front->port.publish != NULL) {
        call->front->port.publish(call->front->port.self, is_sharded, channel, payload);
    }
    resp_write_integer(call->reply, count);
}

void run_publish(struct call *call) {
    publish(call, false);
}

void run_spublish(struct call *call) {
    publish(call, true);
}
