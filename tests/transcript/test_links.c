/* Links and lanes: greeting, silence, redialing, replacing (core/lane.h). A has the least id and dials everybody. */
#include "core_harness.h"

static struct rig *alone(void) {
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true});
    rig->shows_links = true;
    return rig;
}

/* ---- greeting ---- */

static void the_lesser_id_dials_a_small_and_a_bulk_link(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true, .members = 3, .self = 1});
    size_t dialing = 0;
    for (size_t i = 0; i < RIG_LINKS; i++) {
        if (rig->links[i].state == FAKE_DIALING) {
            assert_int_equal(rig->links[i].peer, 'C'); /* and waits for A */
            dialing++;
        }
    }
    assert_int_equal(dialing, 2);
    rig_free(rig);
}

static void a_link_is_up_when_both_have_greeted(void **state) {
    (void)state;
    struct rig *rig = alone();
    struct fake_link *small = link_connects(rig, 'B');
    says(rig, "B: hello");
    assert_int_equal(shard_reachable_members(rig->shard), 1);
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    link_sends_hello(rig, small, &hello);
    says(rig, "up B small");
    assert_int_equal(shard_reachable_members(rig->shard), 2);
    struct fake_link *bulk = link_connects(rig, 'B');
    says(rig, "B bulk: hello");
    hello = rig_hello(rig, 'B', 0, true);
    link_sends_hello(rig, bulk, &hello);
    says(rig, "up B bulk");
    assert_false(shard_is_ready(rig->shard)); /* C is not there */
    rig_free(rig);
}

static void an_acceptor_greets_after_the_dialer(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true, .self = 1});
    rig->shows_links = true;
    struct fake_link *link = link_accepts(rig, 'A', 0, false);
    says_nothing(rig);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    link_sends_hello(rig, link, &hello);
    says(rig, "up A small", "A: hello");
    rig_free(rig);
}

typedef void spoil(struct message_hello *hello);

static void another_cluster(struct message_hello *hello) {
    hello->cluster.bytes[3] ^= 1;
}

static void other_ring(struct message_hello *hello) {
    hello->ring.low ^= 1;
}

static void other_keyspaces(struct message_hello *hello) {
    hello->keyspaces.low ^= 1;
}

static void no_member(struct message_hello *hello) {
    hello->node.bytes[5] = 9;
}

static void our_own_id(struct message_hello *hello) {
    hello->node.bytes[0] = 'A';
}

static void a_later_protocol(struct message_hello *hello) {
    hello->version_least = PROTOCOL_VERSION + 1;
    hello->version = PROTOCOL_VERSION + 3;
}

static void an_earlier_protocol(struct message_hello *hello) {
    hello->version_least = 0;
    hello->version = PROTOCOL_VERSION_LEAST - 1;
}

static void a_greeting_that_does_not_fit_ends_the_link(void **state) {
    (void)state;
    static const struct {
        spoil *spoil;
        const char *refusal;
    } cases[] = {
        {another_cluster, "refused: the other end belongs to another cluster..."},
        {other_keyspaces, "refused: keyspace tables differ..."},
        {other_ring, "refused: rings differ..."},
        {no_member, "refused: the other end is no member of this cluster..."},
        {our_own_id, "refused: the other end has this node's own id..."},
        {a_later_protocol, "refused: no protocol version in common..."},
        {an_earlier_protocol, "refused: no protocol version in common..."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig *rig = alone();
        struct fake_link *link = link_connects(rig, 'B');
        rig_forget(rig);
        struct message_hello hello = rig_hello(rig, 'B', 0, false);
        cases[i].spoil(&hello);
        link_sends_hello(rig, link, &hello);
        says(rig, cases[i].refusal, "closes B");
        assert_int_equal(link->state, FAKE_FREE);
        pass_ms(rig, 60);
        says(rig, "dials B"); /* somebody may put it right */
        rig_free(rig);
    }
}

static void a_stranger_is_refused_by_the_acceptor_too(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true, .self = 1});
    rig->shows_links = true;
    struct fake_link *link = link_accepts(rig, 'A', 0, false);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    another_cluster(&hello);
    link_sends_hello(rig, link, &hello);
    says(rig, "refused: the other end belongs to another cluster...", "closes A");
    rig_free(rig);
}

