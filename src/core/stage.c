#include "core/stage.h"

#include "core/shard_state.h"
#include "wire/stage_message.h"

static bool id_is_zero(struct node_id id) {
    return node_id_equal(id, (struct node_id){{0}});
}

void stage_init(struct shard *shard) {
    struct stage *stage = &shard->stage;
    membership_init(&stage->list);
    if (shard_is_first(shard)) {
        size_t members = shard_member_capacity(shard);
        stage->told = ARENA_ARRAY(&shard->permanent, uint32_t, members);
        memset(stage->told, 0, sizeof(*stage->told) * members);
        stage->seekers = ARENA_ARRAY(&shard->permanent, struct seeker, STAGE_SEEKERS_MOST);
    }
}

void stage_release(struct shard *shard) {
    membership_release(&shard->stage.list);
}

void stage_placeholder(struct membership_event *event) {
    event->lamport = 1;
    event->issuer = (struct node_id){{1}};
    if (id_is_zero(event->member.id)) {
        event->member.id = event->issuer;
    }
}

uint64_t stage_digest(const struct shard *shard) {
    struct buffer text;
    buffer_init(&text);
    write_u64(&text, roster_version(shard));
    membership_encode(&text, &shard->stage.list, 0);
    uint64_t digest = hash64(buffer_view(&text), 0);
    buffer_release(&text);
    return digest;
}

/* ---- telling ---- */

static uint32_t link_generation(struct shard *shard, struct member_index member) {
    const struct lane *lane = peer_of(shard, member)->lanes[0][0];
    return lane == NULL || lane->link == NULL || lane->link->state != LINK_UP ? 0 : lane->generation;
}

static bool is_other_member(const struct shard *shard, struct member_index member) {
    return ring_is_awaited(shard->ring, member) && !member_index_equal(member, shard->self);
}

/* Whoever has not had this list by the link that is up; nobody needs to be told of one that never was. */
static void tell(struct shard *shard) {
    struct stage *stage = &shard->stage;
    struct buffer events;
    buffer_init(&events);
    membership_encode(&events, &stage->list, 0);
    struct message_stage message = {.time = stage->time, .by = stage->by, .events = buffer_view(&events)};
    for (uint16_t index = 0; stage->time.value > 0 && index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        uint32_t generation = is_other_member(shard, member) ? link_generation(shard, member) : 0;
        struct buffer *output =
            generation == 0 || generation == stage->told[index] ? NULL : lane_first_output(shard, member);
        if (output != NULL) {
            message_encode_stage(output, &message);
            stage->told[index] = generation;
        }
    }
    buffer_release(&events);
}

static void set_stamp(struct shard *shard, struct hybrid_time time, struct node_id by) {
    struct stage *stage = &shard->stage;
    stage->time = time;
    stage->by = by;
    memset(stage->told, 0, sizeof(*stage->told) * shard_member_capacity(shard));
}

static void changed_here(struct shard *shard) {
    uint64_t now = shard_time(shard).value;
    uint64_t next = shard->stage.time.value + 1;
    set_stamp(shard, (struct hybrid_time){now > next ? now : next}, ring_member(shard->ring, shard->self)->id);
    tell(shard);
}

/* ---- the list ---- */

/* False: there is nothing left to do of it. */
static bool is_wanted(const struct shard *shard, const struct membership_event *event) {
    struct member_index member;
    bool is_there = ring_find_member(shard->ring, event->member.id, &member);
    if (event->kind == MEMBERSHIP_REPLICAS) {
        return event->replica_count != ring_configured_replica_count(shard->ring);
    }
    if (event->kind == MEMBERSHIP_JOIN) {
        return !is_there;
    }
    if (event->kind == MEMBERSHIP_EXCUSE) {
        return is_there && !ring_is_excused(shard->ring, member);
    }
    return is_there && !ring_is_leaving(shard->ring, member);
}

static void keep_if(struct shard *shard, bool (*wants)(const struct shard *, const struct membership_event *)) {
    struct membership *list = &shard->stage.list;
    size_t kept = 0;
    for (size_t index = 0; index < list->count; index++) {
        if (wants(shard, &list->events[index])) {
            list->events[kept++] = list->events[index];
        }
    }
    list->count = kept;
}

