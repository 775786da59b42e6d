/*
 * How owners of one partition change while it is read and written.
 *
 * Members know prefixes of one chain of entries (choice.pml models how the next entry is chosen; here that is one
 * step). What a prefix of v entries means is read[v], other[v], phase[v], excused[v] and former[v]. Everything else is
 * asynchronous: a member adopts entries when it likes, messages are lost or late, requests stay open.
 *
 * One write and one read: copies of different writes never meet in the protocol, and a request has no effect on others
 * but that a report waits for its end. So whatever goes wrong with one write among many goes wrong with it alone.
 *
 * Sets of members are masks. `make models` runs the scenarios and mutants of models/scenarios.
 */

#ifndef MEMBERS
#define MEMBERS 4
#endif

/* Placements: who owns, how many acknowledgements make a write, how many answers a read. */
#ifndef OWNERS_A
#define OWNERS_A 7   /* 0 1 2 */
#define W_A 2
#define R_A 2
#endif
#ifndef OWNERS_B
#define OWNERS_B 14  /* 1 2 3 */
#define W_B 2
#define R_B 2
#endif
#ifndef OWNERS_C
#define OWNERS_C OWNERS_B
#define W_C W_B
#define R_C R_B
#endif

/* What the run may do, at most. */
#ifndef CHANGES
#define CHANGES 1
#endif
#ifndef ABORTS
#define ABORTS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef WIPES
#define WIPES 0
#endif
#ifndef EXCUSES
#define EXCUSES 0
#endif
/* Who may be excused, and who may die for good (the others only stop for a while). */
#ifndef SUSPECTS
#define SUSPECTS 0
#endif
#ifndef MORTALS
#define MORTALS 0
#endif

#define VERSIONS (1 + 3 * CHANGES + EXCUSES)

/* Without the read a run is smaller; P1 remains. */
#ifndef READS
#define READS 1
#endif

#define A 0
#define B 1
#define C 2
#define NONE 3

#define REST 0
#define JOINT 1
#define COMMITTED 2

#define UNBORN 0
#define OPEN 1
#define ACKNOWLEDGED 2
#define OVER 3

#define BIT(i) (1 << (i))
#define HAS(set, i) (((set) >> (i)) & 1)
#define COUNT(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3) + HAS(set, 4))
#define WITHOUT(set, i) set = set & (255 - BIT(i))
#define NOT(set) (255 - (set))

/* Constants, by placement. They are no part of the state. */
hidden byte owners[4];
hidden byte write_quorum[4];
hidden byte read_quorum[4];

#define OWNERS(p) owners[p]
#define W(p) write_quorum[p]
#define R(p) read_quorum[p]

/* The chain. */
byte top;
byte read[VERSIONS];
byte other[VERSIONS];
byte phase[VERSIONS];
byte excused[VERSIONS];
byte former[VERSIONS];

/* The members. */
byte version[MEMBERS];
byte shown;     /* who shows the write to those who ask */
byte durable;   /* who would still show it after a crash */
byte informed;  /* whose not having something is an answer */
byte deleted;   /* former owners that are done */
byte filled;    /* who reported filled for the version `top` */
byte compared[MEMBERS];
byte proved[MEMBERS];
byte dead;

/* The requests. */
byte write_state;
byte write_by;
byte write_version;
byte write_acks;
byte read_state;
byte read_by;
byte read_version;
byte read_without;  /* the owners that answered that they do not hold the write */

byte changes = CHANGES;
byte aborts = ABORTS;
byte crashes = CRASHES;
byte excuses = EXCUSES;
bit calm;
#if WIPES
byte wipes = WIPES;
byte renewed = 255;             /* the wiped member, 255 for none */
byte aware;                     /* who knows that it lost its store */
byte recompared;                /* with whom its new store was compared */
#ifdef MUTANT_RELEARNS_ANYWHERE
byte promised;
#endif
#endif

/* Who lost its store and is not whole again. */
#if WIPES
#define WIPED (renewed == 255 || HAS(informed, renewed) -> 0 : BIT(renewed))
#else
#define WIPED 0
#endif

