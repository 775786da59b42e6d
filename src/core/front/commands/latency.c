/* SLOWLOG, LATENCY, DEBUG SLEEP: what took long, in all threads of this node (Redis command reference). */
#include "core/front/commands/commands.h"
#include "core/front/latency.h"
#include "core/front/text.h"
#include "core/front/threads.h"

static void ask(struct call *call, const struct pending_kind *kind, enum thread_question question) {
    uint8_t word = (uint8_t)question;
    call_ask_threads(call, kind, view_of(&word, 1));
}

/* ---- SLOWLOG ---- */

struct slow {
    uint64_t id;
    uint64_t second;
    uint64_t us;
    struct view name;
    struct view key;
    struct view address;
    struct view client;
    struct view phases;
};

static bool read_slow(struct view text, struct slow *ret) {
    struct reader reader = reader_of(text);
    ret->id = read_u64(&reader);
    ret->second = read_u64(&reader);
    ret->us = read_u64(&reader);
    ret->name = read_sized(&reader);
    ret->key = read_sized(&reader);
    ret->address = read_sized(&reader);
    ret->client = read_sized(&reader);
    ret->phases = read_sized(&reader);
    return reader_finished(&reader);
}

static bool is_newer(const struct slow *a, const struct slow *b) {
    return a->second != b->second ? a->second > b->second : a->id > b->id;
}

static uint32_t count_slow(const struct pending *pending) {
    struct reader answers = pending_pieces(pending);
    struct view entries;
    uint32_t count = 0;
    while (threads_read(&answers, &entries)) {
        struct reader list = reader_of(entries);
        while (reader_left(&list) > 0 && !list.failed) {
            (void)read_sized(&list);
            count++;
        }
    }
    return count;
}

/* The newest first; a thread tells its own oldest first. In one of the two arrays, each with room for all. */
static struct slow *read_all_slow(const struct pending *pending, struct slow *slow, struct slow *merged,
                                  struct slow *of_thread, uint32_t *ret_count) {
    struct reader answers = pending_pieces(pending);
    struct view entries;
    uint32_t count = 0;
    while (threads_read(&answers, &entries)) {
        struct reader list = reader_of(entries);
        uint32_t left = 0;
        while (reader_left(&list) > 0 && read_slow(read_sized(&list), &of_thread[left])) {
            left++;
        }
        uint32_t at = 0;
        uint32_t merged_count = 0;
        while (at < count || left > 0) {
            bool takes_thread = at == count || (left > 0 && is_newer(&of_thread[left - 1], &slow[at]));
            merged[merged_count++] = takes_thread ? of_thread[--left] : slow[at++];
        }
        count = merged_count;
        struct slow *other = slow;
        slow = merged;
        merged = other;
    }
    *ret_count = count;
    return slow;
}

/* Names and microseconds by turns, as phases_of() writes them. */
static void write_phases(struct buffer *reply, struct view phases) {
    uint32_t words = phases.size > 0 ? 1 : 0;
    for (size_t i = 0; i < phases.size; i++) {
        words += phases.data[i] == ' ' ? 1 : 0;
    }
    resp_write_array(reply, words);
    size_t begin = 0;
    for (size_t i = 0; i <= phases.size && words > 0; i++) {
        if (i == phases.size || phases.data[i] == ' ') {
            struct view word = view_slice(phases, begin, i - begin);
            int64_t us;
            begin = i + 1;
            if (view_to_int64(word, &us)) {
                resp_write_integer(reply, us);
            } else {
                resp_write_bulk(reply, word);
            }
        }
    }
}

static void write_slow(struct buffer *reply, const struct slow *slow) {
    resp_write_array(reply, 7);
    resp_write_integer(reply, (int64_t)slow->id);
    resp_write_integer(reply, (int64_t)slow->second);
    resp_write_integer(reply, (int64_t)slow->us);
    resp_write_array(reply, slow->key.size > 0 ? 2 : 1);
    resp_write_bulk(reply, slow->name);
    if (slow->key.size > 0) {
        resp_write_bulk(reply, slow->key);
    }
    resp_write_bulk(reply, slow->address);
    resp_write_bulk(reply, slow->client);
    write_phases(reply, slow->phases);
}

