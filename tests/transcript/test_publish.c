/* The way of what a client publishes, from shard to shard and node to node (core/publish.h). */
#include "core/shard_state.h"
#include "core_harness.h"
#include "wire/publish_message.h"

static struct buffer message(enum publish_message_kind kind, bool is_sharded) {
    struct buffer frames;
    buffer_init(&frames);
    message_encode_publish(
        &frames, kind, &(struct message_publish){.is_sharded = is_sharded, .channel = VIEW("a"), .payload = VIEW("x")});
    return frames;
}

static void what_is_published_here_goes_to_all_others(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client_of(rig, 1, "SUBSCRIBE a");
    rig_forget(rig);
    client(rig, "PUBLISH a x");
    says(rig, "B bulk: publish a x", "C bulk: publish a x", "client: :1", "client 1: [message, a, x]");
    peer_dies(rig, 'B');
    rig_forget(rig);
    client(rig, "SPUBLISH a x");
    says(rig, "C bulk: publish a x, sharded", "client: :0");
    rig_free(rig);
}

static void what_comes_goes_no_further(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SUBSCRIBE a");
    rig_forget(rig);
    struct buffer frames = message(MESSAGE_PUBLISH, false);
    peer_sends(rig, 'B', 0, false, &frames);
    says(rig, "client: [message, a, x]");
    buffer_release(&frames);
    frames = message(MESSAGE_PUBLISHED, false); /* within a node, and only there */
    peer_sends(rig, 'B', 0, false, &frames);
    says_nothing(rig);
    buffer_release(&frames);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_here_goes_to_all_others),
        cmocka_unit_test(what_comes_goes_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
