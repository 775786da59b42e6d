#include "core/front/subscriptions.h"

#include "core/front/state.h"
#include "core/front/text.h"
#include "wire/resp_writer.h"

enum { CHANNELS_PER_SLAB = 256 };

void subscriptions_init(struct subscriptions *subscriptions) {
    *subscriptions = (struct subscriptions){0};
    map_init(&subscriptions->channels, CHANNELS_PER_SLAB);
    list_init(&subscriptions->patterns);
    pool_init(&subscriptions->channel_pool, sizeof(struct channel), CHANNELS_PER_SLAB);
    pool_init(&subscriptions->pool, sizeof(struct subscription), CHANNELS_PER_SLAB);
}

void subscriptions_release(struct subscriptions *subscriptions) {
    map_release(&subscriptions->channels);
    pool_release(&subscriptions->channel_pool);
    pool_release(&subscriptions->pool);
}

/* ---- channels ---- */

static uint64_t hash_of(enum channel_kind kind, struct view name) {
    return hash64(name, (uint64_t)kind);
}

struct channel *channel_find(const struct subscriptions *subscriptions, enum channel_kind kind, struct view name) {
    if (subscriptions->channels.size == 0) {
        return NULL;
    }
    for (struct map_node *node = map_first(&subscriptions->channels, hash_of(kind, name)); node != NULL;
         node = map_next(node)) {
        struct channel *channel = CONTAINER_OF(node, struct channel, node);
        if (channel->kind == kind && view_equal(blob_view(&channel->name), name)) {
            return channel;
        }
    }
    return NULL;
}

static struct channel *channel_new(struct front *front, enum channel_kind kind, struct view name) {
    struct subscriptions *subscriptions = &front->subscriptions;
    struct channel *channel = pool_take(&subscriptions->channel_pool);
    *channel = (struct channel){.kind = kind};
    channel->name = blob_copy(&front->blobs, name);
    list_init(&channel->subscriptions);
    map_insert(&subscriptions->channels, &channel->node, hash_of(kind, name));
    if (kind == CHANNEL_PATTERN) {
        list_push_back(&subscriptions->patterns, &channel->pattern);
    }
    subscriptions->counts[kind]++;
    return channel;
}

static void channel_free(struct front *front, struct channel *channel) {
    struct subscriptions *subscriptions = &front->subscriptions;
    map_remove(&subscriptions->channels, &channel->node);
    if (channel->kind == CHANNEL_PATTERN) {
        list_remove(&channel->pattern);
    }
    subscriptions->counts[channel->kind]--;
    blob_give(&front->blobs, &channel->name);
    pool_give(&subscriptions->channel_pool, channel);
}

/* ---- subscriptions ---- */

static struct subscription *of_node(struct list_node *node) {
    return CONTAINER_OF(node, struct subscription, of_session);
}

static struct subscription *find(const struct session *session, const struct channel *channel) {
    if (channel == NULL || session->listening.counts[channel->kind] == 0) {
        return NULL;
    }
    /* One of the two lists is mostly short. */
    bool by_session = listening_count(&session->listening) < channel->count;
    const struct list *list = by_session ? &session->listening.subscriptions : &channel->subscriptions;
    for (struct list_node *node = list_first(list); node != NULL; node = list_next(list, node)) {
        struct subscription *at = by_session ? of_node(node) : CONTAINER_OF(node, struct subscription, of_channel);
        if (at->channel == channel && at->session == session) {
            return at;
        }
    }
    return NULL;
}

void subscription_begin(struct front *front, struct session *session, enum channel_kind kind, struct view name) {
    struct channel *channel = channel_find(&front->subscriptions, kind, name);
    if (find(session, channel) != NULL) {
        return;
    }
    channel = channel != NULL ? channel : channel_new(front, kind, name);
    struct subscription *subscription = pool_take(&front->subscriptions.pool);
    *subscription = (struct subscription){.channel = channel, .session = session};
    list_push_back(&channel->subscriptions, &subscription->of_channel);
    list_push_back(&session->listening.subscriptions, &subscription->of_session);
    channel->count++;
    session->listening.counts[kind]++;
}

static void end(struct front *front, struct subscription *subscription) {
    struct channel *channel = subscription->channel;
    subscription->session->listening.counts[channel->kind]--;
    list_remove(&subscription->of_channel);
    list_remove(&subscription->of_session);
    pool_give(&front->subscriptions.pool, subscription);
    channel->count--;
    if (channel->count == 0) {
        channel_free(front, channel);
    }
}

void subscription_end(struct front *front, struct session *session, enum channel_kind kind, struct view name) {
    struct subscription *subscription = find(session, channel_find(&front->subscriptions, kind, name));
    if (subscription != NULL) {
        end(front, subscription);
    }
}