static void finish_get(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    uint32_t count = count_slow(answer->pending);
    struct slow *room = ARENA_ARRAY(answer->arena, struct slow, 3 * ((size_t)count + 1));
    const struct slow *slow =
        read_all_slow(answer->pending, room, room + count + 1, room + 2 * ((size_t)count + 1), &count);
    uint32_t told = answer->pending->option < count ? answer->pending->option : count;
    resp_write_array(answer->reply, told);
    for (uint32_t i = 0; i < told; i++) {
        write_slow(answer->reply, &slow[i]);
    }
}

static void finish_len(struct answer *answer) {
    if (answer_all_good(answer)) {
        resp_write_integer(answer->reply, count_slow(answer->pending));
    }
}

static const struct pending_kind get_kind = ASKS_THREADS(finish_get);
static const struct pending_kind len_kind = ASKS_THREADS(finish_len);
static const struct pending_kind ok_kind = ASKS_THREADS(threads_finish_ok);

/* SLOWLOG GET [count]: 10 unless told, -1 all. */
void run_slowlog_get(struct call *call) {
    int64_t count = 10;
    if (call->count > 3) {
        call_wrong_arity(call, call->command);
        return;
    }
    if (call->count == 3 && (!view_to_int64(call->arguments[2], &count) || count < -1)) {
        call_error(call, VIEW("ERR count should be greater than or equal to -1"));
        return;
    }
    uint8_t word = THREAD_SLOW;
    bool is_all = count == -1 || count > UINT32_MAX;
    call_ask_threads_with(call, &get_kind, is_all ? UINT32_MAX : (uint32_t)count, view_of(&word, 1));
}

void run_slowlog_len(struct call *call) {
    ask(call, &len_kind, THREAD_SLOW);
}

void run_slowlog_reset(struct call *call) {
    ask(call, &ok_kind, THREAD_SLOW_RESET);
}

/* ---- LATENCY HISTOGRAM ---- */

struct histogram {
    struct view name;
    uint64_t calls;
    uint64_t buckets[LATENCY_BUCKETS];
};

enum { HISTOGRAMS_MOST = 512 };

static bool is_asked(const struct pending *pending, struct view name) {
    struct reader names = reader_of(view_slice(blob_view(&pending->extra), 1, pending->extra.size - 1));
    bool is_named = reader_left(&names) == 0;
    while (!is_named && reader_left(&names) > 0 && !names.failed) {
        struct view asked = read_sized(&names);
        bool is_parent = name.size > asked.size && name.data[asked.size] == '|' &&
                         view_equal_ignoring_case(view_slice(name, 0, asked.size), asked);
        is_named = is_parent || view_equal_ignoring_case(name, asked);
    }
    return is_named;
}

static struct histogram *histogram_of(struct histogram *histograms, uint32_t *count, struct view name) {
    for (uint32_t i = 0; i < *count; i++) {
        if (view_equal(histograms[i].name, name)) {
            return &histograms[i];
        }
    }
    ENSURE(*count < HISTOGRAMS_MOST);
    histograms[*count] = (struct histogram){.name = name};
    return &histograms[(*count)++];
}

static uint32_t add_histograms(const struct pending *pending, struct histogram *histograms) {
    struct reader answers = pending_pieces(pending);
    struct view told;
    uint32_t count = 0;
    while (threads_read(&answers, &told)) {
        struct reader list = reader_of(told);
        while (reader_left(&list) > 0 && !list.failed) {
            struct view name = read_sized(&list);
            uint64_t calls = read_u64(&list);
            struct histogram ignored = {.calls = 0};
            struct histogram *into = is_asked(pending, name) ? histogram_of(histograms, &count, name) : &ignored;
            into->calls += calls;
            for (uint32_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
                into->buckets[bucket] += read_u64(&list);
            }
        }
    }
    return count;
}