/* --- what members report -------------------------------------------------------------------------------------- */

#ifdef MUTANT_RELEARNS_ANYWHERE
/* What the lost store had reported is still believed. */
#define PROMISED(i, v) (renewed == (i) && promised >= (v))
#else
#define PROMISED(i, v) false
#endif

#define DRAINED(i, v) (PROMISED(i, v) || version[i] >= (v) && \
    !(write_state == OPEN && write_by == (i) && write_version < (v)) && \
    !(read_state == OPEN && read_by == (i) && read_version < (v)))
#define EXCUSED_OR_DRAINED(i, v) (HAS(excused[v], i) || DRAINED(i, v))

#if MEMBERS == 3
#define EACH(STEP) STEP(0) STEP(1) STEP(2)
#define ALL(REPORTED, v) (REPORTED(0, v) && REPORTED(1, v) && REPORTED(2, v))
#elif MEMBERS == 4
#define EACH(STEP) STEP(0) STEP(1) STEP(2) STEP(3)
#define ALL(REPORTED, v) (REPORTED(0, v) && REPORTED(1, v) && REPORTED(2, v) && REPORTED(3, v))
#else
#define EACH(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4)
#define ALL(REPORTED, v) (REPORTED(0, v) && REPORTED(1, v) && REPORTED(2, v) && REPORTED(3, v) && REPORTED(4, v))
#endif

/* What is waited for is always the present version, be it an EXCUSE's: that entry too must be known to all others. */
#ifdef MUTANT_EXCUSE_NOT_DRAINED
#define EXCUSED_OR_DRAINED_BEFORE(i, v) (HAS(excused[v], i) || DRAINED(i, (v) - 1))
#define ALL_DRAINED(v) ((v) > 0 && excused[v] != excused[(v) - 1] -> \
    ALL(EXCUSED_OR_DRAINED_BEFORE, v) : ALL(EXCUSED_OR_DRAINED, v))
#else
#define ALL_DRAINED(v) ALL(EXCUSED_OR_DRAINED, v)
#endif

#define ALL_CLEAN (ALL_DRAINED(top) && (former[top] & NOT(excused[top]) & NOT(deleted)) == 0)

/* --- who serves whom ------------------------------------------------------------------------------------------ */

/* Alive, and not told that all others believe it dead. */
#define SERVES(i) (!HAS(dead, i) && !HAS(excused[version[i]], i))
#define OWNS(i) HAS(OWNERS(read[version[i]]) | OWNERS(other[version[i]]), i)
#define KEEPS(i) (OWNS(i) || (HAS(former[version[i]], i) && !HAS(deleted, i)))

#ifdef MUTANT_HEARS_EXCUSED
#define HEARS(i, sender) true
#else
#define HEARS(i, sender) (!HAS(excused[version[i]], sender))
#endif

/* --- faults --------------------------------------------------------------------------------------------------- */

inline lose_requests(i) {
    if
    :: write_state == OPEN && write_by == i -> write_state = OVER; write_acks = 0
    :: else
    fi;
    if
    :: read_state == OPEN && read_by == i -> end_read()
    :: else
    fi
}

inline end_read() {
    read_state = OVER;
    read_by = 0;
    read_version = 0;
    read_without = 0
}

/* --- the steps of member i ------------------------------------------------------------------------------------ */

/* The guards of d_steps are also what `timeout` looks at: all of a step's condition stands in its first line. */

#ifdef MUTANT_UNION
#define ENOUGH (COUNT(write_acks & (OWNERS(read[write_version]) | OWNERS(other[write_version]))) >= \
    W(read[write_version]))
#else
#define ENOUGH (COUNT(write_acks & OWNERS(read[write_version])) >= W(read[write_version]) && \
    COUNT(write_acks & OWNERS(other[write_version])) >= W(other[write_version]))
#endif

#ifdef MUTANT_JOINT_READS_NEW
#define ASKED(v) (phase[v] == JOINT -> OWNERS(other[v]) : OWNERS(read[v]))
#define ASKED_R(v) (phase[v] == JOINT -> R(other[v]) : R(read[v]))
#else
#define ASKED(v) OWNERS(read[v])
#define ASKED_R(v) R(read[v])
#endif

