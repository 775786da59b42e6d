#include "ring/fold.h"

#include "ring/memory.h"
#include "ring/walk.h"

#include "base/limits.h"

static uint32_t least(uint32_t a, size_t b) {
    return b < a ? (uint32_t)b : a;
}

/* ---- memory ---- */

static size_t list_names(const struct fold *fold) {
    return (size_t)fold->options.partition_count * LIMIT_REPLICAS;
}

static struct fold_lists lists_new(const struct fold *fold) {
    return (struct fold_lists){
        .names = ZEROED(uint16_t, list_names(fold)),
        .counts = ZEROED(uint8_t, fold->options.partition_count),
    };
}

static struct fold_lists lists_copy(const struct fold *fold, const struct fold_lists *from) {
    return (struct fold_lists){
        .names = COPY_OF(uint16_t, from->names, list_names(fold)),
        .counts = COPY_OF(uint8_t, from->counts, fold->options.partition_count),
    };
}

static void lists_free(struct fold_lists *lists) {
    free(lists->names);
    free(lists->counts);
}

void fold_init(struct fold *fold, struct ring_options options) {
    *fold = (struct fold){
        .options = options,
        .leaving = ZEROED(struct member, 0),
        .excused = ZEROED(struct node_id, 0),
        .names = ZEROED(struct node_id, 0),
        .marks = ZEROED(uint64_t, options.partition_count),
    };
    fold->read_owners = lists_new(fold);
    fold->other_owners = lists_new(fold);
    placement_init(&fold->read, options.partition_count, options.replica_count, 0);
}

void fold_copy(struct fold *to, const struct fold *from) {
    *to = *from;
    to->leaving = COPY_OF(struct member, from->leaving, from->read.seat_count);
    to->excused = COPY_OF(struct node_id, from->excused, from->excused_count);
    to->names = COPY_OF(struct node_id, from->names, from->name_count);
    to->marks = COPY_OF(uint64_t, from->marks, from->options.partition_count);
    to->read_owners = lists_copy(from, &from->read_owners);
    to->other_owners = lists_copy(from, &from->other_owners);
    placement_copy(&to->read, &from->read);
    if (from->other.member_count > 0) {
        placement_copy(&to->other, &from->other);
    }
}

/* For all that may come or be excused in the entries to be folded. */
static void make_room(struct fold *fold, const struct membership *log) {
    size_t joins = 0;
    size_t excuses = 0;
    for (size_t i = 0; i < log->count; i++) {
        bool is_new = log->events[i].lamport > fold->version;
        joins += is_new && log->events[i].kind == MEMBERSHIP_JOIN;
        excuses += is_new && log->events[i].kind == MEMBERSHIP_EXCUSE;
    }
    size_t before = fold->read.seat_count;
    size_t seats = before + joins < LIMIT_MEMBERS ? before + joins : LIMIT_MEMBERS;
    placement_grow(&fold->read, seats);
    if (fold->other.member_count > 0) {
        placement_grow(&fold->other, seats);
    }
    fold->leaving = GROWN(struct member, fold->leaving, before, seats);
    fold->excused = GROWN(struct node_id, fold->excused, fold->excused_count, fold->excused_count + excuses);
    fold->names = GROWN(struct node_id, fold->names, fold->name_count, fold->name_count + joins);
}

void fold_release(struct fold *fold) {
    placement_release(&fold->read);
    placement_release(&fold->other);
    lists_free(&fold->read_owners);
    lists_free(&fold->other_owners);
    free(fold->leaving);
    free(fold->excused);
    free(fold->names);
    free(fold->marks);
}

/* ---- marks ---- */

static uint16_t name_of(struct fold *fold, struct node_id id) {
    size_t at = 0;
    while (at < fold->name_count && !node_id_equal(fold->names[at], id)) {
        at++;
    }
    if (at == fold->name_count) {
        fold->names[fold->name_count++] = id;
    }
    return (uint16_t)at;
}

static void name_seats(struct fold *fold, struct placement *placement) {
    for (size_t i = 0; i < placement->member_count; i++) {
        struct seat *seat = &placement->seats[placement->by_id[i]];
        seat->name = seat->name != 0 ? seat->name : (uint16_t)(name_of(fold, seat->member.id) + 1);
    }
}

static void list_owners(struct fold *fold, struct placement *placement, struct fold_lists *lists) {
    uint32_t count = least(placement->replica_count, placement->member_count);
    uint16_t owners[LIMIT_REPLICAS];
    struct walk walk;
    name_seats(fold, placement);
    walk_init(&walk, placement);
    while (walk_back(&walk)) {
        walk_list(&walk, owners, count);
        uint16_t *list = &lists->names[(size_t)walk.partition * LIMIT_REPLICAS];
        for (uint32_t i = 0; i < count; i++) {
            list[i] = (uint16_t)(placement->seats[owners[i]].name - 1);
        }
        lists->counts[walk.partition] = (uint8_t)count;
    }
    walk_release(&walk);
}

static bool lists_agree(const struct fold_lists *a, const struct fold_lists *b, uint32_t partition) {
    size_t at = (size_t)partition * LIMIT_REPLICAS;
    return a->counts[partition] == b->counts[partition] &&
           memcmp(&a->names[at], &b->names[at], a->counts[partition] * sizeof(*a->names)) == 0;
}

