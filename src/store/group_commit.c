#include "store/group_commit.h"

void group_commit_init(struct group_commit *group, struct leaf_port *port) {
    *group = (struct group_commit){.port = port, .number = 1, .durability = DURABILITY_NONE};
    leaf_batch_init(&group->batch);
}

void group_commit_release(struct group_commit *group) {
    leaf_batch_release(&group->batch);
    buffer_release(&group->tokens);
    for (size_t i = 0; i < FLIGHTS; i++) {
        buffer_release(&group->flights[i].tokens);
    }
    buffer_release(&group->done_tokens);
    buffer_release(&group->failed_tokens);
}

/* The enumeration goes from the strongest to the weakest. */
static enum durability strongest(enum durability a, enum durability b) {
    return a < b ? a : b;
}

static bool is_collecting(const struct group_commit *group) {
    return group->batch.count > 0 || buffer_size(&group->tokens) > 0;
}

static void move_tokens(struct buffer *to, struct buffer *from) {
    if (buffer_size(to) == 0) {
        buffer_swap(to, from);
    } else if (from->data != NULL) {
        buffer_append_view(to, buffer_view(from));
    }
    buffer_clear(from);
}

static void fail(struct group_commit *group) {
    group->failed = true;
    for (size_t i = 0; i < group->flight_count; i++) {
        move_tokens(&group->failed_tokens, &group->flights[i].tokens);
    }
    group->flight_count = 0;
    move_tokens(&group->failed_tokens, &group->tokens);
    leaf_batch_clear(&group->batch);
}

uint8_t *group_commit_put(struct group_commit *group, enum leaf_family family, struct view key, size_t value_bytes,
                          enum durability durability) {
    ENSURE(!group->failed);
    group->durability = strongest(group->durability, durability);
    group->writes++;
    return leaf_batch_put_room(&group->batch, family, key, value_bytes);
}

void group_commit_delete(struct group_commit *group, enum leaf_family family, struct view key,
                         enum durability durability) {
    ENSURE(!group->failed);
    group->durability = strongest(group->durability, durability);
    group->writes++;
    leaf_batch_delete(&group->batch, family, key);
}

enum storage_status group_commit_ask(struct group_commit *group, enum durability durability, uint64_t token) {
    if (durability == DURABILITY_NONE) {
        return STORAGE_FOUND;
    }
    group->durability = strongest(group->durability, durability);
    if (token != 0) {
        buffer_append(&group->tokens, &token, sizeof(token));
    }
    return STORAGE_PENDING;
}

enum storage_status group_commit_barrier(struct group_commit *group, enum durability durability, uint64_t token) {
    if (group->failed) {
        return STORAGE_ERROR;
    }
    if (durability == DURABILITY_NONE) {
        return STORAGE_FOUND;
    }
    if (is_collecting(group)) {
        return group_commit_ask(group, durability, token);
    }
    if (group->flight_count == 0 && (durability != DURABILITY_SYNC || !group->lags)) {
        return STORAGE_FOUND;
    }
    if (group->flight_count > 0) {
        struct flight *last = &group->flights[group->flight_count - 1];
        if (last->durability <= durability) {
            if (token != 0) {
                buffer_append(&last->tokens, &token, sizeof(token));
            }
            return STORAGE_PENDING;
        }
    }
    return token == 0 ? STORAGE_PENDING : group_commit_ask(group, durability, token);
}

uint64_t group_commit_end_turn(struct group_commit *group) {
    if (group->failed || !is_collecting(group) || group->flight_count == FLIGHTS) {
        return 0;
    }
    struct flight *flight = &group->flights[group->flight_count++];
    flight->number = group->number++;
    flight->durability = group->durability;
    buffer_swap(&flight->tokens, &group->tokens);
    buffer_clear(&group->tokens);
    group->durability = DURABILITY_NONE;
    group->batches++;
    enum leaf_status status =
        group->port->operations->submit(group->port, &group->batch, flight->durability, flight->number);
    ENSURE(status == LEAF_FAILED || group->batch.count == 0);
    return status == LEAF_PENDING ? 0 : group_commit_complete(group, flight->number, status);
}

uint64_t group_commit_complete(struct group_commit *group, uint64_t number, enum leaf_status status) {
    if (group->failed) {
        return 0;
    }
    if (status != LEAF_DONE) {
        fail(group); /* also out of order: a leaf that has failed refuses a batch while others are under way */
        return 0;
    }
    ENSURE(group->flight_count > 0 && group->flights[0].number == number);
    struct flight first = group->flights[0];
    move_tokens(&group->done_tokens, &first.tokens);
    group->lags = first.durability != DURABILITY_SYNC;
    group->flight_count--;
    memmove(&group->flights[0], &group->flights[1], group->flight_count * sizeof(struct flight));
    group->flights[group->flight_count].tokens = first.tokens;
    return number;
}

static bool take_token(struct buffer *tokens, uint64_t *ret_token) {
    if (buffer_size(tokens) == 0) {
        return false;
    }
    ENSURE(tokens->data != NULL);
    memcpy(ret_token, tokens->data + tokens->begin, sizeof(*ret_token));
    buffer_consume(tokens, sizeof(*ret_token));
    return true;
}

bool group_commit_next(struct group_commit *group, uint64_t *ret_token, enum storage_status *ret_status) {
    if (take_token(&group->done_tokens, ret_token)) {
        *ret_status = STORAGE_FOUND;
        return true;
    }
    if (take_token(&group->failed_tokens, ret_token)) {
        *ret_status = STORAGE_ERROR;
        return true;
    }
    return false;
}

size_t group_commit_backlog(const struct group_commit *group) {
    return group->flight_count == FLIGHTS ? buffer_size(&group->batch.entries) : 0;
}

bool group_commit_is_idle(const struct group_commit *group) {
    return !is_collecting(group) && group->flight_count == 0 && buffer_size(&group->done_tokens) == 0 &&
           buffer_size(&group->failed_tokens) == 0;
}
