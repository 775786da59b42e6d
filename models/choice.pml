/*
 * How the next entry of the chain is chosen: by single-decree Paxos among the voters, once per version.
 *
 * Messages are kept for ever and may be read at any time, more than once, or never: so each is lost, late and doubled
 * in some run. Proposers keep nothing: one that crashed is one that takes no more steps. Ballot b belongs to proposer
 * b % 2, who proposes entry 1 + b % 2 unless it must adopt another. A ballot is used once: see MUTANT_USES_AGAIN. The
 * lowest needs no promises.
 */

#ifndef VERSIONS
#define VERSIONS 1
#endif
#ifndef BALLOTS
#define BALLOTS 4
#endif
/* How often a disk is lost, one after the other or at once, and whose: voters are alike, so one can stand for all. */
#ifndef WIPES
#define WIPES 0
#endif
#ifndef WIPED
#define WIPED 1
#endif

#define VOTERS 3
#define HAS(set, i) (((set) >> (i)) & 1)
#define COUNT(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2))
#define MAJORITY 2

/* One row per version and ballot; version v, counted from 1, has the rows from (v - 1) * BALLOTS on. */
#define ROWS (VERSIONS * BALLOTS)
#define ROW(v, b) (((v) - 1) * BALLOTS + (b) - 1)

/* Messages: who promised the ballot, and what each said it had accepted before; what is proposed; who accepted it. */
byte promised_by[ROWS];
byte said_ballot[ROWS * VOTERS];
byte proposed[ROWS];
byte accepted_by[ROWS];

/* What a voter has on its disk, per version: the greatest ballot promised, and the greatest accepted. */
byte promised[VERSIONS * VOTERS];
byte accepted[VERSIONS * VOTERS];
byte adopted[VOTERS];           /* so many entries are known to it to be chosen */
byte chosen[VERSIONS];

#define CELL(v, a) (((v) - 1) * VOTERS + (a))

#if WIPES
#define NEVER 255
byte wipes = WIPES;
byte floor[VOTERS];             /* votes only for greater versions; NEVER while nobody told it enough */
byte told[VOTERS];              /* who told it, since it lost its disk, how far it has come itself */
byte farthest[VOTERS];
#define VOTES(v, a) (adopted[a] >= (v) - 1 && floor[a] != NEVER && floor[a] < (v))
#else
#define VOTES(v, a) (adopted[a] >= (v) - 1)
#endif

/* With CONTEND_LAST only the last version sees more than one ballot: the others are there to be chosen and learned. */
#ifdef CONTEND_LAST
#define EARLIER(STEP, v, b)
#else
#define EARLIER(STEP, v, b) STEP(v, b)
#endif
#if VERSIONS == 1
#define FIRST(STEP) STEP(1, 1)
#define EACH_VERSION(STEP, b) STEP(1, b)
#elif VERSIONS == 2
#define FIRST(STEP) STEP(1, 1) STEP(2, 1)
#define EACH_VERSION(STEP, b) EARLIER(STEP, 1, b) STEP(2, b)
#else
#define FIRST(STEP) STEP(1, 1) STEP(2, 1) STEP(3, 1)
#define EACH_VERSION(STEP, b) EARLIER(STEP, 1, b) EARLIER(STEP, 2, b) STEP(3, b)
#endif
#if BALLOTS == 2
#define EACH(STEP) FIRST(STEP) EACH_VERSION(STEP, 2)
#elif BALLOTS == 3
#define EACH(STEP) FIRST(STEP) EACH_VERSION(STEP, 2) EACH_VERSION(STEP, 3)
#else
#define EACH(STEP) FIRST(STEP) EACH_VERSION(STEP, 2) EACH_VERSION(STEP, 3) EACH_VERSION(STEP, 4)
#endif

/* The voter that accepted under the greatest ballot decides what may be proposed. */
inline propose(v, b) {
    highest = 0;
    a = 0;
    do
    :: a < VOTERS ->
        if
        :: HAS(promised_by[ROW(v, b)], a) && said_ballot[ROW(v, b) * VOTERS + a] > highest ->
            highest = said_ballot[ROW(v, b) * VOTERS + a]
        :: else
        fi;
        a++
    :: else -> break
    od;
#ifdef MUTANT_PROPOSES_OWN
    highest = 0;
#endif
    proposed[ROW(v, b)] = (highest > 0 -> proposed[ROW(v, highest)] : 1 + (b) % 2);
    highest = 0;
    a = 0
}

#ifdef MUTANT_USES_AGAIN
/* It crashed, forgot that the ballot was used, and its client wants something else now. */
#define USE_AGAIN(v, b) :: d_step { proposed[ROW(v, b)] == 1 + (b) % 2 && !used_again -> \
    used_again = 1; proposed[ROW(v, b)] = 2 - (b) % 2 }
bit used_again;
#else
#define USE_AGAIN(v, b)
#endif

#ifdef MUTANT_MINORITY
#define PROMISES 1
#else
#define PROMISES MAJORITY
#endif