/* Counts up to each bound, and only the bounds below which something lies and not yet all. */
static void write_histogram(struct buffer *reply, const struct histogram *histogram, int protocol) {
    uint64_t below = 0;
    size_t bounds = 0;
    for (uint32_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        bounds += histogram->buckets[bucket] > 0 ? 1 : 0;
    }
    resp_write_bulk(reply, histogram->name);
    resp_write_map(reply, 2, protocol);
    resp_write_bulk(reply, VIEW("calls"));
    resp_write_integer(reply, (int64_t)histogram->calls);
    resp_write_bulk(reply, VIEW("histogram_usec"));
    resp_write_map(reply, bounds, protocol);
    for (uint32_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        below += histogram->buckets[bucket];
        if (histogram->buckets[bucket] > 0) {
            resp_write_integer(reply, INT64_C(1) << bucket);
            resp_write_integer(reply, (int64_t)below);
        }
    }
}

static void finish_histogram(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    struct histogram *histograms = ARENA_ARRAY(answer->arena, struct histogram, HISTOGRAMS_MOST);
    uint32_t count = add_histograms(answer->pending, histograms);
    resp_write_map(answer->reply, count, answer->pending->protocol);
    for (uint32_t i = 0; i < count; i++) {
        write_histogram(answer->reply, &histograms[i], answer->pending->protocol);
    }
}

static const struct pending_kind histogram_kind = ASKS_THREADS(finish_histogram);

void run_latency_histogram(struct call *call) {
    struct buffer *question = &call->front->encoding;
    if (call->count - 2 > HISTOGRAMS_MOST) {
        call_error(call, VIEW("ERR more than 512 names of commands"));
        return;
    }
    buffer_clear(question);
    write_u8(question, THREAD_HISTOGRAMS);
    for (size_t i = 2; i < call->count; i++) {
        write_sized(question, call->arguments[i]);
    }
    call_ask_threads(call, &histogram_kind, buffer_view(question));
}

/* ---- LATENCY LATEST, HISTORY, RESET ---- */

struct events {
    struct latency_sample *samples; /* by second, the longest of each */
    uint32_t count;
    uint32_t longest_ms;
};

/* At its place among those that are there; of one second the longest. */
static void add_event(struct events *events, struct latency_sample sample) {
    uint32_t place = events->count;
    while (place > 0 && events->samples[place - 1].second > sample.second) {
        place--;
    }
    struct latency_sample *before = place > 0 ? &events->samples[place - 1] : NULL;
    if (before != NULL && before->second == sample.second) {
        before->ms = sample.ms > before->ms ? sample.ms : before->ms;
        return;
    }
    memmove(&events->samples[place + 1], &events->samples[place], sizeof(sample) * (events->count - place));
    events->samples[place] = sample;
    events->count++;
}

static struct events read_events(struct answer *answer) {
    struct reader answers = pending_pieces(answer->pending);
    size_t most = answer->pending->pieces_bytes / (sizeof(uint64_t) + sizeof(uint32_t)) + 1;
    struct events events = {.samples = ARENA_ARRAY(answer->arena, struct latency_sample, most)};
    struct view told;
    while (threads_read(&answers, &told)) {
        struct reader list = reader_of(told);
        uint32_t longest_ms = read_u32(&list);
        events.longest_ms = longest_ms > events.longest_ms ? longest_ms : events.longest_ms;
        while (reader_left(&list) > 0 && !list.failed) {
            uint64_t second = read_u64(&list);
            add_event(&events, (struct latency_sample){second, read_u32(&list)});
        }
    }
    return events;
}