/* What the log made moot goes, here as everywhere: so it needs no new stamp. */
static void look_at_log(struct shard *shard) {
    if (shard->stage.version != roster_version(shard)) {
        shard->stage.version = roster_version(shard);
        keep_if(shard, is_wanted);
    }
}

static void drop(struct membership *list, struct node_id id, bool is_excuse_too, bool is_change_too) {
    size_t kept = 0;
    for (size_t index = 0; index < list->count; index++) {
        const struct membership_event *event = &list->events[index];
        bool goes =
            node_id_equal(event->member.id, id) && (event->kind == MEMBERSHIP_EXCUSE ? is_excuse_too : is_change_too);
        if (!goes) {
            list->events[kept++] = *event;
        }
    }
    list->count = kept;
}

static bool is_change(const struct membership_event *event) {
    return membership_has_subject(event->kind) || event->kind == MEMBERSHIP_REPLICAS;
}

static bool events_are_changes(const struct membership *events) {
    bool are = events->count > 0 && events->count <= STAGE_CHANGES_MOST;
    for (size_t index = 0; are && index < events->count; index++) {
        are = is_change(&events->events[index]);
    }
    return are;
}

/* As they would be an entry on their own. */
static const char *add_problem(const struct shard *shard, const struct membership_event *event) {
    struct member_index member;
    bool is_there = ring_find_member(shard->ring, event->member.id, &member);
    if (event->kind == MEMBERSHIP_JOIN) {
        return is_there ? "a node of that id is a member already" : NULL;
    }
    if (is_wanted(shard, event)) {
        return NULL;
    }
    return is_there || event->kind == MEMBERSHIP_REPLICAS ? "that is so already" : "no such member";
}

const char *stage_add(struct shard *shard, struct view events) {
    struct stage *stage = &shard->stage;
    struct membership asked;
    const char *problem = NULL;
    membership_init(&asked);
    if (!membership_decode(events, &asked) || !events_are_changes(&asked)) {
        problem = "these are no changes that can be staged";
    }
    for (size_t index = 0; problem == NULL && index < asked.count; index++) {
        problem = add_problem(shard, &asked.events[index]);
    }
    if (problem == NULL && stage->list.count + asked.count > STAGE_CHANGES_MOST) {
        problem = "64 changes are staged already; commit them, or unstage some";
    }
    for (size_t index = 0; problem == NULL && index < asked.count; index++) {
        const struct membership_event *event = &asked.events[index];
        bool is_excuse = event->kind == MEMBERSHIP_EXCUSE;
        drop(&stage->list, event->member.id, is_excuse, !is_excuse);
        (void)membership_add(&stage->list, event);
    }
    membership_release(&asked);
    if (problem == NULL) {
        changed_here(shard);
    }
    return problem;
}

const char *stage_remove(struct shard *shard, struct node_id id) {
    struct stage *stage = &shard->stage;
    size_t before = stage->list.count;
    if (id_is_zero(id)) {
        stage->list.count = 0;
    } else {
        drop(&stage->list, id, true, true);
    }
    if (stage->list.count == before) {
        return id_is_zero(id) ? "nothing is staged" : "nothing is staged of that node";
    }
    changed_here(shard);
    return NULL;
}

/* ---- who waits to join ---- */

/* NULL: there are too many; those who are here have to be let in, or fall silent, first. */
static struct seeker *hear(struct shard *shard, const struct member *member) {
    struct stage *stage = &shard->stage;
    uint32_t at = 0;
    while (at < stage->seeker_count && !node_id_equal(stage->seekers[at].member.id, member->id)) {
        at++;
    }
    if (at == STAGE_SEEKERS_MOST) {
        return NULL;
    }
    if (at == stage->seeker_count) {
        stage->seeker_count++;
        stage->seekers[at] = (struct seeker){.told = {0}};
    }
    stage->seekers[at].member = *member;
    stage->seekers[at].heard = shard_now(shard);
    return &stage->seekers[at];
}

