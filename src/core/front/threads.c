#include "core/front/threads.h"

#include "core/front/clients.h"
#include "core/front/latency.h"

/* ---- asking ---- */

static struct operation ask(const struct pending *pending, uint32_t thread) {
    return (struct operation){.kind = OPERATION_THREAD, .offset = thread, .value = blob_view(&pending->extra)};
}

void call_ask_threads(struct call *call, const struct pending_kind *kind, struct view question) {
    call_ask_threads_with(call, kind, 0, question);
}

void call_ask_threads_with(struct call *call, const struct pending_kind *kind, uint32_t option, struct view question) {
    if (call_must_wait_alone(call)) {
        return;
    }
    struct pending *pending = pending_begin(call->front, call->session, kind, 1);
    pending->option = option;
    pending->extra = blob_copy(&call->front->blobs, question);
    struct operation operation = ask(pending, 0);
    pending_submit(call->front, pending, 0, &operation);
}

void threads_gather(struct answer *answer) {
    answer_count(answer);
    pending_add_piece(answer->front, answer->pending, answer->result->object);
}

bool threads_next(struct answer *answer, struct operation *ret_operation) {
    const struct pending *pending = answer->pending;
    if (pending->parts == answer->front->options.shard_count || pending->tally.failed > 0) {
        return false;
    }
    *ret_operation = ask(pending, pending->parts);
    return true;
}

void threads_finish_ok(struct answer *answer) {
    if (answer_all_good(answer)) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    }
}

bool threads_read(struct reader *answers, struct view *ret_answer) {
    if (reader_left(answers) == 0 || answers->failed) {
        return false;
    }
    *ret_answer = read_sized(answers);
    return !answers->failed;
}

/* ---- answering ---- */

static void reset_statistics(struct front *front) {
    latency_forget_times(front);
    front->statistics = (struct front_statistics){.connections_now = front->statistics.connections_now};
}

bool front_asked(struct front *front, struct view bytes, struct instant now, struct buffer *answer) {
    struct reader question = reader_of(bytes);
    front->now = now;
    switch (read_u8(&question)) {
    case THREAD_CLIENTS:
        clients_list(front, &question, answer);
        break;
    case THREAD_KILL:
        write_u64(answer, clients_kill(front, &question));
        break;
    case THREAD_SLOW:
        latency_tell_slow(front, answer);
        break;
    case THREAD_SLOW_RESET:
        latency_forget_slow(front);
        break;
    case THREAD_SETTING:
        while (reader_left(&question) > 0 && !question.failed) {
            uint8_t setting = read_u8(&question);
            latency_set(front, setting, (int64_t)read_u64(&question));
        }
        break;
    case THREAD_RESETSTAT:
        reset_statistics(front);
        break;
    case THREAD_HISTOGRAMS:
        latency_tell_times(front, answer);
        break;
    case THREAD_EVENTS:
        latency_tell_samples(front, answer);
        break;
    case THREAD_EVENTS_RESET:
        write_u8(answer, front->latency.sample_count > 0 ? 1 : 0);
        latency_forget_samples(front);
        break;
    case THREAD_CHANNELS:
        subscriptions_tell(front, &question, answer);
        break;
    case THREAD_PAUSE:
        front->paused_until.ns = read_u64(&question);
        front->pauses_writes_alone = read_u8(&question) != 0;
        front_wake_paused(front);
        break;
    default:
        return false;
    }
    return true;
}

uint64_t front_slow_us(const struct front *front) {
    return front->latency.slow_us < 0 ? UINT64_MAX : (uint64_t)front->latency.slow_us;
}