/* How many owners of the placement read until now must be asked to meet every acknowledged write. */
#ifdef MUTANT_ONE_TOO_FEW
#define TO_COMPARE(v) (COUNT(OWNERS(read[v])) - W(read[v]))
#else
#define TO_COMPARE(v) (COUNT(OWNERS(read[v])) - W(read[v]) + 1)
#endif

#if defined(MUTANT_FILLS_EARLY) || defined(MUTANT_COMMITS_UNDRAINED)
#define MAY_FILL(i) (phase[version[i]] == JOINT)
#else
#define MAY_FILL(i) (phase[version[i]] == JOINT && ALL_DRAINED(version[i]))
#endif

#if WIPES && !defined(MUTANT_FORGETS_OLD_SELF)
/* Whoever may count what was acknowledged by the store that is lost must first know that it is lost. */
#define KNOWN(i) (renewed != (i) || (NOT(aware) & NOT(excused[version[i]]) & (BIT(MEMBERS) - 1)) == 0)
#else
#define KNOWN(i) true
#endif

#define FILL(j) \
    :: d_step { \
        SERVES(i) && MAY_FILL(i) && HAS(OWNERS(other[version[i]]), i) && KNOWN(i) && !HAS(filled, i) && \
        version[i] == top && !HAS(compared[i], j) && HAS(OWNERS(read[version[i]]), j) && HAS(informed, j) && \
        SERVES(j) && KEEPS(j) && HEARS(j, i) && HEARS(i, j) -> \
        compared[i] = compared[i] | BIT(j); \
        if \
        :: HAS(shown, j) && !HAS(durable, i) -> \
            shown = shown | BIT(i); durable = durable | BIT(i); proved[i] = 0 \
        :: else \
        fi; \
        if \
        :: COUNT(compared[i]) >= TO_COMPARE(version[i]) -> \
            filled = filled | BIT(i); informed = informed | BIT(i); compared[i] = 0 \
        :: else \
        fi \
    }

/* An owner of the placement read that lost its store believes itself again after hearing enough others. */
#define REFILL(j) \
    :: d_step { \
        renewed == i && SERVES(i) && KNOWN(i) && !HAS(informed, i) && HAS(OWNERS(read[version[i]]), i) && \
        j != i && !HAS(recompared, j) && HAS(OWNERS(read[version[i]]), j) && HAS(informed, j) && \
        SERVES(j) && KEEPS(j) && HEARS(j, i) && HEARS(i, j) -> \
        recompared = recompared | BIT(j); \
        if \
        :: HAS(shown, j) && !HAS(durable, i) -> shown = shown | BIT(i); durable = durable | BIT(i) \
        :: else \
        fi; \
        if \
        :: COUNT(recompared) >= TO_COMPARE(version[i]) -> informed = informed | BIT(i); recompared = 0 \
        :: else \
        fi \
    }

#ifdef MUTANT_DELETES_EARLY
#define MAY_LEAVE(i) (HAS(former[version[i]], i) && !HAS(deleted, i))
#else
#define MAY_LEAVE(i) (HAS(former[version[i]], i) && !HAS(deleted, i) && ALL_DRAINED(version[i]))
#endif

#ifdef MUTANT_PROVES_UNSYNCED
#define PROOF shown
#else
#define PROOF durable
#endif

/* A former owner sends what the others lack, and takes their word that it is on disk. */
#define LEAVE(j) \
    :: d_step { \
        SERVES(i) && MAY_LEAVE(i) && HAS(OWNERS(read[version[i]]), j) && HAS(shown, i) && !HAS(shown, j) && \
        SERVES(j) && KEEPS(j) && HEARS(j, i) && HEARS(i, j) -> \
        shown = shown | BIT(j); proved[j] = 0; sync_at_once(j) \
    } \
    :: d_step { \
        SERVES(i) && MAY_LEAVE(i) && HAS(OWNERS(read[version[i]]), j) && !HAS(proved[i], j) && \
        (!HAS(shown, i) || HAS(PROOF, j)) && SERVES(j) && KEEPS(j) && HEARS(j, i) && HEARS(i, j) -> \
        proved[i] = proved[i] | BIT(j) \
    }

