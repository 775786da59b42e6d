#include "core/consensus.h"

#include "base/ensure.h"

#include <string.h>

static void proposer_receive(struct consensus *consensus, struct member_index from, const struct consensus_word *word);

static uint32_t majority(const struct consensus *consensus) {
    return consensus->voter_count / 2 + 1;
}

static bool is_self(const struct consensus *consensus, struct member_index member) {
    return member_index_equal(member, consensus->self);
}

static void blob_replace(struct consensus *consensus, struct blob *blob, struct view with) {
    blob_give(consensus->blobs, blob);
    *blob = blob_copy(consensus->blobs, with);
}

static void see_ballot(struct consensus *consensus, struct ballot ballot) {
    consensus->counter = ballot.counter > consensus->counter ? ballot.counter : consensus->counter;
}

/* ---- the proposer's time ---- */

static uint64_t doubled_ns(const struct consensus *consensus, uint64_t ms) {
    uint32_t tries = consensus->proposer.tries;
    return (ms * NS_PER_MS) << (tries < CONSENSUS_DOUBLINGS ? tries : CONSENSUS_DOUBLINGS);
}

static void rest(struct consensus *consensus) {
    struct consensus_proposer *proposer = &consensus->proposer;
    uint64_t window_ns = doubled_ns(consensus, CONSENSUS_REST_MS);
    proposer->phase = CONSENSUS_RESTING;
    proposer->until.ns = consensus->now.ns + rng_below(&consensus->rng, window_ns + 1);
    proposer->tries++;
}

/* Somebody else is at it, with a ballot that this node promised. */
static void let_pass(struct consensus *consensus) {
    struct consensus_proposer *proposer = &consensus->proposer;
    if (proposer->phase == CONSENSUS_RESTING) {
        uint64_t window_ns = doubled_ns(consensus, CONSENSUS_REST_MS);
        uint64_t until = consensus->now.ns + CONSENSUS_TRY_MS * NS_PER_MS + rng_below(&consensus->rng, window_ns + 1);
        proposer->until.ns = until > proposer->until.ns ? until : proposer->until.ns;
    }
}

/* ---- the acceptor ---- */

static void answer(struct consensus *consensus, struct member_index to, const struct consensus_word *word) {
    if (is_self(consensus, to)) {
        proposer_receive(consensus, to, word);
    } else {
        consensus->port.send(consensus->port.self, to, word);
    }
}

static void refuse(struct consensus *consensus, struct member_index to) {
    struct consensus_word word = {
        .kind = MESSAGE_CONSENSUS_REFUSED,
        .version = consensus->version,
        .ballot = consensus->acceptor.promised,
    };
    answer(consensus, to, &word);
}

static void pay(struct consensus *consensus) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    if (!acceptor->owes || acceptor->durable < acceptor->number) {
        return;
    }
    struct consensus_word word = {
        .kind = acceptor->owed,
        .version = consensus->version,
        .ballot = acceptor->promised,
    };
    if (acceptor->owed == MESSAGE_CONSENSUS_PROMISE) {
        word.accepted = acceptor->accepted;
        word.entry = blob_view(&acceptor->entry);
    }
    acceptor->owes = false;
    answer(consensus, acceptor->creditor, &word);
}

static void owe(struct consensus *consensus, struct member_index to, enum consensus_kind kind) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    acceptor->owes = true;
    acceptor->owed = kind;
    acceptor->creditor = to;
    pay(consensus);
}

static void keep(struct consensus *consensus) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    acceptor->number++;
    struct consensus_state state = {
        .version = acceptor->version,
        .promised = acceptor->promised,
        .accepted = acceptor->accepted,
        .entry = blob_view(&acceptor->entry),
    };
    consensus->port.keep(consensus->port.self, acceptor->number, &state);
}

/* A ballot's answer that waits still is worth nothing once a greater one is promised. */
static void promise(struct consensus *consensus, struct member_index from, struct ballot ballot) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    bool was_owed = acceptor->owes;
    struct member_index creditor = acceptor->creditor;
    acceptor->promised = ballot;
    acceptor->owes = false;
    if (was_owed) {
        refuse(consensus, creditor);
    }
    if (!is_self(consensus, from)) {
        let_pass(consensus);
    }
}