static void a_second_process_of_a_node_id_is_refused_while_the_first_is_heard(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true, .self = 1});
    rig->shows_links = true;
    struct fake_link *first = link_accepts(rig, 'A', 0, false);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    link_sends_hello(rig, first, &hello);
    says(rig, "up A small", "A: hello");
    struct fake_link *second = link_accepts(rig, 'A', 0, true);
    hello = rig_hello(rig, 'A', 0, true);
    hello.run++;
    link_sends_hello(rig, second, &hello);
    says(rig, "refused: another process of that node-id is connected...", "closes A bulk");
    assert_int_equal(first->state, FAKE_OPEN);
    link_breaks(rig, first); /* it is gone, and the second dials again */
    rig_forget(rig);
    second = link_accepts(rig, 'A', 0, false);
    hello.is_bulk = false;
    link_sends_hello(rig, second, &hello);
    says(rig, "up A small", "A: hello");
    rig_free(rig);
}

static void a_protocol_range_that_overlaps_is_welcome(void **state) {
    (void)state;
    struct rig *rig = alone();
    struct fake_link *link = link_connects(rig, 'B');
    rig_forget(rig);
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    hello.version = PROTOCOL_VERSION + 1;
    link_sends_hello(rig, link, &hello);
    says(rig, "up B small");
    rig_free(rig);
}

/* ---- versions of the protocol ---- */

/* A node of the next protocol, and B, who speaks up to `version`: how many bytes a ping to B has. */
static size_t ping_bytes(uint16_t own, uint16_t version) {
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true, .protocol = own});
    struct fake_link *link = link_connects(rig, 'B');
    assert_int_equal(rig->last_hello.version_least, PROTOCOL_VERSION_LEAST);
    assert_int_equal(rig->last_hello.version, own);
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    hello.version = version;
    link_sends_hello(rig, link, &hello);
    assert_int_equal(shard_reachable_members(rig->shard), 2);
    pass_ms(rig, 900); /* gossip keeps the link busy at first */
    assert_true(rig->pings[1] > 0);
    size_t bytes = rig->last_ping_bytes;
    rig_free(rig);
    return bytes;
}

static void a_link_speaks_the_latest_that_both_ends_know(void **state) {
    (void)state;
    size_t first = ping_bytes(PROTOCOL_VERSION, PROTOCOL_VERSION);
    size_t second = ping_bytes(PROTOCOL_VERSION_NEXT, PROTOCOL_VERSION_NEXT);
    assert_int_equal(second, first + 4);
    assert_int_equal(ping_bytes(PROTOCOL_VERSION, PROTOCOL_VERSION_NEXT), first);
    assert_int_equal(ping_bytes(PROTOCOL_VERSION_NEXT, PROTOCOL_VERSION), first); /* what came later must not be sent */
    assert_int_equal(ping_bytes(PROTOCOL_VERSION_NEXT, PROTOCOL_VERSION_NEXT + 7), second);
}

/* What it could not read would be beyond it for ever. */
static void nothing_is_counted_while_a_member_speaks_less(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true});
    struct fake_link *link = link_connects(rig, 'B');
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    hello.version = PROTOCOL_WITH_COUNTERS - 1;
    link_sends_hello(rig, link, &hello);
    rig_forget(rig);
    client(rig, "INCR k");
    says(rig, "client: -ERR a member of the cluster runs a version without counters: upgrade all nodes first");
    rig_free(rig);
}

static void a_message_that_is_not_of_the_links_protocol_ends_it(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.protocol = PROTOCOL_VERSION_NEXT});
    rig->shows_links = true;
    struct buffer frames;
    struct message_ping ping = {.wall = rig->moment.wall, .now = rig->moment.now};
    buffer_init(&frames);
    message_encode_ping(&frames, MESSAGE_PING, &ping, PROTOCOL_VERSION_NEXT); /* B's HELLO said one less */
    peer_sends(rig, 'B', 0, false, &frames);
    buffer_release(&frames);
    says(rig, "refused: a ping that is not of the link's protocol", "closes B", "down B: not of its protocol");
    rig_free(rig);
}