bool stage_has(const struct shard *shard, struct node_id id) {
    const struct membership *list = &shard->stage.list;
    bool has = false;
    for (size_t index = 0; index < list->count; index++) {
        has = has || node_id_equal(list->events[index].member.id, id);
    }
    return has;
}

void stage_heard(struct shard *shard, const struct member *member) {
    struct members_seeker seeker = {.member = *member};
    struct seeker *heard = hear(shard, member);
    if (heard == NULL || shard_now(shard).ns < instant_after_ms(heard->told, STAGE_SEEKER_TOLD_MS).ns) {
        return;
    }
    heard->told = shard_now(shard);
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index other = {index};
        struct buffer *output = is_other_member(shard, other) ? lane_first_output(shard, other) : NULL;
        if (output != NULL) {
            size_t begun = frame_begin(output, MESSAGE_SEEKER);
            members_write_seeker(output, &seeker);
            frame_end(output, begun);
        }
    }
}

static void forget_silent(struct shard *shard) {
    struct stage *stage = &shard->stage;
    struct member_index member;
    uint32_t kept = 0;
    for (uint32_t at = 0; at < stage->seeker_count; at++) {
        const struct seeker *seeker = &stage->seekers[at];
        bool is_here = shard_now(shard).ns < instant_after_ms(seeker->heard, STAGE_SEEKER_SILENCE_MS).ns;
        if (is_here && !ring_find_member(shard->ring, seeker->member.id, &member)) {
            stage->seekers[kept++] = *seeker;
        }
    }
    stage->seeker_count = kept;
}

/* ---- words ---- */

static void receive_list(struct shard *shard, const struct source *source, struct view body) {
    struct stage *stage = &shard->stage;
    struct message_stage message;
    struct membership list;
    membership_init(&list);
    if (!message_decode_stage(body, &message) || !membership_decode(message.events, &list)) {
        membership_release(&list);
        return;
    }
    bool is_later = message.time.value > stage->time.value ||
                    (message.time.value == stage->time.value && node_id_compare(message.by, stage->by) > 0);
    bool is_legal = list.count == 0 || events_are_changes(&list);
    if (is_later && is_legal) {
        membership_release(&stage->list);
        stage->list = list;
        keep_if(shard, is_wanted);
        struct member_index from = source->lane->peer->member;
        set_stamp(shard, message.time, message.by);
        stage->told[from.value] = link_generation(shard, from);
        tell(shard);
    } else {
        membership_release(&list);
    }
}

void stage_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct members_seeker seeker;
    struct reader reader = reader_of(body);
    if (!shard_is_first(shard) || source->lane == NULL) {
        return;
    }
    if (kind == MESSAGE_STAGE) {
        receive_list(shard, source, body);
    } else if (members_read_seeker(&reader, &seeker)) {
        (void)hear(shard, &seeker.member);
    }
}

/* ---- commit ---- */

static void end_commit(struct shard *shard, enum outcome outcome, const char *detail) {
    shard->stage.step = STAGE_NOT_COMMITTING;
    origin_answer_outcome(shard, &shard->stage.origin, outcome, detail);
}

/* NULL, or why there is no such entry now. */
static const char *propose(struct shard *shard, enum stage_step step) {
    struct stage *stage = &shard->stage;
    struct membership asked;
    membership_init(&asked);
    for (size_t index = 0; index < stage->entry_count; index++) {
        (void)membership_add(&asked, &stage->entry[index]);
    }
    const char *problem = moves_problem(shard, &asked);
    membership_release(&asked);
    stage->base = roster_version(shard);
    stage->step = step;
    if (problem == NULL && !council_propose(shard, stage->entry, stage->entry_count)) {
        problem = "another change of the members is being agreed on, or these don't go together (two addresses that "
                  "are the same, too many members)";
    }
    return problem;
}

static bool take_excuse(struct stage *stage) {
    for (size_t index = 0; index < stage->list.count; index++) {
        if (stage->list.events[index].kind == MEMBERSHIP_EXCUSE) {
            stage->entry[0] = stage->list.events[index];
            stage->entry_count = 1;
            return true;
        }
    }
    return false;
}