static void acceptor_receive(struct consensus *consensus, struct member_index from, const struct consensus_word *word) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    if (!member_set_has(&consensus->voters, consensus->self) || consensus->version < consensus->abstain_below ||
        acceptor->is_broken) {
        return;
    }
    ENSURE(acceptor->version == consensus->version);
    int order = ballot_compare(word->ballot, acceptor->promised);
    if (order < 0) {
        refuse(consensus, from);
        return;
    }
    bool is_accepted = ballot_compare(word->ballot, acceptor->accepted) == 0;
    if (order > 0) {
        promise(consensus, from, word->ballot);
    }
    if (word->kind == MESSAGE_CONSENSUS_PREPARE && !is_accepted) {
        if (order > 0) {
            keep(consensus);
        }
        owe(consensus, from, MESSAGE_CONSENSUS_PROMISE);
    } else if (word->kind == MESSAGE_CONSENSUS_ACCEPT) {
        if (!is_accepted) {
            acceptor->accepted = word->ballot;
            blob_replace(consensus, &acceptor->entry, word->entry);
            keep(consensus);
        }
        owe(consensus, from, MESSAGE_CONSENSUS_ACCEPTED);
    }
}

void consensus_kept(struct consensus *consensus, uint64_t number, bool is_durable) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    ENSURE(number <= acceptor->number);
    if (!is_durable) {
        acceptor->is_broken = true;
        acceptor->owes = false;
    } else if (number > acceptor->durable && !acceptor->is_broken) {
        acceptor->durable = number;
        pay(consensus);
    }
}

/* ---- the proposer ---- */

static struct view proposed(const struct consensus *consensus) {
    const struct consensus_proposer *proposer = &consensus->proposer;
    return blob_view(proposer->adopted.counter > 0 ? &proposer->entry : &proposer->own);
}

static void ask_voters(struct consensus *consensus, enum consensus_kind kind) {
    struct consensus_proposer *proposer = &consensus->proposer;
    struct consensus_word word = {.kind = kind, .version = consensus->version, .ballot = proposer->ballot};
    word.entry = kind == MESSAGE_CONSENSUS_ACCEPT ? proposed(consensus) : word.entry;
    member_set_clear(&proposer->agreed);
    member_set_clear(&proposer->refused);
    proposer->until.ns = consensus->now.ns + doubled_ns(consensus, CONSENSUS_TRY_MS);
    struct member_index voter = {0};
    for (; member_set_next(&consensus->voters, &voter); voter.value++) {
        if (!is_self(consensus, voter)) {
            consensus->port.send(consensus->port.self, voter, &word);
        }
    }
    acceptor_receive(consensus, consensus->self, &word);
}

static void try(struct consensus *consensus) {
    struct consensus_proposer *proposer = &consensus->proposer;
    consensus->counter++;
    proposer->phase = CONSENSUS_PREPARING;
    proposer->ballot = (struct ballot){consensus->counter, consensus->id, consensus->run};
    proposer->adopted = (struct ballot){0};
    blob_give(consensus->blobs, &proposer->entry);
    ask_voters(consensus, MESSAGE_CONSENSUS_PREPARE);
}

static void on_promise(struct consensus *consensus, const struct consensus_word *word) {
    struct consensus_proposer *proposer = &consensus->proposer;
    see_ballot(consensus, word->accepted);
    if (ballot_compare(word->accepted, proposer->adopted) > 0) {
        proposer->adopted = word->accepted;
        blob_replace(consensus, &proposer->entry, word->entry);
    }
    if (member_set_count(&proposer->agreed) >= majority(consensus)) {
        proposer->phase = CONSENSUS_ACCEPTING;
        ask_voters(consensus, MESSAGE_CONSENSUS_ACCEPT);
    }
}

static void on_accepted(struct consensus *consensus) {
    struct consensus_proposer *proposer = &consensus->proposer;
    if (member_set_count(&proposer->agreed) >= majority(consensus)) {
        proposer->phase = CONSENSUS_CHOSEN;
        consensus->port.chosen(consensus->port.self, consensus->version, proposed(consensus));
    }
}

