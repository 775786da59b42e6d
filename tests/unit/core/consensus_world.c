#include "consensus_world.h"

#include "base/ensure.h"

#include <string.h>

static struct world *playing; /* the ports' self is an actor */

static struct instant now(const struct world *world) {
    return (struct instant){world->now_ms * NS_PER_MS};
}

static struct bytes bytes_of(struct view view) {
    struct bytes bytes = {.size = (uint8_t)view.size};
    ENSURE(view.size <= ENTRY_MOST);
    if (view.size > 0) {
        memcpy(bytes.data, view.data, view.size);
    }
    return bytes;
}

static struct view view_of_bytes(const struct bytes *bytes) {
    return view_of(bytes->data, bytes->size);
}

/* The same for all who know the same chain. */
static uint32_t voters_of(const struct world *world, uint64_t version, struct member_index *ret_voters) {
    struct rng rng;
    rng_init(&rng, world->seed * 1000 + version);
    uint32_t count =
        world->all_vote ? world->node_count : (uint32_t)rng_between(&rng, world->voters_least, world->node_count);
    for (uint16_t index = 0; index < world->node_count; index++) {
        ret_voters[index].value = index;
    }
    for (uint32_t index = 0; index < count; index++) {
        uint64_t with = rng_between(&rng, index, world->node_count - 1);
        struct member_index swapped = ret_voters[index];
        ret_voters[index] = ret_voters[with];
        ret_voters[with] = swapped;
    }
    return count;
}

/* ---- letters ---- */

static void post(struct world *world, const struct letter *letter) {
    uint32_t copies = rng_chance(&world->chance, world->doubles) ? 2 : 1;
    for (uint32_t copy = 0; copy < copies; copy++) {
        if (rng_chance(&world->chance, world->loss)) {
            continue;
        }
        ENSURE(world->letter_count < LETTERS_MOST);
        struct letter *posted = &world->letters[world->letter_count++];
        *posted = *letter;
        posted->due_ms = world->now_ms + STEP_MS + rng_below(&world->chance, world->delay_ms + 1);
    }
}

static void post_entry(struct world *world, uint32_t from, uint32_t to, uint64_t version) {
    struct letter letter = {.from = (uint8_t)from, .to = (uint8_t)to, .is_entry = true};
    letter.word.version = version;
    letter.entry = world->chosen[version];
    post(world, &letter);
}

/* ---- ports ---- */

static uint32_t index_of(const struct actor *actor) {
    return (uint32_t)(actor - playing->actors);
}

static void port_send(void *self, struct member_index to, const struct consensus_word *word) {
    struct actor *actor = self;
    struct letter letter = {.from = (uint8_t)index_of(actor), .to = (uint8_t)to.value, .word = *word};
    letter.entry = bytes_of(word->entry);
    letter.word.entry = (struct view){0};
    const struct consensus_state *disk = &actor->disk.state;
    bool is_on_disk = actor->disk.is_some && disk->version == word->version;
    if ((word->kind == MESSAGE_CONSENSUS_PROMISE &&
         !(is_on_disk && ballot_compare(disk->promised, word->ballot) >= 0)) ||
        (word->kind == MESSAGE_CONSENSUS_ACCEPTED &&
         !(is_on_disk && ballot_compare(disk->accepted, word->ballot) >= 0))) {
        playing->leaks++;
    }
    playing->words++;
    post(playing, &letter);
}

static void disk_write(struct world *world, struct actor *actor, struct write write) {
    ENSURE(actor->write_count < WRITES_MOST);
    uint64_t due = world->now_ms + rng_below(&world->chance, world->write_ms + 1);
    uint64_t last = actor->write_count > 0 ? actor->writes[actor->write_count - 1].due_ms : 0;
    write.due_ms = due > last ? due : last;
    actor->writes[actor->write_count++] = write;
}

static void port_keep(void *self, uint64_t number, const struct consensus_state *state) {
    struct write write = {.number = number, .kept = {true, *state, bytes_of(state->entry)}};
    write.kept.state.entry = (struct view){0};
    disk_write(playing, self, write);
}

static void advance(struct world *world, struct actor *actor, uint64_t version) {
    struct member_index voters[NODES_MOST];
    ENSURE(version < VERSIONS_MOST);
    actor->chain = version;
    disk_write(world, actor, (struct write){.chain = version});
    uint32_t count = voters_of(world, version, voters);
    consensus_advance(&actor->consensus, version, voters, count);
}