#define PROPOSE(v, b) \
    :: d_step { \
        proposed[ROW(v, b)] == 0 && ((b) == 1 || COUNT(promised_by[ROW(v, b)]) >= PROMISES) -> propose(v, b) \
    } \
    USE_AGAIN(v, b)

proctype proposers() {
    byte highest, a;
end:
    do
    EACH(PROPOSE)
    od
}

#ifdef MUTANT_ACCEPTS_OLDER
#define ACCEPTABLE(v, b) true
#else
#define ACCEPTABLE(v, b) (promised[CELL(v, i)] <= (b))
#endif

/* A voter answers a ballot that it has not promised to refuse. */
#define VOTE(v, b) \
    :: d_step { \
        (b) > 1 && VOTES(v, i) && promised[CELL(v, i)] < (b) && !HAS(promised_by[ROW(v, b)], i) -> \
        promised[CELL(v, i)] = b; \
        said_ballot[ROW(v, b) * VOTERS + i] = accepted[CELL(v, i)]; \
        promised_by[ROW(v, b)] = promised_by[ROW(v, b)] | (1 << i) \
    } \
    :: d_step { \
        VOTES(v, i) && proposed[ROW(v, b)] != 0 && ACCEPTABLE(v, b) && accepted[CELL(v, i)] < (b) && \
        !HAS(accepted_by[ROW(v, b)], i) -> \
        promised[CELL(v, i)] = b; \
        accepted[CELL(v, i)] = b; \
        accepted_by[ROW(v, b)] = accepted_by[ROW(v, b)] | (1 << i); \
        if \
        :: COUNT(accepted_by[ROW(v, b)]) >= MAJORITY -> \
            assert(chosen[(v) - 1] == 0 || chosen[(v) - 1] == proposed[ROW(v, b)]); \
            chosen[(v) - 1] = proposed[ROW(v, b)] \
        :: else \
        fi \
    }

#if WIPES
/*
 * How far a voter has come: the greatest version for which it has accepted something, or may have with a disk that is
 * lost. That it has adopted version v says less: v may be chosen, and one voter may be voting for v + 1, while all
 * others have only accepted v.
 */
inline look_how_far(j) {
    far = 0;
    v = 1;
    do
    :: v <= VERSIONS ->
        if
        :: accepted[CELL(v, j)] > 0 -> far = v
        :: else
        fi;
        v++
    :: else -> break
    od;
#ifdef MUTANT_TELLS_ADOPTED
    far = 0;
#endif
    far = (adopted[j] > far -> adopted[j] : far);
#ifndef MUTANT_TELLS_NOT_ITS_FLOOR
    far = (floor[j] > far -> floor[j] : far);
#endif
    v = 0
}

/* With the store that is lost it may have voted for the version after that, and for none later. */
#ifdef MUTANT_ABSTAINS_TOO_LITTLE
#define BEYOND 0
#else
#define BEYOND 1
#endif

/* It counts what it is told in answer to the question that it asked after the loss, nothing heard before. */
#ifdef MUTANT_HEARD_BEFORE
#define ASKS(i) true
#else
#define ASKS(i) (floor[i] == NEVER)
#endif

#define TELL(j) \
    :: d_step { \
        j != i && ASKS(i) && !HAS(told[i], j) && floor[j] != NEVER -> \
        look_how_far(j); \
        farthest[i] = (far > farthest[i] -> far : farthest[i]); \
        told[i] = told[i] | (1 << j); \
        far = 0; \
        if \
        :: floor[i] == NEVER && COUNT(told[i]) >= MAJORITY -> \
            floor[i] = farthest[i] + BEYOND; \
            told[i] = 0; \
            farthest[i] = 0 \
        :: else \
        fi \
    }

inline wipe(j) {
    v = 1;
    do
    :: v <= VERSIONS ->
        promised[CELL(v, j)] = 0;
        accepted[CELL(v, j)] = 0;
        v++
    :: else -> break
    od;
    v = 0;
    adopted[j] = 0;
#ifdef MUTANT_VOTES_AT_ONCE
    floor[j] = 0;
#else
    floor[j] = NEVER;
#endif
#ifdef MUTANT_HEARD_BEFORE
    floor[j] = (COUNT(told[j]) >= MAJORITY -> farthest[j] + BEYOND : NEVER)
#else
    told[j] = 0;
    farthest[j] = 0
#endif
}
#endif

proctype voter(byte i) {
#if WIPES
    byte v, far;
#endif
end:
    do
    EACH(VOTE)
    :: d_step { adopted[i] < VERSIONS && chosen[adopted[i]] != 0 -> adopted[i]++ }
#if WIPES
    TELL(0)
    TELL(1)
    TELL(2)
    :: d_step { wipes > 0 && HAS(WIPED, i) -> wipes--; wipe(i) }
#endif
    od
}

init {
    atomic {
        run proposers();
        run voter(0);
        run voter(1);
        run voter(2)
    }
}