void subscriptions_end_all(struct front *front, struct session *session) {
    struct list_node *node;
    while ((node = list_first(&session->listening.subscriptions)) != NULL) {
        end(front, of_node(node));
    }
}

const struct channel *subscription_first(const struct session *session, enum channel_kind kind) {
    const struct list *list = &session->listening.subscriptions;
    for (struct list_node *node = list_first(list); node != NULL; node = list_next(list, node)) {
        if (of_node(node)->channel->kind == kind) {
            return of_node(node)->channel;
        }
    }
    return NULL;
}

/* ---- telling ---- */

struct told {
    enum channel_kind kind;
    struct view pattern; /* CHANNEL_PATTERN */
    struct view channel;
    struct view payload;
};

static void write_message(struct buffer *output, const struct told *told, int protocol) {
    bool is_pattern = told->kind == CHANNEL_PATTERN;
    resp_write_push(output, is_pattern ? 4 : 3, protocol);
    resp_write_bulk(output, is_pattern                      ? VIEW("pmessage")
                            : told->kind == CHANNEL_SHARDED ? VIEW("smessage")
                                                            : VIEW("message"));
    if (is_pattern) {
        resp_write_bulk(output, told->pattern);
    }
    resp_write_bulk(output, told->channel);
    resp_write_bulk(output, told->payload);
}

static uint32_t tell(struct front *front, const struct channel *channel, struct told told) {
    uint32_t count = 0;
    told.kind = channel->kind;
    told.pattern = blob_view(&channel->name);
    for (struct list_node *node = list_first(&channel->subscriptions); node != NULL;
         node = list_next(&channel->subscriptions, node)) {
        struct session *session = CONTAINER_OF(node, struct subscription, of_channel)->session;
        if (!session->is_closing) {
            bool had_output = buffer_size(&session->output) > 0;
            write_message(&session->output, &told, session->protocol);
            session_told(front, session, had_output);
            count++;
        }
    }
    return count;
}

uint32_t subscriptions_deliver(struct front *front, bool is_sharded, struct view channel, struct view payload) {
    const struct subscriptions *subscriptions = &front->subscriptions;
    const struct told told = {.channel = channel, .payload = payload};
    const struct channel *listened = channel_find(subscriptions, is_sharded ? CHANNEL_SHARDED : CHANNEL_PLAIN, channel);
    uint32_t count = listened == NULL ? 0 : tell(front, listened, told);
    for (struct list_node *node = list_first(&subscriptions->patterns); !is_sharded && node != NULL;
         node = list_next(&subscriptions->patterns, node)) {
        const struct channel *pattern = CONTAINER_OF(node, struct channel, pattern);
        if (text_matches(blob_view(&pattern->name), channel, TEXT_CASE_COUNTS)) {
            count += tell(front, pattern, told);
        }
    }
    return count;
}

static void tell_channel(const struct channel *channel, struct buffer *text) {
    write_sized(text, blob_view(&channel->name));
    write_u32(text, channel->count);
}

/* Each once: where its first subscription is. */
static void tell_matching(const struct front *front, unsigned kind, const struct view *pattern, struct buffer *text) {
    const struct list *sessions = &front->sessions;
    for (struct list_node *at = list_first(sessions); at != NULL; at = list_next(sessions, at)) {
        const struct list *list = &CONTAINER_OF(at, struct session, link)->listening.subscriptions;
        for (struct list_node *node = list_first(list); node != NULL; node = list_next(list, node)) {
            struct subscription *subscription = CONTAINER_OF(node, struct subscription, of_session);
            const struct channel *channel = subscription->channel;
            bool is_first = list_first(&channel->subscriptions) == &subscription->of_channel;
            if (channel->kind == kind && is_first &&
                (pattern == NULL || text_matches(*pattern, blob_view(&channel->name), TEXT_CASE_COUNTS))) {
                tell_channel(channel, text);
            }
        }
    }
}

void subscriptions_tell(const struct front *front, struct reader *question, struct buffer *text) {
    unsigned kind = read_u8(question);
    bool is_by_name = read_u8(question) != 0;
    if (!is_by_name) {
        bool has_pattern = reader_left(question) > 0;
        struct view pattern = has_pattern ? read_sized(question) : (struct view){0};
        tell_matching(front, kind, has_pattern ? &pattern : NULL, text);
        return;
    }
    while (kind < CHANNEL_KINDS && reader_left(question) > 0 && !question->failed) {
        const struct channel *channel =
            channel_find(&front->subscriptions, (enum channel_kind)kind, read_sized(question));
        if (channel != NULL) {
            tell_channel(channel, text);
        }
    }
}
