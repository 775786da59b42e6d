/* GRAMME.BACKUP and GRAMME.RESTORE: a node's store copied beside it, and objects of such copies taken into a cluster.
 */
#include "core/front/commands/commands.h"

enum { PATH_BYTES_MOST = 1024 };

/* ---- GRAMME.BACKUP ---- */

static void finish_backup(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_bulk(answer->reply, answer->result->detail);
    }
}

static const struct pending_kind backup_kind = {.finish = finish_backup, .is_alone = true};

/* Absolute, printable, without steps up or empty names: what is written to the log and to the disk is what was said. */
static bool path_is_plain(struct view path) {
    if (path.size < 2 || path.size > PATH_BYTES_MOST || path.data[0] != '/') {
        return false;
    }
    for (size_t begin = 1, at = 1; at <= path.size; at++) {
        if (at == path.size || path.data[at] == '/') {
            struct view name = view_slice(path, begin, at - begin);
            if (name.size == 0 || view_equal(name, VIEW(".")) || view_equal(name, VIEW(".."))) {
                return false;
            }
            begin = at + 1;
        } else if (path.data[at] < ' ' || path.data[at] == 0x7f || path.data[at] == '"') {
            return false;
        }
    }
    return true;
}

void run_gramme_backup(struct call *call) {
    struct front *front = call->front;
    struct view path = call->arguments[1];
    if (!path_is_plain(path)) {
        call_error(call, VIEW("ERR the folder must be an absolute path without . and .. and odd signs"));
        return;
    }
    if (call_must_wait_alone(call)) {
        return;
    }
    struct pending *pending = pending_begin(front, call->session, &backup_kind, 1);
    pending->submitted = 1;
    front->port.backup(front->port.self, path, flight_begin(&front->flights, pending, 0));
}

/* ---- GRAMME.RESTORE ---- */

static void finish_restore(struct answer *answer) {
    if (answer_is_good(answer)) {
        resp_write_raw(answer->reply, VIEW("+OK\r\n"));
    }
}

static const struct pending_kind restore_kind = {.finish = finish_restore};

void run_gramme_restore(struct call *call) {
    struct operation operation = {
        .kind = OPERATION_RESTORE,
        .key = call->arguments[1],
        .value = call->arguments[2],
    };
    call_submit(call, &restore_kind, 0, &operation);
}
