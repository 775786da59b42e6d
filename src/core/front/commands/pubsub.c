/* PUBSUB: who listens to what at this node, in all its threads. */
#include "core/front/commands/commands.h"
#include "core/front/threads.h"

/* A channel of some thread, and those of the same name in others. */
struct told {
    struct map_node node;
    struct view name;
    uint64_t count;
};

struct told_channels {
    struct map by_name;
    struct told *channels;
    uint32_t count;
};

static uint64_t hash_of(struct view name) {
    return hash64(name, 0);
}

static struct told *find(const struct told_channels *told, struct view name) {
    for (struct map_node *node = map_first(&told->by_name, hash_of(name)); node != NULL; node = map_next(node)) {
        struct told *channel = CONTAINER_OF(node, struct told, node);
        if (view_equal(channel->name, name)) {
            return channel;
        }
    }
    return NULL;
}

static void add(struct told_channels *told, struct view name, uint32_t count) {
    struct told *channel = find(told, name);
    if (channel == NULL) {
        channel = &told->channels[told->count++];
        *channel = (struct told){.name = name};
        map_insert(&told->by_name, &channel->node, hash_of(name));
    }
    channel->count += count;
}

static uint32_t count_told(const struct answer *answer) {
    struct reader answers = pending_pieces(answer->pending);
    struct view of_thread;
    uint32_t count = 0;
    while (threads_read(&answers, &of_thread)) {
        struct reader list = reader_of(of_thread);
        while (reader_left(&list) > 0 && !list.failed) {
            (void)read_sized(&list);
            (void)read_u32(&list);
            count++;
        }
    }
    return count;
}

/* To be released. */
static struct told_channels read_told(const struct answer *answer) {
    struct told_channels told = {.channels = ARENA_ARRAY(answer->arena, struct told, (size_t)count_told(answer) + 1)};
    struct reader answers = pending_pieces(answer->pending);
    struct view of_thread;
    map_init(&told.by_name, 64);
    while (threads_read(&answers, &of_thread)) {
        struct reader list = reader_of(of_thread);
        while (reader_left(&list) > 0 && !list.failed) {
            struct view name = read_sized(&list);
            add(&told, name, read_u32(&list));
        }
    }
    return told;
}

/* The names that were asked for, behind the question's three bytes. */
static struct reader asked_of(const struct answer *answer) {
    struct view question = blob_view(&answer->pending->extra);
    return reader_of(view_slice(question, 3, question.size - 3));
}

static void finish_channels(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    struct told_channels told = read_told(answer);
    resp_write_array(answer->reply, told.count);
    for (uint32_t i = 0; i < told.count; i++) {
        resp_write_bulk(answer->reply, told.channels[i].name);
    }
    map_release(&told.by_name);
}

static void finish_counts(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    struct told_channels told = read_told(answer);
    struct reader asked = asked_of(answer);
    size_t count = 0;
    while (reader_left(&asked) > 0) {
        (void)read_sized(&asked);
        count++;
    }
    asked.position = 0;
    resp_write_array(answer->reply, 2 * count);
    while (reader_left(&asked) > 0) {
        struct view name = read_sized(&asked);
        const struct told *channel = find(&told, name);
        resp_write_bulk(answer->reply, name);
        resp_write_integer(answer->reply, channel == NULL ? 0 : (int64_t)channel->count);
    }
    map_release(&told.by_name);
}

static void finish_patterns(struct answer *answer) {
    if (!answer_all_good(answer)) {
        return;
    }
    struct told_channels told = read_told(answer);
    resp_write_integer(answer->reply, told.count);
    map_release(&told.by_name);
}

static const struct pending_kind channels_kind = ASKS_THREADS(finish_channels);
static const struct pending_kind counts_kind = ASKS_THREADS(finish_counts);
static const struct pending_kind patterns_kind = ASKS_THREADS(finish_patterns);

static void ask(struct call *call, const struct pending_kind *kind, enum channel_kind channels) {
    bool is_by_name = kind == &counts_kind;
    struct buffer *question = &call->front->encoding;
    buffer_clear(question);
    write_u8(question, THREAD_CHANNELS);
    write_u8(question, (uint8_t)channels);
    write_u8(question, is_by_name ? 1 : 0);
    for (size_t i = 2; i < call->count; i++) {
        write_sized(question, call->arguments[i]);
    }
    call_ask_threads(call, kind, buffer_view(question));
}

static void ask_channels(struct call *call, enum channel_kind channels) {
    if (call->count > 3) {
        call_wrong_arity(call, call->command);
    } else {
        ask(call, &channels_kind, channels);
    }
}

void run_pubsub_channels(struct call *call) {
    ask_channels(call, CHANNEL_PLAIN);
}

void run_pubsub_shardchannels(struct call *call) {
    ask_channels(call, CHANNEL_SHARDED);
}

void run_pubsub_numsub(struct call *call) {
    ask(call, &counts_kind, CHANNEL_PLAIN);
}

void run_pubsub_shardnumsub(struct call *call) {
    ask(call, &counts_kind, CHANNEL_SHARDED);
}

void run_pubsub_numpat(struct call *call) {
    ask(call, &patterns_kind, CHANNEL_PATTERN);
}
