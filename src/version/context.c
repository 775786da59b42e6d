#include "version/context.h"

#include "base/ensure.h"

/* A run of dots in ascending order that is being consumed. */
struct cursor {
    const struct dot *at;
    const struct dot *end;
};

static struct cursor cursor_of(const struct dot *dots, uint32_t count) {
    return (struct cursor){dots, count == 0 ? dots : dots + count};
}

static bool cursor_is_at(const struct cursor *cursor, uint64_t actor) {
    return cursor->at != cursor->end && cursor->at->actor == actor;
}

/* The first position whose dot is not less than `dot`. */
static uint32_t lower_bound(const struct dot *dots, uint32_t count, struct dot dot) {
    uint32_t low = 0;
    while (count > 0) {
        uint32_t half = count / 2;
        if (dot_compare(dots[low + half], dot) < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static struct hybrid_time later(struct hybrid_time a, struct hybrid_time b) {
    return a.value >= b.value ? a : b;
}

bool context_vector_covers(const struct context *context, struct dot dot) {
    uint32_t at = lower_bound(context->vector, context->vector_count, (struct dot){dot.actor, 0});
    return at < context->vector_count && context->vector[at].actor == dot.actor && context->vector[at].n >= dot.n;
}

bool context_contains(const struct context *context, struct dot dot) {
    if (context_vector_covers(context, dot)) {
        return true;
    }
    uint32_t at = lower_bound(context->detached, context->detached_count, dot);
    return at < context->detached_count && dot_equal(context->detached[at], dot);
}

bool context_is_empty(const struct context *context) {
    return context->vector_count == 0 && context->detached_count == 0;
}

bool context_covered_by(const struct context *a, const struct context *b) {
    /* b is canonical, so its detached dots never continue its vector: an entry of a is covered by b's vector or not
     * at all. */
    uint32_t other = 0;
    for (uint32_t i = 0; i < a->vector_count; i++) {
        while (other < b->vector_count && b->vector[other].actor < a->vector[i].actor) {
            other++;
        }
        if (other == b->vector_count || b->vector[other].actor != a->vector[i].actor ||
            b->vector[other].n < a->vector[i].n) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->detached_count; i++) {
        if (!context_contains(b, a->detached[i])) {
            return false;
        }
    }
    return true;
}

static bool dots_equal(const struct dot *a, uint32_t a_count, const struct dot *b, uint32_t b_count) {
    return a_count == b_count && (a_count == 0 || a == b || memcmp(a, b, sizeof(*a) * a_count) == 0);
}

static bool resets_equal(const struct context *a, const struct context *b) {
    bool is_equal = a->reset_count == b->reset_count;
    for (uint32_t i = 0; is_equal && a->resets != b->resets && i < a->reset_count; i++) {
        is_equal = dot_equal(a->resets[i].dot, b->resets[i].dot) && a->resets[i].sum == b->resets[i].sum;
    }
    return is_equal;
}

bool context_equal(const struct context *a, const struct context *b) {
    return resets_equal(a, b) && dots_equal(a->vector, a->vector_count, b->vector, b->vector_count) &&
           dots_equal(a->detached, a->detached_count, b->detached, b->detached_count);
}

static bool resets_are_valid(const struct context *context) {
    for (uint32_t i = 0; i < context->reset_count; i++) {
        struct dot dot = context->resets[i].dot;
        bool is_in_order = i == 0 || context->resets[i - 1].dot.actor < dot.actor;
        if (!is_in_order || dot.n == 0 || !context_vector_covers(context, dot)) {
            return false;
        }
    }
    return true;
}

bool context_is_valid(const struct context *context) {
    for (uint32_t i = 0; i < context->vector_count; i++) {
        struct dot entry = context->vector[i];
        if (entry.actor == 0 || entry.n == 0 || (i > 0 && context->vector[i - 1].actor >= entry.actor)) {
            return false;
        }
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < context->detached_count; i++) {
        struct dot dot = context->detached[i];
        if (dot.actor == 0 || (i > 0 && dot_compare(context->detached[i - 1], dot) >= 0)) {
            return false;
        }
        while (at < context->vector_count && context->vector[at].actor < dot.actor) {
            at++;
        }
        bool has_entry = at < context->vector_count && context->vector[at].actor == dot.actor;
        uint64_t covered = has_entry ? context->vector[at].n : 0;
        if (dot.n <= covered || dot.n - covered == 1) {
            return false;
        }
    }
    return resets_are_valid(context);
}

/* Both vectors, and dots that stand alone, on their way into one canonical context. */
struct joining {
    struct cursor vectors[2];
    struct cursor detached[2];
    struct dot *vector; /* written so far */
    struct dot *alone;
    uint32_t vector_count;
    uint32_t alone_count;
};

static bool joining_next_actor(const struct joining *joining, uint64_t *ret_actor) {
    const struct cursor *cursors[] = {&joining->vectors[0], &joining->vectors[1], &joining->detached[0],
                                      &joining->detached[1]};
    bool found = false;
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        if (cursors[i]->at != cursors[i]->end && (!found || cursors[i]->at->actor < *ret_actor)) {
            *ret_actor = cursors[i]->at->actor;
            found = true;
        }
    }
    return found;
}

/* Takes the least detached dot of the actor from whichever side has it. */
static bool joining_take_detached(struct joining *joining, uint64_t actor, uint64_t *ret_n) {
    bool first = cursor_is_at(&joining->detached[0], actor);
    bool second = cursor_is_at(&joining->detached[1], actor);
    if (!first && !second) {
        return false;
    }
    struct cursor *from = first && (!second || joining->detached[0].at->n <= joining->detached[1].at->n)
                              ? &joining->detached[0]
                              : &joining->detached[1];
    *ret_n = from->at->n;
    from->at++;
    return true;
}

/* Ascending, so a dot that closes the gap to the vector is folded in before its successor asks the same. */
static void joining_take_actor(struct joining *joining, uint64_t actor) {
    ENSURE(actor != 0);
    uint64_t covered = 0;
    for (size_t side = 0; side < 2; side++) {
        for (struct cursor *cursor = &joining->vectors[side]; cursor_is_at(cursor, actor); cursor->at++) {
            covered = cursor->at->n > covered ? cursor->at->n : covered;
        }
    }
    uint64_t last_alone = 0;
    uint64_t n = 0;
    while (joining_take_detached(joining, actor, &n)) {
        if (n <= covered || n == last_alone) {
            continue;
        }
        if (n - covered == 1) {
            covered = n;
            continue;
        }
        joining->alone[joining->alone_count++] = (struct dot){actor, n};
        last_alone = n;
    }
    if (covered > 0) {
        joining->vector[joining->vector_count++] = (struct dot){actor, covered};
    }
}

static uint32_t join_vectors(struct cursor a, struct cursor b, struct dot *joined) {
    uint32_t count = 0;
    while (a.at != a.end && b.at != b.end) {
        if (a.at->actor == b.at->actor) {
            joined[count++] = a.at->n >= b.at->n ? *a.at : *b.at;
            a.at++;
            b.at++;
        } else if (a.at->actor < b.at->actor) {
            joined[count++] = *a.at++;
        } else {
            joined[count++] = *b.at++;
        }
    }
    while (a.at != a.end) {
        joined[count++] = *a.at++;
    }
    while (b.at != b.end) {
        joined[count++] = *b.at++;
    }
    return count;
}

static struct context join_all(struct cursor vectors[2], struct cursor detached[2], struct hybrid_time greatest,
                               struct arena *arena) {
    size_t alone_most = (size_t)(detached[0].end - detached[0].at) + (size_t)(detached[1].end - detached[1].at);
    size_t vector_most =
        alone_most + (size_t)(vectors[0].end - vectors[0].at) + (size_t)(vectors[1].end - vectors[1].at);
    struct joining joining = {
        .vectors = {vectors[0], vectors[1]},
        .detached = {detached[0], detached[1]},
        .vector = ARENA_ARRAY(arena, struct dot, vector_most),
        .alone = ARENA_ARRAY(arena, struct dot, alone_most),
    };
    uint64_t actor = 0;
    while (joining_next_actor(&joining, &actor)) {
        joining_take_actor(&joining, actor);
    }
    return (struct context){
        .vector = joining.vector,
        .detached = joining.alone,
        .vector_count = joining.vector_count,
        .detached_count = joining.alone_count,
        .greatest = greatest,
    };
}

static struct context join_events(const struct context *a, const struct context *b, struct arena *arena) {
    struct hybrid_time greatest = later(a->greatest, b->greatest);
    const struct context *whole = context_is_empty(b) || context_equal(a, b) ? a : context_is_empty(a) ? b : NULL;
    if (whole != NULL) {
        struct context joined = *whole;
        joined.greatest = greatest;
        return joined;
    }
    struct cursor vectors[2] = {cursor_of(a->vector, a->vector_count), cursor_of(b->vector, b->vector_count)};
    if (a->detached_count + b->detached_count == 0) {
        struct dot *joined = ARENA_ARRAY(arena, struct dot, (size_t)a->vector_count + b->vector_count);
        uint32_t count = join_vectors(vectors[0], vectors[1], joined);
        return (struct context){.vector = joined, .vector_count = count, .greatest = greatest};
    }
    struct cursor detached[2] = {cursor_of(a->detached, a->detached_count), cursor_of(b->detached, b->detached_count)};
    return join_all(vectors, detached, greatest, arena);
}

/* Of an actor with two resets the later one holds. What an actor had added by an event is one number, so only where a
 * node is broken do two sums stand at one event: even then all joins agree. */
static bool reset_wins(const struct reset *a, const struct reset *b) {
    return a->dot.n != b->dot.n ? a->dot.n > b->dot.n : a->sum >= b->sum;
}

struct context context_reset(const struct context *context, const struct reset *resets, uint32_t count,
                             struct arena *arena) {
    if (count == 0) {
        return *context;
    }
    struct reset *joined = ARENA_ARRAY(arena, struct reset, (size_t)context->reset_count + count);
    uint32_t joined_count = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < context->reset_count || j < count) {
        const struct reset *ours = i < context->reset_count ? &context->resets[i] : NULL;
        const struct reset *theirs = j < count ? &resets[j] : NULL;
        bool is_ours = theirs == NULL || (ours != NULL && ours->dot.actor <= theirs->dot.actor);
        bool is_theirs = ours == NULL || (theirs != NULL && theirs->dot.actor <= ours->dot.actor);
        bool takes_ours = is_ours && (!is_theirs || reset_wins(ours, theirs));
        joined[joined_count++] = takes_ours ? *ours : *theirs;
        i += is_ours ? 1 : 0;
        j += is_theirs ? 1 : 0;
    }
    struct context result = *context;
    result.resets = joined;
    result.reset_count = joined_count;
    return result;
}

struct context context_join(const struct context *a, const struct context *b, struct arena *arena) {
    struct context joined = join_events(a, b, arena);
    if (a->reset_count + b->reset_count == 0) {
        return joined;
    }
    joined.resets = a->resets;
    joined.reset_count = a->reset_count;
    return context_reset(&joined, b->resets, b->reset_count, arena);
}

const struct reset *context_reset_of(const struct context *context, uint64_t actor) {
    uint32_t low = 0;
    uint32_t high = context->reset_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (context->resets[middle].dot.actor < actor) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < context->reset_count && context->resets[low].dot.actor == actor;
    return is_there ? &context->resets[low] : NULL;
}

struct context context_until(const struct context *context, struct dot dot, struct arena *arena) {
    struct context left = *context;
    struct dot *vector = ARENA_ARRAY(arena, struct dot, context->vector_count);
    struct dot *detached = ARENA_ARRAY(arena, struct dot, context->detached_count);
    struct reset *resets = ARENA_ARRAY(arena, struct reset, context->reset_count);
    left.detached_count = 0;
    left.reset_count = 0;
    for (uint32_t i = 0; i < context->vector_count; i++) {
        bool is_later = context->vector[i].actor == dot.actor && context->vector[i].n > dot.n;
        vector[i] = is_later ? dot : context->vector[i];
    }
    for (uint32_t i = 0; i < context->detached_count; i++) {
        if (context->detached[i].actor != dot.actor || context->detached[i].n <= dot.n) {
            detached[left.detached_count++] = context->detached[i];
        }
    }
    for (uint32_t i = 0; i < context->reset_count; i++) {
        if (context->resets[i].dot.actor != dot.actor || context->resets[i].dot.n <= dot.n) {
            resets[left.reset_count++] = context->resets[i];
        }
    }
    left.vector = vector;
    left.detached = detached;
    left.resets = resets;
    return left;
}

struct context context_forget(const struct context *context, uint64_t actor, struct arena *arena) {
    struct dot *vector = ARENA_ARRAY(arena, struct dot, context->vector_count);
    struct reset *resets = ARENA_ARRAY(arena, struct reset, context->reset_count);
    struct context left = *context;
    left.vector = vector;
    left.resets = resets;
    left.vector_count = 0;
    left.reset_count = 0;
    for (uint32_t i = 0; i < context->vector_count; i++) {
        if (context->vector[i].actor != actor) {
            vector[left.vector_count++] = context->vector[i];
        }
    }
    for (uint32_t i = 0; i < context->reset_count; i++) {
        if (context->resets[i].dot.actor != actor) {
            resets[left.reset_count++] = context->resets[i];
        }
    }
    return left;
}

/* The usual event: the next of its actor, in a context without detached dots, at its place in the vector. */
static struct context add_next(const struct context *context, struct dot dot, uint32_t place, struct arena *arena) {
    struct dot *vector = ARENA_ARRAY(arena, struct dot, (size_t)context->vector_count + 1);
    uint32_t rest = dot.n == 1 ? place : place + 1;
    if (place > 0) {
        memcpy(vector, context->vector, sizeof(*vector) * place);
    }
    vector[place] = dot;
    if (rest < context->vector_count) {
        memcpy(vector + place + 1, context->vector + rest, sizeof(*vector) * (context->vector_count - rest));
    }
    struct context added = *context;
    added.vector = vector;
    added.vector_count = place + 1 + context->vector_count - rest;
    return added;
}

struct context context_add(const struct context *context, struct dot dot, struct arena *arena) {
    ENSURE(dot.actor != 0 && dot.n != 0);
    if (context->detached_count == 0) {
        uint32_t place = lower_bound(context->vector, context->vector_count, (struct dot){dot.actor, 0});
        bool has_entry = place < context->vector_count && context->vector[place].actor == dot.actor;
        if (has_entry ? dot.n - 1 == context->vector[place].n : dot.n == 1) {
            return add_next(context, dot, place, arena);
        }
    }
    struct cursor vectors[2] = {cursor_of(context->vector, context->vector_count), cursor_of(NULL, 0)};
    struct cursor detached[2] = {cursor_of(context->detached, context->detached_count), cursor_of(&dot, 1)};
    struct context added = join_all(vectors, detached, context->greatest, arena);
    added.resets = context->resets;
    added.reset_count = context->reset_count;
    return added;
}

static void sift_down(struct dot *dots, size_t root, size_t count) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && dot_compare(dots[child], dots[child + 1]) < 0) {
            child++;
        }
        if (dot_compare(dots[root], dots[child]) >= 0) {
            return;
        }
        struct dot swap = dots[root];
        dots[root] = dots[child];
        dots[child] = swap;
        root = child;
    }
}

/* A copy in ascending order. A heap sort: no worst case for a stranger to find, and no malloc, which qsort() may do. */
static struct cursor sorted_copy(const struct dot *dots, uint32_t count, struct arena *arena) {
    struct dot *copy = ARENA_ARRAY(arena, struct dot, count);
    if (count > 0) {
        memcpy(copy, dots, sizeof(*copy) * count);
    }
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(copy, root, count);
    }
    for (size_t left = count; left-- > 1;) {
        struct dot greatest = copy[0];
        copy[0] = copy[left];
        copy[left] = greatest;
        sift_down(copy, 0, left);
    }
    return cursor_of(copy, count);
}

struct context context_normalise(const struct dot *vector, uint32_t vector_count, const struct dot *detached,
                                 uint32_t detached_count, struct hybrid_time greatest, struct arena *arena) {
    struct cursor vectors[2] = {sorted_copy(vector, vector_count, arena), cursor_of(NULL, 0)};
    struct cursor alone[2] = {sorted_copy(detached, detached_count, arena), cursor_of(NULL, 0)};
    return join_all(vectors, alone, greatest, arena);
}