static void on_refused(struct consensus *consensus) {
    uint32_t refused = member_set_count(&consensus->proposer.refused);
    if (refused > consensus->voter_count - majority(consensus)) {
        rest(consensus);
    }
}

static void proposer_receive(struct consensus *consensus, struct member_index from, const struct consensus_word *word) {
    struct consensus_proposer *proposer = &consensus->proposer;
    bool is_asking = proposer->phase == CONSENSUS_PREPARING || proposer->phase == CONSENSUS_ACCEPTING;
    if (!is_asking || !member_set_has(&consensus->voters, from)) {
        return;
    }
    int order = ballot_compare(word->ballot, proposer->ballot);
    if (word->kind == MESSAGE_CONSENSUS_REFUSED && order > 0) {
        member_set_add(&proposer->refused, from);
        on_refused(consensus);
        return;
    }
    enum consensus_kind wanted =
        proposer->phase == CONSENSUS_PREPARING ? MESSAGE_CONSENSUS_PROMISE : MESSAGE_CONSENSUS_ACCEPTED;
    if (order != 0 || word->kind != wanted || member_set_has(&proposer->agreed, from)) {
        return;
    }
    member_set_add(&proposer->agreed, from);
    if (wanted == MESSAGE_CONSENSUS_PROMISE) {
        on_promise(consensus, word);
    } else {
        on_accepted(consensus);
    }
}

bool consensus_propose(struct consensus *consensus, struct view entry, struct instant now) {
    struct consensus_proposer *proposer = &consensus->proposer;
    ENSURE(entry.size <= CONSENSUS_ENTRY_BYTES_MOST);
    consensus->now = now;
    if (proposer->has_own || proposer->phase == CONSENSUS_CHOSEN) {
        return false;
    }
    blob_replace(consensus, &proposer->own, entry);
    proposer->has_own = true;
    proposer->tries = 0;
    try(consensus);
    return true;
}

/* What became of it is found by the next proposal, from here or elsewhere. That the next entry is chosen stays known.
 */
void consensus_withdraw(struct consensus *consensus) {
    struct consensus_proposer *proposer = &consensus->proposer;
    proposer->has_own = false;
    if (proposer->phase != CONSENSUS_CHOSEN) {
        proposer->phase = CONSENSUS_IDLE;
        blob_give(consensus->blobs, &proposer->own);
        blob_give(consensus->blobs, &proposer->entry);
    }
}

/* ---- events ---- */

static void acceptor_restore(struct consensus *consensus, const struct consensus_state *kept) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    acceptor->version = kept->version;
    acceptor->promised = kept->promised;
    acceptor->accepted = kept->accepted;
    acceptor->entry = blob_copy(consensus->blobs, kept->entry);
    consensus->abstain_below = kept->version;
}

void consensus_init(struct consensus *consensus, struct consensus_port port, struct blobs *blobs,
                    const struct consensus_options *options, const struct consensus_state *kept, struct instant now) {
    memset(consensus, 0, sizeof(*consensus));
    consensus->port = port;
    consensus->blobs = blobs;
    consensus->self = options->self;
    consensus->id = options->id;
    consensus->run = options->run;
    consensus->now = now;
    rng_init(&consensus->rng, options->seed);
    if (kept != NULL) {
        acceptor_restore(consensus, kept);
    }
}

static void proposer_clear(struct consensus *consensus) {
    struct consensus_proposer *proposer = &consensus->proposer;
    blob_give(consensus->blobs, &proposer->own);
    blob_give(consensus->blobs, &proposer->entry);
    memset(proposer, 0, sizeof(*proposer));
}

void consensus_release(struct consensus *consensus) {
    proposer_clear(consensus);
    blob_give(consensus->blobs, &consensus->acceptor.entry);
}

void consensus_abstain_below(struct consensus *consensus, uint64_t version) {
    consensus->abstain_below = version > consensus->abstain_below ? version : consensus->abstain_below;
}

void consensus_abstain_no_more(struct consensus *consensus) {
    consensus->abstain_below = consensus->acceptor.version;
}

void consensus_forget(struct consensus *consensus, struct member_index peer) {
    member_set_remove(&consensus->proposer.agreed, peer);
}

