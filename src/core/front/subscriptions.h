/* Who listens to what. Channels are here while somebody listens to them:
 *
 *     front --map by kind and name--> channel --list--> subscription <--list-- session
 *     front --list--> channels that are patterns
 */
#ifndef GRAMME_CORE_FRONT_SUBSCRIPTIONS_H
#define GRAMME_CORE_FRONT_SUBSCRIPTIONS_H

#include "base/blobs.h"
#include "base/codec.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

struct front;
struct session;

enum channel_kind { CHANNEL_PLAIN, CHANNEL_PATTERN, CHANNEL_SHARDED, CHANNEL_KINDS };

struct channel {
    struct map_node node;
    struct list_node pattern; /* CHANNEL_PATTERN: among the patterns */
    enum channel_kind kind;
    struct blob name;
    struct list subscriptions; /* in the order in which they began */
    uint32_t count;
};

struct subscription {
    struct list_node of_channel;
    struct list_node of_session;
    struct channel *channel;
    struct session *session;
};

struct subscriptions {
    struct map channels;
    struct list patterns;
    uint32_t counts[CHANNEL_KINDS]; /* channels */
    struct pool channel_pool;
    struct pool pool;
};

/* A session's part. */
struct listening {
    struct list subscriptions;
    uint32_t counts[CHANNEL_KINDS];
};

static inline uint32_t listening_count(const struct listening *listening) {
    const uint32_t *counts = listening->counts;
    return counts[CHANNEL_PLAIN] + counts[CHANNEL_PATTERN] + counts[CHANNEL_SHARDED];
}

void subscriptions_init(struct subscriptions *subscriptions);
void subscriptions_release(struct subscriptions *subscriptions);
/* NULL: nobody listens to it. */
struct channel *channel_find(const struct subscriptions *subscriptions, enum channel_kind kind, struct view name);
/* Nothing when it listens already, or not. */
void subscription_begin(struct front *front, struct session *session, enum channel_kind kind, struct view name);
void subscription_end(struct front *front, struct session *session, enum channel_kind kind, struct view name);
void subscriptions_end_all(struct front *front, struct session *session);
/* The first that the session listens to, of that kind; NULL: none. */
const struct channel *subscription_first(const struct session *session, enum channel_kind kind);

/* To all who listen at this front; how many times it was told. */
uint32_t subscriptions_deliver(struct front *front, bool is_sharded, struct view channel, struct view payload);

/* What a question wants to know: u8 kind, u8 whether by name, then sized names, or one sized pattern, or nothing for
 * all. { sized name, u32 listeners } of each channel that somebody listens to. */
void subscriptions_tell(const struct front *front, struct reader *question, struct buffer *text);

#endif