static void port_chosen(void *self, uint64_t version, struct view entry) {
    struct actor *actor = self;
    struct world *world = playing;
    struct bytes bytes = bytes_of(entry);
    if (world->is_chosen[version] && !view_equal(view_of_bytes(&world->chosen[version]), entry)) {
        world->conflicts++;
    }
    ENSURE(version == actor->chain);
    world->is_chosen[version] = true;
    world->chosen[version] = bytes;
    for (uint32_t to = 0; to < world->node_count; to++) {
        if (to != index_of(actor)) {
            post_entry(world, index_of(actor), to, version);
        }
    }
    if (rng_chance(&world->chance, 500000)) {
        advance(world, actor, version + 1); /* from within; or later, told by a letter */
    } else {
        world->letters[world->letter_count++] = (struct letter){.due_ms = world->now_ms + STEP_MS,
                                                                .from = (uint8_t)index_of(actor),
                                                                .to = (uint8_t)index_of(actor),
                                                                .is_entry = true,
                                                                .word = {.version = version},
                                                                .entry = bytes};
    }
}

static void port_ended(void *self) {
    struct actor *actor = self;
    ENSURE(actor->has_proposal);
    actor->has_proposal = false;
    actor->ended_count++;
}

static void port_peer_is_behind(void *self, struct member_index peer, uint64_t version) {
    struct actor *actor = self;
    ENSURE(version < actor->chain);
    post_entry(playing, index_of(actor), peer.value, version);
}

static void port_is_behind(void *self, struct member_index peer, uint64_t version) {
    const struct actor *actor = self;
    (void)peer;
    ENSURE(version > actor->chain);
}

/* ---- processes ---- */

static void start(struct world *world, uint32_t node) {
    struct actor *actor = &world->actors[node];
    struct consensus_port port = {actor,      port_send,           port_keep,     port_chosen,
                                  port_ended, port_peer_is_behind, port_is_behind};
    actor->run++;
    struct consensus_options options = {
        .self = {(uint16_t)node}, .id = {{(uint8_t)node}}, .run = actor->run, .seed = rng_next(&world->chance)};
    struct kept kept = actor->disk;
    kept.state.entry = view_of_bytes(&kept.entry);
    blobs_init(&actor->blobs);
    consensus_init(&actor->consensus, port, &actor->blobs, &options, kept.is_some ? &kept.state : NULL, now(world));
    consensus_abstain_below(&actor->consensus, actor->abstain_below);
    actor->is_up = true;
    actor->disk_fails = false;
    actor->awake_ms = 0;
    actor->beat_ms = world->now_ms + rng_below(&world->chance, BEAT_MS);
    actor->chain = actor->disk_chain;
    struct member_index voters[NODES_MOST];
    uint32_t count = voters_of(world, actor->chain, voters);
    consensus_advance(&actor->consensus, actor->chain, voters, count);
}

static void stop(struct actor *actor) {
    consensus_release(&actor->consensus);
    ENSURE(actor->blobs.bytes_in_use == 0);
    blobs_release(&actor->blobs);
    actor->is_up = false;
    actor->has_proposal = false;
}

static void disk_apply(struct actor *actor, const struct write *write) {
    if (write->number > 0) {
        actor->disk = write->kept;
    } else {
        actor->disk_chain = write->chain;
    }
}

void world_crash(struct world *world, uint32_t node, uint64_t away_ms) {
    struct actor *actor = &world->actors[node];
    if (actor->is_up) {
        stop(actor);
        uint64_t done = actor->disk_fails ? 0 : rng_below(&world->chance, actor->write_count + 1);
        for (uint64_t index = 0; index < done; index++) {
            disk_apply(actor, &actor->writes[index]);
        }
        actor->write_count = 0;
    }
    actor->back_ms = world->now_ms + away_ms;
}

/* It may have voted in any version there is. */
void world_wipe(struct world *world, uint32_t node, uint64_t away_ms) {
    struct actor *actor = &world->actors[node];
    world_crash(world, node, away_ms);
    actor->disk = (struct kept){0};
    actor->disk_chain = 0;
    for (uint32_t other = 0; other < world->node_count; other++) {
        uint64_t chain = world->actors[other].chain;
        actor->abstain_below = chain + 1 > actor->abstain_below ? chain + 1 : actor->abstain_below;
    }
}

