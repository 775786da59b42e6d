#include "core/publish.h"

#include "core/shard_state.h"
#include "wire/publish_message.h"

/* By the bulk link, whatever its size, so that it keeps its order and nothing that waits for an answer waits behind it.
 * NULL: that link is not up, or has so much to send that this would only add to it. */
static struct buffer *output_to(struct shard *shard, struct member_index member) {
    const struct partition of_first_shard = {0};
    struct buffer *output = lane_output(shard, member, of_first_shard, BULK_BYTES);
    bool is_full = output != NULL && buffer_size(output) > PUBLISH_OUTPUT_MOST;
    shard->publish.dropped += output == NULL || is_full ? 1 : 0;
    return is_full ? NULL : output;
}

static void tell_members(struct shard *shard, const struct message_publish *message) {
    for (uint16_t index = 0; index < ring_member_count(shard->ring); index++) {
        struct member_index member = {index};
        bool is_other = ring_is_awaited(shard->ring, member) && !member_index_equal(member, shard->self);
        struct buffer *output = is_other ? output_to(shard, member) : NULL;
        if (output != NULL) {
            message_encode_publish(output, MESSAGE_PUBLISH, message);
        }
    }
}

/* The other shards of this node, but the one that knows. */
static void tell_shards(struct shard *shard, const struct message_publish *message, uint32_t knows) {
    for (uint32_t index = 0; index < shard->options.shard_count; index++) {
        if (index != shard->options.shard_index && index != knows) {
            message_encode_publish(mail_output(shard, index), MESSAGE_PUBLISHED, message);
        }
    }
}

void publish_spread(void *self, bool is_sharded, struct view channel, struct view payload) {
    struct shard *shard = self;
    struct message_publish message = {.is_sharded = is_sharded, .channel = channel, .payload = payload};
    shard->publish.spread++;
    if (shard_is_first(shard)) {
        tell_members(shard, &message);
        tell_shards(shard, &message, 0);
    } else {
        message_encode_publish(mail_output(shard, 0), MESSAGE_PUBLISH, &message);
    }
}

void publish_receive(struct shard *shard, const struct source *source, uint8_t kind, struct view body) {
    struct message_publish message;
    bool is_mail = source->lane == NULL;
    if (!message_decode_publish(body, &message) || (kind == MESSAGE_PUBLISHED && !is_mail)) {
        return;
    }
    (void)front_deliver(shard->front, message.is_sharded, message.channel, message.payload);
    if (kind == MESSAGE_PUBLISH && shard_is_first(shard)) {
        if (is_mail) {
            tell_members(shard, &message);
        }
        tell_shards(shard, &message, is_mail ? source->shard : 0);
    }
}
