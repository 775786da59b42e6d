/* MULTI and EXEC as a batch: the queued commands are run in order and answered together, and nothing isolates them from
 * other clients'. Clients' pipelines need no more. */
#include "core/front/commands/commands.h"

void run_multi(struct call *call) {
    struct session *session = call->session;
    if (session->batch != NULL) {
        call_error(call, VIEW("ERR MULTI calls can not be nested"));
        return;
    }
    session->batch = pool_take(&call->front->batch_pool);
    buffer_init(&session->batch->commands);
    call_ok(call);
}

/* The header of EXEC's array is a reply of its own; the replies of the commands, which follow in order, fill it. */
void run_exec(struct call *call) {
    struct session *session = call->session;
    struct batch *batch = session->batch;
    if (batch == NULL) {
        call_error(call, VIEW("ERR EXEC without MULTI"));
        return;
    }
    if (batch->is_aborted) {
        session_end_batch(call->front, session);
        call_error(call, VIEW("EXECABORT Transaction discarded because of previous errors."));
        return;
    }
    resp_write_array(call->reply, batch->count);
    batch->left = batch->count;
    batch->is_running = true;
    if (batch->count == 0) {
        session_end_batch(call->front, session);
    }
}

void run_discard(struct call *call) {
    if (call->session->batch == NULL) {
        call_error(call, VIEW("ERR DISCARD without MULTI"));
        return;
    }
    session_end_batch(call->front, call->session);
    call_ok(call);
}
