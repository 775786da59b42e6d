#include "core/everyone.h"

#include "core/shard_state.h"

void everyone_init(struct shard *shard) {
    struct everyone *everyone = &shard->everyone;
    everyone->deadline.kind = ALARM_EVERYONE;
    everyone->has_answered = ARENA_ARRAY(&shard->permanent, bool, shard_member_capacity(shard));
}

/* ---- the one that asks ---- */

static const char unreached[] =
    "NOREPLICAS this needs every member of the cluster, and not all are in reach; nothing was done";

static bool all_first_shards_are_reachable(struct shard *shard) {
    bool are_reachable = shard_all_are_reachable(shard);
    for (uint16_t index = 0; are_reachable && index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        are_reachable = member_index_equal(member, shard->self) || !ring_is_awaited(shard->ring, member) ||
                        lane_first_output(shard, member) != NULL;
    }
    return are_reachable;
}

bool everyone_begin(struct shard *shard, const struct operation *operation, const struct origin *origin) {
    struct everyone *everyone = &shard->everyone;
    if (everyone->attempt != 0) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED,
                              "BUSY another change of the whole cluster is under way; nothing was done");
        return false;
    }
    if (!all_first_shards_are_reachable(shard)) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, unreached);
        return false;
    }
    everyone->attempt = shard->next_request++;
    everyone->origin = *origin;
    everyone->ends = instant_after_ms(shard_now(shard), operation->deadline_ms);
    timers_schedule(&shard->timers, &everyone->deadline.timer, everyone->ends);
    return true;
}

void everyone_finish(struct shard *shard, enum outcome outcome, const char *detail) {
    struct everyone *everyone = &shard->everyone;
    everyone->attempt = 0;
    timers_cancel(&shard->timers, &everyone->deadline.timer);
    origin_answer_outcome(shard, &everyone->origin, outcome, detail);
}

/* A member that was asked for the last thing may have done it, and then it is done everywhere by and by. */
void everyone_on_deadline(struct shard *shard) {
    enum question asking = shard->everyone.asking;
    bool is_begun = asking == QUESTION_FLUSH_DO || asking == QUESTION_KEYSPACES;
    everyone_finish(shard, is_begun ? OUTCOME_INDOUBT : OUTCOME_REFUSED, is_begun ? "" : unreached);
}

static void part_begin(struct shard *shard, const struct source *source, const struct message_question *message);

void everyone_ask(struct shard *shard, enum question question, struct hybrid_time time, struct view payload) {
    struct everyone *everyone = &shard->everyone;
    struct message_question message = {question, everyone->attempt, time, payload};
    uint32_t members = (uint32_t)ring_member_count(shard->ring);
    everyone->asking = question;
    everyone->time = time;
    everyone->missing = shard_awaited_members(shard);
    memset(everyone->has_answered, 0, sizeof(*everyone->has_answered) * shard_member_capacity(shard));
    for (uint16_t index = 0; index < members; index++) {
        struct member_index member = {index};
        bool is_other = !member_index_equal(member, shard->self) && ring_is_awaited(shard->ring, member);
        struct buffer *output = is_other ? lane_first_output(shard, member) : NULL;
        if (output != NULL) {
            message_encode_question(output, MESSAGE_QUESTION, &message);
        }
    }
    part_begin(shard, &(struct source){.shard = shard->options.shard_index}, &message);
}

/* In a process that was stopped, answers may be read before its timers are looked at: whoever wanted this has been told
 * that it was given up, and nothing may begin after that. (Found by a seed.) */
static void all_answered(struct shard *shard) {
    struct everyone *everyone = &shard->everyone;
    if (shard_now(shard).ns >= everyone->ends.ns) {
        everyone_on_deadline(shard);
    } else if (everyone->asking == QUESTION_KEYSPACES) {
        everyone_finish(shard, OUTCOME_DONE, "");
    } else {
        flush_all_answered(shard, everyone->asking, everyone->time);
    }
}

static void member_answered(struct shard *shard, struct member_index member, const struct message_question *reply) {
    struct everyone *everyone = &shard->everyone;
    if (reply->attempt == 0 || reply->attempt != everyone->attempt || reply->question != everyone->asking ||
        everyone->has_answered[member.value]) {
        return;
    }
    everyone->has_answered[member.value] = true;
    everyone->missing--;
    everyone->time = reply->time.value > everyone->time.value ? reply->time : everyone->time;
    if (everyone->missing == 0) {
        all_answered(shard);
    }
}