void world_begin(struct world *world, uint64_t seed, uint32_t node_count) {
    memset(world, 0, offsetof(struct world, letters));
    memset((uint8_t *)world + offsetof(struct world, letter_count), 0,
           sizeof(*world) - offsetof(struct world, letter_count));
    playing = world;
    world->seed = seed;
    world->node_count = node_count;
    world->now_ms = 1000;
    world->delay_ms = 20;
    world->write_ms = 10;
    world->voters_least = 1;
    world->all_vote = true;
    rng_init(&world->chance, seed);
    for (uint32_t node = 0; node < node_count; node++) {
        start(world, node);
    }
}

void world_end(struct world *world) {
    for (uint32_t node = 0; node < world->node_count; node++) {
        if (world->actors[node].is_up) {
            stop(&world->actors[node]);
        }
    }
}

/* ---- time ---- */

/* The disk goes on while a process is paused; it hears of it when it is awake. A broken one fails all that is asked. */
static void disk_step(struct world *world, struct actor *actor) {
    uint32_t done = 0;
    bool lies = world->disk_lies;
    if (world->now_ms < actor->awake_ms) {
        return;
    }
    for (uint32_t index = 0; index < actor->write_count && lies && !actor->disk_fails; index++) {
        uint64_t number = actor->writes[index].number;
        if (number > 0) {
            consensus_kept(&actor->consensus, number, true);
        }
    }
    while (done < actor->write_count && actor->writes[done].due_ms <= world->now_ms) {
        struct write write = actor->writes[done++];
        if (!actor->disk_fails) {
            disk_apply(actor, &write);
        }
        if (write.number > 0 && !lies) {
            consensus_kept(&actor->consensus, write.number, !actor->disk_fails);
        }
    }
    actor->write_count -= done;
    memmove(actor->writes, actor->writes + done, actor->write_count * sizeof(*actor->writes));
}

static void deliver(struct world *world, const struct letter *letter) {
    struct actor *to = &world->actors[letter->to];
    if (letter->is_entry) {
        if (letter->word.version == to->chain) {
            advance(world, to, to->chain + 1);
        }
        return;
    }
    struct consensus_word word = letter->word;
    word.entry = view_of_bytes(&letter->entry);
    consensus_receive(&to->consensus, (struct member_index){letter->from}, &word, now(world));
}

static void deliver_due(struct world *world) {
    for (uint32_t index = 0; index < world->letter_count;) {
        struct letter letter = world->letters[index];
        const struct actor *to = &world->actors[letter.to];
        if (letter.due_ms > world->now_ms || (to->is_up && world->now_ms < to->awake_ms)) {
            index++;
            continue;
        }
        world->letters[index] = world->letters[--world->letter_count];
        if (to->is_up) {
            deliver(world, &letter);
            consensus_check(&to->consensus);
        }
    }
}

void world_step(struct world *world) {
    world->now_ms += STEP_MS;
    for (uint32_t node = 0; node < world->node_count; node++) {
        struct actor *actor = &world->actors[node];
        if (!actor->is_up && world->now_ms >= actor->back_ms) {
            start(world, node);
        } else if (actor->is_up) {
            disk_step(world, actor);
        }
        if (actor->is_up && world->now_ms >= actor->awake_ms && world->now_ms >= actor->beat_ms) {
            actor->beat_ms = world->now_ms + BEAT_MS;
            consensus_tick(&actor->consensus, now(world));
            consensus_check(&actor->consensus);
        }
    }
    deliver_due(world);
}

void world_run(struct world *world, uint64_t ms) {
    for (uint64_t end = world->now_ms + ms; world->now_ms < end;) {
        world_step(world);
    }
}

bool world_propose(struct world *world, uint32_t node, struct view entry) {
    struct actor *actor = &world->actors[node];
    if (!actor->is_up || !consensus_propose(&actor->consensus, entry, now(world))) {
        return false;
    }
    actor->has_proposal = true;
    actor->proposed_ms = world->now_ms;
    return true;
}

bool world_is_proposing(const struct world *world) {
    for (uint32_t node = 0; node < world->node_count; node++) {
        if (world->actors[node].has_proposal) {
            return true;
        }
    }
    return false;
}