static void versions_that_do_not_meet_have_none_in_common(void **state) {
    (void)state;
    assert_int_equal(protocol_common(1, 1, 1, 1), 1);
    assert_int_equal(protocol_common(1, 3, 2, 5), 3);
    assert_int_equal(protocol_common(2, 5, 1, 3), 3);
    assert_int_equal(protocol_common(2, 3, 1, 1), 0);
    assert_int_equal(protocol_common(1, 1, 2, 3), 0);
    assert_int_equal(protocol_common(1, 2, 2, 2), 2);
}

static void a_link_begins_with_a_greeting(void **state) {
    (void)state;
    struct rig *rig = alone();
    struct fake_link *link = link_connects(rig, 'B');
    rig_forget(rig);
    struct buffer frames;
    struct message_ping ping = {.wall = rig->moment.wall};
    buffer_init(&frames);
    message_encode_ping(&frames, MESSAGE_PING, &ping, PROTOCOL_VERSION);
    link_sends(rig, link, buffer_view(&frames));
    says(rig, "refused: a link that does not begin with HELLO", "closes B");
    buffer_release(&frames);
    rig_free(rig);
}

static void a_greeting_that_does_not_come_ends_the_link(void **state) {
    (void)state;
    struct rig *rig = alone();
    link_connects(rig, 'B');
    rig_forget(rig);
    pass_ms(rig, 1900);
    says_nothing(rig);
    pass_ms(rig, 300);
    says(rig, "closes B", "dials B");
    rig_free(rig);
}

static void a_corrupt_frame_ends_the_link(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->shows_links = true;
    link_sends(rig, rig_link(rig, 'B', 0, false), VIEW("not a frame, but long enough to be one's header"));
    says(rig, "refused: a corrupt frame", "closes B", "down B: corrupt frame");
    rig_free(rig);
}

static void a_message_of_a_later_protocol_is_passed_over(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct buffer frames;
    buffer_init(&frames);
    size_t position = frame_begin(&frames, 200);
    buffer_append_view(&frames, VIEW("news"));
    frame_end(&frames, position);
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    message_encode_hello(&frames, &hello); /* once more: nothing */
    rig->shows_links = true;
    peer_sends(rig, 'B', 0, false, &frames);
    says_nothing(rig);
    assert_non_null(rig_link(rig, 'B', 0, false));
    buffer_release(&frames);
    rig_free(rig);
}

/* ---- losing links ---- */

static void redialing_backs_off_and_forgets_it_when_up(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    rig->is_away[1] = true;
    rig->shows_links = true;
    link_breaks(rig, rig_link(rig, 'B', 0, true));
    link_breaks(rig, rig_link(rig, 'B', 0, false));
    says(rig, "down B: closed", "down B: closed");
    static const uint64_t waits_ms[] = {50, 100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
        pass_ms(rig, waits_ms[i] - 1);
        says_nothing(rig);
        pass_ms(rig, 1);
        says(rig, "dials B", "dials B");
        for (size_t link = 0; link < RIG_LINKS; link++) {
            if (rig->links[link].state == FAKE_DIALING) {
                link_breaks(rig, &rig->links[link]); /* nobody there */
            }
        }
    }
    rig->is_away[1] = false;
    pass_ms(rig, 1000);
    says(rig, "dials B", "dials B", "B bulk: hello", "up B bulk", "B: hello", "up B small");
    rig->is_away[1] = true;
    link_breaks(rig, rig_link(rig, 'B', 0, false));
    rig_forget(rig);
    pass_ms(rig, 50);
    says(rig, "dials B");
    rig_free(rig);
}

static void a_newer_link_replaces_the_old_one(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    struct fake_link *old = rig_link(rig, 'A', 0, false);
    rig->shows_links = true;
    struct fake_link *link = link_accepts(rig, 'A', 0, false);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    link_sends_hello(rig, link, &hello);
    says(rig, "closes A", "down A: replaced by a newer link", "up A small", "A: hello");
    assert_int_equal(old->state, FAKE_FREE);
    peer_reads(rig, 'A', "k", NULL);
    says(rig, "A: absent");
    rig_free(rig);
}