#ifdef MUTANT_DELETES_UNPROVED
#define ALL_PROVED(i) true
#else
#define ALL_PROVED(i) ((OWNERS(read[version[i]]) & NOT(excused[version[i]]) & NOT(proved[i])) == 0)
#endif

/* P3: what a former owner held is on the disks of all owners that are asked now. */
#define ALL_OWNERS_HOLD ((OWNERS(read[top]) & NOT(excused[top]) & informed & NOT(durable)) == 0)

inline sync_at_once(i) {
#if CRASHES
    skip
#else
    durable = durable | BIT(i)
#endif
}

proctype member(byte i) {
end:
    do
    :: d_step {
        !HAS(dead, i) && version[i] < top && !HAS(excused[version[i]], i) ->
        version[i]++;
        compared[i] = 0;
        proved[i] = 0;
#if WIPES && !defined(MUTANT_MIXES_PLACEMENTS)
        if
        :: renewed == i && read[version[i]] != read[version[i] - 1] -> recompared = 0
        :: else
        fi;
#endif
        if
        :: OWNS(i) -> WITHOUT(deleted, i)
        :: else
        fi
    }

    /* Writing. */
    :: d_step {
        !calm && write_state == UNBORN && SERVES(i) && HAS(OWNERS(read[version[i]]), i) ->
        write_state = OPEN; write_by = i; write_version = version[i]
    }
    /* The message may be as late as it likes: whether anybody still waits for it is not asked. */
    :: d_step {
        !calm && write_state != UNBORN && !HAS(shown, i) && SERVES(i) && KEEPS(i) && HEARS(i, write_by) &&
        HAS(OWNERS(read[write_version]) | OWNERS(other[write_version]), i) ->
        shown = shown | BIT(i); proved[i] = 0; sync_at_once(i)
    }
    :: d_step {
        write_state == OPEN && HAS(durable, i) && !HAS(write_acks, i) && SERVES(i) && KEEPS(i) &&
        HEARS(i, write_by) && HEARS(write_by, i) && !HAS(dead, write_by) &&
        HAS(OWNERS(read[write_version]) | OWNERS(other[write_version]), i) ->
        write_acks = write_acks | BIT(i)
    }
    :: d_step {
        write_state == OPEN && write_by == i && SERVES(i) && ENOUGH ->
        write_state = ACKNOWLEDGED; write_acks = 0
    }
    :: d_step {
        write_state == OPEN && write_by == i && !HAS(dead, i) ->
        write_state = OVER; write_acks = 0
    }
#if CRASHES
    :: d_step { HAS(shown, i) && !HAS(durable, i) && !HAS(dead, i) -> durable = durable | BIT(i) }
#endif

    /* Reading: only what is acknowledged before is owed to a read, and only answers without it can make it fail. */
    :: d_step {
        READS && !calm && read_state == UNBORN && write_state == ACKNOWLEDGED && SERVES(i) &&
        HAS(ASKED(version[i]), i) ->
        read_state = OPEN; read_by = i; read_version = version[i]
    }
    :: d_step {
        read_state == OPEN && !HAS(read_without, i) && !HAS(shown, i) && HAS(informed, i) && SERVES(i) && KEEPS(i) &&
        HEARS(i, read_by) && HEARS(read_by, i) && HAS(ASKED(read_version), i) && !HAS(dead, read_by) ->
        read_without = read_without | BIT(i);
        assert(COUNT(read_without) < ASKED_R(read_version))     /* P2 */
    }
    :: d_step { read_state == OPEN && read_by == i && !HAS(dead, i) -> end_read() }

    /* Moving. */
    EACH(FILL)
    EACH(LEAVE)
    :: d_step {
        SERVES(i) && MAY_LEAVE(i) && ALL_PROVED(i) ->
        assert(!HAS(shown, i) || ALL_OWNERS_HOLD);              /* P3 */
        deleted = deleted | BIT(i);
        WITHOUT(shown, i);
        WITHOUT(durable, i);
        WITHOUT(informed, i);
        proved[i] = 0
    }

    /* Faults. */
#if CRASHES
    :: d_step {
        crashes > 0 && !HAS(dead, i) ->
        crashes--;
        lose_requests(i);
        shown = shown & (NOT(BIT(i)) | durable)
    }
#endif
#if MORTALS
    :: d_step { !calm && HAS(MORTALS, i) && dead == 0 && (excused[top] & NOT(BIT(i))) == 0 -> dead = BIT(i) }
#endif
#if WIPES
    :: d_step {
        /* No more is lost at once than the placements bear: here, one store. */
        !calm && wipes > 0 && SERVES(i) && WIPED == 0 && excused[top] == 0 ->
        wipes--;
#ifdef MUTANT_RELEARNS_ANYWHERE
        promised = (DRAINED(i, top) -> top : (top > 0 && DRAINED(i, top - 1) -> top - 1 : 0));
#endif
        lose_requests(i);
        WITHOUT(shown, i);
        WITHOUT(durable, i);
#ifndef MUTANT_FILLED_SURVIVES
        WITHOUT(informed, i);
#endif
        compared[i] = 0;
        proved[i] = 0;
        renewed = i;
        recompared = 0;
        aware = BIT(i);
#ifdef MUTANT_RELEARNS_ANYWHERE
        version[i] = (version[(i + 1) % MEMBERS] < version[i] -> version[(i + 1) % MEMBERS] : version[i])
#else
        version[i] = top
#endif
    }
    :: d_step {
        renewed != 255 && !HAS(aware, i) && SERVES(i) ->
        aware = aware | BIT(i);
        if
        :: write_state == OPEN && write_by == i -> WITHOUT(write_acks, renewed)
        :: else
        fi;
#ifndef MUTANT_PROOF_SURVIVES
        WITHOUT(proved[i], renewed)
#endif
    }
    /* Its report of filled may be forgotten at once, or outlive it with one who has not heard: both must do. */
    :: d_step { renewed == i && !HAS(informed, i) && HAS(filled, i) -> WITHOUT(filled, i) }
    EACH(REFILL)
#endif
    od
}