/* ---- a node's answer: that of all its shards ---- */

static void act(struct shard *shard, const struct message_question *message, uint64_t id) {
    if (message->question == QUESTION_KEYSPACES) {
        keyspaces_asked(shard, id, message->payload);
    } else {
        flush_asked(shard, message->question, id, message->time);
    }
}

/* With none left, the oldest: whoever asked it has long given it up. */
static struct everyone_part *free_part(struct everyone *everyone) {
    struct everyone_part *chosen = &everyone->parts[0];
    for (uint32_t index = 1; index < EVERYONE_PARTS_MOST && chosen->is_used; index++) {
        struct everyone_part *part = &everyone->parts[index];
        chosen = !part->is_used || part->id < chosen->id ? part : chosen;
    }
    return chosen;
}

static struct everyone_part *find_part(struct everyone *everyone, uint64_t id) {
    for (uint32_t index = 0; index < EVERYONE_PARTS_MOST; index++) {
        if (everyone->parts[index].is_used && everyone->parts[index].id == id) {
            return &everyone->parts[index];
        }
    }
    return NULL;
}

static void part_begin(struct shard *shard, const struct source *source, const struct message_question *message) {
    uint64_t id = shard->next_request++;
    *free_part(&shard->everyone) = (struct everyone_part){
        .is_used = true,
        .question = message->question,
        .source = *source,
        .attempt = message->attempt,
        .id = id,
        .time = message->time,
        .missing = shard->options.shard_count,
    };
    struct message_question within = *message;
    within.attempt = id;
    for (uint32_t index = 1; index < shard->options.shard_count; index++) {
        message_encode_question(mail_output(shard, index), MESSAGE_QUESTION, &within);
    }
    act(shard, message, id);
}

static void part_answered(struct shard *shard, const struct message_question *reply) {
    struct everyone_part *part = find_part(&shard->everyone, reply->attempt);
    if (part == NULL || part->question != reply->question) {
        return;
    }
    part->time = reply->time.value > part->time.value ? reply->time : part->time;
    part->missing--;
    if (part->missing > 0) {
        return;
    }
    part->is_used = false;
    struct message_question whole = {.question = part->question, .attempt = part->attempt, .time = part->time};
    struct source source = part->source;
    if (source.lane == NULL) {
        member_answered(shard, shard->self, &whole);
        return;
    }
    struct buffer *output = source_output(shard, &source, 0);
    if (output != NULL) {
        message_encode_question(output, MESSAGE_REPLY, &whole);
    }
}

void everyone_answer(struct shard *shard, enum question question, uint64_t id, struct hybrid_time time) {
    struct message_question reply = {.question = question, .attempt = id, .time = time};
    if (shard_is_first(shard)) {
        part_answered(shard, &reply);
    } else {
        message_encode_question(mail_output(shard, 0), MESSAGE_REPLY, &reply);
    }
}

void everyone_owe(struct everyone_debt debts[EVERYONE_PARTS_MOST], uint64_t id, struct hybrid_time time) {
    struct everyone_debt *chosen = &debts[0];
    for (uint32_t index = 1; index < EVERYONE_PARTS_MOST && chosen->id != 0; index++) {
        chosen = debts[index].id < chosen->id ? &debts[index] : chosen; /* 0, or the oldest */
    }
    *chosen = (struct everyone_debt){id, time};
}

void everyone_settle(struct shard *shard, enum question question, struct everyone_debt debts[EVERYONE_PARTS_MOST],
                     struct hybrid_time time) {
    for (uint32_t index = 0; index < EVERYONE_PARTS_MOST; index++) {
        struct everyone_debt debt = debts[index];
        if (debt.id != 0 && debt.time.value <= time.value) {
            debts[index].id = 0;
            everyone_answer(shard, question, debt.id, debt.time);
        }
    }
}

/* ---- words ---- */

void everyone_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_question message;
    if (!message_decode_question(body, &message)) {
        return;
    }
    bool is_mail = source->lane == NULL;
    if (is_mail && kind == MESSAGE_QUESTION) {
        act(shard, &message, message.attempt);
    } else if (is_mail) {
        part_answered(shard, &message);
    } else if (shard_is_first(shard) && kind == MESSAGE_QUESTION) {
        part_begin(shard, source, &message);
    } else if (shard_is_first(shard)) {
        member_answered(shard, source->lane->peer->member, &message);
    }
}