bool consensus_is_under_way(const struct consensus *consensus) {
    return consensus->proposer.phase != CONSENSUS_IDLE || consensus->acceptor.accepted.counter != 0;
}

void consensus_advance(struct consensus *consensus, uint64_t version, const struct member_index *voters,
                       uint32_t voter_count) {
    struct consensus_acceptor *acceptor = &consensus->acceptor;
    ENSURE(version > consensus->version || consensus->voter_count == 0);
    bool was_proposed = consensus->proposer.has_own;
    proposer_clear(consensus);
    acceptor->owes = false;
    if (acceptor->version < version) {
        acceptor->version = version;
        acceptor->promised = (struct ballot){0};
        acceptor->accepted = (struct ballot){0};
        blob_give(consensus->blobs, &acceptor->entry);
    }
    consensus->version = version;
    consensus->counter = 0;
    member_set_clear(&consensus->voters);
    for (uint32_t index = 0; index < voter_count; index++) {
        member_set_add(&consensus->voters, voters[index]);
    }
    consensus->voter_count = member_set_count(&consensus->voters);
    if (acceptor->version == version) {
        see_ballot(consensus, acceptor->promised);
    }
    if (was_proposed) {
        consensus->port.ended(consensus->port.self);
    }
}

void consensus_tick(struct consensus *consensus, struct instant now) {
    struct consensus_proposer *proposer = &consensus->proposer;
    consensus->now = now;
    if (proposer->phase == CONSENSUS_IDLE || proposer->phase == CONSENSUS_CHOSEN || now.ns < proposer->until.ns) {
        return;
    }
    if (proposer->phase == CONSENSUS_RESTING) {
        try(consensus);
    } else {
        rest(consensus);
    }
}

/* One that knows another number of entries has nothing to say about the next one here. */
static bool is_of_this_version(struct consensus *consensus, struct member_index from,
                               const struct consensus_word *word) {
    if (word->version < consensus->version) {
        consensus->port.peer_is_behind(consensus->port.self, from, word->version);
    } else if (word->version > consensus->version) {
        struct consensus_word behind = {.kind = MESSAGE_CONSENSUS_BEHIND, .version = consensus->version};
        consensus->port.send(consensus->port.self, from, &behind);
        consensus->port.is_behind(consensus->port.self, from, word->version);
    }
    return word->version == consensus->version;
}

void consensus_receive(struct consensus *consensus, struct member_index from, const struct consensus_word *word,
                       struct instant now) {
    ENSURE(!is_self(consensus, from));
    consensus->now = now;
    if (!is_of_this_version(consensus, from, word)) {
        return;
    }
    see_ballot(consensus, word->ballot);
    switch (word->kind) {
    case MESSAGE_CONSENSUS_PREPARE:
    case MESSAGE_CONSENSUS_ACCEPT:
        acceptor_receive(consensus, from, word);
        break;
    case MESSAGE_CONSENSUS_PROMISE:
    case MESSAGE_CONSENSUS_ACCEPTED:
    case MESSAGE_CONSENSUS_REFUSED:
        proposer_receive(consensus, from, word);
        break;
    case MESSAGE_CONSENSUS_BEHIND:
        break;
    }
}

void consensus_check(const struct consensus *consensus) {
    const struct consensus_proposer *proposer = &consensus->proposer;
    const struct consensus_acceptor *acceptor = &consensus->acceptor;
    bool is_asking = proposer->phase == CONSENSUS_PREPARING || proposer->phase == CONSENSUS_ACCEPTING;
    ENSURE(ballot_compare(acceptor->accepted, acceptor->promised) <= 0);
    ENSURE(acceptor->durable <= acceptor->number);
    ENSURE(acceptor->version >= consensus->version);
    ENSURE(acceptor->version == consensus->version || consensus->version < consensus->abstain_below);
    ENSURE(!acceptor->owes || acceptor->durable < acceptor->number);
    ENSURE(proposer->has_own == (proposer->phase != CONSENSUS_IDLE) || proposer->phase == CONSENSUS_CHOSEN);
    ENSURE(!is_asking || proposer->ballot.counter <= consensus->counter);
    ENSURE(!is_asking || member_set_count(&proposer->agreed) < majority(consensus) || consensus->voter_count == 0);
}