static void finish_latest(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    struct events events = read_events(answer);
    resp_write_array(answer->reply, events.count > 0 ? 1 : 0);
    if (events.count > 0) {
        const struct latency_sample *last = &events.samples[events.count - 1];
        resp_write_array(answer->reply, 4);
        resp_write_bulk(answer->reply, VIEW("command"));
        resp_write_integer(answer->reply, (int64_t)last->second);
        resp_write_integer(answer->reply, last->ms);
        resp_write_integer(answer->reply, events.longest_ms);
    }
}

static void finish_history(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    struct events events = read_events(answer);
    uint32_t from = events.count > LATENCY_SAMPLES ? events.count - LATENCY_SAMPLES : 0;
    resp_write_array(answer->reply, events.count - from);
    for (uint32_t i = from; i < events.count; i++) {
        resp_write_array(answer->reply, 2);
        resp_write_integer(answer->reply, (int64_t)events.samples[i].second);
        resp_write_integer(answer->reply, events.samples[i].ms);
    }
}

/* How many kinds of event were forgotten: here there is one. */
static void finish_reset(struct answer *answer) {
    struct reader answers = pending_pieces(answer->pending);
    struct view told;
    uint8_t had_any = 0;
    if (!answer_all_good(answer)) {
        return;
    }
    while (threads_read(&answers, &told)) {
        had_any |= told.size > 0 ? told.data[0] : 0;
    }
    resp_write_integer(answer->reply, had_any);
}

static const struct pending_kind latest_kind = ASKS_THREADS(finish_latest);
static const struct pending_kind history_kind = ASKS_THREADS(finish_history);
static const struct pending_kind reset_kind = ASKS_THREADS(finish_reset);

void run_latency_latest(struct call *call) {
    ask(call, &latest_kind, THREAD_EVENTS);
}

void run_latency_history(struct call *call) {
    if (call_is(call, 2, VIEW("command"))) {
        ask(call, &history_kind, THREAD_EVENTS);
    } else {
        resp_write_array(call->reply, 0);
    }
}

void run_latency_reset(struct call *call) {
    bool is_meant = call->count == 2;
    for (size_t i = 2; i < call->count; i++) {
        is_meant = is_meant || call_is(call, i, VIEW("command"));
    }
    if (is_meant) {
        ask(call, &reset_kind, THREAD_EVENTS_RESET);
    } else {
        resp_write_integer(call->reply, 0);
    }
}

/* ---- DEBUG SLEEP ---- */

enum { SLEEP_MOST_S = 600 };

/* "1", "0.05" */
static bool read_ms(struct view seconds, uint64_t *ret_ms) {
    size_t point = view_find(seconds, '.');
    bool has_fraction = point < seconds.size;
    struct view fraction = has_fraction ? view_slice(seconds, point + 1, seconds.size - point - 1) : VIEW("0");
    uint64_t whole;
    uint64_t part;
    if (!view_to_uint64(view_slice(seconds, 0, has_fraction ? point : seconds.size), &whole) || whole > SLEEP_MOST_S ||
        fraction.size == 0 || fraction.size > 9) {
        return false;
    }
    uint64_t ms = 0;
    for (size_t i = 0; i < 3; i++) {
        bool is_there = i < fraction.size;
        part = is_there ? (uint64_t)fraction.data[i] - '0' : 0;
        if (part > 9) {
            return false;
        }
        ms = 10 * ms + part;
    }
    *ret_ms = 1000 * whole + ms;
    return true;
}

void run_debug_sleep(struct call *call) {
    const struct front_port *port = &call->front->port;
    uint64_t ms;
    if (port->sleep == NULL) {
        call_error(call, VIEW("ERR DEBUG command not allowed: the node's configuration must say debug-commands "
                              "yes-i-know"));
    } else if (!read_ms(call->arguments[2], &ms)) {
        call_error(call, VIEW("ERR the argument must be seconds, at most 600, such as 0.5"));
    } else {
        port->sleep(port->self, ms);
        call_ok(call);
    }
}