/* --- the chain ------------------------------------------------------------------------------------------------ */

inline append(next_read, next_other, next_phase, next_excused, next_former) {
    read[top + 1] = next_read;
    other[top + 1] = next_other;
    phase[top + 1] = next_phase;
    excused[top + 1] = next_excused;
    former[top + 1] = next_former;
    top++;
    filled = 0
}

#if defined(MUTANT_NO_FILL)
#define ALL_FILLED true
#elif defined(MUTANT_STAYING_DO_NOT_FILL)
#define ALL_FILLED ((OWNERS(other[top]) & NOT(OWNERS(read[top])) & NOT(excused[top]) & NOT(filled)) == 0)
#else
#define ALL_FILLED ((OWNERS(other[top]) & NOT(excused[top]) & NOT(filled)) == 0)
#endif

#ifdef MUTANT_COMMITS_UNDRAINED
#define MAY_COMMIT true
#else
#define MAY_COMMIT ALL_DRAINED(top)
#endif

#ifdef MUTANT_DONE_UNDRAINED
#define MAY_DONE true
#else
#define MAY_DONE ALL_DRAINED(top)
#endif

#ifdef MUTANT_CHANGES_UNCLEAN
#define MAY_CHANGE ALL_DRAINED(top)
#else
#define MAY_CHANGE ALL_CLEAN
#endif

/* P5: when a change begins, nobody holds anything but the owners, so nothing that is old comes back with a new one. */
#define LEFT_OVER (shown & NOT(OWNERS(read[top]) | excused[top]))

