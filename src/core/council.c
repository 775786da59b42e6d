#include "core/council.h"

#include "core/shard_state.h"

enum { ENTRY_EVENTS_MOST = 64 };

/* ---- the machine's port ---- */

static void port_send(void *self, struct member_index to, const struct consensus_word *word) {
    struct shard *shard = self;
    struct buffer *output = lane_first_output(shard, to);
    if (output != NULL) {
        message_encode_consensus(output, word);
    }
}

static void port_keep(void *self, uint64_t number, const struct consensus_state *state) {
    struct shard *shard = self;
    struct storage *storage = &shard->options.storage;
    struct buffer bytes;
    uint64_t token = (uint64_t)COUNCIL_TOKEN << COUNCIL_TOKEN_BITS | number;
    buffer_init(&bytes);
    consensus_state_write(&bytes, state);
    enum storage_status status =
        storage->remember_membership(storage->self, STORAGE_MEMBERSHIP_PROMISE, buffer_view(&bytes), token);
    buffer_release(&bytes);
    if (status == STORAGE_FOUND) {
        shard->council.kept_at_once = number;
    } else if (status != STORAGE_PENDING) {
        shard->council.has_failed = true;
    }
}

/* After each call of the machine, which may not be called from within: what memory keeps is kept at once. */
static void settle(struct shard *shard) {
    struct council *council = &shard->council;
    while (council->kept_at_once != 0 || council->has_failed) {
        uint64_t number = council->kept_at_once;
        bool has_failed = council->has_failed;
        council->kept_at_once = 0;
        council->has_failed = false;
        consensus_kept(&council->machine, number, !has_failed);
    }
}

static void port_chosen(void *self, uint64_t version, struct view entry) {
    struct shard *shard = self;
    ENSURE(version == roster_version(shard));
    bool follows = roster_chosen(shard, entry);
    ENSURE(follows); /* whoever proposed it had tried it */
}

static void answer(struct shard *shard, enum outcome outcome, const char *detail) {
    struct council *council = &shard->council;
    bool is_asked = council->is_asked;
    council->is_proposing = false;
    council->is_asked = false;
    blob_give(&shard->blobs, &council->entry);
    if (is_asked) {
        origin_answer_outcome(shard, &council->origin, outcome, detail);
    }
}

/* The events of the latest version, as the log has them. */
static bool was_chosen(struct shard *shard) {
    struct buffer latest;
    buffer_init(&latest);
    membership_encode(&latest, &shard->roster.log, roster_version(shard) - 1);
    bool is_same = view_equal(buffer_view(&latest), blob_view(&shard->council.entry));
    buffer_release(&latest);
    return is_same;
}

static void port_ended(void *self) {
    struct shard *shard = self;
    if (!shard->council.is_proposing) {
        return;
    }
    if (was_chosen(shard)) {
        answer(shard, OUTCOME_DONE, "");
    } else {
        answer(shard, OUTCOME_REFUSED,
               "BUSY another change of the members was chosen meanwhile; look at the plan again. Nothing was done");
    }
}

static void port_peer_is_behind(void *self, struct member_index peer, uint64_t version) {
    struct shard *shard = self;
    struct buffer *output = lane_first_output(shard, peer);
    if (output != NULL) {
        roster_tell(shard, output, version);
    }
}

static void port_is_behind(void *self, struct member_index peer, uint64_t version) {
    (void)self;
    (void)peer;
    (void)version; /* it was told so, and tells what is missing here */
}

/* ---- life ---- */

static void advance(struct shard *shard) {
    struct member_index voters[LIMIT_MEMBERS];
    uint32_t count = 0;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        if (ring_is_voter(shard->ring, (struct member_index){index})) {
            voters[count++] = (struct member_index){index};
        }
    }
    consensus_advance(&shard->council.machine, roster_version(shard), voters, count);
}

/* The next start must know it too: the log, which is kept only from now on, would make it an old store. */
static void keep_abstention(struct shard *shard, uint64_t below) {
    struct consensus_state nothing = {.version = below};
    port_keep(shard, 0, &nothing);
    settle(shard);
}

