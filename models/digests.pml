/*
 * Why the next entry of the chain is chosen by promises and a majority, and not so: each member publishes the set of
 * entries that it knows, and issues none of its own afterwards; whoever sees that all members published the same set
 * has decided that it is what the version holds.
 *
 * With everybody it is safe: who published issues nothing more, so the set cannot grow. EXCUSING one member of three,
 * believed dead, breaks it, though a majority stands on either side: the excused one promised nothing, and another may
 * learn its entry and publish a greater set after the first was decided upon.
 */

#define MEMBERS 3
#define ALL 7
#define HAS(set, i) (((set) >> (i)) & 1)

byte known[MEMBERS];            /* entry i is issued by member i */
byte published[MEMBERS];        /* the set published last, and 128 */
byte seen[MEMBERS * MEMBERS];   /* what member i saw last of member j */
byte decided;

#define HEAR(j) \
    :: d_step { j != i && (known[j] | known[i]) != known[i] -> known[i] = known[i] | known[j] } \
    :: d_step { j != i && seen[i * MEMBERS + j] != published[j] -> seen[i * MEMBERS + j] = published[j] }

#define SAME(i, j) ((j) == (i) || seen[(i) * MEMBERS + (j)] == published[i])
#define DECIDE(without) \
    :: d_step { \
        without != i && published[i] != 0 && (without == 0 || SAME(i, 0)) && (without == 1 || SAME(i, 1)) && \
        (without == 2 || SAME(i, 2)) && decided != published[i] -> \
        assert(decided == 0); \
        decided = published[i] \
    }

proctype member(byte i) {
end:
    do
    :: d_step { published[i] == 0 && !HAS(known[i], i) -> known[i] = known[i] | (1 << i) }
    :: d_step { published[i] != (known[i] | 128) -> published[i] = known[i] | 128 }
    HEAR(0)
    HEAR(1)
    HEAR(2)
    DECIDE(MEMBERS)
#ifdef EXCUSING
    DECIDE(0)
    DECIDE(1)
    DECIDE(2)
#endif
    od
}

init {
    atomic {
        run member(0);
        run member(1);
        run member(2)
    }
}