static void take_rest(struct stage *stage) {
    stage->entry_count = 0;
    for (size_t index = 0; index < stage->list.count; index++) {
        stage->entry[stage->entry_count++] = stage->list.events[index];
    }
    if (stage->entry_count > 0) {
        struct membership_event move = {.kind = MEMBERSHIP_MOVE};
        stage_placeholder(&move);
        stage->entry[stage->entry_count++] = move;
    }
}

/* The dead first, one by one: a move would wait for them. */
static void next_step(struct shard *shard) {
    struct stage *stage = &shard->stage;
    const char *problem = NULL;
    bool is_excuse = take_excuse(stage);
    if (!is_excuse) {
        take_rest(stage);
    }
    if (stage->entry_count == 0) {
        end_commit(shard, OUTCOME_DONE, "");
        return;
    }
    problem = propose(shard, is_excuse ? STAGE_DECLARING_DEAD : STAGE_MOVING);
    if (problem != NULL) {
        buffer_clear(&shard->encoded);
        buffer_append_view(&shard->encoded, VIEW("ERR "));
        buffer_append_view(&shard->encoded, view_of_string(problem));
        buffer_append_view(&shard->encoded, stage->declared > 0
                                                ? VIEW(". Who was to be declared dead was; the rest is still staged")
                                                : VIEW(". Nothing was done; all is still staged"));
        buffer_append_byte(&shard->encoded, 0);
        struct view detail = arena_copy(&shard->scratch, buffer_view(&shard->encoded));
        end_commit(shard, OUTCOME_REFUSED, (const char *)detail.data);
    }
}

static bool log_has(const struct shard *shard, const struct membership_event *wanted) {
    const struct membership *log = &shard->roster.log;
    for (size_t index = 0; index < log->count; index++) {
        const struct membership_event *event = &log->events[index];
        bool is_same = event->kind == wanted->kind && event->replica_count == wanted->replica_count &&
                       (!membership_has_subject(event->kind) || node_id_equal(event->member.id, wanted->member.id));
        if (event->lamport == shard->stage.base + 1 && is_same) {
            return true;
        }
    }
    return false;
}

static void watch_commit(struct shard *shard) {
    struct stage *stage = &shard->stage;
    bool is_chosen = roster_version(shard) > stage->base;
    if (stage->step == STAGE_NOT_COMMITTING) {
        return;
    }
    if (is_chosen && !log_has(shard, &stage->entry[0])) {
        end_commit(shard, OUTCOME_REFUSED,
                   "BUSY another change of the members was chosen meanwhile; look at the plan again");
    } else if (is_chosen && stage->step == STAGE_DECLARING_DEAD) {
        stage->declared++;
        drop(&stage->list, stage->entry[0].member.id, true, false);
        changed_here(shard);
        next_step(shard);
    } else if (is_chosen) {
        stage->list.count = 0;
        changed_here(shard);
        end_commit(shard, OUTCOME_DONE, "");
    } else if (shard_now(shard).ns >= stage->until.ns) {
        end_commit(shard, OUTCOME_REFUSED,
                   "INDOUBT no majority of the members has answered; it may be chosen yet: look at the status");
    }
}

void stage_commit(struct shard *shard, const uint64_t *digest, const struct origin *origin) {
    struct stage *stage = &shard->stage;
    const char *problem = NULL;
    look_at_log(shard);
    if (stage->step != STAGE_NOT_COMMITTING) {
        problem = "BUSY a commit is under way here";
    } else if (stage->list.count == 0) {
        problem = "ERR nothing is staged";
    } else if (digest != NULL && *digest != stage_digest(shard)) {
        problem =
            "STALE what is staged, or who is a member, is not what that plan was made of; look at the plan again. "
            "Nothing was done";
    }
    if (problem != NULL) {
        origin_answer_outcome(shard, origin, OUTCOME_REFUSED, problem);
        return;
    }
    stage->origin = *origin;
    stage->declared = 0;
    stage->until = instant_after_ms(shard_now(shard), STAGE_COMMIT_MS);
    next_step(shard);
    watch_commit(shard); /* where there is one voter it is chosen at once */
}

void stage_beat(struct shard *shard) {
    if (shard_is_first(shard)) {
        look_at_log(shard);
        forget_silent(shard);
        watch_commit(shard);
        tell(shard);
    }
}