bool council_has_forgotten(const struct shard_options *options) {
    struct consensus_state kept;
    return !options->log_is_kept ||
           (consensus_state_read(options->promise, &kept) && kept.version == COUNCIL_ABSTAINS_FROM_ALL);
}

void council_log_is_to_be_kept(struct shard *shard) {
    struct council *council = &shard->council;
    if (council->abstains && !council->abstention_is_kept) {
        keep_abstention(shard, COUNCIL_ABSTAINS_FROM_ALL);
        council->abstention_is_kept = true;
    }
}

static void trust(struct shard *shard) {
    struct council *council = &shard->council;
    uint32_t missing = 0;
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        bool is_other = ring_is_awaited(shard->ring, member) && !member_index_equal(member, shard->self);
        missing += is_other && !member_set_has(&council->heard, member) ? 1 : 0;
    }
    if (!council->abstains || missing > 0) {
        return;
    }
    council->abstains = false;
    bool may_be_chosen = council->is_being_chosen && council->greatest == roster_version(shard);
    if (!may_be_chosen || consensus_needs_all(&council->machine)) {
        consensus_abstain_no_more(&council->machine);
    } else {
        consensus_abstain_below(&council->machine, council->greatest + 1);
    }
    keep_abstention(shard, council->machine.abstain_below);
}

void council_init(struct shard *shard) {
    struct council *council = &shard->council;
    struct consensus_port port = {
        .self = shard,
        .send = port_send,
        .keep = port_keep,
        .chosen = port_chosen,
        .ended = port_ended,
        .peer_is_behind = port_peer_is_behind,
        .is_behind = port_is_behind,
    };
    struct consensus_options options = {
        .self = shard->self,
        .id = ring_member(shard->ring, shard->self)->id,
        .run = shard->options.run,
        .seed = shard->options.seed ^ UINT64_C(0x636f756e63696c),
    };
    struct consensus_state kept;
    bool has_forgotten = council_has_forgotten(&shard->options);
    bool has_kept = consensus_state_read(shard->options.promise, &kept) && !has_forgotten;
    if (!shard_is_first(shard)) {
        return;
    }
    consensus_init(&council->machine, port, &shard->blobs, &options, has_kept ? &kept : NULL, shard_now(shard));
    shard->options.promise = (struct view){0}; /* lent for the start alone */
    if (has_forgotten) {
        council->abstains = true;
        council->abstention_is_kept = shard->options.log_is_kept;
        council->greatest = roster_version(shard);
        consensus_abstain_below(&council->machine, roster_version(shard) + 1);
    }
    advance(shard);
    trust(shard);
}

void council_release(struct shard *shard) {
    if (shard_is_first(shard)) {
        consensus_release(&shard->council.machine);
    }
}

void council_adopt(struct shard *shard) {
    struct council *council = &shard->council;
    if (!shard_is_first(shard)) {
        return;
    }
    if (council->abstains) {
        consensus_abstain_below(&council->machine, roster_version(shard) + 1);
    }
    advance(shard);
}

void council_beat(struct shard *shard) {
    struct council *council = &shard->council;
    if (!shard_is_first(shard)) {
        return;
    }
    trust(shard); /* members may have been excused */
    consensus_tick(&council->machine, shard_now(shard));
    settle(shard);
    if (council->is_proposing && shard_now(shard).ns >= council->until.ns) {
        consensus_withdraw(&council->machine);
        answer(shard, OUTCOME_REFUSED,
               "NOREPLICAS too few members could be reached to agree on it in time. It may be chosen yet: look at the "
               "members before you try again");
    }
}

/* ---- words ---- */

bool council_is_agreeing(const struct shard *shard) {
    return shard_is_first(shard) && consensus_is_under_way(&shard->council.machine);
}

void council_greeted(struct shard *shard, struct member_index member, const struct message_hello *hello,
                     bool is_new_run) {
    struct council *council = &shard->council;
    if (!shard_is_first(shard)) {
        return;
    }
    if (is_new_run) {
        consensus_forget(&council->machine, member);
        member_set_remove(&council->heard, member);
    }
    if (hello->shard_index != 0) {
        return;
    }
    if (hello->membership > council->greatest) {
        council->greatest = hello->membership;
        council->is_being_chosen = false;
    }
    council->is_being_chosen =
        council->is_being_chosen || (hello->is_agreeing && hello->membership == council->greatest);
    member_set_add(&council->heard, member);
    trust(shard);
}