/* Partitions that now have other owners, or other ones beside them, than before this entry. */
static void mark(struct fold *fold, uint64_t lamport) {
    struct fold_lists read = lists_new(fold);
    struct fold_lists other = lists_new(fold);
    if (fold->read.member_count > 0) {
        list_owners(fold, &fold->read, &read);
    }
    if (fold->other.member_count > 0) {
        name_seats(fold, &fold->other); /* in the order of the log, whichever versions are folded */
    }
    if (fold->phase == RING_JOINT || fold->phase == RING_COMMITTED) {
        list_owners(fold, &fold->other, &other);
    }
    for (uint32_t i = 0; i < fold->options.partition_count; i++) {
        if (lists_agree(&read, &other, i)) {
            other.counts[i] = 0;
        }
        if (!lists_agree(&read, &fold->read_owners, i) || !lists_agree(&other, &fold->other_owners, i)) {
            fold->marks[i] = lamport;
        }
    }
    lists_free(&fold->read_owners);
    lists_free(&fold->other_owners);
    fold->read_owners = read;
    fold->other_owners = other;
}

/* ---- entries ---- */

struct entry {
    const struct membership_event *events;
    size_t count;
};

static bool entry_has(const struct entry *entry, enum membership_kind kind) {
    bool has = false;
    for (size_t i = 0; i < entry->count; i++) {
        has = has || entry->events[i].kind == kind;
    }
    return has;
}

static bool placement_has(const struct placement *placement, struct node_id id) {
    for (size_t i = 0; i < placement->member_count; i++) {
        if (node_id_equal(placement->seats[placement->by_id[i]].member.id, id)) {
            return true;
        }
    }
    return false;
}

/* Members of the one placement that the other hasn't: they go as soon as they hold nothing any more. */
static void note_leaving(struct fold *fold, const struct placement *before, const struct placement *after) {
    fold->leaving_count = 0;
    for (size_t i = 0; i < before->member_count; i++) {
        const struct member *member = &before->seats[before->by_id[i]].member;
        if (!placement_has(after, member->id)) {
            fold->leaving[fold->leaving_count++] = *member;
        }
    }
}

/* Another N first: who comes is seated by it. */
static bool apply_changes(struct placement *placement, const struct entry *entry) {
    bool fits = true;
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->events[i].kind == MEMBERSHIP_REPLICAS) {
            fits = fits && placement_apply(placement, &entry->events[i]);
        }
    }
    for (size_t i = 0; fits && i < entry->count; i++) {
        if (entry->events[i].kind != MEMBERSHIP_REPLICAS) {
            fits = placement_apply(placement, &entry->events[i]);
        }
    }
    return fits;
}

static bool begin_move(struct fold *fold, const struct entry *entry) {
    if (fold->phase != RING_REST) {
        return true;
    }
    placement_copy(&fold->other, &fold->read);
    if (!apply_changes(&fold->other, entry)) {
        return false;
    }
    if (fold->other.member_count == 0) {
        placement_release(&fold->other); /* nobody would be left: nothing happens */
    } else {
        fold->phase = RING_GATHERING;
    }
    return true;
}

/* DONE or ABORT: who is only in the other placement goes when all is settled. */
static void end_move(struct fold *fold) {
    note_leaving(fold, &fold->other, &fold->read);
    placement_release(&fold->other);
    fold->phase = RING_SETTLING;
}

static void commit(struct fold *fold) {
    struct placement read = fold->read;
    fold->read = fold->other;
    fold->other = read;
    fold->phase = RING_COMMITTED;
}

static void excuse(struct fold *fold, const struct entry *entry) {
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->events[i].kind == MEMBERSHIP_EXCUSE) {
            fold->excused[fold->excused_count++] = entry->events[i].member.id;
        }
    }
}

static bool apply_entry(struct fold *fold, const struct entry *entry) {
    bool fits = true;
    excuse(fold, entry);
    if (entry_has(entry, MEMBERSHIP_MOVE)) {
        fold->has_moved = true;
        fits = begin_move(fold, entry);
    } else if (entry_has(entry, MEMBERSHIP_JOINT) && fold->phase == RING_GATHERING) {
        fold->phase = RING_JOINT;
        fold->joint = entry->events[0].lamport;
    } else if (entry_has(entry, MEMBERSHIP_COMMIT) && fold->phase == RING_JOINT) {
        commit(fold);
        fold->committed = entry->events[0].lamport;
    } else if ((entry_has(entry, MEMBERSHIP_DONE) && fold->phase == RING_COMMITTED) ||
               (entry_has(entry, MEMBERSHIP_ABORT) && (fold->phase == RING_JOINT || fold->phase == RING_GATHERING))) {
        end_move(fold);
    } else if (entry_has(entry, MEMBERSHIP_SETTLED) && fold->phase == RING_SETTLING) {
        fold->leaving_count = 0;
        fold->phase = RING_REST;
    } else if (fold->phase == RING_REST) {
        fits = apply_changes(&fold->read, entry);
    }
    mark(fold, entry->events[0].lamport);
    return fits;
}

/* The number of members is checked where a seat is wanted: the order of events decides who came too late, so all who
 * hold the log agree that it is not a legal one. */
enum ring_status fold_on(struct fold *fold, const struct membership *log) {
    make_room(fold, log);
    for (size_t i = 0; i < log->count;) {
        struct entry entry = {&log->events[i], 0};
        uint64_t lamport = entry.events[0].lamport;
        while (i < log->count && log->events[i].lamport == lamport) {
            entry.count++;
            i++;
        }
        if (lamport > fold->version && !apply_entry(fold, &entry)) {
            return RING_TOO_MANY_MEMBERS;
        }
    }
    fold->version = membership_lamport(log);
    return fold->read.member_count == 0 ? RING_NO_MEMBERS : RING_OK;
}