#define CHANGE(p) \
    :: d_step { \
        changes > 0 && phase[top] == REST && read[top] != p && (OWNERS(p) & (excused[top] | dead)) == 0 && \
        MAY_CHANGE -> \
        changes--; \
        assert(LEFT_OVER == 0); \
        append(read[top], p, JOINT, excused[top], 0) \
    }

/* So many owners may be excused that no quorum, of writes or of reads, consists of them alone. */
#if defined(MUTANT_EXCUSES_TOO_MANY)
#define BEARABLE(p) (W(p) + 1)
#elif defined(MUTANT_EXCUSE_IGNORES_READS)
#define BEARABLE(p) W(p)
#else
#define BEARABLE(p) (W(p) < R(p) -> W(p) : R(p))
#endif
#define BEARS(p, set) ((p) == NONE || COUNT(OWNERS(p) & (set)) < BEARABLE(p))

#define EXCUSE(x) \
    :: d_step { \
        excuses > 0 && HAS(SUSPECTS, x) && !HAS(excused[top], x) && (dead & NOT(BIT(x))) == 0 && \
        BEARS(read[top], excused[top] | BIT(x) | WIPED) && \
        BEARS(other[top], excused[top] | BIT(x)) -> \
        excuses--; \
        append(read[top], other[top], phase[top], excused[top] | BIT(x), former[top]) \
    }

/* P1: of the owners that are asked now, W hold an acknowledged write on disk, but for those excused or wiped. */
#define ENOUGH_COPIES (COUNT(OWNERS(read[top]) & (excused[top] | WIPED | durable)) >= W(read[top]))

/* P4: nothing is left to do, and nothing half done. */
#define QUIET (phase[top] == REST && ALL_CLEAN && (write_state != OPEN || HAS(excused[top], write_by)) && \
    (read_state != OPEN || HAS(excused[top], read_by)))

proctype chain() {
    do
    CHANGE(A)
    CHANGE(B)
#if OWNERS_C != OWNERS_B
    CHANGE(C)
#endif
    :: d_step {
        phase[top] == JOINT && MAY_COMMIT && ALL_FILLED ->
        append(other[top], read[top], COMMITTED, excused[top], 0);
#ifdef MUTANT_NO_FILL
        informed = informed | OWNERS(read[top])
#endif
    }
    :: d_step {
        phase[top] == COMMITTED && MAY_DONE ->
        append(read[top], NONE, REST, excused[top], OWNERS(other[top]) & NOT(OWNERS(read[top])))
    }
#if ABORTS
    :: d_step {
        aborts > 0 && phase[top] == JOINT ->
        aborts--;
        append(read[top], NONE, REST, excused[top], OWNERS(other[top]) & NOT(OWNERS(read[top])))
    }
#ifdef MUTANT_ABORTS_COMMITTED
    :: d_step {
        aborts > 0 && phase[top] == COMMITTED ->
        aborts--;
        append(other[top], NONE, REST, excused[top], OWNERS(read[top]) & NOT(OWNERS(other[top])))
    }
#endif
#endif
#if EXCUSES
    EACH(EXCUSE)
#endif
    :: d_step { write_state == ACKNOWLEDGED && !ENOUGH_COPIES -> assert(false) }
    /* From any state the end must be reached though nothing helps: no request, no fault, no message under way. */
    :: d_step {
        !calm ->
        calm = 1;
        changes = 0;
        aborts = 0;
        crashes = 0;
#if WIPES
        wipes = 0
#endif
    }
    :: timeout -> assert(QUIET); break
    od
}

init {
    d_step {
        owners[A] = OWNERS_A;
        owners[B] = OWNERS_B;
        owners[C] = OWNERS_C;
        write_quorum[A] = W_A;
        write_quorum[B] = W_B;
        write_quorum[C] = W_C;
        read_quorum[A] = R_A;
        read_quorum[B] = R_B;
        read_quorum[C] = R_C;
        read[0] = A;
        other[0] = NONE;
        informed = OWNERS_A
    }
    atomic {
        run chain();
        run member(0);
        run member(1);
        run member(2);
#if MEMBERS > 3
        run member(3);
#endif
#if MEMBERS > 4
        run member(4);
#endif
    }
}
