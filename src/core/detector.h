/* The failure detector: one node's verdict on each of its peers. Pure: it is told the time, random numbers are drawn
 * from a stream of its own, and what it wants leaves through its port. It runs on shard 0 of a node only, and speaks to
 * shard 0 of the peers. A verdict is for people and for what waits on people: it never changes membership (paper
 * section 4.8), and it steers no request: silence of a link does that (core/lane.h).
 *
 * Sources: SWIM (Das, Gupta, Motivala 2002): direct and indirect probes, suspicion, refutation by incarnation.
 * Lifeguard (Dadgar, Phillips, Currey 2017): local health, nacks, suspicion that grows shorter with confirmations.
 * Unlike both, evidence comes first: whatever is heard from a peer spares the probe, so a healthy cluster sends none.
 *
 *                nothing heard for a period,                        nobody refuted it
 *                no direct probe, no indirect                       in time
 *                probe answered
 *       ALIVE -----------------------------------> SUSPECT -------------------------------> DEAD
 *         ^                                           |                                       |
 *         +----- heard, vouched for, or a greater ----+---------------------------------------+
 *                incarnation told
 *
 *      the probe of one peer:
 *
 *       RESTING --nothing heard for a period--> DIRECT --no answer--> INDIRECT --no answer--> RESTING, suspect it
 *          ^                                      |                      |
 *          +---------------- heard or vouched for +----------------------+
 *
 * What holds: nobody is DEAD who was not SUSPECT before, here, for the whole suspicion time: a rumour of death only
 * begins or confirms a suspicion, and not even that about a peer that was heard within a period. All times are
 * multiplied by the local health. After a late tick (this process was away) no timer from before it counts. */
#ifndef GRAMME_CORE_DETECTOR_H
#define GRAMME_CORE_DETECTOR_H

#include "base/rng.h"
#include "ring/ring.h"
#include "version/clock.h"
#include "wire/detector_message.h"

enum {
    DETECTOR_PERIOD_MS = 1000,  /* nothing heard for so long: probe */
    DETECTOR_PROBE_MS = 500,    /* for a direct probe, and again for the indirect ones */
    DETECTOR_RELAY_MS = 300,    /* a helper's patience before it says NACK */
    DETECTOR_SUSPECT_MS = 1300, /* with DETECTOR_HELPERS confirmations; twice as long with none; times log10(n) */
    DETECTOR_AWAY_MS = 500,     /* a tick that is later than this: we were away */
    DETECTOR_HELPERS = 3,       /* indirect probes, and confirmations that count */
    DETECTOR_HEALTH_WORST = 8,  /* times are multiplied by one more */
    DETECTOR_RELAYS = 32,       /* indirect probes for others at one time */
    DETECTOR_TRANSMISSIONS = 3, /* of a rumour, times the binary digits of the member count */
};

enum verdict { VERDICT_ALIVE = RUMOUR_ALIVE, VERDICT_SUSPECT = RUMOUR_SUSPECT, VERDICT_DEAD = RUMOUR_DEAD };

struct detector_rumour {
    struct member_index subject;
    struct member_index accuser;
    enum verdict verdict;
    uint64_t incarnation;
};

/* struct message_probe, with members in place of ids. */
struct detector_word {
    enum message_kind kind;
    uint64_t sequence;
    uint64_t incarnation;
    struct member_index subject;
    uint64_t subject_incarnation;
    uint8_t rumour_count;
    struct detector_rumour rumours[RUMOURS_MOST];
};

struct detector_port {
    void *self;
    /* May be lost, also at once. */
    void (*send)(void *self, struct member_index to, const struct detector_word *word);
    void (*changed)(void *self, struct member_index subject, enum verdict verdict);
};

enum probe_state { PROBE_RESTING, PROBE_DIRECT, PROBE_INDIRECT };

struct detector_peer {
    bool is_absent; /* no member: it is neither probed nor spoken of */
    enum verdict verdict;
    struct instant verdict_since;
    uint64_t incarnation;    /* 0: not known yet */
    struct instant heard;    /* the peer itself; 0 ns: never */
    struct instant evidence; /* heard, vouched for, or a time before which nothing counts */
    enum probe_state probe;
    struct instant probe_until;
    uint64_t probe_sequence;
    uint8_t nacks_awaited;
    /* of a suspicion */
    struct instant suspect_since;
    uint32_t health_then;
    uint8_t accuser_count;
    struct member_index accusers[DETECTOR_HELPERS + 1];
    uint32_t transmissions_left; /* of the rumour about it */
};

struct detector_relay {
    bool is_used;
    struct member_index asker;
    struct member_index subject;
    uint64_t sequence;
    struct instant until;
};

struct detector {
    struct detector_port port;
    struct member_index self;
    uint32_t member_count;       /* peers below it may be members */
    uint32_t present_count;      /* and so many are */
    struct detector_peer *peers; /* borrowed; this node's own holds its incarnation */
    struct rng rng;
    uint64_t next_sequence;
    uint32_t health; /* 0 (good) to DETECTOR_HEALTH_WORST */
    struct instant last_tick;
    struct instant health_eased;
    uint32_t rumour_cursor;
    struct detector_relay relays[DETECTOR_RELAYS];
};

/* `peers` has room for `member_count` and lives as long. The incarnation begins at civil time: greater than that of the
 * run before without a disk to remember it. */
void detector_init(struct detector *detector, struct detector_port port, struct member_index self,
                   uint32_t member_count, struct detector_peer *peers, uint64_t seed, struct instant now,
                   struct wall_time wall);
/* Members came or went: there may be as many as `peers` has room for. */
void detector_set_present(struct detector *detector, struct member_index member, bool is_present, struct instant now);
/* Every 100 ms or so. */
void detector_tick(struct detector *detector, struct instant now);
/* Anything at all came from the peer. */
void detector_heard(struct detector *detector, struct member_index from, struct instant now);
void detector_receive(struct detector *detector, struct member_index from, const struct detector_word *word,
                      struct instant now);

#endif