void council_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct consensus_word word;
    /* What a process that has ended sent, and comes late, may have been answered by one that forgot it since. */
    bool is_present =
        source->lane != NULL && source->lane->link != NULL && source->lane->link->run == source->lane->peer->run;
    if (shard_is_first(shard) && is_present && message_decode_consensus(kind, body, &word)) {
        consensus_receive(&shard->council.machine, source->lane->peer->member, &word, shard_now(shard));
        settle(shard);
    }
}

void council_on_durable(struct shard *shard, uint64_t token, bool is_durable) {
    consensus_kept(&shard->council.machine, token & ((UINT64_C(1) << COUNCIL_TOKEN_BITS) - 1), is_durable);
    settle(shard);
}

/* ---- proposals ---- */

static struct view entry_of(struct shard *shard, const struct membership_event *events, size_t count) {
    struct membership log;
    membership_init(&log);
    for (size_t index = 0; index < count; index++) {
        struct membership_event event = events[index];
        event.lamport = roster_version(shard) + 1;
        event.issuer = ring_member(shard->ring, shard->self)->id;
        if (!membership_has_subject(event.kind)) {
            event.member.id = event.issuer;
        }
        (void)membership_add(&log, &event);
    }
    buffer_clear(&shard->encoded);
    membership_encode(&shard->encoded, &log, 0);
    membership_release(&log);
    return buffer_view(&shard->encoded);
}

/* NULL, or why it was not begun. */
static const char *begin(struct shard *shard, const struct membership_event *events, size_t count) {
    struct council *council = &shard->council;
    const char *problem = NULL;
    if (council->is_proposing) {
        return "another change of the members is being agreed on; nothing was done";
    }
    struct view entry = entry_of(shard, events, count);
    struct ring *ring = roster_try(shard, entry, &problem);
    ring_free(ring);
    if (ring == NULL || entry.size > CONSENSUS_ENTRY_BYTES_MOST) {
        return ring == NULL ? problem : "too much for one change: 64 KiB";
    }
    council->entry = blob_copy(&shard->blobs, entry);
    council->is_proposing = true;
    council->is_asked = false;
    council->until = instant_after_ms(shard_now(shard), 10000);
    if (!consensus_propose(&council->machine, blob_view(&council->entry), shard_now(shard))) {
        council->is_proposing = false;
        blob_give(&shard->blobs, &council->entry);
        return "another change of the members is being agreed on; nothing was done";
    }
    settle(shard);
    return NULL;
}

bool council_propose(struct shard *shard, const struct membership_event *events, size_t count) {
    return begin(shard, events, count) == NULL;
}

static void refuse(struct shard *shard, const struct origin *origin, const char *problem) {
    buffer_clear(&shard->encoded);
    buffer_append_view(&shard->encoded, VIEW("ERR "));
    buffer_append_view(&shard->encoded, view_of_string(problem));
    struct result result = {.outcome = OUTCOME_REFUSED};
    result.detail = arena_copy(&shard->scratch, buffer_view(&shard->encoded));
    origin_answer(shard, origin, &result);
}

void council_asked(struct shard *shard, struct view events, uint32_t deadline_ms, const struct origin *origin) {
    struct council *council = &shard->council;
    struct membership asked;
    membership_init(&asked);
    const char *problem = "these are no changes of members that this version knows";
    if (membership_decode(events, &asked) && asked.count > 0 && asked.count <= ENTRY_EVENTS_MOST) {
        problem = moves_problem(shard, &asked);
    }
    if (problem == NULL) {
        problem = begin(shard, asked.events, asked.count);
    }
    membership_release(&asked);
    if (problem != NULL) {
        refuse(shard, origin, problem);
    } else if (council->is_proposing) {
        council->is_asked = true;
        council->origin = *origin;
        council->until = instant_after_ms(shard_now(shard), deadline_ms);
    } else {
        origin_answer_outcome(shard, origin, OUTCOME_DONE, ""); /* chosen at once: there is one voter */
    }
}
