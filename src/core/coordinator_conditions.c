/* The coordinator's step from READING to STORING: whether what was read allows the write, and what the write becomes
 * where that depends on it (see coordinator.h). */
#include "core/coordinator.h"
#include "core/shard_state.h"
#include "version/shown.h"

/* No expiry is later than any. */
static bool expiry_condition_holds(const struct request *request, const struct value *shown) {
    uint64_t now_at = shown->expiry.at.ms;
    uint64_t at = request->operation.expires_at_ms;
    return (!request_has(request, OPERATION_EXPIRY_NONE) || now_at == 0) &&
           (!request_has(request, OPERATION_EXPIRY_SOME) || now_at != 0) &&
           (!request_has(request, OPERATION_EXPIRY_LATER) || (now_at != 0 && at > now_at)) &&
           (!request_has(request, OPERATION_EXPIRY_EARLIER) || now_at == 0 || at < now_at);
}

static bool condition_holds(struct shard *shard, const struct request *request, const struct object *object) {
    const struct value *shown = object_shown(object, shard_wall(shard), &shard->scratch);
    bool shows = shown != NULL;
    if (shows && request->round == 0 && !expiry_condition_holds(request, shown)) {
        return false;
    }
    if (request->operation.kind == OPERATION_EXPIRE) {
        return shows;
    }
    if (request_has(request, OPERATION_TOMBSTONE)) {
        return !request_has(request, OPERATION_IF_PRESENT) || object_has_live(object, shard_wall(shard));
    }
    return (!request_has(request, OPERATION_IF_ABSENT) || !shows) &&
           (!request_has(request, OPERATION_IF_PRESENT) || shows);
}

/* The value with the operation's bytes in it, which takes the place of these; and what was read is what it follows: a
 * write that came through another node meanwhile stays beside it. False, and it is refused: the value would be too
 * long. */
static bool splice(struct shard *shard, struct request *request, const struct object *object) {
    struct operation *operation = &request->operation;
    const struct value *shown = object_shown(object, shard_wall(shard), &shard->scratch);
    struct view before = shown != NULL ? shown->bytes : (struct view){0};
    size_t offset = operation->offset == OPERATION_AT_END ? before.size : operation->offset;
    size_t end = offset + operation->value.size;
    size_t size = end > before.size ? end : before.size;
    if (size > LIMIT_VALUE_BYTES) {
        request_finish_outcome(shard, request, OUTCOME_REFUSED,
                               "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return false;
    }
    request->spliced = blob_take(&shard->blobs, size);
    memset(request->spliced.data, 0, size);
    if (before.size > 0) {
        memcpy(request->spliced.data, before.data, before.size);
    }
    if (operation->value.size > 0) {
        memcpy(request->spliced.data + offset, operation->value.data, operation->value.size);
    }
    struct context whole = object_past(object, &shard->scratch);
    buffer_clear(&shard->encoded);
    context_encode(&shard->encoded, &whole);
    request->followed = blob_copy(&shard->blobs, buffer_view(&shard->encoded));
    operation->value = blob_view(&request->spliced);
    operation->context = blob_view(&request->followed);
    return true;
}

/* Whether what is shown is a number with room for the addend; else the request is refused. The sum is made when the
 * request is stamped, of what is here then. */
static bool may_add(struct shard *shard, struct request *request, const struct object *object) {
    const struct value *shown = object_shown(object, shard_wall(shard), &shard->scratch);
    int64_t before = 0;
    int64_t after;
    if (shown != NULL && !view_to_int64(shown->bytes, &before)) {
        request_finish_outcome(shard, request, OUTCOME_REFUSED, "ERR value is not an integer or out of range");
        return false;
    }
    if (__builtin_add_overflow(before, request->operation.addend, &after)) {
        request_finish_outcome(shard, request, OUTCOME_REFUSED, "ERR increment or decrement would overflow");
        return false;
    }
    return true;
}

void request_reading_done(struct shard *shard, struct request *request, const struct copy *copy) {
    struct view object = copy->record.object_bytes;
    if (request->operation.kind == OPERATION_READ) {
        struct result result = {.outcome = OUTCOME_DONE, .object = object};
        shard->coordinator.reads++;
        request_finish(shard, request, &result);
        return;
    }
    if (!condition_holds(shard, request, &copy->object)) {
        struct result result = {.outcome = request->round > 0 ? OUTCOME_DONE : OUTCOME_UNCHANGED, .object = object};
        request_finish(shard, request, &result);
        return;
    }
    if (request->round == 0) {
        request->before = blob_copy(&shard->blobs, object);
        if (request_has(request, OPERATION_SPLICE) && !splice(shard, request, &copy->object)) {
            return;
        }
        if (request_has(request, OPERATION_ADD) && !may_add(shard, request, &copy->object)) {
            return;
        }
    }
    request_begin_storing(shard, request);
}