/* Whoever asked on the old link doesn't wait for answers any more. */
static void requests_of_a_replaced_link_are_not_answered_on_the_new_one(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.self = 1});
    peer_puts(rig, 'A', "k", "b1=x", 0);
    struct fake_link *link = link_accepts(rig, 'A', 0, false);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    link_sends_hello(rig, link, &hello);
    rig_forget(rig);
    disk_done(rig);
    says_nothing(rig);
    rig_free(rig);
}

/* ---- silence ---- */

static void a_silent_peer_is_out_of_reach_until_it_is_heard(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    pass_ms(rig, 1000);
    rig->shows_links = true;
    rig->is_silent[1] = true;
    pass_ms(rig, 500);
    says_nothing(rig);
    assert_int_equal(shard_reachable_members(rig->shard), 2);
    pass_ms(rig, 200);
    says(rig, "silent B small", "silent B bulk");
    assert_int_equal(shard_reachable_members(rig->shard), 1);
    client(rig, "SET k v");
    says(rig, "client: -NOREPLICAS...");
    uint32_t pings = rig->pings[1];
    pass_ms(rig, 1000);
    assert_in_range(rig->pings[1] - pings, 16, 22); /* both links: pings, and nothing else */
    says_nothing(rig);
    peer_pings(rig, 'B');
    says(rig, "heard B", "heard B");
    client(rig, "SET k v");
    says(rig, "disk: write k a1=v", "B: put k a1=v, name what you keep");
    rig_free(rig);
}

static void an_idle_link_is_kept_alive_with_pings(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    pass_ms(rig, 1000);
    rig->is_silent[1] = true; /* pongs would keep it alive too */
    rig->pings[1] = 0;
    pass_ms(rig, 450);
    assert_in_range(rig->pings[1], 7, 8); /* each of two links, each 100 ms; once gossip may have said something */
    rig_free(rig);
}

/* It was this process that stood still: what the peers have sent meanwhile is still to be read. */
static void after_a_pause_of_our_own_nobody_is_silent(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    pass_ms(rig, 1000);
    rig->shows_links = true;
    pause_ms(rig, 3000);
    pass_ms(rig, 1000);
    says_nothing(rig);
    assert_int_equal(shard_reachable_members(rig->shard), 3);
    rig->is_silent[1] = true;
    pause_ms(rig, 3000);
    pass_ms(rig, 400);
    says_nothing(rig);
    pass_ms(rig, 300);
    says(rig, "silent B small", "silent B bulk"); /* but those who go on saying nothing */
    rig_free(rig);
}

static void requests_under_way_give_a_silent_peer_up(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    pass_ms(rig, 100);
    rig->is_silent[1] = true;
    client(rig, "GET k");
    answers_never(rig, 'B');
    says(rig, "B: read k");
    pass_ms(rig, 5);
    says(rig, "C: read k");
    pass_ms(rig, 600);
    answer(rig, 'C', "absent");
    says(rig, "client: (nil)");
    client(rig, "GET k");
    says(rig, "C: read k"); /* B is not asked while it is silent */
    rig_free(rig);
}

static void a_peer_that_stays_silent_is_dialed_again(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2});
    rig->is_silent[1] = true;
    pass_ms(rig, 4900);
    rig->shows_links = true;
    pass_ms(rig, 250);
    says(rig, "closes B", "down B: nothing heard for too long", "closes B bulk", "down B: nothing heard for too long",
         "dials B", "dials B", "B: hello", "up B small", "B bulk: hello", "up B bulk");
    rig_free(rig);
}

/* What was asked on one link is not lost with another: of large messages, or of another shard of the peer. */
static void requests_survive_the_loss_of_another_link(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.peer_shard_count = 2});
    rig_key_of_peer_shard(rig, "j", "ABC", 0);
    peer_dies(rig, 'C');
    client(rig, "SET j v");
    says(rig, "disk: write j a1=v", "B: put j a1=v, name what you keep");
    disk_done(rig);
    rig->is_away[1] = true;
    link_breaks(rig, rig_link(rig, 'B', 0, true));
    says_nothing(rig);
    link_breaks(rig, rig_link(rig, 'B', 1, false));
    says_nothing(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    client(rig, "GET j");
    says(rig, "B: read j");
    link_breaks(rig, rig_link(rig, 'B', 0, false));
    says(rig, "client: -NOQUORUM...");
    rig_free(rig);
}

