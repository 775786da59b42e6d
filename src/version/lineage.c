#include "version/lineage.h"

/* ---- what is remembered ---- */

static bool is_retired(const struct witnessed *witnessed, uint64_t store) {
    bool is_there = false;
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        is_there = is_there || witnessed->retired[i] == store;
    }
    return is_there;
}

static void retire(struct witnessed *witnessed, uint64_t store) {
    if (store != 0 && !is_retired(witnessed, store)) {
        memmove(witnessed->retired + 1, witnessed->retired, sizeof(store) * (WITNESS_RETIRED - 1));
        witnessed->retired[0] = store;
    }
}

void witness_hear(struct witnessed *witnessed, uint64_t store, uint64_t run, struct hybrid_time bound) {
    if (is_retired(witnessed, store)) {
        return; /* a word that was long on its way */
    }
    if (witnessed->store != store) {
        retire(witnessed, witnessed->store);
        witnessed->store = store;
    } else if (witnessed->run == run && witnessed->bound.value > bound.value) {
        return;
    }
    witnessed->run = run;
    witnessed->bound = bound;
}

/* Where there is room: what is there already is later. */
void witness_hear_retired(struct witnessed *witnessed, uint64_t store) {
    size_t free = 0;
    while (free < WITNESS_RETIRED && witnessed->retired[free] != 0) {
        free++;
    }
    if (store != 0 && store != witnessed->store && free < WITNESS_RETIRED && !is_retired(witnessed, store)) {
        witnessed->retired[free] = store;
    }
}

/* Of one store any process and what it told will do, a later one is better; bounds grow with the processes. */
void witness_join(struct witnessed *witnessed, const struct witnessed *other) {
    bool is_same = witnessed->store == other->store;
    bool is_later = is_same ? other->bound.value > witnessed->bound.value
                            : witnessed->store == 0 || is_retired(other, witnessed->store);
    struct witnessed earlier = is_later ? *witnessed : *other;
    if (is_later) {
        *witnessed = *other;
    }
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        witness_hear_retired(witnessed, earlier.retired[i]);
    }
}

void witness_encode(struct buffer *buffer, const struct witnessed *witnessed) {
    write_u64(buffer, witnessed->store);
    write_u64(buffer, witnessed->run);
    write_u64(buffer, witnessed->bound.value);
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        write_u64(buffer, witnessed->retired[i]);
    }
}

bool witness_decode(struct reader *reader, struct witnessed *ret_witnessed) {
    struct witnessed witnessed = {.store = read_u64(reader)};
    witnessed.run = read_u64(reader);
    witnessed.bound.value = read_u64(reader);
    for (size_t i = 0; i < WITNESS_RETIRED; i++) {
        witnessed.retired[i] = read_u64(reader);
    }
    if (reader->failed) {
        return false;
    }
    *ret_witnessed = witnessed;
    return true;
}

/* ---- what was ---- */

void lineage_begin(struct lineage *lineage, uint64_t run, struct hybrid_time found) {
    if (lineage->store == 0) {
        *lineage = (struct lineage){.store = run, .before = found};
    }
    if (lineage->count > 0) {
        lineage->runs[lineage->count - 1].bound = found;
    }
    if (lineage->count == LINEAGE_RUNS) {
        lineage->before = lineage->runs[0].bound;
        lineage->count--;
        memmove(lineage->runs, lineage->runs + 1, sizeof(lineage->runs[0]) * lineage->count);
    }
    lineage->runs[lineage->count].run = run;
    lineage->runs[lineage->count].bound = (struct hybrid_time){0};
    lineage->count++;
}

bool lineage_is_rolled_back(const struct lineage *lineage, const struct witnessed *remembered) {
    if (remembered->store == 0) {
        return false;
    }
    if (remembered->store != lineage->store) {
        return is_retired(remembered, lineage->store);
    }
    for (uint32_t i = 0; i < lineage->count; i++) {
        if (lineage->runs[i].run == remembered->run) {
            bool is_present = i + 1 == lineage->count;
            return !is_present && lineage->runs[i].bound.value < remembered->bound.value;
        }
    }
    return remembered->bound.value > lineage->before.value;
}

void lineage_encode(struct buffer *buffer, const struct lineage *lineage) {
    write_u64(buffer, lineage->store);
    write_u64(buffer, lineage->before.value);
    for (uint32_t i = 0; i < lineage->count; i++) {
        write_u64(buffer, lineage->runs[i].run);
        write_u64(buffer, lineage->runs[i].bound.value);
    }
}

bool lineage_decode(struct view bytes, struct lineage *ret_lineage) {
    struct reader reader = reader_of(bytes);
    struct lineage lineage = {.store = read_u64(&reader)};
    lineage.before.value = read_u64(&reader);
    while (!reader.failed && reader_left(&reader) > 0 && lineage.count < LINEAGE_RUNS) {
        lineage.runs[lineage.count].run = read_u64(&reader);
        lineage.runs[lineage.count].bound.value = read_u64(&reader);
        lineage.count++;
    }
    if (!reader_finished(&reader) || lineage.store == 0 || lineage.count == 0) {
        return false;
    }
    *ret_lineage = lineage;
    return true;
}