static void forwarded_operations_survive_the_loss_of_another_link(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 4});
    rig_key(rig, "j", "BCD");
    client(rig, "SET j v NX");
    says(rig, "B: operation setnx j v, hopped");
    link_breaks(rig, rig_link(rig, 'B', 0, true));
    says_nothing(rig);
    answer(rig, 'B', "done");
    says(rig, "client: OK");
    rig_free(rig);
}

/* ---- large messages ---- */

/* Megabytes take their time, and nothing else can come on their link meanwhile. */
static void a_message_that_comes_in_pieces_is_a_sign_of_life(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    struct message_put put = {
        .request = 5,
        .partition = rig_partition(rig, "k"),
        .placement_mark = ring_placement_mark(rig->ring, rig_partition(rig, "k")),
        .key = rig_key_name(rig, "k"),
        .object = notation_object_bytes(&rig->notation, "b1=x*3000000"),
    };
    struct buffer frames;
    buffer_init(&frames);
    message_encode_put(&frames, &put);
    rig->shows_links = true;
    rig->is_silent[1] = true;
    struct fake_link *bulk = rig_link(rig, 'B', 0, true);
    size_t piece = buffer_size(&frames) / 30 + 1;
    while (buffer_size(&frames) > 0) {
        struct view rest = buffer_view(&frames);
        size_t bytes = rest.size < piece ? rest.size : piece;
        link_sends(rig, bulk, view_slice(rest, 0, bytes));
        buffer_consume(&frames, bytes);
        pass_ms(rig, 100);
    }
    says(rig, "silent B small", "disk: write k b1=x*3000000"); /* its small link says nothing in this test */
    buffer_release(&frames);
    rig_free(rig);
}

static void large_messages_go_by_the_bulk_link(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k x*65000");
    says(rig, "disk: write k a1=x*65000", "B: put k a1=x*65000, name what you keep",
         "C: put k a1=x*65000, name what you keep");
    client(rig, "SET k x*70000");
    says(rig, "disk: write k a2=x*70000", "B bulk: put k a2=x*70000, name what you keep",
         "C bulk: put k a2=x*70000, name what you keep");
    peer_reads_whole(rig, 'B', "k");
    says(rig, "B bulk: object a2=x*70000");
    rig_free(rig);
}

static void objects_longer_than_a_frame_come_in_pieces(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    client(rig, "SET k x*3000000");
    says(rig, "disk: write k a1=x*3000000", "B bulk: put k a1=x*3000000, name what you keep",
         "C bulk: put k a1=x*3000000, name what you keep");
    disk_done(rig);
    answer(rig, 'B', "stored");
    says(rig, "client: OK");
    rig_free(rig);
}

static void without_a_bulk_link_large_messages_go_by_the_small_one(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){0});
    rig->is_away[1] = true;
    link_breaks(rig, rig_link(rig, 'B', 0, true));
    client(rig, "SET k x*70000");
    says(rig, "disk: write k a1=x*70000", "B: put k a1=x*70000, name what you keep",
         "C bulk: put k a1=x*70000, name what you keep");
    rig_free(rig);
}

/* ---- unequal numbers of shards ---- */

static void a_peer_with_more_shards_is_dialed_at_each_of_them(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2, .stays_alone = true, .peer_shard_count = 2});
    rig->shows_links = true;
    struct fake_link *link = link_connects(rig, 'B'); /* taken to have as many shards as we: one */
    says(rig, "B: hello");
    struct message_hello hello = rig_hello(rig, 'B', 0, false);
    link_sends_hello(rig, link, &hello);
    says(rig, "up B small");
    rig->is_away[1] = false;
    pass_ms(rig, 0);
    says(rig, "dials B", "dials B", "B bulk: hello", "up B bulk", "B/1: hello", "up B small", "B/1 bulk: hello",
         "up B bulk");
    rig_free(rig);
}

static void requests_go_to_the_peer_s_shard_that_owns_the_partition(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.members = 2, .peer_shard_count = 2});
    rig_key_of_peer_shard(rig, "even", "AB", 0);
    rig_key_of_peer_shard(rig, "odd", "AB", 1);
    client(rig, "SET even v");
    says(rig, "disk: write even a1=v", "B: put even a1=v, name what you keep");
    client(rig, "SET odd w");
    says(rig, "disk: write odd aa1=w", "B/1: put odd aa1=w, name what you keep");
    rig_free(rig);
}

/* An acceptor with two shards is dialed by a peer that takes it to have one: it tells, and is dialed again. */
static void a_dialer_that_meant_another_shard_is_told(void **state) {
    (void)state;
    struct rig *rig = rig_new((struct rig_options){.stays_alone = true, .self = 1, .shard_count = 2});
    rig->shows_links = true;
    struct fake_link *link = link_accepts(rig, 'A', 0, false);
    struct message_hello hello = rig_hello(rig, 'A', 0, false);
    hello.target_shard = 5; /* and was given to shard 0 */
    link_sends_hello(rig, link, &hello);
    says(rig, "A: hello"); /* with our number of shards in it; the link is not up */
    assert_int_equal(shard_reachable_members(rig->shard), 1);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lesser_id_dials_a_small_and_a_bulk_link),
        cmocka_unit_test(a_link_is_up_when_both_have_greeted),
        cmocka_unit_test(an_acceptor_greets_after_the_dialer),
        cmocka_unit_test(a_greeting_that_does_not_fit_ends_the_link),
        cmocka_unit_test(a_stranger_is_refused_by_the_acceptor_too),
        cmocka_unit_test(a_second_process_of_a_node_id_is_refused_while_the_first_is_heard),
        cmocka_unit_test(a_protocol_range_that_overlaps_is_welcome),
        cmocka_unit_test(a_link_speaks_the_latest_that_both_ends_know),
        cmocka_unit_test(nothing_is_counted_while_a_member_speaks_less),
        cmocka_unit_test(a_message_that_is_not_of_the_links_protocol_ends_it),
        cmocka_unit_test(versions_that_do_not_meet_have_none_in_common),
        cmocka_unit_test(a_link_begins_with_a_greeting),
        cmocka_unit_test(a_greeting_that_does_not_come_ends_the_link),
        cmocka_unit_test(a_corrupt_frame_ends_the_link),
        cmocka_unit_test(a_message_of_a_later_protocol_is_passed_over),
        cmocka_unit_test(redialing_backs_off_and_forgets_it_when_up),
        cmocka_unit_test(a_newer_link_replaces_the_old_one),
        cmocka_unit_test(requests_of_a_replaced_link_are_not_answered_on_the_new_one),
        cmocka_unit_test(a_silent_peer_is_out_of_reach_until_it_is_heard),
        cmocka_unit_test(an_idle_link_is_kept_alive_with_pings),
        cmocka_unit_test(after_a_pause_of_our_own_nobody_is_silent),
        cmocka_unit_test(requests_under_way_give_a_silent_peer_up),
        cmocka_unit_test(a_peer_that_stays_silent_is_dialed_again),
        cmocka_unit_test(requests_survive_the_loss_of_another_link),
        cmocka_unit_test(forwarded_operations_survive_the_loss_of_another_link),
        cmocka_unit_test(a_message_that_comes_in_pieces_is_a_sign_of_life),
        cmocka_unit_test(large_messages_go_by_the_bulk_link),
        cmocka_unit_test(objects_longer_than_a_frame_come_in_pieces),
        cmocka_unit_test(without_a_bulk_link_large_messages_go_by_the_small_one),
        cmocka_unit_test(a_peer_with_more_shards_is_dialed_at_each_of_them),
        cmocka_unit_test(requests_go_to_the_peer_s_shard_that_owns_the_partition),
        cmocka_unit_test(a_dialer_that_meant_another_shard_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
